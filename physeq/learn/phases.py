"""The phases of a rule with static nudges: one free equilibrium, and the nudged ones from it, all at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.learn.rule import GradientInfo
from physeq.solve.finder import Finder
from physeq.solve.result import State


class Phases(NamedTuple):
    """What the phases left: problems, (state, residual, steps, outcome) of each, nudges and weights."""

    problem: Any
    nudged_problem: Any
    free: tuple
    nudged: tuple
    betas: Array
    weights: Array
    free_weight: Array | None


def run_phases(
    problem: Any,
    nudging: Any,
    finders: tuple[Finder, Finder],
    *,
    key: Array | None = None,
    start: State | None = None,
    nudged_problem: Callable[[Any, State], Any] | None = None,
) -> Phases:
    """Run the free and the nudged phases; the nudged ones along a leading axis of the batch.

    Args:
        problem: parameters, inputs and target; its own nudge is not used.
        nudging: whose `betas(key, dtype)` are the nudges and their weights.
        finders: of the free and of the nudged phases.
        key: of random signs and of noise.
        start: where the free phase starts.
        nudged_problem: (the problem with the cost's nudge alone, the free state) → what the nudged phases solve.
    """
    free_finder, nudged_finder = finders
    keys = (None, None) if key is None else (jax.random.fold_in(key, 1), jax.random.fold_in(key, 2))
    rest = dataclasses.replace(problem, target=None, key=keys[0])
    free = free_finder.find(rest, problem.start(start, problem.beta.dtype))
    betas, weights, free_weight = nudging.betas(key, problem.beta.dtype)
    count = betas.shape[0]
    lead = (count, *(1 for _ in problem.batch))
    nudged = dataclasses.replace(problem, beta=betas.reshape(lead), batch=(count, *problem.batch), key=keys[1])
    if nudged_problem is not None:
        nudged = nudged_problem(nudged, free[0])
    begin = jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *x.shape)), free[0])
    return Phases(problem, nudged, free, nudged_finder.find(nudged, begin), betas, weights, free_weight)


def phase_info(problem: Any, free: tuple, evidence: Sequence, displacement: State) -> GradientInfo:
    """What a rule with a free and nudged phases saw.

    Args:
        problem: parameters, inputs and target.
        free: (state, residual, steps, outcome) of the free phase.
        evidence: (residual, steps, outcome) of the nudged phases.
        displacement: largest |nudged − free| of every coordinate, per batch entry.
    """
    state, residual, steps, outcome = free
    cost, full = problem.cost_evaluator, problem.full(state)
    return GradientInfo(
        cost=jnp.mean(cost.value(full, problem.params, problem.target)),
        prediction=cost.prediction(full, problem.params),
        free=full,
        residual=jnp.stack([jnp.max(residual), jnp.max(evidence[0])]),
        steps=jnp.stack([jnp.asarray(steps, jnp.int32), jnp.asarray(evidence[1], jnp.int32)]),
        outcome=jnp.maximum(jnp.max(outcome), jnp.max(evidence[2])),
        displacement=jnp.stack(jnp.broadcast_arrays(*jax.tree.leaves(displacement))).max(0),
    )
