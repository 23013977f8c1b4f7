"""How sparse systems are factorised: dense LU, or KLU, and many dependent solutions with one factorisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from physeq.errors import ModelError
from physeq.solve import klu
from physeq.solve.sparse_matrix import SparsityPattern

DENSE_LIMIT = 100
"""Unknowns up to which `default_backend` takes dense matrices."""


class LinearBackend(Protocol):
    """Factorises matrices on a `SparsityPattern`: `DenseLU()`, `KLU()` and `StaticLU()`."""

    def factor(self, pattern: SparsityPattern, values: Array) -> Any:
        """What `solve` needs of the matrix, as arrays that may outlive the call."""

    def solve(self, pattern: SparsityPattern, factors: Any, right: Array, transpose: bool = False) -> Array:
        """A⁻¹·right, or A⁻ᵀ·right."""

    def recurrence(self, pattern: SparsityPattern, values: Array, right: Any, count: int) -> Array:
        """x_i = A⁻¹·right(i, x) for i = 0, 1, ..., `count` − 1, stacked, with one factorisation."""


@dataclass(frozen=True)
class DenseLU:
    """LAPACK's LU factorisation with row exchanges of the dense matrix; any device and precision."""

    def factor(self, pattern: SparsityPattern, values: Array) -> tuple[Array, Array]:
        lu, _, permutation = _lu(pattern.to_dense(values))
        return lu, permutation

    def solve(self, pattern: SparsityPattern, factors: Any, right: Array, transpose: bool = False) -> Array:
        return _lu_solve_transposed(*factors, right) if transpose else _lu_solve(*factors, right)

    def recurrence(self, pattern: SparsityPattern, values: Array, right: Any, count: int) -> Array:
        factors = self.factor(pattern, values)
        return _recurrence(lambda b: self.solve(pattern, factors, b), right, count, pattern.size, values.dtype)[0]


# A batch is factorised matrix by matrix: see physeq/solve/dense.py.
@jax.custom_batching.sequential_vmap
def _lu(matrix: Array) -> tuple[Array, Array, Array]:
    lu, pivots, permutation = jax.lax.linalg.lu(matrix)
    return lu, pivots, permutation


@jax.custom_batching.sequential_vmap
def _lu_solve(lu: Array, permutation: Array, right: Array) -> Array:
    lower = jax.lax.linalg.triangular_solve(
        lu, right[permutation][:, None], left_side=True, lower=True, unit_diagonal=True
    )
    return jax.lax.linalg.triangular_solve(lu, lower, left_side=True, lower=False)[:, 0]


@jax.custom_batching.sequential_vmap
def _lu_solve_transposed(lu: Array, permutation: Array, right: Array) -> Array:
    upper = jax.lax.linalg.triangular_solve(lu, right[:, None], left_side=True, lower=False, transpose_a=True)
    solved = jax.lax.linalg.triangular_solve(
        lu, upper, left_side=True, lower=True, unit_diagonal=True, transpose_a=True
    )[:, 0]
    return jnp.zeros_like(solved).at[permutation].set(solved)


def solve_dense(matrix: Float[Array, "n n"], right: Float[Array, " n"]) -> Array:
    """matrix⁻¹·right by `DenseLU`, with derivatives in both."""
    return SparsityPattern.dense(len(right)).solve(matrix.reshape(-1), right, DenseLU())


