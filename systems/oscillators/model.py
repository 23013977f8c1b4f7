"""Phase oscillators that learn: XY spins in layers, and locked Kuramoto oscillators on any graph.

Equations and sources stand with the components in `physeq.oscillators`.
"""

from dataclasses import replace

import numpy as np
import sympy as sp

import physeq as pq

y = pq.target("y", unit="rad")
phase_error = 1 - sp.cos(pq.oscillators.theta - y)


def layered(sizes=(4, 6, 2), scale=1.0, field=1.0) -> pq.System:
    """XY spins in layers, clamped input phases; every hidden and output spin has a trainable field."""
    topology = pq.layered(sizes)
    spin = pq.oscillators.spin(field, 0.0)
    return pq.System(
        topology,
        nodes={group.name: spin for group in topology.groups[1:]},
        edges=pq.oscillators.phase_coupling(pq.FanInUniform(scale)),
        inputs="input",
        outputs="output",
        cost=phase_error,
        name="layered XY network",
    )


def kuramoto(size=12, neighbours=4, rewiring=0.2, inputs=3, outputs=2, coupling=1.0, spread=0.2, seed=0) -> pq.System:
    """Kuramoto oscillators on a small-world graph, phase 0 pinned; inputs are frequencies, outputs locked phases.

    Natural frequencies start normal with deviation `spread`, couplings uniform within a factor of `coupling`; locking
    needs them to be strong against the frequencies.
    """
    return pq.System(
        pq.small_world(size, neighbours, rewiring, seed=seed),
        nodes=pq.oscillators.phase_unit(pq.Normal(0.0, spread)),
        edges=pq.oscillators.phase_coupling(pq.Uniform(0.75 * coupling, 1.25 * coupling)),
        fixed={0: 0.0},
        inputs=pq.Drive(list(range(1, 1 + inputs))),
        outputs=list(range(size - outputs, size)),
        cost=phase_error,
        name="Kuramoto network",
    )


def encode_angles(dataset, high=np.pi / 4):
    """Inputs as angles (x − ½)π, targets ±`high` for 1 and 0."""

    def angles(x):
        return ((x - 0.5) * np.pi).astype(np.float32)

    def targets(t):
        return (high * (2 * t - 1)).astype(np.float32)

    return replace(
        dataset,
        train_inputs=angles(dataset.train_inputs),
        test_inputs=angles(dataset.test_inputs),
        train_targets=targets(dataset.train_targets),
        test_targets=targets(dataset.test_targets),
    )


def probe_angles(system, seed):
    """Input angles uniform in ±π/2, target angles uniform in ±π/4."""
    random = np.random.default_rng(seed)
    return (
        random.uniform(-np.pi / 2, np.pi / 2, (4, system.inputs[0].size)),
        random.uniform(-np.pi / 4, np.pi / 4, (4, system.outputs.size)),
    )


def probe_frequencies(system, seed):
    """Input frequencies uniform in ±½, target angles uniform in ±π/4."""
    random = np.random.default_rng(seed)
    return (
        random.uniform(-0.5, 0.5, (4, system.inputs[0].size)),
        random.uniform(-np.pi / 4, np.pi / 4, (4, system.outputs.size)),
    )


variants = {
    "layered": pq.Variant(layered, "XY spins in layers with clamped input phases", encode_angles, probe_angles),
    "kuramoto": pq.Variant(
        kuramoto, "locked oscillators on a graph, driven by their frequencies", None, probe_frequencies
    ),
}
