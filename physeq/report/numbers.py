"""`PageNumbers`: what printed formulas say in numbers, read back from pages and evaluated with NumPy.

It knows a page by what is printed: symbols by their printed names and by what the symbol table says of them, sums over
the sets that are named, quantities that an equation of the page defines by that equation. It shares no code with what
lowers and runs the derived expressions, so that one can be held against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from physeq.report._numbers_expressions import At, Element, ExpressionNumbers, Value
from physeq.report._numbers_expressions import Moment as Moment
from physeq.report._numbers_expressions import Unreadable as Unreadable
from physeq.report._numbers_names import Elements as Elements
from physeq.report._numbers_names import PrintedNames, base_name, drive_values, latex_of
from physeq.report._numbers_names import equations as equations
from physeq.report._relations import Slope
from physeq.report.document import Document


class PageNumbers(ExpressionNumbers):
    """Numbers for the symbols of pages, of one sample.

    Args:
        pages: a page about the system, or several in the same symbols; definitions of the first go first.
        elements: of the derivation.
        params: {placement: {parameter: array}}.
        moment: where formulas are evaluated that name no phase.
        inputs: {input: array}; target: y; both may have a last axis of times.
        phases: moment of a phase, from the number or the name that stands behind |.
        numbers: {how the text of a symbol begins: its number}.
    """

    def __init__(
        self,
        pages: Document | Sequence[Document],
        elements: Elements,
        params: Mapping[str, Mapping[str, Any]],
        moment: Moment,
        *,
        inputs: Mapping[str, Any] | None = None,
        target: Any = None,
        phases: Callable[[Any], Moment] | None = None,
        numbers: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.pages = [pages] if isinstance(pages, Document) else list(pages)
        self.elements, self.system, self.derivation = elements, elements.system, elements.derivation
        self.names = PrintedNames(self.pages, elements)
        self.letters, self.moment, self.target, self.phases = self.names.letters, moment, target, phases
        self.target_symbol = getattr(self.derivation.cost, "target", None)
        self.own = {
            name: (placement, key, _floats(params[placement][key]))
            for name, (placement, key) in self.names.parameters.items()
        }
        self.values: dict[str, np.ndarray] = {}  # of indexed quantities by nodes: drives, and what callers add
        given = inputs or {}
        for name, (placement, entry) in self.names.signals.items():
            self.own[name] = placement, entry, _floats(given[entry])
        for name, entry in self.names.drives.items():
            if len(next(e for e in self.system.inputs if e.name == entry).nodes.parts) == 1:
                self.values[name] = drive_values(self.names, entry, _floats(given[entry]))
        self.scalars: dict[str, Any] = {r"\mathrm{i}": 1j}
        for beginning, number in (numbers or {}).items():
            self.scalars |= dict.fromkeys(self.names.meaning(beginning), number)
        self.nudge = next(iter(self.names.meaning("strength of the nudge")), r"\beta")
        self._time = next((name for name, said in self.names.meanings.items() if said == "time"), "t")
        self._definitions = self._defined()
        self._costs = self._cost_slopes()
        self._open: list[str] = []  # definitions that are being evaluated
        self.used: set[int] = set()  # ids of the equations that served as definitions

    # ---- definitions -------------------------------------------------------------------------------------------------

    def _defined(self) -> dict[tuple[str, tuple[int, ...]], Any]:
        """{(name, numbers among its indices): equation} of what an equation has alone on its left."""
        found: dict[tuple[str, tuple[int, ...]], Any] = {}
        for page in self.pages:
            for equation in equations(page, ""):
                left: Any = equation.lhs
                if equation.rhs is None or not isinstance(left, sp.Symbol | sp.Indexed):
                    continue
                indices = getattr(left, "indices", ())
                if all(index.is_Symbol or index.is_Integer for index in indices):
                    found.setdefault(_numbered(left), equation)
        return found

    def _cost_slopes(self) -> dict[str, tuple[str, Any, Any]]:
        """{name of an output's unknown: (index letter, ∂C/∂x times −β, group)} from the equations of the nudge."""
        found = {}
        for page in self.pages:
            for equation in equations(page, "Steady state"):
                slopes = equation.lhs.atoms(Slope) if (equation.label or "").startswith("nudge,") else set()
                slopes |= equation.lhs.atoms(Slope) if equation.label == "nudge" else set()
                for slope in slopes:
                    x: Any = slope.args[1]
                    found[base_name(x)] = (latex_of(x.indices[0]), equation.rhs, self.names.states[base_name(x)][0])
        return found

    def _symbol(self, name: str) -> Value:
        own = self.own.get(name)

        def found(at: At, element: Element) -> Any:
            if name in at:
                return at[name]
            if name == self.nudge:
                return self.moment.beta
            if name in self.scalars:
                return self.scalars[name]
            if name == self._time:
                return self.moment.time
            if own is not None and own[2].ndim == 0:
                return own[2][()]
            return self._by_definition(name, ())(at, element)

        return found

    def _slope(self, e: Slope) -> Value:
        x: Any = e.args[1]
        name = base_name(x)
        if type(e) is not Slope or not self.names.meanings.get(base_name(e.args[0]), "").startswith("cost"):
            raise Unreadable(f"the derivative by {name} is not carried out")
        if name not in self.names.states or not isinstance(x, sp.Indexed):
            raise Unreadable(f"the derivative of the cost by {name} is not carried out")
        letter, index = "", self.value(x.indices[0])
        slope: Value | None = None
        nodes: set[int] = set()
        if name in self._costs:
            letter, pushed, group = self._costs[name]
            slope = self.value(pushed)
            nodes = {int(i) for p in self.system.outputs.parts if p.group == group for i in p.indices}

        def found(at: At, element: Element) -> Any:
            node = int(index(at, element))
            if slope is None or node not in nodes:
                return np.float64(0)
            before = self.moment
            self.moment = Moment(before.states, 1.0, before.time)
            try:
                return -slope({**at, letter: node}, element)
            finally:
                self.moment = before

        return found

    # ---- indexed quantities ------------------------------------------------------------------------------------------

    def _entry(self, e: sp.Indexed) -> Value:
        name, indices = latex_of(e.base), [self.value(i) for i in e.indices]

        def places(at: At, element: Element) -> tuple[int, ...]:
            return tuple(int(i(at, element)) for i in indices)

        if name in self.values:
            given = self.values[name]
            return lambda at, element: given[places(at, element)]
        if name in self.names.states and name not in self.own:
            return self._state(name, places)
        if name in self.own:
            return self._own_entry(name, places)
        if (target := self._target(name, places)) is not None:
            return target
        defined = self._by_definition(name, e.indices)
        return lambda at, element: defined(at, element)

    def _state(self, name: str, places: Callable[[At, Element], tuple[int, ...]]) -> Value:
        key = self.names.states[name]
        inside = key[0] in self.names.internal
        defined: Value | None = None
        if (name, ()) in self._definitions:
            defined = self._by_definition(name, self._definitions[name, ()].lhs.indices, places)

        def found(at: At, element: Element) -> Any:
            values = self.moment.states.get(key)
            if values is None:
                if defined is None:
                    raise Unreadable(f"{name} has no number")
                return defined(at, element)
            where = places(at, element)
            return values[self._element(key[0], where, element)] if inside else values[where]

        return found

    def _own_entry(self, name: str, places: Callable[[At, Element], tuple[int, ...]]) -> Value:
        placement, _, array = self.own[name]
        if placement == "readout":
            return lambda at, element: array[places(at, element)]
        count = len(self.elements.rows[placement])
        flat = array.reshape(count, -1) if array.size > count and array.size % count == 0 else array.reshape(-1)
        return lambda at, element: flat[self._element(placement, places(at, element), element)]

    def _element(self, placement: str, indices: tuple[int, ...], element: Element) -> int:
        if placement in element:
            return element[placement]
        found = self.elements.by_indices[placement].get(indices, [])
        if len(found) != 1:
            raise Unreadable(f"{len(found)} elements of {placement} have the indices {indices}")
        return found[0]

    def _target(self, name: str, places: Callable[[At, Element], tuple[int, ...]]) -> Value | None:
        symbol = self.target_symbol
        if symbol is None or name != symbol.latex_name or self.target is None:
            return None
        target = _floats(self.target)
        if self.system.readout is not None:
            return lambda at, element: target[places(at, element)]
        if len(self.system.outputs.parts) != 1:
            raise Unreadable(f"{name} stands for outputs of several groups")
        (part,) = self.system.outputs.parts
        columns = {int(i): int(c) for i, c in zip(part.indices, part.columns, strict=True)}
        return lambda at, element: target[columns[places(at, element)[0]]]

    def defined(self, name: str, *indices: int) -> Any:
        """The value of a quantity that the pages define.

        Raises:
            Unreadable: they do not.
        """
        equation = self._definitions.get((name, ()))
        letters = getattr(None if equation is None else equation.lhs, "indices", ())
        at = {latex_of(letter): n for letter, n in zip(letters, indices, strict=True)}
        return self._by_definition(name, letters)(at, {})

    def _by_definition(self, name: str, indices: Sequence[Any], places: Callable | None = None) -> Value:
        """A quantity by the equation of the page that has it alone on its left."""
        number = tuple(int(i) for i in indices if i.is_Integer)
        equation = self._definitions.get((name, number))
        numbers = [self.value(i) for i in indices if not i.is_Integer] if places is None else []
        key = f"{name} {number}"
        made: list[Value] = []  # on the first call: definitions may stand in each other's way until then

        def found(at: At, element: Element) -> Any:
            if equation is None or key in self._open:
                raise Unreadable(f"{name} has no number")
            self._open.append(key)
            try:
                if not made:
                    made.append(self.value(equation.rhs))
                self.used.add(id(equation))
                left: Any = equation.lhs
                letters = [latex_of(i) for i in getattr(left, "indices", ()) if i.is_Symbol]
                where = places(at, element) if places is not None else [int(n(at, element)) for n in numbers]
                return made[0]({**at, **dict(zip(letters, where, strict=True))}, element)
            finally:
                self._open.remove(key)

        return found


def _numbered(left: Any) -> tuple[str, tuple[int, ...]]:
    """A name with the numbers among its indices: the second message to node i is another than the first."""
    return base_name(left), tuple(int(i) for i in getattr(left, "indices", ()) if i.is_Integer)


def _floats(x: Any) -> np.ndarray:
    """Entries are NumPy's numbers: what is not defined is NaN and no exception."""
    values = np.asarray(x)
    return values.astype(np.complex128 if np.iscomplexobj(values) else np.float64)
