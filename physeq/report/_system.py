"""What a system is, on a page: groups, bundles, inputs and outputs, and what each component declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.graph import Dense, OneToOne, Sparse
from physeq.report._assemble import has_parallel, is_symmetric
from physeq.report._motion import node_labels
from physeq.report._naming import Names
from physeq.report._relations import Chain
from physeq.report._words import counted
from physeq.report.document import Block, Bullets, Code, Figure, Math, Note, Paragraph, Section, Table
from physeq.report.network_drawing import is_small, network_drawing
from physeq.symbolic.component import Component
from physeq.symbolic.distributions import Constant, Distribution
from physeq.symbolic.place import Clamp, Drive, NodeSet
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import Parameter, StateSymbol
from physeq.symbolic.system import System


def system_section(names: Names) -> Section:
    """The network as a picture, groups, bundles, and where inputs and outputs attach."""
    system, d = names.system, names.derivation
    blocks: list[Block] = [Paragraph(system.description)] if system.description else []
    blocks.append(network_figure(system))
    rows = []
    for group in system.topology.groups:
        unknowns = [
            names.state(v.group, v.coordinate, int(v.reduced), (names.index(0),)) for v in d.group_variables(group.name)
        ]
        own = [p.component.name for p in system.placements if len(p.component.ports) == 1 and p.groups[0] == group.name]
        shown = [part for e in unknowns for part in (", ", Math(e))][1:]
        rows.append(
            [
                Code(group.name),
                f"{group.size:,}",
                shown or "–",
                ", ".join(own) or "–",
                _role(names, group.name),
                "–" if group.name in d.held else _starts(system, group.name),
            ]
        )
    blocks.append(Table(["Group", "Nodes", "Unknown", "Node components", "Role", "Starts at"], rows))
    bundles = [p for p in system.placements if len(p.component.ports) > 1]
    if bundles:
        blocks.append(_bundles(names, bundles))
    if any(has_parallel(p) for p in bundles):
        blocks.append(
            Note("Several elements may join the same two nodes; the indices of a parameter then stand for one element.")
        )
    if ends := [*ends_of(names), *outputs_of(names)]:
        blocks.append(Bullets(ends))
    return Section("System", blocks)


def network_figure(system: Any) -> Figure:
    """The picture of a system, `network.svg` where it is a file."""
    what = "its nodes and elements" if is_small(system) else "a box for each group of nodes and each bundle of elements"
    return Figure(network_drawing(system), f"The network: {what}.", "network")


def _role(names: Names, group: str) -> str:
    roles = []
    system = names.system
    if any(part.group == group for entry in system.inputs if entry.nodes is not None for part in entry.nodes.parts):
        roles.append("inputs")
    if system.outputs is not None and group in system.outputs.groups:
        roles.append("outputs")
    if group in names.derivation.held:
        roles.append("held")
    elif any(part.group == group for nodes, _ in system.fixed for part in nodes.parts):
        roles.append("some nodes held")
    return ", ".join(roles) or "free"


def _bundles(names: Names, bundles: list[Placement]) -> Table:
    rows = []
    for p in bundles:
        pattern = {Dense: "all pairs", OneToOne: "one to one", Sparse: "listed"}.get(
            type(p.pattern), type(p.pattern).__name__
        )
        between = " → ".join(p.groups)
        coupling = getattr(p.component, "coupling", "many ports")
        if is_symmetric(p):
            coupling += ", same from both ends"
        rows.append([Code(p.name), between, pattern, f"{names.system.count(p):,}", p.component.name, coupling])
    return Table(["Bundle", "From → to", "Pattern", "Elements", "Component", "Coupling"], rows)


def ends_of(names: Names) -> Iterator[list]:
    """How inputs act on the system, and which nodes are held."""
    system = names.system
    for entry in system.inputs:
        if isinstance(entry.kind, Clamp) and entry.nodes:
            text = f"clamped on {_reached(names, entry.nodes, entry.kind.coordinate)}"
        elif isinstance(entry.kind, Drive) and entry.nodes:
            text = f"acting as a force on {_reached(names, entry.nodes, entry.kind.coordinate)}"
        else:
            text = f"of the signal {entry.kind.signal} of {entry.kind.placement}"
        text = f"{counted(entry.size, 'value')} {text}"
        yield ["Input ", Code(entry.name), f": {text}."]
    for nodes, value in system.fixed:
        yield [f"Held at {value:g}: {node_labels(names, nodes)}."]


def _reached(names: Names, nodes: NodeSet, coordinate: str | None) -> str:
    """The nodes of an input, and which of their coordinates it means where they have several."""
    several = any(len(names.derivation.group_variables(part.group)) > 1 for part in nodes.parts)
    told = node_labels(names, nodes)
    return f"coordinate {coordinate} of {told}" if several and coordinate is not None else told


def outputs_of(names: Names) -> Iterator[list]:
    """Where the outputs are."""
    if names.system.outputs is not None:
        yield [f"Outputs: {node_labels(names, names.system.outputs)}."]


# ---- components ------------------------------------------------------------------------------------------------------


def components_section(names: Names) -> Section:
    """The terms that each component declares, and its parameters."""
    placed: dict[int, list[Placement]] = {}
    for p in names.system.placements:
        placed.setdefault(id(p.component), []).append(p)
    blocks = []
    for placements in placed.values():
        blocks.append(_component(names, placements))
    return Section("Components", blocks)


def _component(names: Names, placements: list[Placement]) -> Section:
    component, generic = placements[0].component, len(placements) > 1
    where = [part for p in placements for part in (", ", Code(p.name))][1:]
    text = component.description or "component"
    blocks: list[Block] = [Paragraph([text[:1].upper() + text[1:], ". Placed on ", *where, "."])]
    rows = [[what, expr] for what, expr in _terms(names, placements[0], generic)]
    if rows:
        blocks.append(Table(["Term", "Expression"], rows))
    if component.internal:
        ports = names.ports(placements[0])
        element = names.element(placements[0], ports)
        group = None if generic else placements[0].name
        inner = [part for q in component.internal for part in (", ", Math(names.state(group, q, 0, element)))][1:]
        starts = [_starts(names.system, p.name) for p in placements]
        told = starts[0] if len(set(starts)) == 1 else "given values"
        blocks.append(Paragraph(["Each element has the coordinate ", *inner, f" inside, which starts at {told}."]))
    if component.parameters:
        blocks.append(_parameters(names, placements))
    return Section(component.name[:1].upper() + component.name[1:], blocks)


_TERMS = {"kinetic": "kinetic energy", "potential": "potential energy", "dissipation": "Rayleigh function"}


def _terms(names: Names, placement: Placement, generic: bool) -> Iterator[tuple]:
    component, ports = placement.component, names.ports(placement)

    def page(e) -> Math:
        return Math(names.rename(sp.sympify(e), placement, ports, generic=generic))

    for name, text in _TERMS.items():
        if getattr(component, name) != 0:
            yield text, page(getattr(component, name))
    for symbol, expr in component.force.items():
        yield ["force on ", page(symbol)], page(expr)
    for g in component.constraint:
        rate = any(isinstance(s, StateSymbol) and s.order for s in g.free_symbols)
        yield "rate constraint" if rate else "constraint", [page(g), " = 0"]
    for symbol, (lower, upper) in component.bounds.items():
        sides = [page(e).expr for e in (lower, symbol, upper) if e not in (sp.oo, -sp.oo)]
        if len(sides) > 1:
            yield "bounds", Math(Chain("le", *sides))
    if component.minimiser is not None:
        yield "declared local minimum, checked", page(component.minimiser)


def _parameters(names: Names, placements: list[Placement]) -> Table:
    component: Component = placements[0].component
    rows = []
    for p in component.parameters:
        per_place = [names.parameter(q.name, p, names.element(q, names.ports(q))) for q in placements]
        shown = [part for e in per_place[:6] for part in (", ", Math(e))][1:] + ([", …"] if len(per_place) > 6 else [])
        count = sum(1 if p.shared else int(sp.prod(names.system.parameter_shape(q, p))) for q in placements)
        given = [q for q in placements if p.name in names.system.values[q.name]]
        start = "given values" if given else _start(p.initial)
        kind = "shared" if p.shared else "per element"
        rows.append(
            [
                shown,
                p.description or p.name,
                p.unit or "–",
                _interval(p),
                f"{count:,}, {kind}",
                "yes" if p.trainable else "no",
                start,
            ]
        )
    return Table(["Parameter", "Meaning", "Unit", "Range", "Number", "Trained", "Starts at"], rows)


def _starts(system: System, owner: str) -> str:
    """Where the coordinates of a group, or inside a placement, start."""
    given = system.starts.get(owner, {})
    told = ["given values" if q.name in given else f"{q.start:g}" for q in system.coordinates(owner)]
    return ", ".join(told if len(set(told)) > 1 else told[:1])


def _interval(p: Parameter) -> str:
    low = "−∞" if p.lower == -float("inf") else f"{p.lower:g}"
    high = "∞" if p.upper == float("inf") else f"{p.upper:g}"
    return f"{low} … {high}" if p.bounded else "any"


def _start(initial: Distribution) -> str:
    if isinstance(initial, Constant):
        return f"{initial.value:g}"
    values = ", ".join(
        k if isinstance(v, bool) else f"{k.replace('_', ' ')} {v if isinstance(v, str) else format(v, 'g')}"
        for k, v in vars(initial).items()
        if v is not False
    )
    name = "".join(f" {c.lower()}" if c.isupper() else c for c in type(initial).__name__).strip()
    return f"{name} ({values})"
