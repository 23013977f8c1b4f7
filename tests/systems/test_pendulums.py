"""Pendula against hand-derived equations, closed forms, and the promises of symplectic integrators."""

import jax
import numpy as np
import pytest
from system_files import facts, model

import physeq as pq

truth, pendulums = facts("pendulums"), model("pendulums")
KEY = jax.random.key(0)
TIMES = np.linspace(0, 10, 21)


def run(system, start, **options):
    motion = system.motion()
    return motion.simulate(motion.init_parameters(KEY), start=start, **options)


@pytest.fixture(scope="module")
def double():
    motion = pendulums.chain().motion()
    return motion, motion.init_parameters(KEY), {"nodes": {"theta": np.array([np.pi / 2, 1.0])}}


@pytest.mark.quick("solver1")
@pytest.mark.parametrize("solver", [None, pq.Rodas5P()])
def test_double_pendulum_in_angles(double, solver):
    motion, params, start = double
    exact = truth.chain_motion(start["nodes"]["theta"], [1, 1], [1, 1], TIMES)
    sol = motion.simulate(
        params, start=start, t1=10.0, ts=TIMES, rtol=1e-12 if solver is None else 1e-10, solver=solver
    )
    np.testing.assert_allclose(sol.state["nodes"]["theta"], exact, atol=1e-8)


@pytest.mark.slow
def test_double_pendulum_with_rods():
    angles = np.array([np.pi / 2, 1.0])
    exact = truth.chain_motion(angles, [1.0, 2.0], [1.0, 0.7], TIMES)
    system = pendulums.cartesian([1.0, 2.0], [1.0, 0.7])
    sol = run(system, pendulums.hanging(angles, [1.0, 0.7]), t1=10.0, ts=TIMES, rtol=1e-12)
    for found, wanted in zip((sol["nodes.x"], sol["nodes.y"]), truth.bobs(exact, [1.0, 0.7]), strict=True):
        np.testing.assert_allclose(found[:, 1:], wanted, atol=1e-8)
    # Forces in the rods: the lower one alone accelerates the lower bob against gravity.
    r = np.stack([sol["2.x"] - sol["1.x"], sol["2.y"] - sol["1.y"]])
    push = sol["edges.multiplier"][:, 1] * r
    acceleration = np.stack([sol["2.x_dot_dot"], sol["2.y_dot_dot"]])
    np.testing.assert_allclose(push, 2.0 * (acceleration + np.array([[0.0], [truth.GRAVITY]])), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [None, pq.Rodas5P()])
def test_rods_keep_their_lengths_for_thirty_seconds(solver):
    sol = run(pendulums.cartesian([1.0], [1.0]), pendulums.hanging([1.5]), t1=30.0, rtol=1e-7, solver=solver)
    np.testing.assert_allclose(sol["1.x"] ** 2 + sol["1.y"] ** 2, 1.0, atol=1e-12)
    np.testing.assert_allclose(sol["1.x"] * sol["1.x_dot"] + sol["1.y"] * sol["1.y_dot"], 0.0, atol=1e-12)
    energy = sol.invariants()["energy"]  # rods do no work
    np.testing.assert_allclose(energy, energy[0], atol=2e-4)


@pytest.mark.slow
def test_ten_links():
    angles, masses, lengths = np.linspace(0.5, -0.3, 10), np.ones(10), np.full(10, 0.3)
    exact = truth.chain_motion(angles, masses, lengths, TIMES)
    sol = run(pendulums.chain(masses, lengths), {"nodes": {"theta": angles}}, t1=10.0, ts=TIMES, rtol=1e-12)
    np.testing.assert_allclose(sol.state["nodes"]["theta"], exact, atol=1e-8)
    assert set(sol.invariants()) == {"energy"}


def test_period_of_a_large_swing():
    motion = pendulums.chain([1.0], [1.0]).motion()
    event = pq.Crossing("0.theta", 0.0, rising=False)
    start = {"nodes": {"theta": np.array([2.5])}}
    sol = motion.simulate(motion.init_parameters(KEY), start=start, t1=5.0, rtol=1e-11, event=event)
    assert 4 * sol.end == pytest.approx(truth.large_period(2.5), rel=1e-8)
    # All of the energy is kinetic at the bottom.
    assert sol.final["nodes"]["theta_dot"][0] ** 2 == pytest.approx(2 * truth.GRAVITY * (1 - np.cos(2.5)), rel=1e-8)


