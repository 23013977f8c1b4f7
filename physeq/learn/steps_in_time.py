"""What every step of a stepped trajectory adds to the exact gradient."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.learn.rule import Params
from physeq.learn.trajectory_rule import mean_over_batch
from physeq.solve.leapfrog import LeapfrogMap, at_step, parameter_parts


@eqx.filter_jit
def steps_in_time(model: Any, params: Params, inputs: Any, target: Array) -> Params:
    """∂J/∂θ_k by reverse-mode differentiation where every step has parameters θ_k of its own, `(steps, *shape)`.

    The steps are those of `Leapfrog` in q and p = M(θ) q̇, which is what θ_k and θ_{k+1} have in common; the first one
    turns the initial velocity into p, the last one turns p into the velocity at the end. The sum over the steps is
    the gradient.
    """
    steps = model.solver.steps
    problem = model.problem(params, inputs, target)
    each = jax.tree.map(lambda a: jnp.broadcast_to(a, (steps, *jnp.shape(a))), params)
    found = problem.map(lambda one: jax.grad(lambda own: _cost(one, own, steps))(each))
    return mean_over_batch(problem, found)


def _cost(one: Any, each: Params, steps: int) -> Array:
    """J of one sample with the parameters of every step."""
    h = LeapfrogMap.of(one, steps).step

    def leap_of(params):
        return LeapfrogMap(one.layout, one.cost, h, *parameter_parts(one, params))

    def step(carry, own):
        k, q, p, total = carry
        leap = leap_of(own)
        t, inputs, target = at_step(one, h, k)
        before = leap.solve(p)
        middle = q + h / 2 * before
        p = p + h * leap.force(middle, t, inputs, None, one.beta)
        after = leap.solve(p)
        density = one.cost.running(t, leap.whole(middle, (before + after) / 2), target)
        return (k + 1, middle + h / 2 * after, p, total + h * density), None

    first, last = (leap_of(jax.tree.map(lambda a, k=k: a[k], each)) for k in (0, -1))
    q, v = first.start(one)
    begin = (jnp.int32(0), q, first.momentum(v), jnp.zeros((), q.dtype))
    (_, q, p, total), _ = jax.lax.scan(step, begin, each)
    end = jnp.asarray(one.boundary.duration, h.dtype)
    return total + one.cost.terminal(end, last.whole(q, last.solve(p)), one.target[-1])
