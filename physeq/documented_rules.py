"""Which rules the pages of a variant document, with finders that fit it, and what they say of where a rule is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from physeq.learn import (
    BackpropagationThroughTime,
    LearningRule,
    OscillatingEP,
    TrajectoryRule,
)
from physeq.registry import build, registry
from physeq.report import refusal, trajectory_refusal
from physeq.report.rule_pages import RulePages, rule_pages, trajectory_rule_pages
from physeq.solve import EulerSteps, FixedPoint, Newton, NodeDescent


@dataclasses.dataclass(frozen=True)
class DocumentedRules:
    """The rules of one kind, equilibria or trajectories, asked whether they hold for a variant.

    Attributes:
        admitted: {name: rule} of those that hold.
        refused: {name: reason} of the others.
    """

    admitted: Mapping[str, LearningRule]
    refused: Mapping[str, str]


def rules_of_equilibria(derivation: Any) -> DocumentedRules:
    """All rules of equilibria, asked with a derivation alone.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(pq.electrical.v - pq.target("y")) ** 2 / 2)
    >>> found = rules_of_equilibria(network.derive())
    >>> "equilibrium-propagation" in found.admitted, "lagrangian-ep" in {**found.admitted, **found.refused}
    (True, False)
    """
    if derivation.cost is None:
        return DocumentedRules({}, dict.fromkeys(_names(trajectories=False), "the system declares no cost"))
    asked = {}
    for name in _names(trajectories=False):
        # Without a choice of finders nothing would be known of this rule, so that it stands for every budget.
        alone = BackpropagationThroughTime(FixedPoint(30)) if name == _THROUGH_TIME else build("rule", name)
        rule = fitting(alone, derivation)
        asked[name] = rule, refusal(rule, derivation)
    return _sorted_out(asked)


def rules_of_trajectories(model: Any) -> DocumentedRules:
    """All rules of trajectories, asked with `System.trajectories(...)`."""
    names = [*_names(trajectories=True), _THROUGH_TIME]
    if model.cost is None:
        return DocumentedRules({}, dict.fromkeys(names, "the trajectories have no cost"))
    asked = {}
    for name in names:
        rule = BackpropagationThroughTime(model.solver) if name == _THROUGH_TIME else build("rule", name)
        asked[name] = rule, trajectory_refusal(rule, model)
    return _sorted_out(asked)


def pages_of(title: str, derivation: Any, trajectories: Any = None) -> RulePages:
    """The pages of a system and of all rules that hold for it, not yet held against the compiled model.

    Args:
        title: of the page of the physics.
        derivation: what `derive` found.
        trajectories: `System.trajectories(...)`, where these are what is learned.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(pq.electrical.v - pq.target("y")) ** 2 / 2)
    >>> pages_of("A network", network.derive()).rules["dyadic-ep"].title
    'A network: dyadic EP'
    """
    if trajectories is None:
        found = rules_of_equilibria(derivation)
        return rule_pages(title, derivation, found.admitted, found.refused, _sources(found.admitted))
    found = rules_of_trajectories(trajectories)
    texts = _sources(found.admitted)
    return trajectory_rule_pages(title, trajectories, derivation, found.admitted, found.refused, texts)


def fitting(rule: Any, derivation: Any) -> Any:
    """A rule with other finders where its own do not fit: a descent, steps of the dynamics, or Newton's method.

    The rule comes back as it is where it holds, and where no choice makes it hold.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(pq.electrical.v - pq.target("y")) ** 2 / 2)
    >>> fitting(pq.EquilibriumPropagation(), network.derive()) == pq.EquilibriumPropagation()
    True
    """
    choices = (rule, *_otherwise(rule))
    return next((choice for choice in choices if refusal(choice, derivation) is None), rule)


def source(rule: type) -> str | None:
    """The paper that a rule is from, as its docstring says; None for exact gradients.

    >>> from physeq.learn import DyadicEP
    >>> source(DyadicEP)
    'Scurria, Vanden Abeele, Mognetti, Massar 2026, arXiv:2602.03670.'
    """
    _, found, after = (rule.__doc__ or "").partition("Source: ")
    paragraph = after.split("\n\n")[0]
    return " ".join(paragraph.split()) if found else None


def _sources(rules: Mapping[str, Any]) -> dict[str, str]:
    found = {name: source(type(rule)) for name, rule in rules.items()}
    return {name: text for name, text in found.items() if text is not None}


_THROUGH_TIME = "backpropagation-through-time"


def _names(*, trajectories: bool) -> list[str]:
    return [name for name, kind in registry()["rule"].items() if issubclass(kind, TrajectoryRule) == trajectories]


def _otherwise(rule: Any) -> Iterator[Any]:
    if isinstance(rule, BackpropagationThroughTime):
        yield from (BackpropagationThroughTime(finder) for finder in (NodeDescent(30), EulerSteps()))
    elif isinstance(rule, OscillatingEP):
        yield dataclasses.replace(rule, hold=Newton())
    elif rule.moves_weights:
        yield dataclasses.replace(rule, free=EulerSteps())


def _sorted_out(asked: Mapping[str, tuple[LearningRule, str | None]]) -> DocumentedRules:
    admitted = {name: rule for name, (rule, reason) in asked.items() if reason is None}
    return DocumentedRules(admitted, {name: reason for name, (_, reason) in asked.items() if reason is not None})
