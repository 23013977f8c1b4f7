"""Printed updates of trajectories, evaluated along solved runs, against what the rules descend."""

import numpy as np
import pytest
from page_reader import equations
from trajectory_reader import printed_changes
from trajectory_systems import BETA, SYSTEMS, assert_descends, named, rates, solved, trained_of

import physeq as pq
from physeq import learn


@pytest.mark.parametrize("name", ["chain-ends", "shared", "pendula", "lc"])
@pytest.mark.quick("pendula")
def test_printed_updates_of_lagrangian_ep_are_what_the_rule_descends(name):
    case = solved(name)
    rule = learn.LagrangianEP(nudging=learn.Centered(BETA))
    page = case.model.to_document(rule)
    reader = case.reader(page, {b: case.run(b) for b in (BETA, -BETA)}, numbers={r"\beta": BETA})
    gradients, _ = rule.gradient(case.model, case.params, case.push, case.wanted)
    changes = printed_changes(page, reader)
    assert set(changes) == trained_of(case.model)
    assert_descends(changes, gradients)


@pytest.mark.slow
@pytest.mark.parametrize("nudging", [learn.OneSided(BETA), learn.OneSided(-BETA), learn.Holomorphic(BETA, 5)])
def test_printed_updates_of_other_nudges(nudging):
    case = solved("duffing")
    rule = learn.LagrangianEP(nudging=nudging)
    page = case.model.to_document(rule)
    if isinstance(nudging, learn.Holomorphic):
        nudges = [BETA * np.exp(2j * np.pi * k / 5) for k in range(5)]
        numbers = {"N": 5, "r": BETA}
    else:
        nudges, numbers = [0.0, nudging.beta], {r"\beta": BETA}
    reader = case.reader(page, {b: case.run(b) for b in nudges}, numbers=numbers)
    gradients, _ = rule.gradient(case.model, case.params, case.push, case.wanted)
    assert_descends(printed_changes(page, reader), gradients)


@pytest.mark.parametrize("name", ["shared", "pendula"])
def test_printed_nudged_equations_hold_along_nudged_trajectories(name):
    """Residual of the output's equation at β, where the cost sees the rate (shared) and the coordinate (pendula)."""
    case = solved(name)
    page = case.model.to_document(learn.LagrangianEP(nudging=learn.Centered(BETA)))
    forces = np.zeros((len(case.weights), 3))
    forces[:, 0] = case.push[:, 0]
    [nudged] = [e for e in equations(page, "Nudged") if e.label.startswith("output")]
    for beta, small in ((BETA, True), (BETA / 2, False)):
        reader = case.reader(page, {0.0: case.run(BETA)}, series={"f": forces}, numbers={r"\beta": beta})
        gaps = []
        for step in range(len(case.weights)):
            reader.step = step
            gaps.append(reader.value(nudged.lhs, {"i": 2}) - reader.value(nudged.rhs, {"i": 2}))
        assert (np.abs(gaps).max() < 1e-11) == small


# TimeReversedNudge ----------------------------------------------------------------------------------------------------


def backwards_run(case, error):
    """What a force −error(T − t) on the output adds to the motion, solved as a second input of the same system."""
    driven, observed = (
        [case.system.label(part.group, int(i)) for part in nodes.parts for i in part.indices]
        for nodes in (case.system.inputs[0].nodes, case.system.outputs)
    )
    build, boundary, solver = SYSTEMS[case.name]
    again = build(inputs={"push": pq.Drive(driven), "error": pq.Drive(observed)}).trajectories(boundary, solver)
    found = again.solve(case.params, {"push": case.push, "error": -error[case.back]}).state
    free, second = case.run(), named(again, found)
    return {key: second[key] - free[key] for key in free}


@pytest.mark.parametrize("name", ["damped", "damped-rate", "rlc"])
@pytest.mark.quick("damped")
def test_printed_updates_of_the_time_reversed_nudge_are_what_the_rule_descends(name):
    case = solved(name)
    rule = learn.TimeReversedNudge()
    page = case.model.to_document(rule)
    free = case.run()
    [output] = [int(i) for part in case.system.outputs.parts for i in part.indices]
    [(group, q)] = [key for key in case.model.layout.variables if key[0] == "nodes"]
    low = 0 if (group, q.name, 0) in free else 1
    seen = free[group, q.name, 0 if name == "damped" else 1][:, output, None] - case.wanted
    # e = ∂ℓ/∂x − d/dt ∂ℓ/∂ẋ; of voltages ∂ℓ/∂v.
    error = -rates(seen) if name == "damped-rate" else seen
    [printed] = [e for e in equations(page, "Learning") if (e.label or "").startswith("error")]
    reader = case.reader(page, {0.0: free})
    for reader.step in (0, 3):
        assert reader.value(printed.rhs, {"i": output}) == pytest.approx(error[reader.step, 0], rel=1e-10)
    answer = backwards_run(case, error)
    series = {r"\mu": answer[group, q.name, low]}
    if low == 0:
        series[r"\dot{\mu}"] = answer[group, q.name, 1]
    reader = case.reader(page, {0.0: free}, series=series)
    gradients, _ = rule.gradient(case.model, case.params, case.push, case.wanted)
    changes = printed_changes(page, reader)
    assert set(changes) == trained_of(case.model)
    assert_descends(changes, gradients)
    exact, _ = learn.ContinuousAdjoint().gradient(case.model, case.params, case.push, case.wanted)
    assert_descends(changes, exact, 1e-8)
