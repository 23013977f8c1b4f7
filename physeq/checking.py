"""What `physeq check` does: structure, consistency and gradient audits of one variant, with the limits that decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.checked_rules import ALL, label, nudge_mode, rules_for
from physeq.errors import ModelError, PhyseqError
from physeq.interface import System, TrajectoryModel
from physeq.learn import Audit, BackpropagationThroughTime, Consistency, LearningRule, audit, consistency
from physeq.learn.antisymmetry import antisymmetry
from physeq.learn.audit import refusal
from physeq.learn.setting import Setting
from physeq.learn.trajectory_setting import setting_of
from physeq.solve.rest import steady_pattern
from physeq.trajectory_checking import TrajectoryFacts, trajectory_facts
from physeq.variant import Variant

_SAMPLES = 4


@dataclass(frozen=True)
class Limits:
    """Largest differences that pass; `slope` is the tolerance on the order in β, None where rounding hides it."""

    force: float = 1e-12
    lowerings: float = 1e-12
    implicit: float = 1e-6
    gradient: float = 1e-6
    slope: float | None = 0.1


LIMITS = {"double": Limits(), "single": Limits(1e-4, 1e-4, 0.05, 0.05, None)}


@dataclass(frozen=True)
class VariantCheck:
    """The check of one variant; `error` says why nothing could be compared.

    `antisymmetry` is ‖A‖_F/‖J‖_F of the Jacobian at the free state, the largest over the samples. `motion` is the
    largest relative difference between the derived ∂f/∂y of a system that has only a motion and JAX's, and of one that
    learns trajectories, on which `trajectories` says more.
    """

    variant: str
    structure: dict[str, Any] | None
    consistency: Consistency | None
    audits: tuple[Audit, ...]
    limits: Limits
    error: str | None = None
    antisymmetry: float | None = None
    motion: float | None = None
    trajectories: TrajectoryFacts | None = None

    @property
    def passed(self) -> bool:
        """Whether all that applies is within its limits; refused rules do not count."""
        return self.error is None and not self.faults

    @property
    def faults(self) -> tuple[str, ...]:
        """What is outside its limits, in words."""
        found = []
        if self.consistency is not None:
            for name, limit in (
                ("force_vs_autodiff", self.limits.force),
                ("lowerings", self.limits.lowerings),
                ("implicit_vs_finite_differences", self.limits.implicit),
            ):
                value = getattr(self.consistency, name)
                if value is not None and not value <= limit:
                    found.append(f"{name.replace('_', ' ')} is {value:.2g}, above {limit:.0e}")
        if self.motion is not None and not self.motion <= self.limits.force:
            found.append(
                f"the derived Jacobian of the motion is off by {self.motion:.2g}, above {self.limits.force:.0e}"
            )
        if self.trajectories is not None and not (adjoint := self.trajectories.adjoint or 0.0) <= self.limits.implicit:
            found.append(f"the adjoint gradient is off finite differences by {adjoint:.2g}, above "
                         f"{self.limits.implicit:.0e}")  # fmt: skip
        for one in self.audits:
            if (fault := self.fault(one)) is not None:
                found.append(f"{label(one.rule)}: {fault}")
        return tuple(found)

    def fault(self, one: Audit) -> str | None:
        """What is wrong with an audit, or None.

        Backpropagation through a fixed budget and rules that are biased on the system are reported, not judged.
        """
        if not one.admissible or one.bias is not None or isinstance(one.rule, BackpropagationThroughTime):
            return None
        if one.best is None or one.best.relative_error is None:
            # Rules that move weights take a fixed number of default steps, perhaps too few for the system's time scale.
            return None if one.rule.moves_weights else "no estimate settled"
        error = one.best.relative_error
        # One-sided estimates at the least β are still biased: their order tells whether the bias vanishes.
        if one.order != 1 and error > self.limits.gradient:
            return f"relative error {error:.2g}, above {self.limits.gradient:.0e}"
        if one.order is None or self.limits.slope is None or _at_floor(one, self.limits):
            return None
        if one.slope is None or abs(one.slope - one.order) > self.limits.slope:
            found = "no clean slope" if one.slope is None else f"slope {one.slope:.3f}"
            return f"{found} in β, where {one.order} is promised"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "variant": self.variant,
            "structure": self.structure,
            "consistency": None if self.consistency is None else self.consistency.to_dict(),
            "antisymmetry": self.antisymmetry,
            "motion_vs_autodiff": self.motion,
            "trajectories": None if self.trajectories is None else self.trajectories.to_dict(),
            "audits": [
                one.to_dict() | {"variant": self.variant, "nudge": nudge_mode(one.rule), "fault": self.fault(one)}
                for one in self.audits
            ],
            "faults": list(self.faults),
            "error": self.error,
            "passed": self.passed,
        }


def check_variant(
    name: str, variant: Variant, rules: Sequence[str] = (ALL,), *, precision: str = "double", seed: int = 0
) -> VariantCheck:
    """Build a variant with its default options and check it at drawn parameters.

    Args:
        name, variant: what is checked.
        rules: names of rules to audit, or "all".
        precision: which limits apply; the arrays have JAX's own precision.
        seed: of parameters, data and random nudges.
    """
    structure = None
    limits = LIMITS[precision]
    try:
        system = variant.build()
        structure = system.derive().structure.to_dict()
        if variant.trajectories is not None:
            return _check_trajectories(name, variant, system, structure, rules, limits, seed)
        if structure["constraints"] or not structure["autonomous"] or _floats(system):
            return VariantCheck(name, structure, None, (), limits, motion=motion_difference(system, seed))
        model = system.compile()
        params = model.init_parameters(jax.random.key(seed))
        inputs, target = probe(variant, system, seed)
        found = consistency(model, params, inputs, target, seed=seed)
    except PhyseqError as error:
        return VariantCheck(name, structure, None, (), limits, str(error))
    setting = Setting(model, params, inputs, target)
    audits, failed = _audits(setting, rules, seed)
    if failed is not None:
        return VariantCheck(name, structure, found, audits, limits, failed)
    try:
        parts = antisymmetry(model, params, inputs, start=setting.free, key=jax.random.key(seed))
        size = float(np.max(np.asarray(parts), initial=0.0))
    except PhyseqError:  # no free equilibrium from which to tell
        size = None
    return VariantCheck(name, structure, found, audits, limits, antisymmetry=size)


def _floats(system: System) -> bool:
    """Whether a system without a cost has no isolated steady state, so that its motion is all there is."""
    if system.cost is not None:
        return False
    try:
        system.compile()
    except ModelError:
        return True
    return False


def _check_trajectories(name, variant, system, structure, rules, limits, seed) -> VariantCheck:
    setting = drawn_setting(variant, system, seed)
    facts = trajectory_facts(setting, seed)
    audits, failed = _audits(setting, rules, seed) if facts.adjoint is not None else ((), None)
    motion = motion_difference(system, seed)
    return VariantCheck(name, structure, None, audits, limits, failed, motion=motion, trajectories=facts)


def drawn_setting(variant: Variant, system: System, seed: int) -> Setting:
    """What a variant learns, with default options, at drawn parameters and its probe's data."""
    model = variant.compile(system)
    params = model.init_parameters(jax.random.key(seed))
    inputs, target = probe(variant, system, seed, model)
    return setting_of(model, params, inputs, target)


