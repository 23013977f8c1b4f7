"""From topologies back to networkx."""

from collections.abc import Mapping

import networkx as nx
import numpy as np

from ..errors import ModelError
from ._elements import MISSING, Bundle, Group, Origin
from .topology import Topology

_LAST = np.iinfo(np.int64).max  # elements that no graph has ordered come after those that one has


def to_networkx(topology: Topology, *, node_kind: str | None = None, edge_kind: str | None = None) -> nx.MultiGraph:
    """The topology as a MultiDiGraph when some bundle is directed, as a MultiGraph otherwise.

    Nodes are the labels, or pairs (group, label) where groups share labels. The kinds go to the attributes `node_kind`
    and `edge_kind` (default: those they came from, else "component"), numbers that are not NaN to attributes of their
    own names, positions to `pos`. What came from a networkx graph goes back in its order, with its orientation, its
    keys and all its attributes. In a MultiDiGraph the edges of undirected bundles have `directed=False`. Groups and
    bundles whose name is not their kind are told apart by the attributes `group` and `bundle`, which
    `from_networkx(graph, node_group="group", edge_bundle="bundle")` reads.

    Raises `ModelError` for bundles with other than two ports.

    >>> from physeq.graph import complete
    >>> to_networkx(complete(3)).edges()
    MultiEdgeDataView([(0, 1), (0, 2), (1, 2)])
    """
    graph = nx.MultiDiGraph() if any(bundle.directed for bundle in topology.bundles) else nx.MultiGraph()
    graph.graph.update(topology.graph_attributes)

    nodes = [label for group in topology.groups for label in group.labels]
    if len(set(nodes)) < len(nodes):
        nodes = [(group.name, label) for group in topology.groups for label in group.labels]
    node_data, node_order = [], []
    for group in topology.groups:
        origin = _origin(group, group.size)
        node_data += _group_data(group, origin, node_kind, alone=len(topology.groups) == 1)
        node_order.append(np.full(group.size, _LAST) if origin is None else origin.order)
    graph.add_nodes_from((nodes[k], node_data[k]) for k in _sorted(node_order))

    edges, edge_order = [], []
    for bundle in topology.bundles:
        if len(bundle.groups) != 2:
            raise ModelError(
                f"bundle {bundle.name!r} has {len(bundle.groups)} ports, and an edge of a networkx graph has two ends; "
                "convert a topology without it: dataclasses.replace(topology, bundles=...)"
            )
        count = topology.count(bundle.name)
        origin = _origin(bundle, count)
        ends = np.stack(topology.edge_arrays(bundle.name), axis=1) + np.array(
            [topology.offset(group) for group in bundle.groups], np.int64
        )
        if origin is not None and origin.flipped is not None:
            ends[origin.flipped] = ends[origin.flipped, ::-1]
        keys = origin.keys if origin is not None and origin.keys is not None else [None] * count
        data = _bundle_data(bundle, origin, edge_kind, count, graph.is_directed())
        edges += [(nodes[u], nodes[v], key, one) for (u, v), key, one in zip(ends.tolist(), keys, data, strict=True)]
        edge_order.append(np.full(count, _LAST) if origin is None else origin.order)
    graph.add_edges_from(edges[k] for k in _sorted(edge_order))
    return graph


def _origin(element: Group | Bundle, count: int) -> Origin | None:
    """What the element remembers of its graph, unless its size was changed since."""
    return element.origin if element.origin is not None and len(element.origin.order) == count else None


def _sorted(orders: list[np.ndarray]) -> list[int]:
    return np.argsort(np.concatenate(orders), kind="stable").tolist() if orders else []


def _group_data(group: Group, origin: Origin | None, kind_attribute: str | None, alone: bool) -> list[dict]:
    recoverable = group.name == (group.kind or ("nodes" if alone else None))
    data = [{} if origin is not None or recoverable else {"group": group.name} for _ in range(group.size)]
    arrays = dict(group.attributes)
    if group.positions is not None:
        arrays["pos"] = group.positions
    _write(data, origin, arrays, group.kind, kind_attribute)
    return data


def _bundle_data(
    bundle: Bundle, origin: Origin | None, kind_attribute: str | None, count: int, directed_graph: bool
) -> list[dict]:
    recoverable = bundle.name == (bundle.kind or "edges")
    data: list[dict] = [{} if origin is not None or recoverable else {"bundle": bundle.name} for _ in range(count)]
    arrays = {name: values.ravel() for name, values in bundle.attributes.items() if values.ndim != 1}
    _write(data, origin, {**bundle.attributes, **arrays}, bundle.kind, kind_attribute)
    for one, label in zip(data, bundle.labels or (), strict=False):
        one["name"] = label
    if directed_graph:
        for one in data:
            if one.get("directed", True) is not bundle.directed:
                one["directed"] = bundle.directed
    return data


def _write(
    data: list[dict], origin: Origin | None, arrays: Mapping[str, np.ndarray], kind: str | None, attribute: str | None
) -> None:
    """Add the kind and the attributes to the dicts: remembered values where the arrays are still those made of them."""
    columns = {} if origin is None else origin.columns
    for name, column in columns.items():
        if column.array is None or arrays.get(name) is column.array:
            for one, value in zip(data, column.values, strict=True):
                if value is not MISSING:
                    one[name] = value
    for name, array in arrays.items():
        if name not in columns or columns[name].array is not array:
            for one, value in zip(data, array.tolist(), strict=True):
                if isinstance(value, list):
                    one[name] = tuple(value)
                elif value == value:  # NaN, the mark of a missing number, differs from itself
                    one[name] = value
    if kind is not None:
        attribute = attribute or (origin.kind_attribute if origin is not None else "component")
        for one in data:
            one[attribute] = kind
