"""`physeq check SYSTEM --against ngspice`: the largest differences, as tables or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Column, Table

from physeq.commands._arguments import load
from physeq.commands._shared import SCHEMA, Precision, Result, note, out, set_precision

_ROWS = 20


def cross_check(spec: str, precision: Precision, seed: int, as_json: bool) -> Result:
    """Compare a netlist, or every variant meant of a system, with ngspice; status 1 where a limit is passed."""
    set_precision(precision)
    found = load(spec)
    records, passed = [], True
    for name, comparisons in _compared(found, seed):
        passed = passed and all(one.passed for one in comparisons)
        records += [{"variant": name} | one.to_dict() for one in comparisons]
        if not as_json:
            for one in comparisons:
                _print(f"{found.name}:{name}", one)
    payload = {
        "schema": SCHEMA,
        "system": found.name,
        "against": "ngspice",
        "precision": precision.value,
        "comparisons": records,
        "passed": passed,
    }
    return Result(payload, 0 if passed else 1)


def _compared(found: Any, seed: int) -> Iterator[tuple[str, list]]:
    """(variant, its comparisons), one after the other."""
    if found.netlist is not None:
        from physeq.cross_check import cross_check

        yield found.default, cross_check(found.netlist)
        return
    from physeq.cross_check_system import cross_check_system

    for name, variant in found.selected().items():
        note(f"comparing {found.name}:{name} ...")
        yield name, cross_check_system(variant.build(), variant.simulation, seed=seed)


def _print(name: str, one: Any) -> None:
    console = out()
    console.print(f"\n[bold]{name}[/bold] {one.analysis}, {one.points} points", highlight=False)
    moving = one.analysis.startswith(".tran")
    whole = "of its swing" if moving else "of its size"
    table = Table(
        Column("quantity", no_wrap=True), "largest difference", whole, "at", f"limit {one.limit:.0e}",
        box=box.SIMPLE_HEAD,
    )  # fmt: skip
    for d in one.differences[:_ROWS]:
        at = "" if d.at is None else f"{d.at:.6g}"
        word = "ok" if d.relative <= one.limit else "[red]beyond[/red]"
        unit = "V" if d.name.endswith(".v") else "A"
        table.add_row(d.name, f"{d.absolute:.1e} {unit}", f"{d.relative:.1e}", at, word)
    console.print(table)
    left = len(one.differences) - _ROWS
    if left > 0:
        console.print(f"and {left} quantities that differ less", markup=False, highlight=False)
    if one.exponential is not None:
        console.print(
            "blocking diodes have ngspice's cubic in physeq too; with the exponential law the largest difference is "
            f"{one.exponential.relative:.1e}, of {one.exponential.name}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    console.print("[green]passed[/green]" if one.passed else "[red]failed[/red]")