@pytest.mark.slow
def test_small_oscillations_of_a_row():
    size, k = 8, 3
    mode = np.cos(np.pi * k * (np.arange(size) + 0.5) / size)
    omega = truth.row_frequencies(size, 2.0)[k]
    sol = run(pendulums.row(), {"nodes": {"theta": 1e-5 * mode}}, t1=5.0, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(sol.state["nodes"]["theta"], 1e-5 * np.cos(omega * sol.ts)[:, None] * mode, atol=1e-11)


def test_double_pendulum_swings_at_its_normal_frequencies(double):
    motion, params, _ = double
    slow, fast = truth.double_pendulum_frequencies()
    for omega, shape in ((slow, [1, np.sqrt(2)]), (fast, [1, -np.sqrt(2)])):
        start = {"nodes": {"theta": 1e-6 * np.array(shape)}}
        sol = motion.simulate(params, start=start, t1=3.0, ts=[3.0], rtol=1e-10, atol=1e-17)
        np.testing.assert_allclose(
            sol.state["nodes"]["theta"][0], 1e-6 * np.array(shape) * np.cos(3 * omega), atol=1e-12
        )


def drift(sol):
    energy = np.asarray(sol["energy"])
    return np.max(np.abs(energy - energy[0]))


@pytest.mark.parametrize(("solver", "order"), [(pq.ImplicitMidpoint(), 2), (pq.GaussLegendre(), 4)])
@pytest.mark.quick("solver0-2")
def test_order_of_implicit_symplectic_steps(double, solver, order):
    motion, params, start = double
    steps = np.array([0.02, 0.01, 0.005])
    times = np.linspace(0, 4, 201)
    errors = [drift(motion.simulate(params, start=start, t1=4.0, ts=times, solver=solver, step=h)) for h in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.25)


@pytest.mark.quick("solver0-2")
@pytest.mark.parametrize(("solver", "order"), [(pq.StormerVerlet(), 2), (pq.BlanesMoan(), 4)])
def test_order_of_explicit_symplectic_steps(solver, order):
    motion = pendulums.row().motion()
    params, start = motion.init_parameters(KEY), {"nodes": {"theta": np.linspace(1.5, -0.5, 8)}}
    steps = np.array([0.08, 0.04, 0.02])
    times = np.linspace(0, 8, 101)  # on the steps: between them there is an interpolation
    errors = [drift(motion.simulate(params, start=start, t1=8.0, ts=times, solver=solver, step=h)) for h in steps]
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(order, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "variant"),
    [(pq.StormerVerlet(), "row"), (pq.BlanesMoan(), "row"), (pq.ImplicitMidpoint(), "double")],
)
def test_energy_stays_bounded_over_a_million_steps(solver, variant):
    found = pendulums.variants[variant]
    motion = found.build().motion()
    step = 0.01
    sol = motion.simulate(
        motion.init_parameters(KEY), start=found.simulation.start, t1=1e6 * step, solver=solver, step=step,
        ts=np.linspace(0, 1e6 * step, 2001), max_steps=1_100_000,
    )  # fmt: skip
    energy = np.asarray(sol["energy"])
    swing = np.abs(energy - energy[0])
    early, late = swing[:1000].max(), swing[1000:].max()
    assert int(sol.steps) >= 999_999
    # A drift would double from half to half; the double pendulum is chaotic, so its halves differ a little.
    assert late < 1.6 * early + 1e-10 * abs(energy[0])


@pytest.mark.slow
def test_gradients_through_constrained_and_symplectic_motion(double):
    motion, params, start = double
    rods = pendulums.cartesian().motion()
    held = rods.init_parameters(KEY)

    def with_rods(mass):
        own = {**held, "nodes": {**held["nodes"], "m": held["nodes"]["m"].at[2].set(mass)}}
        return rods.simulate(own, start=pendulums.hanging([1.2, 0.7]), t1=1.5, ts=[1.5], rtol=1e-11)["2.x"][-1]

    def symplectic(weight):
        own = {**params, "nodes": {**params["nodes"], "g": params["nodes"]["g"] * weight}}
        return motion.simulate(own, start=start, t1=1.0, ts=[1.0], solver=pq.GaussLegendre(), step=0.02)["1.theta"][-1]

    for function in (jax.jit(with_rods), jax.jit(symplectic)):
        h = 1e-3
        slope = (8 * (function(1 + h) - function(1 - h)) - function(1 + 2 * h) + function(1 - 2 * h)) / (12 * h)
        assert jax.grad(function)(1.0) == pytest.approx(float(slope), rel=1e-6)


def test_inertia_that_moves_needs_an_implicit_symplectic_method(double):
    motion, params, start = double
    with pytest.raises(pq.ModelError, match=r"StormerVerlet needs a separable Hamiltonian.*use ImplicitMidpoint"):
        motion.simulate(params, start=start, t1=1.0, solver=pq.StormerVerlet(), step=0.01)
    with pytest.raises(pq.ModelError, match="needs a constant step"):
        motion.simulate(params, start=start, t1=1.0, solver=pq.ImplicitMidpoint())
    with pytest.raises(pq.ModelError, match=r"no Hamiltonian form: component 'rigid rod' in 'edges' constrains"):
        run(pendulums.cartesian(), pendulums.hanging([0.1, 0.1]), t1=1.0, solver=pq.StormerVerlet(), step=0.1)
