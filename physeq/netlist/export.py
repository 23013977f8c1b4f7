"""`to_netlist`: an electrical system as a netlist that ngspice runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.library import electrical
from physeq.netlist import _recognise
from physeq.netlist._behaviour import PREFIX, NotElectrical, behaviour, library_name
from physeq.netlist._element_lines import WRITERS, ElementLines, Instance
from physeq.netlist._numbers import format_number
from physeq.netlist._places import Nodes
from physeq.netlist._values import Values
from physeq.netlist._waveforms import waveform_text
from physeq.netlist.records import Analysis
from physeq.symbolic import Clamp, Component, Drive, Feed
from physeq.symbolic.placing import Placement
from physeq.symbolic.system import System


def to_netlist(
    system: System,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    initial: Mapping[str, float] | None = None,
    small_signal: Mapping[str, Any] | None = None,
    analyses: Iterable[Analysis | str] = (),
    title: str | None = None,
) -> str:
    """The netlist of an electrical system.

    Components are known by their terms: those of `physeq.electrical` that SPICE has elements for become such elements.
    Every other law of voltages and of states of its own, the user's too, becomes a subcircuit of behavioural sources,
    exactly: ideal op-amps as nullors, ideal diodes as complementarity. `read_netlist` reads back what physeq wrote of
    its own library.

    Args:
        system: any system whose nodes carry fluxes.
        params: {placement: {parameter: array}}; by default the system's own values, then constant starts.
        inputs: {input: one number or `Waveform` per node}: clamped ones become V sources, driven ones I sources. 0 by
            default.
        initial: {"node.v", "capacitor.v", "inductor.i" or "element.x": value}, for `.ic`, `IC=` and the state x inside
            a component; by default states inside components start where the system says. Starts of nodes are not
            written on their own, because `.ic` holds a node where physeq only starts its search.
        small_signal: {input: one amplitude per node} of the sources in an `.ac` analysis, which finds the complex
            response to them at each frequency; none by default.
        analyses: records such as `OperatingPoint()`, or cards such as ".tran 1u 1m" or ".ac dec 10 1k 1meg".
        title: the first line; by default the system's name.

    Raises:
        ModelError: components that no netlist can hold, all of them with their reason; a value that is not known.

    >>> import networkx as nx, physeq as pq
    >>> graph = nx.Graph()
    >>> graph.add_edge("in", "out", name="R1", g=1e-3)
    >>> graph.add_edge("out", "ground", name="R2", g=2e-3)
    >>> divider = pq.System.from_graph(graph, edges=pq.electrical.resistor(), ground="ground", inputs=["in"])
    >>> to_netlist(divider, inputs={"input": [5.0]}, analyses=[".op"]).splitlines()
    ['system', 'R1 in out 1000.0', 'R2 out 0 500.0', 'Vinput_1 in 0 DC 5.0', '.op', '.end']
    """
    small = _small_signals(system, small_signal or {})
    writer = _Writer(system, Values(system, params, inputs), dict(initial or {}), small)
    refused = []
    for placement in system.placements:
        try:
            writer.placement(placement)
        except NotElectrical as reason:
            refused.append(f"  {placement.name!r} ({placement.component.name}): {reason}")
    if refused:
        raise ModelError("a netlist cannot hold these components:\n" + "\n".join(refused))
    writer.held()
    writer.start()
    options = writer.out.leaks()
    cards = [one if isinstance(one, str) else one.card() for one in analyses]
    heading = (title if title is not None else system.name).replace("\n", " ")
    notes = [f"* node {name}: {label}" for name, label in writer.nodes.renamed.items()]
    definitions = [*writer.subcircuits.values(), *writer.out.models.values()]
    return "\n".join([heading, *notes, *definitions, *writer.out.lines, *options, *cards, ".end"]) + "\n"


class _Writer:
    """The lines of a netlist, placement by placement."""

    def __init__(self, system: System, values: Values, initial: dict[str, float], small: dict[str, list[float]]):
        self.system, self.values, self.initial, self.small = system, values, initial, small
        self.nodes, self.out = Nodes(system), ElementLines()
        self.subcircuits: dict[str, str] = {}

    def placement(self, placement: Placement) -> None:
        """Write all instances of a component."""
        component = placement.component
        found = _recognise.kind(component)
        if found is not None:
            self._instances(placement, WRITERS[found])
        elif (drive := _recognise.voltage_drive(component)) is not None:
            self._instances(placement, partial(ElementLines.source, letter="V", drive=drive))
        elif (drive := _recognise.current_drive(component)) is not None:
            self._instances(placement, partial(ElementLines.source, letter="I", drive=drive))
        elif (level := _recognise.conductance_level(component)) is not None:
            self._conductance_to(placement, float(level))
        elif component.bounds:
            self._ideal_diodes(placement)
        else:
            self._behaviour(placement)

    def _instances(self, placement: Placement, write: Callable[[ElementLines, Instance], object]) -> None:
        sizes = self.system.sizes(placement)
        rows = placement.pattern.rows(sizes)
        labels = _labels(self.system, placement)
        values = self.values.of(placement, len(rows))
        starts = {
            x.name: np.broadcast_to(self.system.start_of(placement.name, x), len(rows))
            for x in placement.component.internal
        }
        for k, row in enumerate(rows.tolist()):
            nodes = [self.nodes.of(group, index) for group, index in zip(placement.groups, row, strict=True)]
            label = None if labels is None else labels[k]
            numbers, first = ({name: float(v[k]) for name, v in given.items()} for given in (values, starts))
            write(self.out, Instance(label, nodes, numbers, first))

    def _conductance_to(self, placement: Placement, level: float) -> None:
        held = self.out.elements.name("V", None, "_level") if level else ""
        node = f"{held}_node" if level else "0"
        if level:
            self.out.lines.append(f"{held} {node} 0 DC {format_number(level)}")

        def write(out: ElementLines, at: Instance) -> None:
            out.conductance(Instance(at.label, [*at.nodes, node], at.values))

        self._instances(placement, write)

    def _ideal_diodes(self, placement: Placement) -> None:
        """v ≥ lower, λ ≥ 0 and λ (v − lower) = 0 as min(v − lower, λ) = 0: λ is a voltage of its own."""
        component = placement.component
        others = (
            component.kinetic,
            component.potential,
            component.dissipation,
            *component.constraint,
            *component.force,
        )
        if set(component.bounds) != {electrical.v} or any(other != 0 for other in others):
            raise NotElectrical("it bounds something else than the voltage of a node, or does more than bounding it")
        interval = component.bounds[electrical.v]

        def write(out: ElementLines, at: Instance) -> None:
            known = {p: at.values[p.name] for p in component.parameters}
            for side, end in zip(("lower", "upper"), interval, strict=True):
                value = end.xreplace({p: sp.Float(x) for p, x in known.items()})
                if value.is_finite:
                    out.ideal_diode(side, float(value), at)

        self._instances(placement, write)

    def _behaviour(self, placement: Placement) -> None:
        written = behaviour(placement.component)
        known = library_name(written)
        name = f"{PREFIX}{known or 'law_' + _word(placement.component)}"
        text = written.text(name)
        while self.subcircuits.get(name, text) != text:  # another law of the same name
            name += "_"
            text = written.text(name)
        self.subcircuits[name] = text

        def write(out: ElementLines, at: Instance) -> None:
            given = [f"{key}={format_number(at.values[s.name])}" for key, s in written.parameters.items()]
            for key, x in written.starts.items():
                start = self.initial.pop(f"{at.label}.{x.name}", at.starts[x.name])
                given.append(f"{key}={format_number(start)}")
            out.line("X", at, at.nodes, " ".join([name, *given]))

        self._instances(placement, write)

    # ---- what the system holds -----------------------------------------------------------------------------------

    def held(self) -> None:
        """Fixed nodes and clamped inputs as V sources, driven inputs as I sources."""
        for nodes, value in self.system.fixed:
            for part in nodes.parts if value else ():
                for index in part.indices.tolist():
                    node = self.nodes.of(part.group, index)
                    self._source("V", f"fixed_{node}", f"{node} 0", f"DC {format_number(value)}")
        for entry in self.system.inputs:
            if isinstance(entry.kind, Feed) or entry.nodes is None:
                continue
            given = self.values.input(entry)
            for part in entry.nodes.parts:
                for column, index in zip(part.columns.tolist(), part.indices.tolist(), strict=True):
                    node, text = self.nodes.of(part.group, index), waveform_text(given[column])
                    if entry.name in self.small:
                        text += f" AC {format_number(self.small[entry.name][column])}"
                    if isinstance(entry.kind, Clamp):
                        self._source("V", f"{entry.name}_{column + 1}", f"{node} 0", text)
                    elif isinstance(entry.kind, Drive):
                        self._source("I", f"{entry.name}_{column + 1}", f"0 {node}", text)

    def _source(self, letter: str, label: str, nodes: str, text: str) -> None:
        self.out.lines.append(f"{self.out.elements.name(letter, label)} {nodes} {text}")

    def start(self) -> None:
        """`.ic` for nodes, `IC=` for capacitors and inductors; states inside components have theirs already."""
        names = {
            f"{label}.v": self.nodes.of(group.name, index)
            for group in self.system.topology.groups
            for index, label in enumerate(group.labels)
        }
        for key, value in self.initial.items():
            if key in self.out.states:
                self.out.lines[self.out.states[key]] += f" ic={format_number(value)}"
            elif key in names:
                self.out.lines.append(f".ic V({names[key]})={format_number(value)}")
            else:
                raise ModelError(
                    f"initial: {key!r} is no state that a netlist starts from; there are NODE.v, CAPACITOR.v, "
                    "INDUCTOR.i and ELEMENT.x for a state x inside a component"
                )


def _small_signals(system: System, given: Mapping[str, Any]) -> dict[str, list[float]]:
    sizes = {e.name: e.size for e in system.inputs if not isinstance(e.kind, Feed) and e.nodes is not None}
    found = {}
    for name, amplitudes in given.items():
        if name not in sizes:
            raise ModelError(f"small_signal: {name!r} is no input with a source; there are {sorted(sizes)}")
        found[name] = [float(a) for a in amplitudes]
        if len(found[name]) != sizes[name]:
            raise ModelError(f"small_signal: {name!r} needs {sizes[name]} amplitudes, one per node, got {found[name]}")
    return found


def _labels(system: System, placement: Placement) -> tuple | None:
    """The user's names of the instances of a bundle; node components have none."""
    bundle = next((b for b in system.topology.bundles if b.name == placement.name), None)
    return None if bundle is None else bundle.labels


def _word(component: Component) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in component.name.lower())
