"""Reads pages of learning rules: steps of a phase, responses, differences of two copies, corrections."""

import jax
import numpy as np
import sympy as sp
import zoo
from brute_force import random_parameters, random_state
from page_reader import Reader, equations, word

import physeq as pq
from physeq.report import derivation_page
from physeq.report._relations import Change, Slope
from physeq.report._rule_operators import At
from physeq.report.notation import symbol_latex


class RuleReader(Reader):
    """A `Reader` that also knows what stands beside the unknowns.

    Args:
        path: [(state, parameters)] after t steps of a nudged phase.
        beside: {letter as printed: {group: {key: array}}} of quantities that every unknown has one of.
        slopes: {group: {key: array}}, ∂C/∂x.
    """

    def __init__(self, *arguments, path=(), beside=None, slopes=None, **more):
        super().__init__(*arguments, **more)
        self.path, self.slopes = path, slopes
        self.scalars |= {"t": 0, "K": len(path) - 1}
        self.per_unknown = {}
        unknowns = [v for v in self.derivation.variables.values() if v.group in self.derivation.locals]
        for letter, arrays in (beside or {}).items():
            for v in unknowns:
                where = v.group if len(self.derivation.group_variables(v.group)) == 1 else f"{v.group} {v.key}"
                raised = letter if len(unknowns) == 1 else f"{letter}^{{{word(where)}}}"
                self.per_unknown[raised] = (v, arrays)

    def _value(self, e, at, element):
        if isinstance(e, At):
            return self._at(e.args[0], int(self._value(e.args[1], {}, {})), at, element)
        if isinstance(e, Slope):
            x = e.args[1]
            group, key, _ = self.nodes[symbol_latex(x.base)]
            return float(self.slopes[group][key][tuple(int(self._value(i, at, element)) for i in x.indices)])
        return super()._value(e, at, element)

    def _at(self, quantity, step, at, element):
        kept, owned = self.state, self.own
        self.state, params = self.path[step]
        self.own = {
            name: (where, self._array(params, where, name) if name not in self.fixed else old)
            for name, (where, old) in owned.items()
        }
        result = self._value(quantity, at, element)
        self.state, self.own = kept, owned
        return result

    @property
    def fixed(self):
        return {name for name, (where, _) in self.own.items() if (where, name) not in self.keys}

    @property
    def keys(self):
        """{(placement, printed name): parameter}."""
        found = {}
        for p in self.system.placements:
            for q in p.component.parameters:
                found[p.name, self._name(q.latex_name, p.name)] = q.name
        return found

    def _array(self, params, where, name):
        return np.asarray(params[where][self.keys[where, name]])

    def _entry(self, e, at, element):
        name = symbol_latex(e.base)
        if name in self.per_unknown:
            v, arrays = self.per_unknown[name]
            indices = tuple(int(self._value(i, at, element)) for i in e.indices)
            number = self._element(v.group, indices, element) if v.internal else indices[0]
            return float(arrays[v.group][v.key][number])
        return super()._entry(e, at, element)

    def _phase(self, body, nudge, at, element):
        key = self._value(nudge, {}, {})
        if symbol_latex(nudge) == "K":
            return self._at(body, key, at, element)
        return super()._phase(body, nudge, at, element)


class Drawn:
    """A system with random parameters, data and states of a phase, one sample, and its page for a rule."""

    def __init__(self, name, rule, seed=3, beta=0.25):
        self.rule, self.beta = rule, beta
        self.system, self.model = (zoo.system(name), zoo.compiled(name)) if isinstance(name, str) else name
        self.derivation = self.model.derivation
        self.page = derivation_page(self.derivation, rule)
        rng = np.random.default_rng(seed)
        self.params = random_parameters(self.system, rng)
        if self.system.readout is not None:
            drawn = self.model.init_parameters(jax.random.key(0))["readout"]
            self.params["readout"] = {k: np.asarray(v) + 0.3 for k, v in drawn.items()}
        inputs, self.target = zoo.data(name) if isinstance(name, str) else drawn_data(self.system, rng)
        self.inputs = inputs
        self.problem = self.model.problem(self.params, inputs, self.target, beta)
        low = 0.1 if name == "prototypical" else -0.8
        self.free = [self.problem.start(random_state(self.system, rng, low)) for _ in range(3)]
        self.full = [jax.tree.map(np.asarray, self.problem.full(x)) for x in self.free]
        named = inputs if isinstance(inputs, dict) else {entry.name: inputs for entry in self.system.inputs}
        self.signals = {}
        for entry in self.system.inputs:
            if isinstance(entry.kind, pq.Feed):
                self.signals.setdefault(entry.kind.placement, {})[entry.kind.signal.name] = named[entry.name]

    def reader(self, **more):
        """Reads the page, the free state being the first one drawn."""
        return RuleReader(
            self.page, self.derivation, self.params, self.full[0], target=self.target, beta=self.beta,
            signals=self.signals, **more,
        )  # fmt: skip

    def places(self, symbol, reader):
        """(parameter's placement and key, [(number, indices, element)]) of a printed parameter."""
        name = symbol_latex(getattr(symbol, "base", symbol))
        placement, array = reader.own[name]
        indices = [symbol_latex(i) for i in getattr(symbol, "indices", ())]
        if placement == "readout":
            readout = self.system.readout
            symbols = {*readout.drive.free_symbols, readout.bias}
            key = next(s.name for s in symbols if s.name in self.params["readout"] and s.latex_name == name)
            numbers = [np.unravel_index(n, array.shape) for n in range(array.size)]
            return (placement, key), [(n, dict(zip(indices, at, strict=True)), {}) for n, at in enumerate(numbers)]
        local = len(self.system.placement(placement).component.ports) == 1
        rows = reader.elements[placement] if array.ndim else [()]
        found = [
            (n, dict(zip(indices, row, strict=False)), {} if local or not array.ndim else {placement: n})
            for n, row in enumerate(rows)
        ]
        return (placement, reader.keys[placement, name]), found

    def compare(self, reader, expected, choose, tolerance=1e-12):
        """Every chosen equation against the arrays {placement: {parameter: array}}; returns what was compared."""
        seen = set()
        for equation in equations(self.page, "Learning"):
            symbol = choose(equation)
            if symbol is None:
                continue
            (placement, key), places = self.places(symbol, reader)
            seen.add((placement, key))
            values = np.ravel(np.asarray(expected[placement][key]))
            for number, at, element in places:
                printed = reader.value(equation.rhs, at, element)
                assert abs(printed - values[number]) <= tolerance * max(1.0, abs(values[number])), (symbol, at)
        return seen

    def silent(self, change, seen, tolerance=1e-12):
        """Parameters without a printed update do not change."""
        for placement, own in change.items():
            for key, value in own.items():
                if (placement, key) not in seen:
                    assert np.abs(np.asarray(value)).max(initial=0) <= tolerance, (placement, key)


def drawn_data(system, rng):
    """Inputs and targets of a system with one input."""
    [entry] = system.inputs
    return rng.uniform(-0.5, 0.5, entry.size), rng.uniform(-0.5, 0.5, system.outputs.size)


def update(equation):
    """The parameter of an equation Δp = …"""
    return equation.lhs.args[0] if isinstance(equation.lhs, Change) else None


def after(time):
    """The parameter of an equation p(time) = …"""

    def choose(equation):
        lhs = equation.lhs
        found = isinstance(lhs, At) and str(lhs.args[1]) == time and isinstance(lhs.args[0], sp.Indexed | sp.Symbol)
        return lhs.args[0] if found and symbol_latex(getattr(lhs.args[0], "base", lhs.args[0])) != "p" else None

    return choose
