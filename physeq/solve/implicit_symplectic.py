"""Implicit symplectic integrators for any Hamiltonian, and any ODE: the Gauss methods of one and of two stages."""

from __future__ import annotations

from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from physeq.solve.stage_iteration import FixedPointStages, NewtonStages, solve_fixed_point


class GaussMethod(diffrax.AbstractSolver):
    """k_i = f(t + c_i h, y + h Σ_j a_ij k_j), y₁ = y + h Σ_i b_i k_i with the nodes of Gauss: order twice the stages.

    Symplectic for every Hamiltonian, separable or not; reversible; conserves quadratic invariants (angular momentum)
    to rounding; A-stable. Stages are solved to rounding. The state is any pytree and the term one `diffrax.ODETerm`.
    Steps are constant: there is no error estimate. Between steps, `SaveAt(ts=...)` reads a cubic interpolation.

    Attributes:
        stages: `FixedPointStages()` or `NewtonStages()`.
    """

    term_structure: ClassVar = diffrax.AbstractTerm
    interpolation_cls: ClassVar = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    a: ClassVar[np.ndarray]
    b: ClassVar[np.ndarray]
    c: ClassVar[np.ndarray]

    stages: FixedPointStages | NewtonStages = eqx.field(static=True, default=FixedPointStages())

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: Any) -> None:
        return None

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: Any, solver_state: None, made_jump: Any
    ) -> tuple[PyTree, None, dict[str, Any], None, Any]:
        y, unravel = ravel_pytree(y0)
        a, b, c = (jnp.asarray(x, y.dtype) for x in (self.a, self.b, self.c))
        h = t1 - t0
        count, size = len(self.b), y.size

        def slope(t, x):
            change = terms.vf_prod(t, unravel(x), args, terms.contr(t0, t1))
            return ravel_pytree(change)[0].astype(y.dtype)

        def right(flat):
            # Unknowns are h·k, of the size of the change of the state, which rounding is measured against.
            increments = flat.reshape(count, size)

            def stage(_, i):
                return None, slope(t0 + c[i] * h, y + a[i] @ increments)

            return jax.lax.scan(stage, None, jnp.arange(count))[1].reshape(-1)

        first = slope(t0, y)
        scale = jnp.max(jnp.abs(y), initial=0.0) + jnp.max(jnp.abs(first), initial=0.0)
        flat, converged = solve_fixed_point(right, jnp.tile(first, count), scale, self.stages)
        end = y + b @ flat.reshape(count, size)
        y1 = unravel(end)
        dense = {"y0": y0, "y1": y1, "k": jax.vmap(unravel)(jnp.stack([first, slope(t1, end)]))}
        result = diffrax.RESULTS.where(
            converged, diffrax.RESULTS.successful, diffrax.RESULTS.nonlinear_max_steps_reached
        )
        return y1, None, dense, None, result

    def func(self, terms: Any, t0: Any, y0: PyTree, args: Any) -> PyTree:
        return terms.vf(t0, y0, args)


class ImplicitMidpoint(GaussMethod):
    """y₁ = y + h f(t + h/2, (y + y₁)/2): the Gauss method of one stage, order 2.

    Source: E. Hairer, C. Lubich and G. Wanner, Geometric Numerical Integration, 2nd edition, sections II.1.3 and VI.4.

    >>> import diffrax, jax.numpy as jnp
    >>> term = diffrax.ODETerm(lambda t, y, args: jnp.stack([y[1], -y[0]]))
    >>> solved = diffrax.diffeqsolve(term, ImplicitMidpoint(), 0.0, 10.0, 0.1, jnp.array([1.0, 0.0]))
    >>> round(float((solved.ys[0] ** 2).sum()), 5)
    1.0
    """

    a: ClassVar = np.array([[0.5]])
    b: ClassVar = np.array([1.0])
    c: ClassVar = np.array([0.5])

    def order(self, terms: Any) -> int:
        return 2


_ROOT = np.sqrt(3) / 6


class GaussLegendre(GaussMethod):
    """The Gauss method of two stages, at t + (1/2 ∓ √3/6) h: order 4.

    Source: E. Hairer, C. Lubich and G. Wanner, Geometric Numerical Integration, 2nd edition, sections II.1.3 and VI.4.

    >>> GaussLegendre().order(None)
    4
    """

    a: ClassVar = np.array([[0.25, 0.25 - _ROOT], [0.25 + _ROOT, 0.25]])
    b: ClassVar = np.array([0.5, 0.5])
    c: ClassVar = np.array([0.5 - _ROOT, 0.5 + _ROOT])

    def order(self, terms: Any) -> int:
        return 4
