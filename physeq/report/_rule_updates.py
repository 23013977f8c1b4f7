"""Updates from ∂E/∂p: what every rule that reads energies prints per parameter, whatever its phases are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from physeq.report._assemble import tidy, total
from physeq.report._locality import only_held
from physeq.report._naming import Names
from physeq.report._reading import called, reading
from physeq.report._relations import Chain, Change, Slope
from physeq.report._rule_phases import any_parameter, rate
from physeq.report._steady import cost_symbol, energy_symbol, readout_density, readout_index, readout_term
from physeq.report._words import shown_name
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Text, Warning, inlines
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.symbols import Parameter

# (∂E/∂p or ∂C/∂p, factor, whether it is ∂C/∂p, which enters ∂F/∂p with β) → factor·estimate.
Measure = Callable[..., sp.Expr]


def parameter_slope(names: Names, form: PlacementForm, p: Parameter) -> sp.Expr:
    """∂E/∂p of one element; of all elements for a shared parameter."""
    derivative = form.parameter_derivative(p)
    if p.shared:
        return total(names, derivative, form.placement)
    return names.rename(tidy(derivative), form.placement, names.ports(form.placement))


def page_parameter(names: Names, form: PlacementForm, p: Parameter) -> sp.Expr:
    """The parameter of one element."""
    return names.parameter(form.placement.name, p, names.element(form.placement, names.ports(form.placement)))


def described(form: PlacementForm, p: Parameter) -> str:
    """What a parameter is, in words."""
    return f"{p.description or p.name} of {shown_name(form.placement.name)}"


def without_gradient(names: Names, form: PlacementForm, p: Parameter) -> Block | None:
    """Why no contrast of an energy moves a parameter; None where one does."""
    symbol, what = page_parameter(names, form, p), described(form, p)
    if any(f.has(p) for f in form.forces.values()):
        return Warning(
            [Math(symbol), f" ({what}) enters a force without an energy: no contrast of an energy trains it."]
        )
    if form.parameter_derivative(p) == 0:
        return Note([Math(symbol), f" ({what}) does not enter the steady state: its gradient is zero."])
    if only_held(names, form, p):
        return Note([Math(symbol), f" ({what}) sees only nodes that are held in every phase: its gradient is zero."])
    return None


def trained(names: Names) -> Iterator[tuple[PlacementForm, Parameter]]:
    """(form, parameter) of everything trained but a readout."""
    for form in names.derivation.forms:
        for p in form.placement.component.parameters:
            if p.trainable:
                yield form, p


def energy_updates(names: Names, measure: Measure, contrasted: str) -> Iterator[Block]:
    """∂E/∂p and Δp of every parameter, with what they measure in words.

    Args:
        names: of the page.
        measure: the estimate of dL/dp from ∂E/∂p, times a factor.
        contrasted: what is taken of a measured quantity: "in the positive less the negative phase".
    """
    for form, p in trained(names):
        if (remark := without_gradient(names, form, p)) is not None:
            yield remark
            continue
        slope, symbol = parameter_slope(names, form, p), page_parameter(names, form, p)
        what = measured(form, p)
        yield Equation(Slope(energy_symbol(names), symbol), slope, label=described(form, p), note=what)
        note = noted(f"{what}, {contrasted}", kept(p, symbol))
        yield Equation(Change(symbol), measure(slope, -rate(names)), label="update", note=note)
    if names.system.readout is not None:
        yield from _readout_updates(names, measure, contrasted)


def measured(form: PlacementForm, p: Parameter) -> str:
    """What ∂E/∂p measures of one element, in words."""
    told = reading(form.placement.component, form.parameter_derivative(p))
    return f"{told}, summed over all elements" if p.shared else told


def noted(what: str, bounds: Text | None) -> Text:
    """What an update measures, and that it is clipped where it is."""
    return what if bounds is None else [f"{what}; ", *inlines(bounds)]


def kept(p: Parameter, symbol: sp.Expr, when: str = "then"):
    """That a parameter is clipped to its bounds, or None."""
    if not p.bounded:
        return None
    ends = [sp.sympify(e) if abs(e) < float("inf") else None for e in (p.lower, p.upper)]
    ends = [None if e is None else sp.nsimplify(e) for e in ends]
    sides = [e for e in (ends[0], symbol, ends[1]) if e is not None]
    return [f"{when} clipped to ", Math(Chain("le", *sides))]


def _readout_updates(names: Names, measure: Measure, contrasted: str) -> Iterator[Block]:
    yield Paragraph(
        [
            "The readout belongs to the cost: ",
            Math(Slope(cost_symbol(names), any_parameter(names))),
            " enters the nudged energy with the nudge as its factor.",
        ]
    )
    for symbol, slope, label in readout_slopes(names):
        what = readout_words(names, symbol)
        yield Equation(Slope(cost_symbol(names), symbol), slope, label=label, note=what)
        change = measure(slope, -rate(names), nudged=True)
        yield Equation(Change(symbol), change, label="update", note=f"{what}, times the nudge, {contrasted}")


def readout_words(names: Names, symbol: sp.Expr) -> str:
    """What ∂C/∂p of a parameter of the readout is, in words."""
    bias = names.system.readout.bias
    if bias is not None and symbol == names.parameter("readout", bias, (readout_index(names),)):
        return "the slope of the cost by the value of the readout"
    unknown = next(iter(names.derivation.cost.unknowns.values())).symbol
    return f"the slope of the cost by the value of the readout times a function of the {called(unknown)} of the output"


def readout_slopes(names: Names) -> Iterator[tuple[sp.Expr, sp.Expr, str]]:
    """(parameter, ∂C/∂p, label) of everything in the readout."""
    readout, cost = names.system.readout, names.derivation.cost
    k = readout_index(names)
    slope = readout_density(names, cost.derivative)
    drive = sp.Add(*(t.product() for t in cost.readout_terms))
    for p in sorted({s for t in cost.readout_terms for s in t.coefficient.free_symbols}, key=str):
        body = slope * readout_term(names, sp.diff(drive, p))
        yield readout_term(names, p), body, f"{p.description or p.name} of the readout"
    if readout.bias is not None:
        yield names.parameter("readout", readout.bias, (k,)), slope, "bias of the readout"


def slopes(names: Names) -> Iterator[Block]:
    """∂E/∂p alone."""
    for form, p in trained(names):
        if (slope := parameter_slope(names, form, p)) != 0:
            symbol = page_parameter(names, form, p)
            yield Equation(Slope(energy_symbol(names), symbol), slope, note=measured(form, p))
