"""Updates along trajectories: the derivative of the Lagrangian by every parameter, integrated in every phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy as sp

from physeq.report._assemble import tidy, total
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written
from physeq.report._reading import reading
from physeq.report._relations import Change, Contrast, Slope
from physeq.report._rule_phases import Measured, rate
from physeq.report._rule_updates import kept, noted
from physeq.report._trajectory_names import lagrangian, over_time, page_terms
from physeq.report._words import shown_name
from physeq.report.document import Block, Equation, Math, Note, Table
from physeq.symbolic.action import lagrangian_slopes
from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.symbols import Parameter

# (derivative, factor) → factor · the estimate that a rule makes of it.
Measure = Callable[[sp.Expr, sp.Expr], sp.Expr]

# (form, parameter, factor) → factor · what the ends of a trajectory add to dJ/dp.
EndTerms = Callable[[MotionForm, Parameter, sp.Expr], sp.Expr]


def trained(model: Any) -> Iterator[tuple[MotionForm, Parameter]]:
    """(form, parameter) of everything trained."""
    for form in model.layout.forms:
        for p in form.placement.component.parameters:
            if p.trainable:
                yield form, p


def described(form: MotionForm, p: Parameter) -> str:
    """What a parameter is, in words."""
    return f"{p.description or p.name} of {shown_name(form.placement.name)}"


def page_parameter(names: Names, form: MotionForm, p: Parameter) -> sp.Expr:
    """The parameter of one element."""
    return names.parameter(form.placement.name, p, names.element(form.placement, names.ports(form.placement)))


def of_elements(names: Names, form: MotionForm, p: Parameter, expr: sp.Expr) -> sp.Expr:
    """A component's expression on the page: of one element, or summed over all for a shared parameter."""
    expr = page_terms(names, form, expr)
    if p.shared:
        return total(names, expr, form.placement)
    return names.rename(tidy(expr), form.placement, names.ports(form.placement))


def action_slopes(names: Names, model: Any) -> Iterator[tuple[MotionForm, Parameter, sp.Expr, sp.Expr]]:
    """(form, parameter, ∂L/∂p in the component's symbols, ∂L/∂p on the page) of everything trained."""
    for form, p in trained(model):
        slope = lagrangian_slopes(form)[p]
        yield form, p, slope, of_elements(names, form, p, slope)


def times(factor: sp.Expr, expr: sp.Expr) -> sp.Expr:
    """A product whose number joins the factor in front.

    >>> x, beta = sp.symbols("x beta")
    >>> times(beta, 2 * x)
    2*beta x
    """
    number, rest = expr.as_coeff_Mul()
    return Scaled(factor * number, rest)


def contrast_over_time(
    names: Names, model: Any, body: sp.Expr, measured: tuple[Measured, ...], factor: sp.Expr
) -> sp.Expr:
    """factor·Σ_phases weight·∫body dt, the common numbers in front."""
    number, rest = tidy(body).as_coeff_Mul()
    common = measured[0].weight
    terms = [(sp.simplify(m.weight / common), m.nudge) for m in measured]
    return Scaled(factor * number * common, over_time(names, model.boundary, Contrast(rest, *terms)))


def trajectory_phases(phases: Sequence[Any]) -> Table:
    """The phases in words, as the rule tells them."""
    rows = []
    for phase in phases:
        start = "the start values" if phase.starts_from is None else f"the {phase.starts_from} trajectory"
        if phase.starts_from == "forward":
            start = "the end of the forward run, momenta flipped"
        rows.append([phase.name, phase.nudge, start, phase.weight or "only a start"])
    return Table(["Phase", "Nudge", "Starts from", "Weight in the contrast"], rows)


def contrast_words(measured: tuple[Measured, ...]) -> str:
    """The phases of a contrast in words: "positive less negative"."""
    return " less ".join(m.name for m in measured)


def action_updates(
    names: Names, model: Any, measure: Measure, contrasted: str, more: EndTerms | None = None
) -> Iterator[Block]:
    """∂L/∂p and Δp of every parameter, with what they measure in words.

    Args:
        measure: the estimate of dJ/dp from ∂L/∂p, times a factor.
        contrasted: what is contrasted, in words.
        more: terms that an update has beside the integral.
    """
    for form, p, slope, shown in action_slopes(names, model):
        symbol = page_parameter(names, form, p)
        if slope == 0:
            yield Note([Math(symbol), f" ({described(form, p)}) does not stand in the Lagrangian: its gradient is 0."])
            continue
        yield Equation(Slope(lagrangian(names), symbol), shown, label=described(form, p))
        change = measure(shown, -rate(names))
        if more is not None:
            change = Written(change, more(form, p, -rate(names)))
        what = reading(form.placement.component, slope) + (", summed over all elements" if p.shared else "")
        note = noted(f"{what}, integrated over time: {contrasted}", kept(p, symbol))
        yield Equation(Change(symbol), change, label="update", note=note)
