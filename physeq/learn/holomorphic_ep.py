"""Holomorphic equilibrium propagation: the contrast over complex nudges on a circle, exact at a finite nudge."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import parameter_gradient
from physeq.errors import ModelError
from physeq.learn.phases import phase_info
from physeq.learn.procedure import CLOSING, Listing, Step, for_each_sample
from physeq.learn.rule import (
    GradientInfo,
    LearningRule,
    Objective,
    Params,
    Phase,
    outside_objective,
    require_cost,
    require_energy,
    require_holomorphic,
)
from physeq.settings import finite, whole
from physeq.solve import Newton, default_finder
from physeq.solve.finder import Finder
from physeq.solve.result import State


@dataclass(frozen=True)
class HolomorphicEP(LearningRule):
    """dL/dθ = Re (1/N) Σ_k (1/β_k) ∂F/∂θ(s^{β_k}) + O((r/R)^N), β_k = r e^{2πik/N}, k = 0 … N−1.

    The mean over the circle is Cauchy's formula for the derivative of ∂F/∂θ(s^β) at β = 0, discretised with N points.
    R is the distance from 0 to the nearest singularity of s^β (a branch point, where det ∂²F/∂s² = 0, or a pole of a
    term): `nearest_singularity` estimates it, and r = R/4 with N = 16 leaves errors near 1e-9. N = 2 is the
    centered contrast ±r. Needs an energy whose terms continue to complex states.

    States of real systems are conjugate at conjugate nudges, so only k = 0 … ⌊N/2⌋ are solved and complex ones count
    twice; all N are where the finder has noise.

    Attributes:
        radius: r, in units of β.
        points: N, at least 2.
        free: finder of the free phase; by default the model's.
        nudged: finder of the nudged phases, started at the free state; by default `free` where it takes complex
            states, else `Newton()`. `Continuation(n)` where that leaves the branch of the free state.

    Source: Laborieux & Zenke 2022, arXiv:2209.00530.

    >>> [complex(beta) for beta in HolomorphicEP(radius=0.25, points=4).circle(jnp.float32).betas]
    [(0.25+0j), 0.25j, (-0.25+0j)]
    """

    radius: float = 0.1
    points: int = 8
    free: Finder | None = None
    nudged: Finder | None = None

    def __post_init__(self):
        whole("HolomorphicEP", "points", self.points, 2, " (2 is centered EP)")
        finite("HolomorphicEP", "the radius", self.radius, above=0)
        super().__post_init__()

    @property
    def objective(self) -> Objective:
        return outside_objective(self.nudged or self.free)

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("free", "0", None, ""),
            Phase("nudged, k = 0 … N−1", "r e^{2πik/N}", "free", "e^{−2πik/N}/(N r)"),
        )

    def check(self, model: Any) -> None:
        require_cost(model, "HolomorphicEP")
        require_energy(model, "HolomorphicEP", "AsymmetricEP, DyadicEP or VectorFieldEP (biased)")
        require_holomorphic(model, "HolomorphicEP", "EquilibriumPropagation with Centered nudging")
        free, nudged = self.finders(model)
        free.check(model)
        nudged.check(model)
        if self.points > 2:
            nudged.check_complex(model)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        """The finders of the free and of the nudged phases."""
        free = self.free if self.free is not None else default_finder(model)
        if self.nudged is not None:
            return free, self.nudged
        if self.points > 2:
            try:
                free.check_complex(model)
            except ModelError:
                return free, Newton()
        return free, free

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def circle(self, dtype: Any, *, halved: bool = True) -> Circle:
        """The nudges that are solved and their weights in the contrast; real where all are."""
        count = self.points // 2 + 1 if halved else self.points
        roots = np.array([_root(k, self.points) for k in range(count)])
        twice = np.array([2.0 if halved and 0 < 2 * k < self.points else 1.0 for k in range(count)])
        kind = jnp.result_type(dtype, jnp.complex64) if self.points > 2 else dtype
        betas = jnp.asarray(self.radius, dtype) * jnp.asarray(roots if self.points > 2 else roots.real, kind)
        return Circle(betas, jnp.asarray(twice / self.points, dtype) / betas)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        free, nudged = self.finders(model)
        halved = getattr(nudged, "noise", None) is None
        run = self.points // 2 + 1 if halved else self.points
        add = "Every element adds {1/β_n} times what it measures to a running sum"
        if halved and self.points > 2:
            alone = "points 0 and {N}/2" if self.points % 2 == 0 else "point 0"
            add += f", twice but for {alone}: the point at the conjugate nudge would add the conjugate"
        return (
            Step(
                f"Choose {{N}} = {self.points} nudges on a circle of radius {{r}} = {self.radius:g}.",
                lists=Listing.NUDGE,
            ),
            for_each_sample(
                Step("Free phase: no nudge. From the start values, let the system come to rest.", finder=free),
                Step(
                    f"For {{n}} = 0 … {run - 1}:",
                    (
                        Step(
                            "The outputs feel the complex nudge {β_n}. From the free state, let the system come to "
                            "rest; the state is complex.",
                            lists=Listing.SLOPES,
                            finder=nudged,
                        ),
                        Step(f"{add}."),
                    ),
                    times=run,
                ),
                Step("Every element takes the real part of its sum, over {N}; that is its estimate."),
            ),
            *CLOSING,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        free_finder, nudged_finder = self.finders(model)
        problem = model.problem(params, inputs, target)
        keys = (None, None) if key is None else tuple(jax.random.split(key))
        circle = self.circle(problem.beta.dtype, halved=getattr(nudged_finder, "noise", None) is None)
        rest = dataclasses.replace(problem, target=None, key=keys[0])
        free = free_finder.find(rest, problem.start(start, problem.beta.dtype))
        nudged = on_circle(problem, circle.betas, keys[1])
        states, *evidence = nudged_finder.find(nudged, beside(nudged, free[0]))
        moved = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), axis=(0, -1)), states, free[0])
        return contrast(nudged, states, circle.weights), phase_info(problem, free, evidence, moved)


class Circle(NamedTuple):
    """Nudges β_k and what multiplies ∂F/∂θ(s^{β_k}) in Re Σ_k."""

    betas: Array
    weights: Array


def on_circle(problem: Any, betas: Array, key: Array | None = None) -> Any:
    """The problem with one phase per nudge, along a new first axis of the batch."""
    lead = (betas.shape[0], *(1 for _ in problem.batch))
    return dataclasses.replace(problem, beta=betas.reshape(lead), batch=(betas.shape[0], *problem.batch), key=key)


def beside(nudged: Any, free: State) -> State:
    """The free state as the start of every phase, in the dtype of the nudges."""
    count = nudged.batch[0]
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, *x.shape)).astype(nudged.beta.dtype), free)


def contrast(nudged: Any, states: State, weights: Array) -> Params:
    """Re Σ_k w_k ∂F/∂θ(s^{β_k}), the batch mean, as one contraction over phases and batch."""
    size = math.prod(nudged.batch[1:])
    spread = jnp.broadcast_to(weights.reshape(nudged.beta.shape) / size, nudged.batch)
    return parameter_gradient(nudged, states, spread)


def _root(k: int, n: int) -> complex:
    """e^{2πik/n}, exact on the axes, so that N = 2 is ±r."""
    quarter, rest = divmod(4 * k, n)
    if rest == 0:
        return (1, 1j, -1, -1j)[quarter % 4]
    return complex(np.exp(2j * np.pi * k / n))
