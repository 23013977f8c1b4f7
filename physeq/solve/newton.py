"""Newton's method on the forces, sample by sample, with projection onto bounds (semismooth) and backtracking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.settings import check_tolerance, whole
from physeq.solve.dense import dense_solve
from physeq.solve.finder import Finder, default_tolerance, entries, flatten, held_mask, per_sample, stiffness, unflatten
from physeq.solve.result import Outcome, State, outcome_of


@dataclass(frozen=True)
class Newton(Finder):
    """Solve f(x) = 0 by Newton steps H δ = f, H = −∂f/∂x, with backtracking on the residual.

    At least one step is taken, so that also a nudge whose force is below the tolerance moves the state.

    Bounds are honoured: an unknown that its force pushes past a bound steps onto it (a semismooth Newton method on
    x = clip(x + f)). Finds any equilibrium near the start, saddles included. Complex states are solved for with the
    complex Jacobian of holomorphic forces, backtracking on the modulus.

    Attributes:
        steps: most Newton steps.
        tolerance: on the largest |force|; by default ε^(2/3) times the curvature of every unknown, or the median
            one where that is larger.

    >>> Newton(steps=20)
    Newton(steps=20, tolerance=None)
    """

    steps: int = 60
    tolerance: float | None = None

    def __post_init__(self):
        whole("Newton", "steps", self.steps, 1)
        check_tolerance("Newton", self.tolerance)
        super().__post_init__()

    def check(self, model: Any) -> None:
        """Every compiled model has forces: nothing to refuse."""

    def check_complex(self, model: Any) -> None:
        """The same method, on complex states."""

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        state, residual, steps, outcome = per_sample(problem, free, self._single, dense=True)
        return state, residual, jnp.max(steps), outcome

    def _single(self, problem: Any, free: State):
        held = held_mask(problem, free)
        start = flatten(free)
        holomorphic = jnp.iscomplexobj(start)
        # Complex numbers have no order: bounds belong to real states (`check_complex`).
        lower, upper = (None, None) if holomorphic else flat_bounds(problem, free)

        def force(x):
            return flatten(problem.force(unflatten(x, free)))

        def clipped(x):
            return x if holomorphic else jnp.clip(x, lower, upper)

        def beyond(x):
            return jnp.zeros(x.shape, bool) if holomorphic else (x < lower) | (x > upper)

        def natural(x, f):
            # The plain force where no bound acts: x + f − x would lose the digits of a small force.
            return jnp.where(held, 0.0, jnp.where(beyond(x + f), clipped(x + f) - x, f))

        first = force(start)
        jacobian = jax.jacfwd(force, holomorphic=holomorphic)

        def tolerance(x):
            if self.tolerance is not None:
                return self.tolerance
            return default_tolerance(x.dtype) * stiffness(problem, unflatten(x, free))

        def unfinished(carry):
            x, _, r, step, stuck = carry
            # One step in any case: a nudge below the tolerance would go unanswered.
            missed = (step == 0) | jnp.any(jnp.abs(r) > tolerance(x))
            return (step < self.steps) & missed & ~stuck & jnp.all(jnp.isfinite(r))

        def advance(carry):
            x, f, r, step, _ = carry
            at_bound = beyond(x + f)
            fixed = held | at_bound
            matrix = jnp.where(fixed[:, None], jnp.eye(x.size, dtype=x.dtype), -jacobian(x))
            right = jnp.where(held, 0.0, jnp.where(at_bound, clipped(x + f) - x, f))
            delta = dense_solve(matrix, right)
            merit = _square(r)

            def try_step(inner):
                size, *_ = inner
                new = jnp.where(held, x, clipped(x + size * delta))
                g = force(new)
                s = natural(new, g)
                return size / 2, new, g, s, _square(s)

            def too_long(inner):
                size, _, _, _, value = inner
                return (~(value < (1 - 1e-4 * size) * merit)) & (size > 1e-9)

            inner = try_step((jnp.ones((), merit.dtype), x, f, r, merit))
            _, new, g, s, value = jax.lax.while_loop(too_long, try_step, inner)
            better = value < merit
            keep = lambda a, b: jnp.where(better, a, b)  # noqa: E731
            return keep(new, x), keep(g, f), keep(s, r), step + 1, ~better

        carry = (start, first, natural(start, first), jnp.int32(0), jnp.asarray(False))
        x, _, r, steps, _ = jax.lax.while_loop(unfinished, advance, carry)
        residual = jnp.max(jnp.abs(r), initial=0.0)
        # A step that no longer reduces the residual at round-off is as converged as it gets.
        largest = 1 + jnp.max(jnp.abs(x), initial=0.0)
        floor = 100 * jnp.finfo(x.dtype).eps * stiffness(problem, unflatten(x, free)) * largest
        outcomes = outcome_of(jnp.abs(r), jnp.maximum(tolerance(x), floor))
        return unflatten(x, free), residual, steps, jnp.max(outcomes, initial=Outcome.CONVERGED)


def _square(r: Array) -> Array:
    return jnp.sum(r.real**2 + r.imag**2) if jnp.iscomplexobj(r) else jnp.sum(r**2)


def flat_bounds(problem: Any, free: State) -> tuple[Array, Array]:
    """Bounds of the flat free vector, infinite where there are none."""
    lows, highs = [], []
    for group, key, x in entries(free):
        low, high = problem.bounds.get(group, {}).get(key, (None, None))
        shape = x.shape[-1:]
        lows.append(jnp.broadcast_to(jnp.asarray(-jnp.inf if low is None else low, x.dtype), shape))
        highs.append(jnp.broadcast_to(jnp.asarray(jnp.inf if high is None else high, x.dtype), shape))
    return jnp.concatenate(lows), jnp.concatenate(highs)
