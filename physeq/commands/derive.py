"""`physeq derive`: equations and update rules of a system."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from physeq.commands._arguments import RuleOption, System, check_rule_name, load, one_variant
from physeq.commands._shared import SCHEMA, Result, WrongUse, command, note, to_json


class Format(Enum):
    """How the page is written."""

    MARKDOWN = "md"
    LATEX = "tex"
    HTML = "html"
    JSON = "json"


@command
def derive(
    system: System,
    rule: RuleOption = None,
    format: Annotated[Format | None, typer.Option("--format", help="By default that of FILE, else md.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
    ] = None,
) -> Result:
    """Print the equations of motion, the steady state or the trajectories, and the update rules of a system.

    A Markdown FILE has its pictures beside it, in files whose names start with its own.
    """
    from physeq.registry import build
    from physeq.report.drawing_svg import svg_file

    kind = _format(format, output)
    if rule is not None:
        check_rule_name(rule)
    found = load(system)
    name = one_variant(found)
    page = _page(found.variants[name], None if rule is None else build("rule", rule, f"rule {rule}"))
    # A pipe has no place for pictures beside it.
    beside = output is not None and (output.is_file() or not output.exists())
    if kind is Format.JSON:
        text = to_json({"schema": SCHEMA, "system": found.name, "variant": name, **page.to_dict()})
    elif kind is Format.MARKDOWN:
        text = page.to_markdown(pictures=f"{output.stem}-" if output is not None and beside else None)
    else:
        text = page.to_latex() if kind is Format.LATEX else page.to_html()
    if output is None:
        return Result(text=text)
    files = {output: text}
    if kind is Format.MARKDOWN and beside:
        files |= {output.with_name(f"{output.stem}-{f.name}.svg"): svg_file(f.drawing) for f in page.figures()}
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content.rstrip("\n") + "\n", encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"{path}: cannot be written: {error.strerror}") from None
    note(f"wrote {', '.join(map(str, files))}")
    return Result()


def _page(variant: Any, rule: Any) -> Any:
    """The page of a variant: of its trajectories where it has some, unless the rule learns equilibria."""
    from physeq.documented_rules import fitting
    from physeq.learn import TrajectoryRule
    from physeq.report import derivation_page, trajectory_refusal

    system = variant.build()
    if variant.trajectories is not None:
        model = variant.trajectories(system)
        if rule is None or isinstance(rule, TrajectoryRule) or trajectory_refusal(rule, model) is None:
            return model.to_document(rule)
    derivation = system.derive()
    return derivation_page(derivation, None if rule is None else fitting(rule, derivation))


def _format(given: Format | None, output: Path | None) -> Format:
    if given is not None or output is None:
        return given or Format.MARKDOWN
    suffix = output.suffix.removeprefix(".").lower()
    suffix = {"markdown": "md", "htm": "html"}.get(suffix, suffix)
    try:
        return Format(suffix)
    except ValueError:
        raise WrongUse(f"{output}: name it .md, .tex, .html or .json, or say --format") from None
