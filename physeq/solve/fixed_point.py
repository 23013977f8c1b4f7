"""The synchronous map of local equilibria: discrete-time equilibrium propagation's prototypical dynamics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Array

from physeq.errors import ModelError
from physeq.solve.finder import Finder, largest_change
from physeq.solve.loop import iterate
from physeq.solve.noise import GaussianNoise, check_budget, drawn_or_new, noisy_steps
from physeq.solve.result import State


@dataclass(frozen=True)
class Inside:
    """The nudge acts inside the local equilibrium: s ← m(D − β ∂C/∂s), e.g. ρ(a + β(y − s)); EP of C itself."""

    objective = "cost"

    def combine(self, problem: Any, free: State, group: str, pull: State, noise: State) -> dict[str, Array]:
        """The new values of a group."""
        own = noise.get(group, {})
        drives = {k: pull.get(group, {}).get(k, 0.0) + own.get(k, 0.0) for k in free[group]} if own else None
        return problem.linearised_equilibrium(free, group, pull if drives is None else {group: drives})


@dataclass(frozen=True)
class Outside:
    """The nudge is added to the local equilibrium: s ← m(D) − β ∂C/∂s, e.g. ρ(a) + β(y − s).

    To first order EP of another cost C′ with ∂C′/∂s = h ∂C/∂s, h the local curvature (1/ρ′); audited against C′.
    """

    objective = "curvature-weighted cost"

    def combine(self, problem: Any, free: State, group: str, pull: State, noise: State) -> dict[str, Array]:
        """The new values of a group."""
        new = problem.linearised_equilibrium(free, group, noise)
        return {
            key: problem.mask(group, key, x + pull.get(group, {}).get(key, 0.0), free[group][key])
            for key, x in new.items()
        }


@dataclass(frozen=True)
class FixedPoint(Finder):
    """Iterate s ← local equilibrium of every node given the old state, all nodes at once.

    Attributes:
        steps: number of steps (T and K of the papers), or the most of them with a tolerance.
        tolerance: stop when the largest change is below it; None runs exactly `steps`, a legitimate budget.
        nudge: `Inside()` or `Outside()`.
        noise: σ·N(0, 1), drawn at every step, is added to the drive of every free unit (inside its activation), in the
            unit of a force: s ← m(D + noise − β ∂C/∂s).

    >>> FixedPoint(30)
    FixedPoint(steps=30, tolerance=None, nudge=Inside(), noise=None)
    """

    steps: int = 100
    tolerance: float | None = None
    nudge: Inside | Outside = field(default_factory=Inside)
    noise: GaussianNoise | None = None

    def __post_init__(self):
        check_budget(self, self.tolerance)
        super().__post_init__()

    @property
    def budget(self) -> int | None:
        return self.steps if self.tolerance is None else None

    def check(self, model: Any) -> None:
        if missing := without_closed_equilibrium(model):
            raise ModelError(
                f"FixedPoint needs a closed-form local equilibrium of {missing[0]} on group {missing[1]!r}, and none "
                "was found (or an element there does not separate); declare the node's `minimiser`, or use Relaxation, "
                "NodeDescent or Minimise"
            )

    def check_complex(self, model: Any) -> None:
        """The map as it is, on complex states."""

    def stepper(self, problem: Any, drawn: State | None = None) -> Callable[[State], State]:
        def step(old: State) -> State:
            pull = problem.cost_pull(old)
            noise = drawn_or_new(self.noise, drawn, problem, old)
            return {group: self.nudge.combine(problem, old, group, pull, noise or {}) for group in old}

        return step

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        if self.noise is not None:
            return noisy_steps(self, problem, free, self.steps)

        def change(new: State, old: State) -> Array:
            return largest_change(new, old, problem.batch)

        # Some steps at once save copies of the state; more only costs compile time.
        return iterate(self.stepper(problem), free, self.steps, self.tolerance, change, unroll=4)


def without_closed_equilibrium(model: Any) -> tuple[str, str] | None:
    """(unknown, group) of the first unknown whose local equilibrium has no closed form, or None."""
    for group, local in model.derivation.locals.items():
        for key, closed in local.equilibrium.items():
            if closed is None:
                return key, group
    return None
