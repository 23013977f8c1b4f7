"""The time-reversed nudge: exact gradients of linear reciprocal motions with losses, where other contrasts fail."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import TrajectoryModel, bilinear_programs, like_parameters
from physeq.errors import ModelError
from physeq.learn.procedure import CLOSING, Step, for_each_sample
from physeq.learn.rule import Contrasted, GradientInfo, Params, Phase
from physeq.learn.trajectory_rule import TrajectoryRule, mean_over_batch, trajectory_info
from physeq.settings import finite
from physeq.solve import HarmonicBalance, InitialValue
from physeq.solve.trajectory_solver import AllAtOnce


@dataclass(frozen=True)
class TimeReversedNudge(TrajectoryRule):
    """dJ/dθ = ∫ μ(T − t)·∂R/∂θ(x(t)) dt, R = M ẍ + D ẋ + K x − f the balance of forces of a linear reciprocal motion.

    x is the free motion; μ is what a second run of the same system answers to the error played backwards, a force
    −e(T − t) on the outputs, e = ∂ℓ/∂x − d/dt ∂ℓ/∂ẋ: the difference of the two runs. Reciprocity (M, D and K symmetric)
    makes μ(T − t) the adjoint motion, losses or not; the contrast of actions is wrong there. The contrast is
    bilinear: of each element the product of what is measured in the one and, backwards, in the other.

    Nodes of circuits have voltages instead of positions: the error current is −∂ℓ/∂v(T − t).

    Attributes:
        strength: the factor β of the error in the second run, divided out again; linear systems do not care.

    Source: Green's function reciprocity, (∂R/∂x)ᵀ = time reversal of ∂R/∂x; cf. Berneman & Hexner 2025,
    arXiv:2506.20402.

    >>> [phase.name for phase in TimeReversedNudge().phases()]
    ['free', 'error backwards']
    """

    strength: float = 1.0

    def __post_init__(self):
        finite("TimeReversedNudge", "strength", self.strength, nonzero=True)
        super().__post_init__()

    @property
    def contrasted(self) -> Contrasted:
        return Contrasted.RESPONSE

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("free", "0", None, ""), Phase("error backwards", "β e(T − t)", "free", "1/β"))

    def check_trajectories(self, model: TrajectoryModel) -> None:
        structure = model.structure
        for findings in (structure.nonlinear, structure.nonlinear_dissipation, structure.non_reciprocal,
                         structure.odd_in_momentum, structure.undeclared_energy):  # fmt: skip
            if findings:
                raise ModelError(
                    f"TimeReversedNudge needs a linear reciprocal motion: {findings[0]}; use "
                    + ("ContinuousAdjoint" if structure.dissipation or structure.non_reciprocal else "LagrangianEP")
                )
        if not isinstance(model.solver, AllAtOnce):
            raise ModelError(
                f"TimeReversedNudge: {type(model.solver).__name__} does not play an error back; use Collocation"
            )
        if model.cost is not None and model.cost.form.terminal != 0:
            raise ModelError("TimeReversedNudge: leave the terminal cost out; weight a running cost in time instead")
        kinds = {v.kind.name == "REDUCED" for v in model.layout.variables.values() if not v.variable.internal}
        if len(kinds) > 1:
            raise ModelError(
                "TimeReversedNudge: nodes with voltages beside nodes with positions; use ContinuousAdjoint"
            )
        if isinstance(model.boundary, InitialValue) and model.boundary.velocities and _trains_mass(model):
            raise ModelError(
                "TimeReversedNudge: with an initial velocity a trained inertia changes the initial momentum; start at "
                "rest, or use ContinuousAdjoint"
            )
        if bilinear_programs(model.layout).needs_rates and not isinstance(model.solver, HarmonicBalance):
            raise ModelError(
                "TimeReversedNudge: a trained capacitance or friction multiplies a rate that is no unknown; use "
                "Periodic with HarmonicBalance, whose derivative is exact"
            )

    def procedure(self, model: Any) -> tuple[Step, ...]:
        return (
            Step(f"Choose {{β}} = {self.strength:g}, the strength of the error that is played back."),
            for_each_sample(
                Step(
                    "Free run: no nudge. Every element records the quantities in the table of locality at all times, "
                    "and every output its error.",
                    finder=model.solver,
                ),
                Step(
                    "Second run, with the same inputs and boundary condition: play the errors backwards, times {−β}, "
                    "as forces on the outputs. What the motion differs by from the free run, over {β}, is the "
                    "response.",
                    finder=model.solver,
                ),
                Step(
                    "Every element multiplies its response, backwards in time, with its record and integrates; that is "
                    "its estimate."
                ),
            ),
            *CLOSING,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        problem = model.problem(params, inputs, target)
        rest = dataclasses.replace(problem, target=None)
        ys = problem.start(start, problem.beta.dtype)
        path, *free = model.solver.find(rest, ys)

        def second(one, ys):
            driven = self._driven(model.solver, one, ys)
            again, _, *evidence = model.solver.solve(driven, ys)
            response = (again.ys - ys) / self.strength
            return self._contrast(model.solver, one, ys, response), jnp.max(jnp.abs(response)), *evidence

        gradients, moved, *again = problem.map(second, path.ys)
        info = trajectory_info(problem, path, (free[0], free[1], free[2]), (again[0], again[1], again[2]), moved)
        return mean_over_batch(problem, gradients), info

    def _driven(self, solver: Any, one: Any, ys: Array) -> Any:
        """The problem of the second run: the error of the first, backwards, as a force on the outputs."""
        cost, size = one.cost, one.layout.size
        low, high = one.along(lambda _, t, y, aim: cost.slopes(t, y, aim), ys)
        low, high = solver.reversed(low) * self.strength, solver.reversed(high) * self.strength
        rows = jax.vmap(lambda values: cost.on_rows(values, size))
        nothing = jnp.zeros((len(one.times), size), ys.dtype)
        # −e(T − t) = −∂ℓ/∂x(T − t) − d/dt [∂ℓ/∂ẋ(T − t)]; the last as a momentum. A voltage's cost is a current.
        pushed = (nothing, rows(-high)) if cost.reduced else (rows(high), rows(-low))
        return dataclasses.replace(one, target=None, pushed=pushed)

    def _contrast(self, solver: Any, one: Any, ys: Array, response: Array) -> Params:
        programs = bilinear_programs(one.layout)
        rates = solver.rates(one, ys) if programs.needs_rates else jnp.zeros_like(ys)
        back = solver.reversed(response)

        def instant(bound, t, packed, _):
            y, rate, mu = packed
            return programs.instant(bound, t, y, rate, mu)

        values = one.along(instant, (ys, rates, back))
        summed = {n: {k: one.weights @ v for k, v in own.items()} for n, own in values.items()}
        return like_parameters(one.params, summed)


def _trains_mass(model: TrajectoryModel) -> bool:
    for form in model.layout.forms:
        component = form.placement.component
        if any(p.trainable and component.kinetic.has(p) for p in component.parameters):
            return any(bool(np.any(np.asarray(v))) for v in jax.tree.leaves(model.boundary.velocities))
    return False
