"""Derived expressions of single components → formulas of a whole system: totals, and what acts on one node."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import sympy as sp

from physeq.graph import Dense, OneToOne, Sparse
from physeq.report._layout import width
from physeq.report._naming import Names
from physeq.report._operators import Bracket, PageOperator, Written, sum_over
from physeq.report.notation import latex
from physeq.symbolic.component import Slot
from physeq.symbolic.placing import Placement
from physeq.symbolic.reduction import NodeClass, Variable, touched
from physeq.symbolic.symbols import StateSymbol

_BRACKET_WIDTH = 50.0  # in glyphs, beside a left side and a label

Term = Callable[[Placement, Slot], sp.Expr]


def tidy(expr: sp.Expr) -> sp.Expr:
    """An equal expression that is shorter in print, or the expression itself.

    >>> a, b, g = sp.symbols("a b g")
    >>> tidy(g * (2 * a - 2 * b) / 2)
    g*(a - b)
    """
    if expr.has(sp.Piecewise) or not expr.free_symbols:
        return expr
    parts = [_shortest([e, sp.factor_terms(e, sign=False)]) for e in sp.Add.make_args(expr)]
    return _shortest([sp.Add(*parts), sp.factor_terms(expr, sign=False)])


def _shortest(candidates: list[sp.Expr]) -> sp.Expr:
    return min(candidates, key=lambda e: (width(latex(e)), len(latex(e))))


def is_symmetric(placement: Placement) -> bool:
    """Whether an edge inside one group does the same when its ends are exchanged, so that its direction is a label.

    >>> import physeq as pq
    >>> d = pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0).derive()
    >>> is_symmetric(d.system.placements[0])
    True
    """
    component = placement.component
    groups = placement.groups
    if len(groups) != 2 or groups[0] != groups[1] or not isinstance(placement.pattern, Sparse):
        return False
    if component.internal or component.signals or component.bounds:
        return False
    if np.any(placement.pattern.indices[:, 0] == placement.pattern.indices[:, 1]):
        return False  # a loop on one node acts through both of its ends
    other = {"source": "target", "target": "source"}

    def swapped(e: sp.Expr) -> sp.Expr:
        return e.xreplace({s: s.at(other[s.port]) for s in e.free_symbols if isinstance(s, StateSymbol) and s.port})

    scalars = (component.kinetic, component.potential, component.dissipation)
    if component.constraint or any(sp.expand(e - swapped(e)) != 0 for e in scalars):
        return False
    return all(
        sp.expand(component.force.get(swapped(q), sp.S.Zero) - swapped(f)) == 0 for q, f in component.force.items()
    )


def has_parallel(placement: Placement) -> bool:
    """Whether two elements join the same nodes, so that (i, j) does not name an element."""
    if not isinstance(placement.pattern, Sparse) or not len(placement.pattern.indices):
        return False
    rows = np.asarray(placement.pattern.indices)
    if len(placement.groups) == 2 and is_symmetric(placement):
        rows = np.sort(rows, axis=1)
    return len(np.unique(rows, axis=0)) < len(rows)


def total(names: Names, expr: sp.Expr, placement: Placement) -> sp.Expr:
    """Σ over the elements of a placement of a density in the component's symbols."""
    ports = names.ports(placement)
    members = names.element(placement, ports)
    return sum_over(names.rename(tidy(expr), placement, ports), members, members, names.elements(placement))


def at_node(names: Names, variable: Variable, nodes: NodeClass | None, term: Term) -> list[sp.Expr]:
    """What every placement adds to the equation of one unknown at node i: one summand per placement and port.

    Args:
        variable: the unknown; an internal one has the equation of one element (i, j).
        nodes: the kind of node meant; placements that touch none of them add nothing.
        term: the term that a component adds at one of its slots.
    """
    found = []
    for placement in names.system.placements:
        for slot in placement.component.slots:
            if slot.coordinate != variable.coordinate or placement.group_of(slot.port) != variable.group:
                continue
            expr = term(placement, slot)
            if expr == 0 or (slot.port is not None and nodes is not None and not _meets(names, placement, slot, nodes)):
                continue
            if is_symmetric(placement):
                if slot.port == "source":
                    found.append(_received(names, placement, slot, tidy(expr), merged=True))
                continue
            found.append(_received(names, placement, slot, tidy(expr)))
    return [summand for e in found for summand in sp.Add.make_args(e) if summand != 0]


