"""Which component stands on which group or bundle of a topology."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from physeq.errors import ModelError
from physeq.graph import OneToOne, Pattern, Topology
from physeq.symbolic.component import Component


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


def place_nodes(topology: Topology, nodes: Any) -> list[Placement]:
    """Components on groups; see `System`.

    Raises:
        ModelError: no component or not one of a node, a group that is not there, a kind of the graph without component.
    """
    groups = {group.name: group for group in topology.groups}
    if nodes is None:
        nodes = {}
    elif isinstance(nodes, Component):
        nodes = dict.fromkeys(groups, nodes)
    elif not isinstance(nodes, Mapping):
        _check_component("nodes", nodes, "Node", called_only=True)
        raise ModelError(
            f"`nodes` is a {type(nodes).__name__}; pass one Node for all, or {{group: Node or list of Nodes}} with "
            f"the groups {sorted(groups)}"
        )
    if unknown := set(nodes) - set(groups):
        named = sorted(unknown, key=str)
        raise ModelError(f"`nodes` names {named}, but the groups are {sorted(groups)}; use those names")
    missing = [g.name for g in groups.values() if g.kind is not None and g.name not in nodes]
    if missing:
        raise ModelError(
            f"graph nodes ask for component {missing[0]!r}, which `nodes` does not give; pass "
            f"nodes={{{missing[0]!r}: Node(...)}}"
        )
    placed = []
    for name, components in nodes.items():
        components = list(components) if isinstance(components, list | tuple) else [components]
        for component in components:
            _check_component(f"nodes[{name!r}]", component, "Node")
            if len(component.ports) != 1:
                raise ModelError(
                    f"group {name!r}: {component.name!r} has ports {component.ports}; a node needs a `Node`"
                )
            key = name if len(components) == 1 else f"{name}.{component.name}"
            placed.append(Placement(key, component, (name,), OneToOne()))
    return placed


def place_edges(topology: Topology, edges: Any) -> list[Placement]:
    """Components on bundles; see `System`.

    Raises:
        ModelError: no component, a bundle that is not there or has none, ports that do not fit, a component that acts
            one way on undirected edges.
    """
    bundles = topology.bundles
    if edges is None:
        edges = {}
    elif isinstance(edges, Component):
        edges = {bundle.name: edges for bundle in bundles}
    elif not isinstance(edges, Mapping):
        _check_component("edges", edges, "Edge", called_only=True)
        raise ModelError(
            f"`edges` is a {type(edges).__name__}; pass one component for all, or {{bundle: component}} with the "
            f"bundles {sorted(bundle.name for bundle in bundles)}"
        )
    known = {bundle.name for bundle in bundles} | {bundle.kind for bundle in bundles if bundle.kind}
    if unknown := set(edges) - known:
        named = sorted(unknown, key=str)
        raise ModelError(f"`edges` names {named}, but the bundles are {sorted(known)}; use those names")
    for name, component in edges.items():
        _check_component(f"edges[{name!r}]", component, "Edge or Component")
    placed = []
    for bundle in bundles:
        component = edges.get(bundle.name, edges.get(bundle.kind))
        if component is None and not topology.count(bundle.name):
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


def _check_component(where: str, value: Any, wanted: str, called_only: bool = False) -> None:
    """Refuse what is no component; with `called_only`, only functions that were not called."""
    if callable(value) and not isinstance(value, Component):
        name = getattr(value, "__name__", repr(value))
        raise ModelError(f"{where}: must be a component ({wanted}), got the function {name}; call it: {name}()")
    if not called_only and not isinstance(value, Component):
        raise ModelError(f"{where}: must be a component ({wanted}), got {value!r:.60}")
