"""Topologies with places in the plane or in space: lattices of several kinds, and triangulated random points.

Closed axes are recorded as the graph attribute `period`: the length of the box along each axis, 0 along open ones.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import Delaunay, QhullError, cKDTree

from ..errors import ModelError
from ._elements import checked_size
from .patterns import Sparse
from .topology import Bundle, Group, Topology

_TOLERANCE = 1e-6  # relative: what is as far as a neighbour up to rounding is a neighbour


def square_lattice(
    shape: Sequence[int], *, spacing: float = 1.0, reach: float = 1.0, periodic: bool | Sequence[bool] = False
) -> Topology:
    """Points of the square lattice, joined where they are at most `reach` spacings apart; labels are (column, row).

    With reach 1 every inner node has 4 neighbours, with reach 1.5 (diagonals) 8. `shape`: columns and rows.
    `spacing`: the distance of nearest neighbours. `periodic`: whether to close both axes, or one answer per axis.

    Raises `ModelError` for sizes below one, a spacing or reach that is not positive, and closed axes so short that a
    node would meet its own image.

    >>> net = square_lattice((3, 4))
    >>> net.size, net.count("edges"), net.group("nodes").positions[net.locate((2, 1))[1]].tolist()
    (12, 17, [2.0, 1.0])
    """
    return _lattice("square_lattice", shape, np.eye(2), np.zeros((1, 2)), spacing, reach, periodic)


def cubic_lattice(
    shape: Sequence[int], *, spacing: float = 1.0, reach: float = 1.0, periodic: bool | Sequence[bool] = False
) -> Topology:
    """Points of the simple cubic lattice; as `square_lattice`, with 6 neighbours, 18 within 1.5, 26 within 1.8.

    >>> cubic_lattice((3, 3, 3), periodic=True).count("edges")
    81
    """
    return _lattice("cubic_lattice", shape, np.eye(3), np.zeros((1, 3)), spacing, reach, periodic)


def triangular_lattice(
    shape: Sequence[int], *, spacing: float = 1.0, reach: float = 1.0, periodic: bool | Sequence[bool] = False
) -> Topology:
    """A rectangular patch of the triangular lattice, `shape` columns and rows, every other row shifted by half.

    Inner nodes have 6 neighbours. Open patches have 3 rows·columns − 2 rows − 2 columns + 1 edges. A closed second
    axis needs an even number of rows. Other arguments as for `square_lattice`; labels are (column, row).

    >>> triangular_lattice((4, 4)).count("edges"), triangular_lattice((4, 4), periodic=True).count("edges")
    (33, 48)
    """
    columns, rows = _checked_shape("triangular_lattice", shape, 2)
    closed = _closed("triangular_lattice", periodic, 2)
    if closed[1] and rows % 2:
        raise ModelError(f"triangular_lattice: a closed second axis needs an even number of rows, got {rows}")
    labels = np.indices((columns, rows)).reshape(2, -1).T
    places = np.stack([labels[:, 0] + labels[:, 1] % 2 / 2, labels[:, 1] * np.sqrt(3) / 2], axis=1)
    box = np.array([columns, rows * np.sqrt(3) / 2])
    return _joined("triangular_lattice", labels, places, box, closed, spacing, reach)


def honeycomb_lattice(
    shape: Sequence[int], *, spacing: float = 1.0, reach: float = 1.0, periodic: bool | Sequence[bool] = False
) -> Topology:
    """A patch of the honeycomb lattice, `shape` rectangular cells of four nodes; inner nodes have 3 neighbours.

    A cell is √3 spacings wide and 3 high. Open patches have 6 columns·rows − 2 rows − columns edges. Other arguments
    as for `square_lattice`; labels are (column, row, node of the cell).

    >>> honeycomb_lattice((3, 2)).size, honeycomb_lattice((3, 2), periodic=True).count("edges")
    (24, 36)
    """
    cell = np.array([[0.0, 0.0], [np.sqrt(3) / 2, 0.5], [np.sqrt(3) / 2, 1.5], [0.0, 2.0]])
    return _lattice("honeycomb_lattice", shape, np.diag([np.sqrt(3), 3.0]), cell, spacing, reach, periodic)


def delaunay(points: int | np.ndarray, seed: int | None = None, *, dims: int = 2) -> Topology:
    """The Delaunay triangulation of points: given ones, shape (size, dims), or `points` uniform in the unit cube.

    In the plane n points of which h lie on the hull have 3n − 3 − h edges. Raises `ModelError` for random points
    without a seed, and for points that do not span the space.

    >>> delaunay(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.2, 0.2]])).count("edges")
    6
    """
    if isinstance(points, int | np.integer):
        size, dims = checked_size("delaunay: points", points), checked_size("delaunay: dims", dims, least=2)
        if seed is None:
            raise ModelError("delaunay: random points need a seed; give seed=0, or the points themselves")
        places = np.random.default_rng(seed).random((size, dims))
    else:
        places = np.array(points, dtype=float)
        if places.ndim != 2 or places.shape[1] < 2:
            raise ModelError(
                f"delaunay: points must have shape (size, dims) with dims of at least 2, got {places.shape}"
            )
    try:
        simplices = Delaunay(places).simplices
    except (QhullError, ValueError) as error:
        raise ModelError(
            f"delaunay: the {len(places)} points do not span the {places.shape[1]} dimensions; give more points, not "
            "all on one line or plane"
        ) from error
    corners = [(a, b) for a in range(simplices.shape[1]) for b in range(a)]
    pairs = np.concatenate([np.sort(simplices[:, pair], axis=1) for pair in corners])
    return _of_pairs(tuple(range(len(places))), places, np.unique(pairs, axis=0), np.zeros(places.shape[1]))


def _lattice(name, shape, vectors, cell, spacing, reach, periodic) -> Topology:
    dims = len(vectors)
    shape, closed = _checked_shape(name, shape, dims), _closed(name, periodic, dims)
    cells = np.indices(shape).reshape(dims, -1).T
    places = ((cells @ vectors)[:, None] + cell).reshape(-1, dims)
    labels = cells
    if len(cell) > 1:
        labels = np.concatenate(
            [np.repeat(cells, len(cell), axis=0), np.tile(np.arange(len(cell)), len(cells))[:, None]], axis=1
        )
    return _joined(name, labels, places, np.array(shape) @ vectors, closed, spacing, reach)


def _joined(name, labels, places, box, closed, spacing, reach) -> Topology:
    for what, value in (("spacing", spacing), ("reach", reach)):
        if not value > 0:
            raise ModelError(f"{name}: {what} must be positive, got {value!r}")
    period = np.where(closed, box, 0.0)
    far = reach * (1 + _TOLERANCE)
    short = np.flatnonzero(np.array(closed) & (box <= 2 * far))
    if short.size:
        raise ModelError(
            f"{name}: closed axis {short[0]} is {box[short[0]]:g} spacings long, so nodes meet their own images within "
            f"a reach of {reach:g}; make it longer than {2 * reach:g}"
        )
    # A little inside the box, which rounding must not leave.
    tree = cKDTree(places + np.where(closed, 1e-9, 0.0), boxsize=period)
    pairs = tree.query_pairs(far, output_type="ndarray").reshape(-1, 2)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    return _of_pairs(tuple(map(tuple, labels.tolist())), spacing * places, pairs, spacing * period)


def _of_pairs(labels, places, pairs, period) -> Topology:
    return Topology(
        (Group("nodes", len(places), labels=labels, positions=places),),
        (Bundle("edges", ("nodes", "nodes"), Sparse(pairs)),),
        {"period": tuple(period.tolist())} if period.any() else {},
    )


def _checked_shape(name: str, shape: Sequence[int], dims: int) -> tuple[int, ...]:
    if isinstance(shape, int | np.integer) or len(shape) != dims:
        raise ModelError(f"{name}: shape must give {dims} numbers, one per axis, got {shape!r}")
    return tuple(checked_size(f"{name}: shape[{axis}]", length) for axis, length in enumerate(shape))


def _closed(name: str, periodic: bool | Sequence[bool], dims: int) -> list[bool]:
    closed = [bool(periodic)] * dims if isinstance(periodic, bool | np.bool_) else [bool(p) for p in periodic]
    if len(closed) != dims:
        raise ModelError(f"{name}: periodic must be a bool or one per axis ({dims}), got {periodic!r}")
    return closed
