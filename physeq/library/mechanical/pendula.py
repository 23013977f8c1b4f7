"""Pendula in angles: alone, coupled by a torsion spring, or hinged to each other in a chain."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Edge, Node, coordinate, parameter

from ._shared import STANDARD_GRAVITY, Initial, positive

theta = coordinate("theta", unit="rad", rate_unit="rad/s", description="angle from the vertical")


def pendulum(
    mass: Initial = None,
    length: Initial = None,
    *,
    gravity: Initial = STANDARD_GRAVITY,
    trainable: bool = False,
) -> Node:
    """A plane pendulum: T = ½ m ℓ² θ̇², V = m g ℓ (1 − cos θ), θ from the lower vertical.

    In a chain of hinged rods m is the mass that the rod carries, its own bob and all below (see `hinge`).

    Args:
        mass: starting m in kilograms; 1 by default.
        length: starting ℓ in metres; 1 by default.
        gravity: acceleration g in m/s².
        trainable: whether learning changes m and ℓ.

    Source: Landau & Lifshitz, Mechanics, section 5.

    >>> import physeq as pq
    >>> pq.mechanical.pendulum().kinetic
    length**2*m*theta.dot**2/2
    """
    m, ell = positive("m", mass, "kg", "mass", trainable), positive("length", length, "m", "length", trainable)
    g = positive("g", gravity, "m/s^2", "acceleration of gravity")
    return Node(
        "pendulum",
        kinetic=m * ell**2 * theta.dot**2 / 2,
        potential=m * g * ell * (1 - sp.cos(theta)),
        description="plane pendulum",
    )


def hinge(inertia: Initial = None) -> Edge:
    """The inertia that two rods of a chain share: T = J θ̇_source θ̇_target cos(θ_source − θ_target).

    Rods i < j of a chain with bobs m_k at their ends have J = ℓ_i ℓ_j M_j with the carried mass M_j = Σ_{k ≥ j} m_k,
    and every pair of rods has one; each rod itself is a `pendulum` of mass M_i. Two rods make the double pendulum.

    Args:
        inertia: J in kg m²; 1 by default.

    Source: Landau & Lifshitz, Mechanics, section 5, problem 1, for two rods.

    >>> import physeq as pq
    >>> pq.mechanical.hinge().kinetic
    J*theta.source.dot*theta.target.dot*cos(theta.source - theta.target)
    """
    j = parameter("J", initial=1.0 if inertia is None else inertia, trainable=False, unit="kg m^2",
                  description="shared inertia")  # fmt: skip
    return Edge(
        "hinge",
        kinetic=j * theta.source.dot * theta.target.dot * sp.cos(theta.source - theta.target),
        description="inertia that two rods of a chain share",
    )


def torsion_spring(stiffness: Initial = None, *, trainable: bool = True) -> Edge:
    """A torsion spring between two angles: V = ½ κ (θ_source − θ_target)². It couples pendula.

    Args:
        stiffness: starting κ in N m/rad; 1 by default.
        trainable: whether learning changes κ.

    Source: Landau & Lifshitz, Mechanics, section 23.

    >>> import physeq as pq
    >>> pq.mechanical.torsion_spring().potential
    kappa*(theta.source - theta.target)**2/2
    """
    kappa = positive("kappa", stiffness, "N m/rad", "torsional stiffness", trainable)
    return Edge(
        "torsion spring", potential=kappa * (theta.source - theta.target) ** 2 / 2, description="torsion spring"
    )


def pivot_friction(friction: Initial = None, *, trainable: bool = False) -> Node:
    """Friction of a pivot: R = ½ c θ̇².

    Args:
        friction: starting c in N m s/rad; 1 by default.
        trainable: whether learning changes c.

    >>> import physeq as pq
    >>> pq.mechanical.pivot_friction().dissipation
    c*theta.dot**2/2
    """
    c = positive("c", friction, "N m s/rad", "friction", trainable)
    return Node("pivot friction", dissipation=c * theta.dot**2 / 2, description="friction of a pivot")
