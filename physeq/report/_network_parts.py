"""What a picture of a system tells apart: kinds of elements and their directions, nodes with a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import sympy as sp

from physeq.graph import Dense
from physeq.symbolic.component import Component
from physeq.symbolic.place import Clamp, Drive, Feed
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import StateSymbol

Node = tuple[str, int]  # group and number in it


class Direction(Enum):
    """What the ends of an edge are to each other; the value is what a legend says of its arrow."""

    NONE = ""
    TARGET = "acts on its target alone"
    ENDS = "its two ends differ, from source to target"
    BOTH = "acts both ways, each with a strength of its own"


def direction(component: Component) -> Direction:
    """How an edge is drawn, read off its terms.

    An edge whose terms stay the same when its ends are exchanged has no direction. The sign of what is inside it, such
    as the current of a coil, may change with them, and so does the vector dx, dy, dz between its two places.

    >>> import physeq as pq
    >>> e = pq.electrical
    >>> [direction(c).name for c in (e.resistor(), e.inductor(), e.exponential_diode())]
    ['NONE', 'NONE', 'ENDS']
    >>> direction(pq.neural.directed_synapse()).name
    'TARGET'
    """
    if len(component.ports) != 2:
        return Direction.NONE
    if component.directed:
        return Direction.TARGET
    if _exchangeable(component):
        return Direction.NONE
    acts = {symbol.port: expr.free_symbols for symbol, expr in component.force.items()}
    own = [set(acts.get(port, ())) & set(component.parameters) for port in component.ports]
    return Direction.BOTH if own[0] and own[1] and own[0] != own[1] else Direction.ENDS


_VECTOR = ("dx", "dy", "dz")  # as `physeq.graph.with_rest_lengths` names them


def _exchangeable(component: Component) -> bool:
    if component.bounds or component.signals:
        return False
    return any(_same(component, sign) for sign in ((1, -1) if component.internal else (1,)))


def _same(component: Component, sign: int) -> bool:
    """Whether the terms stay when the ends are exchanged and inner coordinates take this sign."""
    other: dict[str | None, str] = dict(zip(component.ports, reversed(component.ports), strict=True))

    def seen(expr: sp.Expr) -> sp.Expr:
        states = (s for s in expr.free_symbols if isinstance(s, StateSymbol))
        turned = {s: s.at(other[s.port]) if s.port else sign * s for s in states}
        return expr.xreplace(turned | {p: -p for p in component.parameters if p.name in _VECTOR})

    def equal(a: sp.Expr, b: sp.Expr) -> bool:
        return sp.expand(a - b) == 0

    scalars = (component.kinetic, component.potential, component.dissipation)
    forces = {s: f for s, f in component.force.items() if s.port}
    inner = {s: f for s, f in component.force.items() if not s.port}
    return (
        all(equal(seen(e), e) for e in scalars)
        and all(equal(seen(g), g) or equal(seen(g), -g) for g in component.constraint)
        and all(equal(seen(f), forces.get(s.at(other[s.port]), sp.S.Zero)) for s, f in forces.items())
        and all(equal(seen(f), sign * f) for s, f in inner.items())
    )


@dataclass(frozen=True)
class Kind:
    """Elements that are drawn alike.

    Attributes:
        name: of their component.
        number: which line style.
        letter: that stands on the elements where several kinds are drawn.
        direction: of their arrows.
        count: how many elements there are.
        fed: names of inputs whose values they take.
    """

    name: str
    number: int
    letter: str
    direction: Direction
    count: int
    fed: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """What is drawn of a system.

    Attributes:
        kinds: {placement: kind} of the components with several ports.
        clamped, driven: {node: name of the input}.
        held: {node: value}, grounds at 0.
        outputs: nodes that the cost sees.
    """

    system: Any
    kinds: dict[str, Kind]
    clamped: dict[Node, str] = field(default_factory=dict)
    driven: dict[Node, str] = field(default_factory=dict)
    held: dict[Node, float] = field(default_factory=dict)
    outputs: frozenset[Node] = frozenset()

    @property
    def joining(self) -> list[Placement]:
        """The placements of components with several ports that have elements."""
        return [p for p in self.system.placements if p.name in self.kinds]

    def shown_kinds(self) -> list[Kind]:
        """Each kind once."""
        return list(dict.fromkeys(self.kinds.values()))


def parts_of(system: Any) -> Parts:
    """Kinds of elements and tasks of nodes of a system."""
    found = Parts(system, _kinds(system), outputs=frozenset(_nodes(system.outputs)))
    for entry in system.inputs:
        if entry.nodes is not None and isinstance(entry.kind, Clamp | Drive):
            into = found.clamped if isinstance(entry.kind, Clamp) else found.driven
            into.update(dict.fromkeys(_nodes(entry.nodes), entry.name))
    for nodes, value in system.fixed:
        found.held.update(dict.fromkeys(_nodes(nodes), value))
    return found


def _nodes(nodes: Any) -> Iterator[Node]:
    for part in nodes.parts if nodes is not None else ():
        yield from ((part.group, int(index)) for index in part.indices)


def _kinds(system: Any) -> dict[str, Kind]:
    placed: dict[tuple, list[Placement]] = {}
    for p in system.placements:
        if len(p.component.ports) > 1 and system.count(p):
            fed = tuple(i.name for i in system.inputs if isinstance(i.kind, Feed) and i.kind.placement == p.name)
            placed.setdefault((p.component.name, _drawn(p), fed), []).append(p)
    kinds: dict[str, Kind] = {}
    letters: set[str] = set()
    for number, ((name, turned, fed), own) in enumerate(placed.items()):
        kind = Kind(name, number, _letter(name, letters), turned, sum(map(system.count, own)), fed)
        kinds.update({p.name: kind for p in own})
    return kinds


def _drawn(placement: Placement) -> Direction:
    """The direction that its elements show: groups tell the ends of a dense bundle apart, without as many arrows."""
    found = direction(placement.component)
    between = isinstance(placement.pattern, Dense) and placement.groups[0] != placement.groups[-1]
    return Direction.NONE if found is Direction.ENDS and between else found


# Where the field has another letter than the first one of the last word.
_LETTERS = {"inductor": "L", "voltage source": "V", "current source": "I"}


def _letter(name: str, taken: set[str]) -> str:
    """A capital of the name, one that no other kind has."""
    words = name.split()
    wanted = [letter for end, letter in _LETTERS.items() if name.endswith(end)]
    wanted += [word[0].upper() for word in reversed(words)]
    rest = [sign.upper() for sign in name if sign.isalpha()] + [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    letter = next((sign for sign in [*wanted, *rest] if sign.isalpha() and sign not in taken), "?")
    taken.add(letter)
    return letter
