"""How a solver sees a motion: as M ẏ = f, as an ordinary differential equation, or in Hamiltonian form."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.hamiltonian import hamiltonian_programs
from physeq.compile.motion import BoundMotion, pattern_of
from physeq.errors import ModelError
from physeq.solve.algebraic import algebraic_rows
from physeq.solve.dae_term import DAETerm
from physeq.solve.drift import Drift, has_drift
from physeq.solve.explicit_motion import complete, explicit_field, split_of
from physeq.solve.implicit_symplectic import GaussMethod
from physeq.solve.linear_backend import LinearBackend
from physeq.solve.projection import Projected
from physeq.solve.rest import steady_pattern
from physeq.solve.rodas5p import Rodas5P
from physeq.solve.sparse_matrix import SparsityPattern
from physeq.solve.symplectic import SymplecticComposition


class Route(eqx.Module):
    """A solver with the form of the equations that it takes."""

    solver: diffrax.AbstractSolver

    @property
    def adaptive(self) -> bool:
        """Whether the solver estimates its error, so that it can choose its steps."""
        solver = self.solver.solver if isinstance(self.solver, Projected) else self.solver
        return isinstance(solver, diffrax.AbstractAdaptiveSolver)

    @property
    def name(self) -> str:
        """The integrator's name."""
        solver = self.solver.solver if isinstance(self.solver, Projected) else self.solver
        return type(solver).__name__

    @abstractmethod
    def term(self, bound: BoundMotion) -> diffrax.AbstractTerm:
        """The diffrax term."""

    @abstractmethod
    def state(self, bound: BoundMotion, t: Array, y: Array) -> Any:
        """The solver's state of all unknowns y at time t."""

    @abstractmethod
    def whole(self, bound: BoundMotion, t: Array, state: Any, y0: Array) -> Array:
        """All unknowns of a solver's state."""

    def tolerance(self, bound: BoundMotion, rtol: float, dtype: Any) -> Any:
        """The default absolute tolerance of adaptive steps."""
        return max(1e-6 * rtol, 1e-14 if dtype == jnp.float64 else 1e-8)


class MassMatrixRoute(Route):
    """M ẏ = f(t, y) with a singular M."""

    backend: LinearBackend | None = eqx.field(static=True, default=None)

    def term(self, bound):
        return DAETerm(
            lambda t, y, args: args[0].field(t, y),
            mass=lambda args: args[0].mass(args[1].dtype),
            jacobian=lambda t, y, args: args[0].jacobian(t, y),
            pattern=steady_pattern(bound),
            backend=self.backend,
        )

    def state(self, bound, t, y):
        return y

    def tolerance(self, bound, rtol, dtype):
        # Where all diodes are off, rounding moves a floating node's voltage by more than that of the states.
        algebraic = algebraic_rows(bound).massless
        return jnp.where(algebraic, 1e-3 * rtol, super().tolerance(bound, rtol, dtype)).astype(dtype)

    def whole(self, bound, t, state, y0):
        return _projected(self.solver, bound, t, state, y0)


class FieldRoute(Route):
    """ẏ = f(t, y) on the unknowns that move by themselves."""

    def term(self, bound):
        return diffrax.ODETerm(lambda t, y, args: explicit_field(args[0], jnp.asarray(t, y.dtype), y, args[1]))

    def state(self, bound, t, y):
        return y[split_of(bound).moving]

    def whole(self, bound, t, state, y0):
        return complete(bound, jnp.asarray(t, state.dtype), _projected(self.solver, bound, t, state, y0), y0)


def _projected(solver: diffrax.AbstractSolver, bound: BoundMotion, t: Array, state: Array, y0: Array) -> Array:
    """A state that was interpolated between steps, back on the constraints."""
    return solver.constraint.project(t, state, (bound, y0)) if isinstance(solver, Projected) else state


def _keeping(solver: diffrax.AbstractSolver, bound: BoundMotion, state: np.ndarray) -> diffrax.AbstractSolver:
    """The solver, with every step ending on the constraints where there are some that were differentiated."""
    return Projected(solver, Drift.of(bound.layout, state)) if has_drift(bound.layout) else solver


