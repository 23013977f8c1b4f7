"""Crossbars of memristors: one that learns, one of two layers with diodes between, one that is read, one device alone.

A memristor joins every row to every column. Learning writes the states between the limits of the device; reading and
writing in time show sneak paths and hysteresis. Equations and sources stand with the components in `physeq.electrical`.
"""

from dataclasses import replace

import networkx as nx
import numpy as np

import physeq as pq

e = pq.electrical

y = pq.target("y", unit="V")
squared_error = (e.v - y) ** 2 / 2


def single(rows=6, columns=3, on=1e-3, off=1e-5, low=0.0, high=0.5) -> pq.System:
    """One crossbar: rows are driven, columns float: v_j = Σ_i G_ij u_i / Σ_i G_ij, G = G_off + (G_on − G_off) x.

    Args:
        rows, columns: `rows` counts the sources as given, after `encode`.
        on, off: limits of the conductances in siemens.
        low, high: states start uniformly between them.
    """
    return pq.System(
        pq.crossbar(rows, columns),
        edges=e.programmed_memristor(on, off, pq.Uniform(low, high)),
        inputs="rows",
        outputs="columns",
        cost=squared_error,
        name="memristor crossbar",
    )


def deep(sizes=(6, 8, 3), on=1e-3, off=1e-5, low=0.0, high=0.5) -> pq.System:
    """Crossbars in a row: the columns of one are the rows of the next, with an ideal diode to ground on each of them.

    The first half of every hidden layer has v ≥ 0, the second v ≤ 0. Other arguments as of `single`.
    """
    topology = pq.layered(sizes)
    groups = [group.name for group in topology.groups]
    diode = e.ideal_diode_to_ground()
    return pq.System(
        topology,
        nodes=dict.fromkeys(groups[1:-1], diode),
        edges=e.programmed_memristor(on, off, pq.Uniform(low, high)),
        inputs=groups[0],
        outputs=groups[-1],
        cost=squared_error,
        values={
            hidden: {"direction": np.where(np.arange(size) < size // 2, -1.0, 1.0)}
            for hidden, size in zip(groups[1:-1], sizes[1:-1], strict=True)
        },
        name="deep memristor crossbar",
    )


def read(states=((0.1, 0.9), (0.9, 0.9)), row=0, column=0, waveform=None, grounded=False) -> pq.System:
    """A crossbar of memristors with thresholds, one row driven and one column held at 0 V: nodes r0, ..., c0, ...

    While the voltage stays below the thresholds it is read. Other lines float, and devices beside the wanted one carry
    a current around it (sneak paths); with `grounded` they are held at 0 V. Beyond the thresholds it is written.

    Args:
        states: gives the numbers of rows and columns; `written` makes a start of it.
        row, column: of the selected device, M{row}{column}.
        waveform: at the row; by default a sine of 2 V and 50 Hz, which writes.
        grounded: whether the other lines are at 0 V.
    """
    states = np.asarray(states, float)
    graph = nx.MultiDiGraph()
    lines = [f"r{i}" for i in range(states.shape[0])], [f"c{j}" for j in range(states.shape[1])]
    devices = [(a, b, f"M{i}{j}") for i, a in enumerate(lines[0]) for j, b in enumerate(lines[1])]
    for a, b, name in devices:
        graph.add_edge(a, b, component="memristors", name=name)
    graph.add_edge(f"r{row}", "0", component="drive", name="V1")
    held = [line for line in (*lines[0], *lines[1]) if line != f"r{row}"] if grounded else [f"c{column}"]
    for line in held:
        graph.add_edge(line, "0", component="grounds", name=f"A{line}")
    return pq.System.from_graph(
        graph,
        edges={
            "memristors": e.threshold_memristor(),
            "drive": e.voltage_source(pq.Sine(0.0, 2.0, 50.0) if waveform is None else waveform),
            "grounds": e.voltage_source(pq.DC(0.0)),
        },
        ground="0",
        name="crossbar of memristors with thresholds",
    )


def written(states):
    """A start of `read` in which the devices have these states, by rows."""
    return {"memristors": {"x": np.asarray(states, float).ravel()}}


def encode(dataset, gain=1.0):
    """Row voltages gain·(x, −x, 1, −1): conductances are positive, so every feature also comes inverted."""

    def voltages(x):
        ones = np.ones((len(x), 1))
        return (gain * np.concatenate([x, -x, ones, -ones], axis=1)).astype(np.float32)

    return replace(
        dataset,
        train_inputs=voltages(dataset.train_inputs),
        test_inputs=voltages(dataset.test_inputs),
        image_shape=None,
    )


def probe(system, seed):
    """Inputs (x, −x, 1, −1) with x uniform in [0, 1], targets uniform in [0, 1]."""
    random = np.random.default_rng(seed)
    x, ones = random.random((4, system.inputs[0].size // 2 - 1)), np.ones((4, 1))
    return np.concatenate([x, -x, ones, -ones], axis=1), random.random((4, system.outputs.size))


variants = {
    "single": pq.Variant(single, "one crossbar, rows driven, columns read", encode, probe),
    "deep": pq.Variant(deep, "two crossbars with diodes on the wires between", encode, probe),
    "read": pq.Variant(
        lambda: read(waveform=pq.Sine(0.0, 0.5, 50.0)),
        "one device of a crossbar read below the thresholds, with sneak paths",
        simulation=pq.Simulation(
            t1=0.04, start=written([[0.1, 0.9], [0.9, 0.9]]), show=("r0.v", "Ac0.i", "M00.i", "M11.x"), rtol=1e-7
        ),
    ),
    "hysteresis": pq.Variant(
        lambda: read(((0.05,),)),
        "one device under a sine beyond its thresholds",
        simulation=pq.Simulation(t1=0.04, start=written([[0.05]]), show=("r0.v", "M00.i", "M00.x"), rtol=1e-7),
    ),
}
