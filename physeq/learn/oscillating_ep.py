"""Oscillating equilibrium propagation: a nudge that never rests, and gradients read off as Fourier coefficients."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from physeq.errors import ModelError
from physeq.learn.continuous_oscillation import ContinuousOscillation, Oscillated
from physeq.learn.holomorphic_ep import HolomorphicEP, contrast, on_circle
from physeq.learn.procedure import CLOSING, Listing, Step, for_each_sample
from physeq.learn.rule import (
    GradientInfo,
    LearningRule,
    Objective,
    Params,
    Phase,
    outside_objective,
    require_cost,
    require_energy,
    require_holomorphic,
)
from physeq.settings import finite, whole
from physeq.solve import FixedPoint, GaussianNoise, Newton, default_finder
from physeq.solve.finder import Finder, largest_change
from physeq.solve.fixed_point import without_closed_equilibrium
from physeq.solve.result import State


@dataclass(frozen=True)
class OscillatingEP(LearningRule):
    """dL/dθ ≈ Re 1/(N·periods) Σ_periods Σ_k ∂F/∂θ(s_k)/β_k, β_k = r e^{2πik/N}, with no free phase.

    The nudge runs around the circle; at every point it is held for `steps` steps of the map of local equilibria, or for
    what the finder `hold` does, and ∂F/∂θ at the end of the hold enters the sum. The states need not have settled:
    contributions of the transient average out over the periods, since ∂F/∂θ of the free state has the wrong frequency.
    The sum is the first Fourier coefficient of ∂F/∂θ along the oscillation, divided by r. Needs an energy whose terms
    continue to complex states.

    There is no free state to predict with. `GradientInfo` holds the mean state of the last period instead, the zeroth
    Fourier coefficient, which is the free state once the oscillation has settled.

    Attributes:
        radius: r, in units of β.
        points: N, at least 2.
        periods: how often the nudge goes round, from the coordinates' start values.
        steps: steps of the map at every point, or the most of them with a tolerance.
        tolerance: leave a point when the largest change in a step is below it; None takes exactly `steps`.
        discard: how many of the first periods are left out of the sum; 0 accumulates through the transient.
        noise: in the drive of every step, as in `FixedPoint`.
        oscillation: a `ContinuousOscillation`, to integrate the physical dynamics under β(t) = r e^{iωt} instead; it
            has periods of its own, so that the other settings but the radius must be left alone.
        hold: finder of every hold in place of the map, for systems without closed-form local equilibria, such as
            `EulerSteps(0.1, 30)` or `Newton()`; `steps`, `tolerance` and `noise` are then its own. Predictions
            come from the model's default finder.

    Source: Laborieux & Zenke 2022, arXiv:2209.00530, section 3.2.

    >>> OscillatingEP(0.5, points=10, periods=3, steps=30).phases()[0].nudge
    'r e^{2πik/N}'
    """

    radius: float = 0.5
    points: int = 10
    periods: int = 3
    steps: int = 30
    discard: int = 0
    tolerance: float | None = None
    noise: GaussianNoise | None = None
    oscillation: ContinuousOscillation | None = None
    hold: Finder | None = None

    def __post_init__(self):
        for name, least in (("points", 2), ("periods", 1), ("steps", 1), ("discard", 0)):
            whole("OscillatingEP", name, getattr(self, name), least)
        super().__post_init__()
        if self.discard >= self.periods:
            raise ModelError(
                f"OscillatingEP: discard = {self.discard} leaves none of {self.periods} periods; raise periods"
            )
        if self.oscillation is not None:
            for f in dataclasses.fields(self):
                if f.name not in ("radius", "oscillation") and getattr(self, f.name) != f.default:
                    raise ModelError(
                        f"OscillatingEP: {f.name} is not used with a ContinuousOscillation, which has periods, discard "
                        "and noise of its own; leave it out"
                    )
        for name in ("steps", "tolerance", "noise"):
            if self.hold is not None and getattr(self, name) != getattr(type(self), name):
                raise ModelError(
                    f"OscillatingEP: {name} is of the map of local equilibria, and hold={self.hold!r} takes its place; "
                    "set it there"
                )
        finite("OscillatingEP", "the radius", self.radius, above=0)

    @property
    def objective(self) -> Objective:
        return outside_objective(self.hold)

    def phases(self) -> tuple[Phase, ...]:
        if self.oscillation is not None:
            return (Phase("oscillating, t = 0 … T", "r e^{iωt}", None, "e^{−iωt}/(T r)"),)
        return (Phase("oscillating, k = 0 … N−1", "r e^{2πik/N}", None, "e^{−2πik/N}/(N r)"),)

    def bias(self, model: Any) -> str | None:
        if self.oscillation is None:
            return None
        return (
            f"the state follows the nudge of period {self.oscillation.period:g} with a lag, which leaves an error of "
            "O(ω²), ω = 2π/period, at every radius; a longer period lowers it"
        )

    def check(self, model: Any) -> None:
        require_cost(model, "OscillatingEP")
        require_energy(model, "OscillatingEP", "AsymmetricEP or DyadicEP")
        require_holomorphic(model, "OscillatingEP", "EquilibriumPropagation with Centered nudging")
        if self.oscillation is not None:
            self.oscillation.check(model)
        elif self.hold is not None:
            self.hold.check(model)
            if self.points > 2:
                self.hold.check_complex(model)
        elif missing := without_closed_equilibrium(model):
            raise ModelError(
                f"OscillatingEP holds its nudge for steps of the map of local equilibria, and {missing[0]!r} on group "
                f"{missing[1]!r} has none in closed form; pass hold=EulerSteps(0.1, 30), hold=Newton() or "
                "oscillation=ContinuousOscillation(period), or declare the node's `minimiser`"
            )

    @property
    def holding(self) -> Finder:
        """The finder at one point of the oscillation."""
        return FixedPoint(self.steps, self.tolerance, noise=self.noise) if self.hold is None else self.hold

    def settled(self) -> OscillatingEP:
        """The rule in the limit of long holds, one period of which is all there is: its bias in r alone, for audits."""
        if self.oscillation is not None:
            return self
        tolerance = 1e-13 if jnp.result_type(float) == jnp.float64 else 1e-6
        if self.hold is not None:
            long: Finder = Newton(tolerance=0.0)
            if isinstance(self.hold, FixedPoint):  # its nudge may act outside, which is another objective
                long = dataclasses.replace(self.hold, steps=20_000, tolerance=tolerance, noise=None)
            return dataclasses.replace(self, periods=1, discard=0, hold=long)
        return dataclasses.replace(self, periods=1, discard=0, steps=20_000, tolerance=tolerance, noise=None)

    def prediction_finder(self, model: Any) -> Finder:
        if self.oscillation is not None or self.hold is not None:
            return default_finder(model)
        return FixedPoint(self.steps * self.points, self.tolerance, noise=self.noise)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        finder = self.prediction_finder(model)
        return finder, finder if self.oscillation is not None else self.holding

    def procedure(self, model: Any) -> tuple[Step, ...]:
        if self.oscillation is not None:
            return self._in_time(self.oscillation)
        held = "hold it" if self.hold else f"hold it for {self.steps} steps of the map of local equilibria"
        skipped = f" In all periods but the first {self.discard}, every" if self.discard else " Every"
        point = (
            Step(
                f"The outputs feel the complex nudge {{β_n}}. From where the state is, {held}.",
                lists=Listing.SLOPES,
                finder=self.holding,
            ),
            Step(f"{skipped.strip()} element adds {{1/β_n}} times what it measures to a running sum."),
        )
        return (
            Step(
                f"Choose {{N}} = {self.points} nudges on a circle of radius {{r}} = {self.radius:g}.",
                lists=Listing.NUDGE,
            ),
            for_each_sample(
                Step("There is no free phase: the state begins at the start values."),
                Step(
                    f"For every one of {{P}} = {self.periods} periods:",
                    (Step(f"For {{n}} = 0 … {self.points - 1}:", point, times=self.points),),
                    times=self.periods,
                ),
                Step("Every element takes the real part of its sum, over {N} and the periods that count."),
            ),
            *CLOSING,
        )

    def _in_time(self, motion: ContinuousOscillation) -> tuple[Step, ...]:
        count = f"the last {motion.periods - motion.discard} of {motion.periods} periods"
        return (
            Step(
                f"Choose the radius {{r}} = {self.radius:g} and the period {{T}} = {motion.period:g} of the nudge.",
                lists=Listing.NUDGE,
            ),
            for_each_sample(
                Step("There is no free phase: the state begins at the start values."),
                Step(
                    "Let the nudge {β}(t) turn in the complex plane; the state follows its equations of motion.",
                    lists=Listing.SLOPES,
                ),
                Step(f"Through {count}, every element integrates e^(−iωt) times what it measures."),
                Step("Every element takes the real part of its integral, over {r} and the time that counts."),
            ),
            *CLOSING,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        problem = dataclasses.replace(model.problem(params, inputs, target), key=key)
        begin = problem.start(start, problem.beta.dtype)
        run = self._hold_at_points if self.oscillation is None else self._follow
        found = run(problem, begin)
        cost, full = problem.cost_evaluator, problem.full(found.mean)
        nothing = jnp.zeros((), found.residual.dtype)
        info = GradientInfo(
            cost=jnp.mean(cost.value(full, params, problem.target)),
            prediction=cost.prediction(full, params),
            free=full,
            residual=jnp.stack([nothing, jnp.max(found.residual)]),
            steps=jnp.stack([jnp.int32(0), jnp.asarray(found.steps, jnp.int32)]),
            outcome=jnp.max(found.outcome),
            displacement=largest_change(found.last, found.mean, problem.batch),
        )
        return found.gradients, info

    def _follow(self, problem: Any, begin: State) -> Oscillated:
        assert self.oscillation is not None
        return self.oscillation.run(problem, begin, self.radius)

    def _hold_at_points(self, problem: Any, begin: State) -> Oscillated:
        circle = HolomorphicEP(self.radius, self.points).circle(problem.beta.dtype, halved=False)
        everywhere = on_circle(problem, circle.betas)

        def point(state, chosen):
            beta, number = chosen
            key = None if problem.key is None else jax.random.fold_in(problem.key, number)
            here = dataclasses.replace(problem, beta=beta, key=key)
            new, change, steps, outcome = self.holding.find(here, state)
            return new, (new, change, outcome, jnp.max(steps))

        def period(state, number):
            numbers = number * self.points + jnp.arange(self.points)
            return jax.lax.scan(point, state, (circle.betas, numbers))

        def counted(carry, number):
            state, total, _, worst, failed, taken = carry
            last, (states, changes, outcomes, steps) = period(state, number)
            # One contraction per period: the points' states are stacked, no more of them are kept.
            total = jax.tree.map(jnp.add, total, contrast(everywhere, states, circle.weights))
            mean = jax.tree.map(lambda x: jnp.mean(x.real, 0), states)
            worst = jnp.maximum(worst, jnp.max(changes, 0))
            failed, taken = jnp.maximum(failed, jnp.max(outcomes, 0)), taken + jnp.sum(steps, dtype=jnp.int32)
            return (last, total, mean, worst, failed, taken), None

        state = jax.tree.map(lambda x: x.astype(circle.betas.dtype), begin)
        if self.discard:
            state, _ = jax.lax.scan(lambda s, n: (period(s, n)[0], None), state, jnp.arange(self.discard))
        zero = jax.tree.map(jnp.zeros_like, problem.params)
        still, none = jnp.zeros(problem.batch, problem.beta.dtype), jnp.zeros(problem.batch, jnp.int32)
        carry = (state, zero, begin, still, none, jnp.int32(0))
        carry, _ = jax.lax.scan(counted, carry, jnp.arange(self.discard, self.periods))
        last, total, mean, change, outcome, taken = carry
        kept = self.periods - self.discard
        gradients = jax.tree.map(lambda g: g / kept, total)
        return Oscillated(gradients, last, mean, change, taken, outcome)
