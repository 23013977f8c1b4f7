"""Point masses in one, two or three dimensions, and their weight."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Node
from physeq.symbolic.symbols import Coordinate

from ._shared import STANDARD_GRAVITY, Initial, axes, positive, square, y


def mass(initial: Initial = None, *, dimensions: int = 1, gravity: Initial = None, trainable: bool = False) -> Node:
    """A point mass: T = ½ m (ẋ² + ẏ² + ż²), in the coordinates x, then y, then z.

    With gravity also its weight, V = m g h, h along the last axis (y in the plane, z in space), upwards.

    Args:
        initial: starting mass in kilograms; 1 by default.
        dimensions: 1, 2 or 3.
        gravity: acceleration g in m/s², `STANDARD_GRAVITY` for the Earth's, or None for none.
        trainable: whether learning changes the mass.

    Raises:
        ModelError: other dimensions.

    Source: Goldstein, Poole & Safko, Classical Mechanics (3rd edition), chapter 1.

    >>> import physeq as pq
    >>> pq.mechanical.mass(dimensions=2).kinetic
    m*(x.dot**2 + y.dot**2)/2
    """
    m = positive("m", initial, "kg", "mass", trainable)
    kinetic = m * square([q.dot for q in axes(dimensions)]) / 2
    weight = sp.S.Zero if gravity is None else _weight(m, gravity, axes(dimensions)[-1])
    return Node("mass", kinetic=kinetic, potential=weight, description=f"point mass in {dimensions} dimensions")


def gravity(initial: Initial = None, *, acceleration: Initial = STANDARD_GRAVITY, along: Coordinate = y) -> Node:
    """The weight of a mass alone, V = m g h, for a node whose inertia stands elsewhere or is neglected.

    Args:
        initial: mass in kilograms; 1 by default. It is a parameter of this component: a `mass` beside it has its own,
            so `mass(gravity=...)` is better where both are meant.
        acceleration: g in m/s².
        along: the coordinate that points upwards.

    >>> import physeq as pq
    >>> pq.mechanical.gravity().potential
    y*g*m
    """
    weight = _weight(positive("m", initial, "kg", "mass"), acceleration, along)
    return Node("gravity", potential=weight, description=f"weight along {along.name}")


def _weight(m, acceleration: Initial, along: Coordinate) -> sp.Expr:
    return m * positive("g", acceleration, "m/s^2", "acceleration of gravity") * along
