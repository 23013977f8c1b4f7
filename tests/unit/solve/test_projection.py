"""Projection inside the step: mechanisms in Cartesian coordinates against their motion in angles."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from physeq.errors import ModelError
from physeq.solve.projection import Holonomic, Projected
from physeq.solve.rodas5p import Rodas5P

GRAVITY = 9.81


def rods(t, q, args):
    """Two rods of lengths `args`, the first from the origin, the second from the first mass; one rod for one mass."""
    points = jnp.concatenate([jnp.zeros((1, 2)), q.reshape(-1, 2)])
    return (jnp.diff(points, axis=0) ** 2).sum(axis=1) - args[: len(points) - 1] ** 2


def mechanism(masses, constraint=rods):
    """ẏ of y = (q, w): accelerations a and multipliers λ from M a − Gᵀ λ = weights, G a = −dG/dt w."""
    mass = jnp.repeat(jnp.asarray(masses), 2)
    weights = jnp.tile(jnp.array([0.0, -GRAVITY]), len(masses)) * mass

    def field(t, y, args):
        q, w = jnp.split(y, 2)
        gradient = jax.jacfwd(constraint, 1)(t, q, args)

        def rate(t, q):
            return jax.jvp(lambda t, q: constraint(t, q, args), (t, q), (jnp.ones_like(t), w))[1]

        drift = jax.jvp(rate, (jnp.asarray(t, y.dtype), q), (jnp.ones(()), w))[1]
        size = len(drift)
        matrix = jnp.block([[jnp.diag(mass), -gradient.T], [gradient, jnp.zeros((size, size))]])
        return jnp.concatenate([w, jnp.linalg.solve(matrix, jnp.concatenate([weights, -drift]))[: len(mass)]])

    size = len(mass)
    places = {"positions": range(size), "velocities": range(size, 2 * size)}
    return diffrax.ODETerm(field), Holonomic(constraint, mass=lambda args: mass, **places)


def run(term, solver, start, t1, tolerance=1e-7, *, args=None, step=None, **options):
    control = diffrax.ConstantStepSize() if step else diffrax.PIDController(rtol=tolerance, atol=tolerance)
    options = {"stepsize_controller": control, "max_steps": 20_000, "args": args, **options}
    return diffrax.diffeqsolve(term, solver, 0.0, t1, step, start, **options)


ONE = jnp.array([1.0])
LEVEL = jnp.array([1.0, 0.0, 0.0, 0.0])


def drift(y, lengths, constraint=rods):
    half = y.shape[1] // 2
    return np.abs(jax.vmap(lambda q: constraint(0.0, q, lengths))(y[:, :half])).max()


@pytest.mark.quick("inner0")
@pytest.mark.parametrize("inner", [diffrax.Tsit5(), diffrax.Dopri8(), Rodas5P()])
def test_cartesian_pendulum_stays_on_its_circle(inner):
    term, rod = mechanism([1.0])
    steps = diffrax.SaveAt(steps=True)
    free = run(term, inner, LEVEL, 30.0, 1e-6, args=ONE, saveat=steps)
    kept = run(term, Projected(inner, rod), LEVEL, 30.0, 1e-6, args=ONE, saveat=steps)
    count = int(kept.stats["num_accepted_steps"])
    assert drift(kept.ys[:count], ONE) < 1e-9
    q, w = np.split(np.asarray(kept.ys[:count]), 2, axis=1)
    assert np.abs((q * w).sum(axis=1)).max() < 1e-9
    # Without it the rod stretches; and it costs no steps.
    assert drift(free.ys[: int(free.stats["num_accepted_steps"])], ONE) > 1e-6
    assert kept.stats["num_steps"] < 1.1 * free.stats["num_steps"]


def test_cartesian_pendulum_agrees_with_its_angle():
    term, rod = mechanism([1.0])
    times = np.linspace(0, 30, 61)
    saved = diffrax.SaveAt(ts=jnp.asarray(times), fn=rod.project)
    solved = run(term, Projected(diffrax.Dopri8(), rod), LEVEL, 30.0, 1e-11, args=ONE, saveat=saved).ys
    assert drift(solved, ONE) < 1e-9
    exact = solve_ivp(
        lambda t, y: [y[1], -GRAVITY * np.sin(y[0])], (0, 30), [np.pi / 2, 0], "DOP853", times, rtol=1e-12, atol=1e-12
    ).y[0]
    np.testing.assert_allclose(solved[:, :2], np.stack([np.sin(exact), -np.cos(exact)], axis=1), atol=1e-7)


@pytest.mark.slow
def test_double_rod_pendulum_agrees_with_its_angles():
    lengths, masses = jnp.array([1.0, 0.7]), (1.0, 0.6)
    term, both = mechanism(masses)
    angles = np.array([1.0, 0.4])

    def positions(angles):
        bends = np.stack([np.sin(angles), -np.cos(angles)], axis=-1) * np.asarray(lengths)[:, None]
        return np.cumsum(bends, axis=-2).reshape(*angles.shape[:-1], 4)

    def rates(t, y):
        # M(θ) θ̈ = −(velocity terms) − weights: the textbook equations of the double pendulum.
        one, two, u, w = y
        (m1, m2), (a, b) = masses, np.asarray(lengths)
        c, s = np.cos(one - two), np.sin(one - two)
        matrix = np.array([[(m1 + m2) * a, m2 * b * c], [m2 * a * c, m2 * b]])
        first = -m2 * b * w**2 * s - (m1 + m2) * GRAVITY * np.sin(one)
        second = m2 * a * u**2 * s - m2 * GRAVITY * np.sin(two)
        return np.concatenate([[u, w], np.linalg.solve(matrix, [first, second])])

    times = np.linspace(0, 10, 21)
    exact = solve_ivp(rates, (0, 10), [*angles, 0, 0], "DOP853", times, rtol=1e-12, atol=1e-12).y[:2].T
    start = jnp.asarray(np.append(positions(angles), np.zeros(4)))
    saved = diffrax.SaveAt(ts=jnp.asarray(times), fn=both.project)
    solved = run(term, Projected(diffrax.Dopri8(), both), start, 10.0, 1e-11, args=lengths, saveat=saved).ys
    assert drift(solved, lengths) < 1e-9
    np.testing.assert_allclose(solved[:, :4], positions(exact), atol=1e-8)


def moving(t, q, args):
    """A rod whose upper end swings sideways."""
    return jnp.stack([(q[0] - 0.2 * jnp.sin(3 * t)) ** 2 + q[1] ** 2 - args[0] ** 2])


def test_constraints_that_move_and_backwards():
    term, rod = mechanism([1.0], moving)
    start = jnp.array([1.0, 0.0, 0.6, 0.0])
    solver = Projected(diffrax.Tsit5(), rod)
    end = run(term, solver, start, 4.0, 1e-9, args=ONE).ys[0]
    time = jnp.asarray(4.0)
    assert abs(moving(time, end[:2], ONE)[0]) < 1e-12
    rate = jax.jvp(lambda t, q: moving(t, q, ONE), (time, end[:2]), (jnp.ones(()), end[2:]))[1]
    assert abs(rate[0]) < 1e-12
    control = diffrax.PIDController(rtol=1e-9, atol=1e-9)
    back = diffrax.diffeqsolve(term, solver, 4.0, 0.0, None, end, args=ONE, stepsize_controller=control)
    np.testing.assert_allclose(back.ys[0], start, atol=1e-6)


def test_projection_keeps_the_order():
    term, rod = mechanism([1.0])
    exact = run(term, Projected(diffrax.Dopri8(), rod), LEVEL, 1.0, 1e-13, args=ONE).ys[0]
    counts = np.array([16, 32, 64])
    solver = Projected(diffrax.Bosh3(), rod)
    errors = [np.abs(run(term, solver, LEVEL, 1.0, args=ONE, step=1 / n).ys[0] - exact).max() for n in counts]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(3, abs=0.4)


@pytest.mark.parametrize("dense", [False, True])
def test_projection_is_nearest_in_the_metric_of_the_masses(dense):
    mass = jnp.array([1.0, 5.0, 0.3, 2.0])
    mass = jnp.diag(mass).at[0, 3].set(0.7).at[3, 0].set(0.7) if dense else mass
    both = Holonomic(rods, positions=range(1, 5), velocities=range(5, 9), mass=lambda args: mass, steps=6)
    lengths = jnp.array([1.0, 0.7])
    y = jnp.array([9.0, 1.02, 0.1, 1.5, -0.4, 0.1, 0.3, -0.2, 0.5])
    found = both.project(0.0, y, lengths)
    assert found[0] == 9.0
    gradient = jax.jacfwd(rods, 1)(0.0, found[1:5], lengths)
    np.testing.assert_allclose(rods(0.0, found[1:5], lengths), 0, atol=1e-12)
    np.testing.assert_allclose(gradient @ found[5:], 0, atol=1e-12)
    # The velocities moved by M⁻¹Gᵀ times something: nothing is left when that is taken out.
    matrix = mass if dense else jnp.diag(mass)
    moved = matrix @ (found - y)[5:]
    rest = moved - gradient.T @ jnp.linalg.lstsq(gradient.T, moved)[0]
    np.testing.assert_allclose(rest, 0, atol=1e-12)
    assert jnp.abs(moved).max() > 0.1


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.quick("forward")
def test_gradients_agree_with_differences(mode):
    adjoint = diffrax.ForwardMode() if mode == "forward" else diffrax.RecursiveCheckpointAdjoint()
    term, both = mechanism([1.0, 0.6])

    @jax.jit
    def loss(lengths):
        start = jnp.concatenate([jnp.stack([lengths[0], 0.0, lengths.sum(), 0.0]), jnp.zeros(4)])
        solver = Projected(diffrax.Tsit5(), both)
        return run(term, solver, start, 0.5, args=lengths, step=0.01, max_steps=64, adjoint=adjoint).ys[0, 3]

    lengths = jnp.array([1.0, 0.7])
    gradient = (jax.jacfwd if mode == "forward" else jax.grad)(loss)(lengths)
    for i in range(2):
        step = 1e-5 * jnp.eye(2)[i]
        assert abs(gradient[i] - (loss(lengths + step) - loss(lengths - step)) / 2e-5) < 1e-8


def test_interpolation_ends_in_the_projected_states():
    term, rod = mechanism([1.0])
    solver = Projected(diffrax.Heun(), rod)
    solved = run(term, solver, LEVEL, 2.0, args=ONE, step=0.1, saveat=diffrax.SaveAt(steps=True, dense=True))
    np.testing.assert_allclose(jax.vmap(solved.evaluate)(solved.ts[:20]), solved.ys[:20], atol=1e-12)
    # From the left, too: the interpolant does not jump.
    before = jax.vmap(lambda t: solved.evaluate(t, left=True))(solved.ts[:19] - 1e-9)
    np.testing.assert_allclose(before, solved.ys[:19], atol=1e-6)


def test_a_step_starts_with_the_slope_of_the_projected_state():
    # Tsit5 keeps its last slope, which belongs to the state before the projection.
    term, rod = mechanism([1.0])
    solver = Projected(diffrax.Tsit5(), rod)

    def step(t, y, state):
        return solver.step(term, t, t + 0.4, y, ONE, state, False)

    fresh = solver.init(term, 0.0, 0.4, LEVEL, ONE)
    y, _, _, kept, _ = step(0.0, LEVEL, fresh)
    np.testing.assert_array_equal(step(0.4, y, kept)[0], step(0.4, y, solver.init(term, 0.4, 0.8, y, ONE))[0])


def test_wrapped_solver_is_seen_through():
    _, rod = mechanism([1.0])
    assert isinstance(Projected(diffrax.Tsit5(), rod), diffrax.AbstractAdaptiveSolver)
    assert not isinstance(Projected(diffrax.Euler(), rod), diffrax.AbstractAdaptiveSolver)


def test_wrong_places_are_refused():
    with pytest.raises(ModelError, match="got 2 positions and 1 velocities"):
        Holonomic(rods, positions=[0, 1], velocities=[2])
    with pytest.raises(ModelError, match="steps must be at least 1, got 0"):
        Holonomic(rods, positions=[0], velocities=[1], steps=0)
