"""`physeq reproduce`: run what is missing of a table of results, and write its record and its page."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from physeq.commands._arguments import AsJson
from physeq.commands._shared import SCHEMA, Precision, Result, command, note, out, set_precision, wrong_use


@command
def reproduce(
    table: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="A name of `physeq list` or a file; without one, list them.")
    ] = None,
    rows: Annotated[str | None, typer.Option("--rows", metavar="A,B", help="Only these rows.")] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="How many, from 0, instead of the table's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Train no entry further than this.")] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", min=0, metavar="MINUTES", help="Stop after the epoch then running.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Only write the page of what is there.")] = False,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where the runs are kept.")] = Path(
        "runs/reproduce"
    ),
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where TABLE.md and TABLE.json go.")] = Path(
        "docs/results"
    ),
    as_json: AsJson = False,
) -> Result:
    """Run the missing entries of a table of results one after the other; interrupted ones go on where they stopped."""
    from physeq.reproducing import Stop, run_missing
    from physeq.result_pages import write_page
    from physeq.result_record import Places, write_record
    from physeq.result_tables import find_table, read_table

    if table is None:
        return _list(as_json)
    with wrong_use():
        path = find_table(table)
    found = read_table(path)
    set_precision(Precision(found.precision))
    chosen = None if rows is None else [name.strip() for name in rows.split(",")]
    with wrong_use():
        for name in chosen or ():
            found.row(name)
    places, stop = Places(runs, output), Stop(None if time_limit is None else 60 * time_limit)
    written: dict[str, Any] = {}

    def write() -> None:
        written["record"] = write_record(found, places)
        for text in write_page(written["record"], output, _command(table, runs, output)):
            note(f"not drawn: {text}")

    failures: dict[str, str] = {}
    if not report:
        with _stopped_by_signals(stop):
            failures = run_missing(
                found, places, rows=chosen, seeds=seeds, epochs=epochs, stop=stop, say=note, after=write
            )
    write()
    for name, text in failures.items():
        note(f"failed: {name}: {text}")
    record = written["record"]
    page = output / f"{found.name}.md"
    if not as_json:
        _print(record)
        out().print(f"page: {page}", markup=False, highlight=False)
    payload = {"schema": SCHEMA, "page": str(page), "stopped": stop.asked, "failures": failures, "record": record}
    return Result(payload, 1 if failures or stop.asked else 0)


def _command(table: str, runs: Path, output: Path) -> str:
    """The command that goes on."""
    words = ["physeq reproduce", table]
    words += ["--runs", str(runs)] if runs != Path("runs/reproduce") else []
    words += ["--output", str(output)] if output != Path("docs/results") else []
    return " ".join(words)


@contextlib.contextmanager
def _stopped_by_signals(stop: Any) -> Iterator[None]:
    """SIGINT and SIGTERM end training after the current epoch; a second one ends it at once."""

    def ask(number: int, frame: Any) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        note("stopping after this epoch; once more stops at once, and the epoch is lost")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _list(as_json: bool) -> Result:
    found = tables_here()
    if not as_json:
        console = out()
        console.print(table_of(found) if found else "no tables in ./systems/*/tables")
    return Result({"schema": SCHEMA, "tables": found})


def tables_here() -> dict[str, Any]:
    """{name: what is known} of the tables under ./systems."""
    from physeq.errors import ModelError
    from physeq.result_tables import read_table, table_files

    tables: dict[str, Any] = {}
    for path in table_files():
        try:
            one = read_table(path)
            known = {"title": one.title, "rows": [row.name for row in one.rows], "seeds": one.seeds}
        except ModelError as error:
            known = {"error": str(error)}
        tables[path.stem] = {"system": path.parts[-3], "file": str(path)} | known
    return tables


def table_of(tables: dict[str, Any]) -> Table:
    """The tables of results as a table."""
    shown = Table("table of results", "system", "", "rows × seeds", box=box.SIMPLE_HEAD)
    for name, one in tables.items():
        size = "" if "error" in one else f"{len(one['rows'])} × {one['seeds']}"
        shown.add_row(name, one["system"], one.get("title", one.get("error")), size)
    return shown


def _print(record: dict[str, Any]) -> None:
    from physeq.result_pages import plus_minus

    unit = "error %" if all(e["metric"] != "cost" for row in record["rows"] for e in row["entries"]) else "cost"
    shown = Table("row", "published", f"test {unit}, last", "best", "seeds", "under way", box=box.SIMPLE_HEAD)
    for row in record["rows"]:
        summary = row["summary"]
        values = [plus_minus(summary[key], summary[f"{key}_std"]) for key in ("last", "best")]
        published = plus_minus(row["published"], row["band"])
        under_way = [_progress(entry, row["epochs"]) for entry in row["entries"] if not entry["finished"]]
        shown.add_row(
            row["name"], published, *values, f"{summary['finished']} of {record['seeds']}", ", ".join(under_way)
        )
    out().print(shown)


def _progress(entry: dict[str, Any], goal: int) -> str:
    from physeq.result_pages import shown

    last = "failed" if "failed" in entry else "" if entry["last"] is None else shown(entry["last"])
    return f"{entry['epochs']}/{goal} {last}".strip()
