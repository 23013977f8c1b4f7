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
from physeq.netlist._models import thermal_voltage
from physeq.netlist._numbers import format_number
from physeq.netlist._places import Elements, Nodes
from physeq.netlist._values import Values, inverse, quotient
from physeq.netlist.records import Analysis
from physeq.symbolic import Clamp, Component, Drive, Feed
from physeq.symbolic.symbols import Parameter
from physeq.symbolic.system import Placement, System
from physeq.symbolic.waveforms import DC, PiecewiseLinear, Pulse, Sine, Waveform

_JUMP = 1e-15  # seconds


def to_netlist(
    system: System,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    initial: Mapping[str, float] | None = None,
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
        initial: {"node.v", "capacitor.v" or "inductor.i": value}, for `.ic` and `IC=`.
        analyses: records such as `OperatingPoint()`, or cards such as ".tran 1u 1m".
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
    writer = _Writer(system, Values(system, params, inputs))
    refused = []
    for placement in system.placements:
        try:
            writer.placement(placement)
        except NotElectrical as reason:
            refused.append(f"  {placement.name!r} ({placement.component.name}): {reason}")
    if refused:
        raise ModelError("a netlist cannot hold these components:\n" + "\n".join(refused))
    writer.held()
    writer.start(initial or {})
    cards = [one if isinstance(one, str) else one.card() for one in analyses]
    heading = (title if title is not None else system.name).replace("\n", " ")
    notes = [f"* node {name}: {label}" for name, label in writer.nodes.renamed.items()]
    definitions = [*writer.subcircuits.values(), *writer.models.values()]
    return "\n".join([heading, *notes, *definitions, *writer.lines, *cards, ".end"]) + "\n"


class _Writer:
    """The lines of a netlist, placement by placement."""

    def __init__(self, system: System, values: Values):
        self.system, self.values = system, values
        self.nodes, self.elements = Nodes(system), Elements()
        self.lines: list[str] = []
        self.subcircuits: dict[str, str] = {}
        self.models: dict[tuple[str, str], str] = {}
        self.states: dict[str, int] = {}  # "C1.v" → the line that takes its IC=

    def placement(self, placement: Placement) -> None:
        """Write all instances of a component."""
        component = placement.component
        found = _recognise.kind(component)
        if found is not None:
            self._instances(placement, _WRITERS[found])
        elif (drive := _recognise.voltage_drive(component)) is not None:
            self._instances(placement, partial(_Writer.source, letter="V", drive=drive))
        elif (drive := _recognise.current_drive(component)) is not None:
            self._instances(placement, partial(_Writer.source, letter="I", drive=drive))
        elif (level := _recognise.conductance_level(component)) is not None:
            self._conductance_to(placement, float(level))
        elif component.bounds:
            self._ideal_diodes(placement)
        else:
            self._behaviour(placement)

    def _instances(self, placement: Placement, write: Callable[[_Writer, _Instance], object]) -> None:
        sizes = self.system.sizes(placement)
        rows = placement.pattern.rows(sizes)
        labels = _labels(self.system, placement)
        values = self.values.of(placement, len(rows))
        for k, row in enumerate(rows.tolist()):
            nodes = [self.nodes.of(group, index) for group, index in zip(placement.groups, row, strict=True)]
            label = None if labels is None else labels[k]
            write(self, _Instance(placement, label, nodes, {name: float(v[k]) for name, v in values.items()}))

    # ---- elements ------------------------------------------------------------------------------------------------

    def two_nodes(self, letter: str, at: _Instance, value: float) -> None:
        """R, C or L; a node component stands between its node and ground."""
        nodes = at.nodes if len(at.nodes) == 2 else [*at.nodes, "0"]
        self._line(letter, at, nodes, format_number(value))

    def _line(self, letter: str, at: _Instance, nodes: list[str], rest: str, suffix: str = "") -> str:
        name = self.elements.name(letter, at.label, suffix)
        if letter in "CL":
            self.states[f"{at.label if at.label is not None else name}.{'v' if letter == 'C' else 'i'}"] = len(
                self.lines
            )
        self.lines.append(f"{name} {' '.join(nodes)} {rest}".rstrip())
        return name

    def conductance(self, at: _Instance) -> None:
        """A resistor; one without conductance is an open branch and leaves a comment."""
        g = at.values["g"]
        if g == 0:
            self.lines.append(f"* open between {' and '.join(at.nodes)}: a conductance of 0")
        else:
            self.two_nodes("R", at, inverse(g))

    def diode(self, at: _Instance) -> None:
        """A junction diode; its emission coefficient is V_t over k T/q at 27 degrees."""
        nodes = at.nodes
        if "direction" in at.values:
            direction = at.values["direction"]
            if direction not in (-1.0, 0.0, 1.0):
                raise NotElectrical(f"a diode's direction is 1, 0 or -1, got {direction}")
            if direction == 0:
                return
            nodes = [*nodes, "0"] if direction == 1 else ["0", *nodes]
        key = format_number(at.values["I_s"]), format_number(quotient(at.values["V_t"], thermal_voltage(27.0)))
        if key not in self.models:
            self.models[key] = f".model diode{len(self.models) + 1} D(IS={key[0]} N={key[1]})"
        self._line("D", at, nodes, self.models[key].split()[1])

    def controlled(self, letter: str, gain: str, at: _Instance) -> None:
        """E or G."""
        self._line(letter, at, at.nodes, format_number(at.values[gain]))

    def sensing(self, letter: str, gain: str, at: _Instance) -> None:
        """F or H, with the V source of 0 V whose current they sense."""
        sensed = self.elements.name("V", at.label, "_sensed")
        self.lines.append(f"{sensed} {at.nodes[2]} {at.nodes[3]} DC 0")
        self._line(letter, at, at.nodes[:2], f"{sensed} {format_number(at.values[gain])}")

    def windings(self, at: _Instance) -> None:
        """Coupled inductors and a K for every pair."""
        inductances, coefficients = _windings(at)
        names = [
            self._line("L", at, at.nodes[2 * k : 2 * k + 2], format_number(value), f"_{k + 1}")
            for k, value in enumerate(inductances)
        ]
        for (i, j), k in coefficients.items():
            suffix = "" if len(names) == 2 else f"_{i + 1}_{j + 1}"
            name = self.elements.name("K", at.label, suffix)
            self.lines.append(f"{name} {names[i]} {names[j]} {format_number(k)}")

    def source(self, at: _Instance, letter: str, drive: _recognise.Drive) -> None:
        """V or I between nodes."""
        numbers = [at.values[a.name] if isinstance(a, Parameter) else float(a) for a in drive.arguments]
        self._line(letter, at, at.nodes, _drive_text(drive.kind, numbers))

    def _conductance_to(self, placement: Placement, level: float) -> None:
        held = self.elements.name("V", None, "_level") if level else ""
        node = f"{held}_node" if level else "0"
        if level:
            self.lines.append(f"{held} {node} 0 DC {format_number(level)}")

        def write(writer: _Writer, at: _Instance) -> None:
            writer.conductance(_Instance(placement, at.label, [*at.nodes, node], at.values))

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

        def write(writer: _Writer, at: _Instance) -> None:
            known = {p: at.values[p.name] for p in component.parameters}
            for side, end in zip(("lower", "upper"), interval, strict=True):
                value = end.xreplace({p: sp.Float(x) for p, x in known.items()})
                if value.is_finite:
                    writer.ideal_diode(side, float(value), at)

        self._instances(placement, write)

    def ideal_diode(self, side: str, level: float, at: _Instance) -> None:
        """One diode without loss, to a fixed voltage."""
        node = at.nodes[0]
        name = self.elements.name("B", at.label, f"_{side}")
        held = f"{name}_current"
        room = f"V({node})-({format_number(level)})" if side == "lower" else f"{format_number(level)}-V({node})"
        ends = ("0", node) if side == "lower" else (node, "0")
        self.lines.append(f"{name} {held} 0 I=min({room},V({held}))")
        self.lines.append(f"{self.elements.name('B', f'{name}_flow')} {' '.join(ends)} I=V({held})")

    def _behaviour(self, placement: Placement) -> None:
        written = behaviour(placement.component)
        known = library_name(written)
        name = f"{PREFIX}{known or 'law_' + _word(placement.component)}"
        text = written.text(name)
        while self.subcircuits.get(name, text) != text:  # another law of the same name
            name += "_"
            text = written.text(name)
        self.subcircuits[name] = text

        def write(writer: _Writer, at: _Instance) -> None:
            given = [f"{key}={format_number(at.values[s.name])}" for key, s in written.parameters.items()]
            given += [f"{key}={format_number(x.start)}" for key, x in written.starts.items()]
            writer._line("X", at, at.nodes, " ".join([name, *given]))

        self._instances(placement, write)

    # ---- what the system holds -----------------------------------------------------------------------------------

    def held(self) -> None:
        """Fixed nodes and clamped inputs as V sources, driven inputs as I sources."""
        for nodes, value in self.system.fixed:
            for part in nodes.parts if value else ():
                for index in part.indices.tolist():
                    node = self.nodes.of(part.group, index)
                    self.lines.append(f"{self.elements.name('V', f'fixed_{node}')} {node} 0 DC {format_number(value)}")
        for entry in self.system.inputs:
            if isinstance(entry.kind, Feed) or entry.nodes is None:
                continue
            given = self.values.input(entry)
            for part in entry.nodes.parts:
                for column, index in zip(part.columns.tolist(), part.indices.tolist(), strict=True):
                    node, text = self.nodes.of(part.group, index), _waveform_text(given[column])
                    if isinstance(entry.kind, Clamp):
                        self.lines.append(f"{self.elements.name('V', f'{entry.name}_{column + 1}')} {node} 0 {text}")
                    elif isinstance(entry.kind, Drive):
                        self.lines.append(f"{self.elements.name('I', f'{entry.name}_{column + 1}')} 0 {node} {text}")

    def start(self, initial: Mapping[str, float]) -> None:
        """`.ic` for nodes, `IC=` for capacitors and inductors."""
        names = {
            f"{label}.v": self.nodes.of(group.name, index)
            for group in self.system.topology.groups
            for index, label in enumerate(group.labels)
        }
        for key, value in initial.items():
            if key in self.states:
                self.lines[self.states[key]] += f" ic={format_number(value)}"
            elif key in names:
                self.lines.append(f".ic V({names[key]})={format_number(value)}")
            else:
                raise ModelError(
                    f"initial: {key!r} is no state that a netlist starts from; there are NODE.v, CAPACITOR.v and "
                    "INDUCTOR.i"
                )


class _Instance:
    """One element to write: its label, nodes and numbers."""

    def __init__(self, placement: Placement, label: Any, nodes: list[str], values: dict[str, float]):
        self.placement, self.label, self.nodes, self.values = placement, label, nodes, values


_WRITERS: dict[str, Callable[[_Writer, _Instance], object]] = {
    "resistor": _Writer.conductance,
    "capacitor": lambda w, at: w.two_nodes("C", at, at.values["C"]),
    "capacitor_to_ground": lambda w, at: w.two_nodes("C", at, at.values["C"]),
    "inductor": lambda w, at: w.two_nodes("L", at, at.values["L"]),
    "mutual_inductance": _Writer.windings,
    "coupled_inductors": _Writer.windings,
    "exponential_diode": _Writer.diode,
    "exponential_diode_to_ground": _Writer.diode,
    "current_source": lambda w, at: w._line("I", at, ["0", *at.nodes], f"DC {format_number(at.values['I'])}"),
    "voltage_controlled_voltage_source": lambda w, at: w.controlled("E", "gain", at),
    "voltage_controlled_current_source": lambda w, at: w.controlled("G", "g_m", at),
    "current_controlled_current_source": lambda w, at: w.sensing("F", "gain", at),
    "current_controlled_voltage_source": lambda w, at: w.sensing("H", "r_m", at),
}


def _windings(at: _Instance) -> tuple[list[float], dict[tuple[int, int], float]]:
    """Inductances and coupling coefficients of coupled inductors."""
    if "k" in at.values:
        return [at.values["L_1"], at.values["L_2"]], {(0, 1): at.values["k"]}
    count = len(at.nodes) // 2
    inverse_inductance = np.zeros((count, count))
    for i in range(count):
        for j in range(i, count):
            inverse_inductance[i, j] = inverse_inductance[j, i] = at.values[f"gamma_{i + 1}_{j + 1}"]
    matrix = np.linalg.inv(inverse_inductance)
    scale = np.sqrt(np.diag(matrix))
    pairs = {(i, j): float(matrix[i, j] / (scale[i] * scale[j])) for i in range(count) for j in range(i + 1, count)}
    return np.diag(matrix).tolist(), {pair: k for pair, k in pairs.items() if abs(k) > 1e-14}


def _labels(system: System, placement: Placement) -> tuple | None:
    """The user's names of the instances of a bundle; node components have none."""
    bundle = next((b for b in system.topology.bundles if b.name == placement.name), None)
    return None if bundle is None else bundle.labels


def _word(component: Component) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in component.name.lower())


