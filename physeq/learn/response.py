"""Rules that measure how the state responds to a nudge, and weigh the forces' dependence on parameters with it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import force_parameter_gradient
from physeq.errors import ModelError
from physeq.learn.equilibrium_propagation import Centered, Nudging, Phases
from physeq.learn.rule import (
    Contrasted,
    GradientInfo,
    LearningRule,
    Params,
    Phase,
    require_cost,
    require_fixed_bounds,
    require_no_bounds,
)
from physeq.solve import DenseDirect, FixedPoint, LinearSolve, Minimise, Newton, NodeDescent, Outside, default_finder
from physeq.solve.finder import Finder
from physeq.solve.result import State


@dataclass(frozen=True)
class ResponseRule(LearningRule):
    """Base class: dL/dθ ≈ ∂C/∂θ − (∂f/∂θ)ᵀ r at the free state, r = Σ_phases w (s^β − s⁰) ≈ ds/dβ.

    A subclass says what the nudged phases are and what becomes of r.
    """

    nudging: Nudging = field(default_factory=lambda: Centered(0.01))
    free: Finder | None = None
    nudged: Finder | None = None

    @property
    def contrasted(self) -> Contrasted:
        return Contrasted.RESPONSE

    def phases(self) -> tuple[Phase, ...]:
        return self.nudging.phases()

    def check(self, model: Any) -> None:
        require_cost(model, type(self).__name__)
        require_fixed_bounds(model, type(self).__name__)
        for finder in dict.fromkeys(self._finders(model)):
            finder.check(model)

    def _finders(self, model: Any) -> tuple[Finder, Finder]:
        free = self.free if self.free is not None else default_finder(model)
        return free, self.nudged if self.nudged is not None else free

    def prediction_finder(self, model: Any) -> Finder:
        return self._finders(model)[0]

    def nudged_problem(self, nudged: Any, free: State) -> Any:
        """The problem of the nudged phases, given the one with the cost's nudge alone."""
        return nudged

    def weigh(self, problem: Any, free: State, response: State) -> State:
        """What ∂f/∂θ is contracted with, given r; `problem` has no nudge."""
        return response

    def solve_phases(self, model, params, inputs, target, *, key=None, start=None) -> Phases:
        """Run the free and the nudged phases; the nudged ones all at once, along a leading axis of the batch."""
        free_finder, nudged_finder = self._finders(model)
        problem = model.problem(params, inputs, target)
        keys = (None, None) if key is None else (jax.random.fold_in(key, 1), jax.random.fold_in(key, 2))
        rest = dataclasses.replace(problem, target=None, key=keys[0])
        free = free_finder.find(rest, problem.start(start, problem.beta.dtype))
        betas, weights, free_weight = self.nudging.betas(key, problem.beta.dtype)
        count = betas.shape[0]
        lead = (count, *(1 for _ in problem.batch))
        nudged = dataclasses.replace(problem, beta=betas.reshape(lead), batch=(count, *problem.batch), key=keys[1])
        nudged = self.nudged_problem(nudged, free[0])
        begin = jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *x.shape)), free[0])
        return Phases(problem, nudged, free, nudged_finder.find(nudged, begin), betas, weights, free_weight)

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        p = self.solve_phases(model, params, inputs, target, key=key, start=start)
        moved = jax.tree.map(jnp.subtract, p.nudged[0], p.free[0])
        response = jax.tree.map(lambda x: jnp.tensordot(p.weights, x, 1), moved)
        rest = dataclasses.replace(p.problem, target=None)
        weighed = self.weigh(rest, p.free[0], response)
        displacement = jax.tree.map(lambda x: jnp.max(jnp.abs(x), axis=(0, -1)), moved)
        return response_gradient(p.problem, p.free[0], weighed), response_info(
            p.problem, p.free, p.nudged[1:], displacement
        )


def response_gradient(problem: Any, free: State, response: State) -> Params:
    """∂C/∂θ − (∂f/∂θ)ᵀ r at the free state, the batch mean."""
    through_states = force_parameter_gradient(problem, free, response)
    gradients = jax.tree.map(jnp.negative, through_states)
    if "readout" in problem.params:
        weights = jnp.full(problem.batch, 1 / math.prod(problem.batch), problem.beta.dtype)
        full, cost = problem.full(free), problem.cost_evaluator
        gradients["readout"] = cost.parameter_gradient(full, problem.params, problem.target, weights)
    return gradients


def response_info(problem: Any, free: tuple, evidence: tuple, displacement: State) -> GradientInfo:
    """What was seen; `evidence` is (residual, steps, outcome) of the nudged phases."""
    state, residual, steps, outcome = free
    cost, full = problem.cost_evaluator, problem.full(state)
    worst: Array = jnp.stack(jnp.broadcast_arrays(*jax.tree.leaves(displacement))).max(0)
    return GradientInfo(
        cost=jnp.mean(cost.value(full, problem.params, problem.target)),
        prediction=cost.prediction(full, problem.params),
        free=full,
        residual=jnp.stack([jnp.max(residual), jnp.max(evidence[0])]),
        steps=jnp.stack([jnp.asarray(steps, jnp.int32), jnp.asarray(evidence[1], jnp.int32)]),
        outcome=jnp.maximum(jnp.max(outcome), jnp.max(evidence[2])),
        displacement=worst,
    )


def require_transposable(model: Any, rule: str) -> None:
    """Refuse what has no Jacobian to transpose: bounds and forces with a jump, naming the placement."""
    require_no_bounds(model, rule, "ImplicitDifferentiation")
    if jumps := model.derivation.structure.not_differentiable:
        raise ModelError(
            f"{rule} needs differentiable forces; component {jumps[0].component!r} in {jumps[0].placement!r} has "
            f"{jumps[0].what}; use a smooth function there, or FiniteDifferences"
        )


def follows_forces(finder: Finder) -> bool:
    """Whether a finder solves for the forces that a problem gives, rather than for its energy or its local forms."""
    if isinstance(finder, LinearSolve):
        return isinstance(finder.method, DenseDirect)
    return not isinstance(finder, Minimise | NodeDescent)


def force_finder(rule: str, chosen: Finder | None, default: Finder) -> Finder:
    """The finder of a phase with forces of its own: the chosen one, else the default where it fits, else Newton.

    Raises:
        ModelError: the chosen finder does not see those forces, or adds the nudge outside of the local equilibrium.
    """
    if chosen is None:
        outside = isinstance(default, FixedPoint) and isinstance(default.nudge, Outside)
        return default if follows_forces(default) and not outside else Newton()
    if not follows_forces(chosen):
        raise ModelError(
            f"{rule}: nudged={chosen!r} does not see the force that the rule adds; use Newton(), FixedPoint(...), "
            "EulerSteps(...) or Relaxation(...)"
        )
    if isinstance(chosen, FixedPoint) and isinstance(chosen.nudge, Outside):
        raise ModelError(
            f"{rule}: the force that the rule adds belongs inside the local equilibrium; use FixedPoint(nudge=Inside())"
        )
    return chosen