@dataclass(frozen=True)
class KLU:
    """Sparse LU with fill-reducing order and partial pivoting, by klujax; double precision on the CPU.

    A matrix that is singular to the last bit raises JaxRuntimeError ("klu_factor failed") when the program runs; one
    with entries that are not finite gives a solution that is not.
    """

    def check(self) -> None:
        """Refuse where klujax is missing, or in single precision.

        Raises:
            ModelError: with how to mend it.
        """
        klu.klujax()
        if not double_precision():
            raise ModelError(
                'KLU() works in double precision: jax.config.update("jax_enable_x64", True), or use DenseLU()'
            )

    def factor(self, pattern: SparsityPattern, values: Array) -> Array:
        self.check()
        return pattern.coalesce(values).astype(jnp.float64)

    def solve(self, pattern: SparsityPattern, factors: Any, right: Array, transpose: bool = False) -> Array:
        analysis = klu.analysis(pattern.coalesced)
        values, wrong = klu.finite(factors, analysis)
        return (klu.solve(values, right.astype(jnp.float64), analysis, transpose) + wrong).astype(right.dtype)

    def recurrence(self, pattern: SparsityPattern, values: Array, right: Any, count: int) -> Array:
        summed = self.factor(pattern, values)
        analysis = klu.analysis(pattern.coalesced)
        if not klu.can_release():
            each = lambda b: self.solve(pattern, summed, b)  # noqa: E731
            return _recurrence(each, right, count, pattern.size, values.dtype)[0]
        arrays, static = eqx.partition(right, eqx.is_array)

        def scoped(summed, arrays):
            values, wrong = klu.finite(summed, analysis)
            factors = klu.factor(values, analysis)

            def solve(b):
                return klu.solve_factored(factors, b.astype(jnp.float64), analysis) + wrong

            stacked, last = _recurrence(solve, eqx.combine(arrays, static), count, pattern.size, values.dtype)
            return klu.release(factors, last, stacked)

        return klu.opaque(scoped, summed, arrays)


def _recurrence(solve: Callable, right: Any, count: int, size: int, dtype: Any) -> tuple[Array, Array]:
    def stage(stacked, i):
        solved = solve(right(i, stacked)).astype(dtype)
        return stacked.at[i].set(solved), None

    stacked, _ = jax.lax.scan(stage, jnp.zeros((count, size), dtype), jnp.arange(count, dtype=jnp.int32))
    return stacked, stacked[-1]


def double_precision() -> bool:
    """Whether JAX is set to double precision."""
    return jnp.result_type(float) == jnp.float64


def default_backend(size: int) -> DenseLU | KLU:
    """`DenseLU()` up to 100 unknowns, and where klujax is not installed or cannot work; `KLU()` above."""
    usable = klu.installed() and double_precision() and jax.default_backend() == "cpu"
    return KLU() if size > DENSE_LIMIT and usable else DenseLU()


def solve_stages(
    pattern: SparsityPattern,
    values: Float[Array, " entries"],
    right: Callable[[Array, Float[Array, "count n"]], Float[Array, " n"]],
    count: int,
    backend: LinearBackend | None = None,
) -> Float[Array, "count n"]:
    """x_i = A⁻¹·right(i, x), where `right` reads the solutions before i: the stages of a Rosenbrock step.

    One factorisation serves all of them. The derivative solves dx_i = A⁻¹(d right_i − dA·x_i) in the same order, in
    forward and in reverse mode; where a solution is not finite, it is that at x = 0, so that a step that is rejected
    adds zero times something finite to a gradient.

    Args:
        pattern, values: the matrix A.
        right: a function of the index (a traced integer) and of the stacked solutions, `(count, n)`, zero from the
            index on.
        count: how many.
        backend: by default `default_backend(pattern.size)`.

    >>> import jax.numpy as jnp
    >>> half = SparsityPattern([0], [0], 1)
    >>> solve_stages(half, jnp.array([2.0]), lambda i, x: 1 + x.sum(axis=0), 3)[:, 0].tolist()
    [0.5, 0.75, 1.125]
    """
    chosen = default_backend(pattern.size) if backend is None else backend
    index, stacked = jax.ShapeDtypeStruct((), jnp.int32), jax.ShapeDtypeStruct((count, pattern.size), values.dtype)
    converted = eqx.filter_closure_convert(right, index, stacked)

    @eqx.filter_custom_jvp
    def solved(values, right):
        return chosen.recurrence(pattern, values, right, count)

    @solved.def_jvp
    def derivative(primals, tangents):
        values, right = primals
        d_values, d_right = tangents
        stacked = solved(values, right)
        safe = jnp.where(jnp.isfinite(stacked).all(), stacked, 0.0)
        linear = pattern.factor(values, chosen)

        def stage(d_stacked, i):
            before = jnp.where(jnp.arange(count)[:, None] < i, safe, 0.0)
            _, change = eqx.filter_jvp(lambda right, x: right(i, x), (right, before), (d_right, d_stacked))
            if d_values is not None:
                change = change - pattern.matvec(d_values, safe[i])
            return d_stacked.at[i].set(linear(change)), None

        d_stacked, _ = jax.lax.scan(stage, jnp.zeros_like(safe), jnp.arange(count, dtype=jnp.int32))
        return stacked, d_stacked

    return solved(values, converted)
