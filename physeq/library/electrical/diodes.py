"""Diodes: exponential, ideal as bounds of a node, and piecewise linear between nodes."""

from __future__ import annotations

import sympy as sp

from physeq.errors import ModelError
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


def piecewise_linear_diode(
    on: Initial = 10.0,
    off: Initial = 1e-6,
    forward: Initial = 0.0,
    *,
    smoothing: float | None = None,
    trainable: bool = False,
) -> Edge:
    """A diode of two conductances between nodes, anode at the source: I = g_off u + (g_on − g_off) max(u − V_f, 0).

    u = v_source − v_target; the co-content is ½ g_off u² + ½ (g_on − g_off) max(u − V_f, 0)². Convex for g_on ≥ g_off.
    An ideal diode is its limit g_on → ∞, g_off → 0. With `smoothing` = w volts the conductance rises from g_off to g_on
    in a straight line over V_f < u < V_f + w, so that the current has no corner: the last term of the co-content
    becomes (g_on − g_off)(max(u − V_f, 0)³ − max(u − V_f − w, 0)³)/6w.

    Args:
        on, off: conductances g_on and g_off in siemens.
        forward: V_f in volts.
        smoothing: w in volts, or None for a corner.
        trainable: whether learning changes g_on, g_off and V_f.

    Raises:
        ModelError: a smoothing that is not positive.

    Source: Chua, Desoer & Kuh, Linear and Nonlinear Circuits (McGraw-Hill 1987), chapter 2.

    >>> import physeq as pq
    >>> pq.electrical.piecewise_linear_diode(smoothing=0.01).coupling
    'energy'
    """
    if smoothing is not None and not smoothing > 0:
        raise ModelError(f"piecewise_linear_diode: smoothing must be a positive voltage or None, got {smoothing!r}")
    g_on, g_off = (
        parameter(name, positive=True, initial=start, trainable=trainable, unit="S", description=what)
        for name, start, what in (("g_on", on, "forward conductance"), ("g_off", off, "reverse conductance"))
    )
    v_f = parameter("V_f", initial=forward, trainable=trainable, unit="V", description="forward voltage")
    if smoothing is None:
        above = sp.Max(ACROSS - v_f, 0) ** 2 / 2
    else:
        w = sp.Float(smoothing)
        above = (sp.Max(ACROSS - v_f, 0) ** 3 - sp.Max(ACROSS - v_f - w, 0) ** 3) / (6 * w)
    return Edge(
        "piecewise-linear diode",
        dissipation=g_off * ACROSS**2 / 2 + (g_on - g_off) * above,
        description="diode of two conductances, anode at the source",
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
