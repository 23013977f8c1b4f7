"""A learning rule of trajectories on a page: phases, what is integrated, the change of every parameter, locality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.errors import ModelError
from physeq.names import name_of
from physeq.report._assemble import tidy
from physeq.report._naming import Names
from physeq.report._operators import Scaled
from physeq.report._procedure import procedure_section
from physeq.report._procedure_lists import trajectory_lists
from physeq.report._relations import Chain, InPhase, Slope, TotalSlope
from physeq.report._rule_fourier import Circle
from physeq.report._rule_operators import RealPart, SumFromTo
from physeq.report._rule_phases import LOCALITY, measured_phases, random_sign, rate
from physeq.report._steady import nudge_symbol
from physeq.report._trajectory_echo import echo
from physeq.report._trajectory_locality import Row, locality_table, remarks
from physeq.report._trajectory_names import action, duration, lagrangian, objective, over_time, theta
from physeq.report._trajectory_operators import Values
from physeq.report._trajectory_reversed import time_reversed
from physeq.report._trajectory_updates import (
    action_slopes,
    action_updates,
    contrast_over_time,
    contrast_words,
    trajectory_phases,
)
from physeq.report._words import rule_words
from physeq.report.document import Block, Code, Equation, Math, Note, Paragraph, Section, Table, Warning


def trajectory_refusal(rule: Any, model: Any) -> str | None:
    """Why a rule does not hold for trajectories, or None."""
    try:
        rule.check(model)
    except ModelError as error:
        return str(error)
    return None


def rules_of_trajectories() -> tuple[type, ...]:
    """The rules that learn trajectories, the exact one last."""
    from physeq import learn  # late: pages without rules need not load them

    return learn.HamiltonianEcho, learn.LagrangianEP, learn.TimeReversedNudge, learn.ContinuousAdjoint


def default_rule(model: Any) -> Any:
    """The first rule that holds for a model of trajectories."""
    rules = [kind() for kind in rules_of_trajectories()]
    return next((rule for rule in rules if trajectory_refusal(rule, model) is None), rules[-1])


def trajectory_learning(names: Names, model: Any, rule: Any) -> Section:
    """The section on a learning rule."""
    if model.cost is None:
        return Section("Learning", [Note("These trajectories have no cost, so that there is nothing to learn.")])
    title = f"Learning: {rule_words(type(rule).__name__)}"
    if (reason := trajectory_refusal(rule, model)) is not None:
        return Section(title, [Warning(f"Refused for these trajectories: {reason}."), *_that_hold(model)])
    blocks: list[Block] = []
    if (bias := rule.bias(model)) is not None:
        blocks.append(Warning(f"Biased on these trajectories: {bias}."))
    blocks += _blocks(names, model, rule)
    steps = procedure_section(names, rule.procedure(model), trajectory_lists(names, model, rule))
    return Section(title, [*blocks, steps])


def _that_hold(model: Any) -> Iterator[Block]:
    """Rules that hold where one was refused."""
    fitting = [name_of(kind) for kind in rules_of_trajectories() if trajectory_refusal(kind(), model) is None]
    text: list = ["Rules that hold for these trajectories: "]
    for number, name in enumerate(fitting):
        text += [", " if number else "", Code(name)]
    if fitting:
        yield Paragraph([*text, "."])


def _blocks(names: Names, model: Any, rule: Any) -> list[Block]:
    from physeq import learn  # late: pages without rules need not load them

    if isinstance(rule, learn.TimeReversedNudge):
        return time_reversed(names, model, rule)
    if isinstance(rule, learn.HamiltonianEcho):
        return echo(names, model, rule)
    if isinstance(rule, learn.LagrangianEP):
        return _lagrangian(names, model, rule)
    return _exact(names, rule)


def _exact(names: Names, rule: Any) -> list[Block]:
    text: list = ["The rule computes the exact gradient of ", Math(objective(names)), ", the mean over the batch; it "]
    text.append("has no phases and measures nothing on the system.")
    return [Paragraph(text)]


# ---- LagrangianEP ----------------------------------------------------------------------------------------------------


def _lagrangian(names: Names, model: Any, rule: Any) -> list[Block]:
    from physeq.learn import Holomorphic

    blocks: list[Block] = [
        Paragraph(
            [
                "The rule estimates the gradient of ",
                Math(objective(names)),
                ", averaged over the batch, from trajectories with the boundary condition above, in these phases:",
            ]
        )
    ]
    if isinstance(rule.nudging, Holomorphic):
        return blocks + _circle(names, model, rule)
    phases = rule.phases()
    measured = measured_phases(names, phases)
    assert measured is not None  # the nudgings of this rule have weights in closed form
    blocks += [trajectory_phases(phases), *_envelope(names, model)]

    def measure(body: sp.Expr, factor: sp.Expr) -> sp.Expr:
        return contrast_over_time(names, model, body, measured, -factor)

    blocks += _estimate(names, measure(Slope(lagrangian(names), theta(names)), sp.S.One))
    blocks += random_sign(names, phases)
    blocks += action_updates(names, model, measure, contrast_words(measured))
    told = " and ".join(m.name for m in measured)
    return [*blocks, _locality(names, model, told, f"{len(measured)} running integrals, one per phase")]


def _envelope(names: Names, model: Any) -> Iterator[Block]:
    """Why the contrast is the gradient: what the action's extremal value does, and what the ends add."""
    from physeq.solve import InitialValue, Periodic  # late: pages of steady states need not load them

    beta, p = nudge_symbol(names), theta(names)
    extremal = Values(TotalSlope(action(names, beta), beta), beta, sp.S.Zero)
    yield Equation(extremal, -objective(names), label="slope of the extremal action")
    if isinstance(model.boundary, InitialValue):
        text: list = ["Nothing holds the end, so that the estimate is off by a boundary term at "]
        text += [Math(duration(names, model.boundary)), ": the momentum's slope by the nudge times the coordinate's "]
        yield Note([*text, "slope by the parameter, less the same with both exchanged. It is reported with each step."])
        return
    periodic = isinstance(model.boundary, Periodic)
    ends = "Coordinates and momenta are equal" if periodic else "Coordinates are given"
    text = [f"Mixed slopes of one value do not depend on their order. {ends} at both ends"]
    text += [", so that the ends add nothing, and ", Math(Slope(lagrangian(names), p)), " needs no variation of the "]
    yield Paragraph([*text, "trajectory:"])


