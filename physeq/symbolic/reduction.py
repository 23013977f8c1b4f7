"""Which variables a system has: cyclic coordinates reduced to their rates, node by node, and each equation's order.

A coordinate q is cyclic on a node when no term that touches the node holds q itself, only q̇. Its equation is then one
for x = q̇: C v̇ = −∂R/∂v + F with inertia, the algebraic ∂R/∂v = F without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.graph import Sparse
from physeq.symbolic.component import Component, Slot
from physeq.symbolic.place import Clamp
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import Coordinate, StateSymbol, time
from physeq.symbolic.system import System


class Order(Enum):
    """Order in time of a variable's equation."""

    ALGEBRAIC = 0
    FIRST = 1
    SECOND = 2


@dataclass(frozen=True, eq=False)
class NodeClass:
    """The nodes of a group on which a coordinate has one kind of equation.

    Attributes:
        reduced: whether the equation is one for the rate.
        order: its order in time, for the rate where reduced.
        indices: the nodes (all kinds together cover the group).
    """

    reduced: bool
    order: Order
    indices: np.ndarray


@dataclass(frozen=True, eq=False)
class Variable:
    """An unknown of the reduced system: a coordinate of a group, or its rate.

    Attributes:
        group, coordinate: whose it is; internal coordinates live in a group named after their placement.
        size: number of nodes.
        classes: the kinds of equation on its nodes; more than one where terms differ from node to node.
        internal: whether it lives inside a component.
    """

    group: str
    coordinate: Coordinate
    size: int
    classes: tuple[NodeClass, ...]
    internal: bool

    @property
    def reduced(self) -> bool:
        """Whether the unknown is the rate (on all nodes; `uniform` tells)."""
        return self.classes[0].reduced

    @property
    def uniform(self) -> bool:
        """Whether all nodes have the same unknown."""
        return len({c.reduced for c in self.classes}) == 1

    @property
    def order(self) -> Order:
        """The highest order among its nodes."""
        return max((c.order for c in self.classes), key=lambda o: o.value)

    @property
    def symbol(self) -> StateSymbol:
        """The unknown as a symbol of a node."""
        return self.coordinate.with_order(int(self.reduced))

    @property
    def key(self) -> str:
        """The unknown's key in `state[group]`."""
        return self.coordinate.key(int(self.reduced))


def touched(system: System, placement: Placement, port: int) -> np.ndarray:
    """Mask of the nodes of the group at a port that some instance touches."""
    size = system.sizes(placement)[port]
    mask = np.zeros(size, bool)
    if isinstance(placement.pattern, Sparse):
        mask[placement.pattern.indices[:, port]] = True
    else:
        mask[:] = system.count(placement) > 0
    return mask


def _uses(component: Component, slot: Slot) -> dict[str, bool]:
    q, rate = component.symbol(slot), component.symbol(slot, 1)
    holds = [
        component.kinetic,
        component.potential,
        component.dissipation,
        *component.force.values(),
        *component.constraint,
    ]
    ends = [end for s, interval in component.bounds.items() if s == q for end in interval]
    return {
        "value": any(e.has(q) for e in holds) or bool(ends),
        "inertia": component.kinetic.has(rate),
        "friction": component.dissipation.has(rate),
        "rate": any(e.has(rate) for e in (*component.force.values(), *component.constraint))
        or rate in component.bounds,
        "force": q in component.force,
    }


def _slots(system: System) -> Iterator[tuple[Placement, Slot]]:
    for placement in system.placements:
        for slot in placement.component.slots:
            yield placement, slot


def variables(system: System) -> tuple[Variable, ...]:
    """The unknowns of a system, groups in order, then internal coordinates.

    Raises:
        ModelError: a group without any term, or a node that only receives forces and has nothing to balance them.
    """
    sizes = {g.name: g.size for g in system.topology.groups}
    sizes |= {p.name: system.count(p) for p in system.placements if p.component.internal}
    uses: dict[tuple[str, Coordinate], dict[str, np.ndarray]] = {}
    internal = set()
    for placement, slot in _slots(system):
        group = placement.group_of(slot.port)
        entry = uses.setdefault(
            (group, slot.coordinate),
            {k: np.zeros(sizes[group], bool) for k in ("value", "inertia", "friction", "rate", "force")},
        )
        if slot.port is None:
            internal.add((group, slot.coordinate))
            mask = np.ones(sizes[group], bool)
        else:
            mask = touched(system, placement, placement.component.ports.index(slot.port))
        for name, used in _uses(placement.component, slot).items():
            if used:
                entry[name] |= mask
    names: dict[tuple[str, str], Coordinate] = {}
    for group, coordinate in uses:
        other = names.setdefault((group, coordinate.name), coordinate)
        if other != coordinate:
            raise ModelError(
                f"group {group!r}: coordinate {coordinate.name!r} is declared twice, with start {other.start} and "
                f"{coordinate.start} or another rate; declare it once and use it in all components"
            )
    for declared in system.topology.groups:
        if not any(g == declared.name for g, _ in uses):
            raise ModelError(
                f"group {declared.name!r} takes part in no term; give its nodes a component or remove the group"
            )
    order = {name: i for i, name in enumerate(sizes)}
    return tuple(
        Variable(
            group, coordinate, sizes[group], _classes(system, group, coordinate, use), (group, coordinate) in internal
        )
        for (group, coordinate), use in sorted(uses.items(), key=lambda item: (order[item[0][0]], item[0][1].name))
    )


