"""Networks of springs in NumPy alone: dynamical matrix, elasticity of the triangular lattice, Maxwell's count."""

import numpy as np


def dynamical_matrix(vectors, sources, targets, size, stiffness=1.0, lengths=None):
    """Second derivatives of the energy of springs ½ k (|r| − ℓ)², shape (2 size, 2 size), mass 1 at every node.

    For r = ℓ r̂ a block is k r̂ r̂ᵀ; under tension k (1 − ℓ/|r|) (1 − r̂ r̂ᵀ) comes on top. Rows are (x, y) of each node.
    """
    vectors = np.asarray(vectors, float)
    distance = np.linalg.norm(vectors, axis=1)
    lengths = distance if lengths is None else np.broadcast_to(lengths, distance.shape)
    matrix = np.zeros((size, 2, size, 2))
    for r, d, rest, i, j in zip(vectors, distance, lengths, sources, targets, strict=True):
        along = np.outer(r, r) / d**2
        block = stiffness * (along + (1 - rest / d) * (np.eye(2) - along))
        matrix[i, :, i] += block
        matrix[j, :, j] += block
        matrix[i, :, j] -= block
        matrix[j, :, i] -= block
    return matrix.reshape(2 * size, 2 * size)


def branch(wave_vector, stiffness=1.0, mass=1.0, spacing=1.0):
    """Both ω of plane waves on the triangular lattice: ω² are the eigenvalues of (4k/m) Σ_δ sin²(q·δ/2) δ̂ δ̂ᵀ.

    δ runs over three of the six neighbours, one of each opposite pair. Born & Huang, section 5.
    """
    directions = np.array([[np.cos(a), np.sin(a)] for a in (0.0, np.pi / 3, 2 * np.pi / 3)])
    weight = 4 * stiffness / mass * np.sin(spacing * directions @ np.asarray(wave_vector) / 2) ** 2
    return np.sqrt(np.linalg.eigvalsh(np.einsum("d,da,db->ab", weight, directions, directions)))


def lame(stiffness=1.0):
    """Lamé's moduli of the triangular lattice in the plane: λ = μ = (√3/4) k."""
    return np.sqrt(3) / 4 * stiffness


def sound_speeds(stiffness=1.0, mass=1.0, spacing=1.0):
    """Transverse and longitudinal speed, √(μ/ρ) and √((λ + 2μ)/ρ), ρ = 2m/(√3 a²)."""
    density = 2 * mass / (np.sqrt(3) * spacing**2)
    return np.sqrt(lame(stiffness) * np.array([1.0, 3.0]) / density)


def strain_energy(strain, area, stiffness=1.0):
    """Linear elastic energy A (½ λ (tr ε)² + μ ε:ε)."""
    strain = np.asarray(strain, float)
    return area * lame(stiffness) * (np.trace(strain) ** 2 / 2 + np.sum(strain**2))


def clamped(matrix, vectors, strained, sources, targets, inner, stiffness=1.0):
    """Displacements (2 size,) of `inner` coordinates, the others held, after separations changed to `strained` ones.

    Linear elasticity: K_ii u_i = f_i, with the forces f that the elongations r̂·(r′ − r) make.
    """
    size = len(inner) // 2
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pull = stiffness * np.sum(unit * (strained - vectors), axis=1)[:, None] * unit
    force = np.zeros((size, 2))
    np.add.at(force, sources, pull)
    np.subtract.at(force, targets, pull)
    found = np.zeros(2 * size)
    found[inner] = np.linalg.solve(matrix[np.ix_(inner, inner)], force.reshape(-1)[inner])
    return found


def maxwell(size, springs, dims=2):
    """Zero modes less states of self-stress of a network: d N − N_b (Maxwell 1864, Calladine 1978)."""
    return dims * size - springs
