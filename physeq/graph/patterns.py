"""Patterns: how the instances of a bundle touch the nodes of its groups."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ..errors import ModelError


class Pattern(ABC):
    """How a bundle joins node groups, one group per port.

    `sizes` is always the tuple of the sizes of those groups, in the order of the ports. A subclass says how many
    instances there are and which nodes each one touches, never by more memory than it needs to say so.
    """

    @abstractmethod
    def parameter_shape(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an array that holds one value per instance."""

    @abstractmethod
    def check(self, name: str, group_names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
        """Raise `ModelError`, naming the bundle `name`, when the pattern does not fit these groups."""

    @abstractmethod
    def rows(self, sizes: tuple[int, ...]) -> np.ndarray:
        """The nodes that each instance touches, int32 of shape (instances, ports).

        Row k belongs to entry k of a flattened (C order) array of shape `parameter_shape(sizes)`.
        """

    def count(self, sizes: tuple[int, ...]) -> int:
        """The number of instances.

        >>> Dense().count((3, 4)), OneToOne().count((5, 5))
        (12, 5)
        """
        return math.prod(self.parameter_shape(sizes))

    def links(self, sizes: tuple[int, ...], offsets: tuple[int, ...]) -> np.ndarray:
        """Pairs of nodes that connect what the instances connect, int64 of shape (links, 2).

        Node i of the group at port p is numbered offsets[p] + i. The pairs span the connections and need not list them
        all, which keeps questions of connectivity on a dense bundle linear in the number of nodes.

        >>> OneToOne().links((2, 2, 2), (0, 2, 4)).tolist()
        [[0, 2], [1, 3], [0, 4], [1, 5]]
        """
        nodes = self.rows(sizes) + np.asarray(offsets, dtype=np.int64)
        parts = [nodes[:, [0, port]] for port in range(1, nodes.shape[1])]
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.int64)

    def touched(self, port: int, sizes: tuple[int, ...]) -> np.ndarray:
        """Whether some instance touches a node with its port `port`, bool of shape (sizes[port],).

        >>> Sparse([[0, 2], [1, 2]]).touched(1, (2, 3)).tolist()
        [False, False, True]
        """
        mask = np.zeros(sizes[port], bool)
        mask[self.rows(sizes)[:, port]] = True
        return mask


@dataclass(frozen=True)
class Dense(Pattern):
    """Every source with every target; two ports; parameters of shape (sources, targets).

    Within one group this includes the pairs (i, i) and both (i, j) and (j, i); `complete` lists pairs once.

    >>> Dense().parameter_shape((784, 512))
    (784, 512)
    >>> Dense().rows((2, 2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """

    def parameter_shape(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sizes)

    def check(self, name: str, group_names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
        if len(sizes) != 2:
            raise ModelError(
                f"bundle {name!r}: Dense() joins two groups, got {len(sizes)} ({', '.join(group_names)}); "
                "use Sparse(indices) for components with another number of ports"
            )

    def rows(self, sizes: tuple[int, ...]) -> np.ndarray:
        return np.indices(sizes, dtype=np.int32).reshape(len(sizes), -1).T

    def links(self, sizes: tuple[int, ...], offsets: tuple[int, ...]) -> np.ndarray:
        sources, targets = offsets[0] + np.arange(sizes[0]), offsets[1] + np.arange(sizes[1])
        to_first = np.stack([sources, np.full_like(sources, offsets[1])], axis=1)
        from_first = np.stack([np.full_like(targets, offsets[0]), targets], axis=1)
        return np.concatenate([to_first, from_first])

    def touched(self, port: int, sizes: tuple[int, ...]) -> np.ndarray:
        return np.full(sizes[port], all(size > 0 for size in sizes))


@dataclass(frozen=True)
class OneToOne(Pattern):
    """Instance k touches node k of each group; any number of ports, groups of equal size.

    >>> OneToOne().rows((3, 3)).tolist()
    [[0, 0], [1, 1], [2, 2]]
    >>> OneToOne() == OneToOne()
    True
    """

    def parameter_shape(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (sizes[0],)

    def check(self, name: str, group_names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
        if len(set(sizes)) != 1:
            given = ", ".join(f"{group!r} has {size}" for group, size in zip(group_names, sizes, strict=True))
            raise ModelError(
                f"bundle {name!r}: OneToOne() needs groups of equal size, but {given}; "
                "make the groups equal or list the pairs with Sparse(indices)"
            )

    def rows(self, sizes: tuple[int, ...]) -> np.ndarray:
        return np.repeat(np.arange(sizes[0], dtype=np.int32)[:, None], len(sizes), axis=1)


@dataclass(frozen=True, eq=False)
class Sparse(Pattern):
    """Row k of `indices` lists the node that each port of instance k touches; parameters of shape (instances,).

    `indices`: integers, shape (instances, ports), counted within the group of each port. A read-only int32 copy is
    kept. Two `Sparse` patterns are equal only when they are the same object.

    Raises `ModelError` when `indices` is not a two-dimensional array of integers.

    >>> edges = Sparse([[0, 1], [1, 2], [1, 2]])  # the last two are parallel
    >>> edges.parameter_shape((3, 3)), edges.indices.dtype
    ((3,), dtype('int32'))
    """

    indices: np.ndarray

    def __init__(self, indices: object):
        given = np.asarray(indices)
        if given.ndim != 2 or given.shape[1] < 1:
            raise ModelError(
                f"Sparse(indices): indices must have shape (instances, ports), got shape {given.shape}; "
                "an empty bundle of edges is np.zeros((0, 2), int)"
            )
        if given.dtype.kind not in "iu":
            raise ModelError(
                f"Sparse(indices): indices must be integers, got {given.dtype}; convert them with astype(int)"
            )
        limits = np.iinfo(np.int32)
        if given.size and (given.min() < limits.min or given.max() > limits.max):
            raise ModelError(f"Sparse(indices): indices must fit 32 bits, got up to {given.max()}; number nodes from 0")
        array = np.array(given, dtype=np.int32)
        array.setflags(write=False)
        object.__setattr__(self, "indices", array)

    def parameter_shape(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return (len(self.indices),)

    def check(self, name: str, group_names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
        if self.indices.shape[1] != len(sizes):
            raise ModelError(
                f"bundle {name!r}: Sparse indices have {self.indices.shape[1]} columns, but the bundle joins "
                f"{len(sizes)} groups ({', '.join(group_names)}); give one column per port"
            )
        wrong = (self.indices < 0) | (self.indices >= np.asarray(sizes))
        if wrong.any():
            row, port = (int(number) for number in np.argwhere(wrong)[0])
            raise ModelError(
                f"bundle {name!r}: instance {row} touches node {self.indices[row, port]} of group "
                f"{group_names[port]!r}, which has {sizes[port]} nodes numbered from 0; correct column {port}"
            )

    def rows(self, sizes: tuple[int, ...]) -> np.ndarray:
        return self.indices
