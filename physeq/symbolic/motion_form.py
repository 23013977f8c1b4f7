"""The rows that one placed component adds to M ẏ = f(t, y), derived once per kind, in its own port symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.component import Component, Slot
from physeq.symbolic.motion import MotionKind, MotionVariable, constraint_slots, total_derivative
from physeq.symbolic.placing import Placement
from physeq.symbolic.reduction import motion_terms
from physeq.symbolic.symbols import Coordinate, LocalSymbol, StateSymbol, local_symbol, time

Unknown = tuple[Slot, int] | int  # (slot, order of the derivative), or the number of a constraint: its multiplier


@dataclass(frozen=True, eq=False)
class MotionForm:
    """What one placed component adds to the equations of motion.

    Attributes:
        placement: what and where.
        symbols: {symbol: the unknown that it stands for}, of everything that rows hold.
        rows: {unknown whose row it is: what is added to f there}.
        mass: {(row's unknown, column's unknown): what is added to M}.
        eliminated: {symbol: its value}, algebraic unknowns inside the component that its own rows give.
        owned: the unknowns inside the component that stay, whose rows it writes whole.
        drift: {number of a differentiated constraint: (g, ġ or None)}, what has to stay zero.
        flow: {slot at a port: the generalised force (current) that leaves the node into the component}, accelerations
            included.
        energy, dissipated, supplied: q̇·∂T/∂q̇ − T + V, q̇·∂R/∂q̇ and the power of forces and constraints.
    """

    placement: Placement
    symbols: Mapping[sp.Symbol, Unknown]
    rows: Mapping[Unknown, sp.Expr]
    mass: Mapping[tuple[Unknown, Unknown], sp.Expr]
    eliminated: Mapping[sp.Symbol, sp.Expr]
    owned: tuple[Unknown, ...]
    drift: Mapping[int, tuple[sp.Expr, sp.Expr | None]]
    flow: Mapping[Slot, sp.Expr]
    energy: sp.Expr
    dissipated: sp.Expr
    supplied: sp.Expr


def multiplier(k: int, count: int) -> LocalSymbol:
    """The multiplier of a component's k-th constraint."""
    tail = str(k) if count > 1 else ""
    return local_symbol(f"multiplier{tail}", rf"\lambda_{{{tail}}}" if tail else r"\lambda", "constraint's multiplier")


def motion_form(placement: Placement, variables: Mapping[tuple[str, Coordinate], MotionVariable]) -> MotionForm:
    """Derive the rows of one placed component.

    Raises:
        ModelError: a constraint that joins coordinates with inertia and without.
    """
    component = placement.component
    own = {slot: variables[placement.group_of(slot.port), slot.coordinate] for slot in component.slots}
    multipliers = [multiplier(k, len(component.constraint)) for k in range(len(component.constraint))]

    rows: dict[Unknown, sp.Expr] = {}
    mass: dict[tuple[Unknown, Unknown], sp.Expr] = {}
    flow: dict[Slot, sp.Expr] = {}
    for slot, v in own.items():
        terms = motion_terms(component, slot)
        pushed = terms["force"] + sum((multipliers[k] * a for k, a in terms["constraint"]), sp.S.Zero)
        flow[slot] = terms["inertial"] + terms["conservative"] + terms["dissipative"] - pushed
        rest, columns = _without_mass(component, slot, own, terms)
        rows[slot, v.balance] = pushed - terms["conservative"] - rest
        mass.update({((slot, v.balance), column): entry for column, entry in columns.items()})
        if slot.port is None:
            for order in v.orders[:-1]:
                rows[slot, order] = component.symbol(slot, order + 1)
                mass[(slot, order), (slot, order)] = sp.S.One
    drift = {}
    for k, g in enumerate(component.constraint):
        chain = _differentiated(component, g, own)
        rows[k] = chain[-1]
        if len(chain) > 1:
            # On rates g is the velocity's constraint; on coordinates g the position's and ġ the velocity's.
            drift[k] = (chain[0], chain[1] if len(chain) > 2 else None)

    symbols: dict[sp.Symbol, Unknown] = {
        component.symbol(slot, order): (slot, order) for slot, v in own.items() for order in v.orders
    }
    symbols |= dict(zip(multipliers, range(len(multipliers)), strict=True))
    inside = [u for u in symbols.values() if isinstance(u, int) or u[0].port is None]
    eliminated = _eliminate(symbols, rows, mass, inside)
    gone = {symbols[s] for s in eliminated}
    rows = {u: r.subs(eliminated) for u, r in rows.items() if u not in gone}
    rates = [(component.symbol(s, 1), s) for s in component.slots]
    power = sum((component.force.get(component.symbol(s), 0) * q for q, s in rates), sp.S.Zero)
    power += sp.diff(component.potential - component.kinetic, time)  # energies that change in time by themselves
    for k, g in enumerate(component.constraint):
        # On the constraint λ ∂g/∂q̇·q̇ is −λ times what g is without rates, and λ ∂g/∂q·q̇ is −λ ∂g/∂t.
        still = g.subs({q: 0 for q, _ in rates}) if constraint_slots(component, g)[1] else sp.diff(g, time)
        power -= multipliers[k] * still
    return MotionForm(
        placement,
        {s: u for s, u in symbols.items() if u not in gone},
        {u: r for u, r in rows.items() if r != 0},
        {pair: entry for pair, entry in mass.items() if entry != 0},
        eliminated,
        tuple(u for u in inside if u not in gone),
        drift,
        {slot: e.subs(eliminated) for slot, e in flow.items() if slot.port is not None},
        (sum((q * sp.diff(component.kinetic, q) for q, _ in rates), sp.S.Zero) - component.kinetic
         + component.potential).subs(eliminated),
        sum((q * sp.diff(component.dissipation, q) for q, _ in rates), sp.S.Zero).subs(eliminated),
        power.subs(eliminated),
    )  # fmt: skip