def _meets(names: Names, placement: Placement, slot: Slot, nodes: NodeClass) -> bool:
    ports = [0, 1] if is_symmetric(placement) else [placement.component.ports.index(slot.port)]
    return any(touched(names.system, placement, port)[nodes.indices].any() for port in ports)


def _received(names: Names, placement: Placement, slot: Slot, expr: sp.Expr, merged: bool = False) -> sp.Expr:
    if slot.port is None:
        return names.rename(expr, placement, names.ports(placement))
    receiver = placement.component.ports.index(slot.port)
    ports = names.ports(placement, receiver)
    renamed = names.rename(expr, placement, ports)
    return around(names, placement, receiver, renamed, merged)


def around(names: Names, placement: Placement, receiver: int, renamed: sp.Expr, merged: bool = False) -> sp.Expr:
    """The sum of a renamed term over the elements that touch node i at a port (at either port when `merged`)."""
    ports = names.ports(placement, receiver)
    here = ports[receiver]
    bound = [index for index in dict.fromkeys(ports) if index != here]
    if not bound:
        return renamed
    if merged:
        return sum_over(renamed, bound, bound, names.neighbours(placement, here))
    if isinstance(placement.pattern, Dense):
        return sum_over(renamed, bound, bound, names.group(placement.groups[1 - receiver]))
    return sum_over(renamed, bound, ports, names.elements(placement))


def is_one_to_one(placement: Placement) -> bool:
    """Whether instance k touches node k of each group."""
    return isinstance(placement.pattern, OneToOne)


def gathered(summands: Iterable[sp.Expr]) -> sp.Expr:
    """The sum of summands, with a factor that several of them share written once: ρ′(s) (Σ w ρ(s) + b).

    >>> r, b, s, j, n = sp.symbols("r b s j n")
    >>> gathered([r * b, 2 * s, sum_over(r * sp.IndexedBase("w")[j], (j,), (j,), n)])
    2*s + r*(b + Σ[j ∈ n] w[j])
    """
    summands = [s for s in summands if s != 0]
    shared: dict[sp.Expr, list[tuple[sp.Expr, sp.Expr]]] = {}
    for summand in summands:
        factors = [f for f in sp.Mul.make_args(summand) if not f.is_number and not isinstance(f, PageOperator)]
        has_sum = any(isinstance(f, PageOperator) for f in sp.Mul.make_args(summand))
        if has_sum and factors:
            shared.setdefault(sp.Mul(*factors), [])
    rest = []
    for summand in summands:
        present = set(sp.Mul.make_args(summand))
        home = next((p for p in shared if set(sp.Mul.make_args(p)) <= present), None)
        if home is None:
            rest.append(summand)
        else:
            shared[home].append((summand, summand / home))
    result = list(rest)
    for factor, members in shared.items():
        if len(members) < 2:
            result += [whole for whole, _ in members]
            continue
        numbers = {abs(part.as_coeff_Mul()[0]) for _, part in members}
        number = numbers.pop() if len(numbers) == 1 else sp.S.One
        if all(part.could_extract_minus_sign() for _, part in members):
            number = -number
        whole = sp.Mul(number, *sp.Mul.make_args(factor), Bracket(Written(*(part / number for _, part in members))))
        # A bracket cannot be cut between lines: a long one is written term by term.
        fits = width(latex(whole)) < _BRACKET_WIDTH
        result += [whole] if fits else [summand for summand, _ in members]
    return Written(*result)
