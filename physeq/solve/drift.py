"""Constraints that were differentiated, kept: positions and velocities brought back onto them after every step."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.printer import Program
from physeq.solve.linear_backend import solve_dense


def has_drift(layout: MotionLayout) -> bool:
    """Whether a motion has constraints that its equations hold only in differentiated form."""
    return any(form.drift for form in layout.forms)


def constraint_values(bound: BoundMotion, t: Array, y: Array) -> tuple[Array, Array]:
    """(g(q, t) of constraints on positions; ġ, and g(q, q̇, t) of those on rates), instance by instance."""
    places, rates = [jnp.zeros(0, y.dtype)], [jnp.zeros(0, y.dtype)]
    for programs in bound.motion.programs:
        count = bound.layout.count(programs.form)
        for number, pair in programs.form.drift.items():
            for order, expression in enumerate(e for e in pair if e is not None):
                cache = bound.layout.__dict__.setdefault("constraints", {})
                key = (programs.form.placement.name, number, order)
                if key not in cache:
                    cache[key] = Program([expression])
                value = cache[key](bound.environment(programs, t, y))[0]
                found = jnp.broadcast_to(jnp.asarray(value, y.dtype), (count,))
                (places if order == 0 and pair[1] is not None else rates).append(found)
    return jnp.concatenate(places), jnp.concatenate(rates)


def constraint_owners(layout: MotionLayout) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """(placement, instance) of every value of `constraint_values`."""
    places, rates = [], []
    for form in layout.forms:
        own = [(form.placement.name, k) for k in range(layout.count(form))]
        for pair in form.drift.values():
            if pair[1] is None:
                rates += own
            else:
                places += own
                rates += own
    return places, rates


class Drift(eqx.Module):
    """Projection onto the constraints of a motion, for `Projected`.

    Positions by Gauss–Newton steps q ← q − Gᵀ(G Gᵀ)⁻¹ g, then velocities, in which their constraints are linear, by
    one. Source: E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, section VII.2.

    Attributes:
        state: entries of y that the solver's state holds.
        positions, velocities: where q and w stand in that state.
        steps: Gauss–Newton steps; each doubles the number of right digits.
    """

    state: tuple[int, ...] = eqx.field(static=True)
    positions: tuple[int, ...] = eqx.field(static=True)
    velocities: tuple[int, ...] = eqx.field(static=True)
    steps: int = eqx.field(static=True, default=3)

    @staticmethod
    def of(layout: MotionLayout, state: np.ndarray) -> Drift:
        """The projection for a solver whose state is these entries of y."""
        found: dict[int, list[int]] = {0: [], 1: []}
        place = np.full(layout.size, -1)
        place[state] = np.arange(len(state))
        for key, block in layout.blocks.items():
            if len(key) == 3 and key[2] < 2:
                entries = np.arange(block.start, block.stop)
                found[key[2]] += place[entries[(place[entries] >= 0) & ~layout.held[entries]]].tolist()
        return Drift(tuple(np.asarray(state).tolist()), tuple(found[0]), tuple(found[1]))

    def project(self, t: Array, z: Array, args: tuple[BoundMotion, Array]) -> Array:
        """The state on the constraints."""
        bound, y0 = args
        t = jnp.asarray(t, z.dtype)
        base = jnp.where(bound.layout.held, bound.held_values(t, z.dtype), y0)
        state, places, rates = (np.asarray(x, int) for x in (self.state, self.positions, self.velocities))

        def values(z: Array) -> tuple[Array, Array]:
            return constraint_values(bound, t, base.at[state].set(z))

        def step(z: Array, which: int, moved: np.ndarray) -> Array:
            residual = values(z)[which]
            if not residual.shape[0]:
                return z
            gradient = jax.jacfwd(lambda part: values(z.at[moved].set(part))[which])(z[moved])
            return z.at[moved].add(-gradient.T @ solve_dense(gradient @ gradient.T, residual))

        z = jax.lax.fori_loop(0, self.steps, lambda _, z: step(z, 0, places), z)
        return step(z, 1, rates)
