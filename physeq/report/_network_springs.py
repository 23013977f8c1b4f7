"""Places of nodes that have none: chains of a circuit over a rail for its ground, and springs for any other graph."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from physeq.report._network_parts import Node, Parts
from physeq.report._network_places import (
    HEIGHT,
    RADIUS,
    SPREAD,
    STEP,
    WIDTH,
    Layout,
    names,
    nearest,
    points,
    radius,
    rows,
)
from physeq.report.drawing import Point

_FEW = 8  # nodes that may stand far apart
_STEPS = 400

# ---- chains over a rail ----------------------------------------------------------------------------------------------


def over_rail(parts: Parts) -> Layout | None:
    """A circuit whose nodes form chains once its ground is taken away: the chains beside each other, above a rail."""
    if len(parts.held) != 1 or any(len(p.component.ports) > 2 for p in parts.joining):
        return None
    (ground,) = parts.held
    graph, shunts = nx.Graph(), dict.fromkeys(names(parts), 0)
    graph.add_nodes_from(node for node in shunts if node != ground)
    for placement in parts.joining:
        for source, target in rows(parts, placement):
            if ground in (source, target):
                shunts[target if source == ground else source] += 1
            elif source != target:
                graph.add_edge(source, target)
    degrees = dict(graph.degree())
    if not graph or max(degrees.values()) > 2 or not nx.is_forest(graph) or sum(shunts.values()) < 2:
        return None
    chains = [_chain(graph, sorted(nodes)) for nodes in nx.connected_components(graph)]
    order = [node for chain in sorted(chains) for node in chain]
    wanted = [max(SPREAD * max(0, shunts[node] - 1) + 2 * RADIUS, 2 * RADIUS) for node in order]
    gap = min(STEP, (WIDTH - sum(wanted)) / len(order) if len(order) > 1 else STEP)
    places, x = {}, 0.0
    for node, width in zip(order, wanted, strict=True):
        places[node] = (x + width / 2, 0.0)
        x += width + max(gap - 2 * RADIUS, 1.2 * RADIUS)
    closest = min((b - a for (a, _), (b, _) in pairwise(places.values())), default=STEP)
    places[ground] = (min(place[0] for place in places.values()) - 3.2 * RADIUS, 1.4 * STEP)
    # A letter must have room on what joins two neighbours.
    return Layout(places, radius=float(np.clip(0.24 * closest, 8.5, RADIUS)), rail=ground)


def _chain(graph: nx.Graph, nodes: list[Node]) -> list[Node]:
    """The nodes of a path from one end to the other, the end with the lower number first."""
    return list(nx.dfs_preorder_nodes(graph, min(node for node in nodes if graph.degree(node) < 2)))


# ---- springs ---------------------------------------------------------------------------------------------------------


def by_springs(parts: Parts) -> Layout:
    """Places at rest under springs between all nodes, each connected part by itself.

    A spring is as long as the way in the graph and weaker by its square (Kamada and Kawai 1989,
    doi:10.1016/0020-0190(89)90102-6); rest is found by majorization (Gansner, Koren and North 2004,
    doi:10.1007/978-3-540-31843-9_25).
    """
    graph = nx.Graph()
    graph.add_nodes_from(names(parts))
    for placement in parts.joining:
        for number, touched in enumerate(rows(parts, placement)):
            box = (placement.name, number, "box")
            for ends in [(box, node) for node in touched] if len(touched) > 2 else [touched]:
                if ends[0] != ends[1]:
                    elements = graph.get_edge_data(*ends, {"elements": 0})["elements"]
                    graph.add_edge(*ends, elements=elements + 1)
    found: dict[Any, Point] = {}
    left = top = height = 0.0
    for part in nx.connected_components(graph):
        order = sorted(part, key=lambda node: (len(node), node))  # sets have an order that changes from run to run
        places = _unfolded(graph, order, parts)
        places -= places.min(axis=0)
        width, tall = places.max(axis=0)
        if left and left + width > WIDTH:  # parts stand in lines, as words do
            left, top, height = 0.0, top + height + STEP, 0.0
        found.update(zip(order, points(places + np.array([left, top])), strict=True))
        left, height = left + float(width) + STEP, max(height, float(tall))
    everything = np.array(list(found.values()))
    size = np.maximum(np.ptp(everything, axis=0), 1e-12)
    scale = min(1.0, WIDTH / size[0], HEIGHT / size[1])
    scaled = dict(zip(found, points(everything * scale), strict=True))
    nodes = {node: place for node, place in scaled.items() if len(node) == 2}
    boxes = {node[:2]: place for node, place in scaled.items() if len(node) == 3}
    return Layout(nodes, boxes, radius(nearest(everything) * scale, len(nodes)))


def _unfolded(graph: nx.Graph, order: list, parts: Parts) -> np.ndarray:
    """Places of a connected part with edges about a step long, its long side lying, inputs left, ground below."""
    if max(graph.degree(node) for node in order) < 3 and not nx.cycle_basis(graph.subgraph(order)):
        return np.array([[STEP * _chain(graph, order).index(node), 0.0] for node in order])
    number = {node: k for k, node in enumerate(order)}
    pairs = sorted((min(number[a], number[b]), max(number[a], number[b])) for a, b in graph.subgraph(order).edges)
    ends = np.array(pairs)
    elements = np.array([graph.edges[order[a], order[b]]["elements"] for a, b in pairs])
    places = _settled(ends, elements, len(order))
    places -= places.mean(axis=0)
    _, _, axes = np.linalg.svd(places, full_matrices=False)
    places = places @ axes.T
    lengths = np.linalg.norm(places[ends[:, 0]] - places[ends[:, 1]], axis=1)
    wanted = (7.0 if len(order) <= _FEW else 5.0) * RADIUS
    places *= max(STEP / np.median(lengths), min(wanted / nearest(places), 2.2 * STEP / np.median(lengths)))
    return _turned(places, order, parts)


def _settled(ends: np.ndarray, elements: np.ndarray, count: int) -> np.ndarray:
    """Springs find a nearby rest; of several the one counts in which the fewest elements cross.

    Where pairs of nodes are joined by several elements, springs along these alone may unfold the graph better: the
    cells of an array, without the source that feeds it.
    """
    best, least = np.zeros((0, 2)), np.inf
    thick = ends[elements == elements.max()]
    for chosen in [ends] if len(thick) == len(ends) else [ends, thick]:
        joined = coo_array((np.ones(len(chosen)), chosen.T), shape=(count, count)).tocsr()
        ways = shortest_path(joined, directed=False, unweighted=True)
        if not np.isfinite(ways).all():
            continue
        for start in _starts(chosen, count):
            places = _at_rest(ways, start)
            crossings = _crossings(ends, elements, places)
            if crossings < least:
                best, least = places, crossings
            if least == 0:
                return best
    return best


def _starts(ends: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """A circle in the order of the nodes, no crossings where that is possible, and the slow modes of the graph."""
    angles = 2 * np.pi * np.arange(count) / count
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    yield circle
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(ends.tolist())
    if nx.check_planarity(graph)[0]:
        found = nx.planar_layout(graph)
        yield np.array([found[node] for node in graph])
    laplacian = nx.laplacian_matrix(graph).toarray().astype(float)
    # Nodes with the same neighbours are in the same place in all slow modes, and springs would leave them there.
    yield np.linalg.eigh(laplacian)[1][:, 1:3] + 0.02 * circle


def _at_rest(ways: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Places that minimise Σ (|x_i − x_j| − d_ij)² / d_ij², from a start; each step minimises an upper bound."""
    np.fill_diagonal(ways, 1.0)
    stiff = ways**-2.0
    np.fill_diagonal(stiff, 0.0)
    inverse = np.linalg.pinv(np.diag(stiff.sum(axis=1)) - stiff)
    places = start * ways.max() / max(float(np.ptp(start, axis=0).max()), 1e-9)
    for _ in range(_STEPS):
        gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
        pull = stiff * ways / np.maximum(gaps, 1e-9)
        moved = inverse @ (pull.sum(axis=1)[:, None] * places - pull @ places)
        still = np.abs(moved - places).max() < 1e-4
        places = moved
        if still:
            break
    return places


