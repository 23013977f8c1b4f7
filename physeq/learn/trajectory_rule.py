"""What learning rules of trajectories share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import TrajectoryModel
from physeq.errors import ModelError
from physeq.learn.procedure import Step, of_trajectories
from physeq.learn.rule import GradientInfo, LearningRule, Params
from physeq.solve import Path
from physeq.solve.trajectory_solver import TrajectorySolver, raise_if_lost


@dataclass(frozen=True)
class TrajectoryRule(LearningRule):
    """Base class of rules on `System.trajectories(...)`: they estimate dJ/dθ, J = ∫ℓ dt + c, the batch mean.

    A subclass gives `check_trajectories`, `phases` and `estimate`.
    """

    def check(self, model: Any) -> None:
        name = type(self).__name__
        if not isinstance(model, TrajectoryModel):
            raise ModelError(
                f"{name} learns trajectories; compile with System.trajectories(boundary, solver) instead of compile()"
            )
        if model.cost is None:
            raise ModelError(f"{name} needs a cost: pass cost= to trajectories() and outputs= to System")
        self.check_trajectories(model)

    def gradient(self, model: Any, params: Params, inputs: Any, target: Any = None, **options: Any):
        """Estimate dJ/dθ; see `LearningRule.gradient`. Costs without a target need none.

        Raises:
            ModelError: also where the cost compares with a target and there is none.
        """
        self.check(model)
        if target is None:
            if (symbol := model.cost.form.target) is not None:
                raise ModelError(f"{type(self).__name__}: the cost holds the target {symbol}; pass its series")
            target = jnp.zeros((1, model.cost.outputs))  # a phase is nudged where there is a target
        return super().gradient(model, params, inputs, target, **options)

    @abstractmethod
    def check_trajectories(self, model: TrajectoryModel) -> None:
        """Raise `ModelError` where the rule does not hold for the motion, naming the component and what would work."""

    def procedure(self, model: Any) -> tuple[Step, ...]:
        return of_trajectories(self, model)

    def prediction_finder(self, model: Any) -> TrajectorySolver:  # type: ignore[override]
        return model.solver

    def raise_if_failed(self, info: GradientInfo) -> None:
        raise_if_lost(info.outcome, jnp.max(info.residual), jnp.max(info.steps), type(self).__name__)


def mean_over_batch(problem: Any, gradients: Params) -> Params:
    """Gradients of single samples, averaged over the batch's axes."""
    axes = tuple(range(len(problem.batch)))
    return jax.tree.map(lambda g: jnp.mean(g, axes) if axes else g, gradients)


def trajectory_info(
    problem: Any,
    path: Path,
    free: tuple[Array, Array, Array],
    nudged: tuple[Array, Array, Array] | None = None,
    displacement: Array | None = None,
    boundary: Params | None = None,
) -> GradientInfo:
    """What a rule saw: (residual, steps, outcome) of the free and of the nudged phases, from the free path."""
    cost = problem.cost
    values = problem.map(lambda one, ys, end: one.cost_value(ys, end), path.ys, path.end)
    if nudged is None:
        nudged = (jnp.zeros_like(free[0]), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
    return GradientInfo(
        cost=jnp.mean(values),
        prediction=cost.prediction(path.ys),
        free=problem.full(path.ys),
        residual=jnp.stack([jnp.max(free[0]), jnp.max(nudged[0])]),
        steps=jnp.stack([jnp.max(free[1]), jnp.max(nudged[1])]).astype(jnp.int32),
        outcome=jnp.maximum(jnp.max(free[2]), jnp.max(nudged[2])),
        displacement=jnp.zeros(problem.batch) if displacement is None else displacement,
        boundary=boundary,
    )
