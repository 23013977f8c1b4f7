"""`fit`: gradient descent with any learning rule, an epoch in one compiled scan, resumable bit for bit."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from physeq.data import Dataset
from physeq.errors import ModelError
from physeq.learn.basin import BasinCheck, left_basin
from physeq.learn.checkpoint import load_checkpoint, load_parameters, save_checkpoint, save_parameters
from physeq.learn.evaluate import evaluate, predict
from physeq.learn.optimise import Rates
from physeq.learn.progress import Progress
from physeq.learn.rule import LearningRule, Params
from physeq.learn.training_data import TrainingData, training_data
from physeq.solve.result import Outcome, raise_if_failed


@dataclass(frozen=True, eq=False)
class Fit:
    """A finished (or interrupted and resumed) training run.

    Attributes:
        model, rule: what was trained, and how.
        params: parameters after the last epoch; `best_params` after the best one.
        history: one record per epoch: running cost while learning, test cost and error, seconds, residuals.
        best_epoch: epoch with the lowest test error (test cost for regression; the last one without test data).
        train, test: cost and error at the end with fixed parameters; `test` is empty without test data.
        compile_seconds: how much longer the first epoch took than the later ones.
    """

    model: Any
    rule: LearningRule
    params: Params
    best_params: Params
    history: tuple[dict, ...]
    best_epoch: int
    train: dict[str, float]
    test: dict[str, float]
    seed: int
    compile_seconds: float

    def predict(self, inputs: Any) -> Array:
        """Free predictions of new inputs, one leading sample axis."""
        return predict(self.model, self.params, _arrays(inputs, self.params), self.rule.prediction_finder(self.model))

    def evaluate(self, data: Dataset | tuple) -> dict[str, float]:
        """Cost, and error in percent where the data have labels, of the data's training part."""
        ready = training_data(data, self.params)
        return evaluate(
            self.model, self.params, ready.inputs, ready.targets, self.rule.prediction_finder(self.model),
            labels=ready.labels, class_targets=ready.class_targets,
        )  # fmt: skip

    def save(self, folder: str | Path) -> Path:
        """Write `params.npz`, `best_params.npz` and `history.jsonl` into a folder."""
        folder = Path(folder)
        save_parameters(folder / "params.npz", self.params)
        save_parameters(folder / "best_params.npz", self.best_params)
        (folder / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in self.history))
        return folder

    @staticmethod
    def load(folder: str | Path, model: Any) -> Params:
        """The last parameters of a saved run, for a model of the same system."""
        return load_parameters(Path(folder) / "params.npz", model)


def fit(
    model: Any,
    rule: LearningRule,
    data: Dataset | tuple,
    *,
    optimizer: optax.GradientTransformation | Rates,
    epochs: int,
    batch_size: int = 20,
    seed: int = 0,
    params: Params | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    basin: BasinCheck | None = BasinCheck(),  # noqa: B008 - a frozen record
    progress: bool = True,
) -> Fit:
    """Train by following a rule's gradient estimates downhill.

    Args:
        model: a compiled system with a cost.
        rule: any `LearningRule`, exact ones included.
        data: a `Dataset`, or arrays (inputs, targets) or (inputs, targets, test inputs, test targets).
        optimizer: an optax optimiser, or `Rates` with a rate per placement.
        epochs, batch_size: how long; every sample is used once an epoch (a last smaller batch takes the remainder).
        seed: of initial parameters, order of samples and random nudges.
        params: parameters to start from; by default drawn with the seed.
        folder: where to keep `checkpoint.eqx` (atomic, after every epoch) and `log.jsonl`.
        resume: go on from the folder's checkpoint; the result is that of an uninterrupted run, bit for bit.
        basin: how to check that nudged phases stay in the basin of the free state; None for no check.
        progress: a progress bar on stderr.

    Returns:
        A `Fit`.

    Raises:
        ModelError: the rule or the data do not fit the model; nothing to resume.
        SolveError: a phase failed during an epoch; the checkpoint is the epoch before.
    """
    (result,) = _train(
        model, rule, data, optimizer, epochs, batch_size, [seed], params, folder, resume, basin, progress
    )
    return result


