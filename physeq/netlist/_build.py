"""From a netlist to the topology, components and values of a `System`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from physeq.errors import ModelError
from physeq.graph import Bundle, Group, Sparse, Topology
from physeq.library import electrical
from physeq.netlist._behaviour import library_factory
from physeq.netlist._magnetics import coupled_inductors, couplings
from physeq.netlist._waveforms import dc_value, prototype
from physeq.netlist.netlist import Netlist
from physeq.netlist.records import (
    Capacitor,
    Coupling,
    CurrentControlled,
    CurrentSource,
    Diode,
    Element,
    Inductor,
    LibraryElement,
    Resistor,
    VoltageControlled,
    VoltageSource,
)
from physeq.symbolic import Component, Edge, parameter

NODES = "nodes"


@dataclass
class _Instances:
    """The instances of one kind: their labels, nodes and values."""

    component: Component
    labels: list[str] = field(default_factory=list)
    nodes: list[tuple[str, ...]] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Placed:
    """What `System` needs: a topology with one bundle per kind, a component for each, and their values.

    `aliases`: for elements that are part of another component, the port whose current is theirs: "L1" → "K1.p1".
    """

    topology: Topology
    components: dict[str, Component]
    values: dict[str, dict[str, np.ndarray]]
    aliases: dict[str, str]


class Builder:
    """Collects the instances of each kind, bundle by bundle in the order of their first elements."""

    def __init__(self, netlist: Netlist, dc: bool):
        self.netlist, self.dc = netlist, dc
        self.kinds: dict[str, _Instances] = {}
        self.nodes = {name: index for index, name in enumerate(netlist.nodes)}
        self.controls = _controls(netlist.elements)
        self.aliases: dict[str, str] = {}
        self.starts: dict[str, tuple] = {}  # kind → starts of its states, which are part of a component

    def place(self, kind: str, make: Callable[[], Component], label: str, nodes: Iterable[str], **values: float):
        """Add an instance of a kind; `make` gives the component where the kind is new."""
        instances = self.kinds.get(kind)
        if instances is None:
            instances = self.kinds[kind] = _Instances(make())
        instances.labels.append(label)
        instances.nodes.append(tuple(nodes))
        for key, value in values.items():
            instances.values[key].append(value)

    def fresh(self, name: str) -> str:
        """A node of that name that no element has, in series with a source that is sensed."""
        while name in self.nodes:
            name += "#"
        self.nodes[name] = len(self.nodes)
        return name

    def result(self) -> Placed:
        """The topology and the values."""
        bundles, values = [], {}
        for kind, found in self.kinds.items():
            indices = np.array([[self.nodes[name] for name in nodes] for nodes in found.nodes])
            ports = len(found.component.ports)
            bundles.append(Bundle(kind, (NODES,) * ports, Sparse(indices), kind=kind, labels=tuple(found.labels)))
            values[kind] = {key: np.array(numbers) for key, numbers in found.values.items()}
        topology = Topology((Group(NODES, len(self.nodes), labels=tuple(self.nodes)),), tuple(bundles))
        return Placed(topology, {kind: found.component for kind, found in self.kinds.items()}, values, self.aliases)


def build(netlist: Netlist, dc: bool) -> Placed:
    """Place every element of a netlist; with `dc` sources have their DC values, else their functions of time.

    Raises:
        ModelError: no ground, or inductors that are coupled more than any can be.
    """
    _check_grounded(netlist)
    builder = Builder(netlist, dc)
    windings = couplings(netlist.elements)
    coupled = {inductor.name for group in windings for inductor in group.inductors}
    for element in netlist.elements:
        if not (isinstance(element, Inductor) and element.name in coupled):
            _PLACERS[type(element)](element, builder)
    for group in windings:
        nodes = [node for inductor in group.inductors for node in inductor.nodes]
        label = group.label
        builder.aliases |= {inductor.name: f"{label}.p{k}" for k, inductor in enumerate(group.inductors, 1)}
        if len(group.inductors) == 2:
            first, second = group.inductors
            values = {"L_1": first.inductance, "L_2": second.inductance, "k": group.couplings[0].coefficient}
            builder.place("mutual_inductance", electrical.mutual_inductance, label, nodes, **values)
        else:
            count = len(group.inductors)
            kind = f"coupled_inductors_{count}"
            builder.place(kind, partial(coupled_inductors, count), label, nodes, **group.inverse_inductances())
    return builder.result()


def _resistor(element: Resistor, builder: Builder) -> None:
    if element.resistance > 0:
        builder.place("resistor", electrical.resistor, element.name, element.nodes, g=1 / element.resistance)
    else:
        builder.place("active_resistor", active_resistor, element.name, element.nodes, g=1 / element.resistance)


def active_resistor() -> Edge:
    """A conductance of either sign: a negative one delivers power."""
    g = parameter("g", trainable=False, unit="S", description="conductance of either sign")
    return Edge(
        "active resistor",
        dissipation=g * (electrical.phi.source.dot - electrical.phi.target.dot) ** 2 / 2,
        description="linear conductance of either sign",
    )


def _capacitor(element: Capacitor, builder: Builder) -> None:
    builder.place("capacitor", electrical.capacitor, element.name, element.nodes, C=element.capacitance)


def _inductor(element: Inductor, builder: Builder) -> None:
    builder.place("inductor", electrical.inductor, element.name, element.nodes, L=element.inductance)


def _coupling(element: Coupling, builder: Builder) -> None:
    """Placed with its inductors."""


def _diode(element: Diode, builder: Builder) -> None:
    values = {"I_s": element.saturation_current, "V_t": element.thermal_voltage}
    leak = builder.netlist.leak
    if leak:
        builder.place("leaking_diode", leaking_diode, element.name, element.nodes, g_min=leak, **values)
    else:
        builder.place("exponential_diode", electrical.exponential_diode, element.name, element.nodes, **values)


def leaking_diode() -> Edge:
    """A junction with a conductance across it: I = I_s (exp(v/V_t) − 1) + g_min v, as SPICE's `gmin` makes it.

    Nodes between blocking diodes alone would float without it.
    """
    junction = electrical.exponential_diode()
    g = parameter("g_min", positive=True, trainable=False, unit="S", description="conductance across the junction")
    across = electrical.phi.source.dot - electrical.phi.target.dot
    return Edge(
        "leaking diode",
        dissipation=junction.dissipation + g * across**2 / 2,
        description="junction diode with SPICE's gmin, anode at the source",
    )


def _current_source(element: CurrentSource, builder: Builder) -> None:
    _source("branch_current_source", "I", electrical.branch_current_source, element, element.nodes, builder)


def _voltage_source(element: VoltageSource, builder: Builder) -> None:
    """A voltage source; those that sense its current stand in series with it, each in a wire of its own."""
    sensing = builder.controls.get(element.name, [])
    silent = len(sensing) == 1 and element.function is None and not element.dc
    first, second = element.nodes
    wires = [first]  # the nodes from the first, through the source (nothing where it is silent) and what senses it
    wires += [builder.fresh(f"{element.name}#{k + 1}") for k in range(len(sensing) - silent)]
    wires.append(second)
    if not silent:
        _source("voltage_source", "V", electrical.voltage_source, element, (wires[0], wires[1]), builder)
        wires = wires[1:]
    else:
        builder.aliases[element.name] = f"{sensing[0].name}.cp"
    for controlled, start, end in zip(sensing, wires, wires[1:], strict=False):
        nodes = (*controlled.nodes, start, end)
        if controlled.output == "current":
            kind = "current_controlled_current_source"
            builder.place(
                kind, electrical.current_controlled_current_source, controlled.name, nodes, gain=controlled.gain
            )
        else:
            kind = "current_controlled_voltage_source"
            builder.place(
                kind, electrical.current_controlled_voltage_source, controlled.name, nodes, r_m=controlled.gain
            )


def _source(kind, parameter_name, make, element, nodes, builder: Builder) -> None:
    if element.function is None or builder.dc:
        builder.place(kind, make, element.name, nodes, **{parameter_name: dc_value(element)})
        return
    suffix, waveform, names = prototype(element.function)
    values = dict(zip(names, element.function.numbers, strict=True))
    builder.place(f"{kind}_{suffix}", lambda: make(waveform), element.name, nodes, **values)


def _voltage_controlled(element: VoltageControlled, builder: Builder) -> None:
    nodes = (*element.nodes, *element.controls)
    if element.output == "voltage":
        kind = "voltage_controlled_voltage_source"
        builder.place(kind, electrical.voltage_controlled_voltage_source, element.name, nodes, gain=element.gain)
    else:
        kind = "voltage_controlled_current_source"
        builder.place(kind, electrical.voltage_controlled_current_source, element.name, nodes, g_m=element.gain)


def _current_controlled(element: CurrentControlled, builder: Builder) -> None:
    """Placed with the source whose current it senses."""


def _library(element: LibraryElement, builder: Builder) -> None:
    make = library_factory(element.component, dict(element.starts))
    assert make is not None  # checked when the element was read
    kind, count = element.component, 1
    while builder.starts.setdefault(kind, element.starts) != element.starts:
        count += 1
        kind = f"{element.component}_{count}"
    builder.place(kind, make, element.name, element.nodes, **dict(element.values))


_PLACERS: dict[type, Callable] = {
    Resistor: _resistor,
    Capacitor: _capacitor,
    Inductor: _inductor,
    Coupling: _coupling,
    VoltageSource: _voltage_source,
    CurrentSource: _current_source,
    Diode: _diode,
    VoltageControlled: _voltage_controlled,
    CurrentControlled: _current_controlled,
    LibraryElement: _library,
}


def _controls(elements: Iterable[Element]) -> dict[str, list[CurrentControlled]]:
    """Voltage source → those that sense its current."""
    found: dict[str, list[CurrentControlled]] = {}
    for element in elements:
        if isinstance(element, CurrentControlled):
            found.setdefault(element.control, []).append(element)
    return found


def _check_grounded(netlist: Netlist) -> None:
    """ModelError when no element touches ground."""
    for element in netlist.elements:
        if not isinstance(element, Coupling) and "0" in element.nodes:
            return
    raise ModelError(f"{netlist.name}: no element touches ground, node 0; voltages are differences, so name one node 0")
