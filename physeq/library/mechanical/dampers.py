"""Dampers between two points, and drag by a resting medium."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Edge, Node

from ._shared import SOFTENING, Initial, axes, closing, positive, separation, square


def damper(
    friction: Initial = None,
    *,
    dimensions: int = 1,
    displacements: bool = False,
    trainable: bool = False,
) -> Edge:
    """A dashpot between two points, along the line that joins them: R = ½ c ṙ², ṙ the rate of their distance.

    In one dimension ṙ = ẋ_target − ẋ_source; in two and three ṙ = r·ṙ/|r|, so that a common rotation costs nothing.

    Args:
        friction: starting c in N s/m; 1 by default.
        dimensions: 1, 2 or 3.
        displacements: whether the coordinates are displacements, as of `spring`.
        trainable: whether learning changes c.

    Raises:
        ModelError: other dimensions.

    Source: Goldstein, Poole & Safko, Classical Mechanics, section 1.5 (Rayleigh's dissipation function).

    >>> import physeq as pq
    >>> pq.mechanical.damper().dissipation
    c*(-x.source.dot + x.target.dot)**2/2
    """
    c = positive("c", friction, "N s/m", "friction", trainable)
    rates = closing(dimensions)
    if dimensions == 1:
        squared = rates[0] ** 2
    else:
        r = separation(dimensions, displacements)
        along = sum((a * b for a, b in zip(r, rates, strict=True)), sp.S.Zero)
        squared = along**2 / (square(r) + sp.Float(SOFTENING) ** 2)
    return Edge("damper", dissipation=c * squared / 2, description=f"damper in {dimensions} dimensions")


def drag(friction: Initial = None, *, dimensions: int = 1, trainable: bool = False) -> Node:
    """Friction against a resting medium: R = ½ c (ẋ² + ẏ² + ż²).

    Args:
        friction: starting c in N s/m; 1 by default.
        dimensions: 1, 2 or 3.
        trainable: whether learning changes c.

    Raises:
        ModelError: other dimensions.

    >>> import physeq as pq
    >>> pq.mechanical.drag(dimensions=2).dissipation
    c*(x.dot**2 + y.dot**2)/2
    """
    c = positive("c", friction, "N s/m", "friction", trainable)
    rates = square([q.dot for q in axes(dimensions)])
    return Node("drag", dissipation=c * rates / 2, description="friction against a resting medium")
