"""The pages of a variant: its physics on one page, and every rule that holds for it on a page of its own.

Names of symbols are chosen once, on the page of the physics; the page of a rule starts from them and adds its own, so
that a symbol means the same on all pages of a variant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from physeq.report._citations import citations, source_section
from physeq.report._learning import learning
from physeq.report._motion import has_steady_form
from physeq.report._naming import Names
from physeq.report._physics import finished, physics_of_equilibria, physics_of_trajectories
from physeq.report._trajectory_action import nudged_section
from physeq.report._trajectory_learning import trajectory_learning
from physeq.report._words import rule_words
from physeq.report.document import Block, Bullets, Code, Document, Note, Paragraph, Section, Table
from physeq.symbolic.derivation import Derivation


@dataclass(frozen=True)
class RulePages:
    """The pages of one variant.

    Attributes:
        system: system, terms, energy or Lagrangian, motion, steady state, structure, which rules hold, their sources.
        rules: {name: page} of the rules that hold.
        refused: {name: reason} of the others.
    """

    system: Document
    rules: Mapping[str, Document]
    refused: Mapping[str, str]


def rule_pages(
    title: str, derivation: Derivation, rules: Mapping[str, Any], refused: Mapping[str, str], sources: Mapping[str, str]
) -> RulePages:
    """The pages of a system that learns equilibria.

    Args:
        title: of the page of the physics.
        derivation: what `derive` found.
        rules: {name: rule} of those that hold.
        refused: {name: reason} of those that do not.
        sources: {name: paper} of the rules that hold.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(pq.electrical.v - pq.target("y")) ** 2 / 2)
    >>> rules = {"equilibrium-propagation": pq.EquilibriumPropagation()}
    >>> pages = rule_pages("A network", network.derive(), rules, {"some-rule": "it needs more"}, {})
    >>> [section.title for section in pages.system.blocks[-3:]]
    ['Rules that hold', 'Refused rules', 'How to cite']
    >>> pages.rules["equilibrium-propagation"].title
    'A network: equilibrium propagation'
    """
    names = Names(derivation)
    if rules and not has_steady_form(names):
        reason = "nodes of one group differ in their unknown, see the steady state"
        refused = {**refused, **dict.fromkeys(rules, reason)}
        rules = {}
    physics = physics_of_equilibria(names)
    blocks = [*physics.before, *physics.after, *_rule_sections(rules, refused, sources)]
    pages = {}
    for name, rule in rules.items():
        own = names.fork()
        pages[name] = _rule_page(title, own, name, rule, [learning(own, rule)], sources)
    return RulePages(finished(title, names, blocks), pages, refused)


def trajectory_rule_pages(
    title: str,
    model: Any,
    derivation: Derivation,
    rules: Mapping[str, Any],
    refused: Mapping[str, str],
    sources: Mapping[str, str],
) -> RulePages:
    """The pages of trajectories under a boundary condition.

    `model` is `System.trajectories(...)`, the other arguments are those of `rule_pages`.

    >>> import physeq as pq
    >>> x = pq.mechanical.x
    >>> chain = pq.System(pq.complete(2), nodes=pq.mechanical.mass(), edges=pq.mechanical.spring(), ground=0,
    ...                   inputs={"push": pq.Drive([1])}, outputs=[1], cost=(x - pq.target("y")) ** 2 / 2)
    >>> model = chain.trajectories(pq.Periodic(5.0), pq.HarmonicBalance(4))
    >>> pages = trajectory_rule_pages("A chain", model, chain.derive(), {"lagrangian-ep": pq.LagrangianEP()}, {}, {})
    >>> pages.rules["lagrangian-ep"].blocks[-1].title
    'Learning: Lagrangian EP'
    """
    names = Names(derivation)
    physics = physics_of_trajectories(names, model)
    blocks = [*physics.before, *physics.after, *_rule_sections(rules, refused, sources)]
    pages = {}
    for name, rule in rules.items():
        own = names.fork()
        sections = [*nudged_section(own, model, rule), trajectory_learning(own, model, rule)]
        pages[name] = _rule_page(title, own, name, rule, sections, sources)
    return RulePages(finished(title, names, blocks), pages, refused)


def _rule_sections(rules: Mapping[str, Any], refused: Mapping[str, str], sources: Mapping[str, str]) -> list[Block]:
    held: Block = Note("No rule holds for this system.")
    if rules:
        held = Bullets([[Code(name), f", {rule_words(type(rule).__name__)}"] for name, rule in rules.items()])
    sections: list[Block] = [Section("Rules that hold", [held])]
    rows: list[list]
    if refused:
        rows = [[_listed(names), reason] for reason, names in by_reason(refused).items()]
        sections.append(Section("Refused rules", [Table(["Rule", "Why"], rows)]))
    sections += citations(sources)
    return sections


def by_reason(refused: Mapping[str, str]) -> dict[str, list[str]]:
    """Refused rules that share a reason, together.

    >>> by_reason({"a": "no cost", "b": "not linear", "c": "no cost"})
    {'no cost': ['a', 'c'], 'not linear': ['b']}
    """
    found: dict[str, list[str]] = {}
    for name, reason in refused.items():
        found.setdefault(reason, []).append(name)
    return found


def _listed(names: list[str]) -> list:
    return [part for number, name in enumerate(names) for part in ([", "] if number else []) + [Code(name)]]


def _rule_page(
    title: str, names: Names, name: str, rule: Any, sections: Sequence[Section], sources: Mapping[str, str]
) -> Document:
    text: list = ["The update of every parameter by ", Code(name), ". The system, its terms and its motion are on the "]
    text.append("page of the system, in the same symbols; what is called above is there.")
    blocks: list[Block] = [Paragraph(text), *sections]
    if name in sources:
        blocks.append(source_section(sources[name]))
    return finished(f"{title}: {rule_words(type(rule).__name__)}", names, blocks)
