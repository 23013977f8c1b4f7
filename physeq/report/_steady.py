"""The steady state on a page: the function that it makes stationary, its condition per group, and the nudge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import sympy as sp

from physeq.report._assemble import at_node, gathered, total
from physeq.report._motion import constraint_forces, drives, equation_indices, free_classes, has_steady_form
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written, sum_over
from physeq.report._relations import Slope
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.derivation import driven_inputs
from physeq.symbolic.functions import softmax
from physeq.symbolic.mixing import split_across_outputs
from physeq.symbolic.reduction import NodeClass, Order, Variable


def energy_symbol(names: Names) -> sp.Expr:
    """E, the function whose stationary points are the steady states."""
    text = "co-content" if is_content(names) else "energy"
    return names.quantity("energy", ["E", r"\mathcal{E}", r"E_{\mathrm{tot}}"], f"total {text} of the steady state")


def is_content(names: Names) -> bool:
    """Whether every unknown is a rate, so that the steady-state function is a co-content."""
    return all(v.reduced for v in names.derivation.variables.values())


def cost_symbol(names: Names) -> sp.Expr:
    """C, the cost."""
    return names.quantity("cost", ["C", r"\mathcal{C}", r"C_{\mathrm{out}}"], "cost, a sum over the outputs")


def nudge_symbol(names: Names) -> sp.Expr:
    """β, the strength of the nudge."""
    return names.quantity(
        "nudge", [r"\beta", r"\beta_{\mathrm{nudge}}"], "strength of the nudge, the factor of the cost"
    )


def energy_terms(names: Names) -> sp.Expr:
    """E as sums over groups and bundles: Σ densities − Σ input·unknown."""
    result = [total(names, form.energy, form.placement) for form in names.derivation.forms]
    for name, nodes, coordinate in driven_inputs(names.system):
        for part in nodes.parts:
            v = names.derivation.node_variable(part.group, coordinate, name)
            i = names.index(0)
            x = names.state(part.group, v.coordinate, int(v.reduced), (i,))
            result.append(-sum_over(names.drive(name, i) * x, (i,), (i,), names.group(part.group)))
    return Written(*result)


def cost_terms(names: Names) -> sp.Expr:
    """C as a sum over outputs or readout units."""
    mixed, rest = split_across_outputs(names.derivation.cost.density)
    across = [factor * sp.log(_exponentials(names, argument, 0)) for argument, factor in mixed.items()]
    return Written(*across, _over_outputs(names, rest, 0)) if across else _over_outputs(names, rest, 0)


def _over_outputs(names: Names, expr: sp.Expr, number: int) -> sp.Expr:
    """Σ of an expression of the cost over all outputs, with the first index of outputs or a further one."""
    cost = names.derivation.cost
    if names.system.readout is not None:
        k = names.index(2 + number)
        return sum_over(_at_unit(names, expr, k), (k,), (k,), readout_set(names))
    j = names.index(number)
    parts = []
    for group, v in cost.unknowns.items():
        parts.append(sum_over(_at_node(names, expr, v, j), (j,), (j,), names.outputs(group)))
    return sp.Add(*parts)


def _exponentials(names: Names, argument: sp.Expr, number: int) -> sp.Expr:
    """Σ exp(argument) over all outputs."""
    return _over_outputs(names, sp.exp(argument, evaluate=False), number)


def _spelled(names: Names, expr: sp.Expr, place: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    """An expression of the cost at one output, with softmax(z) written as exp(z_k)/Σ_l exp(z_l)."""
    found = {}
    for mixing in expr.atoms(softmax):
        (argument,) = mixing.args
        others = _exponentials(names, argument, 1)
        found[mixing] = sp.exp(place(argument)) / others
    opened = {mixing: sp.Dummy() for mixing in found}
    return place(expr.xreplace(opened)).xreplace({opened[m]: value for m, value in found.items()})


def at_output(names: Names, expr: sp.Expr, v: Variable) -> sp.Expr:
    """An expression of the cost at output node i."""
    return _spelled(names, expr, lambda e: _at_node(names, e, v, names.index(0)))


def _at_node(names: Names, expr: sp.Expr, v: Variable, i: sp.Symbol) -> sp.Expr:
    cost = names.derivation.cost
    found = {cost.variable: names.state(v.group, v.coordinate, int(v.reduced), (i,))}
    if cost.target is not None:
        found[cost.target] = names.target(cost.target, i)
    return expr.xreplace(found)


# ---- readout ---------------------------------------------------------------------------------------------------------


def readout_index(names: Names) -> sp.Symbol:
    """The index of a readout unit."""
    return names.index(2)


def readout_set(names: Names) -> sp.Expr:
    """The set of readout units."""
    size = names.system.readout.size
    return names.quantity("readout", [r"\mathrm{readout}", r"\mathcal{Z}"], f"the {size} units of the readout")


def readout_unit(names: Names, k: sp.Symbol | None = None) -> sp.Expr:
    """z of readout unit k."""
    z = names.system.readout.output
    base = [z.latex_name, rf"\hat{{{z.latex_name}}}"]
    shown = readout_index(names)
    text = z.description or "output of the readout"
    return names.indexed(("readout", z), base, text, (shown if k is None else k,), shown=(shown,))


def readout_density(names: Names, expr: sp.Expr) -> sp.Expr:
    """An expression of the cost at readout unit k."""
    return _spelled(names, expr, lambda e: _at_unit(names, e, readout_index(names)))


def _at_unit(names: Names, expr: sp.Expr, k: sp.Symbol) -> sp.Expr:
    cost = names.derivation.cost
    found = {cost.variable: readout_unit(names, k)}
    if cost.target is not None:
        found[cost.target] = names.target(cost.target, k)
    return expr.xreplace(found)


def readout_term(names: Names, expr: sp.Expr) -> sp.Expr:
    """An expression in the readout's parameters and the output unknown, for the pair (output node i, unit k)."""
    i, k = names.index(0), readout_index(names)
    v = next(iter(names.derivation.cost.unknowns.values()))
    found = {v.symbol: names.state(v.group, v.coordinate, int(v.reduced), (i,))}
    for p in expr.free_symbols - {v.symbol}:
        found[p] = names.parameter("readout", p, (i, k))
    return expr.xreplace(found)


