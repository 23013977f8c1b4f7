"""Continuous Hopfield networks: energy-based units in layers and on any graph, and the prototypical map.

Equations and sources stand with the components in `physeq.neural`.
"""

from dataclasses import replace

import networkx as nx
import numpy as np

import physeq as pq

y = pq.target("y")
squared_error = (pq.neural.s - y) ** 2 / 2


def layered(sizes=(6, 8, 3), activation="tanh", weights=1.0, biases=1.0) -> pq.System:
    """Layers of energy-based units, clamped inputs, E = Σ½s² − Σw ρ(s)ρ(s) − Σb ρ(s).

    Weights and biases start uniform in ±`weights`/√fan-in and ±`biases`/√fan-in.
    """
    rho = pq.neural.ACTIVATIONS[activation]
    topology = pq.layered(sizes)
    # Inputs are data, sent as they are: only what follows them has an activation.
    into_first = pq.neural.synapse(rho, pq.FanInUniform(weights), source=pq.neural.identity)
    between = pq.neural.synapse(rho, pq.FanInUniform(weights))
    bundles = [bundle.name for bundle in topology.bundles]
    unit = pq.neural.unit(rho, pq.FanInUniform(biases))
    return pq.System(
        topology,
        nodes={group.name: unit for group in topology.groups[1:]},
        edges={name: into_first if k == 0 else between for k, name in enumerate(bundles)},
        inputs="input",
        outputs="output",
        cost=squared_error,
        name="layered Hopfield network",
    )


def graph(
    size=14, neighbours=4, rewiring=0.2, inputs=3, outputs=2, activation="tanh", seed=0, weights=0.3
) -> pq.System:
    """Energy-based units on a small-world graph; the first nodes are inputs, the last ones outputs."""
    rho = pq.neural.ACTIVATIONS[activation]
    return pq.System(
        pq.small_world(size, neighbours, rewiring, seed=seed),
        nodes=pq.neural.unit(rho, pq.Normal(0.0, 0.3)),
        edges=pq.neural.synapse(rho, pq.Normal(0.0, weights)),
        inputs=list(range(inputs)),
        outputs=list(range(size - outputs, size)),
        cost=squared_error,
        name="Hopfield network on a graph",
    )


def prototypical(sizes=(6, 8, 3), activation="logistic", scale=1.0) -> pq.System:
    """Layers of prototypical units: s_i ← ρ(Σ_j w_ij s_j + b_i), the map of discrete-time equilibrium propagation."""
    topology = pq.layered(sizes)
    unit = pq.neural.prototypical_unit(pq.neural.ACTIVATIONS[activation], pq.FanInUniform(scale))
    return pq.System(
        topology,
        nodes={group.name: unit for group in topology.groups[1:]},
        edges=pq.neural.prototypical_synapse(pq.FanInUniform(scale)),
        inputs="input",
        outputs="output",
        cost=squared_error,
        name="prototypical network",
    )


def asymmetric(sizes=(6, 8, 3), activation="logistic", angle=60.0, scale=1.0) -> pq.System:
    """Prototypical units with separate forward and backward weights: s_i ← ρ(W_f s_{i−1} + W_b s_{i+1} + b_i).

    Between free layers W_b starts at `angle` degrees to W_fᵀ, equal at 0; the clamped input needs no way back to it.
    """
    free = pq.layered(sizes, bidirected=True)
    bundles = [bundle for bundle in free.bundles if bundle.groups[1] != "input"]
    pairs = {bundle.name: "->".join(reversed(bundle.groups)) for bundle in bundles[len(sizes) - 1 :]}
    flip = (1 - np.cos(np.radians(angle))) / 2
    forward = pq.neural.directed_synapse(initial=pq.FanInUniform(scale))
    unit = pq.neural.prototypical_unit(pq.neural.ACTIVATIONS[activation], pq.FanInUniform(scale))
    return pq.System(
        pq.Topology(free.groups, tuple(bundles)),
        nodes={group.name: unit for group in free.groups[1:]},
        edges={bundle.name: forward for bundle in bundles}
        | {
            name: pq.neural.directed_synapse(initial=pq.TransposeOf(partner, flip=float(flip)))
            for name, partner in pairs.items()
        },
        inputs="input",
        outputs="output",
        cost=squared_error,
        name="asymmetric network",
    )


def directed(size=50, probability=0.1, seed=0, activation="tanh", inputs=5, outputs=5, weights=0.9) -> pq.System:
    """Leaky units on a random directed graph, ṡ_j = −s_j + b_j ρ′(s_j) + Σ_i w_ij ρ(s_i): no energy, no symmetry.

    Every ordered pair is joined with the given probability. Weights are normal with standard deviation
    `weights`/√(size·probability), about the spectral radius; the first nodes are inputs, the last ones outputs.
    """
    rho = pq.neural.ACTIVATIONS[activation]
    return pq.System.from_graph(
        nx.gnp_random_graph(size, probability, seed=seed, directed=True),
        nodes=pq.neural.unit(rho, pq.Normal(0.0, 0.3)),
        edges=pq.neural.directed_synapse(rho, pq.Normal(0.0, weights / np.sqrt(size * probability))),
        inputs=list(range(inputs)),
        outputs=list(range(size - outputs, size)),
        cost=squared_error,
        name="directed network",
    )


def softmax(sizes=(6, 8, 8, 3), activation="logistic", scale=1.0) -> pq.System:
    """Prototypical units, their last layer read out: C = cross-entropy of softmax(s W_out + b_out), no output units."""
    hidden = len(sizes) - 2
    names = ["input", *(["hidden"] if hidden == 1 else [f"hidden{k}" for k in range(1, hidden + 1)])]
    topology = pq.layered(sizes[:-1], names)
    unit = pq.neural.prototypical_unit(pq.neural.ACTIVATIONS[activation], pq.FanInUniform(scale))
    start, z = pq.FanInUniform(scale), pq.coordinate("z", description="logit")
    weight = pq.parameter("W_out", initial=start, description="readout weight")
    return pq.System(
        topology,
        nodes=dict.fromkeys(names[1:], unit),
        edges=pq.neural.prototypical_synapse(start),
        inputs="input",
        outputs=names[-1],
        readout=pq.Readout(z, weight * pq.neural.s, sizes[-1], pq.parameter("b_out", initial=start)),
        cost=pq.cross_entropy(z, y),
        name="prototypical network with a softmax readout",
    )


def encode_targets(dataset, low=-1.0, high=1.0):
    """Targets `low` and `high` for 0 and 1: tanh units reach ±1, boxed ones 0 and 1."""
    return replace(
        dataset,
        train_targets=(low + (high - low) * dataset.train_targets).astype(np.float32),
        test_targets=(low + (high - low) * dataset.test_targets).astype(np.float32),
    )


variants = {
    "layered": pq.Variant(layered, "layers of energy-based units (tanh, or boxed in [0, 1])", encode_targets),
    "graph": pq.Variant(graph, "energy-based units on a small-world graph", encode_targets),
    "prototypical": pq.Variant(prototypical, "layers with the map of discrete-time equilibrium propagation"),
    "asymmetric": pq.Variant(asymmetric, "the same map with separate forward and backward weights, at an angle"),
    "directed": pq.Variant(directed, "leaky units on a random directed graph, without any symmetry", encode_targets),
    "softmax": pq.Variant(softmax, "the map of prototypical units with a softmax readout in the cost"),
}
