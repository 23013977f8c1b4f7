"""Rectifiers: one diode, or a bridge of four, a smoothing capacitor and a load.

Equations and sources stand with the components in `physeq.electrical`.
"""

import networkx as nx

import physeq as pq

e = pq.electrical


def _build(diodes, source, capacitance, load, saturation_current, thermal_voltage):
    graph = nx.MultiDiGraph()
    graph.add_edge(*source, component="source", name="V1")
    for k, (anode, cathode) in enumerate(diodes):
        graph.add_edge(anode, cathode, component="diode", name=f"D{k + 1}")
    graph.add_edge("out", "0", component="capacitor", name="C1")
    graph.add_edge("out", "0", component="resistor", name="R1", g=1 / load)
    return graph, {
        "diode": e.exponential_diode(saturation_current, thermal_voltage),
        "capacitor": e.capacitor(capacitance),
        "resistor": e.resistor(),
    }


def half_wave(
    waveform=None, capacitance=1e-5, load=1e3, saturation_current=1e-12, thermal_voltage=0.02585
) -> pq.System:
    """A source, one diode, and a capacitor beside the load: nodes in, out and ground."""
    graph, parts = _build([("in", "out")], ("in", "0"), capacitance, load, saturation_current, thermal_voltage)
    parts["source"] = e.voltage_source(pq.Sine(0.0, 10.0, 50.0) if waveform is None else waveform)
    return pq.System.from_graph(graph, edges=parts, ground="0", name="half-wave rectifier")


def bridge(waveform=None, capacitance=1e-5, load=1e3, saturation_current=1e-12, thermal_voltage=0.02585) -> pq.System:
    """Four diodes, so that both halves of the wave load the capacitor: nodes a, b, out and ground.

    While all diodes block, nothing but their vanishing conductance ties the source to ground: a resistor of 10 MΩ (the
    probe of an oscilloscope) at node a does.
    """
    diodes = [("a", "out"), ("b", "out"), ("0", "a"), ("0", "b")]
    graph, parts = _build(diodes, ("a", "b"), capacitance, load, saturation_current, thermal_voltage)
    graph.add_edge("a", "0", component="resistor", name="R2", g=1e-7)
    parts["source"] = e.voltage_source(pq.Sine(0.0, 10.0, 50.0) if waveform is None else waveform)
    return pq.System.from_graph(graph, edges=parts, ground="0", name="bridge rectifier")


variants = {
    "half-wave": pq.Variant(
        half_wave, "one diode", simulation=pq.Simulation(t1=0.1, show=("in.v", "out.v", "D1.i"), rtol=1e-6)
    ),
    "bridge": pq.Variant(
        bridge, "four diodes", simulation=pq.Simulation(t1=0.1, show=("V1.v", "out.v", "D1.i", "D2.i"), rtol=1e-6)
    ),
}
