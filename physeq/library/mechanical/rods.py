"""Rigid rods: distances that stay, as holonomic constraints."""

from __future__ import annotations

from physeq.symbolic import Edge, Node

from ._shared import Initial, axes, point, positive, separation, square


def rigid_rod(length: Initial = None, *, dimensions: int = 2) -> Edge:
    """A massless rod between two points: (|r|² − ℓ²)/2 = 0.

    Its multiplier λ is minus the tension per length: the force on the target is λ r, r from source to target. The
    squared length keeps the constraint polynomial.

    Args:
        length: ℓ in metres; 1 by default.
        dimensions: 1, 2 or 3.

    Raises:
        ModelError: other dimensions.

    Source: Goldstein, Poole & Safko, Classical Mechanics, section 2.4 (Lagrange multipliers).

    >>> import physeq as pq
    >>> pq.mechanical.rigid_rod(2.0).constraint
    (-length**2/2 + (-x.source + x.target)**2/2 + (-y.source + y.target)**2/2,)
    """
    rest = positive("length", length, "m", "length of the rod")
    return Edge(
        "rigid rod",
        constraint=((square(separation(dimensions, False)) - rest**2) / 2,),
        description="massless rod between two points",
    )


def rigid_rod_to_point(length: Initial = None, *, dimensions: int = 2) -> Node:
    """A massless rod from a point to a fixed one: (|r − r₀|² − ℓ²)/2 = 0. With a mass and gravity it is a pendulum.

    Args:
        length: ℓ in metres; 1 by default.
        dimensions: 1, 2 or 3; the fixed point (x_0, y_0, z_0) is the origin unless `values=` gives others.

    Raises:
        ModelError: other dimensions.

    >>> import physeq as pq
    >>> pq.mechanical.rigid_rod_to_point().constraint
    (-length**2/2 + (x - x_0)**2/2 + (y - y_0)**2/2,)
    """
    rest = positive("length", length, "m", "length of the rod")
    r = [q - q_0 for q, q_0 in zip(axes(dimensions), point(dimensions), strict=True)]
    return Node("rigid rod", constraint=((square(r) - rest**2) / 2,), description="massless rod to a fixed point")
