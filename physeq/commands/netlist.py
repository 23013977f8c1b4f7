"""`physeq netlist`: SPICE netlists in and out, and the graphs of systems as files."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from physeq.commands._arguments import AsJson, System, load, one_variant
from physeq.commands._shared import SCHEMA, Result, WrongUse, command, note, out

netlist = typer.Typer(help="SPICE netlists in and out, and the graphs of systems as files.", no_args_is_help=True)

_MODEL = '''"""{title}: the system of a SPICE netlist."""

from pathlib import Path

import physeq as pq

NETLIST = pq.read_netlist(Path(__file__).with_name("{file}"))


def build() -> pq.System:
    """The circuit with its sources as functions of time."""
    return NETLIST.to_system(name={name!r})


def operating_point() -> pq.System:
    """The circuit with its sources at their DC values."""
    return NETLIST.to_system(dc=True, name={name!r})


variants = {{
    "default": pq.Variant(build, {title!r}),
    "dc": pq.Variant(operating_point, "sources at their DC values"),
}}
'''


@netlist.command("import")
@command
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A SPICE netlist.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER|FILE", help="A system folder to make, or a .json or .graphml."),
    ] = None,
    as_json: AsJson = False,
) -> Result:
    """Read a netlist: say what it holds, or make a system folder or a graph file of it."""
    from physeq.netlist import read_netlist

    if not file.is_file():
        raise WrongUse(f"{file}: there is no such file")
    found = read_netlist(file)
    system = found.to_system()
    for told in found.notes:
        note(f"{file}: {told}")
    files = [] if output is None else _write_import(file, found, system, output)
    kinds = Counter(type(element).__name__ for element in found.elements)
    if not as_json:
        console = out()
        lines = [found.title, f"  nodes: {len(found.nodes)}, elements: {len(found.elements)}"]
        lines += [f"    {kind}: {count}" for kind, count in kinds.items()]
        lines += [f"  {one.card()}" for one in found.analyses]
        lines += [f"wrote {one}" for one in files]
        for line in lines:
            console.print(line, markup=False, highlight=False)
    return Result(
        {
            "schema": SCHEMA,
            "file": str(file),
            "title": found.title,
            "nodes": len(found.nodes),
            "elements": dict(kinds),
            "analyses": [one.card() for one in found.analyses],
            "initial": dict(found.initial),
            "notes": list(found.notes),
            "written": files,
        }
    )


@netlist.command("export")
@command
def export(
    system: System,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="A .cir, .json or .graphml; standard output if none."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For parameters that start at random.")] = 0,
) -> Result:
    """Write a system as a netlist that ngspice runs, or its graph as JSON or GraphML."""
    found = load(system)
    name = one_variant(found)
    built = found.variants[name].build()
    params = _random_starts(built, seed)
    if output is not None and output.suffix.lower() in (".json", ".graphml"):
        _write_graph(built, params, output)
        note(f"wrote {output}")
        return Result()
    from physeq.netlist import to_netlist

    text = to_netlist(built, params, title=f"{found.name}: {found.variants[name].description}")
    if output is None:
        return Result(text=text)
    if output.suffix.lower() not in (".cir", ".sp", ".net", ".ckt", ".spice"):
        raise WrongUse(f"{output}: name it .cir for a netlist, .json or .graphml for a graph")
    _write(output, text)
    note(f"wrote {output}")
    return Result()


def _write_import(file: Path, found: Any, system: Any, output: Path) -> list[str]:
    if output.suffix.lower() in (".json", ".graphml"):
        _write_graph(system, None, output)
        return [str(output)]
    if output.suffix or output.is_file():
        raise WrongUse(f"{output}: name a folder for a system, or a .json or .graphml for a graph")
    if (output / "model.py").exists():
        raise WrongUse(f"{output / 'model.py'} exists already; choose another folder")
    output.mkdir(parents=True, exist_ok=True)
    copied = output / f"circuit{file.suffix or '.cir'}"
    shutil.copyfile(file, copied)
    title = found.title.replace("\\", "/").replace('"', "'") or file.stem
    _write(output / "model.py", _MODEL.format(title=title, file=copied.name, name=output.resolve().name))
    return [str(copied), str(output / "model.py")]


def _random_starts(system: Any, seed: int) -> Any:
    """Values of parameters that start at random; None where there are none."""
    from physeq.symbolic import Constant

    random = [
        p
        for placement in system.placements
        for p in placement.component.parameters
        if not isinstance(p.initial, Constant) and p.name not in system.values[placement.name]
    ]
    if not random:
        return None
    import jax

    return system.compile().init_parameters(jax.random.key(seed))


def _write_graph(system: Any, params: Any, output: Path) -> None:
    """The topology with the values of parameters as attributes of its elements and nodes."""
    import dataclasses

    import numpy as np

    from physeq.graph import write_graphml, write_json

    given = {name: dict(values) for name, values in system.values.items()}
    for name, values in (params or {}).items():
        given.setdefault(name, {}).update(values)
    topology = system.topology
    owners = {one.name: one for one in (*topology.groups, *topology.bundles)}
    for name, values in given.items():
        if name in owners:
            shape = (
                topology.parameter_shape(name) if name in {b.name for b in topology.bundles} else (owners[name].size,)
            )
            full = {key: np.broadcast_to(np.asarray(value, float), shape) for key, value in values.items()}
            owners[name] = dataclasses.replace(owners[name], attributes={**owners[name].attributes, **full})
    topology = dataclasses.replace(
        topology,
        groups=tuple(owners[group.name] for group in topology.groups),
        bundles=tuple(owners[bundle.name] for bundle in topology.bundles),
    )
    write = write_json if output.suffix.lower() == ".json" else write_graphml
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write(topology, output)
    except OSError as error:
        raise WrongUse(f"{output}: cannot be written: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{path}: cannot be written: {error.strerror}") from None
