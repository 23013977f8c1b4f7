"""Quantities of a motion by name: unknowns, currents and drops of elements, energies, and what was eliminated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, FormPrograms
from physeq.compile.motion_layout import Block, MotionLayout
from physeq.compile.printer import Program
from physeq.errors import InternalError, ModelError

TOTALS = ("energy", "dissipated", "supplied")


@dataclass(frozen=True, eq=False)
class Quantity:
    """A named quantity of a motion.

    Attributes:
        name: the name that was asked for.
        unit: its unit, "" where unknown.
        block: for unknowns, where they stand.
        programs, expression: for what elements have, the expression per instance.
        index: the one entry or instance that is meant, None for all of them.
        total: whether instances of all forms are summed (`TOTALS`).
    """

    name: str
    unit: str = ""
    block: Block | None = None
    programs: FormPrograms | None = None
    expression: sp.Expr | None = None
    index: int | None = None
    total: bool = False

    @property
    def needs_rates(self) -> bool:
        """Whether its expression holds derivatives that are no unknowns."""
        if self.programs is None or self.expression is None:
            return self.total
        return any(getattr(s, "order", 0) for s in self.expression.free_symbols - set(self.programs.entries))


def quantity(bound: BoundMotion, name: str) -> Quantity:
    """What a name means.

    `"node.v"`, `"group.v"`, `"element.psi"`: unknowns of one node or element, or of all of a group or bundle.
    `"R1.i"`, `"R1.v"`: the current (force) that leaves the source node into an element, and the drop
    x_source − x_target of its unknown; `"M1.drain.i"`: the current that leaves the node at a named port. `"R1.power"`,
    `"R1.energy"`: q̇·∂R/∂q̇ and the stored energy. `"energy"`, `"dissipated"`, `"supplied"`: totals of the system.

    Raises:
        ModelError: nothing has that name; the message lists near ones.
    """
    # One object per name, so that programs compiled for it are found again.
    cache: dict[str, Quantity] = bound.layout.__dict__.setdefault("named quantities", {})
    if name not in cache:
        cache[name] = _quantity(bound, name)
    return cache[name]


def _quantity(bound: BoundMotion, name: str) -> Quantity:
    if name in TOTALS:
        return Quantity(name, "", total=True)
    layout = bound.layout
    owner, _, key = name.rpartition(".")
    for group, index in _owners(layout, owner):
        for block in layout.blocks.values():
            if block.owner == group and block.key == key:
                return Quantity(name, block.unit, block=block, index=index)
        programs = next((p for p in bound.motion.programs if p.form.placement.name == group), None)
        if programs is not None and (found := _expression(programs, key)) is not None:
            return Quantity(name, found[1], programs=programs, expression=found[0], index=index)
    port_owner, _, port = owner.rpartition(".")
    for group, index in _owners(layout, port_owner):
        programs = next((p for p in bound.motion.programs if p.form.placement.name == group), None)
        if key == "i" and programs is not None and port in programs.form.placement.component.ports:
            flows = [e for s, e in programs.form.flow.items() if s.port == port]
            if len(flows) == 1:
                return Quantity(name, "", programs=programs, expression=flows[0], index=index)
    known = names(bound)
    near = get_close_matches(name, known, 3, 0.4) or known[:8]
    raise ModelError(f"no quantity is named {name!r}; there are, for example, {', '.join(near)}")


def names(bound: BoundMotion) -> list[str]:
    """Names that `quantity` knows, of single nodes and elements, then of the whole."""
    layout = bound.layout
    found = layout.names()
    for programs in bound.motion.programs:
        owner = programs.form.placement.name
        for key in ("i", "v", "power", "energy", *(s.name for s in programs.form.eliminated)):
            if _expression(programs, key) is not None:
                found += [f"{layout.label(owner, i)}.{key}" for i in range(layout.count(programs.form))]
    return [*found, *TOTALS]


def observe(bound: BoundMotion, wanted: Quantity, t: Array, y: Array, rates: Array) -> Array:
    """The value of a quantity at one time; `rates` is ẏ, which currents through inertia need."""
    if wanted.total:
        total = jnp.zeros((), y.dtype)
        for programs in bound.motion.programs:
            expression = getattr(programs.form, wanted.name)
            if expression != 0:
                total = total + jnp.sum(_instances(bound, programs, expression, t, y, rates))
        return total
    if wanted.block is not None:
        values = y[wanted.block.start : wanted.block.stop]
    elif wanted.programs is None or wanted.expression is None:
        raise InternalError(f"{wanted.name} is neither an unknown nor an element's")
    else:
        values = _instances(bound, wanted.programs, wanted.expression, t, y, rates)
    return values if wanted.index is None else values[wanted.index]


def momentum(bound: BoundMotion, name: str, t: Array, y: Array) -> Array:
    """Σ ∂T/∂q̇ of a coordinate over all components."""
    total = jnp.zeros((), y.dtype)
    for programs in bound.motion.programs:
        component = programs.form.placement.component
        for slot in component.slots:
            if slot.coordinate.name == name:
                p = sp.diff(component.kinetic, component.symbol(slot, 1))
                if p != 0:
                    total = total + jnp.sum(_instances(bound, programs, p, t, y, jnp.zeros_like(y)))
    return total


def _owners(layout: MotionLayout, owner: str) -> list[tuple[str, int | None]]:
    cache: dict[str, list] = layout.__dict__.setdefault("owners", _all_owners(layout))
    return cache.get(owner, [])


def _all_owners(layout: MotionLayout) -> dict[str, list[tuple[str, int | None]]]:
    found: dict[str, list[tuple[str, int | None]]] = {}
    topology = layout.system.topology
    for group in topology.groups:
        found.setdefault(group.name, []).append((group.name, None))
        for index, label in enumerate(group.labels):
            found.setdefault(str(label), []).append((group.name, index))
    for form in layout.forms:
        name = form.placement.name
        if (name, None) not in found.setdefault(name, []):
            found[name].append((name, None))
        for index in range(layout.count(form)):
            label = layout.label(name, index)
            if len(form.placement.component.ports) > 1:
                found.setdefault(label, []).append((name, index))
    return found


def _expression(programs: FormPrograms, key: str) -> tuple[sp.Expr, str] | None:
    form = programs.form
    component = form.placement.component
    ports = component.ports
    if key == "energy":
        return form.energy, "J"
    if key == "power":
        return form.dissipated, "W"
    for symbol, expression in form.eliminated.items():
        if key in (symbol.name, getattr(symbol, "coordinate", None) and symbol.coordinate.key(1)):
            return expression, ""
    first = [(s, e) for s, e in form.flow.items() if s.port == ports[0]]
    if key == "i" and len(first) == 1:
        return first[0][1], "A" if first[0][0].coordinate.rate_unit == "V" else ""
    if key == "v" and len(ports) >= 2 and len(first) == 1:
        slot = first[0][0]
        symbols = [s for s, u in form.symbols.items() if not isinstance(u, int) and u[0].coordinate == slot.coordinate]
        # Of a coordinate and its rate, both unknowns, the one that is called v, else the coordinate.
        orders = sorted({s.order for s in symbols}, key=lambda order: (slot.coordinate.key(order) != "v", order))
        ends = [s for port in ports[:2] for s in symbols if s.port == port and s.order == orders[0]]
        if len(ends) == 2:
            return ends[0] - ends[1], ends[0].coordinate.rate_unit if ends[0].order else ends[0].coordinate.unit
    return None


def _instances(bound: BoundMotion, programs: FormPrograms, expression: sp.Expr, t: Array, y: Array, rates: Array):
    layout, form = bound.layout, programs.form
    known: dict[Any, Array] = dict(bound.environment(programs, t, y))
    known |= _rates(layout, form, expression, rates)
    cache: Mapping = layout.__dict__.setdefault("quantities", {})
    program = cache.get((form.placement.name, expression))
    if program is None:
        program = cache[form.placement.name, expression] = Program([expression])  # type: ignore[index]
    return jnp.broadcast_to(jnp.asarray(program(known)[0], y.dtype), (layout.count(form),))


def _rates(layout: MotionLayout, form, expression: sp.Expr, rates: Array) -> dict[sp.Symbol, Array]:
    """Derivatives that are no unknowns, from ẏ: v̇ of reduced nodes, q̇ of first-order ones, ẇ."""
    found = {}
    for slot in form.placement.component.slots:
        v = layout.variables[form.placement.group_of(slot.port), slot.coordinate]
        for order in (1, 2):
            symbol = form.placement.component.symbol(slot, order)
            if order not in v.orders and order - 1 in v.orders and expression.has(symbol):
                found[symbol] = rates[np.asarray(layout.entries(form, (slot, order - 1)))]
    return found
