"""Topologies as JSON: a versioned file that keeps everything, and is checked key by key when it is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ._elements import Bundle, Group
from ._json_origin import read_origin, write_origin
from ._json_values import Place, array_out, value_out
from .patterns import Dense, OneToOne, Pattern, Sparse
from .topology import Topology

FORMAT = "physeq-graph"
SCHEMA = 1
_MOST = 2**31  # nodes are numbered in 32 bits
_PATTERNS: dict[str, type[Pattern]] = {"dense": Dense, "one-to-one": OneToOne, "sparse": Sparse}


def to_json(topology: Topology) -> str:
    """The topology as a JSON text, which `from_json` reads back unchanged.

    `{"format": "physeq-graph", "schema": 1, "groups": [...], "bundles": [...], "graph_attributes": ...}`. What JSON
    lacks is written as an object of one key: `{"tuple": [...]}`, `{"complex": [re, im]}`, `{"float": "nan"}`,
    `{"array": {"dtype", "shape", "values"}}` with complex values as pairs, `{"dict": [[key, value], ...]}`.

    Raises `ModelError` for labels and attributes of other types, naming them.

    >>> from physeq.graph import from_edges
    >>> from_json(to_json(from_edges([0, 1], [1, 2], size=3))).edge_arrays("edges")[0].tolist()
    [0, 1]
    """
    content = {
        "format": FORMAT,
        "schema": SCHEMA,
        "groups": [_group_out(group) for group in topology.groups],
        "bundles": [_bundle_out(bundle, topology) for bundle in topology.bundles],
        "graph_attributes": value_out(dict(topology.graph_attributes), "graph_attributes"),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def from_json(text: str, name: str = "JSON") -> Topology:
    """The topology of a text that `to_json` wrote; `name` is what messages call it.

    Raises `ModelError` for a text that is not JSON, of another format or schema, or with a wrong value: the message
    says where it stands, such as `bundles[0].pattern.indices`.
    """
    root = Place(name, "", _parsed(text, name))
    keys = root.keys(("format", "schema", "groups", "bundles", "graph_attributes"))
    if keys["format"].value != FORMAT:
        raise keys["format"].wrong(f"must be {FORMAT!r}")
    if keys["schema"].value != SCHEMA:
        raise keys["schema"].wrong(f"must be {SCHEMA}; another version of physeq wrote this file")
    attributes = keys["graph_attributes"].decoded()
    if not isinstance(attributes, dict):
        raise keys["graph_attributes"].wrong("must be a dict")
    groups = tuple(_group_in(place) for place in keys["groups"].items())
    bundles = tuple(_bundle_in(place) for place in keys["bundles"].items())
    return _placed(root, lambda: Topology(groups, bundles, attributes))


def write_json(topology: Topology, path: str | Path) -> None:
    """Write `to_json(topology)` to a file."""
    Path(path).write_text(to_json(topology) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Topology:
    """Read a file that `write_json` wrote; `ModelError` naming file, key and place where it is malformed."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read as text: {error}") from None
    return from_json(text, str(path))


def _parsed(text: str, name: str) -> Any:
    def refuse(constant: str):
        raise ModelError(f'{name}: holds {constant}, which is no JSON; write {{"float": "{constant.lower()}"}}')

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ModelError(
            f"{name}: is no JSON: {error.msg} in line {error.lineno}, column {error.colno}; "
            "write graphs with write_json"
        ) from None
    except RecursionError:
        raise ModelError(f"{name}: is nested too deeply to be a graph") from None


# Groups and bundles ---------------------------------------------------------------------------------------------------


def _group_out(group: Group) -> dict:
    where = f"group {group.name!r}"
    numbered = all(type(label) is int and label == k for k, label in enumerate(group.labels))
    return {
        "name": group.name,
        "size": group.size,
        "labels": None if numbered else [value_out(label, f"{where}: label") for label in group.labels],
        "kind": group.kind,
        "positions": None if group.positions is None else array_out(group.positions),
        "attributes": {key: array_out(values) for key, values in group.attributes.items()},
        "origin": write_origin(group, group.size, where),
    }


def _group_in(place: Place) -> Group:
    keys = place.keys(("name", "size", "labels", "kind", "positions", "attributes", "origin"))
    positions = None if keys["positions"].value is None else keys["positions"].array()
    attributes = keys["attributes"].arrays()
    labels = None if keys["labels"].value is None else tuple(one.decoded() for one in keys["labels"].items())
    return _placed(
        place,
        lambda: Group(
            keys["name"].of(str),
            keys["size"].of(int),
            labels,  # type: ignore[arg-type]  # None: 0, 1, ...
            keys["kind"].of(str, type(None)),
            positions,
            attributes,
            read_origin(keys["origin"], {**attributes, **({} if positions is None else {"pos": positions})}),
        ),
    )


def _bundle_out(bundle: Bundle, topology: Topology) -> dict:
    where = f"bundle {bundle.name!r}"
    kind = next((name for name, pattern in _PATTERNS.items() if type(bundle.pattern) is pattern), None)
    if kind is None:
        raise ModelError(f"{where}: JSON has no pattern {type(bundle.pattern).__name__}; use Dense, OneToOne or Sparse")
    indices = bundle.pattern.indices.tolist() if isinstance(bundle.pattern, Sparse) else None
    ports = len(bundle.groups)
    return {
        "name": bundle.name,
        "groups": list(bundle.groups),
        "pattern": {"kind": kind} | ({} if indices is None else {"indices": indices, "ports": ports}),
        "kind": bundle.kind,
        "directed": bool(bundle.directed),
        "attributes": {key: array_out(values) for key, values in bundle.attributes.items()},
        "labels": None if bundle.labels is None else [value_out(one, f"{where}: label") for one in bundle.labels],
        "origin": write_origin(bundle, topology.count(bundle.name), where),
    }


def _bundle_in(place: Place) -> Bundle:
    keys = place.keys(("name", "groups", "pattern", "kind", "directed", "attributes", "labels", "origin"))
    attributes = keys["attributes"].arrays()
    labels = None if keys["labels"].value is None else tuple(one.decoded() for one in keys["labels"].items())
    return _placed(
        place,
        lambda: Bundle(
            keys["name"].of(str),
            tuple(one.of(str) for one in keys["groups"].items()),
            _pattern_in(keys["pattern"]),
            keys["kind"].of(str, type(None)),
            keys["directed"].of(bool),
            attributes,
            labels,
            read_origin(keys["origin"], attributes),
        ),
    )


def _pattern_in(place: Place) -> Pattern:
    kind = place.key("kind").value
    if kind not in _PATTERNS:
        raise place.key("kind").wrong(f"must be one of {', '.join(_PATTERNS)}")
    if kind != "sparse":
        place.keys(("kind",))
        return _PATTERNS[kind]()
    keys = place.keys(("kind", "indices", "ports"))
    rows = keys["indices"].of(list)
    ports = keys["ports"].of(int)
    for number, row in enumerate(rows):
        whole = isinstance(row, list) and all(type(node) is int and abs(node) < _MOST for node in row)
        if not whole or len(row) != ports:
            raise Place(place.file, f"{keys['indices'].path}[{number}]", row).wrong(f"must be {ports} integers")
    return _placed(keys["indices"], lambda: Sparse(np.array(rows, dtype=np.int64).reshape(len(rows), max(ports, 0))))


def _placed(place: Place, make: Callable) -> Any:
    """What `make` makes; its `ModelError` with the place in front."""
    try:
        return make()
    except ModelError as error:
        message = str(error)
        raise ModelError(message if message.startswith(place.file) else f"{place}: {message}") from None
