"""Where inputs, outputs and readouts attach: small records that a `System` resolves against its topology."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.graph import Topology
from physeq.symbolic.symbols import Coordinate, Parameter, Signal

Nodes = str | Sequence[Hashable]


@dataclass(frozen=True)
class Clamp:
    """Inputs held on nodes: the coordinate (or, on reduced nodes, its rate: a voltage source) equals the input.

    Attributes:
        nodes: a group's name, or a list of node labels; input column k goes to the k-th node.
        coordinate: the coordinate's name where a node has several.

    >>> Clamp(["in", "bias"])
    Clamp(nodes=['in', 'bias'], coordinate=None)
    """

    nodes: Nodes
    coordinate: str | None = None


@dataclass(frozen=True)
class Drive:
    """Inputs added as a force on nodes (a current source from ground on an electrical node).

    Attributes:
        nodes, coordinate: as for `Clamp`.

    >>> Drive("hidden")
    Drive(nodes='hidden', coordinate=None)
    """

    nodes: Nodes
    coordinate: str | None = None


@dataclass(frozen=True)
class Feed:
    """Inputs that are the values of a declared `signal`, one per element of the placed component.

    Attributes:
        placement: the bundle's or group's name.
        signal: the signal.

    >>> from physeq.symbolic import signal
    >>> Feed("edges", signal("u")).placement
    'edges'
    """

    placement: str
    signal: Signal


@dataclass(frozen=True, eq=False)
class Readout:
    """Output units z_k = Σ_j drive(p_jk, q_j) + bias_k that belong to the cost, not to the physics.

    Its parameters are trained through ∂C/∂p; they stand under `params["readout"]`.

    Attributes:
        output: the coordinate z, to be used in the cost.
        drive: an expression in the output nodes' coordinate and parameters, such as w*s; it must separate into
            parameter × feature.
        size: the number of output units.
        bias: a parameter b_k, or None.

    >>> from physeq.symbolic.symbols import coordinate, parameter
    >>> s, z, w = coordinate("s"), coordinate("z"), parameter("w")
    >>> Readout(output=z, drive=w * s, size=10).size
    10
    """

    output: Coordinate
    drive: sp.Expr
    size: int
    bias: Parameter | None = None

    def __post_init__(self):
        if not isinstance(self.output, Coordinate):
            raise ModelError(
                f"Readout: output must be a coordinate, got {self.output!r}; make one with coordinate('z')"
            )
        if not isinstance(self.size, int) or self.size < 1:
            raise ModelError(f"Readout: size must be a positive integer, got {self.size!r}")
        if not isinstance(self.drive, sp.Expr):
            raise ModelError(f"Readout: drive must be a SymPy expression such as w*s, got {self.drive!r}")
        if self.bias is not None and not isinstance(self.bias, Parameter):
            raise ModelError(f"Readout: bias must be a parameter or None, got {self.bias!r}; see parameter('b')")


@dataclass(frozen=True, eq=False)
class Part:
    """The nodes of one group in a `NodeSet`: column `columns[k]` of the data belongs to node `indices[k]`."""

    group: str
    columns: np.ndarray
    indices: np.ndarray
    whole: bool


@dataclass(frozen=True, eq=False)
class NodeSet:
    """An ordered set of nodes, split by group. `whole` parts are all nodes of a group in order, all the columns."""

    size: int
    parts: tuple[Part, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that have a part."""
        return tuple(part.group for part in self.parts)


def locate_nodes(topology: Topology, nodes: Nodes, what: str) -> NodeSet:
    """Resolve a group name or a list of node labels.

    Raises:
        ModelError: an unknown label or a node named twice; `what` says whose nodes they are.
    """
    names = [group.name for group in topology.groups]
    if isinstance(nodes, str) and nodes in names:
        size = topology.group(nodes).size
        return NodeSet(size, (Part(nodes, np.arange(size), np.arange(size), True),))
    if isinstance(nodes, str | int) or not hasattr(nodes, "__iter__"):
        nodes = [nodes]
    try:
        places = [topology.locate(label) for label in nodes]
    except ModelError as error:
        raise ModelError(f"{what}: {error}") from None
    if len(set(places)) != len(places):
        twice = next(label for label, place in zip(nodes, places, strict=True) if places.count(place) > 1)
        raise ModelError(f"{what}: node {twice!r} is named twice; name each node once")
    parts = []
    for group in dict.fromkeys(group for group, _ in places):
        columns = np.array([c for c, (g, _) in enumerate(places) if g == group])
        indices = np.array([i for g, i in places if g == group])
        size = topology.group(group).size
        whole = len(places) == size and bool(np.array_equal(indices, np.arange(size)))
        parts.append(Part(group, columns, indices, whole))
    return NodeSet(len(places), tuple(parts))
