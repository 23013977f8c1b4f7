"""Reads pages of trajectories: integrals over a grid, runs by their nudges, what is played backwards."""

import numpy as np
from page_reader import Reader, equations

from physeq.report._relations import Change
from physeq.report._rule_operators import At, IntegralFromTo, RealPart, SumFromTo
from physeq.report._trajectory_operators import TimeDerivative
from physeq.report.notation import symbol_latex


class TrajectoryReader(Reader):
    """A `Reader` whose states are series in time.

    Args:
        page, model, params: of one sample.
        runs: {nudge: {(group or placement, coordinate, order): array (times, nodes)}}, 0 for the free one.
        weights: of the quadrature.
        back: the number of the grid point at T − t, per grid point.
        rates, times: d/dt of a series, the grid.
        series: {symbol as printed: array (times, nodes)} of inputs, targets and responses.
        ends: {nudge: {key of a run: array (2, nodes)}}, the states at 0 and T.
        numbers: further symbols.
    """

    def __init__(
        self,
        page,
        model,
        params,
        *,
        runs,
        weights,
        back,
        series,
        rates=None,
        times=None,
        ends=None,
        numbers=None,
    ):
        derivation = model.derived()
        super().__init__(page, derivation, params, {})
        self.runs, self.weights, self.back, self.series = runs, weights, back, series
        self.ends, self.run, self.edge, self.step = ends or {}, 0.0, None, 0
        self.scalars |= numbers or {}
        self.rates, self.times = rates, times
        self.keys = {}
        for v in derivation.variables.values():
            for order in range(3):
                latex = self._name(v.coordinate.with_order(order).latex_name, v.group)
                self.keys[latex] = (v.group, v.coordinate.name, order)
        self.defined = {}

    def _value(self, e, at, element):
        if e.is_Symbol and symbol_latex(e) == r"\mathrm{i}":
            return 1j
        if e.is_Symbol and symbol_latex(e) == "t":
            return self.times[self.step]
        if isinstance(e, IntegralFromTo):
            kept, total = self.step, 0.0
            for step, weight in enumerate(self.weights):
                self.step = step
                total += weight * self._value(e.body, at, element)
            self.step = kept
            return total
        if isinstance(e, RealPart):
            return np.real(self._value(e.args[0], at, element))
        if isinstance(e, SumFromTo):
            body, n, low, high = e.args
            ends = [round(self._value(end, at, element)) for end in (low, high)]
            return sum(self._value(body, at | {symbol_latex(n): k}, element) for k in range(ends[0], ends[1] + 1))
        if isinstance(e, At):
            return self._at(e, at, element)
        if isinstance(e, TimeDerivative):
            kept, values = self.step, []
            for step in range(len(self.weights)):
                self.step = step
                values.append(self._value(e.args[0], at, element))
            self.step = kept
            return self.rates(np.array(values)[:, None])[kept, 0]
        if type(e).__name__ == "exp":
            return np.exp(self._value(e.args[0], at, element))
        return super()._value(e, at, element)

    def _at(self, e, at, element):
        quantity, when = e.args
        kept = self.step, self.edge
        names = {symbol_latex(s) for s in when.free_symbols}
        if names == {"t", "T"}:
            self.step = self.back[self.step]
        else:
            self.edge = 1 if names == {"T"} else 0
        result = self._value(quantity, at, element)
        self.step, self.edge = kept
        return result

    def _phase(self, body, nudge, at, element):
        kept, self.run = self.run, complex(self._value(nudge, at, element))
        result = self._value(body, at, element)
        self.run = kept
        return result

    def _entry(self, e, at, element):
        name = symbol_latex(e.base)
        if name == r"\beta":  # β_n, as the page defines it
            [equation] = [q for q in equations(self.page, "Learning") if q.label == "nudges"]
            return self._value(
                equation.rhs, {symbol_latex(equation.lhs.indices[0]): at[symbol_latex(e.indices[0])]}, {}
            )
        indices = tuple(int(self._value(i, at, element)) for i in e.indices)
        if name in self.series:
            return self.series[name][self.step][indices[0]]
        if name in self.keys:
            key = self.keys[name]
            number = indices[0] if len(indices) == 1 else self._element(key[0], indices, element)
            if self.edge is not None:
                return self._chosen(self.ends)[key][self.edge][number]
            return self._chosen(self.runs)[key][self.step][number]
        if name in self.defined:
            return self.defined[name][indices[0]]
        return super()._entry(e, at, element)

    def _chosen(self, runs):
        [found] = [run for nudge, run in runs.items() if abs(nudge - self.run) < 1e-12]
        return found


def printed_changes(page, reader):
    """{(placement, parameter): the printed change, η = 1, of every element} of all updates of a page."""
    names = {
        reader._name(p.latex_name, placement.name): (placement, p)
        for placement in reader.system.placements
        for p in placement.component.parameters
    }
    found = {}
    for equation in equations(page, "Learning"):
        if not isinstance(equation.lhs, Change):
            continue
        symbol = equation.lhs.args[0]
        placement, p = names[symbol_latex(getattr(symbol, "base", symbol))]
        letters = [symbol_latex(i) for i in getattr(symbol, "indices", ())]
        rows = [()] if p.shared else reader.elements[placement.name]
        own = len(placement.component.ports) == 1 or p.shared
        values = []
        for k, row in enumerate(rows):
            at = dict(zip(letters, map(int, row), strict=False))
            values.append(reader.value(equation.rhs, at, {} if own else {placement.name: k}))
        found[placement.name, p.name] = np.array(values)
    return found
