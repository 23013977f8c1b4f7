"""The time-reversed nudge on a page: the error played backwards, the response, its product with the free motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written, sum_over
from physeq.report._reading import called, place
from physeq.report._relations import Change, Contrast, Slope, TotalSlope
from physeq.report._rule_operators import At
from physeq.report._rule_phases import LOCALITY, rate
from physeq.report._rule_updates import kept, noted
from physeq.report._steady import nudge_symbol
from physeq.report._trajectory_action import cost_slopes
from physeq.report._trajectory_locality import Row, locality_table
from physeq.report._trajectory_names import (
    beside,
    companion,
    duration,
    free_variables,
    instant,
    lowest,
    objective,
    over_time,
    theta,
)
from physeq.report._trajectory_operators import TimeDerivative
from physeq.report._trajectory_updates import described, of_elements, page_parameter, trained
from physeq.report._words import raised, word
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section, Table
from physeq.symbolic.action import bilinear_slopes
from physeq.symbolic.component import Slot
from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.symbols import Coordinate, Parameter, StateSymbol


def time_reversed(names: Names, model: Any, rule: Any) -> list[Block]:
    """The blocks of the time-reversed nudge."""
    t, end, beta = instant(names), duration(names, model.boundary), nudge_symbol(names)
    group = names.system.outputs.parts[0].group
    error = At(error_symbol(names, group, names.index(0)), end - t)
    rows: list = [
        ["free", "0", "the start values", "the first factor"],
        ["error backwards", Math(beta * error), "the free trajectory", ["the second factor, over ", Math(beta)]],
    ]
    blocks: list[Block] = [
        Paragraph(
            [
                "The rule gives the gradient of ",
                Math(objective(names)),
                ", averaged over the batch, from two runs of the same system with the same inputs and the boundary "
                "condition above:",
            ]
        ),
        Table(["Phase", "Nudge", "Starts from", "In the product"], rows),
        *_errors(names, model),
    ]
    text: list = ["The second run feels the force ", Math(-beta * error), " on every output beside its own forces. As "]
    blocks.append(Paragraph([*text, "the motion is linear, what that adds does not depend on the strength:"]))
    for owner, q, v in free_variables(names, model):
        if v.variable.internal:
            continue
        low, i = lowest(v), names.index(0)
        x = names.state(owner, q, low, (i,))
        change = Scaled(1 / beta, Contrast(x, (sp.S.One, beta), (-sp.S.One, sp.S.Zero)))
        blocks.append(Equation(response(names, model, owner, q, 0, (i,)), change, label=f"response, group {owner}"))
    blocks += _formula(names, model)
    slopes = list(product_slopes(names, model))
    for form, p, (slope, _), shown in slopes:
        symbol = page_parameter(names, form, p)
        if shown == 0:
            why = f" ({described(form, p)}) stands in no balance of forces: its gradient is 0."
            blocks.append(Note([Math(symbol), why]))
            continue
        number, rest = shown.as_coeff_Mul()
        total = over_time(names, model.boundary, rest)
        note = noted(_words(form, p, slope), kept(p, symbol))
        change = Scaled(-rate(names) * number, total)
        blocks.append(Equation(Change(symbol), change, label=described(form, p), note=note))
    stored = "the whole record of the free run, 1 running integral"
    table = [Row(form, p, *integrand) for form, p, integrand, shown in slopes if shown != 0]
    closing = (
        "The measured quantities of the free run are kept at every time, to be multiplied with the response when their "
        "time comes: the record grows with the duration and the number of samples that are run together."
    )
    found = [*locality_table(names, model, table, "free, and error backwards", stored), Paragraph(closing)]
    return [*blocks, Section(LOCALITY, found)]


def _words(form: MotionForm, p: Parameter, slope: sp.Expr) -> str:
    """What is multiplied, in words: states of the free motion, and what the second run adds to them."""
    component = form.placement.component
    free = sorted((s for s in slope.free_symbols if isinstance(s, StateSymbol)), key=str)
    told = " and ".join(dict.fromkeys(f"the {called(s)}{place(component, s)}" for s in free)) or "a constant"
    shared = ", summed over all elements" if p.shared else ""
    return f"{told} along the free run, times the response played backwards, integrated over time{shared}"


# ---- error and response ----------------------------------------------------------------------------------------------


def error_symbol(names: Names, group: str, i: sp.Symbol) -> sp.Expr:
    """e_i of an output."""
    several = len(names.system.outputs.parts) > 1
    bases = [raised("e", word(group))] if several else ["e", raised("e", word("out"))]
    meaning = f"error of an output{f' of group {group}' if several else ''}, along the free trajectory"
    return names.indexed(("page", "error", group), bases, meaning, (i,))


def _errors(names: Names, model: Any) -> Iterator[Block]:
    """e = ∂ℓ/∂q − d/dt ∂ℓ/∂q̇; of voltages ∂ℓ/∂v, a current."""
    i, t = names.index(0), instant(names)
    for part in names.system.outputs.parts:
        force, shift = cost_slopes(names, model, part.group, i)
        value = shift if model.cost.reduced else force
        if not model.cost.reduced and shift != 0:
            value = Written(force, -TimeDerivative(shift, t))
        yield Equation(error_symbol(names, part.group, i), value, label=f"error, group {part.group}")


def response(names: Names, model: Any, group: str, q: Coordinate, order: int, at: Any) -> sp.Expr:
    """μ_i, or μ̇_i with order 1."""
    latex, what = ((r"\mu", "response"), (r"\dot{\mu}", "rate of the response"))[order]
    meaning = f"{what} of a node to the error played backwards, per strength"
    return beside(names, model, f"response {order}", latex, meaning, group, q, at)


def _formula(names: Names, model: Any) -> Iterator[Block]:
    """dJ/dθ = ∫ Σ μ(T − t) ∂R/∂θ dt."""
    i, back, parts = names.index(0), _backwards(names, model), []
    for owner, q, v in free_variables(names, model):
        if not v.variable.internal:
            balance = beside(names, model, "balance", "R", "balance of forces of a node, 0 = inertia + friction + "
                             "restoring forces − drives", owner, q, (i,))  # fmt: skip
            mu = At(response(names, model, owner, q, 0, (i,)), back)
            parts.append(sum_over(mu * Slope(balance, theta(names)), (i,), (i,), names.group(owner)))
    integral = over_time(names, model.boundary, Written(*parts))
    yield Equation(TotalSlope(objective(names), theta(names)), integral, label="gradient")
    text: list = ["The system is reciprocal, so that the response, backwards, is the adjoint motion, losses or not. "]
    if any(form.placement.component.kinetic.has(p) for form, p in trained(model)) and not model.cost.reduced:
        text.append("Inertia is integrated by parts: it multiplies the two rates. ")
    text += ["Each update below descends the gradient with the rate ", Math(rate(names)), ", averaged over the batch."]
    yield Paragraph(text)


def _backwards(names: Names, model: Any) -> sp.Expr:
    return duration(names, model.boundary) - instant(names)


def product_slopes(names: Names, model: Any) -> Iterator[tuple[MotionForm, Parameter, tuple, sp.Expr]]:
    """(form, parameter, (integrand in the component's symbols, what stands for the response), integrand shown)."""
    back = _backwards(names, model)
    for form in model.layout.forms:
        stand_ins, found = bilinear_slopes(form, model.layout.variables)
        component = form.placement.component
        known: dict[sp.Symbol, sp.Expr] = {}
        ports: dict[sp.Symbol, str | None] = {}
        for symbol, (kind, unknown) in stand_ins.items():
            assert not isinstance(unknown, int)  # responses and rates are those of coordinates
            slot, order = unknown
            if kind == "rate":
                known[symbol] = component.symbol(slot, order + 1)
                continue
            v = model.layout.variables[form.placement.group_of(slot.port), slot.coordinate]
            known[symbol] = _response_of(names, model, slot, order - v.orders[0], back)
            ports[known[symbol]] = slot.port
        for p, slope in found.items():
            if p.trainable:
                slope = sp.factor(slope).xreplace(known)
                apart = tuple((s, port) for s, port in ports.items() if slope.has(s))
                yield form, p, (slope, apart), of_elements(names, form, p, slope)


def _response_of(names: Names, model: Any, slot: Slot, order: int, back: sp.Expr) -> sp.Symbol:
    return companion(
        names,
        f"response {order}",
        slot,
        lambda group, q, at: At(response(names, model, group, q, order, at), back),
    )
