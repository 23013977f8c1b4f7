"""Noise in the dynamics: independent per sample, phase, unit and step; keys from fit to finder; no bias."""

import dataclasses
import tomllib

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_system import EXPERIMENT, write_system

import physeq as pq
from physeq.experiment import parse_experiment
from physeq.graph import Group, Topology
from physeq.loading import load_system
from physeq.running import run_experiment
from physeq.solve.finder import per_sample
from physeq.solve.noise import at_step

s, y = pq.neural.s, pq.target("y")
KEY = jax.random.key(7)
NOISE = pq.GaussianNoise(0.1)


def flat(size, potential, **terms):
    """Units without forces but their own, so that what moves them is the noise."""
    node = pq.Node("unit", potential=potential, dissipation=s.dot**2 / 2, **terms)
    return pq.System(
        Topology((Group("nodes", size),), ()), nodes={"nodes": node}, outputs="nodes", cost=(s - y) ** 2 / 2
    ).compile()


@pytest.fixture(scope="module")
def network():
    topology = pq.layered([3, 5, 2])
    nodes = {group.name: pq.neural.prototypical_unit() for group in topology.groups[1:]}
    edges = pq.neural.prototypical_synapse(pq.Normal(0.0, 0.5))
    system = pq.System(topology, nodes=nodes, edges=edges, inputs="input", outputs="output", cost=(s - y) ** 2 / 2)
    return system.compile()


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).uniform(0.0, 1.0, (20, 3))
    return x, np.stack([x[:, 0], 1 - x[:, 1]], -1)


def start(model, batch, key=KEY):
    problem = dataclasses.replace(model.problem({"nodes": {}}, batch=batch), key=key)
    return problem, problem.start()


def correlations(draws):
    """Largest |correlation| of different rows of (rows, n) draws, in units of what n independent pairs would show."""
    matrix = np.corrcoef(draws) - np.eye(len(draws))
    return np.abs(matrix).max() * np.sqrt(draws.shape[1])


# ---- independence ----------------------------------------------------------------------------------------------------


def test_draws_of_samples_phases_and_steps_are_uncorrelated():
    model = flat(4000, s**2 / 2)
    problem, free = start(model, (2, 3))  # two phases of a batch of three
    draws = [NOISE.draw(at_step(problem, n), free)["nodes"]["s"].reshape(6, -1) for n in range(4)]
    rows = np.concatenate(draws)
    assert correlations(rows) < 4.5
    np.testing.assert_allclose(rows.std(1), 0.1, rtol=0.05)


@pytest.mark.quick(
    "batch-FixedPoint", "batch-EulerSteps", "batch-Langevin", "mapped samples-FixedPoint", "mapped samples-EulerSteps"
)
@pytest.mark.parametrize(
    "finder",
    [pq.FixedPoint(1, noise=NOISE), pq.EulerSteps(1.0, 1, noise=NOISE), pq.Langevin(1.0, 1.0, NOISE)],
    ids=["FixedPoint", "EulerSteps", "Langevin"],
)
@pytest.mark.parametrize("mapped", [False, True], ids=["batch", "mapped samples"])
def test_a_mini_batch_does_not_share_one_draw(finder, mapped):
    model = flat(4000, s**2 / 2)
    problem, free = start(model, (2, 3))
    find = lambda one, state: finder.find(one, state)[0]  # noqa: E731
    found = per_sample(problem, free, find) if mapped else find(problem, free)
    rows = np.asarray(found["nodes"]["s"]).reshape(6, -1)
    assert correlations(rows) < 4.5
    assert 0.04 < rows.std() < 0.11


def test_every_step_draws_anew():
    # s ← noise of the last step alone: a second step leaves nothing of the first, and Euler adds them up.
    model = flat(4000, s**2 / 2)
    problem, free = start(model, ())
    one, two = (pq.FixedPoint(n, noise=NOISE).find(problem, free)[0]["nodes"]["s"] for n in (1, 2))
    assert correlations(np.stack([one, two])) < 4.5
    walk = flat(4000, 1e-9 * s**2)
    problem, free = start(walk, ())
    far = pq.EulerSteps(0.25, 36, noise=NOISE).find(problem, free)[0]["nodes"]["s"]
    assert np.std(far) == pytest.approx(0.1 * np.sqrt(9.0), rel=0.05)


