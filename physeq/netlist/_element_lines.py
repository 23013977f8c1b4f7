"""Element lines of an exported netlist: one component instance → R, C, L, K, V, I, D, E, G, F or H."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np

from physeq.netlist import _recognise
from physeq.netlist._behaviour import NotElectrical
from physeq.netlist._models import thermal_voltage
from physeq.netlist._numbers import format_number
from physeq.netlist._places import Elements
from physeq.netlist._values import inverse, quotient
from physeq.netlist._waveforms import drive_text
from physeq.symbolic.symbols import Parameter


@dataclass(frozen=True)
class Instance:
    """One element to write: its label, its nodes by name, its numbers, and the starts of states inside it."""

    label: Hashable | None
    nodes: list[str]
    values: dict[str, float]
    starts: dict[str, float] = field(default_factory=dict)


class ElementLines:
    """The lines of elements, in order, and the models that they share.

    `states`: "C1.v" or "L1.i" → the line that takes its `IC=`.
    """

    def __init__(self):
        self.elements = Elements()
        self.lines: list[str] = []
        self.models: dict[tuple[str, str], str] = {}
        self.states: dict[str, int] = {}
        self._leaks: list[tuple[Instance, float]] = []

    def two_nodes(self, letter: str, at: Instance, value: float) -> None:
        """R, C or L; a node component stands between its node and ground."""
        nodes = at.nodes if len(at.nodes) == 2 else [*at.nodes, "0"]
        self.line(letter, at, nodes, format_number(value))

    def line(self, letter: str, at: Instance, nodes: list[str], rest: str, suffix: str = "") -> str:
        """Add an element line; the name that the element got."""
        name = self.elements.name(letter, at.label, suffix)
        if letter in "CL":
            self.states[f"{at.label if at.label is not None else name}.{'v' if letter == 'C' else 'i'}"] = len(
                self.lines
            )
        self.lines.append(f"{name} {' '.join(nodes)} {rest}".rstrip())
        return name

    def conductance(self, at: Instance) -> None:
        """A resistor; one without conductance is an open branch and leaves a comment."""
        g = at.values["g"]
        if g == 0:
            self.lines.append(f"* open between {' and '.join(at.nodes)}: a conductance of 0")
        else:
            self.two_nodes("R", at, inverse(g))

    def diode(self, at: Instance) -> None:
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
        self.line("D", at, nodes, self.models[key].split()[1])
        self._leaks.append((Instance(at.label, nodes, {}), at.values.get("g_min", 0.0)))

    def leaks(self) -> list[str]:
        """The option that gives junctions the conductance they have, if any; a resistor for those that have more."""
        if not self._leaks:
            return []
        least = min(g for _, g in self._leaks)
        for at, g in self._leaks:
            if g > least:
                self.line("R", at, at.nodes, format_number(inverse(g - least)), "_leak")
        return [f".options gmin={format_number(least)}"]

    def controlled(self, letter: str, gain: str, at: Instance) -> None:
        """E or G."""
        self.line(letter, at, at.nodes, format_number(at.values[gain]))

    def sensing(self, letter: str, gain: str, at: Instance) -> None:
        """F or H, with the V source of 0 V whose current they sense."""
        sensed = self.elements.name("V", at.label, "_sensed")
        self.lines.append(f"{sensed} {at.nodes[2]} {at.nodes[3]} DC 0")
        self.line(letter, at, at.nodes[:2], f"{sensed} {format_number(at.values[gain])}")

    def windings(self, at: Instance) -> None:
        """Coupled inductors and a K for every pair."""
        inductances, coefficients = _windings(at)
        names = [
            self.line("L", at, at.nodes[2 * k : 2 * k + 2], format_number(value), f"_{k + 1}")
            for k, value in enumerate(inductances)
        ]
        for (i, j), k in coefficients.items():
            suffix = "" if len(names) == 2 else f"_{i + 1}_{j + 1}"
            name = self.elements.name("K", at.label, suffix)
            self.lines.append(f"{name} {names[i]} {names[j]} {format_number(k)}")

    def source(self, at: Instance, letter: str, drive: _recognise.Drive) -> None:
        """V or I between nodes."""
        numbers = [at.values[a.name] if isinstance(a, Parameter) else float(a) for a in drive.arguments]
        self.line(letter, at, at.nodes, drive_text(drive.kind, numbers))

    def ideal_diode(self, side: str, level: float, at: Instance) -> None:
        """One diode without loss, to a fixed voltage."""
        node = at.nodes[0]
        name = self.elements.name("B", at.label, f"_{side}")
        held = f"{name}_current"
        room = f"V({node})-({format_number(level)})" if side == "lower" else f"{format_number(level)}-V({node})"
        ends = ("0", node) if side == "lower" else (node, "0")
        self.lines.append(f"{name} {held} 0 I=min({room},V({held}))")
        self.lines.append(f"{self.elements.name('B', f'{name}_flow')} {' '.join(ends)} I=V({held})")


# Kind, as `_recognise.kind` says it → what writes it.
WRITERS: dict[str, Callable[[ElementLines, Instance], object]] = {
    "resistor": ElementLines.conductance,
    "capacitor": lambda w, at: w.two_nodes("C", at, at.values["C"]),
    "capacitor_to_ground": lambda w, at: w.two_nodes("C", at, at.values["C"]),
    "inductor": lambda w, at: w.two_nodes("L", at, at.values["L"]),
    "mutual_inductance": ElementLines.windings,
    "coupled_inductors": ElementLines.windings,
    "exponential_diode": ElementLines.diode,
    "leaking_diode": ElementLines.diode,
    "exponential_diode_to_ground": ElementLines.diode,
    "current_source": lambda w, at: w.line("I", at, ["0", *at.nodes], f"DC {format_number(at.values['I'])}"),
    "voltage_controlled_voltage_source": lambda w, at: w.controlled("E", "gain", at),
    "voltage_controlled_current_source": lambda w, at: w.controlled("G", "g_m", at),
    "current_controlled_current_source": lambda w, at: w.sensing("F", "gain", at),
    "current_controlled_voltage_source": lambda w, at: w.sensing("H", "r_m", at),
}


def _windings(at: Instance) -> tuple[list[float], dict[tuple[int, int], float]]:
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
