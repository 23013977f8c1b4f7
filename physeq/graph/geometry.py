"""What places mean for a topology: rest lengths, holes, disorder, rigidity."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from ..errors import ModelError
from .patterns import Dense, Sparse
from .topology import Bundle, Group, Topology

_AXES = ("dx", "dy", "dz")


class Region(ABC):
    """A part of the plane or of space."""

    @abstractmethod
    def contains(self, places: np.ndarray) -> np.ndarray:
        """Whether places of shape (size, dims) lie inside, shape (size,)."""


@dataclass(frozen=True)
class Ball(Region):
    """A disc, or a ball, with its boundary.

    >>> Ball((0.0, 0.0), 1.0).contains(np.array([[0.5, 0.5], [1.0, 1.0]])).tolist()
    [True, False]
    """

    center: tuple[float, ...]
    radius: float

    def contains(self, places):
        return np.sum((places - np.asarray(self.center)) ** 2, axis=1) <= self.radius**2


@dataclass(frozen=True)
class Box(Region):
    """A rectangle, or a box, with its boundary, from its lower to its upper corner.

    >>> Box((0.0, 0.0), (1.0, 2.0)).contains(np.array([[0.5, 1.5], [1.5, 0.5]])).tolist()
    [True, False]
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def contains(self, places):
        return np.all((places >= np.asarray(self.lower)) & (places <= np.asarray(self.upper)), axis=1)


def with_holes(topology: Topology, regions: Region | Iterable[Region], *, keep_isolated: bool = False) -> Topology:
    """The topology without the nodes inside the regions, and without what touched them.

    Labels, places and attributes of the others stay. Nodes that nothing touches any more are left out as well, unless
    `keep_isolated`. Groups without places stay whole. Raises `ModelError` where a group would vanish or a region has
    another number of dimensions.

    >>> from physeq.graph import square_lattice
    >>> with_holes(square_lattice((5, 5)), Ball((2.0, 2.0), 1.0)).size
    20
    """
    regions = [regions] if isinstance(regions, Region) else list(regions)
    kept = {group.name: _outside(group, regions) for group in topology.groups}
    if not keep_isolated:
        alone = np.setdiff1d(_untouched(topology, kept), topology.isolated())
        for group in topology.groups:
            offset = topology.offset(group.name)
            own = alone[(alone >= offset) & (alone < offset + group.size)] - offset
            kept[group.name][own] = False
    for group in topology.groups:
        if not kept[group.name].any():
            raise ModelError(f"with_holes: nothing is left of group {group.name!r}; make the holes smaller")
    bundles = [_bundle_part(topology, bundle, kept) for bundle in topology.bundles]
    groups = [_group_part(group, kept[group.name]) for group in topology.groups]
    return Topology(tuple(groups), tuple(bundles), topology.graph_attributes)


def with_rest_lengths(topology: Topology) -> Topology:
    """The topology with a `length` and a vector `dx`, `dy`, `dz` for every edge, from source to target, from places.

    They are edge attributes, and become the starting values of parameters of those names (`mechanical.spring`).
    Across a closed boundary the nearest image counts. Raises `ModelError` where an edge joins groups without places.

    >>> from physeq.graph import square_lattice
    >>> net = with_rest_lengths(square_lattice((2, 2), spacing=0.5, reach=1.5))
    >>> net.bundle("edges").attributes["length"].round(3).tolist()
    [0.5, 0.5, 0.707, 0.707, 0.5, 0.5]
    """
    bundles = []
    for bundle in topology.bundles:
        if len(bundle.groups) != 2:
            bundles.append(bundle)
            continue
        vectors, shape = separations(topology, bundle.name), topology.parameter_shape(bundle.name)
        found = {"length": np.linalg.norm(vectors, axis=1)}
        found |= dict(zip(_AXES, vectors.T, strict=False))
        attributes = {**bundle.attributes, **{name: values.reshape(shape) for name, values in found.items()}}
        bundles.append(replace(bundle, attributes=attributes))
    return replace(topology, bundles=tuple(bundles))


def separations(topology: Topology, bundle: str) -> np.ndarray:
    """The vectors from source to target of the edges of a bundle, shape (edges, dims); nearest images.

    >>> from physeq.graph import square_lattice
    >>> separations(square_lattice((3, 1), periodic=(True, False)), "edges").tolist()
    [[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]
    """
    groups = [topology.group(name) for name in topology.bundle(bundle).groups]
    if len(groups) != 2:
        raise ModelError(f"bundle {bundle!r} has {len(groups)} ports; only edges, with two, have a direction")
    source, target = (_places(group)[nodes] for group, nodes in zip(groups, topology.edge_arrays(bundle), strict=True))
    vectors = target - source
    period = np.asarray(topology.graph_attributes.get("period", np.zeros(vectors.shape[1])), float)
    wrap = np.where(period > 0, period, 1.0)
    return vectors - np.where(period > 0, period * np.round(vectors / wrap), 0.0)


