"""Langevin dynamics: the physical dynamics with noise, as a stochastic differential equation through diffrax."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.solve.dynamics import check_dynamics, velocity
from physeq.solve.finder import Finder, refuse_bounds, residual_of
from physeq.solve.noise import GaussianNoise, noise_key
from physeq.solve.result import Outcome, State, outcome_of


@dataclass(frozen=True)
class Langevin(Finder):
    """The state of dx = M⁻¹f(x) dt + σ dW after a fixed time: a sample of the noisy steady state.

    With M = 1 and f = −∂E/∂x the stationary density is ∝ exp(−2E(x)/σ²). W has an independent component for every free
    unknown of every batch entry. Heun's method with fixed steps; in complex states the noise is real.

    Attributes:
        duration: physical time from the start.
        dt: step in physical time.
        noise: σ, in the unknown's unit per square root of the time's.

    >>> Langevin(10.0, 0.1, GaussianNoise(0.2))
    Langevin(duration=10.0, dt=0.1, noise=GaussianNoise(sigma=0.2))
    """

    duration: float = 10.0
    dt: float = 0.1
    noise: GaussianNoise = GaussianNoise(0.1)  # noqa: RUF009 - frozen; without a default it would be the base's property

    def __post_init__(self):
        super().__post_init__()
        if not (math.isfinite(self.duration) and 0 < self.dt <= self.duration):
            raise ModelError(
                f"Langevin: needs 0 < dt ≤ duration < ∞, got dt = {self.dt!r} and duration = {self.duration!r}"
            )

    def check(self, model: Any) -> None:
        check_dynamics(model, "Langevin")
        refuse_bounds(model, "Langevin")

    def check_complex(self, model: Any) -> None:
        """Real and imaginary parts are integrated as two real states."""

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        rate, begin = velocity(problem), {"state": split_complex(free)}
        drift = diffrax.ODETerm(lambda t, y, _: {"state": split_complex(rate(join_complex(y["state"])))})
        terms: Any = diffrax.MultiTerm(drift, brownian_terms(self.noise, problem, begin, self.duration, self.dt))
        steps, dtype = math.ceil(self.duration / self.dt - 1e-9), jnp.finfo(problem.beta.dtype).dtype
        solution = diffrax.diffeqsolve(
            terms,
            diffrax.Heun(),
            t0=jnp.zeros((), dtype),
            t1=jnp.asarray(self.duration, dtype),
            dt0=jnp.asarray(self.dt, dtype),
            y0=begin,
            saveat=diffrax.SaveAt(t1=True),
            max_steps=steps + 1,
            throw=False,
        )
        last = join_complex(jax.tree.map(lambda x: x[-1], solution.ys["state"]))
        residual = residual_of(problem, last)
        outcome = integrated_outcome(residual, solution.result == diffrax.RESULTS.successful)
        return last, residual, solution.stats["num_steps"].astype(jnp.int32), outcome


def integrated_outcome(residual: Array, complete: Any) -> Array:
    """Outcome codes of an integration over a fixed time: `NOT_CONVERGED` where it ended before that time."""
    code = outcome_of(residual, None)
    return jnp.where(complete, code, jnp.maximum(code, jnp.int32(Outcome.NOT_CONVERGED)))


def brownian_terms(noise: GaussianNoise, problem: Any, y: Any, duration: float, dt: float) -> diffrax.ControlTerm:
    """σ dW on the real part of y["state"] (in split form, `split_complex`), on free unknowns; nothing else is moved."""
    real = y["state"]["real"]
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), real)
    key = noise_key(problem, "Langevin dynamics")
    motion = diffrax.VirtualBrownianTree(0.0, duration, tol=dt / 2, shape=shapes, key=key)

    def push(dw):
        moved = jax.tree.map(jnp.zeros_like, y)
        moved["state"]["real"] = {
            g: {k: problem.mask(g, k, noise.sigma * w) for k, w in own.items()} for g, own in dw.items()
        }
        return moved

    return diffrax.ControlTerm(lambda t, x, args: lx.FunctionLinearOperator(push, shapes), motion)


def split_complex(state: State) -> dict[str, State]:
    """{"real": …, "imag": …} of a complex state, {"real": …} of a real one: diffrax is at home in real states."""
    if not any(jnp.iscomplexobj(x) for x in jax.tree.leaves(state)):
        return {"real": state}
    return {"real": jax.tree.map(jnp.real, state), "imag": jax.tree.map(jnp.imag, state)}


def join_complex(parts: dict[str, State]) -> State:
    """The inverse of `split_complex`."""
    return jax.tree.map(jax.lax.complex, parts["real"], parts["imag"]) if "imag" in parts else parts["real"]
