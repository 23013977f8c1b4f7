"""Hand-written JAX for holomorphic EP in the prototypical layered network: the floor of the compiled rule.

Nothing here uses physeq. All points of the circle are one batch, conjugate ones are left out and count twice, and
complex states are kept as real and imaginary parts, so that every product with weights is one real product.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np


def parameters(key, sizes=(784, 256, 256, 10)):
    """Weights (sources, targets) and biases, uniform in ±1/√(number of sources)."""
    weights, biases = [], []
    for sources, targets in pairwise(sizes):
        key, of_weight, of_bias = jax.random.split(key, 3)
        limit = 1 / np.sqrt(sources)
        weights.append(jax.random.uniform(of_weight, (sources, targets), minval=-limit, maxval=limit))
        biases.append(jax.random.uniform(of_bias, (targets,), minval=-limit, maxval=limit))
    return weights, biases


def _rho(u):
    """1/(1 + e^{−4(u − ½)}) from 2u − 1."""
    return 0.5 + 0.5 * jnp.tanh(u)


def _rho_split(u):
    """The same of [Re, Im] along the first axis: tanh(a + ib) = (t + i q sin b cos b)/(t² + q cos² b), q = 1 − t²."""
    t, s, c = jnp.tanh(u[0]), jnp.sin(u[1]), jnp.cos(u[1])
    q = 1 - t * t
    scale = 0.5 / (t * t + q * c * c)
    return jnp.stack([0.5 + t * scale, q * s * c * scale])


def gradient(params, inputs, target, radius=0.4, points=10, free_steps=50, nudged_steps=20):
    """Re (1/N) Σ_k (1/β_k) ∂F/∂θ(s^{β_k}), nudge inside the map: lists of weight and bias gradients."""
    weights, biases = params
    # 2u − 1 instead of u, so that the steps have no constants left.
    w = [2 * x for x in weights]
    b = [2 * x - 1 for x in biases]
    drive = inputs @ w[0] + b[0]
    hidden = jnp.zeros_like(drive), jnp.zeros((len(inputs), w[1].shape[1]))
    start = *hidden, jnp.zeros_like(target)

    def free(_, state):
        first, second, output = state
        return (
            _rho(drive + second @ w[1].T),
            _rho(first @ w[1] + output @ w[2].T + b[1]),
            _rho(second @ w[2] + b[2]),
        )

    state = jax.lax.fori_loop(0, free_steps, free, start, unroll=5)
    count = points // 2 + 1
    angle = 2 * np.pi * np.arange(count) / points
    beta = radius * jnp.asarray(np.stack([np.cos(angle), np.sin(angle)]), inputs.dtype)[:, :, None, None]
    real = jnp.asarray([1.0, 0.0], inputs.dtype)[:, None, None, None]  # adds to the real parts alone

    def spread(x):
        return jnp.broadcast_to(real * x, (2, count, *x.shape))

    def nudged(_, state):
        first, second, output = state
        away = target * real - output
        pull = jnp.stack([beta[0] * away[0] - beta[1] * away[1], beta[0] * away[1] + beta[1] * away[0]])
        return (
            _rho_split(real * drive + second @ w[1].T),
            _rho_split(first @ w[1] + output @ w[2].T + real * b[1]),
            _rho_split(second @ w[2] + real * b[2] + 2 * pull),
        )

    states = jax.lax.fori_loop(0, nudged_steps, nudged, jax.tree.map(spread, state), unroll=5)
    twice = np.where((np.arange(count) == 0) | (2 * np.arange(count) == points), 1.0, 2.0)
    # −(1/β_k)/N per sample: ∂F/∂w = −s s, ∂F/∂b = −s.
    scale = -jnp.asarray(twice / (points * radius * len(inputs)), inputs.dtype)[:, None, None]
    turn = jnp.asarray(np.stack([np.cos(angle), -np.sin(angle)]), inputs.dtype)[:, :, None, None] * scale

    def weighed(x):
        return jnp.stack([turn[0] * x[0] - turn[1] * x[1], turn[0] * x[1] + turn[1] * x[0]])

    def outer(a, b):  # Re Σ a b of split numbers
        a = jnp.stack([a[0], -a[1]])
        return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])

    scaled = [weighed(x) for x in states]
    of_weights = [inputs.T @ scaled[0][0].sum(0), outer(states[0], scaled[1]), outer(states[1], scaled[2])]
    return of_weights, [x[0].sum((0, 1)) for x in scaled]
