"""`PageNumbers`: what printed formulas say in numbers, read back from a page and evaluated with NumPy.

It knows a page by what is printed: symbols by their printed names, sums over the sets that are named. It shares no code
with what lowers and runs the derived expressions, so that one can be held against the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from physeq.errors import InternalError
from physeq.graph import OneToOne
from physeq.report._operators import Bracket, Scaled, SumOver, Written
from physeq.report._words import raised, word
from physeq.report.document import Block, Document, Equation, Section
from physeq.report.notation import symbol_latex
from physeq.symbolic.derivation import Derivation
from physeq.symbolic.place import Drive, Feed

At: TypeAlias = Mapping[str, int]
Element: TypeAlias = Mapping[str, int]
Value: TypeAlias = Callable[[At, Element], float]

_NUMERIC: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "logcosh": lambda x: np.logaddexp(x, -x) - np.log(2),
    "xlogx": lambda x: x * np.log(x) if x > 0 else 0.0,
    "clip": lambda x, low, high: min(max(x, low), high),
    "atan2": np.arctan2,
    "Abs": np.abs,
    **{name: getattr(np, name) for name in ("tanh", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "sign")},
}
_latex = cache(symbol_latex)


def _floats(x: Any) -> np.ndarray:
    """Entries are NumPy's numbers: what is not defined is NaN and no exception."""
    return np.asarray(x, np.float64)


class Unreadable(InternalError):
    """A printed expression holds something that has no number."""


def equations(page: Document, *titles: str) -> Iterator[Equation]:
    """The equations of the sections whose titles begin like one of these, nested sections included."""

    def visit(blocks: Sequence[Block], inside: bool) -> Iterator[Equation]:
        for block in blocks:
            if isinstance(block, Section):
                yield from visit(block.blocks, inside or block.title.startswith(titles))
            elif isinstance(block, Equation) and inside:
                yield block

    yield from visit(page.blocks, False)


