"""Drawings: marks on a plane with what each of them stands for, before any format is chosen.

Lengths are pixels, x runs to the right and y downwards. A mark says by its roles what it shows ("node", "output",
"edge"); how roles look is the affair of the writers, `physeq.report.drawing_svg` and `physeq.report.drawing_tikz`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Roles: TypeAlias = tuple[str, ...]

_NARROW, _WIDE = "iIjl|.,:;'! ()[]ft/r", "mwMW@%→×−–…⇄"
_SAMPLES = 16  # of a curve, for its extent


@dataclass(frozen=True)
class Circle:
    """A circle; `about` is shown when a reader points at it."""

    x: float
    y: float
    radius: float
    roles: Roles
    about: str = ""


@dataclass(frozen=True)
class Box:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    roles: Roles
    about: str = ""
    corner: float = 0.0


@dataclass(frozen=True)
class Curve:
    """A Bézier curve with two (a straight line), three or four control points."""

    points: tuple[Point, ...]
    roles: Roles
    about: str = ""


@dataclass(frozen=True)
class Polygon:
    """A filled polygon, such as the head of an arrow."""

    points: tuple[Point, ...]
    roles: Roles
    about: str = ""


@dataclass(frozen=True)
class Text:
    """One line of text around the height y; `anchor` says which end of it stands at x: start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    roles: Roles
    anchor: str = "middle"

    @property
    def bold(self) -> bool:
        return "bold" in self.roles


Mark: TypeAlias = Circle | Box | Curve | Polygon | Text


@dataclass(frozen=True)
class Drawing:
    """Marks, later ones above earlier ones, on a plane of this size, with words for those who do not see it.

    >>> dot = Circle(10.0, 10.0, 4.0, ("node",))
    >>> fitted([dot], "A dot", "One node.", margin=2.0)
    Drawing(width=12.0, height=12.0, marks=(Circle(x=6.0, y=6.0, radius=4.0, roles=('node',), about=''),), \
title='A dot', description='One node.')
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    title: str
    description: str

    def having(self, role: str) -> list[Mark]:
        """The marks with a role."""
        return [mark for mark in self.marks if role in mark.roles]

    def small(self) -> Drawing:
        """The same without texts and legend, to be shown small."""
        kept = [mark for mark in self.marks if not isinstance(mark, Text) and not {"legend", "plate"} & {*mark.roles}]
        bare = [mark if isinstance(mark, Text) else replace(mark, about="") for mark in kept or self.marks]
        return fitted(bare, self.title, self.description)


def fitted(marks: Iterable[Mark], title: str, description: str, margin: float = 10.0) -> Drawing:
    """A drawing just large enough for its marks and a margin."""
    marks = list(marks)
    boxes = [extent(mark) for mark in marks] or [(0.0, 0.0, 0.0, 0.0)]
    left, top = min(box[0] for box in boxes) - margin, min(box[1] for box in boxes) - margin
    width, height = max(box[2] for box in boxes) - left + margin, max(box[3] for box in boxes) - top + margin
    return Drawing(width, height, tuple(moved(mark, -left, -top) for mark in marks), title, description)


def moved(mark: Mark, dx: float, dy: float) -> Mark:
    """The mark elsewhere."""
    if isinstance(mark, Curve | Polygon):
        return replace(mark, points=tuple((x + dx, y + dy) for x, y in mark.points))
    return replace(mark, x=mark.x + dx, y=mark.y + dy)


def extent(mark: Mark) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a mark.

    >>> extent(Box(1.0, 2.0, 3.0, 4.0, ("block",)))
    (1.0, 2.0, 4.0, 6.0)
    """
    match mark:
        case Circle(x, y, radius):
            return x - radius, y - radius, x + radius, y + radius
        case Box(x, y, width, height):
            return x, y, x + width, y + height
        case Text(x, y, text, size):
            width = text_width(text, size, mark.bold)
            left = x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
            return left, y - 0.6 * size, left + width, y + 0.6 * size
        case Curve(points):
            points = tuple(bezier(points, k / _SAMPLES) for k in range(_SAMPLES + 1))
        case Polygon(points):
            pass
    return _around(points)


def _around(points: Sequence[Point]) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def bezier(points: Sequence[Point], t: float) -> Point:
    """The point of a Bézier curve at t between 0 and 1.

    >>> bezier([(0.0, 0.0), (1.0, 2.0), (2.0, 0.0)], 0.5)
    (1.0, 1.0)
    """
    points = list(points)
    while len(points) > 1:
        points = list(_between(points, t))
    return points[0]


def cut(points: Sequence[Point], end: float) -> tuple[Point, ...]:
    """The part of a Bézier curve from 0 to `end`.

    >>> cut([(0.0, 0.0), (4.0, 0.0)], 0.25)
    ((0.0, 0.0), (1.0, 0.0))
    """
    rest, kept = list(points), [points[0]]
    while len(rest) > 1:
        rest = list(_between(rest, end))
        kept.append(rest[0])
    return tuple(kept)


def _between(points: Sequence[Point], t: float) -> Iterator[Point]:
    for (x, y), (u, v) in pairwise(points):
        yield (1 - t) * x + t * u, (1 - t) * y + t * v


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in a wide sans-serif face; most faces need less.

    >>> text_width("lit", 10.0) < text_width("MWM", 10.0)
    True
    """
    wide = sum(1.0 if sign in _WIDE else 0.42 if sign in _NARROW else 0.72 if sign.isupper() else 0.64 for sign in text)
    return wide * size * (1.1 if bold else 1.0)


def shortened(text: str, length: int) -> str:
    """At most `length` signs of a text, the last one … where some are left out.

    >>> shortened("a very long name", 8)
    'a very …'
    """
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
