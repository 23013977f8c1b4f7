"""`equilibrium`: find a steady state with a finder, check it, and differentiate through it."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import require_compiled
from physeq.errors import ModelError
from physeq.solve.finder import Finder
from physeq.solve.fixed_point import FixedPoint
from physeq.solve.implicit import solve
from physeq.solve.linear import ConjugateGradients, DenseDirect, LinearSolve
from physeq.solve.minimise import Minimise
from physeq.solve.newton import Newton
from physeq.solve.node_descent import NodeDescent
from physeq.solve.result import Equilibrium, State, is_traced

# Above this many unknowns a linear system is solved by conjugate gradients instead of a dense factorisation.
DENSE_LIMIT = 1500


def default_finder(model: Any) -> Finder:
    """The finder used when none is named.

    `LinearSolve` for linear systems with a quadratic cost; `FixedPoint` to a tolerance where components declare their
    closed-form equilibrium; `Newton` without an energy; `NodeDescent` for bounded energies; else `Minimise`.

    >>> import physeq as pq
    >>> default_finder(pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1]).compile())
    LinearSolve(method=DenseDirect(), tolerance=None)
    """
    structure, cost = model.derivation.structure, model.derivation.cost
    single = jnp.result_type(float) == jnp.float32
    tolerance = 1e-6 if single else 1e-12
    if structure.linear and (cost is None or cost.linear_derivative):
        size = sum(v.size for v in model.derivation.variables.values() if v.group in model.derivation.locals)
        small = size <= DENSE_LIMIT or not structure.conservative
        return LinearSolve(DenseDirect() if small else ConjugateGradients())
    closed = [e for local in model.derivation.locals.values() for e in local.equilibrium.values()]
    declared = any(f.placement.component.minimiser is not None for f in model.derivation.forms)
    if declared and all(e is not None for e in closed):
        return FixedPoint(1000, tolerance=tolerance)
    if not structure.conservative:
        return Newton()
    if structure.bounded:
        return NodeDescent(2000, tolerance=tolerance)
    return Minimise()


def equilibrium(
    model: Any,
    params: Any,
    inputs: Any = None,
    *,
    target: Array | None = None,
    beta: float | Array = 0.0,
    start: State | Equilibrium | None = None,
    finder: Finder | None = None,
    batch: tuple[int, ...] | None = None,
    key: Array | None = None,
    throw: bool = True,
) -> Equilibrium:
    """Find a state with −∂(E + βC)/∂x + forces = 0 on all free nodes.

    Args:
        model: a compiled model.
        params: its parameters.
        inputs: `(*batch, inputs)`, or a dict of arrays where there are several inputs.
        target, beta: for a nudged equilibrium.
        start: a state to start from (a warm start); by default every coordinate's `start`.
        finder: a `Finder`; by default `default_finder(model)`.
        batch: batch shape where it cannot be read off the inputs.
        key: a random key, for finders with noise.
        throw: raise `SolveError` on failure, instead of returning it in `outcome`.

    Returns:
        An `Equilibrium`, differentiable in the parameters, inputs and target by the implicit function theorem.

    Raises:
        ModelError: the finder does not fit the model, or the data do not.
        SolveError: the finder failed (inside a jitted function: an error at run time with the same text).

    >>> import jax, physeq as pq
    >>> s, b = pq.coordinate("s"), pq.parameter("b", initial=0.5)
    >>> model = pq.System(pq.complete(1), nodes=pq.Node("unit", potential=s**2 / 2 - b * s)).compile()
    >>> float(equilibrium(model, model.init_parameters(jax.random.key(0)))["nodes"]["s"][0])
    0.5
    """
    require_compiled("equilibrium", model)
    finder = default_finder(model) if finder is None else finder
    if not isinstance(finder, Finder):
        raise ModelError(f"finder must be a Finder such as Minimise() or FixedPoint(30), got {finder!r}")
    finder.check(model)
    # Values can be checked only here; numbers become arrays, so that another β compiles nothing anew.
    inputs, target = model.check_data(inputs, target)
    model.check_parameters(params)
    if isinstance(beta, int | float):
        beta = jnp.asarray(beta, jnp.result_type(float))
    elif isinstance(beta, complex):
        beta = jnp.asarray(beta, jnp.result_type(complex))
    # Eager calls run compiled, once per shape.
    result = _equilibrium(model, params, inputs, target, beta, _state(start), finder, batch, key)
    if not throw:
        return result
    if is_traced(result.outcome):
        state = eqx.error_if(
            result.state, jnp.any(result.failed), f"{type(finder).__name__} failed: run it with throw=False outside jit"
        )
        return eqx.tree_at(lambda r: r.state, result, state)
    result.check(type(finder).__name__)
    return result


@eqx.filter_jit
def _equilibrium(model, params, inputs, target, beta, start, finder, batch, key) -> Equilibrium:
    problem = dataclasses.replace(model.problem(params, inputs, target, beta, batch), key=key)
    dtype = problem.beta.dtype
    free, residual, steps, outcome = solve(problem, problem.start(start, dtype), finder)
    full = problem.full(free)
    spread = {
        g: {k: jnp.broadcast_to(x, (*problem.batch, x.shape[-1])) for k, x in own.items()} for g, own in full.items()
    }
    return Equilibrium(spread, residual, steps, outcome)


def _state(start: State | Equilibrium | None) -> State | None:
    return start.state if isinstance(start, Equilibrium) else start
