"""What pages say of a system, whatever the rule: its physics in front of the learning, and what stands behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from physeq.report._check import expressions, symbols_of
from physeq.report._in_time import in_time
from physeq.report._messages import messages
from physeq.report._motion import motion, totals
from physeq.report._naming import Names
from physeq.report._steady import energy_section, steady
from physeq.report._structure_table import structure_section
from physeq.report._system import components_section, system_section
from physeq.report._trajectory_action import cost_section, lagrangian_section
from physeq.report._trajectory_boundary import boundary_section
from physeq.report._words import counted
from physeq.report.document import Block, Document, Paragraph, Section, Table
from physeq.symbolic.derivation import Derivation
from physeq.symbolic.system import System

_DERIVED = (
    "Everything below is derived from the declared terms; the formulas are the expressions that the compiled model "
    "runs."
)


@dataclass(frozen=True)
class Physics:
    """The blocks in front of the learning of a rule, and those behind it."""

    before: Sequence[Block]
    after: Sequence[Block]


def physics_of_equilibria(names: Names) -> Physics:
    """System, components, energy, motion and steady state; messages and structure."""
    before: list[Block] = [
        Paragraph(summary_line(names.derivation)),
        system_section(names),
        components_section(names),
        energy_section(names, totals(names)),
        motion(names),
        *in_time(names),
        steady(names),
    ]
    return Physics(before, [messages(names), structure_section(names)])


def physics_of_trajectories(names: Names, model: Any) -> Physics:
    """System, components, Lagrangian, cost, boundary condition and motion; structure."""
    before: list[Block] = [
        Paragraph(trajectory_summary_line(model)),
        system_section(names),
        components_section(names),
        lagrangian_section(names, model),
        cost_section(names, model),
        boundary_section(names, model),
        motion(names),
        *in_time(names),
    ]
    return Physics(before, [motion_structure_section(model)])


def finished(title: str, names: Names, blocks: Sequence[Block]) -> Document:
    """A document with a row in the symbol table for every symbol that occurs in it."""
    draft = Document(title, blocks)
    used = [symbol for expr in expressions(draft) for symbol in (*symbols_of(expr), *names.functions(expr))]
    return replace(draft, symbols=names.entries(used))


def title_of(system: System) -> str:
    """The name of a system as a heading."""
    title = system.name.replace("_", " ")
    return title[:1].upper() + title[1:]


# ---- how large, of which kind ----------------------------------------------------------------------------------------


def summary_line(derivation: Derivation) -> str:
    """How large a system is and of which class, in words."""
    system, structure = derivation.system, derivation.structure
    kind = "conservative" if structure.conservative else "not conservative"
    return f"{size_in_words(system)}. The equations are {structure.system_class.value} and {kind}. {_DERIVED}"


def trajectory_summary_line(model: Any) -> str:
    """Which trajectories these are and how large the system is, in words."""
    what = "extremals of an action" if model.structure.conservative else "no extremals of an action"
    kind = {"Periodic": "Periodic trajectories", "TwoPoint": "Trajectories between two given ends"}.get(
        type(model.boundary).__name__, "Trajectories from an initial value"
    )
    return f"{kind} of {size_in_words(model.system)}. They are {what}. {_DERIVED}"


def sizes(system: System) -> tuple[int, int, int]:
    """Nodes, elements (what joins nodes), trained parameters."""
    nodes = sum(group.size for group in system.topology.groups)
    elements = sum(system.count(p) for p in system.placements if len(p.component.ports) > 1)
    trained = sum(
        math.prod(system.parameter_shape(placement, parameter))
        for placement in system.placements
        for parameter in placement.component.parameters
        if parameter.trainable
    )
    return nodes, elements, trained


def size_in_words(system: System) -> str:
    """Nodes, elements and trained parameters."""
    nodes, elements, trained = sizes(system)
    where = f"{counted(nodes, 'node')} in {counted(len(system.topology.groups), 'group')}"
    among = f"{counted(elements, 'element')} in {counted(len(system.topology.bundles), 'bundle')}"
    return f"{where}, {among}, {counted(trained, 'trained parameter')}"


def motion_structure_section(model: Any) -> Section:
    """What the symbols alone say of the motion."""
    return Section("Structure of the motion", [Table(["Property", "Verdict", "Why"], list(_rows(model)))])


def _rows(model: Any) -> Iterator[list[str]]:
    for name, answer in model.structure.report():
        verdict, _, why = answer.partition(": ")
        if verdict in ("yes", "no", "none"):
            yield [name, verdict, why or "–"]
        elif verdict.startswith("no, "):
            yield [name, "no", verdict.removeprefix("no, ")]
        else:
            yield [name, "yes", answer]
