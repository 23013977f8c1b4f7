"""Python values in JSON, and places in a JSON file that know where they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ._elements import MISSING

_INFINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}


def value_out(value: Any, where: str) -> Any:
    """A Python value in JSON; `ModelError` naming `where` it stands for a type that JSON cannot keep.

    >>> value_out((1, 2j, None), "label")
    {'tuple': [1, {'complex': [0.0, 2.0]}, None]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if isinstance(value, float):
        return _float_out(value)
    if isinstance(value, complex):
        return {"complex": [_float_out(value.real), _float_out(value.imag)]}
    if value is MISSING:
        return {"missing": True}
    if isinstance(value, np.ndarray) and value.dtype.kind in "buifc":
        return {"array": array_out(value)}
    if isinstance(value, tuple):
        return {"tuple": [value_out(one, where) for one in value]}
    if isinstance(value, list):
        return [value_out(one, where) for one in value]
    if isinstance(value, Mapping):
        return {"dict": [[value_out(key, where), value_out(one, f"{where}[{key!r}]")] for key, one in value.items()]}
    raise ModelError(
        f"{where}: {value!r} of type {type(value).__name__} cannot be kept in JSON; use numbers, strings, None, "
        "tuples, lists, dicts or arrays of numbers"
    )


def array_out(array: np.ndarray) -> dict:
    """An array of numbers: its type, its shape, and its entries in C order, complex ones as [re, im]."""
    flat = array.ravel()
    if array.dtype.kind == "c":
        values: list = [[_float_out(x.real), _float_out(x.imag)] for x in flat.tolist()]
    elif array.dtype.kind == "f":
        values = flat.tolist() if np.isfinite(flat).all() else [_float_out(x) for x in flat.tolist()]
    else:
        values = flat.tolist()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}


def _float_out(value: float) -> Any:
    return float(value) if math.isfinite(value) else {"float": str(float(value))}


@dataclass(frozen=True)
class Place:
    """A value of a JSON file and where it stands, `bundles[0].pattern`."""

    file: str
    path: str
    value: Any

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file

    def wrong(self, what: str) -> ModelError:
        """The error for this value."""
        told = repr(self.value)
        return ModelError(f"{self} {what}, got {told if len(told) <= 60 else told[:57] + '...'}")

    def key(self, name: str) -> "Place":
        """The value of one key."""
        return self.keys((name,), others=True)[name]

    def keys(self, names: Sequence[str], others: bool = False) -> dict[str, "Place"]:
        """The values of these keys; all of them must be there, and without `others` no more."""
        if not isinstance(self.value, dict):
            raise self.wrong("must be an object")
        for name in names:
            if name not in self.value:
                raise ModelError(f"{self}: the key {name!r} is missing; it has {', '.join(map(repr, self.value))}")
        if not others and (unknown := [key for key in self.value if key not in names]):
            raise ModelError(f"{self}: the key {unknown[0]!r} is unknown; there are {', '.join(map(repr, names))}")
        start = f"{self.path}." if self.path else ""
        return {name: Place(self.file, f"{start}{name}", self.value[name]) for name in names}

    def items(self) -> list["Place"]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("must be a list")
        return [Place(self.file, f"{self.path}[{k}]", one) for k, one in enumerate(self.value)]

    def of(self, *types: type) -> Any:
        """The value, which must be of one of these types (a bool is no int)."""
        if not isinstance(self.value, types) or (isinstance(self.value, bool) and bool not in types):
            raise self.wrong("must be " + " or ".join("null" if t is type(None) else t.__name__ for t in types))
        return self.value

    def decoded(self) -> Any:
        """The Python value that `value_out` wrote."""
        value = self.value
        if isinstance(value, list):
            return [one.decoded() for one in self.items()]
        if not isinstance(value, dict):
            return value
        if len(value) != 1:
            raise self.wrong("must be an object of one key that tells its type")
        ((kind, inside),) = value.items()
        place = Place(self.file, f"{self.path}.{kind}" if self.path else kind, inside)
        if kind == "tuple":
            return tuple(one.decoded() for one in place.items())
        if kind == "float":
            return place._number(inside={"float": inside})
        if kind == "complex":
            return place._complex(inside)
        if kind == "array":
            return place.array()
        if kind == "missing" and inside is True:
            return MISSING
        if kind == "dict":
            return dict(place._pair(one) for one in place.items())
        raise self.wrong("must be one of tuple, float, complex, array, dict, missing")

    def _pair(self, place: "Place") -> tuple[Any, Any]:
        pair = place.items()
        if len(pair) != 2:
            raise place.wrong("must be a pair [key, value]")
        key = pair[0].decoded()
        try:
            hash(key)
        except TypeError:
            raise pair[0].wrong("must be something that can be a key") from None
        return key, pair[1].decoded()

    def _number(self, inside: Any) -> float:
        if isinstance(inside, dict) and list(inside) == ["float"] and inside["float"] in _INFINITE:
            return _INFINITE[inside["float"]]
        if isinstance(inside, bool) or not isinstance(inside, int | float):
            raise self.wrong('must hold numbers, or {"float": "nan"}, "inf" or "-inf"')
        return float(inside)

    def _complex(self, inside: Any) -> complex:
        if not isinstance(inside, list) or len(inside) != 2:
            raise self.wrong("must hold pairs [re, im]")
        return complex(self._number(inside[0]), self._number(inside[1]))

    def array(self) -> np.ndarray:
        """The read-only array that `array_out` wrote."""
        keys = self.keys(("dtype", "shape", "values"))
        try:
            dtype = np.dtype(keys["dtype"].of(str))
        except TypeError:
            raise keys["dtype"].wrong("must be the name of a type of numbers") from None
        if dtype.kind not in "buifc":
            raise keys["dtype"].wrong("must be the name of a type of numbers")
        shape = tuple(one.of(int) for one in keys["shape"].items())
        values, place = keys["values"].of(list), keys["values"]
        if any(length < 0 for length in shape) or math.prod(shape) != len(values):
            raise place.wrong(f"must be as many as its shape {list(shape)} says, {math.prod(shape)}")
        if dtype.kind == "c":
            numbers: list = [place._complex(one) for one in values]
        elif dtype.kind == "f":
            numbers = values if all(type(one) is float for one in values) else [place._number(one) for one in values]
        else:
            wanted = bool if dtype.kind == "b" else int
            wrong = next((k for k, one in enumerate(values) if type(one) is not wanted), None)
            if wrong is not None:
                raise Place(self.file, f"{place.path}[{wrong}]", values[wrong]).wrong(f"must be {wanted.__name__}")
            numbers = values
        try:
            array = np.array(numbers, dtype=dtype).reshape(shape)
        except (OverflowError, ValueError):
            raise place.wrong(f"must fit {dtype.name}") from None
        array.setflags(write=False)
        return array

    def arrays(self) -> dict[str, np.ndarray]:
        """An object of arrays."""
        if not isinstance(self.value, dict):
            raise self.wrong("must be an object")
        return {key: place.array() for key, place in self.keys(tuple(self.value)).items()}
