"""Components as subcircuits of behavioural sources: any law that ngspice's functions can express.

The current that leaves the node at a port into the element is ∂R/∂v − F − Σ λ ∂g/∂v, plus d/dt ∂T/∂v, which is a
capacitor. A coordinate x of its own is the voltage of a node with 1 F to ground, into which its rate flows. A charge of
which the terms hold the rate alone, and a multiplier λ that no rate fixes, are voltages of nodes whose balance of
currents is the equation that they satisfy.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import sympy as sp

from physeq.library import electrical
from physeq.netlist._definitions import Definition
from physeq.netlist._spice_printer import Unprintable, behavioural
from physeq.symbolic import Component
from physeq.symbolic.symbols import Coordinate, Parameter, Signal, StateSymbol, time

PREFIX = "physeq_"


class NotElectrical(Exception):
    """Why a component cannot be written for ngspice."""


@dataclass(frozen=True)
class Behaviour:
    """A component as a subcircuit.

    Attributes:
        ports: names of its nodes.
        parameters: name in the subcircuit → parameter or signal.
        starts: name in the subcircuit → the state whose start it is.
        lines: its elements.
    """

    ports: tuple[str, ...]
    parameters: Mapping[str, Parameter | Signal]
    starts: Mapping[str, Coordinate]
    lines: tuple[str, ...]

    def text(self, name: str) -> str:
        """The definition."""
        parameters = " ".join([*(f"{key}=1" for key in self.parameters), *(f"{key}=0" for key in self.starts)])
        head = f".subckt {name} {' '.join(self.ports)}" + (f" params: {parameters}" if parameters else "")
        return "\n".join([head, *self.lines, ".ends"])


def behaviour(component: Component) -> Behaviour:
    """The subcircuit of a component.

    Raises:
        NotElectrical: its ports hold something else than voltages, it has bounds or inertia of its own, or a function
            that ngspice lacks.
    """
    _check_ports(component)
    parameters = _parameter_names(component)
    names: dict[sp.Symbol, str] = {symbol: f"{{{name}}}" for name, symbol in parameters.items()}
    names[time] = "time"
    ports = _port_names(component)
    for port, name in zip(component.ports, ports, strict=True):
        names[_voltage(component, port)] = f"V({name})"
    laws = _Laws(component)
    names |= {symbol: f"V({node})" for symbol, node in laws.nodes.items()}
    lines: list[str] = []

    def current(start: str, end: str, value: sp.Expr) -> None:
        if value != 0:
            try:
                lines.append(f"B{len(lines) + 1} {start} {end} I={behavioural(value, names)}")
            except Unprintable as lacking:
                raise NotElectrical(f"ngspice has no {lacking}") from None

    flows = {name: laws.flow(_voltage(component, port)) for port, name in zip(component.ports, ports, strict=True)}
    acting = [name for name, value in flows.items() if value != 0]
    if len(acting) == 2 and sp.expand(flows[acting[0]] + flows[acting[1]]) == 0:
        current(acting[0], acting[1], flows[acting[0]])
    else:
        for name, value in flows.items():
            current(name, "0", value)
    for node, row in laws.rows.items():
        current(node, "0", row)
    starts = {}
    for x, (node, rate) in laws.states.items():
        start = node.replace("state_", "start_")
        starts[start] = x
        current("0", node, rate)
        lines.append(f"C{len(lines) + 1} {node} 0 1 ic={{{start}}}")
    lines += _capacitors(component, ports, names, len(lines))
    return Behaviour(ports, parameters, starts, tuple(lines))


class _Laws:
    """The equations of a component, solved for the rates of its states."""

    def __init__(self, component: Component):
        self.component = component
        self.rows: dict[str, sp.Expr] = {}
        self.states: dict[Coordinate, tuple[str, sp.Expr]] = {}
        self.nodes: dict[sp.Symbol, str] = {}
        self._known: dict[sp.Symbol, sp.Expr] = {}
        self._multipliers: list[sp.Expr] = [
            sp.Dummy(f"lambda_{k}", real=True) for k in range(len(component.constraint))
        ]
        if any(component.kinetic.has(x.dot) or component.kinetic.has(x) for x in component.internal):
            raise NotElectrical("its inner coordinates have inertia")
        held = self._states_of_constraints()
        for x in component.internal:
            if x not in held:
                self._inner(x)
        for k, g in enumerate(component.constraint):
            if self._multipliers[k].is_Dummy:
                self.nodes[self._multipliers[k]] = f"multiplier{k + 1}"  # type: ignore[index]
                self.rows[f"multiplier{k + 1}"] = g
        self.rows = {node: self._settled(row) for node, row in self.rows.items()}
        self.states = {x: (node, self._settled(rate)) for x, (node, rate) in self.states.items()}

    def flow(self, v: StateSymbol) -> sp.Expr:
        """The current that leaves the node of this voltage into the element, that of capacitors aside."""
        component = self.component
        force = component.force.get(v.with_order(0), sp.S.Zero)
        flow = sp.diff(component.dissipation, v) - force
        for multiplier, g in zip(self._multipliers, component.constraint, strict=True):
            flow -= multiplier * sp.diff(g, v)
        return self._settled(flow)

    def _settled(self, expression: sp.Expr) -> sp.Expr:
        return sp.factor_terms(expression.xreplace(self._known))

    def _balance(self, x: Coordinate) -> sp.Expr:
        """∂V/∂x + ∂R/∂ẋ − F, which the multipliers balance."""
        component = self.component
        return (
            sp.diff(component.potential, x) + sp.diff(component.dissipation, x.dot) - component.force.get(x, sp.S.Zero)
        )

    def _states_of_constraints(self) -> set[Coordinate]:
        """States whose rate a constraint gives; their balance gives its multiplier."""
        held: set[Coordinate] = set()
        for k, g in enumerate(self.component.constraint):
            if any(isinstance(s, StateSymbol) and not s.order for s in g.free_symbols):
                raise NotElectrical("a constraint holds a coordinate itself, not only rates")
            for x in self.component.internal:
                factor = sp.diff(g, x.dot)
                if factor == 0 or x in held or any(isinstance(s, StateSymbol) for s in factor.free_symbols):
                    continue
                rate = -g.xreplace({x.dot: sp.S.Zero}) / factor
                if any(sp.diff(other, x.dot) != 0 for other in self.component.constraint if other is not g):
                    continue
                held.add(x)
                self._state(x, rate)
                self._multipliers[k] = self._balance(x) / factor
                break
        return held

    def _inner(self, x: Coordinate) -> None:
        """A coordinate without a constraint: a state with friction, or a charge whose rate alone counts."""
        balance = self._balance(x)
        terms = [*self.component.expressions()]
        if any(term.has(x) for term in terms):
            friction = sp.diff(self.component.dissipation, x.dot, 2)
            if friction == 0 or any(isinstance(s, StateSymbol) for s in friction.free_symbols):
                raise NotElectrical(f"the rate of {x} does not follow from a constant friction")
            self._state(x, -balance.xreplace({x.dot: sp.S.Zero}) / friction)
            return
        node = f"rate_{x.name}".lower()
        self.nodes[x.dot] = node
        self.rows[node] = balance - sum(
            (m * sp.diff(g, x.dot) for m, g in zip(self._multipliers, self.component.constraint, strict=True)),
            sp.S.Zero,
        )

    def _state(self, x: Coordinate, rate: sp.Expr) -> None:
        node = f"state_{x.name}".lower()
        self.nodes[x] = node
        self.states[x] = node, rate
        self._known[x.dot] = rate


def _check_ports(component: Component) -> None:
    for slot in component.slots:
        if slot.port is not None and slot.coordinate != electrical.phi:
            raise NotElectrical(f"its port {slot.port!r} holds {slot.coordinate}, not the flux of an electrical node")
    for expression in component.expressions():
        for s in expression.free_symbols:
            if isinstance(s, StateSymbol) and s.coordinate == electrical.phi and s.order != 1:
                raise NotElectrical("it holds the flux of a node itself, not only its voltage")
    if component.bounds:
        raise NotElectrical("it bounds something else than the voltage of a node")


def _voltage(component: Component, port: str) -> StateSymbol:
    return electrical.phi.at(None if len(component.ports) == 1 else port).dot


def _port_names(component: Component) -> tuple[str, ...]:
    names = tuple(port.lower() for port in component.ports)
    usable = all(re.fullmatch(r"[a-z]\w*", name) for name in names) and len(set(names)) == len(names)
    return names if usable else tuple(f"port{k + 1}" for k in range(len(names)))


def _parameter_names(component: Component) -> dict[str, Parameter | Signal]:
    """Names without regard to case, as SPICE has none, and apart from every function and node."""
    found: dict[str, Parameter | Signal] = {}
    for symbol in (*component.parameters, *component.signals):
        name = f"p_{symbol.name}".lower()
        while name in found:
            name += "_"
        found[name] = symbol
    return found


def _capacitors(component: Component, ports: tuple[str, ...], names: Mapping, count: int) -> list[str]:
    """T = ½ Σ C_ab v_a v_b as capacitors between the ports and to ground."""
    voltages = [_voltage(component, port) for port in component.ports]
    lines: list[str] = []
    if component.kinetic == 0:
        return lines
    matrix = [[sp.diff(component.kinetic, a, b) for b in voltages] for a in voltages]
    quadratic = sum(
        (matrix[i][j] * a * b / 2 for i, a in enumerate(voltages) for j, b in enumerate(voltages)), sp.S.Zero
    )
    if sp.expand(component.kinetic - quadratic) != 0:
        raise NotElectrical("its capacitance depends on the voltage")

    def add(start: str, end: str, value: sp.Expr) -> None:
        if (value := sp.simplify(value)) != 0:
            lines.append(f"C{count + len(lines) + 1} {start} {end} {{{behavioural(value, names).translate(_BARE)}}}")

    for i in range(len(ports)):
        for j in range(i + 1, len(ports)):
            add(ports[i], ports[j], -matrix[i][j])
        add(ports[i], "0", sum(matrix[i], sp.S.Zero))
    return lines


_BARE = str.maketrans("", "", "{}")


def _candidates() -> dict[str, Callable[..., Component]]:
    """The library's components that have a form without arguments."""
    found = {}
    for name, value in vars(electrical).items():
        if callable(value) and not isinstance(value, type) and not name.startswith("_"):
            found[name] = value
    return found


