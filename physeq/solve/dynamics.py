"""Velocities of first-order systems: ẋ = M⁻¹ f(x), M = ∂²R/∂q̇² (or ∂²T/∂v² on reduced nodes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from physeq.compile.mass import diagonal_mass, has_diagonal_mass, rate_force
from physeq.errors import ModelError
from physeq.solve.dense import dense_solve
from physeq.solve.finder import flatten, held_mask, unflatten
from physeq.solve.result import State


def check_dynamics(model: Any, name: str) -> None:
    """Refuse systems in which some free unknown has no rate of its own."""
    derivation = model.derivation
    for v in derivation.variables.values():
        if v.group in derivation.locals and any(c.order.value == 2 for c in v.classes):
            raise ModelError(
                f"{name} follows first-order dynamics, and {v.key} of group {v.group!r} has inertia; use Minimise, "
                "Newton or NodeDescent for its steady state, and System.motion().simulate for its motion"
            )
    for v in derivation.variables.values():
        if v.group in derivation.locals and any(c.order.value == 0 for c in v.classes):
            raise ModelError(
                f"{name} needs dynamics, and {v.key} of group {v.group!r} has none (its equation is algebraic); add a "
                "`dissipation` in its rate (or a capacitance on reduced nodes), or use NodeDescent, Minimise, "
                "FixedPoint, "
                "Newton or LinearSolve"
            )


def velocity(problem: Any, *, projected: bool = True) -> Callable[[State], State]:
    """The function free state → ẋ, zero on held nodes.

    With bounds and `projected`, forces that push out of the box are turned into clip(x + ẋ) − x.
    """
    if has_diagonal_mass(problem):

        def free_rate(x: State) -> State:
            f, m = problem.force(x), diagonal_mass(problem, x)
            return jax.tree.map(lambda a, b: a / b, f, m)

    else:

        def free_rate(x: State) -> State:
            f, held = flatten(problem.force(x)), held_mask(problem, x)
            matrix = _mass_matrix(problem, x, held)
            return unflatten(dense_solve(matrix, jnp.broadcast_to(f, f.shape)[..., None])[..., 0], x)

    if not projected or not problem.bounds:
        return free_rate

    def clipped(x: State) -> State:
        inside = problem.project(x)
        v = free_rate(inside)
        return {
            g: {k: problem.mask(g, k, problem.clip(g, k, inside[g][k] + v[g][k]) - x[g][k]) for k in own}
            for g, own in x.items()
        }

    return clipped


def _mass_matrix(problem: Any, x: State, held) -> Any:
    """Dense M: the derivative of the rate force ∂R/∂q̇ by the rates; identity on held nodes."""

    def linear(direction):
        return flatten(rate_force(problem, x, unflatten(direction, x)))

    n = flatten(x).shape[-1]
    columns = jax.vmap(lambda e: linear(jnp.broadcast_to(e, flatten(x).shape)))(jnp.eye(n, dtype=flatten(x).dtype))
    matrix = jnp.moveaxis(columns, 0, -1)
    eye = jnp.eye(n, dtype=matrix.dtype)
    return jnp.where(held[:, None] | held[None, :], eye, matrix)
