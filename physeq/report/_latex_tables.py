"""Tables of LaTeX files: columns as wide as the page allows, cells that wrap, formulas in lines that fit them."""

from __future__ import annotations

import re
from collections.abc import Callable

from physeq.report._inlines import Code, Inline, Math, inlines
from physeq.report._layout import Lines, aligned_rows, broken
from physeq.report._widths import CODE, math_width, text_width
from physeq.report.document import Equation, Table
from physeq.report.notation import latex

PAGE = 41.5  # em across the page: 16 cm at 11 pt
_GAP = 1.1  # em between two columns
_SLACK = 0.5  # em that columns on one line may turn out wider than estimated, together
_SMALL = 0.92  # \small to \normalsize, at 11 pt
_SAFE = 1.06  # how much wider than estimated anything may turn out
_NAME_PARTS = re.compile(r"[^>_./|:]*[>_./|:]?")  # a name as typed may break behind these signs

Write = Callable[[Inline], str]


def write_table(table: Table, write: Write) -> str:
    """A table over as many pages as it needs, set smaller where its columns cannot get narrow enough.

    Args:
        table: what to set.
        write: one piece of text as LaTeX.
    """
    columns = list(zip(table.header, *table.rows, strict=True))
    natural = [max(map(_natural, map(inlines, column))) * _SAFE for column in columns]
    least = [
        min(max(map(_least, map(inlines, column))) * _SAFE, whole)
        for column, whole in zip(columns, natural, strict=True)
    ]
    gaps = _GAP * (len(columns) - 1)
    small = sum(least) + gaps > PAGE
    # Of the line, which is as long in em of either size as PAGE says in em of the larger.
    line = PAGE / _SMALL if small else PAGE
    room = line - gaps - _SLACK
    widths = shared(natural, least, room)
    wraps = [given < whole for given, whole in zip(widths, natural, strict=True)]
    rows = []
    for row in (table.header, *table.rows):
        cells = [_cell(inlines(cell), width, wrap, write) for cell, width, wrap in zip(row, widths, wraps, strict=True)]
        rows.append("{} " + " & ".join(cells) + r" \\")
    kinds = "".join(
        rf">{{\raggedright\arraybackslash}}p{{{width / line:.3f}\linewidth}}" if wrap else "l"
        for width, wrap in zip(widths, wraps, strict=True)
    )
    head = f"\\toprule\n{rows[0]}\n\\midrule\n\\endhead\n"
    body = f"\\begin{{longtable}}{{@{{}}{kinds}@{{}}}}\n{head}" + "\n".join(rows[1:])
    shown = f"{body}\n\\bottomrule\n\\end{{longtable}}"
    return f"{{\\small\n{shown}\n}}" if small else shown


def shared(natural: list[float], least: list[float], room: float) -> list[float]:
    """Widths that add up to at most `room`: narrow columns keep theirs, wide ones share the rest evenly.

    No column gets less than its least, as long as all of these fit.

    >>> shared([5.0, 60.0, 60.0], [5.0, 8.0, 30.0], 50.0)
    [5.0, 15.0, 30.0]
    """
    if sum(natural) <= room:
        return natural
    if sum(least) >= room:
        return [width * room / sum(least) for width in least]

    def at(cap: float) -> list[float]:
        return [min(whole, max(cap, low)) for whole, low in zip(natural, least, strict=True)]

    low, high = 0.0, room
    for _ in range(50):
        cap = (low + high) / 2
        low, high = (cap, high) if sum(at(cap)) <= room else (low, cap)
    return [round(width, 6) for width in at(low)]


def _natural(cell: tuple[Inline, ...]) -> float:
    """The width of a cell on one line."""
    return sum(map(_width, cell))


def _width(inline: Inline) -> float:
    if isinstance(inline, Math):
        return math_width(latex(inline.expr))
    return CODE * len(inline.text) if isinstance(inline, Code) else text_width(inline)


def _least(cell: tuple[Inline, ...]) -> float:
    """The width of the widest piece of a cell that nothing breaks."""
    pieces = [0.0]
    joined = 0.0  # what stands together without a space
    for inline in cell:
        if isinstance(inline, Math):
            joined += max(map(math_width, _formula_lines(inline, PAGE / 3)))
        elif isinstance(inline, Code):
            parts = [CODE * len(part) for part in _NAME_PARTS.findall(inline.text)]
            joined += max(parts, default=0.0)
        else:
            words = re.split(r"\s+", inline)
            joined += text_width(words[0])
            for word in words[1:]:
                pieces.append(joined)
                joined = text_width(word)
        pieces.append(joined)
    return max(pieces)


def _formula_lines(inline: Math, room: float) -> list[str]:
    """A formula cut into lines of a column, as far as it can be."""
    page = Lines(_display_width, room)
    if len(broken(Equation(inline.expr), page).lines) == 1:
        return [latex(inline.expr)]
    return aligned_rows(Equation(inline.expr), "\n", page).replace("&", "").split("\n")


def _display_width(source: str) -> float:
    return math_width(source, display=True) * _SAFE


def _cell(cell: tuple[Inline, ...], width: float, wraps: bool, write: Write) -> str:
    if not wraps:
        return "".join(map(write, cell)).strip()
    return "".join(_fitting(inline, width, write) for inline in cell).strip()


def _fitting(inline: Inline, width: float, write: Write) -> str:
    """One piece of a cell that wraps; a formula in several lines, or scaled down, where it is wider."""
    if not isinstance(inline, Math) or math_width(latex(inline.expr)) * _SAFE <= width:
        return write(inline)
    source = latex(inline.expr)
    page = Lines(_display_width, width)
    if len(broken(Equation(inline.expr), page).lines) > 1:
        rows = aligned_rows(Equation(inline.expr), r"\\", page).replace("\n", " ")
        source = rf"\begin{{aligned}}[t] {rows} \end{{aligned}}"
    return rf"\fittedto{{\linewidth}}{{{source}}}"
