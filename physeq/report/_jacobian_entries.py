"""What elements add to Jᵀ − J, J the Jacobian of the forces: entries of one element, and their sums for two unknowns.

An element with any number of ports has an entry Q for every two unknowns that it joins. The entries of all elements
that join the same two unknowns add up to S, an entry of Jᵀ − J: where Q is that of elements from source to target,
S_ij = Q_ij − Q_ji.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import sympy as sp

from physeq.graph import Dense
from physeq.report._assemble import has_parallel, is_one_to_one
from physeq.report._naming import Names
from physeq.report._operators import SumOver, Written
from physeq.report._reading import called, place
from physeq.report._rule_transposed import defect
from physeq.report._words import raised, shown_name, word
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.reduction import Variable

Indices: TypeAlias = tuple[sp.Symbol, ...]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two unknowns that elements join, and what one element adds to Jᵀ − J in the row of `a` and the column of `b`."""

    form: PlacementForm
    a: Slot
    b: Slot
    entry: sp.Expr

    @property
    def internal(self) -> bool:
        """Whether an unknown lives inside the element, so that no other element joins the two."""
        return self.a.port is None or self.b.port is None

    def short(self) -> str:
        """The two slots in few words: their ports, with the coordinate where a port has several."""
        words = []
        for slot in (self.a, self.b):
            several = sum(other.port == slot.port for other in self.form.unknowns) > 1
            words += [slot.coordinate.name] if several or slot.port is None else []
            words += [slot.port] if slot.port is not None and len(self.form.placement.component.ports) > 1 else []
        return " ".join(words)

    def words(self) -> str:
        """The row and the column of the entry."""
        component = self.form.placement.component
        row, column = (f"{called(x)}{place(component, x)}" for x in (self.form.unknowns[s] for s in (self.a, self.b)))
        return f"in the row of the {row} and the column of the {column}"


def pairs_of(form: PlacementForm) -> list[Pair]:
    """The pairs of unknowns whose forces in an element do not come from an energy."""
    if not form.forces:
        return []
    slots = form.dynamic
    found = [Pair(form, a, b, defect(form, a, b)) for n, a in enumerate(slots) for b in slots[n + 1 :]]
    return [pair for pair in found if pair.entry != 0]