class PageNumbers:
    """Numbers for the symbols of a page, of one sample at rest.

    Args:
        page, derivation: a page about the system of this derivation.
        params: {placement: {parameter: array}}.
        state: {group: {unknown: array (nodes)}} of all groups.
        inputs: {input: array}; target: y; beta: the nudge.
    """

    def __init__(
        self,
        page: Document,
        derivation: Derivation,
        params: Mapping[str, Mapping[str, Any]],
        state: Mapping[str, Mapping[str, Any]],
        *,
        inputs: Mapping[str, Any] | None = None,
        target: Any = None,
        beta: float = 0.0,
    ):
        self.page, self.system, self.derivation = page, derivation.system, derivation
        self.state, self.target, self.beta = state, target, beta
        symbols: dict[str, Any] = {_latex(getattr(e.symbol, "base", e.symbol)): e.meaning for e in page.symbols}
        self._meanings = symbols
        self.letters = [name for name, said in self._meanings.items() if str(said[0]).startswith("index")]
        self._nodes: dict[str, tuple[str, str, bool]] = {}
        self._resting: set[str] = set()
        self.own: dict[str, tuple[str, str, np.ndarray]] = {}
        self._drives: dict[str, np.ndarray] = {}
        self._name_states()
        self._name_parameters(params)
        self._rows = {p.name: p.pattern.rows(self.system.sizes(p)).tolist() for p in self.system.placements}
        self._found = {name: self._by_indices(name) for name in self._rows}
        self._sets = self._named_sets()
        self._name_inputs(inputs or {})

    # ---- names -------------------------------------------------------------------------------------------------------

    def _printed(self, latex: str, where: str) -> str:
        name = raised(latex, word(where))
        return name if name in self._meanings else latex

    def _name_states(self) -> None:
        for v in self.derivation.variables.values():
            self._nodes[self._printed(v.symbol.latex_name, v.group)] = v.group, v.key, v.internal
            for order in range(int(v.reduced) + 1, 3):
                self._resting.add(self._printed(v.coordinate.with_order(order).latex_name, v.group))

    def _name_parameters(self, params: Mapping[str, Mapping[str, Any]]) -> None:
        for p in self.system.placements:
            for q in p.component.parameters:
                self.own[self._printed(q.latex_name, p.name)] = p.name, q.name, _floats(params[p.name][q.name])
        readout = self.system.readout
        if readout is not None:
            symbols = {s for t in self.derivation.cost.readout_terms for s in t.coefficient.free_symbols}
            for s in [*symbols, *([] if readout.bias is None else [readout.bias])]:
                name = self._printed(s.latex_name, "readout")
                self.own[name] = "readout", s.name, _floats(params["readout"][s.name])

    def _name_inputs(self, inputs: Mapping[str, Any]) -> None:
        for entry in self.system.inputs:
            if isinstance(entry.kind, Feed):
                signal = entry.kind.signal
                name = self._printed(signal.latex_name, entry.kind.placement)
                self.own[name] = entry.kind.placement, signal.name, _floats(inputs[entry.name])
            elif isinstance(entry.kind, Drive) and len(entry.nodes.parts) == 1:
                (part,) = entry.nodes.parts
                values = np.zeros(self.derivation.node_variable(part.group, entry.kind.coordinate, entry.name).size)
                values[part.indices] = np.asarray(inputs[entry.name])[part.columns]
                meaning = f"input {entry.name}, a force on the nodes that it drives"
                self._drives |= {name: values for name, said in self._meanings.items() if said == (meaning,)}

    def _one_to_one(self, placement: str) -> bool:
        return isinstance(self.system.placement(placement).pattern, OneToOne)

    def _by_indices(self, placement: str) -> dict[tuple[int, ...], list[int]]:
        found: dict[tuple[int, ...], list[int]] = {}
        for k, row in enumerate(self._rows[placement]):
            found.setdefault((row[0],) if self._one_to_one(placement) else tuple(row), []).append(k)
        return found

    def _named_sets(self) -> dict[str, list[tuple]]:
        """{set as printed: [(indices, {placement: element}, the node whose neighbours they are or None)]}."""
        sets: dict[str, list[tuple]] = {}
        for group in self.system.topology.groups:
            nodes: list[tuple] = [((i,), {}, None) for i in range(group.size)]
            sets[word(group.name)] = sets[rf"\mathcal{{V}}_{{{word(group.name)}}}"] = nodes
        for p in self.system.placements:
            if len(p.component.ports) == 1:
                continue
            rows, one = self._rows[p.name], self._one_to_one(p.name)
            of_bundle: list[tuple] = [((r[0],) if one else tuple(r), {p.name: k}, None) for k, r in enumerate(rows)]
            sets[word(p.name)] = sets[rf"\mathcal{{E}}_{{{word(p.name)}}}"] = of_bundle
            both = [(r, k) for k, r in enumerate(rows)] + [(r[::-1], k) for k, r in enumerate(rows)]
            name = r"\mathcal{N}"
            for printed in (name, raised(name, word(p.name))):
                sets.setdefault(printed, [((r[-1],), {p.name: k}, r[0]) for r, k in both])
        for part in self.system.outputs.parts if self.system.outputs is not None else ():
            for printed in (r"\mathcal{O}", raised(r"\mathcal{O}", word(part.group))):
                sets.setdefault(printed, [((int(i),), {}, None) for i in part.indices])
        if self.system.readout is not None:
            sets[word("readout")] = sets[r"\mathcal{Z}"] = [((k,), {}, None) for k in range(self.system.readout.size)]
        return sets

    def elements(self, placement: str) -> list[tuple[int, ...]]:
        """The nodes of every element of a placement."""
        return [tuple(row) for row in self._rows[placement]]

    # ---- evaluation --------------------------------------------------------------------------------------------------

    def value(self, expr: sp.Basic) -> Value:
        """A printed expression as a function of {index as printed: number} and {placement: number of the element}.

        Raises:
            Unreadable: a symbol of the expression has no number.
        """
        e: Any = expr
        if e.is_number:
            number = np.float64(float(e))
            return lambda at, element: number
        if isinstance(e, SumOver):
            return self._sum(e)
        if isinstance(e, sp.Indexed):
            return self._entry(e)
        if e.is_Symbol:
            return self._symbol(_latex(e))
        if isinstance(e, sp.Piecewise):
            return self._cases(e)
        if not isinstance(e, sp.Add | Written | sp.Mul | sp.Pow | Scaled | Bracket | sp.Function):
            raise Unreadable(f"{type(e).__name__} has no number")
        parts = [self.value(a) for a in e.args]
        if isinstance(e, sp.Add | Written):
            return lambda at, element: sum(part(at, element) for part in parts)
        if isinstance(e, sp.Mul | Scaled | Bracket):
            return lambda at, element: math.prod(part(at, element) for part in parts)
        if isinstance(e, sp.Pow):
            return lambda at, element: parts[0](at, element) ** parts[1](at, element)
        function = _NUMERIC.get(type(e).__name__)
        if function is None:
            raise Unreadable(f"{type(e).__name__} has no number")
        return lambda at, element: function(*(part(at, element) for part in parts))

    def _symbol(self, name: str) -> Value:
        if name in self.letters:
            return lambda at, element: at[name]
        scalars: dict[str, Any] = {r"\beta": self.beta, "t": 0.0}
        if name in self.own and self.own[name][2].ndim == 0:
            scalars[name] = self.own[name][2][()]
        if name not in scalars:
            raise Unreadable(f"{name} has no number")
        return lambda at, element: scalars[name]

    def _sum(self, e: SumOver) -> Value:
        domain: Any = e.domain
        owner = None
        if isinstance(domain, sp.Indexed):
            owner, domain = self.value(domain.indices[0]), domain.base.label
        name = _latex(domain)
        if name not in self._sets:
            raise Unreadable(f"the set {name} has no members")
        members, bound = [_latex(m) for m in e.members], {_latex(b) for b in e.bound}
        fixed = [(n, m) for n, m in enumerate(members) if m not in bound]
        body, rows = self.value(e.body), self._sets[name]

        def total(at: At, element: Element) -> float:
            node = None if owner is None else owner(at, element)
            found = 0.0
            for row, number, near in rows:
                if near == node and all(at[m] == row[n] for n, m in fixed):
                    inside = {**at, **dict(zip(members, row, strict=True))}
                    found += body(inside, {**element, **number} if number else element)
            return found

        return total

    def _cases(self, e: sp.Piecewise) -> Value:
        cases = [(self.value(value), condition) for value, condition in e.args]
        names = {a: self.value(a) for _, condition in cases for a in sp.sympify(condition).atoms(sp.Indexed)}

        def chosen(at: At, element: Element) -> float:
            numbers = {a: sp.Float(f(at, element)) for a, f in names.items()}
            for value, condition in cases:
                if sp.sympify(condition).xreplace(numbers) == sp.true:
                    return value(at, element)
            return math.nan

        return chosen

    def _entry(self, e: sp.Indexed) -> Value:
        name, indices = _latex(e.base), [self.value(i) for i in e.indices]

        def places(at: At, element: Element) -> tuple[int, ...]:
            return tuple(int(i(at, element)) for i in indices)

        if name in self._resting:
            return lambda at, element: np.float64(0)
        if name in self._nodes:
            group, key, internal = self._nodes[name]
            values = _floats(self.state[group][key])
            if internal:
                return lambda at, element: values[self._element(group, places(at, element), element)]
            return lambda at, element: values[places(at, element)]
        if name in self.own:
            return self._own_entry(name, places)
        if name in self._drives:
            driven = self._drives[name]
            return lambda at, element: driven[places(at, element)]
        if self._meanings.get(name) is not None and self.system.cost is not None:
            return self._of_cost(name, places)
        raise Unreadable(f"{name} has no number")

    def _own_entry(self, name: str, places: Callable[[At, Element], tuple[int, ...]]) -> Value:
        placement, _, array = self.own[name]
        if placement == "readout":
            return lambda at, element: array[places(at, element)]
        flat = array.ravel()
        return lambda at, element: flat[self._element(placement, places(at, element), element)]

    def _element(self, placement: str, indices: tuple[int, ...], element: Element) -> int:
        if placement in element:
            return element[placement]
        found = self._found[placement].get(indices, [])
        if len(found) != 1:
            raise Unreadable(f"{len(found)} elements of {placement} have the indices {indices}")
        return found[0]

    def _of_cost(self, name: str, places: Callable[[At, Element], tuple[int, ...]]) -> Value:
        cost = self.derivation.cost
        if cost.target is not None and name == cost.target.latex_name and self.target is not None:
            target = _floats(self.target)
            if self.system.readout is not None:
                return lambda at, element: target[places(at, element)]
            if len(self.system.outputs.parts) == 1:
                (part,) = self.system.outputs.parts
                columns = {int(i): int(c) for i, c in zip(part.indices, part.columns, strict=True)}
                return lambda at, element: target[columns[places(at, element)[0]]]
        for equation in equations(self.page, "Energy"):
            if equation.label == "readout" and _latex(equation.lhs.base) == name:  # type: ignore[attr-defined]
                value = self.value(equation.rhs)  # type: ignore[arg-type]
                letter = _latex(equation.lhs.indices[0])  # type: ignore[attr-defined]
                return lambda at, element: value({letter: places(at, element)[0]}, {})
        raise Unreadable(f"{name} has no number")
