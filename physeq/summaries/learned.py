"""Summaries of training runs and audits."""

from __future__ import annotations

from typing import Any

import numpy as np

from physeq.learn import Audit, Consistency, Fit, Singularity
from physeq.learn.convergence import Convergence
from physeq.learn.gdu import GradientDescendingUpdates
from physeq.learn.over_points import HolomorphicAudit
from physeq.learn.stability import StabilityMap
from physeq.names import name_of
from physeq.report.document import Block, Document, Paragraph, Table
from physeq.summaries._summary import limited, number, summary

_SHOWN_EPOCHS = 3  # the first and the last ones


def rule_words(rule: Any) -> str:
    """A rule, its nudging and its nudge: "equilibrium-propagation, centered, β = 0.1"."""
    nudging = getattr(rule, "nudging", rule)
    strength = getattr(nudging, "beta", None)
    return kind_words(rule) + (f", β = {strength:g}" if isinstance(strength, int | float) else "")


def kind_words(rule: Any) -> str:
    """A rule and its nudging, whose strength audits vary."""
    nudging = getattr(rule, "nudging", None)
    return name_of(rule) + ("" if nudging is None else f", {name_of(nudging)}")


@summary.register
def _fit(shown: Fit) -> Document:
    head = f"{rule_words(shown.rule)}; {len(shown.history)} epochs, seed {shown.seed}"
    rows = [[part, *_scores(found)] for part, found in (("training", shown.train), ("test", shown.test)) if found]
    blocks: list[Block] = [Paragraph(head)]
    if rows:
        blocks.append(Table(["At the end", "Cost", "Error (%)"], rows))
    if shown.history:
        blocks.append(_history(shown.history))
        best = f"Best epoch {shown.best_epoch}" if shown.best_epoch else "No best epoch"
        steady = float(np.median([record["seconds"] for record in shown.history]))
        compiling = f"{shown.compile_seconds:.2g} s to compile" if len(shown.history) > 1 else "compiling included"
        blocks.append(Paragraph(f"{best}; {steady:.2g} s an epoch, {compiling}"))
    return Document(f"Fit of {shown.model.system.name}", blocks)


def _scores(found: dict) -> list[str]:
    return [number(found.get(key)) for key in ("cost", "error_percent")]


def _history(history: tuple[dict, ...]) -> Table:
    keys = {"epoch": "Epoch", "running_cost": "Cost while learning", "test_cost": "Test cost"}
    keys["test_error_percent"] = "Test error (%)"
    present = [key for key in keys if any(record.get(key) is not None for record in history)]
    rows = [[number(record.get(key)) for key in present] for record in history]
    if len(rows) > 2 * _SHOWN_EPOCHS + 1:
        rows = [*rows[:_SHOWN_EPOCHS], ["…"] * len(present), *rows[-_SHOWN_EPOCHS:]]
    return Table([keys[key] for key in present], rows)


@summary.register
def _audit(shown: Audit) -> Document:
    title = f"Audit of {kind_words(shown.rule)}"
    if not shown.admissible:
        return Document(title, [Paragraph(f"refused: {shown.reason}")])
    blocks: list[Block] = [
        Paragraph(f"against {shown.reference}, gradient of the objective {shown.objective.value!r}, seed {shown.seed}")
    ]
    if shown.bias:
        blocks.append(Paragraph(f"biased: {shown.bias}"))
    best = shown.best
    facts = [
        ["relative error, the least", "–" if best is None else number(best.relative_error, 3)],
        ["1 − cosine there", "–" if best is None or best.cosine is None else f"{max(1 - best.cosine, 0.0):.3g}"],
        ["at the nudge", "–" if best is None else number(best.beta, 3)],
        ["order in β", f"{number(shown.slope, 3)} found, {number(shown.order)} promised"],
    ]
    blocks.append(Table(["", ""], facts))
    if len(shown.curve) > 1:
        rows = [[number(p.beta, 3), number(p.relative_error, 3), number(p.cosine, 6)] for p in shown.curve]
        blocks.append(Table(["β", "Relative error", "Cosine"], limited(rows, "nudges")))
    if shown.holomorphic is not None:
        blocks += _holomorphic(shown.holomorphic).blocks
    return Document(title, blocks)


@summary.register
def _holomorphic(shown: HolomorphicAudit) -> Document:
    blocks: list[Block] = []
    if shown.singularity is not None:
        blocks.append(Paragraph(_distance(shown.singularity)))
    rows = [[str(p.points), number(p.relative_error, 3), number(p.estimated_error, 3)] for p in shown.over_points]
    blocks.append(Table(["Points N", "Relative error", "Estimated from N and 2N"], rows))
    blocks.append(Paragraph(f"one-sided at the same radius: {number(shown.one_sided, 3)}"))
    return Document(f"Over the points of a circle of radius {number(shown.radius, 3)}", blocks)


@summary.register
def _singularity(shown: Singularity) -> Document:
    return Document("Nearest singularity of the equilibrium in β", [Paragraph(_distance(shown))])


def _distance(found: Singularity) -> str:
    if not np.isfinite(found.distance):
        return "no singularity: the state is a polynomial in β"
    return f"nearest singularity R = {number(found.distance)}, recommended radius R/4 = {number(found.radius)}"


@summary.register
def _consistency(shown: Consistency) -> Document:
    rows = [
        ["derived force, −∇ of the energy by JAX", number(shown.force_vs_autodiff, 3)],
        ["messages, element by element", number(shown.lowerings, 3)],
        ["implicit gradient, finite differences", number(shown.implicit_vs_finite_differences, 3)],
    ]
    return Document("Consistency of a compiled model", [Table(["Two routes", "Largest relative difference"], rows)])


@summary.register
def _stability(shown: StabilityMap) -> Document:
    side = float(np.max(shown.betas.real))
    settled = int(shown.settled.sum())
    words = f"{settled} of {shown.settled.size} nudges settle, |Re β| and |Im β| up to {side:.3g}"
    largest = np.nanmax(shown.displacement) if settled else None
    return Document("Stability over complex nudges", [Paragraph(f"{words}; largest move {number(largest, 3)}")])


@summary.register
def _convergence(shown: Convergence) -> Document:
    rows = [["free", str(len(shown.free)), *_ends(shown.free)]]
    rows += [
        [f"β = {complex(b):.3g}" if np.iscomplex(b) else f"β = {float(np.real(b)):.3g}", str(len(row)), *_ends(row)]
        for b, row in zip(shown.betas, shown.nudged, strict=True)
    ]
    head = ["Phase", "Steps", "Change by the first step", "By the last"]
    return Document("Convergence of the phases", [Table(head, limited(rows, "phases"))])


def _ends(row: np.ndarray) -> list[str]:
    return [number(row[0], 3), number(row[-1], 3)] if len(row) else ["–", "–"]


@summary.register
def _updates(shown: GradientDescendingUpdates) -> Document:
    rows = [
        [name, f"{100 * curve.relative:.3g}"]
        for curves in (shown.synapses, shown.neurons)
        for name, curve in curves.items()
    ]
    title = f"Updates against gradients over {shown.steps} steps, β = {shown.beta:.3g}"
    return Document(title, [Table(["Quantity", "Relative difference (%)"], limited(rows, "quantities"))])
