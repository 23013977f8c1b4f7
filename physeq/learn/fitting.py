"""`fit`: gradient descent with any learning rule, an epoch in one compiled scan, resumable bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from physeq.compile import require_compiled
from physeq.data import Dataset
from physeq.errors import ModelError
from physeq.learn.basin import BasinCheck
from physeq.learn.checkpoint import load_checkpoint, load_parameters, save_checkpoint, save_parameters
from physeq.learn.evaluate import evaluate, predict
from physeq.learn.optimise import Rates
from physeq.learn.progress import Progress
from physeq.learn.rule import LearningRule, Params, require_rule
from physeq.learn.training import TrainingRun, TrainingState, check_basin, evaluation_key, member, stack
from physeq.learn.training_data import training_data
from physeq.names import name_of
from physeq.settings import whole
from physeq.shown import Shown
from physeq.solve.finder import Finder


@dataclass(frozen=True, eq=False)
class Fit(Shown):
    """A finished (or interrupted and resumed) training run.

    Attributes:
        model, rule: what was trained, and how.
        params: parameters after the last epoch; `best_params` after the best one.
        history: one record per epoch: running cost while learning, test cost and error, seconds, residuals.
        best_epoch: epoch with the lowest test error (test cost for regression; the last one without test data).
        train, test: cost and error at the end with fixed parameters; `test` is empty without test data.
        compile_seconds: how much longer the first epoch took than the later ones.
        evaluation: the finder that predictions were asked for with; None where it is the rule's.
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
    evaluation: Finder | None = None

    def __repr__(self) -> str:
        scores = ", ".join(f"{key} {value:.4g}" for key, value in (self.test or self.train).items())
        part = "test" if self.test else "training"
        return f"Fit({name_of(self.rule)}, {len(self.history)} epochs, seed {self.seed}: {part} {scores})"

    @property
    def finder(self) -> Finder:
        """The finder of predictions."""
        return self.rule.prediction_finder(self.model) if self.evaluation is None else self.evaluation

    def predict(self, inputs: Any, *, key: Array | None = None) -> Array:
        """Free predictions of new inputs, one leading sample axis; noise is drawn from `key`, by default the seed's."""
        arrays = _arrays({} if inputs is None else inputs, self.params)
        return predict(self.model, self.params, arrays, self.finder, key=self._key(key))

    def evaluate(self, data: Dataset | tuple, *, key: Array | None = None) -> dict[str, float]:
        """Cost, and error in percent where the data have labels, of the data's training part."""
        ready = training_data(data, self.params, self.model)
        return evaluate(
            self.model, self.params, ready.inputs, ready.targets, self.finder,
            labels=ready.labels, class_targets=ready.class_targets, key=self._key(key),
        )  # fmt: skip

    def _key(self, key: Array | None) -> Array:
        return evaluation_key(jax.random.key(self.seed), "new") if key is None else key

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
    optimizer: optax.GradientTransformation | Rates | None = None,
    epochs: int,
    batch_size: int = 20,
    seed: int = 0,
    params: Params | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    basin: BasinCheck | None = BasinCheck(),  # noqa: B008 - a frozen record
    evaluation: Finder | None = None,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Fit:
    """Train by following a rule's gradient estimates downhill.

    Args:
        model: a compiled system with a cost.
        rule: any `LearningRule`, exact ones included.
        data: a `Dataset`, or arrays (inputs, targets) or (inputs, targets, test inputs, test targets).
        optimizer: an optax optimiser, or `Rates` with a rate per placement; None for rules whose weights move inside
            the phase (`ContinualEP`), which have rates of their own.
        epochs, batch_size: how long; every sample is used once an epoch (a last smaller batch takes the remainder).
        seed: of initial parameters, order of samples and random nudges.
        params: parameters to start from; by default drawn with the seed.
        folder: where to keep `checkpoint.eqx` (atomic, after every epoch) and `log.jsonl`.
        resume: go on from the folder's checkpoint; the result is that of an uninterrupted run, bit for bit.
        basin: how to check that nudged phases stay in the basin of the free state; None for no check.
        evaluation: finder of predictions and scores; by default the one of the rule's free phase, with its noise.
        progress: a progress bar on stderr.
        stop: asked after every epoch, when its checkpoint is written; where it says True, training ends there.

    Returns:
        A `Fit`.

    Raises:
        ModelError: the rule or the data do not fit the model; nothing to resume.
        SolveError: a phase failed during an epoch; the checkpoint is the epoch before.

    >>> import numpy as np, optax, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(v - y) ** 2 / 2)
    >>> data, rule = (np.ones((1, 1)), np.full((1, 1), 0.3)), pq.EquilibriumPropagation(pq.Centered(0.01))
    >>> result = fit(network.compile(), rule, data, optimizer=optax.adam(0.05), epochs=60, progress=False)
    >>> round(float(result.predict(data[0])[0, 0]), 2)
    0.3
    """
    (result,) = _train(
        model, rule, data, optimizer, epochs, batch_size, [seed], False, params, folder, resume, basin, evaluation,
        progress, stop,
    )  # fmt: skip
    return result


