"""Does a nudged phase stay in the basin of the free state? Let go of the nudge and see where the state returns."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.solve import EulerSteps, FixedPoint, Langevin, NodeDescent
from physeq.solve.finder import Finder


@dataclass(frozen=True)
class BasinCheck:
    """Settings of the check that `fit` makes after every epoch.

    Attributes:
        samples: how many training samples are checked.
        tolerance: largest |difference| of two settled states that counts as one, relative to 1 + max |state|.
    """

    samples: int = 20
    tolerance: float = 1e-3


@eqx.filter_jit
def left_basin(
    model: Any, params: Any, rule: Any, inputs: Any, target: Array, key: Array, tolerance: float = 1e-3
) -> Array:
    """Mask of the samples for which a nudged phase of the rule ends in the basin of another free equilibrium.

    The free state and each nudged state are relaxed without nudge until they settle; the nudged phase has left the
    basin where the two settled states differ by more than `tolerance`·(1 + max |state|). The contrast is then no
    gradient: lower β.
    """
    phases = rule.solve_phases(model, params, inputs, target, key=key)
    free, nudged = phases.free[0], phases.nudged[0]
    finder = _settling(rule.prediction_finder(model), phases.betas.dtype)
    states = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), free, nudged)
    count = len(phases.betas) + 1
    rest = dataclasses.replace(phases.problem, target=None, batch=(count, *phases.problem.batch))
    settled, *_ = finder.find(rest, states)
    differences = jax.tree.map(lambda x: jnp.max(jnp.abs(x[1:] - x[:1]), axis=(0, -1)), settled)
    scale = 1 + jnp.max(jnp.stack([jnp.max(jnp.abs(x)) for x in jax.tree.leaves(settled)]))
    return jnp.stack(jnp.broadcast_arrays(*jax.tree.leaves(differences))).max(0) > tolerance * scale


def _settling(finder: Finder, dtype: Any) -> Finder:
    """The same dynamics run to a tolerance, so that the basin is that of the dynamics used in training."""
    tolerance = 1e-5 if jnp.dtype(dtype) == jnp.float32 else 1e-9
    if isinstance(finder, NodeDescent):
        return dataclasses.replace(finder, sweeps=5000, tolerance=tolerance)
    if isinstance(finder, FixedPoint | EulerSteps):
        return dataclasses.replace(finder, steps=5000, tolerance=tolerance, noise=None)
    if isinstance(finder, Langevin):
        return EulerSteps(finder.dt, 5000, tolerance)
    return finder
