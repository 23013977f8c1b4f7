"""Summaries of compiled systems: the parameters to pass, by name and shape, and what is solved for."""

from __future__ import annotations

from collections.abc import Iterator

from physeq.compile import Model, Motion, TrajectoryModel
from physeq.report._system import _interval as interval
from physeq.report._words import counted
from physeq.report.document import Block, Code, Document, Paragraph, Table
from physeq.summaries._summary import equations, limited, summary
from physeq.symbolic import System


@summary.register
def _model(shown: Model) -> Document:
    unknowns = [v for v in shown.derivation.variables.values() if v.group not in shown.derivation.held]
    rows = [
        [Code(f"{v.group}.{v.key}"), f"{v.size:,}", (v.coordinate.rate_unit if v.reduced else v.coordinate.unit) or "–"]
        for v in unknowns
    ]
    structure = shown.derivation.structure
    words = [structure.system_class.value, "conservative" if structure.conservative else "not conservative"]
    return Document(
        f"Model of {shown.system.name}: {counted(sum(v.size for v in unknowns), 'unknown')}",
        [
            Paragraph(", ".join(words)),
            Table(["Unknowns", "Number", "Unit"], limited(rows, "groups")),
            *_parameters(shown.system),
        ],
    )


@summary.register
def _motion(shown: Motion) -> Document:
    title = f"Motion of {shown.system.name}: {counted(shown.size, 'unknown')}, M ẏ = f(t, y)"
    return Document(title, [_blocks(shown.layout), *_parameters(shown.system)])


@summary.register
def _trajectory_model(shown: TrajectoryModel) -> Document:
    boundary, solver = (type(part).__name__ for part in (shown.boundary, shown.solver))
    title = f"Trajectories of {shown.system.name}: {counted(shown.layout.size, 'unknown')}"
    return Document(title, [Paragraph(f"{boundary}, by {solver}"), _blocks(shown.layout), *_parameters(shown.system)])


def _blocks(layout) -> Table:
    rows = [[Code(f"{b.owner}.{b.key}"), f"{b.size:,}", b.unit or "–"] for b in layout.blocks.values()]
    return Table(["Unknowns", "Number", "Unit"], limited(rows, "kinds of unknown"))


def _parameters(system: System) -> Iterator[Block]:
    rows = []
    for placement in system.placements:
        for p in placement.component.parameters:
            shape = " × ".join(f"{n:,}" for n in system.parameter_shape(placement, p)) or "one number"
            trained = "yes" if p.trainable else "no"
            rows.append([Code(f'params["{placement.name}"]["{p.name}"]'), shape, p.unit or "–", interval(p), trained])
    if rows:
        yield Table(["Parameters", "Shape", "Unit", "Range", "Trained"], limited(rows, "parameters"))


@equations.register
def _model_equations(shown: Model) -> str | None:
    return equations(shown.system)
