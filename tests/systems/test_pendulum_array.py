"""Driven rows of pendula against an independent integration and small swings, and orbits learnt by Lagrangian EP."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from system_files import SYSTEMS, facts, model

import physeq as pq
from physeq.experiment import read_experiment
from physeq.learn import fit

truth, arrays = facts("pendulum_array"), model("pendulum_array")
VARIANT = arrays.variants["row"]
FREQUENCY = arrays.FREQUENCY


@pytest.fixture(scope="module")
def row():
    """(fine trajectories, parameters) of four pendula."""
    motions = arrays.orbits(arrays.array(), harmonics=15)
    return motions, motions.init_parameters(jax.random.key(5))


def numbers(params):
    """Masses, lengths, springs."""
    own = params["nodes"]
    return tuple(np.asarray(a) for a in (own["m"], own["length"], params["edges"]["kappa"]))


def orbit(motions, params, torque):
    """Angles (times, n) under F cos Ωt."""
    series = torque * jnp.cos(FREQUENCY * motions.times)[:, None]
    found = motions.solve(params, series)
    return np.stack([np.asarray(found[f"{k}.theta"]) for k in range(4)], axis=-1)


def test_orbits_are_those_of_an_independent_integration(row):
    motions, params = row
    theta = orbit(motions, params, 5.0)
    assert theta[0, 0] > 0.7  # far from small swings
    times = np.append(np.asarray(motions.times), 2 * np.pi / FREQUENCY)
    # The torque is even in time, and so is the orbit: it is at rest at t = 0.
    found = truth.motion(theta[0], np.zeros(4), times, *numbers(params), 5.0, FREQUENCY)
    np.testing.assert_allclose(found[:-1], theta, atol=1e-8)
    np.testing.assert_allclose(found[-1], theta[0], atol=1e-8)


def test_small_swings_are_those_of_the_stiffness_matrix(row):
    motions, params = row
    theta = orbit(motions, params, 1e-3)
    expected = truth.small_swings(*numbers(params), 1e-3, FREQUENCY)
    np.testing.assert_allclose(theta[0], expected, rtol=1e-6)


def test_bounds_keep_resonances_between_the_torque_and_its_third_harmonic(row):
    """The lowest one falls with the lengths, the highest rises as springs stiffen and inertia falls."""
    motions, _ = row
    bounds = motions.parameter_bounds()
    (light, _), (short, long) = bounds["nodes"]["m"], bounds["nodes"]["length"]
    stiff = np.full(3, bounds["edges"]["kappa"][1])
    lowest = truth.resonances(np.full(4, light), np.full(4, long), stiff)[0]
    highest = truth.resonances(np.full(4, light), np.full(4, short), stiff)[-1]
    assert 1.1 * FREQUENCY < lowest < highest < 3 * FREQUENCY


@pytest.mark.slow
def test_lagrangian_contrasts_are_the_exact_gradient(row):
    motions, params = row
    torque, wanted = arrays.swinging([0.3, 1.0], 4, len(motions.times), (2.5, 5.0), 0.8, 0.5)
    exact, _ = pq.ContinuousAdjoint().gradient(motions, params, torque[..., None], wanted)
    errors = []
    for rule in (pq.LagrangianEP(pq.Centered(1e-3)), pq.LagrangianEP(pq.Holomorphic(0.05, 8))):
        found, _ = rule.gradient(motions, params, torque[..., None], wanted)
        pairs = [(found[p][k], exact[p][k]) for p, k in (("nodes", "m"), ("nodes", "length"), ("edges", "kappa"))]
        miss, size = (np.concatenate(a) for a in zip(*((x - y, y) for x, y in pairs), strict=True))
        errors.append(np.linalg.norm(miss) / np.linalg.norm(size))
    assert max(errors) < 1e-6


def test_exact_gradients_are_those_of_small_swings(row):
    """J = ½ Σ π/Ω (A − Y)² of cosines, with dA/dκ by differences of the closed form."""
    motions, params = row
    masses, lengths, springs = numbers(params)
    wanted = 1e-3 * np.array([0.2, 0.1, 0.05, 0.02])
    cosine = np.cos(FREQUENCY * np.asarray(motions.times))[:, None]
    found, _ = pq.ContinuousAdjoint().gradient(motions, params, 1e-3 * cosine, wanted * cosine)

    def cost(change):
        swings = truth.small_swings(masses, lengths, springs + change * np.array([0, 1, 0]), 1e-3, FREQUENCY)
        return np.pi / FREQUENCY * np.sum((swings - wanted) ** 2) / 2

    np.testing.assert_allclose(found["edges"]["kappa"][1], (cost(1e-4) - cost(-1e-4)) / 2e-4, rtol=1e-5)


def trained(name, **changes):
    experiment = read_experiment(SYSTEMS / "pendulum_array" / f"{name}.toml").changed(**changes)
    return fit(
        experiment.build_model(VARIANT),
        experiment.rule,
        experiment.load_data(VARIANT),
        optimizer=experiment.optimizer.build(),
        epochs=experiment.epochs,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        progress=False,
    )


@pytest.mark.parametrize(
    ("epochs", "fall"), [(25, 0.6), pytest.param(100, 0.1, marks=pytest.mark.slow)], ids=["short", "whole"]
)
@pytest.mark.slow
def test_pendula_learn_their_swings_by_either_rule(epochs, fall):
    found = {name: trained(f"swings-{name}", epochs=epochs) for name in ("lagrangian", "exact")}
    first = found["exact"].history[0]["running_cost"]
    ends = [f.train["cost"] for f in found.values()]
    assert max(ends) < fall * first
    assert max(ends) < 1.05 * min(ends)
    lengths = np.asarray(found["lagrangian"].params["nodes"]["length"])
    assert np.abs(lengths - np.asarray(found["exact"].params["nodes"]["length"])).max() < 1e-2
