"""The Hamiltonian form of a motion: p = ∂L/∂q̇, H(q, p) = p·q̇ − L, q̇ = ∂H/∂p, ṗ = −∂H/∂q.

It exists where every coordinate has inertia (the Legendre transform of T in q̇ is regular) and nothing dissipates,
constrains or pushes other than by an energy. With T = ½ q̇ᵀM(q) q̇ the velocity is q̇ = M(q)⁻¹p, and
ṗ = ∂T/∂q − ∂V/∂q at that velocity. H is separable, T(p) + V(q), where M does not depend on q.
"""

from __future__ import annotations

from functools import cached_property

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.compile.motion_layout import MotionLayout, drives
from physeq.compile.printer import Program
from physeq.symbolic.motion_structure import hamiltonian_or_refuse
from physeq.symbolic.place import Feed
from physeq.symbolic.symbols import time


class HamiltonianPrograms:
    """Programs of a motion in Hamiltonian form; entries of q and p are the free coordinates, in the order of y.

    Raises:
        ModelError: there is no Hamiltonian form; the message names the component in the way.
    """

    def __init__(self, layout: MotionLayout):
        hamiltonian_or_refuse(layout.variables, layout.forms)
        self.layout = layout
        orders = [layout.blocks[group, coordinate, order] for order in (0, 1) for group, coordinate in layout.variables]
        half = len(orders) // 2
        self.all_positions = np.concatenate([np.arange(b.start, b.stop) for b in orders[:half]])
        self.all_velocities = np.concatenate([np.arange(b.start, b.stop) for b in orders[half:]])
        self.free = ~layout.held[self.all_positions]
        self.positions, self.velocities = self.all_positions[self.free], self.all_velocities[self.free]
        self._place = np.full(layout.size, -1)
        self._place[self.positions] = np.arange(len(self.positions))
        # A coordinate's balance of forces is the row of its velocity, or of its acceleration.
        balance = np.full(layout.size, -1)
        for (group, coordinate), v in layout.variables.items():
            first = layout.blocks[group, coordinate, 0]
            row = layout.blocks[group, coordinate, v.balance]
            balance[row.start : row.stop] = self._place[first.start : first.stop]
        self._drives = [(name, columns, balance[entries]) for name, columns, entries in drives(layout)]

    @property
    def separable(self) -> bool:
        """Whether H = T(p) + V(q)."""
        return not any(v.accelerated for v in self.layout.variables.values())

    @property
    def autonomous(self) -> bool:
        """Whether no term holds the time and no input moves."""
        terms = [e for f in self.layout.forms for e in f.placement.component.expressions()]
        return not any(e.has(time) for e in terms)

    @property
    def fed_inertia(self) -> str | None:
        """The component whose inertia an input changes, with its term; None where none does."""
        for entry in self.layout.system.inputs:
            for placed in (form.placement for form in self.layout.forms):
                fed = isinstance(entry.kind, Feed) and entry.kind.placement == placed.name
                if fed and placed.component.kinetic.has(entry.kind.signal):
                    where = f"component {placed.component.name!r} in {placed.name!r}"
                    return f"input {entry.name!r} changes that of {where} ({placed.component.kinetic})"
        return None

    @cached_property
    def _forms(self) -> list[tuple]:
        """(programs, momenta, entries of the mass, pushes), each with the entries of q they belong to."""
        found = []
        for programs, form in zip(BoundMotion(self.layout, {}, {}).motion.programs, self.layout.forms, strict=True):
            component = form.placement.component
            where = {s: self._place[self.layout.entries(form, (s, 0))] for s in component.slots}
            masses, rows, columns, pushes, targets = [], [], [], [], []
            for slot in component.slots:
                momentum = sp.diff(component.kinetic, component.symbol(slot, 1))
                for other in component.slots:
                    if (entry := sp.diff(momentum, component.symbol(other, 1))) != 0:
                        masses.append(entry)
                        rows.append(where[slot])
                        columns.append(where[other])
                q = component.symbol(slot)
                push = sp.diff(component.kinetic - component.potential, q) + component.force.get(q, sp.S.Zero)
                if push != 0:
                    pushes.append(push)
                    targets.append(where[slot])
            found.append((programs, Program(masses), rows, columns, Program(pushes), targets))
        return found

    @cached_property
    def mass_places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rows, columns, which of all entries are kept) of M on free coordinates."""
        empty = np.zeros(0, np.int64)
        rows = np.concatenate([*(r for f in self._forms for r in f[2]), empty])
        columns = np.concatenate([*(c for f in self._forms for c in f[3]), empty])
        kept = np.flatnonzero((rows >= 0) & (columns >= 0))
        return rows[kept], columns[kept], kept

    @property
    def diagonal(self) -> bool:
        """Whether M is diagonal."""
        rows, columns, _ = self.mass_places
        return bool(np.array_equal(rows, columns))

    def whole(self, bound: BoundMotion, t: Array, q: Array, w: Array) -> Array:
        """All unknowns y from positions and velocities; accelerations are left at zero."""
        y = bound.held_values(t, q.dtype)
        return y.at[self.positions].set(q).at[self.velocities].set(w)

    def mass(self, bound: BoundMotion, t: Array, q: Array) -> Array:
        """Values of M(q) on `mass_places`."""
        y = self.whole(bound, t, q, jnp.zeros_like(q))
        values = [jnp.zeros(0, q.dtype)]
        for programs, masses, rows, _, _, _ in self._forms:
            if rows:
                found = masses(bound.environment(programs, t, y))
                values += [jnp.broadcast_to(jnp.asarray(m, q.dtype), r.shape) for m, r in zip(found, rows, strict=True)]
        return jnp.concatenate(values)[self.mass_places[2]]

    def push(self, bound: BoundMotion, t: Array, q: Array, w: Array) -> Array:
        """∂L/∂q at positions and velocities, with forces that depend on time alone and driven inputs."""
        y = self.whole(bound, t, q, w)
        total = jnp.zeros_like(q)
        for programs, _, _, _, pushes, targets in self._forms:
            if targets:
                for value, where in zip(pushes(bound.environment(programs, t, y)), targets, strict=True):
                    value = jnp.broadcast_to(jnp.asarray(value, q.dtype), where.shape)
                    # Held nodes have the number −1: their share is dropped.
                    total = total.at[jnp.where(where < 0, q.shape[0], where)].add(value, mode="drop")
        for name, columns, where in self._drives:
            value = bound.input(name, t)[columns].astype(q.dtype)
            total = total.at[np.where(where < 0, q.shape[0], where)].add(value, mode="drop")
        return total


def hamiltonian_programs(layout: MotionLayout) -> HamiltonianPrograms:
    """The Hamiltonian form of a layout, found once."""
    cache = layout.__dict__
    if "hamiltonian programs" not in cache:
        cache["hamiltonian programs"] = HamiltonianPrograms(layout)
    return cache["hamiltonian programs"]
