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
from physeq.learn.equilibrium_propagation import EquilibriumPropagation
from physeq.learn.holomorphic_ep import HolomorphicEP, beside, on_circle
from physeq.learn.jacobian_homeostasis import JacobianHomeostasis
from physeq.learn.response import ResponseRule
from physeq.learn.rule import LearningRule, Params, require_rule
from physeq.shown import Shown
from physeq.solve.finder import Finder, largest_change
from physeq.solve.result import State

_MOST = 100  # steps that are followed where a tolerance would decide


@dataclass(frozen=True, eq=False)
class Convergence(Shown):
    """The largest change of any unknown at every step.

    Attributes:
        free: `(T,)`, largest over the batch.
        nudged: `(phases, K)`; betas: their nudges.
    """

    free: np.ndarray
    nudged: np.ndarray
    betas: np.ndarray

    def __repr__(self) -> str:
        return f"Convergence({len(self.free)} free steps, {len(self.betas)} nudged phases)"


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
        rule: one with a free phase and nudged ones, during which its weights stay, and whose finders are maps
            (`FixedPoint`, `EulerSteps`, `NodeDescent`); of a rule that adds to another, that one.
        inputs, target: one batch.
        steps: number of steps of each phase, in place of the finders' own (100 where a tolerance decides).
        seed: of a random sign of the nudge.

    Raises:
        ModelError: the rule does not fit the model, has no such phases, or a finder of it takes no steps.

    >>> import jax, numpy as np, physeq as pq
    >>> s, y, w = pq.coordinate("s"), pq.target("y"), pq.parameter("w", initial=0.3)
    >>> unit = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    >>> synapse = pq.Edge("synapse", potential=-w * s.source * s.target)
    >>> model = pq.System(pq.layered([1, 2, 1]), nodes=unit, edges=synapse, inputs="input", outputs="output",
    ...                   cost=(s - y) ** 2 / 2).compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> rule = pq.EquilibriumPropagation(pq.Centered(0.1), free=pq.EulerSteps(0.1, 300))
    >>> found = convergence(model, params, rule, x, wanted)
    >>> bool(found.free[-1] < 1e-3 * found.free[0])
    True
    """
    require_rule("convergence", rule, model)
    inputs, target = model.check_data(inputs, target)
    rule = followed(rule, "convergence")
    finders = rule.finders(model)
    free_steps, nudged_steps = (steps or f.budget or _MOST for f in finders)
    problem = model.problem(params, inputs, target)
    betas = nudges(rule, problem.beta.dtype, jax.random.key(seed))
    for finder in finders:
        if finder.stepper(problem) is None:
            raise ModelError(
                f"convergence: {type(finder).__name__} of {type(rule).__name__} takes no steps of a map; use "
                "FixedPoint, EulerSteps or NodeDescent"
            )
    free, nudged = _changes(rule, problem, finders, (free_steps, nudged_steps), betas)
    return Convergence(np.asarray(free), np.asarray(nudged), np.asarray(betas))


Followed = EquilibriumPropagation | HolomorphicEP | ResponseRule


def followed(rule: LearningRule, name: str) -> Followed:
    """The rule whose phases are followed: the rule itself, or the one that it adds to.

    Raises:
        ModelError: it does not compare a free phase with nudged ones during which the weights stay.
    """
    inner = rule.rule if isinstance(rule, JacobianHomeostasis) else rule
    if not isinstance(inner, Followed):
        raise ModelError(
            f"{name}: {type(inner).__name__} has no nudge β that starts at a free phase and leaves the weights alone; "
            "use EquilibriumPropagation, VectorFieldEP, AsymmetricEP or HolomorphicEP with its finders"
        )
    return inner


def nudged_phases(rule: Followed, problem: Any, betas: Array, free: State) -> Any:
    """The problem of nudged phases, one per nudge, with the force that the rule adds to it."""
    nudged = on_circle(problem, betas)
    return rule.nudged_problem(nudged, free) if isinstance(rule, ResponseRule) else nudged


def nudges(rule: Followed, dtype: Any, key: Array) -> Array:
    """β of every nudged phase."""
    if isinstance(rule, HolomorphicEP):
        return rule.circle(dtype).betas
    return rule.nudging.betas(key, dtype)[0]


@eqx.filter_jit
def _changes(
    rule: Followed, problem: Any, finders: tuple[Finder, Finder], counts: tuple[int, int], betas: Array
) -> tuple[Array, Array]:
    rest = dataclasses.replace(problem, target=None)
    free, changes = _follow(rest, finders[0], counts[0], rest.start())
    nudged = nudged_phases(rule, problem, betas, free)
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
