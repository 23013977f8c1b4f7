"""What the writers share: line breaking, the symbol table as a table, names of anchors."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from sympy.core.function import UndefinedFunction

from ._operators import Bracket, Scaled, Written
from ._relations import Contrast, InPhase
from .document import Document, Equation, Math, Table
from .mathml import tokens
from .notation import PagePrinter, has_cases, latex

LINE_WIDTH = 60.0  # in glyphs; a line of mathematics on A4 at 11 pt, and of a comfortable page on a screen

_NO_WIDTH = frozenset([r"\left", r"\right", r"\frac", r"\begin", r"\end", r"\displaystyle", "{", "}", "_", "^", " "])


def width(source: str) -> float:
    r"""A rough width of LaTeX mathematics, in glyphs: scripts count half, fractions the wider half.

    >>> width("a + b"), width(r"\frac{a b}{c}"), width("x^{22}")
    (5.0, 2.0, 2.0)
    """
    total, _ = _width(tokens(source), 0, "")
    return total


def _width(parts: list[str], position: int, end: str) -> tuple[float, int]:
    total = widest = 0.0
    while position < len(parts) and parts[position] != end:
        part = parts[position]
        position += 1
        if part in (r"\begin", r"\end", r"\left", r"\right"):
            _, position = _argument(parts, position)  # the name of an environment has no width, a delimiter little
        elif part == r"\\":
            widest, total = max(widest, total), 0.0
        elif part in ("_", "^"):
            size, position = _argument(parts, position)
            total += size / 2
        elif part == r"\frac":
            above, position = _argument(parts, position)
            below, position = _argument(parts, position)
            total += max(above, below)
        elif part == "{":
            size, position = _width(parts, position, "}")
            position += 1
            total += size
        elif part in ("+", "=", "-", "<", ">"):
            total += 3.0
        elif part not in _NO_WIDTH:
            total += 1.0
    return max(widest, total), position


def _argument(parts: list[str], position: int) -> tuple[float, int]:
    while position < len(parts) and parts[position].isspace():
        position += 1
    if position < len(parts) and parts[position] == "{":
        size, position = _width(parts, position + 1, "}")
        return size, position + 1
    return 1.0, position + 1


@dataclass(frozen=True)
class Lines:
    """How wide lines may be: a measure of LaTeX mathematics, and the longest line in its unit."""

    width: Callable[[str], float]
    longest: float


SCREEN = Lines(width, LINE_WIDTH)


@dataclass(frozen=True)
class Broken:
    """The last side of an equation as `factor` · (sum of `lines`); `factor` is None for one line or a plain sum."""

    lines: tuple[sp.Basic, ...]
    factor: sp.Expr | None = None
    below: bool = False  # the lines start below a long left side, not beside it


def broken(equation: Equation, page: Lines = SCREEN) -> Broken:
    """The last side of an equation, cut between the terms of a sum into lines that fit the page.

    The lines add up to that side, in its printed order. A side that fits, or is no sum, is one line.

    >>> x, g = sp.symbols("x:60"), sp.Symbol("g")
    >>> cut = broken(Equation(sp.Symbol("E"), sum(x) / g))
    >>> len(cut.lines) > 2, cut.factor, sum(cut.lines) == sum(x)
    (True, 1/g, True)
    """
    side = equation.sides[-1]
    left = page.width(latex(equation.lhs)) + page.width("=") if equation.rhs is not None else 0.0
    terms, factor = _terms(side)
    if len(terms) < 2 or left + page.width(latex(side)) <= page.longest:
        return Broken((side,))
    below = left > page.longest / 3
    room = page.longest - (0.0 if below else left) - (page.width(latex(factor)) if factor is not None else 0.0)
    lines: list[list[sp.Expr]] = [[]]
    filled = 0.0
    for term in terms:
        size = page.width("+") + page.width(latex(term))
        if lines[-1] and filled + size > room:
            lines.append([])
            filled = 0.0
        lines[-1].append(term)
        filled += size
    if len(lines) == 1 and not below:
        return Broken((side,))
    return Broken(tuple(_sum(side, line) for line in lines), factor, below)


def turned(equation: Equation, page: Lines = SCREEN) -> Equation:
    """`long sum = 0` as `0 = long sum`, whose lines can be broken; any other equation as it is.

    >>> turned(Equation(sum(sp.symbols("x:60")), 0)).lhs
    0
    """
    if equation.rhs == 0 and page.width(latex(equation.lhs)) > page.longest / 2 and len(_terms(equation.lhs)[0]) > 1:
        return replace(equation, lhs=equation.rhs, rhs=equation.lhs)
    return equation


def _sum(side: sp.Basic, terms: list[sp.Expr]) -> sp.Expr:
    """Terms of the sum in `side` as a sum of the same kind, which may print its terms in an order of its own."""
    if len(terms) == 1:
        return terms[0]
    kind: Any = next((type(part) for part in (side, *side.args) if isinstance(part, sp.Add)), Written)
    return sp.Add(*terms, evaluate=False) if kind is sp.Add else kind(*terms)


def _terms(side: sp.Basic) -> tuple[list[sp.Expr], sp.Expr | None]:
    """The terms of a sum or contrast, or of the one such factor in a product with the product's other factors."""
    if isinstance(side, sp.Add):
        return ([], None) if has_cases(side) else (list(PagePrinter()._as_ordered_terms(side)), None)
    if isinstance(side, Bracket):
        return _terms(side.args[0])
    if isinstance(side, Contrast):
        return [Scaled(weight, InPhase(side.body, nudge)) for weight, nudge in side.terms], None
    if isinstance(side, Scaled):
        factor, body = side.args
        terms, inner = _terms(body)
        return terms, factor if inner is None else factor * inner
    if isinstance(side, sp.Mul):
        sums = [factor for factor in side.args if isinstance(factor, sp.Add | Bracket | Contrast | Scaled)]
        if len(sums) == 1:
            terms, inner = _terms(sums[0])
            return terms, sp.Mul(*(f for f in side.args if f is not sums[0]), 1 if inner is None else inner)
    return [], None


