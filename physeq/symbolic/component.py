"""Components: frozen records of ports, parameters and symbolic terms; `Node` and `Edge` are the two common shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import sympy as sp
from sympy.core.relational import Relational

from physeq.errors import ModelError
from physeq.shown import Shown
from physeq.symbolic.functions import ACROSS_OUTPUTS, ELEMENTWISE, NOT_DIFFERENTIABLE, first_function
from physeq.symbolic.symbols import Coordinate, Parameter, Signal, StateSymbol, Target, Time, drive

_SCALAR_TERMS = ("kinetic", "potential", "dissipation")
_LEAVES = (sp.Symbol, sp.Number, sp.NumberSymbol)


@dataclass(frozen=True)
class Slot:
    """One coordinate of a component at one of its ports; `port` is None for an internal coordinate."""

    port: str | None
    coordinate: Coordinate


@dataclass(frozen=True, eq=False)
class Component(Shown):
    """An element with any number of ports, described by symbolic terms, each optional.

    With L = T − V the terms enter d/dt ∂L/∂q̇ − ∂L/∂q + ∂R/∂q̇ = F + λ ∂g/∂q (λ ∂g/∂q̇ for a rate constraint).

    Attributes:
        name: the kind's name, in messages and on pages.
        ports: names of its ports; `q.at("name")` is coordinate q at that port.
        kinetic: T(q, q̇), inertia.
        potential: V(q, t), energy.
        dissipation: R(q, q̇), Rayleigh function.
        force: {coordinate at a port: F}, anything not derivable from a scalar.
        constraint: expressions g(q, t) = 0, or g(q, q̇, t) = 0 linear in q̇.
        bounds: {coordinate or rate: (lower, upper)}, numbers, parameters or None.
        parameters: its parameters; by default those in the terms, by name.
        internal: coordinates of its own, written without a port.
        minimiser: for a node: q* in terms of `drive`, the total linear force D on the node, which solves
            −∂e/∂q + D = 0 for the node's own energy e. Only needed where SymPy cannot solve that; it is checked.
        description: a phrase for the pages.

    Raises:
        ModelError: an unknown symbol, an unsupported function, a term that is not a scalar, a non-differentiable
            energy, a constraint that is not linear in the rates; the message names component, term and symbol.

    >>> from physeq.symbolic.symbols import coordinate, parameter
    >>> q, k = coordinate("q"), parameter("k", positive=True)
    >>> Component("triple", ports=("a", "b", "c"), potential=k * (q.at("a") + q.at("b") - 2 * q.at("c")) ** 2 / 2).slots
    (Slot(port='a', coordinate=q), Slot(port='b', coordinate=q), Slot(port='c', coordinate=q))
    """

    name: str
    ports: tuple[str, ...]
    kinetic: sp.Expr = sp.S.Zero
    potential: sp.Expr = sp.S.Zero
    dissipation: sp.Expr = sp.S.Zero
    force: Mapping[StateSymbol, sp.Expr] = field(default_factory=dict)
    constraint: tuple[sp.Expr, ...] = ()
    bounds: Mapping[StateSymbol, tuple] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = None  # type: ignore[assignment]  # None: those in the terms
    internal: tuple[Coordinate, ...] = ()
    minimiser: sp.Expr | None = None
    description: str = ""

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        if not self.ports or len(set(self.ports)) != len(self.ports):
            raise ModelError(f"component {self.name!r}: ports must be distinct names, got {self.ports!r}")
        put("ports", tuple(self.ports))
        put("internal", tuple(self.internal))
        for term in _SCALAR_TERMS:
            put(term, self._scalar(getattr(self, term), term))
        if not isinstance(self.force, Mapping) or not all(isinstance(k, StateSymbol) for k in self.force):
            raise ModelError(
                f"component {self.name!r}: force must be a dict {{coordinate at a port: F}}, such as "
                f"{{v.target: g*(v.source - v.target)}}, got {self.force!r:.80}"
            )
        forces = {k: self._scalar(f, f"force on {k}") for k, f in dict(self.force).items()}
        put("force", self._by_symbol(forces, "force"))
        constraint = self.constraint if isinstance(self.constraint, Iterable) else (self.constraint,)
        put("constraint", tuple(self._scalar(g, "constraint") for g in constraint))
        put("bounds", self._by_symbol({q: self._interval(q, b) for q, b in dict(self.bounds).items()}, "bounds"))
        if self.minimiser is not None:
            put("minimiser", self._scalar(self.minimiser, "minimiser"))
        found = {s for e in self.expressions() for s in e.free_symbols if isinstance(s, Parameter)}
        if self.parameters is None:
            put("parameters", tuple(sorted(found, key=lambda p: p.name)))
        else:
            put("parameters", tuple(self.parameters))
            if missing := found - set(self.parameters):
                names = ", ".join(sorted(p.name for p in missing))
                raise ModelError(
                    f"component {self.name!r}: parameter {names} stands in a term but not in `parameters`; add it there"
                )
        taken = [p.name for p in self.parameters]
        if len(set(taken)) != len(taken):
            raise ModelError(f"component {self.name!r}: two parameters share a name among {taken}; rename one")
        self._check_symbols()
        self._check_constraints()

    # ---- construction checks -------------------------------------------------------------------------------------

    def _scalar(self, value, term: str) -> sp.Expr:
        where = f"component {self.name!r}, {term}"
        if isinstance(value, str):
            raise ModelError(
                f"{where}: got the string {value!r}; build the expression from symbols, strings are not parsed"
            )
        try:
            expression = sp.sympify(value, strict=True)
        except (sp.SympifyError, TypeError) as error:
            raise ModelError(f"{where}: must be a SymPy expression, got {type(value).__name__}") from error
        if isinstance(expression, sp.MatrixBase | sp.MatrixExpr | Relational | sp.Tuple) or not isinstance(
            expression, sp.Expr
        ):
            raise ModelError(
                f"{where}: must be a scalar expression, got {type(expression).__name__}; write one number per element, "
                "for example a sum of squares"
            )
        infinite = () if term.startswith("bounds") else (sp.oo, -sp.oo)
        for part in sp.preorder_traversal(expression):
            if part in (sp.S.ImaginaryUnit, sp.zoo, sp.nan, *infinite):
                raise ModelError(f"{where}: holds {part}; terms are real and finite")
            if isinstance(part, (sp.Add, sp.Mul, sp.Pow, *ELEMENTWISE, *_LEAVES)) or not isinstance(part, sp.Expr):
                continue
            if isinstance(part, ACROSS_OUTPUTS):
                raise ModelError(f"{where}: {part} mixes the outputs of a cost; pass it in cost= of System")
            kind = part.func.__name__ if part.args else str(part)
            raise ModelError(
                f"{where}: function {kind!r} in {part} is not supported; use one of "
                f"{', '.join(sorted(f.__name__ for f in ELEMENTWISE))}"
            )
        if term in _SCALAR_TERMS and (bad := first_function(expression, NOT_DIFFERENTIABLE)) is not None:
            raise ModelError(
                f"{where}: {bad} is not differentiable, so no force can be derived from it; give the force itself in "
                "`force`, or a smooth function such as sigmoid"
            )
        return expression.xreplace({s: self._portless(s) for s in expression.free_symbols})

    def _portless(self, symbol):
        """With one port q.at("port") is q."""
        alone = isinstance(symbol, StateSymbol) and self.ports == (symbol.port,)
        return symbol.at(None).with_order(symbol.order) if alone else symbol

    def _by_symbol(self, given: dict, term: str) -> Mapping:
        found = {self._portless(symbol): value for symbol, value in given.items()}
        if len(found) < len(given):
            raise ModelError(
                f"component {self.name!r}, {term}: {', '.join(map(str, given))} name one coordinate twice; add them up"
            )
        return MappingProxyType(found)

    def _interval(self, symbol, interval) -> tuple[sp.Expr, sp.Expr]:
        if not isinstance(interval, tuple | list) or len(interval) != 2:
            raise ModelError(
                f"component {self.name!r}, bounds of {symbol}: must be a pair (lower, upper), got {interval!r}"
            )
        lower, upper = (
            self._scalar(infinite if end is None else end, f"bounds of {symbol}")
            for end, infinite in zip(interval, (-sp.oo, sp.oo), strict=True)
        )
        if (lower < upper) == False:  # noqa: E712 - a SymPy truth value
            raise ModelError(f"component {self.name!r}, bounds of {symbol}: {lower} is not below {upper}; swap them")
        return lower, upper

    def _check_symbols(self) -> None:
        for term, expression in self.terms():
            for symbol in sorted(expression.free_symbols, key=str):
                if isinstance(symbol, StateSymbol):
                    self.slot(symbol)
                elif symbol == drive and term == "minimiser":
                    continue
                elif isinstance(symbol, Target):
                    raise ModelError(
                        f"component {self.name!r}, {term}: target {symbol} belongs in the system's cost, not in a "
                        "component"
                    )
                elif not isinstance(symbol, Parameter | Signal | Time):
                    raise ModelError(
                        f"component {self.name!r}, {term}: unknown symbol {symbol}; declare it with "
                        f'coordinate("{symbol}"), parameter("{symbol}") or signal("{symbol}")'
                    )
        for symbol in self.potential.free_symbols:
            if isinstance(symbol, StateSymbol) and symbol.order > 0:
                raise ModelError(
                    f"component {self.name!r}: the potential holds the rate {symbol}; inertia belongs in `kinetic`, "
                    "friction in `dissipation`"
                )
        for symbol in (*self.force, *self.bounds):
            self.slot(symbol)
        for symbol in self.force:
            if symbol.order:
                raise ModelError(
                    f"component {self.name!r}: a force acts on a coordinate; write {{{symbol.with_order(0)}: ...}} "
                    f"instead of {{{symbol}: ...}}"
                )

    def _check_constraints(self) -> None:
        for g in self.constraint:
            rates = sorted((s for s in g.free_symbols if isinstance(s, StateSymbol) and s.order), key=str)
            for rate in rates:
                if any(sp.diff(g, rate, other) != 0 for other in rates):
                    raise ModelError(f"component {self.name!r}: constraint {g} = 0 must be linear in the rate {rate}")

    # ---- reading -------------------------------------------------------------------------------------------------

    def terms(self) -> list[tuple[str, sp.Expr]]:
        """(name, expression) of every term that is present."""
        found = [(t, getattr(self, t)) for t in _SCALAR_TERMS if getattr(self, t) != 0]
        found += [(f"force on {k}", f) for k, f in self.force.items()]
        found += [("constraint", g) for g in self.constraint]
        found += [(f"bounds of {q}", e) for q, interval in self.bounds.items() for e in interval]
        if self.minimiser is not None:
            found.append(("minimiser", self.minimiser))
        return found

    def expressions(self) -> list[sp.Expr]:
        """Every expression of every term."""
        return [expression for _, expression in self.terms()]

    def slot(self, symbol: StateSymbol) -> Slot:
        """The slot that a state symbol belongs to; ModelError when the component has no such port."""
        if symbol.port is None:
            if symbol.coordinate in self.internal:
                return Slot(None, symbol.coordinate)
            if len(self.ports) == 1:
                return Slot(self.ports[0], symbol.coordinate)
            ends = ", ".join(f"{symbol.coordinate}.at({p!r})" for p in self.ports)
            raise ModelError(
                f"component {self.name!r} has ports {self.ports}: write {ends} instead of {symbol}, or list "
                f"{symbol.coordinate} in `internal`"
            )
        if symbol.port not in self.ports:
            raise ModelError(
                f"component {self.name!r} has no port {symbol.port!r} (in {symbol}); its ports are {self.ports}"
            )
        return Slot(symbol.port, symbol.coordinate)

    def symbol(self, slot: Slot, order: int = 0) -> StateSymbol:
        """The symbol of a slot's coordinate (`order` 0), rate (1) or acceleration (2) in this component's terms."""
        port = None if slot.port is None or len(self.ports) == 1 else slot.port
        return slot.coordinate.at(port).with_order(order)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The slots that occur in its terms: ports in order, then internal coordinates, each by name."""
        found = {self.slot(s) for e in self.expressions() for s in e.free_symbols if isinstance(s, StateSymbol)}
        found |= {self.slot(s) for s in (*self.force, *self.bounds)}
        order: dict[str | None, int] = {port: i for i, port in enumerate(self.ports)}
        return tuple(sorted(found, key=lambda s: (order.get(s.port, len(order)), s.coordinate.name)))

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """The signals in its terms, by name."""
        found = {s for e in self.expressions() for s in e.free_symbols if isinstance(s, Signal)}
        return tuple(sorted(found, key=lambda s: s.name))

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name."""
        for p in self.parameters:
            if p.name == name:
                return p
        known = ", ".join(p.name for p in self.parameters) or "none"
        raise ModelError(f"component {self.name!r} has no parameter {name!r}; it has {known}")

    @property
    def directed(self) -> bool:
        """True when an edge acts on its target alone, so that the direction of the graph's edge matters."""
        return False

    def __repr__(self) -> str:
        terms = ", ".join(f"{name}={expression}" for name, expression in self.terms())
        return f"{type(self).__name__}({self.name!r}{', ' if terms else ''}{terms})"


