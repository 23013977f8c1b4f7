"""`physeq check`: structure report, consistency and gradient audits, as tables or as one JSON object."""

from __future__ import annotations

import math
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from physeq.commands._arguments import AsJson, PrecisionOption, System, check_rule_name, load
from physeq.commands._shared import SCHEMA, Precision, Result, command, note, out, set_precision


class Against(Enum):
    """Programs that solve the same equations."""

    NGSPICE = "ngspice"


@command
def check(
    system: System,
    rule: Annotated[str, typer.Option("--rule", metavar="NAME|all", help="Which learning rule to audit.")] = "all",
    precision: PrecisionOption = Precision.DOUBLE,
    seed: Annotated[int, typer.Option(min=0, help="Of parameters, data and random nudges.")] = 0,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Also draw the audits into this folder.")
    ] = None,
    against: Annotated[
        Against | None, typer.Option("--against", help="Compare its states with those of a circuit simulator instead.")
    ] = None,
    as_json: AsJson = False,
) -> Result:
    """Check a system: what its structure allows, whether its parts agree, and every rule against the exact gradient."""
    if against is not None:
        from physeq.commands._cross_check import cross_check

        return cross_check(system, precision, seed, as_json)
    from physeq.checked_rules import ALL
    from physeq.checking import check_variant

    set_precision(precision)
    check_rule_name(rule, (ALL,))
    found = load(system)
    checks = []
    for name, variant in found.selected().items():
        note(f"checking {found.name}:{name} ...")
        one = check_variant(name, variant, (rule,), precision=precision.value, seed=seed)
        checks.append(one)
        if plots is not None and one.error is None:
            _draw(one, variant, seed, plots)
        if not as_json:
            _print(out(), found.name, one)
    passed = all(one.passed for one in checks)
    return Result(_payload(found.name, precision.value, checks, passed), 0 if passed else 1)


def _draw(one: Any, variant: Any, seed: int, folder: Path) -> None:
    from physeq.check_pictures import CheckPictures

    drawn, notes = CheckPictures(one, variant, seed).draw(folder)
    for path in drawn:
        note(f"drawn: {path}")
    for text in notes:
        note(f"not drawn: {text}")


def _payload(system: str, precision: str, checks: list, passed: bool) -> dict[str, Any]:
    """The contract's keys for the whole (structure of the first variant, worst numbers of all) and for each variant."""
    records = [one.to_dict() for one in checks]

    def worst(key: str) -> float | None:
        values = [r["consistency"][key] for r in records if r["consistency"] is not None]
        return max((v for v in values if v is not None), default=None)

    keys = ("force_vs_autodiff", "lowerings", "implicit_vs_finite_differences")
    return {
        "schema": SCHEMA,
        "system": system,
        "precision": precision,
        "variant": records[0]["variant"],
        "structure": records[0]["structure"],
        "consistency": {key: worst(key) for key in keys},
        "audits": [audit for record in records for audit in record["audits"]],
        "variants": records,
        "passed": passed,
    }


def _print(console: Console, system: str, one: Any) -> None:
    console.print(f"\n[bold]{system}:{one.variant}[/bold]", highlight=False)
    if one.structure is not None:
        console.print(_structure_table(one.structure))
    if one.consistency is not None:
        console.print(_consistency_table(one))
    if one.trajectories is not None:
        _print_trajectories(console, one)
    elif one.motion is not None:
        _line(console, "a motion without steady states of free unknowns (constraints, or terms in time): no audits")
    if one.motion is not None:
        _line(console, f"derived ∂f/∂y of the motion against automatic differentiation: {_number(one.motion)}")
    if one.antisymmetry is not None:
        _line(console, f"antisymmetric part of the Jacobian ‖A‖/‖J‖ = {_number(one.antisymmetry)}")
    if one.audits:
        _print_audits(console, one)
    if one.error is not None:
        console.print(f"error: {one.error}", style="red", markup=False, highlight=False)
    for fault in one.faults:
        console.print(f"fault: {fault}", style="red", markup=False, highlight=False)
    console.print("[green]passed[/green]" if one.passed else "[red]failed[/red]")


def _print_trajectories(console: Console, one: Any) -> None:
    facts = one.trajectories
    table = Table(f"trajectories: {facts.boundary}, {facts.solver}", "", box=box.SIMPLE_HEAD)
    for words, answer in facts.structure:
        table.add_row(words, escape(_short(answer)))
    console.print(table)
    found = "not compared, they have no cost" if facts.adjoint is None else _number(facts.adjoint)
    _line(console, f"adjoint gradient against finite differences: {found} (limit {one.limits.implicit:.0e})")


