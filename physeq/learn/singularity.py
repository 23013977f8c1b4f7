"""How far holomorphic nudging may reach: the distance in β from 0 to the nearest singularity of the equilibrium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import SolveError
from physeq.learn.holomorphic_ep import HolomorphicEP, beside, on_circle
from physeq.learn.rule import Params, require_cost, require_holomorphic
from physeq.learn.tight import CIRCLE_FINDER, free_state, nudge_scale
from physeq.shown import Shown
from physeq.solve.finder import Finder, flatten
from physeq.solve.result import Outcome, State

POINTS = 32
# The circle is taken at about this part of the distance: far enough in for convergence, far enough out for digits.
_SHARE, _NEAR, _FAR = 0.4, 0.25, 0.6
# Circles tried before giving up; from one to the next the radius moves by at most this factor.
_TRIES, _STRIDE = 24, 30.0
# Without a singularity up to this multiple of the first radius there is none that matters.
_BEYOND = 1e8


@dataclass(frozen=True)
class Singularity(Shown):
    """The distance R from β = 0 to the nearest singularity of s^β, and what follows for nudging.

    Attributes:
        distance: R, the least over the samples; infinite where the state is a polynomial in β.
        radius: R/4, the recommended radius of `HolomorphicEP`: its error falls like 4^(−N).
        distances: R of every sample, flattened.
        circle: the radius of the circle on which the states were solved.
    """

    distance: float
    radius: float
    distances: tuple[float, ...]
    circle: float

    def __repr__(self) -> str:
        return f"Singularity(distance={self.distance:.6g}, radius={self.radius:.6g}, {len(self.distances)} samples)"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; an infinite distance is None."""
        finite = np.isfinite(self.distance)
        return {
            "distance": self.distance if finite else None,
            "radius": self.radius if finite else None,
            "circle": self.circle,
        }


