"""`physeq check`: structure report, consistency and gradient audits, as tables or as one JSON object."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from physeq.commands._arguments import AsJson, PrecisionOption, check_rule_name, load
from physeq.commands._check_tables import print_check
from physeq.commands._shared import SCHEMA, Precision, Result, WrongUse, command, note, out, set_precision, to_json


class Against(Enum):
    """Programs that solve the same equations."""

    NGSPICE = "ngspice"


@command
def check(
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SYSTEM[:VARIANT] ...]",
            help="A name under ./systems, a folder, a model.py, or a netlist (.cir); several, or none for all, with "
            "--table.",
        ),
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="NAME|all", help="Which learning rule to audit, by default all; may be repeated."
        ),
    ] = None,
    precision: PrecisionOption = Precision.DOUBLE,
    seed: Annotated[int, typer.Option(min=0, help="Of parameters, data and random nudges.")] = 0,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Also draw the audits into this folder.")
    ] = None,
    against: Annotated[
        Against | None, typer.Option("--against", help="Compare its states with those of a circuit simulator instead.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE.md", help="Write systems × rules with their gradient errors, resumable."),
    ] = None,
    readme: Annotated[
        Path | None, typer.Option("--readme", metavar="FILE", help="With --table: also renew the marked block there.")
    ] = None,
    all_variants: Annotated[
        bool, typer.Option("--all-variants", help="With --table: all variants, not the first of each system.")
    ] = False,
    as_json: AsJson = False,
) -> Result:
    """Check a system: what its structure allows, whether its parts agree, and every rule against the exact gradient.

    With --table FILE.md the rules of several systems are audited; FILE.json keeps what is done, one variant after the
    other, so that an interrupted command goes on where it stopped.
    """
    if table is not None:
        _refuse({"--rule": bool(rules), "--plots": plots is not None, "--against": against is not None}, "--table")
        from physeq.commands._gradient_table import gradient_table

        return gradient_table(systems or (), table, readme, all_variants, precision, seed, as_json)
    _refuse({"--readme": readme is not None, "--all-variants": all_variants}, "no --table")
    if not systems or len(systems) != 1:
        raise WrongUse("name one system; with --table FILE.md several, or none for all under ./systems")
    (system,) = systems
    if against is not None:
        _refuse({"--rule": bool(rules), "--plots": plots is not None}, "--against")
        from physeq.commands._cross_check import cross_check

        return cross_check(system, precision, seed, as_json)
    from physeq.checked_rules import ALL
    from physeq.checking import check_variant

    set_precision(precision)
    for rule in rules or ():
        check_rule_name(rule, (ALL,))
    found = load(system)
    checks, pictures = [], {}
    for name, variant in found.selected().items():
        note(f"checking {found.name}:{name} ...")
        one = check_variant(name, variant, rules or (ALL,), precision=precision.value, seed=seed)
        checks.append(one)
        if plots is not None and one.error is None:
            pictures[name] = _draw(one, variant, seed, plots)
        if not as_json:
            print_check(out(), found.name, one)
    passed = all(one.passed for one in checks)
    payload = _payload(found.name, precision.value, checks, passed)
    shown = {name: numbers for name, numbers in pictures.items() if numbers}
    return Result(payload | ({"pictures": shown} if shown else {}), 0 if passed else 1)


def _refuse(given: dict[str, bool], beside: str) -> None:
    """Options that would be ignored are refused."""
    for name, there in given.items():
        if there:
            raise WrongUse(f"{name} has no meaning with {beside}")


def _draw(one: Any, variant: Any, seed: int, folder: Path) -> dict[str, Any]:
    """The numbers that the pictures show, which are kept beside them too."""
    from physeq.check_pictures import CheckPictures

    pictures = CheckPictures(one, variant, seed)
    drawn, notes = pictures.draw(folder)
    for path in drawn:
        note(f"drawn: {path}")
    for text in notes:
        note(f"not drawn: {text}")
    if pictures.numbers:
        path = folder / f"{one.variant}-pictures.json"
        path.write_text(to_json(pictures.numbers) + "\n", encoding="utf-8")
        note(f"their numbers: {path}")
    return pictures.numbers


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