def _drive_text(kind: str, numbers: list[float]) -> str:
    if kind == "pulse":  # SPICE takes times of 0 as "not given": a jump is a ramp too short to see
        numbers = numbers[:3] + [max(x, _JUMP) for x in numbers[3:]]
    words = [format_number(x) for x in numbers]
    if kind == "dc":
        return f"DC {words[0]}"
    return f"{kind.upper()}({' '.join(words)})"


def _waveform_text(value: Any) -> str:
    if not isinstance(value, Waveform):
        return _drive_text("dc", [float(value)])
    if isinstance(value, DC):
        return _drive_text("dc", [value.value])
    if isinstance(value, Sine):
        fields = (value.offset, value.amplitude, value.frequency, value.delay, value.damping, value.phase)
        return _drive_text("sin", list(fields))
    if isinstance(value, Pulse):
        given = (value.initial, value.pulsed, value.delay, value.rise, value.fall, value.width, value.period)
        return _drive_text("pulse", [x for x in given if x is not None] if value.width is not None else list(given[:4]))
    if isinstance(value, PiecewiseLinear):
        return _drive_text("pwl", [x for pair in zip(value.times, value.values, strict=True) for x in pair])
    raise ModelError(f"a netlist holds DC, Sine, Pulse and PiecewiseLinear, got {type(value).__name__}")
