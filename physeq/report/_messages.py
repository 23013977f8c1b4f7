"""The message form on a page: what the compiled model computes at each node, in the expressions that it runs."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from physeq.report._assemble import around, gathered, is_symmetric, tidy
from physeq.report._motion import drives, has_steady_form
from physeq.report._naming import Names
from physeq.report._operators import Written
from physeq.report._relations import Chain
from physeq.report._steady import nudge_symbol
from physeq.report._words import raised, readable, word
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.functions import clip
from physeq.symbolic.local import Contribution, LocalForm, Message
from physeq.symbolic.symbols import drive, nudge


def messages(names: Names) -> Section:
    """The section on messages: H, local energy, force and closed-form equilibrium per group."""
    blocks: list[Block] = [
        Paragraph(
            "The compiled model evaluates sums over elements once per bundle, as messages; all else is local. "
            "These are the expressions that it runs."
        )
    ]
    if not has_steady_form(names):
        text = "Groups whose nodes differ in their unknown are not compiled; "
        text += "nodes of one kind belong in a group of their own."
        return Section("As executed", [Note(text)])
    if names.derivation.structure.constraints:
        blocks.append(Note("Constraint forces are not in these expressions: constrained systems are not solved yet."))
    groups = list(names.derivation.locals.items())
    for group, local in groups:
        inner = list(_of_group(names, local))
        blocks += [Section(f"Group {group}", inner)] if len(groups) > 1 else inner
    return Section("As executed: messages and local steps", blocks)


def _of_group(names: Names, local: LocalForm) -> Iterator[Block]:
    for number, message in enumerate(local.messages, 1):
        yield Equation(
            message_symbol(names, local, number), message_value(names, message), note=_use(names, local, message)
        )
    if any(v.internal for v in local.variables):
        yield Paragraph("The unknowns live inside the elements and are evaluated element by element.")
    elif local.energy != 0:
        yield Equation(
            _own(names, local, "e", "energy of node i given its messages"), localised(names, local, local.energy)
        )
    for form, port in local.elements:
        component = form.placement.component
        name = component.ports[port]
        # It may read a port without acting on it.
        if any(slot.port == name and form.force(slot) != 0 for slot in form.unknowns):
            text = f"The {component.name} of {form.placement.name} is evaluated element by element at its {name}, "
            yield Note(f"{text}not through messages; its terms stand in the force below.")
    for v in local.variables:
        yield Equation(_force_symbol(names, local, v), local_force(names, local, v))
        yield from _equilibrium(names, local, v)


def message_symbol(names: Names, local: LocalForm, number: int) -> sp.Expr:
    """H_{k,i}, or H_i where the group has one message."""
    indices = (sp.Integer(number), names.index(0)) if len(local.messages) > 1 else (names.index(0),)
    several = len(names.derivation.locals) > 1
    base = [raised("H", word(local.group))] if several else ["H", r"\mathcal{H}", raised("H", word(local.group))]
    text = f"message to node i of group {local.group}" if several else "message to node i"
    shown = (names.index(2), names.index(0)) if len(local.messages) > 1 else indices
    return names.indexed(("message", local.group), base, text, indices, shown=shown)


def message_value(names: Names, message: Message) -> sp.Expr:
    """The sums that make a message."""
    result = []
    for c in message.contributions:
        merged = is_symmetric(c.form.placement)
        if not merged or c.receiver == 0:
            result.append(_contribution(names, c, merged))
    return Written(*result)


def _contribution(names: Names, c: Contribution, merged: bool) -> sp.Expr:
    """What one bundle adds to a message at node i."""
    placement = c.form.placement
    ports = names.ports(placement, c.receiver)
    return around(names, placement, c.receiver, names.rename(c.coefficient * c.feature, placement, ports), merged)


def _use(names: Names, local: LocalForm, message: Message):
    feature = localised(names, local, message.feature)
    if message.acts_on is None:
        return ["multiplies ", Math(feature), " in the energy of the node"]
    if message.feature == 1:
        return f"a force on {message.acts_on.key}"
    return ["multiplies ", Math(feature), f" as a force on {message.acts_on.key}"]


def localised(names: Names, local: LocalForm, expr: sp.Expr) -> sp.Expr:
    """A local form's expression in the page's symbols, for node i."""
    i = names.index(0)
    found = {v.symbol: names.state(v.group, v.coordinate, int(v.reduced), (i,)) for v in local.variables}
    found |= {placed: names.parameter(where, p, (i,)) for placed, (where, p) in local.parameters.items()}
    found |= {m.symbol: message_symbol(names, local, k) for k, m in enumerate(local.messages, 1)}
    found[nudge] = nudge_symbol(names)
    cost = names.derivation.cost
    if cost is not None and cost.target is not None:
        found[cost.target] = names.target(cost.target, i)
    for form in local.own:
        for signal in form.placement.component.signals:
            found[signal] = names.signal(form.placement.name, signal, (i,))
    return readable(expr.xreplace(found))


def local_force(names: Names, local: LocalForm, v) -> sp.Expr:
    """The force on an unknown from its messages, its elements and its inputs."""
    result = tidy(localised(names, local, local.force[v.key]))
    extra = []
    for form, port in local.elements:
        for slot in form.unknowns:
            merged = is_symmetric(form.placement)
            if (
                slot.port != form.placement.component.ports[port]
                or slot.coordinate != v.coordinate
                or (merged and port)
            ):
                continue
            ports = names.ports(form.placement, port)
            renamed = names.rename(tidy(form.force(slot)), form.placement, ports)
            extra.append(around(names, form.placement, port, renamed, merged))
    if v.internal:
        placement = names.system.placement(v.group)
        form = names.derivation.form(v.group)
        ports = names.ports(placement)
        slot = next(s for s in form.unknowns if s.port is None and s.coordinate == v.coordinate)
        return names.rename(tidy(form.force(slot)), placement, ports)
    return Written(result, gathered(extra + drives(names, v, names.index(0))))


def _own(names: Names, local: LocalForm, letter: str, meaning: str) -> sp.Expr:
    several = len(names.derivation.locals) > 1
    base = [raised(letter, word(local.group))] if several else [letter, rf"\mathcal{{{letter.upper()}}}"]
    where = f", group {local.group}" if several else ""
    return names.indexed((letter, local.group), base, meaning + where, (names.index(0),))


def _force_symbol(names: Names, local: LocalForm, v) -> sp.Expr:
    if v.internal:
        placement = names.system.placement(v.group)
        element = names.element(placement, names.ports(placement))
        base = [raised("f", word(f"{v.group} {v.key}"))]
        return names.indexed(("f", v.group, v.key), base, f"force on {v.key} inside an element of {v.group}", element)
    if len(local.variables) == 1:
        return _own(names, local, "f", f"force on {v.key} of node i, zero at the steady state")
    base = [raised("f", word(f"{v.group} {v.key}"))]
    return names.indexed(("f", v.group, v.key), base, f"force on {v.key} of node i, group {v.group}", (names.index(0),))


def _equilibrium(names: Names, local: LocalForm, v) -> Iterator[Block]:
    free, nudged = local.equilibrium[v.key], local.nudged_equilibrium[v.key]
    x = names.state(v.group, v.coordinate, int(v.reduced), (names.index(0),))
    for label, found in (("local step", free), ("nudged step", nudged)):
        if found is not None:
            pushed = found.xreplace({drive: sp.Add(*drives(names, v, names.index(0)))})
            free_value = tidy(localised(names, local, pushed))
            value, remark = _clipped(names, local, v, free_value), None
            if value.has(sp.Piecewise) and not free_value.has(sp.Piecewise):
                value, remark = free_value, "then clipped to the bounds of the node"
            yield Equation(Chain("leftarrow", x, value), label=label, note=remark)
    if free is not None and not local.minimum[v.key] and names.derivation.structure.conservative:
        yield Note(
            [
                "Where the energy of the node has a maximum there, ",
                Math(x),
                " goes to the bound on its side of it instead.",
            ]
        )
    if free is None and not v.internal:
        yield Note(["No closed form of the local equilibrium of ", Math(x), " is known."])


def _clipped(names: Names, local: LocalForm, v, value: sp.Expr) -> sp.Expr:
    for form in local.own:
        for symbol, (lower, upper) in form.placement.component.bounds.items():
            if symbol == form.unknowns[form.placement.component.slot(symbol)] == v.symbol:
                ends = [
                    names.rename(sp.sympify(e), form.placement, names.ports(form.placement)) for e in (lower, upper)
                ]
                value = clip(value, *ends)
    return value
