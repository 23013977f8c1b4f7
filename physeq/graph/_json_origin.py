"""What groups and bundles remember of their networkx graph, in JSON."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._elements import Bundle, Column, Group, Origin
from ._json_values import Place, value_out


def write_origin(element: Group | Bundle, count: int, where: str) -> Any:
    """The origin of a group or bundle; None where it has none, or one of another size, which counts for nothing."""
    origin = element.origin
    if origin is None or len(origin.order) != count:
        return None
    arrays: dict[str, np.ndarray] = dict(element.attributes)
    if isinstance(element, Group) and element.positions is not None:
        arrays["pos"] = element.positions
    columns = []
    for name, column in origin.columns.items():
        numeric = column.array is not None
        if numeric and arrays.get(name) is not column.array:
            continue  # its numbers were replaced: those of the attribute count
        values = [value_out(value, f"{where}: attribute {name!r}") for value in column.values]
        columns.append([value_out(name, f"{where}: attribute name"), numeric, values])
    return {
        "order": np.asarray(origin.order).tolist(),
        "kind_attribute": origin.kind_attribute,
        "flipped": None if origin.flipped is None else np.asarray(origin.flipped).tolist(),
        "keys": None if origin.keys is None else [value_out(key, f"{where}: edge key") for key in origin.keys],
        "columns": columns,
    }


def read_origin(place: Place, arrays: Mapping[str, np.ndarray]) -> Origin | None:
    """The origin that `write_origin` wrote; `arrays` are the attributes that its numeric columns stand for."""
    if place.value is None:
        return None
    keys = place.keys(("order", "kind_attribute", "flipped", "keys", "columns"))
    try:
        order = np.array([one.of(int) for one in keys["order"].items()], np.int64)
    except OverflowError:
        raise keys["order"].wrong("must number the elements") from None
    flipped = keys["flipped"]
    columns = {}
    for entry in keys["columns"].items():
        parts = entry.items()
        if len(parts) != 3:
            raise entry.wrong("must be [name, numeric, values]")
        name = parts[0].decoded()
        values = [one.decoded() for one in parts[2].items()]
        if len(values) != len(order):
            raise parts[2].wrong(f"must be {len(order)} values")
        if parts[1].of(bool) and name not in arrays:
            raise entry.wrong("stands for numbers that are not among the attributes")
        columns[name] = Column(values, arrays[name] if parts[1].value else None)
    labels = keys["keys"]
    return Origin(
        order,
        columns,
        keys["kind_attribute"].of(str),
        None if flipped.value is None else np.array([one.of(bool) for one in flipped.items()], bool),
        None if labels.value is None else [one.decoded() for one in labels.items()],
    )
