"""A trajectory on a page: its Lagrangian and action, its cost, and what the nudge does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._motion import motion_equation
from physeq.report._naming import Names
from physeq.report._operators import Scaled, Written, sum_over
from physeq.report._relations import Slope
from physeq.report._steady import nudge_symbol
from physeq.report._trajectory_names import (
    action,
    at_output,
    density,
    duration,
    instant,
    lagrangian,
    objective,
    over_outputs,
    over_time,
    own_lagrangian,
)
from physeq.report._trajectory_operators import TimeDerivative
from physeq.report._trajectory_updates import times
from physeq.report._words import shown_name
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.component import Component
from physeq.symbolic.derivation import driven_inputs
from physeq.symbolic.symbols import StateSymbol

# ---- Lagrangian and action -------------------------------------------------------------------------------------------


def lagrangian_density(component: Component) -> sp.Expr:
    """T − V + F(t) q of one element: forces that depend on states belong to no Lagrangian.

    >>> import physeq as pq
    >>> lagrangian_density(pq.mechanical.mass(gravity=9.81))
    -x*g*m + m*x.dot**2/2
    """
    result = component.kinetic - component.potential
    for q, force in component.force.items():
        if not any(isinstance(s, StateSymbol) for s in force.free_symbols):
            result += force * q
    return result


def lagrangian_section(names: Names, model: Any) -> Section:
    """L per component, their sum, and A_β; what is in the way where there is no action."""
    structure = model.structure
    blocks: list[Block] = []
    if not structure.conservative:
        found = (*structure.dissipation, *structure.non_reciprocal, *structure.undeclared_energy)
        why = f"There is no action: {'; '.join(map(str, found[:3]))}. The trajectories solve the equations of motion."
        return Section("Lagrangian and action", [Paragraph(why)])
    blocks.append(Paragraph("Every component adds its kinetic less its potential energy, and forces given in time:"))
    parts: list[sp.Expr] = []
    for placement in names.system.placements:
        ports = names.ports(placement)
        members = names.element(placement, ports)
        if (own := lagrangian_density(placement.component)) == 0:
            continue
        symbol = own_lagrangian(names, placement, members)
        blocks.append(Equation(symbol, names.rename(own, placement, ports), label=shown_name(placement.name)))
        parts.append(sum_over(symbol, members, members, names.elements(placement)))
    for name, nodes, coordinate in driven_inputs(names.system):
        for part in nodes.parts:
            i = names.index(0)
            v = names.derivation.node_variable(part.group, coordinate, name)
            q = names.state(part.group, v.coordinate, 0, (i,))
            parts.append(sum_over(names.drive(name, i) * q, (i,), (i,), names.group(part.group)))
    blocks.append(Equation(lagrangian(names), Written(*parts), label="Lagrangian"))
    if model.cost is None or model.cost.form.running == 0:
        blocks.append(Equation(action(names), over_time(names, model.boundary, lagrangian(names)), label="action"))
    else:
        beta = nudge_symbol(names)
        nudged = Written(lagrangian(names), -beta * over_outputs(names, "running"))
        blocks.append(Equation(action(names, beta), over_time(names, model.boundary, nudged), label="nudged action"))
    blocks.append(Paragraph(_stationary(model)))
    return Section("Lagrangian and action", blocks)


def _stationary(model: Any) -> str:
    """In which sense trajectories are extremals."""
    from physeq.solve import InitialValue  # late: pages of steady states need not load them

    among = " among the motions that obey the constraints" if model.structure.constraints else ""
    if isinstance(model.boundary, InitialValue):
        return f"Motions make the action stationary{among} as long as both ends are held; an initial value holds one."
    return (
        f"Trajectories are extremals of the action{among} with the boundary condition below, as a rule saddles and no "
        "minima: they are solved for, not relaxed to."
    )


# ---- cost ------------------------------------------------------------------------------------------------------------


def cost_section(names: Names, model: Any) -> Section:
    """ℓ, c and J = ∫ Σ ℓ dt + Σ c(T)."""
    if model.cost is None:
        return Section("Cost", [Note("These trajectories have no cost, so that there is nothing to learn.")])
    form, i = model.cost.form, names.index(0)
    blocks: list[Block] = []
    sides: list[sp.Expr] = []
    for kind, expr in (("running", form.running), ("terminal", form.terminal)):
        if expr == 0:
            continue
        for part in names.system.outputs.parts:
            value = at_output(names, form, expr, part.group, i)
            blocks.append(
                Equation(density(names, kind, part.group, i), value, label=f"{kind} cost, group {part.group}")
            )
        if kind == "running":
            sides.append(over_time(names, model.boundary, over_outputs(names, kind)))
        else:
            sides.append(over_outputs(names, kind, duration(names, model.boundary)))
    blocks.append(Equation(objective(names), Written(*sides), label="cost"))
    if form.target is not None and form.terminal.has(form.target):
        blocks.append(Note("Of a target that is a series in time, the terminal cost sees the last entry."))
    return Section("Cost", blocks)


# ---- nudged equations ------------------------------------------------------------------------------------------------


def nudged_section(names: Names, model: Any, rule: Any) -> list[Section]:
    """What −βℓ in the action does to the equations of the outputs; for rules that nudge the action."""
    from physeq.learn import LagrangianEP  # late: pages without rules need not load them

    form = model.cost.form if model.cost is not None else None
    if form is None or form.running == 0 or not model.structure.conservative or not isinstance(rule, LagrangianEP):
        return []
    beta = nudge_symbol(names)
    text: list = ["In the nudged action ", Math(-beta * density(names, "running", _first(names), names.index(0)))]
    text += [" pushes every output with a force, and adds to its momentum where the cost sees its rate:"]
    blocks: list[Block] = [Paragraph(text)]
    for part in names.system.outputs.parts:
        blocks += _nudged_output(names, model, part.group, part.indices)
    blocks.append(Paragraph("All other equations, and the boundary condition, stay as they are."))
    return [Section("Nudged equations", blocks)]


def _first(names: Names) -> str:
    return names.system.outputs.parts[0].group


def cost_slopes(names: Names, model: Any, group: str, i: sp.Symbol, kind: str = "running") -> tuple[sp.Expr, sp.Expr]:
    """(∂ℓ/∂q, ∂ℓ/∂q̇) of output node i."""
    form = model.cost.form
    expr = getattr(form, kind)
    slopes = (tidy(sp.diff(expr, s)) for s in (form.position, form.rate))
    by_position, by_rate = (at_output(names, form, slope, group, i) for slope in slopes)
    return by_position, by_rate


def _nudged_output(names: Names, model: Any, group: str, outputs: np.ndarray) -> Iterator[Block]:
    i, beta, form = names.index(0), nudge_symbol(names), model.cost.form
    force, shift = cost_slopes(names, model, group, i)
    running = density(names, "running", group, i)
    for order, slope, label in ((0, force, "nudging force"), (1, shift, "momentum of the nudge")):
        if slope != 0:
            x = names.state(group, form.coordinate, order, (i,))
            yield Equation(Scaled(-beta, Slope(running, x)), times(-beta, slope), label=f"{label}, group {group}")
    v = names.derivation.variables[group, form.coordinate]
    momentum = TimeDerivative(shift, instant(names)) if shift != 0 else sp.S.Zero
    for nodes in v.classes:
        if np.isin(nodes.indices, outputs).any():
            left, right = motion_equation(names, v, nodes)
            sides = Written(left, times(-beta, momentum)), Written(right, times(-beta, force))
            yield Equation(*sides, label=f"output of group {group}")