def jittered(topology: Topology, amplitude: float, seed: int) -> Topology:
    """The topology with every place moved by a normal random vector of standard deviation `amplitude` per axis.

    Edges stay. Call `with_rest_lengths` after it for springs that are at rest in the disordered places.

    >>> from physeq.graph import square_lattice
    >>> moved = jittered(square_lattice((3, 3)), 0.1, seed=0)
    >>> moved.count("edges")
    12
    """
    if not amplitude >= 0:
        raise ModelError(f"jittered: amplitude must not be negative, got {amplitude!r}")
    random = np.random.default_rng(seed)
    groups = tuple(
        replace(g, positions=_places(g) + amplitude * random.normal(size=_places(g).shape)) for g in topology.groups
    )
    return replace(topology, groups=groups)


def rigidity_matrix(topology: Topology, bundle: str | None = None) -> csr_array:
    """How elongations follow displacements to first order: shape (edges, dims·nodes), node by node, axis by axis.

    Its null space holds the motions that no spring resists, that of its transpose the states of self-stress, and
    dims·nodes − edges is the difference of their dimensions (Maxwell 1864; Calladine 1978,
    doi:10.1016/0020-7683(78)90052-5). For one group and one of its bundles.

    >>> from physeq.graph import triangular_lattice
    >>> net = triangular_lattice((2, 2))
    >>> rigidity_matrix(net).shape, int(np.linalg.matrix_rank(rigidity_matrix(net).toarray()))
    ((5, 8), 5)
    """
    name = topology.bundles[0].name if bundle is None and len(topology.bundles) == 1 else bundle
    if name is None:
        raise ModelError("rigidity_matrix: the topology has several bundles; name one")
    vectors = separations(topology, name)
    first, second = topology.bundle(name).groups
    if first != second:
        raise ModelError(f"rigidity_matrix: bundle {name!r} joins two groups; give a bundle within one")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise ModelError(
            f"rigidity_matrix: edge {int(np.argmin(lengths))} of {name!r} has no length; move its ends apart"
        )
    directions, dims = vectors / lengths, vectors.shape[1]
    sources, targets = topology.edge_arrays(name)
    rows = np.repeat(np.arange(len(vectors)), dims)
    columns = [(ends[:, None] * dims + np.arange(dims)).ravel() for ends in (sources, targets)]
    data = np.concatenate([-directions.ravel(), directions.ravel()])
    shape = (len(vectors), dims * topology.group(first).size)
    return csr_array((data, (np.tile(rows, 2), np.concatenate(columns))), shape=shape)


def _places(group: Group) -> np.ndarray:
    if group.positions is None:
        raise ModelError(f"group {group.name!r} has no positions; build it with a constructor of places, or give them")
    return group.positions


def _outside(group: Group, regions: Sequence[Region]) -> np.ndarray:
    kept = np.ones(group.size, bool)
    if group.positions is None:
        return kept
    for region in regions:
        try:
            kept &= ~region.contains(group.positions)
        except ValueError:
            raise ModelError(
                f"with_holes: {region} does not fit the {group.positions.shape[1]} dimensions of group {group.name!r}"
            ) from None
    return kept


def _surviving(topology: Topology, bundle: Bundle, kept: dict[str, np.ndarray]) -> np.ndarray:
    rows = bundle.pattern.rows(topology.sizes(bundle.name))
    return np.all([kept[group][rows[:, port]] for port, group in enumerate(bundle.groups)], axis=0)


def _untouched(topology: Topology, kept: dict[str, np.ndarray]) -> np.ndarray:
    """The node ids that no surviving instance touches."""
    touched = np.zeros(topology.size, bool)
    for bundle in topology.bundles:
        rows = bundle.pattern.rows(topology.sizes(bundle.name))[_surviving(topology, bundle, kept)]
        for port, group in enumerate(bundle.groups):
            touched[topology.offset(group) + rows[:, port]] = True
    return np.flatnonzero(~touched)


def _group_part(group: Group, kept: np.ndarray) -> Group:
    if kept.all():
        return group
    labels = tuple(label for label, stays in zip(group.labels, kept, strict=True) if stays)
    return replace(
        group,
        size=len(labels),
        labels=labels,
        positions=None if group.positions is None else group.positions[kept],
        attributes={name: values[kept] for name, values in group.attributes.items()},
        origin=None,
    )


def _bundle_part(topology: Topology, bundle: Bundle, kept: dict[str, np.ndarray]) -> Bundle:
    if all(kept[group].all() for group in bundle.groups):
        return bundle
    stays = _surviving(topology, bundle, kept)
    labels = None if bundle.labels is None else tuple(n for n, s in zip(bundle.labels, stays, strict=True) if s)
    if isinstance(bundle.pattern, Dense):
        part = np.ix_(*(np.flatnonzero(kept[group]) for group in bundle.groups))
        attributes = {name: values[part] for name, values in bundle.attributes.items()}
        return replace(bundle, attributes=attributes, labels=labels, origin=None)
    numbers = {group: np.cumsum(mask) - 1 for group, mask in kept.items()}
    rows = bundle.pattern.rows(topology.sizes(bundle.name))[stays]
    pattern = Sparse(np.stack([numbers[group][rows[:, port]] for port, group in enumerate(bundle.groups)], axis=1))
    attributes = {name: values[stays] for name, values in bundle.attributes.items()}
    return replace(bundle, pattern=pattern, attributes=attributes, labels=labels, origin=None)
