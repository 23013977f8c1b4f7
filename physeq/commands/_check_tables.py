"""What `physeq check` prints of one variant: structure, consistency, audits."""

from __future__ import annotations

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table


def print_check(console: Console, system: str, one: Any) -> None:
    """Everything that a check found, one table after the other."""
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
