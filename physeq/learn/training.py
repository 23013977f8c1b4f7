"""One training run: the compiled epoch, the evaluation after it, and what is carried from epoch to epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import TrajectoryModel
from physeq.learn.basin import BasinCheck, left_basin
from physeq.learn.evaluate import evaluate
from physeq.learn.rule import Params
from physeq.learn.training_data import TrainingData
from physeq.solve.finder import Finder
from physeq.solve.result import Outcome, raise_if_failed
from physeq.solve.trajectory_solver import raise_if_lost


@dataclass
class TrainingState:
    """What a run carries from epoch to epoch."""

    params: Params
    opt_state: Any
    best_params: Params
    history: list[dict]
    best_epochs: list[int]
    best_scores: list[float]


class TrainingRun:
    """One training run: its compiled epoch and its evaluations."""

    def __init__(self, model, rule, ready: TrainingData, optimizer, batch_size: int, many: bool, finder: Finder):
        self.model, self.rule, self.ready = model, rule, ready
        self.optimizer, self.batch_size, self.many, self.finder = optimizer, batch_size, many, finder

    def epoch(self, state: TrainingState, keys, epoch: int) -> dict:
        """Train one epoch in place and return its record."""
        begin = time.perf_counter()
        epoch_keys = [jax.random.fold_in(key, epoch + 1) for key in keys]
        packed = (self.model, self.rule, self.optimizer, self.ready.inputs, self.ready.targets, self.batch_size)
        if self.many:
            key = jnp.stack(epoch_keys)
            out = _epochs(packed, state.params, state.opt_state, key)
        else:
            out = _epoch(packed, state.params, state.opt_state, epoch_keys[0])
        state.params, state.opt_state, stats = jax.block_until_ready(out)
        seconds = time.perf_counter() - begin
        outcome, residual, steps = (np.asarray(stats[k]) for k in ("outcome", "residual", "steps"))
        failed = raise_if_lost if isinstance(self.model, TrajectoryModel) else raise_if_failed
        failed(outcome.max(), residual.max(), steps.max(), f"epoch {epoch + 1}")
        record = {
            "epoch": epoch + 1,
            "running_cost": _numbers(stats["cost"], self.many),
            "residual_free": float(residual[..., 0].max()),
            "residual_nudged": float(residual[..., 1].max()),
            "seconds": round(seconds, 4),
        }
        return record | self._test(state, keys, epoch)

    def _test(self, state: TrainingState, keys, epoch: int) -> dict:
        ready = self.ready
        members = self.members(state.params)
        if ready.test_targets is None:
            scores: list[Any] = [None] * len(members)
        else:
            test = (ready.test_inputs, ready.test_targets, ready.test_labels)
            own = [jax.random.fold_in(evaluation_key(key, "test"), epoch) for key in keys]
            scores = [self.evaluate(p, *test, key) for p, key in zip(members, own, strict=True)]
        record: dict[str, Any] = {}
        for name in ("cost", "error_percent"):
            if scores[0] is not None and name in scores[0]:
                values = [s[name] for s in scores]
                record[f"test_{name}"] = values if self.many else values[0]
        best = self.members(state.best_params)
        for i, member in enumerate(members):
            score = _score(scores[i])
            if score < state.best_scores[i] or epoch == 0 or scores[i] is None:
                best[i], state.best_epochs[i], state.best_scores[i] = member, epoch + 1, score
        # Copies: the next epoch donates the live parameters.
        state.best_params = jax.tree.map(jnp.array, stack(best) if self.many else best[0])
        return record

    def members(self, params: Params) -> list[Params]:
        if not self.many:
            return [params]
        size = jax.tree.leaves(params)[0].shape[0]
        return [jax.tree.map(lambda x: x[i], params) for i in range(size)]  # noqa: B023

    def evaluate(self, params, inputs, targets, labels, key) -> dict[str, float]:
        """Cost and error with fixed parameters; the key is that of noise in the dynamics."""
        classes = self.ready.class_targets
        return evaluate(self.model, params, inputs, targets, self.finder, labels=labels, class_targets=classes, key=key)


_STREAMS = {"test": 2**31, "train": 2**31 + 1, "new": 2**31 + 2}


def evaluation_key(key: Array, stream: str) -> Array:
    """A run's key for noise in evaluations, apart from those of its epochs, which are numbered from 1."""
    return jax.random.fold_in(key, _STREAMS[stream])


