"""From networkx graphs of every kind to topologies."""

from collections.abc import Mapping, Sequence
from itertools import chain

import networkx as nx
import numpy as np

from ..errors import ModelError
from ._columns import member_columns, numeric_columns, positions, read, take
from ._elements import MISSING, Bundle, Column, Group, Origin
from ._text import listed
from .patterns import Sparse
from .topology import Topology


def from_networkx(
    graph: nx.Graph,
    *,
    node_kind: str = "component",
    edge_kind: str = "component",
    node_group: str | None = None,
    edge_bundle: str | None = None,
) -> Topology:
    """The topology of a Graph, DiGraph, MultiGraph or MultiDiGraph.

    Nodes with the same attribute `node_kind` form the group of that name; when no node has it, all form the group
    "nodes". Edges form one bundle per value of the attribute `edge_kind` ("edges" when no edge has it), pair of groups
    and directedness; a kind that joins several pairs of groups gives bundles named "kind:source->target". With
    `node_group` or `edge_bundle` another attribute names the groups or bundles, and the kind is only recorded.

    Edges of a DiGraph are directed, unless their attribute `directed` is False. Edges of a Graph have no direction;
    they are oriented as networkx iterates over them within one group, and between groups always from the group that
    comes first in the order of the nodes. Numeric attributes become arrays, NaN where an element has none; everything
    else is kept aside for `to_networkx`. Distinct strings in the edge attribute `name` label the edges ("R1"). The
    node attribute `pos` becomes the positions, where all nodes of a group
    have one of the same length.

    Raises `ModelError` for graphs without nodes, and where only some nodes or some edges have a kind.

    >>> graph = nx.Graph([("a", "b"), ("b", "c")])
    >>> graph.edges["a", "b"]["g"] = 2.0
    >>> net = from_networkx(graph)
    >>> net.group("nodes").labels, net.bundle("edges").attributes["g"].tolist()
    (('a', 'b', 'c'), [2.0, nan])
    """
    if not isinstance(graph, nx.Graph):
        raise ModelError(
            f"from_networkx: graph must be a networkx graph, got {type(graph).__name__}; "
            "for arrays of edges use from_edges(sources, targets, size)"
        )
    labels = list(graph)
    if not labels:
        raise ModelError("from_networkx: graph must have at least one node, got none; add its nodes before converting")
    columns = read([data for _, data in graph.nodes(data=True)])
    kinds = _names("node", labels, columns, node_kind)
    group_names = kinds if node_group is None else _names("node", labels, columns, node_group)
    names, codes = _codes(group_names, "nodes", len(labels))
    groups, local = [], np.empty(len(labels), np.int64)
    for name, members in zip(names, _members(codes, len(names)), strict=True):
        local[members] = np.arange(len(members))
        kind = _one_kind("group", name, kinds, members)
        own = member_columns(columns, members, node_kind if kind is not None else None)
        groups.append(_group(name, kind, node_kind, members, take(labels, members), own))

    nodes, keys, columns = _edges(graph, labels)
    directed = _directions(graph, _Ends(labels, nodes), columns)
    flipped = ~directed & (codes[nodes[:, 0]] > codes[nodes[:, 1]])
    as_stored, nodes = nodes, np.where(flipped[:, None], nodes[:, ::-1], nodes)

    kinds = _names("edge", _Ends(labels, as_stored), columns, edge_kind)
    bundle_names = kinds if edge_bundle is None else _names("edge", _Ends(labels, as_stored), columns, edge_bundle)
    edge_names, edge_codes = _codes(bundle_names, "edges", len(nodes))
    distinct, rank = _distinct_rows(np.column_stack([edge_codes, codes[nodes], directed]))
    bundles = []
    for row, members, name in zip(
        distinct, _members(rank, len(distinct)), _bundle_names(distinct, edge_names, names), strict=True
    ):
        kind = _one_kind("bundle", name, kinds, members)
        own = member_columns(columns, members, edge_kind if kind is not None else None)
        origin = Origin(members, own, edge_kind, flipped[members], None if keys is None else take(keys, members))
        bundles.append(
            Bundle(
                name,
                (names[row[1]], names[row[2]]),
                Sparse(local[nodes[members]]),
                kind=kind,
                directed=bool(row[3]),
                attributes=numeric_columns(own, leave_out="directed"),
                labels=_labels(own),
                origin=origin,
            )
        )
    return Topology(tuple(groups), tuple(bundles), dict(graph.graph))


def _labels(columns: Mapping[str, Column]) -> tuple | None:
    """The edges' names, where every edge has one of its own: strings in the attribute `name`."""
    names = columns["name"].values if "name" in columns else ()
    strings = all(isinstance(name, str) for name in names)
    return tuple(names) if len(names) and strings and len(set(names)) == len(names) else None


def _group(
    name: str, kind: str | None, kind_attribute: str, members: np.ndarray, labels: Sequence, columns: dict[str, Column]
) -> Group:
    places = positions(columns["pos"].values) if "pos" in columns else None
    if places is not None:
        columns["pos"] = Column(columns["pos"].values, places)
    attributes = numeric_columns(columns, leave_out=None if places is None else "pos")
    origin = Origin(members, columns, kind_attribute)
    return Group(name, len(members), tuple(labels), kind, places, attributes, origin)


