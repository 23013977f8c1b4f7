"""Closed forms of small phase networks, by NumPy alone: what the simulator is held against."""

import numpy as np


def locked_pair(difference, coupling):
    """Phase difference of two free oscillators, d(θ₁ − θ₂)/dt = Δω − 2K sin(θ₁ − θ₂): asin(Δω/2K).

    Returns it with its derivatives by Δω and K. Against a pinned phase only one oscillator yields, and ω = Δω/2.
    """
    ratio = difference / (2 * coupling)
    slope = 1 / np.sqrt(1 - ratio**2)
    return np.arcsin(ratio), {"difference": slope / (2 * coupling), "coupling": -slope * ratio / coupling}


def pinned_chain(frequencies, couplings):
    """Phases of a chain whose end 0 is pinned at 0; edge k joins k to k + 1 and carries all torque from beyond.

    θ_{k+1} − θ_k = asin(Σ_{m > k} ω_m / K_k). Returns phases 1..n, and the derivatives of the last phase by the
    frequencies and by the couplings.
    """
    frequencies, couplings = np.asarray(frequencies, float), np.asarray(couplings, float)
    torque = np.cumsum(frequencies[::-1])[::-1]
    steps = np.arcsin(torque / couplings)
    slope = 1 / (couplings * np.cos(steps))
    return np.cumsum(steps), {"frequencies": np.cumsum(slope), "couplings": -slope * np.sin(steps)}


def spin_in_fields(coupling, input_phase, strength, angle):
    """An XY spin coupled to a clamped phase and in a field of its own: it points along the sum of the two vectors.

    Returns θ and its derivatives by K, h and ψ.
    """
    x = coupling * np.cos(input_phase) + strength * np.cos(angle)
    y = coupling * np.sin(input_phase) + strength * np.sin(angle)
    theta, stiffness = np.arctan2(y, x), np.hypot(x, y)
    return theta, {
        "K": np.sin(input_phase - theta) / stiffness,
        "h": np.sin(angle - theta) / stiffness,
        "psi": strength * np.cos(angle - theta) / stiffness,
    }


def frustrated_triangle(k12, k23, k31):
    """Three XY spins, all couplings negative, θ₁ = 0: torques balance like the sides 1/|K| of a triangle.

    cos(θ₁ − θ₂) = ½ K₂₃ K₃₁ (1/K₁₂² − 1/K₂₃² − 1/K₃₁²), and cyclically; 120° for equal couplings. Returns θ₂ > 0 and
    θ₃ < 0, and the derivatives of θ₂ and θ₃ by the three couplings.
    """

    def cosine(a, b, c):
        return b * c / 2 * (1 / a**2 - 1 / b**2 - 1 / c**2)

    second, third = np.arccos(cosine(k12, k23, k31)), -np.arccos(cosine(k31, k12, k23))
    d12, d23, d31 = -second, second - third, third
    hessian = np.array(
        [
            [k12 * np.cos(d12) + k23 * np.cos(d23), -k23 * np.cos(d23)],
            [-k23 * np.cos(d23), k31 * np.cos(d31) + k23 * np.cos(d23)],
        ]
    )
    # −∂(∂E/∂θ)/∂K for θ₂, θ₃ and K₁₂, K₂₃, K₃₁.
    push = np.array([[np.sin(d12), -np.sin(d23), 0.0], [0.0, np.sin(d23), -np.sin(d31)]])
    return {"second": second, "third": third}, np.linalg.solve(hessian, push)
