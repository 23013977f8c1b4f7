"""The symbols of one page: every quantity gets one name with indices, unlike all others, and one row in the table.

A coordinate that lives on several groups carries the group as a superscript, a parameter that several placements have
the placement. Elements (i, j) run from source i to target j, and parameters stand in that order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from physeq.graph import OneToOne
from physeq.report._operators import ParameterEntry
from physeq.report._registry import SymbolRegistry
from physeq.report._words import parameter_range, per_second, raised, readable, shown_name, word
from physeq.report.document import Text
from physeq.symbolic.component import Slot
from physeq.symbolic.derivation import Derivation
from physeq.symbolic.functions import clip, sigmoid, softplus
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import (
    Coordinate,
    LocalSymbol,
    Parameter,
    PhysicalSymbol,
    Signal,
    StateSymbol,
    Target,
    drive,
    local_symbol,
    time,
)

_FUNCTIONS: dict[type, str] = {
    sigmoid: "logistic function of its argument, 1/(1 + exp(−x))",
    softplus: "softplus function, log(1 + exp(x))",
    clip: "clip(x, a, b): the number nearest to x between a and b",
}
_LETTERS = "ijklmnpqrabcdefgh"


# (group, coordinate, indices) → what stands beside the unknown there, such as its response.
Companion = Callable[[str, Coordinate, tuple[sp.Symbol, ...]], sp.Expr]


class Names(SymbolRegistry):
    """Chooses and remembers the symbols of a page about one derivation."""

    def __init__(self, derivation: Derivation):
        super().__init__()
        self.derivation, self.system = derivation, derivation.system
        self._homes = self._find_homes()
        self._multipliers: dict[sp.Symbol, tuple[Placement, int]] = {}
        self._companions: dict[sp.Symbol, tuple[Slot, Companion]] = {}
        self._owners: dict[str, set[str]] = {}
        for placement in self.system.placements:
            for p in placement.component.parameters:
                self._owners.setdefault(p.latex_name, set()).add(placement.name)
        if (readout := self.system.readout) is not None:
            for p in {*readout.drive.free_symbols, readout.bias}:
                if isinstance(p, Parameter):
                    self._owners.setdefault(p.latex_name, set()).add("readout")
        self._reserve_letters()
        self._name_functions()

    def fork(self) -> Names:
        """A registry that starts from the names of this one, for another page about the same derivation."""
        other = copy.copy(self)
        other._entries, other._taken = dict(self._entries), set(self._taken)
        other._multipliers, other._companions = dict(self._multipliers), dict(self._companions)
        return other

    def _find_homes(self) -> dict[Coordinate, list[str]]:
        homes: dict[Coordinate, list[str]] = {}
        for group, coordinate in self.derivation.variables:
            homes.setdefault(coordinate, []).append(group)
        return homes

    def _reserve_letters(self) -> None:
        """Index letters that no quantity of the user's is called by."""
        used = {c.latex_name for c in self._homes} | {c.with_order(1).latex_name for c in self._homes}
        used |= set(self._owners)
        used |= {s.latex_name for p in self.system.placements for s in p.component.signals}
        if self.system.cost is not None:
            used |= {getattr(s, "latex_name", s.name) for s in self.system.cost.free_symbols}
        if self.system.readout is not None:
            readout = self.system.readout
            used |= {s.latex_name for s in readout.drive.free_symbols if isinstance(s, PhysicalSymbol)}
            used |= {readout.bias.latex_name} if readout.bias is not None else set()
        self._letters = [letter for letter in _LETTERS if letter not in used]

    def _name_functions(self) -> None:
        """Rows for named functions in use, before anything of the user's can take their names."""
        expressions = [e for p in self.system.placements for e in p.component.expressions()]
        expressions += [self.system.cost] if self.system.cost is not None else []
        expressions += [e for f in self.derivation.locals.values() for e in f.equilibrium.values() if e is not None]
        bounded = any(p.component.bounds for p in self.system.placements)
        for function, meaning in _FUNCTIONS.items():
            if any(e.has(function) for e in expressions) or (bounded and function is clip):
                self.symbol(("function", function), [str(getattr(function, "latex_name", function))], meaning)

    def functions(self, expr: sp.Basic) -> Iterator[sp.Symbol]:
        """The rows of the named functions in an expression."""
        for function in _FUNCTIONS:
            if expr.has(function) and ("function", function) in self._entries:
                yield self._entries["function", function][0]

    # ---- indices and sets --------------------------------------------------------------------------------------------

    def index(self, number: int) -> sp.Symbol:
        """The index letters of nodes, in order."""
        meanings = [
            "index of a node; of an element (source, target) its source",
            "index of a node; of an element its target",
            f"index of a {'readout unit' if self.system.readout is not None else 'node'}, or number of a message",
        ]
        meaning = meanings[number] if number < len(meanings) else "index of a node"
        return self.symbol(("index", number), [self._letters[number]], meaning, real=None, integer=True)

    def group(self, name: str) -> sp.Symbol:
        """The set of the nodes of a group."""
        size = next((g.size for g in self.system.topology.groups if g.name == name), None)
        members = f"{size} nodes" if size is not None else "elements"
        return self.symbol(
            ("group", name), [word(name), rf"\mathcal{{V}}_{{{word(name)}}}"], f"the {members} of group {name}"
        )

    def elements(self, placement: Placement) -> sp.Symbol:
        """The set of the elements of a bundle."""
        if len(placement.component.ports) == 1:
            return self.group(placement.groups[0])
        meaning = f"the {self.system.count(placement)} elements (source, target) of bundle {shown_name(placement.name)}"
        if len(placement.component.ports) != 2:
            ports = ", ".join(placement.component.ports)
            meaning = f"the {self.system.count(placement)} elements ({ports}) of bundle {shown_name(placement.name)}"
        if isinstance(placement.pattern, OneToOne):
            meaning = f"the {self.system.count(placement)} elements of bundle {shown_name(placement.name)}"
            meaning += "; element i joins nodes i"
        candidates = [word(placement.name), rf"\mathcal{{E}}_{{{word(placement.name)}}}"]
        return self.symbol(("elements", placement.name), candidates, meaning)

    def neighbours(self, placement: Placement, node: sp.Symbol) -> sp.Expr:
        """The nodes that a symmetric bundle joins to a node."""
        several = len([p for p in self.system.placements if len(p.component.ports) == 2]) > 1
        name = r"\mathcal{N}"
        candidates = [raised(name, word(placement.name))] if several else [name, raised(name, word(placement.name))]
        meaning = f"the nodes that an element of {shown_name(placement.name)} joins to node i, whichever its direction"
        return self.indexed(("neighbours", placement.name), candidates, meaning, (node,), shown=(self.index(0),))

    def outputs(self, group: str) -> sp.Symbol:
        """The set of the output nodes of a group; the group itself where all its nodes are outputs."""
        part = next(p for p in self.system.outputs.parts if p.group == group)
        if part.whole:
            return self.group(group)
        several = len(self.system.outputs.parts) > 1
        base = r"\mathcal{O}"
        candidates = [raised(base, word(group))] if several else [base]
        return self.symbol(("outputs", group), candidates, f"the {len(part.indices)} output nodes of group {group}")

    # ---- physical quantities -----------------------------------------------------------------------------------------

    def state(self, group: str | None, coordinate: Coordinate, order: int, indices: Sequence[sp.Symbol]) -> sp.Expr:
        """A coordinate, rate or acceleration of a group's node; of any node where `group` is None."""
        homes = self._homes.get(coordinate, [])
        if len(homes) <= 1:
            group = homes[0] if homes else None
        latex = coordinate.with_order(order).latex_name
        kind = ("", "rate of ", "acceleration of ")[order]
        text = coordinate.description or f"coordinate {coordinate.name}"
        if order and coordinate.rate_name is not None:
            kind, text = (
                ("", f"rate of {coordinate.name} ({text})") if order == 1 else ("rate of ", coordinate.rate_name)
            )
        internal = group is not None and any(v.internal for v in self.derivation.group_variables(group))
        where = ""
        if len(homes) > 1 and group is not None:
            where = f", group {group}" if not internal else f", of an element of {group}"
        base = [raised(latex, word(group))] if where and group else [latex, raised(latex, word(coordinate.name))]
        rate_unit = getattr(coordinate, "rate_unit", "")
        second = per_second(rate_unit, 1) or per_second(coordinate.unit, 2)
        unit = (coordinate.unit, rate_unit or per_second(coordinate.unit, 1), second)[order]
        own = ("state", group if where else None, coordinate, order)
        return self.indexed(own, base, f"{kind}{text}{where}", indices, unit=unit, shown=self._plain(len(indices)))

    def parameter(self, placement: str | None, p: Parameter, indices: Sequence[sp.Symbol]) -> sp.Expr:
        """A parameter of a placement's element; of any placement where `placement` is None."""
        owners = self._owners.get(p.latex_name, {placement})
        single = len(owners) == 1
        base = [p.latex_name, *(raised(p.latex_name, word(name)) for name in sorted(map(str, owners)) if single)]
        where = ""
        if not single and placement is not None:
            symbol = self.derivation.placed.get(placement, {}).get(p)
            assert symbol is None or isinstance(symbol, LocalSymbol)
            base, where = [raised(p.latex_name, word(placement))], f", of {shown_name(placement)}"
        text = p.description or f"parameter {p.name}"
        shared = ", one value for all elements" if p.shared else ""
        key = ("parameter", placement if where else None, p.latex_name)
        sign = {"positive": True} if p.is_positive else {}
        indices = () if p.shared else indices
        shown = self._plain(len(indices))
        domain = parameter_range(p)
        return self.indexed(
            key,
            base,
            f"{text}{where}{shared}",
            indices,
            unit=p.unit,
            domain=domain,
            shown=shown,
            kind=ParameterEntry,
            **sign,
        )

    def signal(self, placement: str, signal: Signal, indices: Sequence[sp.Symbol]) -> sp.Expr:
        """An input that an element reads."""
        text = f"{signal.description or f'input signal {signal.name}'}, of {placement}"
        candidates = [signal.latex_name, raised(signal.latex_name, word(placement))]
        key = ("signal", placement, signal)
        return self.indexed(key, candidates, text, indices, unit=signal.unit, shown=self._plain(len(indices)))

    def target(self, target: Target, index: sp.Symbol) -> sp.Expr:
        """The desired value of an output."""
        text = target.description or "target of an output"
        return self.indexed(("target", target), [target.latex_name], text, (index,), unit=target.unit)

    def drive(self, name: str, index: sp.Symbol) -> sp.Expr:
        """An input that acts as a force on nodes."""
        head = name if len(name) == 1 else "u"
        candidates = [head, raised("u", word(name)), raised(r"\mathcal{I}", word(name))]
        return self.indexed(("drive", name), candidates, f"input {name}, a force on the nodes that it drives", (index,))

    def multiplier(self, placement: Placement, k: int) -> LocalSymbol:
        """The multiplier of a component's k-th constraint, for use in the component's terms."""
        symbol = local_symbol(f"multiplier{k}@{placement.name}", r"\lambda")
        self._multipliers[symbol] = (placement, k)
        return symbol

    def companion(self, kind: str, slot: Slot, made: Companion) -> LocalSymbol:
        """A quantity beside the unknown of a slot, for use in a component's terms; `rename` puts it in place."""
        symbol = local_symbol(f"{kind}@{slot.port}.{slot.coordinate.name}", r"\lambda")
        self._companions[symbol] = (slot, made)
        return symbol

    def _multiplier_of(self, symbol: sp.Symbol, element: Sequence[sp.Symbol]) -> sp.Expr:
        placement, k = self._multipliers[symbol]
        several = sum(len(p.component.constraint) for p in self.system.placements) > 1
        own = f"{word(placement.name)}" + (f",{k + 1}" if len(placement.component.constraint) > 1 else "")
        candidates = [raised(r"\lambda", own)] if several else [r"\lambda", raised(r"\lambda", own)]
        meaning = (
            f"multiplier of the constraint of {shown_name(placement.name)}: the constraint force per unit of its slope"
        )
        return self.indexed(("multiplier", symbol), candidates, meaning, element, shown=self._plain(len(element)))

    def quantity(self, key: str, candidates: Sequence[str], meaning: Text, indices: Sequence = (), **more) -> sp.Expr:
        """A quantity of the page's own, such as the total energy."""
        return self.indexed(("page", key), candidates, meaning, indices, **more)

    def _plain(self, count: int) -> tuple[sp.Symbol, ...]:
        return tuple(self.index(n) for n in range(count))

    # ---- renaming ----------------------------------------------------------------------------------------------------

    def ports(self, placement: Placement, receiver: int | None = None) -> tuple[sp.Symbol, ...]:
        """An index for every port: i, j, ... in order; with a `receiver`, its port has i and the others j, k, ..."""
        count = len(placement.component.ports)
        if isinstance(placement.pattern, OneToOne):
            return (self.index(0),) * count
        if receiver is None:
            return tuple(self.index(n) for n in range(count))
        others = iter(range(1, count))
        return tuple(self.index(0 if port == receiver else next(others)) for port in range(count))

    def element(self, placement: Placement, ports: Sequence[sp.Symbol]) -> tuple[sp.Symbol, ...]:
        """The indices of a parameter of an element."""
        return (ports[0],) if isinstance(placement.pattern, OneToOne) else tuple(ports)

    def rename(
        self, expr: sp.Expr, placement: Placement, ports: Sequence[sp.Symbol], *, generic: bool = False
    ) -> sp.Expr:
        """A component's expression in the page's symbols, for the element whose nodes have these indices.

        With `generic` the component stands for all its placements.
        """
        component, element = placement.component, self.element(placement, ports)
        found = {}
        for symbol in expr.free_symbols:
            if isinstance(symbol, StateSymbol):
                slot = component.slot(symbol)
                at = element if slot.port is None else (ports[component.ports.index(slot.port)],)
                group = None if generic else placement.group_of(slot.port)
                found[symbol] = self.state(group, symbol.coordinate, symbol.order, at)
            elif isinstance(symbol, Parameter):
                found[symbol] = self.parameter(None if generic else placement.name, symbol, element)
            elif isinstance(symbol, Signal):
                found[symbol] = self.signal(placement.name, symbol, element)
            elif symbol == time:
                found[symbol] = self.quantity("time", ["t", r"\tau"], "time", unit="s")
            elif symbol == drive:
                found[symbol] = self.quantity("drive", ["D", r"\mathcal{D}"], symbol.description)
            elif symbol in self._companions:
                slot, made = self._companions[symbol]
                at = element if slot.port is None else (ports[component.ports.index(slot.port)],)
                found[symbol] = made(placement.group_of(slot.port), slot.coordinate, at)
            elif symbol in self._multipliers:
                found[symbol] = self._multiplier_of(symbol, element)
        return readable(expr.xreplace(found))
