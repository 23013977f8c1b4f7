"""Which library component a component is, by its terms: names alone decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp

from physeq.library import electrical
from physeq.netlist._build import active_resistor, leaking_diode
from physeq.netlist._magnetics import coupled_inductors
from physeq.symbolic import Component
from physeq.symbolic.symbols import Parameter, PhysicalSymbol, StateSymbol, time
from physeq.symbolic.waveform_functions import WaveformFunction, piecewise_linear, pulse, sine

# Those that SPICE has elements for. Bounds and laws without one are written in other ways.
_PLAIN = (
    "resistor", "capacitor", "capacitor_to_ground", "inductor", "mutual_inductance", "exponential_diode",
    "exponential_diode_to_ground", "current_source", "voltage_controlled_voltage_source",
    "voltage_controlled_current_source", "current_controlled_current_source", "current_controlled_voltage_source",
)  # fmt: skip
_KINDS = {sine: "sin", pulse: "pulse", piecewise_linear: "pwl"}


@dataclass(frozen=True)
class Drive:
    """What a source delivers: `kind` "dc", "sin", "pulse" or "pwl" and the numbers or parameters that shape it."""

    kind: str
    arguments: tuple[sp.Expr, ...]


def shape(component: Component) -> tuple:
    """The terms of a component, with parameters and coordinates by their names: equal for equal laws."""
    names: dict[sp.Symbol, sp.Symbol] = {}

    def plain(e: sp.Expr) -> sp.Expr:
        for s in e.free_symbols - names.keys():
            names[s] = _plain(s)
        return e.xreplace(names)

    return (
        component.ports,
        tuple(plain(e) for e in (component.kinetic, component.potential, component.dissipation)),
        frozenset((plain(q), plain(e)) for q, e in component.force.items() if e != 0),
        tuple(plain(g) for g in component.constraint),
        frozenset((plain(q), *map(plain, interval)) for q, interval in component.bounds.items()),
    )


def _plain(s: sp.Symbol) -> sp.Symbol:
    # Bounds, starts and the like differ between components of one law, so that only the name counts.
    if isinstance(s, StateSymbol):
        return sp.Symbol(f"{s.coordinate.name}@{s.port}:{s.order}", real=True)
    kind = type(s).__name__ if isinstance(s, PhysicalSymbol) else "symbol"
    return sp.Symbol(f"{kind}:{s.name}", **{"positive": True} if s.is_positive else {"real": True})


@cache
def _shapes() -> dict[tuple, str]:
    found = {shape(getattr(electrical, name)()): name for name in _PLAIN}
    found[shape(active_resistor())] = "resistor"
    found[shape(leaking_diode())] = "leaking_diode"
    return found


def kind(component: Component) -> str | None:
    """The name of the library function that makes such a component, among those that SPICE has elements for."""
    found = _shapes().get(shape(component))
    if found is None and len(component.internal) > 2 and component.ports[0] == "p1":
        windings = len(component.internal)
        if shape(component) == shape(coupled_inductors(windings)):
            return "coupled_inductors"
    return found


def conductance_level(component: Component) -> sp.Expr | None:
    """The level of a `conductance_to`; None for anything else."""
    g = next((p for p in component.parameters if p.name == "g"), None)
    if g is None or component.ports != ("node",) or component.dissipation == 0:
        return None
    v = electrical.v
    level = -sp.diff(component.dissipation, v).subs(v, 0) / g
    if level.is_number and shape(component) == shape(electrical.conductance_to(float(level))):
        return level
    return None


def voltage_drive(component: Component) -> Drive | None:
    """What a component delivers that is a voltage source and nothing else."""
    if component.ports != ("source", "target") or len(component.constraint) != 1 or component.internal:
        return None
    across = electrical.phi.source.dot - electrical.phi.target.dot
    value = sp.expand(across - component.constraint[0])
    alone = component.kinetic == component.potential == component.dissipation == 0
    return _drive(value) if alone and not component.force and not component.bounds else None


def current_drive(component: Component) -> Drive | None:
    """What a component delivers that is a current source in a branch and nothing else."""
    phi = electrical.phi
    if component.ports != ("source", "target") or set(component.force) != {phi.source, phi.target}:
        return None
    value = component.force[phi.target]
    alone = component.kinetic == component.potential == component.dissipation == 0
    alone = alone and not component.constraint and not component.bounds
    return _drive(value) if alone and component.force[phi.source] == -value else None


def _drive(value: sp.Expr) -> Drive | None:
    if isinstance(value, WaveformFunction) and type(value) in _KINDS and value.args[0] == time:
        arguments = value.args[1:]
        if all(isinstance(a, Parameter) or a.is_number for a in arguments):
            return Drive(_KINDS[type(value)], arguments)
        return None
    if isinstance(value, Parameter) or (value.is_number and value.is_finite):
        return Drive("dc", (value,))
    return None
