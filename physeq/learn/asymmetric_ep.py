"""Equilibrium propagation for systems without symmetry: the nudged phase is given the transposed Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from physeq.learn.procedure import Step, of_response
from physeq.learn.response import ResponseRule, force_finder, require_transposable
from physeq.solve import default_finder
from physeq.solve.finder import Finder
from physeq.solve.response import transposed_response
from physeq.solve.result import State


@dataclass(frozen=True)
class AsymmetricEP(ResponseRule):
    """dL/dθ ≈ ∂C/∂θ − (1/β)(∂f/∂θ)ᵀ(s^β − s⁰), the nudged phase with the force −2A(s − s⁰), A = (J − Jᵀ)/2 at s⁰.

    f(s) − β ∂C/∂s − 2A(s − s⁰) = 0 has the linearisation Jᵀ, so that s^β − s⁰ = β J⁻ᵀ ∂C/∂s + O(β²): the exact
    gradient as β → 0, for any J. Where an energy exists A = 0, and this is equilibrium propagation. A is never formed:
    it acts by one Jacobian–vector and one vector–Jacobian product per step, linearised once per phase.

    Attributes:
        nudging: `Centered(beta)`, `OneSided(beta)` or `RandomSign(beta)`; bias O(β²) and O(β).
        free: finder of the free phase; by default the model's.
        nudged: finder of the nudged phases, started at the free state, one that follows forces; by default `free`, or
            Newton where `free` minimises an energy.

    Source: "AsymEP" of Scurria, Vanden Abeele, Mognetti, Massar 2026, arXiv:2602.03670.

    >>> AsymmetricEP().phases()[1].nudge
    '+β'
    """

    def check(self, model: Any) -> None:
        require_transposable(model, "AsymmetricEP")
        super().check(model)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        free = self.free if self.free is not None else default_finder(model)
        return free, force_finder("AsymmetricEP", self.nudged, free)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        besides = ", and every unknown the force −2A(x − x⁰) with A of the free state"
        return of_response(self, model, besides)

    def nudged_problem(self, nudged: Any, free: State) -> Any:
        return transposed_response(nudged, free)
