"""Continual equilibrium propagation: the contrast of ∂F/∂θ, paid out step by step while the state moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import parameter_gradient
from physeq.compile.telescope import energy_products
from physeq.learn.continual import ContinualRule
from physeq.learn.rule import Params, require_energy
from physeq.solve.result import State


@dataclass(frozen=True)
class ContinualEP(ContinualRule):
    """θ_{t+1} = θ_t − (η/β)[∂F/∂θ(s_{t+1}) − ∂F/∂θ(s_t)] at every step of the nudged phase.

    Gradient-descending updates (theorem 1 of the source): as η, β → 0 the change of step t follows the summand of
    backpropagation through time of step T − t. Needs an energy.

    Source: Ernoult, Grollier, Querlioz, Bengio, Scellier 2020, arXiv:2005.04168, eqs. 5 to 8.

    >>> from physeq.learn import OneSided
    >>> from physeq.solve import FixedPoint
    >>> rule = ContinualEP({"input->hidden": 0.0056}, 0.0028, OneSided(0.2), FixedPoint(40), FixedPoint(15))
    >>> rule.moves_weights, rule.phases()[1].nudge
    (True, '+β')
    """

    def check(self, model: Any) -> None:
        require_energy(model, "ContinualEP", "AsymmetricEP, or ContinualVectorFieldEP (biased)")
        super().check(model)

    def telescoping(self, model: Any) -> Mapping:
        return energy_products(model.lowered, model.wirings)

    def changes(self, problem: Any, old: State, new: State, weights: Array) -> Params:
        # One contraction over both states, with the nudge left out: a readout moves at the end of the phase.
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), new, old)
        pair = dataclasses.replace(problem, beta=jnp.zeros_like(problem.beta), batch=(2, *problem.batch))
        return parameter_gradient(pair, both, jnp.stack([weights, -weights]))