@pytest.mark.parametrize("steps", [1, 2, 17, 35])
@pytest.mark.parametrize(
    "finder", [pq.FixedPoint(noise=NOISE), pq.EulerSteps(0.1, noise=NOISE)], ids=lambda f: type(f).__name__
)
def test_noise_drawn_for_many_steps_is_that_of_step_by_step(finder, steps):
    finder = dataclasses.replace(finder, steps=steps)
    problem, state = start(flat(7, s**2 / 2 - s / 3), (3,))
    for number in range(steps):
        before, state = state, finder.stepper(at_step(problem, number))(state)
    found, residual, count, _ = finder.find(problem, problem.start())
    assert int(count) == steps
    np.testing.assert_allclose(found["nodes"]["s"], state["nodes"]["s"], rtol=1e-12)
    moved = np.abs(state["nodes"]["s"] - before["nodes"]["s"]).max(-1)
    np.testing.assert_allclose(residual, moved, rtol=1e-12)


def test_free_and_nudged_phases_draw_apart():
    # One step each from 0, without forces: the contrast holds the difference of two draws.
    model = flat(4000, s**2 / 2)
    step = pq.FixedPoint(1, noise=NOISE)
    rule = pq.EquilibriumPropagation(pq.Centered(1e-9), free=step, nudged=step)
    phases = rule.solve_phases(model, {"nodes": {}}, None, jnp.zeros((3, 4000)), key=KEY)
    rows = np.concatenate([phases.free[0]["nodes"]["s"], phases.nudged[0]["nodes"]["s"].reshape(6, -1)])
    assert correlations(rows) < 4.5


def test_parts_of_a_continuation_draw_apart():
    # One step from 0 without forces: the state after n parts is the draw of the last one.
    model = flat(4000, s**2 / 2)
    problem, free = start(model, ())
    one, two = (pq.Continuation(n, pq.FixedPoint(1, noise=NOISE)).find(problem, free)[0]["nodes"]["s"] for n in (1, 2))
    assert correlations(np.stack([one, two])) < 4.5


# ---- what the noise is -----------------------------------------------------------------------------------------------


def test_noise_of_the_map_is_inside_the_activation(network):
    params = network.init_parameters(KEY)
    x = np.zeros((2, 3))
    problem = dataclasses.replace(network.problem(params, x), key=KEY)
    free = problem.start()
    loud = pq.FixedPoint(1, noise=pq.GaussianNoise(50.0)).find(problem, free)[0]
    draw = pq.GaussianNoise(50.0).draw(at_step(problem, 0), free)
    drive = draw["hidden"]["s"] + params["hidden"]["b"]
    np.testing.assert_allclose(loud["hidden"]["s"], jax.nn.sigmoid(4 * drive - 2), atol=1e-12)
    # An outside nudge is not noisy: it is added to the noisy activation.
    nudged = dataclasses.replace(problem, target=jnp.ones((2, 2)), beta=jnp.asarray(0.3))
    outside = pq.FixedPoint(1, nudge=pq.Outside(), noise=pq.GaussianNoise(50.0)).find(nudged, free)[0]
    np.testing.assert_allclose(outside["output"]["s"] - loud["output"]["s"], 0.3, atol=1e-12)


def test_noise_of_the_map_reaches_the_difference_of_copies(network, data):
    """DyadicEP: the noise of one step over the local stiffness is what a last step moves d by."""
    params = network.init_parameters(KEY)
    found = {}
    for sigma in (0.0, 1e-3, 2e-3):
        rule = pq.DyadicEP(nudged=pq.FixedPoint(50, noise=pq.GaussianNoise(sigma)))
        estimate, _ = rule.gradient(network, params, data[0], data[1], key=KEY)
        found[sigma] = np.asarray(estimate["hidden->output"]["w"])
    one, two = found[1e-3] - found[0.0], found[2e-3] - found[0.0]
    assert np.linalg.norm(one) > 1e-4 * np.linalg.norm(found[0.0])
    np.testing.assert_allclose(two, 2 * one, rtol=1e-6, atol=1e-12)  # d is linear, and so is what noise does to it


