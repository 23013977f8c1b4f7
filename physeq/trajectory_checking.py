"""What `physeq check` looks at on a variant that learns trajectories, beside the audits of its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from physeq.errors import ModelError
from physeq.interface import TrajectoryModel
from physeq.learn import ContinuousAdjoint
from physeq.learn.setting import Setting
from physeq.names import name_of


@dataclass(frozen=True)
class TrajectoryFacts:
    """What is known of the trajectories of a variant.

    Attributes:
        boundary, solver: their names.
        structure: (property, "yes", or "no: " with the first component that breaks it).
        adjoint: relative difference of the adjoint gradient and fourth-order finite differences along a random
            direction of all trained parameters, each by its size; None where they have no cost.
    """

    boundary: str
    solver: str
    structure: tuple[tuple[str, str], ...]
    adjoint: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "boundary": self.boundary,
            "solver": self.solver,
            "structure": dict(self.structure),
            "adjoint_vs_finite_differences": self.adjoint,
        }


def trajectory_facts(setting: Setting, seed: int) -> TrajectoryFacts:
    """Read the structure off the symbols, and hold the adjoint gradient against finite differences.

    Raises:
        ModelError: the data do not fit.
        SolveError: a trajectory was not found.
    """
    model = setting.model
    assert isinstance(model, TrajectoryModel)
    adjoint = None if model.cost is None else adjoint_difference(setting, seed)
    return TrajectoryFacts(name_of(model.boundary), name_of(model.solver), tuple(model.structure.report()), adjoint)


def adjoint_difference(setting: Setting, seed: int) -> float:
    """|dJ/ds − g·d| relative to |g| in the direction d of a random share of every trained parameter, θ(s) = θ + s d."""
    model, trainable = setting.model, setting.model.trainable()
    rule = ContinuousAdjoint()
    single = jax.tree.leaves(setting.params)[0].dtype == jnp.float32
    # The error of the differences is O(h⁴), that of rounding O(ε/h).
    h = 1e-2 if single else 1e-3

    def size(own):
        return jnp.where(own == 0, jnp.max(jnp.abs(own)), jnp.abs(own))

    sizes = {p: {k: size(v) * trainable[p][k] for k, v in own.items()} for p, own in setting.params.items()}
    flat, restore = ravel_pytree(setting.params)
    scale = ravel_pytree(sizes)[0]
    direction = scale * jax.random.normal(jax.random.key(seed), scale.shape, scale.dtype)

    def at(s: float):
        params = restore(flat + s * direction)
        return rule.gradient(model, params, setting.inputs, setting.target, start=setting.free)

    gradient = ravel_pytree(at(0.0)[0])[0]
    costs = {s: float(at(s * h)[1].cost) for s in (-2, -1, 1, 2)}
    slope = (8 * (costs[1] - costs[-1]) - (costs[2] - costs[-2])) / (12 * h)
    length = float(jnp.linalg.norm(gradient * scale))
    if not (np.isfinite(length) and length > 0):
        raise ModelError("check: the exact gradient is zero or not finite here; choose other parameters or targets")
    return abs(slope - float(gradient @ direction)) / length
