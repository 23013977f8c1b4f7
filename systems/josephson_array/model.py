"""Arrays of Josephson junctions, each with a resistor and a capacitor beside it (RCSJ), driven by a current.

A series array under a load, a ladder with junctions on its rails and rungs, and a ring that holds a fluxoid. Units in
which Φ₀ = 2π and I_c = R = 1 by default, so that a phase moves at the rate of its voltage; the Stewart–McCumber number
β_c = 2π I_c R² C/Φ₀ is then the capacitance. Equations and sources stand with the components in `physeq.electrical`.
"""

import math

import networkx as nx
import numpy as np

import physeq as pq

e = pq.electrical


def _shunted(graph, source, target, name, conductance, capacitance):
    graph.add_edge(source, target, component="junctions", name=f"J{name}")
    graph.add_edge(source, target, component="resistors", name=f"R{name}", g=conductance)
    graph.add_edge(source, target, component="capacitors", name=f"C{name}", C=capacitance)


def _system(graph, critical, current, flux_quantum, name):
    parts = {
        "junctions": e.josephson_junction(flux_quantum=flux_quantum),
        "resistors": e.resistor(trainable=False),
        "capacitors": e.capacitor(),
    }
    if current is not None:
        parts["drive"] = e.branch_current_source(current)
    values = {"junctions": {"I_c": np.asarray(critical, float)}}
    return pq.System.from_graph(graph, edges=parts, ground="0", values=values, name=name)


def series(
    critical=(1.0,), current=1.5, conductance=1.0, capacitance=0.01, load=0.0, flux_quantum=2 * math.pi
) -> pq.System:
    """Junctions one after the other from node n0 down to ground, a current into n0, and a conductance across all.

    Args:
        critical: critical currents, from the ground upwards.
        current: a number or a waveform.
        conductance, capacitance: beside each junction.
        load: conductance from n0 to ground, 0 for none. It couples the junctions: all carry what it leaves.
        flux_quantum: Φ₀.
    """
    graph = nx.MultiDiGraph()
    names = [*(f"n{k}" for k in range(len(critical))), "0"]
    for k in reversed(range(len(critical))):
        _shunted(graph, names[k], names[k + 1], len(critical) - 1 - k, conductance, capacitance)
    graph.add_edge("0", "n0", component="drive", name="I1")
    if load:
        graph.add_edge("n0", "0", component="resistors", name="load", g=load)
    return _system(graph, critical, _waveform(current), flux_quantum, "series array of Josephson junctions")


def ladder(rungs=4, current=1.5, conductance=1.0, capacitance=1.0, flux_quantum=2 * math.pi) -> pq.System:
    """Rungs with junctions between two rails of junctions; the current enters one end of a rail, leaves at the other's.

    Nodes a0, a1, ... above and b0, b1, ... below; ground is the last of the lower rail.
    """
    below = [*(f"b{k}" for k in range(rungs - 1)), "0"]
    graph = nx.MultiDiGraph()
    for k in range(rungs):
        _shunted(graph, f"a{k}", below[k], f"rung{k}", conductance, capacitance)
    for k in range(rungs - 1):
        _shunted(graph, f"a{k}", f"a{k + 1}", f"above{k}", conductance, capacitance)
        _shunted(graph, below[k], below[k + 1], f"below{k}", conductance, capacitance)
    graph.add_edge("0", "a0", component="drive", name="I1")
    critical = np.ones(3 * rungs - 2)
    return _system(graph, critical, _waveform(current), flux_quantum, "ladder of Josephson junctions")


def ring(size=6, conductance=1.0, capacitance=0.5, flux_quantum=2 * math.pi) -> pq.System:
    """Junctions around a ring, nothing else: the sum of their phases, a multiple of 2π, never changes."""
    names = ["0", *(f"n{k}" for k in range(1, size))]
    graph = nx.MultiDiGraph()
    for k in range(size):
        _shunted(graph, names[k], names[(k + 1) % size], k, conductance, capacitance)
    return _system(graph, np.ones(size), None, flux_quantum, "ring of Josephson junctions")


def _waveform(current):
    return pq.DC(float(current)) if isinstance(current, int | float) else current


def wound(winding, size=6, noise=0.0, seed=0):
    """A start of `ring` whose phases add up to 2π times the winding, unevenly."""
    random = noise * np.random.default_rng(seed).normal(size=size)
    return {"junctions": {"delta": 2 * np.pi * winding / size + random - random.mean()}}


variants = {
    "single": pq.Variant(
        series,
        "one overdamped junction above its critical current",
        simulation=pq.Simulation(t1=30.0, show=("n0.v", "J0.delta", "J0.i"), rtol=1e-7),
    ),
    "series": pq.Variant(
        lambda: series((1.0, 0.99, 1.01), 2.5, capacitance=2.0, load=0.5),
        "three junctions that lock under a load",
        simulation=pq.Simulation(t1=150.0, show=("J0.v", "J1.v", "J2.v", "J0.delta"), rtol=1e-7),
    ),
    "ladder": pq.Variant(
        ladder,
        "a ladder of junctions",
        simulation=pq.Simulation(t1=40.0, show=("a0.v", "Jrung0.delta", "Jrung3.delta", "energy"), rtol=1e-7),
    ),
    "ring": pq.Variant(
        ring,
        "a fluxoid in a ring",
        simulation=pq.Simulation(
            t1=20.0, start=wound(1, noise=0.3), show=("J0.delta", "J1.delta", "J0.i", "energy"), rtol=1e-8
        ),
    ),
}
