"""Sparsity patterns and their backends against dense algebra: values, derivatives, batches, loops, and memory."""

import gc
import subprocess
import sys
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physeq.errors import ModelError
from physeq.solve import klu
from physeq.solve.dae_term import DAETerm
from physeq.solve.linear_backend import KLU, DenseLU, default_backend, solve_stages
from physeq.solve.rodas5p import Rodas5P
from physeq.solve.sparse_matrix import SparsityPattern
from physeq.solve.static_lu import LANES, StaticLU, elimination

BACKENDS = [DenseLU(), KLU(), StaticLU()]
SIZE, STAGES = 7, 3


@pytest.fixture(scope="module")
def system():
    """A pattern with repeated places, its values, a right-hand side; the matrix is neither symmetric nor dominant."""
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, SIZE, (2, 20))
    rows, columns = np.append(rows, np.arange(SIZE)), np.append(columns, np.roll(np.arange(SIZE), 2))
    pattern = SparsityPattern(rows, columns, SIZE)
    assert len(pattern.coalesced) < len(pattern)
    values = jnp.asarray(np.append(rng.normal(size=20), np.full(SIZE, 4.0)))
    return pattern, values, jnp.asarray(rng.normal(size=SIZE))


def dense_solution(pattern):
    return lambda values, right: jnp.linalg.solve(pattern.to_dense(values), right)


def close(ours, reference):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11), ours, reference)


def test_pattern_products_and_duplicates(system):
    pattern, values, right = system
    matrix = np.zeros((SIZE, SIZE))
    for r, c, v in zip(pattern.rows, pattern.columns, values, strict=True):
        matrix[r, c] += v
    close(pattern.to_dense(values), matrix)
    close(pattern.matvec(values, right), matrix @ right)
    close(pattern.coalesced.to_dense(pattern.coalesce(values)), matrix)
    close(pattern.to_dense(pattern.from_dense(jnp.asarray(matrix))), matrix)
    joined = pattern.join(SparsityPattern.diagonal(SIZE))
    close(joined.to_dense(jnp.append(values, 2 * jnp.ones(SIZE))), matrix + 2 * np.eye(SIZE))
    close(SparsityPattern.dense(3).to_dense(jnp.arange(9.0)), np.arange(9.0).reshape(3, 3))


def test_patterns_are_keys(system):
    pattern = system[0]
    same = SparsityPattern(pattern.rows.tolist(), pattern.columns.tolist(), SIZE)
    assert same == pattern and hash(same) == hash(pattern) and pattern != pattern.coalesced
    with pytest.raises(ValueError, match="read-only"):
        pattern.rows[0] = 3


def test_wrong_places_are_refused():
    with pytest.raises(ModelError, match=r"rows must be from 0 to 2 .*, got 3"):
        SparsityPattern([0, 3], [0, 0], 3)
    with pytest.raises(ModelError, match="one length, got 2 and 1"):
        SparsityPattern([0, 1], [0], 3)
    with pytest.raises(ModelError, match="sizes 3 and 4 do not join"):
        SparsityPattern.diagonal(3).join(SparsityPattern.diagonal(4))


@pytest.mark.parametrize("size", [6, 40])
def test_jacobian_by_colours(size):
    i = np.arange(size)
    pattern = SparsityPattern(np.concatenate([i, i, i]), np.concatenate([i, (i + 1) % size, i]), size)
    at = jnp.linspace(-1, 1, size)

    def function(x):
        return x**3 + jnp.sin(jnp.roll(x, -1)) * x

    close(pattern.to_dense(pattern.jacobian(function, at)), jax.jacfwd(function)(at))
    # Two neighbours in each row: three colours at most, whatever the size.
    assert pattern._column_colors.max() <= 2
    full = SparsityPattern.dense(size)
    close(full.to_dense(full.jacobian(function, at)), jax.jacfwd(function)(at))


def agree(ours, theirs, values, right):
    """Values, and derivatives in both modes."""
    close(jax.jit(ours)(values, right), jax.jit(theirs)(values, right))
    exact = jax.jit(jax.jacrev(theirs, (0, 1)))(values, right)
    close(jax.jit(jax.jacrev(ours, (0, 1)))(values, right), exact)
    close(jax.jit(jax.jacfwd(ours, (0, 1)))(values, right), exact)


@pytest.mark.parametrize("backend", BACKENDS)
def test_solve_and_its_derivatives(system, backend):
    pattern, values, right = system
    reference = dense_solution(pattern)

    def ours(values, right):
        return jnp.sin(pattern.solve(values, right, backend))

    def theirs(values, right):
        return jnp.sin(reference(values, right))

    agree(ours, theirs, values, right)
    second = jax.jit(jax.hessian(theirs))(values, right)
    close(jax.jit(jax.jacfwd(jax.jacrev(ours)))(values, right), second)
    close(jax.jit(jax.jacrev(jax.jacrev(ours)))(values, right), second)


