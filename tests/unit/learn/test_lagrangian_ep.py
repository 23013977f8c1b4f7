"""LagrangianEP and the exact adjoint: slopes in β, boundaries, and gradients of closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from chains import (
    PERIOD,
    POSITION,
    RATE,
    apart,
    c,
    chain,
    damped,
    data,
    duffing,
    flat,
    k,
    ladder,
    linear,
    lossy,
    matrices,
    spread,
    x,
    y,
)
from jax.flatten_util import ravel_pytree

import physeq as pq

PERIODIC = (pq.Periodic(PERIOD), pq.HarmonicBalance(4))
ENDS = (pq.TwoPoint({"nodes": [0.0, 0.1, 0.2]}, {"nodes": [0.3, 0.1, -0.2]}, duration=1.2), pq.Collocation(4, 3))
CASES = {
    "periodic-linear": (linear, RATE, *PERIODIC),
    "periodic-duffing": (duffing, POSITION, *PERIODIC),
    "periodic-collocation": (duffing, POSITION, pq.Periodic(PERIOD), pq.Collocation(6, 3)),
    "two-point-linear": (linear, POSITION, *ENDS),
    "two-point-duffing": (duffing, POSITION, *ENDS),
    "both": (duffing, (x - y) ** 2 / 2 + x * x.dot * y + x.dot**4, *ENDS),
}


@pytest.fixture(scope="module", params=list(CASES), ids=list(CASES))
def learnt(request):
    """(model, parameters, push, target, exact gradient)."""
    node, cost, boundary, solver = CASES[request.param]
    model = chain(node, cost=cost).trajectories(boundary, solver)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    return model, params, push, wanted, exact


def errors_at(learnt, kind, betas):
    """Relative errors at several nudges, with one compilation: β is traced."""
    model, params, push, wanted, exact = learnt

    @jax.jit
    def found(beta):
        return pq.LagrangianEP(kind(beta)).estimate(model, params, push, wanted)[0]

    return [apart(found(jnp.asarray(beta)), exact) for beta in betas]


@pytest.mark.quick("periodic-duffing")
def test_centered_nudges_have_an_error_of_second_order(learnt):
    far, near, best = errors_at(learnt, pq.Centered, [3e-3, 3e-4, 3e-5])
    assert np.log10(far / near) == pytest.approx(2.0, abs=0.02)
    assert best < 1e-6


@pytest.mark.quick("periodic-linear")
def test_one_sided_nudges_have_an_error_of_first_order(learnt):
    far, near = errors_at(learnt, pq.OneSided, [1e-3, -1e-4])
    assert np.log10(far / near) == pytest.approx(1.0, abs=0.05)


@pytest.mark.quick("two-point-duffing")
def test_the_adjoint_is_the_derivative_of_the_cost(learnt):
    model, params, push, wanted, exact = learnt
    packed, rebuild = ravel_pytree(params)
    begin = model.solve(params, push).ys

    def cost(values):
        problem = model.problem(rebuild(values), push, wanted)
        path, *_ = model.solver.find(problem, begin)
        return jnp.mean(problem.map(lambda one, ys: one.cost_value(ys), path.ys))

    step = 1e-3
    moves = jnp.asarray([2.0, 1.0, -1.0, -2.0]) * step
    rows = jax.jit(lambda i: jax.lax.map(lambda h: cost(packed.at[i].add(h)), moves))
    weights = np.array([-1, 8, -8, 1]) / (12 * step)
    slopes = np.array([weights @ np.asarray(rows(i)) for i in range(packed.size)])
    np.testing.assert_allclose(flat(exact), slopes, atol=1e-7 * np.abs(slopes).max())


@pytest.mark.parametrize("case", ["periodic-duffing", pytest.param("two-point-duffing", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_holomorphic_nudges_gain_digits_with_every_point(case):
    node, cost, boundary, solver = CASES[case]
    model = chain(node, cost=cost).trajectories(boundary, solver)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    radius = 0.04
    found = [
        apart(pq.LagrangianEP(pq.Holomorphic(radius, n)).gradient(model, params, push, wanted)[0], exact)
        for n in (2, 4, 8)
    ]
    assert found[2] < 1e-7
    # Geometric: twice the points, the square of the error, up to a factor.
    assert np.log(found[1]) / np.log(found[0]) == pytest.approx(2.0, abs=0.7)
    assert found[2] < 20 * found[1] ** 2 + 1e-12
    one_sided = apart(pq.LagrangianEP(pq.OneSided(radius)).gradient(model, params, push, wanted)[0], exact)
    assert one_sided > 1e3 * found[2]


def test_gradients_are_those_of_the_transfer_function():
    """The whole chain of derivations against complex amplitudes in NumPy, differentiated by differences."""
    model = chain(linear).trajectories(*PERIODIC)
    params, (push, wanted) = spread(model), data(model)
    gradients, _ = pq.LagrangianEP(pq.Centered(1e-4)).gradient(model, params, push[:1], wanted[:1])
    w = 2 * np.pi / PERIOD

    def cost(params):
        inertia, _, stiffness = matrices(params)
        answer = np.linalg.solve(stiffness - w**2 * inertia, [0.3, 0, 0])[-1]
        # ∫ (a cos − 0.3 sin)²/2 over a period, from the amplitudes alone.
        return PERIOD / 4 * (answer**2 + 0.3**2)

    for owner, name in (("nodes", "k"), ("nodes", "m"), ("edges", "kappa")):
        for i in range(len(params[owner][name])):
            up, down = (
                {**params, owner: {**params[owner], name: params[owner][name].at[i].add(h)}} for h in (1e-5, -1e-5)
            )
            assert float(gradients[owner][name][i]) == pytest.approx((cost(up) - cost(down)) / 2e-5, rel=1e-6)


@pytest.mark.slow
def test_an_initial_value_leaves_what_the_boundary_term_says():
    start = pq.InitialValue({"nodes": [0.3, 0.0, 0.0]}, {"nodes": [0.0, 0.2, 0.0]}, duration=6.0)
    for node in (linear, duffing):
        model = chain(node).trajectories(start, pq.Collocation(10, 3))
        params, (push, wanted) = spread(model), data(model)
        with pytest.raises(pq.ModelError, match=r"boundary term.*HamiltonianEcho"):
            pq.LagrangianEP().gradient(model, params, push, wanted)
        exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
        rule = pq.LagrangianEP(pq.Centered(1e-3), accept_boundary_term=True)
        found, info = rule.gradient(model, params, push, wanted)
        error = flat(found) - flat(exact)
        assert np.linalg.norm(error) > 0.5 * np.linalg.norm(flat(exact))
        np.testing.assert_allclose(flat(info.boundary), error, atol=0.01 * np.linalg.norm(error))
        assert "boundary" in rule.bias(model)


@pytest.mark.slow
def test_a_magnetic_field_is_allowed_where_both_ends_are_given():
    position = pq.coordinate("u")
    field = pq.parameter("B")
    stiff = pq.parameter("k", positive=True)
    charge = pq.Node(
        "charge",
        kinetic=(x.dot**2 + position.dot**2) / 2 + field * (x * position.dot - position * x.dot) / 2,
        potential=stiff * (x**2 + 2 * position**2) / 2 + x**4 / 4,
    )
    system = pq.System(
        pq.complete(1), nodes=charge, inputs={"push": pq.Drive("nodes", "x")}, outputs="nodes", cost=POSITION
    )
    model = system.trajectories(*PERIODIC)
    assert model.structure.odd_in_momentum
    assert not model.structure.time_reversible
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    found, _ = pq.LagrangianEP(pq.Centered(2e-5)).gradient(model, params, push, wanted)
    assert apart(found, exact) < 1e-6
    assert abs(float(exact["nodes"]["B"][0])) > 1e-4


def pendula(**options):
    """Two pendula on one another: the inertia depends on the state."""
    angle = pq.mechanical.theta
    return pq.System(
        pq.complete(2), nodes=pq.mechanical.pendulum(), edges=pq.mechanical.hinge(), outputs=[1],
        cost=(angle - y) ** 2 / 2, inputs={"push": pq.Drive([0])}, **options,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("boundary", "solver"),
    [
        (pq.Periodic(40.0), pq.HarmonicBalance(3)),
        (pq.TwoPoint({"nodes": [0.0, 0.1]}, {"nodes": [0.2, 0.3]}, duration=0.6), pq.Collocation(2, 2)),
    ],
    ids=["periodic", "two-point"],
)
def test_state_dependent_inertia_is_exact_on_the_coarsest_grid(boundary, solver):
    """What is collocated is d/dt p = ∂L/∂q, an extremal of the discrete action, and not d/dt q̇ = a."""
    model = pendula().trajectories(boundary, solver)
    assert model.structure.not_separable
    params, (push, wanted) = spread(model), data(model, 40.0)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    far, near = errors_at((model, params, push, wanted, exact), pq.Centered, [1e-3, 1e-4])
    assert np.log10(far / near) == pytest.approx(2.0, abs=0.02)
    assert near < 1e-5


@pytest.mark.slow
def test_the_adjoint_holds_for_the_end_of_a_motion():
    """Terminal costs in q and q̇, with trained masses and an initial velocity, by collocation; against differences."""
    cost = pq.TrajectoryCost(running=(x - y) ** 2, terminal=(x - y) ** 2 / 2 + x.dot**2)
    start = pq.InitialValue({"nodes": [0.3, 0.0, 0.0]}, {"nodes": [0.1, 0.2, 0.0]}, duration=2.0)
    model = chain(duffing).trajectories(start, pq.Collocation(3, 3), cost=cost)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    packed, rebuild = ravel_pytree(params)

    @jax.jit
    def value(i, h):
        _, info = pq.ContinuousAdjoint().estimate(model, rebuild(packed.at[i].add(h)), push, wanted)
        return info.cost

    h = 1e-3
    slopes = [
        (8 * (value(i, h) - value(i, -h)) - value(i, 2 * h) + value(i, -2 * h)) / (12 * h) for i in range(packed.size)
    ]
    np.testing.assert_allclose(flat(exact), slopes, atol=1e-8 * np.abs(slopes).max())


def test_costs_without_a_target_need_none_and_are_nudged():
    model = chain(linear, cost=x**2 / 2).trajectories(*PERIODIC)
    params, (push, _) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push)
    found, _ = pq.LagrangianEP(pq.Centered(1e-4)).gradient(model, params, push)
    assert apart(found, exact) < 1e-6
    aimed = chain(linear).trajectories(*PERIODIC)
    with pytest.raises(pq.ModelError, match="the cost holds the target y"):
        pq.LagrangianEP().gradient(aimed, params, push, None)


@pytest.mark.slow
def test_library_circuits_learn_by_their_action():
    v = pq.electrical.v
    system = ladder(losses=False)
    model = system.trajectories(*PERIODIC)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    found, _ = pq.LagrangianEP(pq.Centered(1e-4)).gradient(model, params, push, wanted)
    assert apart(found, exact) < 1e-7
    assert system.cost.has(v)


# ---- the time-reversed nudge -----------------------------------------------------------------------------------------


@pytest.mark.quick("boundary0-solver0-cost0")
@pytest.mark.parametrize(
    ("boundary", "solver", "cost"),
    [
        (*PERIODIC, POSITION),
        (*PERIODIC, RATE),
        (pq.Periodic(PERIOD), pq.Collocation(6, 3), POSITION),
        (*ENDS, POSITION),
        (pq.InitialValue({"nodes": [0.3, 0.0, 0.1]}, duration=6.0), pq.Collocation(8, 3), POSITION),
    ],
)
def test_the_time_reversed_nudge_is_exact_with_losses(boundary, solver, cost):
    model = chain(damped, lossy, cost).trajectories(boundary, solver)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    found, _ = pq.TimeReversedNudge(strength=0.3).gradient(model, params, push, wanted)
    assert apart(found, exact) < 1e-12


@pytest.mark.slow
def test_the_time_reversed_nudge_is_exact_without_inertia():
    overdamped = pq.Node("overdamped", dissipation=c * x.dot**2 / 2, potential=k * x**2 / 2)
    model = chain(overdamped, lossy).trajectories(*PERIODIC)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    found, _ = pq.TimeReversedNudge().gradient(model, params, push, wanted)
    assert apart(found, exact) < 1e-12


@pytest.mark.slow
def test_the_contrast_of_actions_is_wrong_with_losses():
    """What LagrangianEP would do if it did not refuse: the same contrast by hand."""
    from physeq.compile import action_gradient

    model = chain(damped, lossy).trajectories(*PERIODIC)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    beta, free = 1e-4, model.solve(params, push).ys
    sides = []
    for sign in (1, -1):
        problem = model.problem(params, push, wanted, sign * beta)
        path, *_ = model.solver.find(problem, free)
        each = problem.map(lambda one, ys: action_gradient(one, ys, one.weights), path.ys)
        sides.append(jax.tree.map(lambda g: -jnp.mean(g, 0) / (2 * beta), each))
    wrong = flat(sides[0]) - flat(sides[1])
    right = flat(exact)
    assert wrong @ right / np.linalg.norm(wrong) / np.linalg.norm(right) < 0.9
    with pytest.raises(pq.ModelError, match=r"'damped' in 'nodes' dissipates.*TimeReversedNudge"):
        pq.LagrangianEP().gradient(model, params, push, wanted)


@pytest.mark.slow
def test_lossy_circuits_learn_by_the_time_reversed_nudge():
    model = ladder(losses=True).trajectories(*PERIODIC)
    params, (push, wanted) = spread(model), data(model)
    exact, _ = pq.ContinuousAdjoint().gradient(model, params, push, wanted)
    found, _ = pq.TimeReversedNudge().gradient(model, params, push, wanted)
    assert apart(found, exact) < 1e-12
    with pytest.raises(pq.ModelError, match="'resistor' in 'R' dissipates"):
        pq.LagrangianEP().gradient(model, params, push, wanted)


# ---- training --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rule_and_exact_gradient_train_alike():
    model = chain(duffing).trajectories(*PERIODIC)
    teacher = jax.tree.map(lambda v: 1.2 * v, spread(model))
    push, _ = data(model)
    wanted = model.solve(teacher, push)["2.x"][..., None]
    ends = []
    for rule in (pq.LagrangianEP(pq.Centered(1e-3)), pq.ContinuousAdjoint()):
        fit = pq.fit(
            model, rule, (push, wanted), optimizer=optax.adam(0.02), epochs=25, batch_size=2, params=spread(model),
            progress=False,
        )  # fmt: skip
        ends.append(fit.train["cost"])
        assert fit.history[0]["running_cost"] > 20 * ends[-1]
    assert ends[0] == pytest.approx(ends[1], rel=0.05)
    assert fit.predict(push).shape == (2, len(model.times), 1)


def test_nothing_compiles_on_the_second_call():
    model = chain(linear).trajectories(pq.Periodic(PERIOD), pq.HarmonicBalance(2))
    params, (push, wanted) = spread(model), data(model)
    rule = pq.LagrangianEP(pq.Centered(1e-3))
    rule.gradient(model, params, push, wanted)
    others = [(jax.tree.map(lambda v: 1.1 * v, params), 2 * push, wanted), (params, push[:1], wanted[:1])]
    compiled = []

    def listen(name, seconds, **_):
        if "backend_compile" in name:
            compiled.append(name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        rule.gradient(model, *others[0])
        assert not compiled
        rule.gradient(model, *others[1])  # another batch does compile: the listener listens
        assert compiled
    finally:
        jax.monitoring.clear_event_listeners()
