"""Lowering: the programs of a derivation, built once per kind of component and shared by every model of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from physeq.compile.printer import Program
from physeq.symbolic.component import Slot
from physeq.symbolic.derivation import CostForm, Derivation
from physeq.symbolic.forms import PlacementForm, derivative
from physeq.symbolic.local import LocalForm
from physeq.symbolic.response import response_derivative, response_symbols, response_terms
from physeq.symbolic.symbols import LocalSymbol, Parameter, StateSymbol, Target, local_symbol, nudge


@dataclass(frozen=True, eq=False)
class Product:
    """One separated term: number·c(p)·a(x_source)·b(x_target); a feature of None is 1."""

    number: Program
    coefficient: Program
    source: Program | None
    target: Program | None


class ElementPrograms:
    """What is evaluated per element of one placement: energy, forces, curvatures, parameter derivatives.

    Each is compiled when first asked for.
    """

    def __init__(self, form: PlacementForm):
        self.form = form
        self.unknowns: Mapping[Slot, StateSymbol] = form.unknowns

    @cached_property
    def energy(self) -> Program:
        return Program([self.form.energy])

    @cached_property
    def forces(self) -> dict[Slot, Program]:
        """The whole force per slot that is not held."""
        return {slot: Program([self.form.force(slot)]) for slot in self.form.dynamic}

    @cached_property
    def curvatures(self) -> dict[Slot, Program]:
        return {slot: Program([self.form.curvature(slot)]) for slot in self.form.dynamic}

    @cached_property
    def parameter_derivatives(self) -> dict[Parameter, Program]:
        return {p: Program([self.form.parameter_derivative(p)]) for p in self.form.placement.component.parameters}

    @cached_property
    def products(self) -> tuple[Product, ...] | None:
        """The separated energy, or None."""
        terms = self.form.energy_terms
        return None if terms is None else tuple(product(t.number, t.coefficient, t.source, t.target) for t in terms)

    @cached_property
    def parameter_products(self) -> dict[Parameter, tuple[Product, ...]]:
        """The separated energy's derivative by each parameter."""
        return {
            p: tuple(
                product(t.number, change, t.source, t.target)
                for t in self.form.energy_terms or ()
                if (change := sp.diff(t.coefficient, p)) != 0
            )
            for p in self.form.placement.component.parameters
        }

    @cached_property
    def response_symbols(self) -> dict[Slot, LocalSymbol]:
        """{slot: λ}, the weight of the force on a slot's unknown in the programs of its response to parameters."""
        return response_symbols(self.form)

    @cached_property
    def response_products(self) -> dict[Parameter, tuple[Product, ...] | None]:
        """{p: ∂/∂p Σ_slots λ f as Σ number·c(p)·a(x_s, λ_s)·b(x_t, λ_t)}, None where it does not separate.

        The features are programs of the unknowns and the λ of `response_symbols` at their port.
        """
        terms = {p: response_terms(self.form, p) for p in self.form.placement.component.parameters}
        return {
            p: None if ts is None else tuple(product(t.number, t.coefficient, t.source, t.target) for t in ts)
            for p, ts in terms.items()
        }

    @cached_property
    def response_derivatives(self) -> dict[Parameter, Program]:
        """{p: ∂/∂p Σ_slots λ f} on every element."""
        return {p: Program([response_derivative(self.form, p)]) for p in self.form.placement.component.parameters}

    @cached_property
    def flow(self) -> Program | None:
        """∂Φ/∂x at the source of an edge: the current (force) that flows from source to target."""
        slots = [s for s in self.form.unknowns if s.port == self.form.placement.component.ports[0]]
        if len(self.form.placement.component.ports) != 2 or len(slots) != 1:
            return None
        return Program([-self.form.force(slots[0])])

    @cached_property
    def mass(self) -> dict[tuple[Slot, Slot], Program]:
        return {pair: Program([entry]) for pair, entry in self.form.mass.items()}

    @cached_property
    def bounds(self) -> dict[Slot, tuple[Program, Program]]:
        component = self.form.placement.component
        found = {}
        for symbol, (lower, upper) in component.bounds.items():
            slot = component.slot(symbol)
            if symbol == self.unknowns[slot]:
                found[slot] = (Program([lower]), Program([upper]))
        return found


def _feature(expression: sp.Expr) -> Program | None:
    return None if expression == 1 else Program([expression])


