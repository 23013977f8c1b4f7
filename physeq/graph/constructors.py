"""Topologies that need no graph: layers, lattices, crossbars, random networks, arrays of edges."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.spatial import cKDTree

from ..errors import ModelError
from ._elements import checked_size
from .patterns import Dense, Sparse
from .topology import Bundle, Group, Topology


def from_edges(
    sources: Sequence[int] | np.ndarray,
    targets: Sequence[int] | np.ndarray,
    size: int,
    *,
    name: str = "nodes",
    directed: bool = False,
    bundle: str = "edges",
    positions: np.ndarray | None = None,
) -> Topology:
    """One group of `size` nodes and one bundle with an edge from `sources[k]` to `targets[k]` for every k.

    `sources`, `targets`: integers of shape (edges,). `positions`: shape (size, dims). Parallel edges and self-loops
    are kept. Raises `ModelError` for arrays of different lengths and for nodes outside 0 to size − 1.

    >>> ring = from_edges([0, 1, 2], [1, 2, 0], size=3)
    >>> ring.count("edges")
    3
    """
    sources, targets = _integers("sources", sources), _integers("targets", targets)
    if len(sources) != len(targets):
        raise ModelError(
            f"from_edges: sources and targets must have one length, got {len(sources)} and {len(targets)}; "
            "give the two ends of every edge"
        )
    edges = Bundle(bundle, (name, name), Sparse(np.stack([sources, targets], axis=1)), directed=directed)
    return Topology((Group(name, size, positions=positions),), (edges,))


def layered(
    sizes: Sequence[int], names: Sequence[str] | None = None, *, directed: bool = False, bidirected: bool = False
) -> Topology:
    """Layers of `sizes` nodes, each joined to the next by a dense bundle named "source->target", from input to output.

    The layers are called "input", "hidden" (or "hidden1", "hidden2", ...) and "output" unless `names` says otherwise.
    With `bidirected` there is a second, directed bundle from each layer back to the one before, with parameters of its
    own. Raises `ModelError` for fewer than two layers or a wrong number of names.

    >>> net = layered([784, 512, 10])
    >>> [group.name for group in net.groups], [bundle.name for bundle in net.bundles]
    (['input', 'hidden', 'output'], ['input->hidden', 'hidden->output'])
    >>> net.parameter_shape("input->hidden")
    (784, 512)
    """
    sizes = [checked_size(f"layered: sizes[{layer}]", size) for layer, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise ModelError(f"layered: sizes must give at least two layers, got {sizes}; add an input and an output size")
    if names is None:
        hidden = [f"hidden{layer}" for layer in range(1, len(sizes) - 1)] if len(sizes) > 3 else ["hidden"]
        names = ["input", *hidden[: len(sizes) - 2], "output"]
    elif isinstance(names, str) or len(names) != len(sizes):
        raise ModelError(f"layered: names must give one name per layer ({len(sizes)}), got {names!r}")
    steps = list(pairwise(names))
    if bidirected:
        steps += [(target, source) for source, target in steps]
    return Topology(
        tuple(Group(name, size) for name, size in zip(names, sizes, strict=True)),
        tuple(Bundle(f"{a}->{b}", (a, b), Dense(), directed=directed or bidirected) for a, b in steps),
    )


def crossbar(rows: int, columns: int, *, directed: bool = False) -> Topology:
    """Groups "rows" and "columns", a device at every crossing: the dense bundle "rows->columns".

    >>> crossbar(2, 3).parameter_shape("rows->columns")
    (2, 3)
    """
    return layered([rows, columns], names=["rows", "columns"], directed=directed)


def complete(size: int, *, directed: bool = False) -> Topology:
    """Every pair of `size` nodes once, i < j; with `directed` every ordered pair i ≠ j. No self-loops.

    >>> complete(4).count("edges"), complete(4, directed=True).count("edges")
    (6, 12)
    """
    size = checked_size("complete: size", size)
    sources, targets = np.nonzero(~np.eye(size, dtype=bool)) if directed else np.triu_indices(size, 1)
    return from_edges(sources, targets, size, directed=directed)


def lattice(shape: Sequence[int] | int, periodic: bool | Sequence[bool] = False, *, directed: bool = False) -> Topology:
    """Nearest neighbours on a grid of any dimension, with positions; edges run along increasing coordinates.

    `shape`: the number of nodes along each axis. `periodic`: whether to close all axes, or one answer per axis; an
    axis of fewer than three nodes has nothing to close. Labels are tuples of coordinates, plain integers for one axis.

    >>> grid = lattice((3, 4))
    >>> grid.size, grid.count("edges"), grid.locate((2, 1))
    (12, 17, ('nodes', 9))
    """
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    shape = tuple(checked_size(f"lattice: shape[{axis}]", length) for axis, length in enumerate(shape))
    if not shape:
        raise ModelError("lattice: shape must have at least one axis, got (); give the number of nodes along each axis")
    closed = [periodic] * len(shape) if isinstance(periodic, bool | np.bool_) else list(periodic)
    if len(closed) != len(shape):
        raise ModelError(f"lattice: periodic must be a bool or one per axis ({len(shape)}), got {periodic!r}")
    ids = np.arange(int(np.prod(shape))).reshape(shape)
    sources, targets = [], []
    for axis, length in enumerate(shape):
        along = np.moveaxis(ids, axis, 0)
        sources.append(along[:-1].ravel())
        targets.append(along[1:].ravel())
        if closed[axis] and length > 2:
            sources.append(along[-1].ravel())
            targets.append(along[0].ravel())
    coordinates = np.indices(shape).reshape(len(shape), -1).T
    labels = tuple(coordinates[:, 0].tolist()) if len(shape) == 1 else tuple(map(tuple, coordinates.tolist()))
    edges = Sparse(np.stack([np.concatenate(sources), np.concatenate(targets)], axis=1))
    return Topology(
        (Group("nodes", ids.size, labels=labels, positions=coordinates.astype(float)),),
        (Bundle("edges", ("nodes", "nodes"), edges, directed=directed),),
    )


def small_world(size: int, neighbours: int, rewiring: float, seed: int) -> Topology:
    """The Watts–Strogatz network: a ring where each node joins its `neighbours` nearest nodes, then edges are rewired.

    Each edge moves one end with probability `rewiring`. Raises `ModelError` unless `neighbours` is even and below
    `size` and `rewiring` lies between 0 and 1. Reference: Watts and Strogatz, Nature 393 (1998) 440.

    >>> small_world(20, 4, 0.1, seed=0).count("edges")
    40
    """
    size = checked_size("small_world: size", size)
    neighbours = checked_size("small_world: neighbours", neighbours, least=0)
    if neighbours % 2 or neighbours >= size:
        raise ModelError(f"small_world: neighbours must be even and below size = {size}, got {neighbours}")
    if not 0 <= rewiring <= 1:
        raise ModelError(f"small_world: rewiring is a probability, between 0 and 1, got {rewiring!r}")
    return _of_graph(nx.watts_strogatz_graph(size, neighbours, rewiring, seed=seed))


def random_regular(degree: int, size: int, seed: int) -> Topology:
    """A random network in which every node has `degree` edges.

    Raises `ModelError` unless `degree` is below `size` and their product is even.

    >>> random_regular(4, 10, seed=0).count("edges")
    20
    """
    size = checked_size("random_regular: size", size)
    degree = checked_size("random_regular: degree", degree, least=0)
    if degree >= size or degree * size % 2:
        raise ModelError(
            f"random_regular: degree must be below size and degree * size even, got degree = {degree}, size = {size}"
        )
    return _of_graph(nx.random_regular_graph(degree, size, seed=seed))


def random_geometric(size: int, radius: float, seed: int, *, dims: int = 2, periodic: bool = False) -> Topology:
    """Nodes uniform in the unit cube of `dims` axes, an edge between any two that are at most `radius` apart.

    With `periodic` opposite faces of the cube are one, nearest images count, and `radius` must be below one half; the
    graph attribute `period` records it.

    >>> random_geometric(50, 2.0, seed=0).count("edges")  # everything is near: the complete network
    1225
    """
    size, dims = checked_size("random_geometric: size", size), checked_size("random_geometric: dims", dims)
    if not radius > 0:
        raise ModelError(f"random_geometric: radius must be positive, got {radius!r}")
    if periodic and radius >= 0.5:
        raise ModelError(f"random_geometric: in a periodic cube radius must be below 0.5, got {radius!r}")
    positions = np.random.default_rng(seed).random((size, dims))
    tree = cKDTree(positions, boxsize=1.0 if periodic else None)
    pairs = tree.query_pairs(radius, output_type="ndarray").reshape(-1, 2)
    sources, targets = pairs[np.lexsort(pairs.T[::-1])].T
    found = from_edges(sources, targets, size, positions=positions)
    return replace(found, graph_attributes={"period": (1.0,) * dims}) if periodic else found


def _of_graph(graph: nx.Graph) -> Topology:
    """A graph on the nodes 0, 1, ..., with each edge oriented upwards and the edges sorted."""
    pairs = np.array(sorted(map(sorted, graph.edges())), dtype=int).reshape(-1, 2)
    return from_edges(pairs[:, 0], pairs[:, 1], graph.number_of_nodes())


def _integers(what: str, values: object) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ModelError(
            f"from_edges: {what} must be integers of shape (edges,), got {array.dtype} of shape {array.shape}; "
            "number the nodes from 0"
        )
    return array.astype(np.int64)
