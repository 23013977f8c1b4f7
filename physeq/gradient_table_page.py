"""The table of systems × rules as Markdown: a page, and the block of a README, written from the record alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from physeq.errors import ModelError

BEGIN, END = "<!-- gradient-errors -->", "<!-- /gradient-errors -->"
_MOST = 8  # columns of one table
_SHORT = {
    "equilibrium-propagation": "EP",
    "vector-field-ep": "vector-field EP",
    "time-reversed-nudge": "time-reversed nudge",
    "continual-vector-field-ep": "continual vector-field EP",
}
_PEOPLE = ("Hamiltonian", "Jacobian", "Lagrangian")
_KINDS = {"equilibria": "Equilibria", "paths": "Trajectories"}

Variants = Mapping[str, Mapping[str, Any]]


def markdown(record: Mapping[str, Any]) -> str:
    """The page: tables, refusals with reasons, what is biased, systems without a cost, how it was made."""
    parts = ["# Measured gradient errors", _lead(record)]
    for kind, title in _KINDS.items():
        variants = _of_kind(record, kind)
        if not variants:
            continue
        parts += [f"## {title}", *(table(some) for some in _in_tables(variants)), *_remarks(variants)]
    parts += [*_moving(record), *_made_with(record)]
    return "\n\n".join(parts) + "\n"


def block(record: Mapping[str, Any]) -> str:
    """The tables alone, between the marks, for a README."""
    parts = []
    for kind in _KINDS:
        parts += [table(some) for some in _in_tables(_of_kind(record, kind))]
    return "\n\n".join([BEGIN, *parts, _legend(record), END])


def with_block(text: str, record: Mapping[str, Any], where: str) -> str:
    """A text with what stands between the marks written anew.

    Raises:
        ModelError: the marks are not there, each once and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ModelError(f"{where}: needs the lines {BEGIN} and {END}, once each and in this order, around the table")
    return before + block(record) + after


def table(variants: Variants) -> str:
    """One table: a row per rule, a column per variant, the least relative error in each cell."""
    rows: dict[str, dict[str, str]] = {}
    for name, found in variants.items():
        for one in found["rules"]:
            rows.setdefault(short(one), {})[name] = cell(one)
    held = {rule: cells for rule, cells in rows.items() if any(text != "–" for text in cells.values())}
    lines = [f"| rule | {' | '.join(map(_heading, variants))} |", f"|---|{'---|' * len(variants)}"]
    lines += [f"| {rule} | {' | '.join(cells.get(name, '–') for name in variants)} |" for rule, cells in held.items()]
    return "\n".join(lines)


def _heading(name: str) -> str:
    """Words may break between lines where a name may not."""
    return name.replace(":", ": ").replace("_", " ")


def short(one: Mapping[str, Any]) -> str:
    """A rule in a few words.

    >>> short({"rule": "equilibrium-propagation", "nudging": "one-sided", "nudge": None})
    'EP, one-sided'
    >>> short({"rule": "lagrangian-ep", "nudging": None, "nudge": None})
    'Lagrangian EP'
    """
    name = _SHORT.get(one["rule"], one["rule"].replace("-ep", " EP").replace("-", " "))
    for person in _PEOPLE:
        name = name.replace(person.lower(), person)
    nudge = None if one["nudge"] is None else f"nudge {one['nudge']}"
    # An inside nudge is what every other way of settling has.
    return ", ".join([name, *(w for w in (one["nudging"], nudge) if w is not None and w != "nudge inside")])


def cell(one: Mapping[str, Any]) -> str:
    """A number like 2e-11, in brackets where the rule is biased, bold where it is a fault; – where it is refused.

    >>> base = {"relative_error": 2.34e-11, "refused": None, "bias": None, "fault": None}
    >>> [cell(base | more) for more in ({}, {"bias": "a reason"}, {"refused": "why"}, {"relative_error": None})]
    ['2e-11', '(2e-11)', '–', '?']
    """
    if one["refused"] is not None:
        return "–"
    if one["relative_error"] is None:
        return "?"
    error = one["relative_error"]
    number = f"{error:.0e}" if error < 0.01 else f"{error:.2g}"
    return f"**{number}**" if one["fault"] else f"({number})" if one["bias"] else number


