"""Solves to rounding, for audits: what is then seen is a rule's bias, not a finder's tolerance."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from physeq.errors import SolveError
from physeq.learn.exact import BackpropagationThroughTime, tight_finder
from physeq.learn.holomorphic_ep import HolomorphicEP
from physeq.learn.oscillating_ep import OscillatingEP
from physeq.learn.rule import LearningRule, Objective, Params, outside_objective
from physeq.learn.trajectory_rule import TrajectoryRule
from physeq.solve import Continuation, FixedPoint, Minimise, Newton, Outcome, Outside
from physeq.solve.finder import Finder, default_tolerance
from physeq.solve.result import State


def free_state(model: Any, params: Params, inputs: Any, target: Array | None = None) -> State:
    """The free equilibrium of all groups, to rounding.

    Raises:
        SolveError: there is none that the finder reaches.
    """
    problem = model.problem(params, inputs, target)
    free, residual, steps, outcome = _find(tight_finder(model), problem, problem.start())
    if not settled(outcome, residual, free):
        raise SolveError(
            f"the free equilibrium was not found to rounding (residual {float(jnp.max(residual)):.3g} after "
            f"{int(jnp.max(steps))} steps); choose parameters for which it exists and is stable"
        )
    return problem.full(free)


@eqx.filter_jit
def _find(finder, problem, start):
    return finder.find(problem, start)


def polish_finder(model: Any) -> Finder:
    """A tight finder for starts beside the equilibrium: Newton's method where descent is only needed to get there."""
    found = tight_finder(model)
    return Newton(tolerance=0.0) if isinstance(found, Minimise) else found


def nudge_scale(model: Any, params: Params, inputs: Any, target: Array, free: State) -> float:
    """A size of β to start from: 1, or the curvature of soft output nodes if that is lower."""
    problem = model.problem(params, inputs, target)
    curvature = problem.curvature(problem.start(free))
    unknowns = problem.cost_evaluator.programs.form.unknowns
    found = [np.median(np.abs(curvature[g][v.key])) for g, v in unknowns.items() if g in curvature]
    soft = min([1.0, *(float(c) for c in found if np.isfinite(c) and c > 0)])
    return float(10.0 ** np.round(np.log10(soft)))


def tightened(rule: LearningRule, model: Any) -> LearningRule:
    """The rule with tight finders for starts at the free equilibrium.

    An outside nudge stays outside, backpropagation through time keeps the budget that defines it, and trajectories are
    solved as their model says: the last step of Newton's method on them is already below rounding. Rules that move
    weights keep fixed numbers of steps, long ones, and nearly stand still: what remains is their bias in β.
    """
    if isinstance(rule, BackpropagationThroughTime | TrajectoryRule):
        return rule
    if rule.moves_weights:
        return _standing(rule)
    if isinstance(rule, OscillatingEP):
        return rule.settled()
    changes: dict[str, Any] = {}
    hints = typing.get_type_hints(type(rule))
    for f in dataclasses.fields(rule):
        value = getattr(rule, f.name)
        if isinstance(value, Finder) and outside_objective(value) is not Objective.COST:
            changes[f.name] = _outside()
        elif isinstance(value, LearningRule):  # a rule that adds to another
            changes[f.name] = tightened(value, model)
        elif isinstance(value, Finder) or (value is None and hints[f.name] == Finder | None and f.name != "nudged"):
            changes[f.name] = polish_finder(model)
    if isinstance(rule, HolomorphicEP) and not isinstance(rule.nudged, FixedPoint):
        inside = rule.objective is Objective.COST
        changes["nudged"] = CIRCLE_FINDER if inside else dataclasses.replace(CIRCLE_FINDER, finder=_outside())
    return dataclasses.replace(rule, **changes)


def _outside() -> FixedPoint:
    tolerance = 1e-14 if jnp.result_type(float) == jnp.float64 else 1e-6
    return FixedPoint(20_000, tolerance=tolerance, nudge=Outside())


# Follows the branch of the free state to complex nudges, to rounding.
CIRCLE_FINDER = Continuation(4, Newton(tolerance=0.0))
# Of rules that move weights: steps of each phase, and a rate so small that its square does not show.
_LONG, _SLOW = 3000, 1e-14


def _standing(rule: Any) -> Any:
    finders = {name: getattr(rule, name) for name in ("free", "nudged")}
    longer = {name: _longer(finder) for name, finder in finders.items() if finder is not None}
    return dataclasses.replace(rule, rates={}, default=_SLOW, **longer)


def _longer(finder: Finder) -> Finder:
    name = "sweeps" if hasattr(finder, "sweeps") else "steps"
    return dataclasses.replace(finder, **{name: max(_LONG, getattr(finder, name))})


def settled(outcome: Array, residual: Array, state: Any, *, budget: bool = True) -> bool:
    """Whether a solve is as good as rounding allows, even where it missed an unreachable tolerance.

    Args:
        outcome, residual, state: what the solve left.
        budget: whether a fixed number of steps is enough by itself, as where the budget defines the estimate. Where it
            only stands for the limit of many steps, as in rules that move weights, the residual decides.
    """
    if int(jnp.max(outcome)) <= (Outcome.BUDGET if budget else Outcome.CONVERGED):
        return True
    size = 1.0 + max((float(jnp.max(jnp.abs(x), initial=0.0)) for x in jax.tree.leaves(state)), default=0.0)
    worst = float(jnp.max(residual))
    return bool(np.isfinite(worst)) and worst <= 10 * default_tolerance(jnp.asarray(residual).dtype) * size


def flat_trainable(model: Any, gradients: Params) -> np.ndarray:
    """The trainable entries as one vector, in double precision."""
    trainable = model.trainable()
    kept = {p: {k: v for k, v in own.items() if trainable[p][k]} for p, own in gradients.items()}
    return np.asarray(ravel_pytree(kept)[0], float)
