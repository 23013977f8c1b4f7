"""The error of a rule's estimates against the noise in its phases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.learn.continuous_oscillation import ContinuousOscillation
from physeq.learn.oscillating_ep import OscillatingEP
from physeq.learn.rule import LearningRule, Params, require_rule
from physeq.learn.setting import Setting
from physeq.learn.tight import flat_trainable
from physeq.settings import whole
from physeq.solve import GaussianNoise
from physeq.solve.finder import Finder


@dataclass(frozen=True)
class NoisePoint:
    """At one σ: mean and standard deviation of ‖g − g_ref‖/‖g_ref‖ and of the cosine over draws, and the error of
    the mean of all draws, which is what is left as bias."""

    sigma: float
    relative_error: float
    relative_error_std: float
    cosine: float
    cosine_std: float
    error_of_mean: float


def noise_audit(
    model: Any,
    params: Params,
    rule: LearningRule,
    inputs: Any,
    target: Array,
    *,
    sigmas: Sequence[float] = (0.0, 0.003, 0.01, 0.03, 0.1),
    draws: int = 16,
    seed: int = 0,
) -> tuple[NoisePoint, ...]:
    """Estimate the gradient many times with noise of each σ in the phases, against the exact gradient without noise.

    Args:
        model, params: the compiled system and its parameters.
        rule: a rule whose finders can have noise (`FixedPoint`, `EulerSteps` with a fixed number of steps, `Langevin`),
            `OscillatingEP` without a tolerance, or a rule that adds to one of these.
        inputs, target: one batch.
        sigmas: σ of `GaussianNoise`, in the units of the finder.
        draws: estimates per σ.
        seed: of the noise.

    Raises:
        ModelError: no draws, the rule does not fit the model, nothing in it can have noise, or the exact gradient
            vanishes here.
        SolveError: the free equilibrium cannot be found to rounding.

    >>> import jax, numpy as np, physeq as pq
    >>> s, y, w = pq.coordinate("s"), pq.target("y"), pq.parameter("w", initial=0.3)
    >>> unit = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    >>> synapse = pq.Edge("synapse", potential=-w * s.source * s.target)
    >>> model = pq.System(pq.layered([1, 2, 1]), nodes=unit, edges=synapse, inputs="input", outputs="output",
    ...                   cost=(s - y) ** 2 / 2).compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> rule = pq.EquilibriumPropagation(pq.Centered(0.1), free=pq.EulerSteps(0.1, 300))
    >>> quiet, noisy = noise_audit(model, params, rule, x, wanted, sigmas=(0.0, 0.1))
    >>> quiet.relative_error < 0.02 < noisy.relative_error
    True
    """
    whole("noise_audit", "draws", draws, 1)
    require_rule("noise_audit", rule, model)
    inputs, target = model.check_data(inputs, target)
    if with_noise(rule, GaussianNoise(0.0)) is rule:
        raise ModelError(
            f"noise_audit: nothing in {type(rule).__name__} can have noise; give it FixedPoint(steps), "
            "EulerSteps(dt, steps) or Langevin(duration, dt) for its phases, and no tolerance"
        )
    exact = Setting(model, params, inputs, target).exact(rule.objective)[1]
    keys = jax.random.split(jax.random.key(seed), draws)
    found = []
    for sigma in sigmas:
        noisy = with_noise(rule, GaussianNoise(float(sigma)))
        stacked = _estimates(noisy, model, params, inputs, target, keys)
        rows = np.stack([flat_trainable(model, jax.tree.map(lambda x: x[k], stacked)) for k in range(draws)])  # noqa: B023
        size = np.linalg.norm(exact)
        errors = np.linalg.norm(rows - exact, axis=1) / size
        cosines = rows @ exact / (np.linalg.norm(rows, axis=1) * size)
        of_mean = float(np.linalg.norm(rows.mean(0) - exact) / size)
        found.append(
            NoisePoint(
                float(sigma),
                float(errors.mean()),
                float(errors.std()),
                float(cosines.mean()),
                float(cosines.std()),
                of_mean,
            )
        )
    return tuple(found)


def with_noise(part: Any, noise: GaussianNoise) -> Any:
    """A rule, or a part of one, with noise wherever it can have it; the same object where it cannot.

    A tolerance is never met with noise, so that what has one stays without.
    """
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(part):
        value = getattr(part, f.name)
        if isinstance(value, LearningRule | Finder | ContinuousOscillation):
            noisy = with_noise(value, noise)
            if noisy is not value:
                changes[f.name] = noisy
    if _takes_noise(part):
        changes["noise"] = noise
    return dataclasses.replace(part, **changes) if changes else part


def _takes_noise(part: Any) -> bool:
    if isinstance(part, OscillatingEP) and (part.oscillation is not None or part.hold is not None):
        return False  # these have noise of their own
    if isinstance(part, ContinuousOscillation):
        return part.dt is not None
    has_field = any(f.name == "noise" for f in dataclasses.fields(part))
    return has_field and getattr(part, "tolerance", None) is None


@eqx.filter_jit
def _estimates(rule, model, params, inputs, target, keys):
    def one(key):
        return rule.estimate(model, params, inputs, target, key=key, start=None)[0]

    return jax.lax.map(one, keys)
