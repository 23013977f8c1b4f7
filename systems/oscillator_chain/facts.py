"""Driven chains by dynamic stiffness matrices, and a lone Duffing oscillator by Jacobi's elliptic functions, in NumPy
and SciPy alone."""

import numpy as np
from scipy.special import ellipj, ellipk


def dynamic_stiffness(omega, mass, anchors, springs, friction=None):
    """Z(ω) = K − ω²M + iωD of a row of masses with a spring to the next one and an anchor each."""
    size = len(anchors)
    z = np.diag(np.asarray(anchors, complex) - omega**2 * mass)
    if friction is not None:
        z += 1j * omega * np.diag(friction)
    for k, stiffness in enumerate(springs):
        apart = np.zeros(size)
        apart[k : k + 2] = 1, -1
        z += stiffness * np.outer(apart, apart)
    return z


def response(omega, mass, anchors, springs, friction=None):
    """x_last/F_first: the complex amplitude of the last mass for a force F e^{iωt} on the first."""
    z = dynamic_stiffness(omega, mass, anchors, springs, friction)
    return np.linalg.solve(z, np.eye(len(z))[:, 0])[-1]


def response_gradient(omega, mass, anchors, springs, friction=None):
    """Derivatives of `response` by anchors, springs and friction: −λᵀ (∂Z/∂θ) x with Zᵀ λ = e_last, Z x = e_first."""
    z = dynamic_stiffness(omega, mass, anchors, springs, friction)
    unit = np.eye(len(z))
    x, adjoint = np.linalg.solve(z, unit[:, 0]), np.linalg.solve(z.T, unit[:, -1])
    return -adjoint * x, -np.diff(adjoint) * np.diff(x), -1j * omega * adjoint * x


def natural_frequencies(mass, anchors, springs):
    """Angular frequencies of the free chain without friction, rising."""
    return np.sqrt(np.linalg.eigvalsh(dynamic_stiffness(0.0, mass, anchors, springs).real) / mass)


def duffing(t, amplitude, mass, stiffness, cubic):
    """m ẍ + k x + k₃ x³ = 0 from rest at x(0) = a: x = a cn(Ω t | κ), Ω² = (k + k₃ a²)/m, κ = k₃ a²/(2 m Ω²).

    Source: Kovacic & Brennan, The Duffing Equation (2011), section 2.
    """
    omega = np.sqrt((stiffness + cubic * amplitude**2) / mass)
    return amplitude * ellipj(omega * np.asarray(t), cubic * amplitude**2 / (2 * mass * omega**2))[1]


def duffing_period(amplitude, mass, stiffness, cubic):
    """The period 4 K(κ)/Ω of that motion."""
    omega = np.sqrt((stiffness + cubic * amplitude**2) / mass)
    return 4 * ellipk(cubic * amplitude**2 / (2 * mass * omega**2)) / omega
