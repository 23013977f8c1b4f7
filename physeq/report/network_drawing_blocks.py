"""The picture of a large system: a box for each group and each bundle, with numbers instead of nodes and elements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from physeq.report._block_layout import Blocks, Line
from physeq.report._network_edges import arrow_head
from physeq.report._network_legend import legend
from physeq.report._network_nodes import ground_symbol, node_body
from physeq.report._network_parts import Direction, Kind, Parts
from physeq.report._network_words import described, pattern
from physeq.report._words import counted
from physeq.report.drawing import (
    Box,
    Curve,
    Drawing,
    Mark,
    Point,
    Polygon,
    Text,
    extent,
    fitted,
    moved,
    shortened,
    text_width,
)
from physeq.symbolic.placing import Placement

_NAME, _WORDS, _LONGEST = 12.5, 10.0, 34
_LINE, _MARGIN, _SYMBOL = 15.0, 11.0, 22.0
_HEAD = 8.0

Row = tuple[list[Mark], str, float, tuple[str, ...]]  # a symbol around (11, 0), words, their size and roles


def block_drawing(parts: Parts, title: str) -> Drawing:
    """Groups as boxes in the order of signals, bundles as rounded boxes on the lines between them."""
    rows = {group.name: _group_rows(parts, group.name) for group in parts.system.topology.groups}
    rows |= {placement.name: _bundle_rows(parts, placement) for placement in parts.joining}
    blocks = Blocks(parts, {name: _size(own) for name, own in rows.items()})
    marks: list[Mark] = [mark for line in blocks.lines for mark in _line(parts, line)]
    for name, own in rows.items():
        marks += _block(blocks.places[name], blocks.sizes[name], own, parts.kinds.get(name))
    boxes = [extent(mark) for mark in marks]
    left, right, bottom = min(b[0] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
    return fitted([*marks, *legend(list(_items(parts)), left, right, bottom + 14.0)], title, described(parts))


def _group_rows(parts: Parts, group: str) -> list[Row]:
    size = parts.system.topology.group(group).size
    own = [p.component.name for p in parts.system.placements if len(p.component.ports) == 1 and p.groups[0] == group]
    rows: list[Row] = [([], shortened(group, _LONGEST), _NAME, ("title", "bold")), _plain(counted(size, "node"))]
    rows += [_plain(shortened(", ".join(own), _LONGEST))] if own else []
    at, radius = (11.0, 0.0), 5.0
    for name in dict.fromkeys(parts.clamped.values()):
        count = sum(node[0] == group and own == name for node, own in parts.clamped.items())
        rows += _task(list(node_body(at, radius, ("input",))), count, f"clamped: {shortened(name, 20)}")
    for name in dict.fromkeys(parts.driven.values()):
        count = sum(node[0] == group and own == name for node, own in parts.driven.items())
        arrow: list[Mark] = [Curve(((-1.0, 0.0), (5.0, 0.0)), ("symbol",)), Polygon(_point_at(10.0), ("arrow",))]
        rows += _task([*arrow, *node_body((15.0, 0.0), 4.5, ("free",))], count, f"driven: {shortened(name, 20)}")
    rows += _task(list(node_body(at, radius, ("output",))), sum(n[0] == group for n in parts.outputs), "out")
    for value in sorted(set(parts.held.values())):
        count = sum(node[0] == group and held == value for node, held in parts.held.items())
        symbol = list(node_body(at, radius, ("held",)))
        if value == 0.0:
            symbol = [*ground_symbol((3.0, 0.0), 0.0, 0.0)]
        rows += _task(symbol, count, f"held at {value:g}")
    return rows


def _point_at(x: float) -> tuple[Point, ...]:
    return arrow_head((x - 5.0, 0.0), (x, 0.0), 5.0)


def _plain(words: str) -> Row:
    return [], words, _WORDS, ("words", "quiet")


def _task(symbol: list[Mark], count: int, words: str) -> list[Row]:
    return [(symbol, f"{count:,} {words}", _WORDS, ("words", "task"))] if count else []


def _bundle_rows(parts: Parts, placement: Placement) -> list[Row]:
    kind = parts.kinds[placement.name]
    same = [p for p in parts.joining if p.component.name == kind.name and set(p.groups) == set(placement.groups)]
    rows: list[Row] = [([], shortened(kind.name, _LONGEST), 11.0, ("words",))]
    rows += [_plain(shortened(placement.name.replace("->", " → "), _LONGEST))] if len(same) > 1 else []
    rows.append(_plain(pattern(parts, placement)))
    rows += [_plain(shortened(f"fed by {', '.join(kind.fed)}", _LONGEST))] if kind.fed else []
    return rows


def _size(rows: list[Row]) -> tuple[float, float]:
    widths = [
        text_width(words, size, "bold" in roles) + (_SYMBOL if symbol else 0) for symbol, words, size, roles in rows
    ]
    return max(widths) + 2 * _MARGIN, _LINE * len(rows) + _MARGIN


def _block(middle: Point, size: tuple[float, float], rows: list[Row], kind: Kind | None) -> Iterator[Mark]:
    """The box of a group, or, with a kind, of a bundle: rounded, its outline in the style of the kind's lines."""
    (x, y), (width, height) = middle, size
    roles = ("block",) if kind is None else ("element", _style(kind))
    corner = 2.0 if kind is None else 9.0
    yield Box(x - width / 2, y - height / 2, width, height, roles, "", corner)
    tasks = [text_width(words, letters) + _SYMBOL for symbol, words, letters, _ in rows if symbol]
    left = x - max(tasks, default=0.0) / 2
    for k, (symbol, words, letters, looks) in enumerate(rows):
        line = y + _LINE * (k - (len(rows) - 1) / 2)
        if symbol:
            yield from (moved(mark, left, line) for mark in symbol)
            yield Text(left + _SYMBOL, line, words, letters, looks, "start")
        else:
            yield Text(x, line, words, letters, looks)