def fit_many(
    model: Any,
    rule: LearningRule,
    data: Dataset | tuple,
    *,
    optimizer: optax.GradientTransformation | Rates | None = None,
    epochs: int,
    batch_size: int = 20,
    seeds: Sequence[int] = (0, 1, 2),
    params: Params | None = None,
    evaluation: Finder | None = None,
    progress: bool = True,
) -> list[Fit]:
    """Train several copies at once, batched by `vmap`: one per seed, or one per leading entry of `params`.

    Give `params` with a leading axis of the length of `seeds` for variations of devices. Other arguments as for `fit`.

    Raises:
        ModelError: no seeds, or parameters without that leading axis; else as `fit`.

    >>> import numpy as np, optax, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(pq.Uniform(0.5, 1.5)), ground=0, inputs=[1],
    ...                     outputs=[2], cost=(v - y) ** 2 / 2)
    >>> data, rule = (np.ones((1, 1)), np.full((1, 1), 0.3)), pq.EquilibriumPropagation(pq.Centered(0.01))
    >>> runs = fit_many(network.compile(), rule, data, optimizer=optax.sgd(0.1), epochs=2, seeds=(4, 5), progress=False)
    >>> [run.seed for run in runs]
    [4, 5]
    """
    seeds = list(seeds)
    if not seeds:
        raise ModelError("fit_many: seeds is empty; give at least one")
    for name, own in (params or {}).items():
        for key, values in own.items():
            if jnp.shape(values)[:1] != (len(seeds),):
                raise ModelError(
                    f"fit_many: params[{name!r}][{key!r}] must have a leading axis of {len(seeds)}, one for each seed, "
                    f"got shape {jnp.shape(values)}"
                )
    return _train(
        model, rule, data, optimizer, epochs, batch_size, seeds, True, params, None, False, None, evaluation, progress
    )


