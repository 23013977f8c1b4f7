"""Topologies: groups of nodes joined by bundles of edges or of components with any number of ports."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..errors import ModelError
from ._elements import Bundle as Bundle
from ._elements import Group as Group
from ._text import listed, near_matches


@dataclass(frozen=True, eq=False)
class Topology:
    """Who touches whom: node groups joined by bundles.

    Whole-topology questions number the nodes through all groups, in the order of `groups`: node i of a group has the
    *node id* `offset(group) + i`. `graph_attributes` are those of the networkx graph that it came from.

    Raises `ModelError` for repeated names, bundles of unknown groups, patterns that do not fit their groups, and
    attributes whose shape is not that of the pattern's parameters.

    >>> from physeq.graph import Dense
    >>> net = Topology((Group("input", 2), Group("output", 1)), (Bundle("w", ("input", "output"), Dense()),))
    >>> net.size, net.count("w")
    (3, 2)
    >>> [ids.tolist() for ids in net.components()]
    [[0, 1, 2]]
    """

    groups: tuple[Group, ...]
    bundles: tuple[Bundle, ...] = ()
    graph_attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "groups", tuple(self.groups))
        object.__setattr__(self, "bundles", tuple(self.bundles))
        if not self.groups:
            raise ModelError("a topology needs at least one node; add nodes to the graph, or groups to the topology")
        names = [group.name for group in self.groups] + [bundle.name for bundle in self.bundles]
        repeated = [name for position, name in enumerate(names) if name in names[:position]]
        if repeated:
            raise ModelError(
                f"the names {listed(dict.fromkeys(repeated))} each belong to several groups or bundles; "
                "states and parameters are looked up by them: give every group and every bundle its own name"
            )
        for bundle in self.bundles:
            sizes = self.sizes(bundle.name)
            bundle.pattern.check(bundle.name, bundle.groups, sizes)
            shape = bundle.pattern.parameter_shape(sizes)
            if bundle.labels is not None and len(bundle.labels) != bundle.pattern.count(sizes):
                raise ModelError(
                    f"bundle {bundle.name!r}: labels must name its {bundle.pattern.count(sizes)} instances, got "
                    f"{len(bundle.labels)}; give one label per instance, or none"
                )
            for key, values in bundle.attributes.items():
                if values.shape != shape:
                    raise ModelError(
                        f"bundle {bundle.name!r}: attribute {key!r} must have shape {shape}, got {values.shape}; "
                        "give one number per instance"
                    )

    # Look-ups ---------------------------------------------------------------------------------------------------------

    @cached_property
    def _groups(self) -> dict[str, Group]:
        return {group.name: group for group in self.groups}

    @cached_property
    def _bundles(self) -> dict[str, Bundle]:
        return {bundle.name: bundle for bundle in self.bundles}

    @cached_property
    def _offsets(self) -> dict[str, int]:
        ends = np.cumsum([group.size for group in self.groups])
        return {group.name: int(end) - group.size for group, end in zip(self.groups, ends, strict=True)}

    @property
    def size(self) -> int:
        """The number of nodes of all groups."""
        return sum(group.size for group in self.groups)

    def group(self, name: str) -> Group:
        """The group of this name; `ModelError` listing the known ones otherwise."""
        if name not in self._groups:
            raise ModelError(f"there is no group {name!r}; the groups are {listed(self._groups, 20)}")
        return self._groups[name]

    def bundle(self, name: str) -> Bundle:
        """The bundle of this name; `ModelError` listing the known ones otherwise."""
        if name not in self._bundles:
            known = f"the bundles are {listed(self._bundles, 20)}" if self.bundles else "the topology has no bundles"
            raise ModelError(f"there is no bundle {name!r}; {known}")
        return self._bundles[name]

    def sizes(self, bundle: str) -> tuple[int, ...]:
        """The sizes of the groups that a bundle joins, one per port."""
        unknown = [name for name in self.bundle(bundle).groups if name not in self._groups]
        if unknown:
            raise ModelError(
                f"bundle {bundle!r} joins groups {listed(unknown)}, which do not exist; "
                f"the groups are {listed(self._groups, 20)}"
            )
        return tuple(self._groups[name].size for name in self.bundle(bundle).groups)

    def count(self, bundle: str) -> int:
        """The number of instances of a bundle."""
        return self.bundle(bundle).pattern.count(self.sizes(bundle))

    def parameter_shape(self, bundle: str) -> tuple[int, ...]:
        """The shape of a parameter with one value per instance of a bundle."""
        return self.bundle(bundle).pattern.parameter_shape(self.sizes(bundle))

    def offset(self, group: str) -> int:
        """The node id of the first node of a group."""
        return self._offsets[self.group(group).name]

    def locate(self, label: Hashable) -> tuple[str, int]:
        """The group and the index in it of the node with this label.

        `label` is a node label, or a pair (group name, label), which also tells equal labels of several groups apart.
        Raises `ModelError` for a label that no node or several nodes have.

        >>> net = Topology((Group("a", 2, labels=("x", "y")), Group("b", 1, labels=("y",))))
        >>> net.locate("x"), net.locate(("b", "y"))
        (('a', 0), ('b', 0))
        """
        found = {(group.name, index) for group in self.groups if (index := group.index(label)) is not None}
        if isinstance(label, tuple) and len(label) == 2 and isinstance(label[0], str) and label[0] in self._groups:
            index = self._groups[label[0]].index(label[1])
            if index is not None:
                found.add((label[0], index))
        if len(found) == 1:
            return found.pop()
        if found:
            owners = sorted(group for group, _ in found)
            raise ModelError(
                f"node {label!r} is ambiguous: the groups {listed(owners, 20)} each have one; "
                f"write {(owners[0], label)!r} to name the group as well"
            )
        known = [known for group in self.groups for known in group.labels]
        near = near_matches(label, known)
        hint = f"did you mean {listed(near)}?" if near else f"its nodes are {listed(known)}"
        raise ModelError(f"the topology has no node {label!r}; {hint}")

    def element(self, label: Hashable) -> tuple[str, int] | None:
        """The bundle and the number in it of the instance with this label; None where there is none, or several.

        >>> from physeq.graph import Sparse
        >>> wire = Bundle("resistor", ("a", "a"), Sparse([[0, 1]]), labels=("R1",))
        >>> Topology((Group("a", 2),), (wire,)).element("R1")
        ('resistor', 0)
        """
        found = self._elements.get(label, ())
        return found[0] if len(found) == 1 else None

    @cached_property
    def _elements(self) -> dict[Hashable, list[tuple[str, int]]]:
        found: dict[Hashable, list[tuple[str, int]]] = {}
        for bundle in self.bundles:
            for index, label in enumerate(bundle.labels or ()):
                found.setdefault(label, []).append((bundle.name, index))
        return found

    def node(self, node_id: int) -> tuple[str, Hashable]:
        """The group and the label of a node id.

        >>> Topology((Group("a", 2), Group("b", 1, labels=("out",)))).node(2)
        ('b', 'out')
        """
        if not 0 <= node_id < self.size:
            raise ModelError(f"node id {node_id} does not exist; the {self.size} nodes are numbered from 0")
        name = [group for group, offset in self._offsets.items() if offset <= node_id][-1]
        return name, self._groups[name].labels[node_id - self._offsets[name]]

    # Arrays and connectivity ------------------------------------------------------------------------------------------

    def edge_arrays(self, bundle: str) -> tuple[np.ndarray, ...]:
        """The node that each instance touches, one int32 array of shape (instances,) per port.

        For edges: the sources and the targets, counted within their groups.
        """
        return tuple(self.bundle(bundle).pattern.rows(self.sizes(bundle)).T)

    def links(self, bundles: Iterable[str] | None = None) -> np.ndarray:
        """Pairs of node ids that span the connections of the named bundles (default: all), shape (links, 2)."""
        parts = [np.zeros((0, 2), np.int64)]
        for name in self._bundles if bundles is None else bundles:
            offsets = tuple(self._offsets[group] for group in self.bundle(name).groups)
            parts.append(self.bundle(name).pattern.links(self.sizes(name), offsets))
        return np.concatenate(parts)

    def components(self, bundles: Iterable[str] | None = None) -> list[np.ndarray]:
        """The connected components over the named bundles (default: all), each a sorted array of node ids.

        Directions are ignored and all ports of an instance count as connected. Components come in the order of their
        first nodes.

        >>> from physeq.graph import from_edges
        >>> [ids.tolist() for ids in from_edges([0], [2], size=3).components()]
        [[0, 2], [1]]
        """
        sources, targets = self.links(bundles).T
        matrix = coo_array((np.ones(len(sources), np.int8), (sources, targets)), shape=(self.size, self.size))
        count, numbers = connected_components(matrix, directed=False)
        order = np.argsort(numbers, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(numbers, minlength=count))[:-1])
        return sorted(parts, key=lambda ids: int(ids[0]))

    def isolated(self, bundles: Iterable[str] | None = None) -> np.ndarray:
        """The node ids that no instance of the named bundles (default: all) touches; a self-loop does touch.

        >>> from physeq.graph import from_edges
        >>> from_edges([0], [2], size=3).isolated().tolist()
        [1]
        """
        touched = np.zeros(self.size, bool)
        for name in self._bundles if bundles is None else bundles:
            sizes = self.sizes(name)
            for port, group in enumerate(self.bundle(name).groups):
                offset = self._offsets[group]
                touched[offset : offset + sizes[port]] |= self.bundle(name).pattern.touched(port, sizes)
        return np.flatnonzero(~touched)

    # networkx ---------------------------------------------------------------------------------------------------------

    @classmethod
    def from_networkx(cls, graph: nx.Graph, **options: Any) -> "Topology":
        """The topology of a networkx graph; see `physeq.graph.from_networkx`."""
        from ._from_networkx import from_networkx

        return from_networkx(graph, **options)

    def to_networkx(self, **options: Any) -> nx.MultiGraph:
        """The networkx MultiGraph or MultiDiGraph of this topology; see `physeq.graph.to_networkx`."""
        from ._to_networkx import to_networkx

        return to_networkx(self, **options)
