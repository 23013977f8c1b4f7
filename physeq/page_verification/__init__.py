"""The formulas of a variant's pages against the compiled model, at random points, while the pages are made.

Energies, equations of motion, nudged equations, costs and the update of every rule are read back from the document
model and evaluated with NumPy; the model, and each rule's own code, are run at the same random states, for which
nothing is solved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from physeq.documented_rules import rules_of_equilibria, rules_of_trajectories
from physeq.errors import ModelError
from physeq.page_verification._comparison import Comparison
from physeq.page_verification._comparison import Verified as Verified
from physeq.page_verification._comparison import relative_difference as relative_difference
from physeq.page_verification._motion_answers import motion_answers
from physeq.page_verification._motion_page import MotionPage
from physeq.page_verification._path_answers import path_answers
from physeq.page_verification._path_page import PathPage
from physeq.page_verification._path_rules import PathRulePage
from physeq.page_verification._sections import (
    exact_section,
    physics_section,
    rule_section,
    with_section,
)
from physeq.page_verification._steady_answers import steady_answers
from physeq.page_verification._steady_page import SteadyPage
from physeq.page_verification._steady_rules import rule_pages_verified
from physeq.report._numbers_names import Elements
from physeq.report.rule_pages import RulePages
from physeq.variant import Variant

SEED = 0

_STATES = "at random states of all its phases"
_PATHS = "along random paths of all its phases"
_BOUNDARY = "it is what trajectories are solved for, and random paths need not meet it"
_STEADY = "no steady state of this variant is compiled"


def with_verification(
    pages: RulePages, variant: Variant, derivation: Any, model: Any = None, *, seed: int = SEED
) -> RulePages:
    """The pages, each with a section on how far its printed formulas agree with what is compiled.

    Args:
        pages: of the variant.
        variant, derivation: what they are about.
        model: `System.trajectories(...)` where the variant has trajectories.
        seed: of parameters, data and states.

    Raises:
        InternalError: a printed formula disagrees; the message names it.
    """
    asked = rules_of_equilibria(derivation) if model is None else rules_of_trajectories(model)
    physics, of_rules = verify(pages, variant, derivation, asked.admitted, model, seed=seed)
    compare = Comparison(seed)
    where = _STATES if model is None else _PATHS
    made = {
        name: with_section(
            page, rule_section(of_rules[name], compare, where) if name in of_rules else exact_section(), "Source"
        )
        for name, page in pages.rules.items()
    }
    return replace(
        pages, system=with_section(pages.system, physics_section(physics, compare), "Rules that hold"), rules=made
    )


def verify(
    pages: RulePages,
    variant: Variant,
    derivation: Any,
    rules: Mapping[str, Any],
    model: Any = None,
    *,
    seed: int = SEED,
) -> tuple[list[Verified], dict[str, list[Verified]]]:
    """(comparisons of the page of the physics, {rule: those of its page}); see `with_verification`.

    Raises:
        InternalError: one disagrees.
    """
    elements, compare = Elements(derivation), Comparison(seed)
    rules = {name: rule for name, rule in rules.items() if name in pages.rules}
    physics: list[Verified] = []
    of_rules: dict[str, list[Verified]] = {}
    if model is not None:
        if model.cost is not None:
            along = path_answers(model, variant, rules, seed)
            physics += PathPage(pages, model, elements, along, compare).verified()
            for name, rule in rules.items():
                if "gradients" in along.rules[name]:
                    of_rules[name] = list(PathRulePage(name, rule, pages, model, elements, along, seed).verified())
        physics.append(Verified("boundary condition", reason=_BOUNDARY))
        return [*physics, *_in_motion(pages, variant, elements, compare)], of_rules
    try:
        steady = derivation.system.compile()
    except ModelError:
        rest = [Verified("steady state and messages at rest", reason=_STEADY)]
        return [*_in_motion(pages, variant, elements, compare), *rest], {}
    answers = steady_answers(steady, variant, rules, seed)
    physics += SteadyPage(pages, steady, elements, answers, compare).verified()
    of_rules = rule_pages_verified(pages, rules, steady, elements, answers, seed)
    return [*physics, *_in_motion(pages, variant, elements, compare)], of_rules


def _in_motion(pages: RulePages, variant: Variant, elements: Elements, compare: Comparison) -> list[Verified]:
    system: Any = elements.system
    try:
        motion = system.motion()
    except ModelError:  # bounds: such a system only relaxes
        return []
    answers = motion_answers(motion, variant, elements.derivation, compare.seed)
    return list(MotionPage(pages.system, elements, answers, compare).verified())
