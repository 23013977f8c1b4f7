"""Resistive networks that learn: linear on any graph, with junction diodes (and capacitors), deep with ideal diodes.

The steady state minimises the co-content; equations and sources stand with the components in `physeq.electrical`.
"""

from dataclasses import replace

import numpy as np

import physeq as pq

y = pq.target("y", unit="V")
squared_error = (pq.electrical.v - y) ** 2 / 2


def adjustable_resistor(low, high, least) -> pq.Edge:
    """The resistor of `electrical`, drawn in [low, high], with a least conductance: no node is ever cut off."""
    start = pq.Uniform(low, high)
    g = pq.parameter("g", positive=True, bounds=(least, None), initial=start, unit="S", description="conductance")
    drop = pq.electrical.phi.source.dot - pq.electrical.phi.target.dot
    return pq.Edge("resistor", dissipation=g * drop**2 / 2, description="linear conductance between two nodes")


def linear(size=12, degree=4, inputs=3, outputs=2, low=0.5, high=1.5, least=0.0, seed=0) -> pq.System:
    """Resistors on a random regular graph; node 0 is ground, the next ones voltage inputs, the last ones outputs.

    Conductances start in [`low`, `high`] and stay at or above `least`.
    """
    return pq.System(
        pq.random_regular(degree, size, seed=seed),
        edges=adjustable_resistor(low, high, least),
        ground=0,
        inputs=list(range(1, 1 + inputs)),
        outputs=list(range(size - outputs, size)),
        cost=squared_error,
        name="linear resistor network",
    )


def nonlinear(
    size=12,
    degree=4,
    inputs=3,
    outputs=2,
    low=0.5,
    high=1.5,
    least=0.0,
    saturation_current=0.05,
    thermal_voltage=0.25,
    seed=0,
) -> pq.System:
    """The network of `linear` with a junction diode to ground on every inner node, anodes and cathodes in turn.

    Ground, sources and outputs have none. Soft diodes: V_t is far above that of one junction at room temperature, as
    of several in series.
    """
    inner = np.arange(1 + inputs, size - outputs)
    direction = np.zeros(size)
    direction[inner] = np.where(inner % 2, 1.0, -1.0)
    return pq.System(
        pq.random_regular(degree, size, seed=seed),
        nodes=pq.electrical.exponential_diode_to_ground(saturation_current, thermal_voltage),
        edges=adjustable_resistor(low, high, least),
        ground=0,
        inputs=list(range(1, 1 + inputs)),
        outputs=list(range(size - outputs, size)),
        cost=squared_error,
        values={"nodes": {"direction": direction}},
        name="nonlinear resistor network",
    )


def deep(sizes=(6, 8, 3), scale=1.0, rectified=False) -> pq.System:
    """A deep resistive network: layers of conductances, ideal diodes on hidden nodes, current sources as biases.

    `sizes` counts the input as given to the network, twice the features after `encode`. The first half of every hidden
    layer has v ≥ 0, the second v ≤ 0. Conductances start as the absolute value of a uniform draw in ±`scale`/√fan-in;
    with `rectified` its negative half is zero instead, which learns better in large networks and may leave nodes of
    small ones without any conductance. (Scellier 2024, "A fast algorithm to simulate nonlinear resistive networks".)
    """
    return _layers(sizes, scale, rectified, pq.electrical.ideal_diode_to_ground(), "deep resistive network")


def exponential_diodes(
    sizes=(6, 8, 3), scale=1.0, rectified=False, saturation_current=1e-3, thermal_voltage=0.025
) -> pq.System:
    """The layers of `deep` with junction diodes instead of ideal ones: soft knees at the forward drop."""
    diode = pq.electrical.exponential_diode_to_ground(saturation_current, thermal_voltage)
    return _layers(sizes, scale, rectified, diode, "resistive network with junction diodes")


def rc_diodes(
    sizes=(6, 8, 3), scale=1.0, rectified=False, capacitance=1e-3, saturation_current=1e-3, thermal_voltage=0.1
) -> pq.System:
    """The network of `exponential_diodes` with a capacitor from every free node to ground: it relaxes by itself.

    C v̇ = −∂R/∂v: time constants of C over the conductance of a node. The steady state is that without capacitors.
    """
    diode = pq.electrical.exponential_diode_to_ground(saturation_current, thermal_voltage)
    capacitor = pq.electrical.capacitor_to_ground(capacitance)
    return _layers(sizes, scale, rectified, diode, "RC network with junction diodes", capacitor)


def _layers(sizes, scale, rectified, diode, name, *free) -> pq.System:
    topology = pq.layered(sizes)
    groups = [group.name for group in topology.groups]
    source = pq.electrical.current_source()
    return pq.System(
        topology,
        nodes={hidden: [diode, source, *free] for hidden in groups[1:-1]} | {groups[-1]: [source, *free]},
        edges=pq.electrical.resistor(pq.FanInUniform(scale, positive=not rectified, rectified=rectified)),
        inputs=groups[0],
        outputs=groups[-1],
        cost=squared_error,
        values={
            # A cathode at the node (−1) keeps v ≥ 0, an anode (1) v ≤ 0.
            f"{hidden}.{diode.name}": {"direction": np.where(np.arange(size) < size // 2, -1.0, 1.0)}
            for hidden, size in zip(groups[1:-1], sizes[1:-1], strict=True)
        },
        name=name,
    )


def encode_doubled(dataset, gain=1.0):
    """Inputs (gain·x, −gain·x): with conductances ≥ 0 a negative weight needs an inverted copy of its input."""

    def doubled(x):
        return (gain * np.concatenate([x, -x], axis=1)).astype(np.float32)

    return replace(
        dataset,
        train_inputs=doubled(dataset.train_inputs),
        test_inputs=doubled(dataset.test_inputs),
        image_shape=None,
    )


def encode_voltages(dataset, span=1.0, mirrored=False, constants=(), scale=1.0):
    """Source voltages u = span·(2x − 1), with `mirrored` also −u, then constant ones; targets times `scale`.

    A network of resistors averages its sources: targets must lie among them.
    """

    def voltages(x):
        u = span * (2 * x - 1)
        fixed = np.tile(np.array(constants), (len(x), 1))
        return np.concatenate([u, -u, fixed] if mirrored else [u, fixed], axis=1).astype(np.float32)

    return replace(
        dataset,
        train_inputs=voltages(dataset.train_inputs),
        test_inputs=voltages(dataset.test_inputs),
        train_targets=(scale * dataset.train_targets).astype(np.float32),
        test_targets=(scale * dataset.test_targets).astype(np.float32),
        image_shape=None,
    )


def probe_doubled(system, seed):
    """Inputs ±x with x uniform in [0, 1], targets uniform in [0, 1]."""
    random = np.random.default_rng(seed)
    x = random.random((4, system.inputs[0].size // 2))
    return np.concatenate([x, -x], axis=1), random.random((4, system.outputs.size))


variants = {
    "linear": pq.Variant(linear, "resistors on a random graph, inputs and outputs as voltages", encode_voltages),
    "nonlinear": pq.Variant(nonlinear, "the same graph with junction diodes to ground", encode_voltages),
    "exponential_diodes": pq.Variant(
        exponential_diodes, "layers of resistors with junction diodes to ground", encode_doubled, probe_doubled
    ),
    "rc_diodes": pq.Variant(
        rc_diodes, "the same with a capacitor at every free node, to relax in real time", encode_doubled, probe_doubled
    ),
    "deep": pq.Variant(deep, "deep resistive network with ideal diodes", encode_doubled, probe_doubled),
}
