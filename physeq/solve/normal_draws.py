"""Standard normal numbers for noise in every step: in single precision at less than half the price of JAX's."""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32
from jaxtyping import Array

from physeq.compile.sine_and_cosine import sine_and_cosine


def standard_normal(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Independent N(0, 1) numbers.

    Noisy phases draw as much as they compute. `jax.random.normal` takes two words of the generator and an inverse error
    function for every number; here two words u, v in (0, 1] make two numbers √(−2 ln u) (cos 2πv, sin 2πv). Double
    precision, and keys of other generators than JAX's threefry, take JAX's function.

    Args:
        key: of `jax.random`.
        shape, dtype: of the result, a real type.

    Source: Box & Muller 1958, Ann. Math. Stat. 29, 610, equation 1.

    >>> standard_normal(jax.random.key(0), (3, 5), jnp.float32).shape
    (3, 5)
    """
    if dtype != jnp.float32 or jax.random.key_impl(key) != "threefry2x32":
        return jax.random.normal(key, shape, dtype)
    size = prod(shape)
    pairs = -(-size // 2)
    words = threefry_2x32(jax.random.key_data(key), jnp.arange(2 * pairs, dtype=jnp.uint32))
    u, v = _above_zero(words[:pairs]), _above_zero(words[pairs:])
    radius = jnp.sqrt(-2 * jnp.log(u))
    sine, cosine = sine_and_cosine(np.float32(2 * np.pi) * v)
    return jnp.concatenate([radius * cosine, radius * sine])[:size].reshape(shape)


def _above_zero(words: Array) -> Array:
    """Uniform in (0, 1] in steps of 2⁻²³: the words as mantissas of [1, 2), turned round."""
    return 2 - jax.lax.bitcast_convert_type((words >> 9) | np.uint32(0x3F800000), jnp.float32)