class _Ends(Sequence):
    """The labels of the two ends of every edge, looked up only when an error message asks for them."""

    def __init__(self, labels: Sequence, nodes: np.ndarray):
        self.labels, self.nodes = labels, nodes

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, position):
        source, target = self.nodes[position]
        return self.labels[source], self.labels[target]


def _edges(graph: nx.Graph, labels: list) -> tuple[np.ndarray, list | None, dict[str, list]]:
    """The nodes of all edges, shape (edges, 2), the keys (of multigraphs) and the attributes, as networkx orders them.

    Reads the adjacency instead of `graph.edges`, whose tuples take several times longer to make than all the rest.
    """
    targets: list = []
    cells: list = []  # the data of the edge, or the data of parallel edges by key
    degrees = []
    for _, neighbours in graph.adjacency():
        targets.extend(neighbours)
        cells.extend(neighbours.values())
        degrees.append(len(neighbours))
    number = dict(zip(labels, range(len(labels)), strict=True))
    nodes = np.empty((len(targets), 2), np.int64)
    nodes[:, 0] = np.repeat(np.arange(len(labels)), degrees)
    nodes[:, 1] = np.fromiter(map(number.__getitem__, targets), np.int64, len(targets))
    if not graph.is_directed():  # each edge stands at both of its ends: keep the end that networkx meets first
        kept = np.flatnonzero(nodes[:, 0] <= nodes[:, 1])
        nodes, cells = nodes[kept], [cells[k] for k in kept.tolist()]
    if not graph.is_multigraph():
        return nodes, None, read(cells)
    nodes = np.repeat(nodes, np.fromiter(map(len, cells), np.int64, len(cells)), axis=0)
    keys = list(chain.from_iterable(cells))
    return nodes, keys, read(list(chain.from_iterable(cell.values() for cell in cells)))


def _directions(graph: nx.Graph, edges: Sequence, columns: Mapping[str, list]) -> np.ndarray:
    """Whether each edge is directed."""
    marks = columns.get("directed", [])
    if graph.is_directed():
        wrong = [k for k, mark in enumerate(marks) if mark is not MISSING and not isinstance(mark, bool | np.bool_)]
        mend = "write directed=False on an edge without direction, and nothing on the others"
    else:
        wrong = [k for k, mark in enumerate(marks) if isinstance(mark, bool | np.bool_) and mark]
        mend = "edges of an undirected graph have no direction: use a DiGraph, with directed=False on the other edges"
    if wrong:
        which = listed(edges[k] for k in wrong)
        raise ModelError(f"edges {which} have the attribute directed={marks[wrong[0]]!r}; {mend}")
    directed = np.full(len(edges), graph.is_directed())
    if graph.is_directed():
        directed[[k for k, mark in enumerate(marks) if mark is not MISSING and not mark]] = False
    return directed


def _names(what: str, labels: Sequence, columns: Mapping[str, list], attribute: str) -> list[str] | None:
    """The attribute that names the kind of every element; None when no element has it."""
    values = columns.get(attribute, [None])
    types = set(map(type, values))
    absent = {type(None), type(MISSING)}
    if types <= absent:
        return None
    if types & absent:
        without = [labels[k] for k, value in enumerate(values) if value is None or value is MISSING]
        raise ModelError(
            f"{what}s {listed(without)} have no attribute {attribute!r}, but others have; "
            f"give it to every {what}, or to none"
        )
    if not all(issubclass(one, str) for one in types) or "" in values:
        k = next(k for k, value in enumerate(values) if not isinstance(value, str) or not value)
        raise ModelError(
            f"{what} {labels[k]!r}: attribute {attribute!r} must be a name, a non-empty string, got {values[k]!r}"
        )
    return values


def _codes(values: list[str] | None, default: str, count: int) -> tuple[list[str], np.ndarray]:
    """The distinct names in order of appearance, and for every element the number of its name."""
    if values is None:
        return [default], np.zeros(count, np.int64)
    number = {name: code for code, name in enumerate(dict.fromkeys(values))}
    return list(number), np.fromiter(map(number.__getitem__, values), np.int64, count)


def _distinct_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows in order of appearance, and for every row the number of its equal."""
    widths = table.max(axis=0, initial=0) + 1
    keys = np.zeros(len(table), np.int64)  # one number per row: np.unique over rows is many times slower
    for column, width in zip(table.T, widths, strict=True):
        keys = keys * width + column
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    return table[first[by_appearance]], np.argsort(by_appearance)[inverse]


def _members(codes: np.ndarray, count: int) -> list[np.ndarray]:
    """The elements of each code, in order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=count))[:-1]) if count else []


def _one_kind(what: str, name: str, kinds: list[str] | None, members: np.ndarray) -> str | None:
    if kinds is None or not len(members):
        return None
    found = dict.fromkeys(take(kinds, members))
    if len(found) > 1:
        raise ModelError(f"{what} {name!r} mixes the kinds {listed(found)}; give each kind a {what} of its own")
    return next(iter(found))


def _bundle_names(rows: np.ndarray, edge_names: list[str], group_names: list[str]) -> list[str]:
    """One name per row (name, source group, target group, directed): as short as unambiguous."""
    result = []
    for name, source, target, directed in rows.tolist():
        alike = [row for row in rows.tolist() if row[0] == name]
        mixed = [name, source, target, 1 - directed] in alike  # the same ends with and without direction
        arrow = "--" if mixed and not directed else "->"
        ends = f":{group_names[source]}{arrow}{group_names[target]}"
        result.append(edge_names[name] + (ends if len(alike) > 1 else ""))
    return result
