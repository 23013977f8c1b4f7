"""Dyadic equilibrium propagation: two copies; their mean is the state, and their difference carries the error."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from physeq.learn.phases import phase_info
from physeq.learn.procedure import CLOSING, Listing, Step, for_each_sample
from physeq.learn.response import force_finder, require_transposable, response_gradient
from physeq.learn.rule import (
    Contrasted,
    GradientInfo,
    LearningRule,
    Params,
    Phase,
    require_cost,
    require_fixed_bounds,
)
from physeq.settings import finite
from physeq.solve import Newton, default_finder
from physeq.solve.finder import Finder
from physeq.solve.response import transported_error


@dataclass(frozen=True)
class DyadicEP(LearningRule):
    """dL/dθ = ∂C/∂θ − (1/β)(∂f/∂θ)ᵀ d, with ṁ = f(m) and ḋ = J(m)ᵀ d − β ∂C/∂s(m).

    m is the mean of two copies of the system, and d their difference. At rest d = β J⁻ᵀ ∂C/∂s. d is linear in β, so the
    estimate is the exact gradient at every β, as far as m and d are at rest. m does not feel d: it relaxes first, and d
    then, with J(m) linearised once.

    Attributes:
        beta: scale of d; any finite number other than 0.
        free: finder of m; by default the model's.
        nudged: finder of d, from d = 0, one that follows forces; by default Newton, here one linear solve per sample.
            `FixedPoint` steps each node to its own equilibrium, `EulerSteps` and `Relaxation` follow the motion.

    Source: Scurria, Vanden Abeele, Mognetti, Massar 2026, arXiv:2602.03670.

    >>> [phase.name for phase in DyadicEP().phases()]
    ['mean', 'difference']
    """

    beta: float = 1.0
    free: Finder | None = None
    nudged: Finder | None = None

    def __post_init__(self):
        finite("DyadicEP", "beta", self.beta, nonzero=True)
        super().__post_init__()

    @property
    def contrasted(self) -> Contrasted:
        return Contrasted.RESPONSE

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("mean", "0", None, ""), Phase("difference", "+β" if self.beta > 0 else "−β", None, "1/β"))

    def check(self, model: Any) -> None:
        require_transposable(model, "DyadicEP")
        require_cost(model, "DyadicEP")
        require_fixed_bounds(model, "DyadicEP")
        for finder in dict.fromkeys(self.finders(model)):
            finder.check(model)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        free = self.free if self.free is not None else default_finder(model)
        return free, force_finder("DyadicEP", self.nudged, Newton())

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def procedure(self, model: Any) -> tuple[Step, ...]:
        mean, difference = self.finders(model)
        return (
            Step(f"Choose {{β}} = {self.beta:g}, the scale of the difference.", lists=Listing.NUDGE),
            for_each_sample(
                Step(
                    "Mean of the two copies: no nudge. From the start values, let it come to rest.",
                    lists=Listing.UNKNOWNS,
                    finder=mean,
                ),
                Step(
                    "Difference of the copies: couple it by the transposed Jacobian at the mean, and push its outputs "
                    "with {−β ∂C/∂x}. From zero, let it come to rest; both copies are there at the same time.",
                    finder=difference,
                ),
                Step("Every element weighs its ∂f/∂p at the mean with the differences, over {β}, and turns the sign."),
            ),
            *CLOSING,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        mean_finder, difference_finder = self.finders(model)
        problem = model.problem(params, inputs, target)
        keys = (None, None) if key is None else (jax.random.fold_in(key, 1), jax.random.fold_in(key, 2))
        rest = dataclasses.replace(problem, target=None, key=keys[0])
        mean = mean_finder.find(rest, problem.start(start, problem.beta.dtype))
        beta = jnp.asarray(self.beta, problem.beta.dtype)
        pulled = transported_error(dataclasses.replace(problem, beta=beta, key=keys[1]), mean[0])
        difference, *evidence = difference_finder.find(pulled, jax.tree.map(jnp.zeros_like, mean[0]))
        gradients = response_gradient(problem, mean[0], jax.tree.map(lambda d: d / beta, difference))
        size = jax.tree.map(lambda d: jnp.max(jnp.abs(d), -1), difference)
        return gradients, phase_info(problem, mean, evidence, size)
