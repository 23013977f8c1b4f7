"""`physeq list`: systems here, strategies by name, data sets."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from physeq.commands._arguments import AsJson
from physeq.commands._shared import SCHEMA, Result, command, out


@command
def list_(as_json: AsJson = False) -> Result:
    """List the systems and tables of results under ./systems, the strategies for experiments, and the data sets."""
    from physeq.commands.reproduce import table_of, tables_here
    from physeq.data import datasets
    from physeq.errors import PhyseqError
    from physeq.loading import load_system, system_folders
    from physeq.optimizer import OPTIMIZERS
    from physeq.registry import registry
    from physeq.solve.integrators import INTEGRATORS

    systems: dict[str, Any] = {}
    for name, folder in system_folders().items():
        try:
            loaded = load_system(folder)
        except PhyseqError as error:
            systems[name] = {"error": str(error), "variants": {}, "experiments": {}}
            continue
        systems[name] = {
            "variants": {key: variant.description for key, variant in loaded.variants.items()},
            "experiments": {key: str(path) for key, path in loaded.experiments().items()},
        }
    strategies = {kind: {n: _summary(cls) for n, cls in named.items()} for kind, named in registry().items()}
    strategies["integrator"] = {name: text for name, (_, text) in INTEGRATORS.items()}
    strategies["optimiser"] = {name: f"arguments: {', '.join(known)}" for name, known in OPTIMIZERS.items()}
    sets = {name: entry.description for name, entry in datasets().items()}
    tables = tables_here()
    payload = {"schema": SCHEMA, "systems": systems, "tables": tables, **_plural(strategies), "data": sets}
    if not as_json:
        _print(systems, strategies, sets, table_of(tables) if tables else None)
    return Result(payload)


def _summary(cls: type) -> str:
    return (cls.__doc__ or "").strip().split("\n")[0]


def _plural(strategies: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {f"{kind.replace(' ', '_')}s": named for kind, named in strategies.items()}


def _print(
    systems: dict[str, Any], strategies: dict[str, dict[str, str]], sets: dict[str, str], tables: Table | None
) -> None:
    table = Table("system", "variant or experiment", "", box=box.SIMPLE_HEAD)
    for name, found in systems.items():
        rows = [(f"{name}:{key}", text) for key, text in found["variants"].items()]
        rows += [(f"--experiment {key}", path) for key, path in found["experiments"].items()]
        rows += [("error", found["error"])] if "error" in found else []
        for i, row in enumerate(rows):
            table.add_row(name if i == 0 else "", *row)
    console = out()
    console.print(table if systems else "no systems in ./systems; make one with `physeq new NAME`")
    if tables is not None:
        console.print(tables)
    for kind, named in strategies.items():
        part = Table(kind, "", box=box.SIMPLE_HEAD)
        for name, text in named.items():
            part.add_row(name, text)
        console.print(part)
    part = Table("data set", "", box=box.SIMPLE_HEAD)
    for name, text in sets.items():
        part.add_row(name, text)
    console.print(part)
