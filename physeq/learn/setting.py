"""One point of parameters and data, solved once and shared by every audit at it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError, SolveError
from physeq.learn.exact import FiniteDifferences, ImplicitDifferentiation
from physeq.learn.rule import LearningRule, Objective, Params
from physeq.learn.singularity import Singularity, nearest_singularity
from physeq.learn.tight import flat_trainable, free_state, nudge_scale, polish_finder
from physeq.names import name_of
from physeq.solve.result import State


class Setting:
    """A model at given parameters and one batch: its free equilibrium, exact gradients and nearest singularity.

    Everything is found to rounding when first asked for.
    """

    def __init__(self, model: Any, params: Params, inputs: Any, target: Array):
        self.model, self.params, self.inputs, self.target = model, params, inputs, target
        self._exact: dict[Objective, tuple[str, np.ndarray]] = {}

    @cached_property
    def free(self) -> State:
        """The free equilibrium of all groups; `SolveError` where the finder reaches none."""
        return free_state(self.model, self.params, self.inputs, self.target)

    @cached_property
    def scale(self) -> float:
        """A size of β to start from, see `nudge_scale`."""
        return nudge_scale(self.model, self.params, self.inputs, self.target, self.free)

    @cached_property
    def singularity(self) -> Singularity | None:
        """The nearest singularity in β; None where the model does not continue to complex states or none is found."""
        try:
            return nearest_singularity(self.model, self.params, self.inputs, self.target, start=self.free)
        except (ModelError, SolveError):
            return None

    def exact(self, objective: Objective) -> tuple[str, np.ndarray]:
        """(name of the reference rule, its gradient by the trainable parameters as one vector).

        Raises:
            ModelError: no reference fits the model, or the gradient vanishes or is not finite.
        """
        if objective not in self._exact:
            rule = self._reference(objective)
            found, _ = rule.gradient(self.model, self.params, self.inputs, self.target, start=self.free, throw=False)
            exact = flat_trainable(self.model, found)
            if not (np.isfinite(exact).all() and np.linalg.norm(exact) > 0):
                raise ModelError(
                    "audit: the exact gradient is zero or not finite here; choose other parameters or targets"
                )
            self._exact[objective] = name_of(rule), exact
        return self._exact[objective]

    def _reference(self, objective: Objective) -> LearningRule:
        implicit = ImplicitDifferentiation(polish_finder(self.model), objective)
        try:
            implicit.check(self.model)
        except ModelError:
            if objective is not Objective.COST:
                raise
            return FiniteDifferences(finder=polish_finder(self.model))
        return implicit
