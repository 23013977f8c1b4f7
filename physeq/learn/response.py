"""Rules that measure how the state responds to a nudge, and weigh the forces' dependence on parameters with it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from physeq.compile import force_parameter_gradient
from physeq.errors import ModelError
from physeq.learn.equilibrium_propagation import Centered, Nudging
from physeq.learn.phases import Phases, phase_info, run_phases
from physeq.learn.rule import (
    Contrasted,
    GradientInfo,
    LearningRule,
    Objective,
    Params,
    Phase,
    outside_objective,
    require_cost,
    require_fixed_bounds,
    require_no_bounds,
)
from physeq.solve import DenseDirect, LinearSolve, Minimise, Newton, NodeDescent, default_finder
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
        for finder in dict.fromkeys(self.finders(model)):
            finder.check(model)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        free = self.free if self.free is not None else default_finder(model)
        return free, self.nudged if self.nudged is not None else free

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def nudged_problem(self, nudged: Any, free: State) -> Any:
        """The problem of the nudged phases, given the one with the cost's nudge alone."""
        return nudged

    def weigh(self, problem: Any, free: State, response: State) -> State:
        """What ∂f/∂θ is contracted with, given r; `problem` has no nudge."""
        return response

    def solve_phases(self, model, params, inputs, target, *, key=None, start=None) -> Phases:
        """Run the free and the nudged phases; the nudged ones all at once, along a leading axis of the batch."""
        problem = model.problem(params, inputs, target)
        return run_phases(
            problem, self.nudging, self.finders(model), key=key, start=start, nudged_problem=self.nudged_problem
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        p = self.solve_phases(model, params, inputs, target, key=key, start=start)
        moved = jax.tree.map(jnp.subtract, p.nudged[0], p.free[0])
        response = jax.tree.map(lambda x: jnp.tensordot(p.weights, x, 1), moved)
        rest = dataclasses.replace(p.problem, target=None)
        weighed = self.weigh(rest, p.free[0], response)
        displacement = jax.tree.map(lambda x: jnp.max(jnp.abs(x), axis=(0, -1)), moved)
        gradients = response_gradient(p.problem, p.free[0], weighed)
        return gradients, phase_info(p.problem, p.free, p.nudged[1:], displacement)


def response_gradient(problem: Any, free: State, response: State) -> Params:
    """∂C/∂θ − (∂f/∂θ)ᵀ r at the free state, the batch mean."""
    through_states = force_parameter_gradient(problem, free, response)
    gradients = jax.tree.map(jnp.negative, through_states)
    if "readout" in problem.params:
        weights = jnp.full(problem.batch, 1 / math.prod(problem.batch), problem.beta.dtype)
        full, cost = problem.full(free), problem.cost_evaluator
        gradients["readout"] = cost.parameter_gradient(full, problem.params, problem.target, weights)
    return gradients


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
        inside = outside_objective(default) is Objective.COST
        return default if follows_forces(default) and inside else Newton()
    if not follows_forces(chosen):
        raise ModelError(
            f"{rule}: nudged={chosen!r} does not see the force that the rule adds; use Newton(), FixedPoint(...), "
            "EulerSteps(...) or Relaxation(...)"
        )
    if outside_objective(chosen) is not Objective.COST:
        raise ModelError(
            f"{rule}: the force that the rule adds belongs inside the local equilibrium; use FixedPoint(nudge=Inside())"
        )
    return chosen
