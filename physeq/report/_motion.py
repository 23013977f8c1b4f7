"""The equations of motion on a page: Euler–Lagrange–Rayleigh per group and kind of node, constraints, bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import sympy as sp

from physeq.report._assemble import at_node, gathered, tidy, total
from physeq.report._naming import Names
from physeq.report._operators import Written
from physeq.report._relations import Chain
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section
from physeq.symbolic.derivation import driven_inputs
from physeq.symbolic.place import NodeSet
from physeq.symbolic.reduction import NodeClass, Order, Variable, clamped_mask, motion_terms

_ORDERS = {Order.ALGEBRAIC: "algebraic", Order.FIRST: "first order", Order.SECOND: "second order"}
_SHOWN = 8


def motion(names: Names) -> Section:
    """The section on motion: one equation per unknown and kind of node."""
    d = names.derivation
    blocks: list[Block] = [
        Paragraph(
            "Every unknown obeys the Euler–Lagrange–Rayleigh equation: the inertial, conservative and dissipative "
            "terms that the components declare balance the forces and the constraint forces. The class of the whole "
            f"system is {d.structure.system_class.value}."
        )
    ]
    for v in d.variables.values():
        if v.group in d.held:
            continue
        for nodes in free_classes(names, v):
            blocks += _of_class(names, v, nodes)
    blocks += _bounds(names)
    blocks += _constraints(names)
    return Section("Equations of motion", blocks)


def free_classes(names: Names, v: Variable) -> tuple[NodeClass, ...]:
    """The kinds of node of an unknown, without the nodes that are held."""
    held = np.zeros(v.size, bool) if v.internal else clamped_mask(names.system, v.group, v.coordinate)
    free = [replace(nodes, indices=nodes.indices[~held[nodes.indices]]) for nodes in v.classes]
    return tuple(nodes for nodes in free if nodes.indices.size)


def _of_class(names: Names, v: Variable, nodes: NodeClass) -> Iterator[Block]:
    indices = equation_indices(names, v)
    coordinate = names.state(v.group, v.coordinate, 0, indices)
    where: list[str | Math] = [f"Group {v.group}" if not v.internal else f"Inside each element of {v.group}"]
    if len(v.classes) > 1:
        where.append(f", {_labels(names, v, nodes)}")
    if len(names.derivation.group_variables(v.group)) > 1:
        where += [", ", Math(coordinate)]
    where.append(f" ({_ORDERS[nodes.order]})")
    if nodes.reduced:
        rate = names.state(v.group, v.coordinate, 1, indices)
        where += [": no term holds ", Math(coordinate), " itself, so that the unknown is its rate ", Math(rate)]
    yield Paragraph([*where, "."])
    left, right = motion_equation(names, v, nodes)
    yield Equation(left, right)


def motion_equation(names: Names, v: Variable, nodes: NodeClass | None = None) -> tuple[sp.Expr, sp.Expr]:
    """(left, right) of the equation of one unknown: what moves on the left, or what balances where nothing moves."""
    nodes = v.classes[0] if nodes is None else nodes
    indices = equation_indices(names, v)

    def terms(name: str) -> list[sp.Expr]:
        return at_node(names, v, nodes, lambda p, slot: motion_terms(p.component, slot)[name])

    inertial, conservative, dissipative, force = map(terms, ("inertial", "conservative", "dissipative", "force"))
    force += constraint_forces(names, v, nodes) + drives(names, v, indices[0])
    if nodes.order is Order.ALGEBRAIC:
        return gathered(inertial + dissipative + conservative), gathered(force)
    first = nodes.order is Order.FIRST and not nodes.reduced
    moving, rest = (dissipative, conservative) if first else (inertial, dissipative + conservative)
    return gathered(moving), gathered([*force, *(-e for e in rest)])


def equation_indices(names: Names, v: Variable) -> tuple[sp.Symbol, ...]:
    """The free indices of an unknown's equation: node i, or element (i, j)."""
    if not v.internal:
        return (names.index(0),)
    placement = names.system.placement(v.group)
    return names.element(placement, names.ports(placement))


def drives(names: Names, v: Variable, index: sp.Symbol) -> list[sp.Expr]:
    """Inputs that act as forces on a variable of a node."""
    found = []
    for name, nodes, coordinate in driven_inputs(names.system):
        for part in nodes.parts:
            if part.group == v.group and names.derivation.node_variable(v.group, coordinate, name) is v:
                found.append(names.drive(name, index))
    return found


