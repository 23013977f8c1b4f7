"""A sinusoidal nudge at a finite frequency: the relaxation of a first-order system that follows it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.learn.lock_in import LockIn, Period
from physeq.settings import finite, whole
from physeq.solve.dynamics import check_dynamics, velocity
from physeq.solve.finder import refuse_bounds, residual_of
from physeq.solve.langevin import integrated_outcome
from physeq.solve.result import State


@dataclass(frozen=True)
class NudgeInTime:
    """M ẋ = −∂E/∂x − β sin(ωt) ∂C/∂x, ω = 2π/period, read at the samples of a lock-in window.

    Near an equilibrium with curvature H the state answers the nudge with (H + iωM)⁻¹ in place of H⁻¹. The lock-in reads
    the part in phase, H/(H² + ω²M²) for one unknown, which falls short by O((ωM/H)²): a quarter of it at twice the
    period. Needs first-order dynamics and no bounds.

    Attributes:
        period: T, in physical time; long against the slowest relaxation.
        discard: whole periods before the window begins, from the free equilibrium.
        rtol, atol: of Tsitouras' 5(4) adaptive steps; atol is to be far below the movement of the state, O(β).
        max_steps: most integration steps per period; with more the outcome is `NOT_CONVERGED`.

    Raises:
        ModelError: a setting is out of its range; at use: no first-order dynamics, or bounds.

    >>> NudgeInTime(period=40.0).discard
    1
    """

    period: float
    discard: int = 1
    rtol: float = 1e-7
    atol: float = 1e-10
    max_steps: int = 100_000

    def __post_init__(self):
        finite("NudgeInTime", "period", self.period, above=0)
        whole("NudgeInTime", "discard", self.discard, 0)

    def check(self, model: Any) -> None:
        """Raise `ModelError` where the model has no dynamics of its own, or bounds."""
        check_dynamics(model, "NudgeInTime")
        refuse_bounds(model, "NudgeInTime")

    def periods(self, problem: Any, beta: Any, window: LockIn) -> Callable[[State, Array], Period]:
        """The function (state, number of the period) → `Period` that a lock-in reads; all periods are alike."""
        dtype = problem.beta.dtype
        times = (self.period * (window.offset + jnp.arange(window.samples + 1) / window.samples)).astype(dtype)

        def nudged(t):
            return dataclasses.replace(problem, beta=(beta * jnp.sin(2 * math.pi * t / self.period)).astype(dtype))

        def one(state: State, number: Array) -> Period:
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, x, _: velocity(nudged(t))(x)),
                diffrax.Tsit5(),
                t0=times[0],
                t1=times[-1],
                dt0=None,
                y0=state,
                stepsize_controller=diffrax.PIDController(rtol=self.rtol, atol=self.atol),
                # The end for itself: an integration that stops early leaves the later samples empty.
                saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(ts=times[:-1]), diffrax.SubSaveAt(t1=True)]),
                max_steps=self.max_steps,
                throw=False,
            )
            assert solution.ys is not None
            states, last = solution.ys
            end = jax.tree.map(lambda x: x[-1], last)
            residual = residual_of(nudged(times[-1]), end)
            complete = solution.result == diffrax.RESULTS.successful
            steps = solution.stats["num_steps"].astype(jnp.int32)
            return Period(end, states, residual, steps, integrated_outcome(residual, complete))

        return one

    def settle(self, period: Callable[[State, Array], Period], begin: State) -> tuple[State, Array]:
        """(state after the discarded periods, worst outcome)."""
        if not self.discard:
            return begin, jnp.int32(0)

        def one(state, number):
            found = period(state, number)
            return found.end, jnp.max(found.outcome)

        state, outcomes = jax.lax.scan(one, begin, jnp.arange(self.discard))
        return state, jnp.max(outcomes)
