"""The network as arrays: leapfrog steps by hand and their gradient by the adjoint recursion, in NumPy alone.

Positions q stand in one vector, inputs first, then hidden units, then outputs; W is the symmetric matrix of weights.
"""

import numpy as np


def weight_matrix(into, recurrent, out):
    """W from the weights input × hidden, of the pairs i < j of hidden units row by row, and hidden × output."""
    inputs, hidden = into.shape
    size = inputs + hidden + out.shape[1]
    w = np.zeros((size, size))
    w[:inputs, inputs : inputs + hidden] = into
    w[inputs : inputs + hidden, inputs + hidden :] = out
    rows, columns = np.triu_indices(hidden, 1)
    w[inputs + rows, inputs + columns] = recurrent
    return w + w.T


def force(q, k, a, b, w, u):
    """F = −∂V/∂q + u, V = Σ (½ k q² + ¼ a q⁴ − b q) − ½ qᵀWq, with the sequence's forces u on the first units."""
    pushed = np.zeros_like(q)
    pushed[: len(u)] = u
    return -k * q - a * q**3 + b + w @ q + pushed


def energy(q, v, k, a, b, w):
    """½ v² + V of masses of 1."""
    return v @ v / 2 + np.sum(k * q**2 / 2 + a * q**4 / 4 - b * q) - q @ w @ q / 2


def motion(series, step, k, a, b, w):
    """Positions in the middle of every step, from rest: q + ½hv, then v + hF, then q + ½hv."""
    q, v, path = np.zeros_like(k), np.zeros_like(k), []
    for u in series:
        q = q + step / 2 * v
        path.append(q)
        v = v + step * force(q, k, a, b, w, u)
        q = q + step / 2 * v
    return np.array(path), q, v


def window(times, duration, length, edge):
    """The share with which every time counts."""
    return 1 / (1 + np.exp(-(times - (duration - length)) / edge))


def cost(path, target, share, step):
    """Σ h g(t) ½ (o − y)² over steps and outputs."""
    return step * np.sum(share[:, None] * (path[:, -len(target) :] - target) ** 2) / 2


def gradient(path, target, share, step, k, a, w):
    """(∂J/∂k, ∂J/∂a, ∂J/∂b, ∂J/∂W of W's entries on one side), the steps of `motion` taken backwards."""
    by_q, by_v = np.zeros_like(k), np.zeros_like(k)
    of_k, of_a, of_b, of_w = np.zeros_like(k), np.zeros_like(k), np.zeros_like(k), np.zeros_like(w)
    for q, g in zip(path[::-1], share[::-1], strict=True):
        pull = by_v + step / 2 * by_q  # dJ/dv after the kick; it acts on the force times h
        of_k -= step * pull * q
        of_a -= step * pull * q**3
        of_b += step * pull
        of_w += step * (np.outer(pull, q) + np.outer(q, pull))
        by_q = by_q + step * (w @ pull - (k + 3 * a * q**2) * pull)
        by_q[-len(target) :] += step * g * (q[-len(target) :] - target)
        by_v = pull + step / 2 * by_q
    return of_k, of_a, of_b, of_w
