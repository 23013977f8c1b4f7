"""The recurrent Hamiltonian network against leapfrog steps by hand, and echoes beside backpropagation in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from system_files import SYSTEMS, facts, model

import physeq as pq
from physeq.data import load
from physeq.experiment import read_experiment
from physeq.learn import fit

truth, networks = facts("hamiltonian_network"), model("hamiltonian_network")
VARIANT = networks.variants["recurrent"]
GROUPS = ("input", "hidden", "output")


@pytest.fixture(scope="module")
def small():
    """(trajectories, parameters with biases, sequences, targets) of the default network."""
    system = VARIANT.build()
    motions = VARIANT.trajectories(system)
    params = motions.init_parameters(jax.random.key(4))
    for k, group in enumerate(GROUPS):
        biases = params[group]["b"]
        params[group]["b"] = 0.2 * jax.random.normal(jax.random.key(k), biases.shape)
    return motions, params, *VARIANT.probe(system, 0)


def by_hand(motions, params):
    """(arguments of the facts, step, share of every time in the cost)."""
    wells = [np.concatenate([params[g][key] for g in GROUPS]) for key in ("k", "a", "b")]
    w = truth.weight_matrix(*(np.asarray(params[e]["w"]) for e in ("input->hidden", "recurrent", "hidden->output")))
    duration = float(motions.boundary.duration)
    share = truth.window(np.asarray(motions.times), duration, 0.5, 0.05)
    return (*wells, w), duration / motions.solver.steps, share


def test_the_motion_and_its_cost_are_those_of_steps_by_hand(small):
    motions, params, forces, targets = small
    arguments, step, share = by_hand(motions, params)
    rule = pq.BackpropagationThroughTime(motions.solver)
    _, info = rule.gradient(motions, params, forces, targets)
    paths = [truth.motion(u, step, *arguments)[0] for u in forces]
    found = np.concatenate([info.free[g]["q"] for g in GROUPS], axis=-1)
    assert np.abs(found).max() > 0.5
    np.testing.assert_allclose(found, paths, atol=1e-12)
    costs = [truth.cost(path, y[0], share, step) for path, y in zip(paths, targets, strict=True)]
    np.testing.assert_allclose(info.cost, np.mean(costs), rtol=1e-11)


@pytest.mark.parametrize(
    ("rule", "tolerance"),
    [
        (pq.BackpropagationThroughTime(pq.Leapfrog(50)), 1e-11),
        (pq.ContinuousAdjoint(), 1e-11),
        (pq.HamiltonianEcho(pq.Centered(1e-4)), 1e-7),
    ],
)
def test_gradients_are_those_of_the_adjoint_by_hand(small, rule, tolerance):
    motions, params, forces, targets = small
    (k, a, b, w), step, share = by_hand(motions, params)
    parts = []
    for u, y in zip(forces, targets, strict=True):
        path, _, _ = truth.motion(u, step, k, a, b, w)
        parts.append(truth.gradient(path, y[0], share, step, k, a, w))
    of_k, of_a, of_b, of_w = (np.mean(p, axis=0) for p in zip(*parts, strict=True))
    found, _ = rule.gradient(motions, params, forces, targets)
    scale = np.abs(of_w).max()
    for key, expected in (("k", of_k), ("a", of_a), ("b", of_b)):
        own = np.concatenate([found[g][key] for g in GROUPS])
        np.testing.assert_allclose(own, expected, atol=tolerance * scale)
    weights = [np.asarray(found[e]["w"]) for e in ("input->hidden", "recurrent", "hidden->output")]
    coupled = truth.weight_matrix(*map(np.ones_like, weights))
    np.testing.assert_allclose(truth.weight_matrix(*weights), coupled * of_w, atol=tolerance * scale)


def test_the_gradient_by_hand_is_that_of_differences(small):
    motions, params, forces, targets = small
    (k, a, b, w), step, share = by_hand(motions, params)

    def cost(w):
        return truth.cost(truth.motion(forces[0], step, k, a, b, w)[0], targets[0, 0], share, step)

    path = truth.motion(forces[0], step, k, a, b, w)[0]
    slope = truth.gradient(path, targets[0, 0], share, step, k, a, w)[3]
    move = np.zeros_like(w)
    move[1, 5] = move[5, 1] = 1e-5
    np.testing.assert_allclose((cost(w + move) - cost(w - move)) / 2e-5, slope[1, 5], rtol=1e-6)


def test_the_energy_is_kept_without_a_sequence(small):
    """Energy errors of leapfrog steps stay of the order h² (at whole steps: q and v belong to the same time)."""
    motions, params, _, _ = small
    (k, a, b, w), _, _ = by_hand(motions, params)

    def drift(step):
        silent = np.zeros((round(10 / step), 4))
        _, q, v = truth.motion(silent, step, k, a, b, w)
        return abs(truth.energy(q, v, k, a, b, w))  # it starts at rest at q = 0, with none

    assert drift(0.2) < 1e-2
    assert drift(0.05) < drift(0.2) / 4


def test_rows_become_forces_in_time():
    digits = load("digits").take(3, 2)
    found = networks.encode_rows(digits, rest=2, steps=5)
    series = found.train_inputs.reshape(3, 50, 8)
    images = digits.train_inputs.reshape(3, 8, 8)
    np.testing.assert_allclose(series[:, 2:40:5], 3 * (images - 0.3), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(series[:, 5:10], np.repeat(series[:, 5:6], 5, axis=1))
    assert not series[:, 40:].any()
    np.testing.assert_array_equal(found.train_targets, digits.train_targets)


def trained(name, **changes):
    """The test errors in percent, epoch by epoch, and the last cost on the training part."""
    experiment = read_experiment(SYSTEMS / "hamiltonian_network" / f"{name}.toml").changed(**changes)
    result = fit(
        experiment.build_model(VARIANT),
        experiment.rule,
        experiment.load_data(VARIANT),
        optimizer=experiment.optimizer.build(),
        epochs=experiment.epochs,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        progress=False,
    )
    return [record["test_error_percent"] for record in result.history], result.train["cost"]


@pytest.mark.slow
def test_echoes_learn_as_backpropagation_does():
    changes = {
        "epochs": 2,
        "data": {"name": "digits", "train": 120, "test": 60},
        "build": {"inputs": 8, "hidden": 6, "outputs": 10},
    }
    echo, echo_cost = trained("digits-echo", **changes)
    exact, exact_cost = trained("digits-backpropagation", **changes)
    assert exact_cost < 0.25  # outputs that stay at rest cost ½·½ s
    np.testing.assert_allclose(echo_cost, exact_cost, rtol=1e-3)
    np.testing.assert_allclose(echo, exact, atol=2.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_are_read_row_by_row(seed):
    """At least 90 % of the test part, and echoes within 2 % of backpropagation."""
    echo, _ = trained("digits-echo", seed=seed)
    exact, _ = trained("digits-backpropagation", seed=seed)
    assert max(echo[-1], exact[-1]) < 10.0
    assert abs(echo[-1] - exact[-1]) < 2.0


def test_stiffnesses_stay_where_the_steps_resolve_them(small):
    """h √k < 0.5 at the upper bound, and wells without an energy bound are not reached."""
    motions, params, _, _ = small
    pushed = jax.tree.map(lambda a: jnp.full_like(a, 100.0), params)
    kept = motions.project_parameters(pushed)
    step = float(motions.boundary.duration) / motions.solver.steps
    assert all(step * np.sqrt(np.asarray(kept[g]["k"])).max() < 0.5 for g in GROUPS)
    pulled = motions.project_parameters(jax.tree.map(lambda a: jnp.full_like(a, -100.0), params))
    assert all(np.asarray(pulled[g]["a"]).min() > 0 for g in GROUPS)