def _classes(system: System, group: str, coordinate: Coordinate, use: dict[str, np.ndarray]) -> tuple[NodeClass, ...]:
    value, inertia, friction = use["value"], use["inertia"], use["friction"]
    reduced = ~value & (inertia | friction | use["rate"])
    order = np.where(reduced, inertia * 1, np.where(inertia, 2, friction * 1))
    lonely = ~(value | inertia | friction | use["rate"])
    held = clamped_mask(system, group, coordinate)
    if np.any(lonely & ~held) and group in {g.name for g in system.topology.groups}:
        index = int(np.flatnonzero(lonely & ~held)[0])
        raise ModelError(
            f"node {system.label(group, index)!r} of group {group!r} is floating: no energy or dissipation holds its "
            f"coordinate {coordinate}; connect it, ground it or remove it"
        )
    # A node that is held needs no equation; it follows the free nodes of its group.
    codes = 2 * order + reduced
    free = codes[~held]
    if free.size:
        values, counts = np.unique(free, return_counts=True)
        codes = np.where(held, values[np.argmax(counts)], codes)
    return tuple(
        NodeClass(bool(code % 2), Order(int(code) // 2), np.flatnonzero(codes == code))
        for code in np.unique(codes)[::-1]
    )


def clamped_mask(system: System, group: str, coordinate: Coordinate | None = None) -> np.ndarray:
    """Mask of the nodes of a group that a ground, a fixed value or a clamped input holds (in that coordinate)."""
    names = {g.name: g.size for g in system.topology.groups}
    if group not in names:
        return np.zeros(system.count(system.placement(group)), bool)  # inside a component
    mask = np.zeros(names[group], bool)
    held = [nodes for nodes, _ in system.fixed]
    for entry in system.inputs:
        if not isinstance(entry.kind, Clamp) or entry.nodes is None:
            continue
        wanted = entry.kind.coordinate
        if coordinate is None or wanted is None or wanted in (coordinate.name, coordinate.key(1)):
            held.append(entry.nodes)
    for nodes in held:
        for part in nodes.parts:
            if part.group == group:
                mask[part.indices] = True
    return mask


def motion_terms(component: Component, slot: Slot) -> dict[str, sp.Expr]:
    """The terms of the Euler–Lagrange–Rayleigh equation that a component adds at one slot.

    d/dt ∂T/∂q̇ ("inertial") − ∂T/∂q + ∂V/∂q ("conservative") + ∂R/∂q̇ ("dissipative") = F ("force") + λ terms
    ("constraint": a list of (k, ∂g_k/∂q), or ∂g_k/∂q̇ for rate constraints). Inertia that changes in time by itself adds
    ∂²T/∂t∂q̇ to the first.

    >>> from physeq.symbolic.component import Node
    >>> from physeq.symbolic.symbols import coordinate, parameter
    >>> q, m, k = coordinate("q"), parameter("m", positive=True), parameter("k", positive=True)
    >>> mass = Node("mass", kinetic=m * q.dot**2 / 2, potential=k * q**2 / 2)
    >>> terms = motion_terms(mass, mass.slots[0])
    >>> terms["inertial"], terms["conservative"]
    (m*q.dot.dot, q*k)
    """
    q, rate = component.symbol(slot), component.symbol(slot, 1)
    momentum = sp.diff(component.kinetic, rate)
    inertial = sum(
        (
            sp.diff(momentum, component.symbol(other, order)) * component.symbol(other, order + 1)
            for other in component.slots
            for order in (0, 1)
        ),
        sp.diff(momentum, time),
    )
    return {
        "inertial": inertial,
        "conservative": sp.diff(component.potential - component.kinetic, q),
        "dissipative": sp.diff(component.dissipation, rate),
        "force": component.force.get(q, sp.S.Zero),
        "constraint": [
            (k, sp.diff(g, rate if any(isinstance(s, StateSymbol) and s.order for s in g.free_symbols) else q))
            for k, g in enumerate(component.constraint)
        ],
    }
