"""Crossbars against weighted means, Kirchhoff's laws, a memristor integrated by SciPy, and learning within limits."""

import jax
import numpy as np
import pytest
from system_files import SYSTEMS, facts, model

import physeq as pq
from physeq.experiment import read_experiment

truth, crossbars = facts("memristor_crossbar"), model("memristor_crossbar")
KEY = jax.random.key(0)
ON, OFF = 1e-3, 1e-5


def conductances(params, name="rows->columns"):
    return OFF + (ON - OFF) * np.asarray(params[name]["x"])


def test_columns_and_the_gradient_of_their_error():
    system = crossbars.single()
    compiled, random = system.compile(), np.random.default_rng(0)
    params = compiled.init_parameters(KEY)
    u, wanted = random.normal(size=(5, 6)), random.normal(size=(5, 3))
    g = conductances(params)
    np.testing.assert_allclose(compiled.equilibrium(params, u)["columns"]["v"], truth.columns(g, u), rtol=1e-9)
    expected = (ON - OFF) * truth.column_slopes(g, u, wanted)
    rule = pq.EquilibriumPropagation(pq.Centered(1e-7), free=pq.NodeDescent(1))
    for estimate in (pq.ImplicitDifferentiation(), rule):
        found, _ = estimate.gradient(compiled, params, u, wanted)
        np.testing.assert_allclose(found["rows->columns"]["x"], expected, rtol=1e-6, atol=1e-8)


def test_learning_digits_keeps_to_the_limits_of_the_devices():
    """Two epochs of the experiment on some hundred digits, with a rate that drives states into both limits."""
    experiment = read_experiment(SYSTEMS / "memristor_crossbar" / "digits.toml")
    variant = crossbars.variants[experiment.system]
    data = experiment.load_data(variant).take(400, 100)
    compiled = experiment.build_system(variant).compile()
    result = pq.fit(
        compiled, experiment.rule, (data.train_inputs, data.train_targets), params=compiled.init_parameters(KEY),
        optimizer=experiment.optimizer.build(), epochs=6, batch_size=4, progress=False,
    )  # fmt: skip
    for name in ("input->hidden", "hidden->output"):
        x = np.asarray(result.params[name]["x"])
        assert x.min() == 0.0 and x.max() <= 1.0
        g = conductances(result.params, name)
        assert g.min() >= OFF and g.max() <= ON * (1 + 1e-12)
    state = compiled.equilibrium(result.params, data.test_inputs, finder=experiment.rule.free)
    wrong = np.argmax(state["output"]["v"], axis=1) != np.argmax(data.test_targets, axis=1)
    assert np.mean(wrong) < 0.25


@pytest.mark.parametrize("grounded", [False, True])
@pytest.mark.quick("True")
def test_reading_with_and_without_sneak_paths(grounded):
    states = np.array([[0.1, 0.9, 0.8], [0.9, 0.7, 0.9]])
    g, level = OFF + (ON - OFF) * states, 0.5
    motion = crossbars.read(states, waveform=pq.DC(level), grounded=grounded).motion()
    sol = motion.simulate(motion.init_parameters(KEY), start=crossbars.written(states), t1=1e-3, rtol=1e-8)
    current = truth.sneak_free_current if grounded else truth.read_current
    np.testing.assert_allclose(sol["Ac0.i"], current(g, 0, 0, level), rtol=1e-9)
    # Read below the thresholds, nothing is written.
    np.testing.assert_allclose(sol["memristors.x"], np.tile(states.ravel(), (len(sol.ts), 1)), rtol=1e-15)
    # The sneak paths carry more than the device that is read.
    assert truth.read_current(g, 0, 0, level) > 3 * truth.sneak_free_current(g, 0, 0, level)


def test_hysteresis_is_pinched_and_follows_the_equation():
    variant = crossbars.variants["hysteresis"]
    motion = variant.build().motion()
    times = np.linspace(0, 0.04, 401)
    sol = motion.simulate(motion.init_parameters(KEY), start=variant.simulation.start, t1=0.04, ts=times, rtol=1e-8)
    u = 2 * np.sin(100 * np.pi * times)
    x = truth.threshold_state(times, lambda t: 2 * np.sin(100 * np.pi * t), 0.05)
    np.testing.assert_allclose(sol["M00.x"], x, atol=1e-5)
    np.testing.assert_allclose(sol["M00.i"], (OFF + (ON - OFF) * x) * u, atol=1e-8)
    # On the way up and down at the same voltage the current differs by the memory; at 0 V there is none.
    current = np.asarray(sol["M00.i"])
    assert current[90] > 5 * current[10] and abs(current[100]) < 1e-9
