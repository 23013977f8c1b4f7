"""Derivatives of the Lagrangian, and of the balance of forces, by the parameters of one placed component."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.component import Slot
from physeq.symbolic.motion import MotionKind, MotionVariable
from physeq.symbolic.motion_form import MotionForm, Unknown
from physeq.symbolic.symbols import Coordinate, LocalSymbol, Parameter, StateSymbol, local_symbol


def lagrangian_slopes(form: MotionForm) -> dict[Parameter, sp.Expr]:
    """{parameter: ∂L/∂p}, L = T − V + Σ F(t) q with forces that depend on time alone, in the unknowns of the motion.

    Raises:
        ModelError: a trained parameter that L does not hold: in a constraint, in a force that depends on states, or in
            one on a coordinate that is no unknown.
    """
    component, name = form.placement.component, form.placement.name
    found = {}
    for p in component.parameters:
        slope = sp.diff(component.kinetic - component.potential, p)
        for q, force in component.force.items():
            push = sp.diff(force, p)
            if push == 0:
                continue
            if any(isinstance(s, StateSymbol) for s in force.free_symbols):
                if p.trainable:
                    raise ModelError(_lost(p, component.name, name, f"in the force {force}, which depends on states"))
                continue
            slot = component.slot(q)
            if component.symbol(slot) not in form.symbols and component.symbol(slot) not in form.eliminated:
                if p.trainable:
                    raise ModelError(_lost(p, component.name, name, f"in the force {force} on a rate alone"))
                continue
            slope += push * component.symbol(slot)
        if p.trainable and any(g.has(p) for g in component.constraint):
            raise ModelError(_lost(p, component.name, name, f"in the constraint {component.constraint[0]} = 0"))
        found[p] = slope.subs(form.eliminated)
    return found


def _lost(p: Parameter, component: str, placement: str, where: str) -> str:
    return (
        f"parameter {p.name!r} of component {component!r} in {placement!r} stands {where}: the action has no "
        "derivative by it; declare it with trainable=False, or use ContinuousAdjoint"
    )


def bilinear_slopes(
    form: MotionForm, variables: Mapping[tuple[str, Coordinate], MotionVariable]
) -> tuple[dict[LocalSymbol, tuple[str, Unknown]], dict[Parameter, sp.Expr]]:
    """(symbols of the response and of rates, {parameter: μ·∂R/∂p}), R = M ẏ − f the balance of forces.

    μ is the response of the lowest unknown of every coordinate at a port. Where that is a position with a velocity
    beside it, M ẇ is integrated by parts: its term is μ̇ ∂M/∂p w, with the response's own velocity μ̇. Symbols map to
    ("response" or "rate", unknown).

    Raises:
        ModelError: a trained parameter in the component's own equations or in its constraint.
    """
    component, name = form.placement.component, form.placement.name
    for unknown in form.owned:
        row = form.rows.get(unknown, sp.S.Zero)
        masses = [entry for (r, _), entry in form.mass.items() if r == unknown]
        for p in component.parameters:
            if p.trainable and (row.has(p) or any(entry.has(p) for entry in masses)):
                raise ModelError(_lost(p, component.name, name, "in the component's own equations"))
    symbols: dict[LocalSymbol, tuple[str, Unknown]] = {}

    def stand(kind: str, slot: Slot, order: int) -> LocalSymbol:
        # One index per port: the printed symbol says whose response it is.
        mark = {"response": "mu", "rate": "rate"}[kind]
        port = slot.port or "own"
        latex = {"response": rf"\mu_{{{port}}}", "rate": rf"\dot{{y}}_{{{port}}}"}[kind]
        if kind == "response" and order == 1:
            latex = rf"\dot{{\mu}}_{{{port}}}"
        symbol = local_symbol(f"{mark}_{slot.coordinate.name}_{port}_{order}", latex, f"the {kind} at {port}")
        symbols[symbol] = (kind, (slot, order))
        return symbol

    found = dict.fromkeys(component.parameters, sp.S.Zero)
    by_unknown = {u: s for s, u in form.symbols.items()}
    for slot in component.slots:
        if slot.port is None:
            continue
        v = variables[form.placement.group_of(slot.port), slot.coordinate]
        low = v.orders[0]
        row = form.rows.get((slot, v.balance), sp.S.Zero)
        for p in component.parameters:
            if (push := sp.diff(row, p)) != 0:
                found[p] -= stand("response", slot, low) * push
            for (r, column), entry in form.mass.items():
                if r != (slot, v.balance) or (heavier := sp.diff(entry, p)) == 0 or isinstance(column, int):
                    continue
                if v.kind is MotionKind.SECOND:
                    found[p] += stand("response", slot, 1) * heavier * by_unknown[column]
                else:
                    found[p] += stand("response", slot, low) * heavier * stand("rate", column[0], column[1])
    return symbols, found
