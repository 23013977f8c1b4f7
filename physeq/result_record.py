"""The record of a table of results: what its run folders hold, collected into one JSON file."""

from __future__ import annotations

import json
import math
import re
import shutil
import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from physeq.errors import ModelError
from physeq.experiment import read_experiment
from physeq.learn.checkpoint import atomic
from physeq.result_tables import ResultTable, TableRow, settings_of
from physeq.running import ENVIRONMENT, EXPERIMENT, METRICS

SCHEMA = 1
CHECKPOINT, FAILURE = "checkpoint.eqx", "failure.txt"


@dataclass(frozen=True)
class Places:
    """Where a table's runs are (`runs/TABLE/ROW/seed-k`) and where its record and its page are written.

    Half-trained entries that are to be handed on lie beside the record, in `output/unfinished/TABLE/ROW/seed-k`.
    """

    runs: Path = Path("runs/reproduce")
    output: Path = Path("docs/results")

    def run(self, table: ResultTable, row: str, seed: int) -> Path:
        """The folder of one entry."""
        return self.runs / table.name / row / f"seed-{seed}"

    def kept(self, table: ResultTable, row: str, seed: int) -> Path:
        """Where the state of an unfinished entry is looked for if its run folder has none."""
        return self.output / "unfinished" / table.name / row / f"seed-{seed}"

    def record(self, table: ResultTable) -> Path:
        """The record of a table."""
        return self.output / f"{table.name}.json"


