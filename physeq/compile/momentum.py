"""Momenta p = ∂T/∂q̇ of coordinates whose inertia depends on the state, for trajectories: d/dt p = ∂L/∂q + …

A motion has accelerations a as unknowns there, d/dt q̇ = a and 0 = f − d/dt p. Collocating d/dt q̇ = a is no extremal of
a discrete action, and contrasts of actions would be off by the error of the grid. Collocating d/dt p = f, whose
right-hand side is the algebraic row with d/dt p added, is one.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, FormPrograms, Motion
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.printer import Program
from physeq.symbolic.motion import total_derivative


class MomentumPrograms:
    """p and d/dt p of every placed component with state-dependent inertia, and their derivatives by the unknowns.

    Attributes:
        rates: entries of y of the free velocities whose rows hold d/dt p.
        balances: entries of their balances of forces, the rows of the accelerations.
    """

    def __init__(self, layout: MotionLayout):
        self.layout = layout
        rates, balances = [np.zeros(0, int)], [np.zeros(0, int)]
        for (group, coordinate), v in layout.variables.items():
            if v.accelerated and 1 in v.orders:
                low, high = (layout.blocks[group, coordinate, order] for order in (1, 2))
                free = ~layout.held[low.start : low.stop]
                rates.append(np.arange(low.start, low.stop)[free])
                balances.append(np.arange(high.start, high.stop)[free])
        self.rates, self.balances = np.concatenate(rates), np.concatenate(balances)
        self._parts: list[tuple[FormPrograms, np.ndarray, sp.Expr, sp.Expr]] = []
        for programs, form in zip(Motion(layout).programs, layout.forms, strict=True):
            component = form.placement.component
            for slot in component.slots:
                if not layout.variables[form.placement.group_of(slot.port), slot.coordinate].accelerated:
                    continue
                p = sp.diff(component.kinetic, component.symbol(slot, 1))
                if p != 0:
                    self._parts.append((programs, layout.entries(form, (slot, 1)), p, total_derivative(p, component)))
        self._values = [(Program([p]), Program([change])) for *_, p, change in self._parts]
        self._slopes = [tuple(self._derivatives(programs, e) for e in pair) for programs, _, *pair in self._parts]

    @staticmethod
    def _derivatives(programs: FormPrograms, expression: sp.Expr) -> tuple[Program, list[np.ndarray]]:
        found = {s: sp.diff(expression, s) for s in programs.entries if expression.has(s)}
        return Program(list(found.values())), [programs.entries[s] for s in found]

    def __bool__(self) -> bool:
        return len(self.rates) > 0

    def values(self, bound: BoundMotion, t: Array, y: Array) -> tuple[Array, Array]:
        """(p, d/dt p) in the places of the velocities, zero elsewhere; held ones have theirs too."""
        totals = [jnp.zeros_like(y), jnp.zeros_like(y)]
        for (programs, where, *_), pair in zip(self._parts, self._values, strict=True):
            known = bound.environment(programs, t, y)
            for i, program in enumerate(pair):
                value = jnp.broadcast_to(jnp.asarray(program(known)[0], y.dtype), where.shape)
                totals[i] = totals[i].at[where].add(value)
        return totals[0], totals[1]

    def jacobians(self, bound: BoundMotion, t: Array, y: Array) -> tuple[Array, Array]:
        """Derivatives of both by y, `(size, size)`."""
        size = self.layout.size
        totals = [jnp.zeros((size, size), y.dtype), jnp.zeros((size, size), y.dtype)]
        for (programs, where, *_), pair in zip(self._parts, self._slopes, strict=True):
            known = bound.environment(programs, t, y)
            for i, (program, columns) in enumerate(pair):
                for value, column in zip(program(known), columns, strict=True):
                    entry = jnp.broadcast_to(jnp.asarray(value, y.dtype), where.shape)
                    totals[i] = totals[i].at[where, column].add(entry)
        return totals[0], totals[1]


def momentum_programs(layout: MotionLayout) -> MomentumPrograms:
    """The momenta of a layout, found once."""
    cache = layout.__dict__
    if "momentum programs" not in cache:
        cache["momentum programs"] = MomentumPrograms(layout)
    return cache["momentum programs"]