def _estimate(names: Names, estimate: sp.Expr) -> Iterator[Block]:
    yield Equation(Chain("approx", TotalSlope(objective(names), theta(names)), estimate), label="estimate")
    text = ["Each update below descends this estimate with the rate ", Math(rate(names))]
    yield Paragraph([*text, ", where | names the trajectory of a measurement, averaged over the batch."])


def _circle(names: Names, model: Any, rule: Any) -> list[Block]:
    """Nudges on a circle: Cauchy's formula for the slope of the action by the nudge."""
    circle = Circle(names, rule.nudging.radius, rule.nudging.points)
    nudge, count = circle.nudge(), circle.count
    rows: list = [
        ["free", "0", "the start values", "only a start"],
        [["point ", Math(circle.n)], Math(nudge), "the free trajectory", Math(1 / (count * nudge))],
    ]

    def measure(body: sp.Expr, factor: sp.Expr) -> sp.Expr:
        number, rest = tidy(body).as_coeff_Mul()
        integral = over_time(names, model.boundary, InPhase(rest, nudge))
        summed = SumFromTo(Scaled(1 / nudge, integral), circle.n, 0, count - 1)
        return Scaled(-factor * number / count, RealPart(summed))

    blocks: list[Block] = [Table(["Phase", "Nudge", "Starts from", "Weight"], rows), *circle.equations()]
    blocks += [*_envelope(names, model), *_estimate(names, measure(Slope(lagrangian(names), theta(names)), sp.S.One))]
    run = rule.nudging.points // 2 + 1
    text: list = ["This is Cauchy's formula for the slope by the nudge: the error falls like the ", Math(count)]
    text.append("-th power of the radius over the distance to the nearest nudge at which two trajectories meet. Real ")
    text.append(f"motions are conjugate at conjugate nudges, so that {run} points are run, and pairs count twice.")
    blocks += [Paragraph(text), *action_updates(names, model, measure, "its slope by the nudge")]
    stored = "1 running integral per point, complex"
    return [*blocks, _locality(names, model, f"all {run} points that are run", stored)]


def _locality(names: Names, model: Any, phases: str, stored: str) -> Section:
    rows = [Row(form, p, slope) for form, p, slope, _ in action_slopes(names, model) if slope != 0]
    return Section(LOCALITY, [*locality_table(names, model, rows, phases, stored), *remarks(names)])