def write_record(table: ResultTable, places: Places) -> dict[str, Any]:
    """Collect the record of a table, write it as JSON, and return it."""
    record = collect(table, places)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    # Curves on one line each.
    text = re.sub(r"\[\s+([-+.\deE,\snul]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)

    write_whole(places.record(table), f"{text}\n")
    return record


def write_whole(path: Path, text: str) -> None:
    """Write a text file in one move, so that two processes never mix theirs, and readable for all."""
    atomic(path, lambda file: _write(file, text))
    path.chmod(0o644)


def _write(file: BinaryIO, text: str) -> None:
    file.write(text.encode())


def collect(table: ResultTable, places: Places) -> dict[str, Any]:
    """What is known of a table: its saved record, and the run folders where they are further.

    Raises:
        ModelError: the record or a run folder was made with other settings than the table's.
    """
    saved = _saved_rows(table, places.record(table))
    rows = [_collect_row(table, row, saved.get(row.name), places) for row in table.rows]
    return {
        "schema": SCHEMA,
        "table": table.name,
        "system": table.system_folder.resolve().name,
        "title": table.title,
        "description": table.description,
        "source": table.source,
        "published_is": table.published_is,
        "compared": table.compared,
        "seeds": table.seeds,
        "precision": table.precision,
        "rows": rows,
        "missing": [
            {
                "row": row["name"],
                "seed": seed,
                "epochs": _reached(row, seed),
                "of": row["epochs"],
                "resumable": has_state(table, places, row["name"], seed),
            }
            for row in rows
            for seed in range(table.seeds)
            if _reached(row, seed) < row["epochs"]
        ],
    }


def _saved_rows(table: ResultTable, path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != SCHEMA or record["table"] != table.name:
            raise ValueError
        return {row["name"]: row for row in record["rows"]}
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{path} is no record of the table {table.name!r}; move it away or give --output") from None


def _collect_row(table: ResultTable, row: TableRow, saved: dict[str, Any] | None, places: Places) -> dict[str, Any]:
    settings, goal = row.settings(), row.experiment.epochs
    entries: dict[int, dict[str, Any]] = {}
    if saved is not None and saved["entries"]:
        _same(saved["settings"], settings, f"{places.record(table)}: row {row.name!r}", "remove the row from the file")
        entries = {entry["seed"]: entry for entry in saved["entries"]}
    seeds = range(table.seeds)
    kept = [folder for seed in seeds if (folder := places.kept(table, row.name, seed)).is_dir()]
    for folder in (*kept, *sorted((places.runs / table.name / row.name).glob("seed-*"))):
        found = _entry(folder, settings)
        if found is not None and found["epochs"] >= entries.get(found["seed"], {"epochs": 0})["epochs"]:
            entries[found["seed"]] = found
    ordered = [entries[seed] | {"finished": entries[seed]["epochs"] >= goal} for seed in sorted(entries)]
    return {
        "name": row.name,
        "system": row.system.resolve().name,
        "experiment": row.based_on,
        "overrides": json.loads(json.dumps(dict(row.overrides))),
        "epochs": goal,
        "published": row.published,
        "band": row.band,
        "beside": row.beside,
        "note": row.note,
        "settings": settings,
        "summary": _summary([entry for entry in ordered if entry["finished"]]),
        "entries": ordered,
    }


def _entry(folder: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What a run folder holds, read off the checkpoint, which is whole at any moment; None before the first epoch."""
    failure, checkpoint = folder / FAILURE, folder / CHECKPOINT
    if not checkpoint.is_file() and not failure.is_file():
        return None
    experiment = read_experiment(folder / EXPERIMENT)
    _same(settings_of(experiment), settings, str(folder), "remove the folder or give --runs")
    history, best = _history(checkpoint) if checkpoint.is_file() else ([], 0)
    made = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
    key = "test_error_percent" if history and "test_error_percent" in history[-1] else "test_cost"
    curve = [_number(record[key]) for record in history if key in record]
    entry: dict[str, Any] = {
        "seed": experiment.seed,
        "epochs": len(history),
        "metric": key.removeprefix("test_"),
        "last": curve[-1] if curve else None,
        "best": curve[best - 1] if curve and best else None,
        "best_epoch": best,
        "train": _train(folder, len(history), key.removeprefix("test_")),
        "seconds": round(sum(record["seconds"] for record in history), 1),
        "made_with": {k: made[k] for k in ("physeq", "python", "precision", "device", "started")}
        | {k: made["packages"].get(k) for k in ("jax", "jaxlib", "numpy", "optax")},
        "curve": curve,
    }
    if failure.is_file():
        entry["failed"] = failure.read_text(encoding="utf-8").strip()
    return entry


def has_state(table: ResultTable, places: Places, row: str, seed: int) -> bool:
    """Whether an entry can go on: it has a checkpoint, of its own or one that was handed on."""
    folders = (places.run(table, row, seed), places.kept(table, row, seed))
    return any((folder / CHECKPOINT).is_file() for folder in folders)


def take_up(kept: Path, folder: Path) -> None:
    """Copy a state that was handed on into a run folder that has none; the checkpoint, which says so, as the last."""
    if (kept / CHECKPOINT).is_file() and not (folder / CHECKPOINT).is_file():
        for path in sorted(kept.iterdir(), key=lambda path: path.name == CHECKPOINT):
            with path.open("rb") as source:
                atomic(folder / path.name, partial(shutil.copyfileobj, source))


def _history(checkpoint: Path) -> tuple[list[dict[str, Any]], int]:
    with checkpoint.open("rb") as file:
        header = json.loads(file.readline())
    return header["history"], header["best"][0][0]


def _train(folder: Path, epochs: int, metric: str) -> float | None:
    """Training error with fixed parameters after the last epoch, where the run came to its end."""
    metrics = _metrics(folder, epochs)
    return None if metrics is None else _number(metrics["train"].get(metric))


def _metrics(folder: Path, epochs: int) -> dict[str, Any] | None:
    """What a run wrote at its end, if that was after so many epochs."""
    path = folder / METRICS
    metrics = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return metrics if metrics is not None and metrics["epochs"] == epochs else None


def without_end(folder: Path, epochs: int) -> bool:
    """Whether a run was interrupted between its last epoch and its closing measurements."""
    checkpoint = folder / CHECKPOINT
    return checkpoint.is_file() and len(_history(checkpoint)[0]) == epochs and _metrics(folder, epochs) is None


def _number(value: float | None) -> float | None:
    """As it stands in the record: six digits; NaN and infinities, which JSON lacks, become null."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None


def _same(found: dict[str, Any], wanted: dict[str, Any], where: str, mend: str) -> None:
    key = _difference(found, wanted)
    if key is not None:
        raise ModelError(
            f"{where}: was made with other settings than the table's ({key}); {mend} to measure again, or give the row "
            "another name"
        )


def _difference(found: Any, wanted: Any, key: str = "") -> str | None:
    if isinstance(found, dict) and isinstance(wanted, dict):
        parts = (
            _difference(found.get(k), wanted.get(k), f"{key}.{k}" if key else k)
            for k in dict.fromkeys([*found, *wanted])
        )
        return next((part for part in parts if part is not None), None)
    return None if found == wanted else f"{key} = {found!r}, now {wanted!r}"


def _summary(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and sample standard deviation (n − 1) over the finished seeds."""
    found: dict[str, Any] = {"finished": len(entries)}
    for key in ("last", "best", "train", "seconds"):
        values = [entry[key] for entry in entries if entry[key] is not None]
        found[key] = _number(statistics.mean(values)) if values else None
        found[f"{key}_std"] = _number(statistics.stdev(values)) if len(values) > 1 else None
    return found


def _reached(row: dict[str, Any], seed: int) -> int:
    return next((entry["epochs"] for entry in row["entries"] if entry["seed"] == seed), 0)


def epochs_done(record: dict[str, Any], name: str, seed: int) -> int:
    """How far an entry is."""
    return next(_reached(row, seed) for row in record["rows"] if row["name"] == name)
