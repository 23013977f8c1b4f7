"""The nonlinear stages of implicit Runge–Kutta methods, solved to rounding: k = G(k), and its derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from physeq.errors import ModelError
from physeq.solve.linear_backend import solve_dense


@dataclass(frozen=True)
class FixedPointStages:
    """k ← G(k): no matrix; converges where the step is short against the fastest oscillation (h ω below about 1).

    Attributes:
        steps: most iterations; where they do not suffice, diffrax reports that the nonlinear solver failed.
    """

    steps: int = 100

    def __post_init__(self):
        _check_steps(self)

    def solve(self, function: Callable[[Array], Array], start: Array, scale: Array) -> tuple[Array, Bool[Array, ""]]:
        """k with k = function(k) to some units in the last place of `scale`, and whether it was reached."""
        return _iterate(lambda k: function(k) - k, start, scale, self.steps)

    def linear(self, matvec: Callable[[Array], Array], right: Array) -> Array:
        """x with matvec(x) = right, for a product near the identity."""
        found, converged = _iterate(lambda x: right - matvec(x), right, jnp.max(jnp.abs(right)), self.steps)
        return jnp.where(converged, found, jnp.nan)


@dataclass(frozen=True)
class NewtonStages:
    """Newton steps with the dense matrix 1 − ∂G/∂k: longer steps and stiff systems, up to some hundred unknowns.

    Attributes:
        steps: most iterations; where they do not suffice, diffrax reports that the nonlinear solver failed.
    """

    steps: int = 20

    def __post_init__(self):
        _check_steps(self)

    def solve(self, function: Callable[[Array], Array], start: Array, scale: Array) -> tuple[Array, Bool[Array, ""]]:
        """k with k = function(k) to some units in the last place of `scale`, and whether it was reached."""
        identity = jnp.eye(start.size, dtype=start.dtype)

        def change(k):
            return solve_dense(identity - jax.jacfwd(function)(k), function(k) - k)

        return _iterate(change, start, scale, self.steps)

    def linear(self, matvec: Callable[[Array], Array], right: Array) -> Array:
        """x with matvec(x) = right."""
        identity = jnp.eye(right.size, dtype=right.dtype)
        return solve_dense(jax.vmap(matvec, out_axes=1)(identity), right)


def solve_fixed_point(
    function: Callable[[Array], Array], start: Array, scale: Array, method: FixedPointStages | NewtonStages
) -> tuple[Array, Bool[Array, ""]]:
    """k = function(k) and whether it converged; differentiable by the implicit function theorem.

    dk = (1 − ∂G/∂k)⁻¹ dG, in forward and in reverse mode, whatever the iterations were.

    >>> import jax, jax.numpy as jnp
    >>> def root(a):
    ...     return solve_fixed_point(lambda k: jnp.cos(a * k), jnp.ones(1), 1.0, FixedPointStages())[0][0]
    >>> round(float(root(1.0)), 6), round(float(jax.grad(root)(1.0)), 6)
    (0.739085, -0.297474)
    """
    converted = eqx.filter_closure_convert(function, start)

    @eqx.filter_custom_jvp
    def solved(function, start, scale):
        return method.solve(function, start, scale)

    @solved.def_jvp
    def derivative(primals, tangents):
        function, start, scale = primals
        k, converged = solved(function, start, scale)
        at = jnp.where(converged, k, start)
        change = jnp.zeros_like(k)
        if any(x is not None for x in jax.tree.leaves(tangents[0])):
            _, change = eqx.filter_jvp(lambda f: f(at), (function,), (tangents[0],))

        def matvec(x):
            return x - jax.jvp(function, (at,), (x,))[1]

        d_k = jax.lax.custom_linear_solve(matvec, change, method.linear, method.linear)
        return (k, converged), (d_k, None)

    return solved(converted, jax.lax.stop_gradient(start), jax.lax.stop_gradient(scale))


def _check_steps(method: Any) -> None:
    if method.steps < 1:
        raise ModelError(f"{type(method).__name__}: steps must be at least 1, got {method.steps}")


def _iterate(change: Callable[[Array], Array], start: Array, scale: Array, steps: int) -> tuple[Array, Array]:
    """x += change(x) until changes no longer shrink (Hairer, McLachlan and Razakarivony 2008): an error without bias.

    A fixed tolerance would leave an error of one sign in every step, which adds up to a drift of the energy.
    """
    rounding = 1000 * jnp.finfo(start.dtype).eps * jnp.maximum(scale, jnp.finfo(start.dtype).tiny)

    def unfinished(carry):
        _, size, before, count = carry
        stalled = (size <= rounding) & (size >= before)
        return (count < steps) & (size != 0) & ~stalled & (size < jnp.inf)

    def advance(carry):
        x, size, _, count = carry
        delta = change(x)
        return x + delta, jnp.max(jnp.abs(delta), initial=0.0), size, count + 1

    big = jnp.asarray(jnp.finfo(start.dtype).max, start.dtype)
    x, size, _, _ = jax.lax.while_loop(unfinished, advance, (start, big, big, jnp.int32(0)))
    return x, size <= rounding
