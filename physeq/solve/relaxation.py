"""Relaxation along the physical dynamics: M ẋ = f(x), by diffrax until the residual is small, or by Euler steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.settings import finite, whole
from physeq.solve.dynamics import check_dynamics, velocity
from physeq.solve.finder import Finder, flatten, largest_change, per_sample, residuals, stiffness
from physeq.solve.loop import iterate
from physeq.solve.noise import GaussianNoise, check_budget, drawn_or_new, noisy_steps
from physeq.solve.result import Outcome, State, outcome_of

# Of forces at rest, and of adaptive steps, in double precision.
_TOLERANCE, _STEP_TOLERANCE = 1e-7, 1e-8


@dataclass(frozen=True)
class Explicit:
    """Tsitouras' 5(4) explicit Runge–Kutta method."""

    def solver(self) -> diffrax.AbstractSolver:
        """The diffrax solver."""
        return diffrax.Tsit5()


@dataclass(frozen=True)
class Implicit:
    """Kværnø's 5(4) L-stable method with full Newton iterations, for stiff networks; in double precision alone."""

    def solver(self) -> diffrax.AbstractSolver:
        """The diffrax solver; its default root finder stalls on nonlinear problems, a plain Newton does not."""
        return diffrax.Kvaerno5(root_finder=optx.Newton(rtol=1e-8, atol=1e-8))


@dataclass(frozen=True)
class Relaxation(Finder):
    """Integrate M ẋ = f(x) until |f| falls below the tolerance, every sample of a batch with a clock of its own.

    With bounds the projected dynamics M ẋ = clip(x + M⁻¹f) − x (in units of the time constant) is used, which has the
    same equilibria.

    Attributes:
        duration: longest physical time.
        tolerance: on every |force|, relative to the curvature of its unknown (or the median one where that is larger)
            times 1 or the largest unknown; by default 1e-7, and in single precision a hundred units of rounding. Must
            exceed the step tolerance, near which explicit solvers chatter.
        rtol, atol: of the adaptive steps, by default 1e-8 and in single precision ten units of rounding.
        method: `Explicit()` or `Implicit()`.
        max_steps: most integration steps.

    >>> Relaxation(duration=1e3).method
    Explicit()
    """

    duration: float = 1e4
    tolerance: float | None = None
    rtol: float | None = None
    atol: float | None = None
    method: Explicit | Implicit = field(default_factory=Explicit)
    max_steps: int = 100_000

    def __post_init__(self):
        for name in ("duration", "tolerance", "rtol", "atol"):
            if (value := getattr(self, name)) is not None:
                finite("Relaxation", name, value, above=0)
        whole("Relaxation", "max_steps", self.max_steps, 1)
        super().__post_init__()

    def check(self, model: Any) -> None:
        check_dynamics(model, "Relaxation")
        tolerance, atol = self.tolerance or _TOLERANCE, self.atol or _STEP_TOLERANCE
        if tolerance < 3 * atol:
            raise ModelError(
                f"Relaxation: tolerance {tolerance} must be at least 3 × atol ({3 * atol:.3g}): adaptive solvers "
                "chatter at their own tolerance; lower atol and rtol"
            )

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        last, residual, steps, outcome = per_sample(problem, free, self._single)
        return last, residual, jnp.max(steps), outcome

    def _single(self, problem: Any, free: State):
        # Newton iterations for the stages end at rounding, which single precision reaches too early: no step is taken.
        if isinstance(self.method, Implicit) and any(x.dtype == jnp.float32 for x in jax.tree.leaves(free)):
            raise ModelError(
                "Relaxation: Implicit() needs double precision; train with --precision double, or set "
                'jax.config.update("jax_enable_x64", True)'
            )
        rate, dtype = velocity(problem), jnp.finfo(problem.beta.dtype).dtype

        def field_(_, x, __):
            return rate(x)

        eps = float(jnp.finfo(dtype).eps)

        def left(y: State) -> Array:
            return jnp.abs(jnp.concatenate(residuals(problem, y, problem.force(y)), -1))

        relative = max(_TOLERANCE, 100 * eps) if self.tolerance is None else self.tolerance

        def tolerance(y: State) -> Array:
            # Where it is now: a start on a steep slope says nothing about the forces at rest.
            return relative * stiffness(problem, y) * jnp.maximum(1.0, jnp.max(jnp.abs(flatten(y))))

        def settled(t, y, args, **_):
            return jnp.all(left(y) <= tolerance(y))

        rtol, atol = (max(_STEP_TOLERANCE, 10 * eps) if t is None else t for t in (self.rtol, self.atol))

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field_),
            self.method.solver(),
            t0=jnp.zeros((), dtype),
            t1=jnp.asarray(self.duration, dtype),
            dt0=None,
            y0=free,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            saveat=diffrax.SaveAt(t1=True),
            event=diffrax.Event(settled),
            max_steps=self.max_steps,
            throw=False,
            adjoint=diffrax.RecursiveCheckpointAdjoint(),
        )
        last = problem.project({g: {k: x[-1] for k, x in own.items()} for g, own in solution.ys.items()})
        residual = left(last)
        outcome = jnp.max(outcome_of(residual, tolerance(last)), initial=Outcome.CONVERGED)
        return last, jnp.max(residual, initial=0.0), solution.stats["num_steps"].astype(jnp.int32), outcome


@dataclass(frozen=True)
class EulerSteps(Finder):
    """A fixed number of explicit Euler steps x ← clip(x + dt M⁻¹f): continuous-time EP as the papers discretise it.

    Attributes:
        dt: step in physical time.
        steps: number of steps, or the most of them with a tolerance.
        tolerance: stop when the largest change in a step is below it; None runs exactly `steps`.
        noise: dx = M⁻¹f dt + σ dW, Euler–Maruyama: σ√dt·N(0, 1) is added to every free unknown at every step; σ has the
            unknown's unit per square root of the time's.

    >>> EulerSteps(0.1, 50).budget
    50
    """

    dt: float = 0.1
    steps: int = 200
    tolerance: float | None = None
    noise: GaussianNoise | None = None

    def __post_init__(self):
        finite("EulerSteps", "dt", self.dt, above=0)
        check_budget(self, self.tolerance)
        super().__post_init__()

    @property
    def budget(self) -> int | None:
        return self.steps if self.tolerance is None else None

    def check(self, model: Any) -> None:
        check_dynamics(model, "EulerSteps")

    def check_complex(self, model: Any) -> None:
        """The step as it is, on complex states."""

    def stepper(self, problem: Any, drawn: State | None = None) -> Callable[[State], State]:
        rate = velocity(problem, projected=False)

        def step(old: State) -> State:
            v = rate(old)
            new = {g: {k: x + self.dt * v[g][k] for k, x in own.items()} for g, own in old.items()}
            noise = drawn_or_new(self.noise, drawn, problem, old)
            if noise is not None:
                new = jax.tree.map(lambda x, n: x + self.dt**0.5 * n, new, noise)
            return problem.project(new)

        return step

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        if self.noise is not None:
            return noisy_steps(self, problem, free, self.steps)
        return iterate(
            self.stepper(problem),
            free,
            self.steps,
            self.tolerance,
            lambda new, old: largest_change(new, old, problem.batch),
        )