@cache
def _library() -> dict[tuple, tuple[str, Behaviour]]:
    """(ports, parameters, lines) of the library's components as they are written → their name."""
    found = {}
    for name, make in _candidates().items():
        try:
            made = make()
            if isinstance(made, Component):
                written = behaviour(made)
                found[_key(written.ports, (*written.parameters, *written.starts), written.lines)] = name, written
        except (NotElectrical, TypeError):
            continue  # written in another way, or not made without arguments
    return found


def _key(ports, parameters, lines) -> tuple:
    return tuple(ports), tuple(sorted(parameters)), tuple(" ".join(line.lower().split()) for line in lines)


def library_name(written: Behaviour) -> str | None:
    """The function of `physeq.electrical` whose component is written in just this way; None where there is none."""
    found = _library().get(_key(written.ports, (*written.parameters, *written.starts), written.lines))
    return None if found is None else found[0]


def library_component(definition: Definition) -> tuple[str, Behaviour] | None:
    """The function of `physeq.electrical` whose component's written form a subcircuit is, line for line, and that form;
    None for others."""
    if not definition.name.lower().startswith(PREFIX):
        return None
    lines = [line.text for line in definition.lines if line.text[0] != "."]
    return _library().get(_key(definition.ports, [name for name, _ in definition.defaults], lines))


def library_factory(name: str, starts: Mapping[str, float]) -> Callable[[], Component] | None:
    """What makes the component with these starts of its states; None where the function of that name cannot."""
    make = _candidates()[name]
    if all(x.start == starts.get(x.name, x.start) for x in make().internal):
        return make
    if len(starts) == 1 and "start" in inspect.signature(make).parameters:
        return partial(make, start=next(iter(starts.values())))
    return None
