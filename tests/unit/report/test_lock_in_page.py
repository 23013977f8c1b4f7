"""The page of frequency propagation: printed updates evaluated reading by reading, the two signals, what is said."""

import numpy as np
import pytest
import sympy as sp
import zoo
from page_reader import equations

import physeq as pq
from physeq import learn
from physeq.report import derivation_page
from physeq.report._operators import Bracket, Scaled, Written
from physeq.report._relations import Chain, Change, InPhase
from physeq.report._rule_operators import SumFromTo
from physeq.report.notation import latex, symbol_latex

BETA = 0.3
WINDOWS = [
    learn.LockIn(),
    learn.LockIn(2.5, 8, offset=0.125),
    learn.LockIn(1.5, 6, fitted=True),
]


def page_of(system, rule):
    return derivation_page(pq.derive(zoo.system(system)), rule)


def evaluated(expr, numbers, sizes, reading):
    """The number of a printed expression: sums are run, what is in a phase is `reading(number of the sample)`."""

    def value(e, at):
        if isinstance(e, SumFromTo):
            body, n, low, high = e.args
            ends = [round(value(end, at)) for end in (low, high)]
            return sum(value(body, at | {n: k}) for k in range(ends[0], ends[1] + 1))
        if isinstance(e, InPhase):
            return reading(value(e.args[1], at))
        if isinstance(e, Bracket):
            return value(e.args[0], at)
        if isinstance(e, Scaled | sp.Mul):
            return np.prod([value(a, at) for a in e.args])
        if isinstance(e, sp.Add | Written):
            return sum(value(a, at) for a in e.args)
        if isinstance(e, sp.Pow):
            return value(e.args[0], at) ** value(e.args[1], at)
        if isinstance(e, sp.sin):
            return np.sin(value(e.args[0], at))
        if isinstance(e, sp.Indexed):
            return value(sizes[symbol_latex(e.base)], at | {SAMPLE: value(e.indices[0], at)})
        if e in at:
            return at[e]
        if e.is_Symbol:
            name = symbol_latex(e)
            return numbers[name] if name in numbers else value(sizes[name], at)
        return float(e)

    return value(expr, {})


SAMPLE = sp.Symbol("sample")


def printed(page):
    """{symbol: its printed definition}, indices of samples replaced by one name."""
    found = {}
    for equation in equations(page, "Learning"):
        left = equation.lhs
        if isinstance(left, sp.Indexed) and len(left.indices) == 1:
            found[symbol_latex(left.base)] = equation.rhs.xreplace({left.indices[0]: SAMPLE})
        elif left.is_Symbol:
            found[symbol_latex(left)] = equation.rhs
    return found


@pytest.mark.parametrize("window", WINDOWS)
def test_printed_updates_are_what_the_lock_in_reads(window):
    """−(η/2β) Σ w_n Δv²|_n, with Δv² = 1.3 + 0.7 β_n − 0.4 β_n³ at the nudge β_n: the rule's own weights."""
    page = page_of("resistors", learn.FrequencyPropagation(BETA, window))
    [update] = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    nudges = BETA * np.sin(2 * np.pi * (window.offset + np.arange(window.count) / window.samples))
    signal = 1.3 + 0.7 * nudges - 0.4 * nudges**3
    numbers = {r"\eta": 0.7, "N": window.count, "b": BETA}
    found = evaluated(update.rhs, numbers, printed(page), lambda n: signal[round(n)])
    points = window.points()
    at_points = 1.3 + 0.7 * BETA * points.sines - 0.4 * (BETA * points.sines) ** 3
    assert found == pytest.approx(-0.7 / (2 * BETA) * points.weights @ at_points, rel=1e-12)


def test_the_two_signals_are_printed_with_their_product():
    page = page_of("resistors", learn.FrequencyPropagation(BETA))
    labels = {e.label: e for e in equations(page, "Learning")}
    numbers, sizes = {"N": 8, "b": BETA}, printed(page)
    free = evaluated(labels["free signal, group nodes"].rhs, numbers, sizes, lambda n: 2.0 + np.sin(np.pi * n / 4))
    error = evaluated(
        labels["error signal, group nodes"].rhs, numbers, sizes, lambda n: 2.0 - 3 * np.sin(np.pi * n / 4)
    )
    assert free == pytest.approx(2.0) and error == pytest.approx(-3.0)
    [chain] = [
        e for side in labels["two signals, g of e0"].sides for e in sp.preorder_traversal(side) if isinstance(e, Chain)
    ]
    assert latex(chain.sides[1]) in {
        r"\left(\overline{v}_{i} - \overline{v}_{j}\right) \left(a_{i} - a_{j}\right)",
        r"\left(a_{i} - a_{j}\right) \left(\overline{v}_{i} - \overline{v}_{j}\right)",
    }


def test_products_of_two_units_are_the_sum_of_both_orders():
    page = page_of("prototypical", learn.FrequencyPropagation(BETA))
    [found] = [e for e in equations(page, "Learning") if e.label == "two signals, w of hidden → output"]
    right = latex(found.sides[-1])
    assert r"\overline{s}^{\mathrm{hidden}}_{i} a^{\mathrm{output}}_{j}" in right
    assert r"\overline{s}^{\mathrm{output}}_{j} a^{\mathrm{hidden}}_{i}" in right
    # The input is held: it has no error signal.
    [held] = [e for e in equations(page, "Learning") if e.label == "two signals, w of input → hidden"]
    assert latex(held.sides[-1]).endswith(r"a^{\mathrm{hidden}}_{j} s^{\mathrm{input}}_{i}")


def test_windows_storage_and_motion_are_told():
    plain, fitted = (
        page_of("resistors", learn.FrequencyPropagation(BETA, learn.LockIn(2.5, fitted=f))).to_markdown()
        for f in (False, True)
    )
    assert "0.241 of the mean leaks" in plain and "2.5 periods of 8: 20" in plain and "1 running sum |" in plain
    assert "of the mean leaks" not in fitted and "2 running sums |" in fitted
    moving = learn.FrequencyPropagation(dynamics=learn.NudgeInTime(40.0, discard=3))
    text = page_of("layered", moving).to_markdown()
    assert "a period of 40 s" in text and "opens after 3 periods" in text and "equations of motion" in text
