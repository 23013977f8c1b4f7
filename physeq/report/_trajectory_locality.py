"""What a rule of trajectories measures at every element, over which time, in which phases, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from physeq.report._naming import Names
from physeq.report._trajectory_names import duration, page_terms
from physeq.report._trajectory_updates import page_parameter
from physeq.report.document import Block, Math, Paragraph, Table
from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.symbols import Parameter, Signal, StateSymbol, time


@dataclass(frozen=True)
class Row:
    """What the update of one parameter needs.

    Attributes:
        form, parameter: whose update.
        integrand: what is integrated, in the component's symbols.
        beside: symbols of the integrand that stand for quantities of another run, with the port of each.
        more: what is kept beside the integrals.
    """

    form: MotionForm
    parameter: Parameter
    integrand: sp.Expr
    beside: tuple[tuple[sp.Expr, str | None], ...] = ()
    more: str = ""


def locality_table(names: Names, model: Any, rows: Sequence[Row], phases: str, stored: str) -> Iterator[Block]:
    """The table: parameter, number, measured, where, in phases, integrated over, kept per element."""
    if not rows:
        return
    over: list = ["0 … ", Math(duration(names, model.boundary))]
    header = ["Parameter", "Number", "Measured", "Where", "In phases", "Integrated over", "Kept per element"]
    yield Table(header, [_row(names, row, phases, over, stored) for row in rows])


def remarks(names: Names) -> Iterator[Block]:
    """What no element needs."""
    text = "Integrals add up as the trajectory runs, and batches add to them. "
    if names.system.inputs or names.system.fixed:
        text += "Inputs and held nodes are known and need no measurement. "
    yield Paragraph(text + "No element needs a quantity of another one.")


def _row(names: Names, row: Row, phases: str, over: list, stored: str) -> list:
    form, p = row.form, row.parameter
    placement = form.placement
    ports = names.ports(placement)
    integrand = page_terms(names, form, row.integrand)
    apart = {symbol for symbol, _ in row.beside}
    states = sorted((s for s in integrand.free_symbols if isinstance(s, StateSymbol)), key=str)
    places = [_place(form, s.port) for s in states] + [_place(form, port) for _, port in row.beside]
    shown: list = []
    pair = _difference(integrand, states) if not apart else None
    for e in [pair] if pair is not None else [*states, *sorted(apart, key=str)]:
        shown += [", " if shown else "", Math(names.rename(e, placement, ports))]
    for kind, remark in ((Parameter, "own parameter"), (Signal, "input")):
        for s in sorted((s for s in integrand.free_symbols if isinstance(s, kind)), key=str):
            shown += [", " if shown else "", Math(names.rename(s, placement, ports)), f" ({remark})"]
    if integrand.has(time):
        shown += [", " if shown else "", Math(names.rename(time, placement, ports))]
    if p.shared:
        places.append("summed over all elements")
    number = 1 if p.shared else int(sp.prod(names.system.parameter_shape(placement, p)))
    where = ", ".join(dict.fromkeys(places)) or "–"
    symbol = page_parameter(names, form, p)
    return [Math(symbol), f"{number:,}", shown or "a constant", where, phases, over, stored + row.more]


def _difference(integrand: sp.Expr, states: list[StateSymbol]) -> sp.Expr | None:
    """source − target, where an integrand depends on that alone."""
    if len(states) != 2 or {s.port for s in states} != {"source", "target"}:
        return None
    a, b = states
    return a - b if sp.expand(sp.diff(integrand, a) + sp.diff(integrand, b)) == 0 else None


def _place(form: MotionForm, port: str | None) -> str:
    if port is None:
        return "inside the element" if len(form.placement.component.ports) > 1 else "the node itself"
    return "the node itself" if len(form.placement.component.ports) == 1 else port
