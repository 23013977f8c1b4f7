"""What stands in a line of text: strings, mathematics, names as typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy as sp

from ..errors import InternalError


@dataclass(frozen=True)
class Math:
    """An expression inside a line of text.

    >>> Math(sp.Symbol("x") ** 2).expr
    x**2
    """

    expr: sp.Basic

    def __post_init__(self) -> None:
        object.__setattr__(self, "expr", expression(self.expr, "Math"))


@dataclass(frozen=True)
class Code:
    """A name as the user typed it, inside a line of text."""

    text: str


Inline: TypeAlias = str | Math | Code
Text: TypeAlias = str | Math | Code | sp.Basic | float | Sequence[Any]


def inlines(text: Text) -> tuple[Inline, ...]:
    """Anything that may stand in a line of text, as a tuple of strings, `Math` and `Code`.

    Raises `InternalError` for anything else.

    >>> inlines("a word"), inlines(sp.Symbol("x"))
    (('a word',), (Math(expr=x),))
    """
    if isinstance(text, str | Math | Code):
        return (text,)
    if isinstance(text, sp.Basic | int | float):
        return (Math(text),)
    if isinstance(text, list | tuple):
        return tuple(inline for part in text for inline in inlines(part))
    raise InternalError(
        f"document text must be a string, a SymPy expression, Math, Code or a list of these, got {text!r}; "
        "convert it before it enters the document"
    )


def expression(value: object, where: str) -> sp.Basic:
    """`value` as a SymPy expression; `InternalError`, naming `where` it was met, for text and other objects."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return sp.sympify(value)
    if isinstance(value, sp.Basic | sp.MatrixBase):
        return value
    raise InternalError(
        f"{where} must hold a SymPy expression, got {value!r}; pass the expression itself, never its LaTeX or its text"
    )
