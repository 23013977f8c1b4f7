"""Hamiltonian echoes on a page: Hamilton's equations, the momentum flip, the nudged way back, the updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from physeq.report._assemble import at_node, gathered
from physeq.report._in_time import momentum
from physeq.report._motion import drives, equation_indices, node_labels
from physeq.report._naming import Names
from physeq.report._operators import Written, sum_over
from physeq.report._relations import Chain, InPhase, Slope, TotalSlope
from physeq.report._rule_operators import At
from physeq.report._rule_phases import LOCALITY, measured_phases, random_sign, rate
from physeq.report._steady import nudge_symbol
from physeq.report._trajectory_action import cost_slopes, lagrangian_density
from physeq.report._trajectory_ends import end_terms, ends_of_echoes, kick, kick_equation
from physeq.report._trajectory_locality import Row, locality_table, remarks
from physeq.report._trajectory_names import (
    Indices,
    duration,
    free_variables,
    hamiltonian,
    instant,
    lagrangian,
    objective,
    theta,
)
from physeq.report._trajectory_updates import (
    action_slopes,
    action_updates,
    contrast_over_time,
    contrast_words,
    times,
    trajectory_phases,
)
from physeq.report.document import Block, Equation, Math, Paragraph, Section
from physeq.report.notation import symbol_latex
from physeq.symbolic.derivation import driven_inputs
from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.reduction import Variable, motion_terms
from physeq.symbolic.symbols import Coordinate, Parameter, Signal


def echo(names: Names, model: Any, rule: Any) -> list[Block]:
    """The blocks of Hamiltonian echoes."""
    phases, p = rule.phases(), theta(names)
    measured = measured_phases(names, phases)
    assert measured is not None  # the nudgings of this rule have weights in closed form
    blocks: list[Block] = [
        Paragraph(
            [
                "The rule estimates the gradient of ",
                Math(objective(names)),
                ", averaged over the batch, from one run forward and echoes of it:",
            ]
        ),
        trajectory_phases(phases),
        *random_sign(names, phases),
        Section("Forward", list(_forward(names, model))),
        Section("Momentum flip", list(_flip(names, model))),
        Section("Echo", list(_way_back(names, model))),
    ]

    def measure(body: sp.Expr, factor: sp.Expr) -> sp.Expr:
        return contrast_over_time(names, model, reversed_series(names, model, body), measured, -factor)

    by_energy = contrast_over_time(names, model, Slope(hamiltonian(names), p), measured, sp.S.One)
    by_action = measure(Slope(lagrangian(names), p), sp.S.One)
    blocks.append(Equation(Chain("approx", TotalSlope(objective(names), p), by_energy), label="estimate"))
    text: list = [
        "Here | names the echo of a measurement, and ",
        Math(Slope(hamiltonian(names), p)),
        " at given momenta",
    ]
    text += [
        " is ",
        Math(-Slope(lagrangian(names), p)),
        " at given rates, so that every element integrates the latter:",
    ]
    blocks += [Paragraph(text), Equation(Chain("approx", TotalSlope(objective(names), p), by_action), label="estimate")]
    blocks.append(Paragraph(["Each update below descends this estimate with the rate ", Math(rate(names)), "."]))
    blocks += ends_of_echoes(names, model, measured)

    def more(form: MotionForm, q: Parameter, factor: sp.Expr) -> sp.Expr:
        return end_terms(names, model, form, q, factor)

    blocks += action_updates(names, model, measure, contrast_words(measured), more)
    count = len(measured)
    stored = f"{count} running integral{'s' if count > 1 else ''}, one per echo; nothing of the forward run"
    ends = ", where the echoes end, and the rate at the start"
    ends += " and at the end" if model.cost.form.terminal.has(model.cost.form.rate) else ""
    rows = [
        Row(form, q, slope, more=ends if form.placement.component.kinetic.has(q) else "")
        for form, q, slope, _ in action_slopes(names, model)
        if slope != 0
    ]
    table = locality_table(names, model, rows, " and ".join(m.name for m in measured), stored)
    return [*blocks, Section(LOCALITY, [*table, *remarks(names)])]


# ---- equations -------------------------------------------------------------------------------------------------------


def _coordinates(names: Names, model: Any) -> Iterator[tuple[str, Coordinate, Variable, tuple[sp.Symbol, ...]]]:
    """(group, coordinate, variable, indices of a node or element) of everything that moves."""
    for group, q, _ in free_variables(names, model):
        v = names.derivation.variables[group, q]
        yield group, q, v, equation_indices(names, v)


def _rate_of_momentum(names: Names, group: str, q: Coordinate, at: Indices) -> sp.Expr:
    head = symbol_latex(momentum(names, group, q, at).base)
    dotted = rf"\dot{{p}}{head.removeprefix('p')}"
    return names.quantity(
        f"rate of momentum of {group}.{q.name}", [dotted], f"rate of the momentum of {q.name} of {group}", at
    )


def _inertia(names: Names, v: Variable) -> list[sp.Expr] | None:
    """What the momentum of a node is per rate, where no other rate stands in it."""
    for placement in names.system.placements:
        component = placement.component
        rates = [component.symbol(s, 1) for s in component.slots]
        if any(sp.diff(component.kinetic, a, b) != 0 for a in rates for b in rates if a != b):
            return None
    return at_node(names, v, None, lambda p, s: sp.diff(p.component.kinetic, p.component.symbol(s, 1), 2))


def _momenta(names: Names, v: Variable, group: str, q: Coordinate, at: Indices) -> Equation:
    """q̇_i = ∂H/∂p_i, or p_i = ∂T/∂q̇_i where inertia is shared."""
    p, velocity = momentum(names, group, q, at), names.state(group, q, 1, at)
    inertia = _inertia(names, v)
    if inertia is not None:
        return Equation(velocity, p / sp.Add(*inertia), label=f"rate, group {group}")
    terms = at_node(names, v, None, lambda a, s: sp.diff(a.component.kinetic, a.component.symbol(s, 1)))
    return Equation(p, gathered(terms), label=f"momentum, group {group}", note="solved for the rates")


def _force(names: Names, v: Variable, at: Indices) -> list[sp.Expr]:
    """−∂H/∂q_i and forces given in time, one summand each."""

    def terms(name: str) -> list[sp.Expr]:
        return at_node(names, v, None, lambda p, s: motion_terms(p.component, s)[name])

    return [*(-e for e in terms("conservative")), *terms("force"), *drives(names, v, at[0])]


def _forward(names: Names, model: Any) -> Iterator[Block]:
    h = hamiltonian(names)
    if (energy := _energy(names, model)) is not None:
        yield Equation(h, energy, label="Hamiltonian")
    for group, q, _, at in _coordinates(names, model):
        x, p = names.state(group, q, 0, at), momentum(names, group, q, at)
        yield Equation(names.state(group, q, 1, at), Slope(h, p))
        yield Equation(_rate_of_momentum(names, group, q, at), -Slope(h, x))
    yield Paragraph("With the terms that the components declare:")
    for group, q, v, at in _coordinates(names, model):
        yield _momenta(names, v, group, q, at)
        force = gathered(_force(names, v, at))
        yield Equation(_rate_of_momentum(names, group, q, at), force, label=f"force, group {group}")


def _energy(names: Names, model: Any) -> sp.Expr | None:
    """H in momenta, where every coordinate has an inertia of its own; None elsewhere."""
    parts: list[sp.Expr] = []
    for group, q, v, at in _coordinates(names, model):
        inertia = _inertia(names, v)
        if inertia is None:
            return None
        domain = names.elements(names.system.placement(group)) if v.internal else names.group(group)
        parts.append(sum_over(momentum(names, group, q, at) ** 2 / (2 * sp.Add(*inertia)), at, at, domain))
    for placement in names.system.placements:
        component, ports = placement.component, names.ports(placement)
        members = names.element(placement, ports)
        stored = names.rename(component.kinetic - lagrangian_density(component), placement, ports)
        parts.append(sum_over(stored, members, members, names.elements(placement)))
    for name, nodes, coordinate in driven_inputs(names.system):
        for part in nodes.parts:
            v, i = names.derivation.node_variable(part.group, coordinate, name), names.index(0)
            work = names.drive(name, i) * names.state(part.group, v.coordinate, 0, (i,))
            parts.append(-sum_over(work, (i,), (i,), names.group(part.group)))
    return Written(*parts)


def _flip(names: Names, model: Any) -> Iterator[Block]:
    i, beta, end = names.index(0), nudge_symbol(names), duration(names, model.boundary)
    form = model.cost.form
    text = "An echo starts where the forward run ended, with all momenta turned round, and its time runs anew. What "
    yield Paragraph([text, Math(beta), " marks is the echo with this nudge; what has no mark is the forward run:"])
    for group, q, _, at in _coordinates(names, model):
        x, p = names.state(group, q, 0, at), momentum(names, group, q, at)
        shift = beta * kick(names, model, group, q, at) if form.terminal.has(form.rate) else sp.S.Zero
        yield Equation(InPhase(At(x, sp.S.Zero), beta), Written(At(x, end), -shift))
        yield Equation(InPhase(At(p, sp.S.Zero), beta), -At(p, end))
    if form.terminal == 0:
        return
    outputs = names.system.outputs
    assert outputs is not None  # a cost has outputs
    yield Paragraph(f"The terminal cost starts an echo off on the outputs, {node_labels(names, outputs)}:")
    for part in outputs.parts:
        slope, by_rate = (_at_end(names, model, e) for e in cost_slopes(names, model, part.group, i, "terminal"))
        if slope != 0:
            p = momentum(names, part.group, form.coordinate, (i,))
            yield Equation(InPhase(At(p, sp.S.Zero), beta), Written(-At(p, end), -times(beta, slope)))
        if by_rate != 0:
            yield from kick_equation(names, model, part.group, by_rate)


def _at_end(names: Names, model: Any, expr: sp.Expr) -> sp.Expr:
    """A slope of the terminal cost with its states at T."""
    end, form, i = duration(names, model.boundary), model.cost.form, names.index(0)
    states = {
        names.state(p.group, form.coordinate, order, (i,)) for p in names.system.outputs.parts for order in (0, 1)
    }
    return expr.xreplace({x: At(x, end) for x in states})


def _way_back(names: Names, model: Any) -> Iterator[Block]:
    i, t, end = names.index(0), instant(names), duration(names, model.boundary)
    beta, form = nudge_symbol(names), model.cost.form
    text: list = ["The same equations; what is given in time is replayed in reverse, at ", Math(end - t)]
    joins = [". The cost joins the energy with the factor ", Math(beta), ", and pushes the outputs:"]
    yield Paragraph([*text, *(joins if form.running != 0 else [":"])])
    for group, q, v, at in _coordinates(names, model):
        force = [reversed_series(names, model, e) for e in _force(names, v, at)]
        parts = [p for p in names.system.outputs.parts if p.group == group and q == form.coordinate]
        dotted = _rate_of_momentum(names, group, q, at)
        slopes = {part: cost_slopes(names, model, part.group, i)[0] for part in parts}
        if not any(part.whole and slope != 0 for part, slope in slopes.items()):
            yield Equation(dotted, gathered(force), label=f"force, group {group}")
        for slope in slopes.values():
            if slope == 0:
                continue
            nudged = Written(gathered(force), -times(beta, reversed_series(names, model, slope)))
            yield Equation(dotted, nudged, label=f"force on an output, group {group}")


def reversed_series(names: Names, model: Any, expr: sp.Expr) -> sp.Expr:
    """An expression with everything that is given in time, inputs, targets and the time itself, at T − t."""
    t = instant(names)
    back = duration(names, model.boundary) - t
    series = {names.drive(name, names.index(0)).base for name, _, _ in driven_inputs(names.system)}
    target = model.cost.form.target
    series |= {names.target(target, names.index(0)).base} if target is not None else set()
    for placement in names.system.placements:
        for signal in placement.component.signals:
            assert isinstance(signal, Signal)
            shown = names.signal(placement.name, signal, names.element(placement, names.ports(placement)))
            series.add(shown.base)
    given = {e: At(e, back) for e in expr.atoms(sp.Indexed) if e.base in series}
    return expr.xreplace({t: back}).xreplace(given)
