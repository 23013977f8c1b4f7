"""`physeq check`: the JSON contract, what passes and what fails."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from cli_runner import shell  # noqa: F401 - a fixture

import physeq as pq
from physeq.checking import LIMITS, VariantCheck
from physeq.learn import Audit, Consistency
from physeq.learn.audit import AuditPoint
from physeq.learn.singularity import Singularity
from physeq.names import name_of

KEYS = {"schema", "system", "precision", "structure", "consistency", "audits", "passed"}
AUDIT = {"rule", "objective", "reference", "admissible", "reason", "best", "slope", "curve", "seed"}


def test_contract_and_passing(shell):  # noqa: F811
    found = shell.json("check", "small:smooth", "--rule", "equilibrium-propagation", "--json")
    assert set(found) >= KEYS
    assert (found["system"], found["variant"], found["precision"]) == ("small", "smooth", "double")
    assert found["structure"]["conservative"] is True
    assert found["consistency"]["force_vs_autodiff"] <= 1e-12 and found["consistency"]["lowerings"] <= 1e-12
    assert all(set(audit) >= AUDIT for audit in found["audits"])
    kinds = [(a["nudging"], a["nudge"], a["objective"]) for a in found["audits"] if a["nudging"]]
    weighted = "curvature-weighted cost"
    expected = [("centered", None, "cost"), ("one-sided", None, "cost")]
    expected += [("centered", "outside", weighted), ("one-sided", "outside", weighted)]
    assert [(n, "outside" if o == weighted else None, o) for n, _, o in kinds] == expected
    for audit in found["audits"]:
        assert audit["admissible"] and audit["fault"] is None
        assert set(audit["best"]) == {"beta", "points", "relative_error", "cosine"}
        if audit["order"]:
            assert abs(audit["slope"] - audit["order"]) <= 0.1
        if audit["order"] == 2:
            assert audit["best"]["relative_error"] <= 1e-6
    assert found["passed"] is True
    assert found["variants"][0]["antisymmetry"] < 1e-12


@pytest.mark.slow
def test_several_rules_are_audited_each(shell):  # noqa: F811
    found = shell.json("check", "small:smooth", "--rule", "vector-field-ep", "--rule", "dyadic-ep", "--json")
    assert {audit["rule"].partition(",")[0] for audit in found["audits"]} == {"vector-field-ep", "dyadic-ep"}


@pytest.mark.slow
def test_pictures_come_with_their_numbers(shell, tmp_path):  # noqa: F811
    found = shell.json("check", "small:smooth", "--rule", "continual-ep", "--plots", str(tmp_path), "--json")
    numbers = found["pictures"]["smooth"]
    assert json.loads((tmp_path / "smooth-pictures.json").read_text()) == numbers
    assert numbers["updates-continual-ep"]["synapses_relative_rms"] < 0.05
    assert numbers["convergence"]["free_last_change"] < 1e-6
    assert numbers["stability"]["settled_inside"] > 0.9
    for points in numbers["noise"].values():
        assert points[0]["sigma"] == 0 and points[-1]["relative_error"] > points[0]["relative_error"]
    drawn = {path.stem for path in tmp_path.glob("smooth-*.svg")}
    assert drawn >= {f"smooth-{name}" for name in numbers}


def test_every_registered_rule_is_built_or_refused():
    """Default construction, without solving anything: names, admissibility and reasons."""
    from physeq.checked_rules import rules_for
    from physeq.registry import registry

    s, y = pq.coordinate("s"), pq.target("y")
    node = pq.Node("n", potential=s**2 / 2 + s**4, dissipation=s.dot**2 / 2)
    model = pq.System(pq.complete(1), nodes=node, outputs=[0], cost=(s - y) ** 2 / 2).compile()
    built = {name_of(rule) for rule, _ in rules_for(model, ("all",))}
    trajectories = {name for name, kind in registry()["rule"].items() if issubclass(kind, pq.learn.TrajectoryRule)}
    assert built == set(registry()["rule"]) - trajectories - {"implicit-differentiation", "finite-differences"}
    assert [name_of(rule) for rule, _ in rules_for(model, ("holomorphic-ep",))] == ["holomorphic-ep"]


def test_a_biased_rule_is_reported_and_does_not_fail():
    point = audited(pq.Centered(0.1), 0.3, None)
    assert not verdict(None, point).passed
    biased = dataclasses.replace(point, bias="weights are not symmetric")
    assert verdict(None, biased).passed and biased.to_dict()["bias"] == "weights are not symmetric"


def test_a_refused_rule_does_not_fail_the_check(shell):  # noqa: F811
    result = shell("check", "small:directed", "--rule", "equilibrium-propagation")
    assert "refused: equilibrium-propagation" in result.stdout and "one-way" in result.stdout
    assert "passed" in result.stdout and "a model may print" in result.stderr


def squeezed(result):
    """The lines of the output with single spaces."""
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


@pytest.mark.slow
def test_what_is_known_of_complex_nudges_is_printed(shell):  # noqa: F811
    printed = squeezed(shell("check", "small:smooth", "--rule", "holomorphic-ep"))
    record = shell.json("check", "small:smooth", "--rule", "holomorphic-ep", "--json")["variants"][0]
    assert record["structure"]["poles"]
    for pole in record["structure"]["poles"]:
        where = f"{pole['function']}, where {pole['argument']} = {pole['at']}"
        assert any(line.startswith(pole["kind"]) and pole["placement"] in line and where in line for line in printed)
    found = record["audits"][0]["holomorphic"]
    distance, radius = found["singularity"]["distance"], found["singularity"]["radius"]
    assert radius == distance / 4
    line = f"nearest singularity R = {distance:.4g}, recommended radius R/4 = {radius:.4g} (units of β)"
    assert line in printed
    assert f"antisymmetric part of the Jacobian ‖A‖/‖J‖ = {record['antisymmetry']:.1e}" in printed
    rows = {line.split()[2]: line.split()[3:] for line in printed if line.startswith("N = ")}
    assert list(rows) == ["2", "4", "8", "16", "32"]
    for point in found["points"]:
        estimate = point["estimated_error"]
        wanted = [f"{point['relative_error']:.1e}", "–" if estimate is None else f"{estimate:.1e}"]
        error, _, printed_estimate = rows[str(point["points"])]
        assert [error, printed_estimate] == wanted


def test_a_state_without_singularity_says_so():
    from physeq.commands._check_tables import _singularity

    assert "any radius" in _singularity(Singularity(math.inf, math.inf, (), 1.0)) and "not found" in _singularity(None)


@pytest.mark.slow
def test_a_bias_is_printed_with_its_reason(shell):  # noqa: F811
    printed = squeezed(shell("check", "small:directed", "--rule", "vector-field-ep"))
    [row] = [line for line in printed if line.startswith("vector-field-ep")]
    assert row.endswith("biased")
    [reason] = [line for line in printed if line.startswith("biased: vector-field-ep")]
    assert "is not reciprocal" in reason and "AsymmetricEP and DyadicEP" in reason and "'one-way" in reason


def test_a_system_that_cannot_be_built_fails(shell):  # noqa: F811
    floating = "pq.System(pq.complete(3), edges=pq.electrical.resistor(), inputs=pq.Drive([0]))"
    text = f"import physeq as pq\n\nvariants = {{'bad': pq.Variant(lambda: {floating}, 'floats')}}\n"
    (shell.folder / "systems/small/model.py").write_text(text)
    found = shell.json("check", "small", "--json", status=1)
    assert found["passed"] is False and "float" in found["variants"][0]["error"]
    assert found["structure"]["conservative"] is True and set(found) >= KEYS


def verdict(consistency=None, *audits, precision="double"):
    return VariantCheck("v", {}, consistency or Consistency(1e-16, 1e-16, 1e-9), audits, LIMITS[precision])


def audited(nudging, error, slope, curve=(1e-2,)):
    points = tuple(AuditPoint(0.1, e, 1.0) for e in curve)
    rule = pq.EquilibriumPropagation(nudging)
    best = AuditPoint(1e-3, error, 1.0)
    return Audit(
        rule, rule.objective, "implicit-differentiation", order=nudging.order, slope=slope, best=best, curve=points
    )


@pytest.mark.parametrize(
    ("consistency", "word"),
    [
        (Consistency(1e-11, 1e-16, 1e-9), "force"),
        (Consistency(1e-16, 1e-11, 1e-9), "lowerings"),
        (Consistency(None, 1e-16, 1e-5), "implicit"),
        (Consistency(float("nan"), 1e-16, 1e-9), "force"),
    ],
)
def test_inconsistency_fails(consistency, word):
    (fault,) = verdict(consistency).faults
    assert word in fault


def test_what_an_audit_must_show():
    centered, one_sided = pq.Centered(0.1), pq.OneSided(0.1)
    assert verdict(None, audited(centered, 1e-9, 2.05), audited(one_sided, 1e-5, 0.95)).passed
    assert "above" in verdict(None, audited(centered, 1e-5, 2.0)).faults[0]
    assert "slope 1.800" in verdict(None, audited(centered, 1e-9, 1.8)).faults[0]
    assert "slope 0.800" in verdict(None, audited(one_sided, 1e-7, 0.8)).faults[0]
    assert "no clean slope" in verdict(None, audited(centered, 1e-9, None)).faults[0]
    # Exact at every nudge: there is no slope to see.
    assert verdict(None, audited(centered, 1e-14, None, curve=(1e-12, 1e-14))).passed
    assert verdict(None, audited(centered, 1e-3, None), precision="single").passed


def test_systems_that_only_move_are_checked_as_such(shell):  # noqa: F811
    pendulums = Path(__file__).parents[2] / "systems" / "pendulums"
    found = shell.json("check", f"{pendulums}:cartesian", "--json")
    (record,) = found["variants"]
    assert found["passed"] is True and record["audits"] == []
    assert record["motion_vs_autodiff"] < 1e-13