@pytest.mark.slow
def test_noise_is_real_in_complex_states_and_held_nodes_have_none():
    model = pq.System(
        pq.complete(3),
        nodes=pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2),
        edges=pq.Edge("spring", potential=(s.source - s.target) ** 2 / 4),
        inputs=[0],
        outputs=[2],
        cost=(s - y) ** 2 / 2,
    ).compile()
    problem = dataclasses.replace(model.problem({}, jnp.ones((5, 1))), key=KEY)
    free = jax.tree.map(lambda v: v + 0j, problem.start())
    for finder in (pq.EulerSteps(0.1, 30, noise=NOISE), pq.Langevin(3.0, 0.1, NOISE)):
        found = finder.find(problem, free)[0]["nodes"]["s"]
        assert jnp.iscomplexobj(found) and np.abs(found.imag).max() == 0
        np.testing.assert_array_equal(found[:, 0], 1.0)
        assert found[:, 1:].std(0).min() > 0.02


@pytest.mark.parametrize(
    "finder", [pq.Langevin(8.0, 0.1, pq.GaussianNoise(0.4)), pq.EulerSteps(0.02, 400, noise=pq.GaussianNoise(0.4))]
)
@pytest.mark.quick("finder1")
def test_langevin_states_follow_the_gibbs_density(finder):
    # dx = −k x dt + σ dW: variance σ²/2k.
    model = flat(2000, 2 * s**2)
    problem, free = start(model, (4,))
    states, residual, steps, outcome = finder.find(problem, free)
    assert np.asarray(states["nodes"]["s"]).var() == pytest.approx(0.4**2 / 8, rel=0.06)
    assert set(np.asarray(outcome)) == {pq.Outcome.BUDGET} and residual.shape == (4,)
    assert int(steps) == (80 if isinstance(finder, pq.Langevin) else 400)


@pytest.mark.slow
def test_a_sample_before_its_time_is_not_one(monkeypatch):
    # Rounding of the time can ask for more steps than the duration holds; here five of ten are allowed.
    plain = diffrax.diffeqsolve
    monkeypatch.setattr(diffrax, "diffeqsolve", lambda *terms, **more: plain(*terms, **more | {"max_steps": 5}))
    problem, free = start(flat(3, 2 * s**2), (2,))
    long, short = (pq.Langevin(t, 0.1, NOISE).find(problem, free)[3] for t in (1.0, 0.4))
    assert set(np.asarray(long)) == {pq.Outcome.NOT_CONVERGED} and set(np.asarray(short)) == {pq.Outcome.BUDGET}


@pytest.mark.slow
def test_langevin_noise_leaves_the_gradient_unbiased():
    # A quadratic energy: the noisy contrast has the mean of the noiseless one, within its standard error.
    b = pq.parameter("b", initial=pq.Normal(0.0, 1.0))
    model = pq.System(
        pq.complete(3),
        nodes=pq.Node("unit", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2),
        edges=pq.Edge("spring", potential=(s.source - s.target) ** 2 / 4),
        outputs="nodes",
        cost=(s - y) ** 2 / 2,
    ).compile()
    params, target = model.init_parameters(KEY), jnp.ones((400, 3))
    quiet, _ = pq.EquilibriumPropagation(pq.OneSided(1.0)).gradient(model, params, None, target)
    noisy = pq.Langevin(12.0, 0.2, pq.GaussianNoise(0.3))
    rule = pq.EquilibriumPropagation(pq.OneSided(1.0), free=noisy, nudged=noisy)
    batch = eqx.filter_jit(jax.vmap(lambda k: rule.estimate(model, params, None, target, key=k)[0]["nodes"]["b"]))
    found = np.asarray(batch(jax.random.split(KEY, 25)))
    error = found.std(0) / np.sqrt(25)
    assert np.all(error < 0.01) and np.all(np.abs(found.mean(0) - quiet["nodes"]["b"]) < 4 * error)


