"""`trajectory_page`: trajectories under a boundary condition, and what learning measures and integrates along them.

All formulas are the derived expressions, renamed to node indices; none is written by hand for a system.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from physeq.report._check import expressions, symbols_of
from physeq.report._in_time import in_time
from physeq.report._motion import motion
from physeq.report._naming import Names
from physeq.report._system import components_section, system_section
from physeq.report._trajectory_action import cost_section, lagrangian_section, nudged_section
from physeq.report._trajectory_boundary import boundary_section
from physeq.report._trajectory_learning import default_rule, trajectory_learning
from physeq.report.document import Block, Document, Paragraph, Section, Table
from physeq.report.page import counted
from physeq.report.text import section_lines
from physeq.symbolic.derivation import Derivation


def trajectory_page(model: Any, derivation: Derivation, rule: Any = None) -> Document:
    """The page of a model of trajectories: Lagrangian, action, cost, equations, the learning rule, structure.

    Args:
        model: `System.trajectories(...)`.
        derivation: what `derive` found of the same system.
        rule: the rule whose phases and updates are printed; by default the first of `HamiltonianEcho`, `LagrangianEP`,
            `TimeReversedNudge` and `ContinuousAdjoint` that holds. A rule that does not hold prints why.

    >>> import physeq as pq
    >>> x = pq.mechanical.x
    >>> chain = pq.System(pq.complete(2), nodes=pq.mechanical.mass(), edges=pq.mechanical.spring(), ground=0,
    ...                   inputs={"push": pq.Drive([1])}, outputs=[1], cost=(x - pq.target("y")) ** 2 / 2)
    >>> model = chain.trajectories(pq.Periodic(5.0), pq.HarmonicBalance(4))
    >>> [section.title for section in trajectory_page(model, chain.derive()).blocks[3:6]]
    ['Lagrangian and action', 'Cost', 'Boundary condition']
    """
    rule = default_rule(model) if rule is None else rule
    names = Names(derivation)
    blocks: list[Block] = [
        Paragraph(trajectory_summary_line(model)),
        system_section(names),
        components_section(names),
        lagrangian_section(names, model),
        cost_section(names, model),
        boundary_section(names, model),
        motion(names),
        *in_time(names),
        *nudged_section(names, model, rule),
        trajectory_learning(names, model, rule),
        motion_structure_section(model),
    ]
    title = derivation.system.name.replace("_", " ")
    title = f"{title[:1].upper()}{title[1:]}: trajectories"
    draft = Document(title, blocks)
    used = [symbol for expr in expressions(draft) for symbol in (*symbols_of(expr), *names.functions(expr))]
    return Document(title, blocks, names.entries(used))


def trajectory_summary(model: Any, derivation: Derivation, rule: Any = None) -> str:
    """Kind, equations of motion, updates and structure of a model of trajectories as plain text.

    >>> import physeq as pq
    >>> x = pq.mechanical.x
    >>> parts = {"nodes": [pq.mechanical.mass(), pq.mechanical.anchor()]}
    >>> mass = pq.System(pq.complete(1), nodes=parts, name="mass",
    ...                  inputs={"push": pq.Drive([0])}, outputs=[0], cost=(x - pq.target("y")) ** 2 / 2)
    >>> model = mass.trajectories(pq.Periodic(5.0), pq.HarmonicBalance(4))
    >>> print(trajectory_summary(model, mass.derive()).splitlines()[0])
    mass: 1 node, 0 elements in 1 bundle, 1 trained parameter; extremals of an action, Periodic, 9 times
    """
    rule = default_rule(model) if rule is None else rule
    names = Names(derivation)
    kind = "extremals of an action" if model.structure.conservative else "no action"
    head = f"{derivation.system.name}: {_counts(model)}; {kind}, {type(model.boundary).__name__}, "
    lines = [f"{head}{len(model.times):,} times"]
    for section in (motion(names), trajectory_learning(names, model, rule), motion_structure_section(model)):
        lines += ["", section.title, *(f"  {line}" for line in section_lines(section))]
    return "\n".join(lines)


def _counts(model: Any) -> str:
    system = model.system
    nodes = sum(group.size for group in system.topology.groups)
    elements = sum(system.count(p) for p in system.placements if len(p.component.ports) > 1)
    shapes = [
        () if q.shared else system.parameter_shape(p, q)
        for p in system.placements
        for q in p.component.parameters
        if q.trainable
    ]
    trained = 0
    for shape in shapes:
        count = 1
        for n in shape:
            count *= n
        trained += count
    bundles = counted(len(system.topology.bundles), "bundle")
    text = f"{counted(nodes, 'node')}, {counted(elements, 'element')} in {bundles}"
    return f"{text}, {counted(trained, 'trained parameter')}"


def trajectory_summary_line(model: Any) -> str:
    """Which trajectories these are and how large the system is, in words."""
    structure = model.structure
    what = "extremals of an action" if structure.conservative else "no extremals of an action"
    kind = {"Periodic": "Periodic trajectories", "TwoPoint": "Trajectories between two given ends"}.get(
        type(model.boundary).__name__, "Trajectories from an initial value"
    )
    return (
        f"{kind} of {_counts(model)}. They are {what}. Everything below is derived from the declared terms; the "
        "formulas are the expressions that the compiled model runs."
    )


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
