"""A page's section on integration: the mass-matrix form, what is eliminated, starts, Hamiltonian form, invariants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from physeq.errors import ModelError
from physeq.report._assemble import at_node, tidy, total
from physeq.report._naming import Names
from physeq.report._words import raised, word
from physeq.report.document import Block, Bullets, Equation, Inline, Math, Paragraph, Section, Table
from physeq.symbolic.motion import MotionKind, MotionVariable
from physeq.symbolic.motion_form import MotionForm, multiplier
from physeq.symbolic.motion_structure import MotionStructure, motion_structure
from physeq.symbolic.symbols import Coordinate

_SAID = {
    MotionKind.STATIC: "algebraic: balances at every instant",
    MotionKind.FIRST: "first order: friction against force",
    MotionKind.REDUCED: "first order, for the rate",
    MotionKind.SECOND: "second order",
}


def in_time(names: Names) -> list[Section]:
    """The section, where a system does more than relax."""
    try:
        structure = motion_structure(names.system)
    except ModelError as error:
        return [Section("Integration in time", [Paragraph(f"Not possible as declared: {error}.")])]
    if not structure.moves:
        return []
    blocks: list[Block] = [
        Paragraph(
            "Integrated as M ẏ = f(t, y) with a matrix M that does not change in time; rows of M without entries are "
            "algebraic equations. The unknowns y:"
        ),
        Table(["Where", "Unknowns", "Equation"], list(_unknowns(names, structure))),
        *_eliminated(names, structure),
        *_differentiated(names, structure),
        _start(names, structure),
        *_hamiltonian(names, structure),
        *_kept(names, structure),
    ]
    return [Section("Integration in time", blocks)]


def _unknowns(names: Names, structure: MotionStructure) -> Iterator[list]:
    index = names.index(0)
    for (group, coordinate), v in structure.variables.items():
        if v.variable.internal:
            continue
        symbols = _joined([names.state(group, coordinate, order, (index,)) for order in v.orders])
        yield [f"nodes of {group}", symbols, _equation(v)]
    for form in structure.forms:
        placement = form.placement
        ports = names.ports(placement)
        component = placement.component
        states = [component.symbol(u[0], u[1]) for u in form.owned if not isinstance(u, int)]
        forces = [names.multiplier(placement, u) for u in form.owned if isinstance(u, int)]
        if states:
            shown = _joined([names.rename(s, placement, ports) for s in states])
            yield [f"inside each {component.name} of {placement.name}", shown, "a state of its own"]
        if forces:
            shown = _joined([names.rename(s, placement, ports) for s in forces])
            yield [f"constraint of each {component.name} of {placement.name}", shown, "algebraic"]


def _equation(v: MotionVariable) -> str:
    text = _SAID[v.kind]
    if v.kind in (MotionKind.REDUCED, MotionKind.SECOND) and not v.inertia:
        text = "algebraic: nothing has inertia"
    return text + (", with accelerations as unknowns" if v.accelerated else "")


def _joined(expressions: list[sp.Expr]) -> list[Inline | str]:
    found: list = []
    for expression in expressions:
        found += [", "] if found else []
        found.append(Math(expression))
    return found


def _eliminated(names: Names, structure: MotionStructure) -> Iterator[Block]:
    for form in structure.forms:
        if not form.eliminated:
            continue
        placement, ports = form.placement, names.ports(form.placement)
        yield Paragraph(
            f"Inside each {placement.component.name} of {placement.name} its own equations give, so that these are no "
            "unknowns:"
        )
        for symbol, value in form.eliminated.items():
            left = names.rename(_page_symbol(names, form, symbol), placement, ports)
            yield Equation(left, names.rename(tidy(value), placement, ports))


def _page_symbol(names: Names, form: MotionForm, symbol: sp.Symbol) -> sp.Symbol:
    count = len(form.placement.component.constraint)
    for k in range(count):
        if symbol == multiplier(k, count):
            return names.multiplier(form.placement, k)
    return symbol


def _differentiated(names: Names, structure: MotionStructure) -> Iterator[Block]:
    for form in structure.forms:
        for start, rate in form.drift.values():
            placement, ports = form.placement, names.ports(form.placement)
            times = "twice" if rate is not None else "once"
            yield Paragraph(
                [
                    f"The constraint of {placement.name} is differentiated {times}, which makes the equations of index "
                    "1; after every step the state is projected back onto ",
                    Math(names.rename(tidy(start), placement, ports)),
                    " = 0" + (" and its first derivative." if rate is not None else "."),
                ]
            )


def _start(names: Names, structure: MotionStructure) -> Block:
    index = names.index(0)
    given: list[sp.Expr] = []
    for (group, coordinate), v in structure.variables.items():
        if v.variable.internal:
            continue
        if v.kind in (MotionKind.FIRST, MotionKind.SECOND):
            given.append(names.state(group, coordinate, 0, (index,)))
        if v.inertia:
            given.append(names.state(group, coordinate, 1, (index,)))
    for form in structure.forms:
        component, ports = form.placement.component, names.ports(form.placement)
        moving = {row for row, _ in form.mass}
        for u in form.owned:
            if not isinstance(u, int) and u in moving:
                given.append(names.rename(component.symbol(u[0], u[1]), form.placement, ports))
    if not given:
        return Paragraph("Nothing has a start of its own: every equation is algebraic.")
    rest = " where there is inertia" if any(v.inertia for v in structure.variables.values()) else ""
    return Paragraph(
        [
            "A start gives ",
            *_joined(list(dict.fromkeys(given))),
            f"{rest}; all else follows from the algebraic equations.",
        ]
    )


def _hamiltonian(names: Names, structure: MotionStructure) -> Iterator[Block]:
    if structure.not_hamiltonian is not None:
        yield Paragraph(f"No Hamiltonian form is derived: {structure.not_hamiltonian}.")
        return
    kind = (
        "It is separable, T(p) + V(q): explicit symplectic steps (StormerVerlet, BlanesMoan) keep its geometry."
        if structure.separable
        else "The inertia depends on the positions, so that it is not separable: symplectic steps are implicit "
        "(ImplicitMidpoint, GaussLegendre)."
    )
    yield Paragraph(
        f"The Legendre transform of the kinetic energy gives a Hamiltonian, H = p·q̇ − L = T + V. {kind} Momenta:"
    )
    for (group, coordinate), v in structure.variables.items():
        symbol = momentum(names, group, coordinate, (names.index(0),))
        terms = at_node(names, v.variable, None, lambda p, s: sp.diff(p.component.kinetic, p.component.symbol(s, 1)))
        yield Equation(symbol, sp.Add(*terms))


def momentum(names: Names, group: str, coordinate: Coordinate, at: Sequence[sp.Symbol]) -> sp.Expr:
    """p_i, the momentum of a coordinate of a group."""
    groups = {v.group for v in names.derivation.variables.values()}
    where = f", group {group}" if len(groups) > 1 else ""
    several = len(names.derivation.group_variables(group)) > 1
    if not where:
        bases = [raised("p", coordinate.latex_name)] if several else ["p", raised("p", coordinate.latex_name)]
    else:
        bases = [raised("p", rf"{coordinate.latex_name},{word(group)}" if several else word(group))]
    meaning = f"momentum of {coordinate.name}{where}"
    return names.quantity(f"momentum of {group}.{coordinate.name}", bases, meaning, at)


def _kept(names: Names, structure: MotionStructure) -> Iterator[Block]:
    items: list = []
    driven = bool(names.system.inputs)
    if not structure.dissipates and not structure.supplied and structure.autonomous and not driven:
        declared = ((f.placement.component, f.energy) for f in structure.forms)
        # Terms linear in the velocities are in T and not in the energy.
        plain = all(sp.expand(energy - c.kinetic - c.potential) == 0 for c, energy in declared)
        items.append(f"The energy {'T + V' if plain else 'q̇·∂T/∂q̇ − T + V'} is kept.")
    for name in () if driven else structure.cyclic:
        items.append(f"The total momentum of {name} is kept: a common shift changes no force.")
    if items:
        yield Bullets(items)
    heat = [f for f in structure.forms if f.dissipated != 0]
    if heat:
        parts = [total(names, f.dissipated, f.placement) for f in heat]
        yield Paragraph("Power that turns into heat, Σ q̇·∂R/∂q̇ (twice R only where R is quadratic):")
        yield Equation(
            names.quantity("heat", ["P", r"\mathcal{P}"], "power turned into heat", unit="W"), sp.Add(*parts)
        )
