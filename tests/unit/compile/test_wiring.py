"""Every wiring against loops over instances, also with batches and with phases that one side does not know."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from physeq.compile.wiring import wire
from physeq.errors import InternalError
from physeq.graph import Dense, OneToOne, Sparse

PATTERNS = {
    "dense": (Dense(), (3, 4)),
    "one to one": (OneToOne(), (3, 3)),
    "sparse": (Sparse([[0, 1], [2, 3], [2, 3], [1, 0], [1, 1]]), (3, 4)),
    "one edge": (Sparse([[2, 0]]), (3, 4)),
}
BATCHES = [((), ()), ((5,), (5,)), ((2, 5), (5,)), ((5,), (2, 5)), ((5,), ()), ((), (5,)), ((2, 5), ()), ((), ())]


@pytest.fixture(params=PATTERNS)
def case(request):
    pattern, sizes = PATTERNS[request.param]
    return wire(pattern, sizes), pattern.rows(sizes), pattern.parameter_shape(sizes), sizes


def draw(*shape):
    return np.random.default_rng(sum(shape) + len(shape)).normal(size=shape)


def draw_complex(*shape):
    return draw(*shape) + 1j * draw(*shape)[::-1] if shape else draw() + 0.5j


def wide(x, batch):
    return np.broadcast_to(x, (*batch, x.shape[-1]))


@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
def test_spread_and_collect(case, batch):
    wiring, rows, shape, sizes = case
    for port in (0, 1):
        nodes = draw(*batch, sizes[port])
        seen = np.broadcast_to(wiring.spread(jnp.asarray(nodes), port), (*batch, *shape)).reshape(*batch, -1)
        np.testing.assert_array_equal(seen, nodes[..., rows[:, port]])
        elements = draw(*batch, *shape)
        expected = np.zeros((*batch, sizes[port]))
        for value, row in zip(np.moveaxis(elements.reshape(*batch, -1), -1, 0), rows, strict=True):
            expected[..., row[port]] += value
        np.testing.assert_allclose(wiring.collect(jnp.asarray(elements), port, sizes[port]), expected, atol=1e-13)


@pytest.mark.parametrize("states", [draw, draw_complex])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
def test_messages(case, batch, shared, states):
    wiring, rows, shape, sizes = case
    coefficient = draw() if shared else draw(*shape)
    flat = np.broadcast_to(coefficient, shape).ravel()
    for receiver, with_feature in itertools.product((0, 1), (True, False)):
        feature = states(*batch, sizes[1 - receiver]) if with_feature else None
        expected = np.zeros((*(batch if with_feature else ()), sizes[receiver]), complex)
        for c, row in zip(flat, rows, strict=True):
            expected[..., row[receiver]] += c * (1 if feature is None else feature[..., row[1 - receiver]])
        sent = None if feature is None else jnp.asarray(feature)
        found = wiring.message(jnp.asarray(coefficient), sent, receiver, sizes[receiver])
        np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("sides", list(itertools.product((True, False), repeat=2)))
@pytest.mark.parametrize("kinds", [(draw, draw, draw), (draw, draw_complex, draw_complex), (draw_complex,) * 3])
def test_energy_and_outer(case, batches, sides, shared, kinds):
    """Real parts of outer products: a gradient's; energies of complex states are complex."""
    wiring, rows, shape, sizes = case
    coefficient = draw() if shared else draw(*shape)
    ends = [of(*batch, n) if on else None for of, batch, n, on in zip(kinds[:2], batches, sizes, sides, strict=True)]
    used = [batch for batch, on in zip(batches, sides, strict=True) if on]
    batch = np.broadcast_shapes(*used)
    # The last case: phases that neither end knows.
    energy, whole = np.zeros(batch, complex), (np.broadcast_shapes(*batches) if any(batches) else (3,))
    weights = kinds[2](*whole)
    outer = np.zeros(len(rows))
    for k, (c, row) in enumerate(zip(np.broadcast_to(coefficient, shape).ravel(), rows, strict=True)):
        product = np.ones(whole, complex)
        for end, on, node in zip(ends, sides, row, strict=True):
            product = product * (wide(end, whole)[..., node] if on else 1)
        outer[k] = np.sum(weights * product).real
        energy = energy + c * (product if used else np.ones(()))
    jax_ends = [None if end is None else jnp.asarray(end) for end in ends]
    found = wiring.energy(jnp.asarray(coefficient), *jax_ends)
    np.testing.assert_allclose(np.broadcast_to(found, whole), np.broadcast_to(energy, whole), atol=1e-12)
    found = wiring.outer(*jax_ends, jnp.asarray(weights))
    assert found.shape == shape
    np.testing.assert_allclose(found.ravel(), outer, atol=1e-12)


def test_unknown_patterns_are_ours():
    with pytest.raises(InternalError, match="no wiring for pattern"):
        wire("dense", (1, 1))
