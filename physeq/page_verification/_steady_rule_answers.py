"""What rules of equilibria make of random states: their own code, with given states in place of finders."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from physeq.learn import (
    AsymmetricEP,
    ContrastiveLearning,
    CoupledLearning,
    DyadicEP,
    HolomorphicEP,
    JacobianHomeostasis,
    OscillatingEP,
)
from physeq.learn.antisymmetry import penalty_along
from physeq.learn.audit import beta_field
from physeq.learn.held_outputs import hold_outputs
from physeq.page_verification._given_states import GivenStates, with_given
from physeq.solve.finder import flatten, unflatten
from physeq.solve.implicit import fixed_entries
from physeq.solve.response import transported_error


def scale_of(rule: Any) -> float:
    """The size of a rule's nudges; 1 for rules without."""
    path = beta_field(rule)
    for name in path or ():
        rule = getattr(rule, name)
    return 1.0 if path is None else abs(float(rule))


def short(rule: Any) -> Any:
    """A rule as it is run here: an oscillating nudge goes round a few points only, with one step of the map at each."""
    if isinstance(rule, OscillatingEP):
        few = dataclasses.replace(rule, points=3, periods=rule.discard + 2)
        return few if rule.hold is not None else dataclasses.replace(few, steps=1, tolerance=None)
    return rule


def rule_answers(rule: Any, model: Any, params: Any, inputs: Any, target: Any, states: Any) -> dict[str, Any]:
    """What a rule's own code makes of given states.

    Returns:
        "gradients": the estimate, where the rule measures; "force": the force of a nudged phase with terms of its own,
        or of a second copy; "held": the state with held outputs; "points": states at the points of an oscillation.
    """
    if isinstance(rule, JacobianHomeostasis):
        return _with_penalty(rule, model, params, inputs, target, states)
    if not rule.phases():
        return {}
    free = states[0]
    problem = model.problem(params, inputs, target)
    given = GivenStates(states, scale_of(rule))
    beside = GivenStates((jax.tree.map(jnp.add, free, states[1]), zeros(free), zeros(free)))
    other = GivenStates((states[1], zeros(free), zeros(free)))
    if isinstance(rule, OscillatingEP):
        return _oscillated(short(rule), model, params, inputs, target, problem, free)
    run = with_given(rule, given, beside, other)
    start = None
    found: dict[str, Any] = {
        "gradients": run.estimate(model, params, inputs, target, key=jax.random.key(0), start=start)[0]
    }
    beta = jnp.asarray(scale_of(rule), problem.beta.dtype)
    if isinstance(rule, AsymmetricEP):
        nudged = dataclasses.replace(problem, beta=beta)
        found["force"] = run.nudged_problem(nudged, free).force(given.find(nudged, free)[0])
    if isinstance(rule, DyadicEP):
        found["force"] = transported_error(dataclasses.replace(problem, beta=beta), free).force(states[1])
    if isinstance(rule, CoupledLearning | ContrastiveLearning):
        outputs = problem.cost_evaluator.outputs_of(problem.full(free))
        held = hold_outputs(problem, outputs + getattr(rule, "eta", 1.0) * (target - outputs))
        found["held"] = problem.full(beside.find(held, free)[0])
    return found


def _oscillated(rule: OscillatingEP, model, params, inputs, target, problem, free) -> dict[str, Any]:
    circle = HolomorphicEP(rule.radius, rule.points).circle(problem.beta.dtype, halved=False)

    def hold(state, beta):
        new = rule.holding.find(dataclasses.replace(problem, beta=beta), state)[0]
        return new, problem.full(new)

    begin = jax.tree.map(lambda x: x.astype(circle.betas.dtype), free)
    _, points = jax.lax.scan(hold, begin, jnp.tile(circle.betas, rule.periods))
    gradients = rule.estimate(model, params, inputs, target, key=None, start=problem.full(free))[0]
    # The samples first, as in all states.
    return {"gradients": gradients, "points": jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1), points)}


def _with_penalty(rule: JacobianHomeostasis, model, params, inputs, target, states) -> dict[str, Any]:
    """The wrapped rule's estimate and the penalty's slope, its mean over all directions in place of random ones."""
    inner = rule_answers(rule.rule, model, params, inputs, target, states)
    if model.derivation.structure.conservative:
        return inner  # there is nothing to penalise, and the page says so
    rest = dataclasses.replace(model.problem(params, inputs, target), target=None)
    x = flatten(states[0])
    size = x.shape[-1]
    basis = jnp.broadcast_to(jnp.sqrt(size) * jnp.eye(size, dtype=x.dtype)[:, None, :], (size, *x.shape))
    fixed = fixed_entries(rest, states[0], x, flatten(rest.force(states[0])))
    penalty = penalty_along(rest, states[0], unflatten(jnp.where(fixed, 0.0, basis), states[0]))
    strength = jnp.asarray(rule.strength, x.dtype)
    gradients = jax.tree.map(lambda g, p: g + strength * p, inner["gradients"], penalty)
    return inner | {"gradients": gradients}


def zeros(state: Any) -> Any:
    """A state of zeros in the shape of another."""
    return jax.tree.map(jnp.zeros_like, state)