class Node(Component):
    """A component with one port: what a node is. Its terms use the coordinate itself, `s` and `s.dot`.

    >>> from physeq.symbolic.symbols import coordinate, parameter
    >>> s, b = coordinate("s"), parameter("b")
    >>> Node("unit", potential=s**2 / 2 - b * s).parameters
    (b,)
    """

    def __init__(self, name: str, **terms):
        super().__init__(name, ports=("node",), **terms)


class Edge(Component):
    """A component with two ports, `source` and `target`: what an edge is.

    Its coupling follows from its terms: an energy acts on both ends; a `force` on the target alone makes it directed;
    forces on both ends make it bidirectional (one row, two parameters).

    >>> from physeq.symbolic.symbols import coordinate, parameter
    >>> v, g = coordinate("v"), parameter("g", positive=True)
    >>> Edge("resistor", dissipation=g * (v.source.dot - v.target.dot) ** 2 / 2).coupling
    'energy'
    """

    def __init__(self, name: str, **terms):
        if "minimiser" in terms:
            raise ModelError(f"edge {name!r}: a minimiser belongs to a Node")
        super().__init__(name, ports=("source", "target"), **terms)

    @property
    def coupling(self) -> str:
        """'energy', 'directed' or 'bidirectional', read off the terms."""
        acted = {self.slot(s).port for s in self.force}
        if "source" in acted:
            return "bidirectional"
        if "target" in acted and self.kinetic == self.potential == self.dissipation == 0:
            return "directed"
        return "energy"

    @property
    def directed(self) -> bool:
        return self.coupling == "directed"
