"""`physeq simulate`: the motion of a system or a netlist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from physeq.commands._arguments import AsJson, PrecisionOption, System, load, one_variant
from physeq.commands._shared import SCHEMA, Precision, Result, WrongUse, command, note, out, set_precision, wrong_use


@command
def simulate(
    system: System,
    t1: Annotated[
        float | None, typer.Option("--t1", help="End time; by default that of the system's simulation.")
    ] = None,
    points: Annotated[int, typer.Option(min=2, help="Times to keep, evenly spaced.")] = 201,
    solver: Annotated[
        str | None, typer.Option("--solver", metavar="NAME", help="`physeq list` has the integrators.")
    ] = None,
    step: Annotated[float | None, typer.Option("--step", help="A constant step instead of adaptive ones.")] = None,
    rtol: Annotated[float | None, typer.Option("--rtol", help="Relative tolerance of adaptive steps.")] = None,
    show: Annotated[
        str | None, typer.Option("--show", metavar="A,B", help="Quantities: out.v, R1.i, energy, ...")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="A picture, .svg or .png.")] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="All unknowns, or those shown: .csv, .npz.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of drawn parameters.")] = 0,
    names: Annotated[bool, typer.Option("--names", help="List the quantities and stop.")] = False,
    precision: PrecisionOption = Precision.DOUBLE,
    as_json: AsJson = False,
) -> Result:
    """Integrate the equations of motion of a system; print, plot and save any of its quantities."""
    set_precision(precision)
    from physeq import simulating
    from physeq.commands._progress import MotionProgress
    from physeq.solve.integrators import integrator

    found = load(system)
    name = one_variant(found)
    variant = found.variants[name]
    wanted = None if show is None else tuple(part.strip() for part in show.split(","))
    with wrong_use():
        if solver is not None:
            integrator(solver)
        # A netlist that asks for no transient has an operating point to show.
        rests = found.netlist is not None and variant.simulation is None and t1 is None
        if rests and (save is not None or plot is not None or names):
            raise WrongUse(f"{found.label} has no transient to keep or draw; say --t1")
        given = {"t1": t1, "solver": solver, "step": step, "rtol": rtol, "show": wanted}
        setting = None if rests else simulating.changed(variant.simulation, **given)
        for file, known in ((save, (".csv", ".npz")), (plot, (".svg", ".png"))):
            if file is not None and file.suffix not in known:
                raise WrongUse(f"{file}: name it {' or '.join(known)}")
    built = variant.build()
    if setting is None:
        return _at_rest(found.name, name, simulating.at_rest(built, seed), wanted, as_json)
    solution, seconds = simulating.run(built, setting, points=points, seed=seed, progress=MotionProgress())
    if names:
        return Result(text="\n".join(solution.names()))
    payload = simulating.summary(solution, setting.show, seconds)
    if plot is not None:
        from physeq.plot import to_file, trajectories

        to_file(plot, trajectories, solution, simulating.shown(solution, setting.show), title=found.label)
        note(f"wrote {plot}")
    if save is not None:
        simulating.save(solution, setting.show, save)
        note(f"wrote {save}")
    if not as_json:
        _print(payload)
    return Result({"schema": SCHEMA, "system": found.name, "variant": name, **payload})


def _at_rest(system: str, variant: str, rest: Any, wanted: tuple[str, ...] | None, as_json: bool) -> Result:
    """The operating point: quantities by name, by default the voltages of nodes and the currents of elements."""
    from physeq import simulating

    values = simulating.resting(rest, wanted)
    if not as_json:
        table = Table("quantity", "operating point", box=box.SIMPLE_HEAD)
        for name, value in values.items():
            table.add_row(name, f"{value:.9g}")
        out().print(table)
    found = {"class": "operating point", "final": values, "residual": float(rest.residual), "steps": int(rest.steps)}
    return Result({"schema": SCHEMA, "system": system, "variant": variant, **found})


def _print(payload: dict) -> None:
    console = out()
    table = Table("quantity", "at the end", box=box.SIMPLE_HEAD)
    for name, value in payload["final"].items():
        table.add_row(name, f"{value:.9g}")
    console.print(table)
    kept = "".join(f"; drift of {name} {value:.2g}" for name, value in payload["invariants"].items())
    console.print(
        f"{payload['class']}: {payload['solver']}, {payload['steps']} steps, {payload['rejected']} rejected, "
        f"{payload['seconds']:.2f} s with compilation{kept}"
    )
