"""Drawings as SVG: inside an HTML page, or as a file of its own; legible on light and on dark paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

from ._drawing_style import COLOURS, FILLS, PAPER, dash, fill, line_width, stroke
from .drawing import Box, Circle, Curve, Drawing, Mark, Polygon, Text

_FACE = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def _variables(shade: int) -> str:
    return " ".join(f"--d-{name}: #{pair[shade]};" for name, pair in COLOURS.items())


STYLE = "\n".join(
    [
        f".drawing {{ {_variables(0)} max-width: 100%; height: auto; }}",
        f"@media (prefers-color-scheme: dark) {{ .drawing {{ {_variables(1)} }} }}",
        "@media print { .drawing { " + _variables(0) + " } }",
        f".drawing text {{ font-family: {_FACE}; stroke: none; }}",
        ".drawing .line { fill: none; stroke-linecap: round; stroke-linejoin: round; }",
        *(f".drawing .s-{name} {{ stroke: var(--d-{name}); }}" for name in COLOURS if name not in FILLS),
        *(f".drawing .f-{name} {{ fill: var(--d-{name}); }}" for name in COLOURS),
    ]
)


def inline(drawing: Drawing) -> str:
    """The drawing as an `svg` element for an HTML page that has `STYLE` in its style sheet.

    >>> from physeq.report.drawing import fitted
    >>> print(inline(fitted([Circle(0.0, 0.0, 4.0, ("node",), "node 1")], "A dot", "One node.")))
    <svg class="drawing" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28" width="28" height="28">
    <title>A dot</title>
    <desc>One node.</desc>
    <circle cx="14" cy="14" r="4" class="f-paper s-ink" stroke-width="1.3"><title>node 1</title></circle>
    </svg>
    """
    return "\n".join([*_opening(drawing), *_marks(drawing), "</svg>"])


def svg_file(drawing: Drawing) -> str:
    """The drawing as an SVG file, which brings its paper: what it is shown on may have any colour."""
    width, height = _number(drawing.width), _number(drawing.height)
    paper = f'<rect width="{width}" height="{height}" class="f-{PAPER}"/>'
    first, *words = _opening(drawing)
    return "\n".join([first, *words, f"<style>\n{STYLE}\n</style>", paper, *_marks(drawing), "</svg>"]) + "\n"


def _opening(drawing: Drawing) -> list[str]:
    width, height = _number(drawing.width), _number(drawing.height)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return [
        f'<svg class="drawing" role="img" xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<title>{escape(drawing.title)}</title>",
        f"<desc>{escape(drawing.description)}</desc>",
    ]


def _marks(drawing: Drawing) -> Iterator[str]:
    for looks, marks in groupby(drawing.marks, _looks):
        if looks is None:
            yield from map(_closed, marks)
        else:  # lines that look alike are one path: a picture of a dense bundle stays small
            yield f'<path d="{"".join(_path(mark) for mark in marks)}" {looks}/>'


def _looks(mark: Mark) -> str | None:
    """What lines have in common that are written as one."""
    return _line(mark.roles) if isinstance(mark, Curve) and not mark.about else None


def _line(roles: tuple[str, ...]) -> str:
    return f'class="line s-{stroke(roles)}" stroke-width="{_number(line_width(roles))}"{_dashes(roles)}'


def _dashes(roles: tuple[str, ...]) -> str:
    return f' stroke-dasharray="{" ".join(map(_number, dash(roles)))}"' if dash(roles) else ""


def _path(mark: Mark) -> str:
    points = [f"{_number(x)} {_number(y)}" for x, y in mark.points] if isinstance(mark, Curve | Polygon) else []
    return f"M{points[0]}{'LQC'[len(points) - 2]}{' '.join(points[1:])}"


def _closed(mark: Mark) -> str:
    title = "" if isinstance(mark, Text) or not mark.about else f"<title>{escape(mark.about)}</title>"
    border = "" if "plate" in mark.roles else f" s-{stroke(mark.roles)}"
    paint = (
        f'class="f-{fill(mark.roles)}{border}" stroke-width="{_number(line_width(mark.roles))}"{_dashes(mark.roles)}'
    )
    match mark:
        case Circle():
            head = f'<circle cx="{_number(mark.x)}" cy="{_number(mark.y)}" r="{_number(mark.radius)}" {paint}'
        case Box():
            place = f'x="{_number(mark.x)}" y="{_number(mark.y)}" width="{_number(mark.width)}"'
            corner = f' rx="{_number(mark.corner)}"' if mark.corner else ""
            head = f'<rect {place} height="{_number(mark.height)}"{corner} {paint}'
        case Polygon():
            points = " ".join(f"{_number(x)},{_number(y)}" for x, y in mark.points)
            head = f'<polygon points="{points}" class="f-{fill(mark.roles)}"'
        case Curve():
            head = f'<path d="{_path(mark)}" {_line(mark.roles)}'
        case Text():
            return _text(mark)
    name = head[1:].split(" ", 1)[0]
    return f"{head}>{title}</{name}>" if title else f"{head}/>"


def _text(mark: Text) -> str:
    # The height of the base line below the middle is written out: not all readers know `dominant-baseline`.
    place = f'x="{_number(mark.x)}" y="{_number(mark.y + 0.35 * mark.size)}" font-size="{_number(mark.size)}"'
    anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
    bold = ' font-weight="600"' if mark.bold else ""
    return f'<text {place}{anchor}{bold} class="f-{stroke(mark.roles)}">{escape(mark.text)}</text>'


def _number(value: float) -> str:
    """At most one digit behind the point, the same on every machine.

    >>> _number(2.04), _number(-0.01), _number(10.25)
    ('2', '0', '10.2')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