def _print_audits(console: Console, one: Any) -> None:
    from physeq.checked_rules import label

    console.print(_audit_table(one))
    for audit in one.audits:
        for word, reason in (("refused", audit.reason), ("biased", audit.bias)):
            if reason is not None:
                _line(console, f"{word}: {label(audit.rule)}: {reason}")
    for audit in one.audits:
        if audit.holomorphic is not None:
            if one.trajectories is None:
                _line(console, _singularity(audit.holomorphic.singularity))
            console.print(_points_table(label(audit.rule), audit.holomorphic))


def _line(console: Console, text: str) -> None:
    """One line of plain text, whatever the width of the terminal."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _singularity(found: Any) -> str:
    if found is None:
        return "nearest singularity: not found"
    if math.isinf(found.distance):
        return "nearest singularity: none, the state is a polynomial in β; any radius serves"
    return f"nearest singularity R = {found.distance:.4g}, recommended radius R/4 = {found.radius:.4g} (units of β)"


def _points_table(rule: str, found: Any) -> Table:
    """The errors with N nudges on the circle, and what N against 2N tells of them without the exact gradient."""
    table = Table(f"{rule} at radius {found.radius:.4g}", box=box.SIMPLE_HEAD)
    for name in ("relative error", "1 − cosine", "estimate, N against 2N"):
        table.add_column(name)
    for point in found.over_points:
        away = None if point.cosine is None else max(1 - point.cosine, 0.0)
        numbers = (point.relative_error, away, point.estimated_error)
        table.add_row(f"N = {point.points}", *map(_number, numbers))
    return table


_PROPERTIES = ("conservative", "holomorphic", "linear", "quadratic", "convex", "autonomous")
_WHY = {"conservative": "certificates", "holomorphic": "not_holomorphic", "linear": "nonlinear", "convex": "not_convex"}


def _structure_table(structure: dict[str, Any]) -> Table:
    table = Table("structure", "", "because of", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_row("class", structure["class"], "")
    for key in _PROPERTIES:
        value = structure[key]
        word = "undecided" if value is None else "yes" if value else "no"
        reasons = structure.get(_WHY.get(key, ""), []) if not value else []
        if key == "linear" and not value and not reasons:
            reasons = [
                {"component": "bounds", "placement": name, "what": "a projection"} for name in structure["bounded"]
            ]
        table.add_row(key, word, _reasons(reasons))
    for pole, places in _poles(structure["poles"]).items():
        table.add_row(*map(escape, (pole[0], "", f"{', '.join(places)}: {pole[1]}")))
    for key in ("bounded", "constraints"):
        table.add_row(key, "yes" if structure[key] else "no", ", ".join(structure[key]))
    if structure["not_differentiable"]:
        table.add_row("differentiable", "no", _reasons(structure["not_differentiable"]))
    return table


def _poles(poles: list[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """{(kind, function and where it is singular): placements}."""
    found: dict[tuple[str, str], list[str]] = {}
    for pole in poles:
        where = f"{pole['function']}, where {pole['argument']} = {pole['at']}"
        places = found.setdefault((pole["kind"], where), [])
        if pole["placement"] not in places:
            places.append(pole["placement"])
    return found


def _reasons(reasons: list[dict[str, Any]]) -> str:
    if not reasons:
        return ""
    first = reasons[0]
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return _short(f"{first['component']} in {first['placement']}: {first.get('what', first.get('defect'))}") + more


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _consistency_table(one: Any) -> Table:
    table = Table("consistency", "largest relative difference", "limit", box=box.SIMPLE_HEAD)
    found, limits = one.consistency, one.limits
    for words, value, limit in (
        ("force against −∇ energy", found.force_vs_autodiff, limits.force),
        ("messages against element by element", found.lowerings, limits.lowerings),
        ("implicit against finite differences", found.implicit_vs_finite_differences, limits.implicit),
    ):
        table.add_row(words, _number(value), f"{limit:.0e}")
    return table


def _audit_table(one: Any) -> Table:
    from physeq.checked_rules import label

    table = Table(Column("rule", no_wrap=True), box=box.SIMPLE_HEAD)
    for name in ("objective", "best β", "relative error", "1 − cosine", "slope", ""):
        table.add_column(name)
    for audit in one.audits:
        if not audit.admissible:
            table.add_row(label(audit.rule), "", "", "", "", "", "refused")
            continue
        best = audit.best
        table.add_row(
            label(audit.rule),
            audit.objective.value,
            _number(None if best is None else best.beta),
            _number(None if best is None else best.relative_error),
            _number(None if best is None or best.cosine is None else max(1 - best.cosine, 0.0)),
            "–" if audit.slope is None else f"{audit.slope:.3f}",
            "[red]fault[/red]" if one.fault(audit) is not None else "ok" if audit.bias is None else "biased",
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"
