"""Places to draw the nodes of a topology at."""

import networkx as nx
import numpy as np

from .patterns import Dense
from .topology import Topology

_SPRING_LIMIT = 500  # nodes; the spring layout takes seconds beyond, and the drawing is a hairball anyway


def positions(topology: Topology, seed: int = 0) -> dict[str, np.ndarray]:
    """A place in the plane for every node: group name → floats of shape (size, 2).

    Positions that groups have come first (of more than two coordinates the first two, of one the second is 0). Chains
    of dense bundles are drawn as columns, from left to right; other topologies by springs, or, above 500 nodes, on a
    circle. `seed` starts the springs.

    >>> from physeq.graph import layered
    >>> {name: places.tolist() for name, places in positions(layered([2, 1])).items()}
    {'input': [[0.0, 0.5], [0.0, -0.5]], 'output': [[1.0, 0.0]]}
    """
    given = {group.name: _plane(group.positions) for group in topology.groups if group.positions is not None}
    if len(given) == len(topology.groups):
        return given
    layers = _chain(topology)
    if layers is not None:
        places = _columns(topology, layers)
    elif topology.size <= _SPRING_LIMIT:
        places = _by_group(topology, _springs(topology, seed))
    else:
        angles = 2 * np.pi * np.arange(topology.size) / topology.size
        places = _by_group(topology, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return {**places, **given}


def _plane(given: np.ndarray) -> np.ndarray:
    flat = np.zeros((len(given), 2))
    used = min(2, given.shape[1])
    flat[:, :used] = given[:, :used]
    return flat


def _chain(topology: Topology) -> list[str] | None:
    """The groups from one end to the other where dense bundles join them in a chain; None for anything else."""
    graph = nx.Graph()
    graph.add_nodes_from(group.name for group in topology.groups)
    for bundle in topology.bundles:
        if not isinstance(bundle.pattern, Dense) or bundle.groups[0] == bundle.groups[1]:
            return None
        graph.add_edge(*bundle.groups)
    degrees = dict(graph.degree())
    ends = [name for name, degree in degrees.items() if degree == 1]
    if len(ends) != 2 or max(degrees.values()) > 2 or not nx.is_connected(graph):
        return None
    outer = {end: next(bundle for bundle in topology.bundles if end in bundle.groups) for end in ends}
    left = next((end for end in ends if outer[end].groups[0] == end), ends[0])
    return list(nx.dfs_preorder_nodes(graph, left))


def _columns(topology: Topology, layers: list[str]) -> dict[str, np.ndarray]:
    """One column per layer, node 0 on top; columns share a height so that large layers do not dwarf small ones."""
    tallest = max(topology.group(name).size for name in layers)
    places = {}
    for x, name in enumerate(layers):
        size = topology.group(name).size
        y = ((size - 1) / 2 - np.arange(size)) / max(1, tallest - 1)
        places[name] = np.stack([np.full(size, float(x)), y], axis=1)
    return {group.name: places[group.name] for group in topology.groups}


def _springs(topology: Topology, seed: int) -> np.ndarray:
    graph = nx.Graph()
    graph.add_nodes_from(range(topology.size))
    for bundle in topology.bundles:
        ends = topology.edge_arrays(bundle.name)
        ids = [topology.offset(group) + end for group, end in zip(bundle.groups, ends, strict=True)]
        for port in range(1, len(ids)):
            graph.add_edges_from(zip(ids[0].tolist(), ids[port].tolist(), strict=True))
    places = nx.spring_layout(graph, seed=seed)
    return np.array([places[node] for node in range(topology.size)], dtype=float)


def _by_group(topology: Topology, places: np.ndarray) -> dict[str, np.ndarray]:
    starts = {group.name: topology.offset(group.name) for group in topology.groups}
    return {group.name: places[starts[group.name] : starts[group.name] + group.size] for group in topology.groups}
