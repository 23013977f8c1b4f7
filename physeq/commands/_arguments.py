"""The arguments that several commands take, and what they stand for."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer

from physeq.commands._shared import Precision, note, wrong_use

System = Annotated[
    str,
    typer.Argument(
        metavar="SYSTEM[:VARIANT]", help="A name under ./systems, a folder, a model.py, or a netlist (.cir)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, all else on standard error.")]
PrecisionOption = Annotated[Precision, typer.Option("--precision", help="Floating-point type of the arrays.")]
RuleOption = Annotated[
    str | None, typer.Option("--rule", metavar="NAME", help="A learning rule; `physeq list` has their names.")
]


def load(spec: str) -> Any:
    """The system that the command line names; what its model.py prints is no result."""
    from physeq.loading import SystemNotFound, load_system

    try:
        with contextlib.redirect_stdout(sys.stderr):
            return load_system(spec)
    except SystemNotFound:
        with wrong_use():
            raise


def one_variant(system: Any) -> str:
    """The variant meant by a command that takes one: the chosen or the first one, said on standard error."""
    if system.chosen is None and len(system.variants) > 1:
        others = ", ".join(f"{system.name}:{name}" for name in list(system.variants)[1:])
        note(f"variant {system.default!r} of {system.name!r}; others: {others}")
    return system.default


def check_rule_name(name: str, also: tuple[str, ...] = ()) -> None:
    """Refuse a rule that is not registered."""
    from physeq.registry import choose, registry

    with wrong_use():
        choose("rule", name, (*registry()["rule"], *also))