def product(number, coefficient, source, target) -> Product:
    return Product(Program([number]), Program([coefficient]), _feature(source), _feature(target))


@dataclass(frozen=True, eq=False)
class CompiledContribution:
    """One bundle's part of a message."""

    placement: str
    receiver: int
    sender_group: str
    sender_symbols: tuple[tuple[StateSymbol, str], ...]
    coefficient: Program
    coefficient_name: str  # tells the coefficients of one placement apart
    feature: Program | None


class LocalPrograms:
    """The programs of one group's local form.

    A message that comes partly from held groups is split into a static and a moving part, H = H_s + H_d.
    """

    def __init__(self, form: LocalForm, held: frozenset[str]):
        self.form = form
        self.contributions = {m.symbol: tuple(_contribution(c) for c in m.contributions) for m in form.messages}
        self.static_part: dict[LocalSymbol, LocalSymbol] = {}
        static = set(form.parameters) | {nudge}
        for symbol, contributions in self.contributions.items():
            fixed = [is_static(c, held) for c in contributions]
            if all(fixed):
                static.add(symbol)
            elif any(fixed):
                part = local_symbol(f"{symbol.name}.static", f"{{{symbol.latex_name}}}^s")
                self.static_part[symbol] = part
                static.add(part)
        self._static = frozenset(static)
        self._split = {symbol: symbol + part for symbol, part in self.static_part.items()}
        self.force = {k: self._program(e) for k, e in form.force.items()}
        self.equilibrium = {k: None if e is None else self._program(e) for k, e in form.equilibrium.items()}
        self.nudged_equilibrium = {
            k: None if e is None else self._program(e) for k, e in form.nudged_equilibrium.items()
        }

    def _program(self, expression: sp.Expr) -> Program:
        targets = {s for s in expression.free_symbols if isinstance(s, Target)}
        return Program([expression.subs(self._split)], static=self._static | targets)

    @cached_property
    def curvature(self) -> dict[str, Program]:
        return {k: self._program(e) for k, e in self.form.curvature.items()}

    def needed(self, programs) -> tuple:
        """The messages that the programs read."""
        symbols = frozenset().union(*(p.symbols for p in programs))
        return tuple(m.symbol for m in self.form.messages if m.symbol in symbols)


def is_static(contribution: CompiledContribution, held: Collection[str]) -> bool:
    """Whether a contribution does not change during a phase: its sender is held, or sends a constant."""
    return contribution.feature is None or contribution.sender_group in held


def _contribution(c) -> CompiledContribution:
    placement = c.form.placement
    port = placement.component.ports[c.sender]
    symbols = tuple((x, slot.coordinate.key(x.order)) for slot, x in c.form.unknowns.items() if slot.port == port)
    return CompiledContribution(
        placement=placement.name,
        receiver=c.receiver,
        sender_group=placement.groups[c.sender],
        sender_symbols=symbols,
        coefficient=Program([c.coefficient]),
        coefficient_name=str(c.coefficient),
        feature=_feature(c.feature),
    )


class Lowered:
    """All programs of a derivation."""

    def __init__(self, derivation: Derivation):
        self.derivation = derivation
        self.elements = {f.placement.name: ElementPrograms(f) for f in derivation.forms}
        self.locals = {g: LocalPrograms(f, derivation.held) for g, f in derivation.locals.items()}
        self.cost = None if derivation.cost is None else CostPrograms(derivation.cost)


class CostPrograms:
    """The programs of a cost: density, derivatives, and the readout's products with the slope of their features."""

    def __init__(self, form: CostForm):
        self.form = form
        self.density = Program([form.density])
        self.derivative = Program([form.derivative])
        self.curvature = Program([derivative(form.derivative, form.variable)])
        self.readout: tuple[tuple[Product, Program], ...] | None = None
        if form.readout_terms is not None:
            x = next(iter(form.unknowns.values())).symbol
            self.readout = tuple(
                (product(t.number, t.coefficient, t.source, sp.S.One), Program([sp.diff(t.source, x)]))
                for t in form.readout_terms
            )
            self.readout_changes = {
                p: tuple(
                    (Program([t.number * sp.diff(t.coefficient, p)]), _feature(t.source))
                    for t in form.readout_terms
                    if sp.diff(t.coefficient, p) != 0
                )
                for p in sorted({s for t in form.readout_terms for s in t.coefficient.free_symbols}, key=str)
            }
