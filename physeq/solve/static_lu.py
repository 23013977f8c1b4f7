"""Sparse LU as a list of arithmetic operations fixed in advance: no row exchanges, fast in batches, plain JAX."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.solve.sparse_matrix import SparsityPattern

LANES = 8
"""Matrices that one pass over the operations treats together: one cache line of double precision."""


@dataclass(frozen=True)
class Operations:
    """Steps x_d ← x_d − v_a·x_b, or x_d ← x_d / v_a where `divide`, taken one after the other; `(steps,)`."""

    target: np.ndarray
    factor: np.ndarray
    source: np.ndarray
    divide: np.ndarray

    @staticmethod
    def of(steps: list[tuple[int, int, int, bool]]) -> Operations:
        """From rows (d, a, b, divide)."""
        table = np.array(steps, dtype=np.int32).reshape(-1, 4)
        return Operations(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool))

    def apply(self, x: Array, read: Callable[[Array, Array], Array]) -> Array:
        """Run them on the rows of x, `(places, lanes)`, with v_a = read(x, a)."""
        target, factor, source, divide = (jnp.asarray(a) for a in (self.target, self.factor, self.source, self.divide))

        def step(i, x):
            row, by = x[target[i]], read(x, factor[i])
            new = jnp.where(divide[i], row / by, row - by * x[source[i]])
            return jax.lax.dynamic_update_index_in_dim(x, new, target[i], 0)

        return jax.lax.fori_loop(0, len(self.target), step, x) if len(self.target) else x


@dataclass(frozen=True, eq=False)
class Elimination:
    """The elimination of a pattern: where its entries go, and the operations of the factorisation and of solving.

    Attributes:
        places: the number of places of the factors, entries and fill-in.
        entries: the place of each entry of the coalesced pattern.
        factorise: on the places.
        solve, solve_transposed: on the unknowns, with factors on the places.
        rows, columns: the pivots' rows and columns, in order.
    """

    places: int
    entries: np.ndarray
    factorise: Operations
    solve: Operations
    solve_transposed: Operations
    rows: np.ndarray
    columns: np.ndarray


@cache
def elimination(pattern: SparsityPattern) -> Elimination:
    """Pivots by Markowitz's rule (fewest new entries first), on the diagonal wherever it is filled.

    Raises:
        ModelError: no choice of pivots exists; the matrix is singular whatever its values.
    """
    of = pattern.coalesced
    in_row: list[set[int]] = [set() for _ in range(of.size)]
    in_column: list[set[int]] = [set() for _ in range(of.size)]
    place: dict[tuple[int, int], int] = {}
    for r, c in zip(of.rows.tolist(), of.columns.tolist(), strict=True):
        place[r, c] = len(place)
        in_row[r].add(c)
        in_column[c].add(r)
    order: list[tuple[int, int]] = []
    factorise: list[tuple[int, int, int, bool]] = []
    lower: list[list[tuple[int, int]]] = []
    upper: list[list[tuple[int, int]]] = []
    left_rows = set(range(of.size))

    def cost(r: int, c: int) -> int:
        return (len(in_row[r]) - 1) * (len(in_column[c]) - 1)

    waiting = [(cost(i, i), i, i) for i in range(of.size) if i in in_row[i]]
    heapq.heapify(waiting)
    while left_rows:
        while waiting:
            at, r, c = heapq.heappop(waiting)
            if c in in_row[r] and at == cost(r, c):
                break
        else:
            # No diagonal entry is left: the cheapest of all others.
            found = [(cost(r, c), r, c) for r in left_rows for c in in_row[r]]
            if not found:
                raise ModelError(
                    f"StaticLU: the pattern is singular for all values (row {min(left_rows)} has no pivot); add the "
                    "missing entries, or remove the redundant equation"
                )
            at, r, c = min(found)
        pivot = place[r, c]
        rows, columns = sorted(in_column[c] - {r}), sorted(in_row[r] - {c})
        for i in rows:
            factorise.append((place[i, c], pivot, 0, True))
            for k in columns:
                if (i, k) not in place:
                    place[i, k] = len(place)
                    in_row[i].add(k)
                    in_column[k].add(i)
                factorise.append((place[i, k], place[i, c], place[r, k], False))
        lower.append([(i, place[i, c]) for i in rows])
        upper.append([(k, place[r, k]) for k in columns])
        order.append((r, c))
        left_rows.discard(r)
        for k in in_row[r]:
            in_column[k].discard(r)
        for i in in_column[c]:
            in_row[i].discard(c)
        in_row[r], in_column[c] = set(), set()
        for i in {*rows, *columns}:
            if i in in_row[i]:
                heapq.heappush(waiting, (cost(i, i), i, i))
    rows_of, columns_of = (np.array(x, dtype=np.int32).reshape(-1) for x in zip(*order, strict=True))
    return Elimination(
        places=len(place),
        entries=np.arange(len(of)),
        factorise=Operations.of(factorise),
        solve=_solution(order, lower, upper, place, transpose=False),
        solve_transposed=_solution(order, lower, upper, place, transpose=True),
        rows=rows_of,
        columns=columns_of,
    )


def _solution(order, lower, upper, place, *, transpose: bool) -> Operations:
    """Forward and backward substitution on unknowns numbered by the pivots.

    L has ones on its diagonal and the column `lower` under each pivot; U has the pivot and the row `upper` beside it.
    """
    of_row = {r: s for s, (r, _) in enumerate(order)}
    of_column = {c: s for s, (_, c) in enumerate(order)}
    steps: list[tuple[int, int, int, bool]] = []
    if transpose:
        for s, (r, c) in enumerate(order):
            steps.append((s, place[r, c], 0, True))
            steps += [(of_column[k], at, s, False) for k, at in upper[s]]
        for s in reversed(range(len(order))):
            steps += [(s, at, of_row[i], False) for i, at in lower[s]]
    else:
        for s in range(len(order)):
            steps += [(of_row[i], at, s, False) for i, at in lower[s]]
        for s in reversed(range(len(order))):
            r, c = order[s]
            steps += [(s, at, of_column[k], False) for k, at in upper[s]]
            steps.append((s, place[r, c], 0, True))
    return Operations.of(steps)


@dataclass(frozen=True)
class StaticLU:
    """LU with pivots chosen from the pattern alone, for batches of matrices with few new entries (ladders, trees).

    The operations of the factorisation and of the substitutions are a list, made once for a pattern, which a loop
    runs over eight matrices at a time: on ladders some times faster than `KLU`, above all in a batch, and in any
    precision. There are no row exchanges: a matrix that needs them (a pivot that is zero, or tiny beside its row)
    would lose its digits, so every factorisation is tried on A·1 and gives numbers that are not finite where it is
    wrong by more than `tolerance`; `Rodas5P` then rejects the step, and in the end stops. Use `KLU()` there, and on
    patterns that fill up (grids).

    Attributes:
        tolerance: largest componentwise backward error |A x − b| / (|A| |x| + |b|); by default ε^(1/2) of the dtype.
    """

    tolerance: float | None = None

    def factor(self, pattern: SparsityPattern, values: Array) -> Array:
        """The factors on `elimination(pattern).places`."""
        return _factorise(pattern, pattern.coalesce(values)[:, None], self.tolerance)[:, 0]

    def solve(self, pattern: SparsityPattern, factors: Any, right: Array, transpose: bool = False) -> Array:
        """A⁻¹·right, or A⁻ᵀ·right."""
        return _substitute(pattern, lambda a: factors[a], right[:, None], transpose)[:, 0]

    def recurrence(self, pattern: SparsityPattern, values: Array, right: Any, count: int) -> Array:
        """x_i = A⁻¹·right(i, x) for i = 0, 1, ..., stacked; a batch keeps its factors in lanes."""
        arrays, static = eqx.partition(right, eqx.is_array)

        def stages(solve, right, shape, dtype):
            def stage(stacked, i):
                return stacked.at[..., i, :].set(solve(right(i, stacked))), None

            return jax.lax.scan(stage, jnp.zeros(shape, dtype), jnp.arange(count, dtype=jnp.int32))[0]

        @jax.custom_batching.custom_vmap
        def run(values, arrays):
            factors = self.factor(pattern, values)
            one = eqx.combine(arrays, static)
            return stages(lambda b: self.solve(pattern, factors, b), one, (count, pattern.size), values.dtype)

        @run.def_vmap
        def batch(size, batched, values, arrays):
            axes = jax.tree.map(lambda b: 0 if b else None, batched[1])

            def all_right(i, stacked):
                return jax.vmap(lambda a, x: eqx.combine(a, static)(i, x), (axes, 0))(arrays, stacked)

            if batched[0]:
                lanes = _in_lanes(jax.vmap(pattern.coalesce)(values))
                factors = jax.lax.map(lambda v: _factorise(pattern, v, self.tolerance), lanes)
            else:
                factors = self.factor(pattern, values)[None, :, None]

            def solve(rights):
                lanes = _in_lanes(rights)

                def one(group):
                    # Read in place: a copy of a group's factors would take longer than the substitution.
                    own = group if batched[0] else 0
                    return _substitute(pattern, lambda a: factors[own, a], lanes[group], False)

                solved = jax.lax.map(one, jnp.arange(len(lanes)))
                return jnp.swapaxes(solved, 1, 2).reshape(-1, pattern.size)[:size]

            return stages(solve, all_right, (size, count, pattern.size), values.dtype), True

        return run(values, arrays)


def _in_lanes(x: Array) -> Array:
    """(batch, n) → (groups, n, lanes), the last one repeated to fill its group."""
    missing = -len(x) % LANES
    full = jnp.concatenate([x, jnp.broadcast_to(x[-1], (missing, *x.shape[1:]))])
    return jnp.swapaxes(full.reshape(-1, LANES, x.shape[-1]), 1, 2)


def _factorise(pattern: SparsityPattern, values: Array, tolerance: float | None) -> Array:
    plan, of = elimination(pattern), pattern.coalesced
    places = jnp.zeros((plan.places, values.shape[1]), values.dtype).at[plan.entries].set(values)
    factors = plan.factorise.apply(places, lambda x, a: x[a])
    zero = jnp.zeros((of.size, values.shape[1]), values.dtype)
    right, size = zero.at[of.rows].add(values), zero.at[of.rows].add(jnp.abs(values))
    x = _substitute(pattern, lambda a: factors[a], right, False)
    residual = jnp.abs(zero.at[of.rows].add(values * x[of.columns]) - right)
    scale = zero.at[of.rows].add(jnp.abs(values * x[of.columns])) + size
    allowed = jnp.sqrt(jnp.finfo(values.dtype).eps) if tolerance is None else tolerance
    return jnp.where((residual <= allowed * scale).all(axis=0), factors, jnp.nan)


def _substitute(pattern: SparsityPattern, factor: Callable[[Array], Array], right: Array, transpose: bool) -> Array:
    plan = elimination(pattern)
    into, out = (plan.columns, plan.rows) if transpose else (plan.rows, plan.columns)
    operations = plan.solve_transposed if transpose else plan.solve
    return jnp.zeros_like(right).at[out].set(operations.apply(right[into], lambda _, a: factor(a)))
