"""The continual vector-field rule: asymmetric weights that move at every step of the nudged phase."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import force_parameter_gradient
from physeq.compile.telescope import response_products
from physeq.learn.continual import ContinualRule
from physeq.learn.rule import Contrasted, Params
from physeq.learn.vector_field_ep import ForceResponse, VectorFieldEP, Weighting
from physeq.solve.result import State


@dataclass(frozen=True)
class ContinualVectorFieldEP(ContinualRule):
    """θ_{t+1} = θ_t + (η/β)(∂f/∂θ)ᵀ(s_{t+1} − s_t) at every step of the nudged phase, ∂f/∂θ at (s_t, θ_t).

    For prototypical units joined by directed synapses that is ΔW_ij = (η/β)(s_i(t+1) − s_i(t)) s_j(t), the C-VF rule;
    with `MapResponse()` every unit's change carries the slope ρ′ of the map s ← F(s). Where the Jacobian is not
    symmetric the estimate is biased, see `bias`.

    Attributes:
        weighting: `ForceResponse()` or `MapResponse()`.

    Source: Ernoult, Grollier, Querlioz, Bengio, Scellier 2020, arXiv:2005.04168, eqs. 10 and 11; Scellier, Goyal,
    Binas, Mesnard, Bengio 2018, arXiv:1808.04873.

    >>> from physeq.learn import RandomSign
    >>> from physeq.solve import FixedPoint
    >>> rule = ContinualVectorFieldEP({}, 0.0038, RandomSign(0.2), FixedPoint(40), FixedPoint(15))
    >>> rule.phases()[1].nudge, rule.contrasted.name
    ('±β', 'RESPONSE')
    """

    weighting: Weighting = field(default_factory=ForceResponse)

    @property
    def contrasted(self) -> Contrasted:
        return Contrasted.RESPONSE

    def bias(self, model: Any) -> str | None:
        return VectorFieldEP(weighting=self.weighting).bias(model)

    def telescoping(self, model: Any) -> Mapping:
        return response_products(model.lowered, model.wirings) if self.weighting == ForceResponse() else {}

    def changes(self, problem: Any, old: State, new: State, weights: Array) -> Params:
        rest = dataclasses.replace(problem, target=None)
        back = jax.tree.map(jnp.subtract, old, new)
        # 1/h of the map at (s_t, θ_t) is that of the state to which it leads without the nudge.
        advance = self._steps.stepper(rest)
        reached = old if advance is None else advance(old)
        response = self.weighting.weigh(rest, reached, back)
        return force_parameter_gradient(rest, old, response, weights)
