"""The boundary condition of trajectories on a page: what holds at the ends, in words, formulas and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp

from physeq.names import name_of
from physeq.report._motion import equation_indices
from physeq.report._naming import Names
from physeq.report._operators import Written
from physeq.report._rule_operators import At
from physeq.report._trajectory_names import duration, free_variables, instant, lowest
from physeq.report._words import raised, word
from physeq.report.document import Block, Code, Equation, Math, Note, Paragraph, Section, Table
from physeq.symbolic.motion import MotionVariable
from physeq.symbolic.symbols import Coordinate

_SHOWN = 6  # numbers of a given value that are listed


def boundary_section(names: Names, model: Any) -> Section:
    """What holds at the ends, in words and formulas, and how the trajectories are found."""
    from physeq.solve import Periodic, TwoPoint  # late: pages of steady states need not load them

    boundary = model.boundary
    if isinstance(boundary, Periodic):
        blocks = list(_periodic(names, model))
    elif isinstance(boundary, TwoPoint):
        blocks = list(_two_point(names, model))
    else:
        blocks = list(_initial(names, model))
    settings = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in vars(model.solver).items() if isinstance(v, int))
    count = len(model.times)
    text: list = ["Found by ", Code(name_of(type(model.solver))), f" ({settings}), on a grid of {count:,} times."]
    return Section("Boundary condition", [*blocks, Paragraph(text)])


def _periodic(names: Names, model: Any) -> Iterator[Block]:
    t, end = instant(names), duration(names, model.boundary)
    text: list = ["Periodic: after the period ", Math(end), " of the drive everything is as it was."]
    yield Paragraph(text)
    for group, q, v in free_variables(names, model):
        at = equation_indices(names, v.variable)
        for order in _orders(model, group, q, v):
            x = names.state(group, q, order, at)
            yield Equation(At(x, Written(t, end)), At(x, t))


def _two_point(names: Names, model: Any) -> Iterator[Block]:
    end = duration(names, model.boundary)
    yield Paragraph("Both ends are given: every position, at the start and at the end. Velocities follow.")
    for group, q, v in free_variables(names, model):
        at = equation_indices(names, v.variable)
        x = names.state(group, q, 0, at)
        yield Equation(At(x, sp.S.Zero), _given(names, model, "start", group, q, at))
        yield Equation(At(x, end), _given(names, model, "end", group, q, at))
    yield from _values({"start": model.boundary.start, "end": model.boundary.end})


def _initial(names: Names, model: Any) -> Iterator[Block]:
    yield Paragraph("The start is given, and what follows is left to the motion: nothing holds the end.")
    for group, q, v in free_variables(names, model):
        at = equation_indices(names, v.variable)
        for order in _orders(model, group, q, v):
            kind = "velocity" if order else "start"
            x = names.state(group, q, order, at)
            if order <= lowest(v) or v.inertia:
                yield Equation(At(x, sp.S.Zero), _given(names, model, kind, group, q, at))
    yield from _values({"positions": model.boundary.positions, "velocities": model.boundary.velocities})
    yield Note("Positions that are not given are the declared starts, velocities that are not given are zero.")


def _orders(model: Any, group: str, q: Coordinate, v: MotionVariable) -> tuple[int, ...]:
    """The coordinate, its rate, or both: what is an unknown."""
    return tuple(order for order in v.orders if order < 2 and (group, q, order) in model.layout.blocks)


def _given(names: Names, model: Any, kind: str, group: str, q: Coordinate, at: Any) -> sp.Expr:
    """A given value at an end."""
    several = len(list(free_variables(names, model))) > 1
    where = word(group if sum(g == group for g, _, _ in free_variables(names, model)) < 2 else f"{group} {q.name}")
    letters = {"start": ["a", r"\alpha", r"\xi"], "end": ["b", r"\zeta"], "velocity": ["c", r"\nu", r"\upsilon"]}[kind]
    meaning = {"start": "given value at the start", "end": "given value at the end", "velocity": "given initial rate"}
    bases = [raised(letter, where) for letter in letters]
    bases = bases if several else [*letters, *bases]
    text = f"{meaning[kind]}, {q.name} of {group}"
    return names.indexed(("given", kind, group, q), bases, text, at)


def _values(given: Mapping[str, Mapping[str, Any]]) -> Iterator[Block]:
    """The numbers that were given, as far as they fit in a row."""
    rows = []
    for what, groups in given.items():
        for group, values in groups.items():
            named = values.items() if isinstance(values, Mapping) else [("", values)]
            for key, numbers in named:
                flat = np.ravel(np.asarray(numbers, float))
                shown = ", ".join(f"{x:.4g}" for x in flat[:_SHOWN]) + (", …" if len(flat) > _SHOWN else "")
                rows.append([what, f"{group} {key}".strip(), shown or "–"])
    if rows:
        yield Table(["Given", "Of", "Values, node by node"], rows)
