"""Superconducting elements: the Josephson junction."""

from __future__ import annotations

import math

import sympy as sp

from physeq.symbolic import Edge, coordinate, parameter

from ._shared import ACROSS, Initial, number

# h/2e in webers; both constants are exact in the SI since 2019 (CODATA 2018, doi:10.1103/RevModPhys.93.025010).
FLUX_QUANTUM = 6.62607015e-34 / (2 * 1.602176634e-19)


def josephson_junction(
    critical_current: Initial = 1e-6, *, flux_quantum: float = FLUX_QUANTUM, trainable: bool = False
) -> Edge:
    """A Josephson junction: I = I_c sin δ, (Φ₀/2π) δ̇ = v_source − v_target, V = −(I_c Φ₀/2π) cos δ.

    δ is the phase across the junction, its own coordinate; the multiplier of the constraint is the current. With a
    capacitor and a resistor beside it this is the RCSJ model, of plasma frequency √(2π I_c/(Φ₀ C)).

    Args:
        critical_current: starting I_c in amperes.
        flux_quantum: Φ₀ in webers; 2π gives equations without it, in which δ̇ is the voltage.
        trainable: whether learning changes I_c.

    Source: Josephson 1962, doi:10.1016/0031-9163(62)91369-0; Tinkham, Introduction to Superconductivity, chapter 6.

    >>> import math, physeq as pq
    >>> junction = pq.electrical.josephson_junction(1.0, flux_quantum=2 * math.pi)
    >>> junction.potential, junction.constraint
    (-I_c*cos(delta), (delta.dot - phi.source.dot + phi.target.dot,))
    """
    i_c = parameter(
        "I_c", positive=True, initial=critical_current, trainable=trainable, unit="A", description="critical current"
    )
    delta = coordinate("delta", unit="rad", rate_unit="rad/s", description="phase across a junction")
    flux = number(flux_quantum / (2 * math.pi))
    return Edge(
        "Josephson junction",
        potential=-i_c * flux * sp.cos(delta),
        constraint=(flux * delta.dot - ACROSS,),
        internal=(delta,),
        description="tunnel junction of two superconductors",
    )