def _epoch_steps(packed, params, opt_state, key):
    model, rule, optimizer, inputs, targets, batch_size = packed
    trainable = model.trainable()
    order_key, nudge_key = jax.random.split(key)
    count = targets.shape[0]
    order = jax.random.permutation(order_key, count)
    whole = count // batch_size

    def step(carry, chosen):
        params, opt_state, worst = carry
        index, number = chosen
        batch = jax.tree.map(lambda a: a[index], inputs)
        estimate_key = jax.random.fold_in(nudge_key, number)
        gradients, info = rule.estimate(model, params, batch, targets[index], key=estimate_key, start=None)
        if info.moved is not None:  # weights that moved inside a phase stay where they are
            moved = info.moved
        else:
            # Constants have gradients too, which an optimiser that looks at all of them at once must not see.
            seen = {
                p: {k: g if trainable[p][k] else jnp.zeros_like(g) for k, g in own.items()}
                for p, own in gradients.items()
            }
            updates, opt_state = optimizer.update(seen, opt_state, params)
            moved = {
                p: {k: v + updates[p][k] if trainable[p][k] else v for k, v in own.items()} for p, own in params.items()
            }
        worst = jax.tree.map(jnp.maximum, worst, (info.outcome, info.residual, jnp.max(info.steps)))
        return (model.project_parameters(moved), opt_state, worst), info.cost * index.shape[0]

    dtype = jax.tree.leaves(params)[0].dtype
    worst = (jnp.int32(Outcome.CONVERGED), jnp.zeros(2, dtype), jnp.int32(0))
    carry = (params, opt_state, worst)
    total = jnp.zeros((), dtype)
    if whole:
        chosen = (order[: whole * batch_size].reshape(whole, batch_size), jnp.arange(whole))
        carry, costs = jax.lax.scan(step, carry, chosen)
        total = total + jnp.sum(costs)
    if count % batch_size:
        carry, cost = step(carry, (order[whole * batch_size :], jnp.int32(whole)))
        total = total + cost
    params, opt_state, (outcome, residual, steps) = carry
    return params, opt_state, {"cost": total / count, "outcome": outcome, "residual": residual, "steps": steps}


@eqx.filter_jit(donate="all-except-first")
def _epoch(packed, params, opt_state, key):
    return _epoch_steps(packed, params, opt_state, key)


@eqx.filter_jit(donate="all-except-first")
def _epochs(packed, params, opt_state, keys):
    return jax.vmap(lambda p, o, k: _epoch_steps(packed, p, o, k))(params, opt_state, keys)


def check_basin(run: TrainingRun, state: TrainingState, record: dict, key: Array, basin: BasinCheck) -> None:
    inputs = jax.tree.map(lambda a: a[: basin.samples], run.ready.inputs)
    params = run.members(state.params)[0]
    mask = left_basin(run.model, params, run.rule, inputs, run.ready.targets[: basin.samples], key, basin.tolerance)
    record["left_basin_percent"] = 100.0 * float(jnp.mean(mask))


def _score(score: dict | None) -> float:
    """What the best epoch minimises: test error, else test cost; without test data the last epoch is the best."""
    return -1.0 if score is None else score.get("error_percent", score["cost"])


def stack(trees: list) -> Any:
    return jax.tree.map(lambda *xs: jnp.stack(xs), *trees)


def _numbers(values: Array, many: bool) -> Any:
    return [float(v) for v in values] if many else float(values)


def member(record: dict, i: int) -> dict:
    return {k: v[i] if isinstance(v, list) else v for k, v in record.items()}
