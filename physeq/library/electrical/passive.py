"""Resistors, capacitors and inductors, alone, to a fixed voltage, and coupled."""

from __future__ import annotations

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic import Component, Edge, Node, coordinate, parameter

from ._shared import ACROSS, Initial, between, number, v


def resistor(initial: Initial = None, *, trainable: bool = True) -> Edge:
    """A conductance between two nodes: R = ½ g (v_source − v_target)², current g (v_source − v_target).

    Quadratic, convex, reciprocal. Learning measures ∂R/∂g = ½ (v_source − v_target)² on the edge itself.

    Args:
        initial: starting conductance in siemens, a number or a distribution; 1 by default.
        trainable: whether learning changes it; g ≥ 0 is kept.

    Source: Kendall et al. 2020, arXiv:2006.01981.

    >>> import physeq as pq
    >>> pq.electrical.resistor().coupling
    'energy'
    """
    g = parameter("g", positive=True, initial=initial, trainable=trainable, unit="S", description="conductance")
    return Edge("resistor", dissipation=g * ACROSS**2 / 2, description="linear conductance between two nodes")


def conductance_to(level: float = 0.0, initial: Initial = None, *, trainable: bool = True) -> Node:
    """A conductance from a node to a fixed voltage: R = ½ g (v − level)².

    Args:
        level: the fixed voltage in volts; 0 is ground.
        initial: starting conductance in siemens, a number or a distribution; 1 by default.
        trainable: whether learning changes it; g ≥ 0 is kept.

    >>> import physeq as pq
    >>> pq.electrical.conductance_to(1.0).parameters
    (g,)
    """
    g = parameter("g", positive=True, initial=initial, trainable=trainable, unit="S", description="conductance")
    return Node("conductance", dissipation=g * (v - number(level)) ** 2 / 2, description=f"conductance to {level} V")


def capacitor(initial: Initial = None, *, trainable: bool = False) -> Edge:
    """A capacitance between two nodes: T = ½ C (v_source − v_target)². It carries no current at steady state.

    Args:
        initial: starting capacitance in farads; 1 by default.
        trainable: whether learning changes it; steady states do not depend on it.

    >>> import physeq as pq
    >>> pq.electrical.capacitor().kinetic
    C*(phi.source.dot - phi.target.dot)**2/2
    """
    capacitance = _capacitance(initial, trainable)
    return Edge("capacitor", kinetic=capacitance * ACROSS**2 / 2, description="capacitance between two nodes")


def capacitor_to_ground(initial: Initial = None, *, trainable: bool = False) -> Node:
    """A capacitance from a node to ground: T = ½ C v²; the node's equation becomes C v̇ = currents.

    Args:
        initial: starting C in farads; 1 by default.
        trainable: whether learning changes C.

    >>> import physeq as pq
    >>> pq.electrical.capacitor_to_ground(1e-6).kinetic
    C*phi.dot**2/2
    """
    return Node(
        "capacitor",
        kinetic=_capacitance(initial, trainable) * v**2 / 2,
        description="capacitance from a node to ground",
    )


def _capacitance(initial: Initial, trainable: bool):
    return parameter("C", positive=True, initial=initial, trainable=trainable, unit="F", description="capacitance")


def inductor(initial: Initial = None, *, trainable: bool = False) -> Edge:
    """An inductance between two nodes, with a flux ψ of its own: V = ψ²/2L and ψ̇ = v_source − v_target.

    The multiplier of the constraint is the current ψ/L, which leaves the source. At steady state the voltage across it
    is zero. The flux is the element's own, so that parallel inductors may start with different currents.

    Args:
        initial: starting inductance L in henries; 1 by default.
        trainable: whether learning changes it.

    Source: Chua, Desoer & Kuh, Linear and Nonlinear Circuits (McGraw-Hill 1987), chapter 6.

    >>> import physeq as pq
    >>> coil = pq.electrical.inductor(1e-3)
    >>> coil.potential, coil.constraint
    (psi**2/(2*L), (-phi.source.dot + phi.target.dot + psi.dot,))
    """
    inductance = _inductance("L", initial, trainable, "inductance")
    psi = _branch_flux("psi")
    return Edge(
        "inductor",
        potential=psi**2 / (2 * inductance),
        constraint=(psi.dot - ACROSS,),
        internal=(psi,),
        description="inductance between two nodes",
    )


def mutual_inductance(
    primary: Initial = None, secondary: Initial = None, coupling: float = 0.5, *, trainable: bool = False
) -> Component:
    """Two coupled inductors, p1 → n1 and p2 → n2, dots at p1 and p2: ψ₁ = L₁ i₁ + M i₂, ψ₂ = M i₁ + L₂ i₂.

    M = k √(L₁ L₂), and in the branch fluxes V = (ψ₁²/L₁ + ψ₂²/L₂ − 2 k ψ₁ ψ₂/√(L₁ L₂))/(2 (1 − k²)), positive definite
    for |k| < 1. ψ̇₁ = v(p1) − v(n1) and ψ̇₂ = v(p2) − v(n2); the multipliers are the currents i₁ and i₂.

    Args:
        primary, secondary: starting inductances L₁ and L₂ in henries; 1 by default.
        coupling: k, strictly between −1 and 1.
        trainable: whether learning changes L₁, L₂ and k.

    Raises:
        ModelError: |k| ≥ 1. A perfectly coupled pair has one flux, not two: use controlled sources.

    Source: SPICE's K element, ngspice manual, section "Coupled (mutual) inductors".

    >>> import physeq as pq
    >>> pq.electrical.mutual_inductance(1.0, 4.0, 0.9).ports
    ('p1', 'n1', 'p2', 'n2')
    """
    if not -1 < coupling < 1:
        raise ModelError(
            f"mutual_inductance: the coupling k must lie strictly between -1 and 1, got {coupling}; a perfect "
            "transformer is made of controlled sources"
        )
    first = _inductance("L_1", primary, trainable, "inductance of the first winding")
    second = _inductance("L_2", secondary, trainable, "inductance of the second winding")
    k = parameter("k", bounds=(-1, 1), initial=coupling, trainable=trainable, description="coupling of the windings")
    psi_1, psi_2 = _branch_flux("psi_1"), _branch_flux("psi_2")
    squares = psi_1**2 / first + psi_2**2 / second - 2 * k * psi_1 * psi_2 / (sp.sqrt(first) * sp.sqrt(second))
    return Component(
        "mutual inductance",
        ports=("p1", "n1", "p2", "n2"),
        potential=squares / (2 * (1 - k**2)),
        constraint=(psi_1.dot - between("p1", "n1"), psi_2.dot - between("p2", "n2")),
        internal=(psi_1, psi_2),
        description="two magnetically coupled inductors",
    )


def _inductance(name: str, initial: Initial, trainable: bool, description: str):
    return parameter(name, positive=True, initial=initial, trainable=trainable, unit="H", description=description)


def _branch_flux(name: str):
    return coordinate(name, unit="Wb", rate_unit="V", description="flux of a winding")
