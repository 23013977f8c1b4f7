"""What a learning rule measures, at which nodes, in which phases, and how much each element must remember."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from physeq.report._naming import Names
from physeq.report.document import Block, Math, Paragraph, Table
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm, is_zero
from physeq.symbolic.separate import separate
from physeq.symbolic.symbols import Parameter, Signal


def reading(form: PlacementForm, p: Parameter) -> str | None:
    """What ∂E/∂p depends on, in words that follow from the expression; None where there is nothing to add.

    >>> import physeq as pq
    >>> d = pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0).derive()
    >>> reading(d.forms[0], d.forms[0].placement.component.parameters[0])
    'half the squared difference across the element'
    """
    derivative = form.parameter_derivative(p)
    ends = _ends(form)
    if ends is None:
        return None
    a, b = ends
    if derivative.has(a, b) and _vanishes(sp.diff(derivative, a) + sp.diff(derivative, b)):
        ratio = sp.simplify(derivative / (a - b) ** 2)
        if ratio == sp.S.Half:
            return "half the squared difference across the element"
        if ratio.is_number:
            return "proportional to the squared difference across the element"
        return "depends only on the difference across the element"
    terms = separate(derivative, {a}, {b})
    if terms is not None and len(terms) == 1 and terms[0].source != 1 and terms[0].target != 1:
        return "a product of one quantity of the source and one of the target"
    return None


def _vanishes(expr: sp.Expr) -> bool:
    """Whether an expression is zero; most are not, as one point shows faster than a simplification."""
    point = {x: sp.Rational(3 + 2 * n, 7 + n) for n, x in enumerate(sorted(expr.free_symbols, key=str))}
    value = expr.subs(point).evalf()
    return not (value.is_number and abs(value) > 1e-9) and is_zero(expr)


def _ends(form: PlacementForm) -> tuple[sp.Symbol, sp.Symbol] | None:
    """The unknowns of an edge with one coordinate at each end."""
    unknowns = list(form.unknowns.values())
    if len(form.placement.component.ports) != 2 or form.placement.component.internal or len(unknowns) != 2:
        return None
    return unknowns[0], unknowns[1]


def measured_slots(form: PlacementForm, p: Parameter) -> tuple:
    """The slots whose unknowns ∂E/∂p holds."""
    derivative = form.parameter_derivative(p)
    return tuple(slot for slot, x in form.unknowns.items() if derivative.has(x))


def only_held(names: Names, form: PlacementForm, p: Parameter) -> bool:
    """Whether ∂E/∂p sees held groups alone, which every phase leaves as they are."""
    slots = measured_slots(form, p)
    return all(form.placement.group_of(slot.port) in names.derivation.held for slot in slots)


@dataclass(frozen=True)
class Row:
    """What the update of one parameter needs.

    Attributes:
        form, parameter: whose update.
        beside: quantities of the page that go with the unknowns of `acted`, such as responses, in component terms.
        states: slots whose unknowns are measured.
        others: further symbols of the update: parameters, signals.
        acted: slots at which `beside` is measured.
        stored: what an element remembers.
    """

    form: PlacementForm
    parameter: Parameter
    beside: tuple[sp.Expr, ...]
    states: tuple[Slot, ...]
    others: frozenset[sp.Symbol]
    acted: tuple[Slot, ...]
    stored: str


STORED = (
    "Stored: the measured number of each phase but the last, until the last one is over; batches add to it. "
    "Inputs and clamped nodes are known and need no measurement."
)


def locality(names: Names, phases: str, stored: str, closing: str = STORED) -> Iterator[Block]:
    """A table of the quantities behind the update of every parameter by ∂E/∂p, and remarks on it."""
    rows = []
    for form in names.derivation.forms:
        for p in form.placement.component.parameters:
            if p.trainable and form.parameter_derivative(p) != 0 and not only_held(names, form, p):
                states = measured_slots(form, p)
                others = form.parameter_derivative(p).free_symbols - set(form.unknowns.values())
                rows.append(Row(form, p, (), states, frozenset(others), (), stored))
    yield from locality_table(names, rows, phases)
    if rows:
        yield Paragraph(closing)
    yield from readout_locality(names)


def readout_locality(names: Names) -> Iterator[Block]:
    """Where the parameters of a readout live."""
    if names.system.readout is not None:
        yield Paragraph(
            "Readout parameters need the output nodes, the readout's value and the target, outside of the system."
        )


def locality_table(names: Names, rows: Sequence[Row], phases: str) -> Iterator[Block]:
    """The table of what is measured, where, in which phases, and what is stored."""
    if rows:
        header = ["Parameter", "Number", "Measured", "Where", "In phases", "Stored per element"]
        yield Table(header, [_row(names, row, phases) for row in rows])


def _row(names: Names, row: Row, phases: str) -> list:
    form, p = row.form, row.parameter
    placement = form.placement
    ports = names.ports(placement)
    symbol = names.parameter(placement.name, p, names.element(placement, ports))
    quantities: list = []
    for x in (*row.beside, *(form.unknowns[slot] for slot in row.states)):
        quantities += [", " if quantities else "", Math(names.rename(x, placement, ports))]
    where = [_place(form, slot.port) for slot in (*row.acted, *row.states)]
    held = {names.rename(s, placement, ports): s for s in row.others}
    for kind, remark in ((Parameter, "own parameter"), (Signal, "input")):
        for e in sorted((e for e, s in held.items() if isinstance(s, kind)), key=str):
            quantities += [", " if quantities else "", Math(e), f" ({remark})"]
    if not row.beside and _only_difference(form, p):
        quantities = [_difference(names, form, ports)]
    number = 1 if p.shared else int(sp.prod(names.system.parameter_shape(placement, p)))
    if p.shared:
        where.append("summed over all elements")
    places = ", ".join(dict.fromkeys(where)) or "–"
    return [Math(symbol), f"{number:,}", quantities or "a constant", places, phases, row.stored]


def _place(form: PlacementForm, port: str | None) -> str:
    if port is None:
        return "inside the element"
    return "the node itself" if len(form.placement.component.ports) == 1 else port


def _only_difference(form: PlacementForm, p: Parameter) -> bool:
    return (reading(form, p) or "").endswith("difference across the element")


def _difference(names: Names, form: PlacementForm, ports) -> Math:
    a, b = form.unknowns.values()
    return Math(names.rename(a - b, form.placement, ports))
