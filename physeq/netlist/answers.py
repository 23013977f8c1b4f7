"""What physeq finds for the analyses of a netlist: every quantity by the netlist's own names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from physeq.errors import InternalError
from physeq.interface import Motion, System
from physeq.library import electrical
from physeq.netlist._build import build
from physeq.netlist.netlist import Netlist
from physeq.netlist.records import CurrentSource, OperatingPoint, Sweep, Transient, VoltageSource
from physeq.netlist.starts import starting_state
from physeq.symbolic import Component, Edge

_TOLERANCE = 1e-9


class Answers:
    """Quantities of a netlist at all points of an analysis; those of one kind of element are computed together.

    `answers("out.v")` has the shape `(points,)`.
    """

    def __init__(self, netlist: Netlist, motion: Motion, of: Callable[[str], np.ndarray]):
        self.netlist, self.of, self.topology = netlist, of, motion.system.topology
        self.nodes = {str(label): k for k, label in enumerate(self.topology.groups[0].labels)}
        self.found: dict[str, np.ndarray] = {}

    def __call__(self, name: str) -> np.ndarray:
        """One quantity at all points."""
        name = self.netlist.quantity(name)
        owner, _, key = name.rpartition(".")
        if key == "v" and owner in self.nodes:
            return self._all(f"{self.topology.groups[0].name}.v")[:, self.nodes[owner]]
        place, port = self.topology.element(owner), ""
        if place is None:  # a current at a port: F1.cp.i
            owner, _, port = owner.rpartition(".")
            place = self.topology.element(owner)
        if place is None:
            raise InternalError(f"{name} of the netlist is nowhere in its system")
        bundle, index = place
        return self._all(".".join(part for part in (bundle, port, key) if part))[:, index]

    def _all(self, name: str) -> np.ndarray:
        if name not in self.found:
            self.found[name] = self.of(name)
        return self.found[name]


def operating_point(netlist: Netlist, cubic: bool = False) -> Answers:
    """`.op`: one point, with the sources at their DC values."""
    motion, params = _compiled(netlist, True, cubic)
    rest = motion.operating_point(params)
    return Answers(netlist, motion, lambda name: np.asarray(rest[name])[None])


def transient(netlist: Netlist, analysis: Transient, times: np.ndarray, cubic: bool = False) -> Answers:
    """`.tran`, at these times."""
    motion, params = _compiled(netlist, False, cubic)
    start = starting_state(netlist, analysis, motion)
    solution = motion.simulate(params, t1=float(times[-1]), ts=times, start=start, rtol=_TOLERANCE)
    return Answers(netlist, motion, lambda name: np.asarray(solution[name]))


def sweep(netlist: Netlist, analysis: Sweep, inner: np.ndarray, cubic: bool = False) -> Answers:
    """`.dc`: operating points, each found from the one before; `inner`: the values of the first source."""
    values = {netlist.element(analysis.source).name: inner}
    if analysis.outer is not None:
        outer = analysis.outer
        steps = round((outer.stop - outer.start) / outer.step) + 1
        points = outer.start + outer.step * np.arange(steps)
        values[netlist.element(outer.source).name] = np.repeat(points, len(inner) // steps)
    # A source of 0 V may be part of what senses its current: another value makes it a source of its own.
    swept = [
        replace(element, dc=1.0, function=None)
        if isinstance(element, VoltageSource | CurrentSource) and element.name in values
        else element
        for element in netlist.elements
    ]
    netlist = replace(netlist, elements=tuple(swept))
    motion, params = _compiled(netlist, True, cubic)
    rests: list[Any] = []
    for k in range(len(inner)):
        for name, series in values.items():
            place = motion.system.topology.element(name)
            assert place is not None  # sources are placed one by one
            bundle, index = place
            key = "V" if isinstance(netlist.element(name), VoltageSource) else "I"
            params[bundle][key] = params[bundle][key].at[index].set(series[k])
        rests.append(motion.operating_point(params, start=rests[-1].state if rests else None))
    return Answers(netlist, motion, lambda name: np.stack([np.asarray(rest[name]) for rest in rests]))


def answers(
    netlist: Netlist, analysis: OperatingPoint | Sweep | Transient, axis: np.ndarray | None, *, cubic: bool = False
) -> Answers:
    """The analysis in physeq, at the times or values of the swept source of `axis`.

    With `cubic` diodes have the law of ngspice, `cubic_diode`, instead of the exponential alone.

    Raises:
        ModelError: a start that physeq cannot take as SPICE does.
        SolveError: no operating point, or the integrator gave up.

    >>> from physeq.netlist import read_netlist
    >>> net = read_netlist("divider\\nV1 in 0 9\\nR1 in out 2k\\nR2 out 0 1k\\n.op\\n")
    >>> [round(float(x), 6) for x in answers(net, net.analyses[0], None)("out.v")]
    [3.0]
    """
    if isinstance(analysis, OperatingPoint):
        return operating_point(netlist, cubic)
    assert axis is not None  # sweeps and transients have points
    if isinstance(analysis, Sweep):
        return sweep(netlist, analysis, axis, cubic)
    return transient(netlist, analysis, axis, cubic)


def cubic_diode(diode: Component) -> Edge:
    """A diode as ngspice has it: with u = v/V_t, below u = −3 the exponential gives way to −(3/(e u))³.

    The current −I_s (1 + (3/(e u))³) has the value and the slope of the exponential at u = −3, and is never more than
    0.5% of I_s away from it.

    >>> import physeq as pq
    >>> cubic_diode(pq.electrical.exponential_diode()).dissipation == pq.electrical.exponential_diode().dissipation
    True
    """
    known = {p.name: p for p in diode.parameters}
    phi = electrical.phi
    below = sp.Min((phi.source.dot - phi.target.dot) / known["V_t"], -3)
    extra = -known["I_s"] * (27 * sp.exp(-3) / below**3 + sp.exp(below))
    return Edge("cubic diode", dissipation=diode.dissipation, force={phi.source: -extra, phi.target: extra})


def _compiled(netlist: Netlist, dc: bool, cubic: bool) -> tuple[Motion, dict]:
    if cubic:
        placed = build(netlist, dc)
        junctions = placed.components.keys() & {"exponential_diode", "leaking_diode"}
        diodes = {kind: cubic_diode(placed.components[kind]) for kind in junctions}
        parts = placed.components | diodes
        motion = System(placed.topology, edges=parts, values=placed.values, ground="0").motion()
    else:
        motion = netlist.to_system(dc=dc).motion()
    params = motion.init_parameters(jax.random.key(0))
    return motion, {owner: {key: jnp.asarray(x) for key, x in values.items()} for owner, values in params.items()}
