"""Sine and cosine together, for complex exponentials: in single precision as one vectorised operation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

# π/2 in parts of few digits, so that their products with a whole number are exact (Cody and Waite 1980).
_QUARTERS = tuple(np.float32(c) for c in (1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8))
# Minimax polynomials on |r| ≤ π/4 in r², after the leading terms 1 of (sin r)/r and 1 − r²/2 of cos r (Cephes).
_SINE = tuple(np.float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
_COSINE = tuple(np.float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))


def sine_and_cosine(x: Array) -> tuple[Array, Array]:
    """(sin x, cos x) of real numbers.

    XLA calls the C library for every single element of a sine on CPUs, which makes complex activations several times
    as dear as they need be. In single precision this is a few multiplications instead; error below 1.2e-7 for
    |x| < 8,192, beyond that about that of rounding x. Other precisions take JAX's functions.

    >>> s, c = sine_and_cosine(jnp.float32(0.5))
    >>> round(float(s), 6), round(float(c), 6)
    (0.479426, 0.877583)
    """
    if x.dtype != jnp.float32:
        return jnp.sin(x), jnp.cos(x)
    return _single(x)


@jax.custom_jvp
def _single(x: Array) -> tuple[Array, Array]:
    quarters = jnp.round(x * np.float32(2 / np.pi))
    r = x
    for part in _QUARTERS:
        r = r - quarters * part
    quadrant = quarters.astype(jnp.int32) & 3
    square = r * r
    s = r + r * square * jnp.polyval(jnp.asarray(_SINE), square)
    c = 1 - square / 2 + square * square * jnp.polyval(jnp.asarray(_COSINE), square)
    odd = (quadrant & 1) == 1
    s, c = jnp.where(odd, c, s), jnp.where(odd, s, c)
    return jnp.where(quadrant >= 2, -s, s), jnp.where((quadrant == 1) | (quadrant == 2), -c, c)


@_single.defjvp
def _single_jvp(primals: tuple, tangents: tuple) -> tuple:
    s, c = _single(*primals)
    (moved,) = tangents
    return (s, c), (c * moved, -s * moved)
