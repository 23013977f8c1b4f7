"""The resistor network with junction diodes, built again in NumPy and SciPy from its printed pages alone.

`Reading` knows a page and numbers for the symbols on it: no system, no derivation and no compiled model. The sizes and
the ends of bundles come from the tables of the page, the balances and updates from its equations.
"""

import jax
import numpy as np
import pytest
import sympy as sp
from page_reader import equations
from scipy.optimize import root
from test_page_numbers import spoiled

import physeq as pq
from physeq.learn.tight import polish_finder
from physeq.loading import load_system
from physeq.report import Document, Section, Table
from physeq.report._operators import PageOperator, SumOver
from physeq.report._relations import Change, Contrast
from physeq.report.notation import symbol_latex
from physeq.report.rule_pages import rule_pages

BETA = 0.1
PARAMETERS = {
    ("hidden.exponential diode", "I_s"): "I_{s}",
    ("hidden.exponential diode", "V_t"): "V_{t}",
    ("hidden.exponential diode", "direction"): r"\mathrm{direction}",
    ("hidden.current source", "I"): r"I^{\mathrm{hidden.current\ source}}",
    ("output", "I"): r"I^{\mathrm{output}}",
    ("input->hidden", "g"): r"g^{\mathrm{input\to hidden}}",
    ("hidden->output", "g"): r"g^{\mathrm{hidden\to output}}",
}


def tables(blocks):
    for block in blocks:
        if isinstance(block, Section):
            yield from tables(block.blocks)
        elif isinstance(block, Table):
            yield block


def printed_table(page, first):
    """{first cell: {heading: cell}} of the table whose first heading this is."""
    found = next(t for t in tables(page.blocks) if cell(t.header[0]) == first)
    heads = [cell(h) for h in found.header]
    return {cell(row[0]): dict(zip(heads, map(cell, row), strict=True)) for row in found.rows}


def cell(inlines):
    return "".join(getattr(part, "text", part) for part in inlines if isinstance(getattr(part, "text", part), str))


class Reading:
    """Functions of {symbol as printed: array} for printed expressions.

    Args:
        system, rule: the pages of the physics and of the rule.
    """

    def __init__(self, system: Document, rule: Document):
        self.system, self.rule = system, rule
        groups = printed_table(system, "Group")
        self.sizes = {name: int(row["Nodes"]) for name, row in groups.items()}
        self.free = [name for name, row in groups.items() if "held" not in row["Role"]]
        self.sets = {rf"\mathrm{{{name}}}": [(i,) for i in range(n)] for name, n in self.sizes.items()}
        for name, row in printed_table(system, "Bundle").items():
            assert row["Pattern"] == "all pairs"
            source, target = (self.sizes[end] for end in row["From → to"].split(" → "))
            printed = name.replace("->", r"\to ")
            self.sets[rf"\mathrm{{{printed}}}"] = [(i, j) for i in range(source) for j in range(target)]

    def function(self, e):
        """(numbers, indices) → value."""
        if e.is_number:
            value = float(e)
            return lambda numbers, at: value
        if isinstance(e, SumOver):
            assert e.bound == e.members
            body, names = self.function(e.body), [symbol_latex(m) for m in e.members]
            rows = [dict(zip(names, row, strict=True)) for row in self.sets[symbol_latex(e.domain)]]
            return lambda numbers, at: sum(body(numbers, {**at, **row}) for row in rows)
        if isinstance(e, Contrast):
            body = self.function(e.body)
            terms = [(self.function(weight), self.function(nudge)) for weight, nudge in e.terms]

            def contrast(numbers, at):
                phases = numbers["phases"]
                found = [(w(numbers, at), phases[round(float(n(numbers, at)), 12)]) for w, n in terms]
                return sum(w * body(numbers | phase, at) for w, phase in found)

            return contrast
        if isinstance(e, sp.Indexed):
            name, indices = symbol_latex(e.base), [symbol_latex(i) for i in e.indices]
            return lambda numbers, at: numbers[name][tuple(at[i] for i in indices)]
        if e.is_Symbol:
            name = symbol_latex(e)
            return lambda numbers, at: numbers[name]
        parts = [self.function(a) for a in e.args]
        if isinstance(e, sp.Add):
            return lambda numbers, at: sum(part(numbers, at) for part in parts)
        if isinstance(e, sp.Pow):
            return lambda numbers, at: parts[0](numbers, at) ** parts[1](numbers, at)
        if isinstance(e, sp.exp):
            return lambda numbers, at: np.exp(parts[0](numbers, at))
        assert isinstance(e, sp.Mul | PageOperator), type(e)

        def product(numbers, at):
            value = 1.0
            for part in parts:
                value = value * part(numbers, at)
            return value

        return product

    def balances(self, nudged):
        """[(group, right − left of its printed equation)]; with a nudge that of the outputs is printed anew."""
        motion = equations(self.system, "Equations of motion")
        found = {group: e.rhs - e.lhs for group, e in zip(self.free, motion, strict=True)}
        if nudged:
            [printed] = [e for e in equations(self.system, "Steady state") if e.label == "nudged output"]
            found["output"] = printed.rhs - printed.lhs
        return [(group, self.function(e)) for group, e in found.items()]

    def solve(self, numbers, start, nudge=0.0):
        """The steady state {symbol: voltages} of free groups, by the printed balances."""
        balances = self.balances(nudge != 0.0)
        ends = np.cumsum([self.sizes[group] for group in self.free])[:-1]

        def states(x):
            return dict(zip([voltage(g) for g in self.free], np.split(x, ends), strict=True))

        def residual(x):
            at = numbers | states(x) | {r"\beta": nudge}
            return np.array([f(at, {"i": i}) for group, f in balances for i in range(self.sizes[group])])

        def jacobian(x):  # by complex steps, exact to rounding
            return np.stack([residual(x + 1e-30j * row).imag / 1e-30 for row in np.eye(x.size)], axis=1)

        x = root(residual, np.concatenate([start[voltage(g)] for g in self.free]), jac=jacobian, tol=1e-12).x
        for _ in range(3):  # to the last digits
            x = x - np.linalg.solve(jacobian(x), residual(x))
        assert np.abs(residual(x)).max() < 1e-13
        return states(x)

    def changes(self, numbers, beta):
        """{symbol of a parameter: its change of one update with η = 1}, for one sample."""
        rest = self.solve(numbers, {voltage(g): np.zeros(self.sizes[g]) for g in self.free})
        phases = {nudge: self.solve(numbers, rest, nudge) for nudge in (beta, -beta)}
        numbers = numbers | {"phases": phases, r"\beta": beta, r"\eta": 1.0}
        found = {}
        for equation in equations(self.rule, "Learning"):
            if isinstance(equation.lhs, Change):
                entry, f = equation.lhs.args[0], self.function(equation.rhs)
                name, letters = symbol_latex(entry.base), [symbol_latex(i) for i in entry.indices]
                values = np.empty(numbers[name].shape)
                for at in np.ndindex(values.shape):
                    values[at] = f(numbers, dict(zip(letters, at, strict=True)))
                found[name] = values
        return found


