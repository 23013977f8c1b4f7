"""Drawings as TikZ pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from ._drawing_style import COLOURS, dash, fill, line_width, stroke
from .drawing import Box, Circle, Curve, Drawing, Mark, Point, Polygon, Text

PREAMBLE = r"""% Pictures need TikZ; without it the rest of the page still compiles.
\IfFileExists{tikz.sty}{\usepackage{tikz}}{}
"""
_WIDTH, _HEIGHT = 450.0, 560.0  # points that a picture may take of an A4 page
_LARGEST = 0.75  # points per pixel
_SMALLEST, _GREATEST = 5, 10  # points; whole ones, which every font has
_CONTROLS_PER_LINE = 4


def tikz(drawing: Drawing, escape: Callable[[str], str]) -> str:
    r"""The drawing as a `tikzpicture`, no larger than a page.

    Args:
        drawing: what to draw.
        escape: text → LaTeX.

    >>> from physeq.report.drawing import fitted
    >>> print(tikz(fitted([Circle(0.0, 0.0, 4.0, ("node",))], "A dot", "One node."), str))
    \begin{tikzpicture}[x=0.75pt,y=-0.75pt]
    \definecolor{dink}{HTML}{1D2125}
    \definecolor{dpaper}{HTML}{FDFDFC}
    \path[use as bounding box] (0,0) rectangle (28,28);
    \filldraw[fill=dpaper,draw=dink,line width=0.98pt] (14,14) circle[radius=3pt];
    \end{tikzpicture}
    """
    scale = min(_LARGEST, _WIDTH / drawing.width, _HEIGHT / drawing.height)
    used = {name for mark in drawing.marks for name in (stroke(mark.roles), fill(mark.roles))}
    lines = [
        rf"\begin{{tikzpicture}}[x={scale:.4g}pt,y=-{scale:.4g}pt]",
        *(rf"\definecolor{{d{name}}}{{HTML}}{{{pair[0].upper()}}}" for name, pair in COLOURS.items() if name in used),
        rf"\path[use as bounding box] (0,0) rectangle {_at((drawing.width, drawing.height))};",
    ]
    for looks, marks in groupby(drawing.marks, lambda mark: _line(mark.roles, scale) if _is_line(mark) else None):
        if looks is None:
            lines += [_closed(mark, scale, escape) for mark in marks]
        else:
            lines += _lines(looks, list(marks))
    return "\n".join([*lines, r"\end{tikzpicture}"])


def _is_line(mark: Mark) -> bool:
    return isinstance(mark, Curve)


def _lines(looks: str, marks: list[Mark]) -> Iterator[str]:
    paths = [_path(mark.points) for mark in marks if isinstance(mark, Curve)]
    yield rf"\draw[{looks}]"
    for start in range(0, len(paths), _CONTROLS_PER_LINE):
        rest = paths[start + _CONTROLS_PER_LINE :]
        yield "  " + " ".join(paths[start : start + _CONTROLS_PER_LINE]) + ("" if rest else ";")


def _line(roles: tuple[str, ...], scale: float) -> str:
    return f"draw=d{stroke(roles)},line width={line_width(roles) * scale:.2f}pt{_dashes(roles, scale)}"


def _dashes(roles: tuple[str, ...], scale: float) -> str:
    lengths = dash(roles)
    if not lengths:
        return ""
    words = [f"{'on' if k % 2 == 0 else 'off'} {length * scale:.2f}pt" for k, length in enumerate(lengths)]
    return ",dash pattern=" + " ".join(words)


def _path(points: tuple[Point, ...]) -> str:
    first, last = points[0], points[-1]
    if len(points) == 2:
        return f"{_at(first)}--{_at(last)}"
    if len(points) == 3:  # TikZ draws cubic curves: a quadratic one, raised
        x, y = points[1]
        controls = [((u + 2 * x) / 3, (v + 2 * y) / 3) for u, v in (first, last)]
    else:
        controls = list(points[1:3])
    return f"{_at(first)}..controls {_at(controls[0])} and {_at(controls[1])}..{_at(last)}"


def _closed(mark: Mark, scale: float, escape: Callable[[str], str]) -> str:
    border = "" if "plate" in mark.roles else f",draw=d{stroke(mark.roles)}"
    width = f"line width={line_width(mark.roles) * scale:.2f}pt{_dashes(mark.roles, scale)}"
    paint = rf"\{'fill' if not border else 'filldraw'}[fill=d{fill(mark.roles)}{border},{width}]"
    match mark:
        case Circle():
            return f"{paint} {_at((mark.x, mark.y))} circle[radius={mark.radius * scale:.3g}pt];"
        case Box():
            corner = f"[rounded corners={mark.corner * scale:.3g}pt] " if mark.corner else ""
            opposite = (mark.x + mark.width, mark.y + mark.height)
            return f"{paint} {corner}{_at((mark.x, mark.y))} rectangle {_at(opposite)};"
        case Polygon():
            return rf"\fill[d{fill(mark.roles)}] {'--'.join(map(_at, mark.points))}--cycle;"
        case Text():
            return _text(mark, scale, escape)
        case Curve():
            return rf"\draw[{_line(mark.roles, scale)}] {_path(mark.points)};"


def _text(mark: Text, scale: float, escape: Callable[[str], str]) -> str:
    size = min(max(int(mark.size * scale + 0.25), _SMALLEST), _GREATEST)
    anchor = {"start": "mid west", "middle": "mid", "end": "mid east"}[mark.anchor]
    font = rf"\fontsize{{{size}}}{{{size + 1}}}\selectfont" + (r"\bfseries" if mark.bold else "")
    style = f"anchor={anchor},inner sep=0pt,font={font},text=d{stroke(mark.roles)}"
    return rf"\node[{style}] at {_at((mark.x, mark.y))} {{{escape(mark.text)}}};"


def _at(point: Point) -> str:
    return f"({_number(point[0])},{_number(point[1])})"


def _number(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
