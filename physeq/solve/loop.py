"""The loop of finders that iterate a map: a fixed budget (differentiable, compiled once) or a tolerance."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.solve.result import State, outcome_of


def iterate(
    step: Callable[[State], State],
    start: State,
    steps: int,
    tolerance: float | None,
    change: Callable[[State, State], Array],
    unroll: int = 1,
) -> tuple[State, Array, Array, Array]:
    """Apply a map; the last step is taken outside the loop, so that its change costs nothing extra.

    `unroll` steps of a fixed budget are compiled into one turn of the loop.
    """
    if tolerance is None:
        before = jax.lax.fori_loop(0, max(steps - 1, 0), lambda _, x: step(x), start, unroll=unroll)
        last = step(before) if steps else before
        residual = change(last, before)
        return last, residual, jnp.int32(steps), outcome_of(residual, None)

    # A change of some units in the last place is as small as changes get, in whatever precision the state has.
    rounding = 4 * jnp.finfo(jnp.result_type(*jax.tree.leaves(start))).eps
    zero = jax.tree.map(jnp.zeros_like, start)

    def reachable(state):
        return jnp.maximum(tolerance, rounding * change(state, zero))

    def unfinished(carry):
        state, residual, count = carry
        return (count < steps) & jnp.any(residual > reachable(state))

    def advance(carry):
        old, _, count = carry
        new = step(old)
        return new, change(new, old), count + 1

    first = step(start)
    carry = (first, change(first, start), jnp.int32(1))
    last, residual, count = jax.lax.while_loop(unfinished, advance, carry)
    return last, residual, count, outcome_of(residual, reachable(last))
