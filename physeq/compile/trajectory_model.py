"""`TrajectoryModel`: a motion with a boundary condition, a solver and a cost: what trajectories are learnt with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.checked_data import check_parameters, checked_data, real_array
from physeq.compile.initialise import initial_parameters, parameter_records, parameter_shapes, project
from physeq.compile.motion import Motion, State
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.trajectory_cost import TrajectoryCostPrograms
from physeq.compile.trajectory_problem import TrajectoryProblem
from physeq.errors import ModelError
from physeq.symbolic.system import System
from physeq.symbolic.trajectory_cost import TrajectoryCost, resolve_cost
from physeq.symbolic.trajectory_structure import TrajectoryStructure, trajectory_structure

Inputs = Array | Mapping[str, Array] | None


class TrajectoryModel(eqx.Module):
    """The trajectories of a system under a boundary condition; make one with `System.trajectories(...)`.

    Series in time have the shape `(*batch, times, size)` on the grid `times`, or `(*batch, 1, size)` where they are
    constant. Parameters are those of `Model`.

    Attributes:
        layout: the unknowns of the motion.
        boundary: `Periodic`, `TwoPoint` or `InitialValue`.
        solver: how the trajectories are found; static.
        cost: the cost's programs, or None.
    """

    layout: MotionLayout = eqx.field(static=True)
    boundary: Any
    solver: Any = eqx.field(static=True)
    cost: TrajectoryCostPrograms | None = eqx.field(static=True)

    @property
    def system(self) -> System:
        """The declared system."""
        return self.layout.system

    @property
    def motion(self) -> Motion:
        """The compiled motion."""
        return Motion(self.layout)

    @property
    def structure(self) -> TrajectoryStructure:
        """What the symbols say of the motion."""
        cache = self.layout.__dict__
        if "trajectory structure" not in cache:
            cache["trajectory structure"] = trajectory_structure(self.system)
        return cache["trajectory structure"]

    @property
    def times(self) -> Array:
        """The grid on which states, inputs and targets stand."""
        return self.solver.grid(self.boundary)[0]

    # ---- parameters ----------------------------------------------------------------------------------------------

    def init_parameters(self, key: Array, dtype: Any = None) -> dict[str, dict[str, Array]]:
        """Starting parameters, as those of `Model`."""
        return initial_parameters(self.system, key, jnp.result_type(float) if dtype is None else dtype)

    def parameter_bounds(self) -> dict[str, dict[str, tuple[float, float]]]:
        """{placement: {parameter: (lower, upper)}}."""
        records = parameter_records(self.system)
        return {name: {k: (p.lower, p.upper) for k, p in own.items()} for name, own in records.items()}

    def trainable(self) -> dict[str, dict[str, bool]]:
        """{placement: {parameter: whether it is trained}}."""
        records = parameter_records(self.system)
        return {name: {k: p.trainable for k, p in own.items()} for name, own in records.items()}

    def project_parameters(self, params: Mapping) -> dict[str, dict[str, Array]]:
        """Clip parameters to their declared bounds."""
        return project(self.system, params)

    # ---- problems ------------------------------------------------------------------------------------------------

    def problem(
        self, params: Mapping, inputs: Inputs = None, target: Array | None = None, beta: Any = 0.0
    ) -> TrajectoryProblem:
        """Fix parameters, inputs, target and nudge (a number) of one phase.

        Raises:
            ModelError: wrong names or shapes, missing inputs, no samples, NaN in concrete data.
        """
        self.check_parameters(params)
        arrays, target = self.check_data(inputs, target)
        times, weights = self.solver.grid(self.boundary)
        leaves = jax.tree.leaves(params)
        dtype = jnp.result_type(float, *leaves) if not leaves else jnp.result_type(*leaves)
        shapes = [a.shape[:-2] for a in arrays.values()] + ([] if target is None else [target.shape[:-2]])
        try:
            batch = jnp.broadcast_shapes(*shapes) if shapes else ()
        except ValueError:
            raise ModelError(
                f"batch shapes do not fit together: inputs {shapes}; give each the same leading axes"
            ) from None
        count = int(np.prod(batch))

        def fit(a: Array) -> Array:
            a = jnp.broadcast_to(a.astype(dtype), (*batch, *a.shape[-2:]))
            return a.reshape(count, *a.shape[-2:]) if batch else a

        beta = jnp.asarray(beta)
        beta = beta.astype(jnp.result_type(dtype, jnp.complex64) if jnp.iscomplexobj(beta) else dtype)
        return TrajectoryProblem(
            self.layout,
            self.cost,
            self.boundary,
            times.astype(dtype),
            weights.astype(dtype),
            {name: dict(own) for name, own in params.items()},
            {name: fit(a) for name, a in arrays.items()},
            None if target is None else fit(target),
            jnp.broadcast_to(beta, (count,)) if batch else beta,
            tuple(batch),
        )

    def check_parameters(self, params: Mapping) -> None:
        """Check names, shapes and, where they are concrete, values.

        Raises:
            ModelError: a parameter that is missing or not known, of another shape, or not finite.
        """
        check_parameters(params, parameter_shapes(self.system), floating=True)

    def check_data(self, inputs: Inputs, target: Array | None = None) -> tuple[dict[str, Array], Array | None]:
        """({name: input series}, target series or None), checked.

        Raises:
            ModelError: wrong shapes, missing inputs, no samples, NaN in concrete data.
        """
        names = {entry.name: entry.size for entry in self.system.inputs}
        given = {} if inputs is None else inputs
        if not isinstance(given, Mapping):
            if len(names) != 1:
                raise ModelError(f"inputs: this system has the inputs {list(names)}; pass a dict with one for each")
            given = {next(iter(names)): given}
        if set(given) != set(names):
            raise ModelError(f"inputs: expected {list(names)}, got {sorted(given)}; pass one array for each")
        arrays = {name: self._series(given[name], size, f"input {name!r}") for name, size in names.items()}
        if target is None:
            return arrays, None
        if self.cost is None:
            raise ModelError("target: these trajectories have no cost; pass cost= to trajectories()")
        return arrays, self._series(target, self.cost.outputs, "target")

    def _series(self, values: Any, size: int, what: str) -> Array:
        a = real_array(values, what)
        count = len(self.times)
        if a.ndim < 2 or a.shape[-1] != size or a.shape[-2] not in (1, count):
            raise ModelError(
                f"{what}: must have shape (*batch, {count}, {size}), one row per time of model.times, or "
                f"(*batch, 1, {size}) where it is constant in time; got {a.shape}"
            )
        return checked_data(a, what)

    # ---- costs ---------------------------------------------------------------------------------------------------

    def predict(self, params: Mapping, state: State) -> Array:
        """What the cost compares with the target, `(*batch, times, outputs)`."""
        cost = self._cost()
        problem = self.problem(params, self._no_inputs())
        return cost.prediction(problem.flatten(state))

    def _cost(self) -> TrajectoryCostPrograms:
        if self.cost is None:
            raise ModelError("these trajectories have no cost; pass cost= to trajectories() and outputs= to System")
        return self.cost

    def _no_inputs(self) -> dict[str, Array]:
        return {entry.name: jnp.zeros((1, entry.size)) for entry in self.system.inputs}


def trajectory_model(
    layout: MotionLayout,
    boundary: Any,
    solver: Any,
    cost: TrajectoryCost | None,
    model_class: type[TrajectoryModel] = TrajectoryModel,
) -> TrajectoryModel:
    """Join a motion, a boundary condition, a solver and a cost.

    Raises:
        ModelError: the cost does not fit the system, a held position whose derivatives a series does not give, the
            boundary condition or the solver does not fit the motion.
    """
    for hold in layout.holds:
        if hold.name is not None and hold.order > 0:
            raise ModelError(
                f"input {hold.name!r} holds positions, whose velocities a series on a grid does not give; hold the "
                "rate, or drive the nodes with a force (Drive) through a stiff spring"
            )
    form = resolve_cost(layout.system, cost)
    model = model_class(layout, boundary, solver, None if form is None else TrajectoryCostPrograms(layout, form))
    boundary.check(model)
    solver.check(model)
    return model
