"""Continual rules: weights move at every step of the nudged phase, by what the state's change tells them."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.telescope import cheaper, moving_problem, plus
from physeq.errors import InternalError, ModelError
from physeq.learn.equilibrium_propagation import OneSided, RandomSign
from physeq.learn.optimise import RateTable, rate_of
from physeq.learn.phases import phase_info
from physeq.learn.procedure import Listing, Step, drawn_sign, for_each_sample, strength
from physeq.learn.rule import (
    GradientInfo,
    LearningRule,
    Objective,
    Params,
    Phase,
    outside_objective,
    require_cost,
    require_fixed_bounds,
)
from physeq.names import name_of
from physeq.settings import finite
from physeq.solve import FixedPoint
from physeq.solve.finder import Finder
from physeq.solve.result import State, outcome_of


@dataclass(frozen=True)
class ContinualRule(LearningRule):
    """Base class: the free phase at θ_0; then K times s ← F(s, β, θ_t), θ_{t+1} = θ_t − (η/β) Δ(s_t, s_{t+1}, θ_t).

    A subclass says what Δ is. The estimate is (θ_0 − θ_K)/η, and `fit` keeps exactly θ_K: the rates η belong to the
    rule, an optimiser is not used. Parameters with bounds are clipped to them at every step. A readout, which belongs
    to the cost and sees no change of the state, moves once, at the end of the phase, by ∂C/∂p.

    Attributes:
        rates: η of each placement ("hidden->output") or parameter ("hidden.b"); the longer name wins.
        default: η of everything not named. None makes a missing name an error; without any names it stands for 0.01.
        nudging: `OneSided(beta)` or `RandomSign(beta)`.
        free: finder of the free phase: T steps, or any that ends at the equilibrium.
        nudged: the map of the nudged phase and its number K of steps; by default `free`.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    default: float | None = None
    # Weights move once per step along one nudged phase.
    nudging: OneSided | RandomSign = field(default_factory=lambda: OneSided(0.1))
    free: Finder = field(default_factory=lambda: FixedPoint(100))
    nudged: Finder | None = None

    def __post_init__(self):
        super().__post_init__()
        owner = type(self).__name__
        object.__setattr__(self, "rates", RateTable(self.rates))
        for name, rate in self.rates.items():
            finite(owner, f"the rate of {name!r} (trainable=False in its declaration keeps a parameter)", rate, above=0)
        if self.default is not None:
            finite(owner, "default", self.default, above=0)

    @property
    def objective(self) -> Objective:
        return outside_objective(self._steps)

    @property
    def moves_weights(self) -> bool:
        return True

    @property
    def _steps(self) -> Finder:
        return self.free if self.nudged is None else self.nudged

    def phases(self) -> tuple[Phase, ...]:
        sign = "±β" if isinstance(self.nudging, RandomSign) else "+β" if self.nudging.beta > 0 else "−β"
        return (Phase("free", "0", None, ""), Phase("nudged", sign, "free", "every step"))

    def check(self, model: Any) -> None:
        name = type(self).__name__
        require_cost(model, name)
        require_fixed_bounds(model, name)
        if self._steps.budget is None:
            raise ModelError(
                f"{name} moves weights at every nudged step and needs a finder with a fixed number of steps, such as "
                f"nudged=FixedPoint(15) without a tolerance; got {self._steps!r}"
            )
        for finder in dict.fromkeys((self.free, self._steps)):
            finder.check(model)
        self.rate_tree(model)

    def rate_tree(self, model: Any) -> dict[str, dict[str, float]]:
        """{placement: {parameter: η}} of the trained parameters.

        Raises:
            ModelError: a name that is no placement or parameter, or a placement without a rate.
        """
        default = 0.01 if self.default is None and not self.rates else self.default
        return {
            p: {k: rate_of(self.rates, default, model.trainable(), p, k) for k, trained in own.items() if trained}
            for p, own in model.trainable().items()
        }

    def prediction_finder(self, model: Any) -> Finder:
        return self.free

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        return self.free, self._steps

    def procedure(self, model: Any) -> tuple[Step, ...]:
        count, sign = self._steps.budget or 0, self.phases()[1].nudge
        moves = "−{η/β} times what {∂E/∂p} has changed by"
        if self.measures_response:
            moves = "{η/β} times ∂f/∂p times what the unknowns have changed by"
        readout: tuple[Step, ...] = ()
        if model.derivation.system.readout is not None:
            readout = (Step("The readout moves once, at the end of the phase, by −{η} {∂C/∂p}."),)
        return (
            strength(self.nudging.beta),
            *drawn_sign(self.phases()),
            for_each_sample(
                Step("Free phase: no nudge. From the start values, let the system come to rest.", finder=self.free),
            ),
            Step(
                f"Nudged phase: the outputs feel the nudge {{{sign}}}. From the free states, all samples side by side, "
                "for {t} = 0 … {K} − 1:",
                (
                    Step(
                        f"Take one step of the unknowns, one of {name_of(type(self._steps))}, with the parameters as "
                        "they are now."
                    ),
                    Step(
                        "Every element compares what it measures after the step with before.",
                        lists=Listing.UNKNOWNS if self.measures_response else Listing.SLOPES,
                    ),
                    Step(
                        f"Every parameter moves at once, by {moves}, averaged over the samples, and is "
                        "clipped to its bounds."
                    ),
                ),
                times=count,
            ),
            *readout,
            Step("Keep the parameters that the last step leaves. There is no further update and no optimiser."),
        )

    @abstractmethod
    def telescoping(self, model: Any) -> Mapping:
        """{placement: {parameter: products of U}}, where Δ = U(s_{t+1}) − U(s_t), see `physeq.compile.telescope`."""

    @abstractmethod
    def changes(self, problem: Any, old: State, new: State, weights: Array) -> Params:
        """Σ_batch weights·Δ(s_t, s_{t+1}, θ_t) of all parameters."""

    def trajectory(
        self, model, params, inputs, target, *, key=None, start=None, telescoped: bool | None = None
    ) -> Trajectory:
        """The free phase, and the functions with which the nudged phase goes on.

        Args:
            model, params, inputs, target, key, start: as for `estimate`.
            telescoped: whether parameters that can be are carried in the form of low rank; None, where that is faster.
        """
        free_key, nudged_key, sign_key = (None, None, None) if key is None else jax.random.split(key, 3)
        problem = model.problem(params, inputs, target)
        rest = dataclasses.replace(problem, target=None, key=free_key)
        free = self.free.find(rest, problem.start(start, problem.beta.dtype))
        (beta,), _, _ = self.nudging.betas(sign_key, problem.beta.dtype)
        nudged = dataclasses.replace(problem, beta=beta, key=nudged_key)
        products = {} if telescoped is False else self.telescoping(model)
        return Trajectory(self, model, nudged, beta, free, products if telescoped else cheaper(nudged, products))

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        path = self.trajectory(model, params, inputs, target, key=key, start=start)
        state, moving, residual = path.run()
        gradients, moved = path.outcome(state, moving)
        apart = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), -1), state, path.free[0])
        evidence = (residual, self._steps.budget, outcome_of(residual, None))
        return gradients, dataclasses.replace(phase_info(path.problem, path.free, evidence, apart), moved=moved)


