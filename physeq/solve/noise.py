"""Noise in the dynamics: what is drawn, from which key, and the loop of finders whose steps are noisy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.settings import check_tolerance, finite, whole
from physeq.solve.finder import entries, largest_change
from physeq.solve.normal_draws import standard_normal
from physeq.solve.result import State, outcome_of

# Enough to hide the cost of starting a draw, few enough for the draws of large batches to stay in the cache.
DRAWN_AT_ONCE = 4


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
        finite("GaussianNoise", "sigma", self.sigma, least=0)

    def draw(self, problem: Any, free: State) -> State:
        """σ·N(0, 1) from the problem's key for every unknown of a free state, 0 on held nodes.

        Every entry of the batch has a draw of its own, since the draw has the shape of the state.
        """
        found = entries(free)
        keys = jax.random.split(noise_key(problem, "a finder"), len(found))
        result: State = {}
        for key, (group, name, x) in zip(keys, found, strict=True):
            values = self.sigma * standard_normal(key, x.shape, jnp.finfo(x.dtype).dtype)
            result.setdefault(group, {})[name] = problem.mask(group, name, values)
        return result


def noise_key(problem: Any, who: str) -> Array:
    """The problem's key; ModelError where it has none."""
    if problem.key is None:
        raise ModelError(f"{who} has noise, and there is no random key to draw it from: pass key=jax.random.key(0)")
    return problem.key


def check_budget(finder: Any, tolerance: float | None) -> None:
    """Refuse no steps, a negative tolerance, and noise together with a tolerance: noisy steps do not settle."""
    name = type(finder).__name__
    whole(name, "steps", finder.steps, 1)
    check_tolerance(name, tolerance)
    if finder.noise is not None and tolerance is not None:
        raise ModelError(
            f"{type(finder).__name__}: with noise the steps never settle to a tolerance ({tolerance!r}); leave "
            "tolerance=None and set the number of steps"
        )


def drawn_or_new(noise: GaussianNoise | None, drawn: State | None, problem: Any, free: State) -> State | None:
    """The noise of a step: what was drawn for it, a new draw from the problem's key, or None without noise."""
    if drawn is not None:
        return drawn
    return None if noise is None else noise.draw(problem, free)


def at_step(problem: Any, number: Array | int) -> Any:
    """The problem of one step: its number is folded into the key, so that every step has noise of its own."""
    return dataclasses.replace(problem, key=jax.random.fold_in(problem.key, number))


def noisy_steps(finder: Any, problem: Any, free: State, steps: int) -> tuple[State, Array, Array, Array]:
    """Apply the step of a finder with `noise` a fixed number of times; what `Finder.find` returns.

    The noise of some steps is drawn before them, each step's from its own key. A draw inside the step gives the same
    numbers, but is compiled into everything that uses it, and computed as often: training takes three times as long.
    """
    noise_key(problem, type(finder).__name__)

    def draw(number: Array) -> State:
        return finder.noise.draw(at_step(problem, number), free)

    def one(state: State, noise: State) -> tuple[State, None]:
        return finder.stepper(problem, noise)(state), None

    def several(first: Array | int, count: int, state: State) -> State:
        return jax.lax.scan(one, state, jax.vmap(draw)(first + jnp.arange(count)))[0]

    turns, rest = divmod(steps - 1, DRAWN_AT_ONCE)
    before = jax.lax.fori_loop(0, turns, lambda i, x: several(i * DRAWN_AT_ONCE, DRAWN_AT_ONCE, x), free)
    before = several(turns * DRAWN_AT_ONCE, rest, before) if rest else before
    last = several(steps - 1, 1, before)
    residual = largest_change(last, before, problem.batch)
    return last, residual, jnp.int32(steps), outcome_of(residual, None)
