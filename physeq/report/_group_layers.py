"""Groups of nodes in the order in which signals pass them: inputs first, outputs last."""

from __future__ import annotations

from itertools import combinations

import networkx as nx

from physeq.report._network_parts import Parts


def group_layers(parts: Parts) -> list[list[str]]:
    """The groups in layers: each joined group stands in a later layer than the groups before it that it is joined to.

    Inputs come first, outputs last, others by their distance from the inputs, which every topology has: where groups
    act on each other in a ring, one of its bundles runs backwards.

    >>> import physeq as pq
    >>> from physeq.report._network_parts import parts_of
    >>> unit = pq.neural.unit(pq.neural.tanh)
    >>> net = pq.System(pq.layered([2, 3, 1]), nodes={"hidden": unit, "output": unit}, edges=pq.neural.synapse(),
    ...                 inputs="input", outputs="output")
    >>> group_layers(parts_of(net))
    [['input'], ['hidden'], ['output']]
    """
    names = [group.name for group in parts.system.topology.groups]
    graph = nx.Graph()
    graph.add_nodes_from(names)
    for placement in parts.joining:
        graph.add_edges_from(combinations(dict.fromkeys(placement.groups), 2))
    first = {group for group, _ in (*parts.clamped, *parts.driven)} or {names[0]}
    last = {group for group, _ in parts.outputs} - first
    distance = nx.multi_source_dijkstra_path_length(graph, first)
    order = sorted(names, key=lambda name: (name in last, distance.get(name, 0), names.index(name)))
    layer: dict[str, int] = {}
    for name in order:
        layer[name] = 1 + max((layer[other] for other in graph[name] if other in layer and other != name), default=-1)
    return [[name for name in order if layer[name] == number] for number in range(max(layer.values()) + 1)]
