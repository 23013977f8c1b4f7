"""Coupled and contrastive learning: the energy's slope with the outputs held near, or at, the desired values."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import parameter_gradient
from physeq.learn.held_outputs import hold_outputs, require_outputs_to_hold
from physeq.learn.phases import phase_info
from physeq.learn.procedure import CLOSING, Listing, Step, for_each_sample
from physeq.learn.rule import GradientInfo, LearningRule, Objective, Params, Phase, require_cost, require_energy
from physeq.settings import finite
from physeq.solve import default_finder
from physeq.solve.finder import Finder
from physeq.solve.result import State


@dataclass(frozen=True)
class CoupledLearning(LearningRule):
    """dL/dθ ≈ (1/η)[∂E/∂θ(clamped) − ∂E/∂θ(free)], with the outputs held at x⁰ + η(y − x⁰) in the clamped phase.

    There is no nudge: a supervisor holds the outputs a little nearer to what is desired, and all other boundary
    conditions stay. On a resistor, E = ½ g Δv², the descended estimate is Δg ∝ (1/2η)[Δv²|free − Δv²|clamped]. As
    η → 0 the rule descends ½ eᵀK e, e = x⁰ − y, with K the effective stiffness of the outputs taken as constant (the
    conductance matrix seen from them); its bias is O(η).

    Needs an energy, and the cost ½ Σ (x − y)² on the outputs themselves. Ideal diodes and other bounds are fine, but an
    output that is itself pressed against a bound does not follow the objective.

    Attributes:
        eta: η in (0, 1], the share of the way to the desired outputs.
        free: finder of the free phase; by default the model's.
        clamped: finder of the clamped phase, started at the free state; by default `free`.

    Raises:
        ModelError: η is not in (0, 1]; at use: no energy, another cost, or outputs that are held already.

    Source: Stern, Hexner, Rocks & Liu 2021, Phys. Rev. X 11, 021045.

    >>> [(phase.name, phase.weight) for phase in CoupledLearning(0.1).phases()]
    [('free', '−1/η'), ('clamped', '1/η')]
    """

    eta: float = 0.01
    free: Finder | None = None
    clamped: Finder | None = None

    order = 1

    def __post_init__(self):
        finite("CoupledLearning", "eta", self.eta, above=0, most=1)
        super().__post_init__()

    @property
    def objective(self) -> Objective:
        return Objective.STIFFNESS_WEIGHTED_COST

    def phases(self) -> tuple[Phase, ...]:
        held = "outputs held at x⁰ + η(y − x⁰)"
        return (Phase("free", "0", None, "−1/η"), Phase("clamped", held, "free", "1/η"))

    def bias(self, model: Any) -> str | None:
        derivation = model.derivation
        for form in derivation.forms:
            placed = form.placement
            if placed.name in derivation.structure.bounded and set(placed.groups) & set(derivation.cost.unknowns):
                return (
                    f"outputs have the bounds of {placed.name!r}: an output that is pressed against its bound is held "
                    "off it in the clamped phase, and does not follow the objective there"
                )
        return None

    def check(self, model: Any) -> None:
        _check(self, model)

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        return _finders(self, model)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        return _procedure(self, model)

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        return _estimate(self, self.eta, model, params, inputs, target, key, start)


@dataclass(frozen=True)
class ContrastiveLearning(LearningRule):
    """dJ/dθ = ∂E/∂θ(clamped) − ∂E/∂θ(free), with the outputs held at the desired values y in the clamped phase.

    The exact gradient of the contrastive function J = E(clamped) − E(free) ≥ 0, which is zero where the free outputs
    are the desired ones; it is coupled learning at η = 1. Where the energy has several minima, J compares the minimum
    that the free phase finds with the one that the clamped phase reaches from there. In networks of conductances alone
    J also falls as outputs are cut off: keep a least conductance. The energy must be finite at y.

    Needs an energy, and the cost ½ Σ (x − y)² on the outputs themselves.

    Attributes:
        free: finder of the free phase; by default the model's.
        clamped: finder of the clamped phase, started at the free state; by default `free`.

    Raises:
        ModelError: at use: no energy, another cost, or outputs that are held already.

    Source: Movellan 1991, "Contrastive Hebbian learning in the continuous Hopfield model"; in resistor networks: Stern
    & Murugan 2023, "Learning without neurons in physical systems".

    >>> [(phase.name, phase.weight) for phase in ContrastiveLearning().phases()]
    [('free', '−1'), ('clamped', '1')]
    """

    free: Finder | None = None
    clamped: Finder | None = None

    @property
    def objective(self) -> Objective:
        return Objective.CONTRASTIVE_FUNCTION

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("free", "0", None, "−1"), Phase("clamped", "outputs held at y", "free", "1"))

    def check(self, model: Any) -> None:
        _check(self, model)

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        return _finders(self, model)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        return _procedure(self, model)

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        return _estimate(self, 1.0, model, params, inputs, target, key, start)


def _finders(rule: CoupledLearning | ContrastiveLearning, model: Any) -> tuple[Finder, Finder]:
    free = rule.free if rule.free is not None else default_finder(model)
    return free, rule.clamped if rule.clamped is not None else free


def _procedure(rule: CoupledLearning | ContrastiveLearning, model: Any) -> tuple[Step, ...]:
    free, clamped = rule.finders(model)
    share = isinstance(rule, CoupledLearning)
    held = "a share {share} of the way from the free state to the targets" if share else "at the targets"
    over = ", over {share}" if share else ""
    return (
        for_each_sample(
            Step(
                "Free phase: nothing holds the outputs. From the start values, let the system come to rest.",
                lists=Listing.SLOPES,
                finder=free,
            ),
            Step(
                f"Clamped phase: hold the outputs {held}. From the free state, let the rest come to rest.",
                lists=Listing.SLOPES,
                finder=clamped,
            ),
            Step(f"Every element takes what it has measured clamped less free{over}; that is its estimate."),
        ),
        *CLOSING,
    )


def _check(rule: CoupledLearning | ContrastiveLearning, model: Any) -> None:
    name = type(rule).__name__
    require_cost(model, name)
    require_energy(model, name, "AsymmetricEP or VectorFieldEP (biased)")
    require_outputs_to_hold(model, name)
    for finder in rule.finders(model):
        finder.check(model)


def _estimate(rule, eta, model, params, inputs, target, key, start: State | None) -> tuple[Params, GradientInfo]:
    free_finder, clamped_finder = rule.finders(model)
    problem = model.problem(params, inputs, target)
    keys = (None, None) if key is None else tuple(jax.random.split(key))
    rest = dataclasses.replace(problem, target=None, key=keys[0])
    found = free_finder.find(rest, problem.start(start, problem.beta.dtype))
    free = found[0]
    outputs = problem.cost_evaluator.outputs_of(problem.full(free))
    held = hold_outputs(dataclasses.replace(problem, key=keys[1]), outputs + eta * (problem.target - outputs))
    clamped, *evidence = clamped_finder.find(held, held.insert(free))
    moved = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), axis=-1), clamped, free)
    info = phase_info(problem, found, evidence, moved)
    return _contrast(rest, clamped, free, 1 / jnp.asarray(eta, problem.beta.dtype)), info


def _contrast(rest: Any, clamped: State, free: State, weight: Array) -> Params:
    """weight·[∂E/∂θ(clamped) − ∂E/∂θ(free)], the batch mean, as one contraction over phases and batch."""
    batch = (2, *rest.batch)
    signs = jnp.stack([weight, -weight]).reshape(2, *(1 for _ in rest.batch)) / math.prod(rest.batch)
    both = dataclasses.replace(rest, batch=batch)
    states = jax.tree.map(lambda a, b: jnp.stack([a, b]), clamped, free)
    return parameter_gradient(both, states, jnp.broadcast_to(signs, batch))
