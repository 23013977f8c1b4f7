"""Holonomic constraints kept inside the step: any diffrax solver, and a projection of positions and velocities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from physeq.errors import ModelError
from physeq.solve.linear_backend import solve_dense


class Holonomic(eqx.Module):
    """Constraints g(t, q) = 0 on the positions of a flat state, and what they ask of the velocities w = q̇.

    With G = ∂g/∂q, admissible states satisfy g = 0 and G·w + ∂g/∂t = 0. Both are reached in the metric of the masses,
    which is the direction in which the forces of the constraints act: positions by Gauss–Newton steps
    q ← q − M⁻¹Gᵀ(G M⁻¹Gᵀ)⁻¹ g, velocities by one such step (E. Hairer and G. Wanner, Solving Ordinary Differential
    Equations II, section VII.2; projection after the step keeps the order of the solver). Constraints must be
    independent: G of full row rank.

    Args:
        constraint: g, `(t, q, args) -> (constraints,)`.
        positions, velocities: the places of q and w in the state, in the same order; whole numbers `(n,)`.
        mass: `(args) -> (n,)` for a diagonal M or `(n, n)`; by default 1.
        steps: Gauss–Newton steps; their number of right digits doubles each time.

    Raises:
        ModelError: positions and velocities of different lengths, or no step.

    >>> import jax.numpy as jnp
    >>> rod = Holonomic(lambda t, q, args: jnp.stack([q @ q - 1]), positions=[0, 1], velocities=[2, 3])
    >>> rod.project(0.0, jnp.array([1.1, 0.0, 0.5, 2.0]), None).round(6).tolist()
    [1.0, 0.0, 0.0, 2.0]
    """

    constraint: Callable[[Any, Array, Any], Array]
    positions: tuple[int, ...] = eqx.field(static=True)
    velocities: tuple[int, ...] = eqx.field(static=True)
    mass: Callable[[Any], Array] | None
    steps: int = eqx.field(static=True)

    def __init__(
        self,
        constraint: Callable[[Any, Float[Array, " n"], Any], Float[Array, " constraints"]],
        *,
        positions: Any,
        velocities: Any,
        mass: Callable[[Any], Array] | None = None,
        steps: int = 3,
    ):
        self.constraint, self.mass, self.steps = constraint, mass, steps
        self.positions, self.velocities = (tuple(np.asarray(x).tolist()) for x in (positions, velocities))
        if len(self.positions) != len(self.velocities):
            raise ModelError(
                f"Holonomic: every position needs its velocity, got {len(self.positions)} positions and "
                f"{len(self.velocities)} velocities"
            )
        if steps < 1:
            raise ModelError(f"Holonomic: steps must be at least 1, got {steps}")

    def project(self, t: Any, y: Float[Array, " state"], args: Any) -> Array:
        """The nearest admissible state; the other unknowns stay as they are."""
        positions, velocities = np.array(self.positions), np.array(self.velocities)
        mass = jnp.ones(len(positions), y.dtype) if self.mass is None else jnp.asarray(self.mass(args), y.dtype)

        def g(t, q):
            return self.constraint(t, q, args)

        def correct(q, residual):
            """−M⁻¹Gᵀ(G M⁻¹Gᵀ)⁻¹ residual with G at q."""
            gradient = jax.jacfwd(g, 1)(t, q)
            lifted = gradient.T / mass[:, None] if mass.ndim == 1 else _columns(mass, gradient.T)
            return -lifted @ solve_dense(gradient @ lifted, residual)

        def step(q, _):
            return q + correct(q, g(t, q)), None

        q, _ = jax.lax.scan(step, y[positions], None, length=self.steps)
        w, time = y[velocities], jnp.asarray(t, y.dtype)
        rate = jax.jvp(g, (time, q), (jnp.ones_like(time), w))[1]
        return y.at[positions].set(q).at[velocities].set(w + correct(q, rate))


def _columns(matrix: Array, right: Array) -> Array:
    return jax.vmap(lambda column: solve_dense(matrix, column), 1, 1)(right)


class ProjectedInterpolation(diffrax.AbstractLocalInterpolation):
    """The interpolation of the solver, bent so that it ends in the projected state."""

    t0: Any  # type: ignore[misc]
    t1: Any  # type: ignore[misc]
    inner: diffrax.AbstractLocalInterpolation
    shift: PyTree

    def evaluate(self, t0: Any, t1: Any = None, left: bool = True) -> PyTree:
        """y(t0), or y(t1) − y(t0)."""
        if t1 is not None:
            return jax.tree.map(jnp.subtract, self.evaluate(t1), self.evaluate(t0))
        share = (t0 - self.t0) / (self.t1 - self.t0)
        return jax.tree.map(lambda y, s: y + (share * s).astype(s.dtype), self.inner.evaluate(t0), self.shift)


class Projection(Protocol):
    """What brings a state back onto constraints: `Holonomic`, or the drift of a compiled motion."""

    def project(self, t: Any, y: Array, args: Any) -> Array:
        """The nearest admissible state."""


class Projected(diffrax.AbstractWrappedSolver):
    """A solver whose every step ends on the constraints: the drift of index-reduced mechanisms does not add up.

    The step of `solver` is taken as it is, with its error estimate, and its end is projected. The state is one flat
    vector. What `SaveAt(steps=True)` and `SaveAt(t1=True)` keep is on the constraints to rounding; between steps the
    interpolation is as far from them as it is from the solution, and
    `SaveAt(ts=..., fn=projected.constraint.project)` projects what is kept.

    Attributes:
        solver: any diffrax solver, or `Rodas5P()`.
        constraint: a `Holonomic`, or another `Projection`.

    >>> import diffrax, jax.numpy as jnp
    >>> circle = diffrax.ODETerm(lambda t, y, args: jnp.concatenate([y[2:], -(y[2:] @ y[2:]) * y[:2]]))
    >>> rod = Holonomic(lambda t, q, args: jnp.stack([q @ q - 1]), positions=[0, 1], velocities=[2, 3])
    >>> start = jnp.array([1.0, 0.0, 0.0, 1.0])
    >>> end = diffrax.diffeqsolve(circle, Projected(diffrax.Heun(), rod), 0.0, 3.0, 0.1, start).ys[0]
    >>> round(float(end[:2] @ end[:2]), 5)
    1.0
    """

    solver: diffrax.AbstractSolver  # type: ignore[misc]
    constraint: Projection

    @property
    def term_structure(self):
        return self.solver.term_structure

    @property
    def interpolation_cls(self):  # type: ignore[override]
        def build(*, t0: Any, t1: Any, inner: dict[str, Any], shift: PyTree) -> ProjectedInterpolation:
            return ProjectedInterpolation(
                t0=t0, t1=t1, inner=self.solver.interpolation_cls(t0=t0, t1=t1, **inner), shift=shift
            )

        return build

    @property
    def term_compatible_contr_kwargs(self):  # type: ignore[override]
        return self.solver.term_compatible_contr_kwargs

    @property
    def scan_kind(self):
        """The loop over the stages of a Runge–Kutta solver, which diffrax's adjoints set through this name."""
        return self.solver.scan_kind  # type: ignore[attr-defined]

    def order(self, terms: Any) -> int | None:
        return self.solver.order(terms)

    def strong_order(self, terms: Any) -> Any:
        return self.solver.strong_order(terms)

    def error_order(self, terms: Any) -> Any:
        return self.solver.error_order(terms)

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: Any) -> Any:
        return self.solver.init(terms, t0, t1, y0, args)

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: Any, solver_state: Any, made_jump: Any
    ) -> tuple[PyTree, PyTree | None, dict[str, Any], Any, Any]:
        # The state that the last step ended in was moved, so that a slope kept from there is not the slope here.
        y1, error, dense, solver_state, result = self.solver.step(terms, t0, t1, y0, args, solver_state, True)
        # diffrax runs backwards in time with t negated, and its terms turn it round again.
        direction = getattr(terms, "direction", 1)
        finite = jnp.isfinite(y1).all()
        projected = self.constraint.project(direction * t1, jnp.where(finite, y1, y0), args)
        moved = jnp.where(finite & jnp.isfinite(projected).all(), projected, y1)
        dense = {"inner": dense, "shift": moved - y1}
        return moved, error, dense, solver_state, result

    def func(self, terms: Any, t0: Any, y0: PyTree, args: Any) -> PyTree:
        return self.solver.func(terms, t0, y0, args)