def readout_value(names: Names) -> sp.Expr:
    """z_k as computed."""
    system, i, k = names.system, names.index(0), readout_index(names)
    v = next(iter(names.derivation.cost.unknowns.values()))
    drive = sp.Add(*(t.product() for t in names.derivation.cost.readout_terms))
    value = sum_over(readout_term(names, drive), (i,), (i,), names.outputs(v.group))
    return value + names.parameter("readout", system.readout.bias, (k,)) if system.readout.bias is not None else value


def pull(names: Names, v: Variable) -> sp.Expr:
    """∂C/∂x of output node i."""
    cost = names.derivation.cost
    if names.system.readout is None:
        return at_output(names, cost.derivative, v)
    k = readout_index(names)
    slope = sp.Add(*(sp.diff(t.product(), v.symbol) for t in cost.readout_terms))
    body = readout_density(names, cost.derivative) * readout_term(names, slope)
    return sum_over(body, (k,), (k,), readout_set(names))


# ---- sections --------------------------------------------------------------------------------------------------------


def energy_section(names: Names, more: Iterator[Equation]) -> Section:
    """The energies of the whole system."""
    d = names.derivation
    blocks: list[Block] = []
    if has_steady_form(names):
        symbol, kind = energy_symbol(names), "co-content" if is_content(names) else "energy"
        lead = "The unknowns are rates:" if is_content(names) else "With all rates at rest,"
        text = [
            f"{lead} the steady state is governed by the {kind} ",
            Math(symbol),
            ", a function of the unknowns. ",
        ]
        if not d.structure.conservative:
            text.append("Forces that no energy has are not in it; they stand in the equations of motion.")
        blocks += [Paragraph(text), Equation(symbol, energy_terms(names), label=kind)]
    blocks += more
    if d.cost is not None:
        blocks.append(Equation(cost_symbol(names), cost_terms(names), label="cost"))
        if names.system.readout is not None:
            blocks.append(
                Equation(readout_unit(names), readout_value(names), label="readout", note="computed, not physical")
            )
    return Section("Energy and cost" if d.cost is not None else "Energy", blocks)


