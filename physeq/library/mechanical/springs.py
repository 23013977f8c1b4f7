"""Springs between two points and to fixed points: linear, of a rest length, hardening or softening (Duffing)."""

from __future__ import annotations

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic import Edge, Node, parameter

from ._shared import SOFTENING, Initial, axes, point, positive, separation, square


def spring(
    stiffness: Initial = None,
    length: Initial = None,
    cubic: Initial = None,
    *,
    dimensions: int = 1,
    displacements: bool = False,
    softening: float = SOFTENING,
    trainable: bool = True,
    trainable_length: bool = False,
) -> Edge:
    """A spring between two points: V = ½ k e² + ¼ k₃ e⁴ with the elongation e.

    In one dimension e = x_target − x_source − ℓ; in two and three e = |r| − ℓ, r from source to target. Without a rest
    length e² = |r|², and no root is taken. |r| is √(r² + ε²), so that two points may meet; ε is far below rounding
    for lengths in metres.

    Args:
        stiffness: starting k in N/m; 1 by default.
        length: starting rest length ℓ in metres, or None for none. In one dimension it may be negative.
        cubic: starting k₃ in N/m³ (Duffing: hardening above 0, softening below), or None for a linear spring.
        dimensions: 1, 2 or 3.
        displacements: whether the coordinates are displacements from places (`with_rest_lengths` gives the vectors
            dx, dy, dz between them). Then grounded nodes stay at their places, and lattices may be periodic.
        softening: ε in metres; smaller where all lengths are below micrometres.
        trainable, trainable_length: whether learning changes k and k₃, and ℓ.

    Raises:
        ModelError: other dimensions, or a softening that is not positive.

    Source: Goldstein, Poole & Safko, Classical Mechanics; Duffing 1918. Networks of springs that learn:
        Stern, Hexner, Rocks & Liu 2021, doi:10.1103/PhysRevX.11.021045.

    >>> import physeq as pq
    >>> pq.mechanical.spring(length=1.0).potential
    k*(-length - x.source + x.target)**2/2
    """
    if not softening > 0:
        raise ModelError(f"spring: softening must be a positive length, got {softening!r}")
    k = positive("k", stiffness, "N/m", "stiffness", trainable)
    r = separation(dimensions, displacements)
    if length is None:
        squared = square(r)
    elif dimensions == 1:
        rest = parameter("length", initial=length, trainable=trainable_length, unit="m", description="rest length")
        squared = (r[0] - rest) ** 2
    else:
        rest = positive("length", length, "m", "rest length", trainable_length)
        squared = (sp.sqrt(square(r) + sp.Float(softening) ** 2) - rest) ** 2
    potential = k * squared / 2
    if cubic is not None:
        k_3 = parameter("k_3", initial=cubic, trainable=trainable, unit="N/m^3", description="cubic stiffness")
        potential += k_3 * squared**2 / 4
    return Edge("spring", potential=potential, description=f"spring in {dimensions} dimensions")


def anchor(stiffness: Initial = None, *, dimensions: int = 1, trainable: bool = True) -> Node:
    """A spring from a point to a fixed point of its own: V = ½ k |r − r₀|².

    Args:
        stiffness: starting k in N/m; 1 by default.
        dimensions: 1, 2 or 3; the fixed point (x_0, y_0, z_0) is the origin unless `values=` gives others.
        trainable: whether learning changes k.

    Raises:
        ModelError: other dimensions.

    >>> import physeq as pq
    >>> pq.mechanical.anchor(dimensions=2).potential
    k*((x - x_0)**2 + (y - y_0)**2)/2
    """
    k = positive("k", stiffness, "N/m", "stiffness", trainable)
    r = [q - q_0 for q, q_0 in zip(axes(dimensions), point(dimensions), strict=True)]
    return Node("anchor", potential=k * square(r) / 2, description="spring to a fixed point")
