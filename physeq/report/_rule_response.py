"""Rules that weigh ∂f/∂p with the response of the state: the response, and the update of every parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._locality import Row, locality_table, readout_locality
from physeq.report._motion import equation_indices
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written, sum_over
from physeq.report._reading import Weighed, weighed_reading
from physeq.report._relations import Chain, Change, InPhase, Slope, TotalSlope
from physeq.report._rule_phases import (
    LOCALITY,
    Measured,
    any_parameter,
    array,
    contrast,
    curvature_equation,
    curvature_symbol,
    free_unknowns,
    loss,
    objective,
    objective_formula,
    per_unknown,
    phase_table,
    random_sign,
    rate,
)
from physeq.report._rule_updates import described, kept, noted, page_parameter, readout_slopes, readout_words, trained
from physeq.report._steady import cost_symbol
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.reduction import Variable
from physeq.symbolic.response import response_derivative, response_symbols
from physeq.symbolic.symbols import Parameter

Blocks = Sequence[Block]
# What the force on a slot's unknown is weighed with, given the form and the slot.
Weight = Callable[[PlacementForm, Slot], sp.Expr]


def response_symbol(names: Names, v: Variable, at: Sequence[sp.Symbol]) -> sp.Expr:
    """r_i, the response of an unknown to the nudge."""
    return per_unknown(names, "response", ["r", r"\varrho"], "response of an unknown to the nudge", v, at)


def responses(names: Names, measured: tuple[Measured, ...]) -> Iterator[Block]:
    """r of every unknown, as it is measured."""
    yield Paragraph("The response of every unknown is measured as the contrast of its values between the phases:")
    for v in free_unknowns(names):
        at = equation_indices(names, v)
        x = names.state(v.group, v.coordinate, int(v.reduced), at)
        yield Equation(response_symbol(names, v, at), contrast(x, measured), label=f"response, group {v.group}")


def general(
    names: Names,
    factor: sp.Expr = sp.S.NegativeOne,
    letter: str = r"\mathbf{r}^{\top}",
    meaning: str = "the responses of all free unknowns",
    where: str = "the free state, which the subscript 0 marks",
) -> Iterator[Block]:
    """dL/dp ≈ ∂C/∂p − rᵀ ∂f/∂p, r what the phases measure."""
    p, row = any_parameter(names), array(names, letter, f"{meaning}, as a row")
    forces = array(names, r"\mathbf{f}", "the forces on all free unknowns without nudge")
    through = Scaled(factor, Scaled(row, Slope(forces, p)))
    readout = names.system.readout is not None
    estimate = Written(Slope(cost_symbol(names), p), through) if readout else through
    yield Equation(Chain("approx", TotalSlope(loss(names), p), estimate), label="estimate")
    text = f"Derivatives of forces are taken at {where}. Each update below descends this estimate with the rate "
    yield Paragraph([text, Math(rate(names)), ", averaged over the batch."])


def weights(names: Names, rule: Any) -> tuple[Weight, list[Block]]:
    """What the rule weighs ∂f/∂p with, from its field `weighting`; and the equations that this needs."""
    weighting = getattr(rule, "weighting", None)
    if weighting is None or not weighting.over_curvature:
        return lambda form, slot: _companion(names, "response", slot, response_symbol), []
    blocks: list[Block] = [
        Paragraph("The weighting of the map divides every response by the local curvature at the free state:"),
        *(curvature_equation(names, v) for v in free_unknowns(names)),
    ]

    def weigh(form: PlacementForm, slot: Slot) -> sp.Expr:
        response = _companion(names, "response", slot, response_symbol)
        return response / _companion(names, "curvature", slot, curvature_symbol)

    return weigh, blocks


def _companion(names: Names, kind: str, slot: Slot, symbol: Callable) -> sp.Expr:
    return names.companion(kind, slot, lambda group, q, at: symbol(names, names.derivation.variables[group, q], at))


def weighed_force(names: Names, form: PlacementForm, p: Parameter, weigh: Weight, at: Callable) -> sp.Expr:
    """Σ weight·∂f/∂p of one element, of all elements for a shared parameter, in the page's symbols.

    `at` marks where a derivative is taken, given the form and the derivative.
    """
    derivative, symbols = response_derivative(form, p), response_symbols(form)
    parts = [weigh(form, slot) * at(form, sp.diff(derivative, symbol)) for slot, symbol in symbols.items()]
    return of_elements(names, form, p, tidy(sp.Add(*parts)))


def of_elements(names: Names, form: PlacementForm, p: Parameter, expr: sp.Expr) -> sp.Expr:
    """An expression of one element in the page's symbols; the sum over all for a shared parameter."""
    placement = form.placement
    ports = names.ports(placement)
    renamed = names.rename(expr, placement, ports)
    if not p.shared:
        return renamed
    members = names.element(placement, ports)
    return sum_over(renamed, members, members, names.elements(placement))


