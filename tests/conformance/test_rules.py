"""One suite for all gradient estimators: they agree with each other and with differences, at the predicted rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from brute_force import random_parameters
from jax.flatten_util import ravel_pytree

import physeq as pq
from physeq.learn.rule import Objective
from physeq.solve import Outcome

TIGHT = pq.Newton(tolerance=0.0)
SYSTEMS = {
    "layered": pq.Minimise(polish=TIGHT),
    "hopfield": pq.NodeDescent(5000, tolerance=1e-14),
    "resistors": pq.LinearSolve(),
    "diodes": pq.Minimise(polish=TIGHT),
    "prototypical": pq.FixedPoint(3000, tolerance=1e-14),
    "xy": pq.Minimise(polish=TIGHT),
    "readout": pq.Minimise(polish=TIGHT),
    "saturating": TIGHT,
    "internal": TIGHT,
    "patterns": TIGHT,
}


class Case:
    """One system with its data and its exact gradient by implicit differentiation."""

    def __init__(self, name, batch=(4,)):
        self.name, self.model = name, zoo.compiled(name)
        rng = np.random.default_rng(21)
        params = random_parameters(zoo.system(name), rng)
        for own in params.values():
            if "w" in own:
                own["w"] = 0.4 * own["w"]
            if name == "saturating":  # or every output would be pressed against a bound
                own["b" if "b" in own else "w"] *= 0.3
        if (drawn := self.model.init_parameters(jax.random.key(1))).get("readout"):
            params["readout"] = drawn["readout"]
        self.params = jax.tree.map(jnp.asarray, params)
        self.inputs, self.target = zoo.data(name, 2, batch)
        if name == "xy":
            self.target = self.target + 0.5
        self.finder = SYSTEMS[name]
        self.exact = self.flat(pq.ImplicitDifferentiation(self.finder))

    def gradient(self, rule, **options):
        return rule.gradient(self.model, self.params, self.inputs, self.target, **options)

    def flat(self, rule, **options):
        return np.asarray(ravel_pytree(self.gradient(rule, **options)[0])[0])


@pytest.fixture(scope="module", params=SYSTEMS)
def case(request):
    return Case(request.param)


@pytest.fixture(scope="module")
def layered():
    return Case("layered")


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.quick("resistors", "prototypical")
def test_implicit_differentiation_agrees_with_finite_differences(case):
    assert np.linalg.norm(case.exact) > 1e-3
    assert relative(case.flat(pq.FiniteDifferences(finder=case.finder)), case.exact) < 1e-7


def errors_of(case, nudging, betas):
    """Relative errors of equilibrium propagation, compiled once for all β."""

    @jax.jit
    def estimate(beta):
        rule = pq.EquilibriumPropagation(nudging(beta), free=case.finder)
        return ravel_pytree(rule.estimate(case.model, case.params, case.inputs, case.target, key=None, start=None)[0])[
            0
        ]

    return [relative(np.asarray(estimate(beta)), case.exact) for beta in betas]


@pytest.mark.quick("resistors", "prototypical")
def test_centered_equilibrium_propagation_is_second_order(case):
    scale = 0.1 if case.name == "saturating" else 1.0  # no unit may reach or leave its bound on the way
    errors = errors_of(case, pq.Centered, (0.08 * scale, 0.04 * scale))
    assert errors[1] < 0.02
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


@pytest.mark.quick("resistors", "prototypical")
def test_one_sided_equilibrium_propagation_is_first_order(case):
    if case.name not in ("layered", "resistors", "prototypical", "saturating", "readout"):
        pytest.skip("the phases and the contrast are those of the centered test")
    scale = 0.1 if case.name == "saturating" else 1.0
    errors = errors_of(case, pq.OneSided, [scale * beta for beta in (0.02, 0.01, -0.02, -0.01)])
    assert max(errors[1], errors[3]) < 0.05
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.1)
    assert np.log2(errors[2] / errors[3]) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_signs_of_the_one_sided_bias_cancel(layered):
    beta = 0.02
    plus, minus, centered = (
        layered.flat(pq.EquilibriumPropagation(n, free=layered.finder))
        for n in (pq.OneSided(beta), pq.OneSided(-beta), pq.Centered(beta))
    )
    np.testing.assert_allclose((plus + minus) / 2, centered, atol=1e-12)


@pytest.mark.slow
def test_random_signs_are_drawn_from_the_key(layered):
    rule = pq.EquilibriumPropagation(pq.RandomSign(0.02), free=layered.finder)
    both = [layered.flat(pq.EquilibriumPropagation(pq.OneSided(b), free=layered.finder)) for b in (0.02, -0.02)]
    seen = set()
    for k in range(6):
        found = layered.flat(rule, key=jax.random.key(k))
        (which,) = [n for n, one in enumerate(both) if np.allclose(found, one, atol=1e-12)]
        seen.add(which)
        np.testing.assert_array_equal(found, layered.flat(rule, key=jax.random.key(k)))
    assert seen == {0, 1}


@pytest.mark.quick("prototypical-finder0", "layered-finder2", "saturating-finder3")
@pytest.mark.parametrize(
    ("name", "finder"),
    [
        ("prototypical", pq.FixedPoint(400)),
        ("hopfield", pq.NodeDescent(60, newton_steps=6)),
        ("layered", pq.EulerSteps(0.3, 500)),
        ("saturating", pq.EulerSteps(0.3, 500)),
    ],
)
def test_many_steps_of_backpropagation_are_the_implicit_gradient(name, finder):
    case = Case(name)
    assert relative(case.flat(pq.BackpropagationThroughTime(finder)), case.exact) < 1e-8


def test_few_steps_are_the_gradient_of_what_was_run():
    """After three steps the state is not an equilibrium; the gradient is that of the cost after three steps."""
    case, finder = Case("prototypical"), pq.FixedPoint(3)
    found, info = case.gradient(pq.BackpropagationThroughTime(finder))
    assert int(info.outcome) == Outcome.BUDGET

    def loss(scale):
        params = jax.tree.map(lambda p, d: p + scale * d, case.params, found)
        state = pq.equilibrium(case.model, params, case.inputs, finder=finder).state
        return float(jnp.mean(case.model.cost(params, state, case.target)))

    square = sum(float(jnp.sum(g**2)) for g in jax.tree.leaves(found))
    assert (loss(1e-4) - loss(-1e-4)) / 2e-4 == pytest.approx(square, rel=1e-6)


def test_nudges_outside_estimate_the_curvature_weighted_cost():
    case = Case("prototypical")
    free = pq.FixedPoint(3000, tolerance=1e-14)
    outside = pq.FixedPoint(3000, tolerance=1e-14, nudge=pq.Outside())
    weighted = case.flat(pq.ImplicitDifferentiation(free, weighting=Objective.CURVATURE_WEIGHTED_COST))
    rules = [pq.EquilibriumPropagation(pq.Centered(beta), free=free, nudged=outside) for beta in (0.02, 0.01)]
    assert {rule.objective for rule in rules} == {Objective.CURVATURE_WEIGHTED_COST}
    inside = pq.EquilibriumPropagation(pq.Centered(0.01), free=free)
    assert inside.objective is Objective.COST
    errors = [relative(case.flat(rule), weighted) for rule in rules]
    # The state is right to second order in β; the weight of the cost moves with the state: see the slope.
    assert errors[1] < 0.02 and np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)
    assert relative(case.flat(rules[1]), case.exact) > 0.2


def test_info_tells_what_was_seen(layered):
    rule = pq.EquilibriumPropagation(pq.Centered(0.05), free=layered.finder)
    _, info = layered.gradient(rule)
    free = pq.equilibrium(layered.model, layered.params, layered.inputs, finder=layered.finder)
    np.testing.assert_allclose(info.free["output"]["s"], free["output"]["s"], atol=1e-12)
    np.testing.assert_allclose(info.prediction, free["output"]["s"], atol=1e-12)
    cost = np.sum((np.asarray(info.prediction) - layered.target) ** 2, -1).mean() / 2
    assert float(info.cost) == pytest.approx(cost, rel=1e-12)
    assert info.displacement.shape == (4,) and np.all(info.displacement > 1e-4)
    assert info.residual.shape == info.steps.shape == (2,) and int(info.outcome) == Outcome.CONVERGED
    nudged = pq.equilibrium(layered.model, layered.params, layered.inputs, target=layered.target, beta=0.05, start=free)
    moved = max(float(jnp.abs(nudged[g]["s"][0] - free[g]["s"][0]).max()) for g in ("hidden", "output"))
    assert float(info.displacement[0]) == pytest.approx(moved, rel=0.2)


@pytest.mark.slow
def test_batch_shapes_average_alike():
    """(), (1,), (2, 2) and (4,) of the same samples."""
    case = Case("layered")
    rule = pq.EquilibriumPropagation(pq.Centered(0.05), free=case.finder)
    whole = case.flat(rule)
    folded, _ = rule.gradient(case.model, case.params, case.inputs.reshape(2, 2, 3), case.target.reshape(2, 2, 2))
    np.testing.assert_allclose(ravel_pytree(folded)[0], whole, atol=1e-12)
    singles = [
        ravel_pytree(rule.gradient(case.model, case.params, case.inputs[k], case.target[k])[0])[0] for k in range(4)
    ]
    np.testing.assert_allclose(np.mean(singles, 0), whole, atol=1e-12)
    one, _ = rule.gradient(case.model, case.params, case.inputs[:1], case.target[:1])
    np.testing.assert_allclose(ravel_pytree(one)[0], singles[0], atol=1e-12)


@pytest.mark.quick(
    "prototypical-EquilibriumPropagation",
    "prototypical-ImplicitDifferentiation",
    "resistors-EquilibriumPropagation",
    "resistors-ImplicitDifferentiation",
    "layered-ImplicitDifferentiation",
)
@pytest.mark.parametrize(
    "rule", [pq.EquilibriumPropagation(pq.Centered(0.1)), pq.ImplicitDifferentiation()], ids=lambda r: type(r).__name__
)
@pytest.mark.parametrize("name", ["prototypical", "resistors", "layered"])
def test_single_precision(name, rule):
    case = Case(name)
    single = jax.tree.map(lambda x: x.astype(jnp.float32), case.params)
    found, info = rule.gradient(case.model, single, case.inputs.astype(np.float32), case.target.astype(np.float32))
    assert {x.dtype for x in jax.tree.leaves(found)} == {jnp.dtype("float32")} and info.cost.dtype == jnp.float32
    assert relative(np.asarray(ravel_pytree(found)[0]), case.exact) < (0.02 if "Equi" in type(rule).__name__ else 1e-3)


def test_hand_written_update_of_a_resistor():
    """Δg ∝ −[(v_s − v_t)²|nudged − (v_s − v_t)²|free] / 2β, from two solves and a loop over edges."""
    case, beta = Case("resistors"), 0.1
    found, _ = case.gradient(pq.EquilibriumPropagation(pq.OneSided(beta)))
    free = pq.equilibrium(case.model, case.params, case.inputs)["nodes"]["v"]
    nudged = pq.equilibrium(case.model, case.params, case.inputs, target=case.target, beta=beta)["nodes"]["v"]
    expected = [
        np.mean((nudged[:, a] - nudged[:, b]) ** 2 - (free[:, a] - free[:, b]) ** 2) / (2 * beta) for a, b in zoo.RING
    ]
    np.testing.assert_allclose(found["e0"]["g"], expected, atol=1e-12)


def test_hand_written_update_of_a_hopfield_synapse():
    case, beta = Case("layered"), 0.1
    found, _ = case.gradient(pq.EquilibriumPropagation(pq.Centered(beta), free=case.finder))
    states = [
        pq.equilibrium(case.model, case.params, case.inputs, target=case.target, beta=b, finder=case.finder)
        for b in (beta, -beta)
    ]
    rho = [{g: np.tanh(np.asarray(s[g]["s"])) for g in ("input", "hidden", "output")} for s in states]
    expected = -(rho[0]["hidden"].T @ rho[0]["output"] - rho[1]["hidden"].T @ rho[1]["output"]) / (2 * beta * 4)
    np.testing.assert_allclose(found["hidden->output"]["w"], expected, atol=1e-11)
    np.testing.assert_allclose(
        found["output"]["b"], -(rho[0]["output"] - rho[1]["output"]).mean(0) / (2 * beta), atol=1e-11
    )


@pytest.mark.parametrize("upper", [0.1, 5.0])
@pytest.mark.quick("0.1")
def test_bounds_that_are_parameters_have_gradients(upper):
    """x = clip(u, −1, top) with a spring to a second node: the exact gradient sees the bound only where it acts."""
    s, y, top = zoo.s, zoo.y, pq.parameter("top", bounds=(0.0, 9.0), initial=upper)
    node = pq.Node("n", potential=s**2 / 2, bounds={s: (-1, top)})
    spring = pq.Edge("spring", potential=(s.source - s.target) ** 2 / 2)
    model = pq.System(
        pq.from_edges([0], [1], 2),
        nodes=node,
        edges=spring,
        inputs=pq.Drive([0]),
        outputs=[0, 1],
        cost=(s - y) ** 2 / 2,
    ).compile()
    params = model.init_parameters(jax.random.key(0))
    inputs, target = np.array([[1.0], [0.4]]), np.array([[0.5, -0.2], [0.3, 0.1]])
    exact, differences = (
        rule.gradient(model, params, inputs, target)[0]["nodes"]["top"]
        for rule in (pq.ImplicitDifferentiation(pq.Newton()), pq.FiniteDifferences(finder=pq.Newton()))
    )
    np.testing.assert_allclose(exact, differences, atol=1e-9)
    assert (np.abs(exact).max() > 0.05) == (upper < 1)
    with pytest.raises(pq.ModelError, match=r"cannot train 'top', a bound in 'n' of 'nodes'.*trainable=False"):
        pq.EquilibriumPropagation().gradient(model, params, inputs, target)


def test_phases_are_data():
    assert [p.nudge for p in pq.EquilibriumPropagation(pq.OneSided(-0.1)).phases()] == ["0", "−β"]
    assert [p.weight for p in pq.EquilibriumPropagation(pq.Centered(0.1)).phases()] == ["", "1/2β", "−1/2β"]
    assert pq.ImplicitDifferentiation().phases() == () and pq.FiniteDifferences().phases() == ()
