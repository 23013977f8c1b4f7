"""Driven chains against dynamic stiffness and elliptic functions, and what they learn beside the exact gradient."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from system_files import facts, model

import physeq as pq

truth, chains = facts("oscillator_chain"), model("oscillator_chain")
BASE = 2 * np.pi / chains.PERIOD


def steady(variant):
    """The default trajectories of a variant, and parameters."""
    found = chains.variants[variant]
    motions = found.trajectories(found.build())
    return motions, motions.init_parameters(jax.random.key(2))


def numbers(params):
    """The arguments of the closed forms: mass, anchors, springs, friction or None."""
    friction = np.asarray(params["nodes.drag"]["c"]) if "nodes.drag" in params else None
    anchors, springs = (np.asarray(params[p]["k"]) for p in ("nodes.anchor", "edges"))
    return float(params["nodes.mass"]["m"][0]), anchors, springs, friction


@pytest.mark.parametrize("variant", ["lossless", "damped"])
def test_steady_motions_are_those_of_the_dynamic_stiffness(variant):
    motions, params = steady(variant)
    count = len(motions.times)
    harmonics = np.arange(1, count // 2 + 1)
    force = np.cos(2 * np.pi * np.outer(np.arange(count), harmonics) / count).sum(1)
    x = np.asarray(motions.solve(params, jnp.asarray(force)[:, None])["3.x"])
    found = (2 * np.fft.fft(x) / count)[1 : len(harmonics) + 1]
    expected = np.array([truth.response(k * BASE, *numbers(params)) for k in harmonics])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("variant", "rule"),
    [("lossless", pq.ContinuousAdjoint()), ("damped", pq.ContinuousAdjoint()), ("damped", pq.TimeReversedNudge())],
)
def test_gradients_are_those_of_the_dynamic_stiffness(variant, rule):
    """J = ½ ∫ (x − y)² of one tone: with x = Re X e^{iωt}, dJ/dθ = (T/2) Re conj(X − Y) dX/dθ."""
    motions, params = steady(variant)
    angle = 2 * BASE * np.asarray(motions.times)
    target = 0.3 * np.cos(angle) - 0.2 * np.sin(angle)
    gradient, _ = rule.gradient(motions, params, jnp.cos(angle)[:, None], jnp.asarray(target)[:, None])
    miss = truth.response(2 * BASE, *numbers(params)) - (0.3 + 0.2j)
    parts = [
        chains.PERIOD / 2 * np.real(np.conj(miss) * d) for d in truth.response_gradient(2 * BASE, *numbers(params))
    ]
    np.testing.assert_allclose(gradient["nodes.anchor"]["k"], parts[0], rtol=1e-9)
    np.testing.assert_allclose(gradient["edges"]["k"], parts[1], rtol=1e-9)
    if variant == "damped":
        np.testing.assert_allclose(gradient["nodes.drag"]["c"], parts[2], rtol=1e-9)


def test_a_duffing_oscillator_is_an_elliptic_function():
    """Two masses held together by one spring and swinging against each other are one oscillator with both springs."""
    m, k, k_3, amplitude = 1.0, 1.5, 2.0, 0.8
    motion = chains.duffing(size=2).motion()
    params = motion.init_parameters(jax.random.key(0))
    params["nodes.anchor"]["k"] = jnp.full(2, 0.7)
    params["edges"] = {"k": jnp.array([0.4]), "k_3": jnp.array([k_3 / 8])}
    # m ẍ = −0.7 x − 2·0.4 x − ⅛ k₃ (2x)³ = −1.5 x − k₃ x³ in opposite motion.
    period = truth.duffing_period(amplitude, m, k, k_3)
    times = np.linspace(0, 2 * period, 33)
    start = {"nodes": {"x": np.array([amplitude, -amplitude])}}
    inputs = {"force": np.zeros(1)}
    found = motion.simulate(params, t1=times[-1], ts=times, start=start, inputs=inputs, rtol=1e-10, atol=1e-12)
    expected = truth.duffing(times, amplitude, m, k, k_3)
    np.testing.assert_allclose(found["0.x"], expected, atol=1e-7)
    assert expected[-1] == pytest.approx(amplitude) and expected[8] == pytest.approx(-amplitude)


def test_starting_resonances_lie_above_the_tones():
    for seed in range(20):
        params = (
            chains.chain()
            .trajectories(pq.Periodic(chains.PERIOD), pq.HarmonicBalance(2))
            .init_parameters(jax.random.key(seed))
        )
        assert truth.natural_frequencies(*numbers(params)[:3])[0] > 4 * BASE


def learned(variant, rule, epochs, rate):
    """A short run of a variant on sums of tones, in double precision."""
    found = chains.variants[variant]
    motions = found.trajectories(found.build())
    options = {"friction": 0.3} if variant == "damped" else {}
    data = found.encode(pq.data.load("tones").take(4, 4), **options)
    rates = pq.Rates(default=rate, decay=0.97, make=optax.adam)
    return pq.fit(motions, rule, data, optimizer=rates, epochs=epochs, batch_size=4, seed=0, progress=False)


EPOCHS = {"lossless": (60, 0.04, 0.2), "damped": (60, 0.04, 0.05), "duffing": (12, 0.1, 0.6)}


@pytest.mark.slow
@pytest.mark.parametrize("variant", list(EPOCHS))
def test_the_rule_learns_what_the_exact_gradient_learns(variant):
    epochs, rate, share = EPOCHS[variant]
    rule = pq.TimeReversedNudge() if variant == "damped" else pq.LagrangianEP(pq.Centered(1e-3))
    ours, exact = (learned(variant, one, epochs, rate) for one in (rule, pq.ContinuousAdjoint()))
    assert ours.train["cost"] < share * ours.history[0]["running_cost"]
    for part in ("train", "test"):
        a, b = getattr(ours, part)["cost"], getattr(exact, part)["cost"]
        assert abs(a - b) <= 0.05 * b


@pytest.mark.slow
def test_a_few_steps_of_the_rule_lower_the_cost():
    run = learned("lossless", pq.LagrangianEP(pq.Centered(1e-3)), 4, 0.005)
    for key in ("running_cost", "test_cost"):
        costs = [record[key] for record in run.history]
        assert all(later < earlier for earlier, later in pairwise(costs))
