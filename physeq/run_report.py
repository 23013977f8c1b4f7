"""The report of a training run: one HTML file that tells all of it and needs nothing else."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jax

from physeq.data import Dataset
from physeq.errors import PhyseqError
from physeq.interface import TrajectoryModel
from physeq.learn import Fit
from physeq.report import Code, Document, Note, Paragraph, Preformatted, Section, Table
from physeq.report.document import Block
from physeq.run_report_numbers import agreement_table, confusion, parameter_rows, score_rows, shown
from physeq.run_report_page import Part, Shaded, page
from physeq.run_report_pictures import changes, embedded

REPORT = "report.html"


def write_run_report(
    folder: Path, result: Fit, data: Dataset, metrics: dict[str, Any], rules: Document, notes: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Write `report.html` into the folder of a finished run, whose other files are there.

    Args:
        folder: the run's.
        result, data: what was trained, on what.
        metrics: the object of `metrics.json`.
        rules: the page of the rule that ran.
        notes: what could not be drawn, in words.

    Returns:
        What could not be measured for the report, in words; a finished run is not lost by it.
    """
    before = initial_parameters(result)
    missing: list[str] = []
    parts = [_summary(metrics), _curves(folder, result, notes)]
    try:
        parts += _classes(result, data)
    except PhyseqError as error:
        missing.append(f"no confusion matrix: {error}")
    parts += [*_states(folder, result), _parameters(result, before, data), _rules(rules), *_agreement(metrics)]
    parts += [_settings(folder), _environment(folder, metrics)]
    title = f"{metrics['system']}: {metrics['experiment']}"
    (folder / REPORT).write_text(page(title, parts), encoding="utf-8")
    return tuple(missing)


def initial_parameters(result: Fit) -> Any:
    """The parameters that training began with, drawn again from the run's seed as `fit` draws them."""
    return result.model.init_parameters(jax.random.fold_in(jax.random.key(result.seed), 0))


def _summary(metrics: dict[str, Any]) -> Part:
    seconds = metrics["seconds"]
    facts: list[list[Any]] = [
        ["rule", Code(metrics["rule"])],
        ["seed", str(metrics["seed"])],
        ["epochs", str(metrics["epochs"])],
        ["trained parameters", f"{metrics['parameters']:,}"],
        ["wall time", f"{seconds['total']:.4g} s, {seconds['per_epoch']:.3g} s an epoch"],
    ]
    blocks: list[Block] = [Table(["", "Cost", "Error (%)"], score_rows(metrics)), Table(["Run", ""], facts)]
    return Part("Result", [*blocks])


def _curves(folder: Path, result: Fit, notes: tuple[str, ...]) -> Part:
    blocks: list[Any] = [*embedded(folder, "learning_curve.svg", "Cost and error after every epoch")]
    if notes:
        blocks.append(Note(f"Pictures are missing. {' '.join(notes)}"))
    if result.history:
        keys = [k for k in result.history[0] if isinstance(result.history[0][k], int | float)]
        rows = [[shown(record.get(key)) for key in keys] for record in _ends(result.history)]
        blocks.append(Table([key.replace("_", " ") for key in keys], rows))
    else:
        blocks.append(Paragraph("Nothing was trained: the run has no epoch."))
    return Part("Learning curves", blocks)


def _ends(history: tuple[dict, ...]) -> list[dict]:
    """The first and the last epochs."""
    return [*history] if len(history) <= 8 else [*history[:4], *history[-4:]]


def _classes(result: Fit, data: Dataset) -> list[Part]:
    found = confusion(result, data)
    if found is None:
        return []
    counts, part = found
    total, right = int(counts.sum()), int(counts.trace())
    words = f"Rows are the classes of the {total:,} {part} samples, columns those predicted; {right:,} are right."
    return [Part("Confusion matrix", [Paragraph(words), Shaded(counts, "true", "predicted")])]


def _states(folder: Path, result: Fit) -> list[Part]:
    moving = isinstance(result.model, TrajectoryModel)
    pictures = (
        embedded(folder, "trajectories.svg", "What the outputs do in time, beside what they should (dashed)")
        if moving
        else embedded(folder, "graph.svg", "The free state of one sample")
    )
    return [Part("Trajectories" if moving else "State", [*pictures])] if pictures else []


def _parameters(result: Fit, before: Any, data: Dataset) -> Part:
    head = ["Parameter", "Shape", "", "Mean", "Deviation", "Lowest", "Highest", "Moved by"]
    blocks: list[Any] = [
        Paragraph("Before training and after the last epoch; “moved by” is ‖θ − θ₀‖/‖θ₀‖ over all its entries."),
        Table(head, parameter_rows(result, before)),
        *changes(result, before, data),
    ]
    return Part("Parameters", blocks)


def _rules(rules: Document) -> Part:
    found = [block for block in rules.blocks if isinstance(block, Section) and block.title.startswith("Learning")]
    words = Paragraph(
        "What ran, derived from the declared terms. Symbols and everything else are on the page of the rule:"
    )
    inner = [block for section in found for block in section.blocks]
    return Part("Rule", [words, *inner], link=("rules.html", "the whole page"))


def _agreement(metrics: dict[str, Any]) -> list[Part]:
    found = agreement_table(metrics.get("gradient_agreement"))
    return [Part("Gradient agreement", found)] if found else []


def _settings(folder: Path) -> Part:
    source = (folder / "experiment.toml").read_text(encoding="utf-8")
    description = str(tomllib.loads(source).get("description", ""))
    words = [Paragraph(description)] if description else []
    return Part("Settings", [*words, Preformatted(source)])


def _environment(folder: Path, metrics: dict[str, Any]) -> Part:
    found = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    packages = found.pop("packages", {})
    found.pop("schema", None)
    rows = [[key.replace("_", " "), str(value)] for key, value in found.items() if value is not None]
    rows += [[name, str(version)] for name, version in packages.items() if version is not None]
    return Part("Environment", [Table(["", ""], [*rows, ["run folder", Path(metrics["run_folder"]).name]])])
