"""Diodes: exponential, ideal as bounds of a node, and piecewise linear between nodes."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Edge, Node, parameter

from ._shared import ACROSS, Initial, v


def exponential_diode(
    saturation_current: Initial = 1e-12, thermal_voltage: Initial = 0.025, *, trainable: bool = False
) -> Edge:
    """A junction diode, anode at the source: current I = I_s (exp((v_source − v_target)/V_t) − 1).

    Its co-content is R = I_s V_t exp((v_source − v_target)/V_t) − I_s (v_source − v_target): convex and reciprocal. The
    exponential is evaluated edge by edge, never as a product of exponentials, which overflows.

    Args:
        saturation_current: I_s in amperes.
        thermal_voltage: V_t in volts (an ideality factor included).
        trainable: whether learning changes I_s and V_t.

    Source: Shockley 1949; as an element that learns: Kendall et al. 2020, arXiv:2006.01981.

    >>> import physeq as pq
    >>> pq.electrical.exponential_diode().coupling
    'energy'
    """
    current, thermal = _junction(saturation_current, thermal_voltage, trainable)
    return Edge(
        "exponential diode",
        dissipation=current * thermal * sp.exp(ACROSS / thermal) - current * ACROSS,
        description="junction diode, anode at the source",
    )


def exponential_diode_to_ground(
    saturation_current: Initial = 1e-12, thermal_voltage: Initial = 0.025, *, trainable: bool = False
) -> Node:
    """A junction diode between a node and ground, one `direction` per node: R = I_s V_t exp(d v/V_t) − I_s d v.

    d = 1 puts the anode at the node, which keeps v below a forward drop; d = −1 the cathode, which keeps v above minus
    that. The current d I_s (exp(d v/V_t) − 1) leaves the node.

    Args:
        saturation_current: I_s in amperes.
        thermal_voltage: V_t in volts.
        trainable: whether learning changes I_s and V_t; directions are given (`values=`) and never trained.

    >>> import physeq as pq
    >>> [p.name for p in pq.electrical.exponential_diode_to_ground().parameters]
    ['I_s', 'V_t', 'direction']
    """
    current, thermal = _junction(saturation_current, thermal_voltage, trainable)
    d = _direction()
    return Node(
        "exponential diode",
        dissipation=current * thermal * sp.exp(d * v / thermal) - current * d * v,
        description="junction diode to ground, anode at the node where the direction is 1, cathode where it is −1",
    )


def _junction(current: Initial, thermal: Initial, trainable: bool):
    return (
        parameter(
            "I_s", positive=True, initial=current, trainable=trainable, unit="A", description="saturation current"
        ),
        parameter("V_t", positive=True, initial=thermal, trainable=trainable, unit="V", description="thermal voltage"),
    )


def _direction():
    return parameter(
        "direction", trainable=False, initial=1.0, description="1: anode at the node, −1: cathode, 0: no diode"
    )


def ideal_diode(lower: float | sp.Expr | None = None, upper: float | sp.Expr | None = None) -> Node:
    """Ideal diodes from a node to fixed voltages: lower ≤ v ≤ upper, without loss.

    A diode that holds v ≥ lower conducts only where v = lower, as much as it takes (complementarity). A bound on the
    node, so every finder that honours bounds is exact on it.

    Args:
        lower, upper: numbers, expressions in non-trainable parameters, or None for no diode on that side.

    Source: Scellier 2024, "A fast algorithm to simulate nonlinear resistive networks".

    >>> import physeq as pq
    >>> pq.electrical.ideal_diode(lower=0).bounds[pq.electrical.v]
    (0, oo)
    """
    return Node(
        "ideal diode", bounds={v: (lower, upper)}, description="ideal diodes that keep a voltage in an interval"
    )


def ideal_diode_to_ground() -> Node:
    """An ideal diode between a node and ground, one `direction` per node: d v ≤ 0, and no diode where d = 0.

    d = 1 puts the anode at the node (v ≤ 0), d = −1 the cathode (v ≥ 0). Directions are given, never trained.

    >>> import physeq as pq
    >>> [p.trainable for p in pq.electrical.ideal_diode_to_ground().parameters]
    [False]
    """
    d = _direction()
    return Node(
        "ideal diode",
        bounds={v: (sp.Piecewise((0, d < 0), (-sp.oo, True)), sp.Piecewise((0, d > 0), (sp.oo, True)))},
        description="ideal diode to ground, anode at the node where the direction is 1, cathode where it is −1",
    )
