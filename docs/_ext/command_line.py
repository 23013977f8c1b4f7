"""Sphinx extension: the directive `commands`, a table of arguments and options for every command of the program."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from physeq.cli import app


def commands() -> dict[str, Any]:
    """{"physeq derive": command, "physeq netlist read": command, ...}."""
    return dict(_below("physeq", typer.main.get_command(app)))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from _below(f"{path} {name}", one)
        else:
            yield f"{path} {name}", one


def section(path: str, command: Any) -> list[str]:
    """A heading, what the command does, and its table in Markdown."""
    rows = [f"| `{_shown(p)}` | {_cell(p.help or '')}{_default(p)} |" for p in command.params if p.name != "help"]
    text = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    table = ["| argument or option | |", "|---|---|", *rows] if rows else []
    return [f"### {path}", "", *[line for part in text for line in (part, "")], *table, ""]


def _shown(p: Any) -> str:
    choices = "|".join(str(e.value) for e in type(p.default)) if isinstance(p.default, Enum) else None
    value = p.metavar or choices or p.name.upper()
    if not p.opts[0].startswith("-"):
        return _cell(value)
    flag = getattr(p, "is_flag", False)
    return _cell(", ".join(option if flag else f"{option} {value}" for option in [*p.opts, *p.secondary_opts]))


def _default(p: Any) -> str:
    value = p.default.value if isinstance(p.default, Enum) else p.default
    known = isinstance(value, str | int | float) and not isinstance(value, bool)
    return f" By default {value}." if known and "by default" not in (p.help or "") else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


class CommandsDirective(SphinxDirective):
    """`{commands}`: all of them, in the order of `physeq --help`."""

    def run(self) -> list[nodes.Node]:
        lines = [line for path, command in commands().items() for line in section(path, command)]
        parent = nodes.section()
        parent.document = self.state.document
        self.state.nested_parse(StringList(lines, source="physeq.cli"), self.content_offset, parent, match_titles=1)
        return parent.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("commands", CommandsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
