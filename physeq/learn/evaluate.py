"""Prediction and evaluation with fixed parameters, in chunks that fit in memory."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.solve.finder import Finder
from physeq.solve.result import raise_if_failed


def predict(
    model: Any, params: Any, inputs: Any, finder: Finder, *, key: Array | None = None, chunk: int = 1000
) -> Array:
    """Free predictions `(samples, outputs)` of inputs with one leading sample axis; `key` for finders with noise.

    Raises:
        ModelError: the finder has noise, and there is no key.
        SolveError: an equilibrium failed.
    """
    parts = []
    for number, (low, high) in enumerate(_chunks(_count(inputs), chunk)):
        part = jax.tree.map(lambda a: a[low:high], inputs)  # noqa: B023
        z, _, residual, steps, outcome = _free(model, params, part, finder, _chunk_key(finder, key, number))
        raise_if_failed(outcome, residual, steps, "prediction")
        parts.append(z)
    return jnp.concatenate(parts)


def evaluate(
    model: Any,
    params: Any,
    inputs: Any,
    targets: Array,
    finder: Finder,
    *,
    labels: np.ndarray | None = None,
    class_targets: Array | None = None,
    key: Array | None = None,
    chunk: int = 1000,
) -> dict[str, float]:
    """{"cost": mean C, "error_percent": …} with fixed parameters; errors only where there are labels.

    A sample is given the class whose target its prediction fits at the least cost. Finders with noise need a `key`.

    Raises:
        ModelError: the finder has noise, and there is no key.
        SolveError: an equilibrium failed.
    """
    cost, wrong = 0.0, 0
    count = len(targets)
    for number, (low, high) in enumerate(_chunks(count, chunk)):
        part = jax.tree.map(lambda a: a[low:high], inputs)  # noqa: B023
        z, state, residual, steps, outcome = _free(model, params, part, finder, _chunk_key(finder, key, number))
        raise_if_failed(outcome, residual, steps, "evaluation")
        cost += float(jnp.sum(model.cost(params, state, targets[low:high])))
        if labels is not None and class_targets is not None:
            chosen = _classify(model, z, class_targets)
            wrong += int(np.sum(np.asarray(chosen) != np.asarray(labels[low:high])))
    result = {"cost": cost / count}
    if labels is not None and class_targets is not None:
        result["error_percent"] = 100.0 * wrong / count
    return result


@eqx.filter_jit
def _free(model, params, inputs, finder, key):
    problem = dataclasses.replace(model.problem(params, inputs), key=key)
    free, residual, steps, outcome = finder.find(problem, problem.start(None, problem.beta.dtype))
    full = problem.full(free)
    return problem.cost_evaluator.prediction(full, params), full, residual, steps, outcome


@eqx.filter_jit
def _classify(model, prediction, class_targets):
    """The class of least cost: C(z, target of class k) for every k."""
    costs = model.cost_of_prediction(prediction[..., None, :], class_targets)
    return jnp.argmin(costs, -1)


def _chunk_key(finder: Finder, key: Array | None, number: int) -> Array | None:
    """A key of its own for every chunk; none where nothing is drawn, so that nothing compiles anew."""
    return None if key is None or finder.noise is None else jax.random.fold_in(key, number)


def _count(inputs: Any) -> int:
    return jax.tree.leaves(inputs)[0].shape[0]


def _chunks(count: int, chunk: int) -> list[tuple[int, int]]:
    return [(low, min(low + chunk, count)) for low in range(0, count, chunk)]