def _without_mass(component: Component, slot: Slot, own: Mapping[Slot, MotionVariable], terms: dict):
    """(inertia and friction that stay on the right-hand side, {column's unknown: entry of M}) of a slot's balance."""
    v = own[slot]
    columns: dict[Unknown, sp.Expr] = {}
    if v.kind is MotionKind.FIRST:
        slope = terms["dissipative"]
        still = {component.symbol(s, 1): 0 for s in component.slots}
        for other in component.slots:
            columns[other, 0] = sp.diff(slope, component.symbol(other, 1))
        return slope.subs(still), columns
    rest = terms["inertial"] + terms["dissipative"]
    if not v.accelerated:
        momentum = sp.diff(component.kinetic, component.symbol(slot, 1))
        for other, w in own.items():
            entry = sp.diff(momentum, component.symbol(other, 1))
            if entry != 0:
                column = 1 if w.kind in (MotionKind.REDUCED, MotionKind.SECOND) else 0
                columns[other, column] = entry
                rest -= entry * component.symbol(other, 2)
    return sp.expand(rest) if rest.has(*[component.symbol(s, 2) for s in component.slots]) else rest, columns


def _differentiated(component: Component, g: sp.Expr, own: Mapping[Slot, MotionVariable]) -> list[sp.Expr]:
    """[g, ġ, …]: a constraint and its derivatives, as many as make the equations of index 1."""
    slots, on_rates = constraint_slots(component, g)
    moving = [own[s].inertia and own[s].kind is MotionKind.SECOND for s in slots]
    if on_rates:
        return [g, total_derivative(g, component)] if slots and all(moving) else [g]
    if all(own[s].kind is MotionKind.STATIC for s in slots):
        return [g]
    if any(moving) and not all(moving):
        odd = next(s for s, m in zip(slots, moving, strict=True) if not m)
        raise ModelError(
            f"component {component.name!r}: constraint {g} = 0 joins coordinates with inertia and without "
            f"({odd.coordinate} at {odd.port or 'the component itself'} has none); give it a mass"
        )
    rate = total_derivative(g, component)
    return [g, rate, total_derivative(rate, component)] if all(moving) else [g, rate]


def _eliminate(symbols: Mapping[sp.Symbol, Unknown], rows: Mapping, mass: Mapping, inside: list[Unknown]) -> dict:
    """The algebraic unknowns inside a component, where its own rows are linear in them and give all of them.

    An inductor's rate and multiplier, for example: from −ψ/L + λ = 0 and ψ̇ − (v_source − v_target) = 0.
    """
    weighty = {row for row, _ in mass}
    algebraic = [u for u in inside if u not in weighty and u in rows]
    by_unknown = {u: s for s, u in symbols.items()}
    wanted = [by_unknown[u] for u in algebraic]
    if not wanted:
        return {}
    matrix = sp.Matrix([[sp.diff(rows[u], s) for s in wanted] for u in algebraic])
    if any(entry.free_symbols & set(wanted) for entry in matrix):
        return {}
    determinant = sp.simplify(matrix.det())
    if not determinant.is_nonzero:
        return {}
    zero = dict.fromkeys(wanted, 0)
    right = sp.Matrix([-rows[u].subs(zero) for u in algebraic])
    solved = matrix.LUsolve(right)
    return {s: sp.simplify(e) for s, e in zip(wanted, solved, strict=True)}


def shift_force(form: MotionForm) -> dict[Coordinate, sp.Expr]:
    """{coordinate: the sum of a component's forces on it over all ports}; zero keeps the total momentum."""
    total: dict[Coordinate, sp.Expr] = {}
    for slot, flow in form.flow.items():
        accelerations = {s: 0 for s in flow.free_symbols if isinstance(s, StateSymbol) and s.order == 2}
        total[slot.coordinate] = total.get(slot.coordinate, sp.S.Zero) - flow.subs(accelerations)
    return total
