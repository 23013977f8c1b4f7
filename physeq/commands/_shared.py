"""What all commands share: clean errors, exit status, and a standard output that holds one JSON object or none."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import typer
from rich.console import Console

from physeq.errors import ModelError, PhyseqError

SCHEMA = 1


class Precision(Enum):
    """Floating-point type of the arrays."""

    SINGLE = "single"
    DOUBLE = "double"


class WrongUse(ModelError):
    """The command line names something that is not there: exit status 2."""


@dataclass(frozen=True)
class Result:
    """What a command leaves: the object for `--json` or a text, for standard output, and its exit status."""

    payload: Mapping[str, Any] = field(default_factory=dict)
    status: int = 0
    text: str | None = None


def command(function: Callable[..., Result]) -> Callable[..., None]:
    """Run a command: errors as one message and a status.

    With `as_json` its payload, and of commands that write a document (with `format`) their text, is all that appears on
    standard output: what a model.py or a library prints goes to standard error.
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        machine = bool(kwargs.get("as_json", False)) or getattr(kwargs.get("format"), "value", None) == "json"
        quiet: contextlib.AbstractContextManager = contextlib.redirect_stdout(sys.stderr)
        try:
            with quiet if machine or "format" in kwargs else contextlib.nullcontext():
                result = function(*args, **kwargs)
        except PhyseqError as error:
            _fail(error, 2 if isinstance(error, WrongUse) else 1, machine)
        if result.text is not None:
            print(result.text.rstrip("\n"))
        elif machine and result.payload:
            emit(result.payload)
        if result.status:
            raise typer.Exit(result.status)

    return run


def _fail(error: PhyseqError, status: int, machine: bool) -> None:
    err().print(f"error: {error}", style="red", markup=False, highlight=False)
    if machine:
        emit({"schema": SCHEMA, "error": str(error)})
    raise typer.Exit(status) from None


@contextlib.contextmanager
def wrong_use() -> Iterator[None]:
    """Turn a `ModelError` about a name on the command line into exit status 2."""
    try:
        yield
    except ModelError as error:
        raise WrongUse(str(error)) from None


def emit(payload: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    print(to_json(payload))


def to_json(payload: Mapping[str, Any]) -> str:
    """A JSON text; NaN and infinities, which JSON lacks, become null."""
    return json.dumps(_plain(payload), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _plain(value.item()) if hasattr(value, "item") else str(value)


def out() -> Console:
    """The console of results (made anew: the streams may have been replaced); files and pipes get 120 columns."""
    console = Console(file=sys.stdout)
    return console if console.is_terminal else Console(file=sys.stdout, width=120)


def err() -> Console:
    """The console of progress, notes and errors."""
    return Console(file=sys.stderr, soft_wrap=True)


def note(text: str) -> None:
    """A line on standard error."""
    err().print(text, markup=False, highlight=False)


def set_precision(precision: Precision) -> None:
    """Choose the floating-point type before the first array is made."""
    import jax

    jax.config.update("jax_enable_x64", precision is Precision.DOUBLE)
