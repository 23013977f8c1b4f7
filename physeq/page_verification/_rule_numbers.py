"""`RuleNumbers`: printed updates whose parameters move step by step, and entries of Jacobians that may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from physeq.report._numbers_expressions import Value
from physeq.report._numbers_names import base_name, equations
from physeq.report._rule_operators import At
from physeq.report._words import shown_name
from physeq.report.numbers import PageNumbers
from physeq.symbolic.reduction import clamped_mask


class RuleNumbers(PageNumbers):
    """Also steps of a phase in which parameters move, and entries of a Jacobian that are zero where none is printed.

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
        text = "entry of the transposed less the own Jacobian, of one element of "
        shown = {shown_name(p.name): p.name for p in self.system.placements}
        self._jacobian = {
            name: place
            for name in self.names.meaning(text)
            for said, place in shown.items()
            if self.names.meanings[name] == f"{text}{said}"
        }

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
        inside = super()._entry(e)
        place = self._jacobian.get(base_name(e))
        if place is None:
            return inside
        indices = [self.value(i) for i in e.indices]
        ends = [self._held(group) for group in self.system.placement(place).groups]

        def found(at: Mapping[str, int], element: Mapping[str, int]) -> Any:
            where = tuple(int(i(at, element)) for i in indices)
            missing = where not in self.elements.by_indices[place]
            nodes = where if len(where) == len(ends) else where * len(ends)
            if missing or any(held[n] for held, n in zip(ends, nodes, strict=True)):
                return np.float64(0)
            return inside(at, {k: n for k, n in element.items() if k != place})

        return found

    def _held(self, group: str) -> np.ndarray:
        masks = [clamped_mask(self.system, group, v.coordinate) for v in self.derivation.group_variables(group)]
        return np.any(masks, axis=0)
