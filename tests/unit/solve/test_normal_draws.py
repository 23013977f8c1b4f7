"""Normal numbers in single precision: their distribution, their independence, and when JAX's are taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import stats

from physeq.solve.normal_draws import standard_normal


def drawn(seed, shape, dtype=jnp.float32):
    return np.asarray(jax.jit(standard_normal, static_argnums=(1, 2))(jax.random.key(seed), shape, dtype), float)


def test_the_distribution_is_normal():
    z = drawn(0, (1_000_001,)).ravel()  # an odd count: one number of the last pair is left out
    assert z.shape == (1_000_001,) and np.isfinite(z).all()
    assert stats.kstest(z, "norm").pvalue > 0.01
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        error = np.std(z**power) / 1e3
        assert abs(np.mean(z**power) - moment) < 4 * error
    beyond = [np.mean(np.abs(z) > k) for k in (2, 3, 4)]
    for found, expected, tolerance in zip(beyond, 2 * stats.norm.sf([2, 3, 4]), (0.02, 0.1, 0.7), strict=True):
        assert found == pytest.approx(expected, rel=tolerance)
    assert len(np.unique(z)) > 0.95 * len(z)


def test_numbers_are_independent_of_each_other_and_of_other_keys():
    count = 200_000
    z = drawn(1, (count,)).ravel()
    pairs = [(z[:-lag], z[lag:]) for lag in (1, 2, 7, count // 2)]  # the numbers of a pair are half the count apart
    pairs += [(z, drawn(seed, (count,)).ravel()) for seed in (2, 3)]
    keys = jax.random.split(jax.random.key(1), 2)
    pairs.append(tuple(np.asarray(standard_normal(key, (count,), jnp.float32), float) for key in keys))
    for a, b in pairs:
        for f in (lambda x: x, np.square, np.abs, np.sign):
            assert abs(np.corrcoef(f(a), f(b))[0, 1]) < 4.5 / np.sqrt(len(a))


def test_numbers_are_those_of_box_and_muller():
    """In double precision from the words of the generator: cosines first, then sines."""
    found = drawn(5, (2_000,))
    words = np.asarray(threefry_2x32(jax.random.key_data(jax.random.key(5)), jnp.arange(2_000, dtype=jnp.uint32)))
    u, v = (1 - (words.astype(np.uint64) >> 9) / 2.0**23).reshape(2, -1)
    radius = np.sqrt(-2 * np.log(u))
    expected = np.concatenate([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)])
    np.testing.assert_allclose(found, expected, atol=3e-6)


def test_mapped_over_keys_is_one_by_one():
    keys = jax.random.split(jax.random.key(0), 3)
    mapped = jax.vmap(lambda key: standard_normal(key, (5, 7), jnp.float32))(keys)
    for key, found in zip(keys, mapped, strict=True):
        np.testing.assert_allclose(found, standard_normal(key, (5, 7), jnp.float32), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "impl"), [(jnp.float64, "threefry2x32"), (jnp.float32, "rbg")])
def test_other_precisions_and_generators_take_those_of_jax(dtype, impl):
    key = jax.random.key(3, impl=impl)
    np.testing.assert_array_equal(standard_normal(key, (4, 5), dtype), jax.random.normal(key, (4, 5), dtype))


def test_the_largest_number_is_finite():
    """The smallest u is 2⁻²³, so that no number is beyond 5.7."""
    assert np.abs(drawn(4, (2_000_000,))).max() < np.sqrt(2 * 23 * np.log(2)) + 1e-6
