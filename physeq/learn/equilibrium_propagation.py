"""Equilibrium propagation: the contrast of ∂F/∂θ between nudged and free equilibria."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import parameter_gradient
from physeq.errors import ModelError
from physeq.learn.phases import Phases, phase_info, run_phases
from physeq.learn.rule import (
    GradientInfo,
    LearningRule,
    Objective,
    Params,
    Phase,
    outside_objective,
    require_cost,
    require_energy,
)
from physeq.settings import finite
from physeq.solve import default_finder
from physeq.solve.finder import Finder
from physeq.solve.result import State


@dataclass(frozen=True)
class OneSided:
    """One nudged phase at β against the free phase; β < 0 nudges away from the target. Bias O(β).

    >>> [phase.name for phase in OneSided(0.1).phases()]
    ['free', 'nudged']
    """

    beta: float

    order = 1

    def __post_init__(self):
        finite(type(self).__name__, "the nudge β", self.beta, nonzero=True)

    def phases(self) -> tuple[Phase, ...]:
        """Free and nudged."""
        # β is printed as a magnitude: where the nudge is −β, dividing by it turns the weights.
        if self.beta > 0:
            return (Phase("free", "0", None, "−1/β"), Phase("nudged", "+β", "free", "1/β"))
        return (Phase("free", "0", None, "1/β"), Phase("nudged", "−β", "free", "−1/β"))

    def betas(self, key: Array | None, dtype: Any) -> tuple[Array, Array, Array | None]:
        """(β of the nudged phases, their weights, weight of the free phase)."""
        beta = jnp.asarray([self.beta], dtype)
        return beta, 1 / beta, -1 / beta[0]


@dataclass(frozen=True)
class Centered:
    """Two nudged phases at +β and −β, both from the free state. Bias O(β²).

    Source: Laborieux, Ernoult, Scellier, Bengio, Grollier, Querlioz 2020, arXiv:2006.03824.

    >>> [phase.nudge for phase in Centered(0.1).phases()]
    ['0', '+β', '−β']
    """

    beta: float

    order = 2

    def __post_init__(self):
        finite(type(self).__name__, "the nudge β", self.beta, nonzero=True)

    def phases(self) -> tuple[Phase, ...]:
        """Free, positive and negative."""
        return (
            Phase("free", "0", None, ""),
            Phase("positive", "+β", "free", "1/2β"),
            Phase("negative", "−β", "free", "−1/2β"),
        )

    def betas(self, key: Array | None, dtype: Any) -> tuple[Array, Array, Array | None]:
        """(β of the nudged phases, their weights, weight of the free phase)."""
        beta = jnp.asarray([self.beta, -self.beta], dtype)
        return beta, 1 / (2 * beta), None


@dataclass(frozen=True)
class RandomSign:
    """One nudged phase whose β is ±β with probability ½ per mini-batch; the O(β) bias averages out.

    Estimates need a random key.

    >>> RandomSign(0.1).order
    1
    """

    beta: float

    order = 1

    def __post_init__(self):
        finite(type(self).__name__, "the nudge β", self.beta, nonzero=True)

    def phases(self) -> tuple[Phase, ...]:
        """Free and nudged."""
        return (Phase("free", "0", None, "∓1/β"), Phase("nudged", "±β", "free", "±1/β"))

    def betas(self, key: Array | None, dtype: Any) -> tuple[Array, Array, Array | None]:
        """(β of the nudged phases, their weights, weight of the free phase)."""
        if key is None:
            raise ModelError("RandomSign draws the sign of the nudge: pass key=jax.random.key(...) to gradient")
        beta = self.beta * jax.random.rademacher(key, (1,), dtype)
        return beta, 1 / beta, -1 / beta[0]


Nudging = OneSided | Centered | RandomSign


@dataclass(frozen=True)
class EquilibriumPropagation(LearningRule):
    """dL/dθ ≈ Σ_phases w ∂F/∂θ(s^β), F = E + βC: (1/β)[∂F/∂θ(s^β) − ∂F/∂θ(s⁰)], or (1/2β)[… s^{+β} − … s^{−β}].

    Needs an energy (a conservative system). Costs with parameters (a readout) get ∂C/∂θ from the same formula.

    Attributes:
        nudging: `Centered(beta)`, `OneSided(beta)` or `RandomSign(beta)`.
        free: finder of the free phase; by default the model's.
        nudged: finder of the nudged phases, started at the free state; by default `free`.

    Source: Scellier & Bengio 2017, arXiv:1602.05179, eq. 10; centered: Laborieux et al. 2020, arXiv:2006.03824.

    >>> from physeq.solve import FixedPoint
    >>> EquilibriumPropagation(nudging=Centered(0.1), free=FixedPoint(30), nudged=FixedPoint(10)).phases()[1].nudge
    '+β'
    """

    nudging: Nudging = field(default_factory=lambda: Centered(0.01))
    free: Finder | None = None
    nudged: Finder | None = None

    @property
    def objective(self) -> Objective:
        return outside_objective(self.nudged or self.free)

    def phases(self) -> tuple[Phase, ...]:
        return self.nudging.phases()

    def check(self, model: Any) -> None:
        require_cost(model, "EquilibriumPropagation")
        require_energy(model, "EquilibriumPropagation", "AsymmetricEP or VectorFieldEP (biased)")
        for finder in self.finders(model):
            finder.check(model)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        free = self.free if self.free is not None else default_finder(model)
        return free, self.nudged if self.nudged is not None else free

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def solve_phases(self, model, params, inputs, target, *, key=None, start=None) -> Phases:
        """Run the free and the nudged phases; the nudged ones all at once, along a leading axis of the batch."""
        problem = model.problem(params, inputs, target)
        return run_phases(problem, self.nudging, self.finders(model), key=key, start=start)

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        p = self.solve_phases(model, params, inputs, target, key=key, start=start)
        free, (states, *evidence) = p.free[0], p.nudged
        gradients = _contrast(p.nudged_problem, p.problem, states, free, p.betas, p.weights, p.free_weight)
        moved = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), axis=(0, -1)), states, free)
        return gradients, phase_info(p.problem, p.free, evidence, moved)


def _contrast(nudged: Any, problem: Any, states: State, free: State, betas, weights, free_weight) -> Params:
    """Σ_phases w ∂F/∂θ as one contraction over phases and batch."""
    size = 1
    for n in problem.batch:
        size *= n
    if free_weight is not None:
        states = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), states, free)
        weights = jnp.concatenate([weights, free_weight[None]])
        betas = jnp.concatenate([betas, jnp.zeros(1, betas.dtype)])
    lead = (len(weights), *(1 for _ in problem.batch))
    everywhere = dataclasses.replace(nudged, beta=betas.reshape(lead), batch=(len(weights), *problem.batch))
    spread = jnp.broadcast_to(weights.reshape(lead) / size, everywhere.batch)
    return parameter_gradient(everywhere, states, spread)