def _audits(setting: Setting, rules: Sequence[str], seed: int) -> tuple[tuple[Audit, ...], str | None]:
    """The audits, and why they ended before the last rule."""
    audits: list[Audit] = []
    for rule, reason in rules_for(setting.model, rules):
        try:
            audits.append(_audited(setting, rule, reason, seed))
        except PhyseqError as error:
            return tuple(audits), f"{label(rule)}: {error}"
    return tuple(audits), None


def motion_difference(system: System, seed: int) -> float:
    """The largest difference between ∂f/∂y from the derived expressions and by JAX at a random point, relative to its
    largest entry."""
    motion = system.motion()
    bound = motion.bind(motion.init_parameters(jax.random.key(seed)), _still(system))
    at = 0.1 * jax.random.normal(jax.random.key(seed + 1), (motion.size,))
    t = jnp.asarray(0.1, at.dtype)
    exact = jax.jacfwd(lambda y: bound.field(t, y))(at)
    derived = steady_pattern(bound).to_dense(bound.jacobian(t, at))
    return float(jnp.max(jnp.abs(derived - exact)) / jnp.max(jnp.abs(exact)))


def _still(system: System) -> dict[str, np.ndarray]:
    return {entry.name: np.zeros(entry.size) for entry in system.inputs}


def _audited(setting: Setting, rule: LearningRule, reason: str | None, seed: int) -> Audit:
    if reason is None:
        try:
            rule.check(setting.model)
        except ModelError as error:
            reason = str(error)
    if reason is not None:
        return refusal(rule, reason, seed)
    return audit(setting.model, setting.params, rule, setting.inputs, setting.target, seed=seed, setting=setting)


def probe(variant: Variant, system: System, seed: int, model: Any = None) -> tuple[Any, Any]:
    """A small batch of inputs and targets: the variant's own, or uniform in [0, 1], for trajectories at every time."""
    if variant.probe is not None:
        return variant.probe(system, seed)
    random = np.random.default_rng(seed)
    leading = (_SAMPLES, len(model.times)) if isinstance(model, TrajectoryModel) else (_SAMPLES,)
    inputs = {entry.name: random.uniform(0.0, 1.0, (*leading, entry.size)) for entry in system.inputs}
    costless = model.cost is None if isinstance(model, TrajectoryModel) else system.cost is None
    if costless or system.outputs is None:
        return inputs, None
    size = system.readout.size if system.readout else system.outputs.size
    return inputs, random.uniform(0.0, 1.0, (*leading, size))


def _at_floor(one: Audit, limits: Limits) -> bool:
    """Whether even the largest nudges are exact to rounding, so that there is no slope to see."""
    errors = [point.relative_error for point in one.curve if point.relative_error is not None]
    return bool(errors) and max(errors) <= limits.gradient * 1e-2
