"""`RuleNumbers`: printed updates whose parameters move step by step, and entries of Jᵀ − J that may be missing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from physeq.report._numbers_expressions import Value
from physeq.report._numbers_names import base_name, equations
from physeq.report._rule_operators import At
from physeq.report._words import shown_name
from physeq.report.numbers import PageNumbers
from physeq.symbolic.reduction import Variable, clamped_mask

End: TypeAlias = tuple[int, np.ndarray]


class RuleNumbers(PageNumbers):
    """Also steps of a phase in which parameters move, and entries of Jᵀ − J, zero without an element or on held nodes.

    Args:
        step: number of a step → its moment.
    """

    def __init__(self, *arguments: Any, step: Any = None, **options: Any):
        super().__init__(*arguments, **options)
        self._step = step
        self._steps = {
            base_name(e.lhs.args[0]): e
            for page in self.pages
            for e in equations(page, "Learning")
            if isinstance(e.lhs, At) and e.lhs.args[1].is_Add and base_name(e.lhs.args[0]) in self.own
        }
        self._jacobian = self._places_of_entries()
        self._sums = self._ends_of_sums()

    def _places_of_entries(self) -> dict[str, str]:
        """{name of an entry of Jᵀ − J of one element: the placement of its elements}."""
        text = "entry of the transposed less the own Jacobian, of one element of "
        return {
            name: p.name
            for name in self.names.meaning(text)
            for p in self.system.placements
            if self.names.meanings[name].removeprefix(text).partition(", in the row of ")[0] == shown_name(p.name)
        }

    def _ends_of_sums(self) -> dict[str, list[End]]:
        """{name of a sum of such entries: (which of its indices is a node, mask of the nodes held there), ...}."""
        text = "sum of the entries of all elements in the row of one free unknown and the column of another"
        names = {self.names.meanings[name]: name for name in self.names.meaning(text)}
        free = [v for v in self.derivation.variables.values() if v.group in self.derivation.locals]
        found: dict[str, list[End]] = {}
        for a, b in itertools.product(free, repeat=2):
            both = text + (f", {a.key} of {a.group} and {b.key} of {b.group}" if len(free) > 1 else "")
            own: dict[str, list[End]] = {both: [(0, self._held(a)), (-1, self._held(b))]}
            if b.internal:
                ports = self.system.placement(b.group).component.ports
                own = {both: []} | {f"{both}, at the {port}": [(n, self._held(a))] for n, port in enumerate(ports)}
            found |= {names[said]: ends for said, ends in own.items() if said in names}
        return found

    def _operators(self) -> list:
        return [(At, self._at_step), *super()._operators()]

    def _at_step(self, e: At) -> Value:
        quantity: Any = e.args[0]
        when, inside = self.value(e.args[1]), self.value(quantity)
        name = base_name(quantity)
        indices = [self.value(i) for i in getattr(quantity, "indices", ())]

        def found(at: Mapping[str, int], element: Mapping[str, int]) -> Any:
            number = int(when(at, element))
            if name in self.own and name in self._steps:
                return self._moved(name, number, [int(i(at, element)) for i in indices], at, element)
            before, self.moment = self.moment, self._step(number)
            try:
                return inside(at, element)
            finally:
                self.moment = before

        return found

    def _moved(self, name: str, number: int, indices: list[int], at: Any, element: Any) -> Any:
        """A parameter after some steps: the printed step, applied again and again, inside the printed bounds."""
        equation = self._steps[name]
        symbol: Any = equation.lhs.args[0]
        letters = {base_name(letter): n for letter, n in zip(getattr(symbol, "indices", ()), indices, strict=True)}
        if number == 0:
            return self.value(symbol)({**at, **letters}, element)
        (t,) = (base_name(s) for s in equation.lhs.args[1].free_symbols)
        moved = self.value(equation.rhs)({**at, **letters, t: number - 1}, element)
        placement, key, _ = self.own[name]
        parameter = self.system.placement(placement).component.parameter(key)
        return np.clip(moved, parameter.lower, parameter.upper)

    def _entry(self, e: Any) -> Value:
        inside, name = super()._entry(e), base_name(e)
        if name not in self._jacobian and name not in self._sums:
            return inside
        place, ends = self._jacobian.get(name), self._sums.get(name, [])
        indices = [self.value(i) for i in e.indices]

        def found(at: Mapping[str, int], element: Mapping[str, int]) -> Any:
            where = tuple(int(i(at, element)) for i in indices)
            if any(held[where[min(n, len(where) - 1)]] for n, held in ends):
                return np.float64(0)
            if place is None:
                return inside(at, element)
            if where not in self.elements.by_indices[place]:
                return np.float64(0)
            # An element that a sum has chosen, or that is updated, but for those whose nodes are others.
            mine = place in element and element[place] in self.elements.by_indices[place][where]
            return inside(at, element if mine else {k: n for k, n in element.items() if k != place})

        return found

    def _held(self, v: Variable) -> np.ndarray:
        return clamped_mask(self.system, v.group, v.coordinate)
