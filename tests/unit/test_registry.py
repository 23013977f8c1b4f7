"""Names of strategies, and building them from plain data."""

import dataclasses

import pytest

import physeq as pq
from physeq import learn, solve
from physeq.names import kebab, name_of
from physeq.registry import build, checked, registry


def test_every_exported_rule_and_finder_has_a_name():
    rules = {c for c in vars(learn).values() if isinstance(c, type) and issubclass(c, learn.LearningRule)}
    finders = {c for c in vars(solve).values() if isinstance(c, type) and issubclass(c, solve.Finder)}
    assert set(registry()["rule"].values()) == rules - {learn.LearningRule, learn.TrajectoryRule}
    assert set(registry()["finder"].values()) == finders - {solve.Finder}


def test_kinds_read_off_annotations():
    assert set(registry()["nudging"]) == {"centered", "one-sided", "random-sign", "holomorphic"}
    assert set(registry()["nudge mode"]) == {"inside", "outside"}
    assert set(registry()["linear method"]) == {"dense-direct", "conjugate-gradients", "sparse-direct"}
    assert set(registry()["minimiser"]) == {"lbfgs", "nonlinear-cg"}


def test_names_are_unique_within_a_kind_and_found_again():
    for named in registry().values():
        for name, cls in named.items():
            assert kebab(cls.__name__) == name == name_of(cls)


@pytest.mark.parametrize("kind", ["finder", "nudge mode", "linear method", "minimiser", "relaxation method"])
def test_a_bare_name_builds_the_defaults(kind):
    for name, cls in registry()[kind].items():
        assert build(kind, name) == build(kind, {"name": name}) == cls()


def test_nested_tables():
    rule = build(
        "rule",
        {
            "name": "equilibrium-propagation",
            "nudging": {"name": "one-sided", "beta": -1},
            "free": {"name": "minimise", "method": "nonlinear-cg", "polish": {"tolerance": 0.0}},
            "nudged": {"name": "fixed-point", "steps": 7, "nudge": {"name": "outside"}},
        },
    )
    assert rule == pq.EquilibriumPropagation(
        nudging=pq.OneSided(-1.0),
        free=pq.Minimise(method=pq.NonlinearCG(), polish=pq.Newton(tolerance=0.0)),
        nudged=pq.FixedPoint(7, nudge=pq.Outside()),
    )
    assert isinstance(rule.nudging.beta, float)


def test_enumerations_by_value():
    rule = build("rule", {"name": "implicit-differentiation", "weighting": "curvature-weighted cost"})
    assert rule.weighting is pq.Objective.CURVATURE_WEIGHTED_COST


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"name": "equilibrium-propagatio"}, ["Did you mean 'equilibrium-propagation'", "finite-differences"]),
        ({"name": "equilibrium-propagation", "nudgin": {}}, ["f.toml: rule: key 'nudgin'", "'nudging'"]),
        ({}, ["f.toml: rule", "'name'"]),
        ({"name": 3}, ["3"]),
        ({"name": "equilibrium-propagation", "nudging": 3}, ["f.toml: rule.nudging", "centered", "got 3"]),
        (
            {"name": "equilibrium-propagation", "nudging": {"name": "centered"}},
            ["rule.nudging", "needs the key 'beta'"],
        ),
        (
            {"name": "equilibrium-propagation", "nudging": {"name": "centered", "beta": 0.0}},
            ["rule.nudging", "got 0.0"],
        ),
        (
            {"name": "equilibrium-propagation", "free": {"name": "fixed-point", "steps": 2.5}},
            ["rule.free.steps", "2.5"],
        ),
        ({"name": "equilibrium-propagation", "free": {"name": "fixed-point", "steps": True}}, ["rule.free.steps"]),
        ({"name": "equilibrium-propagation", "free": {"name": "inside"}}, ["rule.free", "fixed-point"]),
        ({"name": "backpropagation-through-time"}, ["needs the key 'finder'"]),
        ({"name": "implicit-differentiation", "weighting": "costs"}, ["'cost'", "'costs'"]),
        (7, ["f.toml: rule", "got 7"]),
    ],
)
def test_errors_name_the_key_and_the_choices(table, words):
    with pytest.raises(pq.ModelError) as caught:
        build("rule", table, "f.toml: rule")
    for word in words:
        assert word in str(caught.value)


def test_checked_converts_and_refuses():
    @dataclasses.dataclass(frozen=True)
    class Other:
        pass

    assert checked("k", [1, 2], tuple) == (1, 2)
    assert checked("k", None, int | None) is None
    assert isinstance(checked("k", 2, float | None), float)
    for value, kind in ((True, int), (True, float), ("1", float), (1, bool), (None, str), (Other(), str)):
        with pytest.raises(pq.ModelError, match="k must be"):
            checked("k", value, kind)
