"""What a learning rule is: data (phases and a contrast) and one interface, an estimate of dL/dθ to be descended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import TrajectoryModel, require_compiled
from physeq.errors import ModelError
from physeq.learn.procedure import Step, of_contrast, of_response
from physeq.settings import check_kinds, instance
from physeq.solve.continuation import Continuation
from physeq.solve.equilibrium import default_finder
from physeq.solve.finder import Finder
from physeq.solve.fixed_point import FixedPoint, Outside
from physeq.solve.result import Equilibrium, State, raise_if_failed

Params = dict[str, dict[str, Array]]


class Objective(Enum):
    """Whose gradient a rule estimates.

    With e = x − y on the outputs: ½ eᵀe is the usual cost. `STIFFNESS_WEIGHTED_COST` is ½ eᵀK e with the effective
    stiffness K of the outputs frozen; `CONTRASTIVE_FUNCTION` is E(outputs held at y) − E(free).
    """

    COST = "cost"
    CURVATURE_WEIGHTED_COST = "curvature-weighted cost"
    STIFFNESS_WEIGHTED_COST = "stiffness-weighted cost"
    CONTRASTIVE_FUNCTION = "contrastive function"


class Contrasted(Enum):
    """What a rule contrasts between its phases; printing and execution read the same mark."""

    ENERGY = "∂F/∂p"
    RESPONSE = "(∂f/∂p)ᵀ(x − x⁰)"


@dataclass(frozen=True)
class Phase:
    """One phase of a rule: which nudge acts, from which phase's state it starts.

    Attributes:
        name: as printed.
        nudge: the symbol or number printed for β in this phase: "0", "+β", "−β", "±β".
        starts_from: the phase whose state it starts from, or None for the coordinates' start values.
        weight: what multiplies ∂F/∂θ of this phase in the contrast, as printed; "" where it is only a start.
    """

    name: str
    nudge: str
    starts_from: str | None
    weight: str


class GradientInfo(eqx.Module):
    """What a gradient estimate saw on the way.

    Attributes:
        cost: mean C at the free state.
        prediction: the free prediction, `(*batch, outputs)`.
        free: the free state of all groups (start the next solve from it).
        residual: (free phase, worst nudged phase), largest over the batch.
        steps: (free phase, nudged phases).
        outcome: worst `Outcome` code of all phases and batch entries.
        displacement: largest |nudged − free| over unknowns, per batch entry; zeros for exact rules.
        moved: the parameters at the end, for rules whose weights move inside the nudged phase; `fit` keeps them.
        boundary: for trajectories with an initial value, how far the estimate is off dL/dθ by what the boundary keeps.
    """

    cost: Array
    prediction: Array
    free: State
    residual: Array
    steps: Array
    outcome: Array
    displacement: Array
    moved: Params | None = None
    boundary: Params | None = None


@dataclass(frozen=True)
class LearningRule(ABC):
    """Base class of gradient estimators. A subclass is a frozen record with `check`, `phases` and `estimate`.

    Fields are checked against their annotations; a `__post_init__` of your own checks ranges and calls this one.
    """

    def __post_init__(self):
        check_kinds(self)

    @property
    def objective(self) -> Objective:
        """Whose gradient is estimated."""
        return Objective.COST

    @property
    def contrasted(self) -> Contrasted:
        """What is contrasted between the phases."""
        return Contrasted.ENERGY

    @property
    def measures_response(self) -> bool:
        """Whether the response of the state is what is contrasted, in place of ∂F/∂θ."""
        return self.contrasted is Contrasted.RESPONSE

    @property
    def moves_weights(self) -> bool:
        """Whether weights move inside a phase, at rates of the rule's own; `fit` then keeps `GradientInfo.moved`."""
        return False

    def bias(self, model: Any) -> str | None:
        """Why the estimate stays off the gradient of the objective on this model as β → 0; None where it does not."""
        return None

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The phases, as run and as printed; empty for exact derivatives."""

    @abstractmethod
    def check(self, model: Any) -> None:
        """Raise `ModelError` where the rule does not hold for the model, naming the component and a rule that works."""

    @abstractmethod
    def estimate(
        self, model: Any, params: Params, inputs: Any, target: Array, *, key: Array | None, start: State | None
    ) -> tuple[Params, GradientInfo]:
        """The estimate itself, a pure function for use under jit, vmap and scan; nothing is raised."""

    def prediction_finder(self, model: Any) -> Finder:
        """The finder of the free equilibrium, also used to predict and evaluate."""
        return default_finder(model)

    def finders(self, model: Any) -> tuple[Any, Any]:
        """The finders of the free phase and of all others."""
        free = self.prediction_finder(model)
        return free, free

    def procedure(self, model: Any) -> tuple[Step, ...]:
        """What is done with one batch, as `estimate` does it, for the page of the rule.

        By default that of `phases()`, each of which ends at rest; other rules tell their own steps.
        """
        return of_response(self, model) if self.measures_response else of_contrast(self, model)

    def gradient(
        self,
        model: Any,
        params: Params,
        inputs: Any,
        target: Array,
        *,
        key: Array | None = None,
        start: State | Equilibrium | None = None,
        throw: bool = True,
    ) -> tuple[Params, GradientInfo]:
        """Estimate dL/dθ, the batch mean, to be descended.

        Args:
            model, params: the compiled system and its parameters.
            inputs, target: one batch.
            key: a random key, for rules that draw (random-sign nudging).
            start: a state to start the free phase from.
            throw: raise `SolveError` where a phase failed.

        Returns:
            Gradients in the structure of `params`, and a `GradientInfo`.

        Raises:
            ModelError: the rule does not hold for this model, or the data do not fit it.
            SolveError: a phase did not reach its tolerance.
        """
        self.check(model)
        if target is None:
            raise ModelError(f"{type(self).__name__}: target is None; give the values that the outputs are to take")
        start = start.state if isinstance(start, Equilibrium) else start
        # Values can be checked only here: under jit they are not known.
        inputs, target = model.check_data(inputs, target)
        model.check_parameters(params)
        gradients, info = _jitted(self, model, params, inputs, target, key, start)
        if throw:
            self.raise_if_failed(info)
        return gradients, info

    def raise_if_failed(self, info: GradientInfo) -> None:
        """Raise `SolveError` where a phase failed."""
        raise_if_failed(info.outcome, jnp.max(info.residual), jnp.max(info.steps), type(self).__name__)


def require_rule(owner: str, rule: Any, model: Any) -> None:
    """Refuse what is no rule, as where arguments come in another order, and a rule that does not fit the model."""
    instance(owner, "rule", rule, (LearningRule,), "a rule such as EquilibriumPropagation()")
    rule.check(model)


def outside_objective(finder: Finder | None) -> Objective:
    """Whose gradient a contrast estimates whose nudged phases run this finder; None is the model's own.

    A nudge outside the map s ← F(s) − β ∂C/∂s weighs every output's error with its local curvature, also where a
    `Continuation` runs the map.

    >>> outside_objective(FixedPoint(nudge=Outside())).value, outside_objective(None).value
    ('curvature-weighted cost', 'cost')
    """
    while isinstance(finder, Continuation):
        finder = finder.finder
    outside = isinstance(finder, FixedPoint) and isinstance(finder.nudge, Outside)
    return Objective.CURVATURE_WEIGHTED_COST if outside else Objective.COST


@eqx.filter_jit
def _jitted(rule, model, params, inputs, target, key, start):
    return rule.estimate(model, params, inputs, target, key=key, start=start)


def require_cost(model: Any, rule: str) -> None:
    """Refuse a model without a cost, and one of trajectories, which rules of equilibria do not fit."""
    require_compiled(rule, model)
    if isinstance(model, TrajectoryModel):
        raise ModelError(
            f"{rule} learns equilibria, and this is a model of trajectories; use LagrangianEP, HamiltonianEcho, "
            "TimeReversedNudge or ContinuousAdjoint"
        )
    if model.derivation.cost is None:
        raise ModelError(f"{rule} needs a cost: pass cost= and outputs= to System")


def require_energy(model: Any, rule: str, instead: str) -> None:
    """Refuse a model without an energy, naming the component, and bounds that are trained, which no energy sees."""
    structure = model.derivation.structure
    if not structure.conservative:
        why = structure.certificates[0] if structure.certificates else None
        reason = (
            f"component {why.component!r} in {why.placement!r} is not reciprocal, {why.formula}"
            if why
            else "a force has no closed-form energy"
        )
        raise ModelError(f"{rule} needs an energy: {reason}; use {instead}")
    require_fixed_bounds(model, rule)


def require_fixed_bounds(model: Any, rule: str) -> None:
    """Refuse parameters that are bounds and trained: neither an energy nor a force has a derivative by them."""
    for form in model.derivation.forms:
        component, name = form.placement.component, form.placement.name
        ends = {p for interval in component.bounds.values() for end in interval for p in end.free_symbols}
        if trained := sorted(p.name for p in ends if getattr(p, "trainable", False)):
            raise ModelError(
                f"{rule} cannot train {trained[0]!r}, a bound in {component.name!r} of {name!r}: "
                "∂F/∂θ does not see bounds; declare it with trainable=False or use ImplicitDifferentiation"
            )


def require_no_bounds(model: Any, rule: str, instead: str) -> None:
    """Refuse a model with bounds, naming the placement."""
    if bounded := model.derivation.structure.bounded:
        raise ModelError(f"{rule} needs smooth forces, and {bounded[0]!r} has bounds; use {instead}")


def require_holomorphic(model: Any, rule: str, instead: str) -> None:
    """Refuse a model that does not continue to complex states, naming component and function."""
    if spoilers := model.derivation.structure.not_holomorphic:
        bad = spoilers[0]
        raise ModelError(
            f"{rule} needs terms that continue to complex states; component {bad.component!r} in {bad.placement!r} "
            f"has {bad.what}; use a smooth function there, or {instead}"
        )


def largest(tree: Any) -> Array:
    """The largest entry of all leaves."""
    leaves = [jnp.max(x) for x in jax.tree.leaves(tree)]
    return jnp.max(jnp.stack(leaves)) if leaves else jnp.zeros(())
