"""Exact gradients with the interface of a learning rule, so that every rule can be audited."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from physeq.compile import TrajectoryModel
from physeq.errors import ModelError
from physeq.learn.held_outputs import contrastive_function, require_outputs_to_hold, stiffness_weighted
from physeq.learn.procedure import CLOSING, UPDATE, Step, for_each_sample
from physeq.learn.rule import GradientInfo, LearningRule, Objective, Params, Phase, require_cost
from physeq.learn.steps_in_time import steps_in_time
from physeq.learn.trajectory_rule import trajectory_info
from physeq.settings import finite, whole
from physeq.solve import DenseDirect, FixedPoint, Leapfrog, LinearSolve, Minimise, Newton, NodeDescent, default_finder
from physeq.solve.finder import Finder
from physeq.solve.implicit import adjoint, pin
from physeq.solve.result import State
from physeq.solve.trajectory_solver import TrajectorySolver

_OF_HELD_OUTPUTS = (Objective.STIFFNESS_WEIGHTED_COST, Objective.CONTRASTIVE_FUNCTION)


def _finder(finder: Finder | None, model: Any) -> Finder:
    return default_finder(model) if finder is None else finder


def _check_finder(rule: LearningRule, finder: Finder, model: Any) -> None:
    """Refuse a finder that does not fit the model, or whose states have no derivative that holds for the next draw."""
    if finder.noise is not None:
        raise ModelError(f"{type(rule).__name__} takes no finder with noise, got {finder!r}; leave its noise out")
    finder.check(model)


def _info(problem: Any, free: State, residual, steps, outcome, others: tuple[Any, Any] | None = None) -> GradientInfo:
    """What was seen at the free state, and the worst (residual, outcome) of other searches that the gradient needed."""
    cost = problem.cost_evaluator
    full = problem.full(free)
    worst = (jnp.zeros_like(jnp.max(residual)), jnp.max(outcome)) if others is None else others
    return GradientInfo(
        cost=jnp.mean(cost.value(full, problem.params, problem.target)),
        prediction=cost.prediction(full, problem.params),
        free=full,
        residual=jnp.stack([jnp.max(residual), worst[0]]),
        steps=jnp.stack([jnp.asarray(steps, jnp.int32), jnp.int32(0)]),
        outcome=jnp.maximum(jnp.max(outcome), worst[1]),
        displacement=jnp.zeros(problem.batch),
    )


def _by_differentiation(first: str, rule: LearningRule, model: Any) -> tuple[Step, ...]:
    return (
        for_each_sample(
            Step(first, finder=rule.prediction_finder(model)),
            Step("Follow the steps back with the chain rule, from the cost to every parameter; that is the estimate."),
        ),
        *CLOSING,
    )


@dataclass(frozen=True)
class ImplicitDifferentiation(LearningRule):
    """The exact gradient at an equilibrium: (∂f/∂x)ᵀ a = −∂C/∂x, dL/dθ = ∂C/∂θ + (∂f/∂θ)ᵀ a.

    f is differentiated by JAX, so this is independent of the derived update rules.

    Attributes:
        finder: of the equilibrium; by default the model's.
        weighting: `Objective.COST`; the curvature-weighted cost that outside nudges estimate, whose cotangent is
            h ∂C/∂x with the local curvature h; the stiffness-weighted cost of coupled learning, whose cotangent is
            K ∂C/∂x with the effective stiffness K of the outputs; or the contrastive function E(clamped) − E(free),
            differentiated through both equilibria.

    Raises:
        ModelError: from `gradient`, where forces jump, there is no cost, or the finder has noise.

    Source: F. Pineda, "Generalization of back-propagation to recurrent neural networks", Physical Review Letters 59,
    2229 (1987).

    >>> import jax, numpy as np, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(v - y) ** 2 / 2)
    >>> model = network.compile()
    >>> params, data = model.init_parameters(jax.random.key(0)), (np.ones((1, 1)), np.zeros((1, 1)))
    >>> gradient, info = ImplicitDifferentiation().gradient(model, params, *data)
    >>> round(float(gradient["edges"]["g"][3]), 4)  # 3/32, of the resistor between 1 and 2
    0.0938
    """

    finder: Finder | None = None
    weighting: Objective = Objective.COST

    @property
    def objective(self) -> Objective:
        return self.weighting

    def phases(self) -> tuple[Phase, ...]:
        return ()

    def check(self, model: Any) -> None:
        require_cost(model, "ImplicitDifferentiation")
        if jumps := model.derivation.structure.not_differentiable:
            raise ModelError(
                f"ImplicitDifferentiation needs differentiable forces; component {jumps[0].component!r} in "
                f"{jumps[0].placement!r} has {jumps[0].what}; use FiniteDifferences or a smooth function"
            )
        if self.weighting in _OF_HELD_OUTPUTS:
            require_outputs_to_hold(model, f"ImplicitDifferentiation of the {self.weighting.value}")
        _check_finder(self, _finder(self.finder, model), model)

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        finder = _finder(self.finder, model)
        problem = model.problem(params, inputs, target)
        free, residual, steps, outcome = finder.find(problem, problem.start(start, problem.beta.dtype))
        gradients, others = self._at(model, params, inputs, target, free)
        return gradients, _info(problem, free, residual, steps, outcome, others)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        if self.weighting is Objective.CONTRASTIVE_FUNCTION:
            return _by_differentiation(
                "Find the free state and the one with the outputs held at the targets.", self, model
            )
        error = {
            Objective.COST: "{∂C/∂x}",
            Objective.CURVATURE_WEIGHTED_COST: "{∂C/∂x} times the local curvature",
            Objective.STIFFNESS_WEIGHTED_COST: "{∂C/∂x} times the effective stiffness of the outputs",
        }[self.weighting]
        return (
            for_each_sample(
                Step("Find the free state, without a nudge.", finder=_finder(self.finder, model)),
                Step(f"Solve (∂f/∂x)ᵀ a = −{error} for the adjoint a, with the Jacobian of the forces at that state."),
                Step("The estimate of every parameter is its {∂C/∂p} plus (∂f/∂p)ᵀ a."),
            ),
            *CLOSING,
        )

    def prediction_finder(self, model: Any) -> Finder:
        return _finder(self.finder, model)

    def at(self, model: Any, params: Params, inputs: Any, target: Array, free: State) -> Params:
        """The gradient at a given equilibrium."""
        return self._at(model, params, inputs, target, free)[0]

    def _at(self, model, params, inputs, target, free) -> tuple[Params, tuple[Array, Array] | None]:
        """The gradient, and the worst (residual, outcome) of the searches that it needed, if it needed any."""
        problem = model.problem(params, inputs, target)
        full, cost = problem.full(free), problem.cost_evaluator
        size = math.prod(problem.batch)
        if self.weighting is Objective.CONTRASTIVE_FUNCTION:
            finder = _finder(self.finder, model)
            return jax.grad(lambda p: _mean_contrast(model, p, inputs, target, free, finder), has_aux=True)(params)
        seed = {g: {k: jnp.zeros_like(x) for k, x in own.items()} for g, own in free.items()}
        curvature = problem.curvature(free) if self.weighting is Objective.CURVATURE_WEIGHTED_COST else None
        for group, slope in cost.gradient(full, params, problem.target).items():
            key = cost.programs.form.unknowns[group].key
            if group in seed:
                weight = 1.0 if curvature is None else curvature[group][key]
                seed[group][key] = weight * slope / size
        if self.weighting is Objective.STIFFNESS_WEIGHTED_COST:
            seed = stiffness_weighted(problem, free, seed)
        a = adjoint(problem, free, seed)

        def response(p):
            one = model.problem(p, inputs, target)
            pinned = pin(one, free)
            return one.force(pinned), pinned

        _, pull = jax.vjp(response, params)

        def direct(p):
            return jnp.sum(cost.value(full, p, problem.target)) / size

        return jax.tree.map(jnp.add, pull((a, seed))[0], jax.grad(direct)(params)), None


@dataclass(frozen=True)
class BackpropagationThroughTime(LearningRule):
    """The gradient of C after a fixed number of steps of a finder, by reverse-mode differentiation through them.

    On trajectories, of J = ∫ℓ dt + c through the steps of `Leapfrog`, all of which are stored.

    Attributes:
        finder: one with a fixed budget (`FixedPoint(30)`, `NodeDescent(4)`, `EulerSteps(0.1, 200)`); on trajectories
            the model's `Leapfrog(steps)`.

    Raises:
        ModelError: from `gradient`, where there is no cost, or the finder stops at a tolerance or has noise.

    Source: P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the IEEE 78,
    1550 (1990).

    >>> from physeq.solve import EulerSteps
    >>> BackpropagationThroughTime(EulerSteps(0.1, 50)).finder.budget
    50
    """

    finder: Finder | TrajectorySolver

    def phases(self) -> tuple[Phase, ...]:
        return ()

    def check(self, model: Any) -> None:
        if isinstance(model, TrajectoryModel):
            return self._check_trajectories(model)
        require_cost(model, "BackpropagationThroughTime")
        if isinstance(self.finder, TrajectorySolver):
            raise ModelError(
                f"BackpropagationThroughTime: {type(self.finder).__name__} finds trajectories, and this model has "
                "equilibria; use FixedPoint(30), or compile with System.trajectories(boundary, solver)"
            )
        if not self.finder.unrolled:
            raise ModelError(
                "BackpropagationThroughTime needs a finder with a fixed number of steps, such as FixedPoint(30) "
                f"without a tolerance; got {self.finder!r}"
            )
        _check_finder(self, self.finder, model)

    def _check_trajectories(self, model: TrajectoryModel) -> None:
        if model.cost is None:
            raise ModelError(
                "BackpropagationThroughTime needs a cost: pass cost= to trajectories() and outputs= to System"
            )
        if not isinstance(model.solver, Leapfrog):
            raise ModelError(
                f"BackpropagationThroughTime needs trajectories that are stepped, by Leapfrog(steps), and these are "
                f"found by {type(model.solver).__name__}; use ContinuousAdjoint"
            )
        if self.finder != model.solver:
            raise ModelError(
                f"BackpropagationThroughTime: the finder must be the solver of the trajectories, {model.solver!r}, "
                f"got {self.finder!r}"
            )

    def procedure(self, model: Any) -> tuple[Step, ...]:
        return _by_differentiation("Take all steps of the finder without a nudge, and store each of them.", self, model)

    def prediction_finder(self, model: Any) -> Any:
        return self.finder

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        def along(p):
            problem = model.problem(p, inputs, target)
            path, *evidence = model.solver.find(problem, problem.start(start, problem.beta.dtype))
            info = trajectory_info(problem, path, tuple(evidence))
            return info.cost, info

        def loss(p):
            problem = model.problem(p, inputs, target)
            assert isinstance(self.finder, Finder)  # `check` has refused solvers of trajectories
            free, residual, steps, outcome = self.finder.find(problem, problem.start(start, problem.beta.dtype))
            info = _info(problem, free, residual, steps, outcome)
            return info.cost, info

        gradients, info = jax.grad(along if isinstance(model, TrajectoryModel) else loss, has_aux=True)(params)
        return gradients, info

    def gradient_in_time(self, model: Any, params: Params, inputs: Any, target: Array) -> Params:
        """What every step of a trajectory adds to the gradient, `(steps, *shape)` for every parameter.

        Raises:
            ModelError: no stepped trajectories, or data that do not fit.
        """
        self._check_trajectories(model)
        inputs, target = model.check_data(inputs, target)
        return steps_in_time(model, params, inputs, target)


@dataclass(frozen=True)
class FiniteDifferences(LearningRule):
    """Fourth-order central differences of C at the equilibrium, parameter by parameter: slow, and independent.

    dC/dθ ≈ [8 (C(θ+h) − C(θ−h)) − (C(θ+2h) − C(θ−2h))]/12h.

    Attributes:
        step: h relative to the largest |θ| of the parameter's array (to 1 where all are 0); by default the fifth root
            of the floating type's ε.
        finder: of the equilibria; needs a tight tolerance.
        chunk: parameters differentiated at once.
        of: `Objective.COST`, or the contrastive function E(clamped) − E(free); weights that are frozen have no
            function whose differences could be taken.

    Raises:
        ModelError: a step that is not above 0; from `gradient`, where there is no cost or the finder has noise.

    >>> import jax, numpy as np, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(v - y) ** 2 / 2)
    >>> model = network.compile()
    >>> params, data = model.init_parameters(jax.random.key(0)), (np.ones((1, 1)), np.zeros((1, 1)))
    >>> gradient, info = FiniteDifferences().gradient(model, params, *data)
    >>> round(float(gradient["edges"]["g"][3]), 4)
    0.0938
    """

    step: float | None = None
    finder: Finder | None = None
    chunk: int = 16
    of: Objective = Objective.COST

    def __post_init__(self):
        super().__post_init__()
        whole("FiniteDifferences", "chunk", self.chunk, 1)
        if self.step is not None:
            finite("FiniteDifferences", "step", self.step, above=0)
        if self.of not in (Objective.COST, Objective.CONTRASTIVE_FUNCTION):
            raise ModelError(
                f"FiniteDifferences: of must be Objective.COST or Objective.CONTRASTIVE_FUNCTION, got {self.of}: its "
                "weights are frozen, so that no function has that gradient; use ImplicitDifferentiation"
            )

    @property
    def objective(self) -> Objective:
        return self.of

    def phases(self) -> tuple[Phase, ...]:
        return ()

    def check(self, model: Any) -> None:
        require_cost(model, "FiniteDifferences")
        if self.of in _OF_HELD_OUTPUTS:
            require_outputs_to_hold(model, f"FiniteDifferences of the {self.of.value}")
        _check_finder(self, _finder(self.finder, model), model)

    def prediction_finder(self, model: Any) -> Finder:
        return _finder(self.finder, model)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        cost = "{C}" if self.of is Objective.COST else "the contrastive function"
        return (
            Step(
                "For every entry of every parameter, one after another:",
                (
                    Step("Shift it by h, −h, 2h and −2h, with h a small share of the largest entry of its array."),
                    Step(
                        f"For every shift, find the free state of all samples and the mean of {cost} over the batch.",
                        finder=_finder(self.finder, model),
                        times=4,
                    ),
                    Step("Its estimate is 8 times the difference of the inner pair less that of the outer, over 12h."),
                ),
            ),
            UPDATE,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        finder = _finder(self.finder, model)
        problem = model.problem(params, inputs, target)
        free, residual, steps, outcome = finder.find(problem, problem.start(start, problem.beta.dtype))
        flat, rebuild = ravel_pytree(params)

        def loss(values):
            p = rebuild(values)
            if self.of is Objective.CONTRASTIVE_FUNCTION:
                return _mean_contrast(model, p, inputs, target, free, finder)
            one = model.problem(p, inputs, target)
            state, residual, _, outcome = finder.find(one, free)
            value = jnp.mean(one.cost_evaluator.value(one.full(state), p, one.target))
            return value, (jnp.max(residual), jnp.max(outcome))

        step = float(jnp.finfo(flat.dtype).eps) ** (1 / 5) if self.step is None else self.step

        # One copy of the solver for the four offsets, and no odd last chunk: compiling costs more than running.
        offsets = jnp.asarray([1.0, -1.0, 2.0, -2.0], flat.dtype)

        # Physical units: a saturation current of 1e-12 A must not move by 1e-3.
        largest = jax.tree.map(lambda x: jnp.full(x.shape, jnp.max(jnp.abs(x), initial=0.0)), params)
        sizes = step * jnp.where((scale := ravel_pytree(largest)[0]) > 0, scale, 1.0)

        def slope(index):
            size = sizes[index]
            values, evidence = jax.vmap(lambda h: loss(flat.at[index].add(h * size)))(offsets)
            up, down, far_up, far_down = values
            return (8 * (up - down) - (far_up - far_down)) / (12 * size), jax.tree.map(jnp.max, evidence)

        chunk = min(self.chunk, flat.size) or 1
        padded = jnp.arange(-(-flat.size // chunk) * chunk) % max(flat.size, 1)
        slopes, evidence = jax.lax.map(slope, padded, batch_size=chunk)
        others = jax.tree.map(jnp.max, evidence) if flat.size else None
        return rebuild(slopes[: flat.size]), _info(problem, free, residual, steps, outcome, others)


def _mean_contrast(model: Any, params: Params, inputs: Any, target: Array, free: State, finder: Finder):
    values, evidence = contrastive_function(model.problem(params, inputs, target), free, finder)
    return jnp.mean(values), evidence


def tight_finder(model: Any) -> Finder:
    """A finder that converges to rounding in double precision, for audits."""
    found = default_finder(model)
    if isinstance(found, LinearSolve) and isinstance(found.method, DenseDirect):
        return found  # one factorisation for all samples, and from the free state a step with an error relative to it
    if isinstance(found, FixedPoint):
        return FixedPoint(5000, tolerance=1e-14)
    if isinstance(found, NodeDescent):
        return NodeDescent(20_000, tolerance=1e-14)
    if isinstance(found, Minimise):
        return Minimise(polish=Newton(tolerance=0.0))
    return Newton(tolerance=0.0)
