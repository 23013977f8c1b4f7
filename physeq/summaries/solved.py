"""Summaries of solutions: equilibria, operating points, motions and trajectories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from physeq.report.document import Block, Code, Document, Paragraph, Table
from physeq.solve import Equilibrium, Outcome, Rest, Solution, Trajectories
from physeq.summaries._summary import limited, number, shape_of, summary

_SINGLE = 12  # unknowns that are told one by one


@summary.register
def _equilibrium(shown: Equilibrium) -> Document:
    rows = [[Code(f"{group}.{key}"), shape_of(x), *_range(x)] for group, own in shown.items() for key, x in own.items()]
    table = Table(["Unknown", "Shape", "Lowest", "Highest"], limited(rows, "unknowns"))
    return Document("Equilibrium", [Paragraph(_evidence(shown.outcome, shown.residual, shown.steps)), table])


@summary.register
def _rest(shown: Rest) -> Document:
    word = "converged" if _known(shown.converged) and bool(shown.converged) else "not converged"
    head = f"{word}, residual {number(shown.residual, 3)}, {number(shown.steps)} Newton steps"
    layout = shown.bound.layout
    rows = [
        [Code(name), number(value), unit or "–"]
        for name, value, unit in zip(layout.names(), np.asarray(shown.y), _units(layout), strict=True)
    ]
    table = Table(["Unknown", "Value", "Unit"], limited(rows, "unknowns"))
    return Document(f"Operating point of {layout.system.name}", [Paragraph(head), table])


@summary.register
def _solution(shown: Solution) -> Document:
    layout = shown.bound.layout
    times = np.asarray(shown.ts)
    reached = times[np.isfinite(times)]
    first, last = (number(t) for t in (reached[0], reached[-1])) if reached.size else ("–", "–")
    head = f"{shown.solver}: {number(shown.steps)} steps, {number(shown.rejected)} rejected"
    if shown.event is not None and _known(shown.event) and bool(shown.event):
        head += f"; an event ended it at t = {number(shown.end, 6)}"
    ys = np.asarray(shown.ys)[np.isfinite(times)]
    blocks: list[Block] = [Paragraph(head)]
    if layout.size <= _SINGLE:
        rows = [
            [Code(name), unit or "–", *_course(ys[:, k])]
            for k, (name, unit) in enumerate(zip(layout.names(), _units(layout), strict=True))
        ]
        blocks.append(Table(["Unknown", "Unit", "At the start", "At the end", "Lowest", "Highest"], rows))
    else:
        blocks.append(_by_block(layout, ys))
    return Document(f"Motion of {layout.system.name}: {times.size} times from {first} to {last} s", blocks)


@summary.register
def _trajectories(shown: Trajectories) -> Document:
    layout = shown.problem.layout
    times, ys = np.asarray(shown.times), np.asarray(shown.ys)
    samples = f", {shape_of(ys[..., 0, 0])} samples" if ys.ndim > 2 else ""
    title = f"Trajectories of {layout.system.name}: {times.size} times from {number(times[0])} to {number(times[-1])} s"
    evidence = _evidence(shown.outcome, shown.residual, shown.steps)
    return Document(f"{title}{samples}", [Paragraph(evidence), _by_block(layout, ys)])


def _by_block(layout: Any, ys: np.ndarray) -> Table:
    rows = [
        [Code(f"{b.owner}.{b.key}"), f"{b.size:,}", b.unit or "–", *_range(ys[..., b.start : b.stop])]
        for b in layout.blocks.values()
    ]
    return Table(["Unknowns", "Number", "Unit", "Lowest", "Highest"], limited(rows, "kinds of unknown"))


def _units(layout: Any) -> Iterable[str]:
    return [block.unit for block in layout.blocks.values() for _ in range(block.size)]


def _course(values: np.ndarray) -> list[str]:
    return [number(values[0]), number(values[-1]), *_range(values)] if len(values) else ["–"] * 4


def _range(values: Any) -> list[str]:
    if not _known(values) or not np.size(values):
        return ["–", "–"]
    found = np.asarray(values)
    # Of complex numbers the modulus: they have no order.
    found = np.abs(found) if np.iscomplexobj(found) else found
    return [number(found.min()), number(found.max())]


def _evidence(outcome: Any, residual: Any, steps: Any) -> str:
    if not all(map(_known, (outcome, residual, steps))):
        return "inside jit: its numbers are not known yet"
    counts = Counter(np.ravel(np.asarray(outcome)).tolist())
    one = sum(counts.values()) == 1
    words = ", ".join(
        (_outcome(code) if one else f"{count} {_outcome(code)}") for code, count in sorted(counts.items())
    )
    return f"{words}; residual {number(np.max(np.asarray(residual)), 3)}, {number(np.max(np.asarray(steps)))} steps"


def _outcome(code: int) -> str:
    return Outcome(code).name.lower().replace("_", " ")


def _known(value: Any) -> bool:
    return not isinstance(value, jax.core.Tracer)
