"""A nudge that oscillates in time: the physical dynamics and the Fourier coefficient of ∂F/∂θ, integrated together."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import parameter_gradient
from physeq.errors import ModelError
from physeq.learn.rule import Params
from physeq.settings import finite, whole
from physeq.solve import GaussianNoise
from physeq.solve.dynamics import check_dynamics, velocity
from physeq.solve.finder import refuse_bounds, residual_of
from physeq.solve.langevin import brownian_terms, integrated_outcome, join_complex, split_complex
from physeq.solve.result import State


class Oscillated(NamedTuple):
    """What an oscillation left.

    Attributes:
        gradients: estimate of dL/dθ.
        last: the complex state at the end.
        mean: mean of the real part over the last period, the zeroth Fourier coefficient.
        residual: the largest last change of all holds that count (map) or the largest |force| at the end (dynamics),
            per batch entry.
        steps: of all holds that count, or of the integrator.
        outcome: the worst of all holds that count, or of all periods (dynamics), per batch entry.
    """

    gradients: Params
    last: State
    mean: State
    residual: Array
    steps: Any
    outcome: Array


@dataclass(frozen=True)
class ContinuousOscillation:
    """M ẋ = −∂F/∂x under β(t) = r e^{iωt}, and dL/dθ ≈ Re 1/(P T r) ∫ ∂F/∂θ(x(t)) e^{−iωt} dt over P periods T = 2π/ω.

    The state must follow the nudge: near an equilibrium with curvature H the response is (H + iωM)⁻¹ in place of H⁻¹.
    The estimate deviates by O((ω M/H)²), a quarter of it at twice the period. Real and imaginary parts are integrated
    as real states.

    Attributes:
        period: T, in physical time; long against the slowest relaxation.
        periods: how many periods are integrated.
        discard: how many of the first ones, the transient, are left out of the integral.
        rtol, atol: of Tsitouras' 5(4) adaptive steps.
        dt: a fixed step, with Heun's method, instead of adaptive ones; needed with noise.
        noise: dx = M⁻¹f dt + σ dW on the real part, as in `Langevin`.
        max_steps: most integration steps per period; with more the outcome is `NOT_CONVERGED`.

    Source: Laborieux & Zenke 2022, arXiv:2209.00530, eq. 9.

    >>> ContinuousOscillation(period=40.0, periods=2, discard=1).discard
    1
    """

    period: float
    periods: int = 3
    discard: int = 0
    rtol: float = 1e-6
    atol: float = 1e-8
    dt: float | None = None
    noise: GaussianNoise | None = None
    max_steps: int = 100_000

    def __post_init__(self):
        finite("ContinuousOscillation", "period", self.period, above=0)
        whole("ContinuousOscillation", "periods", self.periods, 1)
        whole("ContinuousOscillation", "discard", self.discard, 0)
        if self.discard >= self.periods:
            raise ModelError(
                f"ContinuousOscillation: needs 0 ≤ discard < periods, got {self.discard!r} and {self.periods!r}"
            )
        if self.dt is None and self.noise is not None:
            raise ModelError("ContinuousOscillation: noise needs a fixed step; pass dt=")
        if self.dt is not None and not 0 < self.dt <= self.period:
            raise ModelError(f"ContinuousOscillation: dt must lie between 0 and the period, got {self.dt!r}")

    def check(self, model: Any) -> None:
        """Raise `ModelError` where the model has no dynamics of its own, or bounds."""
        check_dynamics(model, "ContinuousOscillation")
        refuse_bounds(model, "ContinuousOscillation")

    def run(self, problem: Any, begin: State, radius: Any) -> Oscillated:
        """Integrate from a real state, period by period."""
        omega = 2 * math.pi / self.period
        complex_type = jnp.result_type(problem.beta.dtype, jnp.complex64)
        weight = 1.0 / (radius * self.period * math.prod(problem.batch))

        def at(t):
            phase = jax.lax.complex(jnp.cos(omega * t), jnp.sin(omega * t)).astype(complex_type)
            return dataclasses.replace(problem, beta=(radius * phase).astype(complex_type)), jnp.conj(phase)

        def motion(t, y):
            here, back = at(t)
            x = join_complex(y["state"])
            rates: dict[str, Any] = {"state": split_complex(velocity(here)(x))}
            if "gradient" in y:
                spread = jnp.broadcast_to(weight * back, problem.batch)
                rates["gradient"] = parameter_gradient(here, x, spread)
                rates["mean"] = jax.tree.map(lambda v: v.real / self.period, x)
            return rates

        state = split_complex(jax.tree.map(lambda x: x.astype(complex_type), begin))
        alone, steps, reached = self._periods(motion, problem, {"state": state}, 0, self.discard)
        zero = {
            "gradient": jax.tree.map(jnp.zeros_like, problem.params),
            "mean": jax.tree.map(jnp.zeros_like, begin),
        }
        found, more, complete = self._periods(motion, problem, alone | zero, self.discard, self.periods)
        kept = self.periods - self.discard
        last = join_complex(found["state"])
        residual = residual_of(at(self.periods * self.period)[0], last)
        return Oscillated(
            jax.tree.map(lambda g: g / kept, found["gradient"]), last, found["mean"], residual, steps + more,
            integrated_outcome(residual, reached & complete),
        )  # fmt: skip

    def _periods(self, motion: Any, problem: Any, y: Any, first: int, end: int) -> tuple[Any, Array, Array]:
        """Integrate from period `first` to period `end`: what is left, the steps, and whether all were completed.

        The mean is that of the last period.
        """
        if first == end:  # nothing to compile
            return y, jnp.int32(0), jnp.bool_(True)

        def one(carry, number):
            old, count, good = carry
            if "mean" in old:
                old = old | {"mean": jax.tree.map(jnp.zeros_like, old["mean"])}
            new, steps, complete = self._period(motion, problem, old, number)
            return (new, count + steps, good & complete), None

        carry, _ = jax.lax.scan(one, (y, jnp.int32(0), jnp.bool_(True)), jnp.arange(first, end))
        return carry

    def _period(self, motion: Any, problem: Any, y: Any, number: Array) -> tuple[Any, Array, Array]:
        # Every period is one integration over [0, T], the nudge being periodic.
        drift = diffrax.ODETerm(lambda t, v, _: motion(t, v))
        terms: Any = drift
        if self.noise is not None and self.dt is not None:
            key = None if problem.key is None else jax.random.fold_in(problem.key, number)
            noisy = dataclasses.replace(problem, key=key)
            terms = diffrax.MultiTerm(drift, brownian_terms(self.noise, noisy, y, self.period, self.dt))
        fixed, real = self.dt is not None, jnp.finfo(problem.beta.dtype).dtype
        solution = diffrax.diffeqsolve(
            terms,
            diffrax.Heun() if fixed else diffrax.Tsit5(),
            t0=jnp.zeros((), real),
            t1=jnp.asarray(self.period, real),
            dt0=None if self.dt is None else jnp.asarray(self.dt, real),
            y0=y,
            stepsize_controller=(
                diffrax.ConstantStepSize() if fixed else diffrax.PIDController(rtol=self.rtol, atol=self.atol)
            ),
            saveat=diffrax.SaveAt(t1=True),
            max_steps=math.ceil(self.period / self.dt) + 2 if self.dt is not None else self.max_steps,
            throw=False,
        )
        complete = solution.result == diffrax.RESULTS.successful
        last = jax.tree.map(lambda x: x[-1], solution.ys)
        return last, solution.stats["num_steps"].astype(jnp.int32), complete
