"""Vector-field equilibrium propagation: the nudged displacement weighs the forces' dependence on parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from physeq.learn.procedure import Step, of_response
from physeq.learn.response import ResponseRule
from physeq.learn.rule import Objective, outside_objective
from physeq.solve.result import State


@dataclass(frozen=True)
class ForceResponse:
    """f as declared: (∂f/∂θ)ᵀ(s^β − s⁰).

    For prototypical units with directed synapses Δw_ij ∝ (s_j^β − s_j⁰) s_i, without ρ′: the rule of C-VF.
    """

    @property
    def over_curvature(self) -> bool:
        """Whether responses are divided by the local curvature."""
        return False

    def weigh(self, problem: Any, free: State, response: State) -> State:
        """The displacement itself."""
        return response

    def bias(self, model: Any) -> str | None:
        """None: with a symmetric Jacobian it is the gradient."""
        return None


@dataclass(frozen=True)
class MapResponse:
    """The map s ← F(s) of local equilibria: (∂F/∂θ)ᵀ(s^β − s⁰), ∂F/∂θ = (1/h) ∂f/∂θ with h = −∂f_i/∂s_i.

    For prototypical units 1/h = ρ′: the general vector-field rule for s_{t+1} = F(s_t).
    """

    @property
    def over_curvature(self) -> bool:
        """Whether responses are divided by the local curvature."""
        return True

    def weigh(self, problem: Any, free: State, response: State) -> State:
        """The displacement over the local curvature."""
        curvature = problem.curvature(free)
        return jax.tree.map(jnp.divide, response, curvature)

    def bias(self, model: Any) -> str | None:
        """Units of another curvature than 1 are weighed by 1/h."""
        for group, local in model.derivation.locals.items():
            for key, h in local.curvature.items():
                if h != 1:
                    return (
                        f"MapResponse weighs the response of {key!r} on group {group!r} by 1/h, h = {h}; "
                        "ForceResponse() does not"
                    )
        return None


Weighting = ForceResponse | MapResponse


@dataclass(frozen=True)
class VectorFieldEP(ResponseRule):
    """dL/dθ ≈ ∂C/∂θ − (1/β)(∂f/∂θ)ᵀ(s^β − s⁰), or with (s^{+β} − s^{−β})/2β; ∂f/∂θ at the free state.

    Needs no energy. The displacement is β J⁻¹ ∂C/∂s, J = ∂f/∂s, where the gradient has J⁻ᵀ ∂C/∂s: exact as β → 0 where
    J is symmetric, biased elsewhere (`bias`). A purely feed-forward network moves its outputs alone, and its hidden
    weights learn nothing.

    Attributes:
        nudging: `Centered(beta)`, `OneSided(beta)` or `RandomSign(beta)`.
        free: finder of the free phase; by default the model's.
        nudged: finder of the nudged phases, started at the free state; by default `free`.
        weighting: `ForceResponse()` or `MapResponse()`.

    Source: Scellier, Goyal, Binas, Mesnard, Bengio 2018, arXiv:1808.04873; C-VF: Ernoult et al. 2020, arXiv:2005.04168.

    >>> VectorFieldEP().phases()[2].weight
    '−1/2β'
    """

    weighting: Weighting = field(default_factory=ForceResponse)

    @property
    def objective(self) -> Objective:
        return outside_objective(self.nudged or self.free)

    def bias(self, model: Any) -> str | None:
        structure = model.derivation.structure
        if structure.conservative:
            return self.weighting.bias(model)
        what = "a force has no energy"
        if structure.certificates:
            why = structure.certificates[0]
            what = f"component {why.component!r} in {why.placement!r} is not reciprocal"
        return (
            f"{what}: the response to a nudge is J⁻¹ ∂C/∂s in place of the gradient's J⁻ᵀ ∂C/∂s; AsymmetricEP and "
            "DyadicEP are exact"
        )

    def procedure(self, model: Any) -> tuple[Step, ...]:
        over = ", over the local curvature of the free state" if self.weighting.over_curvature else ""
        return of_response(self, model, over=over)

    def weigh(self, problem: Any, free: State, response: State) -> State:
        return self.weighting.weigh(problem, free, response)
