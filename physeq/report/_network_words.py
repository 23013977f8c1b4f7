"""The picture of a network in words, for those who do not see it and for the page as data."""

from __future__ import annotations

from physeq.graph import Dense, OneToOne, Sparse
from physeq.report._network_parts import Direction, Kind, Node, Parts
from physeq.report._words import counted
from physeq.report.drawing import shortened
from physeq.symbolic.placing import Placement

_NAMED = 8  # nodes; of more, only the number is said


def described(parts: Parts) -> str:
    """Groups, elements and tasks of nodes in a few sentences.

    >>> import physeq as pq
    >>> from physeq.report._network_parts import parts_of
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2])
    >>> described(parts_of(network))
    'Group nodes: 4 nodes. Elements: 6 resistor (edges, sparse, 6). Input, clamped: 1. Held at 0: 0. Output: 2.'
    """
    topology = parts.system.topology
    sentences = [f"Group {group.name}: {counted(group.size, 'node')}." for group in topology.groups]
    kinds = [f"{kind.count:,} {kind.name} ({_placed(parts, kind)}){_arrow(kind)}" for kind in parts.shown_kinds()]
    sentences += [f"Elements: {'; '.join(kinds)}."] if kinds else []
    tasks = [("Input, clamped", list(parts.clamped)), ("Input, a force", list(parts.driven))]
    for value in sorted(set(parts.held.values())):
        tasks.append((f"Held at {value:g}", [node for node, held in parts.held.items() if held == value]))
    tasks.append(("Output", sorted(parts.outputs)))
    return " ".join([*sentences, *(f"{what}: {_listed(parts, nodes)}." for what, nodes in tasks if nodes)])


def _arrow(kind: Kind) -> str:
    return f", {kind.direction.value}" if kind.direction is not Direction.NONE else ""


def _placed(parts: Parts, kind: Kind) -> str:
    own = [p for p in parts.joining if parts.kinds[p.name] == kind]
    more = f" and {len(own) - _NAMED} more" if len(own) > _NAMED else ""
    return "; ".join(f"{p.name}, {pattern(parts, p)}" for p in own[:_NAMED]) + more


def pattern(parts: Parts, placement: Placement) -> str:
    """How a component is placed, with its numbers: "dense 784 × 512", "one to one, 512", "sparse, 3,200"."""
    count = parts.system.count(placement)
    if isinstance(placement.pattern, Dense):
        return "dense " + " × ".join(f"{size:,}" for size in parts.system.sizes(placement))
    if isinstance(placement.pattern, OneToOne):
        return f"one to one, {count:,}"
    known = "sparse" if isinstance(placement.pattern, Sparse) else type(placement.pattern).__name__.lower()
    return f"{known}, {count:,}"


def _listed(parts: Parts, nodes: list[Node]) -> str:
    """The labels of a few nodes, or how many of which group there are."""
    if len(nodes) <= _NAMED:
        labels = [shortened(str(parts.system.label(*node)), 20) for node in nodes]
        return ", ".join(labels)
    groups = dict.fromkeys(group for group, _ in nodes)
    return ", ".join(f"{sum(group == name for group, _ in nodes):,} of {name}" for name in groups)
