"""Leapfrog trajectories: explicit steps that can be run backwards, so that their gradient needs no stored states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.hamiltonian import hamiltonian_programs
from physeq.compile.motion import BoundMotion, per_instance
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.trajectory_cost import TrajectoryCostPrograms
from physeq.errors import ModelError
from physeq.solve.boundary import InitialValue
from physeq.solve.result import Outcome
from physeq.solve.trajectory_solver import Path, TrajectorySolver


def inseparable(structure: Any) -> str | None:
    """Why a motion is not of the form H = T(p) + V(q, t), naming the component; None where it is."""
    findings = (
        *structure.dissipation,
        *structure.non_reciprocal,
        *structure.undeclared_energy,
        *structure.odd_in_momentum,
        *structure.not_quadratic,
        *structure.not_separable,
        *structure.constraints,
    )
    if findings:
        return str(findings[0])
    return f"{structure.without_inertia[0]} has no inertia" if structure.without_inertia else None


class LeapfrogMap(eqx.Module):
    """One step of `Leapfrog` with its parameters: q, v → q', v'.

    Attributes:
        layout, cost: what is evaluated.
        step: h.
        params: with one axis, that of the instances, or numbers.
        inverse: M⁻¹ on the free coordinates: `(n,)` where M is diagonal, else `(n, n)`.
    """

    layout: MotionLayout = eqx.field(static=True)
    cost: TrajectoryCostPrograms | None = eqx.field(static=True)
    step: Array
    params: dict[str, dict[str, Array]]
    inverse: Array

    @staticmethod
    def of(problem: Any, steps: int) -> LeapfrogMap:
        """The map of a problem that takes so many steps."""
        real = problem.times.dtype
        step = jnp.asarray(problem.boundary.duration / steps, real)
        return LeapfrogMap(problem.layout, problem.cost, step, *parameter_parts(problem, problem.params))

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Entries of y of the free positions and of their velocities."""
        programs = hamiltonian_programs(self.layout)
        return programs.positions, programs.velocities

    def start(self, problem: Any) -> tuple[Array, Array]:
        """q and v at t = 0, free coordinates, `(n,)` each."""
        y = problem.boundary.state(problem.motion, problem.times.dtype).astype(problem.beta.dtype)
        positions, velocities = self.rows
        return y[positions], y[velocities]

    def accelerate(self, q: Array, t: Array, inputs: Any, target: Array | None, beta: Array) -> Array:
        """M⁻¹(F(q, t) − β ∂ℓ/∂q)."""
        return self.solve(self.force(q, t, inputs, target, beta))

    def force(self, q: Array, t: Array, inputs: Any, target: Array | None, beta: Array) -> Array:
        """F(q, t) − β ∂ℓ/∂q on the free coordinates."""
        positions, velocities = self.rows
        bound = BoundMotion(self.layout, self.params, inputs)
        y = hamiltonian_programs(self.layout).whole(bound, t, q, jnp.zeros_like(q))
        force = bound.field(t, y)[velocities]
        if self.cost is None or target is None:
            return force
        return force - beta * self.cost.gradient(t, y, target)[positions]

    def solve(self, momentum: Array) -> Array:
        """M⁻¹ p."""
        return self.inverse * momentum if self.inverse.ndim == 1 else self.inverse @ momentum

    def momentum(self, v: Array) -> Array:
        """M v."""
        return v / self.inverse if self.inverse.ndim == 1 else jnp.linalg.solve(self.inverse, v)

    def advance(
        self, q: Array, v: Array, t: Array, inputs: Any, target: Array | None, beta: Array
    ) -> tuple[Array, Array, Array]:
        """(q', v', q in the middle) of one step whose middle is at t."""
        middle = q + self.step / 2 * v
        after = v + self.step * self.accelerate(middle, t, inputs, target, beta)
        return middle + self.step / 2 * after, after, middle

    def whole(self, q: Array, v: Array) -> Array:
        """All unknowns, held ones included."""
        # Nothing holds positions but numbers, so that neither inputs nor the time are asked for.
        bound = BoundMotion(self.layout, self.params, {})
        return hamiltonian_programs(self.layout).whole(bound, jnp.zeros((), self.step.dtype), q, v)