class JacobianEntries:
    """The entries Q of elements and their sums S on one page.

    Attributes:
        pairs: {placement: its pairs}, of placements that have some.
    """

    def __init__(self, names: Names):
        self.names = names
        found = {form.placement.name: pairs_of(form) for form in names.derivation.forms}
        self.pairs = {name: pairs for name, pairs in found.items() if pairs}
        # S of two kinds of unknowns is written in one order: the other order is the other sign.
        self._sums: dict[Hashable, list[Pair]] = {}
        for pair in (pair for pairs in self.pairs.values() for pair in pairs):
            key: Hashable = (pair.form.placement.name, pair.a, pair.b)
            if not pair.internal:
                kinds = self._unknowns(pair)
                key = kinds[::-1] if kinds[::-1] in self._sums else kinds
            self._sums.setdefault(key, []).append(pair)

    def _unknowns(self, pair: Pair) -> tuple[Variable, Variable]:
        variables, group_of = self.names.derivation.variables, pair.form.placement.group_of
        a, b = (variables[group_of(slot.port), slot.coordinate] for slot in (pair.a, pair.b))
        return a, b

    def _nodes(self, pair: Pair) -> Indices:
        """The indices of the nodes of the two unknowns, where they are on nodes."""
        ports, own = self.names.ports(pair.form.placement), pair.form.placement.component.ports
        return tuple(ports[own.index(slot.port)] for slot in (pair.a, pair.b) if slot.port is not None)

    def _on_one_node(self, pair: Pair) -> bool:
        """Whether every element joins two unknowns of one node."""
        return len(set(self._nodes(pair))) == 1

    # ---- entries of elements -----------------------------------------------------------------------------------------

    def entry(self, pair: Pair, ports: Indices | None = None) -> sp.Expr:
        """Q of the element whose nodes have these indices."""
        names, placement = self.names, pair.form.placement
        own = names.ports(placement)
        meaning = f"entry of the transposed less the own Jacobian, of one element of {shown_name(placement.name)}"
        candidates = ["Q", raised("Q", word(placement.name))]
        if len(self.pairs[placement.name]) > 1:
            candidates = [raised("Q", word(pair.short())), raised("Q", word(f"{placement.name} {pair.short()}"))]
            meaning += f", {pair.words()}"
        key = ("entry", placement.name, pair.a, pair.b)
        indices = names.element(placement, own if ports is None else ports)
        return names.indexed(key, candidates, meaning, indices, shown=names.element(placement, own))

    # ---- sums over elements ------------------------------------------------------------------------------------------

    def sum_at(self, pair: Pair) -> sp.Expr:
        """S for the two unknowns of a pair, of one element; with a minus where S is written the other way round."""
        placement = pair.form.placement
        if pair.internal:
            key = (placement.name, pair.a, pair.b)
            return self._sum_symbol(key, self.names.element(placement, self.names.ports(placement)))
        kinds, at = self._unknowns(pair), self._nodes(pair)
        return self._sum_symbol(kinds, at) if kinds in self._sums else -self._sum_symbol(kinds[::-1], at[::-1])

    def sums(self) -> Iterator[tuple[sp.Expr, sp.Expr]]:
        """(S, what it is in the entries of elements) for every two kinds of unknowns."""
        i, j = self.names.index(0), self.names.index(1)
        for key, pairs in self._sums.items():
            if pairs[0].internal:
                yield self.sum_at(pairs[0]), self._inside(pairs[0])
                continue
            here = [pair for pair in pairs if self._on_one_node(pair)]
            if len(here) == len(pairs):
                yield self._sum_symbol(key, (i, i)), self._together(key, pairs, (i, i), 1)
                continue
            value = self._together(key, [pair for pair in pairs if pair not in here], (i, j), 2)
            if (same := self._together(key, here, (i, i), 2)) != 0:
                value = Written(value, sp.Piecewise((same, sp.Eq(i, j)), (sp.S.Zero, True)))
            yield self._sum_symbol(key, (i, j)), value

    def _sum_symbol(self, key: Hashable, at: Indices) -> sp.Expr:
        names, pairs = self.names, self._sums[key]
        first, several = pairs[0], len(self._sums) > 1
        meaning = "sum of the entries of all elements in the row of one free unknown and the column of another"
        row, column = kinds = self._unknowns(first)
        if len([v for v in names.derivation.variables.values() if v.group in names.derivation.locals]) > 1:
            meaning += f", {row.key} of {row.group} and {column.key} of {column.group}"
        own = " ".join(dict.fromkeys(filter(None, map(self._called, kinds))))
        if first.internal:
            own = f"{first.form.placement.name} {first.short()}"
            meaning += "".join(f", at the {slot.port}" for slot in (first.a, first.b) if slot.port is not None)
        elif all(map(self._on_one_node, pairs)):
            at = at[:1]
        candidates = [raised("S", word(own))] if own and several else ["S"]
        shown = tuple(names.index(n) for n in range(len(at)))
        return names.indexed(("sum", key), candidates, meaning, at, shown=shown)

    def _called(self, v: Variable) -> str:
        """An unknown in few words: what tells it from the others on nodes."""
        others = [o for o in self.names.derivation.variables.values() if o is not v and not o.internal]
        words = [v.group] if any(o.group != v.group for o in others) else []
        return " ".join([*words, *([v.key] if any(o.group == v.group for o in others) else [])])

    def _together(self, key: Hashable, pairs: list[Pair], at: Indices, letters: int) -> sp.Expr:
        """The entries of all elements between an unknown of one kind and one of the other, on two nodes."""
        terms = []
        for pair in pairs:
            kinds = self._unknowns(pair)
            if kinds == kinds[::-1] and self._on_one_node(pair):
                continue  # an unknown with itself: both signs
            if kinds == key:
                terms.append(self._between(pair, at, letters))
            if kinds[::-1] == key:
                terms.append(-self._between(pair, at[::-1], letters))
        return Written(*terms)

    def _between(self, pair: Pair, at: Indices, letters: int) -> sp.Expr:
        """Q of the elements that join unknowns on two nodes, whatever nodes their other ports touch."""
        names, placement = self.names, pair.form.placement
        if is_one_to_one(placement):
            return self.entry(pair, (at[0],) * len(placement.component.ports))
        node = {pair.a.port: at[0], pair.b.port: at[1]}
        bound = [port for port in placement.component.ports if port not in node]
        node |= {port: names.index(letters + n) for n, port in enumerate(bound)}
        ports = tuple(node[port] for port in placement.component.ports)
        entry, runs = self.entry(pair, ports), tuple(node[port] for port in bound)
        if isinstance(placement.pattern, Dense) and runs:
            others = names.group(placement.groups[placement.component.ports.index(bound[0])])
            return SumOver(entry, runs, runs, others)
        # Without an index that runs this is the sum of the elements between the same nodes.
        return SumOver(entry, runs, ports, names.elements(placement)) if runs or has_parallel(placement) else entry

    def _inside(self, pair: Pair) -> sp.Expr:
        """The entries of one element between an unknown inside it and one on a node, which may be at several ports."""
        found = self.entry(pair)
        for other in self.pairs[pair.form.placement.name]:
            same = other is not pair and other.b == pair.b and self._unknowns(other) == self._unknowns(pair)
            if same and self._touch_one_node(pair, other):
                at_both = sp.Eq(*self._nodes(pair), *self._nodes(other))
                found = Written(found, sp.Piecewise((self.entry(other), at_both), (sp.S.Zero, True)))
        return found

    def _touch_one_node(self, pair: Pair, other: Pair) -> bool:
        """Whether some element touches one node with the ports of two pairs."""
        placement = pair.form.placement
        rows = placement.pattern.rows(self.names.system.sizes(placement))
        a, b = (placement.component.ports.index(p.a.port) for p in (pair, other))
        return bool((rows[:, a] == rows[:, b]).any())
