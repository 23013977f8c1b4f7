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
    model = variant("hopfield", "prototypical").build(sizes=SIZES).compile()
    rule = pq.HolomorphicEP(radius=0.4, points=10, free=pq.FixedPoint(50), nudged=pq.FixedPoint(20))
    weights, biases = twin.parameters(jax.random.key(0), SIZES)
    bundles = [name for name in model.init_parameters(jax.random.key(0)) if "->" in name]
    groups = [name.split("->")[1] for name in bundles]
    params = {b: {"w": w} for b, w in zip(bundles, weights, strict=True)}
    params |= {g: {"b": b} for g, b in zip(groups, biases, strict=True)}
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
    for bundle, group, w, b in zip(bundles, groups, *theirs, strict=True):
        np.testing.assert_allclose(ours[bundle]["w"], w, atol=2e-6)
        np.testing.assert_allclose(ours[group]["b"], b, atol=2e-6)
    assert np.abs(np.asarray(theirs[0][1] - weights[1])).max() > 1e-4
    measured = ratio(
        lambda: step(params, inputs, target), lambda: other((weights, biases), inputs, target), repeats=31, inner=3
    )
    report("hEP training step, 784-256-256-10, N = 10", measured, 1.25)
