"""Hamiltonian echoes: their gradient is that of backpropagation, as a whole and step by step; memory; refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from oscillator_networks import BOTH, RUNNING, TERMINAL, coupling, model_of, oscillator, oscillators, waves, x, y

import physeq as pq
from physeq.errors import ModelError, SolveError
from physeq.learn.steps_in_time import steps_in_time

KEY = jax.random.key(0)


def backpropagated(model, params, data):
    return ravel_pytree(pq.BackpropagationThroughTime(model.solver).gradient(model, params, *data)[0])[0]


def errors(model, params, data, betas, nudging=pq.Centered):
    """Relative errors to backpropagation, compiled once for all nudges."""
    exact = backpropagated(model, params, data)

    @jax.jit
    def echo(beta):
        rule = pq.HamiltonianEcho(nudging(beta))
        return ravel_pytree(rule.estimate(model, params, *data, key=None, start=None)[0])[0]

    return [float(np.linalg.norm(echo(b) - exact) / np.linalg.norm(exact)) for b in betas]


CASES = {
    "6 quartic": ({"count": 6, "quartic": True}, RUNNING, ()),
    "quartic, terminal": ({"count": 5, "quartic": True}, TERMINAL, ()),
    "quartic, full mass matrix": ({"count": 5, "quartic": True, "inertial": True}, BOTH, ()),
    "linear chain, batch": ({"count": 12, "quartic": False, "ring": False}, BOTH, (3,)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.quick("linear chain, batch", "quartic, terminal")
def test_the_error_to_backpropagation_falls_with_the_square_of_the_nudge(name):
    network, cost, batch = CASES[name]
    model = model_of(oscillators(**network), 400, duration=12.0, cost=cost)
    params = model.init_parameters(KEY)
    betas = [1e-2, 1e-3, 1e-4, 1e-5]
    found = errors(model, params, waves(model, batch), betas)
    slopes = np.diff(np.log10(found))[:2]
    np.testing.assert_allclose(slopes, -2, atol=0.1)
    assert found[-1] <= 1e-8


def test_one_echo_against_one_without_nudge_has_an_error_linear_in_the_nudge():
    model = model_of(oscillators(4, quartic=True), 200, duration=8.0)
    params = model.init_parameters(KEY)
    found = errors(model, params, waves(model), [1e-3, 1e-4], pq.OneSided)
    assert np.log10(found[1] / found[0]) == pytest.approx(-1, abs=0.05)
    assert found[1] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "quartic", "beta", "limit"), [(6, True, 3e-6, 1e-8), (50, False, 3e-6, 1e-8), (50, True, 3e-6, 1e-7)]
)
def test_four_thousand_steps(count, quartic, beta, limit):
    model = model_of(oscillators(count, quartic=quartic), 4000, duration=40.0)
    params = model.init_parameters(KEY)
    coarse, fine, finest = errors(model, params, waves(model), [1e-3, 1e-4, beta])
    assert np.log10(fine / coarse) == pytest.approx(-2, abs=0.05)
    assert finest <= limit


# ---- step by step --------------------------------------------------------------------------------------------------


def each_step(tree):
    """`(steps, parameters)`."""
    return np.concatenate([np.asarray(a).reshape(len(a), -1) for a in jax.tree.leaves(tree)], -1)


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.quick("batch1")
def test_gradients_of_single_steps_are_aligned_with_backpropagation(batch):
    """Trained masses included, whose part of the first and of the last step stands at the ends of the motion."""
    model = model_of(oscillators(5, quartic=True, inertial=True), 250, duration=10.0, cost=BOTH)
    params = model.init_parameters(KEY)
    data = waves(model, batch)
    rule, exact = pq.HamiltonianEcho(pq.Centered(1e-5)), pq.BackpropagationThroughTime(model.solver)
    echo = each_step(rule.gradient_in_time(model, params, *data))
    steps = each_step(exact.gradient_in_time(model, params, *data))
    cosines = np.sum(echo * steps, 1) / np.linalg.norm(echo, axis=1) / np.linalg.norm(steps, axis=1)
    assert cosines.shape == (250,) and cosines.min() > 1 - 1e-12
    assert np.max(np.linalg.norm(echo - steps, axis=1) / np.linalg.norm(steps, axis=1)) < 1e-7
    np.testing.assert_allclose(steps.sum(0), backpropagated(model, params, data), rtol=0, atol=1e-11)
    whole, _ = rule.gradient(model, params, *data)
    np.testing.assert_allclose(echo.sum(0), ravel_pytree(whole)[0], rtol=0, atol=1e-12)


def test_parameters_of_one_step_alone_change_the_cost_by_its_part():
    """Against differences in which the stiffness of one node is another during one step."""
    count, steps, k, node = 4, 30, 11, 2
    stiffness = pq.signal("stiffness")
    plain = oscillators(count, quartic=False, pushed=False)
    extra = pq.Node("oscillator", kinetic=oscillator(False).kinetic, potential=oscillator(False).potential
                    + stiffness * x**2 / 2)  # fmt: skip
    fed = pq.System(
        pq.lattice(count, periodic=True),
        nodes=extra,
        edges=coupling(),
        inputs={"more": pq.Feed("nodes", stiffness)},
        outputs=[3, 2],
    )
    model, other = (model_of(s, steps, duration=5.0) for s in (plain, fed))
    params = model.init_parameters(KEY)
    target = jnp.zeros((1, 2))
    h = 1e-3

    def cost(change):
        more = jnp.zeros((steps, count)).at[k, node].set(change)
        return float(pq.ContinuousAdjoint().gradient(other, params, more, target)[1].cost)

    part = steps_in_time(model, params, {}, target)["nodes"]["k"][k, node]
    assert float(part) == pytest.approx((cost(h) - cost(-h)) / 2 / h, rel=1e-6)


# ---- what is reported ----------------------------------------------------------------------------------------------


def test_what_is_reported():
    model = model_of(oscillators(4, quartic=True), 100, duration=5.0, cost=BOTH)
    params = model.init_parameters(KEY)
    data = waves(model, (3,))
    _, info = pq.HamiltonianEcho(pq.Centered(1e-4)).gradient(model, params, *data)
    found = pq.solve_trajectories(model, params, data[0], target=data[1])
    exact = pq.BackpropagationThroughTime(model.solver).gradient(model, params, *data)[1]
    assert float(info.cost) == pytest.approx(float(exact.cost), rel=1e-12)
    np.testing.assert_allclose(info.prediction[:, 0], found.end[:, [3, 2]], rtol=0, atol=1e-13)
    np.testing.assert_allclose(info.free["nodes"]["x_dot"][:, 0], found.end[:, 4:], rtol=0, atol=1e-13)
    assert info.steps.tolist() == [100, 100] and int(info.outcome) == 0
    # The residual without a nudge's displacement is of its square; one-sided it is rounding.
    assert 0 < float(info.residual[1]) < 1e-3 * float(info.displacement.min())
    _, single = pq.HamiltonianEcho(pq.OneSided(1e-4)).gradient(model, params, *data)
    assert float(single.residual[1]) < 1e-13 and single.displacement.shape == (3,)


def test_steps_that_are_too_long_are_told():
    model = model_of(oscillators(4, quartic=True), 20, duration=200.0)
    params = model.init_parameters(KEY)
    with pytest.raises(SolveError, match="left the finite numbers within 20 steps; with Leapfrog take more steps"):
        pq.HamiltonianEcho().gradient(model, params, *waves(model))


@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_number_of_steps():
    """Temporary memory of the compiled programs, constant target and no inputs: nothing is as long as the motion."""

    def temporary(rule, steps):
        model = model_of(oscillators(10, quartic=False, pushed=False, ring=False), steps, duration=0.01 * steps)
        params = model.init_parameters(KEY)
        target = jnp.zeros((1, 2))
        rule = rule(model)

        def run(params):
            return rule.estimate(model, params, None, target, key=None, start=None)[0]

        return jax.jit(run).lower(params).compile().memory_analysis().temp_size_in_bytes

    short, long = (temporary(lambda _: pq.HamiltonianEcho(), steps) for steps in (1000, 100_000))
    assert long <= short + 1000
    stored = [temporary(lambda m: pq.BackpropagationThroughTime(m.solver), steps) for steps in (1000, 100_000)]
    assert stored[0] > short and stored[1] > 80 * stored[0]


def test_nothing_compiles_on_the_second_call():
    model = model_of(oscillators(4, quartic=True), 50, duration=3.0)
    params = model.init_parameters(KEY)
    data = waves(model)
    rule = pq.HamiltonianEcho()
    rule.gradient(model, params, *data)
    changed = jax.block_until_ready(jax.tree.map(lambda a: 1.1 * a, params))
    compiled = []

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        jax.jit(lambda x: x + len(compiled))(1.0)
        assert compiled  # the listener hears what is compiled
        compiled.clear()
        rule.gradient(model, changed, *data)
    finally:
        jax.monitoring.clear_event_listeners()
    assert not compiled


# ---- refusals ------------------------------------------------------------------------------------------------------

z = pq.coordinate("z")
b = pq.parameter("b", initial=0.3)
SPINNING = pq.Node(
    "charge", kinetic=(x.dot**2 + z.dot**2) / 2 + b * (x * z.dot - z * x.dot) / 2, potential=(x**2 + z**2) / 2
)
GAIN = pq.Edge("gain", force={x.target: b * x.source})
FRICTION = pq.Edge("rubbing", potential=(x.target - x.source) ** 2 / 2,
                   dissipation=(x.target.dot - x.source.dot) ** 4 / 4)  # fmt: skip


@pytest.mark.parametrize(
    ("node", "edge", "pattern"),
    [
        (pq.mechanical.mass(), pq.mechanical.damper(), "'damper' in 'edges' dissipates.*does not come back"),
        (pq.mechanical.mass(), FRICTION, "'rubbing' in 'edges' dissipates.*use ContinuousAdjoint"),
        (pq.mechanical.mass(), GAIN, "'gain' in 'edges' has the force .*no derivative of an energy.*use Cont"),
        (SPINNING, pq.mechanical.spring(), "'charge' in 'nodes' has a kinetic energy with a part odd in the rates.*"
         "momentum flip does not reverse.*LagrangianEP"),
        (pq.mechanical.pendulum(), pq.mechanical.hinge(), "'hinge' in 'edges' has an inertia .*H is not T"),
        (pq.mechanical.anchor(), pq.mechanical.spring(), "x of 'nodes' has no inertia.*use ContinuousAdjoint"),
    ],
)  # fmt: skip
def test_motions_without_an_echo_are_refused(node, edge, pattern):
    coordinate = pq.coordinate("theta") if node.name == "pendulum" else x
    system = pq.System(pq.lattice(3, directed=True), nodes=node, edges=edge, outputs=[2])
    cost = pq.TrajectoryCost(running=(coordinate - y) ** 2)
    model = system.trajectories(pq.InitialValue(duration=1.0), pq.Collocation(4), cost=cost)
    with pytest.raises(ModelError, match=pattern):
        pq.HamiltonianEcho().check(model)


def test_other_boundary_conditions_and_solvers_are_refused():
    system = oscillators(3, quartic=True)
    start = pq.InitialValue(duration=1.0)
    for boundary, solver, cost, pattern in (
        (
            pq.Periodic(3.0),
            pq.HarmonicBalance(2),
            RUNNING,
            "starts from an InitialValue, got Periodic; use LagrangianEP",
        ),
        (start, pq.Collocation(4), RUNNING, r"solve with Leapfrog\(steps\) instead of Collocation"),
        (start, pq.Leapfrog(4), None, "needs a cost"),
    ):
        with pytest.raises(ModelError, match=pattern):
            pq.HamiltonianEcho().check(system.trajectories(boundary, solver, cost=cost))
    model = system.trajectories(start, pq.Leapfrog(4), cost=RUNNING)
    with pytest.raises(ModelError, match="must be the solver of the trajectories"):
        pq.BackpropagationThroughTime(pq.Leapfrog(5)).check(model)
    with pytest.raises(ModelError, match=r"stepped, by Leapfrog.*Collocation; use ContinuousAdjoint"):
        pq.BackpropagationThroughTime(pq.Collocation(4)).check(
            system.trajectories(start, pq.Collocation(4), cost=RUNNING)
        )
