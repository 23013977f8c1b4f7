"""Recurrent Hamiltonian networks: coupled oscillators that read a sequence as forces and answer with positions.

Every unit is a mass in a well, T = ½ m q̇², V = ½ k q² + ¼ a q⁴ − b q, and every connection an energy −w q_i q_j. Input
units are pushed by the sequence, hidden units are joined to each other and to all input and output units. Nothing
dissipates, so that the motion can be run back; all that the network remembers is in its oscillations.
"""

from dataclasses import replace

import numpy as np

import physeq as pq

q = pq.coordinate("q", description="position")
y = pq.target("y")


def unit(stiffness, quartic) -> pq.Node:
    """A well that starts with stiffness k, at most 5, and quartic stiffness a, at least 0.05.

    The upper bound keeps frequencies √k at what the steps of `read` resolve. With a > 0 the energy has a lower bound
    whatever the couplings are.
    """
    k = pq.parameter("k", initial=stiffness, bounds=(0.0, 5.0), description="stiffness")
    a = pq.parameter("a", initial=quartic, bounds=(0.05, None), description="quartic stiffness")
    b = pq.parameter("b", initial=0.0, description="bias")
    m = pq.parameter("m", initial=1.0, positive=True, trainable=False, description="mass")
    return pq.Node("oscillator", kinetic=m * q.dot**2 / 2, potential=k * q**2 / 2 + a * q**4 / 4 - b * q)


def coupling(scale) -> pq.Edge:
    """V = −w q_source q_target with a weight w that starts normal, of standard deviation `scale`."""
    w = pq.parameter("w", initial=pq.Normal(0.0, scale), description="weight")
    return pq.Edge("coupling", potential=-w * q.source * q.target)


def network(inputs=4, hidden=6, outputs=3, quartic=0.5, weights=0.15) -> pq.System:
    """Input, hidden and output oscillators.

    Args:
        inputs, hidden, outputs: how many.
        quartic: starting quartic stiffness of all wells.
        weights: standard deviation of the starting weights; between hidden units twice this over √hidden.
    """
    pairs = np.stack(np.triu_indices(hidden, 1), axis=1)
    return pq.System(
        pq.Topology(
            (pq.Group("input", inputs), pq.Group("hidden", hidden), pq.Group("output", outputs)),
            (
                pq.Bundle("input->hidden", ("input", "hidden"), pq.Dense()),
                pq.Bundle("recurrent", ("hidden", "hidden"), pq.Sparse(pairs)),
                pq.Bundle("hidden->output", ("hidden", "output"), pq.Dense()),
            ),
        ),
        # Stiff inputs follow the sequence; hidden units differ, so that they keep different parts of its past.
        nodes={
            "input": unit(4.0, quartic),
            "hidden": unit(pq.Uniform(0.5, 4.0), quartic),
            "output": unit(1.0, quartic),
        },
        edges={
            "input->hidden": coupling(weights),
            "recurrent": coupling(2 * weights / hidden**0.5),
            "hidden->output": coupling(weights),
        },
        inputs={"sequence": pq.Drive("input")},
        outputs="output",
        name="recurrent Hamiltonian network",
    )


def read(system, length=8, rest=2, steps=5, window=0.5, edge=0.05):
    """Motions from rest through a sequence, an entry per unit of time, and some time without input.

    The cost is that of the end: ½ σ((t − T + window)/edge)(q − y)².

    Args:
        length: entries of a sequence.
        rest: time without input behind it.
        steps: leapfrog steps per unit of time.
        window, edge: how long before the end T the outputs are read, and how softly that begins.
    """
    duration = float(length + rest)
    weight = pq.sigmoid((pq.time - (duration - window)) / edge)
    return system.trajectories(
        pq.InitialValue(duration=duration),
        pq.Leapfrog((length + rest) * steps),
        cost=pq.TrajectoryCost(running=weight * (q - y) ** 2 / 2),
    )


def encode_rows(dataset, length=8, rest=2, steps=5, offset=0.3, gain=3.0):
    """Images as sequences of their rows, gain·(pixel − offset), in the times of `read`; targets 0 and 1 as they are."""

    def series(images):
        rows = gain * (images.reshape(len(images), length, -1) - offset)
        silence = np.zeros((len(images), rest, rows.shape[2]))
        held = np.repeat(np.concatenate([rows, silence], axis=1), steps, axis=1)
        return held.reshape(len(images), -1).astype(np.float32)

    return replace(
        dataset,
        train_inputs=series(dataset.train_inputs),
        test_inputs=series(dataset.test_inputs),
        image_shape=None,
    )


def probe(system, seed):
    """Sequences of random forces on the grid of the default trajectories, and one class each."""
    random = np.random.default_rng(seed)
    size, classes = (system.topology.group(name).size for name in ("input", "output"))
    forces = np.repeat(random.normal(size=(4, 10, size)), 5, axis=1)
    return forces, np.eye(classes)[np.arange(4) % classes][:, None, :]


variants = {
    "recurrent": pq.Variant(
        network, "oscillators that classify sequences; nothing dissipates", encode_rows, probe, trajectories=read
    ),
}
