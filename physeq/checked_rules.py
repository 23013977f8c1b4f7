"""Which rules `physeq check` audits on a model, with which finders, and what it calls them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from physeq.documented_rules import fitting
from physeq.errors import ModelError
from physeq.interface import TrajectoryModel
from physeq.learn import (
    BackpropagationThroughTime,
    Centered,
    EquilibriumPropagation,
    HamiltonianEcho,
    Holomorphic,
    LagrangianEP,
    LearningRule,
    OneSided,
    TrajectoryRule,
)
from physeq.names import name_of
from physeq.registry import build, registry
from physeq.solve import EulerSteps, Finder, FixedPoint, NodeDescent, Outside, default_finder

ALL = "all"
# References: of equilibria, compared with each other by `consistency`, and of trajectories.
_EXACT = ("implicit-differentiation", "finite-differences", "continuous-adjoint")


def rules_for(model: Any, names: Sequence[str]) -> list[tuple[LearningRule, str | None]]:
    """(rule, why it cannot be audited or None) for every asked rule and kind of nudging that fits the model.

    All rules are those of equilibria, or those of trajectories where the model has some.
    """
    if isinstance(model, TrajectoryModel):
        return _trajectory_rules(model, names)
    known = [name for name, kind in registry()["rule"].items() if not issubclass(kind, TrajectoryRule)]
    chosen = [n for n in known if n not in _EXACT] if ALL in names else list(names)
    found: list[tuple[LearningRule, str | None]] = []
    for name in chosen:
        if name == "equilibrium-propagation":
            found += [(rule, None) for rule in _equilibrium_propagation(model)]
        elif name == "backpropagation-through-time":
            # Steps enough to settle: what is not settled shows as an error of the rule.
            finder = budget_finder(model) or _first_fitting(model, NodeDescent(500), EulerSteps(0.1, 2000))
            found.append((BackpropagationThroughTime(finder), None))
        else:
            found.append(_with_budget(fitting(build("rule", name, f"rule {name}"), model.derivation), model))
    return found


def _trajectory_rules(model: TrajectoryModel, names: Sequence[str]) -> list[tuple[LearningRule, str | None]]:
    known = [name for name, kind in registry()["rule"].items() if issubclass(kind, TrajectoryRule)]
    chosen = [n for n in known if n not in _EXACT] + ["backpropagation-through-time"] if ALL in names else list(names)
    found: list[tuple[LearningRule, str | None]] = []
    for name in chosen:
        if name == "lagrangian-ep":
            found += [(LagrangianEP(kind), None) for kind in (Centered(0.01), OneSided(0.01), Holomorphic(0.1, 8))]
        elif name == "hamiltonian-echo":
            found += [(HamiltonianEcho(kind), None) for kind in (Centered(1e-4), OneSided(1e-4))]
        elif name == "backpropagation-through-time":
            found.append((BackpropagationThroughTime(model.solver), None))
        elif name in known:
            found.append((build("rule", name, f"rule {name}"), None))
        else:
            reason = "it learns equilibria, and this variant has trajectories; ask for a rule of trajectories"
            found.append((build("rule", name, f"rule {name}"), reason))
    return found


def _with_budget(rule: LearningRule, model: Any) -> tuple[LearningRule, str | None]:
    """Rules that move weights at every step get a map of the model's that takes a fixed number of steps."""
    if not rule.moves_weights:
        return rule, None
    finder = budget_finder(model) or _first_fitting(model, EulerSteps(), NodeDescent(500))
    return dataclasses.replace(rule, free=finder), None  # type: ignore[call-arg]  # they all have a free finder


def _first_fitting(model: Any, *finders: Finder) -> Finder:
    """The first finder that fits the model, or the first of all, which then says why it does not."""
    return next((finder for finder in finders if _fits(finder, model)), finders[0])


def _fits(finder: Finder, model: Any) -> bool:
    try:
        finder.check(model)
    except ModelError:
        return False
    return True


def _equilibrium_propagation(model: Any) -> list[LearningRule]:
    """Centered and one-sided nudging, also outside the map where the map is how the model settles."""
    kinds = (Centered(0.01), OneSided(0.01))
    found: list[LearningRule] = [EquilibriumPropagation(nudging) for nudging in kinds]
    if isinstance(default_finder(model), FixedPoint):
        outside = FixedPoint(nudge=Outside())
        found += [EquilibriumPropagation(nudging, nudged=outside) for nudging in kinds]
    return found


def budget_finder(model: Any) -> Finder | None:
    """A map of the model's that settles in a fixed number of steps, or None."""
    closed = [e for local in model.derivation.locals.values() for e in local.equilibrium.values()]
    if not all(e is not None for e in closed):
        return None
    for finder in (FixedPoint(500), NodeDescent(500)):
        if isinstance(finder, FixedPoint) and not isinstance(default_finder(model), FixedPoint):
            continue  # synchronous steps may swing for ever where descent is the default
        if _fits(finder, model):
            return finder
    return None


def nudge_mode(rule: LearningRule) -> str | None:
    """ "inside" or "outside" for rules whose nudged phases iterate the map, else None."""
    finder = getattr(rule, "nudged", None) or getattr(rule, "free", None)
    return name_of(finder.nudge) if isinstance(finder, FixedPoint) else None


def label(rule: LearningRule) -> str:
    """A rule in a few words.

    >>> label(EquilibriumPropagation(Centered(0.1)))
    'equilibrium-propagation, centered'
    """
    nudging = getattr(rule, "nudging", None)
    parts = [name_of(rule), None if nudging is None else name_of(nudging), nudge_mode(rule)]
    return ", ".join(part for part in parts if part)
