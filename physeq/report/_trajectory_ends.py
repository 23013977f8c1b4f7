"""What the ends of echoes add to updates: the terminal cost's start, and momenta that move with trained masses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import at_node, gathered, tidy
from physeq.report._motion import equation_indices
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written
from physeq.report._relations import Contrast
from physeq.report._rule_operators import At
from physeq.report._rule_phases import Measured
from physeq.report._trajectory_names import Indices, beside, companion, duration, free_variables
from physeq.report._trajectory_updates import of_elements, trained
from physeq.report.document import Block, Equation, Note, Paragraph
from physeq.symbolic.component import Slot
from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.symbols import Coordinate, Parameter


def _weighs(model: Any) -> bool:
    """Whether a trained parameter stands in a kinetic energy."""
    return any(form.placement.component.kinetic.has(p) for form, p in trained(model))


def kick(names: Names, model: Any, group: str, q: Coordinate, at: Indices) -> sp.Expr:
    """b_i, what the terminal cost displaces per nudge."""
    meaning = "displacement by the terminal cost, per nudge: its slope by the rates over the inertia"
    return beside(names, model, "kick", "b", meaning, group, q, at)


def apart(names: Names, model: Any, group: str, q: Coordinate, at: Indices) -> sp.Expr:
    """δ_i, how far the echoes end apart."""
    return beside(names, model, "apart", r"\delta", "how far the echoes end apart, per nudge", group, q, at)


def kick_equation(names: Names, model: Any, group: str, slope: sp.Expr) -> Iterator[Block]:
    """M b = ∂c/∂q̇."""
    q = model.cost.form.coordinate
    v = names.derivation.variables[group, q]

    def term(placement, slot):
        component = placement.component
        moved = {component.symbol(s, 1): _stand_in(names, model, "kick", s, kick) for s in component.slots}
        return sp.diff(component.kinetic, component.symbol(slot, 1)).xreplace(moved)

    sides = gathered(at_node(names, v, None, term)), slope
    yield Equation(*sides, label=f"displacement, group {group}", note="on all other nodes the right side is 0")


def _stand_in(names: Names, model: Any, kind: str, slot: Slot, made: Any) -> sp.Symbol:
    return companion(names, kind, slot, lambda group, q, at: made(names, model, group, q, at))


def ends_of_echoes(names: Names, model: Any, measured: tuple[Measured, ...]) -> Iterator[Block]:
    """δ, where a mass is trained."""
    if not _weighs(model):
        return
    end = duration(names, model.boundary)
    yield Paragraph("Where an inertia is trained, momenta move with it at given rates, which both ends feel through:")
    common = measured[0].weight
    terms = [(sp.simplify(m.weight / common), m.nudge) for m in measured]
    for group, q, v in free_variables(names, model):
        at = equation_indices(names, v.variable)
        difference = Scaled(common, Contrast(At(names.state(group, q, 0, at), end), *terms))
        yield Equation(apart(names, model, group, q, at), difference, label=f"ends of the echoes, group {group}")
    yield Note("Rates at the two ends, in the updates of these parameters, are those of the forward run.")


def end_terms(names: Names, model: Any, form: MotionForm, p: Parameter, factor: sp.Expr) -> sp.Expr:
    """factor·[−δ·∂²T/∂θ∂q̇(0) − b·∂²T/∂θ∂q̇(T)]: what p = M(θ) q̇ adds at the start and at the end."""
    component = form.placement.component
    if not component.kinetic.has(p):
        return sp.S.Zero
    ends = [("apart", apart, sp.S.Zero)]
    if model.cost.form.terminal.has(model.cost.form.rate):
        ends.append(("kick", kick, duration(names, model.boundary)))
    found: list[sp.Expr] = []
    for kind, made, when in ends:
        added: sp.Expr = sp.S.Zero
        moved = {}
        for slot in component.slots:
            moved[component.symbol(slot, 1)] = _rate_at(names, slot, kind, when)
        for slot in component.slots:
            slope = sp.diff(component.kinetic, p, component.symbol(slot, 1))
            added += _stand_in(names, model, kind, slot, made) * slope.xreplace(moved)
        found.append(Scaled(-factor, of_elements(names, form, p, tidy(added))))
    return Written(*found)


def _rate_at(names: Names, slot: Slot, kind: str, when: sp.Expr) -> sp.Symbol:
    return companion(names, f"rate {kind}", slot, lambda group, q, at: At(names.state(group, q, 1, at), when))
