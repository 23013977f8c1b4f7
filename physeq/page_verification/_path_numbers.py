"""`PathNumbers`: printed formulas along whole paths: times, ends, integrals, derivatives by the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from physeq.report._numbers_names import StateKey, latex_of
from physeq.report._rule_operators import At, IntegralFromTo
from physeq.report._trajectory_operators import TimeDerivative
from physeq.report.numbers import Moment, PageNumbers, Unreadable, Value

MOMENTUM = -1  # the order under which momenta stand among the states


@dataclass(frozen=True, eq=False)
class PathMoment(Moment):
    """A path, with the states at its ends where it has some.

    Attributes:
        start, end: moments without an axis of times.
    """

    start: Moment | None = None
    end: Moment | None = None


class PathNumbers(PageNumbers):
    """Numbers of pages along paths on a grid of times.

    Args:
        weights: of the quadrature.
        backwards: the places of T − t on the grid.
        derivative: d/dt on the grid, a matrix; None where there is none.
        target_symbol: that of the cost along paths.
    """

    def __init__(
        self,
        *arguments: Any,
        weights: np.ndarray,
        backwards: np.ndarray,
        derivative: Any = None,
        target_symbol: Any = None,
        **options: Any,
    ):
        super().__init__(*arguments, **options)
        self.target_symbol = target_symbol
        self._weights, self._backwards, self._derivative = weights, backwards, derivative
        ends = self.names.meaning("period, here", "duration of a trajectory")
        self._end = ends[0] if ends else ""
        self._name_momenta()

    def _name_momenta(self) -> None:
        for name in self.names.meaning("momentum of "):
            for v in self.derivation.variables.values():
                if self.names.meanings[name] in (
                    f"momentum of {v.coordinate.name}",
                    f"momentum of {v.coordinate.name}, group {v.group}",
                ):
                    self.names.states[name] = v.group, v.coordinate.name, MOMENTUM

    def _operators(self) -> list:
        return [
            (At, self._at_time),
            (IntegralFromTo, self._integral),
            (TimeDerivative, self._in_time),
            *super()._operators(),
        ]

    def _integral(self, e: IntegralFromTo) -> Value:
        inside = self.value(e.body)

        def summed(at: Mapping[str, int], element: Mapping[str, int]) -> Any:
            return np.sum(self._weights * np.broadcast_to(inside(at, element), self._weights.shape))

        return summed

    def _in_time(self, e: TimeDerivative) -> Value:
        inside, matrix = self.value(e.args[0]), self._derivative
        if matrix is None:
            raise Unreadable("a derivative by the time has no number on this grid")
        return lambda at, element: matrix @ np.broadcast_to(inside(at, element), len(matrix))

    def _at_time(self, e: At) -> Value:
        quantity, when = e.args
        inside = self.value(quantity)
        end, now = (
            next((s for s in when.free_symbols if latex_of(s) == name), None) for name in (self._end, self._time)
        )
        if when == 0 or when == end:
            return self._at_end(inside, "start" if when == 0 else "end")
        if when == now or (end is not None and now is not None and when - end - now == 0):
            return inside
        if end is None or now is None or when - end + now != 0:
            raise Unreadable(f"{when} is no time of the grid")
        places = self._backwards

        def reversed_in_time(at: Mapping[str, int], element: Mapping[str, int]) -> Any:
            found = np.asarray(inside(at, element))
            return found[..., places] if found.ndim else found

        return reversed_in_time

    def _at_end(self, inside: Value, which: str) -> Value:
        def found(at: Mapping[str, int], element: Mapping[str, int]) -> Any:
            before = self.moment
            moment = getattr(before, which, None)
            if moment is None:
                raise Unreadable(f"the path has no state at its {which}")
            self.moment = moment
            try:
                return inside(at, element)
            finally:
                self.moment = before

        return found


def with_momenta(
    states: dict[StateKey, np.ndarray], layout: Any, positions: Any, values: np.ndarray
) -> dict[StateKey, np.ndarray]:
    """States with the momenta of the free coordinates, zero elsewhere; `positions` are the places of these in y."""
    whole = np.zeros((*values.shape[:-1], layout.size))
    whole[..., positions] = values
    found = dict(states)
    for key, block in layout.blocks.items():
        if len(key) == 3 and key[2] == 0:
            found[key[0], key[1].name, MOMENTUM] = np.moveaxis(whole[..., block.start : block.stop], -1, 0)
    return found