def _style(kind: Kind) -> str:
    return f"kind{kind.number % 6}"


def _line(parts: Parts, line: Line) -> Iterator[Mark]:
    """The line from a bundle's box to a group, with the arrow of its kind."""
    kind = parts.kinds[line.placement]
    points, target = list(line.points), line.port == 1
    heads: list[Mark] = []
    if (kind.direction is Direction.TARGET and target) or kind.direction is Direction.BOTH:
        base = _towards(points[-1], points[-2], _HEAD)
        heads.append(Polygon(arrow_head(base, points[-1], _HEAD), ("arrow", _style(kind))))
        points[-1] = base
    elif kind.direction is Direction.ENDS and target:
        (x, y), (u, v) = points[-2:]
        base = ((x + u) / 2, (y + v) / 2)
        tip = _towards(base, (u, v), 0.9 * _HEAD)
        heads.append(Polygon(arrow_head(base, tip, 0.9 * _HEAD), ("arrow", "inside", _style(kind))))
    for pair in pairwise(points):
        yield Curve(pair, ("edge", _style(kind)))
    yield from heads


def _towards(start: Point, end: Point, length: float) -> Point:
    (x, y), (u, v) = start, end
    share = length / max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-9)
    return x + share * (u - x), y + share * (v - y)


def _items(parts: Parts) -> Iterator[tuple[list[Mark], str]]:
    yield [Box(3.0, -7.0, 28.0, 14.0, ("block",), "", 2.0)], "group of nodes"
    yield [Box(3.0, -7.0, 28.0, 14.0, ("element", "kind0"), "", 6.0)], "elements: component, pattern, number"
    for direction in dict.fromkeys(kind.direction for kind in parts.shown_kinds()):
        if direction is not Direction.NONE:
            inside = 20.0 if direction is Direction.ENDS else 33.0
            line = Curve(((0.0, 0.0), (33.0 if direction is Direction.ENDS else 26.0, 0.0)), ("edge", "kind0"))
            yield (
                [line, Polygon(arrow_head((inside - 7.0, 0.0), (inside, 0.0), 7.0), ("arrow", "kind0"))],
                direction.value,
            )
