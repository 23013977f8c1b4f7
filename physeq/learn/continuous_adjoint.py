"""The exact gradient of a cost along trajectories, by the adjoint equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from physeq.compile import TrajectoryModel
from physeq.learn.procedure import CLOSING, Step, for_each_sample
from physeq.learn.rule import GradientInfo, Params, Phase
from physeq.learn.trajectory_rule import TrajectoryRule, mean_over_batch, trajectory_info


@dataclass(frozen=True)
class ContinuousAdjoint(TrajectoryRule):
    """dJ/dθ = ∂J/∂θ − ∫λ·∂R/∂θ dt, R = M ẏ − f, with the adjoint equation −d/dt(Mᵀλ) = (∂f/∂y)ᵀ λ + ∂ℓ/∂y.

    The adjoint equation is solved on the grid of the motion.

    For periodic and two-point conditions by the transposed matrix of Newton's last step, for `Leapfrog` backwards in
    time along the motion run in reverse. ∂R/∂θ is JAX's derivative of the equations, so this is independent of the
    derived update rules. Holds for any motion, with dissipation and without reciprocity too.

    >>> ContinuousAdjoint().phases()
    ()
    """

    def phases(self) -> tuple[Phase, ...]:
        return ()

    def check_trajectories(self, model: TrajectoryModel) -> None:
        """Every motion that its solver solves is allowed."""

    def procedure(self, model: Any) -> tuple[Step, ...]:
        return (
            for_each_sample(
                Step("Find the free trajectory, without a nudge, and store it.", finder=model.solver),
                Step("Solve the adjoint equation along it, driven by the slope of the cost by the unknowns."),
                Step("The estimate of every parameter integrates the adjoint times the slope of the equations by it."),
            ),
            *CLOSING,
        )

    def estimate(self, model: Any, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        problem = model.problem(params, inputs, target)
        gradients, path, residual, steps, outcome = problem.map(
            model.solver.adjoint, problem.start(start, problem.beta.dtype)
        )
        return mean_over_batch(problem, gradients), trajectory_info(problem, path, (residual, steps, outcome))