def at_free(form: PlacementForm, expr: sp.Expr) -> sp.Expr:
    """A component's expression with its states marked as those of the free phase."""
    states = set(form.unknowns.values())
    factors = sp.Mul.make_args(tidy(expr))
    moving = [f for f in factors if f.free_symbols & states]
    rest = sp.Mul(*(f for f in factors if f not in moving))
    return rest * InPhase(sp.Mul(*moving), sp.S.Zero) if moving else expr


def response_words(form: PlacementForm, p: Parameter, name: str, when: str, over: str = "") -> str:
    """What weights of the forces are multiplied with, in words; `over` is what they are divided by."""
    derivative = response_derivative(form, p)
    parts = [
        Weighed(name, form.unknowns[slot], sp.diff(derivative, symbol))
        for slot, symbol in response_symbols(form).items()
        if derivative.has(symbol)
    ]
    told = weighed_reading(form.placement.component, parts)
    moving = any(part.coefficient.has(x) for part in parts for x in form.unknowns.values())
    return told + over + (f", {when}" if moving else "") + (", summed over all elements" if p.shared else "")


def updates(
    names: Names,
    factor: sp.Expr,
    weigh: Weight,
    told: Callable[[PlacementForm, Parameter], str],
    mark: Callable = at_free,
) -> Iterator[Block]:
    """Δp = factor·Σ weight·∂f/∂p of every trained parameter; `told` says what that measures."""
    for form, p in trained(names):
        symbol, what = page_parameter(names, form, p), described(form, p)
        if response_derivative(form, p) == 0:
            yield Note([Math(symbol), f" ({what}) enters no force on a free node: its gradient is zero."])
            continue
        number, body = weighed_force(names, form, p, weigh, mark).as_coeff_Mul()
        yield Equation(
            Change(symbol), Scaled(factor * number, body), label=what, note=noted(told(form, p), kept(p, symbol))
        )


def readout_updates(names: Names, mark: Callable[[sp.Expr], sp.Expr], when: str) -> Iterator[Block]:
    """Δp = −η ∂C/∂p of the parameters of a readout, at one state."""
    if names.system.readout is None:
        return
    yield Paragraph(f"The readout belongs to the cost and no force holds its parameters: they follow ∂C/∂p {when}.")
    for symbol, slope, label in readout_slopes(names):
        what = readout_words(names, symbol)
        yield Equation(Slope(cost_symbol(names), symbol), slope, label=label, note=what)
        change = Scaled(-rate(names), mark(slope))
        yield Equation(Change(symbol), change, label="update", note=f"{what}, {when}")


def locality(
    names: Names, phases: str, stored: Callable[[int], str], closing: str, beside: Callable = response_symbol
) -> Iterator[Block]:
    """The quantities behind each update: what goes `beside` the unknowns that forces act on, and states in ∂f/∂p."""
    rows = []
    for form, p in trained(names):
        symbols, derivative = response_symbols(form), response_derivative(form, p)
        if derivative != 0:
            acted = tuple(slot for slot, weight in symbols.items() if derivative.has(weight))
            made = tuple(_companion(names, "measured", slot, beside) for slot in acted)
            seen = tuple(slot for slot, x in form.unknowns.items() if derivative.has(x))
            others = derivative.free_symbols - set(symbols.values()) - set(form.unknowns.values())
            rows.append(Row(form, p, made, seen, frozenset(others), acted, stored(len(made))))
    yield from locality_table(names, rows, phases)
    yield Paragraph(closing)


def response_rule(
    names: Names, rule: Any, measured: tuple[Measured, ...], more: Blocks, storage: Blocks
) -> list[Block]:
    """The blocks of a rule that measures responses; `more` is what its phases need, `storage` what that stores."""
    weigh, needed = weights(names, rule)
    blocks: list[Block] = [*objective(names, rule), phase_table(rule.phases()), *objective_formula(names, rule)]
    blocks += [*random_sign(names, rule.phases()), *more, *responses(names, measured), *general(names), *needed]
    over = ", over the local curvature" if needed else ""
    blocks += updates(
        names, rate(names), weigh, lambda form, p: response_words(form, p, "the response", "in the free phase", over)
    )
    blocks += readout_updates(names, lambda slope: InPhase(slope, sp.S.Zero), "at the free state")
    phases = ", ".join(dict.fromkeys(["free", *(m.name for m in measured)]))
    table = [*locality(names, phases, _stored, _CLOSING), *storage, *readout_locality(names)]
    return [*blocks, Section(LOCALITY, table)]


def _stored(count: int) -> str:
    return f"{count} response{'s' if count != 1 else ''} and the free state"


_CLOSING = (
    "Stored: the free state that multiplies a response, and what the nudged phases but the last have left of the "
    "response. Inputs and clamped nodes are known and need no measurement; their response is zero."
)
