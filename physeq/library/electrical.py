"""Electrical components in the flux φ of each node, v = φ̇: resistors, capacitors, diodes, sources.

A node without capacitors or inductors is reduced to its voltage, where a circuit's steady state minimises the
co-content Σ_edges R_e(v_source − v_target) − Σ_i I_i v_i (Millar 1951). Branch voltages are v_source − v_target and
currents flow from source to target.
"""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Distribution, Edge, Node, coordinate, parameter

phi = coordinate("phi", rate="v", unit="Wb", rate_unit="V", description="flux of a node")
v = phi.dot

_ACROSS = phi.source.dot - phi.target.dot

Initial = Distribution | float | None


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
    return Edge("resistor", dissipation=g * _ACROSS**2 / 2, description="linear conductance between two nodes")


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
    return Node("conductance", dissipation=g * (v - _number(level)) ** 2 / 2, description=f"conductance to {level} V")


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
    return Edge("capacitor", kinetic=capacitance * _ACROSS**2 / 2, description="capacitance between two nodes")


def capacitor_to_ground(initial: Initial = None, *, trainable: bool = False) -> Node:
    """A capacitance from a node to ground: T = ½ C v²; the node's equation becomes C v̇ = currents.

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
        dissipation=current * thermal * sp.exp(_ACROSS / thermal) - current * _ACROSS,
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


def current_source(initial: Initial = 0.0, *, trainable: bool = True) -> Node:
    """A current I injected into a node from ground: a force on φ, −I v in the co-content.

    As a trainable bias, learning measures the node's voltage.

    Args:
        initial: starting current in amperes.
        trainable: whether learning changes it.

    >>> import physeq as pq
    >>> pq.electrical.current_source().force
    mappingproxy({phi: I})
    """
    current = parameter("I", initial=initial, trainable=trainable, unit="A", description="injected current")
    return Node("current source", force={phi: current}, description="current into a node from ground")


def _number(value: float) -> sp.Expr:
    return sp.nsimplify(value) if float(value).is_integer() else sp.Float(value)
