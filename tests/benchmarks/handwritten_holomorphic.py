"""Hand-written JAX for holomorphic EP in prototypical layers with a softmax readout: the floor of the compiled rule.

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


def _softmax_split(z):
    """softmax of [Re, Im] along the first axis: e^{a + ib} = e^a (cos b + i sin b), divided by the complex sum."""
    size = jnp.exp(z[0] - z[0].max(-1, keepdims=True))
    e = size * jnp.stack([jnp.cos(z[1]), jnp.sin(z[1])])
    total = e.sum(-1, keepdims=True)
    scale = 1 / (total[0] ** 2 + total[1] ** 2)
    return scale * jnp.stack([e[0] * total[0] + e[1] * total[1], e[1] * total[0] - e[0] * total[1]])


def gradient(params, inputs, target, radius=0.4, points=10, free_steps=200, nudged_steps=50):
    """Re (1/N) Σ_k (1/β_k) ∂F/∂θ(s^{β_k}), nudge inside the map: lists of weight and bias gradients.

    The last weights and biases are those of the readout, C = cross-entropy of softmax(s W + b).
    """
    weights, biases = params
    # 2u − 1 instead of u, so that the steps have no constants left.
    first_w, second_w, out_w = 2 * weights[0], 2 * weights[1], weights[2]
    second_b = 2 * biases[1] - 1
    drive = inputs @ first_w + 2 * biases[0] - 1
    start = jnp.zeros_like(drive), jnp.zeros((len(inputs), second_w.shape[1]))

    def free(_, state):
        first, second = state
        return _rho(drive + second @ second_w.T), _rho(first @ second_w + second_b)

    state = jax.lax.fori_loop(0, free_steps, free, start, unroll=5)
    count = points // 2 + 1
    angle = 2 * np.pi * np.arange(count) / points
    beta = radius * jnp.asarray(np.stack([np.cos(angle), np.sin(angle)]), inputs.dtype)[:, :, None, None]
    real = jnp.asarray([1.0, 0.0], inputs.dtype)[:, None, None, None]  # adds to the real parts alone

    def spread(x):
        return jnp.broadcast_to(real * x, (2, count, *x.shape))

    def error(second):
        return _softmax_split(second @ out_w + real * biases[2]) - real * target

    def nudged(_, state):
        first, second = state
        away = error(second)
        pull = jnp.stack([beta[0] * away[0] - beta[1] * away[1], beta[0] * away[1] + beta[1] * away[0]])
        return (
            _rho_split(real * drive + second @ second_w.T),
            _rho_split(first @ second_w + real * second_b - pull @ (2 * out_w.T)),
        )

    states = jax.lax.fori_loop(0, nudged_steps, nudged, jax.tree.map(spread, state), unroll=5)
    twice = np.where((np.arange(count) == 0) | (2 * np.arange(count) == points), 1.0, 2.0)
    mean = jnp.asarray(twice / (points * len(inputs)), inputs.dtype)[:, None, None]
    # −(1/β_k)/N per sample: ∂F/∂w = −s s, ∂F/∂b = −s.
    turn = -jnp.asarray(np.stack([np.cos(angle), -np.sin(angle)]), inputs.dtype)[:, :, None, None] * mean / radius

    def weighed(x):
        return jnp.stack([turn[0] * x[0] - turn[1] * x[1], turn[0] * x[1] + turn[1] * x[0]])

    def outer(a, b):  # Re Σ a b of split numbers
        a = jnp.stack([a[0], -a[1]])
        return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])

    first, second = (weighed(x) for x in states)
    # (1/β_k) ∂(β_k C)/∂θ of the readout: no division.
    away = mean * error(states[1])
    of_weights = [inputs.T @ first[0].sum(0), outer(states[0], second), outer(states[1], away)]
    return of_weights, [x[0].sum((0, 1)) for x in (first, second, away)]
