"""Motion in mass-matrix form, M ẏ = f(t, y): which unknowns a moving system has, per coordinate of each group.

d/dt ∂L/∂q̇ − ∂L/∂q + ∂R/∂q̇ = F + λ ∂g/∂q becomes, coordinate by coordinate, one of

    static        0 = −∂V/∂q + F                              q alone
    first order   D q̇ = −∂V/∂q + F, D = ∂²R/∂q̇²              q alone, R quadratic
    reduced       M v̇ = −∂R/∂v + F, v = q̇                    q itself in no term, and q̇ has a name (a voltage)
    second order  q̇ = w, M ẇ = −∂V/∂q − ∂R/∂w + …            q and w; M may vanish where nothing has inertia

Where the inertia depends on the state, or a constraint is differentiated, accelerations a join the unknowns: ẇ = a and
0 = f − M(q) a, so that the matrix before ẏ stays constant. Rows without mass are algebraic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import sympy as sp

from physeq.symbolic.component import Component, Slot
from physeq.symbolic.placing import Placement
from physeq.symbolic.reduction import Variable, clamped_mask, variables
from physeq.symbolic.symbols import Coordinate, StateSymbol, time
from physeq.symbolic.system import System


class MotionKind(Enum):
    """The kind of equation of a coordinate."""

    STATIC = "static"
    FIRST = "first order"
    REDUCED = "reduced"
    SECOND = "second order"


@dataclass(frozen=True, eq=False)
class MotionVariable:
    """A coordinate of a group in motion.

    Attributes:
        variable: the coordinate, where it lives, its size.
        kind: its kind of equation.
        accelerated: whether its acceleration (v̇ where reduced) is an unknown of its own.
        inertia: whether some term gives it inertia.
    """

    variable: Variable
    kind: MotionKind
    accelerated: bool
    inertia: bool

    @property
    def orders(self) -> tuple[int, ...]:
        """Orders of the time derivatives that are unknowns: 0 for q, 1 for q̇, 2 for q̈."""
        base = {MotionKind.STATIC: (0,), MotionKind.FIRST: (0,), MotionKind.REDUCED: (1,), MotionKind.SECOND: (0, 1)}
        return (*base[self.kind], 2) if self.accelerated else base[self.kind]

    @property
    def balance(self) -> int:
        """The unknown whose row is the balance of forces; rows of lower ones say that ẏ is the next unknown."""
        return self.orders[-1]


def constant_inertia(component: Component, slot: Slot) -> bool:
    """Whether ∂²T/∂q̇∂q̇′ of a slot with every other is free of states and time."""
    momentum = sp.diff(component.kinetic, component.symbol(slot, 1))
    return not any(
        isinstance(s, StateSymbol) or s == time
        for other in component.slots
        for s in sp.diff(momentum, component.symbol(other, 1)).free_symbols
    )


def constraint_slots(component: Component, g: sp.Expr) -> tuple[tuple[Slot, ...], bool]:
    """The slots whose coordinate or rate stands in a constraint, and whether it is one on rates."""
    states = [s for s in g.free_symbols if isinstance(s, StateSymbol)]
    rates = any(s.order for s in states)
    return tuple(dict.fromkeys(component.slot(s) for s in sorted(states, key=str))), rates


def _friction_is_plain(component: Component, slot: Slot) -> bool:
    """Whether R is quadratic in all its rates with coefficients free of states, and nothing else holds the rate."""
    rate = component.symbol(slot, 1)
    rates = [component.symbol(s, 1) for s in component.slots]
    slope = sp.diff(component.dissipation, rate)
    for other in rates:
        if any(isinstance(s, StateSymbol) or s == time for s in sp.diff(slope, other).free_symbols):
            return False
    return not any(e.has(rate) for e in (*component.force.values(), *component.constraint, component.kinetic))


def motion_variables(system: System) -> dict[tuple[str, Coordinate], MotionVariable]:
    """The kind of equation of every coordinate of a system.

    Raises:
        ModelError: as `variables`: a group without terms, a node that nothing holds.

    >>> import physeq as pq
    >>> net = pq.System.from_graph(
    ...     pq.graph.from_edges([0], [1], size=2).to_networkx(), edges=pq.electrical.resistor(), ground=0,
    ...     nodes=pq.electrical.capacitor_to_ground(1e-6))
    >>> [v.kind.value for v in motion_variables(net).values()]
    ['reduced']
    """
    found = {(v.group, v.coordinate): v for v in variables(system)}
    touching: dict[tuple[str, Coordinate], list[tuple[Component, Slot]]] = {key: [] for key in found}
    for placement, slot in placed_slots(system):
        touching[placement.group_of(slot.port), slot.coordinate].append((placement.component, slot))

    kinds, inertia = {}, {}
    for key, v in found.items():
        inertia[key] = any(c.kinetic.has(c.symbol(s, 1)) for c, s in touching[key])
        kinds[key] = _kind(system, v, touching[key], inertia[key])
    accelerated = {k for k, uses in touching.items() if any(not constant_inertia(c, slot) for c, slot in uses)}
    for placement in system.placements:
        for g in placement.component.constraint:
            keys = {(placement.group_of(s.port), s.coordinate) for s in constraint_slots(placement.component, g)[0]}
            # A constraint among coordinates with inertia is differentiated until their accelerations stand in it.
            if all(inertia[k] and kinds[k] is MotionKind.SECOND for k in keys):
                accelerated |= keys
    # T joins rates: where the row of one holds accelerations, those of the others are unknowns as well.
    grown = True
    while grown:
        grown = False
        for placement in system.placements:
            slots = [
                s
                for s in placement.component.slots
                if placement.component.kinetic.has(placement.component.symbol(s, 1))
            ]
            keys = {(placement.group_of(s.port), s.coordinate) for s in slots}
            if keys & accelerated and not keys <= accelerated:
                accelerated |= keys
                grown = True
    return {key: MotionVariable(v, kinds[key], key in accelerated, inertia[key]) for key, v in found.items()}


def placed_slots(system: System) -> Iterator[tuple[Placement, Slot]]:
    """Every slot of every placed component."""
    for placement in system.placements:
        for slot in placement.component.slots:
            yield placement, slot


def _kind(system: System, v: Variable, uses: list[tuple[Component, Slot]], inertia: bool) -> MotionKind:
    free = ~clamped_mask(system, v.group, v.coordinate)
    reduced = [c.reduced for c in v.classes if free[c.indices].any()] or [v.reduced]
    # A rate with a name of its own is what one wants to know (a voltage); of a free mass it is the position.
    if all(reduced) and (v.internal or v.coordinate.rate_name is not None):
        return MotionKind.REDUCED
    rates = any(
        e.has(c.symbol(s, 1)) for c, s in uses for e in (c.kinetic, c.dissipation, *c.force.values(), *c.constraint)
    )
    if not inertia and not rates:
        return MotionKind.STATIC
    held_by = any(s in constraint_slots(c, g)[0] for c, s in uses for g in c.constraint)
    if not inertia and not held_by and all(_friction_is_plain(c, s) for c, s in uses):
        return MotionKind.FIRST
    return MotionKind.SECOND


def total_derivative(expression: sp.Expr, component: Component) -> sp.Expr:
    """d/dt of an expression along the motion, in the component's symbols of one order more."""
    result = sp.diff(expression, time)
    for slot in component.slots:
        for order in (0, 1):
            symbol = component.symbol(slot, order)
            if expression.has(symbol):
                result += sp.diff(expression, symbol) * component.symbol(slot, order + 1)
    return result
