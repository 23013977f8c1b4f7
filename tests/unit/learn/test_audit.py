"""Audits and consistency: right rules pass at the promised order, broken ones are seen."""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_system import write_system

import physeq as pq
from physeq.learn.audit import with_beta
from physeq.learn.order import fitted_order
from physeq.learn.tight import polish_finder, tightened
from physeq.loading import load_system


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    return load_system(write_system(tmp_path_factory.mktemp("audit"))).variants


@pytest.fixture(scope="module")
def smooth(variants):
    return problem(variants["smooth"])


def problem(variant):
    model = variant.build().compile()
    random = np.random.default_rng(3)
    return model, model.init_parameters(jax.random.key(0)), random.uniform(size=(3, 2)), random.uniform(size=(3, 2))


# ---- audits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nudging", "order"), [(pq.Centered(0.1), 2), (pq.OneSided(0.1), 1), (pq.RandomSign(0.1), 1)])
def test_equilibrium_propagation_converges_at_its_order(smooth, nudging, order):
    model, params, x, y = smooth
    found = pq.audit(model, params, pq.EquilibriumPropagation(nudging), x, y)
    assert (found.order, found.points) == (order, 3 - 1 if order == 2 else 1)
    assert found.slope == pytest.approx(order, abs=0.05)
    assert found.best.relative_error < (1e-8 if order == 2 else 1e-5)
    assert found.best.cosine == pytest.approx(1.0, abs=1e-9)
    assert found.reference == "implicit-differentiation" and found.admissible


def test_an_outside_nudge_follows_the_curvature_weighted_cost_and_not_the_cost(smooth):
    model, params, x, y = smooth
    outside = pq.EquilibriumPropagation(pq.Centered(0.1), nudged=pq.FixedPoint(10, nudge=pq.Outside()))
    found = pq.audit(model, params, outside, x, y)
    assert found.objective is pq.Objective.CURVATURE_WEIGHTED_COST
    assert found.slope == pytest.approx(2, abs=0.05) and found.best.relative_error < 1e-8
    assert found.rule.nudged.nudge == pq.Outside() and found.rule.nudged.tolerance is not None

    @dataclasses.dataclass(frozen=True)
    class Mislabelled(pq.EquilibriumPropagation):
        @property
        def objective(self):
            return pq.Objective.COST

    wrong = pq.audit(model, params, Mislabelled(outside.nudging, nudged=outside.nudged), x, y, betas=[1e-2, 1e-3, 1e-4])
    assert wrong.best.relative_error > 0.1


def test_a_wrong_rule_is_seen(smooth):
    @dataclasses.dataclass(frozen=True)
    class TwicePotential(pq.EquilibriumPropagation):
        def estimate(self, *args, **kwargs):
            gradients, info = super().estimate(*args, **kwargs)
            return jax.tree.map(lambda g: 1.001 * g, gradients), info

    model, params, x, y = smooth
    found = pq.audit(model, params, TwicePotential(pq.Centered(0.1)), x, y, betas=[1e-3, 1e-4, 1e-5])
    assert found.best.relative_error == pytest.approx(1e-3, rel=1e-2) and found.slope is None


def test_exact_rules_have_one_point_and_no_slope(smooth):
    model, params, x, y = smooth
    for rule in (pq.FiniteDifferences(), pq.BackpropagationThroughTime(pq.FixedPoint(200))):
        found = pq.audit(model, params, rule, x, y)
        assert [point.beta for point in found.curve] == [None] and found.slope is None
        assert found.best.relative_error < 1e-8


def test_nudges_that_do_not_settle_are_left_out(smooth):
    model, params, x, y = smooth
    outside = pq.EquilibriumPropagation(pq.Centered(0.1), nudged=pq.FixedPoint(10, nudge=pq.Outside()))
    found = pq.audit(model, params, outside, x, y, betas=[3.0, 1e-2])
    assert found.curve[0].relative_error is None and found.curve[1].relative_error < 1e-3


def test_weights_that_move_before_the_phases_settle_are_left_out(smooth, monkeypatch):
    """Long phases stand for settled ones; where they are not, a fixed number of steps is no excuse."""
    model, params, x, y = smooth
    rule = pq.ContinualEP({}, 0.01, pq.OneSided(0.1), pq.FixedPoint(9), pq.FixedPoint(5))
    assert pq.audit(model, params, rule, x, y, betas=[1e-3]).best is not None
    monkeypatch.setattr("physeq.learn.tight._LONG", 5)
    assert pq.audit(model, params, rule, x, y, betas=[1e-3]).best is None
    # Of backpropagation through time the budget is the definition.
    through_time = pq.BackpropagationThroughTime(pq.FixedPoint(5))
    assert pq.audit(model, params, through_time, x, y).best is not None


def test_to_dict_has_the_contract(smooth):
    model, params, x, y = smooth
    record = pq.audit(model, params, pq.EquilibriumPropagation(), x, y, betas=[1e-2, 1e-3]).to_dict()
    assert {"rule", "objective", "reference", "admissible", "reason", "best", "slope", "curve", "seed"} <= set(record)
    assert set(record["best"]) == {"beta", "points", "relative_error", "cosine"}
    assert record["rule"] == "equilibrium-propagation" and record["nudging"] == "centered"
    assert [point["beta"] for point in record["curve"]] == [1e-2, 1e-3]


def test_a_rule_that_does_not_hold_is_refused(variants):
    model, params, x, y = problem(variants["directed"])
    with pytest.raises(pq.ModelError, match="one-way"):
        pq.audit(model, params, pq.EquilibriumPropagation(), x, y)