def nearest_singularity(
    model: Any,
    params: Params,
    inputs: Any,
    target: Array,
    *,
    start: State | None = None,
    finder: Finder | None = None,
) -> Singularity:
    """Estimate R from the Taylor coefficients of the equilibrium, s^β = Σ_m c_m β^m.

    The states on a circle of 32 nudges around the free equilibrium give c_m by a Fourier transform; the radius moves
    over decades until the decay of ‖c_m‖ r^m is well resolved (R is of the order of 1 for neural networks and of
    milli-units for exponential diodes at small conductances). R is the nearest root of Q in the differential equation
    Q(β) s′ = P(β) s, Q quadratic and P linear, fitted to the last resolved coefficients of all unknowns at once: exact
    for one or two poles or branch points of any exponent, conjugate ones included. Where that root does not agree with
    the decay itself, the decay counts. Circles with a state that did not converge are never used.

    Args:
        model, params: the compiled system and its parameters; its terms must continue to complex states.
        inputs, target: one batch.
        start: the free equilibrium, if it is known to rounding.
        finder: of the states on the circle, by default continuation in the nudge by Newton's method to rounding.

    Raises:
        ModelError: no cost, or a term that does not continue to complex states.
        SolveError: the free equilibrium or a resolved circle cannot be found.

    Source: differential approximants, Hunter & Baker 1979, doi:10.1103/PhysRevB.19.3808.

    >>> import jax, numpy as np, physeq as pq
    >>> s, y = pq.coordinate("s"), pq.target("y")
    >>> node = pq.Node("spring", potential=s**2)  # 2 s + β (s − y) = 0: a pole at β = −2
    >>> model = pq.System(pq.complete(1), nodes=node, outputs=[0], cost=(s - y) ** 2 / 2).compile()
    >>> params = model.init_parameters(jax.random.key(0))
    >>> with jax.enable_x64(True):
    ...     round(nearest_singularity(model, params, None, np.array([1.0])).distance, 6)
    2.0
    """
    require_cost(model, "nearest_singularity")
    require_holomorphic(model, "nearest_singularity", "EquilibriumPropagation with Centered nudging")
    free = free_state(model, params, inputs, target) if start is None else start
    finder = CIRCLE_FINDER if finder is None else finder
    finder.check_complex(model)
    radius = first = 0.1 * nudge_scale(model, params, inputs, target, free)
    low, high = 0.0, np.inf  # radii known to be too small and too large
    for _ in range(_TRIES):
        states, outcome = _states(model, finder, params, inputs, target, free, jnp.asarray(radius))
        worst = int(jnp.max(outcome))
        shares = None if worst >= Outcome.NOT_CONVERGED else _shares(np.asarray(states))
        share = np.inf if shares is None else float(np.max(shares))
        if shares is not None and _NEAR <= share <= _FAR:
            distances = radius / shares
            return Singularity(radius / share, radius / share / 4, tuple(map(float, distances)), radius)
        if share < _NEAR:
            low = radius
            factor = min(_SHARE / share, _STRIDE) if share else _STRIDE
        else:
            high = radius
            factor = max(_SHARE / share, 1 / _STRIDE) if np.isfinite(share) else 0.2
        if radius > _BEYOND * first:
            return Singularity(np.inf, np.inf, tuple(np.full(states[0].size // states.shape[-1], np.inf)), radius)
        moved = radius * factor
        radius = moved if low < moved < high else float(np.sqrt(low * high)) if low else high / _STRIDE
    raise SolveError(
        f"nearest_singularity: no circle of nudges around the free state was resolved (last radius {radius:.3g}); the "
        "free equilibrium may itself be near a branch point: choose other parameters, or double precision"
    )


@eqx.filter_jit
def _states(model, finder, params, inputs, target, free, radius):
    problem = model.problem(params, inputs, target)
    circle = HolomorphicEP(radius, POINTS).circle(problem.beta.dtype)
    nudged = on_circle(problem, circle.betas)
    states, _, _, outcome = finder.find(nudged, beside(nudged, problem.start(free, problem.beta.dtype)))
    return flatten(states), outcome


def _shares(states: np.ndarray) -> np.ndarray | None:
    """r/R of every sample from its states `(17, *batch, unknowns)`; 0 where nothing but c_0 and c_1 is seen.

    None where the coefficients do not fall at all, as on a circle around a singularity.
    """
    scaled = np.fft.irfft(np.conj(states), POINTS, axis=0)  # c_m r^m, real for real systems
    scaled = scaled.reshape(POINTS, -1, states.shape[-1])
    found = [_share(scaled[:, k]) for k in range(scaled.shape[1])]
    return None if any(share is None for share in found) else np.array(found)


def _share(c: np.ndarray) -> float | None:
    size = np.linalg.norm(c, axis=-1)
    floor = 30 * np.finfo(c.dtype).eps * max(size[0], size[1])
    # Half of the spectrum belongs to aliases, if it were not resolved.
    seen = np.nonzero(size[2 : 3 * POINTS // 4] > floor)[0] + 2
    if len(seen) == 0:
        return 0.0
    last = int(seen[-1]) + 1
    if last < 8:  # too few to fit: the largest root of what there is
        return float(np.max((size[seen] / max(size[1], floor)) ** (1 / (seen - 1.0))))
    first = max(3, last // 2)
    # The decay of the envelope; dips of conjugate pairs and of symmetric states are passed over.
    steps, logs = np.arange(first - 1, last), np.log(np.maximum(size[first - 1 : last], floor / 30))
    head, tail = max(2, len(steps) // 3), max(2, len(steps) // 3)
    a, b = np.argmax(logs[:head]), len(steps) - tail + np.argmax(logs[-tail:])
    decay = float(np.exp((logs[b] - logs[a]) / (steps[b] - steps[a])))
    if decay >= 1:
        return None
    # A branch point of exponent ½ decays faster than its distance by m^(−3/2), a double pole slower by m.
    windows = [_roots(c, first, last), _roots(c, max(3, first - 2), last - 2)]
    here, there = ([1 / z for z in roots if 0.9 * decay <= 1 / z <= 1.5 * decay] for roots in windows)
    steady = [share for share in here if any(abs(share - other) < 0.01 * share for other in there)]
    return max(steady) if steady else min(here, key=lambda share: abs(share - decay), default=decay)


def _roots(c: np.ndarray, first: int, last: int) -> list[float]:
    """|singular roots| of Q(z) = 1 + A z + B z² fitted to Q s′ = (C + D z) s, rows m = first … last − 1."""
    rows, right = [], []
    for m in range(first, last):
        scale = m * max(np.linalg.norm(c[m - 1]), np.linalg.norm(c[m]), np.finfo(c.dtype).tiny)
        rows.append(np.stack([-(m - 1) * c[m - 1], -(m - 2) * c[m - 2], c[m - 1], c[m - 2]], 1) / scale)
        right.append(m * c[m] / scale)
    matrix = np.concatenate(rows)
    columns = np.maximum(np.linalg.norm(matrix, axis=0), np.finfo(c.dtype).tiny)
    a, b, c0, d = np.linalg.lstsq(matrix / columns, np.concatenate(right), rcond=1e-10)[0] / columns
    found = []
    for z in np.roots([b, a, 1.0]):
        # s ~ (z − z_k)^α: powers 0, 1, 2 … are no singularity, but roots that P and Q share, and zeros of s.
        slope = a + 2 * b * z
        power = (c0 + d * z) / slope if slope != 0 else np.inf
        regular = np.isfinite(power) and abs(power - np.round(power.real)) < 0.05 and power.real > -0.5
        if not regular and abs(z) > 0:
            found.append(float(abs(z)))
    return found
