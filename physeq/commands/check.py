"""`physeq check`: structure report, consistency and gradient audits, as tables or as one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from physeq.commands._arguments import AsJson, PrecisionOption, System, check_rule_name, load
from physeq.commands._shared import SCHEMA, Precision, Result, command, note, out, set_precision


@command
def check(
    system: System,
    rule: Annotated[str, typer.Option("--rule", metavar="NAME|all", help="Which learning rule to audit.")] = "all",
    precision: PrecisionOption = Precision.DOUBLE,
    seed: Annotated[int, typer.Option(min=0, help="Of parameters, data and random nudges.")] = 0,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Also draw the audits into this folder.")
    ] = None,
    as_json: AsJson = False,
) -> Result:
    """Check a system: what its structure allows, whether its parts agree, and every rule against the exact gradient."""
    from physeq.checking import ALL, check_variant

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
    if one.audits:
        console.print(_audit_table(one))
    for refused in (a for a in one.audits if not a.admissible):
        from physeq.checking import label

        console.print(f"refused: {label(refused.rule)}: {refused.reason}", markup=False, highlight=False)
    if one.error is not None:
        console.print(f"error: {one.error}", style="red", markup=False, highlight=False)
    for fault in one.faults:
        console.print(f"fault: {fault}", style="red", markup=False, highlight=False)
    console.print("[green]passed[/green]" if one.passed else "[red]failed[/red]")


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
    for key in ("bounded", "constraints"):
        table.add_row(key, "yes" if structure[key] else "no", ", ".join(structure[key]))
    if structure["not_differentiable"]:
        table.add_row("differentiable", "no", _reasons(structure["not_differentiable"]))
    return table


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
    from physeq.checking import label

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
            "ok" if one.fault(audit) is None else "[red]fault[/red]",
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"
