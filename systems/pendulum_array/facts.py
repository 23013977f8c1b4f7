"""Driven rows of pendula, in NumPy and SciPy alone: their equations by hand, small swings in closed form."""

import numpy as np
from scipy.integrate import solve_ivp

GRAVITY = 9.80665


def motion(angles, rates, times, masses, lengths, springs, torque, frequency):
    """Angles (times, n) by Dormand and Prince's method of order 8.

    m ℓ² θ̈_i = −m g ℓ sin θ_i − κ_{i−1}(θ_i − θ_{i−1}) − κ_i(θ_i − θ_{i+1}) + δ_{i0} F cos Ωt.
    """
    inertia = masses * lengths**2

    def slope(t, state):
        theta, omega = np.split(state, 2)
        twist = springs * np.diff(theta)
        push = -masses * GRAVITY * lengths * np.sin(theta)
        push[:-1] += twist
        push[1:] -= twist
        push[0] += torque * np.cos(frequency * t)
        return np.concatenate([omega, push / inertia])

    start = np.concatenate([angles, rates])
    found = solve_ivp(slope, (0.0, times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-13)
    return found.y[: len(angles)].T


def stiffness(masses, lengths, springs):
    """K of small swings: m g ℓ on the diagonal, and the springs."""
    k = np.diag(masses * GRAVITY * lengths)
    for i, kappa in enumerate(springs):
        k[i : i + 2, i : i + 2] += kappa * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return k


def small_swings(masses, lengths, springs, torque, frequency):
    """(K − Ω²M)⁻¹ F: the amplitudes of θ(t) = A cos Ωt for small torques."""
    z = stiffness(masses, lengths, springs) - frequency**2 * np.diag(masses * lengths**2)
    return np.linalg.solve(z, torque * np.eye(len(masses))[0])


def resonances(masses, lengths, springs):
    """Angular frequencies of small free swings, rising."""
    inertia = np.sqrt(masses * lengths**2)
    return np.sqrt(np.linalg.eigvalsh(stiffness(masses, lengths, springs) / np.outer(inertia, inertia)))
