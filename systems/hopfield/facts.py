"""Closed forms of small Hopfield networks, by NumPy and scalar bisection alone: what the simulator is held against."""

import numpy as np
from scipy.optimize import brentq


def linear_chain(x, w_in, w, b_first, b_last):
    """Input x, then two linear units in a chain: s₁ = w_in x + w s₂ + b₁, s₂ = w s₁ + b₂.

    Returns states, and the derivatives of s₂ by every parameter. Stable for |w| < 1.
    """
    gap = 1 - w**2
    drive = w_in * x + b_first
    first, last = (drive + w * b_last) / gap, (b_last + w * drive) / gap
    sensitivities = {
        "w_in": w * x / gap,
        "w": (drive + 2 * w * last) / gap,
        "b_first": w / gap,
        "b_last": 1 / gap,
    }
    return {"first": first, "last": last}, sensitivities


def tanh_pair(w, b_first, b_last):
    """Two energy-based tanh units, E = ½s₁² + ½s₂² − w tanh s₁ tanh s₂ − b₁ tanh s₁ − b₂ tanh s₂.

    Stationarity is s_i = (1 − tanh² s_i)(w tanh s_j + b_i). The first equation gives tanh s₂ from s₁, the second is
    then one scalar equation. Returns states, and the derivatives of s₂ by w, b₁, b₂ from the 2×2 Hessian.
    """

    def other(s):
        return (s * np.cosh(s) ** 2 - b_first) / w  # tanh s₂

    def mismatch(s):
        t = other(s)
        return np.arctanh(t) - (1 - t**2) * (w * np.tanh(s) + b_last)

    # |tanh s₂| < 1 holds between the two roots of s cosh² s = b₁ ± w.
    ends = [brentq(lambda s, e=e: s * np.cosh(s) ** 2 - b_first - e, -20, 20, xtol=1e-15) for e in (-abs(w), abs(w))]
    inside = 1e-9 * (ends[1] - ends[0])
    first = brentq(mismatch, ends[0] + inside, ends[1] - inside, xtol=1e-15, rtol=1e-15)
    last = np.arctanh(other(first))
    t = np.tanh([first, last])
    slope, bend = 1 - t**2, -2 * t * (1 - t**2)  # tanh′ and tanh″
    drive = w * t[::-1] + np.array([b_first, b_last])
    hessian = np.diag(1 - bend * drive) - w * slope[0] * slope[1] * (1 - np.eye(2))
    # −∂(∂E/∂s)/∂p for p = w, b₁, b₂.
    push = np.array([[slope[0] * t[1], slope[0], 0.0], [slope[1] * t[0], 0.0, slope[1]]])
    response = np.linalg.solve(hessian, push)[1]
    return {"first": first, "last": last}, dict(zip(("w", "b_first", "b_last"), response, strict=True))


def logistic(u):
    """ρ(u) = 1/(1 + e^{−4(u − ½)})."""
    return 1 / (1 + np.exp(-4 * (u - 0.5)))


def prototypical_pair(w, b_first, b_last):
    """Two logistic units of the prototypical map, s₁ = ρ(w s₂ + b₁), s₂ = ρ(w s₁ + b₂).

    One fixed point for |w| < 1, since ρ′ ≤ 1. Returns states, and the derivatives of s₂ by w, b₁, b₂.
    """
    first = brentq(lambda s: s - logistic(w * logistic(w * s + b_last) + b_first), 0, 1, xtol=1e-16, rtol=1e-15)
    last = logistic(w * first + b_last)
    h1, h2 = 4 * first * (1 - first), 4 * last * (1 - last)  # ρ′ at the fixed point
    gap = 1 - h1 * h2 * w**2
    sensitivities = {"w": h2 * (first + w * h1 * last) / gap, "b_first": h2 * w * h1 / gap, "b_last": h2 / gap}
    return {"first": first, "last": last}, sensitivities


def boxed_unit(x, w, b):
    """One unit with ρ(s) = s kept in [0, 1] under the input x: s = clip(w x + b); derivatives vanish at the box."""
    free = w * x + b
    inside = float(0 < free < 1)
    return float(np.clip(free, 0, 1)), {"w": inside * x, "b": inside}
