"""`derivation_page`: everything that was derived of a system, as one page for a paper or a builder.

All formulas are the derived expressions, renamed to node indices; none is written by hand. What is printed is what the
compiled model runs.
"""

from __future__ import annotations

from typing import Any

from physeq.report._learning import learning
from physeq.report._naming import Names
from physeq.report._physics import finished, physics_of_equilibria, title_of
from physeq.report.document import Document
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
    physics = physics_of_equilibria(names)
    return finished(title_of(derivation.system), names, [*physics.before, learning(names, rule), *physics.after])
