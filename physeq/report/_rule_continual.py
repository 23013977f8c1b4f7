"""Continual rules on a page: the change of every parameter at every step of the nudged phase, and over the phase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._locality import locality, readout_locality
from physeq.report._naming import Names
from physeq.report._operators import Bracket, Scaled, Written
from physeq.report._relations import Chain, Change, Contrast, InPhase, Slope, TotalSlope
from physeq.report._rule_operators import At
from physeq.report._rule_phases import (
    LOCALITY,
    Uncompiled,
    any_parameter,
    array,
    curvature_equation,
    curvature_symbol,
    free_unknowns,
    length_words,
    loss,
    objective,
    random_sign,
    rate,
)
from physeq.report._rule_response import Weight, of_elements, readout_updates, response_words, weighed_force
from physeq.report._rule_response import locality as response_locality
from physeq.report._rule_updates import described, kept, measured, noted, page_parameter, trained, without_gradient
from physeq.report._steady import energy_symbol, nudge_symbol
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section, Table
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.reduction import Variable
from physeq.symbolic.response import response_derivative, response_symbols
from physeq.symbolic.symbols import Parameter

_STORED = (
    "Stored: what one step back left, and nothing of the free phase: the change over one step is all that is used. "
    "Inputs and clamped nodes are known and need no measurement."
)


def continual(names: Names, rule: Any) -> list[Block]:
    """The blocks of a rule whose weights move inside the nudged phase."""
    finder = rule.free if rule.nudged is None else rule.nudged
    response = rule.measures_response
    blocks: list[Block] = [*objective(names, rule), _phase_table(names, rule, finder)]
    blocks += random_sign(names, rule.phases())
    _length(names, finder.budget)
    blocks += _general(names, response, type(finder).__name__)
    blocks.append(_rates(names, rule))
    if response:
        weigh, more = _weights(names, rule)
        blocks += more
        for form, p in trained(names):
            blocks += _response_step(names, form, p, weigh, not more)
        rows = response_locality(names, "every step of nudged", _previous, _STORED, _changed)
        table = [*rows, *readout_locality(names)]
    else:
        for form, p in trained(names):
            blocks += _energy_step(names, form, p)
        table = list(locality(names, "every step of nudged", "1 number, of the previous step", _STORED))
    end = _length(names)
    blocks += readout_updates(names, lambda slope: InPhase(slope, end), "once, at the end of the phase")
    blocks.append(
        Note("Weights move inside the phase: training keeps what the last step leaves, without an optimiser.")
    )
    return [*blocks, Section(LOCALITY, table)]


def _changed(names: Names, v: Variable, at) -> sp.Expr:
    """What a step did to an unknown."""
    return Change(names.state(v.group, v.coordinate, int(v.reduced), at))


def _previous(count: int) -> str:
    return f"{count} number{'s' if count != 1 else ''}, of the previous step"


def step(names: Names) -> sp.Symbol:
    """t, the step of the nudged phase."""
    text = "number of a step of the nudged phase; 0 is its start, the free state"
    return names.quantity("step", ["t", "n", r"\tau"], text, real=None, integer=True)


def _length(names: Names, count: int | None = None) -> sp.Symbol:
    """K, the number of steps; the first call tells it."""
    text = f"number of steps of the nudged phase, here {count}"
    return names.quantity("length", ["K", r"K_{\mathrm{steps}}"], text, real=None, integer=True)


def _phase_table(names: Names, rule: Any, finder: Any) -> Table:
    rows = []
    for phase, used in zip(rule.phases(), (rule.free, finder), strict=True):
        start = "the start values" if phase.starts_from is None else f"the {phase.starts_from} state"
        moved = "none" if phase.weight == "" else phase.weight
        rows.append([phase.name, phase.nudge, start, length_words(used), moved])
    return Table(["Phase", "Nudge", "Starts from", "Steps", "Weights move"], rows)


def _general(names: Names, response: bool, finder: str) -> Iterator[Block]:
    t, last, p = step(names), _length(names), any_parameter(names)
    text = f"Every step of {finder} in the nudged phase takes the unknowns from step t to step t + 1 at the parameters "
    yield Paragraph(text + "of step t; then the parameters move by what the unknowns' change tells them:")
    factor = rate(names) / nudge_symbol(names)
    if response:
        forces = array(names, r"\mathbf{f}^{\top}", "the forces on all free unknowns, as a row")
        x = array(names, r"\mathbf{x}", "all free unknowns")
        change = Scaled(Slope(At(forces, t), p), Bracket(Written(At(x, t + 1), -At(x, t))))
        yield Equation(At(p, t + 1), Written(At(p, t), Scaled(factor, change)), label="every step")
        summed = "The sum of these steps over the nudged phase is the change that counts as one estimate"
    else:
        slope = Slope(energy_symbol(names), p)
        change = Contrast(slope, (1, t + 1), (-1, t))
        yield Equation(At(p, t + 1), Written(At(p, t), Scaled(-factor, change)), label="every step")
        total = Contrast(slope, (1, last), (-1, 0))
        yield Equation(
            At(p, last),
            Written(At(p, 0), Scaled(-factor, total)),
            label="over the phase",
            note="where the slope does not hold moving parameters and no bound acts: the steps telescope",
        )
        summed = "The sum of these steps is the contrast of equilibrium propagation, and counts as one estimate"
    estimate = Scaled(1 / rate(names), Bracket(Written(At(p, 0), -At(p, last))))
    yield Paragraph(
        [summed, ", ", Math(Chain("approx", TotalSlope(loss(names), p), estimate)), ", averaged over the batch."]
    )


def _rates(names: Names, rule: Any) -> Table:
    """η of every parameter, as the rule looks it up."""
    table = rule.rate_tree(Uncompiled(names.derivation))
    rows = []
    for form, p in trained(names):
        value = table[form.placement.name][p.name]
        symbol = page_parameter(names, form, p)
        rows.append([Math(symbol), f"{value:g}", "every step", kept(p, symbol, "every step") or "no bounds"])
    for name, value in table.get("readout", {}).items():
        rows.append([f"{name} of the readout", f"{value:g}", "once, at the end", "no bounds"])
    return Table(["Parameter", ["Rate ", Math(rate(names))], "Moves", "Clipped"], rows)


# ---- steps -----------------------------------------------------------------------------------------------------------


def at_step(
    names: Names, form: PlacementForm, expr: sp.Expr, time: sp.Expr, parameters: sp.Expr | None = None
) -> sp.Expr:
    """A component's expression with its unknowns and trained parameters as they are at a step.

    The parameters are those of the step `parameters` where that is another one.
    """
    when = time if parameters is None else parameters
    marked: dict[sp.Symbol, sp.Expr] = {p: At(p, when) for p in form.placement.component.parameters if p.trainable}
    for slot, x in form.unknowns.items():
        if form.placement.group_of(slot.port) not in names.derivation.held:
            marked[x] = At(x, time)
    return expr.xreplace(marked)


def _difference(body: sp.Expr, old: sp.Expr, new: sp.Expr, at) -> sp.Expr:
    """body(new) − body(old), with the factors that do not move in front."""
    factors = sp.Mul.make_args(tidy(body))
    fixed = [f for f in factors if at(f, old) == f]
    moving = sp.Mul(*(f for f in factors if f not in fixed))
    return sp.Mul(*fixed, Bracket(Written(at(moving, new), -at(moving, old))))


def _energy_step(names: Names, form: PlacementForm, p: Parameter) -> Iterator[Block]:
    if (remark := without_gradient(names, form, p)) is not None:
        yield remark
        return
    t, last, slope = step(names), _length(names), form.parameter_derivative(p)

    def at(expr: sp.Expr, time: sp.Expr) -> sp.Expr:
        return at_step(names, form, expr, time, t)  # what a step tells a parameter is measured before it moves

    what = f"{measured(form, p)}, after the step less before it"
    yield _step(names, form, p, of_elements(names, form, p, _difference(slope, t, t + 1, at)), -1, what)
    trainable = {q for q in form.placement.component.parameters if q.trainable}
    if not slope.free_symbols & trainable and not p.bounded:
        change = of_elements(names, form, p, _difference(slope, sp.S.Zero, last, at))
        yield _over_phase(names, form, p, change, -1)


def _step(names: Names, form: PlacementForm, p: Parameter, change: sp.Expr, sign: int, what: str) -> Equation:
    t, symbol = step(names), page_parameter(names, form, p)
    factor = sign * rate(names) / nudge_symbol(names)
    right = Written(At(symbol, t), _scaled(factor, change))
    return Equation(At(symbol, t + 1), right, label=described(form, p), note=noted(what, kept(p, symbol)))


def _over_phase(names: Names, form: PlacementForm, p: Parameter, change: sp.Expr, sign: int) -> Equation:
    last, symbol = _length(names), page_parameter(names, form, p)
    factor = sign * rate(names) / nudge_symbol(names)
    return Equation(At(symbol, last), Written(At(symbol, 0), _scaled(factor, change)), label="over the phase")


def _scaled(factor: sp.Expr, change: sp.Expr) -> sp.Expr:
    number, rest = change.as_coeff_Mul()
    return Scaled(factor * number, rest)


def _weights(names: Names, rule: Any) -> tuple[Weight, list[Block]]:
    """x(t+1) − x(t) of a slot's unknown; over the local curvature of step t for the weighting of the map."""
    t, mapped = step(names), rule.weighting.over_curvature

    def weigh(form: PlacementForm, slot: Slot) -> sp.Expr:
        x = form.unknowns[slot]
        moved = Bracket(Written(At(x, t + 1), -At(x, t)))
        if not mapped:
            return moved
        made = names.companion(
            "curvature", slot, lambda g, q, at: curvature_symbol(names, names.derivation.variables[g, q], at)
        )
        return moved / At(made, t)

    if not mapped:
        return weigh, []
    text = (
        "The weighting of the map divides every change by the local curvature of the state to which step t leads "
        "without the nudge, marked with t:"
    )
    return weigh, [Paragraph(text), *(curvature_equation(names, v) for v in free_unknowns(names))]


def _response_step(names: Names, form: PlacementForm, p: Parameter, weigh: Weight, plain: bool) -> Iterator[Block]:
    t, last, derivative = step(names), _length(names), response_derivative(form, p)
    symbol = page_parameter(names, form, p)
    if derivative == 0:
        text = f" ({described(form, p)}) enters no force on a free node: its gradient is zero."
        yield Note([Math(symbol), text])
        return
    body = weighed_force(names, form, p, weigh, lambda f, expr: at_step(names, f, expr, t))
    yield _step(names, form, p, body, 1, response_words(form, p, "the change", "before the step"))
    # Where ∂f/∂p stays what it is during the phase, the steps add up to the whole displacement.
    slopes = [sp.diff(derivative, weight) for weight in response_symbols(form).values()]
    if plain and not p.bounded and all(at_step(names, form, slope, t) == slope for slope in slopes):
        yield _over_phase(names, form, p, body.xreplace({t + 1: last}).xreplace({t: sp.S.Zero}), 1)
