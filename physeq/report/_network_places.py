"""Places of nodes in a picture, and what all ways to find them share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from physeq.report._network_parts import Node, Parts
from physeq.report.drawing import Point

RADIUS = 12.0  # of a node, the largest
WIDTH, HEIGHT = 700.0, 520.0  # that a picture may take, without its legend
STEP = 84.0  # along an edge
NAMED_FROM, MOST_NAMED = 7.5, 60  # radius and number of nodes that have names
SPREAD = 18.0  # between elements that join the same nodes
SMALLEST_STEP = 9.0

Element = tuple[str, int]  # placement and number in it


@dataclass(frozen=True)
class Layout:
    """Places of nodes, and of the boxes of elements with more than two ports.

    Attributes:
        nodes, boxes: {node or element: place}.
        radius: of a node.
        scale: pixels per unit of places that were given.
        columns: groups from left to right, where nodes stand in layers.
        rail: the grounded node that is drawn as a line below the others.
    """

    nodes: dict[Node, Point]
    boxes: dict[Element, Point] = field(default_factory=dict)
    radius: float = RADIUS
    scale: float = 1.0
    columns: tuple[str, ...] = ()
    rail: Node | None = None


def names(parts: Parts) -> Iterator[Node]:
    """All nodes, group by group."""
    return ((group.name, index) for group in parts.system.topology.groups for index in range(group.size))


def rows(parts: Parts, placement: Any) -> list[tuple[Node, ...]]:
    """The nodes that each element touches, by port."""
    found = placement.pattern.rows(parts.system.sizes(placement)).tolist()
    return [tuple(zip(placement.groups, row, strict=True)) for row in found]


def points(places: np.ndarray) -> list[Point]:
    """The rows of an array as plain numbers."""
    return [(float(x), float(y)) for x, y in places]


def nearest(places: np.ndarray) -> float:
    """The least distance of two places."""
    if len(places) < 2:
        return STEP
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    return float(gaps[np.triu_indices(len(places), 1)].min())


def radius(step: float, count: int) -> float:
    """Of so many nodes whose neighbours stand this far away: large enough for names, or small."""
    large = min(0.32 * step, RADIUS)
    return large if count <= MOST_NAMED and large >= NAMED_FROM else float(np.clip(0.2 * step, 2.0, 6.0))
