"""Holomorphic EP against the number of points on its circle: geometric decrease, and one-sided EP beside it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.learn.holomorphic_ep import HolomorphicEP, beside, contrast, on_circle
from physeq.learn.order import fitted_ratio
from physeq.learn.setting import Setting
from physeq.learn.singularity import POINTS, Singularity
from physeq.learn.tight import flat_trainable, settled
from physeq.shown import Shown


@dataclass(frozen=True)
class PointsAudit:
    """The estimate with N points: its error and cosine, and the error estimated without a reference, from N and 2N."""

    points: int
    relative_error: float
    cosine: float | None
    estimated_error: float | None


@dataclass(frozen=True)
class HolomorphicAudit(Shown):
    """A circle of nudges at one radius.

    Attributes:
        singularity: the distance R to the nearest singularity and the recommended radius R/4, or None.
        radius: the radius of this audit.
        over_points: N = 2, 4, 8, 16, 32.
        ratio: q of the geometric decrease, error ≈ c qᴺ, or None without a clean stretch; (r/R) as r/R → 0.
        one_sided: relative error of one-sided EP at β = r.
    """

    singularity: Singularity | None
    radius: float
    over_points: tuple[PointsAudit, ...]
    ratio: float | None
    one_sided: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "singularity": None if self.singularity is None else self.singularity.to_dict(),
            "radius": self.radius,
            "points": [dataclasses.asdict(one) for one in self.over_points],
            "ratio": self.ratio,
            "one_sided": self.one_sided,
        }


def over_points(setting: Setting, rule: HolomorphicEP) -> HolomorphicAudit | None:
    """Audit N = 2 … 32 at the recommended radius, on one set of solved states; None where they do not settle.

    The points of a small N are among those of N = 32, so one solve and one compiled contrast serve all.
    """
    model, found = setting.model, setting.singularity
    radius = found.radius if found is not None and np.isfinite(found.radius) else 0.1 * setting.scale
    circle = dataclasses.replace(rule, radius=radius, points=POINTS)
    exact = setting.exact(rule.objective)[1]
    problem = model.problem(setting.params, setting.inputs, setting.target)
    nudged, states, residual, outcome = _solve(circle, model, problem, setting.free)
    if not settled(outcome, residual, states):
        return None
    betas = np.asarray(nudged.beta).ravel()
    count = len(betas) - 1  # the last entry is the free state

    def estimate(weights: np.ndarray) -> np.ndarray:
        return flat_trainable(model, _contrast(nudged, states, jnp.asarray(weights, nudged.beta.dtype)))

    estimates = {}
    for n in (2, 4, 8, 16, 32):
        weights, chosen = np.zeros(count + 1, complex), np.arange(0, count, POINTS // n)
        weights[chosen] = np.where(betas[chosen].imag == 0, 1, 2) / (n * betas[chosen])
        estimates[n] = estimate(weights)
    one_sided = np.zeros(count + 1, complex)
    one_sided[0], one_sided[-1] = 1 / betas[0], -1 / betas[0]
    points = tuple(_point(n, g, exact, estimates.get(2 * n)) for n, g in estimates.items())
    return HolomorphicAudit(
        singularity=found,
        radius=float(radius),
        over_points=points,
        ratio=fitted_ratio([p.points for p in points], [p.relative_error for p in points]),
        one_sided=_distance(estimate(one_sided), exact),
    )


@eqx.filter_jit
def _solve(rule, model, problem, start):
    finder = rule.finders(model)[1]
    circle = rule.circle(problem.beta.dtype)
    free = problem.start(start, problem.beta.dtype)
    nudged = on_circle(problem, circle.betas)
    states, residual, _, outcome = finder.find(nudged, beside(nudged, free))
    betas = jnp.concatenate([circle.betas, jnp.zeros(1, circle.betas.dtype)])
    both = jax.tree.map(lambda s, x: jnp.concatenate([s, x[None].astype(s.dtype)]), states, free)
    return on_circle(problem, betas), both, residual, outcome


@eqx.filter_jit
def _contrast(nudged: Any, states: Any, weights: Array):
    return contrast(nudged, states, weights)


def _point(n: int, estimate: np.ndarray, exact: np.ndarray, finer: np.ndarray | None) -> PointsAudit:
    length = float(np.linalg.norm(estimate) * np.linalg.norm(exact))
    return PointsAudit(
        points=n,
        relative_error=_distance(estimate, exact),
        cosine=float(estimate @ exact) / length if length else None,
        estimated_error=None if finer is None else _distance(estimate, finer),
    )


def _distance(estimate: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(estimate - exact) / np.linalg.norm(exact))
