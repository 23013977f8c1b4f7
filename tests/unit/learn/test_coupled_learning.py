"""Coupled and contrastive learning against their own objectives: stiffness-weighted cost and contrastive function."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from brute_force import random_parameters

import physeq as pq
from physeq.learn.held_outputs import hold_outputs, stiffness_weighted
from physeq.learn.tight import flat_trainable, polish_finder

TIGHT = pq.Newton(tolerance=0.0)
RULES = [pq.CoupledLearning(0.01), pq.ContrastiveLearning()]
v = pq.electrical.v
y = pq.target("y")
squared = (v - y) ** 2 / 2


def boxed_inside():
    """Diodes keep a node that is no output at or above 0.1; two of three samples press it against them."""
    groups = (pq.Group("input", 2), pq.Group("hidden", 3), pq.Group("output", 2))
    bundles = (pq.Bundle("a", ("input", "hidden"), pq.Dense()), pq.Bundle("b", ("hidden", "output"), pq.Dense()))
    bundles += (pq.Bundle("c", ("output", "output"), pq.Sparse([[0, 1]])),)
    return pq.System(
        pq.Topology(groups, bundles),
        nodes={"hidden": pq.electrical.ideal_diode(lower=0.1), "output": pq.electrical.conductance_to(0.0)},
        edges=pq.electrical.resistor(pq.Uniform(0.5, 1.5)),
        inputs="input",
        outputs="output",
        cost=squared,
    )


@pytest.fixture(scope="module", params=["resistors", "diodes", "prototypical", "boxed inside"])
def case(request):
    rng = np.random.default_rng(21)
    if request.param == "boxed inside":
        model = boxed_inside().compile()
        params = model.init_parameters(jax.random.key(0))
        return model, params, np.array([[-1.0, 0.4], [0.9, 0.5], [-0.2, 0.1]]), rng.uniform(-0.5, 0.5, (3, 2))
    params = jax.tree.map(jnp.asarray, random_parameters(zoo.system(request.param), rng))
    for own in params.values():
        if "w" in own:
            own["w"] = 0.4 * own["w"]
    inputs, target = zoo.data(request.param, 2, (4,))
    # The energy of logistic units is finite in [0, 1] alone.
    target = target + 0.5 if request.param == "prototypical" else target
    return zoo.compiled(request.param), params, inputs, target


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def gradient(rule, case):
    return flat_trainable(case[0], rule.gradient(*case)[0])


# ---- against their objectives ----------------------------------------------------------------------------------------


@pytest.mark.quick("prototypical")
def test_coupled_learning_follows_the_stiffness_weighted_cost_to_first_order(case):
    found = pq.audit(*case[:2], pq.CoupledLearning(0.1), *case[2:])
    print(f"relative error {found.best.relative_error:.2e}, cosine to the plain cost {found.cost_cosine:.4f}")
    assert found.objective is pq.Objective.STIFFNESS_WEIGHTED_COST and found.admissible
    assert (found.order, found.points) == (1, 1)
    assert found.best.relative_error < 1e-5
    assert found.slope == pytest.approx(1, abs=0.05)
    assert found.cost_cosine < 1 - 1e-4  # or the weighting would not be seen
    assert found.to_dict()["cost_cosine"] == found.cost_cosine


@pytest.mark.slow
def test_contrastive_learning_is_the_gradient_of_the_contrastive_function(case):
    found = pq.audit(*case[:2], pq.ContrastiveLearning(), *case[2:])
    print(f"relative error {found.best.relative_error:.2e}, cosine to the plain cost {found.cost_cosine:.4f}")
    assert found.objective is pq.Objective.CONTRASTIVE_FUNCTION and found.order is None
    assert found.best.relative_error < 1e-6
    finder = polish_finder(case[0])
    differences = pq.FiniteDifferences(finder=finder, of=pq.Objective.CONTRASTIVE_FUNCTION)
    assert relative(gradient(differences, case), gradient(pq.ContrastiveLearning(finder), case)) < 1e-6


def test_coupled_learning_all_the_way_is_contrastive_learning():
    data = (np.array([1.0]), np.array([0.3, 0.6]))
    case = (*ring(np.linspace(0.5, 1.5, len(EDGES))), *data)
    one, all_the_way = (gradient(rule, case) for rule in (pq.ContrastiveLearning(), pq.CoupledLearning(1.0)))
    np.testing.assert_array_equal(one, all_the_way)


def test_a_bound_acts_in_the_bounded_case():
    model = boxed_inside().compile()
    state = model.equilibrium(model.init_parameters(jax.random.key(0)), np.array([[-1.0, 0.4], [0.9, 0.5]]))
    hidden = np.asarray(state["hidden"]["v"])
    assert (hidden[0] == 0.1).any() and (hidden[1] > 0.1).all()


# ---- by hand ---------------------------------------------------------------------------------------------------------


def laplacian(edges, g, size):
    matrix = np.zeros((size, size))
    for (a, b), c in zip(edges, g, strict=True):
        matrix[[a, b], [a, b]] += c
        matrix[[a, b], [b, a]] -= c
    return matrix


EDGES = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 3), (1, 4), (2, 5)]
FREE, OUTPUTS = [2, 3, 4, 5], [5, 3]  # node 0 is ground, node 1 the input


def ring(g):
    system = pq.System(
        pq.from_edges(*map(list, zip(*EDGES, strict=True)), 6),
        edges=pq.electrical.resistor(),
        ground=0,
        inputs=[1],
        outputs=OUTPUTS,
        cost=squared,
        values={"edges": {"g": g}},
    )
    model = system.compile()
    return model, model.init_parameters(jax.random.key(0))


def by_hand(g, source):
    """(voltages, K): the conductance matrix seen from the outputs, from the inverse of the nodal matrix."""
    matrix = laplacian(EDGES, g, 6)
    inside = np.linalg.inv(matrix[np.ix_(FREE, FREE)])
    voltages = np.zeros(6)
    voltages[1] = source
    voltages[FREE] = -inside @ matrix[FREE, 1] * source
    rows = [FREE.index(o) for o in OUTPUTS]
    return voltages, np.linalg.inv(inside[np.ix_(rows, rows)])


def test_effective_stiffness_and_its_gradient_by_numpy():
    rng = np.random.default_rng(3)
    g, source, target = rng.uniform(0.5, 1.5, len(EDGES)), 1.3, np.array([0.2, 0.7])
    voltages, stiffness = by_hand(g, source)
    error = voltages[OUTPUTS] - target
    model, params = ring(g)
    problem = model.problem(params, np.array([source]), target)
    free = problem.start(model.equilibrium(params, np.array([source])).state)
    spread = np.zeros(6)
    spread[OUTPUTS] = error
    forces = stiffness_weighted(problem, free, {"nodes": {"v": jnp.asarray(spread)}})["nodes"]["v"]
    np.testing.assert_allclose(forces[jnp.asarray(OUTPUTS)], stiffness @ error, rtol=1e-10)
    assert np.count_nonzero(forces) == 2

    def weighted(values):
        e = by_hand(values, source)[0][OUTPUTS] - target
        return e @ stiffness @ e / 2

    step = 1e-6
    expected = [(weighted(g + step * d) - weighted(g - step * d)) / (2 * step) for d in np.eye(len(g))]
    rule = pq.ImplicitDifferentiation(weighting=pq.Objective.STIFFNESS_WEIGHTED_COST)
    found = rule.gradient(model, params, np.array([source]), target)[0]["edges"]["g"]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("eta", [0.1, 1.0])
def test_update_of_a_resistor_from_two_circuits_solved_by_numpy(eta):
    """Δg descends (1/2η)[Δv²|clamped − Δv²|free], with the outputs replaced by voltage sources."""
    rng = np.random.default_rng(4)
    g, source, target = rng.uniform(0.5, 1.5, len(EDGES)), -0.8, np.array([0.1, -0.3])
    free, _ = by_hand(g, source)
    matrix = laplacian(EDGES, g, 6)
    clamped = np.zeros(6)
    clamped[1], clamped[OUTPUTS] = source, free[OUTPUTS] + eta * (target - free[OUTPUTS])
    held, rest = [1, *OUTPUTS], [2, 4]
    clamped[rest] = -np.linalg.solve(matrix[np.ix_(rest, rest)], matrix[np.ix_(rest, held)] @ clamped[held])
    drop = np.array([[w[a] - w[b] for a, b in EDGES] for w in (clamped, free)])
    model, params = ring(g)
    found, info = pq.CoupledLearning(eta).gradient(model, params, np.array([source]), target)
    np.testing.assert_allclose(found["edges"]["g"], (drop[0] ** 2 - drop[1] ** 2) / (2 * eta), atol=1e-12)
    assert info.cost == pytest.approx(np.sum((free[OUTPUTS] - target) ** 2) / 2, rel=1e-12)
    np.testing.assert_allclose(info.prediction, free[OUTPUTS], rtol=1e-12)
    assert info.displacement == pytest.approx(np.abs(clamped - free).max(), rel=1e-10)


def test_contrastive_function_is_power_by_numpy():
    """J = ½ Σ g Δv²|clamped − ½ Σ g Δv²|free = ½ eᵀK e in a linear network."""
    g, source, target = np.linspace(0.5, 1.5, len(EDGES)), 1.0, np.array([0.4, 0.1])
    voltages, stiffness = by_hand(g, source)
    error = voltages[OUTPUTS] - target
    model, params = ring(g)

    def function(values):
        problem = model.problem({"edges": {"g": values}}, np.array([source]), target)
        return pq.learn.exact.contrastive_function(problem, problem.start(), pq.LinearSolve())[0]

    assert function(params["edges"]["g"]) == pytest.approx(error @ stiffness @ error / 2, rel=1e-10)


def test_resistors_alone_keep_the_sum_of_squared_conductances():
    """Voltages do not change when all conductances grow by one factor, so the gradient is orthogonal to them."""
    rng = np.random.default_rng(5)
    g = rng.uniform(0.5, 1.5, len(EDGES))
    model, params = ring(g)
    found = pq.CoupledLearning(1e-6).gradient(model, params, np.array([1.0]), np.array([0.3, 0.6]))[0]["edges"]["g"]
    assert abs(found @ g) < 1e-5 * np.linalg.norm(found) * np.linalg.norm(g)


# ---- the clamped phase -----------------------------------------------------------------------------------------------


def test_outputs_are_held_and_all_else_stays():
    model, params, (inputs, target) = zoo.compiled("resistors"), None, zoo.data("resistors", 0, (3,))
    params = jax.tree.map(jnp.asarray, random_parameters(zoo.system("resistors"), np.random.default_rng(0)))
    problem = model.problem(params, inputs, target, 0.3)
    held = hold_outputs(problem, jnp.asarray(target))
    state, residual, _, _ = TIGHT.find(held, held.insert(problem.start()))
    voltages = state["nodes"]["v"]
    np.testing.assert_array_equal(voltages[:, [4, 3]], target)  # in the order of outputs=[4, 3]
    np.testing.assert_array_equal(voltages[:, [1, 2]], inputs)
    np.testing.assert_array_equal(voltages[:, 0], 0)
    assert residual.max() < 1e-12 and held.target is None and (held.beta == 0).all()
    currents = model.force(params, {"nodes": {"v": voltages}}, inputs)["nodes"]["v"]
    assert jnp.abs(currents[:, [4, 3]]).min() > 1e-3 and jnp.abs(currents[:, 5]).max() < 1e-12


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_nothing_to_learn_where_the_outputs_are_right(rule):
    model, params = ring(np.linspace(0.5, 1.5, len(EDGES)))
    right = model.equilibrium(params, np.array([1.0]))["nodes"]["v"][jnp.asarray(OUTPUTS)]
    found, info = rule.gradient(model, params, np.array([1.0]), right)
    assert jnp.abs(found["edges"]["g"]).max() < 1e-12 and info.cost < 1e-28


@pytest.mark.quick("CoupledLearning")
@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_batches_are_means_and_finders_are_the_rules_own(rule):
    model, params = ring(np.linspace(0.5, 1.5, len(EDGES)))
    rng = np.random.default_rng(1)
    inputs, target = rng.uniform(size=(4, 1)), rng.uniform(size=(4, 2))
    rule = dataclasses.replace(rule, free=TIGHT, clamped=pq.LinearSolve())
    assert rule.prediction_finder(model) is TIGHT
    whole = flat_trainable(model, rule.gradient(model, params, inputs, target)[0])
    folded = rule.gradient(model, params, inputs.reshape(2, 2, 1), target.reshape(2, 2, 2))[0]
    singles = [
        flat_trainable(model, rule.gradient(model, params, x, t)[0]) for x, t in zip(inputs, target, strict=True)
    ]
    np.testing.assert_allclose(flat_trainable(model, folded), whole, atol=1e-13)
    np.testing.assert_allclose(np.mean(singles, 0), whole, atol=1e-13)


# ---- refusals and bias -----------------------------------------------------------------------------------------------


def network(**options):
    return pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, **options).compile()


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_refusals_name_the_reason_and_what_works(rule):
    name = type(rule).__name__
    with pytest.raises(pq.ModelError, match=rf"{name} holds the outputs.*has the cost .*use EquilibriumPropagation"):
        rule.check(network(inputs=[1], outputs=[2], cost=(v - y) ** 2))
    with pytest.raises(pq.ModelError, match="has the cost"):
        rule.check(network(inputs=[1], outputs=[2], cost=v**2 / 2))
    with pytest.raises(pq.ModelError, match=r"output 1 is held already.*choose free nodes"):
        rule.check(network(inputs=[1], outputs=[2, 1], cost=squared))
    with pytest.raises(pq.ModelError, match="has a readout"):
        rule.check(zoo.compiled("readout"))
    with pytest.raises(pq.ModelError, match="needs an energy"):
        rule.check(zoo.compiled("directed"))
    with pytest.raises(pq.ModelError, match="needs a cost"):
        rule.check(network(inputs=[1]))
    rule.check(network(inputs=[1], outputs=[2], cost=v**2 / 2 - v * y + y**2 / 2))


@pytest.mark.parametrize("eta", [0.0, -0.1, 1.5, float("nan"), None])
def test_eta_is_a_share_of_the_way(eta):
    with pytest.raises(pq.ModelError, match="eta must be a finite number above 0 and at most 1"):
        pq.CoupledLearning(eta)


@pytest.mark.quick("ContrastiveLearning")
@pytest.mark.parametrize("kind", [pq.CoupledLearning, pq.ContrastiveLearning])
def test_noisy_phases_draw_apart(kind):
    keys = []

    @dataclasses.dataclass(frozen=True)
    class Keyed(pq.FixedPoint):
        def find(self, problem, free):
            keys.append(jax.random.key_data(problem.key))
            return super().find(problem, free)

    model, (inputs, target) = zoo.compiled("prototypical"), zoo.data("prototypical", 2, (4,))
    noisy = kind(free=Keyed(30, noise=pq.GaussianNoise(0.05)))
    params = model.init_parameters(jax.random.key(0))
    estimate = noisy.estimate(model, params, inputs, target, key=jax.random.key(1))[0]
    assert len(keys) == 2 and not np.array_equal(*keys)
    assert np.isfinite(flat_trainable(model, estimate)).all()


def test_frozen_weights_have_no_differences():
    with pytest.raises(pq.ModelError, match="weights are frozen"):
        pq.FiniteDifferences(of=pq.Objective.STIFFNESS_WEIGHTED_COST)
    rule = pq.ImplicitDifferentiation(weighting=pq.Objective.CONTRASTIVE_FUNCTION)
    with pytest.raises(pq.ModelError, match="ImplicitDifferentiation of the contrastive function holds"):
        rule.check(zoo.compiled("readout"))


def test_outputs_with_bounds_are_a_bias_that_is_named():
    assert "bounds of 'nodes'" in pq.CoupledLearning().bias(zoo.compiled("boxed"))
    assert pq.CoupledLearning().bias(boxed_inside().compile()) is None
    assert pq.ContrastiveLearning().bias(zoo.compiled("boxed")) is None
    params = jax.tree.map(jnp.asarray, random_parameters(zoo.system("boxed"), np.random.default_rng(21)))
    inputs, target = zoo.data("boxed", 2, (4,))
    assert pq.audit(zoo.compiled("boxed"), params, pq.CoupledLearning(), inputs, target).best.relative_error > 0.1
    assert pq.audit(zoo.compiled("boxed"), params, pq.ContrastiveLearning(), inputs, target).best.relative_error < 1e-6


def test_phases_are_data():
    free, clamped = pq.CoupledLearning().phases()
    assert (free.nudge, free.weight, clamped.starts_from, clamped.weight) == ("0", "−1/η", "free", "1/η")
    assert clamped.nudge == "outputs held at x⁰ + η(y − x⁰)"
    assert [p.weight for p in pq.ContrastiveLearning().phases()] == ["−1", "1"]
    assert pq.CoupledLearning().contrasted is pq.learn.Contrasted.ENERGY


# ---- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diodes", [False, True], ids=["linear", "junction diodes"])
@pytest.mark.parametrize("rule", [pq.CoupledLearning(0.1), pq.ContrastiveLearning()], ids=lambda r: type(r).__name__)
@pytest.mark.quick("CoupledLearning-linear")
def test_training_lowers_the_cost_a_hundredfold(rule, diodes):
    directions = np.zeros(10)
    directions[4:7] = [1.0, -1.0, 1.0]
    junctions = {"nodes": pq.electrical.exponential_diode_to_ground(0.05, 0.25)} if diodes else {}
    system = pq.System(
        pq.random_regular(4, 10, seed=1),
        nodes=junctions or None,
        edges=pq.electrical.resistor(pq.Uniform(0.5, 1.5)),
        ground=0,
        inputs=[1, 2, 3],
        outputs=[8, 9],
        cost=squared,
        values={"nodes": {"direction": directions}} if diodes else None,
    )
    model = system.compile()
    inputs, target = np.array([[1.0, -0.5, 0.3], [-0.4, 0.8, 0.2]]), np.array([[0.3, 0.1], [0.0, 0.15]])
    run = pq.fit(
        model, rule, (inputs, target), optimizer=pq.Rates(default=5.0), epochs=400, batch_size=2, progress=False
    )
    first, last = run.history[0]["running_cost"], run.history[-1]["running_cost"]
    print(f"{type(rule).__name__}: cost {first:.3g} -> {last:.3g}, {first / last:.0f} times less")
    assert first > 1e-3 and last < first / 100