def fit_many(
    model: Any,
    rule: LearningRule,
    data: Dataset | tuple,
    *,
    optimizer: optax.GradientTransformation | Rates,
    epochs: int,
    batch_size: int = 20,
    seeds: Sequence[int] = (0, 1, 2),
    params: Params | None = None,
    progress: bool = True,
) -> list[Fit]:
    """Train several copies at once, batched by `vmap`: one per seed, or one per leading entry of `params`.

    Give `params` with a leading axis of the length of `seeds` for variations of devices. Other arguments as for `fit`.
    """
    return _train(model, rule, data, optimizer, epochs, batch_size, list(seeds), params, None, False, None, progress)


def _train(
    model, rule, data, optimizer, epochs, batch_size, seeds, params, folder, resume, basin, progress
) -> list[Fit]:
    if epochs < 0 or batch_size < 1:
        raise ModelError(f"fit: epochs must be ≥ 0 and batch_size ≥ 1, got {epochs} and {batch_size}")
    rule.check(model)
    many = len(seeds) > 1
    keys = [jax.random.key(seed) for seed in seeds]
    if params is None:
        drawn = [model.init_parameters(jax.random.fold_in(key, 0)) for key in keys]
        params = _stack(drawn) if many else drawn[0]
    params = jax.tree.map(jnp.array, params)  # own copies: the epoch donates them
    ready = training_data(data, params)
    count = len(ready.targets)
    steps = -(-count // batch_size)
    if isinstance(optimizer, Rates):
        optimizer = optimizer.build(model, steps)
    opt_state = (jax.vmap(optimizer.init) if many else optimizer.init)(params)
    run = _Run(model, rule, ready, optimizer, batch_size, many)
    path = None if folder is None else Path(folder) / "checkpoint.eqx"
    state = _State(params, opt_state, jax.tree.map(jnp.array, params), [], [0] * len(seeds), [0.0] * len(seeds))
    settings = {"seeds": seeds, "batch_size": batch_size, "rule": repr(rule), "samples": count}
    if resume:
        if path is None:
            raise ModelError("resume needs the run's folder: pass folder=...")
        state = _resume(path, state, settings)
    with Progress(epochs, progress, done=len(state.history)) as bar:
        for epoch in range(len(state.history), epochs):
            record = run.epoch(state, keys, epoch)
            if basin is not None and hasattr(rule, "solve_phases") and not model.derivation.structure.convex:
                _check_basin(run, state, record, keys[0], basin)
            state.history.append(record)
            if path is not None:
                _save(path, state, settings)
            bar.show(record)
    return run.results(state, seeds)


@dataclass
class _State:
    """What a run carries from epoch to epoch."""

    params: Params
    opt_state: Any
    best_params: Params
    history: list[dict]
    best_epochs: list[int]
    best_scores: list[float]


class _Run:
    """One training run: its compiled epoch and its evaluations."""

    def __init__(self, model, rule, ready: TrainingData, optimizer, batch_size: int, many: bool):
        self.model, self.rule, self.ready = model, rule, ready
        self.optimizer, self.batch_size, self.many = optimizer, batch_size, many
        self.finder = rule.prediction_finder(model)

    def epoch(self, state: _State, keys, epoch: int) -> dict:
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
        raise_if_failed(outcome.max(), residual.max(), steps.max(), f"epoch {epoch + 1}")
        record = {
            "epoch": epoch + 1,
            "running_cost": _numbers(stats["cost"], self.many),
            "residual_free": float(residual[..., 0].max()),
            "residual_nudged": float(residual[..., 1].max()),
            "seconds": round(seconds, 4),
        }
        return record | self._test(state, epoch)

    def _test(self, state: _State, epoch: int) -> dict:
        ready = self.ready
        members = self._members(state.params)
        if ready.test_targets is None:
            scores = [None] * len(members)
        else:
            scores = [self.evaluate(p, ready.test_inputs, ready.test_targets, ready.test_labels) for p in members]
        record: dict[str, Any] = {}
        for name in ("cost", "error_percent"):
            if scores[0] is not None and name in scores[0]:
                values = [s[name] for s in scores]
                record[f"test_{name}"] = values if self.many else values[0]
        best = self._members(state.best_params)
        for i, member in enumerate(members):
            score = _score(scores[i])
            if score < state.best_scores[i] or epoch == 0 or scores[i] is None:
                best[i], state.best_epochs[i], state.best_scores[i] = member, epoch + 1, score
        # Copies: the next epoch donates the live parameters.
        state.best_params = jax.tree.map(jnp.array, _stack(best) if self.many else best[0])
        return record

    def _members(self, params: Params) -> list[Params]:
        if not self.many:
            return [params]
        size = jax.tree.leaves(params)[0].shape[0]
        return [jax.tree.map(lambda x: x[i], params) for i in range(size)]  # noqa: B023

    def evaluate(self, params, inputs, targets, labels) -> dict[str, float]:
        """Cost and error with fixed parameters."""
        return evaluate(
            self.model, params, inputs, targets, self.finder, labels=labels, class_targets=self.ready.class_targets
        )

    def results(self, state: _State, seeds) -> list[Fit]:
        """The finished runs, with the training set evaluated at fixed parameters."""
        fits = []
        best = self._members(state.best_params)
        seconds = [record["seconds"] for record in state.history]
        compile_seconds = max(0.0, seconds[0] - float(np.median(seconds[1:]))) if len(seconds) > 1 else 0.0
        for i, params in enumerate(self._members(state.params)):
            history = tuple(_member(record, i) if self.many else record for record in state.history)
            last = {
                k.removeprefix("test_"): v for k, v in (history[-1] if history else {}).items() if k.startswith("test_")
            }
            train = self.evaluate(params, self.ready.inputs, self.ready.targets, self.ready.labels)
            fits.append(
                Fit(
                    self.model,
                    self.rule,
                    params,
                    best[i],
                    history,
                    state.best_epochs[i],
                    train,
                    last,
                    seeds[i],
                    compile_seconds,
                )
            )
        return fits


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
        updates, opt_state = optimizer.update(gradients, opt_state, params)
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


def _check_basin(run: _Run, state: _State, record: dict, key: Array, basin: BasinCheck) -> None:
    inputs = jax.tree.map(lambda a: a[: basin.samples], run.ready.inputs)
    params = run._members(state.params)[0]
    mask = left_basin(run.model, params, run.rule, inputs, run.ready.targets[: basin.samples], key, basin.tolerance)
    record["left_basin_percent"] = 100.0 * float(jnp.mean(mask))


def _save(path: Path, state: _State, settings: dict) -> None:
    header = {"settings": settings, "history": state.history, "best": [state.best_epochs, state.best_scores]}
    save_checkpoint(path, header, (state.params, state.opt_state, state.best_params))
    lines = "".join(json.dumps(record) + "\n" for record in state.history)
    (path.parent / "log.jsonl").write_text(lines)


def _resume(path: Path, state: _State, settings: dict) -> _State:
    header, (params, opt_state, best) = load_checkpoint(path, (state.params, state.opt_state, state.best_params))
    for name, value in settings.items():
        if header["settings"][name] != value:
            raise ModelError(
                f"{path}: was made with {name} = {header['settings'][name]}, not {value}; resume with the same"
            )
    return _State(params, opt_state, best, list(header["history"]), *map(list, header["best"]))


def _score(score: dict | None) -> float:
    """What the best epoch minimises: test error, else test cost; without test data the last epoch is the best."""
    return -1.0 if score is None else score.get("error_percent", score["cost"])


def _stack(trees: list) -> Any:
    return jax.tree.map(lambda *xs: jnp.stack(xs), *trees)


def _numbers(values: Array, many: bool) -> Any:
    return [float(v) for v in values] if many else float(values)


def _member(record: dict, i: int) -> dict:
    return {k: v[i] if isinstance(v, list) else v for k, v in record.items()}


def _arrays(inputs: Any, params: Params) -> Any:
    dtype = jax.tree.leaves(params)[0].dtype
    return jax.tree.map(lambda a: jnp.asarray(a, dtype), inputs)
