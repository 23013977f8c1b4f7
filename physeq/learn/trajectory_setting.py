"""One point of parameters and series, solved once and shared by every audit of a rule of trajectories at it."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from physeq.compile import TrajectoryModel
from physeq.errors import ModelError
from physeq.learn.continuous_adjoint import ContinuousAdjoint
from physeq.learn.equilibrium_propagation import OneSided
from physeq.learn.lagrangian_ep import Holomorphic, LagrangianEP
from physeq.learn.order import fitted_ratio
from physeq.learn.over_points import HolomorphicAudit, PointsAudit
from physeq.learn.rule import LearningRule, Objective, Params
from physeq.learn.setting import Setting
from physeq.learn.singularity import Singularity
from physeq.learn.tight import flat_trainable, settled
from physeq.solve import solve_trajectories
from physeq.solve.result import State

_COUNTS = (2, 4, 8, 16)


class TrajectorySetting(Setting):
    """A `TrajectoryModel` at given parameters and one batch of series: its free trajectories and exact gradient.

    Raises:
        ModelError: the model has no cost.
    """

    model: TrajectoryModel

    @cached_property
    def free(self) -> State:
        """The free trajectories; `SolveError` where they are not found."""
        return solve_trajectories(self.model, self.params, self.inputs).state

    @property
    def scale(self) -> float:
        """Nudges are tried from 1 down."""
        return 1.0

    @property
    def singularity(self) -> Singularity | None:
        """Not looked for: the distance shows in how the error falls with the number of points."""
        return None

    def _reference(self, objective: Objective) -> LearningRule:
        if objective is not Objective.COST:
            raise ModelError(f"audit: trajectories have the objective {Objective.COST.value!r} alone")
        return ContinuousAdjoint()


def setting_of(model, params: Params, inputs, target) -> Setting:
    """The setting of a model of equilibria or of trajectories."""
    kind = TrajectorySetting if isinstance(model, TrajectoryModel) else Setting
    return kind(model, params, inputs, target)


def orbits_over_points(setting: TrajectorySetting, rule: LagrangianEP) -> HolomorphicAudit | None:
    """Audit N = 2 … 16 nudges on a circle of the rule's radius, and one-sided EP beside it; None where orbits are lost.

    The error falls as (r/R)^N, R the distance to the nearest nudge at which two extremals meet.
    """
    nudging = rule.nudging
    assert isinstance(nudging, Holomorphic)
    exact = setting.exact(rule.objective)[1]
    found, radius = {}, float(nudging.radius)
    for count in (*_COUNTS, 1):
        one = dataclasses.replace(rule, nudging=Holomorphic(radius, count) if count > 1 else OneSided(radius))
        estimate, info = one.gradient(
            setting.model, setting.params, setting.inputs, setting.target, start=setting.free, throw=False
        )
        if not settled(info.outcome, info.residual, info.free):
            return None
        found[count] = flat_trainable(setting.model, estimate)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a - b) / np.linalg.norm(b))

    points = []
    for count in _COUNTS:
        length = float(np.linalg.norm(found[count]) * np.linalg.norm(exact))
        finer = found.get(2 * count)
        points.append(
            PointsAudit(
                points=count,
                relative_error=distance(found[count], exact),
                cosine=float(found[count] @ exact) / length if length else None,
                estimated_error=None if finer is None else distance(found[count], finer),
            )
        )
    ratio = fitted_ratio([p.points for p in points], [p.relative_error for p in points])
    return HolomorphicAudit(None, radius, tuple(points), ratio, distance(found[1], exact))
