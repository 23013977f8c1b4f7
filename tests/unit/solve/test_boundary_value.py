"""Periodic, two-point and initial-value trajectories against closed forms, SciPy's integrators and solve_bvp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from chains import PERIOD, chain, damped, data, duffing, linear, lossy, matrices, spread, x, y
from scipy.integrate import solve_bvp, solve_ivp

import physeq as pq
from physeq.solve.harmonic_balance import interpolate

W = 2 * np.pi / PERIOD


def force(params):
    """Accelerations of the Duffing chain, by hand."""
    mass, _, stiffness = matrices(params)
    cubic, inverse = np.asarray(params["nodes"]["a"]), 1 / np.diag(mass)

    def field(t, z):
        q, v = np.split(z, 2)
        push = np.zeros_like(q)
        push[0] = 0.3 * np.cos(W * t)
        return np.concatenate([v, inverse * (push - stiffness @ q - cubic * q**3)])

    return field


def one_sample(model):
    return data(model)[0][0]


def test_a_linear_chain_with_losses_answers_as_its_transfer_function():
    model = chain(damped, lossy).trajectories(pq.Periodic(PERIOD), pq.HarmonicBalance(3))
    params = spread(model)
    found = model.solve(params, one_sample(model))
    inertia, losses, stiffness = matrices(params)
    answer = np.linalg.solve(-(W**2) * inertia + 1j * W * losses + stiffness, [0.3, 0, 0])
    exact = np.real(answer[None, :] * np.exp(1j * W * np.asarray(model.times))[:, None])
    np.testing.assert_allclose(found["nodes.x"], exact, atol=1e-13)
    assert int(found.steps) <= 2


@pytest.mark.parametrize(("solver", "error"), [(pq.HarmonicBalance(14), 1e-10), (pq.Collocation(24, 4), 1e-6)])
def test_a_periodic_orbit_of_a_duffing_chain_closes_under_scipy(solver, error):
    model = chain(duffing).trajectories(pq.Periodic(PERIOD), solver)
    params = spread(model)
    found = model.solve(params, one_sample(model))
    t = np.asarray(model.times)
    # From the first time of the grid on, once around.
    path = solve_ivp(force(params), (t[0], t[0] + PERIOD), found.ys[0], "DOP853", rtol=1e-12, atol=1e-13,
                     dense_output=True)  # fmt: skip
    np.testing.assert_allclose(found.ys, path.sol(t).T, atol=error)
    np.testing.assert_allclose(path.y[:, -1], found.ys[0], atol=error)


@pytest.mark.slow
def test_harmonic_balance_converges_faster_than_any_power():
    system, errors = chain(duffing), []
    fine = None
    for harmonics in (24, 4, 6, 8, 10):
        model = system.trajectories(pq.Periodic(PERIOD), pq.HarmonicBalance(harmonics))
        params = spread(model)
        found = model.solve(params, one_sample(model))
        at = interpolate(found.ys, PERIOD, jnp.linspace(0, PERIOD, 50))
        fine = at if fine is None else fine
        errors.append(float(jnp.max(jnp.abs(at - fine))))
    falls = np.diff(np.log(errors[1:]))
    assert errors[-1] < 1e-6
    assert (falls < np.log(0.2)).all()


def test_collocation_has_order_twice_its_points():
    system, ends = chain(duffing), []
    for intervals in (4, 8, 16, 64):
        model = system.trajectories(
            pq.InitialValue({"nodes": [0.4, 0.0, -0.2]}, duration=4.0), pq.Collocation(intervals, 2)
        )
        params = spread(model)
        push = 0.3 * jnp.cos(W * model.times)[:, None]
        ends.append(np.asarray(model.solve(params, push).end))
    exact = solve_ivp(force(params), (0, 4.0), [0.4, 0, -0.2, 0, 0, 0], "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    errors = [np.abs(end - exact).max() for end in ends[:3]]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 4.0, atol=0.3)
    assert np.abs(ends[-1] - exact).max() < 1e-6


def test_two_point_trajectories_equal_those_of_solve_bvp():
    start, end, duration = np.array([0.0, 0.1, 0.2]), np.array([0.3, -0.1, 0.1]), 1.2
    model = chain(duffing).trajectories(
        pq.TwoPoint({"nodes": start}, {"nodes": end}, duration=duration), pq.Collocation(20, 4)
    )
    params = spread(model)
    found = model.solve(params, 0.3 * jnp.cos(W * model.times)[:, None])
    field = force(params)

    def columns(t, z):
        return np.stack([field(s, z[:, i]) for i, s in enumerate(t)], 1)

    grid = np.linspace(0, duration, 40)
    line = np.vstack([start[:, None] + (end - start)[:, None] * grid / duration, np.zeros((3, 40))])
    other = solve_bvp(columns, lambda a, b: np.concatenate([a[:3] - start, b[:3] - end]), grid, line, tol=1e-7,
                      max_nodes=20_000)  # fmt: skip
    assert other.success
    np.testing.assert_allclose(found["nodes.x"], other.sol(np.asarray(model.times))[:3].T, atol=1e-6)


def upside_down():
    pendulum = pq.Node("pendulum", kinetic=x.dot**2 / 2, potential=-sp.cos(x))
    return pq.System(pq.complete(1), nodes=pendulum, inputs={"push": pq.Drive("nodes")})


def test_unstable_orbits_are_found_as_stable_ones_are():
    model = upside_down().trajectories(pq.Periodic(3.0), pq.HarmonicBalance(12))
    push = 0.2 * jnp.cos(2 * jnp.pi * model.times / 3.0)[:, None]
    still = jnp.stack([jnp.full(len(model.times), jnp.pi), jnp.zeros(len(model.times))], 1)
    found = model.solve({"nodes": {}}, push, start=still)

    def field(t, z):
        q, v = z[0], z[1]
        flow = np.array([v, -np.sin(q) + 0.2 * np.cos(2 * np.pi * t / 3.0)])
        tangent = np.array([[0, 1], [-np.cos(q), 0]]) @ z[2:].reshape(2, 2)
        return np.concatenate([flow, tangent.ravel()])

    once = solve_ivp(field, (0, 3.0), [*found.ys[0], 1, 0, 0, 1], "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    np.testing.assert_allclose(once[:2], found.ys[0], atol=1e-8)
    multipliers = np.abs(np.linalg.eigvals(once[2:].reshape(2, 2)))
    assert multipliers.max() > 10  # it runs away from the orbit by that factor each period
    assert np.abs(np.asarray(found["nodes.x"]) - np.pi).max() < 0.2


@pytest.mark.slow
def test_a_strong_nudge_is_reached_in_parts_and_is_the_same_orbit():
    model = chain(duffing).trajectories(pq.Periodic(PERIOD), pq.HarmonicBalance(8))
    params, (push, wanted) = spread(model), data(model)
    free = model.solve(params, push)
    at_once = model.solve(params, push, target=wanted, beta=0.2, start=free.ys)
    in_parts = model.solve(params, push, target=wanted, beta=0.2, start=free.ys, continuation=4)
    np.testing.assert_allclose(in_parts.ys, at_once.ys, atol=1e-11)
    assert (in_parts.steps > at_once.steps).all()
    assert float(jnp.max(jnp.abs(at_once.ys - free.ys))) > 0.02


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["periodic", "two-point", "initial"])
def test_newtons_matrix_is_the_derivative_of_the_equations(boundary):
    conditions = {
        "periodic": (pq.Periodic(PERIOD), pq.HarmonicBalance(2)),
        "two-point": (
            pq.TwoPoint({"nodes": [0.0, 0, 0]}, {"nodes": [0.1, 0.2, 0]}, duration=2.0),
            pq.Collocation(2, 2),
        ),
        "initial": (pq.InitialValue({"nodes": [0.1, 0, 0]}, duration=2.0), pq.Collocation(2, 3)),
    }
    cost = (x - y) ** 4 + x * x.dot**2 + x.dot**4
    model = chain(duffing, cost=cost).trajectories(*conditions[boundary])
    one = model.problem(spread(model), jnp.ones((1, 1)), 0.2 * jnp.ones((1, 1)), 0.3 + 0.1j)
    size = model.solver.pack(one, one.start(None, jnp.complex128)).shape[0]
    at = jax.random.normal(jax.random.key(3), (size,)) + 0.2j * jax.random.normal(jax.random.key(4), (size,))
    along = jax.random.normal(jax.random.key(5), (size,)).astype(at.dtype)
    _, exact = jax.jvp(lambda z: model.solver.equations(one, z), (at,), (along,))
    np.testing.assert_allclose(model.solver.jacobian(one, at) @ along, exact, atol=1e-11)


@pytest.mark.slow
def test_matrix_and_orbit_where_inertia_depends_on_the_state():
    """Two pendula on one another: the matrix by a directional derivative, the orbit by simulating once around."""
    pendula = pq.System(
        pq.complete(2), nodes=pq.mechanical.pendulum(), edges=pq.mechanical.hinge(), inputs={"push": pq.Drive([0])}
    )
    model = pendula.trajectories(pq.Periodic(40.0), pq.HarmonicBalance(8))
    params = spread(model)
    push = 0.3 * jnp.cos(2 * jnp.pi * model.times / 40.0)[:, None]
    one = model.problem(params, push)
    size = model.solver.pack(one, one.start(None, jnp.float64)).shape[0]
    at, along = jax.random.normal(jax.random.key(0), (2, size))
    _, exact = jax.jvp(lambda z: model.solver.equations(one, z), (at,), (along,))
    np.testing.assert_allclose(model.solver.jacobian(one, at) @ along, exact, atol=1e-10)
    found = model.solve(params, push)
    sol = pendula.motion().simulate(
        params, lambda t: 0.3 * jnp.cos(2 * jnp.pi * t / 40.0)[None], t1=40.0, start=found.ys[0], rtol=1e-11,
    )  # fmt: skip
    theta = [b for b in model.layout.blocks.values() if b.key in ("theta", "theta_dot")]
    for b in theta:
        np.testing.assert_allclose(sol.y_end[b.start : b.stop], found.ys[0, b.start : b.stop], atol=1e-7)
    assert float(jnp.abs(found["nodes.theta"]).max()) > 0.3


def test_what_is_not_found_is_not_used():
    model = chain(linear).trajectories(pq.Periodic(2 * np.pi), pq.HarmonicBalance(4))
    params = jax.tree.map(jnp.ones_like, spread(model))  # the mode of equal displacements has frequency 1
    with pytest.raises(pq.SolveError, match="resonance"):
        model.solve(params, jnp.cos(model.times)[:, None])


def test_quantities_come_by_name():
    model = chain(damped, lossy).trajectories(pq.Periodic(PERIOD), pq.HarmonicBalance(3))
    params, (push, _) = spread(model), data(model)
    found = model.solve(params, push)
    assert found["nodes.x"].shape == (2, 7, 3)
    np.testing.assert_allclose(found["1.x_dot"], found["nodes.x_dot"][..., 1])
    _, losses, _ = matrices(params)
    v = np.asarray(found["nodes.x_dot"])
    np.testing.assert_allclose(found["dissipated"], np.einsum("bti,ij,btj->bt", v, losses, v), atol=1e-14)
