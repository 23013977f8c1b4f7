"""What finds whole trajectories: the interface, and Newton's method for those that solve all times at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.motion import inputs_in_mass
from physeq.errors import ModelError, SolveError
from physeq.settings import check_kinds
from physeq.solve.linear_backend import DenseLU, solve_dense
from physeq.solve.result import Outcome
from physeq.solve.sparse_matrix import SparsityPattern


class Path(NamedTuple):
    """A found trajectory: states on the grid, `(*batch, times, size)`, and at the end, where that is no grid point.

    Attributes:
        ys: states.
        end: y(T), `(*batch, size)`, or None where the cost cannot ask for it.
    """

    ys: Array
    end: Array | None


@dataclass(frozen=True)
class OrbitNewton:
    """Newton's method in unknowns scaled to one, with steps shortened until the next one is shorter.

    A step t δ is taken where |J⁻¹ r(x + t δ)| ≤ (1 − t/4) |δ|, a test that does not depend on how equations are scaled.
    Source: P. Deuflhard, Newton Methods for Nonlinear Problems, section 3.1.

    Attributes:
        steps: at most so many.
        tolerance: largest last step, relative to the size of each unknown; the error left is about its square. By
            default the square root of the floating type's ε.
        halvings: how often a step is halved at most.
    """

    steps: int = 40
    tolerance: float | None = None
    halvings: int = 12

    def run(
        self,
        equations: Callable[[Array], Array],
        jacobian: Callable[[Array], Array],
        scales: Callable[[Array], Array],
        x: Array,
    ) -> tuple[Array, Array, Array, Array]:
        """(x, residual, steps, outcome)."""
        real = jnp.finfo(x.dtype).dtype
        tolerance = float(jnp.finfo(real).eps) ** 0.5 if self.tolerance is None else self.tolerance

        def step(carry):
            x, r, _, k = carry
            columns = scales(x)
            matrix = jacobian(x) * columns
            rows = 1 / jnp.maximum(jnp.max(jnp.abs(matrix), 1), jnp.finfo(real).tiny)
            pattern = SparsityPattern.dense(x.shape[0])
            factors = DenseLU().factor(pattern, (matrix * rows[:, None]).reshape(-1))

            def correction(r):
                return -DenseLU().solve(pattern, factors, r * rows)

            delta = correction(r)
            size = jnp.linalg.norm(delta)
            change = jnp.max(jnp.abs(delta))

            def attempt(share):
                r_new = equations(x + share * delta * columns)
                return share, r_new, jnp.linalg.norm(correction(r_new))

            def worse(state):
                share, _, left = state
                # At the end the step is rounding, which no shorter one makes smaller.
                return ~(left <= (1 - share / 4) * size) & (share > 0.5**self.halvings) & (change > tolerance)

            share, r_new, _ = jax.lax.while_loop(worse, lambda s: attempt(s[0] / 2), attempt(jnp.ones((), real)))
            return x + share * delta * columns, r_new, change, k + 1

        def going(carry):
            _, r, change, k = carry
            return (change > tolerance) & (k < self.steps) & jnp.all(jnp.isfinite(r))

        first = equations(x)
        x, r, change, k = jax.lax.while_loop(
            going, step, (x, first, jnp.asarray(jnp.inf, real), jnp.zeros((), jnp.int32))
        )
        residual = jnp.max(jnp.abs(r))
        code = jnp.where(change <= tolerance, jnp.int32(Outcome.CONVERGED), jnp.int32(Outcome.NOT_CONVERGED))
        code = jnp.where(jnp.isfinite(residual) & jnp.isfinite(change), code, jnp.int32(Outcome.DIVERGED))
        return x, residual, k, code


def refuse_series_in_mass(solver: str, layout: Any) -> None:
    """Refuse inputs that stand in M, which is made once, of the input's first time.

    Raises:
        ModelError: naming the input.
    """
    if named := inputs_in_mass(layout):
        raise ModelError(
            f"{solver}: input {named[0]!r} stands in an inertia, or in friction that makes an equation of motion, "
            "which a series in time cannot change here; make it a parameter, or write the change in time with pq.time"
        )


@dataclass(frozen=True)
class TrajectorySolver(ABC):
    """Base class of solvers of trajectories: frozen settings."""

    def __post_init__(self):
        check_kinds(self)

    @abstractmethod
    def grid(self, boundary: Any) -> tuple[Array, Array]:
        """(times, quadrature weights)."""

    @abstractmethod
    def check(self, model: Any) -> None:
        """Raise `ModelError` where boundary condition or motion do not fit, naming what would."""

    @abstractmethod
    def find(self, problem: Any, start: Array) -> tuple[Path, Array, Array, Array]:
        """(path, residual, steps, outcome), the last three per batch entry, from states to start from."""

    @abstractmethod
    def adjoint(self, one: Any, ys: Array) -> tuple[Any, Path, Array, Array, Array]:
        """(dJ/dθ by the adjoint equation, path, residual, steps, outcome) of one sample, from states to start from.

        J = ∫ℓ dt + c; the gradient has the structure of `one.params` and is that of the discrete motion.
        """

    def reversed(self, ys: Array) -> Array:
        """States `(times, size)` at T − t for every t of the grid."""
        return ys[::-1]

    @property
    def noise(self) -> None:
        """Trajectories have no noise of the solver's own."""
        return None