def stages_of(pattern, backend):
    def ours(values, right):
        return solve_stages(pattern, values, lambda i, x: right * jnp.cos(x.sum(axis=0) + i), STAGES, backend)

    def theirs(values, right):
        found = jnp.zeros((STAGES, SIZE))
        for i in range(STAGES):
            found = found.at[i].set(dense_solution(pattern)(values, right * jnp.cos(found.sum(axis=0) + i)))
        return found

    return ours, theirs


@pytest.mark.quick("backend1", "backend2")
@pytest.mark.parametrize("backend", BACKENDS)
def test_stages_and_their_derivatives(system, backend):
    pattern, values, right = system
    ours, theirs = stages_of(pattern, backend)
    agree(ours, theirs, values, right)
    close(jax.jit(jax.jacrev(jax.checkpoint(ours)))(values, right), jax.jit(jax.jacrev(theirs))(values, right))


@pytest.mark.quick("axes1-backend0")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_batches(system, backend, axes):
    pattern, values, right = system
    rng = np.random.default_rng(1)
    many = (values + 0.1 * rng.normal(size=(3, len(values))), right + rng.normal(size=(3, SIZE)))
    operands = tuple(x if a is None else y for x, y, a in zip((values, right), many, axes, strict=True))
    solution = (lambda v, b: pattern.solve(v, b, backend), dense_solution(pattern))
    for ours, theirs in (solution, stages_of(pattern, backend)):
        close(jax.jit(jax.vmap(ours, axes))(*operands), jax.jit(jax.vmap(theirs, axes))(*operands))

        def gradient(function):
            return jax.grad(lambda v, b: (function(v, b) ** 2).sum(), (0, 1))

        close(*(jax.jit(jax.vmap(gradient(f), axes))(*operands) for f in (ours, theirs)))
        # A batch of batches, over another operand.
        inner, outer = (axes, (0, 0)) if None not in axes else (axes, axes[::-1])
        twice = tuple(x if a is None else jnp.stack([x, 2 * x]) for x, a in zip(operands, outer, strict=True))
        nested = [jax.jit(jax.vmap(jax.vmap(f, inner), outer))(*twice) for f in (ours, theirs)]
        close(*nested)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inside_loops(system, backend):
    pattern, values, right = system

    def iterate(solve):
        def advance(carry):
            x, count = carry
            return solve(values + 0.01 * count, right + 0.1 * x), count + 1

        return jax.lax.while_loop(lambda c: c[1] < 5, advance, (right, 0))[0]

    close(jax.jit(lambda: iterate(lambda v, b: pattern.solve(v, b, backend)))(), iterate(dense_solution(pattern)))
    ours, theirs = stages_of(pattern, backend)

    def scanned(function):
        def total(values):
            return jax.lax.scan(lambda x, _: (function(values, x)[-1], None), right, length=3)[0].sum()

        return jax.value_and_grad(total)(values)

    # The matrix is the same in every turn of the scan, which its derivative could be tempted to factorise outside.
    close(jax.jit(lambda: scanned(ours))(), jax.jit(lambda: scanned(theirs))())


@pytest.mark.parametrize("backend", BACKENDS)
def test_matrices_that_are_not_finite(system, backend):
    pattern, values, right = system
    assert not jnp.isfinite(pattern.solve(values.at[0].set(jnp.nan), right, backend)).all()
    ours, _ = stages_of(pattern, backend)
    assert not jnp.isfinite(ours(values.at[0].set(jnp.nan), right)).all()


def test_infinite_diagonals_do_not_end_the_program():
    # M/(hγ) of a step of no length.
    i = np.arange(30)
    ladder = SparsityPattern(np.concatenate([i, i[1:], i[:-1]]), np.concatenate([i, i[:-1], i[1:]]), 30)
    values = jnp.where(jnp.arange(len(ladder)) < 30, jnp.inf, -1.0)
    assert not jnp.isfinite(jax.jit(lambda v: ladder.solve(v, jnp.ones(30), KLU()))(values)).all()


def test_singular_matrices():
    pattern = SparsityPattern.dense(2)
    assert not jnp.isfinite(pattern.solve(jnp.ones(4), jnp.array([1.0, 2.0]), DenseLU())).all()
    with pytest.raises(jax.errors.JaxRuntimeError, match="singular"):
        jax.block_until_ready(jax.jit(lambda v: pattern.solve(v, jnp.array([1.0, 2.0]), KLU()))(jnp.ones(4)))


def test_patterns_without_pivots():
    pattern = SparsityPattern([0, 1, 2, 2], [0, 0, 0, 1], 3)
    for analyse in (klu.analysis, elimination):
        with pytest.raises(ModelError, match="singular for all values"):
            analyse(pattern)


