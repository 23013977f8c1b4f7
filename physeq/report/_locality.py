"""What a learning rule measures, at which nodes, in which phases, and how much each element must remember."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from physeq.report._naming import Names
from physeq.report._reading import only_difference
from physeq.report.document import Block, Math, Paragraph, Table
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.symbols import Parameter, Signal


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
    unknowns = list(form.unknowns.values())
    component = form.placement.component
    if len(unknowns) != 2 or component.internal:
        return False
    return only_difference(component, form.parameter_derivative(p), unknowns)


def _difference(names: Names, form: PlacementForm, ports) -> Math:
    a, b = form.unknowns.values()
    return Math(names.rename(a - b, form.placement, ports))
