"""Steps of continual rules against EP with the same T and K, and against hand-written JAX; run with `-m benchmark`."""

import handwritten
import handwritten_continual as by_hand
import handwritten_vector_field as vector_field_by_hand
import jax
import numpy as np
import pytest
from test_learning_steps import batch, variant
from timing import ratio, report

import physeq as pq

pytestmark = pytest.mark.benchmark
RATES = by_hand.RATES
T, K = pq.FixedPoint(40), pq.FixedPoint(15)


def moved(rule, model):
    return jax.jit(lambda p, x, y: rule.estimate(model, p, x, y, key=None, start=None)[1].moved)


def equilibrium_propagation(params):
    model = variant("hopfield", "prototypical").build(sizes=[784, 512, 10]).compile()
    rule = pq.EquilibriumPropagation(pq.OneSided(0.2), T, K)

    @jax.jit
    def step(p, x, y):
        gradients, _ = rule.estimate(model, p, x, y, key=None, start=None)
        return {n: {k: v - RATES[n] * gradients[n][k] for k, v in own.items()} for n, own in p.items()}

    return lambda x, y: step(params, x, y)


def test_continual_ep_step():
    model = variant("hopfield", "prototypical").build(sizes=[784, 512, 10]).compile()
    params = handwritten.prototypical_parameters(jax.random.key(0))
    inputs, target = batch(jax.random.key(1), 20, 784)
    step = moved(pq.ContinualEP(RATES, None, pq.OneSided(0.2), T, K), model)
    other = jax.jit(lambda p, x, y: by_hand.continual_step(p, x, y)[0])
    ours, theirs = step(params, inputs, target), other(params, inputs, target)
    for place, own in theirs.items():
        for name, value in own.items():
            np.testing.assert_allclose(ours[place][name], value, atol=2e-5)
    still = equilibrium_propagation(params)
    run = lambda: step(params, inputs, target)  # noqa: E731
    report("C-EP-1h training step, against EP", ratio(run, lambda: still(inputs, target), repeats=41, inner=10), 1.5)
    hand = ratio(run, lambda: other(params, inputs, target), repeats=41, inner=10)
    report("C-EP-1h training step, against hand-written", hand, 1.25)


def test_continual_vector_field_step():
    model = variant("hopfield", "asymmetric").build(sizes=[784, 512, 10]).compile()
    params = vector_field_by_hand.parameters(jax.random.key(0))
    inputs, target = batch(jax.random.key(1), 20, 784)
    step = moved(pq.ContinualVectorFieldEP(vector_field_by_hand.RATES, None, pq.OneSided(0.2), T, K), model)
    other = jax.jit(lambda p, x, y: vector_field_by_hand.step(p, x, y, 0.2)[0])
    ours, theirs = step(params, inputs, target), other(params, inputs, target)
    for place, own in theirs.items():
        for name, value in own.items():
            np.testing.assert_allclose(ours[place][name], value, atol=2e-5)
    still = equilibrium_propagation(handwritten.prototypical_parameters(jax.random.key(0)))
    measured = ratio(lambda: step(params, inputs, target), lambda: still(inputs, target), repeats=41, inner=10)
    report("C-VF-1h training step, against EP", measured, 2.5)
    hand = ratio(lambda: step(params, inputs, target), lambda: other(params, inputs, target), repeats=41, inner=10)
    report("C-VF-1h training step, against hand-written", hand, 1.25)
