"""`derivation_page`: everything that was derived of a system, as one page for a paper or a builder.

All formulas are the derived expressions, renamed to node indices; none is written by hand. What is printed is what the
compiled model runs.
"""

from __future__ import annotations

from typing import Any

from physeq.report._check import expressions, symbols_of
from physeq.report._in_time import in_time
from physeq.report._learning import learning
from physeq.report._messages import messages
from physeq.report._motion import motion, totals
from physeq.report._naming import Names
from physeq.report._steady import energy_section, steady
from physeq.report._structure_table import structure_section
from physeq.report._system import components_section, system_section
from physeq.report._words import counted as counted
from physeq.report.document import Document, Paragraph, Section
from physeq.symbolic.derivation import Derivation


def derivation_page(derivation: Derivation, rule: Any = None) -> Document:
    """The page of a derivation: system, components, energy, motion, steady state, messages, learning rule, structure.

    Args:
        derivation: what `derive` found.
        rule: the `LearningRule` whose phases and updates are printed; `EquilibriumPropagation()` by default.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(pq.electrical.v - pq.target("y")) ** 2 / 2)
    >>> page = derivation_page(network.derive())
    >>> [section.title for section in page.blocks[1:4]]
    ['System', 'Components', 'Energy and cost']
    """
    if rule is None:
        from physeq.learn import EquilibriumPropagation  # late: pages of other rules need not load it

        rule = EquilibriumPropagation()
    names = Names(derivation)
    blocks: list[Paragraph | Section] = [
        Paragraph(summary_line(derivation)),
        system_section(names),
        components_section(names),
        energy_section(names, totals(names)),
        motion(names),
        *in_time(names),
        steady(names),
        learning(names, rule),
        messages(names),
        structure_section(names),
    ]
    title = derivation.system.name.replace("_", " ")
    title = title[:1].upper() + title[1:]
    draft = Document(title, blocks)
    used = [symbol for expr in expressions(draft) for symbol in (*symbols_of(expr), *names.functions(expr))]
    return Document(title, blocks, names.entries(used))


def summary_line(derivation: Derivation) -> str:
    """How large a system is and of which class, in words."""
    system, structure = derivation.system, derivation.structure
    nodes = sum(group.size for group in system.topology.groups)
    elements = sum(system.count(p) for p in system.placements if len(p.component.ports) > 1)
    trained = sum(
        _size(system.parameter_shape(p, q)) for p in system.placements for q in p.component.parameters if q.trainable
    )
    kind = "conservative" if structure.conservative else "not conservative"
    return (
        f"{counted(nodes, 'node')} in {counted(len(system.topology.groups), 'group')}, {counted(elements, 'element')} "
        f"in {counted(len(system.topology.bundles), 'bundle')}, {counted(trained, 'trained parameter')}. "
        f"The equations are {structure.system_class.value} and {kind}. Everything below is derived from the declared "
        "terms; the formulas are the expressions that the compiled model runs."
    )


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total
