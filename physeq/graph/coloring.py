"""Colourings: nodes that may be updated at the same time because nothing joins them."""

from collections.abc import Collection
from itertools import combinations

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from ..errors import ModelError
from .patterns import Dense
from .topology import Bundle, Topology


def color(size: int, pairs: np.ndarray) -> np.ndarray:
    """Colours 0, 1, ... of the nodes such that no two nodes of a pair share one; int array of shape (size,).

    `pairs`: integers of shape (pairs, 2), in any order and number. Connected parts that two colours suffice for get
    two; the others are coloured greedily, nodes of high degree first, which needs at most one colour more than the
    highest degree. The result depends on nothing but the arguments.

    Raises `ModelError` when a pair joins a node to itself or names a node outside 0 to size − 1.

    >>> color(4, np.array([[0, 1], [1, 2], [2, 3]])).tolist()
    [0, 1, 0, 1]
    >>> color(3, np.array([[0, 1], [1, 2], [2, 0]])).tolist()
    [0, 1, 2]
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    if pairs.size and (pairs.min() < 0 or pairs.max() >= size):
        wrong = pairs[((pairs < 0) | (pairs >= size)).any(axis=1)][0].tolist()
        raise ModelError(f"color: pairs must join nodes 0 to {size - 1}, got {wrong}; correct the pair or the size")
    loops = pairs[pairs[:, 0] == pairs[:, 1], 0]
    if loops.size:
        raise ModelError(f"color: node {loops[0]} is joined to itself, so that no colour fits it; remove its self-loop")
    neighbours = _adjacency(size, pairs)
    colors, part = _two_colors(neighbours)
    clash = np.zeros(part.max(initial=0) + 1, bool)
    clash[part[pairs[colors[pairs[:, 0]] == colors[pairs[:, 1]], 0]]] = True
    rest = np.flatnonzero(clash[part])
    if rest.size:
        colors[rest] = -1
        _greedy(neighbours, rest, colors)
    return colors


def group_colors(topology: Topology, leave_out: Collection[str] = ()) -> list[dict[str, np.ndarray | None]]:
    """Classes of nodes that may be updated at the same time: no instance touches two nodes of one class.

    A class maps group names to a mask of shape (size,), or to None for the whole group. Groups in which no instance
    joins two nodes stay whole, so that the even and the odd layers of a layered network are two classes; the other
    groups are coloured node by node. Groups named in `leave_out` (those that are clamped) are in no class and their
    instances with the others do not count.

    Raises `ModelError` for unknown groups and, with the label, for an instance that touches one node twice.

    >>> from physeq.graph import lattice, layered
    >>> [list(one) for one in group_colors(layered([4, 3, 3, 2]), leave_out=["input"])]
    [['hidden1', 'output'], ['hidden2']]
    >>> [one["nodes"].tolist() for one in group_colors(lattice(3))]
    [[True, False, True], [False, True, False]]
    """
    left_out = {topology.group(name).name for name in leave_out}
    ports = {
        bundle.name: [port for port, group in enumerate(bundle.groups) if group not in left_out]
        for bundle in topology.bundles
        if topology.count(bundle.name)
    }
    split = set()
    for bundle in topology.bundles:
        names = [bundle.groups[port] for port in ports.get(bundle.name, ())]
        split |= {name for name in names if names.count(name) > 1}

    first, count = {}, 0  # a whole group is one vertex, a split group has one vertex per node
    for group in topology.groups:
        if group.name not in left_out:
            first[group.name] = count
            count += group.size if group.name in split else 1

    conflicts = [np.zeros((0, 2), np.int64)]
    for bundle in topology.bundles:
        for pair in combinations(ports.get(bundle.name, ()), 2):
            conflicts.append(_conflicts(topology, bundle, pair, first, split))
    colors = color(count, np.concatenate(conflicts))

    classes: list[dict[str, np.ndarray | None]] = [{} for _ in range(colors.max(initial=-1) + 1)]
    for name, start in first.items():
        if name not in split:
            classes[colors[start]][name] = None
            continue
        own = colors[start : start + topology.group(name).size]
        for one in np.unique(own).tolist():
            classes[one][name] = own == one
    return classes


def _conflicts(
    topology: Topology, bundle: Bundle, pair: tuple[int, int], first: dict[str, int], split: set[str]
) -> np.ndarray:
    """The pairs of vertices that a bundle joins with two of its ports, shape (pairs, 2)."""
    names = [bundle.groups[port] for port in pair]
    whole = [name not in split for name in names]
    if isinstance(bundle.pattern, Dense) and any(whole):  # everything meets everything: no need to list it
        ends = [np.arange(1 if one else topology.group(name).size) for one, name in zip(whole, names, strict=True)]
        ends = [grid.ravel() for grid in np.meshgrid(*ends, indexing="ij")]
    else:
        rows = topology.edge_arrays(bundle.name)
        ends = [
            np.zeros(1 if all(whole) else len(rows[port]), np.int64) if one else rows[port]
            for one, port in zip(whole, pair, strict=True)
        ]
        if names[0] == names[1] and (ends[0] == ends[1]).any():
            label = topology.group(names[0]).labels[int(ends[0][ends[0] == ends[1]][0])]
            raise ModelError(
                f"bundle {bundle.name!r} touches node {label!r} of group {names[0]!r} twice in one instance, so that "
                "no colour fits it; remove the self-loop (Dense() within one group has them, `complete` lists pairs "
                "without), or choose a finder that needs no colouring"
            )
    return np.stack([first[name] + end for name, end in zip(names, ends, strict=True)], axis=1)


def _adjacency(size: int, pairs: np.ndarray) -> csr_array:
    both = np.concatenate([pairs, pairs[:, ::-1]])
    matrix = coo_array((np.ones(len(both), np.int8), (both[:, 0], both[:, 1])), shape=(size, size)).tocsr()
    matrix.data[:] = 1  # tocsr adds parallel pairs, and 256 of them make an int8 zero
    return matrix


def _two_colors(neighbours: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """The parity of each node's distance from the first node of its connected part, and the number of that part."""
    size = neighbours.shape[0]
    count, part = connected_components(neighbours, directed=False)
    _, roots = np.unique(part, return_index=True)
    # One search from an extra node that is joined to every root visits all parts.
    start = csr_array((np.ones(count, np.int8), (np.full(count, size), roots)), shape=(size + 1, size + 1))
    grown = neighbours.copy()
    grown.resize((size + 1, size + 1))
    order, predecessors = breadth_first_order(grown + start, size, directed=True)
    parents, distance = predecessors.tolist(), [0] * (size + 1)
    for node in order[1:].tolist():
        distance[node] = distance[parents[node]] + 1
    return (np.asarray(distance[:size], dtype=np.int64) + 1) % 2, part


def _greedy(neighbours: csr_array, nodes: np.ndarray, colors: np.ndarray) -> None:
    """Give each node, high degrees first, the lowest colour that no neighbour has."""
    degrees = np.diff(neighbours.indptr)
    starts, others, found = neighbours.indptr.tolist(), neighbours.indices.tolist(), colors.tolist()
    for node in nodes[np.argsort(-degrees[nodes], kind="stable")].tolist():
        taken = {found[other] for other in others[starts[node] : starts[node + 1]]}
        candidate = 0
        while candidate in taken:
            candidate += 1
        found[node] = candidate
    colors[:] = found
