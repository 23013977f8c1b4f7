"""A solver of trajectories that solves nothing: every phase of a rule gets a random path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from physeq.errors import InternalError
from physeq.solve.trajectory_solver import Path, TrajectorySolver


@dataclass(frozen=True, eq=False)
class GivenPaths(TrajectorySolver):
    """Finds nothing: every phase has the path a + (β/s) b + (β/s)² c, and a run with an error played backwards a + b.

    Attributes:
        inner: the solver whose grid it has.
        paths: (a, b, c), each `(times, size)`.
        derivative: what stands for d/dt on the grid.
        scale: s.
    """

    inner: Any
    paths: tuple[Any, Any, Any]
    derivative: Any
    scale: float = 1.0

    def grid(self, boundary: Any) -> Any:
        return self.inner.grid(boundary)

    def check(self, model: Any) -> None:
        """Fits every model."""

    def find(self, problem: Any, start: Any) -> tuple[Path, Any, Any, Any]:
        a, b, c = self.paths

        def one(own):
            share = own.beta / self.scale
            return a + share * b + share**2 * c

        nothing = jnp.zeros(problem.batch)
        return Path(problem.map(one), None), nothing, jnp.int32(0), jnp.zeros(problem.batch, jnp.int32)

    def solve(self, one: Any, ys: Any) -> tuple[Path, Any, Any, Any, Any]:
        """The second run of a time-reversed nudge, for one sample."""
        return Path(ys + self.paths[1], None), None, jnp.zeros(()), jnp.int32(0), jnp.int32(0)

    def adjoint(self, one: Any, ys: Any) -> Any:
        raise InternalError("given paths have no adjoint")

    def reversed(self, ys: Any) -> Any:
        return self.inner.reversed(ys)

    def rates(self, one: Any, ys: Any) -> Any:
        """ẏ of a path."""
        return self.derivative @ ys
