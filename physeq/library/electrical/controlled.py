"""Controlled sources: E, G, F and H of SPICE, and the ideal operational amplifier.

They act without being acted upon, so they are forces, not energies. A branch whose current the element cannot tell from
its voltage has a charge q of its own: q̇ is that current, and the force on q is the equation that it must satisfy.
"""

from __future__ import annotations

from physeq.symbolic import Component, parameter

from ._shared import Initial, between, charge, flows, phi

_PORTS = ("p", "n", "cp", "cn")


def voltage_controlled_voltage_source(gain: Initial = 1.0, *, trainable: bool = False) -> Component:
    """SPICE's E: v(p) − v(n) = gain (v(cp) − v(cn)), with the current q̇ from p through the element to n.

    The control ports draw no current.

    Args:
        gain: starting gain, a number without unit.
        trainable: whether learning changes it.

    Source: ngspice manual, section "Linear voltage-controlled voltage sources".

    >>> import physeq as pq
    >>> pq.electrical.voltage_controlled_voltage_source(10.0).ports
    ('p', 'n', 'cp', 'cn')
    """
    mu = parameter("gain", initial=gain, trainable=trainable, description="voltage gain")
    q = charge("q", "i", "charge through the output")
    return Component(
        "voltage-controlled voltage source",
        ports=_PORTS,
        force=flows("p", "n", q.dot) | {q: mu * between("cp", "cn") - between("p", "n")},
        internal=(q,),
        description="voltage source proportional to another voltage",
    )


def voltage_controlled_current_source(transconductance: Initial = 1.0, *, trainable: bool = False) -> Component:
    """SPICE's G: the current transconductance (v(cp) − v(cn)) flows from p through the element to n.

    Args:
        transconductance: starting value in siemens; negative ones are allowed.
        trainable: whether learning changes it.

    Source: ngspice manual, section "Linear voltage-controlled current sources".

    >>> import physeq as pq
    >>> pq.electrical.voltage_controlled_current_source(1e-3).parameters
    (g_m,)
    """
    g_m = parameter("g_m", initial=transconductance, trainable=trainable, unit="S", description="transconductance")
    return Component(
        "voltage-controlled current source",
        ports=_PORTS,
        force=flows("p", "n", g_m * between("cp", "cn")),
        description="current source proportional to a voltage",
    )


def current_controlled_current_source(gain: Initial = 1.0, *, trainable: bool = False) -> Component:
    """SPICE's F with its sensing branch: a short from cp to cn carries q̇, and gain q̇ flows from p to n.

    SPICE senses the current of a voltage source; put cp and cn in the wire that it would stand in.

    Args:
        gain: starting gain, a number without unit.
        trainable: whether learning changes it.

    Source: ngspice manual, section "Linear current-controlled current sources".

    >>> import physeq as pq
    >>> pq.electrical.current_controlled_current_source(100.0).internal
    (q_c,)
    """
    ratio = parameter("gain", initial=gain, trainable=trainable, description="current gain")
    q_c = charge("q_c", "i_c", "charge through the sensing branch")
    return Component(
        "current-controlled current source",
        ports=_PORTS,
        force=flows("cp", "cn", q_c.dot) | flows("p", "n", ratio * q_c.dot) | {q_c: between("cp", "cn")},
        internal=(q_c,),
        description="current source proportional to another current",
    )


def current_controlled_voltage_source(transresistance: Initial = 1.0, *, trainable: bool = False) -> Component:
    """SPICE's H with its sensing branch: a short from cp to cn carries q̇_c, and v(p) − v(n) = transresistance q̇_c.

    Args:
        transresistance: starting value in ohms; negative ones are allowed.
        trainable: whether learning changes it.

    Source: ngspice manual, section "Linear current-controlled voltage sources".

    >>> import physeq as pq
    >>> pq.electrical.current_controlled_voltage_source(50.0).internal
    (q, q_c)
    """
    r_m = parameter("r_m", initial=transresistance, trainable=trainable, unit="Ohm", description="transresistance")
    q = charge("q", "i", "charge through the output")
    q_c = charge("q_c", "i_c", "charge through the sensing branch")
    sensed = flows("cp", "cn", q_c.dot) | {q_c: between("cp", "cn")}
    return Component(
        "current-controlled voltage source",
        ports=_PORTS,
        force=sensed | flows("p", "n", q.dot) | {q: r_m * q_c.dot - between("p", "n")},
        internal=(q, q_c),
        description="voltage source proportional to a current",
    )


def ideal_op_amp() -> Component:
    """An ideal operational amplifier (nullor): v(plus) = v(minus), and the output delivers whatever current that takes.

    The inputs draw no current; −q̇ is the current from ground into the output node. It needs feedback that settles:
    the equations do not know the sign of the loop.

    Source: Carlin 1964, doi:10.1109/TCT.1964.1082264.

    >>> import physeq as pq
    >>> pq.electrical.ideal_op_amp().force
    mappingproxy({phi.output: -q.dot, q: -phi.minus.dot + phi.plus.dot})
    """
    q = charge("q", "i", "charge through the output")
    return Component(
        "ideal op-amp",
        ports=("plus", "minus", "output"),
        force={phi.at("output"): -q.dot, q: between("plus", "minus")},
        internal=(q,),
        description="operational amplifier of infinite gain, output against ground",
    )
