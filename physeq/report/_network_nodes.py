"""The marks of nodes: a circle for each, a square where its value is held, a second outline where it is an output,
the symbol of a ground, an arrow where an input acts as a force, and names."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import pairwise
from math import atan2, cos, pi, sin

from physeq.report._network_edges import Course
from physeq.report._network_parts import Node, Parts
from physeq.report._network_places import NAMED_FROM, Layout
from physeq.report.drawing import Box, Circle, Curve, Mark, Point, Polygon, Text, bezier, extent, shortened, text_width

_MOST_OUTSIDE = 40  # nodes; beyond, names beside them would hide the elements
_DOWN, _UP, _LEFT = pi / 2, -pi / 2, pi


def node_reach(parts: Parts, layout: Layout, node: Node) -> float:
    """How far an element that comes to a node must stay away from its middle; the rail of a ground is thin."""
    if node == layout.rail:
        return 1.0
    return layout.radius * (1.08 if node in parts.clamped or node in parts.held else 1.0)


def node_marks(parts: Parts, layout: Layout, courses: list[Course]) -> Iterator[Mark]:
    """All marks of all nodes, those that lie below first."""
    taken = _directions(layout, courses)
    tags = not layout.columns and layout.radius >= NAMED_FROM
    for node, place in layout.nodes.items():
        ways = taken[node]
        if parts.held.get(node) == 0.0:
            yield from ground_symbol(place, _free(ways, _DOWN), layout.radius)
        if node in parts.driven:
            away = _free(ways, _LEFT)
            yield from _push(place, away, layout.radius)
        yield from _body(parts, layout, node, place)
        label = _label(parts, node)
        if layout.radius >= NAMED_FROM:
            yield from _name(parts, layout, node, label, ways)
        if tags and (tag := _tag(parts, node)) and tag != label:
            yield from _beside(place, _free(ways, _UP), layout.radius, tag, 8.5, ("tag", "quiet"))


def _directions(layout: Layout, courses: list[Course]) -> dict[Node, list[float]]:
    """The angles under which elements come to each node."""
    found: dict[Node, list[float]] = {node: [] for node in layout.nodes}
    for course in courses:
        for node, t in ((course.source, 0.3), (course.target, 0.7)):
            at = bezier(course.points, t)
            centre = layout.nodes[node]
            found[node].append(atan2(at[1] - centre[1], at[0] - centre[0]))
    return found


def _free(taken: list[float], wanted: float) -> float:
    """The middle of the widest gap between directions, or nearly so where that comes closer to the wanted one.

    It is taken from then on.
    """
    ways = sorted(taken)
    away = wanted
    if ways:
        gaps = [(b - a, a + (b - a) / 2) for a, b in pairwise([*ways, ways[0] + 2 * pi])]
        away = max(gaps, key=lambda gap: (round(gap[0], 6) + 0.35 * cos(gap[1] - wanted), -gap[1]))[1]
        wide = next(width for width, middle in gaps if middle == away)
        if abs(_turn(wanted - away)) < wide / 2 - 0.6:
            away = wanted
    taken.append(atan2(sin(away), cos(away)))
    return away


def _turn(angle: float) -> float:
    return (angle + pi) % (2 * pi) - pi


def ground_symbol(at: Point, away: float, reach: float) -> Iterator[Mark]:
    """A short line away from a place and three bars across it."""
    (x, y), along, across = at, (cos(away), sin(away)), (-sin(away), cos(away))
    start = reach + 9.0
    yield Curve((at, (x + start * along[0], y + start * along[1])), ("symbol", "ground"))
    for k, half in enumerate((7.0, 4.5, 2.0)):
        middle = (x + (start + 3.2 * k) * along[0], y + (start + 3.2 * k) * along[1])
        ends = [(middle[0] + s * half * across[0], middle[1] + s * half * across[1]) for s in (-1, 1)]
        yield Curve((ends[0], ends[1]), ("symbol", "ground"))


def _push(at: Point, away: float, reach: float) -> Iterator[Mark]:
    """An arrow that points at a node."""
    (x, y), along = at, (cos(away), sin(away))
    size = min(7.0, 0.7 * reach)
    far, base, tip = reach + 3.2 * size, reach + 1.0 + size, reach + 1.0
    ends = [(x + d * along[0], y + d * along[1]) for d in (far, base, tip)]
    side = (-along[1] * 0.45 * size, along[0] * 0.45 * size)
    yield Curve((ends[0], ends[1]), ("symbol", "drive"))
    head = (ends[2], (ends[1][0] + side[0], ends[1][1] + side[1]), (ends[1][0] - side[0], ends[1][1] - side[1]))
    yield Polygon(head, ("arrow", "drive"))


def _body(parts: Parts, layout: Layout, node: Node, place: Point) -> Iterator[Mark]:
    roles = node_roles(parts, node)
    numbers = {group.name: k for k, group in enumerate(parts.system.topology.groups)}
    if len(numbers) > 1 and not layout.columns and numbers[node[0]] % 4:
        roles = (*roles, f"group{numbers[node[0]] % 4}")
    yield from node_body(place, layout.radius, roles, about(parts, node))


def node_body(place: Point, radius: float, roles: tuple[str, ...], words: str = "") -> Iterator[Mark]:
    """A circle, or a square where the value is held; outputs have a second outline inside."""
    (x, y), half = place, 0.88 * radius
    if "held" in roles or "input" in roles:
        yield Box(x - half, y - half, 2 * half, 2 * half, roles, words)
    else:
        yield Circle(x, y, radius, roles, words)
    if "output" in roles:
        inner = tuple("inner" if role == "node" else role for role in roles)
        less = 0.78
        if "held" in roles or "input" in roles:
            yield Box(x - less * half, y - less * half, 2 * less * half, 2 * less * half, inner)
        else:
            yield Circle(x, y, less * radius, inner)


def node_roles(parts: Parts, node: Node) -> tuple[str, ...]:
    """What a node is, as roles of its mark."""
    roles = ["node"]
    if node in parts.clamped:
        roles.append("input")
    if node in parts.driven:
        roles.append("driven")
    if node in parts.held:
        roles += ["held", "fixed" if parts.held[node] else "ground"]
    if node in parts.outputs:
        roles.append("output")
    return tuple(roles)


def about(parts: Parts, node: Node) -> str:
    """A node in words, for those who point at it."""
    words = [f"node {_label(parts, node)} of {node[0]}"]
    words += [f"input {parts.clamped[node]}, clamped"] if node in parts.clamped else []
    words += [f"input {parts.driven[node]}, a force"] if node in parts.driven else []
    words += [f"held at {parts.held[node]:g}"] if node in parts.held else []
    words += ["output"] if node in parts.outputs else []
    return ", ".join(words)


def _label(parts: Parts, node: Node) -> str:
    return plain_label(parts.system.topology.group(node[0]).labels[node[1]])


def plain_label(label: Hashable) -> str:
    """A node's label as short text.

    >>> plain_label((0, 1)), plain_label("out")
    ('0,1', 'out')
    """
    return ",".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _name(parts: Parts, layout: Layout, node: Node, label: str, ways: list[float]) -> Iterator[Mark]:
    x, y = layout.nodes[node]
    room = 2 * layout.radius * (0.68 if node in parts.outputs else 0.84)
    sizes = (size for size in (10.0, 9.0, 8.0, 7.0) if size <= 1.1 * layout.radius)
    size = next((size for size in sizes if text_width(label, size) <= room), None)
    if size is not None:
        yield Text(x, y, label, size, ("name",))
    elif len(layout.nodes) <= _MOST_OUTSIDE and not layout.columns:
        yield from _beside((x, y), _free(ways, _UP), layout.radius, shortened(label, 14), 9.0, ("name",))


def _tag(parts: Parts, node: Node) -> str:
    words = ["in"] if node in parts.clamped or node in parts.driven else []
    words += ["out"] if node in parts.outputs else []
    words += [f"= {parts.held[node]:g}"] if parts.held.get(node) else []
    return ", ".join(words)


def _beside(at: Point, away: float, reach: float, text: str, size: float, roles: tuple[str, ...]) -> Iterator[Mark]:
    """Text next to a node, in a direction, before a plate that hides what runs below it."""
    far = reach + 4.0
    x, y = at[0] + far * cos(away), at[1] + far * sin(away)
    anchor = "start" if cos(away) > 0.4 else "end" if cos(away) < -0.4 else "middle"
    shown = Text(x, y + 0.5 * size * sin(away), text, size, roles, anchor)
    left, _, right, _ = extent(shown)
    yield Box(left, shown.y - 0.45 * size, right - left, 0.9 * size, ("plate",))
    yield shown