def _train(
    model, rule, data, optimizer, epochs, batch_size, seeds, many, params, folder, resume, basin, evaluation,
    progress, stop=None,
) -> list[Fit]:  # fmt: skip
    whole("fit", "epochs", epochs, 0)
    whole("fit", "batch_size", batch_size, 1)
    require_compiled("fit", model)
    require_rule("fit", rule, model)
    keys = [jax.random.key(seed) for seed in seeds]
    if params is None:
        drawn = [model.init_parameters(jax.random.fold_in(key, 0)) for key in keys]
        params = stack(drawn) if many else drawn[0]
    _check_bounds(model, params)
    params = jax.tree.map(jnp.array, params)  # own copies: the epoch donates them
    ready = training_data(data, params, model)
    count = len(ready.targets)
    steps = -(-count // batch_size)
    if rule.moves_weights != (optimizer is None):
        name = type(rule).__name__
        raise ModelError(
            f"fit: {name} has learning rates of its own, which act inside the phase; leave the optimizer out"
            if rule.moves_weights
            else f"fit: {name} estimates a gradient; pass optimizer=, such as optax.sgd(0.1)"
        )
    if not (optimizer is None or isinstance(optimizer, Rates) or hasattr(optimizer, "update")):
        raise ModelError(
            f"fit: optimizer must be an optax optimiser such as optax.adam(0.05), or Rates(...), got {optimizer!r}"
        )
    if isinstance(optimizer, Rates):
        optimizer = optimizer.build(model, steps)
    elif optimizer is None:
        optimizer = optax.identity()
    opt_state = (jax.vmap(optimizer.init) if many else optimizer.init)(params)
    finder = rule.prediction_finder(model) if evaluation is None else evaluation
    finder.check(model)
    run = TrainingRun(model, rule, ready, optimizer, batch_size, many, finder)
    path = None if folder is None else Path(folder) / "checkpoint.eqx"
    state = TrainingState(params, opt_state, jax.tree.map(jnp.array, params), [], [0] * len(seeds), [0.0] * len(seeds))
    settings = {"seeds": seeds, "batch_size": batch_size, "rule": repr(rule), "samples": count}
    settings["evaluation"] = None if evaluation is None else repr(evaluation)
    if resume:
        if path is None:
            raise ModelError("resume needs the run's folder: pass folder=...")
        state = _resume(path, state, settings)
    with Progress(epochs, progress, done=len(state.history)) as bar:
        for epoch in range(len(state.history), epochs):
            record = run.epoch(state, keys, epoch)
            if basin is not None and hasattr(rule, "solve_phases") and not model.derivation.structure.convex:
                check_basin(run, state, record, keys[0], basin)
            state.history.append(record)
            if path is not None:
                _save(path, state, settings)
            bar.show(record)
            if stop is not None and stop():
                break
    return _results(run, state, seeds, evaluation)


def _check_bounds(model: Any, params: Params) -> None:
    """Refuse parameters outside their bounds, which the first step would change by more than it learns."""
    for name, own in model.parameter_bounds().items():
        for key, bounds in own.items():
            try:
                values = np.asarray(params[name][key])
            except (KeyError, TypeError):
                raise ModelError(f"fit: params has no {key!r} of {name!r}; change model.init_parameters(key)") from None
            # Bounds in the precision of the values, to which these were clipped; whole numbers have no infinite ones.
            kind = values.dtype if np.issubdtype(values.dtype, np.floating) else np.dtype(float)
            lower, upper = (kind.type(end) for end in bounds)
            bad = np.argwhere(~((values >= lower) & (values <= upper)))
            if bad.size:
                at = tuple(int(i) for i in bad[0])
                raise ModelError(
                    f"fit: params[{name!r}][{key!r}]: value {values[at]} of element {at} lies outside its bounds "
                    f"[{lower}, {upper}]; change the value, or clip with model.project_parameters"
                )


def _save(path: Path, state: TrainingState, settings: dict) -> None:
    header = {"settings": settings, "history": state.history, "best": [state.best_epochs, state.best_scores]}
    save_checkpoint(path, header, (state.params, state.opt_state, state.best_params))
    lines = "".join(json.dumps(record) + "\n" for record in state.history)
    (path.parent / "log.jsonl").write_text(lines)


def _resume(path: Path, state: TrainingState, settings: dict) -> TrainingState:
    header, (params, opt_state, best) = load_checkpoint(path, (state.params, state.opt_state, state.best_params))
    for name, value in settings.items():
        if (made := header["settings"].get(name)) != value:
            raise ModelError(f"{path}: was made with {name} = {made}, not {value}; resume with the same")
    return TrainingState(params, opt_state, best, list(header["history"]), *map(list, header["best"]))


def _results(run: TrainingRun, state: TrainingState, seeds: list[int], evaluation: Finder | None) -> list[Fit]:
    """The finished runs, with the training set evaluated at fixed parameters."""
    fits = []
    best = run.members(state.best_params)
    seconds = [record["seconds"] for record in state.history]
    compile_seconds = max(0.0, seconds[0] - float(np.median(seconds[1:]))) if len(seconds) > 1 else 0.0
    for i, params in enumerate(run.members(state.params)):
        history = tuple(member(record, i) if run.many else record for record in state.history)
        last = {
            k.removeprefix("test_"): v for k, v in (history[-1] if history else {}).items() if k.startswith("test_")
        }
        key = evaluation_key(jax.random.key(seeds[i]), "train")
        train = run.evaluate(params, run.ready.inputs, run.ready.targets, run.ready.labels, key)
        fits.append(
            Fit(
                run.model,
                run.rule,
                params,
                best[i],
                history,
                state.best_epochs[i],
                train,
                last,
                seeds[i],
                compile_seconds,
                evaluation,
            )
        )
    return fits


def _arrays(inputs: Any, params: Params) -> Any:
    dtype = jax.tree.leaves(params)[0].dtype
    return jax.tree.map(lambda a: jnp.asarray(a, dtype), inputs)
