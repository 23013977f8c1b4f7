"""Forces that transpose a Jacobian, per group, from the derived forces: AsymmetricEP's correction and DyadicEP's copy.

The force −2A(x − x⁰) = (Jᵀ − J)(x − x⁰), A = (J − Jᵀ)/2, acts on an unknown a through every element that joins it to
an unknown b: (∂f_b/∂x_a − ∂f_a/∂x_b)(x_b − x_b⁰). Terms of an energy drop out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import at_node, gathered, tidy
from physeq.report._locality import readout_locality
from physeq.report._motion import equation_indices, motion_equation
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written
from physeq.report._relations import InPhase, Slope
from physeq.report._rule_phases import LOCALITY, free_unknowns, objective, per_unknown, rate
from physeq.report._rule_response import at_free, general, locality, readout_updates, response_words, updates
from physeq.report._steady import cost_symbol, free_nodes, nudge_symbol
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section, Table
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm, derivative
from physeq.symbolic.identities import is_zero
from physeq.symbolic.placing import Placement
from physeq.symbolic.reduction import Variable


def defect(form: PlacementForm, a: Slot, b: Slot) -> sp.Expr:
    """∂f_b/∂x_a − ∂f_a/∂x_b of one element, the entry of Jᵀ − J in row a and column b.

    >>> import physeq as pq
    >>> w, s = pq.parameter("w"), pq.coordinate("s")
    >>> arrow = pq.Edge("arrow", force={s.target: w * s.source})
    >>> unit = pq.Node("unit", potential=s**2 / 2)
    >>> system = pq.System(pq.from_edges([0], [1], 2, directed=True), nodes=unit, edges=arrow)
    >>> form = next(f for f in system.derive().forms if not f.local)
    >>> defect(form, *form.dynamic)
    w
    """
    # What the energy adds is symmetric.
    first, second = (form.forces.get(slot, sp.S.Zero) for slot in (a, b))
    found = derivative(second, form.unknowns[a]) - derivative(first, form.unknowns[b])
    return sp.S.Zero if is_zero(found) else found


# ---- AsymmetricEP ----------------------------------------------------------------------------------------------------


def correction(names: Names, v: Variable) -> sp.Expr:
    """−2A(x − x⁰) on an unknown at node i."""
    forms = {form.placement.name: form for form in names.derivation.forms}

    def moved(group: str, coordinate, at) -> sp.Expr:
        b = names.derivation.variables[group, coordinate]
        x = names.state(group, coordinate, int(b.reduced), at)
        return x - InPhase(x, sp.S.Zero)

    def term(placement: Placement, slot: Slot) -> sp.Expr:
        form = forms[placement.name]
        if slot not in form.dynamic or not form.forces:
            return sp.S.Zero
        entries = {b: defect(form, slot, b) for b in form.dynamic if b != slot}
        return sp.Add(*(at_free(form, e) * names.companion("moved", b, moved) for b, e in entries.items() if e != 0))

    return gathered(at_node(names, v, free_nodes(names, v), term))


def corrections(names: Names) -> Iterator[Block]:
    """The force that the nudged phases need, per group, and their equations of motion."""
    found = [(v, correction(names, v)) for v in free_unknowns(names)]
    if all(value == 0 for _, value in found):
        yield Note(
            "All forces come from one energy: the Jacobian is symmetric, the correction −2A(x − x⁰) is zero, and the "
            "nudged phases are those of equilibrium propagation."
        )
        return
    yield Paragraph(
        "In the nudged phases the system must be given the force −2A(x − x⁰), A = (J − Jᵀ)/2, J the Jacobian of the "
        "forces at the free state x⁰. These are the sums that a board has to realise, from the derived forces:"
    )
    for v, value in found:
        at = equation_indices(names, v)
        symbol = per_unknown(names, "correction", ["a", r"\mathcal{A}"], "force −2A(x − x⁰) on an unknown", v, at)
        yield Equation(symbol, value, label=f"correction, group {v.group}")
    yield Paragraph("A nudged phase follows the equations of motion with the nudge and this force:")
    for v, value in found:
        at = equation_indices(names, v)
        symbol = per_unknown(names, "correction", ["a", r"\mathcal{A}"], "force −2A(x − x⁰) on an unknown", v, at)
        left, right = motion_equation(names, v, free_nodes(names, v))
        added = [symbol] if value != 0 else []
        yield Equation(left, Written(right, *_nudge(names, v), *added), label=f"nudged phase, group {v.group}")


def _nudge(names: Names, v: Variable) -> list[sp.Expr]:
    """−β ∂C/∂x, where the group has outputs."""
    if v not in names.derivation.cost.unknowns.values():
        return []
    x = names.state(v.group, v.coordinate, int(v.reduced), equation_indices(names, v))
    return [-Scaled(nudge_symbol(names), Slope(cost_symbol(names), x))]


def extra_storage(names: Names) -> list[Block]:
    """What an element keeps for the correction."""
    rows = []
    for form in names.derivation.forms:
        pairs = [(a, b) for n, a in enumerate(form.dynamic) for b in form.dynamic[n + 1 :]]
        for a, b in pairs if form.forces else ():
            if (entry := defect(form, a, b)) != 0:
                placement = form.placement
                ports = names.ports(placement)
                ends = [names.rename(form.unknowns[slot], placement, ports) for slot in (a, b)]
                shown = names.rename(tidy(entry), placement, ports)
                both: list = [Math(ends[0]), " and ", Math(ends[1]), " of the free state"]
                rows.append([placement.name, Math(shown), both])
    if not rows:
        return []
    text = "The correction needs at every element, during the nudged phases, one entry of the Jacobian and two states:"
    return [Paragraph(text), Table(["Bundle", "Entry of the transposed less the own Jacobian", "Stored"], rows)]


# ---- DyadicEP --------------------------------------------------------------------------------------------------------


def dyadic(names: Names, rule: Any) -> list[Block]:
    """The blocks of the rule of two copies."""
    beta, eta = nudge_symbol(names), rate(names)
    rows = [
        ["mean", "0", "the start values", "the state itself"],
        ["difference", rule.phases()[1].nudge, "zero", "1/β"],
    ]
    blocks: list[Block] = [*objective(names, rule), Table(["Copy", "Nudge", "Starts from", "Weight"], rows)]
    blocks.append(
        Paragraph(
            "The mean m of two copies follows the equations of motion without nudge. Their difference d follows the "
            "transposed Jacobian J(m)ᵀ d and carries the error; here m is written in the symbols of the state."
        )
    )
    for v in free_unknowns(names):
        left, right = motion_equation(names, v, free_nodes(names, v))
        blocks.append(Equation(left, right, label=f"mean, group {v.group}"))
    for v in free_unknowns(names):
        left, right = difference_equation(names, v)
        blocks.append(Equation(left, right, label=f"difference, group {v.group}"))
    blocks += general(names, -1 / beta, r"\mathbf{d}^{\top}", "the differences of all free unknowns", "the mean")
    blocks += updates(
        names,
        eta / beta,
        lambda form, slot: _difference(names, slot, 0),
        lambda form, p: response_words(form, p, "the difference of the copies", "at the mean"),
        lambda form, expr: expr,
    )
    blocks += readout_updates(names, lambda slope: slope, "at the mean")
    stored = "none: both copies are there at the same time"
    table = locality(names, "mean and difference, at the same time", lambda n: stored, _CLOSING, _difference_symbol)
    return [*blocks, Section(LOCALITY, [*table, *readout_locality(names)])]


_CLOSING = (
    "The difference is a second system of the same size, whose couplings are the transposed Jacobian at the mean. "
    "Inputs and clamped nodes are known and need no measurement; their difference is zero."
)


def _difference_symbol(names: Names, v: Variable, at, rates: int = 0) -> sp.Expr:
    """d_i, or its rate."""
    if rates:
        meaning = "rate of the difference of the two copies"
        return per_unknown(names, "difference rate", [r"\dot{d}", r"\dot{\delta}"], meaning, v, at)
    return per_unknown(names, "difference", ["d", r"\delta"], "difference of the two copies in an unknown", v, at)


def _difference(names: Names, slot: Slot, rates: int) -> sp.Expr:
    def made(group: str, coordinate, at) -> sp.Expr:
        return _difference_symbol(names, names.derivation.variables[group, coordinate], at, rates)

    return names.companion("difference rate" if rates else "difference", slot, made)


def difference_equation(names: Names, v: Variable) -> tuple[sp.Expr, sp.Expr]:
    """(M ḋ, Jᵀ d − β ∂C/∂x) of an unknown at node i; held nodes have d = 0."""
    forms, nodes = {form.placement.name: form for form in names.derivation.forms}, free_nodes(names, v)

    def term(placement: Placement, slot: Slot) -> sp.Expr:
        form = forms[placement.name]
        if slot not in form.dynamic:
            return sp.S.Zero
        entries = {b: derivative(form.force(b), form.unknowns[slot]) for b in form.dynamic}
        return sp.Add(*(tidy(e) * _difference(names, b, 0) for b, e in entries.items()))

    def inertia(placement: Placement, slot: Slot) -> sp.Expr:
        mass = forms[placement.name].mass
        return sp.Add(*(e * _difference(names, b, 1) for (a, b), e in mass.items() if a == slot))

    right = gathered([*at_node(names, v, nodes, term), *_nudge(names, v)])
    return gathered(at_node(names, v, nodes, inertia)), right