def voltage(group):
    return rf"v^{{\mathrm{{{group}}}}}"


def pages():
    system = load_system("systems/resistor_network:exponential_diodes").variants["exponential_diodes"].build()
    rule = pq.EquilibriumPropagation(pq.Centered(BETA))
    made = rule_pages("Nonlinear resistor network", system.derive(), {"equilibrium-propagation": rule}, {}, {})
    return system, Reading(made.system, made.rules["equilibrium-propagation"])


def drawn(system):
    """{placement: {parameter: array}}, inputs and targets of three samples; diodes conduct at these voltages."""
    rng = np.random.default_rng(5)
    params = {}
    for placement in system.placements:
        params[placement.name] = {
            p.name: rng.uniform(0.2, 1.0, system.parameter_shape(placement, p)) for p in placement.component.parameters
        }
    diodes = params["hidden.exponential diode"]
    diodes["I_s"], diodes["V_t"] = diodes["I_s"] * 1e-3, 0.05 * diodes["V_t"] + 0.02
    diodes["direction"] = np.where(np.arange(8) < 4, -1.0, 1.0)
    return params, rng.uniform(-1.0, 1.0, (3, 6)), rng.uniform(-1.0, 1.0, (3, 3))


def printed_gradient(reading, params, inputs, targets):
    """{symbol: minus the printed change}, averaged over the batch as the page says."""
    constants = {name: params[where][key] for (where, key), name in PARAMETERS.items()}
    samples = [
        reading.changes(constants | {voltage("input"): x, "y": y}, BETA) for x, y in zip(inputs, targets, strict=True)
    ]
    return {name: -np.mean([sample[name] for sample in samples], axis=0) for name in samples[0]}


def largest_difference(printed, gradient):
    """Of all trained parameters, relative to the largest entry of each."""
    names = {name: gradient[where][key] for (where, key), name in PARAMETERS.items()}
    trained = {name for name in names if name[0] in "Ig" and name != "I_{s}"}
    assert set(printed) == trained
    gaps = []
    for name in trained:
        reference = np.asarray(names[name]).reshape(printed[name].shape)
        assert np.abs(reference).max() > 1e-6
        gaps.append(np.abs(printed[name] - reference).max() / np.abs(reference).max())
    return max(gaps)


def reference(system, params, inputs, targets):
    """What the rule returns, with phases solved as far as numbers go."""
    model = system.compile()
    finder = polish_finder(model)
    rule = pq.EquilibriumPropagation(pq.Centered(BETA), free=finder, nudged=finder)
    return rule.gradient(model, jax.tree.map(jax.numpy.asarray, params), inputs, targets)[0]


def test_the_update_read_off_the_page_is_that_of_the_rule():
    system, reading = pages()
    data = drawn(system)
    printed = printed_gradient(reading, *data)
    gradient = reference(system, *data)
    assert largest_difference(printed, gradient) < 1e-10
    # The diodes matter: without their current the voltages, and with them the updates, are others.
    params = data[0] | {
        "hidden.exponential diode": data[0]["hidden.exponential diode"] | {"direction": np.zeros(8)},
    }
    assert largest_difference(printed_gradient(reading, params, *data[1:]), gradient) > 1e-3


def test_a_wrong_sign_in_a_printed_update_is_seen():
    system, reading = pages()
    data = drawn(system)
    gradient = reference(system, *data)
    assert largest_difference(printed_gradient(reading, *data), gradient) < 1e-10
    reading.rule = spoiled(reading.rule, lambda e: isinstance(e.lhs, Change))
    assert largest_difference(printed_gradient(reading, *data), gradient) == pytest.approx(2)
