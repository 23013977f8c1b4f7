"""Minimisation of the energy through optimistix, then a Newton polish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array

from physeq.compile import energy
from physeq.settings import finite, whole
from physeq.solve.dense import positive_definite
from physeq.solve.finder import Finder, flatten, held_mask, per_sample, refuse_bounds, require_energy, unflatten
from physeq.solve.newton import Newton
from physeq.solve.result import Outcome, State


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS of optimistix; `memory` pairs are kept."""

    memory: int = 10

    def __post_init__(self):
        whole("LBFGS", "memory", self.memory, 1)

    def solver(self, tolerance: float) -> optx.AbstractMinimiser:
        """The optimistix solver at a tolerance."""
        return optx.LBFGS(rtol=tolerance, atol=tolerance, history_length=self.memory)


@dataclass(frozen=True)
class NonlinearCG:
    """Nonlinear conjugate gradients of optimistix (Polak–Ribière)."""

    def solver(self, tolerance: float) -> optx.AbstractMinimiser:
        """The optimistix solver at a tolerance."""
        return optx.NonlinearCG(rtol=tolerance, atol=tolerance)


@dataclass(frozen=True)
class Minimise(Finder):
    """Minimise the steady-state function, then polish with Newton steps.

    The descent picks the basin, past saddles that attract Newton's method; its gradient is the derived force. Where
    the energy is not known to be convex, its curvature at the end is looked at: a maximum or a saddle, such as a start
    where all forces vanish by symmetry, is `Outcome.UNSTABLE`, a failure.
    Refused for systems without an energy and for bounded ones.

    Attributes:
        method: `LBFGS()` or `NonlinearCG()`.
        steps: most iterations of the minimiser.
        tolerance: of the minimiser, loose; the polish decides about convergence.
        polish: the Newton finder used for it.

    >>> Minimise(NonlinearCG(), steps=1000).method
    NonlinearCG()
    """

    method: LBFGS | NonlinearCG = field(default_factory=LBFGS)
    steps: int = 400
    tolerance: float = 1e-4
    polish: Newton = field(default_factory=Newton)

    def __post_init__(self):
        whole("Minimise", "steps", self.steps, 1)
        finite("Minimise", "tolerance", self.tolerance, above=0)
        super().__post_init__()

    def check(self, model: Any) -> None:
        require_energy(model, "Minimise")
        refuse_bounds(model, "Minimise")

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        start, steps = per_sample(problem, free, self._descend)
        state, residual, polished, outcome = self.polish.find(problem, start)
        if problem.lowered.derivation.structure.convex is not True:
            unstable = ~per_sample(problem, state, _is_minimum, dense=True) & (outcome < Outcome.NOT_CONVERGED)
            outcome = jnp.where(unstable, jnp.int32(Outcome.UNSTABLE), outcome)
        return state, residual, jnp.max(steps) + polished, outcome

    def _descend(self, problem: Any, free: State):
        held = held_mask(problem, free)

        @jax.custom_jvp
        def objective(x):
            return energy(problem, unflatten(x, free))

        @objective.defjvp
        def _(primals, tangents):
            (x,), (dx,) = primals, tangents
            return objective(x), -jnp.sum(flatten(problem.force(unflatten(x, free))) * dx)

        start = flatten(free)
        found: Any = optx.minimise(
            lambda x, _: objective(jnp.where(held, start, x.astype(start.dtype))),
            self.method.solver(self.tolerance),
            # optimistix keeps its history in the default precision and refuses a state in another.
            start.astype(jnp.promote_types(start.dtype, jnp.result_type(float))),
            max_steps=self.steps,
            throw=False,
            adjoint=optx.ImplicitAdjoint(),
        )
        good = jnp.all(jnp.isfinite(found.value))
        x = jnp.where(good & ~held, found.value.astype(start.dtype), start)
        return unflatten(x, free), found.stats["num_steps"]


def _is_minimum(problem: Any, free: State) -> Array:
    """Whether the energy curves upwards in all directions, or at least not downwards by more than rounding."""
    held, x = held_mask(problem, free), flatten(free)
    hessian = -jax.jacfwd(lambda x: flatten(problem.force(unflatten(x, free))))(x)
    either = held[:, None] | held
    scale = jnp.max(jnp.abs(jnp.where(either, 0.0, hessian)), initial=0.0)
    level = jnp.sqrt(jnp.finfo(x.dtype).eps) * scale + jnp.finfo(x.dtype).tiny
    identity = jnp.eye(x.size, dtype=x.dtype)
    return positive_definite(jnp.where(either, identity, hessian + level * identity))