def test_soft_nodes_get_small_nudges():
    s, y, b = pq.coordinate("s"), pq.target("y"), pq.parameter("b", initial=1e-3)
    unit = pq.Node("soft", potential=1e-3 * (s**2 / 2 + s**4 / 4) - b * s)
    model = pq.System(pq.complete(1), nodes=unit, outputs=[0], cost=(s - y) ** 2 / 2).compile()
    params = model.init_parameters(jax.random.key(0))
    found = pq.audit(model, params, pq.EquilibriumPropagation(pq.Centered(0.1)), None, np.array([[0.2]]))
    assert found.curve[0].beta == pytest.approx(1e-3) and found.slope == pytest.approx(2, abs=0.05)


def test_tightened_rules():
    s = pq.coordinate("s")
    model = pq.System(pq.complete(1), nodes=pq.Node("n", potential=s**4 + s**2)).compile()
    rule = pq.EquilibriumPropagation(pq.Centered(0.1), free=pq.EulerSteps(), nudged=pq.EulerSteps())
    tight = tightened(rule, model)
    assert tight.free == tight.nudged == polish_finder(model) == pq.Newton(tolerance=0.0)
    budget = pq.BackpropagationThroughTime(pq.EulerSteps())
    assert tightened(budget, model) is budget
    assert with_beta(rule, ("nudging", "beta"), 0.5).nudging == pq.Centered(0.5)


OUTSIDE = pq.FixedPoint(300, nudge=pq.Outside())


@pytest.mark.parametrize(
    "rule",
    [
        pq.HolomorphicEP(0.1, 6, free=OUTSIDE),
        pq.HolomorphicEP(0.1, 6, nudged=pq.Continuation(2, OUTSIDE)),
        pq.EquilibriumPropagation(pq.Centered(0.01), nudged=pq.Continuation(2, OUTSIDE)),
    ],
    ids=["holomorphic", "holomorphic, continued", "continued"],
)
@pytest.mark.quick("holomorphic, continued")
def test_rules_with_an_outside_nudge_are_audited_against_their_objective(rule):
    """Against the cost itself, which they do not follow, the error is of order 1."""
    s, y = pq.neural.s, pq.target("y")
    system = pq.System(
        pq.layered([2, 4, 2]),
        nodes={g: pq.neural.prototypical_unit() for g in ("hidden", "output")},
        edges=pq.neural.prototypical_synapse(),
        inputs="input",
        outputs="output",
        cost=(s - y) ** 2 / 2,
    )
    model, random = system.compile(), np.random.default_rng(3)
    params, x, wanted = (
        model.init_parameters(jax.random.key(0)),
        random.uniform(size=(3, 2)),
        random.uniform(size=(3, 2)),
    )
    assert rule.objective is pq.Objective.CURVATURE_WEIGHTED_COST
    errors = [point.relative_error for point in pq.audit(model, params, rule, x, wanted).curve]
    assert min(error for error in errors if error is not None) < 1e-7
    found = rule.gradient(model, params, x, wanted)[0]
    plain = pq.ImplicitDifferentiation().gradient(model, params, x, wanted)[0]
    gap = np.concatenate([np.ravel(a - b) for a, b in zip(*map(jax.tree.leaves, (found, plain)), strict=True)])
    assert np.linalg.norm(gap) > 0.1 * np.linalg.norm(np.concatenate([np.ravel(a) for a in jax.tree.leaves(plain)]))


# ---- fitted order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 4])
def test_fitted_order_finds_the_clean_stretch(order):
    betas = 10.0 ** -np.arange(0, 6.5, 0.5)
    floor = 1e-12 / betas
    errors = 0.3 * betas**order * (1 + betas) + floor
    assert fitted_order(betas, errors) == pytest.approx(order, abs=0.06)
    assert fitted_order(betas[::-1], errors[::-1]) == fitted_order(betas, errors)


def test_fitted_order_does_not_invent_one():
    betas = 10.0 ** -np.arange(0, 6.5, 0.5)
    assert fitted_order(betas, np.full(13, 0.5)) is None
    assert fitted_order(betas, 1e-16 / betas) is None
    assert fitted_order(betas, [None] * 13) is None
    assert fitted_order([0.1, 0.01], [1e-2, 1e-4]) is None
    assert fitted_order([1e-1, 1e-2, 1e-3, 1e-4], [1e-2, None, 1e-6, 1e-8]) is None


# ---- consistency -----------------------------------------------------------------------------------------------------


@pytest.mark.quick("smooth")
@pytest.mark.parametrize("name", ["smooth", "directed"])
def test_consistent_systems(variants, name):
    found = pq.consistency(*problem(variants[name]))
    assert found.lowerings <= 1e-12 and found.bundles
    assert found.implicit_vs_finite_differences <= 1e-8
    if name == "directed":
        assert found.force_vs_autodiff is None
    else:
        assert found.force_vs_autodiff <= 1e-12
    assert set(found.to_dict()) >= {"force_vs_autodiff", "lowerings", "implicit_vs_finite_differences"}


def test_a_wrong_force_is_seen(variants, monkeypatch):
    from physeq.compile.problem import Problem

    model, params, x, _ = problem(variants["linear"])
    right = Problem.force
    monkeypatch.setattr(Problem, "force", lambda self, *a: jax.tree.map(lambda f: f * (1 + 1e-6), right(self, *a)))
    found = pq.consistency(model, params, x, None)
    assert found.force_vs_autodiff == pytest.approx(1e-6, rel=1e-3)


def test_a_wrong_lowering_is_seen(variants, monkeypatch):
    lowered = sys.modules["physeq.compile.energy"]  # the package has a function of this name
    model, params, x, _ = problem(variants["linear"])
    right = lowered._sum_elements
    monkeypatch.setattr(lowered, "_sum_elements", lambda *a: right(*a) + jnp.asarray(1e-6))
    assert pq.consistency(model, params, x, None).lowerings > 1e-9
