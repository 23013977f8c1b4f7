"""What a learning rule measures, at which nodes, in which phases, and how much each element must remember."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from physeq.report._naming import Names
from physeq.report.document import Block, Math, Paragraph, Table
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


def locality(names: Names, measured) -> Iterator[Block]:
    """A table of the quantities behind each update."""
    rows = []
    phases = " and ".join(m.name for m in measured)
    for form in names.derivation.forms:
        for p in form.placement.component.parameters:
            if p.trainable and form.parameter_derivative(p) != 0 and not only_held(names, form, p):
                rows.append(_row(names, form, p, phases, len(measured)))
    if rows:
        header = ["Parameter", "Number", "Measured", "Where", "In phases", "Stored per element"]
        yield Table(header, rows)
        yield Paragraph(
            "Stored: the measured number of each phase but the last, until the last one is over; batches add to it. "
            "Inputs and clamped nodes are known and need no measurement."
        )
    if names.system.readout is not None:
        yield Paragraph(
            "Readout parameters need the output nodes, the readout's value and the target, outside of the system."
        )


def _row(names: Names, form: PlacementForm, p: Parameter, phases: str, count: int) -> list:
    placement = form.placement
    ports = names.ports(placement)
    element = names.element(placement, ports)
    symbol = names.parameter(placement.name, p, element)
    where: list = []
    quantities: list = []
    for slot in measured_slots(form, p):
        quantities += [", " if quantities else "", Math(names.rename(form.unknowns[slot], placement, ports))]
        where.append(_place(form, slot.port))
    held = {names.rename(s, placement, ports): s for s in form.parameter_derivative(p).free_symbols}
    own = [e for e, s in held.items() if isinstance(s, Parameter)]
    signals = [e for e, s in held.items() if isinstance(s, Signal)]
    for e in sorted(own, key=str):
        quantities += [", " if quantities else "", Math(e), " (own parameter)"]
    for e in sorted(signals, key=str):
        quantities += [", " if quantities else "", Math(e), " (input)"]
    if _only_difference(form, p):
        quantities = [_difference(names, form, ports)]
    number = 1 if p.shared else int(sp.prod(names.system.parameter_shape(placement, p)))
    stored = f"{count - 1} number{'s' if count != 2 else ''}"
    if p.shared:
        where.append("summed over all elements")
    return [
        Math(symbol),
        f"{number:,}",
        quantities or "a constant",
        ", ".join(dict.fromkeys(where)) or "–",
        phases,
        stored,
    ]


def _place(form: PlacementForm, port: str | None) -> str:
    if port is None:
        return "inside the element"
    return "the node itself" if len(form.placement.component.ports) == 1 else port


def _only_difference(form: PlacementForm, p: Parameter) -> bool:
    return (reading(form, p) or "").endswith("difference across the element")


def _difference(names: Names, form: PlacementForm, ports) -> Math:
    a, b = form.unknowns.values()
    return Math(names.rename(a - b, form.placement, ports))
