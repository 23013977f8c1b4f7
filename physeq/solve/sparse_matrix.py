"""Square matrices with a fixed sparsity pattern: values on a list of places, products, and solutions by a backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physeq.errors import ModelError
from physeq.graph.coloring import color

if TYPE_CHECKING:
    from physeq.solve.linear_backend import LinearBackend


@dataclass(frozen=True, eq=False)
class SparsityPattern:
    """The places of the entries of an n×n matrix A; the values are an array `(entries,)` in the same order.

    A_rc = Σ values_e over the entries e with rows_e = r and columns_e = c: a place may stand any number of times.
    Places are known before tracing (numpy), so that a pattern is a static argument of compiled functions; two
    patterns with the same places in the same order are equal.

    Args:
        rows, columns: integers `(entries,)` from 0 to size − 1.
        size: n.

    Raises:
        ModelError: lists of different lengths, or a place outside the matrix.

    >>> import jax.numpy as jnp
    >>> pattern = SparsityPattern([0, 1, 1, 1], [0, 0, 1, 1], 2)
    >>> pattern.to_dense(jnp.array([2.0, 1.0, 3.0, 1.0])).tolist()
    [[2.0, 0.0], [1.0, 4.0]]
    >>> pattern.solve(jnp.array([2.0, 1.0, 3.0, 1.0]), jnp.array([2.0, 5.0])).tolist()
    [1.0, 1.0]
    """

    rows: np.ndarray
    columns: np.ndarray
    size: int

    def __post_init__(self):
        for name in ("rows", "columns"):
            # A copy of our own: the pattern is a key of caches, and its places must not change.
            places = np.array(getattr(self, name), dtype=np.int32).reshape(-1)
            places.flags.writeable = False
            object.__setattr__(self, name, places)
            if places.size and (places.min() < 0 or places.max() >= self.size):
                wrong = places[(places < 0) | (places >= self.size)][0]
                raise ModelError(f"SparsityPattern: {name} must be from 0 to {self.size - 1} (size − 1), got {wrong}")
        if len(self.rows) != len(self.columns):
            raise ModelError(
                f"SparsityPattern: rows and columns must be of one length, got {len(self.rows)} and {len(self.columns)}"
            )

    @staticmethod
    def dense(size: int) -> SparsityPattern:
        """Every place, row by row: the values are `matrix.reshape(-1)`."""
        rows, columns = np.divmod(np.arange(size * size), size)
        return SparsityPattern(rows, columns, size)

    @staticmethod
    def diagonal(size: int) -> SparsityPattern:
        """The diagonal alone."""
        return SparsityPattern(np.arange(size), np.arange(size), size)

    @cached_property
    def _key(self) -> tuple[int, bytes, bytes]:
        return self.size, self.rows.tobytes(), self.columns.tobytes()

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, SparsityPattern) and self._key == other._key)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def _unique(self) -> tuple[np.ndarray, np.ndarray]:
        keys = self.columns.astype(np.int64) * self.size + self.rows
        return np.unique(keys, return_inverse=True)

    @cached_property
    def _first(self) -> np.ndarray:
        first = np.zeros(len(self), bool)
        first[np.unique(self._unique[1], return_index=True)[1]] = True
        return first

    @cached_property
    def coalesced(self) -> SparsityPattern:
        """The same places, each once, column by column."""
        columns, rows = np.divmod(self._unique[0], self.size)
        return SparsityPattern(rows, columns, self.size)

    def coalesce(self, values: Float[Array, " entries"]) -> Array:
        """The values on `coalesced`: those of one place added up."""
        return jnp.zeros(len(self._unique[0]), values.dtype).at[self._unique[1]].add(values)

    def join(self, other: SparsityPattern) -> SparsityPattern:
        """The places of both, one list after the other: the pattern of a sum, with the values joined likewise."""
        if other.size != self.size:
            raise ModelError(f"SparsityPattern: sizes {self.size} and {other.size} do not join; make them one")
        return _joined(self, other)

    def to_dense(self, values: Float[Array, " entries"]) -> Float[Array, "n n"]:
        """The matrix itself."""
        return jnp.zeros((self.size, self.size), values.dtype).at[self.rows, self.columns].add(values)

    def from_dense(self, matrix: Float[Array, "n n"]) -> Array:
        """The entries of a dense matrix; a place that stands twice gets its value at the first of them."""
        return jnp.where(self._first, matrix[self.rows, self.columns], 0.0)

    def matvec(self, values: Float[Array, " entries"], x: Array) -> Array:
        """A·x for x of shape `(n,)`."""
        product = values * x[self.columns]
        return jnp.zeros(self.size, product.dtype).at[self.rows].add(product)

    def solve(self, values: Array, right: Array, backend: LinearBackend | None = None) -> Array:
        """x with A·x = right, `(n,)`; differentiable in the values and in the right-hand side.

        The derivative is that of the solution, dx = A⁻¹(d right − dA·x), in forward and in reverse mode (Aᵀ). By
        default `default_backend(self.size)`.
        """
        return self.factor(values, backend)(right)

    def factor(self, values: Array, backend: LinearBackend | None = None) -> Callable[[Array], Array]:
        """The function right → A⁻¹·right, which factorises A once where the backend's factors are arrays (`DenseLU`).

        KLU factorises for every call: its factors live outside JAX. Inside an integrator, use `solve_stages`.
        """
        from physeq.solve.linear_backend import default_backend

        chosen = default_backend(self.size) if backend is None else backend
        factors = chosen.factor(self, jax.lax.stop_gradient(values))

        def solve(right: Array) -> Array:
            return jax.lax.custom_linear_solve(
                lambda x: self.matvec(values, x),
                right,
                solve=lambda _, b: chosen.solve(self, factors, b),
                transpose_solve=lambda _, b: chosen.solve(self, factors, b, transpose=True),
            )

        return solve

    @cached_property
    def _column_colors(self) -> np.ndarray:
        """Colours of columns such that two columns with an entry in one row differ."""
        rows, columns = self.coalesced.rows, self.coalesced.columns
        order = np.lexsort((columns, rows))
        rows, columns = rows[order], columns[order]
        ends = np.append(np.flatnonzero(np.diff(rows)) + 1, len(rows))
        pairs, start = [np.zeros((0, 2), np.int64)], 0
        for end in ends:
            own = columns[start:end]
            first, second = np.triu_indices(len(own), 1)
            pairs.append(np.stack([own[first], own[second]], axis=1))
            start = end
        return color(self.size, np.unique(np.concatenate(pairs), axis=0))

    def jacobian(self, function: Callable[[Array], Array], at: Float[Array, " n"]) -> Array:
        """The values of ∂function/∂x on this pattern, by one forward derivative per colour of the columns.

        Columns that share no row are found together (Curtis, Powell and Reid 1974): a tridiagonal Jacobian takes three
        derivatives, whatever its size. Places outside the pattern must be zero.
        """
        if len(self.coalesced) == self.size**2:
            return self.from_dense(jax.jacfwd(function)(at))
        colors = self._column_colors
        seeds = (colors == np.arange(colors.max(initial=0) + 1)[:, None]).astype(at.dtype)
        _, linear = jax.linearize(function, at)
        compressed = jax.vmap(linear)(jnp.asarray(seeds))
        return jnp.where(self._first, compressed[colors[self.columns], self.rows], 0.0)


@cache
def _joined(first: SparsityPattern, second: SparsityPattern) -> SparsityPattern:
    rows, columns = np.append(first.rows, second.rows), np.append(first.columns, second.columns)
    return SparsityPattern(rows, columns, first.size)


def static_pattern(pattern: Any, owner: str) -> SparsityPattern:
    """`pattern` itself, or a ModelError that says what `owner` wants."""
    if not isinstance(pattern, SparsityPattern):
        raise ModelError(f"{owner} must be a SparsityPattern(rows, columns, size), got {pattern!r}")
    return pattern
