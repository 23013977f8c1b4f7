"""The symbols that pages of trajectories share: times, action, cost along a path, what stands beside the unknowns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from physeq.report._naming import Names
from physeq.report._operators import sum_over
from physeq.report._rule_operators import At, IntegralFromTo
from physeq.report._words import raised, shown_name, word
from physeq.report.notation import symbol_latex
from physeq.symbolic.component import Slot
from physeq.symbolic.motion import MotionKind, MotionVariable
from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.motion_form import multiplier as form_multiplier
from physeq.symbolic.reduction import clamped_mask
from physeq.symbolic.symbols import Coordinate, time
from physeq.symbolic.trajectory_cost import TrajectoryCostForm

Indices = Sequence[sp.Symbol]


def instant(names: Names) -> sp.Expr:
    """t."""
    return names.quantity("time", ["t", r"\tau"], "time", unit="s")


def duration(names: Names, boundary: Any) -> sp.Expr:
    """T, the period or the duration."""
    kind = "period" if hasattr(boundary, "period") else "duration of a trajectory"
    meaning = f"{kind}, here {boundary.duration:.6g} (T(p) and T + V, in words, mean the kinetic energy)"
    return names.quantity("duration", ["T", r"\mathcal{T}", r"t_{\mathrm{end}}"], meaning, unit="s", positive=True)


def over_time(names: Names, boundary: Any, body: sp.Expr) -> sp.Expr:
    """∫₀ᵀ body dt."""
    return IntegralFromTo(body, instant(names), sp.S.Zero, duration(names, boundary))


def objective(names: Names) -> sp.Expr:
    """J, the cost of a trajectory."""
    candidates = ["J", r"\mathcal{J}", r"J_{\mathrm{cost}}"]
    return names.quantity("objective", candidates, "cost of a trajectory, averaged over the batch")


def action(names: Names, *indices: sp.Expr) -> sp.Expr:
    """A_β, the nudged action."""
    candidates = ["A", r"\mathcal{A}", r"S_{\mathrm{action}}"]
    return names.indexed(("page", "action"), candidates, "nudged action of a trajectory", indices)


def lagrangian(names: Names) -> sp.Expr:
    """L, of the whole system."""
    return names.quantity("lagrangian", ["L", r"\mathcal{L}", r"L_{\mathrm{tot}}"], "Lagrangian of the whole system")


def own_lagrangian(names: Names, placement: Any, indices: Indices) -> sp.Expr:
    """What one element adds to L."""
    head = word(placement.name)
    candidates = [raised(symbol_latex(lagrangian(names)), head)]
    meaning = f"what one element of {shown_name(placement.name)} adds to the Lagrangian"
    key = ("page", "own lagrangian", placement.name)
    return names.indexed(key, candidates, meaning, indices, shown=names.element(placement, names.ports(placement)))


def hamiltonian(names: Names) -> sp.Expr:
    """H, of the whole system."""
    text = "Hamiltonian of the whole system, in coordinates and momenta"
    return names.quantity("hamiltonian", ["H", r"\mathcal{H}", r"H_{\mathrm{tot}}"], text)


def theta(names: Names) -> sp.Expr:
    """θ, any parameter."""
    return names.quantity("any", [r"\theta", r"\vartheta", "p", r"p_{\mathrm{any}}"], "any parameter")


# ---- unknowns of the motion ------------------------------------------------------------------------------------------


def free_variables(names: Names, model: Any) -> Iterator[tuple[str, Coordinate, MotionVariable]]:
    """The coordinates that move: (group or placement, coordinate, its kind of equation)."""
    for (group, coordinate), v in model.layout.variables.items():
        if v.variable.internal or not clamped_mask(names.system, group, coordinate).all():
            yield group, coordinate, v


def lowest(v: MotionVariable) -> int:
    """The order of the lowest unknown: 1 where the coordinate itself stands in no equation."""
    return int(v.kind is MotionKind.REDUCED)


def beside(
    names: Names, model: Any, kind: str, latex: str, meaning: str, group: str, q: Coordinate, at: Indices
) -> sp.Expr:
    """A quantity that every moving coordinate has one of, such as its response."""
    nodes = [(g, c) for g, c, v in free_variables(names, model) if not v.variable.internal]
    if (group, q) in nodes and len(nodes) == 1:
        candidates = [latex, raised(latex, word(q.name))]
    else:
        several = sum(g == group for g, _ in nodes) > 1
        where = f"{group} {q.name}" if several else group
        candidates = [raised(latex, word(where))]
        meaning = f"{meaning}, {q.name} of {group}"
    return names.indexed((kind, group, q), candidates, meaning, at, shown=tuple(names.index(n) for n in range(len(at))))


def companion(names: Names, kind: str, slot: Slot, made: Any) -> sp.Symbol:
    """A symbol for use in a component's terms, which `rename` turns into made(group, coordinate, indices)."""
    return names.companion(kind, slot, made)


def page_terms(names: Names, form: MotionForm, expr: sp.Expr) -> sp.Expr:
    """An expression of the motion with the page's symbols for multipliers, ready to be renamed."""
    count = len(form.placement.component.constraint)
    held = {form_multiplier(k, count): names.multiplier(form.placement, k) for k in range(count)}
    return expr.xreplace({s: e for s, e in held.items() if expr.has(s)})


# ---- the cost --------------------------------------------------------------------------------------------------------


def at_output(names: Names, form: TrajectoryCostForm, expr: sp.Expr, group: str, i: sp.Symbol) -> sp.Expr:
    """An expression of the cost at output node i of a group."""
    found = {
        form.position: names.state(group, form.coordinate, 0, (i,)),
        form.rate: names.state(group, form.coordinate, 1, (i,)),
        time: instant(names),
    }
    if form.target is not None:
        found[form.target] = names.target(form.target, i)
    return expr.xreplace({s: e for s, e in found.items() if expr.has(s)})


def density(names: Names, kind: str, group: str, i: sp.Symbol) -> sp.Expr:
    """ℓ_i or c_i, the running or the terminal cost of an output."""
    latex = {"running": r"\ell", "terminal": "c"}[kind]
    several = len(names.system.outputs.parts) > 1
    bases = [raised(latex, word(group))] if several else [latex, raised(latex, word(kind))]
    where = f" of group {group}" if several else ""
    meaning = f"{kind} cost of an output{where}"
    return names.indexed(("page", kind, group), bases, meaning, (i,), shown=(names.index(0),))


def over_outputs(names: Names, kind: str, when: sp.Expr | None = None) -> sp.Expr:
    """Σ of ℓ_i or c_i over all outputs, at a time where one is given."""
    i = names.index(0)
    found = []
    for part in names.system.outputs.parts:
        own = density(names, kind, part.group, i)
        found.append(sum_over(own if when is None else At(own, when), (i,), (i,), names.outputs(part.group)))
    return sp.Add(*found)
