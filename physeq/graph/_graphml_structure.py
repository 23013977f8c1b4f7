"""What GraphML lacks of a topology: groups, bundles, numbering and orientation, carried along and taken up again."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

import networkx as nx
import numpy as np

from ..errors import ModelError
from ._columns import member_columns, positions, read
from ._elements import MISSING, Bundle, Column, Group, Origin
from ._json_values import Place
from .patterns import Sparse
from .topology import Topology

PREFIX = "physeq_"
STRUCTURE = f"{PREFIX}structure"
_NODE_MARKS = (f"{PREFIX}group", f"{PREFIX}number")
_EDGE_MARKS = (f"{PREFIX}bundle", f"{PREFIX}instance", f"{PREFIX}source", f"{PREFIX}target")


def structure(topology: Topology) -> Topology:
    """The topology with marks on all nodes and edges, and a description of its groups and bundles, as attributes."""
    groups, bundles = [], []
    for number, group in enumerate(topology.groups):
        marks = zip(_NODE_MARKS, (np.full(group.size, number), np.arange(group.size)), strict=True)
        groups.append(dataclasses.replace(group, attributes={**group.attributes, **dict(marks)}))
    for number, bundle in enumerate(topology.bundles):
        if len(bundle.groups) == 2:
            shape = topology.parameter_shape(bundle.name)
            count = topology.count(bundle.name)
            ends = [np.asarray(end) for end in topology.edge_arrays(bundle.name)]
            values = [np.full(count, number), np.arange(count), *ends]
            marks = zip(_EDGE_MARKS, (value.reshape(shape) for value in values), strict=True)
            bundle = dataclasses.replace(bundle, attributes={**bundle.attributes, **dict(marks)})
        bundles.append(bundle)
    description: dict[str, Any] = {
        "groups": [
            {
                "name": group.name,
                "kind": group.kind,
                "origin": group.origin.kind_attribute if _valid(group, group.size) else None,
                "attributes": list(group.attributes),
                "positions": group.positions is not None,
            }
            for group in topology.groups
        ],
        "bundles": [
            {
                "name": bundle.name,
                "kind": bundle.kind,
                "groups": list(bundle.groups),
                "directed": bool(bundle.directed),
                "origin": bundle.origin.kind_attribute if _valid(bundle, topology.count(bundle.name)) else None,
                "attributes": list(bundle.attributes),
                "labelled": bundle.labels is not None,
            }
            for bundle in topology.bundles
        ],
    }
    labels = [label for group in topology.groups for label in group.labels]
    description["paired"] = len(set(labels)) < len(labels)
    attributes = {**topology.graph_attributes, STRUCTURE: json.dumps(description)}
    return Topology(tuple(groups), tuple(bundles), attributes)


def _valid(element: Group | Bundle, count: int) -> bool:
    return element.origin is not None and len(element.origin.order) == count


def restored(graph: nx.MultiGraph, known: Place) -> Topology:
    """The topology whose marks a graph carries; `known` is their description."""
    keys = known.keys(("groups", "bundles", "paired", "nodes", "keys"))
    nodes = list(graph.nodes(data=True))
    labels = _decoded([label for label, _ in nodes], keys["nodes"])
    if keys["paired"].of(bool):  # groups share labels: the nodes are called (group, label)
        if not all(isinstance(label, tuple) and len(label) == 2 for label in labels):
            raise keys["paired"].wrong("is said, but not all nodes are pairs of a group and a label")
        labels = [label[1] for label in labels]
    groups = keys["groups"].items()
    members = _members(known.file, nodes, _NODE_MARKS, len(groups), "node")
    made = [_group(place, rows, nodes, labels) for place, rows in zip(groups, members, strict=True)]
    edges = list(graph.edges(keys=True, data=True))
    bundles = keys["bundles"].items()
    rows = _members(known.file, [((u, v), data) for u, v, _, data in edges], _EDGE_MARKS, len(bundles), "edge")
    edge_keys = _decoded([key for _, _, key, _ in edges], keys["keys"])
    ids = {label: number for number, (label, _) in enumerate(nodes)}
    offsets = {
        place.key("name").value: [ids[nodes[k][0]] for k in found] for place, found in zip(groups, members, strict=True)
    }
    joined = [_bundle(place, found, edges, edge_keys, offsets, ids) for place, found in zip(bundles, rows, strict=True)]
    try:
        return Topology(tuple(made), tuple(joined), dict(graph.graph))
    except ModelError as error:
        raise ModelError(f"{known.file}: {error}") from None


def _members(
    file: str, elements: Sequence[tuple[Any, dict]], marks: tuple[str, ...], count: int, what: str
) -> list[list[int]]:
    """The positions of the elements of each group or bundle, in the order of their numbers there."""
    found: list[dict[int, int]] = [{} for _ in range(count)]
    for position, (label, data) in enumerate(elements):
        for mark in marks:
            if type(data.get(mark)) is not int:
                raise ModelError(f"{file}: {what} {label!r}: {mark} must be an integer, got {data.get(mark)!r}")
        owner, number = data[marks[0]], data[marks[1]]
        if not 0 <= owner < count:
            raise ModelError(f"{file}: {what} {label!r}: {marks[0]} must lie below {count}, got {owner}")
        if number in found[owner]:
            raise ModelError(f"{file}: {what} {label!r}: {marks[1]} = {number} stands twice in {marks[0]} {owner}")
        found[owner][number] = position
    for owner, numbered in enumerate(found):
        if sorted(numbered) != list(range(len(numbered))):
            raise ModelError(f"{file}: the {what}s of {marks[0]} {owner} are not numbered 0 to {len(numbered) - 1}")
    return [[numbered[k] for k in range(len(numbered))] for numbered in found]


def _decoded(texts: list[str], coding: Place) -> list:
    if coding.value == "string":
        return texts
    try:
        if coding.value == "integer":
            return [int(text) for text in texts]
        if coding.value == "json":
            return [Place(coding.file, repr(text), json.loads(text)).decoded() for text in texts]
    except ValueError as error:
        raise ModelError(f"{coding.file}: a label or edge key is not written as {coding.value}: {error}") from None
    raise coding.wrong("must be 'string', 'integer' or 'json'")


def _columns(elements: Iterable[dict], rows: list[int], marks: tuple[str, ...], kind: str | None) -> dict[Any, Column]:
    data = [{k: v for k, v in one.items() if k not in marks} for one in elements]
    return member_columns(read(data), np.arange(len(rows)), kind)


def _attributes(place: Place, columns: dict[Any, Column], count: int) -> dict[str, np.ndarray]:
    result = {}
    for one in place.key("attributes").items():
        column = columns.get(one.of(str))
        if column is None:
            result[one.value] = np.full(count, np.nan)  # numbers that no element has
        elif column.array is None:
            raise one.wrong("must be an attribute of numbers")
        else:
            result[one.value] = column.array
    return result


def _group(place: Place, rows: list[int], nodes: list, labels: list) -> Group:
    keys = place.keys(("name", "kind", "origin", "attributes", "positions"))
    origin_kind = keys["origin"].of(str, type(None))
    kind = keys["kind"].of(str, type(None))
    columns = _columns((nodes[k][1] for k in rows), rows, _NODE_MARKS, origin_kind if kind is not None else None)
    places = None
    if keys["positions"].of(bool):
        places = positions(columns["pos"].values) if "pos" in columns else None
        if places is None:
            raise keys["positions"].wrong("is said, but not all nodes have numbers physeq_pos_0, ...")
        columns["pos"] = Column(columns["pos"].values, places)
    attributes = _attributes(place, columns, len(rows))
    origin = None if origin_kind is None else Origin(np.array(rows, np.int64), columns, origin_kind)
    own = tuple(labels[k] for k in rows)
    return Group(keys["name"].of(str), len(rows), own, kind, places, attributes, origin)


def _bundle(place: Place, rows: list[int], edges: list, edge_keys: list, offsets: dict, ids: dict) -> Bundle:
    keys = place.keys(("name", "kind", "groups", "directed", "origin", "attributes", "labelled"))
    data = [edges[k][3] for k in rows]
    ends = np.array([[one[mark] for mark in _EDGE_MARKS[2:]] for one in data], np.int64).reshape(len(rows), 2)
    groups = tuple(one.of(str) for one in keys["groups"].items())
    kind, origin_kind = keys["kind"].of(str, type(None)), keys["origin"].of(str, type(None))
    columns = _columns(data, rows, _EDGE_MARKS, origin_kind if kind is not None else None)
    labels = None
    if keys["labelled"].of(bool):
        column = columns.get("name")
        if column is None or any(value is MISSING for value in column.values):
            raise keys["labelled"].wrong("is said, but not all its edges have a name")
        labels = tuple(column.values)
    attributes = _attributes(place, columns, len(rows))
    origin = None
    if origin_kind is not None:
        sources = offsets.get(groups[0], [])
        flipped = [
            not (0 <= start < len(sources) and sources[start] == ids[edges[k][0]])
            for k, (start, _) in zip(rows, ends.tolist(), strict=True)
        ]
        own = [edge_keys[k] for k in rows]
        origin = Origin(np.array(rows, np.int64), columns, origin_kind, np.array(flipped, bool), own)
    name, directed = keys["name"].of(str), keys["directed"].of(bool)
    return Bundle(name, groups, Sparse(ends), kind, directed, attributes, labels, origin)
