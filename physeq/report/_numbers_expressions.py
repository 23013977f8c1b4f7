"""Printed expressions as functions of indices: sums, products, functions and the operators of pages, with NumPy."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from physeq.errors import InternalError
from physeq.report._numbers_functions import FUNCTIONS, condition
from physeq.report._numbers_names import Elements, PrintedNames, StateKey, latex_of
from physeq.report._operators import Bracket, Scaled, SumOver, Written
from physeq.report._relations import Contrast, InPhase, Slope
from physeq.report._rule_operators import RealPart, SumFromTo
from physeq.symbolic.waveform_functions import WaveformFunction

At: TypeAlias = Mapping[str, int]
Element: TypeAlias = Mapping[str, int]
Value: TypeAlias = Callable[[At, Element], Any]


class Unreadable(InternalError):
    """A printed expression holds something that has no number."""


@dataclass(frozen=True, eq=False)
class Moment:
    """The numbers of one state, or of a whole path: then every array has a last axis, that of times.

    Attributes:
        states: {(group or placement, coordinate, order of the derivative): array (nodes or elements)}.
        beta: the nudge.
        time: t.
    """

    states: Mapping[StateKey, np.ndarray]
    beta: Any = 0.0
    time: Any = 0.0


class ExpressionNumbers(ABC):
    """Evaluates the structure of printed expressions; a subclass says what symbols and indexed quantities are.

    Attributes:
        elements, names: of the pages.
        moment: where formulas are evaluated that name no phase.
        phases: moment of a phase, from the number or the name that stands behind |.
    """

    elements: Elements
    names: PrintedNames
    moment: Moment
    phases: Callable[[Any], Moment] | None

    def __init__(self) -> None:
        self._made: dict[sp.Basic, Value] = {}

    @abstractmethod
    def _symbol(self, name: str) -> Value:
        """A symbol without indices."""

    @abstractmethod
    def _entry(self, e: sp.Indexed) -> Value:
        """An indexed quantity."""

    @abstractmethod
    def _slope(self, e: Slope) -> Value:
        """A derivative that is written and not carried out."""

    def value(self, expr: Any) -> Value:
        """A printed expression as a function of {index as printed: number} and {placement: number of the element}.

        Raises:
            Unreadable: here or when it is called: a symbol of the expression has no number.
        """
        if expr not in self._made:
            self._made[expr] = self._value(expr)
        return self._made[expr]

    def _value(self, e: Any) -> Value:
        if e.is_number:
            number = np.float64(e) if e.is_real else np.complex128(e)
            return lambda at, element: number
        if isinstance(e, sp.Indexed):
            return self._entry(e)
        if e.is_Symbol:
            return self._symbol(latex_of(e))
        for kind, method in self._operators():
            if isinstance(e, kind):
                return method(e)
        if not isinstance(e, sp.Add | Written | sp.Mul | sp.Pow | Scaled | Bracket | sp.Function | sp.Max | sp.Min):
            raise Unreadable(f"{type(e).__name__} has no number")
        if isinstance(e, WaveformFunction):
            return self.value(e.formula(*e.args))
        parts = [self.value(a) for a in e.args]
        if isinstance(e, sp.Add | Written):
            return lambda at, element: sum(part(at, element) for part in parts)
        if isinstance(e, sp.Mul | Scaled | Bracket):
            return lambda at, element: math.prod(part(at, element) for part in parts)
        if isinstance(e, sp.Pow):
            return lambda at, element: parts[0](at, element) ** parts[1](at, element)
        function = FUNCTIONS.get(type(e).__name__)
        if function is None:
            raise Unreadable(f"{type(e).__name__} has no number")
        return lambda at, element: function(*(part(at, element) for part in parts))

    def _operators(self) -> list[tuple[Any, Callable[[Any], Value]]]:
        """(kind of expression, what evaluates it), beside sums, products, powers and functions."""
        return [
            (SumOver, self._sum),
            (sp.Piecewise, self._cases),
            (InPhase, lambda e: self._in_phase(e.args[0], e.args[1])),
            (Contrast, self._contrast),
            (SumFromTo, self._series),
            (RealPart, self._real),
            (Slope, self._slope),
        ]

    def _real(self, e: RealPart) -> Value:
        inside = self.value(e.args[0])
        return lambda at, element: np.real(inside(at, element))

    def _series(self, e: SumFromTo) -> Value:
        body, low, high = self.value(e.body), self.value(e.args[2]), self.value(e.args[3])
        name = latex_of(e.args[1])

        def total(at: At, element: Element) -> Any:
            first, last = (int(np.real(end(at, element))) for end in (low, high))
            return sum(body({**at, name: k}, element) for k in range(first, last + 1))

        return total

    def _contrast(self, e: Contrast) -> Value:
        terms = [(self.value(weight), self._in_phase(e.body, nudge)) for weight, nudge in e.terms]
        return lambda at, element: sum(weight(at, element) * body(at, element) for weight, body in terms)

    def _in_phase(self, body: Any, mark: Any) -> Value:
        inside, named = self.value(body), latex_of(mark) if mark.is_Symbol else ""
        said = self.names.meanings.get(named, "")
        name = next((word for word in ("free", "held") if said.startswith("steady state") and word in said), None)
        number = self.value(mark)

        def found(at: At, element: Element) -> Any:
            if self.phases is None:
                raise Unreadable("no phase has numbers here")
            before = self.moment
            key = name if name is not None else number(at, element)
            self.moment = self.phases(key)
            try:
                return inside(at, element)
            finally:
                self.moment = before

        return found

    def _sum(self, e: SumOver) -> Value:
        domain: Any = e.domain
        owner = None
        if isinstance(domain, sp.Indexed):
            owner, domain = self.value(domain.indices[0]), domain.base.label
        name = latex_of(domain)
        if name not in self.elements.sets:
            raise Unreadable(f"the set {name} has no members")
        members, bound = [latex_of(m) for m in e.members], {latex_of(b) for b in e.bound}
        fixed = [(n, m) for n, m in enumerate(members) if m not in bound]
        body, rows = self.value(e.body), self.elements.sets[name]

        def total(at: At, element: Element) -> Any:
            node = None if owner is None else owner(at, element)
            found: Any = 0.0
            for row, number, near in rows:
                if near == node and all(at[m] == row[n] for n, m in fixed):
                    inside = {**at, **dict(zip(members, row, strict=True))}
                    found = found + body(inside, {**element, **number} if number else element)
            return found

        return total

    def _cases(self, e: sp.Piecewise) -> Value:
        cases = [(self.value(value), condition(when, self.value)) for value, when in e.args]

        def chosen(at: At, element: Element) -> Any:
            found: Any = math.nan
            for value, when in reversed(cases):
                found = np.where(when(at, element), value(at, element), found)
            return found[()]

        return chosen
