"""How a solver sees a motion: as M ẏ = f, as an ordinary differential equation, or in Hamiltonian form."""

from __future__ import annotations

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.solve.dae_term import DAETerm
from physeq.solve.explicit_motion import complete, explicit_field, split_of
from physeq.solve.rest import steady_pattern
from physeq.solve.rodas5p import Rodas5P


class Route(eqx.Module):
    """A solver with the form of the equations that it takes."""

    solver: diffrax.AbstractSolver

    @property
    def fixed_step(self) -> bool:
        """Whether the solver has no error estimate."""
        return False

    def term(self, bound: BoundMotion) -> diffrax.AbstractTerm:
        """The diffrax term."""
        raise NotImplementedError

    def state(self, bound: BoundMotion, y: Array) -> Any:
        """The solver's state of all unknowns y."""
        raise NotImplementedError

    def whole(self, bound: BoundMotion, t: Array, state: Any, y0: Array) -> Array:
        """All unknowns of a solver's state."""
        raise NotImplementedError


class MassMatrixRoute(Route):
    """M ẏ = f(t, y) with a singular M."""

    def term(self, bound):
        return DAETerm(
            lambda t, y, args: args[0].field(t, y),
            mass=lambda args: args[0].mass(args[1].dtype),
            jacobian=lambda t, y, args: args[0].jacobian(t, y),
            pattern=steady_pattern(bound),
        )

    def state(self, bound, y):
        return y

    def whole(self, bound, t, state, y0):
        return state


class FieldRoute(Route):
    """ẏ = f(t, y) on the unknowns that move by themselves."""

    def term(self, bound):
        return diffrax.ODETerm(lambda t, y, args: explicit_field(args[0], jnp.asarray(t, y.dtype), y, args[1]))

    def state(self, bound, y):
        return y[split_of(bound).moving]

    def whole(self, bound, t, state, y0):
        return complete(bound, jnp.asarray(t, state.dtype), state, y0)


def route_of(bound: BoundMotion, solver: diffrax.AbstractSolver | None) -> Route:
    """The route of a solver, or the default one of a motion."""
    if solver is None:
        return _default(bound)
    if isinstance(solver, Rodas5P):
        return MassMatrixRoute(solver)
    split_of(bound)
    return FieldRoute(solver)


def _default(bound: BoundMotion) -> Route:
    if bound.layout.mechanical and split_of(bound).linear:
        return FieldRoute(diffrax.Dopri8())
    return MassMatrixRoute(Rodas5P())
