"""Prediction and evaluation with fixed parameters, in chunks that fit in memory."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.solve.finder import Finder
from physeq.solve.result import raise_if_failed


def predict(model: Any, params: Any, inputs: Any, finder: Finder, *, chunk: int = 1000) -> Array:
    """Free predictions `(samples, outputs)` of inputs with one leading sample axis.

    Raises:
        SolveError: an equilibrium failed.
    """
    parts = []
    for low, high in _chunks(_count(inputs), chunk):
        z, _, residual, steps, outcome = _free(model, params, jax.tree.map(lambda a: a[low:high], inputs), finder)  # noqa: B023
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
    chunk: int = 1000,
) -> dict[str, float]:
    """{"cost": mean C, "error_percent": …} with fixed parameters; errors only where there are labels.

    A sample is given the class whose target its prediction fits at the least cost.

    Raises:
        SolveError: an equilibrium failed.
    """
    cost, wrong = 0.0, 0
    count = len(targets)
    for low, high in _chunks(count, chunk):
        part = jax.tree.map(lambda a: a[low:high], inputs)  # noqa: B023
        z, state, residual, steps, outcome = _free(model, params, part, finder)
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
def _free(model, params, inputs, finder):
    problem = model.problem(params, inputs)
    free, residual, steps, outcome = finder.find(problem, problem.start(None, problem.beta.dtype))
    full = problem.full(free)
    return problem.cost_evaluator.prediction(full, params), full, residual, steps, outcome


@eqx.filter_jit
def _classify(model, prediction, class_targets):
    """The class of least cost: C(z, target of class k) for every k."""
    costs = model.cost_of_prediction(prediction[..., None, :], class_targets)
    return jnp.argmin(costs, -1)


def _count(inputs: Any) -> int:
    return jax.tree.leaves(inputs)[0].shape[0]


def _chunks(count: int, chunk: int) -> list[tuple[int, int]]:
    return [(low, min(low + chunk, count)) for low in range(0, count, chunk)]
