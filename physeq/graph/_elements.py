"""Groups of nodes and bundles of edges, the two kinds of element of a topology."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ModelError
from ._text import listed
from .patterns import Pattern


class _Missing(Enum):
    MISSING = "missing"


MISSING = _Missing.MISSING  # stands for an absent attribute; an enumeration member stays itself when copied or pickled


@dataclass(frozen=True, eq=False)
class Column:
    """One networkx attribute as it was read: the `values` of all elements, and the `array` made of them, if numeric.

    As long as the element still carries that very array, the values go back to networkx untouched, with their Python
    types; once the array was replaced, the new numbers go back.
    """

    values: Sequence[Any]
    array: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Origin:
    """What a group or a bundle must remember of the networkx graph it came from in order to go back unchanged.

    `order`: the place of each element in the graph's own order. `columns`: all attributes, numeric or not.
    `flipped`: the edges whose networkx orientation was target → source. `keys`: the keys of a multigraph.
    """

    order: np.ndarray
    columns: Mapping[str, Column]
    kind_attribute: str
    flipped: np.ndarray | None = None
    keys: Sequence[Any] | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes of one kind, numbered 0 to size − 1.

    `labels`: the user's name of each node, in order (default 0, 1, ...). `kind`: the name of the component that the
    nodes are, when the graph told. `positions`: floats of shape (size, dims), for drawing. `attributes`: numbers of
    shape (size,), NaN where a node has none.

    Raises `ModelError` for an empty group, repeated labels and arrays of the wrong length.

    >>> hidden = Group("hidden", 3, labels=("a", "b", "c"))
    >>> hidden.index("b")
    1
    """

    name: str
    size: int
    labels: tuple[Hashable, ...] = None  # type: ignore[assignment]  # filled in below
    kind: str | None = None
    positions: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    origin: Origin | None = field(default=None, repr=False)

    def __post_init__(self):
        _check_name("group", self.name)
        object.__setattr__(self, "size", checked_size(f"group {self.name!r}: size", self.size))
        if self.labels is None:
            object.__setattr__(self, "labels", tuple(range(self.size)))
        else:
            object.__setattr__(self, "labels", tuple(self.labels))
            if len(self.labels) != self.size:
                raise ModelError(
                    f"group {self.name!r}: labels must name its {self.size} nodes, got {len(self.labels)}; "
                    "give one label per node, or none for 0, 1, ..."
                )
            if len(self._indices) != self.size:
                repeated = [label for position, label in enumerate(self.labels) if self._indices[label] != position]
                raise ModelError(f"group {self.name!r}: labels {listed(repeated)} name several nodes; make them unique")
        if self.positions is not None:
            positions = np.array(self.positions, dtype=float)
            if positions.ndim != 2 or len(positions) != self.size:
                raise ModelError(
                    f"group {self.name!r}: positions must have shape ({self.size}, dims), got {positions.shape}; "
                    "give one row per node"
                )
            object.__setattr__(self, "positions", _own(self.positions, positions))
        object.__setattr__(self, "attributes", _arrays(f"group {self.name!r}", self.attributes))
        for key, values in self.attributes.items():
            if values.shape != (self.size,):
                raise ModelError(
                    f"group {self.name!r}: attribute {key!r} must have shape ({self.size},), got {values.shape}; "
                    "give one number per node"
                )

    @cached_property
    def _indices(self) -> dict[Hashable, int]:
        try:
            return dict(zip(self.labels, range(self.size), strict=True))
        except TypeError as error:
            raise ModelError(
                f"group {self.name!r}: labels must be hashable ({error}); use strings, numbers or tuples"
            ) from None

    def index(self, label: Hashable) -> int | None:
        """The number of the node with this label, or None when the group has no such node."""
        try:
            return self._indices.get(label)
        except TypeError:  # an unhashable value labels nothing
            return None


@dataclass(frozen=True, eq=False)
class Bundle:
    """Instances of one component kind that join the same groups in the same way.

    `groups`: one name per port; for edges (source, target). `pattern`: which nodes each instance touches. `kind`: the
    name of the component, when the graph told. `directed`: whether the edges came from a directed graph.
    `attributes`: numbers of the pattern's parameter shape, NaN where an instance has none. `labels`: the user's name
    of each instance ("R1"), in order, or None where they have none; a networkx edge tells it as attribute `name`.

    Raises `ModelError` for a missing name, no groups, repeated labels, or a directed bundle with other than two ports.

    >>> from physeq.graph import Dense
    >>> Bundle("input->hidden", ("input", "hidden"), Dense()).directed
    False
    """

    name: str
    groups: tuple[str, ...]
    pattern: Pattern
    kind: str | None = None
    directed: bool = False
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: tuple[Hashable, ...] | None = None
    origin: Origin | None = field(default=None, repr=False)

    def __post_init__(self):
        _check_name("bundle", self.name)
        if isinstance(self.groups, str) or not self.groups:
            raise ModelError(
                f"bundle {self.name!r}: groups must be a tuple of group names, one per port, got {self.groups!r}"
            )
        object.__setattr__(self, "groups", tuple(self.groups))
        if not isinstance(self.pattern, Pattern):
            raise ModelError(
                f"bundle {self.name!r}: pattern must be a Pattern, got {self.pattern!r}; "
                "use Dense(), OneToOne() or Sparse(indices)"
            )
        if self.directed and len(self.groups) != 2:
            raise ModelError(
                f"bundle {self.name!r}: only two-port bundles are directed, this one has {len(self.groups)} ports; "
                "leave directed=False, the order of the ports already says which is which"
            )
        object.__setattr__(self, "attributes", _arrays(f"bundle {self.name!r}", self.attributes))
        if self.labels is not None:
            object.__setattr__(self, "labels", tuple(self.labels))
            repeated = [label for label, count in Counter(self.labels).items() if count > 1]
            if repeated:
                raise ModelError(
                    f"bundle {self.name!r}: labels {listed(repeated)} name several instances; make them unique"
                )


def checked_size(what: str, size: object, least: int = 1) -> int:
    """`size` as an int of at least `least`; `ModelError` otherwise."""
    if isinstance(size, bool | np.bool_) or not isinstance(size, int | np.integer) or size < least:
        raise ModelError(f"{what} must be an integer of at least {least}, got {size!r}")
    return int(size)


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ModelError(f"{what}: name must be a non-empty string, got {name!r}")


def _own(given: object, converted: np.ndarray) -> np.ndarray:
    """A read-only array: `given` itself when it already is one (so that its identity survives), else `converted`."""
    if isinstance(given, np.ndarray) and not given.flags.writeable and given.dtype == converted.dtype:
        return given
    converted.setflags(write=False)
    return converted


def _arrays(owner: str, attributes: Mapping[str, object]) -> dict[str, np.ndarray]:
    result = {}
    for name, values in attributes.items():
        array = np.array(values)
        if array.dtype.kind not in "buif":
            raise ModelError(f"{owner}: attribute {name!r} must be real numbers, got an array of {array.dtype}")
        result[name] = _own(values, array)
    return result