def parameter_parts(problem: Any, params: Any) -> tuple[Any, Array]:
    """(parameters per instance, M⁻¹): all through which a step sees the parameters."""
    programs = hamiltonian_programs(problem.layout)
    flat = per_instance(problem.layout, params)
    zero = jnp.zeros(len(programs.positions), problem.times.dtype)
    # Masses see no inputs (`check`), but the programs of a component ask for all that feed it.
    unread: dict[str, Any] = {e.name: jnp.zeros(e.size, zero.dtype) for e in problem.layout.system.inputs}
    values = programs.mass(BoundMotion(problem.layout, flat, unread), jnp.zeros((), zero.dtype), zero)
    rows, columns, _ = programs.mass_places
    if programs.diagonal:
        return flat, 1 / zero.at[rows].add(values)
    return flat, jnp.linalg.inv(jnp.zeros((len(zero), len(zero)), zero.dtype).at[rows, columns].add(values))


def at_step(problem: Any, step: Array, k: Array) -> tuple[Array, dict[str, Array], Array | None]:
    """(t, inputs, target) in the middle of step k; batched series keep their leading axis."""

    def pick(a: Array) -> Array:
        return a[..., 0, :] if a.shape[-2] == 1 else jax.lax.dynamic_index_in_dim(a, k, a.ndim - 2, keepdims=False)

    target = None if problem.target is None else pick(problem.target)
    t = (k.astype(step.dtype) + 0.5) * step
    return t, {name: pick(a) for name, a in problem.inputs.items()}, target


