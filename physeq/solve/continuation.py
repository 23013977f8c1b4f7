"""Continuation in the nudge: follow a state from β = 0 to its β in equal parts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.settings import whole
from physeq.solve.finder import Finder
from physeq.solve.newton import Newton
from physeq.solve.result import Outcome, State


@dataclass(frozen=True)
class Continuation(Finder):
    """Follow the state from β = 0 along the ray of its nudge: solve at β/n, 2β/n, …, β, each started at the one before.

    The start must be the free equilibrium. Keeps to the branch of the free state where one step to the full nudge would
    not: exponential diodes on complex nudges, whose limiting junction by junction is not holomorphic, and nudges near a
    branch point. A part that fails fails the whole.

    Attributes:
        steps: n, the parts of the ray.
        finder: what solves each part.

    >>> Continuation(4).finder
    Newton(steps=60, tolerance=None)
    """

    steps: int = 8
    finder: Finder = field(default_factory=Newton)

    def __post_init__(self):
        whole("Continuation", "steps", self.steps, 1)
        super().__post_init__()

    @property
    def noise(self) -> Any:
        """The noise of the inner finder, if it has any."""
        return getattr(self.finder, "noise", None)

    def check(self, model: Any) -> None:
        self.finder.check(model)

    def check_complex(self, model: Any) -> None:
        self.finder.check_complex(model)

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        def advance(part, carry):
            old, before, _, steps, outcome = carry
            # Extrapolated along the ray; in the first part both states are the free one.
            begin = problem.insert(jax.tree.map(lambda a, b: 2 * a - b, old, before))
            share = (part + 1).astype(jnp.finfo(problem.beta.dtype).dtype) / self.steps
            # Parts with noise draw apart.
            key = None if problem.key is None else jax.random.fold_in(problem.key, part)
            ahead = dataclasses.replace(problem, beta=problem.beta * share, key=key)
            new, residual, used, code = self.finder.find(ahead, begin)
            return new, old, residual, steps + jnp.asarray(used, jnp.int32), jnp.maximum(outcome, code)

        residual = jnp.zeros(problem.batch, jnp.finfo(problem.beta.dtype).dtype)
        carry = (free, free, residual, jnp.int32(0), jnp.full(problem.batch, Outcome.CONVERGED, jnp.int32))
        state, _, residual, steps, outcome = jax.lax.fori_loop(0, self.steps, advance, carry)
        return state, residual, steps, outcome
