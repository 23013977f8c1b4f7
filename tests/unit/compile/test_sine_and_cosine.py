"""The vectorised sine and cosine of single precision, and complex exponentials of them, against NumPy in double."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from physeq.compile.printer import Program
from physeq.compile.sine_and_cosine import sine_and_cosine

z = sp.Symbol("z")


@pytest.mark.parametrize("reach", [1.0, 10.0, 8192.0])
def test_single_precision_is_right_to_rounding(reach):
    x = np.random.default_rng(0).uniform(-reach, reach, 100_000).astype(np.float32)
    found = jax.jit(sine_and_cosine)(x)
    for mine, exact in zip(found, (np.sin, np.cos), strict=True):
        assert mine.dtype == jnp.float32
        np.testing.assert_allclose(mine, exact(x.astype(float)), rtol=0, atol=1.2e-7)


def test_borders_of_the_quadrants_and_large_arguments():
    x = (np.arange(-9, 10) * np.pi / 4).astype(np.float32)
    near = np.concatenate([np.nextafter(x, np.float32(-99)), x, np.nextafter(x, np.float32(99))])
    large = np.float32([1e5, 1e6, -3e6])  # as far off as rounding such a number is
    for values, error in ((near, 1.2e-7), (large, np.spacing(np.abs(large)))):
        s, c = sine_and_cosine(jnp.asarray(values))
        assert (np.abs(s - np.sin(values.astype(float))) <= error).all()
        assert (np.abs(c - np.cos(values.astype(float))) <= error).all()
    s, c = sine_and_cosine(jnp.float32([np.inf, np.nan]))
    assert np.isnan(s).all() and np.isnan(c).all()


def test_small_sines_keep_their_digits():
    x = np.float32([1e-30, -1e-6, 1e-3])
    np.testing.assert_allclose(sine_and_cosine(jnp.asarray(x))[0], np.sin(x.astype(float)), rtol=2e-7)


def test_derivatives_are_those_of_sine_and_cosine():
    x = jnp.float32(2.3)
    (ds, dc), (second, _) = (jax.jacfwd(f)(x) for f in (sine_and_cosine, lambda v: jax.jacrev(sine_and_cosine)(v)))
    assert float(ds) == pytest.approx(np.cos(2.3), abs=2e-7)
    assert float(dc) == pytest.approx(-np.sin(2.3), abs=2e-7)
    assert float(second) == pytest.approx(-np.sin(2.3), abs=2e-7)


def test_double_precision_keeps_all_digits():
    x = jnp.linspace(-20.0, 20.0, 101)
    s, c = sine_and_cosine(x)
    assert s.dtype == jnp.float64
    np.testing.assert_allclose(s, np.sin(x), rtol=0, atol=1e-15)
    np.testing.assert_allclose(c, np.cos(x), rtol=0, atol=1e-15)


@pytest.mark.parametrize("function", [sp.exp, sp.tanh])
def test_complex_functions_in_single_precision(function):
    random = np.random.default_rng(1)
    values = (random.uniform(-3, 3, 500) + 1j * random.uniform(-1.2, 1.2, 500)).astype(np.complex64)
    found = Program([function(z)])({z: jnp.asarray(values)})[0]
    exact = getattr(np, function.__name__)(values.astype(complex))
    assert found.dtype == jnp.complex64
    np.testing.assert_allclose(np.abs(found - exact), 0, atol=1e-6 * np.abs(exact).max())


def test_real_exponentials_overflow_to_infinity_without_nan():
    found = Program([sp.exp(z)])({z: jnp.asarray([200.0, -200.0], jnp.complex64)})[0]
    assert found.real.tolist() == [np.inf, 0.0] and found.imag.tolist() == [0.0, 0.0]
