"""A ladder of inductors and capacitors, the lumped transmission line, between a source and a load.

Equations and sources stand with the components in `physeq.electrical`.
"""

import numpy as np

import physeq as pq

e = pq.electrical


def ladder(sections=8, inductance=1e-6, capacitance=1e-9, loss=0.0, source=50.0, load=50.0, waveform=None) -> pq.System:
    """Sections of a series inductor (with its resistance) and a capacitor to ground; nodes in, n0, n1, ... and ground.

    Args:
        sections: how many.
        inductance, capacitance: of each section, in henries and farads.
        loss: series resistance of each inductor in ohms; 0 for none.
        source, load: resistances at both ends in ohms.
        waveform: of the source; a short pulse by default.
    """
    labels = ["0", "in", *(f"n{k}" for k in range(sections + 1)), *(f"m{k}" for k in range(sections) if loss)]
    number = {label: k for k, label in enumerate(labels)}
    coils, wires = [], []
    for k in range(sections):
        middle = f"m{k}" if loss else f"n{k + 1}"
        coils.append((f"n{k}", middle))
        wires += [(middle, f"n{k + 1}")] if loss else []
    ends = [("in", "n0"), (f"n{sections}", "0")]
    period = 2 * np.pi * np.sqrt(inductance * capacitance)
    if waveform is None:
        waveform = pq.Pulse(0.0, 1.0, delay=period, rise=period, fall=period, width=period)

    def bundle(name, pairs, kind):
        indices = np.array([[number[a], number[b]] for a, b in pairs])
        names = [f"{kind}{k}" for k in range(len(pairs))]
        return pq.Bundle(name, ("nodes", "nodes"), pq.Sparse(indices), labels=names)

    bundles = [
        bundle("source", [("in", "0")], "V"),
        bundle("inductors", coils, "L"),
        bundle("capacitors", [(f"n{k + 1}", "0") for k in range(sections)], "C"),
        bundle("resistors", [*ends, *wires], "R"),
    ]
    conductances = [1 / source, 1 / load, *([1 / loss] * len(wires) if loss else [])]
    return pq.System(
        pq.Topology((pq.Group("nodes", len(labels), labels=labels),), tuple(bundles)),
        edges={
            "source": e.voltage_source(waveform),
            "inductors": e.inductor(inductance),
            "capacitors": e.capacitor(capacitance),
            "resistors": e.resistor(),
        },
        ground="0",
        values={"resistors": {"g": np.array(conductances)}},
        name="RLC ladder",
    )


variants = {
    "pulse": pq.Variant(
        ladder,
        "a pulse runs along the line",
        simulation=pq.Simulation(t1=1.2e-6, show=("in.v", "n0.v", "n4.v", "n8.v", "L3.i", "energy"), rtol=1e-7),
    ),
    "lossy": pq.Variant(
        lambda sections=8: ladder(sections, loss=5.0, waveform=pq.Sine(0.0, 1.0, 2e6)),
        "a sine on a line with resistance",
        simulation=pq.Simulation(t1=5e-6, show=("in.v", "n8.v", "energy", "dissipated"), rtol=1e-7),
    ),
}
