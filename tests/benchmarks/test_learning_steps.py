"""Training steps and epochs against hand-written JAX; run with `pytest -n 0 -m benchmark tests/benchmarks -s`.

Nothing here asserts a time: each test checks that both programs compute the same and prints the ratio beside its goal.
"""

import importlib.util
from pathlib import Path

import handwritten
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from timing import ratio, report

import physeq as pq
from physeq.learn.training import _epoch
from physeq.learn.training_data import training_data

pytestmark = pytest.mark.benchmark

SYSTEMS = Path(__file__).parents[2] / "systems"
RATES = {"input->hidden": 0.08, "hidden->output": 0.04, "hidden": 0.08, "output": 0.04}


def variant(system, name):
    spec = importlib.util.spec_from_file_location(f"{system}_model", SYSTEMS / system / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.variants[name]


def batch(key, size, features, classes=10):
    inputs = jax.random.uniform(jax.random.fold_in(key, 0), (size, features))
    labels = jax.random.randint(jax.random.fold_in(key, 1), (size,), 0, classes)
    return inputs, jax.nn.one_hot(labels, classes)


def step_of(model, rule, rate):
    trainable = model.trainable()

    def step(params, inputs, target):
        gradients, _ = rule.estimate(model, params, inputs, target, key=None, start=None)
        moved = {
            p: {k: v - rate[p] * gradients[p][k] if trainable[p][k] else v for k, v in own.items()}
            for p, own in params.items()
        }
        return model.project_parameters(moved)

    return jax.jit(step)


@pytest.mark.parametrize("nudge", ["inside", "outside"])
def test_prototypical_step(nudge):
    model = variant("hopfield", "prototypical").build(sizes=[784, 512, 10]).compile()
    mode = pq.Inside() if nudge == "inside" else pq.Outside()
    rule = pq.EquilibriumPropagation(pq.Centered(0.1), pq.FixedPoint(30, nudge=mode), pq.FixedPoint(10, nudge=mode))
    params = handwritten.prototypical_parameters(jax.random.key(0))
    inputs, target = batch(jax.random.key(1), 20, 784)
    step = step_of(model, rule, RATES)

    @jax.jit
    def other(params, inputs, target):
        gradients, _ = handwritten.prototypical_gradient(params, inputs, target, 0.1, 30, 10, nudge, True)
        return {p: {k: v - RATES[p] * gradients[p][k] for k, v in own.items()} for p, own in params.items()}

    ours, theirs = step(params, inputs, target), other(params, inputs, target)
    for place, own in theirs.items():
        for name, value in own.items():
            np.testing.assert_allclose(ours[place][name], value, atol=2e-6)
    measured = ratio(lambda: step(params, inputs, target), lambda: other(params, inputs, target), repeats=41, inner=10)
    report(f"EP-1h training step, nudge {nudge}", measured, 1.15)


def test_prototypical_epoch():
    count = 20_000
    model = variant("hopfield", "prototypical").build(sizes=[784, 512, 10]).compile()
    rule = pq.EquilibriumPropagation(pq.Centered(0.1), pq.FixedPoint(30), pq.FixedPoint(10))
    random = np.random.default_rng(0)
    images = random.random((count, 784), np.float32)
    labels = random.integers(0, 10, count)
    params = handwritten.prototypical_parameters(jax.random.key(0))
    data = training_data((images, np.eye(10)[labels]), params)
    optimizer = pq.Rates(RATES).build(model, count // 20)
    packed = (model, rule, optimizer, data.inputs, data.targets, 20)
    live = {
        "ours": (jax.tree.map(jnp.array, params), optimizer.init(params)),
        "theirs": jax.tree.map(jnp.array, params),
    }
    order = handwritten.minibatches(jax.random.key(1), count, 20)
    device_images, device_labels = jnp.asarray(images), jnp.asarray(labels)

    def ours():
        params, state, stats = _epoch(packed, *live["ours"], jax.random.key(1))
        live["ours"] = params, state
        return stats

    def theirs():
        live["theirs"], wrong = handwritten.prototypical_epoch(
            live["theirs"], device_images, device_labels, order, jax.random.key(0), nudge="inside", sign="centered"
        )
        return wrong

    report("EP-1h epoch of 1,000 mini-batches through fit", ratio(ours, theirs, repeats=7), 1.25)


@pytest.mark.parametrize(("name", "hidden", "gain"), [("XS", 100, 100.0), ("1H", 1024, 480.0)])
def test_deep_resistive_step(name, hidden, gain):
    model = variant("resistor_network", "deep").build(sizes=[1568, hidden, 10]).compile()
    rule = pq.EquilibriumPropagation(pq.Centered(1.0), pq.NodeDescent(4), pq.NodeDescent(4))
    other_params = handwritten.resistive_parameters(jax.random.key(0), (784, hidden, 10))
    params = model.init_parameters(jax.random.key(0), jnp.float32)
    for bundle in handwritten.BUNDLES:
        params[bundle]["g"] = other_params[bundle]["g"]
    inputs, target = batch(jax.random.key(1), 4, 784)
    doubled = gain * jnp.concatenate([inputs, -inputs], 1)
    step = step_of(model, rule, dict.fromkeys(params, 0.006))
    other = jax.jit(lambda p, x, y: handwritten.resistive_update(p, x, y, gain=gain)[0])
    same = jax.jit(lambda p, x, y: handwritten.resistive_update_of_voltages(p, x, y)[0])
    ours, theirs = step(params, doubled, target), other(other_params, inputs, target)
    for bundle in handwritten.BUNDLES:
        np.testing.assert_allclose(ours[bundle]["g"], theirs[bundle]["g"], atol=1e-5 * gain / 100)
        again = same(other_params, doubled, target)[bundle]["g"]
        np.testing.assert_allclose(again, theirs[bundle]["g"], atol=1e-5 * gain / 100)
    measured = ratio(
        lambda: step(params, doubled, target), lambda: same(other_params, doubled, target), repeats=41, inner=20
    )
    report(f"deep resistive network {name}, training step on the same 1,568 voltages", measured, 1.25)
    measured = ratio(
        lambda: step(params, doubled, target), lambda: other(other_params, inputs, target), repeats=41, inner=20
    )
    report(f"deep resistive network {name}, against a step that knows of the doubled inputs", measured, 1.25)
