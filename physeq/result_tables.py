"""Tables of results as data: `systems/*/tables/*.toml`, a row per experiment beside the number that was published."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from physeq.errors import ModelError
from physeq.experiment import Experiment, parse_experiment
from physeq.loading import SYSTEMS
from physeq.registry import check_keys, checked, choose

TABLES = "tables"
_TEXTS = ("title", "description", "source", "published_is", "rows_of")
_COMPARED = ("last", "best")
_PRECISIONS = ("single", "double")
_ROW = {
    "name": str,
    "system": str,
    "experiment": str,
    "beside": str,
    "published": float | None,
    "band": float | None,
    "note": str,
}


@dataclass(frozen=True)
class TableRow:
    """One row: an experiment with some of its keys changed, of the table's system or of another beside it.

    Attributes:
        name: of the row, its folder and its line in the record.
        experiment: with the changes; its name is the row's.
        system: the folder of its system.
        based_on: name of the experiment file.
        overrides: what is changed in it, nested as in the file.
        beside: name of the row that this one is held against, or nothing.
        published: test error in percent, None where there is no number.
        band: how far from it a result may be to count as the same.
        note: one line.
    """

    name: str
    experiment: Experiment
    system: Path
    based_on: str
    overrides: Mapping[str, Any]
    beside: str = ""
    published: float | None = None
    band: float | None = None
    note: str = ""

    def settings(self) -> dict[str, Any]:
        """What makes an entry of this row what it is: all of the experiment but seed, length and words."""
        return settings_of(self.experiment)


@dataclass(frozen=True)
class ResultTable:
    """A table of results.

    Attributes:
        name: of the file, without its suffix.
        title, description, source: words for the page; `source` says where the published numbers are from.
        published_is: what they are (how many runs, which epoch).
        compared: "last" or "best": which epoch stands against the published one.
        seeds: how many, from 0, a full table has.
        precision: "single" or "double": the floating-point type of the runs.
        rows: in order.
        path: of the file.
    """

    name: str
    title: str
    description: str
    source: str
    published_is: str
    compared: str
    seeds: int
    rows: tuple[TableRow, ...]
    path: Path
    precision: str = "single"

    @property
    def system_folder(self) -> Path:
        """The folder of the system that the table belongs to."""
        return self.path.parent.parent

    def row(self, name: str) -> TableRow:
        """The row of that name; ModelError with those that exist otherwise."""
        named = {row.name: row for row in self.rows}
        return named[choose(f"row of {self.name!r}", name, named)]


def settings_of(experiment: Experiment) -> dict[str, Any]:
    """The plain table of an experiment without seed, epochs and description."""
    return {key: value for key, value in experiment.table.items() if key not in ("seed", "epochs", "description")}


def table_files(base: Path | None = None) -> tuple[Path, ...]:
    """The table files of the systems under a folder, by default the current one."""
    root = Path(SYSTEMS) if base is None else base / SYSTEMS
    return tuple(sorted(root.glob(f"*/{TABLES}/*.toml"), key=lambda path: (path.parts[-3], path.stem)))


def find_table(spec: str) -> Path:
    """The file of a table: a path that ends in `.toml`, or the name of one under ./systems.

    Raises:
        ModelError: no such file or name (with those that exist), or several of the name.
    """
    if spec.endswith(".toml"):
        if not Path(spec).is_file():
            raise ModelError(f"there is no table file {spec}")
        return Path(spec)
    named: dict[str, list[Path]] = {}
    for path in table_files():
        named.setdefault(path.stem, []).append(path)
    found = named[choose("table", spec, named)]
    if len(found) > 1:
        raise ModelError(f"several tables are named {spec!r}: {', '.join(map(str, found))}; give one of these files")
    return found[0]


def read_table(path: str | Path) -> ResultTable:
    """Read a table file.

    It has texts (`title`, `description`, `source`, `published_is`), `compared` ("last" or "best" epoch), `seeds`,
    `precision` ("single" or "double"), and `[[rows]]` with `name`, `experiment` (a file beside `model.py`), `system`
    (another folder beside the table's own system), `beside` (a row that it is held against), `overrides`, `published`,
    `band`, `note`; or `rows_of`, the name of a table beside it whose rows it takes without published numbers and notes.
    `overrides` of the table hold for all rows.

    Raises:
        ModelError: not TOML, an unknown key, a value of another type, an experiment that is not there or that the
            changes do not fit; the message names file and row.
    """
    path = Path(path)
    table, where = _parsed(path), str(path)
    check_keys(where, table, [*_TEXTS, "compared", "seeds", "precision", "overrides", "rows"])
    texts = {key: checked(f"{where}: {key}", table.get(key, ""), str).strip() for key in _TEXTS}
    if not texts["title"]:
        raise ModelError(f"{where}: needs the key 'title'")
    everywhere = _mapping(table, where)
    seeds = checked(f"{where}: seeds", table.get("seeds", 1), int)
    if seeds < 1:
        raise ModelError(f"{where}: seeds must be at least 1, got {seeds}")
    rows = tuple(_row(row, everywhere, path) for row in _rows(table, texts["rows_of"], path))
    for row in rows:
        if row.beside:
            choose(
                f"{where}: row {row.name!r}: beside: row", row.beside, [other.name for other in rows if other != row]
            )
    return ResultTable(
        name=path.stem,
        title=texts["title"],
        description=texts["description"],
        source=texts["source"],
        published_is=texts["published_is"],
        compared=choose(f"{where}: compared", table.get("compared", "last"), _COMPARED),
        seeds=seeds,
        rows=rows,
        path=path,
        precision=choose(f"{where}: precision", table.get("precision", "single"), _PRECISIONS),
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{path}: is not TOML: {error}") from None


def _mapping(table: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    found = table.get("overrides", {})
    if not isinstance(found, Mapping):
        raise ModelError(f"{where}: overrides must be a table of an experiment's keys, got {found!r}")
    return found


def _rows(table: Mapping[str, Any], rows_of: str, path: Path) -> list[dict[str, Any]]:
    own = table.get("rows", [])
    if bool(own) == bool(rows_of) or not isinstance(own, list) or not all(isinstance(row, Mapping) for row in own):
        raise ModelError(f"{path}: needs rows, written [[rows]], or rows_of with the name of a table beside it")
    if rows_of:
        others = {other.stem: other for other in sorted(path.parent.glob("*.toml")) if other.stem != path.stem}
        other = others[choose(f"{path}: rows_of: table", rows_of, others)]
        parent = _parsed(other)
        shared = _mapping(parent, str(other))
        own = [
            {key: value for key, value in row.items() if key not in ("published", "band", "note")}
            | {"overrides": merged(shared, _mapping(row, str(other)))}
            for row in _rows(parent, "", other)
        ]
    names = [row.get("name") for row in own]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ModelError(f"{path}: two rows are named {twice[0]!r}; give every row its own name")
    return own


def _row(row: Mapping[str, Any], everywhere: Mapping[str, Any], path: Path) -> TableRow:
    name = row.get("name")
    where = f"{path}: row {name!r}"
    check_keys(where, row, [*_ROW, "overrides"])
    values = {key: checked(f"{where}: {key}", row[key], kind) for key, kind in _ROW.items() if key in row}
    for key in ("name", "experiment"):
        if key not in values:
            raise ModelError(f"{where}: needs the key {key!r}")
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", values["name"]) is None:
        raise ModelError(f"{where}: a name must be letters, digits, '.', '-' and '_': it names a folder")
    system = path.parent.parent
    if "system" in values:
        known = {folder.name: folder for folder in sorted(system.resolve().parent.iterdir()) if folder.is_dir()}
        system = known[choose(f"{where}: system", values.pop("system"), known)]
    files = {file.stem: file for file in sorted(system.glob("*.toml"))}
    file = files[choose(f"{where}: experiment", values.pop("experiment"), files)]
    overrides = merged(everywhere, _mapping(row, where))
    experiment = parse_experiment(merged(_parsed(file), overrides), values["name"], f"{where}: {file.name}")
    return TableRow(
        experiment=experiment, system=system, based_on=file.stem, overrides=MappingProxyType(overrides), **values
    )


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A nested table with other values at some of its keys.

    >>> merged({"data": {"name": "mnist", "train": 5}, "epochs": 3}, {"data": {"name": "digits"}})
    {'data': {'name': 'digits', 'train': 5}, 'epochs': 3}
    """
    result = dict(table)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result
