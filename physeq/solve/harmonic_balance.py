"""Harmonic balance: periodic orbits as Fourier series, with the equations held at 2H + 1 times of the period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.solve.boundary import Periodic
from physeq.solve.trajectory_solver import AllAtOnce, refuse_series_in_mass, scales_of


@dataclass(frozen=True)
class HarmonicBalance(AllAtOnce):
    """D m(y) = f(t, y) at t_k = kT/N, N = 2H + 1, with D the derivative of the trigonometric interpolant.

    D is antisymmetric, so that the orbit is an extremal of the discrete action (T/N) Σ_k L(q_k, (Dq)_k): rules that
    contrast actions are exact for what is solved. The error falls faster than any power of 1/H for smooth motions.

    Attributes:
        harmonics: H.

    >>> HarmonicBalance(harmonics=2).grid(Periodic(1.0))[0].shape
    (5,)
    """

    harmonics: int = 16

    def __post_init__(self):
        if not (isinstance(self.harmonics, int) and self.harmonics >= 1):
            raise ModelError(f"HarmonicBalance: harmonics must be a whole number above 0, got {self.harmonics!r}")
        super().__post_init__()

    @property
    def points(self) -> int:
        """N = 2H + 1."""
        return 2 * self.harmonics + 1

    def grid(self, boundary: Any) -> tuple[Array, Array]:
        step = boundary.duration / self.points
        return jnp.arange(self.points) * step, jnp.full(self.points, step, jnp.result_type(float))

    def check(self, model: Any) -> None:
        refuse_series_in_mass("HarmonicBalance", model.layout)
        if not isinstance(model.boundary, Periodic):
            raise ModelError(
                f"HarmonicBalance needs Periodic(period), got {type(model.boundary).__name__}; use Collocation, or for "
                "initial values a stepping solver"
            )
        if model.cost is not None and model.cost.form.terminal != 0:
            raise ModelError("a periodic orbit has no end: leave the terminal cost out")

    def derivative(self, period: Any, dtype: Any) -> Array:
        """D, `(N, N)`: D_jk = (π/T)(−1)^{j−k}/sin(π(j−k)/N)."""
        j = np.arange(self.points)
        apart = j[:, None] - j[None, :]
        with np.errstate(divide="ignore"):
            d = np.where(apart == 0, 0.0, np.pi * (-1.0) ** apart / np.sin(np.pi * apart / self.points))
        return jnp.asarray(d, dtype) / period

    def reversed(self, ys: Array) -> Array:
        return jnp.roll(ys[::-1], 1, axis=0)

    def rates(self, one: Any, ys: Array) -> Array:
        """ẏ at every time."""
        return self.derivative(one.boundary.duration, jnp.finfo(ys.dtype).dtype) @ ys

    def pack(self, one: Any, ys: Array) -> Array:
        return ys.reshape(-1)

    def states(self, one: Any, x: Array) -> Array:
        return x.reshape(self.points, -1)

    def end(self, one: Any, x: Array) -> None:
        return None

    def equations(self, one: Any, x: Array) -> Array:
        ys = self.states(one, x)
        d = self.derivative(one.boundary.duration, jnp.finfo(x.dtype).dtype)
        return (d @ one.momentum(ys) - one.force(ys)).reshape(-1)

    def jacobian(self, one: Any, x: Array) -> Array:
        ys = self.states(one, x)
        count, size = ys.shape
        d = self.derivative(one.boundary.duration, jnp.finfo(x.dtype).dtype)
        whole = jnp.einsum("jk,kab->jakb", d, one.momentum_jacobian(ys))
        j = np.arange(count)
        whole = whole.at[j, :, j, :].add(-one.force_jacobian(ys))
        return whole.reshape(count * size, count * size)

    def scales(self, one: Any, x: Array) -> Array:
        return scales_of(self.states(one, x)).reshape(-1)


def interpolate(ys: Array, period: float, ts: Any) -> Array:
    """The trigonometric interpolant of a periodic orbit at any times, `(*batch, len(ts), size)`.

    Args:
        ys: states at kT/N, `(*batch, N, size)`.
        period: T.
        ts: times.

    >>> ys = jnp.cos(2 * jnp.pi * jnp.arange(5) / 5)[:, None]
    >>> round(float(interpolate(ys, 1.0, jnp.array([0.125]))[0, 0]), 4)
    0.7071
    """
    count = ys.shape[-2]
    half = count // 2
    numbers = jnp.arange(-half, half + 1)
    phases = jnp.exp(2j * jnp.pi * numbers * jnp.asarray(ts)[:, None] / period)
    coefficients = jnp.fft.fft(ys, axis=-2) / count
    kept = jnp.take(coefficients, numbers % count, axis=-2)
    out = jnp.einsum("th,...hs->...ts", phases, kept)
    return out if jnp.iscomplexobj(ys) else jax.lax.real(out)