# ---- keys ------------------------------------------------------------------------------------------------------------

NOISY = pq.EquilibriumPropagation(
    pq.Centered(0.2), free=pq.FixedPoint(15, noise=NOISE), nudged=pq.FixedPoint(8, noise=NOISE)
)


def test_a_missing_key_is_asked_for(network, data):
    params = network.init_parameters(KEY)
    for call in (
        lambda: network.equilibrium(params, data[0], finder=NOISY.free),
        lambda: NOISY.gradient(network, params, *data),
        lambda: pq.learn.predict(network, params, data[0], NOISY.free),
        lambda: network.equilibrium(params, data[0], finder=pq.Langevin(1.0, 0.1, NOISE)),
    ):
        with pytest.raises(pq.ModelError, match=r"has noise, and there is no random key.*pass key="):
            call()
    quiet = dataclasses.replace(NOISY, free=pq.FixedPoint(15), nudged=pq.FixedPoint(8))
    quiet.gradient(network, params, *data)
    assert network.equilibrium(params, data[0], finder=NOISY.free, key=KEY)["output"]["s"].shape == (20, 2)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(pq.ModelError, match="never settle to a tolerance"):
        pq.FixedPoint(30, tolerance=1e-6, noise=NOISE)
    with pytest.raises(pq.ModelError, match="never settle to a tolerance"):
        pq.EulerSteps(0.1, 30, tolerance=1e-6, noise=NOISE)
    with pytest.raises(pq.ModelError, match="sigma must be"):
        pq.GaussianNoise(-1.0)
    with pytest.raises(pq.ModelError, match="dt ≤ duration"):
        pq.Langevin(0.1, 1.0, NOISE)
    boxed = flat(3, s**2 / 2, bounds={s: (0, 1)})
    with pytest.raises(pq.ModelError, match="Langevin cannot honour the bounds"):
        pq.Langevin(1.0, 0.1, NOISE).check(boxed)


@pytest.mark.slow
def test_training_with_noise_in_all_phases(network, data):
    options = {"optimizer": optax.sgd(0.3), "epochs": 3, "batch_size": 5, "progress": False}
    result = pq.fit(network, NOISY, (*data, *data), **options)
    again = pq.fit(network, NOISY, (*data, *data), **options)
    assert result.history[-1]["test_cost"] == again.history[-1]["test_cost"]
    assert "left_basin_percent" in result.history[-1]
    one, two = result.predict(data[0]), result.predict(data[0], key=KEY)
    assert np.abs(one - two).max() > 1e-3 and result.finder == NOISY.free
    quiet = pq.fit(network, NOISY, (*data, *data), evaluation=pq.FixedPoint(40), **options)
    np.testing.assert_array_equal(quiet.predict(data[0]), quiet.predict(data[0], key=KEY))
    np.testing.assert_array_equal(quiet.params["hidden"]["b"], result.params["hidden"]["b"])
    assert quiet.test["cost"] != result.test["cost"]


@pytest.mark.slow
def test_experiments_name_noise_and_the_finder_of_evaluations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path)
    text = EXPERIMENT.replace(
        'free = { name = "fixed-point", steps = 20 }',
        'free = { name = "fixed-point", steps = 20, noise = { sigma = 0.05 } }',
    )
    text += '\n[evaluation]\nfinder = { name = "fixed-point", steps = 40 }\n'
    experiment = parse_experiment(tomllib.loads(text), "moons", "moons.toml")
    assert experiment.rule.free == pq.FixedPoint(20, noise=pq.GaussianNoise(0.05))
    assert experiment.evaluation == pq.FixedPoint(40)
    run = run_experiment(load_system("small"), experiment, tmp_path / "run", progress=False)
    assert run.result.finder == pq.FixedPoint(40) and np.isfinite(run.metrics["test"]["error_percent"])
    for table, words in (({}, "needs the key 'finder'"), ({"find": 1}, "evaluation: key 'find' is not known")):
        with pytest.raises(pq.ModelError, match=words):
            parse_experiment({**tomllib.loads(text), "evaluation": table}, "moons", "moons.toml")
