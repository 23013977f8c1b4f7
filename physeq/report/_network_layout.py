"""Where the nodes of a picture stand: where they were put, in columns of layers, along a rail, or by springs."""

from __future__ import annotations

from typing import Any

import numpy as np

from physeq.graph import Sparse
from physeq.report._group_layers import group_layers
from physeq.report._network_parts import Node, Parts
from physeq.report._network_places import (
    HEIGHT,
    RADIUS,
    SMALLEST_STEP,
    STEP,
    WIDTH,
    Element,
    Layout,
    names,
    nearest,
    points,
    radius,
    rows,
)
from physeq.report._network_springs import by_springs, over_rail
from physeq.report.drawing import Point, text_width

_COLUMN_GAP, _ROW_GAP = 190.0, 34.0


def layout(parts: Parts) -> Layout:
    """Places that the topology gives come first, then columns of layers, then chains over a rail, then springs."""
    return _given(parts) or _layers(parts) or over_rail(parts) or by_springs(parts)


def has_places(system: Any) -> bool:
    """Whether all nodes have places."""
    return all(group.positions is not None for group in system.topology.groups)


def _given(parts: Parts) -> Layout | None:
    topology = parts.system.topology
    if not has_places(parts.system):
        return None
    flat = np.concatenate([_plane(group.positions) for group in topology.groups])
    flat[:, 1] *= -1  # upwards in the model is upwards in the picture
    step = nearest(flat)
    if step <= 1e-6 * np.ptp(flat, axis=0).max(initial=0.0) and len(flat) > 1:
        return None  # nodes would hide each other
    size = np.maximum(np.ptp(flat, axis=0), 1e-12)
    wanted = STEP / step if len(flat) > 1 else 1.0
    scale = min(wanted, WIDTH / size[0], HEIGHT / size[1])
    places = (flat - flat.min(axis=0)) * scale
    nodes = dict(zip(names(parts), points(places), strict=True))
    return Layout(nodes, _between(parts, nodes), radius(step * scale, len(nodes)), scale)


def _between(parts: Parts, nodes: dict[Node, Point]) -> dict[Element, Point]:
    """Elements with more than two ports in the middle of their nodes."""
    boxes = {}
    for placement in parts.joining:
        if len(placement.component.ports) > 2:
            for number, touched in enumerate(rows(parts, placement)):
                x, y = np.mean([nodes[node] for node in dict.fromkeys(touched)], axis=0)
                boxes[placement.name, number] = (float(x), float(y))
    return boxes


def _plane(given: np.ndarray) -> np.ndarray:
    """Two coordinates of each place; of three the third runs obliquely, so that layers do not hide each other."""
    flat = np.zeros((len(given), 2))
    used = min(2, given.shape[1])
    flat[:, :used] = given[:, :used]
    if given.shape[1] > 2:
        flat += given[:, 2:3] * np.array([0.43, 0.31])
    return flat


def _layers(parts: Parts) -> Layout | None:
    system = parts.system
    between = [p for p in parts.joining if len(set(p.groups)) > 1]
    if not between or any(len(p.component.ports) > 2 for p in parts.joining):
        return None
    layers = group_layers(parts)
    if any(isinstance(p.pattern, Sparse) for p in between):
        # Groups may as well be kinds of nodes of any graph; they are layers where nothing joins nodes of one.
        number = {name: k for k, layer in enumerate(layers) for name in layer}
        apart = {abs(number[p.groups[0]] - number[p.groups[1]]) for p in parts.joining}
        if apart != {1}:
            return None
    sizes = {group.name: group.size for group in system.topology.groups}
    heights = [sum(sizes[name] for name in layer) + len(layer) - 1 for layer in layers]
    step = float(np.clip(HEIGHT / max(1, max(heights) - 1), SMALLEST_STEP, _ROW_GAP))
    titles = max(text_width(name, 12.0, True) for name in sizes) + 20.0
    gap = max(titles, min(_COLUMN_GAP, (WIDTH - 2 * RADIUS) / max(1, len(layers) - 1)))
    places: dict[Node, Point] = {}
    for column, (layer, height) in enumerate(zip(layers, heights, strict=True)):
        y = -(height - 1) * step / 2
        for name in layer:
            places.update({(name, k): (column * gap, y + k * step) for k in range(sizes[name])})
            y += (sizes[name] + 1) * step
    return Layout(
        places, {}, radius(step * 1.1, len(places)), columns=tuple(name for layer in layers for name in layer)
    )