@dataclass(frozen=True)
class AllAtOnce(TrajectorySolver):
    """Solvers whose unknowns are all times together, found by Newton's method.

    Extremals are saddles of the action, which nothing relaxes to; unstable orbits are found as stable ones are.

    Attributes:
        newton: settings of Newton's method.
    """

    newton: OrbitNewton = field(default_factory=OrbitNewton, kw_only=True)

    @abstractmethod
    def pack(self, one: Any, ys: Array) -> Array:
        """The vector of all unknowns from states on the grid."""

    @abstractmethod
    def states(self, one: Any, x: Array) -> Array:
        """States on the grid, `(times, size)`, from the vector of all unknowns."""

    @abstractmethod
    def end(self, one: Any, x: Array) -> Array | None:
        """The state at the end, where the cost can ask for it."""

    @abstractmethod
    def equations(self, one: Any, x: Array) -> Array:
        """What vanishes on the trajectory, as many numbers as unknowns."""

    @abstractmethod
    def jacobian(self, one: Any, x: Array) -> Array:
        """Its derivative by the unknowns, dense."""

    @abstractmethod
    def scales(self, one: Any, x: Array) -> Array:
        """Sizes of the unknowns, all above 0."""

    def find(self, problem: Any, start: Array) -> tuple[Path, Array, Array, Array]:
        path, _, *evidence = problem.map(self.solve, start)
        return (path, *evidence)

    def adjoint(self, one: Any, ys: Array) -> tuple[Any, Path, Array, Array, Array]:
        """From R(x, θ) = 0: (∂R/∂x)ᵀ λ = ∂J/∂x, dJ/dθ = −λᵀ ∂R/∂θ; λ solves the adjoint equation on the same grid."""
        path, x, residual, steps, outcome = self.solve(one, ys)
        through = self.pull(one, x, jax.grad(lambda x: self._cost_at(one, one.params, x))(x))
        direct = jax.grad(lambda p: self._cost_at(one, p, x))(one.params)
        return jax.tree.map(jnp.add, through, direct), path, residual, steps, outcome

    def pull(self, one: Any, x: Array, seed: Array) -> Any:
        """d(seed·x)/dθ of the solution x: −λᵀ ∂R/∂θ with (∂R/∂x)ᵀ λ = seed."""
        adjoint = solve_dense(self.jacobian(one, x).T, seed)
        _, pull = jax.vjp(lambda p: self.equations(eqx.tree_at(lambda o: o.params, one, p), x), one.params)
        return jax.tree.map(jnp.negative, pull(adjoint)[0])

    def _cost_at(self, one: Any, params: Any, x: Array) -> Array:
        other = eqx.tree_at(lambda o: o.params, one, params)
        return other.cost_value(self.states(other, x), self.end(other, x))

    def solve(self, one: Any, ys: Array) -> tuple[Path, Array, Array, Array, Array]:
        """(path, all unknowns, residual, steps, outcome) of one sample."""
        x, *evidence = self.newton.run(
            lambda x: self.equations(one, x),
            lambda x: self.jacobian(one, x),
            lambda x: self.scales(one, x),
            self.pack(one, ys),
        )
        residual, steps, outcome = evidence
        return Path(self.states(one, x), self.end(one, x)), x, residual, steps, outcome


def raise_if_lost(outcome: Any, residual: Any, steps: Any, what: str) -> None:
    """Raise `SolveError` with the remedies of trajectories where one was not found; only for concrete results."""
    codes = np.atleast_1d(np.asarray(outcome))
    if not codes.size or codes.max() < Outcome.NOT_CONVERGED:
        return
    bad = codes >= Outcome.NOT_CONVERGED
    lost, taken = f"{what}: {int(bad.sum())} of {codes.size}", int(np.max(np.asarray(steps)))
    if codes.max() == Outcome.DIVERGED:
        raise SolveError(
            f"{lost} left the finite numbers within {taken} steps; with Leapfrog take more steps (h ω < 2 for the "
            "highest frequency ω) or a potential with a lower bound, with Newton's method start nearer (start=) or "
            "reach a strong nudge in parts (continuation=)"
        )
    largest = float(np.max(np.broadcast_to(np.asarray(residual), codes.shape)[bad]))
    raise SolveError(
        f"{lost} were not found after {taken} steps of Newton's method, residual {largest:.3g}; start nearer (start=), "
        "reach a strong nudge in parts (continuation=), or refine the grid; where a lossless motion is in resonance "
        "with its drive, or its duration is a multiple of half a period, no isolated trajectory exists: change the "
        "frequency or add losses"
    )


def scales_of(ys: Array) -> Array:
    """The size of every unknown over time, `(times, size)`; all above 0."""
    top = jnp.max(jnp.abs(ys), 0)
    largest = jnp.max(top)
    top = jnp.maximum(top, 1e-8 * jnp.where(largest > 0, largest, 1.0))
    return jnp.broadcast_to(jnp.where(largest > 0, top, 1.0), ys.shape)
