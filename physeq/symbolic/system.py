"""`System`: components placed on a topology, with grounds, inputs, outputs and a symbolic cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.graph import OneToOne, Pattern, Topology
from physeq.shown import Shown
from physeq.symbolic.component import Component, Node
from physeq.symbolic.mixing import check_across_outputs, cost_expression
from physeq.symbolic.place import Clamp, Drive, Feed, NodeSet, Readout, locate_nodes
from physeq.symbolic.symbols import Coordinate, Parameter, StateSymbol, Target

InputKind = Clamp | Drive | Feed


@dataclass(frozen=True, eq=False)
class Placement:
    """A component on a bundle: `groups[k]` is the group that its k-th port touches, `pattern` says which nodes."""

    name: str
    component: Component
    groups: tuple[str, ...]
    pattern: Pattern

    def group_of(self, port: str | None) -> str:
        """The group at a port; internal coordinates live in a group of the placement's own name."""
        return self.name if port is None else self.groups[self.component.ports.index(port)]


@dataclass(frozen=True, eq=False)
class Input:
    """One resolved input: its name, its kind and the nodes (or the element count) that it reaches."""

    name: str
    kind: InputKind
    nodes: NodeSet | None
    size: int


class System(Shown):
    """Components placed on a topology.

    Args:
        topology: a `Topology` (constructors such as `layered`, or `Topology.from_networkx`).
        nodes: one `Node` for all groups, or {group: Node or list of Nodes}. Groups may stay bare.
        edges: one `Edge` or `Component` for all bundles, or {bundle name or kind: component}.
        ground: a node label, a list of labels or a group name: these nodes are held at zero.
        fixed: {node label or group name: value}: nodes held at a value.
        inputs: a group name or list of labels (clamped), a `Clamp`, `Drive` or `Feed`, or {name: one of these}.
        outputs: a group name or a list of node labels that the cost sees.
        cost: C, a SymPy expression in an output node's coordinate (its rate on reduced nodes) and a `target`,
            summed over the output nodes.
        readout: a `Readout` whose units the cost sees instead.
        values: {placement: {parameter: array}} starting values, over attributes of the graph and initial distributions;
            NaN leaves an element to its distribution.
        start: {group: {coordinate: array}}, where solvers and motions start, over the coordinates' own `start`: one
            number per node in the order of the graph's nodes, or one for all, of the rate where that is the unknown.
            {placement: {coordinate: array}} for coordinates inside elements. It picks among several stable states, and
            keeps nodes apart that must not start in one place. NaN leaves a node to its coordinate's `start`.
        name: used in reports.

    Raises:
        ModelError: anything that does not fit, in the user's names, with the mend.

    >>> import physeq as pq
    >>> v, g = pq.coordinate("v"), pq.parameter("g", positive=True)
    >>> resistor = pq.Edge("resistor", dissipation=g * (v.source.dot - v.target.dot) ** 2 / 2)
    >>> pq.System(pq.complete(4), edges=resistor, ground=0, inputs=[1], outputs=[2])
    System('system': 4 nodes in 1 group, 6 elements in 1 bundle)
    """

    def __init__(
        self,
        topology: Topology,
        *,
        nodes: Node | Mapping[str, Component | Sequence[Component]] | None = None,
        edges: Component | Mapping[str, Component] | None = None,
        ground: Any = (),
        fixed: Mapping[Any, float] | None = None,
        inputs: Any = None,
        outputs: Any = None,
        cost: sp.Expr | None = None,
        readout: Readout | None = None,
        values: Mapping[str, Mapping[str, Any]] | None = None,
        start: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "system",
        description: str = "",
    ):
        self.name, self.description, self.topology = name, description, topology
        self.placements = (*self._place_nodes(nodes), *self._place_edges(edges))
        if not self.placements:
            raise ModelError(f"system {name!r} has no components; pass `edges=` and, where nodes have terms, `nodes=`")
        self._check_names()
        self.fixed = self._resolve_fixed(ground, fixed or {})
        self.inputs = self._resolve_inputs(inputs)
        self._check_held_once()
        self.outputs = None if outputs is None else locate_nodes(topology, outputs, "outputs")
        self.readout = readout
        self.cost = self._check_cost(cost)
        self.values = self._collect_values(values or {})
        self.starts = self._collect_starts(start or {})

    @classmethod
    def from_graph(cls, graph: nx.Graph, *, nodes=None, edges=None, **options) -> System:
        """A system on any networkx graph (Graph, DiGraph, MultiGraph, MultiDiGraph).

        A node's or edge's attribute `component` names its kind, to be looked up in `nodes` or `edges`; attributes
        named like parameters are their starting values. Other arguments as for `System`.

        Raises:
            ModelError: also when a graph's node or edge names no component, or an undirected edge gets a directed one.
        """
        return cls(Topology.from_networkx(graph), nodes=nodes, edges=edges, **options)

    # ---- placing -------------------------------------------------------------------------------------------------

    def _place_nodes(self, nodes) -> list[Placement]:
        groups = {group.name: group for group in self.topology.groups}
        if nodes is None:
            nodes = {}
        elif isinstance(nodes, Component):
            nodes = dict.fromkeys(groups, nodes)
        elif not isinstance(nodes, Mapping):
            raise ModelError(
                f"`nodes` is a {type(nodes).__name__}; pass one Node for all, or {{group: Node or list of Nodes}} with "
                f"the groups {sorted(groups)}"
            )
        if unknown := set(nodes) - set(groups):
            raise ModelError(f"`nodes` names {sorted(unknown)}, but the groups are {sorted(groups)}; use those names")
        missing = [g.name for g in groups.values() if g.kind is not None and g.name not in nodes]
        if missing:
            raise ModelError(
                f"graph nodes ask for component {missing[0]!r}, which `nodes` does not give; pass "
                f"nodes={{{missing[0]!r}: Node(...)}}"
            )
        placed = []
        for name, components in nodes.items():
            components = [components] if isinstance(components, Component) else list(components)
            for component in components:
                if len(component.ports) != 1:
                    raise ModelError(
                        f"group {name!r}: {component.name!r} has ports {component.ports}; a node needs a `Node`"
                    )
                key = name if len(components) == 1 else f"{name}.{component.name}"
                placed.append(Placement(key, component, (name,), OneToOne()))
        return placed

    def _place_edges(self, edges) -> list[Placement]:
        bundles = self.topology.bundles
        if edges is None:
            edges = {}
        elif isinstance(edges, Component):
            edges = {key: edges for bundle in bundles for key in (bundle.name,)}
        elif not isinstance(edges, Mapping):
            raise ModelError(
                f"`edges` is a {type(edges).__name__}; pass one component for all, or {{bundle: component}} with the "
                f"bundles {sorted(bundle.name for bundle in bundles)}"
            )
        known = {bundle.name for bundle in bundles} | {bundle.kind for bundle in bundles if bundle.kind}
        if unknown := set(edges) - known:
            raise ModelError(f"`edges` names {sorted(unknown)}, but the bundles are {sorted(known)}; use those names")
        placed = []
        for bundle in bundles:
            component = edges.get(bundle.name, edges.get(bundle.kind))
            if component is None and not self.topology.count(bundle.name):
                continue  # an empty bundle needs no component
            if component is None:
                wanted = bundle.kind or bundle.name
                raise ModelError(
                    f"bundle {bundle.name!r} ({bundle.groups[0]} → {bundle.groups[-1]}) has no component; pass "
                    f"edges={{{wanted!r}: Edge(...)}}"
                )
            if len(component.ports) != len(bundle.groups):
                raise ModelError(
                    f"bundle {bundle.name!r} joins {len(bundle.groups)} groups, but {component.name!r} has ports "
                    f"{component.ports}"
                )
            if component.directed and not bundle.directed:
                raise ModelError(
                    f"bundle {bundle.name!r} comes from undirected edges, but {component.name!r} acts on its target "
                    "alone; use a DiGraph (or directed=True), or give the edge an energy or forces on both ends"
                )
            placed.append(Placement(bundle.name, component, tuple(bundle.groups), bundle.pattern))
        return placed

    def _check_names(self) -> None:
        seen: dict[str, Placement] = {}
        for placement in self.placements:
            if placement.name in seen or placement.name == "readout":
                raise ModelError(f"two placements are named {placement.name!r}; rename the group, bundle or component")
            seen[placement.name] = placement
            if placement.component.internal and placement.name in {g.name for g in self.topology.groups}:
                raise ModelError(
                    f"group {placement.name!r}: a node component with internal coordinates needs a name of its "
                    "own; put "
                    "it in a list with another Node or model the coordinate as a node's"
                )

    # ---- inputs, outputs, cost -----------------------------------------------------------------------------------

    def _resolve_fixed(self, ground, fixed) -> tuple[tuple[NodeSet, float], ...]:
        groups = {g.name for g in self.topology.groups}
        single = isinstance(ground, str | int | tuple) and (not isinstance(ground, tuple) or ground)
        if isinstance(ground, tuple) and ground and not self._is_label(ground):
            single = False
        nodes = [ground] if single and ground not in groups else ground
        resolved = [(locate_nodes(self.topology, nodes, "ground"), 0.0)] if single or list(nodes) else []
        for key, value in fixed.items():
            where = locate_nodes(self.topology, key if key in groups else [key], "fixed")
            if not np.isfinite(value):
                raise ModelError(f"fixed node {key!r}: the value must be finite, got {value!r}")
            resolved.append((where, float(value)))
        return tuple(resolved)

    def _is_label(self, label) -> bool:
        try:
            self.topology.locate(label)
        except ModelError:
            return False
        return True

    def _resolve_inputs(self, inputs) -> tuple[Input, ...]:
        if inputs is None:
            inputs = {}
        elif not isinstance(inputs, Mapping):
            inputs = {"input": inputs}
        resolved = []
        for name, kind in inputs.items():
            kind = kind if isinstance(kind, InputKind) else Clamp(kind)
            if isinstance(kind, Feed):
                placement = self.placement(kind.placement)
                if kind.signal not in placement.component.signals:
                    raise ModelError(
                        f"input {name!r}: component {placement.component.name!r} has no signal {kind.signal}"
                    )
                resolved.append(Input(name, kind, None, self.count(placement)))
            else:
                nodes = locate_nodes(self.topology, kind.nodes, f"input {name!r}")
                resolved.append(Input(name, kind, nodes, nodes.size))
        fed = {(i.kind.placement, i.kind.signal) for i in resolved if isinstance(i.kind, Feed)}
        for placement in self.placements:
            for signal in placement.component.signals:
                if (placement.name, signal) not in fed:
                    raise ModelError(
                        f"signal {signal} of {placement.name!r} has no input; pass "
                        f"inputs={{..., {signal.name!r}: Feed({placement.name!r}, {signal.name})}}"
                    )
        return tuple(resolved)

    def _check_held_once(self) -> None:
        held: list[tuple[NodeSet, str | None, str]] = [
            (nodes, None, "a ground or fixed value") for nodes, _ in self.fixed
        ]
        held += [
            (i.nodes, i.kind.coordinate, f"input {i.name!r}")
            for i in self.inputs
            if isinstance(i.kind, Clamp) and i.nodes is not None
        ]
        seen: dict[tuple[str, int], list[tuple[str | None, str]]] = {}
        for nodes, coordinate, what in held:
            for part in nodes.parts:
                for index in part.indices.tolist():
                    for other, before in seen.setdefault((part.group, index), []):
                        if coordinate is None or other is None or coordinate == other:
                            raise ModelError(
                                f"node {self.label(part.group, index)!r} of group {part.group!r} is held twice, by "
                                f"{before} and by {what}; keep one of them"
                            )
                    seen[part.group, index].append((coordinate, what))

    def _check_cost(self, cost) -> sp.Expr | None:
        if cost is None:
            if self.readout is not None:
                raise ModelError("a readout needs a cost in its output; pass cost=(z - y)**2/2")
            return None
        if self.outputs is None:
            raise ModelError("a cost needs outputs; pass outputs=[...] with the nodes that it sees")
        cost = cost_expression(cost, "cost")
        for symbol in sorted(cost.free_symbols, key=str):
            if isinstance(symbol, StateSymbol):
                if self.readout is not None and symbol.coordinate != self.readout.output:
                    raise ModelError(f"cost: with a readout it may hold {self.readout.output}, not {symbol}")
                if symbol.port is not None:
                    raise ModelError(
                        f"cost: write {symbol.coordinate} instead of {symbol}; a cost sees one node at a time"
                    )
            elif not isinstance(symbol, Target):
                hint = "cost parameters belong in a Readout" if isinstance(symbol, Parameter) else "use target('y')"
                raise ModelError(f"cost: unknown symbol {symbol}; {hint}")
        if sum(isinstance(s, Target) for s in cost.free_symbols) > 1:
            raise ModelError("cost: it may hold one target symbol")
        check_across_outputs(cost)
        return cost

    def _collect_values(self, values) -> dict[str, dict[str, np.ndarray]]:
        collected: dict[str, dict[str, np.ndarray]] = {p.name: {} for p in self.placements}
        sources = {g.name: g.attributes for g in self.topology.groups} | {
            b.name: b.attributes for b in self.topology.bundles
        }
        for placement in self.placements:
            owner = placement.groups[0] if len(placement.component.ports) == 1 else placement.name
            for p in placement.component.parameters:
                if p.name in sources.get(owner, {}):
                    collected[placement.name][p.name] = np.asarray(sources[owner][p.name], float)
        for name, given in values.items():
            placement = self.placement(name)
            if not isinstance(given, Mapping):
                raise ModelError(f"values of {name!r}: must be a dict {{parameter: numbers}}, got {given!r}")
            for key, value in given.items():
                placement.component.parameter(key)
                collected[name][key] = _numbers(value, f"parameter {key!r} of {name!r}")
        for placement in self.placements:
            for key, value in collected[placement.name].items():
                self._check_value(placement, placement.component.parameter(key), value)
        return collected

    def _check_value(self, placement: Placement, p: Parameter, value: np.ndarray) -> None:
        shape = self.parameter_shape(placement, p)
        where = f"parameter {p.name!r} of {placement.name!r}"
        if value.shape not in ((), shape):
            raise ModelError(f"{where}: values must have shape {shape}, got {value.shape}")
        # NaN stands for a value that a graph's element does not give.
        bad = np.argwhere((value < p.lower) | (value > p.upper) | np.isinf(value))
        if bad.size:
            at = tuple(int(i) for i in bad[0])
            raise ModelError(
                f"{where}: value {value[at]} of element {at} lies outside its bounds [{p.lower}, {p.upper}]; "
                "change the "
                "value, or the bounds of the parameter"
            )

    def _collect_starts(self, start) -> dict[str, dict[str, np.ndarray]]:
        sizes = {group.name: group.size for group in self.topology.groups}
        sizes |= {p.name: self.count(p) for p in self.placements if p.component.internal}
        collected: dict[str, dict[str, np.ndarray]] = {}
        if not isinstance(start, Mapping):
            raise ModelError(f"start: must be a dict {{group: {{coordinate: numbers}}}}, got {start!r:.60}")
        for owner, given in start.items():
            if owner not in sizes:
                raise ModelError(f"start: {owner!r} is no group; there are {', '.join(map(repr, sizes))}")
            known = {c.name for c in self.coordinates(owner)}
            if not isinstance(given, Mapping):
                raise ModelError(f"start of {owner!r}: must be a dict {{coordinate: numbers}}, got {given!r:.60}")
            for name, value in given.items():
                where = f"start of coordinate {name!r} of {owner!r}"
                if name not in known:
                    raise ModelError(f"{where}: there is no such coordinate, but {sorted(known)}")
                numbers = _numbers(value, where)
                if numbers.shape not in ((), (sizes[owner],)):
                    raise ModelError(f"{where}: must have shape ({sizes[owner]},), got {numbers.shape}")
                if np.isinf(numbers).any():
                    raise ModelError(f"{where}: holds infinite numbers; give finite ones")
                collected.setdefault(owner, {})[name] = np.broadcast_to(numbers, (sizes[owner],))
        return collected

    # ---- reading -------------------------------------------------------------------------------------------------

    def sizes(self, placement: Placement) -> tuple[int, ...]:
        """Sizes of the groups at a placement's ports."""
        return tuple(self.topology.group(name).size for name in placement.groups)

    def count(self, placement: Placement) -> int:
        """The number of instances of a placed component."""
        return placement.pattern.count(self.sizes(placement))

    def parameter_shape(self, placement: Placement, p: Parameter) -> tuple[int, ...]:
        """Shape of a parameter's array."""
        return () if p.shared else placement.pattern.parameter_shape(self.sizes(placement))

    def placement(self, name: str) -> Placement:
        """The placement of that name."""
        for placement in self.placements:
            if placement.name == name:
                return placement
        known = ", ".join(repr(p.name) for p in self.placements)
        raise ModelError(f"no bundle or node component is named {name!r}; there are {known}")

    def coordinates(self, group: str) -> tuple[Coordinate, ...]:
        """The coordinates on a group's nodes (or inside a placement of that name), by name."""
        found = set()
        for placement in self.placements:
            for slot in placement.component.slots:
                if placement.group_of(slot.port) == group:
                    found.add(slot.coordinate)
        return tuple(sorted(found, key=lambda c: c.name))

    def start_of(self, owner: str, coordinate: Coordinate) -> np.ndarray | float:
        """Where an unknown of a group (or inside a placement) starts: a number per node, or one for all."""
        given = self.starts.get(owner, {}).get(coordinate.name)
        return coordinate.start if given is None else np.where(np.isnan(given), coordinate.start, given)

    def label(self, group: str, index: int):
        """The user's label of a node."""
        return self.topology.group(group).labels[index]

    def __repr__(self) -> str:
        def some(n, word):
            return f"{n} {word}{'' if n == 1 else 's'}"

        nodes = sum(group.size for group in self.topology.groups)
        elements = sum(self.count(p) for p in self.placements if len(p.component.ports) > 1)
        return (
            f"System({self.name!r}: {some(nodes, 'node')} in {some(len(self.topology.groups), 'group')}, "
            f"{some(elements, 'element')} in {some(len(self.topology.bundles), 'bundle')})"
        )


def _numbers(value: Any, where: str) -> np.ndarray:
    """Starting values as the user gives them."""
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        raise ModelError(f"{where}: values must be numbers, got {value!r:.60}") from None