def steady_condition(names: Names, v: Variable) -> sp.Expr:
    """The force on an unknown at node i (or inside element (i, j)), zero at the steady state: −∂E/∂x + F."""
    forms = {form.placement.name: form for form in names.derivation.forms}
    nodes = free_nodes(names, v)
    summands = at_node(names, v, nodes, lambda p, slot: forms[p.name].force(slot))
    return gathered(summands + drives(names, v, equation_indices(names, v)[0]))


def free_nodes(names: Names, v: Variable) -> NodeClass:
    """All free nodes, whatever the order of their equations: at rest they are of one kind."""
    classes = free_classes(names, v)
    return replace(classes[0], indices=np.concatenate([nodes.indices for nodes in classes]))


def steady(names: Names) -> Section:
    """The steady state, and the nudged one."""
    d, energy = names.derivation, energy_symbol(names)
    free = [v for v in d.variables.values() if v.group in d.locals]
    if not has_steady_form(names):
        mixed = ", ".join(sorted({v.group for v in free if not v.uniform}))
        text = f"Nodes of {mixed} differ in their unknown, coordinate or rate: no one function of the unknowns governs "
        return Section(
            "Steady state", [Note(text + "the steady state; nodes of one kind belong in a group of their own.")]
        )
    algebraic = all(c.order is Order.ALGEBRAIC for v in free for c in v.classes)
    blocks: list[Block] = []
    rest = "The equations are algebraic" if algebraic else "All rates vanish in the equations of motion"
    if d.structure.conservative:
        under = " under the constraints" if d.structure.constraints else ""
        blocks.append(Paragraph([f"{rest}: the steady state is a stationary point of ", Math(energy), f"{under},"]))
        for v in free:
            x = names.state(v.group, v.coordinate, int(v.reduced), equation_indices(names, v))
            label = f"group {v.group}" if len({w.group for w in free}) > 1 else None
            blocks.append(
                Equation(Slope(energy, x), gathered(constraint_forces(names, v, free_nodes(names, v))), label=label)
            )
    else:
        blocks.append(Paragraph(f"{rest}; what is left is the balance of forces:"))
        for v in free:
            blocks.append(Equation(steady_condition(names, v), sp.S.Zero, label=f"group {v.group}"))
    if d.structure.bounded:
        blocks.append(
            Note("Bounded unknowns satisfy this as a complementarity: at a bound, the force may push against it.")
        )
    if d.cost is not None:
        blocks += _nudged(names, energy)
    return Section("Steady state", blocks)


def _nudged(names: Names, energy: sp.Expr) -> Iterator[Block]:
    d, beta, cost = names.derivation, nudge_symbol(names), cost_symbol(names)
    if d.structure.conservative:
        function = names.quantity("nudged", ["F", r"\mathcal{F}", r"F_{\beta}"], "nudged energy, stationary in a phase")
        yield Paragraph(["A phase with nudge ", Math(beta), " settles at a stationary point of"])
        yield Equation(function, Written(energy, Scaled(beta, cost)), label="nudged energy")
        yield Paragraph("The nudge adds a force to the output nodes alone:")
    else:
        yield Paragraph(["A phase with nudge ", Math(beta), " adds a force to the output nodes alone:"])
    for group, v in d.cost.unknowns.items():
        if group in d.held:
            continue
        force = -beta * pull(names, v)
        x = names.state(v.group, v.coordinate, int(v.reduced), (names.index(0),))
        label = f", group {group}" if len(d.cost.unknowns) > 1 else ""
        yield Equation(-Scaled(beta, Slope(cost, x)), force, label=f"nudge{label}")
        balance = Written(steady_condition(names, v), force, *constraint_forces(names, v, free_nodes(names, v)))
        yield Equation(sp.S.Zero, balance, label=f"nudged output{label}")
