"""What a netlist holds after reading: elements with numbers in them, each remembering its line.

Nodes are names, ground is "0". Elements of subcircuits are named by their path, `X1.R1`, and so are their nodes. The
sign conventions are SPICE's: the voltage of an element is that of its first node minus that of its second, and its
current flows from the first node through the element to the second.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resistor:
    """R: a resistance in ohms, never 0."""

    name: str
    nodes: tuple[str, str]
    resistance: float
    line: int = 0


@dataclass(frozen=True, slots=True)
class Capacitor:
    """C: a capacitance in farads; `initial` is its voltage at the start where the netlist says it (`IC=`)."""

    name: str
    nodes: tuple[str, str]
    capacitance: float
    initial: float | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Inductor:
    """L: an inductance in henries; `initial` is its current at the start where the netlist says it (`IC=`)."""

    name: str
    nodes: tuple[str, str]
    inductance: float
    initial: float | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Coupling:
    """K: two inductors with M = k √(L1 L2); each one's dot is at its first node."""

    name: str
    inductors: tuple[str, str]
    coefficient: float
    line: int = 0


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """What a source does in time, with every number filled in.

    `kind` and its `numbers`: "sin" (offset, amplitude, frequency, delay, damping, phase in degrees), "pulse" (initial,
    pulsed, delay, rise), with a width also (fall, width), and with a period also (period), "pwl" (t1, v1, t2, v2, ...).
    """

    kind: str
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VoltageSource:
    """V: first node minus second node is the source's value.

    `dc`: the value of operating points and sweeps, None where only the function is given. `function`: the value of
    transients, None for the DC value.
    """

    name: str
    nodes: tuple[str, str]
    dc: float | None = 0.0
    function: SourceFunction | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class CurrentSource:
    """I: a current from the first node through the source to the second; its values are those of a `VoltageSource`."""

    name: str
    nodes: tuple[str, str]
    dc: float | None = 0.0
    function: SourceFunction | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class DiodeModel:
    """`.model NAME D(...)` at the temperature of the netlist: I = I_s (exp(v/V_t) − 1), in series with a resistance.

    `thermal_voltage` is N k T/q.
    """

    name: str
    saturation_current: float
    thermal_voltage: float
    series_resistance: float = 0.0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Diode:
    """D: anode first. `model` is its model's name, `area` multiplies I_s and divides the series resistance.

    `nodes` are those of the junction: behind a series resistance, which is a `Resistor` `NAME.rs` of its own.
    """

    name: str
    nodes: tuple[str, str]
    model: str
    saturation_current: float
    thermal_voltage: float
    area: float = 1.0
    line: int = 0


@dataclass(frozen=True, slots=True)
class VoltageControlled:
    """E (`output` "voltage") or G (`output` "current"): gain times the voltage between the `controls`."""

    name: str
    nodes: tuple[str, str]
    output: str
    controls: tuple[str, str]
    gain: float
    line: int = 0


@dataclass(frozen=True, slots=True)
class CurrentControlled:
    """H (`output` "voltage") or F (`output` "current"): gain times the current through a voltage source."""

    name: str
    nodes: tuple[str, str]
    output: str
    control: str
    gain: float
    line: int = 0


@dataclass(frozen=True, slots=True)
class LibraryElement:
    """X of a subcircuit that physeq wrote for a component of its library: the component comes back as it was.

    `component` is the function of `physeq.electrical`, `values` are its parameters, `starts` those of its states.
    """

    name: str
    nodes: tuple[str, ...]
    component: str
    values: tuple[tuple[str, float], ...]
    starts: tuple[tuple[str, float], ...] = ()
    line: int = 0


Element = (
    Resistor
    | Capacitor
    | Inductor
    | Coupling
    | VoltageSource
    | CurrentSource
    | Diode
    | VoltageControlled
    | CurrentControlled
    | LibraryElement
)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """`.op`."""

    line: int = 0

    def card(self) -> str:
        """The line of a netlist."""
        return ".op"


@dataclass(frozen=True, slots=True)
class Sweep:
    """`.dc`: operating points while a source goes from `start` to `stop`, again for each value of an `outer` sweep."""

    source: str
    start: float
    stop: float
    step: float
    outer: Sweep | None = None
    line: int = 0

    def card(self) -> str:
        """The line of a netlist."""
        return ".dc " + " ".join(self._words())

    def _words(self) -> list[str]:
        words = [self.source, *(repr(float(x)) for x in (self.start, self.stop, self.step))]
        return words + (self.outer._words() if self.outer else [])


@dataclass(frozen=True, slots=True)
class Transient:
    """`.tran`: from time 0 to `stop`, told from `start` on; `from_initial` (UIC) starts at the initial conditions."""

    step: float
    stop: float
    start: float = 0.0
    maximum_step: float | None = None
    from_initial: bool = False
    line: int = 0

    def card(self) -> str:
        """The line of a netlist."""
        numbers = [self.step, self.stop, self.start] + ([] if self.maximum_step is None else [self.maximum_step])
        return " ".join([".tran", *(repr(float(x)) for x in numbers)] + ["uic"] * self.from_initial)


Analysis = OperatingPoint | Sweep | Transient
