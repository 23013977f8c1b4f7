"""Jacobian homeostasis: a penalty that keeps the Jacobian of the forces symmetric, which makes biased rules better."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.learn.antisymmetry import antisymmetry_penalty
from physeq.learn.procedure import UPDATE, Step
from physeq.learn.rule import Contrasted, GradientInfo, LearningRule, Objective, Params, Phase
from physeq.learn.vector_field_ep import VectorFieldEP
from physeq.settings import finite, whole
from physeq.solve.finder import Finder


@dataclass(frozen=True)
class JacobianHomeostasis(LearningRule):
    """The gradient of a rule plus strength · ∂/∂θ E_ε[‖Jε‖² − εᵀJ²ε], that is strength · ∂/∂θ 2‖A‖_F².

    J = ∂f/∂s is the Jacobian of the forces without nudge and A = (J − Jᵀ)/2, both at the free state. The derivative of
    the penalty holds that state fixed: how it moves with θ is left out. ε ~ N(0, 1) is drawn anew for every sample of
    the batch. The objective of `rule` is named, and audits of this rule see the penalty as its bias.

    Attributes:
        rule: any rule whose weights stay during its phases.
        strength: factor λ of the penalty, not negative.
        samples: vectors ε per sample of the batch.

    Source: Laborieux & Zenke 2023, arXiv:2309.02214.

    >>> JacobianHomeostasis(rule=VectorFieldEP(), strength=0.1).phases() == VectorFieldEP().phases()
    True
    """

    rule: LearningRule = field(default_factory=VectorFieldEP)
    strength: float = 0.1
    samples: int = 1

    def __post_init__(self):
        finite("JacobianHomeostasis", "strength", self.strength, least=0)
        whole("JacobianHomeostasis", "samples", self.samples, 1)
        super().__post_init__()
        if self.rule.moves_weights:
            raise ModelError(
                f"JacobianHomeostasis adds to a gradient, and {type(self.rule).__name__} moves the weights itself; "
                "use VectorFieldEP or EquilibriumPropagation"
            )

    @property
    def objective(self) -> Objective:
        return self.rule.objective

    @property
    def contrasted(self) -> Contrasted:
        return self.rule.contrasted

    def phases(self) -> tuple[Phase, ...]:
        return self.rule.phases()

    def bias(self, model: Any) -> str | None:
        inner = self.rule.bias(model)
        if self.strength == 0 or model.derivation.structure.conservative:
            return inner
        return f"the penalty of strength {self.strength:g} is added" + ("" if inner is None else f"; {inner}")

    def check(self, model: Any) -> None:
        if jumps := model.derivation.structure.not_differentiable:
            raise ModelError(
                f"JacobianHomeostasis needs differentiable forces; component {jumps[0].component!r} in "
                f"{jumps[0].placement!r} has {jumps[0].what}; use a smooth function there"
            )
        self.rule.check(model)

    def prediction_finder(self, model: Any) -> Finder:
        return self.rule.prediction_finder(model)

    def finders(self, model: Any) -> tuple[Any, Any]:
        return self.rule.finders(model)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        steps = self.rule.procedure(model)
        several = f"{self.samples} vectors" if self.samples > 1 else "a vector"
        penalty = Step(
            "For the penalty, at the free state of every sample:",
            (
                Step(f"Draw {several} ε with normal entries."),
                Step(
                    "Form Jε, J²ε and Jᵀε from two products with the Jacobian of the forces and one with its transpose."
                ),
                Step(
                    f"Add {{strength}} = {self.strength:g} times the slope of ‖Jε‖² − εᵀJ²ε by every parameter, the "
                    "state held fixed, to the estimate."
                ),
            ),
        )
        where = steps.index(UPDATE) if UPDATE in steps else len(steps)
        return (*steps[:where], penalty, *steps[where:])

    def __getattr__(self, name: str) -> Callable:
        # Only a rule with phases of its own has them checked for the basin that they end in.
        if name == "solve_phases":
            return getattr(self.rule, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        if key is None:
            raise ModelError("JacobianHomeostasis draws vectors: pass key=jax.random.key(...) to gradient")
        rule_key, noise_key = jax.random.split(key)
        gradients, info = self.rule.estimate(model, params, inputs, target, key=rule_key, start=start)
        problem = model.problem(params, inputs, target)
        free = problem.start(info.free, problem.beta.dtype)
        rest = dataclasses.replace(problem, target=None)
        penalty = antisymmetry_penalty(rest, free, noise_key, self.samples)
        strength: Array = jnp.asarray(self.strength, problem.beta.dtype)
        return jax.tree.map(lambda g, p: g + strength * p, gradients, penalty), info
