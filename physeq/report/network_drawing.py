"""`network_drawing`: the picture of a system: nodes, elements and their directions, inputs, outputs, grounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from physeq.report._network_edges import MOST_ARROWS_INSIDE, Course, course_marks, courses
from physeq.report._network_layout import has_places, layout
from physeq.report._network_legend import box_item, kind_items, legend, node_items, wrap_item
from physeq.report._network_nodes import node_marks, node_reach
from physeq.report._network_parts import Kind, Parts, parts_of
from physeq.report._network_places import Layout, rows
from physeq.report._network_words import described
from physeq.report.drawing import Box, Circle, Curve, Drawing, Mark, Point, Text, bezier, extent, fitted, text_width
from physeq.report.network_drawing_blocks import block_drawing

MOST_NODES, MOST_ELEMENTS = 60, 200
MOST_PLACED_NODES, MOST_PLACED_ELEMENTS = 400, 1600  # where nodes have places: a lattice stays readable
_FAINT_FROM = 60  # elements
_LETTERED = 60  # elements that have letters, where there are several kinds


def network_drawing(system: Any) -> Drawing:
    """Draw a system: every node and element of a small one, boxes for the groups of a large one.

    Nodes stand where the topology puts them, in columns where groups are layers, over a rail where a circuit is a chain
    above its ground, and by springs otherwise. Squares are nodes whose value is held, a double outline marks outputs,
    an arrow a node that an input pushes. An element has an arrow head where it acts on its target alone, and one inside
    where its ends differ, as those of a diode do. Above 60 nodes or 200 elements (400 and 1,600 where nodes have
    places) the picture has one box for each group and each bundle.

    The same system gives the same drawing. Needs no library beyond those of the core.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2])
    >>> drawing = network_drawing(network)
    >>> len(drawing.having("node")), len(drawing.having("ground")) > 0
    (4, True)
    """
    parts = parts_of(system)
    title = f"The network of {system.name.replace('_', ' ')}"
    if not is_small(system):
        return block_drawing(parts, title)
    return fitted(_marks(parts), title, described(parts))


def is_small(system: Any) -> bool:
    """Whether every node and element is drawn."""
    elements = sum(system.count(p) for p in system.placements if len(p.component.ports) > 1)
    most = (MOST_PLACED_NODES, MOST_PLACED_ELEMENTS) if has_places(system) else (MOST_NODES, MOST_ELEMENTS)
    return system.topology.size <= most[0] and elements <= most[1]


def _marks(parts: Parts) -> list[Mark]:
    places = layout(parts)
    ways = courses(parts, places)
    several = len(parts.shown_kinds()) > 1
    letters = several and len(ways) + len(places.boxes) <= _LETTERED
    marks = [*_lines(parts, places, ways), *_boxes(parts, places)]
    if letters:
        marks += _letters(places, ways)
    marks += node_marks(parts, places, ways)
    marks += _titles(parts, places)
    items = [*kind_items(parts, letters), *node_items(parts, places)]
    if any(way.wraps for way in ways):
        items.append(wrap_item())
    if places.boxes:
        items.append(box_item(""))
    boxes = [extent(mark) for mark in marks]
    left, right, bottom = (pick(box[k] for box in boxes) for pick, k in ((min, 0), (max, 2), (max, 3)))
    return [*marks, *legend(items, left, right, bottom + 14.0)]


def _lines(parts: Parts, places: Layout, ways: list[Course]) -> Iterator[Mark]:
    if places.rail is not None:
        y = places.nodes[places.rail][1]
        ends = [places.nodes[places.rail][0], *(x for way in ways for x, v in way.points if v == y)]
        yield Curve(((min(ends), y), (max(ends), y)), ("symbol", "rail"))
    faint, inside = len(ways) > _FAINT_FROM, len(ways) <= MOST_ARROWS_INSIDE
    heads: list[Mark] = []
    for way in ways:
        reach = (node_reach(parts, places, way.source), node_reach(parts, places, way.target))
        line, *arrows = course_marks(way, faint, reach, inside)
        yield line
        heads += arrows
        for node, point in ((way.source, way.points[0]), (way.target, way.points[-1])):
            if node == places.rail:
                heads.append(Circle(*point, 2.2, ("dot", "joint")))
    yield from heads


def _letters(places: Layout, ways: list[Course]) -> Iterator[Mark]:
    """The letter of its kind, or its own short name, on every element, where no other letter and no node stands."""
    taken: list[Point] = []
    nodes = list(places.nodes.values())
    for way in ways:
        text = way.about if 0 < len(way.about) <= 3 else way.kind.letter
        half = max(6.0, text_width(text, 9.0) / 2 + 1.5)
        spots = [bezier(way.points, t) for t in (0.5, 0.42, 0.58, 0.36, 0.3, 0.25)]
        spot = max(
            enumerate(spots),
            key=lambda s: (min(_room(s[1], taken, 2 * half), _room(s[1], nodes, places.radius + half)), -s[0]),
        )[1]
        taken.append(spot)
        yield Box(spot[0] - half, spot[1] - 6.0, 2 * half, 12.0, ("plate",))
        yield Text(*spot, text, 9.0, ("letter", f"kind{way.kind.number % 6}", "bold"))


def _room(spot: Point, others: list[Point], wanted: float) -> float:
    """How near the nearest of other places is, as far as that matters."""
    return min((min(wanted, ((spot[0] - x) ** 2 + (spot[1] - y) ** 2) ** 0.5) for x, y in others), default=wanted)


def _boxes(parts: Parts, places: Layout) -> Iterator[Mark]:
    """Elements with more than two ports: a box, a line to the node of each port, the port's name beside it."""
    above: list[Mark] = []
    for placement in parts.joining:
        kind: Kind = parts.kinds[placement.name]
        if len(placement.component.ports) == 2:
            continue
        style = f"kind{kind.number % 6}"
        for number, touched in enumerate(rows(parts, placement)):
            at = places.boxes[placement.name, number]
            for k, (port, node) in enumerate(zip(placement.component.ports, touched, strict=True)):
                aside = 9.0 * (touched[:k].count(node) - (touched.count(node) - 1) / 2)
                (x, y), (u, v) = at, places.nodes[node]
                length = max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-9)
                bend = ((x + u) / 2 - 2 * aside * (v - y) / length, (y + v) / 2 + 2 * aside * (u - x) / length)
                points = (at, bend, (u, v)) if aside else (at, (u, v))
                yield Curve(points, ("edge", style))
                spot = bezier(points, 0.55)
                half = text_width(port, 7.5) / 2 + 1.0
                above.append(Box(spot[0] - half, spot[1] - 4.5, 2 * half, 9.0, ("plate",)))
                above.append(Text(*spot, port, 7.5, ("quiet", "port")))
            above.append(Box(at[0] - 9.0, at[1] - 8.0, 18.0, 16.0, ("element", style), kind.name))
            above.append(Text(*at, kind.letter, 9.0, ("letter", style, "bold")))
    yield from above


def _titles(parts: Parts, places: Layout) -> Iterator[Mark]:
    """The names of groups above their columns."""
    for name in places.columns:
        column = [place for (group, _), place in places.nodes.items() if group == name]
        top = min(y for _, y in column) - places.radius
        roles = [word for word, nodes in _tasks(parts) if any(group == name for group, _ in nodes)]
        words = ", ".join([f"{len(column):,}", *roles])
        yield Text(column[0][0], top - 25.0, name, 12.0, ("title", "bold"))
        yield Text(column[0][0], top - 11.0, words, 9.5, ("title", "quiet"))


def _tasks(parts: Parts) -> list[tuple[str, Any]]:
    return [("in", parts.clamped), ("in", parts.driven), ("out", parts.outputs), ("held", parts.held)]