# ---- words -----------------------------------------------------------------------------------------------------------


def _lead(record: Mapping[str, Any]) -> str:
    return (
        "The estimate of every rule against the exact gradient of its own objective, ‖g − g_exact‖/‖g_exact‖ over all "
        "trained parameters, at the nudge where it is least: what a rule can reach on a system when its phases are "
        f"solved to rounding. Small instances of the systems, drawn parameters and data (seed {record['seed']}), "
        f"{record['precision']} precision. Exact gradients come from implicit differentiation, by finite differences "
        "where forces jump, and along trajectories from the adjoint equation.\n\n" + _legend(record)
    )


def _legend(record: Mapping[str, Any]) -> str:
    """What the marks of the tables mean, as far as they occur."""
    found = [one for v in record["variants"].values() for one in v["rules"]]
    said = ["– the rule refuses the system and says why"]
    if any(one["bias"] and not one["refused"] for one in found):
        said.append("(in brackets) the rule is biased there, as it says itself")
    if any(one["refused"] is None and one["relative_error"] is None for one in found):
        said.append("? no estimate settled")
    if any(one["fault"] for one in found):
        said.append("**bold** outside the limits of the check")
    return "; ".join(said) + "."


def _remarks(variants: Variants) -> Iterator[str]:
    """Reasons, one line for all rules that share it."""
    for title, key in (("Refused", "refused"), ("Biased", "bias"), ("Outside the limits", "fault")):
        places: dict[tuple[str, str], list[str]] = {}
        for name, found in variants.items():
            for one in found["rules"]:
                if one[key] and (key == "refused" or not one["refused"]):
                    places.setdefault((one[key], short(one)), []).append(name)
        reasons: dict[tuple[str, str], list[str]] = {}
        for (why, rule), names in places.items():
            reasons.setdefault((why, ", ".join(names)), []).append(rule)
        if reasons:
            lines = [f"- {'; '.join(rules)} ({names}): {why}" for (why, names), rules in reasons.items()]
            yield f"### {title}\n\n" + "\n".join(lines)
    others = sorted({(short(o), o["objective"]) for v in variants.values() for o in v["rules"] if not o["refused"]})
    lines = [f"- {rule}: {objective}" for rule, objective in others if objective != "cost"]
    if lines:
        yield "### Objectives other than the cost\n\n" + "\n".join(lines)
    errors = [f"- {name}: {found['error']}" for name, found in variants.items() if found["error"]]
    if errors:
        yield "### Ended early\n\n" + "\n".join(errors)


def _moving(record: Mapping[str, Any]) -> Iterator[str]:
    variants = _of_kind(record, "motion")
    if not variants:
        return
    lines = ["| system | derived forces, or their Jacobian, against automatic differentiation |", "|---|---|"]
    for name, found in variants.items():
        value = "not compared" if found["motion"] is None else f"{found['motion']:.0e}"
        lines.append(f"| {_heading(name)} | {value if found['error'] is None else found['error']} |")
    yield "## Motion without a cost\n\nThese systems only move; no rule learns them.\n\n" + "\n".join(lines)


def _made_with(record: Mapping[str, Any]) -> Iterator[str]:
    lines = ["| system | exact gradient against finite differences | seconds | physeq |", "|---|---|---|---|"]
    for name, found in record["variants"].items():
        exact = "–" if found["exact"] is None else f"{found['exact']:.0e}"
        lines.append(f"| {_heading(name)} | {exact} | {found['seconds']:g} | {found['physeq']} |")
    text = "`physeq check [SYSTEM ...] --table FILE` measures what the record beside this page lacks, and writes both. "
    yield "## How it was made\n\n" + text + "Seconds were taken on a shared machine.\n\n" + "\n".join(lines)


def _of_kind(record: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    return dict(sorted((name, v) for name, v in record["variants"].items() if v["kind"] == kind))


def _in_tables(variants: Variants) -> Iterator[Variants]:
    """All in one table, or one table per system where that would be too wide."""
    if not variants:
        return
    if len(variants) <= _MOST:
        yield variants
        return
    systems: Sequence[str] = sorted({name.partition(":")[0] for name in variants})
    for system in systems:
        yield {name: found for name, found in variants.items() if name.partition(":")[0] == system}
