"""What stands below the steps of a rule: inputs, what elements measure or nodes read, and how every parameter moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp

from physeq.learn.procedure import Listing
from physeq.report._motion import equation_indices
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written
from physeq.report._procedure import Lists
from physeq.report._relations import Chain, Change, TotalSlope
from physeq.report._rule_phases import free_unknowns, loss, rate
from physeq.report._rule_updates import (
    described,
    kept,
    page_parameter,
    parameter_slope,
    readout_slopes,
    trained,
    without_gradient,
)
from physeq.report._steady import nudge_symbol, pull
from physeq.report._system import ends_of, outputs_of
from physeq.report._trajectory_echo import reversed_series
from physeq.report._trajectory_names import objective, over_time
from physeq.report._trajectory_reversed import product_slopes
from physeq.report._trajectory_updates import action_slopes
from physeq.report._trajectory_updates import described as described_in_motion
from physeq.report._trajectory_updates import page_parameter as parameter_in_motion
from physeq.report._trajectory_updates import trained as trained_in_motion
from physeq.report.document import Math, Text
from physeq.symbolic.response import response_derivative
from physeq.symbolic.symbols import Parameter


def _moves(symbol: sp.Expr, p: Parameter | None, change: sp.Expr) -> list[Text]:
    """p ← p + change, and the bounds that clip it."""
    bounds = None if p is None else kept(p, symbol)
    return [Math(Chain("leftarrow", symbol, Written(symbol, change))), *([", ", *bounds] if bounds else [])]


def _change(names: Names, rule: Any, symbol: sp.Expr, aim: Callable[[Names], sp.Expr]) -> sp.Expr:
    """The Δp that the page has an equation for; the descent of the exact gradient for a rule without phases."""
    return Change(symbol) if rule.phases() else Scaled(-rate(names), TotalSlope(aim(names), symbol))


# ---- equilibria ------------------------------------------------------------------------------------------------------


def equilibrium_lists(names: Names, rule: Any) -> Lists:
    """Of a rule of equilibria."""
    return {
        Listing.NUDGE: lambda: list(_pushes(names)),
        Listing.INPUTS: lambda: [*ends_of(names), *outputs_of(names)],
        Listing.SLOPES: lambda: list(_slopes(names, rule)),
        Listing.UNKNOWNS: lambda: list(_unknowns(names)),
        Listing.UPDATES: lambda: list(_updates(names, rule)),
    }


def _pushes(names: Names) -> Iterator[list[Text]]:
    for v in names.derivation.cost.unknowns.values():
        i = names.index(0)
        x = names.state(v.group, v.coordinate, int(v.reduced), (i,))
        force = -nudge_symbol(names) * pull(names, v)
        yield ["output ", Math(x), ", ", Math(Chain("in", i, names.outputs(v.group))), ", with ", Math(force)]


def _slopes(names: Names, rule: Any) -> Iterator[list[Text]]:
    for form, p in trained(names):
        if without_gradient(names, form, p) is None:
            told = ["for ", Math(page_parameter(names, form, p)), f", {described(form, p)}: "]
            yield [*told, Math(parameter_slope(names, form, p))]
    if names.system.readout is not None and not rule.moves_weights:
        for symbol, slope, what in readout_slopes(names):
            yield ["for ", Math(symbol), f", {what}: ", Math(slope), ", times the nudge"]


def _unknowns(names: Names) -> Iterator[list[Text]]:
    for v in free_unknowns(names):
        x = names.state(v.group, v.coordinate, int(v.reduced), equation_indices(names, v))
        yield [Math(x), f", group {v.group}"]


def _updates(names: Names, rule: Any) -> Iterator[list[Text]]:
    for form, p in trained(names):
        if not rule.phases():
            still = False
        elif rule.measures_response:
            still = response_derivative(form, p) == 0
        else:
            still = without_gradient(names, form, p) is not None
        if not still:
            symbol = page_parameter(names, form, p)
            yield _moves(symbol, p, _change(names, rule, symbol, loss))
    if names.system.readout is not None:
        for symbol, _, _ in readout_slopes(names):
            yield _moves(symbol, None, _change(names, rule, symbol, loss))


# ---- trajectories ----------------------------------------------------------------------------------------------------


def trajectory_lists(names: Names, model: Any, rule: Any) -> Lists:
    """Of a rule of trajectories."""
    return {
        Listing.NUDGE: list,
        Listing.INPUTS: lambda: [*ends_of(names), *outputs_of(names)],
        Listing.SLOPES: lambda: list(_integrals(names, model, rule)),
        Listing.UPDATES: lambda: list(_updates_in_motion(names, model, rule)),
    }


def _integrals(names: Names, model: Any, rule: Any) -> Iterator[list[Text]]:
    from physeq.learn import HamiltonianEcho  # late: pages without rules need not load them

    for form, p, slope, shown in action_slopes(names, model):
        if slope != 0:
            body = reversed_series(names, model, shown) if isinstance(rule, HamiltonianEcho) else shown
            told = ["for ", Math(parameter_in_motion(names, form, p)), f", {described_in_motion(form, p)}: "]
            yield [*told, Math(over_time(names, model.boundary, body))]


def _updates_in_motion(names: Names, model: Any, rule: Any) -> Iterator[list[Text]]:
    from physeq.learn import TimeReversedNudge  # late: pages without rules need not load them

    moving = {(form.placement.name, p) for form, p, slope, _ in action_slopes(names, model) if slope != 0}
    if isinstance(rule, TimeReversedNudge):
        moving = {(form.placement.name, p) for form, p, _, shown in product_slopes(names, model) if shown != 0}
    for form, p in trained_in_motion(model):
        if (form.placement.name, p) in moving or not rule.phases():
            symbol = parameter_in_motion(names, form, p)
            yield _moves(symbol, p, _change(names, rule, symbol, objective))
