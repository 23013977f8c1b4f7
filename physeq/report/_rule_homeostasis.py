"""Jacobian homeostasis on a page: the penalty on what is not reciprocal, around the page of another rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._jacobian_entries import JacobianEntries
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written, sum_over
from physeq.report._relations import Change
from physeq.report._rule_phases import loss, rate
from physeq.report._rule_updates import described, page_parameter, trained
from physeq.report._words import shown_name
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import Parameter


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
    entries = JacobianEntries(names)
    if not entries.pairs:
        yield Note("All forces come from one energy: the penalty is zero for all parameters, and adds nothing.")
        return
    yield Paragraph(
        "Every element adds an entry to Jᵀ − J for every two unknowns that it joins and whose forces come from no "
        "energy, derived from these forces:"
    )
    for name, pairs in entries.pairs.items():
        for pair in pairs:
            placement = pair.form.placement
            shown = names.rename(tidy(pair.entry), placement, names.ports(placement))
            yield Equation(entries.entry(pair), shown, label=f"entry, {shown_name(name)}", note=pair.words())
    yield Paragraph(
        "The entries of all elements that join the same two unknowns add up, those in the other direction with the "
        "other sign. Elements that do not exist count as zero, and the sum is zero where one of the two unknowns is "
        "held:"
    )
    for symbol, value in entries.sums():
        yield Equation(symbol, value, label="sum")
    yield Paragraph(["Besides the update of the wrapped rule, every parameter of these elements moves by"])
    yield from _updates(names, entries, -2 * rate(names) * strength)


def _updates(names: Names, entries: JacobianEntries, factor: sp.Expr) -> Iterator[Block]:
    """Δp = factor·Σ S ∂Q/∂p of every trained parameter that an entry holds."""
    for form, p in trained(names):
        placement = form.placement
        pairs = [pair for pair in entries.pairs.get(placement.name, []) if pair.entry.has(p)]
        if not pairs:
            continue
        terms = [_summed(names, placement, p, entries.sum_at(pair), pair.entry).as_coeff_Mul() for pair in pairs]
        told = "the sum of the entries, what is not reciprocal between two unknowns, times the slope of its own entry"
        if len(pairs) > 1:
            told += ", added up over the pairs of unknowns that the element joins"
        change = Written(*(Scaled(factor * number, rest) for number, rest in terms))
        label = f"homeostasis, {described(form, p)}"
        yield Equation(Change(page_parameter(names, form, p)), change, label=label, note=told)


def _summed(names: Names, placement: Placement, p: Parameter, total: sp.Expr, entry: sp.Expr) -> sp.Expr:
    """The sum of the entries times ∂Q/∂p of one element; the sum over all elements for a shared parameter."""
    ports = names.ports(placement)
    body = total * names.rename(tidy(sp.diff(entry, p)), placement, ports)
    if not p.shared:
        return body
    members = names.element(placement, ports)
    return sum_over(body, members, members, names.elements(placement))
