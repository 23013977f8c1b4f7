"""`solve_trajectories`: the trajectories of a model, every quantity of them by the user's names."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.motion import State
from physeq.compile.motion_observe import observe, quantity
from physeq.compile.trajectory_problem import TrajectoryProblem
from physeq.shown import Shown
from physeq.solve.rest import rates
from physeq.solve.trajectory_solver import raise_if_lost


class Trajectories(Shown, eqx.Module):
    """Found trajectories. `found["mass.x"]` is a quantity by name over `times`, for every batch entry.

    Attributes:
        times: the grid, `(times,)`.
        ys: all unknowns, `(*batch, times, size)`.
        end: y(T), `(*batch, size)`, or None.
        residual, steps, outcome: of the solver, per batch entry.
        problem: what was solved.
    """

    times: Array
    ys: Array
    end: Array | None
    residual: Array
    steps: Array
    outcome: Array
    problem: TrajectoryProblem

    def __repr__(self) -> str:
        *batch, times, size = jnp.shape(self.ys)
        samples = f"{tuple(batch)} samples, " if batch else ""
        return f"Trajectories({self.problem.layout.system.name!r}: {samples}{size} unknowns at {times} times)"

    def __getitem__(self, name: str) -> Array:
        """A quantity over time: `(*batch, times)` of one node or element, `(*batch, times, instances)` of all.

        Raises:
            ModelError: no quantity has that name.
        """
        return _observe(self.problem, quantity(self.problem.bound(), name), self.ys)

    @property
    def state(self) -> State:
        """{group or placement: {key: `(*batch, times, nodes)`}}, what `start=` takes."""
        return self.problem.full(self.ys)


@eqx.filter_jit
def _observe(problem, wanted, ys):
    def instant(bound, t, y, _):
        moving = rates(bound, t, y) if wanted.needs_rates else jnp.zeros_like(y)
        return observe(bound, wanted, t, y, moving)

    return problem.map(lambda one, y: one.along(instant, y), ys)


def solve_trajectories(
    model: Any,
    params: Any,
    inputs: Any = None,
    *,
    target: Array | None = None,
    beta: Any = 0.0,
    start: State | Array | None = None,
    continuation: int = 1,
    throw: bool = True,
) -> Trajectories:
    """Find the trajectories of a model at a nudge, by continuation from the free ones.

    Args:
        model: `System.trajectories(...)`.
        params: as for `Model`.
        inputs: series `(*batch, times, size)` on `model.times`.
        target: what a nudge needs.
        beta: the nudge; complex ones give complex trajectories.
        start: states to start from, which select the orbit where there are several; by default the boundary
            condition's guess.
        continuation: in so many equal parts of β, each from the orbit before.
        throw: raise where one was not found.

    Raises:
        ModelError: data that do not fit.
        SolveError: not found; with the residual.

    >>> import physeq as pq
    >>> x = pq.coordinate("x")
    >>> mass = pq.Node("mass", kinetic=x.dot**2 / 2, potential=x**2)
    >>> system = pq.System(pq.complete(1), nodes=mass, inputs={"push": pq.Drive("nodes")})
    >>> model = system.trajectories(pq.Periodic(6.283185307179586), pq.HarmonicBalance(2))
    >>> found = solve_trajectories(model, {"nodes": {}}, jnp.cos(model.times)[:, None])
    >>> round(float(found["nodes.x"][0, 0]), 4)  # x = cos(t)/(2 − 1)
    1.0
    """
    problem = model.problem(params, inputs, target, beta)
    dtype = problem.beta.dtype
    path, residual, steps, outcome = _find(model.solver, problem, problem.start(start, dtype), continuation)
    if throw:
        raise_if_lost(outcome, residual, steps, "trajectories")
    return Trajectories(problem.times, path.ys, path.end, residual, steps, outcome, problem)


@eqx.filter_jit
def _find(solver, problem, ys, parts):
    return continued(solver, problem, ys, parts)


def continued(solver: Any, problem: TrajectoryProblem, ys: Array, parts: int) -> tuple[Any, Array, Array, Array]:
    """The trajectories at a problem's nudge, reached in equal parts of it from states at β = 0; evidence is the worst.

    With one part the nudge acts at once.
    """
    if parts == 1:
        return solver.find(problem, ys)

    def step(carry, share):
        ys, residual, steps, outcome = carry
        partly = eqx.tree_at(lambda p: p.beta, problem, problem.beta * share)
        path, *evidence = solver.find(partly, ys)
        worst = jnp.maximum(outcome, evidence[2])
        return (path.ys, jnp.maximum(residual, evidence[0]), steps + evidence[1], worst), None

    shape = problem.batch
    none = (jnp.zeros(shape, problem.times.dtype), jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.int32))
    shares = jnp.arange(1, parts, dtype=problem.times.dtype) / parts
    (ys, residual, steps, outcome), _ = jax.lax.scan(step, (ys, *none), shares)
    path, *evidence = solver.find(problem, ys)
    return (
        path,
        jnp.maximum(residual, evidence[0]),
        steps + evidence[1],
        jnp.maximum(outcome, evidence[2]),
    )
