"""Frequency propagation on a page: readings of a lock-in, free and error signals, what every element does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._locality import locality
from physeq.report._motion import equation_indices
from physeq.report._naming import Names
from physeq.report._operators import Bracket, Entry, Scaled, Written
from physeq.report._relations import Chain, InPhase, Slope, TotalSlope
from physeq.report._rule_operators import SumFromTo
from physeq.report._rule_phases import (
    LOCALITY,
    any_parameter,
    free_unknowns,
    loss,
    objective,
    objective_formula,
    per_unknown,
    rate,
)
from physeq.report._rule_response import of_elements
from physeq.report._rule_updates import described, energy_updates, page_parameter, trained, without_gradient
from physeq.report._steady import energy_symbol, nudge_symbol
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section, Table
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.reduction import Variable
from physeq.symbolic.symbols import Parameter


class Window:
    """N readings at the phases φ_n: the symbols, and (1/β) Σ w_n ∂E/∂p."""

    def __init__(self, names: Names, rule: Any):
        window = rule.window
        self.names, self.window = names, window
        self.n = names.quantity("sample", ["n", "m", "q"], "number of a reading", integer=True)
        length = f"{window.periods:g} period{'s' if window.periods != 1 else ''} of {window.samples}"
        self.count = names.quantity("samples", ["N", r"N_{\beta}"], f"readings in the window, {length}: {window.count}")
        phase, weight = "phase of the nudge at a reading", "weight of a reading in the sine component"
        self.phase = names.quantity("phase", [r"\varphi", r"\phi_{\beta}"], phase, (self.n,))
        self.weight = names.quantity("weight", ["w", r"w_{\mathrm{lock}}"], weight, (self.n,))
        self.amplitude = names.quantity("amplitude", ["b", r"\beta_0"], f"amplitude of the nudge, here {rule.beta:g}")

    def nudge(self) -> sp.Expr:
        """β_n."""
        return Entry(sp.IndexedBase(nudge_symbol(self.names)), self.n)

    def summed(self, body: sp.Expr) -> sp.Expr:
        """Σ_n over the window."""
        return SumFromTo(body, self.n, 0, self.count - 1)

    def equations(self) -> Iterator[Block]:
        """β_n, φ_n and w_n."""
        yield Equation(self.nudge(), self.amplitude * sp.sin(self.phase), label="nudge")
        turns = self.n / sp.Integer(self.window.samples) + sp.nsimplify(self.window.offset, rational=True)
        yield Equation(self.phase, 2 * sp.pi * turns, label="phase of a reading")
        if not self.window.fitted:
            yield Equation(self.weight, 2 * sp.sin(self.phase) / self.count, label="weight of a reading")
            return
        names = self.names
        mean = names.quantity("mean sine", [r"\varsigma", r"\varsigma_0"], "mean of the sine over the window")
        m = names.quantity("other", ["m", "k", "q"], "number of a reading, in a sum", integer=True)
        swing, other = (Written(sp.sin(self.phase.xreplace({self.n: k})), -mean) for k in (self.n, m))
        yield Equation(mean, Scaled(1 / self.count, self.summed(sp.sin(self.phase))), label="mean of the sine")
        note = "the fit of a constant and a sine by least squares"
        squares = SumFromTo(Bracket(other) ** 2, m, 0, self.count - 1)
        yield Equation(self.weight, swing / squares, label="weight of a reading", note=note)

    def sine_component(self, body: sp.Expr) -> sp.Expr:
        """Σ_n w_n body|_n."""
        return self.summed(Scaled(self.weight, InPhase(body, self.n)))

    def measure(self, body: sp.Expr, factor: sp.Expr = sp.S.One, *, nudged: bool = False) -> sp.Expr:
        """factor/β·Σ_n w_n body|_n; ∂C/∂p has β_n in front."""
        number, rest = tidy(body).as_coeff_Mul()
        weight = self.weight * self.nudge() if nudged else self.weight
        return Scaled(factor * number / self.amplitude, self.summed(Scaled(weight, InPhase(rest, self.n))))


def lock_in(names: Names, rule: Any) -> list[Block]:
    """The blocks of frequency propagation."""
    window, p = Window(names, rule), any_parameter(names)
    moves = "equilibrium at the nudge" if rule.dynamics is None else "equations of motion"
    rows: list = [
        ["free", "0", "the start values", "equilibrium", "only a start"],
        [["reading ", Math(window.n)], Math(window.nudge()), "the free state", moves, Math(window.weight)],
    ]
    blocks: list[Block] = [*objective(names, rule)]
    blocks.append(Table(["Phase", "Nudge", "Starts from", "State", "Weight"], rows))
    blocks += [*objective_formula(names, rule), *window.equations(), *_in_time(rule), *_signals(names, window)]
    energy = energy_symbol(names)
    if names.system.readout is not None:
        energy = names.quantity("nudged", ["F", r"\mathcal{F}"], "nudged energy, stationary in a phase")
    estimate = window.measure(Slope(energy, p))
    blocks.append(Equation(Chain("approx", TotalSlope(loss(names), p), estimate), label="estimate"))
    text = [
        "Every element locks in to its own ",
        Math(Slope(energy, p)),
        ". The sine component holds odd orders of the ",
    ]
    text += ["nudge alone, so that the bias is of its second order. Each update below descends this estimate with the "]
    blocks.append(Paragraph([*text, "rate ", Math(rate(names)), ", averaged over the batch."]))
    blocks += _leak(rule.window)
    blocks += energy_updates(names, window.measure, "by its component in phase with the nudge")
    blocks += _by_signals(names, window)
    stored = "2 running sums" if rule.window.fitted else "1 running sum"
    table = locality(names, "every reading of the window", stored, _CLOSING)
    return [*blocks, Section(LOCALITY, list(table))]


_CLOSING = (
    "Free and error signals are there at the same time, and nothing is kept from one phase to another but the running "
    "sums. The reference, the sine of the nudge, is the same for all elements. Inputs and clamped nodes are known and "
    "need no measurement."
)


def _in_time(rule: Any) -> Iterator[Block]:
    """How the state follows the nudge."""
    if rule.dynamics is None:
        yield Note("The nudge is slow against all relaxation: at every reading the state is an equilibrium.")
        return
    left_out = rule.dynamics.discard
    periods = f"{left_out} period{'s' if left_out != 1 else ''}"
    yield Note(
        f"The nudge oscillates with a period of {rule.dynamics.period:g} s, and the state follows it with a lag; the "
        f"window opens after {periods}. The lock-in reads what is in phase with the nudge."
    )


def _leak(window: Any) -> Iterator[Block]:
    """What a window lets through that is no sine."""
    if abs(window.leakage) > 1e-12:
        yield Note(
            f"The window is no whole number of periods: {window.leakage:.3g} of the mean leaks into every sine "
            "component, and the amplitude of the nudge divides it."
        )
    if abs(window.square_leakage) > 1e-12:
        yield Note(
            f"The window reads {window.square_leakage:.3g} of the even part of every response, which grows with the "
            "square of the nudge: the error of the estimate is of the first order in the nudge, not of the second."
        )


# ---- the two signals -------------------------------------------------------------------------------------------------


def free_signal(names: Names, v: Variable, at) -> sp.Expr:
    """x̄_i, the mean of an unknown."""
    letters = [rf"\overline{{{v.symbol.latex_name}}}", r"\mu"]
    return per_unknown(names, "free signal", letters, "free signal: mean of an unknown over the window", v, at)


def error_signal(names: Names, v: Variable, at) -> sp.Expr:
    """a_i, the sine component of an unknown."""
    meaning = "error signal: amplitude of an unknown at the frequency of the nudge"
    return per_unknown(names, "error signal", ["a", r"\alpha"], meaning, v, at)


def _signals(names: Names, window: Window) -> Iterator[Block]:
    yield Paragraph("The two signals of every unknown, told apart by their frequencies:")
    for v in free_unknowns(names):
        at = equation_indices(names, v)
        x = names.state(v.group, v.coordinate, int(v.reduced), at)
        mean = Scaled(1 / window.count, window.summed(InPhase(x, window.n)))
        yield Equation(free_signal(names, v, at), mean, label=f"free signal, group {v.group}")
        yield Equation(error_signal(names, v, at), window.sine_component(x), label=f"error signal, group {v.group}")


def product_of_signals(names: Names, form: PlacementForm, p: Parameter) -> sp.Expr:
    """Σ_x ∂²E/∂p∂x at the free signals times the error signal of x, of one element."""
    means, slope = {}, form.parameter_derivative(p)
    total: sp.Expr = sp.S.Zero
    for slot in form.dynamic:
        means[form.unknowns[slot]] = _companion(names, "free signal", slot, free_signal)
    for slot in form.dynamic:
        part = sp.diff(slope, form.unknowns[slot]).xreplace(means)
        total += part * _companion(names, "error signal", slot, error_signal)
    return of_elements(names, form, p, min((tidy(total), sp.factor(total)), key=sp.count_ops))


def _companion(names: Names, kind: str, slot: Slot, symbol) -> sp.Expr:
    return names.companion(kind, slot, lambda group, q, at: symbol(names, names.derivation.variables[group, q], at))


def _by_signals(names: Names, window: Window) -> Iterator[Block]:
    """The first order of every sine component: an element can as well multiply its two signals."""
    rows = [(f, p) for f, p in trained(names) if without_gradient(names, f, p) is None]
    if not rows:
        return
    text = (
        "To first order in the nudge, the sine component of a slope is a product of free and error signals, exact up "
    )
    text += "to harmonics where the slope is quadratic. An element may measure these two in place of the slope:"
    yield Paragraph(text)
    for form, p in rows:
        slope = window.sine_component(Slope(energy_symbol(names), page_parameter(names, form, p)))
        sides = Chain("approx", slope, product_of_signals(names, form, p))
        yield Equation(sides, label=f"two signals, {described(form, p)}")
