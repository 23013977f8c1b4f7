"""Prediction and evaluation with fixed parameters, in chunks that fit in memory."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import TrajectoryModel
from physeq.errors import ModelError
from physeq.solve.finder import Finder
from physeq.solve.result import raise_if_failed
from physeq.solve.trajectory_solver import raise_if_lost


def predict(
    model: Any, params: Any, inputs: Any, finder: Finder, *, key: Array | None = None, chunk: int = 1000
) -> Array:
    """Free predictions `(samples, outputs)` of inputs with one leading sample axis; `key` for finders with noise.

    Raises:
        ModelError: the finder has noise, and there is no key; no samples.
        SolveError: an equilibrium failed.
    """
    if not jax.tree.leaves(inputs):  # a system without inputs has one state
        z, *evidence = _predicted(model, params, {}, finder, _chunk_key(finder, key, 0))
        _raise(model, evidence, "prediction")
        return z[None]
    if _count(inputs) == 0:
        raise ModelError("predict: there are no samples; give at least one")
    parts = []
    for number, (low, high) in enumerate(_chunks(_count(inputs), chunk)):
        part = jax.tree.map(lambda a: a[low:high], inputs)  # noqa: B023
        z, *evidence = _predicted(model, params, part, finder, _chunk_key(finder, key, number))
        _raise(model, evidence, "prediction")
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

    >>> import jax, numpy as np, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(v - y) ** 2 / 2)
    >>> model = network.compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> round(evaluate(model, params, x, wanted, pq.LinearSolve())["cost"], 6)  # ½ (0.5 V − 0.3 V)²
    0.02
    """
    classes = class_targets if labels is not None else None
    cost, wrong = 0.0, 0
    count = len(targets)
    for low, high, costs, chosen in _scores(model, params, inputs, targets, classes, finder, key, chunk):
        cost += float(jnp.sum(costs))
        if labels is not None and chosen is not None:
            wrong += int(np.sum(np.asarray(chosen) != np.asarray(labels[low:high])))
    result = {"cost": cost / count}
    if classes is not None:
        result["error_percent"] = 100.0 * wrong / count
    return result


def classify(
    model: Any,
    params: Any,
    inputs: Any,
    targets: Array,
    finder: Finder,
    *,
    class_targets: Array,
    key: Array | None = None,
    chunk: int = 1000,
) -> np.ndarray:
    """The class that `evaluate` gives every sample, with the same arguments.

    Raises:
        ModelError: the finder has noise, and there is no key.
        SolveError: an equilibrium failed.
    """
    parts = _scores(model, params, inputs, targets, class_targets, finder, key, chunk)
    return np.concatenate([np.asarray(chosen) for *_, chosen in parts])


def _scores(model, params, inputs, targets, class_targets, finder, key, chunk):
    """(first, end, C of every sample, the class of least cost or None) of every chunk."""
    for number, (low, high) in enumerate(_chunks(len(targets), chunk)):
        part = jax.tree.map(lambda a: a[low:high], inputs)  # noqa: B023
        aims = (targets[low:high], class_targets)
        found, *evidence = _scored(model, params, part, aims, finder, _chunk_key(finder, key, number))
        _raise(model, evidence, "evaluation")
        yield low, high, *found


@eqx.filter_jit
def _predicted(model, params, inputs, finder, key):
    problem, found, *evidence = _free(model, params, inputs, finder, key)
    if isinstance(model, TrajectoryModel):
        return problem.cost.prediction(found.ys), *evidence
    return problem.cost_evaluator.prediction(problem.full(found), params), *evidence


@eqx.filter_jit
def _scored(model, params, inputs, aims, finder, key):
    """((C of every sample, the class of least cost or None), residual, steps, outcome)."""
    target, class_targets = aims
    problem, found, *evidence = _free(model, params, inputs, finder, key)
    if isinstance(model, TrajectoryModel):

        def cost(aim):
            aimed = model.problem(params, inputs, aim)
            return aimed.map(lambda one, path: one.cost_value(path.ys, path.end), found)

        costs = cost(target)
        each = None if class_targets is None else jax.lax.map(cost, class_targets)
    else:
        state = problem.full(found)
        costs = model.cost(params, state, target)
        z = problem.cost_evaluator.prediction(state, params)[..., None, :]
        each = None if class_targets is None else jnp.moveaxis(model.cost_of_prediction(z, class_targets), -1, 0)
    return (costs, None if each is None else jnp.argmin(each, 0)), *evidence


def _free(model, params, inputs, finder, key):
    problem = model.problem(params, inputs)
    if not isinstance(model, TrajectoryModel):  # trajectories have no noise of their own
        problem = dataclasses.replace(problem, key=key)
    return problem, *finder.find(problem, problem.start(None, problem.beta.dtype))


def _raise(model: Any, evidence: list, what: str) -> None:
    residual, steps, outcome = evidence
    if isinstance(model, TrajectoryModel):
        raise_if_lost(outcome, residual, steps, what)
    else:
        raise_if_failed(outcome, residual, steps, what)


def _chunk_key(finder: Finder, key: Array | None, number: int) -> Array | None:
    """A key of its own for every chunk; none where nothing is drawn, so that nothing compiles anew."""
    return None if key is None or finder.noise is None else jax.random.fold_in(key, number)


def _count(inputs: Any) -> int:
    return jax.tree.leaves(inputs)[0].shape[0]


def _chunks(count: int, chunk: int) -> list[tuple[int, int]]:
    return [(low, min(low + chunk, count)) for low in range(0, count, chunk)]
