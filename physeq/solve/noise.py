"""Noise in the dynamics: what is drawn, from which key, and the loop of finders whose steps are noisy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.solve.finder import Finder, entries, largest_change
from physeq.solve.result import State, is_traced, outcome_of


@dataclass(frozen=True)
class GaussianNoise:
    """Independent normal noise on every free unknown of every batch entry (and of every phase), real in any state.

    What σ multiplies, and its unit, is said by the finder that carries the noise.

    Attributes:
        sigma: σ, at least 0.

    >>> GaussianNoise(0.04)
    GaussianNoise(sigma=0.04)
    """

    sigma: float

    def __post_init__(self):
        if is_traced(self.sigma):
            return
        if not (isinstance(self.sigma, int | float) and math.isfinite(self.sigma) and self.sigma >= 0):
            raise ModelError(f"GaussianNoise: sigma must be a finite number of at least 0, got {self.sigma!r}")

    def draw(self, problem: Any, free: State) -> State:
        """σ·N(0, 1) from the problem's key for every unknown of a free state, 0 on held nodes.

        Every entry of the batch has a draw of its own, since the draw has the shape of the state.
        """
        found = entries(free)
        keys = jax.random.split(noise_key(problem, "a finder"), len(found))
        result: State = {}
        for key, (group, name, x) in zip(keys, found, strict=True):
            values = self.sigma * jax.random.normal(key, x.shape, jnp.finfo(x.dtype).dtype)
            result.setdefault(group, {})[name] = problem.mask(group, name, values)
        return result


def noise_key(problem: Any, who: str) -> Array:
    """The problem's key; ModelError where it has none."""
    if problem.key is None:
        raise ModelError(f"{who} has noise, and there is no random key to draw it from: pass key=jax.random.key(0)")
    return problem.key


def check_budget(finder: Finder, tolerance: float | None) -> None:
    """Refuse noise together with a tolerance: noisy steps do not settle."""
    if finder.noise is not None and tolerance is not None:
        raise ModelError(
            f"{type(finder).__name__}: with noise the steps never settle to a tolerance ({tolerance!r}); leave "
            "tolerance=None and set the number of steps"
        )


def at_step(problem: Any, number: Array | int) -> Any:
    """The problem of one step: its number is folded into the key, so that every step has noise of its own."""
    return dataclasses.replace(problem, key=jax.random.fold_in(problem.key, number))


def noisy_steps(finder: Finder, problem: Any, free: State, steps: int) -> tuple[State, Array, Array, Array]:
    """Apply the finder's step a fixed number of times; what `Finder.find` returns."""
    noise_key(problem, type(finder).__name__)

    def step(number: Array | int, old: State) -> State:
        advance: Callable[[State], State] | None = finder.stepper(at_step(problem, number))
        assert advance is not None  # callers are maps
        return advance(old)

    before = jax.lax.fori_loop(0, max(steps - 1, 0), step, free)
    last = step(steps - 1, before) if steps else before
    residual = largest_change(last, before, problem.batch)
    return last, residual, jnp.int32(steps), outcome_of(residual, None)
