"""Jacobian homeostasis on a page: the penalty on what is not reciprocal, around the page of another rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written
from physeq.report._relations import Change
from physeq.report._rule_phases import loss, rate
from physeq.report._rule_response import of_elements
from physeq.report._rule_transposed import defect
from physeq.report._rule_updates import described, page_parameter, trained
from physeq.report._words import raised, shown_name, word
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm


def homeostasis(names: Names, rule: Any, title: str, inner: list[Block]) -> list[Block]:
    """The penalty and its update, and the blocks of the wrapped rule as a section of their own."""
    a = names.quantity(
        "antisymmetric",
        [r"{\Vert\mathbf{A}\Vert}^{2}"],
        "sum of the squared entries of A, the antisymmetric part of the Jacobian of the forces at the free state",
    )
    penalty = names.quantity("penalty", [r"\Lambda", r"\Lambda_{A}"], "penalty on forces that are not reciprocal")
    strength = names.quantity(
        "strength", [r"\lambda", r"\lambda_{A}"], f"strength of the penalty, here {rule.strength:g}", positive=True
    )
    blocks: list[Block] = [
        Paragraph(["The rule adds to the gradient of ", Math(loss(names)), f" of {title} the slope of a penalty:"]),
        Equation(penalty, Scaled(2 * strength, a), label="penalty"),
    ]
    drawn = f"{rule.samples} random vector{'s' if rule.samples != 1 else ''} ε ~ N(0, 1) per sample of the batch"
    blocks.append(
        Paragraph(
            f"On the system it is estimated from {drawn}, as the mean of ‖Jε‖² − εᵀJ²ε = 2‖A‖², with two products of "
            "the Jacobian J and one of its transpose. The free state is held fixed in the slope."
        )
    )
    blocks += _entries(names, strength)
    return [*blocks, Section(f"Wrapped rule: {title}", inner)]


def _entries(names: Names, strength: sp.Expr) -> Iterator[Block]:
    """What every element adds to the antisymmetric part, and how the penalty moves its parameters."""
    found = [form for form in names.derivation.forms if any(e != 0 for *_, e in _pairs(form))]
    if not found:
        yield Note("All forces come from one energy: the penalty is zero for all parameters, and adds nothing.")
        return
    yield Paragraph(
        "Every element adds an entry to Jᵀ − J, in the row of its source and the column of its target, derived from "
        "its forces:"
    )
    for form in found:
        if len(form.dynamic) != 2:
            yield Note(f"Elements of {shown_name(form.placement.name)} join more than two unknowns.")
        for a, b, entry in _pairs(form):
            if entry != 0:
                shown = names.rename(tidy(entry), form.placement, names.ports(form.placement))
                yield Equation(_entry(names, form, a, b), shown, label=f"entry, {shown_name(form.placement.name)}")
    simple = [form for form in found if len(form.dynamic) == 2]
    if simple:
        text = "Elements that join the same two unknowns add up, those in the other direction with the other sign; "
        yield Paragraph(text + "elements that do not exist, or that touch a held node, count as zero:")
    for form in simple:
        yield Equation(_sum_symbol(names, form), _sum(names, form, simple), label="sum")
    yield Paragraph(["Besides the update of the wrapped rule, every parameter of these elements moves by"])
    for form, p in trained(names):
        if form not in simple:
            continue
        [(_, _, entry)] = _pairs(form)
        if entry.has(p):
            # In place of the sum until the page's indices are known.
            total = sp.Dummy("sum", real=True)
            body = of_elements(names, form, p, total * tidy(sp.diff(entry, p)))
            body = body.xreplace({total: _sum_symbol(names, form)})
            symbol = page_parameter(names, form, p)
            number, rest = body.as_coeff_Mul()
            factor = -2 * number * rate(names) * strength
            told = (
                "the sum of the entries, what is not reciprocal between two unknowns, times the slope of its own entry"
            )
            label = f"homeostasis, {described(form, p)}"
            yield Equation(Change(symbol), Scaled(factor, rest), label=label, note=told)


def _pairs(form: PlacementForm) -> list[tuple[Slot, Slot, sp.Expr]]:
    if not form.forces:
        return []
    slots = form.dynamic
    return [(a, b, defect(form, a, b)) for n, a in enumerate(slots) for b in slots[n + 1 :]]


def _entry(names: Names, form: PlacementForm, a: Slot, b: Slot, flipped: bool = False) -> sp.Expr:
    """Q of one element; with `flipped`, of the element in the other direction."""
    ports = names.ports(form.placement)
    element = names.element(form.placement, ports[::-1] if flipped else ports)
    where = form.placement.name
    own = "" if len(form.dynamic) == 2 else f" {a.coordinate.name} {a.port} {b.coordinate.name} {b.port}"
    meaning = f"entry of the transposed less the own Jacobian, of one element of {shown_name(where)}{own}"
    candidates = ["Q", raised("Q", word(where + own))] if not own else [raised("Q", word(where + own))]
    key = ("entry", where, a, b)
    return names.indexed(key, candidates, meaning, element, shown=names.element(form.placement, ports))


def _sum_symbol(names: Names, form: PlacementForm) -> sp.Expr:
    ports = names.ports(form.placement)
    meaning = f"sum of the entries between two unknowns, in the direction of {shown_name(form.placement.name)}"
    candidates = ["S", raised("S", word(form.placement.name))]
    return names.indexed(("sum", form.placement.name), candidates, meaning, names.element(form.placement, ports))


def _sum(names: Names, form: PlacementForm, others: list[PlacementForm]) -> sp.Expr:
    """Σ of the entries of all bundles between the unknowns of an element's ends."""

    def ends(f: PlacementForm) -> list[tuple]:
        return [(f.placement.group_of(slot.port), slot.coordinate) for slot in f.dynamic]

    terms = []
    for other in others:
        [(a, b, _)] = _pairs(other)
        if ends(other) == ends(form):
            terms.append(_entry(names, other, a, b))
        if ends(other) == ends(form)[::-1]:
            terms.append(-_entry(names, other, a, b, flipped=True))
    return Written(*terms)
