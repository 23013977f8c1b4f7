"""Sources: currents into a node, and voltage and current sources between nodes that follow a waveform."""

from __future__ import annotations

from physeq.symbolic import Edge, Node, Waveform, parameter
from physeq.symbolic.waveforms import as_waveform

from ._shared import ACROSS, Initial, flows, phi


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


def voltage_source(waveform: Waveform | float = 1.0, *, trainable: bool = False) -> Edge:
    """A voltage source between two nodes: v_source − v_target = u(t), whatever the current.

    SPICE's "V n+ n- ...": the source port is n+. A rate constraint on the fluxes; minus its multiplier is the current
    that leaves the source port into the element, negative where the source delivers power.

    Args:
        waveform: `DC`, `Sine`, `Pulse`, `PiecewiseLinear`, or a number for `DC`. Its numbers become parameters, so that
            `values=` may give every instance its own; a DC voltage is called V.
        trainable: whether learning changes its voltages (times and frequencies stay).

    Raises:
        ModelError: not a waveform.

    Source: ngspice manual, section "Independent sources".

    >>> import physeq as pq
    >>> pq.electrical.voltage_source(5.0).constraint
    (-V + phi.source.dot - phi.target.dot,)
    """
    u = as_waveform(waveform).expression(name="V", unit="V", trainable=trainable)
    return Edge("voltage source", constraint=(ACROSS - u,), description="voltage source, plus at the source")


def branch_current_source(waveform: Waveform | float = 1.0, *, trainable: bool = False) -> Edge:
    """A current source between two nodes: u(t) flows through it from the source port to the target port.

    SPICE's "I n+ n- ...": the source port is n+, so a positive current is drawn from n+ and delivered to n−. Forces −u
    and u on the two fluxes.

    Args:
        waveform: `DC`, `Sine`, `Pulse`, `PiecewiseLinear`, or a number for `DC`. Its numbers become parameters; a DC
            current is called I.
        trainable: whether learning changes its currents (times and frequencies stay).

    Raises:
        ModelError: not a waveform.

    Source: ngspice manual, section "Independent sources".

    >>> import physeq as pq
    >>> pq.electrical.branch_current_source(2.0).force
    mappingproxy({phi.source: -I, phi.target: I})
    """
    u = as_waveform(waveform).expression(name="I", unit="A", trainable=trainable)
    return Edge("branch current source", force=flows("source", "target", u), description="current source in a branch")
