"""Leapfrog trajectories: the steps written out, their order, their way back, nudges, gradients, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from jax.flatten_util import ravel_pytree
from oscillator_networks import BOTH, RUNNING, model_of, oscillators, waves, x, y

import physeq as pq
from physeq.errors import ModelError

KEY = jax.random.key(0)


def by_hand(model, params, inputs, target, beta):
    """q in the middle of every step, and q and v at the end, of a ring of quartic oscillators, in NumPy."""
    nodes, edges = ({k: np.asarray(a) for k, a in params[name].items()} for name in ("nodes", "edges"))
    start = model.boundary
    q = np.asarray(start.positions["nodes"]).astype(np.result_type(beta, float))
    v, count, steps = np.asarray(start.velocities["nodes"]).astype(q.dtype), len(q), model.solver.steps
    h = start.duration / steps
    bundle = model.system.topology.bundles[0]
    ends = [tuple(map(int, row)) for row in np.asarray(bundle.pattern.rows((count, count)))]
    mass = np.diag(nodes["m"])
    for (i, j), mu in zip(ends, edges.get("mu", np.zeros(count)), strict=True):
        mass[np.ix_((i, j), (i, j))] += mu * np.array([[1, -1], [-1, 1]])
    middle = []
    for k in range(steps):
        q = q + h / 2 * v
        force = -nodes["k"] * q - nodes["a"] * q**3
        for (i, j), c in zip(ends, edges["c"], strict=True):
            force[i] += c * (q[j] - q[i])
            force[j] -= c * (q[j] - q[i])
        force[:2] += inputs[k]
        force[[count - 1, count - 2]] -= beta * (q[[count - 1, count - 2]] - target[k])
        v = v + h * np.linalg.solve(mass, force)
        middle.append(q)
        q = q + h / 2 * v
    return np.array(middle), q, v


@pytest.mark.parametrize("inertial", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.2 - 0.4j])
def test_the_steps_are_those_written_out(inertial, beta):
    model = model_of(oscillators(5, quartic=True, inertial=inertial), 60, duration=4.0)
    params = model.init_parameters(KEY)
    inputs, target = waves(model)
    found = pq.solve_trajectories(model, params, inputs, target=target, beta=beta)
    middle, q, v = by_hand(model, params, np.asarray(inputs), np.asarray(target), beta)
    np.testing.assert_allclose(found["nodes.x"], middle, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.end, np.concatenate([q, v]), rtol=0, atol=1e-12)


@pytest.mark.slow
def test_second_order_with_held_nodes_and_signals_fed_to_components():
    """Against an adaptive method of order 8 on the same equations; states on the grid too."""
    u = pq.signal("u")
    m = pq.parameter("m", initial=1.3)
    node = pq.Node("pendulum", kinetic=m * x.dot**2 / 2, potential=-sp.cos(x) - u * x)
    spring = pq.mechanical.spring(stiffness=0.7, cubic=0.2)
    system = pq.System(pq.lattice(4), nodes=node, edges=spring, ground=0, inputs={"field": pq.Feed("nodes", u)})
    start = pq.InitialValue({"nodes": [0.0, 0.5, -0.3, 0.9]}, {"nodes": [0.0, -0.4, 0.2, 0.1]}, duration=3.0)
    motion, errors = system.motion(), []
    params = motion.init_parameters(KEY)
    for steps in (50, 100, 200):
        model = system.trajectories(start, pq.Leapfrog(steps))
        series = jnp.sin(model.times)[:, None] * jnp.arange(1.0, 5.0)
        found = pq.solve_trajectories(model, params, series)
        times = jnp.concatenate([jnp.zeros(1), model.times, jnp.array([3.0])])
        exact = pq.simulate(
            motion,
            params,
            {"field": lambda t: jnp.sin(t) * jnp.arange(1.0, 5.0)},
            start=motion.unflatten(start.state(motion, float)),
            t1=3.0,
            ts=times,
            rtol=1e-11,
            atol=1e-12,
        ).ys
        assert np.all(np.asarray(found["nodes.x"])[:, 0] == 0)
        errors.append([np.abs(found.ys - exact[1:-1]).max(), np.abs(found.end - exact[-1]).max()])
    orders = np.log2(np.array(errors)[:-1] / np.array(errors)[1:])
    np.testing.assert_allclose(orders, 2, atol=0.15)


def test_the_way_back_ends_where_the_motion_began():
    forward = model_of(oscillators(6, quartic=True, inertial=True), 2000, duration=60.0)
    params = forward.init_parameters(KEY)
    inputs, _ = waves(forward)
    end = pq.solve_trajectories(forward, params, inputs).end
    turned = pq.InitialValue({"nodes": end[:6]}, {"nodes": -end[6:]}, duration=60.0)
    back = forward.system.trajectories(turned, forward.solver, cost=RUNNING)
    home = pq.solve_trajectories(back, params, inputs[::-1]).end
    start = forward.boundary
    np.testing.assert_allclose(home[:6], start.positions["nodes"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(-home[6:], start.velocities["nodes"], rtol=0, atol=1e-12)


@pytest.mark.quick("batch0-False", "batch1-True")
@pytest.mark.parametrize("inertial", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_the_adjoint_run_backwards_is_backpropagation_to_rounding(inertial, batch):
    model = model_of(oscillators(5, quartic=True, inertial=inertial), 300, duration=10.0, cost=BOTH)
    params = model.init_parameters(KEY)
    data = waves(model, batch)
    found, info = pq.ContinuousAdjoint().gradient(model, params, *data)
    wanted, exact = pq.BackpropagationThroughTime(model.solver).gradient(model, params, *data)
    _compare(found, wanted, 1e-12)
    assert float(info.cost) == pytest.approx(float(exact.cost), rel=1e-13)


def test_backpropagation_agrees_with_differences_of_the_cost():
    model = model_of(oscillators(4, quartic=True, inertial=True), 40, duration=5.0, cost=BOTH)
    params = model.init_parameters(KEY)
    inputs, target = waves(model)
    flat, rebuild = ravel_pytree(params)

    @jax.jit
    def cost(values):
        problem = model.problem(rebuild(values), inputs, target)
        path, *_ = model.solver.find(problem, problem.start(None, float))
        return problem.cost_value(path.ys, path.end)

    h = 1e-3
    steps = h * jnp.eye(flat.size)
    slopes = [(8 * (cost(flat + s) - cost(flat - s)) - cost(flat + 2 * s) + cost(flat - 2 * s)) / 12 / h for s in steps]
    found, _ = pq.BackpropagationThroughTime(model.solver).gradient(model, params, inputs, target)
    np.testing.assert_allclose(ravel_pytree(found)[0], slopes, rtol=1e-8, atol=1e-9)


def _compare(found, wanted, limit):
    a, b = ravel_pytree(found)[0], ravel_pytree(wanted)[0]
    assert np.linalg.norm(a - b) <= limit * np.linalg.norm(b)


def test_every_refusal_names_what_is_in_the_way():
    start, leap = pq.InitialValue(duration=1.0), pq.Leapfrog(10)

    def refused(pattern, node=None, edge=None, boundary=start, **options):
        node = pq.mechanical.mass() if node is None else node
        edge = pq.mechanical.spring() if edge is None else edge
        cost = options.pop("cost", None)
        with pytest.raises(ModelError, match=pattern):
            pq.System(pq.lattice(3), nodes=node, edges=edge, **options).trajectories(boundary, leap, cost=cost)

    refused("'damper' in 'edges' dissipates .*Collocation", edge=pq.mechanical.damper(), ground=0)
    refused("'hinge' in 'edges' has an inertia that depends on the state.*Collocation", pq.mechanical.pendulum(),
            pq.mechanical.hinge())  # fmt: skip
    refused("x of 'nodes' has no inertia.*Collocation", pq.mechanical.anchor())
    push = pq.Drive([1])
    refused(
        "steps from an InitialValue, got Periodic.*HarmonicBalance", boundary=pq.Periodic(1.0), inputs=push, ground=0
    )
    rated = pq.TrajectoryCost(running=(x.dot - y) ** 2)
    refused("holds the rate .*terminal cost", outputs=[2], cost=rated)
    refused("held while its position moves.*Drive", inputs=pq.Clamp([0], coordinate="x_dot"))
    u = pq.signal("u")
    loaded = pq.Node("loaded", kinetic=(1 + u) * x.dot**2 / 2)
    refused("input 'load' changes that of component 'loaded' in 'nodes'", loaded, inputs={"load": pq.Feed("nodes", u)})
    with pytest.raises(ModelError, match="steps must be a whole number above 0, got 0"):
        pq.Leapfrog(0)
