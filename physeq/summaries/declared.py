"""Summaries of what is declared and what its symbols say: components, systems, structure reports."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from physeq.errors import ModelError
from physeq.report._motion import totals
from physeq.report._naming import Names
from physeq.report._relations import Chain
from physeq.report._steady import energy_section
from physeq.report._system import _interval as interval
from physeq.report._system import _start as start
from physeq.report._words import counted
from physeq.report.document import Block, Code, Document, Equation, Math, Paragraph, Table
from physeq.summaries._summary import displayed, equations, limited, summary
from physeq.symbolic import Component, Edge, Node, System, derive
from physeq.symbolic.place import Clamp, Feed
from physeq.symbolic.structure import Obstacle, Structure
from physeq.symbolic.symbols import Coordinate
from physeq.symbolic.trajectory_structure import TrajectoryStructure

_WORDS = {"kinetic": "kinetic energy", "potential": "potential energy", "dissipation": "Rayleigh function"}
_LETTERS = {"kinetic": "T", "potential": "V", "dissipation": "R"}


# ---- components ------------------------------------------------------------------------------------------------------


@summary.register
def _component(shown: Component) -> Document:
    if isinstance(shown, Edge):
        kind = f"edge, {shown.coupling} coupling"
    else:
        kind = "node" if isinstance(shown, Node) else f"component with ports {', '.join(shown.ports)}"
    blocks: list[Block] = [Paragraph(shown.description)] if shown.description else []
    rows = [[words, expr] for words, expr in _terms(shown)]
    blocks.append(Table(["Term", "Expression"], rows) if rows else Paragraph("no terms"))
    if shown.internal:
        inner = [part for q in shown.internal for part in (", ", Math(q))][1:]
        blocks.append(Paragraph(["Inside: ", *inner]))
    if shown.parameters:
        blocks.append(
            Table(["Parameter", "Meaning", "Unit", "Range", "Starts at", "Trained"], list(_parameters(shown)))
        )
    return Document(f"{shown.name}: {kind}", blocks)


def _terms(shown: Component) -> Iterator[tuple]:
    for name, words in _WORDS.items():
        if (expr := getattr(shown, name)) != 0:
            yield words, Math(expr)
    for symbol, expr in shown.force.items():
        yield ["force on ", Math(symbol)], Math(expr)
    for g in shown.constraint:
        yield "constraint", [Math(g), " = 0"]
    for symbol, (lower, upper) in shown.bounds.items():
        sides = [e for e in (lower, symbol, upper) if e not in (sp.oo, -sp.oo)]
        if len(sides) > 1:
            yield "bounds", Math(Chain("le", *sides))
    if shown.minimiser is not None:
        yield "declared local minimum", Math(shown.minimiser)


def _parameters(shown: Component) -> Iterator[list]:
    for p in shown.parameters:
        per = ", shared" if p.shared else ""
        trained = "yes" if p.trainable else "no"
        yield [Math(p), f"{p.description or p.name}{per}", p.unit or "–", interval(p), start(p.initial), trained]


@equations.register
def _component_equations(shown: Component) -> str | None:
    rows = [Equation(sp.Symbol(_LETTERS[t]), getattr(shown, t)) for t in _WORDS if getattr(shown, t) != 0]
    rows += [Equation(sp.Symbol(rf"F_{{{_latex(q)}}}"), f) for q, f in shown.force.items()]
    return displayed([*rows, *(Equation(sp.S.Zero, g) for g in shown.constraint)])


def _latex(symbol: sp.Symbol) -> str:
    from physeq.report.notation import latex

    return latex(symbol)


# ---- systems ---------------------------------------------------------------------------------------------------------


@summary.register
def _system(shown: System) -> Document:
    topology = shown.topology
    edges = [p for p in shown.placements if len(p.component.ports) > 1]
    nodes = sum(group.size for group in topology.groups)
    title = f"{shown.name}: {counted(nodes, 'node')}, {counted(sum(map(shown.count, edges)), 'element')}"
    blocks: list[Block] = [Paragraph(shown.description)] if shown.description else []
    rows = []
    for group in topology.groups:
        own = [p.component.name for p in shown.placements if len(p.component.ports) == 1 and p.groups[0] == group.name]
        coordinates = [part for q in shown.coordinates(group.name) for part in (", ", *_coordinate(q))][1:]
        rows.append([Code(group.name), f"{group.size:,}", coordinates or "–", ", ".join(own) or "–"])
    blocks.append(Table(["Group", "Nodes", "Coordinates", "Components"], limited(rows, "groups")))
    if edges:
        rows = [[Code(p.name), " → ".join(p.groups), f"{shown.count(p):,}", p.component.name] for p in edges]
        blocks.append(Table(["Bundle", "From → to", "Elements", "Component"], limited(rows, "bundles")))
    blocks += [Paragraph(line) for line in _ends(shown)]
    if shown.cost is not None:
        of = " per unit of the readout: " if shown.readout is not None else " per output: "
        blocks.append(Paragraph(["Cost", of, Math(shown.cost)]))
    return Document(title, blocks)


def _coordinate(q: Coordinate) -> list:
    return [Math(q), " with rate ", Math(q.dot)] if q.rate_name else [Math(q)]


def _ends(shown: System) -> Iterator[str]:
    for entry in shown.inputs:
        kind = entry.kind
        if isinstance(kind, Feed):
            where = f"the signal {kind.signal} of {kind.placement}"
        else:
            where = f"{'clamped on' if isinstance(kind, Clamp) else 'pushing'} nodes of {', '.join(entry.nodes.groups)}"
        yield f"Input {entry.name!r}: {counted(entry.size, 'value')}, {where}"
    held: dict[float, int] = {}
    for found, value in shown.fixed:
        held[value] = held.get(value, 0) + found.size
    for value, count in held.items():
        yield f"Held at {value:g}: {counted(count, 'node')}"
    if shown.outputs is not None:
        yield f"Outputs: {counted(shown.outputs.size, 'node')} of {', '.join(shown.outputs.groups)}"


@equations.register
def _system_equations(shown: System) -> str | None:
    try:
        names = Names(derive(shown))
        blocks = energy_section(names, totals(names)).blocks
    except ModelError:  # what cannot be derived yet can still be shown
        return None
    return displayed([block for block in blocks if isinstance(block, Equation)])


# ---- structure reports -----------------------------------------------------------------------------------------------


@summary.register
def _structure(shown: Structure) -> Document:
    rows = [["equations", shown.system_class.value, _named(shown.constraints, "constraints of ")]]
    defects = [f"{c.component} in {c.placement} is not reciprocal" for c in shown.certificates]
    rows.append(["conservative", _verdict(shown.conservative), "; ".join(defects) or "–"])
    rows.append(["holomorphic", _verdict(shown.holomorphic), _obstacles(shown.not_holomorphic, what=True)])
    rows.append(["linear", _verdict(shown.linear), _obstacles(shown.nonlinear)])
    rows.append(["quadratic energy", _verdict(shown.quadratic), "–"])
    rows.append(["convex energy", _verdict(shown.convex), _obstacles(shown.not_convex)])
    rows.append(["bounded", _verdict(bool(shown.bounded)), _named(shown.bounded, "bounds in ")])
    if shown.not_differentiable:
        rows.append(["differentiable", "no", _obstacles(shown.not_differentiable, what=True)])
    rows.append(["autonomous", _verdict(shown.autonomous), "–" if shown.autonomous else "a term holds the time"])
    return Document("Structure", [Table(["Property", "Verdict", "Because of"], rows)])


def _verdict(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "undecided"}[value]


def _obstacles(found: tuple[Obstacle, ...], what: bool = False) -> str:
    texts = dict.fromkeys(f"{o.component}: {o.what}" if what else f"{o.component} in {o.placement}" for o in found)
    return _shortened(list(texts))


def _named(names: tuple[str, ...], lead: str) -> str:
    return lead + _shortened(list(names)) if names else "–"


def _shortened(texts: list[str]) -> str:
    more = f" and {len(texts) - 4} more" if len(texts) > 4 else ""
    return "; ".join(texts[:4]) + more if texts else "–"


@summary.register
def _trajectory_structure(shown: TrajectoryStructure) -> Document:
    rows = [[name, *_split(answer)] for name, answer in shown.report()]
    return Document("Structure of the motion", [Table(["Property", "Verdict", "Because of"], rows)])


def _split(answer: str) -> tuple[str, str]:
    verdict, colon, reason = answer.partition(": ")
    return (verdict, reason) if colon and verdict == "no" else (answer, "–")
