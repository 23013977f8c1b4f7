"""Which equations of M ẏ = f(t, y) are algebraic: the combinations of rows in which all mass cancels.

A node without capacitance has no mass in its row. Nodes joined by capacitors alone, with none of them to ground, have
mass in every row, but the sum of their rows has none: the current into all of them together. Multiplying by a constant
matrix E that replaces one row of each such set by their combination separates differential from algebraic rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.linalg import qr
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from physeq.compile.motion import BoundMotion, MotionPattern, pattern_of
from physeq.errors import ModelError


@dataclass(frozen=True, eq=False)
class AlgebraicRows:
    """The matrix E and what it does.

    Attributes:
        algebraic: mask of the rows that E turns into algebraic equations.
        into, out_of, factor: row `into` gets `factor` times row `out_of` added, for every entry.
        massless: mask of the unknowns whose rate stands nowhere (columns of M without entries).
        rows, columns, sources, factors: the entries of E·A for a matrix A with the entries of `pattern_of(layout)`:
            entry k stands at (rows[k], columns[k]) and is factors[k] times entry sources[k] of A.
    """

    algebraic: np.ndarray
    into: np.ndarray
    out_of: np.ndarray
    factor: np.ndarray
    massless: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    sources: np.ndarray
    factors: np.ndarray

    def combine(self, f: Array) -> Array:
        """E f."""
        if not len(self.into):
            return f
        return f.at[self.into].add(jnp.asarray(self.factor, f.dtype) * f[self.out_of])

    def combine_matrix(self, values: Array) -> Array:
        """The values of E A on (rows, columns)."""
        return values[self.sources] * jnp.asarray(self.factors, values.dtype)


def algebraic_rows(bound: BoundMotion) -> AlgebraicRows:
    """Find E for a motion, once.

    The null vectors of M come from two random choices of the parameters, which have to agree: they depend on which
    elements there are and not on their values.

    Raises:
        ModelError: parameters that decide which rows are algebraic.
    """
    cache = bound.layout.__dict__
    if "algebraic rows" not in cache:
        with jax.ensure_compile_time_eval():
            first, second = (_null_rows(bound, seed) for seed in (1, 2))
        if not all(np.array_equal(a, b) for a, b in zip(first[:3], second[:3], strict=True)) or not np.allclose(
            first[3], second[3], rtol=1e-6, atol=1e-9
        ):
            raise ModelError(
                "the values of parameters decide which equations of motion are algebraic (a singular mass matrix whose "
                "null vectors change with them); give every coordinate its own inertia"
            )
        cache["algebraic rows"] = _with_entries(first, pattern_of(bound.layout))
    return cache["algebraic rows"]


def _null_rows(bound: BoundMotion, seed: int):
    layout, pattern = bound.layout, pattern_of(bound.layout)
    draw = np.random.default_rng(seed)
    random = jax.tree.map(
        lambda p: jnp.asarray(draw.uniform(0.5, 1.5, np.shape(p)), jnp.result_type(float)), bound.params
    )
    values = np.asarray(BoundMotion(layout, random, bound.inputs).mass(), float)
    matrix = coo_array((values, (pattern.rows, pattern.columns)), (layout.size, layout.size)).tocsr()
    matrix.sum_duplicates()
    # What cancels in a sum is zero, however small what does not cancel elsewhere.
    terms = coo_array((np.abs(values), (pattern.rows, pattern.columns)), matrix.shape).tocsr()
    terms.sum_duplicates()
    matrix.data[np.abs(matrix.data) < 1e-12 * terms.data] = 0.0
    matrix.eliminate_zeros()
    massless = np.asarray(np.abs(matrix).sum(0)).ravel() == 0
    algebraic = np.diff(matrix.indptr) == 0
    into, out_of, factor = [], [], []
    # Rows and columns that share entries of M, as one graph: rows are its first nodes, columns its last.
    coo = matrix.tocoo()
    links = coo_array((np.ones(coo.nnz), (coo.row, coo.col + layout.size)), (2 * layout.size, 2 * layout.size))
    count, label = connected_components(links, directed=False)
    order = np.argsort(label, kind="stable")
    for nodes in np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1]):
        rows, columns = nodes[nodes < layout.size], nodes[nodes >= layout.size] - layout.size
        if len(rows) < 2 or not len(columns):
            continue  # a single row with an entry is differential, one without is algebraic already
        block = matrix[rows][:, columns].toarray()
        u, s, _ = np.linalg.svd(block)
        rank = int(np.sum(s > 1e-10 * s[0]))
        if rank == len(rows):
            continue
        null = u[:, rank:]
        # Pivot rows carry the combinations: each null vector is 1 on its own pivot and 0 on the others.
        pivots = np.sort(qr(null.T, pivoting=True)[2][: len(rows) - rank])
        basis = null @ np.linalg.inv(null[pivots])
        basis[np.abs(basis) < 1e-9] = 0.0
        algebraic[rows[pivots]] = True
        for k, pivot in enumerate(pivots):
            others = np.flatnonzero(basis[:, k])
            others = others[others != pivot]
            into += [rows[pivot]] * len(others)
            out_of += rows[others].tolist()
            factor += basis[others, k].tolist()
    return algebraic, np.asarray(into, np.int32), np.asarray(out_of, np.int32), np.asarray(factor), massless


def _with_entries(found, pattern: MotionPattern) -> AlgebraicRows:
    algebraic, into, out_of, factor, massless = found
    count = len(pattern.rows)
    rows, columns, sources, factors = [pattern.rows], [pattern.columns], [np.arange(count)], [np.ones(count)]
    by_row: dict[int, np.ndarray] = {}
    if len(into):
        order = np.argsort(pattern.rows, kind="stable")
        starts = np.searchsorted(pattern.rows[order], np.arange(pattern.rows.max() + 2))
        by_row = {int(r): order[starts[r] : starts[r + 1]] for r in np.unique(out_of)}
    for target, source, value in zip(into, out_of, factor, strict=True):
        entries = by_row[int(source)]
        rows.append(np.full(len(entries), target))
        columns.append(pattern.columns[entries])
        sources.append(entries)
        factors.append(np.full(len(entries), value))
    return AlgebraicRows(
        algebraic,
        into,
        out_of,
        factor,
        massless,
        np.concatenate(rows),
        np.concatenate(columns),
        np.concatenate(sources),
        np.concatenate(factors),
    )
