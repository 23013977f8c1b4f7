"""`System`: components placed on a topology, with grounds, inputs, outputs and a symbolic cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.graph import Topology
from physeq.shown import Shown
from physeq.symbolic.component import Component, Node
from physeq.symbolic.distributions import finite_number
from physeq.symbolic.mixing import check_across_outputs, cost_expression
from physeq.symbolic.place import Clamp, Drive, Feed, NodeSet, Readout, locate_nodes
from physeq.symbolic.placing import Placement, place_edges, place_nodes
from physeq.symbolic.starting import starting_states, starting_values
from physeq.symbolic.symbols import Coordinate, Parameter, StateSymbol, Target

InputKind = Clamp | Drive | Feed


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
        name, description: used in reports.

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
        if not isinstance(topology, Topology):
            raise ModelError(
                f"System: topology must be a Topology, got {topology!r:.60}; a networkx graph goes to System.from_graph"
            )
        self.name, self.description, self.topology = name, description, topology
        self.placements = (*place_nodes(topology, nodes), *place_edges(topology, edges))
        if not self.placements:
            raise ModelError(f"system {name!r} has no components; pass `edges=` and, where nodes have terms, `nodes=`")
        self._check_names()
        self.fixed = self._resolve_fixed(ground, {} if fixed is None else fixed)
        self.inputs = self._resolve_inputs(inputs)
        self._check_held_once()
        self.outputs = None if outputs is None else locate_nodes(topology, outputs, "outputs")
        self.readout = readout
        self.cost = self._check_cost(cost)
        self.values = starting_values(self, values)
        self.starts = starting_states(self, start)

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
        ground = () if ground is None else ground
        single = isinstance(ground, str) or not hasattr(ground, "__iter__") or (isinstance(ground, tuple) and ground)
        if isinstance(ground, tuple) and ground and not self._is_label(ground):
            single = False
        nodes = [ground] if single and ground not in groups else ground
        resolved = [(locate_nodes(self.topology, nodes, "ground"), 0.0)] if single or list(nodes) else []
        if not isinstance(fixed, Mapping):
            raise ModelError(f"fixed: must be a dict {{node or group: value}}, got {fixed!r:.60}; ground= holds at 0")
        for key, value in fixed.items():
            where = locate_nodes(self.topology, key if key in groups else [key], "fixed")
            resolved.append((where, finite_number(f"fixed node {key!r}: the value", value)))
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
                        other, coordinate = (self._coordinate_name(part.group, c) for c in (other, coordinate))
                        if coordinate is None or other is None or coordinate == other:
                            raise ModelError(
                                f"node {self.label(part.group, index)!r} of group {part.group!r} is held twice, by "
                                f"{before} and by {what}; keep one of them"
                            )
                    seen[part.group, index].append((coordinate, what))

    def _coordinate_name(self, group: str, name: str | None) -> str | None:
        """The name of a group's coordinate, which inputs may also call by the name of its rate."""
        return next((c.name for c in self.coordinates(group) if name in (c.name, c.key(1))), name)

    def _check_cost(self, cost) -> sp.Expr | None:
        if cost is None:
            if self.readout is not None:
                raise ModelError("a readout needs a cost in its output; pass cost=(z - y)**2/2")
            return None
        if self.outputs is None:
            raise ModelError("a cost needs outputs; pass outputs=[...] with the nodes that it sees")
        if not self.outputs.size:
            raise ModelError("a cost needs outputs, and `outputs` is empty; name the nodes that it sees")
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
