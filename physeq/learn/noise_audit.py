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
from physeq.learn.exact import ImplicitDifferentiation
from physeq.learn.rule import LearningRule, Params
from physeq.learn.tight import flat_trainable, polish_finder
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
        rule: a rule whose finders can have noise (`FixedPoint`, `EulerSteps` with a fixed number of steps).
        inputs, target: one batch.
        sigmas: σ of `GaussianNoise`, in the units of the finder.
        draws: estimates per σ.
        seed: of the noise.

    Raises:
        ModelError: the rule does not fit the model, or none of its finders can have noise.
    """
    rule.check(model)
    inputs, target = model.check_data(inputs, target)
    if not _noisy_fields(rule):
        raise ModelError(
            f"noise_audit: no finder of {type(rule).__name__} can have noise; give it FixedPoint(steps) or "
            "EulerSteps(dt, steps) for its free and nudged phases"
        )
    exact_rule = ImplicitDifferentiation(polish_finder(model), rule.objective)
    exact = flat_trainable(model, exact_rule.gradient(model, params, inputs, target, throw=False)[0])
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


def _noisy_fields(rule: LearningRule) -> list[str]:
    values = {f.name: getattr(rule, f.name) for f in dataclasses.fields(rule)}
    return [
        name
        for name, value in values.items()
        if isinstance(value, Finder)
        and value.budget is not None
        and "noise" in {f.name for f in dataclasses.fields(value)}
    ]


def with_noise(rule: LearningRule, noise: GaussianNoise) -> LearningRule:
    """The rule with noise in every phase whose finder can have it."""
    changes: dict[str, Any] = {n: dataclasses.replace(getattr(rule, n), noise=noise) for n in _noisy_fields(rule)}
    return dataclasses.replace(rule, **changes)


@eqx.filter_jit
def _estimates(rule, model, params, inputs, target, keys):
    def one(key):
        return rule.estimate(model, params, inputs, target, key=key, start=None)[0]

    return jax.lax.map(one, keys)
