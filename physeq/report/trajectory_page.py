"""`trajectory_page`: trajectories under a boundary condition, and what learning measures and integrates along them.

All formulas are the derived expressions, renamed to node indices; none is written by hand for a system.
"""

from __future__ import annotations

from typing import Any

from physeq.report._motion import motion
from physeq.report._naming import Names
from physeq.report._physics import (
    finished,
    motion_structure_section,
    physics_of_trajectories,
    size_in_words,
    title_of,
)
from physeq.report._trajectory_action import nudged_section
from physeq.report._trajectory_learning import default_rule, trajectory_learning
from physeq.report.document import Document
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
    physics = physics_of_trajectories(names, model)
    learning = [*nudged_section(names, model, rule), trajectory_learning(names, model, rule)]
    title = f"{title_of(derivation.system)}: trajectories"
    return finished(title, names, [*physics.before, *learning, *physics.after])


def trajectory_summary(model: Any, derivation: Derivation, rule: Any = None) -> str:
    """Kind, equations of motion, updates and structure of a model of trajectories as plain text.

    >>> import physeq as pq
    >>> x = pq.mechanical.x
    >>> parts = {"nodes": [pq.mechanical.mass(), pq.mechanical.anchor()]}
    >>> mass = pq.System(pq.complete(1), nodes=parts, name="mass",
    ...                  inputs={"push": pq.Drive([0])}, outputs=[0], cost=(x - pq.target("y")) ** 2 / 2)
    >>> model = mass.trajectories(pq.Periodic(5.0), pq.HarmonicBalance(4))
    >>> print(trajectory_summary(model, mass.derive()).splitlines()[0])
    mass: 1 node in 1 group, 0 elements in 1 bundle, 1 trained parameter; extremals of an action, Periodic, 9 times
    """
    rule = default_rule(model) if rule is None else rule
    names = Names(derivation)
    kind = "extremals of an action" if model.structure.conservative else "no action"
    head = f"{derivation.system.name}: {size_in_words(model.system)}; {kind}, {type(model.boundary).__name__}, "
    lines = [f"{head}{len(model.times):,} times"]
    for section in (motion(names), trajectory_learning(names, model, rule), motion_structure_section(model)):
        lines += ["", section.title, *(f"  {line}" for line in section_lines(section))]
    return "\n".join(lines)
