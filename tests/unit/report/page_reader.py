"""Reads a page as a person does: symbols by their printed names, sums over the named sets, phases by their nudges.

It evaluates the formulas of the document model with loops over indices, and shares no code with what built them.
"""

import numpy as np
import sympy as sp

from physeq.report import Equation, Section
from physeq.report._operators import Bracket, Scaled, SumOver, Written
from physeq.report._relations import Chain, Contrast, InPhase
from physeq.report.notation import symbol_latex

NUMERIC = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "logcosh": lambda x: np.log(np.cosh(x)),
    "xlogx": lambda x: x * np.log(x),
    "clip": lambda x, low, high: min(max(x, low), high),
    "atan2": np.arctan2,
    **{f: getattr(np, f) for f in ("tanh", "exp", "log", "sin", "cos", "cosh", "sinh")},
}


def equations(page, *titles):
    """The equations of the sections of these titles (beginnings), nested ones included."""
    found = []

    def visit(blocks, inside):
        for block in blocks:
            if isinstance(block, Section):
                visit(block.blocks, inside or any(block.title.startswith(t) for t in titles))
            elif isinstance(block, Equation) and inside:
                found.append(block)

    visit(page.blocks, False)
    return found


def word(name):
    return r"\mathrm{" + name.replace(" ", r"\ ").replace("->", r"\to ") + "}"


