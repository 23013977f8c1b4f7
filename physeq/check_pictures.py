"""The pictures of a check: errors over nudges, points and precisions, updates, convergence, stability, noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq import plot
from physeq.checked_rules import budget_finder, label
from physeq.checking import VariantCheck, drawn_setting
from physeq.errors import ModelError, PhyseqError
from physeq.interface import TrajectoryModel
from physeq.learn import (
    Centered,
    ContinualEP,
    ContinualVectorFieldEP,
    EquilibriumPropagation,
    HolomorphicEP,
    LearningRule,
    OneSided,
    audit,
    convergence,
    gradient_descending_updates,
    noise_audit,
    stability_map,
)
from physeq.names import name_of
from physeq.solve import EulerSteps, FixedPoint
from physeq.variant import Variant

# η/β² of the continual rules whose updates are drawn: small enough that what is seen is the rule, not the drift.
_DRIFT = 1e-2
_FREE, _NUDGED = 300, 15


class CheckPictures:
    """The pictures of one variant at the point of its check; `numbers` holds what they show, by picture."""

    def __init__(self, check: VariantCheck, variant: Variant, seed: int):
        self.check, self.seed = check, seed
        self.setting = drawn_setting(variant, variant.build(), seed)
        self.model = self.setting.model
        self.numbers: dict[str, Any] = {}
        self.finder = None if isinstance(self.model, TrajectoryModel) else budget_finder(self.model)

    def draw(self, folder: Path) -> tuple[list[Path], list[str]]:
        """Draw all that applies into the folder; returns the files, and what could not be drawn and why."""
        drawn, notes = [], []
        for name, picture in self._pictures():
            try:
                path = picture(folder / f"{self.check.variant}-{name}.svg")
            except PhyseqError as error:
                notes.append(f"{name}: {error}")
            else:
                drawn += [] if path is None else [path]
        return drawn, notes

    def _pictures(self) -> tuple[tuple[str, Callable[[Path], Path | None]], ...]:
        if isinstance(self.model, TrajectoryModel):
            return ("errors", self._errors), ("points", self._points), ("trajectories", self._trajectories)
        return (
            ("errors", self._errors),
            ("precision", self._precision),
            ("points", self._points),
            ("updates-continual-ep", self._updates(ContinualEP)),
            ("updates-continual-vector-field-ep", self._updates(ContinualVectorFieldEP)),
            ("convergence", self._convergence),
            ("stability", self._stability),
            ("noise", self._noise),
        )

    @property
    def _point(self) -> tuple[Any, Any, Any, Any]:
        s = self.setting
        return s.model, s.params, s.inputs, s.target

    def _errors(self, path: Path) -> Path | None:
        curves = {
            label(one.rule): [(p.beta, p.relative_error, p.cosine) for p in one.curve if p.beta and p.relative_error]
            for one in self.check.audits
            if one.admissible
        }
        kept = {name: curve for name, curve in curves.items() if len(curve) > 1}
        return plot.to_file(path, plot.audit_curves, kept) if kept else None

    def _precision(self, path: Path) -> Path:
        """Single precision at the nudges of double precision, against its own exact gradient."""
        rule = EquilibriumPropagation(Centered(0.01))
        model, params, inputs, target = self._point
        double = audit(model, params, rule, inputs, target, seed=self.seed, setting=self.setting)
        shorter = [jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree) for tree in (params, inputs, target)]
        betas = [p.beta for p in double.curve if p.beta is not None]
        single = audit(model, shorter[0], rule, shorter[1], shorter[2], betas=betas, seed=self.seed)
        both = {"centered, double": double, "centered, single": single}
        return plot.to_file(path, plot.precision_curves, both)

    def _points(self, path: Path) -> Path | None:
        found = next((one.holomorphic for one in self.check.audits if one.holomorphic is not None), None)
        if found is None:
            return None
        return plot.to_file(path, plot.points_curves, found)

    def _trajectories(self, path: Path) -> Path:
        setting = self.setting
        predicted = self.model.predict(setting.params, setting.free)
        series = (self.model.times, predicted, setting.target)
        return plot.to_file(path, plot.predictions, *series, label="free trajectory")

    def _updates(self, kind: type[ContinualEP] | type[ContinualVectorFieldEP]) -> Callable[[Path], Path]:
        def draw(path: Path) -> Path:
            free, nudged = self._steps()
            beta = 0.01 * self.setting.scale
            rule = kind({}, _DRIFT * beta**2, OneSided(beta), free, nudged)
            found = gradient_descending_updates(*self._swap(rule))
            self.numbers[f"updates-{name_of(kind)}"] = {
                "beta": beta,
                "rate": _DRIFT * beta**2,
                **{f"{what}_relative_rms": found.relative(what) for what in ("neurons", "synapses")},
            }
            return plot.to_file(path, plot.update_curves, found)

        return draw

    def _swap(self, rule: Any) -> tuple[Any, Any, Any, Any, Any]:
        model, params, inputs, target = self._point
        return model, params, rule, inputs, target

    def _steps(self) -> tuple[Any, Any]:
        """Maps of a fixed number of steps: the model's own, or Euler steps of its dynamics."""
        if isinstance(self.finder, FixedPoint):
            return FixedPoint(_FREE), FixedPoint(_NUDGED)
        finder = EulerSteps(0.1, 20 * _FREE)
        finder.check(self.model)
        return finder, EulerSteps(0.1, 5 * _NUDGED)

    def _convergence(self, path: Path) -> Path:
        free, nudged = (self.finder, self.finder) if self.finder is not None else self._steps()
        rule = EquilibriumPropagation(Centered(0.1 * self.setting.scale), free, nudged)
        found = convergence(*self._swap(rule), steps=60, seed=self.seed)
        self.numbers["convergence"] = {
            "steps": len(found.free),
            "free_last_change": float(found.free[-1]),
            "nudged_last_change": [float(x) for x in found.nudged[:, -1]],
        }
        return plot.to_file(path, plot.convergence_curve, found)

    def _stability(self, path: Path) -> Path:
        found = self.setting.singularity
        if found is None or not np.isfinite(found.distance):
            raise ModelError("no singularity of the equilibrium in β was found to draw around")
        free, nudged = (self.finder, self.finder) if isinstance(self.finder, FixedPoint) else (None, None)
        rule = HolomorphicEP(found.radius, 8, free, nudged)
        picture = stability_map(*self._swap(rule), extent=1.5 * found.distance, points=31)
        inside = np.abs(picture.betas) <= found.distance
        self.numbers["stability"] = {
            "distance": found.distance,
            "settled_inside": float(picture.settled[inside].mean()),
            "settled_outside": float(picture.settled[~inside].mean()),
        }
        return plot.to_file(path, plot.stability_map, picture, singularity=found)

    def _noise(self, path: Path) -> Path:
        free, nudged = self._steps()
        beta = 0.1 * self.setting.scale
        rules: dict[str, LearningRule] = {
            f"one-sided, β = {beta:.2g}": EquilibriumPropagation(OneSided(beta), free, nudged),
            f"centered, β = {beta:.2g}": EquilibriumPropagation(Centered(beta), free, nudged),
        }
        found = self.setting.singularity
        if found is not None and np.isfinite(found.radius):
            rules[f"holomorphic, r = {found.radius:.2g}"] = HolomorphicEP(found.radius, 8, free, nudged)
        curves = {name: noise_audit(*self._swap(rule), draws=8, seed=self.seed) for name, rule in rules.items()}
        self.numbers["noise"] = {name: [dataclasses.asdict(p) for p in points] for name, points in curves.items()}
        return plot.to_file(path, plot.noise_curves, curves)
