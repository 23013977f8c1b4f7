"""Pendula from textbooks, in NumPy and SciPy alone: nothing here knows physeq."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import ellipk

GRAVITY = 9.80665


def chain_motion(angles, masses, lengths, times, rates=None, gravity=GRAVITY):
    """Angles (times, n) of a chain of hinged rods with bobs, by Dormand and Prince's method of order 8.

    Lagrange's equations by hand, M(θ) θ̈ = −K(θ) θ̇² − g-terms, with the carried masses M_i = Σ_{k ≥ i} m_k:
    M_ij = ℓ_i ℓ_j M_max(i,j) cos(θ_i − θ_j), K_ij = ℓ_i ℓ_j M_max(i,j) sin(θ_i − θ_j).
    """
    masses, lengths = np.asarray(masses, float), np.asarray(lengths, float)
    n = len(masses)
    carried = np.cumsum(masses[::-1])[::-1]
    weight = np.outer(lengths, lengths) * carried[np.maximum.outer(np.arange(n), np.arange(n))]

    def slope(_, state):
        theta, omega = state[:n], state[n:]
        difference = theta[:, None] - theta[None, :]
        push = -(weight * np.sin(difference)) @ omega**2 - gravity * carried * lengths * np.sin(theta)
        return np.concatenate([omega, np.linalg.solve(weight * np.cos(difference), push)])

    start = np.concatenate([angles, np.zeros(n) if rates is None else rates])
    found = solve_ivp(slope, (0.0, times[-1]), start, "DOP853", times, rtol=1e-13, atol=1e-13)
    return found.y[:n].T


def bobs(angles, lengths):
    """(x, y) of the bobs of a chain, the last axis counting them."""
    lengths = np.asarray(lengths, float)
    return np.cumsum(lengths * np.sin(angles), -1), np.cumsum(-lengths * np.cos(angles), -1)


def large_period(amplitude, length=1.0, gravity=GRAVITY):
    """The period of a plane pendulum released at rest: 4 √(ℓ/g) K(sin²(θ₀/2))."""
    return 4 * np.sqrt(length / gravity) * ellipk(np.sin(amplitude / 2) ** 2)


def double_pendulum_frequencies(length=1.0, gravity=GRAVITY):
    """Small oscillations of two equal rods and bobs: ω² = (2 ∓ √2) g/ℓ."""
    return np.sqrt((2 + np.array([-1, 1]) * np.sqrt(2)) * gravity / length)


def row_frequencies(size, stiffness, mass=1.0, length=1.0, gravity=GRAVITY):
    """Small oscillations of a row of coupled pendula with free ends: ω_k² = g/ℓ + (4κ/mℓ²) sin²(πk/2n)."""
    k = np.arange(size)
    return np.sqrt(gravity / length + 4 * stiffness / (mass * length**2) * np.sin(np.pi * k / (2 * size)) ** 2)