class Reader:
    """Numbers for the symbols of a page.

    Args:
        system, params, state: the system, its parameters and a full state, without batch.
        drives, signals: {symbol as printed: array}, {placement: {signal: array}}.
        target, beta: y and the nudge; phases: {nudge: state}.
        rates: {(group, order): array}, rates and accelerations that are not zero.
    """

    def __init__(
        self,
        page,
        derivation,
        params,
        state,
        *,
        target=None,
        drives=None,
        signals=None,
        beta=None,
        phases=None,
        rates=None,
    ):
        self.page, self.system, self.derivation = page, derivation.system, derivation
        self.state, self.phases, self.beta = state, phases or {}, beta
        self.printed = {symbol_latex(getattr(e.symbol, "base", e.symbol)) for e in page.symbols}
        indices = [e for e in page.symbols if str(e.meaning[0]).startswith("index")]
        self.letters = [symbol_latex(e.symbol) for e in indices]
        self.scalars = {r"\beta": beta, r"\eta": 1.0, "t": 0.0}
        self.nodes, self.own, self.rates = {}, {}, rates or {}
        for v in derivation.variables.values():
            name = self._name(v.symbol.latex_name, v.group)
            self.nodes[name] = (v.group, v.key, v.internal)
            for order in range(int(v.reduced) + 1, 3):
                self.nodes[self._name(v.coordinate.with_order(order).latex_name, v.group)] = v.group, order
        placements = [(p.name, p.component.parameters) for p in self.system.placements]
        if self.system.readout is not None:
            entries = {s for t in derivation.cost.readout_terms for s in t.coefficient.free_symbols}
            placements.append(("readout", [*entries, self.system.readout.bias]))
        for placement, parameters in placements:
            for p in parameters:
                self.own[self._name(p.latex_name, placement)] = (placement, np.asarray(params[placement][p.name]))
        for placement, named in (signals or {}).items():
            for key, array in named.items():
                self.own[key] = (placement, np.asarray(array))
        self.elements = {p.name: np.asarray(p.pattern.rows(self.system.sizes(p))) for p in self.system.placements}
        self.sets = self._sets()
        self.drives = drives or {}
        self.target = target
        self.messages = {}

    def _name(self, latex, where):
        raised = f"{latex}^{{{word(where)}}}"
        return raised if raised in self.printed else latex

    def _sets(self):
        sets = {}
        for group in self.system.topology.groups:
            sets[word(group.name)] = [((i,), {}) for i in range(group.size)]
        for p in self.system.placements:
            rows = self.elements[p.name]
            if len(p.component.ports) == 1:
                continue
            one = type(p.pattern).__name__ == "OneToOne"
            sets[word(p.name)] = [((row[0],) if one else tuple(row), {p.name: k}) for k, row in enumerate(rows)]
            both = [(row, k) for k, row in enumerate(rows)] + [(row[::-1], k) for k, row in enumerate(rows)]
            for name in (r"\mathcal{N}", rf"\mathcal{{N}}^{{{word(p.name)}}}"):
                if name not in sets:
                    sets[name] = [((row[1],), {p.name: k}, row[0]) for row, k in both]
        if self.system.outputs is not None:
            for part in self.system.outputs.parts:
                for name in (r"\mathcal{O}", rf"\mathcal{{O}}^{{{word(part.group)}}}"):
                    sets.setdefault(name, [((i,), {}) for i in part.indices])
        if self.system.readout is not None:
            sets[r"\mathrm{readout}"] = [((k,), {}) for k in range(self.system.readout.size)]
        return sets

    # ---- evaluation ------------------------------------------------------------------------------------------------

    def value(self, expr, at=None, element=None):
        """The number of an expression with indices `at`, for element {placement: number}."""
        return self._value(sp.sympify(expr), at or {}, element or {})

    def _value(self, e, at, element):
        if e.is_number:
            return float(e)
        if isinstance(e, SumOver):
            return self._sum(e, at, element)
        if isinstance(e, Contrast):
            return sum(self._value(w, at, element) * self._phase(e.body, n, at, element) for w, n in e.terms)
        if isinstance(e, InPhase):
            return self._phase(*e.args, at, element)
        if isinstance(e, Scaled):
            return np.prod([self._value(a, at, element) for a in e.args])
        if isinstance(e, Bracket):
            return self._value(e.args[0], at, element)
        if isinstance(e, sp.Indexed):
            return self._entry(e, at, element)
        if e.is_Symbol:
            name = symbol_latex(e)
            if name in at:
                return at[name]
            if name in self.own:
                return float(self.own[name][1])
            return self.scalars[name]
        values = [self._value(a, at, element) for a in e.args if not isinstance(e, sp.Piecewise)]
        if isinstance(e, sp.Add | Written):
            return sum(values)
        if isinstance(e, sp.Mul):
            return np.prod(values)
        if isinstance(e, sp.Pow):
            return values[0] ** values[1]
        if isinstance(e, sp.Piecewise):
            for value, condition in e.args:
                inside = {a: sp.Float(self._value(a, at, element)) for a in condition.atoms(sp.Indexed)}
                inside |= {a: at[symbol_latex(a)] for a in condition.atoms(sp.Symbol) if symbol_latex(a) in at}
                if condition == True or condition.xreplace(inside) == True:  # noqa: E712
                    return self._value(value, at, element)
        if type(e).__name__ in NUMERIC:
            return NUMERIC[type(e).__name__](*values)
        return float(e.func(*map(sp.Float, values)).evalf())

    def _sum(self, e, at, element):
        domain = e.domain
        node = None
        if isinstance(domain, sp.Indexed):
            node = self._value(domain.indices[0], at, element)
            domain = domain.base.label
        total = 0.0
        members, bound = [symbol_latex(m) for m in e.members], {symbol_latex(b) for b in e.bound}
        for row, number, *owner in self.sets[symbol_latex(domain)]:
            if owner and owner[0] != node:
                continue
            if any(m not in bound and at[m] != i for m, i in zip(members, row, strict=True)):
                continue
            total += self._value(e.body, at | dict(zip(members, row, strict=True)), element | number)
        return total

    def _phase(self, body, nudge, at, element):
        kept = self.state
        self.state = self.phases[round(self._value(nudge, {}, {}), 12)]
        result = self._value(body, at, element)
        self.state = kept
        return result

    def _entry(self, e, at, element):
        name = symbol_latex(e.base)
        indices = tuple(int(self._value(i, at, element)) for i in e.indices)
        if name in self.nodes:
            if len(self.nodes[name]) == 2:  # a rate or an acceleration: at rest unless given
                rates = self.rates.get(self.nodes[name])
                return 0.0 if rates is None else float(rates[indices])
            group, key, internal = self.nodes[name]
            if internal:
                return float(self.state[group][key][self._element(group, indices, element)])
            return float(self.state[group][key][indices])
        if name in self.own:
            placement, array = self.own[name]
            if array.ndim == len(indices) and (placement == "readout" or array.ndim == 2 or len(indices) == 1):
                local = placement == "readout" or len(self.system.placement(placement).component.ports) == 1
                if array.ndim == 2 or local or placement not in element:
                    return float(array[indices])
            return float(array.ravel()[self._element(placement, indices, element)])
        if name in self.drives:
            return float(self.drives[name][indices])
        if name in self.messages:
            return self._value(
                self.messages[name, *indices[:-1]] if (name, *indices[:-1]) in self.messages else self.messages[name],
                at | {self.letters[0]: indices[-1]},
                element,
            )
        if name == "y":
            return float(self._target(indices[0]))
        if name in ("z", r"\hat{z}"):
            return self._readout(indices[0], at, element)
        raise KeyError(name)

    def _element(self, placement, indices, element):
        if placement in element:
            return element[placement]
        rows = self.elements[placement]
        one = type(self.system.placement(placement).pattern).__name__ == "OneToOne"
        found = [k for k, row in enumerate(rows) if (row[0],) == indices or (not one and tuple(row) == indices)]
        assert len(found) == 1, (placement, indices)
        return found[0]

    def _target(self, i):
        if self.system.readout is not None:
            return self.target[i]
        part = self.system.outputs.parts[0]
        return self.target[int(part.columns[list(part.indices).index(i)])]

    def _readout(self, k, at, element):
        [equation] = [e for e in equations(self.page, "Energy") if e.label == "readout"]
        return self._value(equation.rhs, {symbol_latex(equation.lhs.indices[0]): k}, {})


__all__ = ["Chain", "Reader", "equations"]
