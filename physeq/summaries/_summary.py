"""The two questions to an object: its summary, and its equations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

import numpy as np

from physeq.report.document import Document, Equation
from physeq.report.notation import latex

MOST_ROWS = 24  # of a table


@singledispatch
def summary(shown: Any) -> Document:
    """What an object says of itself.

    >>> import physeq as pq
    >>> summary(pq.electrical.resistor()).title
    'resistor: edge, energy coupling'
    """
    return Document(repr(shown), [])


@singledispatch
def equations(shown: Any) -> str | None:
    """The equations of an object in LaTeX, as one display; None where it has none."""
    return None


def displayed(blocks: Iterable[Equation]) -> str | None:
    """Equations one below the other, aligned at their equality signs."""
    rows = [" &= ".join(latex(side) for side in block.sides) for block in blocks]
    return "$$\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}$$" if rows else None


def number(value: Any, digits: int = 4) -> str:
    """A number in a few digits; a dash for none, and for what is only known inside `jit`.

    >>> number(0.123456), number(None), number(2)
    ('0.1235', '–', '2')
    """
    if value is None:
        return "–"
    try:
        found = np.asarray(value)
    except Exception:  # a tracer has no value
        return "–"
    if found.size != 1:
        return f"{number(found.min(), digits)} … {number(found.max(), digits)}" if found.size else "–"
    plain = found.reshape(()).item()
    return f"{plain:.{digits}g}" if isinstance(plain, float) else str(plain)


def limited(rows: list[list], of: str) -> list[list]:
    """The first rows of a long table, and how many more there are."""
    if len(rows) <= MOST_ROWS:
        return rows
    left = [f"… {len(rows) - MOST_ROWS:,} more {of}", *[""] * (len(rows[0]) - 1)]
    return [*rows[:MOST_ROWS], left]


def shape_of(array: Any) -> str:
    """A shape in words: "16 × 6", or "one number".

    >>> shape_of(np.zeros((16, 6))), shape_of(1.0)
    ('16 × 6', 'one number')
    """
    return " × ".join(f"{n:,}" for n in np.shape(array)) or "one number"
