"""The page of a table of results: Markdown and one plot, written from the record alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import CYCLE, draw
from physeq.result_pairs import draw_pairs, pair_rows, pairs
from physeq.result_record import write_whole
from physeq.toml import write_toml

_DASHES = ("-", "--", ":", "-.")


def write_page(record: dict[str, Any], folder: Path, command: str) -> tuple[str, ...]:
    """Write `TABLE.md`, and `TABLE.svg` with the learning curves, into a folder.

    Args:
        record: of `physeq.result_record.collect`.
        folder: where the page goes.
        command: that goes on with the table, for the page.

    Returns:
        What could not be drawn, in words.
    """
    notes: tuple[str, ...] = ()
    picture = folder / f"{record['table']}.svg"
    if any(entry["curve"] for row in record["rows"] for entry in row["entries"]):
        try:
            (draw_pairs if pairs(record) else draw_curves)(record, picture)
        except ModelError as error:
            notes = (str(error),)
    text = markdown(record, command, picture.name if picture.is_file() else None)
    write_whole(folder / f"{record['table']}.md", text)
    return notes


def markdown(record: dict[str, Any], command: str, picture: str | None = None) -> str:
    """The page as Markdown."""
    parts = [f"# {record['title']}", record["description"]]
    if record["source"]:
        kind = f" ({record['published_is']})" if record["published_is"] else ""
        parts.append(f"Published numbers: {record['source']}{kind}.")
    parts += [*_results(record), *_pairs(record), _plot(record, picture), *_missing(record, command), *_seeds(record)]
    parts += [*_settings(record), *_made_with(record)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _results(record: dict[str, Any]) -> list[str]:
    unit = _unit(record)
    head = [
        "row",
        "published",
        f"{unit}, last epoch",
        "best epoch",
        "against published",
        "training",
        "seeds",
        "time a run",
    ]
    rows = []
    for row in record["rows"]:
        found = row["summary"]
        rows.append(
            [
                row["name"],
                plus_minus(row["published"], row["band"]),
                plus_minus(found["last"], found["last_std"]),
                plus_minus(found["best"], found["best_std"]),
                _against(row, record["compared"]),
                plus_minus(found["train"], found["train_std"]),
                f"{found['finished']} of {record['seeds']}",
                _time(found["seconds"]),
            ]
        )
    words = (
        "Means over the finished seeds ± sample standard deviation. The best epoch is chosen on the test set and is no "
        f"estimate of anything; the {record['compared']} epoch is held against the published number. Training error is "
        "measured with fixed parameters after the last epoch."
    )
    notes = [f"- {row['name']}: {row['note']}" for row in record["rows"] if row["note"]]
    return ["## Results", _table(head, rows), words, "\n".join(notes)]


def _pairs(record: dict[str, Any]) -> list[str]:
    if not pairs(record):
        return []
    head = ["row", "beside", "last epoch", "of the one beside", "largest difference", "of training"]
    words = (
        "Same seeds, data, batches and optimiser. Differences are relative to the row beside, the largest over the "
        "finished seeds: of the test set after the last epoch, and of the training set with fixed parameters."
    )
    return ["## Side by side", words, _table(head, pair_rows(record, shown))]


def _plot(record: dict[str, Any], picture: str | None) -> str:
    if picture is None:
        return ""
    spread = "; dashed the row beside." if pairs(record) else ", and their range."
    return (
        f"![Learning curves of all rows]({picture})\n\n{_unit(record).capitalize()} after every epoch: mean of the "
        f"seeds that have come so far{spread}"
    )


def _missing(record: dict[str, Any], command: str) -> list[str]:
    if not record["missing"]:
        return []
    lines = []
    for row in dict.fromkeys(entry["row"] for entry in record["missing"]):
        own = [entry for entry in record["missing"] if entry["row"] == row]
        seeds = ", ".join(f"{entry['seed']}{_progress(entry)}" for entry in own)
        lines.append(f"- {row}: seed{'s' if len(own) > 1 else ''} {seeds}")
    words = f"{len(record['missing'])} entries are not finished; this command goes on with them:"
    return ["## Missing", words, f"```sh\n{command}\n```", "\n".join(lines)]


def _progress(entry: dict[str, Any]) -> str:
    if not entry["epochs"]:
        return ""
    return f" (at epoch {entry['epochs']} of {entry['of']}{'' if entry['resumable'] else ', begins anew'})"


def _seeds(record: dict[str, Any]) -> list[str]:
    rows = []
    for row in record["rows"]:
        for entry in row["entries"]:
            best = "–" if entry["best"] is None else f"{shown(entry['best'])} (epoch {entry['best_epoch']})"
            done = str(row["epochs"]) if entry["finished"] else f"{entry['epochs']} of {row['epochs']}"
            done += f", failed: {entry['failed']}" if "failed" in entry else ""
            rows.append(
                [
                    row["name"],
                    str(entry["seed"]),
                    done,
                    shown(entry["last"]),
                    best,
                    shown(entry["train"]),
                    _time(entry["seconds"]),
                ]
            )
    if not rows:
        return []
    return ["## Every seed", _table(["row", "seed", "epochs", "last epoch", "best epoch", "training", "time"], rows)]


def _settings(record: dict[str, Any]) -> list[str]:
    several = len({row["system"] for row in record["rows"]}) > 1

    def file(row: dict[str, Any]) -> str:
        return f"`{row['system'] + '/' if several else ''}{row['experiment']}.toml`"

    rows = [[row["name"], file(row), _changes(row), str(row["epochs"])] for row in record["rows"]]
    words = (
        f"Experiments of `systems/{'' if several else record['system']}`, with these keys changed; the record "
        f"`{record['table']}.json` has every row's settings in full, and the curves."
    )
    return ["## Settings", words, _table(["row", "experiment", "changed", "epochs"], rows)]


def _changes(row: dict[str, Any]) -> str:
    return ", ".join(
        f"`{key}{write_toml({'x': value}).strip().removeprefix('x')}`" for key, value in _flat(row["overrides"])
    )


def _flat(table: dict[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _made_with(record: dict[str, Any]) -> list[str]:
    made: dict[str, list[str]] = {}
    for row in record["rows"]:
        for entry in row["entries"]:
            words = ", ".join(f"{k} {v}" for k, v in entry["made_with"].items() if k != "started" and v is not None)
            made.setdefault(words, []).append(f"{row['name']} {entry['seed']}")
    if not made:
        return []
    if len(made) == 1:
        return ["## Made with", f"{next(iter(made))}."]
    return ["## Made with", "\n".join(f"- {words}: {', '.join(entries)}" for words, entries in made.items())]


# ---- words -----------------------------------------------------------------------------------------------------------


def _unit(record: dict[str, Any]) -> str:
    metrics = {entry["metric"] for row in record["rows"] for entry in row["entries"]}
    if metrics > {"cost"}:
        return "test cost or error %"
    return "test cost" if metrics == {"cost"} else "test error %"


def _against(row: dict[str, Any], compared: str) -> str:
    value, published, band = row["summary"][compared], row["published"], row["band"]
    if value is None or published is None:
        return "–"
    difference = f"{'−' if value < published else '+'}{shown(abs(value - published))}"
    if band is None:
        return difference
    where = "inside the band" if abs(value - published) <= band else "above it" if value > published else "below it"
    return f"{difference}, {where}"


def plus_minus(value: float | None, spread: float | None) -> str:
    """A number with its spread, where there is one."""
    return shown(value) if value is None or spread is None else f"{shown(value)} ± {shown(spread)}"


def shown(value: float | None) -> str:
    """Two decimals, or two digits of what is smaller than a tenth; a dash for nothing.

    >>> shown(2.0), shown(0.0), shown(0.00012), shown(None)
    ('2.00', '0.00', '0.00012', '–')
    """
    if value is None:
        return "–"
    return f"{value:.2f}" if value == 0 or abs(value) >= 0.1 else f"{value:.2g}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# ---- the plot --------------------------------------------------------------------------------------------------------


def draw_curves(record: dict[str, Any], path: Path) -> Path:
    """Plot the test error of all rows against the epoch: mean of the seeds that have come so far, and their range.

    Raises:
        ModelError: no matplotlib.
    """

    def fill(figure: Any) -> None:
        axis = figure.subplots()
        for k, row in enumerate(row for row in record["rows"] if any(entry["curve"] for entry in row["entries"])):
            curves = [entry["curve"] for entry in row["entries"] if entry["curve"]]
            values = np.full((len(curves), max(map(len, curves))), np.nan)
            for i, curve in enumerate(curves):
                values[i, : len(curve)] = [np.nan if value is None else value for value in curve]
            known = np.isfinite(values).any(axis=0)
            epochs, values = np.flatnonzero(known) + 1, values[:, known]
            colour, dash = CYCLE[k % len(CYCLE)], _DASHES[k // len(CYCLE) % len(_DASHES)]
            marker = "o" if len(epochs) == 1 else ""
            axis.plot(epochs, np.nanmean(values, axis=0), dash, color=colour, marker=marker, label=row["name"])
            if len(curves) > 1:
                low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
                axis.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
        if all(line.get_ydata().min() > 0 for line in axis.lines):
            axis.set_yscale("log")
        axis.set_xlabel("epoch")
        axis.set_ylabel(_unit(record))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(True, which="both", alpha=0.25)
        axis.legend(frameon=False, fontsize="small", ncols=2)

    return draw(path, (6.5, 4.0), fill)