class Trajectory:
    """One nudged phase in which weights move: the step, and what the parameters are at its end.

    `free` is (state, residual, steps, outcome) of the free phase, where the nudged one starts.
    """

    def __init__(self, rule: ContinualRule, model: Any, problem: Any, beta: Array, free: tuple, products: Mapping):
        self.rule, self.model, self.problem, self.beta, self.free = rule, model, problem, beta, free
        self.rates = rule.rate_tree(model)
        self.size = math.prod(problem.batch)
        self.products = {n: {p: u for p, u in own.items() if p in self.rates[n]} for n, own in products.items()}
        self.still = {  # changes of the parameters that do not telescope, none so far
            n: {p: jnp.zeros_like(problem.params[n][p]) for p in own if p not in self.products.get(n, {})}
            for n, own in self.rates.items()
            if n != "readout"
        }
        bundles = frozenset(n for n, own in self.still.items() if own)
        scales = {n: {p: self._kappa(n, p) for p in own} for n, own in self.products.items()}
        self.problem_at = moving_problem(problem, free[0], self.products, scales, bundles)

    def _kappa(self, name: str, p: str) -> Array:
        return self.rates[name][p] / (self.beta * self.size)

    def step(self, state: State, changes: Params, number: Array | int) -> tuple[State, Params]:
        """(s_{t+1}, θ_{t+1} − θ_0 of the parameters that do not telescope) from those of step t.

        Changes are carried, not parameters: the digits of a small rate would be lost in θ.
        """
        here, _ = self.problem_at(state, changes)
        if here.key is not None:
            here = dataclasses.replace(here, key=jax.random.fold_in(here.key, number))
        advance = self.rule._steps.stepper(here)
        if advance is None:
            raise InternalError(f"{self.rule._steps!r} has a budget and no step")
        new = advance(state)
        if not any(self.still.values()):
            return new, changes
        there = here.with_parameters(plus(self.problem.params, changes))
        delta = self.rule.changes(there, state, new, jnp.full(self.problem.batch, 1.0 / self.size, self.beta.dtype))
        further = {
            n: {p: x - self.rates[n][p] / self.beta * delta[n][p] for p, x in own.items()} for n, own in changes.items()
        }
        return new, self._inside(further)

    def _inside(self, changes: Params) -> Params:
        """Changes that keep bounded parameters inside their bounds."""
        # The change is clipped and not the parameter: the digits of a small change would be lost in it.
        bounds, start = self.model.parameter_bounds(), self.problem.params
        free = (-float("inf"), float("inf"))

        def clipped(name: str, p: str, change: Array) -> Array:
            if bounds[name][p] == free:
                return change
            lower, upper = (jnp.asarray(end, change.dtype) - start[name][p] for end in bounds[name][p])
            return jnp.clip(change, lower, upper)

        return {n: {p: clipped(n, p, x) for p, x in own.items()} for n, own in changes.items()}

    def run(self) -> tuple[State, Params, Array]:
        """(nudged state, changes of the parameters that do not telescope, largest change of the last step)."""
        count = self.rule._steps.budget or 0

        def advance(number, carry):
            state, changes = carry
            return self.step(state, changes, number)

        state, changes = jax.lax.fori_loop(0, max(count - 1, 0), advance, (self.free[0], self.still))
        last, changes = self.step(state, changes, count - 1)
        gaps = [jnp.max(jnp.abs(a - b)) for a, b in zip(jax.tree.leaves(last), jax.tree.leaves(state), strict=True)]
        return last, changes, jnp.max(jnp.stack(gaps))

    def outcome(self, state: State, changes: Params) -> tuple[Params, Params]:
        """((θ_0 − θ_K)/η, θ_K)."""
        _, low = self.problem_at(state, changes)
        params = self.problem.params
        gradients: Params = {n: {p: jnp.zeros_like(x) for p, x in own.items()} for n, own in params.items()}
        moved: Params = {n: dict(own) for n, own in params.items()}
        for name, own in self.rates.items():
            for p, rate in own.items():
                if name == "readout":
                    continue
                change = low[name][p].change() if p in low.get(name, {}) else changes[name][p]
                gradients[name][p] = -change / rate
                moved[name][p] = params[name][p] + change
        if "readout" in params:
            cost, full = self.problem.cost_evaluator, self.problem.full(state)
            weights = jnp.full(self.problem.batch, 1.0 / self.size, self.beta.dtype)
            gradients["readout"] = cost.parameter_gradient(full, params, self.problem.target, weights)
            for p, rate in self.rates.get("readout", {}).items():
                moved["readout"][p] = params["readout"][p] - rate * gradients["readout"][p]
        return gradients, self.model.project_parameters(moved)
