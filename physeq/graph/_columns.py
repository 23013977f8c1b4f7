"""The attributes of networkx nodes and edges as columns of values and arrays of numbers."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ._elements import MISSING, Column

_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


def read(data: Sequence[Mapping[Any, Any]]) -> dict[Any, list]:
    """One list of values per attribute, with MISSING where an element has none."""
    return {name: [one.get(name, MISSING) for one in data] for name in dict.fromkeys(chain.from_iterable(data))}


def take(values: Sequence, members: np.ndarray) -> Sequence:
    """The values of the members, in order; they are distinct and sorted, so that as many as there are means all."""
    return values if len(members) == len(values) else [values[k] for k in members.tolist()]


def member_columns(columns: Mapping[Any, list], members: np.ndarray, leave_out: str | None) -> dict[Any, Column]:
    """The attributes that at least one member has."""
    result = {}
    for name, everywhere in columns.items():
        values = take(everywhere, members)
        if name != leave_out and any(value is not MISSING for value in values):
            result[name] = Column(values, _numeric(values) if isinstance(name, str) else None)
    return result


def numeric_columns(columns: Mapping[str, Column], leave_out: str | None) -> dict[str, np.ndarray]:
    return {name: column.array for name, column in columns.items() if column.array is not None and name != leave_out}


def _numeric(values: Sequence) -> np.ndarray | None:
    """Bools, integers or floats as a read-only array, with NaN for what is missing; None for anything else."""
    types = set(map(type, values))
    present = types - {type(MISSING)}
    if not present or not all(issubclass(one, _NUMBERS) for one in present):
        return None
    dtype: type = float
    if present == types and all(issubclass(one, bool | np.bool_) for one in types):
        dtype = bool
    elif present == types and all(issubclass(one, int | np.integer) and one is not bool for one in types):
        dtype = np.int64
    try:
        array = _array(values if present == types else [np.nan if v is MISSING else v for v in values], dtype)
    except OverflowError:  # integers beyond 64 bits, or beyond the range of floats
        try:
            array = _array(values, float)
        except OverflowError:
            return None
    return array


def positions(values: Sequence) -> np.ndarray | None:
    if any(value is MISSING for value in values):
        return None
    try:
        array = _array(values, float)
    except (TypeError, ValueError, OverflowError):  # ragged, or not numbers: nothing to draw with
        return None
    return array if array.ndim == 2 and array.shape[1] else None


def _array(values: Sequence, dtype: type) -> np.ndarray:
    array: np.ndarray = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array
