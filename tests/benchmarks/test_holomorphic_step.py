"""A training step of holomorphic EP against hand-written JAX, and how long it compiles.

Run with `pytest -n 0 -m benchmark tests/benchmarks/test_holomorphic_step.py -s`.
"""

import time

import handwritten_holomorphic as twin
import jax
import numpy as np
import pytest
from test_learning_steps import batch, step_of, variant
from timing import ratio, report

import physeq as pq

pytestmark = pytest.mark.benchmark

SIZES = [784, 256, 256, 10]
RATE = 0.05


def test_holomorphic_step():
    """The setting of the published table: softmax readout, 200 free and 50 nudged steps."""
    model = variant("hopfield", "softmax").build(sizes=SIZES).compile()
    rule = pq.HolomorphicEP(radius=0.4, points=10, free=pq.FixedPoint(200), nudged=pq.FixedPoint(50))
    weights, biases = twin.parameters(jax.random.key(0), SIZES)
    places = [
        (("input->hidden1", "w"), ("hidden1", "b")),
        (("hidden1->hidden2", "w"), ("hidden2", "b")),
        (("readout", "W_out"), ("readout", "b_out")),
    ]
    params = {}
    for (weight, bias), w, b in zip(places, weights, biases, strict=True):
        for (place, name), value in ((weight, w), (bias, b)):
            params.setdefault(place, {})[name] = value
    inputs, target = batch(jax.random.key(1), 20, 784)
    step = step_of(model, rule, dict.fromkeys(params, RATE))

    @jax.jit
    def other(params, inputs, target):
        return jax.tree.map(lambda p, g: p - RATE * g, params, twin.gradient(params, inputs, target))

    begin = time.perf_counter()
    ours = jax.block_until_ready(step(params, inputs, target))
    middle = time.perf_counter()
    theirs = jax.block_until_ready(other((weights, biases), inputs, target))
    print(f"\nfirst call: physeq {middle - begin:.1f} s, hand-written {time.perf_counter() - middle:.1f} s")
    for pair, *values in zip(places, *theirs, strict=True):
        for (place, name), value in zip(pair, values, strict=True):
            np.testing.assert_allclose(ours[place][name], value, atol=2e-6)
    assert np.abs(np.asarray(theirs[0][1] - weights[1])).max() > 1e-4
    measured = ratio(
        lambda: step(params, inputs, target), lambda: other((weights, biases), inputs, target), repeats=31, inner=3
    )
    report("hEP training step, 784-256-256-10, softmax, N = 10, 200 and 50 steps", measured, 1.25)