def constraint_forces(names: Names, v: Variable, nodes: NodeClass | None) -> list[sp.Expr]:
    """λ ∂g/∂q, or λ ∂g/∂q̇ for rate constraints."""
    most = max((len(p.component.constraint) for p in names.system.placements), default=0)
    found: list[sp.Expr] = []
    for k in range(most):

        def slope(placement, slot, k=k):
            entries = dict(motion_terms(placement.component, slot)["constraint"])
            return entries.get(k, sp.S.Zero) * names.multiplier(placement, k)

        found += at_node(names, v, nodes, slope)
    return found


def _constraints(names: Names) -> Iterator[Block]:
    rows = [(p, k, g) for p in names.system.placements for k, g in enumerate(p.component.constraint)]
    for placement, _, g in rows:
        ports = names.ports(placement)
        element = names.element(placement, ports)
        member = Chain("in", element[0] if len(element) == 1 else sp.Tuple(*element), names.elements(placement))
        yield Equation(
            names.rename(tidy(g), placement, ports),
            sp.S.Zero,
            note=["constraint of ", placement.name, ", for ", Math(member)],
        )


def _bounds(names: Names) -> Iterator[Block]:
    for placement, symbol, chain in bound_chains(names):
        what = "rate" if symbol.order else "coordinate"
        yield Note(
            [
                f"Bounds of {placement.component.name} on {placement.groups[0]}: ",
                Math(chain),
                f". The {what} is projected on this interval: where it lies on a bound, its equation holds as an "
                "inequality, and the bound supplies the missing force.",
            ]
        )


def bound_chains(names: Names) -> Iterator[tuple]:
    """(placement, symbol, lower ≤ x ≤ upper) of every bound."""
    for placement in names.system.placements:
        for symbol, (lower, upper) in placement.component.bounds.items():
            ports = names.ports(placement)
            sides = [names.rename(sp.sympify(e), placement, ports) for e in (lower, symbol, upper)]
            sides = [e for e in sides if e not in (sp.oo, -sp.oo)]
            if len(sides) > 1:
                yield placement, symbol, Chain("le", *sides)


def has_steady_form(names: Names) -> bool:
    """Whether every free group has one kind of unknown, so that the steady state is one function of the unknowns."""
    return all(v.uniform for v in names.derivation.variables.values() if v.group not in names.derivation.held)


def totals(names: Names) -> Iterator[Equation]:
    """The declared energies summed over the system, as far as the steady-state function does not hold them."""
    d = names.derivation
    moving = [v for v in d.variables.values() if not v.reduced]
    mixed = not has_steady_form(names)
    for attribute, candidates, text in (
        ("potential", ["V", r"\mathcal{V}", r"E_{\mathrm{pot}}"], "potential energy"),
        ("kinetic", ["T", r"\mathcal{T}", r"E_{\mathrm{kin}}"], "kinetic energy"),
        ("dissipation", ["R", r"\mathcal{R}", r"R_{\mathrm{tot}}"], "Rayleigh dissipation function"),
    ):
        if (attribute == "dissipation" and not moving and not mixed) or (attribute == "potential" and not mixed):
            continue  # part of the steady-state function
        parts = [total(names, getattr(p.component, attribute), p) for p in names.system.placements]
        if any(part != 0 for part in parts):
            yield Equation(names.quantity(attribute, candidates, f"total {text}"), Written(*parts), label=text)


def _labels(names: Names, v: Variable, nodes: NodeClass) -> str:
    if v.internal:
        labels = [str(i) for i in nodes.indices]
    else:
        labels = [str(names.system.label(v.group, int(i))) for i in nodes.indices]
    return listed(labels, "node")


def listed(labels: list[str], noun: str) -> str:
    """A count and the first few labels."""
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return f"{noun}{'s' if len(labels) != 1 else ''} {', '.join(labels[:_SHOWN])}{more}"


def node_labels(names: Names, nodes: NodeSet) -> str:
    """Nodes in the user's labels; a whole group by its name."""
    found = []
    for part in nodes.parts:
        if part.whole:
            found.append(f"group {part.group}")
        else:
            found.append(listed([str(names.system.label(part.group, int(i))) for i in part.indices], "node"))
    return "; ".join(found)
