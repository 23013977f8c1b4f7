"""Rodas5P, a Rosenbrock–Wanner method of order 5 for stiff systems and DAEs M·ẏ = f(t, y) of index 1."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from physeq.solve.dae_term import DAETerm
from physeq.solve.linear_backend import solve_stages


@cache
def coefficients() -> dict[str, np.ndarray]:
    """The coefficients γ, A, C, b, c, d and H of the method, from physeq/solve/data/rodas5p.json."""
    file = resources.files("physeq.solve") / "data" / "rodas5p.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    return {name: np.asarray(table[name]) for name in ("gamma", "A", "C", "b", "c", "d", "H")}


class RodasInterpolation(diffrax.AbstractLocalInterpolation):
    """y(t₀ + s h) = (1 − s) y₀ + s (y₁ + (1 − s)(g₁ + s (g₂ + s g₃))), order 4; g has the three terms stacked."""

    t0: Any  # type: ignore[misc]
    t1: Any  # type: ignore[misc]
    y0: PyTree
    y1: PyTree
    g: PyTree

    def evaluate(self, t0: Any, t1: Any = None, left: bool = True) -> PyTree:
        """y(t0), or y(t1) − y(t0)."""
        if t1 is not None:
            return jax.tree.map(jnp.subtract, self.evaluate(t1), self.evaluate(t0))

        def at(y0, y1, g):
            s = jnp.asarray((t0 - self.t0) / (self.t1 - self.t0), jnp.result_type(y0))
            return (1 - s) * y0 + s * (y1 + (1 - s) * (g[0] + s * (g[1] + s * g[2])))

        return jax.tree.map(at, self.y0, self.y1, self.g)


class Rodas5P(diffrax.AbstractAdaptiveSolver):
    """Rodas5P: order 5 with an embedded error estimate, L-stable; eight stages and one factorisation a step.

    With W = M/(hγ) − ∂f/∂y at (t, y), the stages solve

        W k_i = f(t + c_i h, y + Σ_j A_ij k_j) + M Σ_j C_ij k_j / h + h d_i ∂f/∂t,

    and y₁ = y + Σ_j b_j k_j with the error estimate k₈. Algebraic unknowns are in the error norm like the others.
    M comes from a `DAETerm`; a plain `diffrax.ODETerm` has M = 1 and its state may be any pytree. Nothing iterates, so
    that a step fails only when a stage is not finite; it is then rejected. The initial state must satisfy the algebraic
    rows, else the first steps show an error that no step size removes. Dense output has order 4. Works with
    `diffrax.PIDController`, `ClipStepSizeController` (corners of the right-hand side) and events, and differentiates
    in forward and in reverse mode.

    Source: G. Steinebach, "Construction of Rosenbrock–Wanner method Rodas5P and numerical benchmarks within the Julia
    Differential Equations package", BIT Numerical Mathematics 63, 27 (2023).

    >>> import diffrax, jax.numpy as jnp
    >>> term = diffrax.ODETerm(lambda t, y, args: -1000 * (y - jnp.cos(t)))
    >>> control = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    >>> solved = diffrax.diffeqsolve(term, Rodas5P(), 0.0, 1.0, None, jnp.array(1.0), stepsize_controller=control)
    >>> int(solved.stats["num_steps"]) < 30
    True
    """

    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar = RodasInterpolation

    def order(self, terms: Any) -> int:
        return 5

    def init(self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: Any) -> None:
        return None

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: PyTree, args: Any, solver_state: None, made_jump: Any
    ) -> tuple[PyTree, PyTree, dict[str, Any], None, Any]:
        y, unravel = ravel_pytree(y0)
        system = _System(terms, unravel, args)
        table = {name: jnp.asarray(value, y.dtype) for name, value in coefficients().items()}
        # In a batch, those that have arrived go on with steps of length zero, whose results are not used.
        unused = jnp.sqrt(jnp.finfo(y.dtype).eps) * jnp.where(t1 == 0, 1.0, jnp.abs(t1))
        h = jnp.where(t1 == t0, unused, t1 - t0).astype(y.dtype)
        mass, matrix = system.matrix(t0, y, 1 / (h * table["gamma"]))
        # Where a step begins or ends at a corner of the field, rounding must not carry it to the other side.
        margin = jnp.minimum(16 * jnp.finfo(y.dtype).eps * jnp.maximum(jnp.abs(t0), jnp.abs(t1)), jnp.abs(h) / 4)
        first, last = t0 + jnp.sign(h) * margin, t1 - jnp.sign(h) * margin
        in_time = system.time_derivative(first, y)

        def right(i, k):
            time = jnp.clip(t0 + table["c"][i] * h, jnp.minimum(first, last), jnp.maximum(first, last))
            inertia = system.places.matvec(mass, table["C"][i] @ k) / h
            return system.field(time, y + table["A"][i] @ k) + inertia + h * table["d"][i] * in_time

        k = solve_stages(system.joined, matrix, right, len(table["b"]), system.term.backend)
        y1, error = y + table["b"] @ k, k[-1]
        finite = jnp.isfinite(y1).all() & jnp.isfinite(error).all()
        # The controller divides by the new state: infinity there would leave it without a next step size.
        y1, error = jnp.where(finite, y1, y), jnp.where(finite, error, jnp.inf)
        dense = {"y0": y0, "y1": unravel(y1), "g": jax.vmap(unravel)(table["H"] @ k)}
        return dense["y1"], unravel(error), dense, None, diffrax.RESULTS.successful

    def func(self, terms: Any, t0: Any, y0: PyTree, args: Any) -> PyTree:
        """ẏ at a consistent state, from (M − ε ∂f/∂y) ẏ = f + ε ∂f/∂t with a small ε, as algebraic unknowns need it."""
        if not isinstance(_unwrapped(terms)[0], DAETerm):
            return terms.vf(t0, y0, args)
        y, unravel = ravel_pytree(y0)
        system = _System(terms, unravel, args)
        mass, matrix = system.matrix(t0, y, jnp.zeros((), y.dtype))
        scale = jnp.max(jnp.abs(mass), initial=0.0) / jnp.maximum(jnp.max(jnp.abs(matrix), initial=0.0), 1e-30)
        small = jnp.sqrt(jnp.finfo(y.dtype).eps) * jnp.where(scale > 0, scale, 1.0)
        mass, matrix = system.matrix(t0, y, 1 / small)
        right = (system.field(t0, y) + small * system.time_derivative(t0, y)) / small
        return unravel(system.joined.solve(matrix, right, system.term.backend))


class _System:
    """The flat problem of one step: field, its derivatives, and M, in the direction in which diffrax integrates."""

    def __init__(self, terms: Any, unravel: Any, args: Any):
        inner, self.direction = _unwrapped(terms)
        self.args = args
        if isinstance(inner, DAETerm):
            self.term = inner
        else:
            self.term = DAETerm(lambda t, y, args: ravel_pytree(inner.vf(t, unravel(y), args))[0])

    def field(self, t: Any, y: Array) -> Array:
        return self.direction * self.term.vf(self.direction * t, y, self.args)

    def time_derivative(self, t: Any, y: Array) -> Array:
        time = jnp.asarray(t, y.dtype)
        return jax.jvp(lambda t: self.field(t, y), (time,), (jnp.ones_like(time),))[1]

    def matrix(self, t: Any, y: Array, factor: Array) -> tuple[Array, Array]:
        """The values of M, and of factor·M − ∂f/∂y on the joined pattern."""
        pattern, self.places = self.term.patterns(y.size)
        self.joined = pattern.join(self.places)
        mass = self.term.mass_values(self.args, y.size, y.dtype)
        jacobian = self.direction * self.term.jacobian_values(self.direction * t, y, self.args)
        return mass, jnp.concatenate([-jacobian, factor * mass])


def _unwrapped(terms: Any) -> tuple[Any, Any]:
    # diffrax integrates backwards in time by wrapping the term: τ = −t.
    if isinstance(terms, diffrax.ODETerm):
        return terms, 1
    return terms.term, terms.direction
