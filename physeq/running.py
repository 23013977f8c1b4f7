"""Running an experiment: train, and leave a folder with the numbers, the rules, the pictures and what made them."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

from physeq.errors import ModelError
from physeq.experiment import Experiment
from physeq.gradient_agreement import gradient_agreement, with_agreement
from physeq.learn import Fit, fit
from physeq.loading import LoadedSystem
from physeq.names import name_of
from physeq.pictures import draw_pictures
from physeq.run_report import write_run_report

SCHEMA = 1
EXPERIMENT, ENVIRONMENT, METRICS = "experiment.toml", "environment.json", "metrics.json"
_PACKAGES = (
    "jax",
    "jaxlib",
    "equinox",
    "diffrax",
    "optimistix",
    "lineax",
    "optax",
    "numpy",
    "scipy",
    "sympy",
    "networkx",
)


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Attributes:
        result: of `physeq.fit`.
        metrics: the object of `physeq train --json`.
        folder: where everything lies.
        notes: what could not be drawn, in words.
    """

    result: Fit
    metrics: dict[str, Any]
    folder: Path
    notes: tuple[str, ...] = ()


def run_experiment(
    system: LoadedSystem,
    experiment: Experiment,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Run:
    """Train as an experiment says.

    The folder gets `experiment.toml` (as used) and `environment.json` before training, `checkpoint.eqx` and `log.jsonl`
    after every epoch, and at the end `metrics.json`, parameters, `rules.html`, pictures and `report.html`.

    Args:
        system, experiment: what is trained, and how.
        folder: the run's own.
        resume: go on from the folder's checkpoint.
        progress: a progress bar on standard error.
        stop: asked after every epoch whether to end there; the run can be resumed.

    Raises:
        ModelError: the experiment does not fit the system or the data.
        SolveError: a phase failed; the checkpoint is the epoch before.
    """
    begin = time.perf_counter()
    variant = system.variant(experiment.system)
    data = experiment.load_data(variant)
    model = experiment.build_model(variant)
    optimizer = None if experiment.optimizer is None else experiment.optimizer.build()
    if optimizer is not None:
        optimizer.build(model, 1)  # names of rates are checked before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    (folder / EXPERIMENT).write_text(experiment.to_toml(), encoding="utf-8")
    if not resume:
        (folder / ENVIRONMENT).write_text(
            json.dumps(environment(system, experiment), indent=2) + "\n", encoding="utf-8"
        )
    before = _seconds_before(folder) if resume else 0.0
    result = fit(
        model,
        experiment.rule,
        data,
        optimizer=optimizer,
        epochs=experiment.epochs,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        folder=folder,
        evaluation=experiment.evaluation,
        resume=resume,
        progress=progress,
        stop=stop,
    )
    result.save(folder)
    agreement = gradient_agreement(result, data, seed=experiment.seed)
    page = with_agreement(model.to_document(experiment.rule), agreement)
    (folder / "rules.html").write_text(page.to_html(), encoding="utf-8")
    notes = draw_pictures(folder, result, data)
    metrics = _metrics(system, experiment, result, folder, before + time.perf_counter() - begin)
    metrics["gradient_agreement"] = agreement.to_dict()
    (folder / METRICS).write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    notes += write_run_report(folder, result, data, metrics, page, notes)
    return Run(result, metrics, folder, notes)


def new_folder(base: Path, system: LoadedSystem, experiment: Experiment) -> Path:
    """A folder `SYSTEM-EXPERIMENT-TIME` under `base` that is not there yet."""
    stem = f"{system.name}-{experiment.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    numbered = (base / (stem if k == 1 else f"{stem}-{k}") for k in range(1, 1000))
    return next(path for path in numbered if not path.exists())


def environment(system: LoadedSystem, experiment: Experiment) -> dict[str, Any]:
    """What the run was made with."""
    from physeq import __version__

    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    device = jax.devices()[0]
    return {
        "schema": SCHEMA,
        "system": system.name,
        "variant": experiment.system,
        "experiment": experiment.name,
        "data": experiment.data.name,
        "precision": "double" if jax.config.read("jax_enable_x64") else "single",
        "physeq": __version__,
        "commit": _commit(system.folder),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device.platform}: {device.device_kind}",
        "packages": versions,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _commit(folder: Path) -> str | None:
    """The commit of the repository that a system lies in, "-dirty" where files differ from it; None without one."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def saved_environment(folder: Path) -> dict[str, Any]:
    """The `environment.json` of a run that is to be resumed.

    Raises:
        ModelError: the folder is not that of a run.
    """
    path = folder / ENVIRONMENT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ModelError(f"nothing to resume: {path} is missing or is not that of a run") from None
    known = {"system": str, "experiment": str, "precision": str}
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in known.items()):
        raise ModelError(f"nothing to resume: {path} must have the texts {', '.join(known)}")
    if found["precision"] not in ("single", "double"):
        raise ModelError(f"{path}: precision must be single or double, got {found['precision']!r}")
    return found


def _seconds_before(folder: Path) -> float:
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return float(sum(json.loads(line).get("seconds", 0.0) for line in lines))


def _metrics(system: LoadedSystem, experiment: Experiment, result: Fit, folder: Path, seconds: float) -> dict[str, Any]:
    epochs = [record["seconds"] for record in result.history]
    steady = float(np.median(epochs[1:])) if len(epochs) > 1 else float(sum(epochs))
    trainable = result.model.trainable()
    count = sum(int(np.size(v)) for p, own in result.params.items() for k, v in own.items() if trainable[p][k])
    test: dict[str, Any] = dict(result.test)
    if test and 0 < result.best_epoch <= len(result.history):
        best = result.history[result.best_epoch - 1]
        for key in ("error_percent", "cost"):
            if f"test_{key}" in best:
                test[f"best_{key}"] = best[f"test_{key}"]
        test["best_epoch"] = result.best_epoch
    return {
        "schema": SCHEMA,
        "system": system.name,
        "variant": experiment.system,
        "experiment": experiment.name,
        "rule": name_of(experiment.rule),
        "seed": experiment.seed,
        "epochs": len(result.history),
        "parameters": count,
        "train": dict(result.train),
        "test": test,
        "seconds": {
            "compile": round(result.compile_seconds, 3),
            "per_epoch": round(steady, 4),
            "total": round(seconds, 3),
        },
        "run_folder": str(folder),
    }
