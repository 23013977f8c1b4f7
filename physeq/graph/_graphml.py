"""Topologies as GraphML, for other programs; what physeq wrote comes back as it was."""

import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from ..errors import ModelError
from ._from_networkx import from_networkx
from ._graphml_structure import PREFIX, STRUCTURE, restored, structure
from ._json_values import Place, value_out
from ._to_networkx import to_networkx
from .topology import Topology

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold as it is
_POSITION = f"{PREFIX}pos_"


def write_graphml(topology: Topology, path: str | Path, *, omit: Iterable[str] = ()) -> None:
    """Write a topology as GraphML.

    Nodes and edges carry their attributes, positions as one number per axis, and what `read_graphml` needs beside: the
    group of a node, the bundle of an edge, its number there and its orientation. Labels that are neither all strings
    nor all integers are written as JSON.

    `omit`: attributes to leave out. Raises `ModelError` for bundles with other than two ports, and for attributes that
    GraphML cannot keep (None, lists, complex numbers), all of them named; `write_json` keeps them.
    """
    graph = to_networkx(structure(topology))
    refused: list[str] = []
    nodes = _coded(list(graph), "integer" if all(type(one) is int for one in graph) else "string")
    written = nx.MultiDiGraph() if graph.is_directed() else nx.MultiGraph()
    left_out = frozenset(omit)
    for (label, data), text in zip(graph.nodes(data=True), nodes[1], strict=True):
        written.add_node(text, **_plain(data, f"node {label!r}", left_out, refused))
    names = dict(zip(graph, nodes[1], strict=True))
    edges = list(graph.edges(keys=True, data=True))
    keys = _coded([key for _, _, key, _ in edges], "integer")
    for (source, target, _, data), key in zip(edges, keys[1], strict=True):
        where = f"edge {(source, target)!r}"
        written.add_edge(names[source], names[target], key, **_plain(data, where, left_out, refused))
    written.graph.update(_plain(graph.graph, "the graph", left_out, refused))
    for text in nodes[1]:
        _check_text(text, f"node {text!r}", refused)
    if refused:
        told = "\n".join(f"  {one}" for one in refused[:20])
        more = f"\n  and {len(refused) - 20} more" if len(refused) > 20 else ""
        raise ModelError(f"GraphML cannot keep these; use write_json, or leave them out with omit=[...]:\n{told}{more}")
    known = json.loads(written.graph[STRUCTURE]) | {"nodes": nodes[0], "keys": keys[0]}
    written.graph[STRUCTURE] = json.dumps(known)
    nx.write_graphml_xml(written, str(path))


def read_graphml(path: str | Path, *, node_type: type | None = None) -> Topology:
    """Read GraphML: a file of `write_graphml` as the topology that it was, any other by `from_networkx`.

    `node_type`: `int` for files of other programs whose nodes are numbers. Dense patterns come back as lists of edges.
    Raises `ModelError` for files that are no GraphML, and naming node or edge where physeq's own marks are wrong.
    """
    file = str(path)
    try:
        graph = nx.read_graphml(file, node_type=str, edge_key_type=str, force_multigraph=True)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from None
    except Exception as error:  # networkx lets everything through that XML parsing and type conversion raise
        raise ModelError(f"{file}: is no GraphML that can be read: {type(error).__name__}: {error}") from None
    for name, entries in (("node_default", graph.nodes.values()), ("edge_default", graph.edges.values())):
        for key, value in graph.graph.pop(name, {}).items():
            for data in entries:
                data.setdefault(key, value)
    for data in graph.nodes.values():
        _join_position(data)
    if STRUCTURE not in graph.graph:
        return from_networkx(_relabelled(graph, node_type, file))
    text = graph.graph.pop(STRUCTURE)
    try:
        known = Place(file, STRUCTURE, json.loads(text))
    except (json.JSONDecodeError, RecursionError):
        raise ModelError(
            f"{file}: the graph's {STRUCTURE} is no JSON; write the file anew with write_graphml"
        ) from None
    return restored(graph, known)


# Values ---------------------------------------------------------------------------------------------------------------


def _coded(values: Sequence[Hashable], default: str) -> tuple[str, list[str]]:
    """How labels or keys are written ("integer", "string" or "json"), and their texts."""
    if all(type(one) is int for one in values):
        return ("integer" if values else default), [str(one) for one in values]
    if all(isinstance(one, str) and one for one in values):
        return "string", [str(one) for one in values]
    return "json", [json.dumps(value_out(one, f"label {one!r}"), ensure_ascii=False) for one in values]


def _plain(data: Mapping, where: str, left_out: frozenset[str], refused: list[str]) -> dict[str, Any]:
    """The attributes as GraphML keeps them; those that it cannot are told in `refused`."""
    result: dict[str, Any] = {}
    for name, value in data.items():
        if name in left_out:
            continue
        if not isinstance(name, str):
            refused.append(f"{where}: the attribute name {name!r} is no string")
            continue
        value = value.item() if isinstance(value, np.generic) else value
        if name == "pos" and isinstance(value, tuple | list) and all(_is_number(x) for x in value) and len(value):
            result |= {f"{_POSITION}{axis}": x for axis, x in enumerate(value)}
        elif isinstance(value, str):
            _check_text(value, f"{where}: attribute {name!r} = {value!r}", refused)
            result[name] = value
        elif _is_number(value) or isinstance(value, bool):
            result[name] = value
        else:
            refused.append(f"{where}: attribute {name!r} = {value!r}")
        _check_text(name, f"{where}: attribute name {name!r}", refused)
    return result


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_text(text: str, what: str, refused: list[str]) -> None:
    if _FORBIDDEN.search(text):
        refused.append(f"{what} holds a character that XML cannot")


def _join_position(data: dict[str, Any]) -> None:
    axes: list[float] = []
    while f"{_POSITION}{len(axes)}" in data:
        axes.append(data.pop(f"{_POSITION}{len(axes)}"))
    if axes:
        data["pos"] = tuple(axes)


def _relabelled(graph: nx.MultiGraph, node_type: type | None, file: str) -> nx.MultiGraph:
    if node_type is None:
        return graph
    try:
        return nx.relabel_nodes(graph, {label: node_type(label) for label in graph})
    except (TypeError, ValueError) as error:
        raise ModelError(f"{file}: its nodes are no {node_type.__name__}: {error}; leave node_type out") from None
