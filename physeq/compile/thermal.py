"""Fluctuation and dissipation: the noise that belongs to every quadratic Rayleigh function at a temperature.

A dissipation R = ½ q̇ᵀΓ q̇ goes with a random force of covariance 2 k_B T Γ dt (Johnson noise of a resistor, 2 k_B T g
per time; Brownian motion with drag), so that the motion has the Boltzmann distribution of its energy.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.printer import Program
from physeq.errors import ModelError
from physeq.symbolic.symbols import StateSymbol


def factor(matrix: sp.Matrix) -> list[sp.Matrix]:
    """Columns b with Σ b bᵀ = matrix, for a symmetric positive-semidefinite one.

    >>> g = sp.Symbol("g", positive=True)
    >>> factor(sp.Matrix([[g, -g], [-g, g]]))
    [Matrix([
    [ sqrt(g)],
    [-sqrt(g)]])]
    """
    rest, columns = matrix, []
    for k in range(matrix.rows):
        pivot = sp.simplify(rest[k, k])
        if pivot == 0:
            continue
        column = rest[:, k] / sp.sqrt(pivot)
        columns.append(column.applyfunc(sp.simplify))
        rest = (rest - column * column.T).applyfunc(sp.simplify)
    return columns


class ThermalPrograms:
    """The noise sources of a motion: one per column of the factor of Γ, instance by instance.

    Raises:
        ModelError: friction that depends on the state, or that acts where nothing has inertia.
    """

    def __init__(self, layout: MotionLayout):
        self.sources: list[tuple] = []
        start = 0
        for number, form in enumerate(layout.forms):
            component = form.placement.component
            if component.dissipation == 0:
                continue
            rates = [component.symbol(s, 1) for s in component.slots]
            friction = sp.hessian(component.dissipation, rates)
            if any(isinstance(s, StateSymbol) for s in friction.free_symbols):
                raise ModelError(
                    f"component {component.name!r} in {form.placement.name!r}: its friction depends on the state "
                    f"({component.dissipation}), and thermal noise is defined for quadratic dissipation; linearise it"
                )
            where = []
            for slot in component.slots:
                v = layout.variables[form.placement.group_of(slot.port), slot.coordinate]
                where.append(layout.entries(form, (slot, v.balance)) if (slot, v.balance) in form.rows else None)
            count = layout.count(form)
            for column in factor(friction):
                self.sources.append((number, Program(list(column)), where, start, count))
                start += count
        self.count = start
        self.touched = np.zeros(layout.size, bool)
        for _, _, where, _, _ in self.sources:
            for rows in where:
                if rows is not None:
                    self.touched[rows] = True

    def push(self, bound: BoundMotion, increments: Array, temperature: Array) -> Array:
        """Random forces on the rows of f for white increments `(count,)`."""
        y = jnp.zeros(bound.layout.size, increments.dtype)
        total = jnp.zeros_like(y)
        scale = jnp.sqrt(2 * temperature)
        for number, program, where, start, count in self.sources:
            known = bound.environment(bound.motion.programs[number], jnp.zeros((), y.dtype), y)
            for value, rows in zip(program(known), where, strict=True):
                if rows is not None:
                    total = total.at[rows].add(scale * value * increments[start : start + count])
        return jnp.where(bound.layout.held, 0.0, total)


def thermal_programs(layout: MotionLayout) -> ThermalPrograms:
    """The noise sources of a layout, found once."""
    cache = layout.__dict__
    if "thermal" not in cache:
        cache["thermal"] = ThermalPrograms(layout)
    return cache["thermal"]
