"""Rows of a table of results that are held against another row: their differences seed by seed, and their curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from physeq.plot._figure import BLUE, VERMILION, draw

_NUMBERS = ("last", "train")


def pairs(record: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(row, the row that it is held against) of a record, in the order of the table."""
    named = {row["name"]: row for row in record["rows"]}
    return [(row, named[row["beside"]]) for row in record["rows"] if row["beside"]]


def largest_difference(row: dict[str, Any], other: dict[str, Any], number: str) -> float | None:
    """The largest |a − b|/|b| over the finished seeds of two rows; None where no seed is finished in both.

    >>> one, two = ({"entries": [{"seed": 0, "finished": True, "last": a}]} for a in (1.02, 1.0))
    >>> round(largest_difference(one, two, "last"), 6)
    0.02
    """
    values = {entry["seed"]: entry[number] for entry in other["entries"] if entry["finished"]}
    found = [
        (entry[number], values[entry["seed"]])
        for entry in row["entries"]
        if entry["finished"] and values.get(entry["seed"]) is not None and entry[number] is not None
    ]
    if not found:
        return None
    return max(abs(a - b) / abs(b) if a != b else 0.0 for a, b in found)


def pair_rows(record: dict[str, Any], shown: Any) -> list[list[str]]:
    """Cells of the table of pairs: names, means of the last test numbers, largest differences in percent."""
    rows = []
    for row, other in pairs(record):
        differences = [percent(largest_difference(row, other, number)) for number in _NUMBERS]
        means = [shown(one["summary"]["last"]) for one in (row, other)]
        rows.append([row["name"], other["name"], *means, *differences])
    return rows


def percent(difference: float | None) -> str:
    """A relative difference in percent; numbers of a record have six digits, which tell no less than 0.001 %.

    >>> percent(0.02), percent(3e-7), percent(None)
    ('2 %', 'below 0.001 %', '–')
    """
    if difference is None:
        return "–"
    return f"{100 * difference:.2g} %" if difference >= 1e-5 else "below 0.001 %"


def draw_pairs(record: dict[str, Any], path: Path) -> Path:
    """Plot one panel for every pair: the row, and dashed the one that it is held against, mean over the seeds.

    Raises:
        ModelError: no matplotlib.
    """
    found = [
        (row, other) for row, other in pairs(record) if any(e["curve"] for e in [*row["entries"], *other["entries"]])
    ]
    columns = min(len(found), 2)
    lines = -(-len(found) // columns)

    def fill(figure: Any) -> None:
        axes = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
        for axis in axes[len(found) :]:
            axis.axis("off")
        for axis, both in zip(axes, found, strict=False):
            for row, colour, dash, width in zip(both, (BLUE, VERMILION), ("-", "--"), (2.5, 1.2), strict=True):
                curves = [entry["curve"] for entry in row["entries"] if entry["curve"]]
                if not curves:
                    continue
                values = np.full((len(curves), max(map(len, curves))), np.nan)
                for i, curve in enumerate(curves):
                    values[i, : len(curve)] = [np.nan if value is None else value for value in curve]
                known = np.isfinite(values).any(axis=0)
                mean = np.nanmean(values[:, known], axis=0)
                axis.plot(np.flatnonzero(known) + 1, mean, dash, color=colour, linewidth=width, label=row["name"])
            if axis.lines and all(line.get_ydata().min() > 0 for line in axis.lines):
                axis.set_yscale("log")
            metric = next((e["metric"] for row in both for e in row["entries"]), "cost")
            axis.set_ylabel("test cost" if metric == "cost" else "test error %")
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(True, which="both", alpha=0.25)
            axis.legend(frameon=False, fontsize="small")

    return draw(path, (4.5 * columns, 3.2 * lines), fill)
