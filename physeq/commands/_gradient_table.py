"""`physeq check [SYSTEM ...] --table FILE`: the measured gradient errors of all rules on many systems as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from physeq.commands._arguments import load
from physeq.commands._shared import SCHEMA, Precision, Result, note, out, set_precision, wrong_use
from physeq.errors import ModelError


def gradient_table(
    specs: Sequence[str],
    table: Path,
    readme: Path | None,
    all_variants: bool,
    precision: Precision,
    seed: int,
    as_json: bool,
) -> Result:
    """Check what the record beside `table` does not have, and write the page and the block of `readme`."""
    from physeq.gradient_table import measure_missing, read_record
    from physeq.gradient_table_page import markdown, with_block
    from physeq.loading import system_folders
    from physeq.result_record import write_whole

    set_precision(precision)
    path = table.with_suffix(".json")
    with wrong_use():
        if table.suffix != ".md":
            raise ModelError(f"--table writes Markdown: name a file that ends in .md, got {str(table)!r}")
        record = read_record(path, precision.value, seed)
        before = None if readme is None else _text(readme)
        if before is not None:
            with_block(before, record, str(readme))  # a file without the marks is said before hours of audits
        if not (specs or record["variants"] or system_folders()):
            raise ModelError("there is no folder ./systems here; name the systems to check")
    systems = [load(spec) for spec in specs or sorted(system_folders())]
    table.parent.mkdir(parents=True, exist_ok=True)
    measured = measure_missing(record, systems, path, all_variants=all_variants, say=note)
    write_whole(table, markdown(record))
    if readme is not None:
        write_whole(readme, with_block(_text(readme), record, str(readme)))
    broken = {name: found for name, found in record["variants"].items() if found["faults"] or found["error"]}
    for name, found in broken.items():
        for text in [*found["faults"], *([found["error"]] if found["error"] else [])]:
            note(f"{name}: {text}")
    if not as_json:
        kept = len(record["variants"]) - len(measured)
        text = f"page: {table} ({len(measured)} variants measured, {kept} from {path})"
        out().print(text, markup=False, highlight=False, soft_wrap=True)
    payload = {"schema": SCHEMA, "page": str(table), "measured": measured, "passed": not broken, "record": record}
    return Result(payload, 1 if broken else 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