def aligned_rows(equation: Equation, line_break: str, page: Lines = SCREEN) -> str:
    r"""The body of an `aligned` or `align*` environment for a broken equation."""
    cut = broken(equation, page)
    left = f"{latex(equation.lhs)} " if equation.rhs is not None else ""
    opening = closing = ""
    if cut.factor is not None:
        factor = "-" if cut.factor == -1 else latex(cut.factor)
        opening, closing = rf"{factor} \Bigl( ", r" \Bigr)"
    lines = [latex(line) for line in cut.lines]
    lines = [lines[0], *(line if line.startswith("-") else f"+ {line}" for line in lines[1:])]
    lines[0], lines[-1] = opening + lines[0], lines[-1] + closing
    start = f"{left}&{'= ' if left else ''}"
    rows = [start, rf"&\quad {lines[0]}"] if cut.below else [start + lines[0]]
    return f" {line_break}\n".join([*rows, *(rf"&\quad {line}" for line in lines[1:])])


def symbol_table(document: Document) -> Table | None:
    """The symbols of the page as a table; columns that would be empty are left out; None without symbols."""
    entries = document.symbols
    if not entries:
        return None
    named = [("Unit", "unit"), ("Domain", "domain")]
    columns = [(title, name) for title, name in named if any(getattr(entry, name) for entry in entries)]
    rows = []
    for entry in entries:
        function = isinstance(entry.symbol, UndefinedFunction)
        symbol = sp.Symbol(entry.symbol.__name__) if function else entry.symbol
        rows.append([Math(symbol), entry.meaning, *(getattr(entry, name) or "" for _, name in columns)])
    return Table(["Symbol", "Meaning", *(title for title, _ in columns)], rows)


def anchor(title: str, taken: set[str]) -> str:
    """An identifier for a heading, unlike those in `taken`, to which it is added.

    >>> anchor("Equations of motion", {"equations-of-motion"})
    'equations-of-motion-2'
    """
    base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name
