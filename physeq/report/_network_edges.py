"""The course of every element in a picture: straight where nothing is in the way, beside each other where several
join the same nodes, in a loop where one joins a node to itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from physeq.graph import separations
from physeq.report._network_parts import Direction, Kind, Node, Parts
from physeq.report._network_places import SPREAD, Layout, rows
from physeq.report.drawing import Curve, Mark, Point, Polygon, bezier, cut

_DETOURS = (0.0, 22.0, -22.0, 38.0, -38.0, 56.0, -56.0, 80.0, -80.0)
_CLEAR = 4.0  # between an element and a node that it does not touch
_SAMPLES = np.linspace(0.0, 1.0, 25)
_HEAD = 7.5
MOST_ARROWS_INSIDE = 120  # more would be dust; where the ends differ, the legend says it


@dataclass(frozen=True)
class Course:
    """An element with two ports: a Bézier curve from the node at its source to the one at its target.

    `wraps` marks the halves of an edge that leaves a periodic picture on one side and returns on the other.
    """

    points: tuple[Point, ...]
    kind: Kind
    source: Node
    target: Node
    about: str
    wraps: bool = False


def courses(parts: Parts, layout: Layout) -> list[Course]:
    """The curves of all elements with two ports."""
    joined: dict[tuple[Node, Node], list[tuple[Node, Node, Kind, str]]] = {}
    found: list[Course] = []
    for placement in parts.joining:
        if len(placement.component.ports) != 2:
            continue
        kind = parts.kinds[placement.name]
        wrapped = _wrapped(parts, placement, layout)
        labels = _labels(parts, placement)
        for number, (source, target) in enumerate(rows(parts, placement)):
            about = labels[number] if labels else ""
            if number in wrapped:
                found += _halves(layout, source, target, wrapped[number], kind)
            else:
                pair = (min(source, target), max(source, target))
                joined.setdefault(pair, []).append((source, target, kind, about))
    obstacles = np.array([*layout.nodes.values()])
    for pair, elements in joined.items():
        ways = _ways(layout, pair, len(elements), obstacles)
        for (source, target, kind, about), points in zip(elements, ways, strict=True):
            found.append(Course(points if source == pair[0] else points[::-1], kind, source, target, about))
    return found


def _labels(parts: Parts, placement: Any) -> list[str]:
    bundle = next(b for b in parts.system.topology.bundles if b.name == placement.name)
    return [str(label) for label in bundle.labels or ()]


def _ways(layout: Layout, pair: tuple[Node, Node], count: int, obstacles: np.ndarray) -> list[tuple[Point, ...]]:
    """Curves from the first node of a pair to the second, for as many elements."""
    first, second = (layout.nodes[node] for node in pair)
    if pair[0] == pair[1]:
        return [_loop(first, layout, 26.0 + 12.0 * k) for k in range(count)]
    if layout.rail in pair:
        return _to_rail(layout, pair, count)
    spread = [SPREAD * (k - (count - 1) / 2) for k in range(count)]
    if layout.columns:
        return [_across_columns(layout, pair, bow) for bow in spread]
    others = obstacles[(np.abs(obstacles - np.asarray(first)).max(axis=1) > 1e-9)]
    others = others[(np.abs(others - np.asarray(second)).max(axis=1) > 1e-9)]
    free = []
    for detour in _DETOURS:
        ways = [_bowed(first, second, bow + detour) for bow in spread]
        gap = min(_clearance(way, others) for way in ways)
        free.append((gap, ways))
        if gap > layout.radius + _CLEAR:
            return ways
    return max(free, key=lambda option: option[0])[1]


def _bowed(a: Point, b: Point, bow: float) -> tuple[Point, ...]:
    """From a to b, its middle this far to the side."""
    if bow == 0.0:
        return a, b
    length = max(float(np.hypot(b[0] - a[0], b[1] - a[1])), 1e-9)
    side = (-(b[1] - a[1]) / length, (b[0] - a[0]) / length)
    return a, ((a[0] + b[0]) / 2 + 2 * bow * side[0], (a[1] + b[1]) / 2 + 2 * bow * side[1]), b


def _clearance(way: tuple[Point, ...], others: np.ndarray) -> float:
    """The least distance of a curve from other nodes."""
    if not len(others):
        return np.inf
    if len(way) == 2:
        a, b = np.asarray(way)
        along = np.clip((others - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-9), 0.0, 1.0)
        return float(np.linalg.norm(others - (a + along[:, None] * (b - a)), axis=1).min())
    t = _SAMPLES[:, None]
    curve = (1 - t) ** 2 * np.array(way[0]) + 2 * t * (1 - t) * np.array(way[1]) + t**2 * np.array(way[2])
    return float(np.linalg.norm(others[:, None] - curve[None], axis=2).min())


def _loop(at: Point, layout: Layout, size: float) -> tuple[Point, ...]:
    """From a node back to it, away from the middle of the picture."""
    centre = np.mean([*layout.nodes.values()], axis=0)
    way = np.asarray(at) - centre
    away = np.arctan2(way[1], way[0]) if float(way @ way) > 1.0 else -np.pi / 2
    reach = 1.6 * (layout.radius + size)
    ends = [(at[0] + reach * np.cos(away + s), at[1] + reach * np.sin(away + s)) for s in (-0.5, 0.5)]
    return at, (float(ends[0][0]), float(ends[0][1])), (float(ends[1][0]), float(ends[1][1])), at


def _to_rail(layout: Layout, pair: tuple[Node, Node], count: int) -> list[tuple[Point, ...]]:
    """From a node straight down to the rail; several beside each other."""
    node = pair[1] if pair[0] == layout.rail else pair[0]
    (x, y), bottom = layout.nodes[node], layout.nodes[layout.rail][1] if layout.rail else 0.0
    ways: list[tuple[Point, ...]] = []
    for k in range(count):
        aside = SPREAD * (k - (count - 1) / 2)
        bend = y + 0.55 * (bottom - y)
        way = ((x, y), (x + aside, y + 0.3 * (bottom - y)), (x + aside, bend), (x + aside, bottom))
        ways.append(way if aside else (way[0], way[-1]))
    return ways if pair[0] == node else [way[::-1] for way in ways]


def _across_columns(layout: Layout, pair: tuple[Node, Node], bow: float) -> tuple[Point, ...]:
    """Between columns: straight to the next one, below the columns that lie between, bulging inside one column."""
    a, b = (layout.nodes[node] for node in pair)
    columns = sorted({x for x, _ in layout.nodes.values()})
    steps = abs(columns.index(a[0]) - columns.index(b[0]))
    if steps == 0:
        bulge = 14.0 + 0.3 * abs(a[1] - b[1]) + bow
        return a, (a[0] + 2 * bulge, (a[1] + b[1]) / 2), b
    if steps == 1:
        return _bowed(a, b, 0.35 * bow)
    low = max(y for _, y in layout.nodes.values()) + 2.5 * layout.radius + abs(bow)
    return a, (0.75 * a[0] + 0.25 * b[0], low + 8.0), (0.25 * a[0] + 0.75 * b[0], low + 8.0), b


# ---- periodic boundaries ---------------------------------------------------------------------------------------------


def _wrapped(parts: Parts, placement: Any, layout: Layout) -> dict[int, tuple[float, float]]:
    """{element: its vector in the picture} of edges whose nearest image lies outside it."""
    topology = parts.system.topology
    if "period" not in topology.graph_attributes or any(topology.group(g).positions is None for g in placement.groups):
        return {}
    vectors = separations(topology, placement.name)
    ends = [topology.group(g).positions for g in placement.groups]
    nodes = np.array(topology.edge_arrays(placement.name))
    shown = ends[1][nodes[1]] - ends[0][nodes[0]]
    outside = np.flatnonzero(np.abs(shown - vectors).max(axis=1) > 1e-6 * np.abs(shown).max(initial=1.0))
    if vectors.shape[1] != 2:
        return {}
    return {int(k): (float(vectors[k, 0] * layout.scale), float(-vectors[k, 1] * layout.scale)) for k in outside}


def _halves(layout: Layout, source: Node, target: Node, vector: tuple[float, float], kind: Kind) -> Iterable[Course]:
    (x, y), (u, v) = layout.nodes[source], layout.nodes[target]
    yield Course(((x, y), (x + 0.45 * vector[0], y + 0.45 * vector[1])), kind, source, target, "", True)
    yield Course(((u - 0.45 * vector[0], v - 0.45 * vector[1]), (u, v)), kind, source, target, "", True)


# ---- marks -----------------------------------------------------------------------------------------------------------


def course_marks(course: Course, faint: bool, reach: tuple[float, float], inside: bool) -> list[Mark]:
    """The line of an element and its arrows.

    Args:
        course: where it runs.
        faint: thin lines, for many.
        reach: how far its source and its target reach around their places.
        inside: draw the arrows of elements whose ends differ.
    """
    kind = f"kind{course.kind.number % 6}"
    roles = ("edge", kind, "faint") if faint else ("edge", kind)
    points, heads = course.points, []
    which = Direction.NONE if course.wraps else course.kind.direction
    size = 0.75 * _HEAD if faint else _HEAD
    if which in (Direction.TARGET, Direction.BOTH):
        points, head = _arrow(points, reach[1], size, (kind,))
        heads.append(head)
    if which is Direction.BOTH:
        points, head = _arrow(points[::-1], reach[0], size, (kind,))
        points = points[::-1]
        heads.append(head)
    if which is Direction.ENDS and inside:
        heads.append(_chevron(points, 0.9 * size, (kind,)))
    return [Curve(points, roles, course.about), *heads]


def _arrow(points: tuple[Point, ...], reach: float, size: float, roles: tuple) -> tuple[tuple[Point, ...], Polygon]:
    """The curve up to the base of an arrow head whose tip touches what its end reaches."""
    end = points[-1]
    tip = _leaving(points, end, reach + 0.8)
    base = _leaving(points, end, reach + 0.8 + size)
    return cut(points, base), Polygon(arrow_head(bezier(points, base), bezier(points, tip), size), ("arrow", *roles))


def _leaving(points: tuple[Point, ...], end: Point, reach: float) -> float:
    """The last t at which a curve is this far from its end."""
    low, high = 0.0, 1.0
    for t in np.linspace(0.98, 0.0, 50):
        if _distance(bezier(points, float(t)), end) >= reach:
            low, high = float(t), float(t) + 0.02
            break
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _distance(bezier(points, middle), end) >= reach else (low, middle)
    return low


def _chevron(points: tuple[Point, ...], size: float, roles: tuple) -> Polygon:
    """A head a little behind the middle, where no letter stands."""
    (x, y), (u, v) = bezier(points, 0.66), bezier(points, 0.68)
    length = max(_distance((x, y), (u, v)), 1e-9)
    tip = (x + size * (u - x) / length, y + size * (v - y) / length)
    return Polygon(arrow_head((x, y), tip, size), ("arrow", "inside", *roles))


def arrow_head(base: Point, tip: Point, size: float) -> tuple[Point, ...]:
    """The corners of a head with its point at `tip`, as long as base and tip are apart."""
    length = max(_distance(base, tip), 1e-9)
    side = (-(tip[1] - base[1]) / length * 0.4 * size, (tip[0] - base[0]) / length * 0.4 * size)
    return (tip, (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1]))


def _distance(a: Point, b: Point) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))