@dataclass(frozen=True)
class Leapfrog(TrajectorySolver):
    """Half a drift, a kick, half a drift: trajectories of H = T(p) + V(q, t) from an `InitialValue`.

    q_{k+½} = q_k + (h/2) v_k, v_{k+1} = v_k + h M⁻¹[F(q_{k+½}, t_{k+½}) − β ∂ℓ/∂q(q_{k+½}, t_{k+½})],
    q_{k+1} = q_{k+½} + (h/2) v_{k+1}, with h = T/steps.

    The grid is that of the kicks, t_{k+½}, with weights h: inputs and targets stand there, J ≈ h Σ_k ℓ + c(q_N, v_N).
    States on the grid are q_{k+½} and the velocity (v_k + v_{k+1})/2; `Path.end` is the state after the last step. The
    map is symplectic and reversible, of order 2, and stable for h ω < 2 with the highest frequency ω. The nudge acts
    on momenta; a terminal cost does not nudge. Inputs push (`Drive`, `Feed`); held nodes stay where they are. Masses
    that couple coordinates are inverted once, as a dense matrix.

    Source: E. Hairer, C. Lubich and G. Wanner, Acta Numerica 12, 399 (2003); as the discretisation of echoes,
        Pourcel and Ernoult 2025, arXiv:2506.05259.

    Attributes:
        steps: their number.

    >>> import physeq as pq
    >>> Leapfrog(4).grid(pq.InitialValue(duration=2.0))[0].tolist()
    [0.25, 0.75, 1.25, 1.75]
    """

    steps: int

    def __post_init__(self):
        if not (isinstance(self.steps, int) and self.steps >= 1):
            raise ModelError(f"Leapfrog: steps must be a whole number above 0, got {self.steps!r}")
        super().__post_init__()

    def grid(self, boundary: Any) -> tuple[Array, Array]:
        step = jnp.asarray(boundary.duration / self.steps, jnp.result_type(float))
        return (jnp.arange(self.steps, dtype=step.dtype) + 0.5) * step, jnp.broadcast_to(step, (self.steps,))

    def check(self, model: Any) -> None:
        if not isinstance(model.boundary, InitialValue):
            raise ModelError(
                f"Leapfrog steps from an InitialValue, got {type(model.boundary).__name__}; use Collocation, or for "
                "periodic orbits HarmonicBalance"
            )
        if (why := inseparable(model.structure)) is not None:
            raise ModelError(f"Leapfrog needs a separable Hamiltonian T(p) + V(q): {why}; use Collocation")
        programs = hamiltonian_programs(model.layout)
        held = model.layout.held
        if (moving := held[programs.all_velocities] & ~held[programs.all_positions]).any():
            name = model.layout.names()[int(programs.all_velocities[moving][0])]
            raise ModelError(
                f"Leapfrog: {name} is held while its position moves; drive the node with a force (Drive), or use "
                "Collocation"
            )
        if (why := programs.fed_inertia) is not None:
            raise ModelError(f"Leapfrog needs constant inertia: {why}; make it a parameter")
        if model.cost is not None and model.cost.rated:
            form = model.cost.form
            raise ModelError(
                f"Leapfrog: the running cost {form.running} holds the rate {form.rate}, which a kick cannot nudge; "
                "put it into the terminal cost, write it in the coordinate, or use Collocation"
            )

    # ---- forwards ------------------------------------------------------------------------------------------------

    def find(self, problem: Any, start: Array) -> tuple[Path, Array, Array, Array]:
        return problem.map(self._march)

    def _march(self, one: Any) -> tuple[Path, Array, Array, Array]:
        leap = LeapfrogMap.of(one, self.steps)

        def step(carry, _):
            k, q, v = carry
            q, after, middle = leap.advance(q, v, *at_step(one, leap.step, k), one.beta)
            return (k + 1, q, after), leap.whole(middle, (v + after) / 2)

        (_, q, v), ys = jax.lax.scan(step, (jnp.int32(0), *leap.start(one)), length=self.steps)
        return Path(ys, leap.whole(q, v)), jnp.zeros((), one.times.dtype), jnp.int32(self.steps), finite(q, v)

    # ---- the gradient --------------------------------------------------------------------------------------------

    def adjoint(self, one: Any, ys: Array) -> tuple[Any, Path, Array, Array, Array]:
        path, *evidence = self._march(one)
        assert path.end is not None  # a march always has an end
        return (self.gradient(one, path.end), path, *evidence)

    def gradient(self, one: Any, end: Array) -> Any:
        """dJ/dθ of one sample from the state at T, the steps run backwards: no state is stored.

        With μ = λ_v + (h/2) λ_q after the kick: λ_q ← λ_q + h (∂a/∂q)ᵀ μ + h ∂ℓ/∂q, λ_v ← μ + (h/2) λ_q, and
        dJ/dθ = Σ_k h (∂a/∂θ)ᵀ μ with the acceleration a = M⁻¹F. This is reverse-mode differentiation of the steps, up
        to rounding, which grows with the chaos of the motion, as that of the states found backwards does.
        """
        leap, cost = LeapfrogMap.of(one, self.steps), one.cost
        positions, velocities = leap.rows
        h, free = leap.step, jnp.zeros((), one.beta.dtype)
        last = None if one.target is None else one.target[-1]
        slope = cost.gradient(jnp.asarray(one.boundary.duration, h.dtype), end, last, terminal=True)

        def acceleration(parts, q, t, inputs):
            return LeapfrogMap(one.layout, None, h, *parts).accelerate(q, t, inputs, None, free)

        def back(carry, _):
            k, q, v, by_q, by_v, total = carry
            t, inputs, target = at_step(one, h, k)
            middle = q - h / 2 * v
            a, pull = jax.vjp(lambda p, x: acceleration(p, x, t, inputs), (leap.params, leap.inverse), middle)
            before = v - h * a
            by_v = by_v + h / 2 * by_q
            by_parts, bent = pull(h * by_v)
            nudge = h * cost.gradient(t, leap.whole(middle, (v + before) / 2), target)
            by_q = by_q + bent + nudge[positions]
            by_v = by_v + h / 2 * by_q
            return (k - 1, middle - h / 2 * before, before, by_q, by_v, jax.tree.map(jnp.add, total, by_parts)), None

        none = jax.tree.map(jnp.zeros_like, (leap.params, leap.inverse))
        begin = (end[positions], end[velocities], slope[positions], slope[velocities])
        total = jax.lax.scan(back, (jnp.int32(self.steps - 1), *begin, none), length=self.steps)[0][-1]
        _, pull = jax.vjp(lambda p: parameter_parts(one, p), one.params)
        return pull(total)[0]


def finite(*arrays: Array) -> Array:
    """The outcome of explicit steps: converged, or diverged where the state left the finite numbers."""
    good = jnp.stack([jnp.all(jnp.isfinite(a)) for a in arrays]).all()
    return jnp.where(good, jnp.int32(Outcome.CONVERGED), jnp.int32(Outcome.DIVERGED))