class CanonicalRoute(Route):
    """q̇ = M(q)⁻¹p, ṗ = −∂H/∂q: Hamiltonian form, for steps that keep its geometry."""

    def velocity(self, bound: BoundMotion, t: Array, q: Array, p: Array) -> Array:
        """M(q)⁻¹ p."""
        programs = hamiltonian_programs(bound.layout)
        rows, columns, _ = programs.mass_places
        values = programs.mass(bound, t, q)
        if programs.diagonal:
            return p / jnp.zeros_like(q).at[rows].add(values)
        return SparsityPattern(rows, columns, q.shape[0]).solve(values, p)

    def state(self, bound, t, y):
        programs = hamiltonian_programs(bound.layout)
        q, w = y[programs.positions], y[programs.velocities]
        rows, columns, _ = programs.mass_places
        values = programs.mass(bound, jnp.asarray(t, y.dtype), q)
        return q, SparsityPattern(rows, columns, q.shape[0]).matvec(values, w)

    def whole(self, bound, t, state, y0):
        q, p = state
        t = jnp.asarray(t, q.dtype)
        y = hamiltonian_programs(bound.layout).whole(bound, t, q, self.velocity(bound, t, q, p))
        return complete(bound, t, y[split_of(bound).moving], y)


class SeparableRoute(CanonicalRoute):
    """The two halves of H = T(p) + V(q, t), for explicit symplectic compositions."""

    def term(self, bound):
        def drift(t, p, args):
            bound, _ = args
            return self.velocity(bound, jnp.asarray(t, p.dtype), jnp.zeros_like(p), p)

        def kick(t, q, args):
            bound, _ = args
            return hamiltonian_programs(bound.layout).push(bound, jnp.asarray(t, q.dtype), q, jnp.zeros_like(q))

        return diffrax.ODETerm(drift), diffrax.ODETerm(kick)


class WholeHamiltonianRoute(CanonicalRoute):
    """Both halves at once, for implicit symplectic methods and any H."""

    def term(self, bound):
        def field(t, state, args):
            (q, p), (bound, _) = state, args
            t = jnp.asarray(t, q.dtype)
            w = self.velocity(bound, t, q, p)
            return w, hamiltonian_programs(bound.layout).push(bound, t, q, w)

        return diffrax.ODETerm(field)


def route_of(bound: BoundMotion, solver: diffrax.AbstractSolver | None, backend: LinearBackend | None = None) -> Route:
    """The route of a solver, or the default one of a motion.

    Raises:
        ModelError: a solver that cannot take the motion.
    """
    if solver is None and bound.layout.mechanical and split_of(bound).linear:
        solver = diffrax.Dopri8()
    if solver is None or isinstance(solver, Rodas5P):
        whole = np.arange(bound.layout.size)
        return MassMatrixRoute(_keeping(solver or Rodas5P(), bound, whole), backend)
    if isinstance(solver, SymplecticComposition):
        if not hamiltonian_programs(bound.layout).separable:
            raise ModelError(
                f"{type(solver).__name__} needs a separable Hamiltonian T(p) + V(q), and here the inertia depends on "
                "positions; use ImplicitMidpoint() or GaussLegendre()"
            )
        _refuse_driven_inertia(bound, type(solver).__name__)
        return SeparableRoute(solver)
    if isinstance(solver, GaussMethod) and bound.layout.hamiltonian:
        _refuse_driven_inertia(bound, type(solver).__name__)
        return WholeHamiltonianRoute(solver)
    return FieldRoute(_keeping(solver, bound, split_of(bound).moving))


def _refuse_driven_inertia(bound: BoundMotion, solver: str) -> None:
    """Canonical steps take positions that are held, but none that move and share inertia with what is free."""
    layout, pattern = bound.layout, pattern_of(bound.layout)
    shared = set(pattern.columns[layout.held[pattern.columns] & ~layout.held[pattern.rows]].tolist())
    for hold in layout.holds:
        if hold.name is None:
            continue
        moving = callable(bound.inputs[hold.name]) and shared & set(np.asarray(hold.entries).tolist())
        rate_alone = not layout.held[_positions_of(layout, hold.entries)].all()
        if moving or rate_alone:
            what = "shares inertia with nodes that are free" if moving else "holds a velocity, not its position"
            raise ModelError(f"{solver}: input {hold.name!r} {what}; use Rodas5P() or diffrax.Dopri8()")


def _positions_of(layout: Any, velocities: Any) -> np.ndarray:
    """The entries of the positions whose rates stand at these entries of y."""
    found = []
    for (group, coordinate), v in layout.variables.items():
        if len(v.orders) > 1:
            position, rate = (layout.blocks[group, coordinate, order] for order in v.orders[:2])
            found += [position.start + e - rate.start for e in np.asarray(velocities) if rate.start <= e < rate.stop]
    return np.asarray(found, int)
