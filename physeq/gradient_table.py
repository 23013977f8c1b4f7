"""The record behind the table of systems × rules: what `check_variant` found of each variant, kept in one JSON file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from physeq.checked_rules import label, nudge_mode
from physeq.checking import VariantCheck, check_variant
from physeq.errors import ModelError
from physeq.learn import Audit
from physeq.loading import LoadedSystem
from physeq.names import name_of
from physeq.result_record import write_whole

SCHEMA = 1
Record = dict[str, Any]


def empty_record(precision: str, seed: int) -> Record:
    """A record without variants."""
    return {"schema": SCHEMA, "precision": precision, "seed": seed, "variants": {}}


def read_record(path: Path, precision: str, seed: int) -> Record:
    """The record in a file, or an empty one where there is no file.

    Raises:
        ModelError: the file is no such record, or was made with another seed or precision.
    """
    if not path.exists():
        return empty_record(precision, seed)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as a record of gradient errors: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("variants"), dict) or found.get("schema") != SCHEMA:
        raise ModelError(f"{path}: is no record of gradient errors; choose another --table, or remove it")
    for name, value in (("precision", precision), ("seed", seed)):
        if found.get(name) != value:
            raise ModelError(f"{path}: was made with {name} {found.get(name)}, not {value}; use another --table")
    return found


def measure_missing(
    record: Record,
    systems: Sequence[LoadedSystem],
    path: Path,
    *,
    all_variants: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> list[str]:
    """Check every chosen variant that the record does not have, and write the record after each.

    Args:
        record: changed in place.
        systems: of each the chosen variant, or the first; with `all_variants` all of one without a chosen variant.
        path: of the record.
        all_variants: see there.
        say: is told what begins.

    Returns:
        What was measured, "system:variant".
    """
    measured = []
    for system in systems:
        for name, variant in _chosen(system, all_variants).items():
            key = f"{system.name}:{name}"
            if key in record["variants"]:
                continue
            say(f"checking {key} ...")
            begin = time.perf_counter()
            found = check_variant(name, variant, precision=record["precision"], seed=record["seed"])
            record["variants"][key] = variant_record(found, time.perf_counter() - begin)
            measured.append(key)
            text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
            write_whole(path, f"{text}\n")
    return measured


def _chosen(system: LoadedSystem, all_variants: bool) -> Mapping[str, Any]:
    return system.selected() if all_variants else {system.default: system.variants[system.default]}


def variant_record(found: VariantCheck, seconds: float) -> dict[str, Any]:
    """What the table needs of a check: one entry per audited rule, and what the motion and the exact gradients say."""
    from physeq import __version__

    exact = None
    if found.consistency is not None:
        exact = found.consistency.implicit_vs_finite_differences
    elif found.trajectories is not None:
        exact = found.trajectories.adjoint
    learns = any(one.admissible for one in found.audits)
    steady = None if found.consistency is None else found.consistency.force_vs_autodiff
    return {
        "kind": "motion" if not learns else "equilibria" if found.trajectories is None else "paths",
        "motion": found.motion if found.motion is not None else steady,
        "exact": exact,
        "rules": [_rule_record(found, one) for one in found.audits] if learns else [],
        "faults": list(found.faults),
        "error": found.error,
        "seconds": round(seconds, 1),
        "physeq": __version__,
    }


def _rule_record(found: VariantCheck, one: Audit) -> dict[str, Any]:
    best = one.best
    nudging = getattr(one.rule, "nudging", None)
    return {
        "label": label(one.rule),
        "rule": name_of(one.rule),
        "nudging": None if nudging is None else name_of(nudging),
        "nudge": nudge_mode(one.rule),
        "objective": one.objective.value,
        "reference": one.reference,
        "relative_error": None if best is None else best.relative_error,
        "cosine": None if best is None else best.cosine,
        "beta": None if best is None else best.beta,
        "slope": one.slope,
        "order": one.order,
        "refused": one.reason,
        "bias": one.bias,
        "fault": found.fault(one),
    }
