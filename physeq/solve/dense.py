"""The one place where dense matrices are factorised, to solve with them or to see whether they are positive."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array


@jax.custom_batching.sequential_vmap
def dense_solve(matrix: Array, right: Array) -> Array:
    """x with matrix·x = right, `(n, n)` and `(n,)` or `(n, k)`; a batch is solved matrix by matrix.

    XLA's batched LAPACK calls on the CPU wait for workers of the thread pool that they run in: two of them at once
    (a free and a nudged phase) stop a two-core machine for good. Single calls do not wait.
    """
    return jnp.linalg.solve(matrix, right)


@jax.custom_batching.sequential_vmap
def positive_definite(matrix: Array) -> Array:
    """Whether a symmetric matrix has a Cholesky factor; matrix by matrix too."""
    return jnp.all(jnp.isfinite(jnp.linalg.cholesky(matrix)))