def circuit_matrix(nodes, seed):
    """A random conductance matrix bordered by voltage sources, whose rows have nothing on the diagonal."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, nodes, (2, 2 * nodes))
    g = 10.0 ** rng.uniform(-4, 0, 2 * nodes)
    sources = nodes + np.arange(3)
    at = rng.choice(nodes, 3, replace=False)
    rows = np.concatenate([a, b, a, b, np.arange(nodes), sources, at])
    columns = np.concatenate([a, b, b, a, np.arange(nodes), at, sources])
    values = np.concatenate([g, g, -g, -g, np.full(nodes, 1e-3), np.ones(6)])
    return SparsityPattern(rows, columns, nodes + 3), jnp.asarray(values)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("backend", BACKENDS)
def test_circuit_matrices(backend, seed):
    pattern, values = circuit_matrix(40, seed)
    right = jnp.asarray(np.random.default_rng(seed).normal(size=pattern.size))
    close(pattern.solve(values, right, backend), dense_solution(pattern)(values, right))


def test_static_pivots_that_lose_digits_are_noticed():
    # The first pivot, on the diagonal, is all but nothing beside the rest.
    pattern, right = SparsityPattern.dense(2), jnp.array([1.0, 2.0])
    for small, fine in ((1e-3, True), (1e-16, False), (0.0, False)):
        values = jnp.array([small, 1.0, 1.0, small])
        solved = pattern.solve(values, right, StaticLU())
        assert bool(jnp.isfinite(solved).all()) is fine
        assert not fine or np.allclose(solved, dense_solution(pattern)(values, right))
    assert jnp.isfinite(pattern.solve(jnp.array([1e-16, 1.0, 1.0, 1e-16]), right, StaticLU(tolerance=10.0))).all()


def test_static_operations_of_a_ladder_grow_with_its_length():
    counts = []
    for size in (50, 100):
        i = np.arange(size)
        ladder = SparsityPattern(np.concatenate([i, i[1:], i[:-1]]), np.concatenate([i, i[:-1], i[1:]]), size)
        plan = elimination(ladder)
        counts.append((plan.places, len(plan.factorise.target), len(plan.solve.target)))
    # No new entries, a division and an update for each of the rows below the first.
    assert counts[1] == (298, 198, 298) and counts[0] == (148, 98, 148)


def test_static_batches_of_all_sizes(system):
    pattern, values, right = system
    ours, theirs = stages_of(pattern, StaticLU())
    for count in (1, LANES - 1, LANES, LANES + 1):
        many = values * (1 + 0.01 * jnp.arange(count))[:, None]
        close(*(jax.jit(jax.vmap(f, (0, None)))(many, right) for f in (ours, theirs)))


def test_static_single_precision(system):
    pattern, values, right = system
    found = pattern.solve(values.astype(jnp.float32), right.astype(jnp.float32), StaticLU())
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, dense_solution(pattern)(values, right), rtol=1e-4, atol=1e-5)


def test_default_backends():
    assert default_backend(100) == DenseLU()
    assert default_backend(101) == KLU()


def test_without_release_stages_factorise_each(system, monkeypatch):
    pattern, values, right = system
    monkeypatch.setattr(klu, "can_release", lambda: False)
    ours, theirs = stages_of(pattern, KLU())
    close(ours(values, right), theirs(values, right))


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of the process from /proc")
@pytest.mark.parametrize("transform", ["value", "reverse", "batch"])
@pytest.mark.slow
def test_factors_are_freed(transform):
    # 2,000 unknowns take 0.2 MB of factors; 300 steps that kept them would take 60 MB a call.
    size = 2000
    i = np.arange(size)
    pattern = SparsityPattern(np.concatenate([i, i[1:], i[:-1]]), np.concatenate([i, i[:-1], i[1:]]), size)

    def field(t, y, scale):
        return scale * (jnp.roll(y, 1) - 3 * y + jnp.roll(y, -1)).at[0].set(-y[0]).at[-1].set(-y[-1])

    term = DAETerm(field, pattern=pattern, backend=KLU())

    def end(scale):
        return diffrax.diffeqsolve(term, Rodas5P(), 0.0, 3.0, 0.01, jnp.ones(size), args=scale).ys[0, 5]

    run = {"value": end, "reverse": jax.grad(end), "batch": lambda s: jax.vmap(end)(s * jnp.array([1.0, 1.1]))}
    run = jax.jit(run[transform])
    # The first calls compile and fill the allocator's pools.
    for scale in (1.0, 1.1):
        jax.block_until_ready(run(scale))
    before = resident()
    for scale in (1.2, 1.3, 1.4):
        jax.block_until_ready(run(scale))
    assert resident() - before < 20


@pytest.mark.slow
def test_importing_klujax_leaves_the_settings():
    # A process of its own: the import happens once.
    code = (
        "import jax\n"
        "from physeq.solve.linear_backend import KLU, default_backend\n"
        "from physeq.solve import klu\n"
        "klu.klujax()\n"
        "assert not jax.config.jax_enable_x64\n"
        "assert type(default_backend(1000)).__name__ == 'DenseLU'\n"
        "KLU().check()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModelError" in found.stderr and "double precision" in found.stderr


def test_missing_klujax_is_named(monkeypatch):
    klu.klujax.cache_clear()
    monkeypatch.setitem(sys.modules, "klujax", None)
    with pytest.raises(ModelError, match=r"pip install \"physeq\[sparse\]\""):
        KLU().check()
    monkeypatch.undo()
    klu.klujax.cache_clear()
    KLU().check()
