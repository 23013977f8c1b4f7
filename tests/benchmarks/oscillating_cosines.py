"""Cosine of the oscillating estimator to the exact gradient on 784-256-256-10, against the published table.

    python tests/benchmarks/oscillating_cosines.py [samples [uniform | Glorot [radius]]]

Units ρ(x) = 1/(1 + e^{−4x+2}), softmax cross-entropy of a readout with bias, r = 0.5 unless given, N = 10, one
mini-batch of MNIST at the initial parameters. Published: Laborieux & Zenke 2022, arXiv:2209.00530.
"""

from __future__ import annotations

import sys

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

import physeq as pq

PERIODS = (1, 3, 10, 40)
PUBLISHED = {
    5: (0.454, 0.857, 0.982, 0.9965),
    10: (0.917, 0.990, 0.9989, 0.9998),
    20: (0.9992, 0.9999, 1.0, 1.0),
    40: (1.0, 1.0, 1.0, 1.0),
}
INITIAL = {"uniform": pq.FanInUniform(), "Glorot": pq.GlorotUniform()}


def network(initial, sizes=(784, 256, 256), classes=10):
    """The compiled network; weights and biases (of the readout too) drawn from one distribution."""
    s, z, y = pq.neural.s, pq.coordinate("z"), pq.target("y")
    bias = pq.FanInUniform() if isinstance(initial, pq.FanInUniform) else 0.0
    w, c = pq.parameter("w", initial=initial), pq.parameter("c", initial=bias)
    topology = pq.layered(list(sizes))
    return pq.System(
        topology,
        nodes={group.name: pq.neural.prototypical_unit(initial=bias) for group in topology.groups[1:]},
        edges=pq.neural.prototypical_synapse(initial),
        inputs="input",
        outputs=topology.groups[-1].name,
        readout=pq.Readout(output=z, drive=w * s, size=classes, bias=c),
        cost=pq.cross_entropy(z, y),
    ).compile()


def cosines(model, steps, periods=PERIODS, samples=20, seed=0, radius=0.5):
    """{periods: cosine of OscillatingEP to ImplicitDifferentiation}, all parameters as one vector."""
    data = pq.data.load("mnist").take(samples, 0)
    params = model.init_parameters(jax.random.key(seed))
    inputs, target = data.train_inputs, data.train_targets

    def flat(rule):
        return np.asarray(ravel_pytree(rule.gradient(model, params, inputs, target)[0])[0], float)

    exact = flat(pq.ImplicitDifferentiation(pq.FixedPoint(20_000, tolerance=1e-11)))  # Glorot weights settle slowly
    found = {}
    for count in periods:
        estimate = flat(pq.OscillatingEP(radius, points=10, periods=count, steps=steps))
        found[count] = float(estimate @ exact / np.linalg.norm(estimate) / np.linalg.norm(exact))
    return found


def main() -> None:
    """Print the table, published numbers in brackets."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    radius = float(sys.argv[3]) if len(sys.argv) > 3 else 0.5
    for name in sys.argv[2:3] or INITIAL:
        initial = INITIAL[name]
        model = network(initial)
        print(f"{name} initial weights, {samples} samples, r = {radius:g}; periods {PERIODS}")
        for steps, published in PUBLISHED.items():
            found = cosines(model, steps, samples=samples, radius=radius)
            row = "  ".join(f"{found[n]:.4f} ({p})" for n, p in zip(PERIODS, published, strict=True))
            print(f"{steps:3d} steps: {row}", flush=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
