"""A lock-in detector on every element: the mean of a signal, and its sine component at the frequency of the nudge."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.learn.holomorphic_ep import contrast, on_circle
from physeq.learn.rule import Params
from physeq.settings import finite, whole
from physeq.solve import GaussianNoise
from physeq.solve.noise import noise_key
from physeq.solve.result import State


class Points(NamedTuple):
    """The distinct values of the sine in a window, ascending, and what the samples at each of them add up to.

    Attributes:
        sines: sin φ, `(points,)`.
        weights: of the samples at each value in the sine component of a signal, (2/N) sin φ_n each without a fit.
        shares: how many of the N samples there are at each value, over N: the mean of a signal.
        place: of every sample of one period among the values, `(samples,)`.
    """

    sines: np.ndarray
    weights: np.ndarray
    shares: np.ndarray
    place: np.ndarray


@dataclass(frozen=True)
class LockIn:
    """N = periods·samples readings at φ_n = 2π(offset + n/samples): mean (1/N) Σ h_n, amplitude (2/N) Σ h_n sin φ_n.

    Over whole periods the sine component is free of the mean and of all harmonics but those that `samples` folds onto
    the first, of the orders k·samples ± 1. Over other windows a share of the mean, `leakage`, leaks into it: at most
    about 2/(π·periods). A fit of mean and sine by least squares keeps the mean out of every window, at the price of one
    more running sum per element; even harmonics, which are O(β²), still leak.

    Attributes:
        periods: length of the window, at least 1; a whole number or not.
        samples: readings per period, at least 3; periods·samples must be whole.
        offset: where in the period of the nudge the window begins, in periods.
        noise: σ·N(0, 1) in the reading of every unknown, independent for every batch entry and every sample.
        fitted: whether the amplitude is that of the least-squares fit a + b sin φ_n, in place of the plain product.

    Raises:
        ModelError: one of these is out of its range.

    >>> LockIn(periods=2, samples=8).count, round(LockIn(periods=1.5, samples=8).leakage, 4)
    (16, 0.4024)
    """

    periods: float = 1.0
    samples: int = 8
    offset: float = 0.0
    noise: GaussianNoise | None = None
    fitted: bool = False

    def __post_init__(self):
        whole("LockIn", "samples", self.samples, 3, " per period")
        finite("LockIn", "periods", self.periods, least=1)
        finite("LockIn", "offset", self.offset)
        if abs(self.periods * self.samples - self.count) > 1e-6:
            near = self.count / self.samples
            raise ModelError(
                f"LockIn: {self.periods!r} periods of {self.samples} samples are no whole number of readings; "
                f"take periods = {near!r}, or other samples"
            )

    @property
    def count(self) -> int:
        """N, the number of readings."""
        return round(self.periods * self.samples)

    @property
    def sines(self) -> np.ndarray:
        """sin φ of the samples of one period, which all periods share."""
        # Rounded, so that equal sines are equal numbers: every distinct nudge is solved once.
        return np.round(np.sin(2 * np.pi * (self.offset + np.arange(self.samples) / self.samples)), 14) + 0.0

    @property
    def by_period(self) -> tuple[np.ndarray, np.ndarray]:
        """(weights of the sine component, shares of the mean), `(⌈periods⌉, samples)`, zero beyond the window."""
        blocks = math.ceil(self.count / self.samples)
        inside = (np.arange(blocks * self.samples) < self.count).reshape(blocks, self.samples)
        shares = inside / self.count
        if not self.fitted:
            return 2 * shares * self.sines, shares
        swing = self.sines - np.sum(shares * self.sines)
        return shares * swing / np.sum(shares * swing**2), shares

    @property
    def leakage(self) -> float:
        """What the amplitude reads of a constant 1; (2/N) Σ sin φ_n without a fit."""
        return float(math.fsum(self.by_period[0].ravel()))

    @property
    def square_leakage(self) -> float:
        """What the amplitude reads of sin²φ, the even part of a response to the nudge, (2/N) Σ sin³φ_n without a fit.

        An error of the first order in the nudge: it is there in windows of parts of periods, and with three samples a
        period unless the window begins at a multiple of a sixth of one.
        """
        return float(math.fsum((self.by_period[0] * self.sines**2).ravel()))

    def points(self) -> Points:
        """The window on a signal that depends on the nudge's value alone."""
        sines, place = np.unique(self.sines, return_inverse=True)
        weights, shares = self.by_period
        return Points(
            sines,
            np.array([math.fsum(weights[:, place == k].ravel()) for k in range(len(sines))]),
            np.array([math.fsum(shares[:, place == k].ravel()) for k in range(len(sines))]),
            place,
        )


class Demodulated(NamedTuple):
    """What was read in a window.

    Attributes:
        gradients: the sine component of ∂F/∂θ over β, batch mean.
        mean: of the free state.
        residual, steps, outcome: the worst residual and outcome per batch entry, and all steps.
    """

    gradients: Params
    mean: State
    residual: Array
    steps: Array
    outcome: Array


class Period(NamedTuple):
    """One period: where it ended, its states along a first axis of samples, and how it was solved."""

    end: State
    states: State
    residual: Array
    steps: Any
    outcome: Array


def demodulate(
    window: LockIn, problem: Any, beta: Any, begin: State, period: Callable[[State, Array], Period]
) -> Demodulated:
    """Read ∂F/∂θ at every sample of the window, period by period; one period of states is kept at a time.

    Args:
        window: the lock-in; its noise is drawn from the problem's key.
        problem: parameters, inputs and target; its own nudge is not used.
        beta: the amplitude of the nudge.
        begin: state at the begin of the first period.
        period: (state at its begin, its number) → `Period`.
    """
    dtype = problem.beta.dtype
    everywhere = on_circle(problem, beta * jnp.asarray(window.sines, dtype))
    weights, shares = (jnp.asarray(w, dtype) for w in window.by_period)

    def one(carry, now):
        state, total, mean, residual, steps, outcome = carry
        number, weight, share = now
        found = period(state, number)
        read = found.states
        if window.noise is not None:
            key = jax.random.fold_in(noise_key(problem, "LockIn"), number)
            error = window.noise.draw(dataclasses.replace(everywhere, key=key), read)
            read = jax.tree.map(jnp.add, read, error)
        total = jax.tree.map(jnp.add, total, contrast(everywhere, read, weight / beta))
        mean = jax.tree.map(lambda m, x: m + jnp.tensordot(share, x, 1), mean, found.states)
        worst = jnp.maximum(residual, found.residual), steps + found.steps, jnp.maximum(outcome, found.outcome)
        return (found.end, total, mean, *worst), None

    zero = jax.tree.map(jnp.zeros_like, problem.params), jax.tree.map(jnp.zeros_like, begin)
    nothing = jnp.zeros(problem.batch, dtype), jnp.int32(0), jnp.zeros(problem.batch, jnp.int32)
    numbers = jnp.arange(len(weights))
    (_, *found), _ = jax.lax.scan(one, (begin, *zero, *nothing), (numbers, weights, shares))
    return Demodulated(*found)
