"""Derivatives of an equilibrium by the implicit function theorem, the same for every finder.

At f(x, θ) = 0 a cotangent c of x becomes λ on θ through (∂f/∂x)ᵀ a = −c, λ = (∂f/∂θ)ᵀ a, taken on the free set: held
nodes, unknowns pressed against a bound and saturated units do not move.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array

from physeq.solve.dense import dense_solve
from physeq.solve.finder import Finder, default_tolerance, flatten, held_mask, per_sample, unflatten
from physeq.solve.newton import flat_bounds
from physeq.solve.result import State

# Above this many unknowns the adjoint is solved matrix-free.
DENSE_LIMIT = 1500


def fixed_entries(problem: Any, free: State, x: Array, f: Array) -> Array:
    """Flat mask of unknowns that do not move: held, pressed against a bound by their force, or saturated.

    A unit that its activation rounds to the end of its range has an infinite force drive − σ⁻¹(s), and answers nothing
    to rounding.
    """
    lower, upper = flat_bounds(problem, free)
    return held_mask(problem, free) | ((x <= lower) & (f < 0)) | ((x >= upper) & (f > 0)) | jnp.isinf(f)


def adjoint(problem: Any, free: State, cotangent: State) -> State:
    """Solve (−∂f/∂x)ᵀ a = cotangent on the free set, sample by sample; zero on fixed unknowns."""

    def single(one: Any, both):
        state, seed = both
        x = flatten(state)

        def force(v):
            return flatten(one.force(unflatten(v, state)))

        fixed = fixed_entries(one, state, x, force(x))
        right = jnp.where(fixed, 0.0, flatten(seed))
        if x.size <= DENSE_LIMIT:
            matrix = -jax.jacrev(force)(x)
            alive = ~fixed
            matrix = jnp.where(alive[:, None] & alive[None, :], matrix, jnp.eye(x.size, dtype=x.dtype))
            return unflatten(dense_solve(matrix.T, right), state)
        _, pull = jax.vjp(force, x)

        def operator(a):
            return jnp.where(fixed, a, -pull(jnp.where(fixed, 0.0, a))[0])

        linear = lx.FunctionLinearOperator(operator, jax.eval_shape(lambda: x))
        tolerance = default_tolerance(x.dtype)
        solver = lx.GMRES(rtol=tolerance, atol=tolerance * 1e-6, max_steps=20 * x.size, restart=50)
        found = lx.linear_solve(linear, right, solver, throw=False)
        # What did not converge must not pass for a derivative.
        return unflatten(jnp.where(found.result == lx.RESULTS.successful, found.value, jnp.nan), state)

    return _per_sample_pair(problem, free, cotangent, single)


def _per_sample_pair(problem: Any, free: State, seed: State, function) -> State:
    """`per_sample` over a state and a cotangent of the same structure, packed as groups of two names."""
    packed = {
        g: {"state " + k: x for k, x in own.items()} | {"seed " + k: seed[g][k] for k in own} for g, own in free.items()
    }

    def unpack(one, both):
        pair = [
            {g: {k.removeprefix(kind): x for k, x in own.items() if k.startswith(kind)} for g, own in both.items()}
            for kind in ("state ", "seed ")
        ]
        return function(one, pair)

    return per_sample(problem, packed, unpack, dense=True)


def solve(problem: Any, free: State, finder: Finder) -> tuple[State, Array, Array, Array]:
    """Run a finder; differentiable in everything that the problem holds (parameters, inputs, target, β).

    An equilibrium does not depend on where the search started.
    """
    return _solve(problem, jax.lax.stop_gradient(free), finder)


@eqx.filter_custom_vjp
def _solve(problem: Any, free: State, finder: Finder) -> tuple[State, Array, Array, Array]:
    return finder.find(problem, free)


@_solve.def_fwd
def _forward(perturbed, problem, free, finder):
    del perturbed
    found = finder.find(problem, free)
    return found, found[0]


@_solve.def_bwd
def _backward(solved, cotangent, perturbed, problem, free, finder):
    del perturbed, finder
    seed = jax.tree.map(
        lambda x, c: jnp.zeros_like(x) if c is None else c, solved, cotangent[0], is_leaf=lambda x: x is None
    )
    a = adjoint(problem, solved, seed)
    dynamic, static = eqx.partition(problem, eqx.is_inexact_array)

    def response(leaves):
        one = eqx.combine(leaves, static)
        pinned = pin(one, solved)
        return one.force(pinned), pinned

    # Held and pressed unknowns move with what holds them: with their own cotangent, and through the forces on the rest.
    _, pull = jax.vjp(response, dynamic)
    return pull((a, seed))[0]


def pin(problem: Any, solved: State) -> State:
    """A solved state whose held and pressed entries follow clamps and bounds in derivatives; the rest is constant."""
    force = problem.force(solved)
    result: State = {}
    for group, own in solved.items():
        result[group] = {}
        for key, x in own.items():
            lower, upper = problem.bounds.get(group, {}).get(key, (None, None))
            f, moved = force[group][key], x
            if lower is not None:
                moved = jnp.where((x <= lower) & (f < 0), lower, moved)
            if upper is not None:
                moved = jnp.where((x >= upper) & (f > 0), upper, moved)
            result[group][key] = moved
    return problem.insert(result)
