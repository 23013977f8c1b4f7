"""Circuits for tests: elements as (name, source node, target node, values), parts by the first letter of the name."""

from __future__ import annotations

import networkx as nx

import physeq as pq

e = pq.electrical

PARTS = {
    "R": e.resistor,
    "C": e.capacitor,
    "L": e.inductor,
    "D": e.exponential_diode,
    "V": e.voltage_source,
    "I": e.branch_current_source,
}


def circuit(*elements, ground="0", parts=(), **options) -> pq.System:
    """A system of two-port elements; `parts` maps first letters to components that replace `PARTS`."""
    graph = nx.MultiDiGraph()
    for name, source, target, *values in elements:
        graph.add_edge(source, target, component=name[0], name=name, **(values[0] if values else {}))
    given = dict(parts)
    letters = {element[0][0] for element in elements}
    edges = {letter: given.get(letter) or PARTS[letter]() for letter in letters}
    return pq.System.from_graph(graph, edges=edges, ground=ground, **options)
