"""How the phases of a rule converge: the change of the state at every step, free and nudged."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.learn.holomorphic_ep import beside, on_circle
from physeq.learn.rule import LearningRule, Params
from physeq.solve.finder import Finder, largest_change

_MOST = 100  # steps that are followed where a tolerance would decide


@dataclass(frozen=True, eq=False)
class Convergence:
    """The largest change of any unknown at every step.

    Attributes:
        free: `(T,)`, largest over the batch.
        nudged: `(phases, K)`; betas: their nudges.
    """

    free: np.ndarray
    nudged: np.ndarray
    betas: np.ndarray


def convergence(
    model: Any,
    params: Params,
    rule: LearningRule,
    inputs: Any,
    target: Array,
    *,
    steps: int | None = None,
    seed: int = 0,
) -> Convergence:
    """Follow the free phase of a rule, and its nudged phases from the free state, step by step.

    Args:
        model, params: the compiled system and its parameters.
        rule: one with a nudge whose finders are maps (`FixedPoint`, `EulerSteps`, `NodeDescent`).
        inputs, target: one batch.
        steps: number of steps of each phase, in place of the finders' own (100 where a tolerance decides).
        seed: of a random sign of the nudge.

    Raises:
        ModelError: the rule does not fit the model, has no nudge, or a finder of it takes no steps.
    """
    rule.check(model)
    inputs, target = model.check_data(inputs, target)
    finders = phase_finders(rule, model)
    free_steps, nudged_steps = (steps or f.budget or _MOST for f in finders)
    problem = model.problem(params, inputs, target)
    betas = nudges(rule, problem.beta.dtype, jax.random.key(seed))
    for finder in finders:
        if finder.stepper(problem) is None:
            raise ModelError(
                f"convergence: {type(finder).__name__} of {type(rule).__name__} takes no steps of a map; use "
                "FixedPoint, EulerSteps or NodeDescent"
            )
    free, nudged = _changes(problem, finders, (free_steps, nudged_steps), betas)
    return Convergence(np.asarray(free), np.asarray(nudged), np.asarray(betas))


def phase_finders(rule: LearningRule, model: Any) -> tuple[Finder, Finder]:
    """(finder of the free phase, finder of the nudged ones)."""
    free = rule.prediction_finder(model)
    nudged = getattr(rule, "nudged", None)
    return free, nudged if nudged is not None else free


def nudges(rule: LearningRule, dtype: Any, key: Array) -> Array:
    """β of every nudged phase.

    Raises:
        ModelError: the rule has no nudge.
    """
    if hasattr(rule, "circle"):
        return jnp.asarray(rule.circle(dtype).betas)
    if hasattr(rule, "nudging"):
        return rule.nudging.betas(key, dtype)[0]
    raise ModelError(f"{type(rule).__name__} has no nudge β to follow")


@eqx.filter_jit
def _changes(problem: Any, finders: tuple[Finder, Finder], counts: tuple[int, int], betas: Array):
    rest = dataclasses.replace(problem, target=None)
    free, changes = _follow(rest, finders[0], counts[0], rest.start())
    nudged = on_circle(problem, betas)
    _, nudged_changes = _follow(nudged, finders[1], counts[1], beside(nudged, free))
    over = tuple(range(1, changes.ndim))
    return jnp.max(changes, over), jnp.max(nudged_changes, tuple(range(2, nudged_changes.ndim))).T


def _follow(problem: Any, finder: Finder, count: int, start: Any):
    advance = finder.stepper(problem)
    assert advance is not None  # checked before

    def step(old, _):
        new = advance(old)
        return new, largest_change(new, old, problem.batch)

    return jax.lax.scan(step, start, length=count)