def _crossings(ends: np.ndarray, elements: np.ndarray, places: np.ndarray) -> int:
    """How many pairs of elements cross, when they are drawn straight."""
    first, second = np.triu_indices(len(ends), 1)
    shared = (ends[first][:, :, None] == ends[second][:, None, :]).any(axis=(1, 2))
    first, second = first[~shared], second[~shared]
    a, b, c, d = (places[ends[pairs, end]] for pairs, end in ((first, 0), (first, 1), (second, 0), (second, 1)))

    def left(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) > (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    crossing = (left(a, b, c) != left(a, b, d)) & (left(c, d, a) != left(c, d, b))
    return int((elements[first] * elements[second] * crossing).sum())


def _turned(places: np.ndarray, order: list, parts: Parts) -> np.ndarray:
    """Mirrored so that inputs are left of outputs and what is held is below the others, where there are any."""
    ranks = [(node in parts.outputs) - float(node in parts.clamped or node in parts.driven) for node in order]
    low = [float(node in parts.held) for node in order]
    for axis, weights in enumerate((ranks, low)):
        centred = np.asarray(weights) - np.mean(weights)
        lean = float(centred @ places[:, axis]) if np.any(centred) else float(places[0, axis]) * (-1) ** (axis + 1)
        if lean < 0:
            places[:, axis] *= -1
    return places
