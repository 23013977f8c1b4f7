"""Transistors and switches: conductances that a voltage controls, without drawing a current for it."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Component, parameter, sigmoid, softplus

from ._shared import Initial, between, flows


def mosfet(
    transconductance: Initial = 1e-3,
    threshold: Initial = 0.7,
    smoothing: Initial = 0.05,
    channel_length_modulation: Initial = None,
    *,
    p_channel: bool = False,
    trainable: bool = False,
) -> Component:
    """A field-effect transistor of the square law: I_D = ½ K [F(v_GS − V_T) − F(v_GD − V_T)] (1 + λ |v_DS|).

    F(u) = (w log(1 + exp(u/w)))², with the smoothing w, goes to max(u, 0)²: then I_D = ½ K (v_GS − V_T)² in saturation,
    K ((v_GS − V_T) v_DS − ½ v_DS²) in the linear range and 0 below threshold. Far below threshold the current is
    exponential, ½ K w² exp(2u/w). I_D flows from drain to source, is odd under their exchange, and the gate draws
    nothing. With `p_channel` all voltages and the current change sign.

    Args:
        transconductance: K in A/V² (SPICE's KP W/L).
        threshold: V_T in volts, positive for a transistor that is off at v_GS = 0, of either channel.
        smoothing: w in volts; 2 n times the thermal voltage gives the subthreshold slope of an ideality n.
        channel_length_modulation: λ in 1/V, or None for none.
        p_channel: whether the channel conducts holes.
        trainable: whether learning changes the parameters.

    Source: Shichman & Hodges 1968, doi:10.1109/JSSC.1968.1049902 (SPICE level 1); the transition is that of Enz,
        Krummenacher & Vittoz 1995, doi:10.1007/BF01239381.

    >>> import physeq as pq
    >>> pq.electrical.mosfet().ports
    ('drain', 'gate', 'source')
    """

    def positive(name, initial, unit, description):
        return parameter(name, positive=True, initial=initial, trainable=trainable, unit=unit, description=description)

    k = positive("K", transconductance, "A/V^2", "transconductance parameter")
    level = parameter("V_T", initial=threshold, trainable=trainable, unit="V", description="threshold voltage")
    w = positive("w", smoothing, "V", "width of the transition")
    sign = -1 if p_channel else 1

    def channel(end: str) -> sp.Expr:
        return (w * softplus((sign * between("gate", end) - level) / w)) ** 2

    current = sign * k * (channel("source") - channel("drain")) / 2
    if channel_length_modulation is not None:
        slope = positive("lambda", channel_length_modulation, "1/V", "channel-length modulation")
        current *= 1 + slope * sp.Abs(between("drain", "source"))
    return Component(
        f"{'p' if p_channel else 'n'}-channel MOSFET",
        ports=("drain", "gate", "source"),
        force=flows("drain", "source", current),
        description="field-effect transistor of the square law",
    )


def switch(
    on: Initial = 1.0,
    off: Initial = 1e-6,
    threshold: Initial = 0.0,
    width: Initial = 0.1,
    *,
    trainable: bool = False,
) -> Component:
    """A switch that a voltage closes: the current g (v(p) − v(n)) with g = g_off^{1−σ} g_on^σ.

    σ = 1/(1 + exp(−(v(cp) − v(cn) − V_c)/w)): closed where v(cp) − v(cn) is far above V_c, open where it is far below,
    and smooth in log g between. The control ports draw no current.

    Args:
        on, off: g_on and g_off in siemens.
        threshold: V_c in volts.
        width: w in volts, of the transition.
        trainable: whether learning changes the parameters.

    Source: the smooth form of the switch S in SPICE, ngspice manual, section "Switches".

    >>> import physeq as pq
    >>> pq.electrical.switch().ports
    ('p', 'n', 'cp', 'cn')
    """

    def positive(name, initial, unit, description):
        return parameter(name, positive=True, initial=initial, trainable=trainable, unit=unit, description=description)

    g_on, g_off = positive("g_on", on, "S", "closed"), positive("g_off", off, "S", "open")
    level = parameter("V_c", initial=threshold, trainable=trainable, unit="V", description="control threshold")
    closed = sigmoid((between("cp", "cn") - level) / positive("w", width, "V", "width of the transition"))
    conductance = g_off ** (1 - closed) * g_on**closed
    return Component(
        "switch",
        ports=("p", "n", "cp", "cn"),
        force=flows("p", "n", conductance * between("p", "n")),
        description="conductance that a voltage switches",
    )
