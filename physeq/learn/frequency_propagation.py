"""Frequency propagation: free and error signals at the same time in one network, told apart by their frequencies."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.learn.holomorphic_ep import beside, contrast, on_circle
from physeq.learn.lock_in import Demodulated, LockIn, Period, demodulate
from physeq.learn.nudge_in_time import NudgeInTime
from physeq.learn.phases import Phases, phase_info, run_phases
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
)
from physeq.settings import finite
from physeq.solve import default_finder
from physeq.solve.finder import Finder
from physeq.solve.result import State


@dataclass(frozen=True)
class FrequencyPropagation(LearningRule):
    """dL/dθ ≈ (2/(Nβ)) Σ_n sin φ_n ∂F/∂θ(s(φ_n)), the state following F = E + β sin(φ) C: a lock-in of ∂F/∂θ.

    The nudge oscillates around zero. The free signal of an element is its mean, the error signal its sine component;
    both are there at the same time, and no phase is ever held. What is locked in is ∂F/∂θ of the element itself: a
    resistor multiplies its own ½Δv² with the reference sin φ and averages. Where ∂E/∂θ is quadratic in the state this
    is the product of the two signals, Δv̄·ΔV/β with ΔV the amplitude of Δv. The update is local: it needs the element's
    own unknowns and the reference, which is the same for all elements.

    Odd orders of β alone reach the sine component: ∂F/∂θ(β) = h₀ + h₁β + h₂β²/2 + h₃β³/6 … gives h₁ + h₃β²/8, a bias
    O(β²) that is ¾ of that of `EquilibriumPropagation(Centered(beta))`. A window that is no whole number of periods
    lets h₀ leak in, with the factor `window.leakage`/β. A stop or an ideal diode that is reached within the swing adds
    a bias O(β). Needs an energy.

    The nudge is slow against all relaxation unless `dynamics` is given: at every sample the state is the equilibrium at
    that nudge, solved once for every distinct nudge from the free equilibrium. `GradientInfo` holds the mean state, the
    free signal, which is the free equilibrium up to O(β²), without the noise of the readings.

    Attributes:
        beta: amplitude of the nudge, above 0.
        window: the lock-in.
        free: finder of the free equilibrium, where everything starts; by default the model's.
        nudged: finder of the nudged equilibria; by default `free`. With noise of its own it runs for every sample.
        dynamics: the nudge at a finite frequency, in place of nudged equilibria.

    Raises:
        ModelError: β is not above 0, or `nudged` is given with `dynamics`; at use: no cost, no energy, what the finders
            or the dynamics refuse, or noise without a key.

    Source: Anisetti, Kandala, Scellier & Schwarz 2022, arXiv:2208.08862.

    >>> FrequencyPropagation(0.1, LockIn(periods=4)).phases()[1].nudge
    'β sin φ_n'
    """

    beta: float = 0.01
    window: LockIn = field(default_factory=LockIn)
    free: Finder | None = None
    nudged: Finder | None = None
    dynamics: NudgeInTime | None = None

    @property
    def order(self) -> int:
        """The power of β that the error has: 1 where the window lets even parts of the response through."""
        return 2 if abs(self.window.square_leakage) < 1e-12 else 1

    def __post_init__(self):
        if self.dynamics is not None and self.nudged is not None:
            raise ModelError(
                "FrequencyPropagation: nudged is not used with dynamics, which move the state; leave it out"
            )
        finite("FrequencyPropagation", "beta", self.beta, above=0)
        super().__post_init__()

    @property
    def objective(self) -> Objective:
        return outside_objective(self.nudged or self.free) if self.dynamics is None else Objective.COST

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("free", "0", None, ""),
            Phase("oscillating, n = 0 … N−1", "β sin φ_n", "free", "2 sin φ_n/(N β)"),
        )

    def bias(self, model: Any) -> str | None:
        reasons = []
        if abs(self.window.leakage) > 1e-12:
            reasons.append(
                f"a window of {self.window.periods:g} periods lets {self.window.leakage:.2g} of the mean of ∂F/∂θ leak "
                "into its sine component, and β divides it; take a whole number of periods, or fitted=True"
            )
        if self.dynamics is not None:
            reasons.append(
                f"the state follows the nudge of period {self.dynamics.period:g} with a lag, which leaves an error of "
                "O(ω²), ω = 2π/period; a longer period lowers it"
            )
        return "; ".join(reasons) or None

    def check(self, model: Any) -> None:
        require_cost(model, "FrequencyPropagation")
        require_energy(model, "FrequencyPropagation", "AsymmetricEP or VectorFieldEP (biased)")
        for finder in self.finders(model):
            finder.check(model)
        if self.dynamics is not None:
            self.dynamics.check(model)

    def finders(self, model: Any) -> tuple[Finder, Finder]:
        free = self.free if self.free is not None else default_finder(model)
        return free, self.nudged if self.nudged is not None else free

    def prediction_finder(self, model: Any) -> Finder:
        return self.finders(model)[0]

    def procedure(self, model: Any) -> tuple[Step, ...]:
        free, nudged = self.finders(model)
        window = self.window
        means = (
            f"Over {window.periods:g} period{'s' if window.periods != 1 else ''}, for {{n}} = 0 … {window.count - 1}:"
        )
        follows = "the system is at rest at every nudge, which is slow against all relaxation"
        if self.dynamics is not None:
            follows = f"the state follows its equations of motion; the nudge has the period {self.dynamics.period:g} s"
        wait = self.dynamics.discard if self.dynamics is not None else 0
        opens = (Step(f"Wait for {wait} period{'s' if wait != 1 else ''}, until the window opens."),) if wait else ()
        return (
            Step(
                f"Choose the amplitude {{amplitude}} = {self.beta:g} of the nudge and the window of the lock-in.",
                lists=Listing.NUDGE,
            ),
            for_each_sample(
                Step("Free phase: no nudge. From the start values, let the system come to rest.", finder=free),
                Step(f"The outputs feel the nudge {{β_n}}, a sine in time; {follows}."),
                *opens,
                Step(
                    means,
                    (
                        Step(
                            "Every element reads its quantity.",
                            lists=Listing.SLOPES,
                            finder=nudged if self.dynamics is None else None,
                        ),
                        Step("It adds the reading times the weight {weight} of the reference sine to a running sum."),
                    ),
                    times=window.count,
                ),
                Step("Every element divides its sum by {amplitude}; that is its estimate."),
            ),
            *CLOSING,
        )

    def betas(self, key: Array | None, dtype: Any) -> tuple[Array, Array, Array | None]:
        """(distinct nudges of the window, their weights in the lock-in, None): the nudging of `solve_phases`."""
        points = self.window.points()
        return self.beta * jnp.asarray(points.sines, dtype), jnp.asarray(points.weights, dtype) / self.beta, None

    def solve_phases(self, model, params, inputs, target, *, key=None, start=None) -> Phases:
        """The free equilibrium, and those at all distinct nudges of the window, along a leading axis of the batch."""
        problem = model.problem(params, inputs, target)
        return run_phases(problem, self, self.finders(model), key=key, start=start)

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        free_finder, nudged_finder = self.finders(model)
        if self.dynamics is None and nudged_finder.noise is None:
            phases = self.solve_phases(model, params, inputs, target, key=key, start=start)
            return self._read_points(phases, None if key is None else jax.random.fold_in(key, 3))
        problem = dataclasses.replace(model.problem(params, inputs, target), key=key)
        keys = (None, None) if key is None else (jax.random.fold_in(key, 1), jax.random.fold_in(key, 2))
        rest = dataclasses.replace(problem, target=None, key=keys[0])
        free = free_finder.find(rest, problem.start(start, problem.beta.dtype))
        begin, settled = free[0], jnp.int32(0)
        if self.dynamics is None:
            period = self._noisy_equilibria(dataclasses.replace(problem, key=keys[1]), nudged_finder, free[0])
        else:
            period = self.dynamics.periods(problem, self.beta, self.window)
            begin, settled = self.dynamics.settle(period, begin)
        reading = dataclasses.replace(problem, key=None if key is None else jax.random.fold_in(key, 3))
        found = demodulate(self.window, reading, self.beta, begin, period)
        moved = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), -1), found.mean, free[0])
        return found.gradients, self._info(problem, free, found, jnp.maximum(found.outcome, settled), moved)

    def _read_points(self, p: Phases, key: Array | None) -> tuple[Params, GradientInfo]:
        """Quasi-static: a reading depends on the nudge alone, and the window becomes a sum over its distinct values."""
        points, (states, *evidence), dtype = self.window.points(), p.nudged, p.betas.dtype
        shares = jnp.asarray(points.shares, dtype)
        mean = jax.tree.map(lambda x: jnp.tensordot(shares, x, 1), states)
        found = Demodulated({}, mean, *evidence)
        if self.window.noise is None:
            gradients = contrast(p.nudged_problem, states, p.weights)
        else:  # every reading has an error of its own
            sampled = jax.tree.map(lambda x: x[jnp.asarray(points.place)], states)
            nothing = jnp.zeros(p.problem.batch, dtype), jnp.int32(0), jnp.zeros(p.problem.batch, jnp.int32)
            reading = dataclasses.replace(p.problem, key=key)
            read = demodulate(self.window, reading, self.beta, p.free[0], lambda s, _: Period(s, sampled, *nothing))
            gradients = read.gradients
        moved = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), axis=(0, -1)), states, mean)
        return gradients, self._info(p.problem, p.free, found, found.outcome, moved)

    def _noisy_equilibria(self, problem: Any, finder: Finder, free: State):
        """Equilibria of a finder with noise, drawn anew at every sample of every period."""
        nudged = on_circle(problem, self.beta * jnp.asarray(self.window.sines, problem.beta.dtype))
        starts = beside(nudged, free)

        def one(state: State, number: Array) -> Period:
            key = None if problem.key is None else jax.random.fold_in(problem.key, number)
            states, residual, steps, outcome = finder.find(dataclasses.replace(nudged, key=key), starts)
            return Period(state, states, jnp.max(residual, 0), jnp.asarray(steps, jnp.int32), jnp.max(outcome, 0))

        return one

    def _info(self, problem: Any, free: tuple, found: Demodulated, outcome: Array, moved: State) -> GradientInfo:
        return phase_info(problem, (found.mean, *free[1:]), (found.residual, found.steps, outcome), moved)
