"""How far a system is from having an energy at a state: the antisymmetric part of the Jacobian of its forces."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import force_parameter_gradient
from physeq.errors import ModelError
from physeq.learn.rule import Params
from physeq.solve import equilibrium
from physeq.solve.finder import Finder, entries, flatten, per_sample, unflatten
from physeq.solve.implicit import DENSE_LIMIT, fixed_entries
from physeq.solve.response import linearised
from physeq.solve.result import Equilibrium, State


def antisymmetry(
    model: Any,
    params: Params,
    inputs: Any = None,
    *,
    start: State | Equilibrium | None = None,
    finder: Finder | None = None,
    key: Array | None = None,
    samples: int = 64,
) -> Array:
    """‖(J − Jᵀ)/2‖_F / ‖J‖_F of J = ∂f/∂x at the free equilibrium, one number per batch entry.

    0 where the forces have an energy (in the units of the declared forces), at most 1. Held nodes and unknowns pressed
    against a bound take no part. Exact up to 1500 unknowns; above, estimated from `samples` random vectors,
    ‖J‖_F² = E‖Jε‖² and 2‖A‖_F² = E[‖Jε‖² − εᵀJ²ε], ε ~ N(0, 1).

    Args:
        model, params, inputs: the compiled system, its parameters, one batch of inputs.
        start, finder: of the free equilibrium.
        key, samples: of the estimate; the key is needed above 1500 unknowns only.

    Raises:
        ModelError: a large model without a key.
        SolveError: no free equilibrium was found.

    >>> import physeq as pq
    >>> arrow = pq.Edge("arrow", force={pq.neural.s.target: pq.parameter("w", initial=0.5) * pq.neural.s.source})
    >>> unit = pq.Node("unit", potential=pq.neural.s**2 / 2)
    >>> model = pq.System(pq.from_edges([0], [1], 2, directed=True), nodes=unit, edges=arrow).compile()
    >>> round(float(antisymmetry(model, model.init_parameters(jax.random.key(0)))), 6)  # J = [[-1, 0], [0.5, -1]]
    0.235702
    """
    found = equilibrium(model, params, inputs, start=start, finder=finder)
    size = sum(v.size for v in model.derivation.variables.values() if v.group in model.derivation.locals)
    if size > DENSE_LIMIT and key is None:
        raise ModelError(
            f"antisymmetry: {size} unknowns are too many for the exact Jacobian; pass key=jax.random.key(...) "
            "for an estimate"
        )
    return _antisymmetry(model, params, inputs, found.state, key if size > DENSE_LIMIT else None, samples)


@eqx.filter_jit
def _antisymmetry(model, params, inputs, state, key, samples) -> Array:
    problem = model.problem(params, inputs)
    free = problem.start(state, problem.beta.dtype)
    if key is not None:
        along, back = jacobian_products(problem, free, directions(problem, free, key, samples))[1:]
        square = sum(jnp.sum(x**2, (0, -1)) for _, _, x in entries(along))
        crossed = sum(
            jnp.sum(x * y, (0, -1)) for (_, _, x), (_, _, y) in zip(entries(along), entries(back), strict=True)
        )
        return jnp.sqrt(jnp.maximum(square - crossed, 0.0) / (2 * square))

    def exact(one: Any, at: State) -> Array:
        x = flatten(at)

        def force(v):
            return flatten(one.force(unflatten(v, at)))

        moves = ~fixed_entries(one, at, x, force(x))
        jacobian = jnp.where(moves[:, None] & moves[None, :], jax.jacfwd(force)(x), 0.0)
        return jnp.linalg.norm((jacobian - jacobian.T) / 2) / jnp.linalg.norm(jacobian)

    return per_sample(problem, free, exact, dense=True)


def directions(problem: Any, free: State, key: Array, samples: int) -> State:
    """`samples` vectors ε ~ N(0, 1) per batch entry along a new first axis, zero on unknowns that do not move."""
    x = flatten(free)
    fixed = fixed_entries(problem, free, x, flatten(problem.force(free)))
    drawn = jax.random.normal(key, (samples, *x.shape), x.dtype)
    return unflatten(jnp.where(fixed, 0.0, drawn), free)


def jacobian_products(problem: Any, free: State, epsilon: State) -> tuple[State, State, State]:
    """(ε, Jε, Jᵀε) for directions with a leading axis, on the unknowns that move."""
    forward, backward = linearised(problem, free)
    x = flatten(free)
    fixed = fixed_entries(problem, free, x, flatten(problem.force(free)))

    def moving(state: State) -> State:
        return unflatten(jnp.where(fixed, 0.0, flatten(state)), free)

    return epsilon, moving(jax.vmap(forward)(epsilon)), moving(jax.vmap(backward)(epsilon))


def antisymmetry_penalty(problem: Any, free: State, key: Array, samples: int) -> Params:
    """∂/∂θ of the batch mean of E_ε[‖Jε‖² − εᵀJ²ε] = 2‖A‖_F², with J = ∂f/∂x at a state that is held fixed."""
    return penalty_along(problem, free, directions(problem, free, key, samples))


def penalty_along(problem: Any, free: State, epsilon: State) -> Params:
    """∂/∂θ of the mean of ‖Jε‖² − εᵀJ²ε over the batch and over directions ε with a leading axis.

    With v = Jε and u = Jᵀε, taken as constants, the derivative is that of (2v − u)ᵀJε − εᵀJv: two directional
    derivatives, along ε and v, of Σ_i λ_i ∂f_i/∂θ.
    """
    epsilon, along, back = jacobian_products(problem, free, epsilon)
    wide = jax.tree.map(lambda x, e: jnp.broadcast_to(x, e.shape), free, epsilon)

    def change(cotangent: State, direction: State) -> Params:
        return jax.jvp(lambda x: force_parameter_gradient(problem, x, cotangent), (wide,), (direction,))[1]

    first = change(jax.tree.map(lambda v, u: 2 * v - u, along, back), epsilon)
    return jax.tree.map(jnp.subtract, first, change(epsilon, along))
