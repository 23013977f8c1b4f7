"""Lagrangian equilibrium propagation: the contrast of ∫∂L/∂θ dt between nudged and free extremals of the action."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import TrajectoryModel, action_gradient, require_action
from physeq.errors import ModelError
from physeq.learn.equilibrium_propagation import Centered, OneSided, RandomSign
from physeq.learn.procedure import CLOSING, Listing, Step, for_each_sample
from physeq.learn.rule import GradientInfo, Params, Phase
from physeq.learn.trajectory_rule import TrajectoryRule, mean_over_batch, trajectory_info
from physeq.settings import finite, whole
from physeq.solve import Collocation, InitialValue
from physeq.solve.boundary import positions
from physeq.solve.trajectories import continued


@dataclass(frozen=True)
class Holomorphic:
    """Nudges β_k = r e^{2πik/N} on a circle, of which k = 0 … ⌊N/2⌋ are solved; bias O((r/R)^N).

    R is the distance to the nearest β at which two extremals meet. Needs terms that continue to complex states.

    Attributes:
        radius: r.
        points: N, at least 2.

    >>> [complex(b) for b in Holomorphic(0.5, 4).betas(None, jnp.float32)[0]]
    [(0.5+0j), 0.5j, (-0.5+0j)]
    """

    radius: float = 0.1
    points: int = 8

    def __post_init__(self):
        whole("Holomorphic", "points", self.points, 2)
        finite("Holomorphic", "the radius", self.radius, above=0)

    @property
    def order(self) -> int:
        """The power of r that the bias has."""
        return self.points

    def phases(self) -> tuple[Phase, ...]:
        """Free and nudged."""
        return (
            Phase("free", "0", None, ""),
            Phase("nudged, k = 0 … N−1", "r e^{2πik/N}", "free", "e^{−2πik/N}/(N r)"),
        )

    def betas(self, key: Array | None, dtype: Any) -> tuple[Array, Array, Array | None]:
        """(β of the nudged phases, their weights, weight of the free phase)."""
        k = np.arange(self.points // 2 + 1)
        angles = 2 * np.pi * k / self.points
        # Exact at quarters of the circle, so that conjugate points are conjugate.
        roots = np.round(np.cos(angles), 15) + 1j * np.round(np.sin(angles), 15)
        twice = np.where((k > 0) & (2 * k < self.points), 2.0, 1.0)
        kind = jnp.result_type(dtype, jnp.complex64)
        betas = jnp.asarray(self.radius, dtype) * jnp.asarray(roots, kind)
        return betas, jnp.asarray(twice / self.points, dtype) / betas, None


@dataclass(frozen=True)
class LagrangianEP(TrajectoryRule):
    """dJ/dθ ≈ −Re Σ_phases w ∫∂L/∂θ(q^β, q̇^β) dt, q^β the extremal of ∫(L − βℓ) dt, J = ∫ℓ dt.

    Exact as β → 0 where the boundary term [∂_β p·∂_θ q − ∂_θ p·∂_β q] vanishes at both ends: periodic motions and
    fixed end points. With an initial value it does not; the rule then refuses, unless `accept_boundary_term`, and
    `GradientInfo.boundary` says how far it is off. Needs motions without dissipation whose forces all have an energy
    or are given in time; magnetic terms are allowed.

    Attributes:
        nudging: `Centered(beta)`, `OneSided(beta)`, `RandomSign(beta)` or `Holomorphic(radius, points)`.
        continuation: in how many parts of β a nudged extremal is reached from the free one.
        accept_boundary_term: run with `InitialValue`, where the estimate is biased.

    Source: Massar 2025, arXiv:2505.07363; Pourcel, Basu, Ernoult, Gilra 2025, arXiv:2506.06248; Berneman & Hexner 2025,
    arXiv:2506.20402.

    >>> LagrangianEP(nudging=Centered(0.1)).phases()[2].nudge
    '−β'
    """

    nudging: Centered | OneSided | RandomSign | Holomorphic = field(default_factory=lambda: Centered(0.01))
    continuation: int = 1
    accept_boundary_term: bool = False

    def __post_init__(self):
        whole("LagrangianEP", "continuation", self.continuation, 1)
        super().__post_init__()

    def phases(self) -> tuple[Phase, ...]:
        return self.nudging.phases()

    def bias(self, model: Any) -> str | None:
        if isinstance(model.boundary, InitialValue):
            return "the boundary term of an initial value does not vanish; GradientInfo.boundary reports it"
        return None

    def check_trajectories(self, model: TrajectoryModel) -> None:
        structure = model.structure
        linear = structure.linear and structure.reciprocal and not structure.nonlinear_dissipation
        instead = "TimeReversedNudge (linear and reciprocal)" if linear else "ContinuousAdjoint"
        require_action(model, "LagrangianEP", f"{instead}, or leave the term out")
        if isinstance(model.boundary, InitialValue):
            if not self.accept_boundary_term:
                raise ModelError(
                    "LagrangianEP with InitialValue leaves the boundary term [∂_β p·∂_θ q − ∂_θ p·∂_β q] at the end, "
                    "which does not vanish; use Periodic or TwoPoint, HamiltonianEcho (time-reversible motions) or "
                    "ContinuousAdjoint, or accept_boundary_term=True to see how large it is"
                )
            if not isinstance(model.solver, Collocation) or structure.without_inertia or structure.constraints:
                raise ModelError(
                    "LagrangianEP: the boundary term of an initial value is found with Collocation, for coordinates "
                    "with inertia and without constraints"
                )
            if model.cost is not None and model.cost.form.terminal != 0:
                raise ModelError("LagrangianEP: a terminal cost does not act on extremals; use a running cost")
        if isinstance(self.nudging, Holomorphic) and structure.not_holomorphic:
            raise ModelError(
                "LagrangianEP with Holomorphic needs terms that continue to complex states: "
                f"{structure.not_holomorphic[0]}; use Centered"
            )

    def procedure(self, model: Any) -> tuple[Step, ...]:
        if not isinstance(self.nudging, Holomorphic):
            return super().procedure(model)
        circle, run = self.nudging, self.nudging.points // 2 + 1
        alone = "points 0 and {N}/2" if circle.points % 2 == 0 else "point 0"
        nudged = (
            Step(
                "The outputs feel the complex nudge {β_n}. From the free trajectory, let the system settle on a "
                "complex one.",
                lists=Listing.SLOPES,
                finder=model.solver,
            ),
            Step(
                "Every element adds {1/β_n} times its integral to a running sum, twice but for "
                f"{alone}: the point at the conjugate nudge would add the conjugate."
            ),
        )
        return (
            Step(
                f"Choose {{N}} = {circle.points} nudges on a circle of radius {{r}} = {circle.radius:g}.",
                lists=Listing.NUDGE,
            ),
            for_each_sample(
                Step("Free phase: no nudge. Let the system settle on a trajectory.", finder=model.solver),
                Step(f"For {{n}} = 0 … {run - 1}:", nudged, times=run),
                Step("Every element takes minus the real part of its sum, over {N}; that is its estimate."),
            ),
            *CLOSING,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        problem = model.problem(params, inputs, target)
        dtype = problem.beta.dtype
        rest = dataclasses.replace(problem, target=None)
        path, *free = model.solver.find(rest, problem.start(start, dtype))
        betas, weights, free_weight = self.nudging.betas(key, dtype)
        nudged = problem.nudged(betas)
        begin = jnp.broadcast_to(path.ys, (betas.shape[0], *path.ys.shape)).astype(betas.dtype)
        paths, *again = continued(model.solver, nudged, begin, self.continuation)

        weight = weights.reshape(-1, *(1 for _ in problem.batch))
        contrast = nudged.map(
            lambda one, ys, w: action_gradient(one, ys, w * one.weights), paths.ys,
            jnp.broadcast_to(weight, nudged.batch),
        )  # fmt: skip
        gradients = jax.tree.map(lambda g: -jnp.sum(g, 0), contrast)
        if free_weight is not None:
            own = problem.map(lambda one, ys: action_gradient(one, ys, free_weight * one.weights), path.ys)
            gradients = jax.tree.map(lambda a, b: a - b, gradients, own)
        boundary = None
        if isinstance(model.boundary, InitialValue):
            boundary = mean_over_batch(problem, _boundary_term(model.solver, problem, nudged, path, paths, weights))
        moved = jnp.max(jnp.abs(paths.ys - path.ys), axis=(0, -2, -1))
        evidence = (free[0], free[1], free[2]), (again[0], again[1], again[2])
        info = trajectory_info(problem, path, *evidence, moved, boundary)
        return mean_over_batch(problem, gradients), info


def _boundary_term(solver, problem, nudged, path, paths, weights) -> Params:
    """∂_β p·∂_θ q − ∂_θ p·∂_β q at T: what the estimate has more than dJ/dθ, with ∂_β by the rule's own contrast."""
    rest = dataclasses.replace(problem, target=None)
    low, high = positions(problem.layout)
    free = ~problem.layout.held[low]
    place = np.full(problem.layout.size, -1)
    place[problem.massive] = np.arange(len(problem.massive))
    q, p = place[low[free]], place[high[free]]

    def ends(one, ys):
        return solver.ends_of_intervals(one, solver.solve(one, ys)[1])[-1]

    # Weights of the free phase multiply what does not depend on β; only differences enter.
    last = nudged.map(ends, paths.ys)
    apart = last - rest.map(ends, path.ys)
    change = jnp.tensordot(weights, apart, (0, 0)).real

    def one_sample(one, ys, change):
        x = solver.solve(one, ys)[1]
        seed = jnp.zeros_like(change).at[q].set(change[p]).at[p].set(-change[q])
        return solver.pull(one, x, solver.seed_of_end(one, x, seed))

    return rest.map(one_sample, path.ys, change)
