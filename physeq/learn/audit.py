"""`audit`: how far a rule's estimate is from the exact gradient of its own objective, as the nudge goes to zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import PhyseqError
from physeq.learn.holomorphic_ep import HolomorphicEP
from physeq.learn.lagrangian_ep import Holomorphic
from physeq.learn.order import fitted_order
from physeq.learn.over_points import HolomorphicAudit, over_points
from physeq.learn.rule import LearningRule, Objective, Params, require_rule
from physeq.learn.setting import Setting
from physeq.learn.tight import flat_trainable, settled, tightened
from physeq.learn.trajectory_setting import TrajectorySetting, orbits_over_points, setting_of
from physeq.names import name_of
from physeq.shown import Shown


@dataclass(frozen=True)
class AuditPoint:
    """One estimate: its nudge (None for rules without), ‖g − g_ref‖/‖g_ref‖ and the cosine; None where it failed."""

    beta: float | None
    relative_error: float | None
    cosine: float | None


@dataclass(frozen=True)
class Audit(Shown):
    """A rule against the exact gradient of its objective, at one point.

    Attributes:
        rule: the rule as audited: tight finders; its nudge is varied.
        objective: whose gradient it estimates.
        reference: the exact rule that it is compared with.
        admissible: whether the rule holds for the model; if not, `reason` says why and the numbers are absent.
        points: nudged phases per estimate.
        order: the order in β that the nudging promises, or None.
        slope: the order that was found, or None without a clean stretch.
        best: the point of least error.
        curve: all points, from the largest nudge to the smallest.
        seed: of random nudges.
        cost_cosine: cosine of the best estimate with the gradient of the plain cost, where the objective is another.
        bias: why the rule stays off the gradient on this model as β → 0; None where it does not.
        holomorphic: errors over the points of a circle of nudges, for `HolomorphicEP`.
    """

    rule: LearningRule
    objective: Objective
    reference: str
    admissible: bool = True
    reason: str | None = None
    points: int = 0
    order: int | None = None
    slope: float | None = None
    best: AuditPoint | None = None
    curve: tuple[AuditPoint, ...] = field(default=())
    seed: int = 0
    cost_cosine: float | None = None
    bias: str | None = None
    holomorphic: HolomorphicAudit | None = None

    def __repr__(self) -> str:
        if not self.admissible:
            return f"Audit({name_of(self.rule)}: refused)"
        least = None if self.best is None else self.best.relative_error
        return f"Audit({name_of(self.rule)}: {'failed' if least is None else f'least relative error {least:.2g}'})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        nudging = getattr(self.rule, "nudging", None)
        best = None if self.best is None else dataclasses.asdict(self.best) | {"points": self.points}
        return {
            "rule": name_of(self.rule),
            "nudging": None if nudging is None else name_of(nudging),
            "objective": self.objective.value,
            "reference": self.reference,
            "admissible": self.admissible,
            "reason": self.reason,
            "best": best,
            "order": self.order,
            "slope": self.slope,
            "curve": [dataclasses.asdict(point) for point in self.curve],
            "seed": self.seed,
            "cost_cosine": self.cost_cosine,
            "bias": self.bias,
            "holomorphic": None if self.holomorphic is None else self.holomorphic.to_dict(),
        }


def refusal(rule: LearningRule, reason: str, seed: int = 0) -> Audit:
    """The audit of a rule that does not hold for a model."""
    return Audit(rule, rule.objective, "", admissible=False, reason=reason, seed=seed)


def audit(
    model: Any,
    params: Params,
    rule: LearningRule,
    inputs: Any,
    target: Array,
    *,
    betas: Sequence[float] | None = None,
    seed: int = 0,
    setting: Setting | None = None,
) -> Audit:
    """Compare a rule's estimate with the exact gradient of its own objective, over a range of nudges.

    Finders are replaced by tight ones, so that what is seen is the rule's bias; an outside nudge stays outside. All
    estimates start from the same free equilibrium. `HolomorphicEP` is audited over its radius and, at the recommended
    radius, over its number of points. Rules of trajectories are held against `ContinuousAdjoint`, from the free
    trajectories. Use double precision.

    Args:
        model, params: the compiled system, or its trajectories, and its parameters.
        rule: the rule; its own nudge only tells the kind of nudging.
        inputs, target: one batch.
        betas: nudges to try; by default half decades from 1 down (from the curvature of soft output nodes, if lower),
            for radii halves of R/2 down, R the distance to the nearest singularity, or of 1 where none is known.
        seed: of random nudges.
        setting: the same model, parameters and data as solved for an earlier audit.

    Raises:
        ModelError: the rule does not hold for the model, or the exact gradient vanishes here.
        SolveError: the free equilibrium cannot be found to rounding.

    >>> import jax, numpy as np, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(v - y) ** 2 / 2)
    >>> model = network.compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> found = audit(model, params, pq.EquilibriumPropagation(pq.Centered(0.01)), x, wanted)
    >>> round(found.slope), found.best.relative_error < 1e-8
    (2, True)
    """
    require_rule("audit", rule, model)
    tight = tightened(rule, model)
    tight.check(model)
    setting = setting_of(model, params, inputs, target) if setting is None else setting
    reference, exact = setting.exact(rule.objective)
    where = beta_field(rule)
    if where is None:
        values: list[float | None] = [None]
    else:
        values = list(default_betas(setting, where) if betas is None else betas)
    run = _runner(model, tight, where, params, inputs, target, setting.free, jax.random.key(seed))
    curve, estimates = [], []
    for beta in values:
        estimate, fine = run(beta)
        estimates.append(flat_trainable(model, estimate))
        curve.append(_point(beta, estimates[-1], exact, fine))
    good = [k for k, point in enumerate(curve) if point.relative_error is not None]
    best = min(good, key=lambda k: curve[k].relative_error or 0.0) if good else None
    promise = getattr(getattr(rule, "rule", rule), "nudging", rule)
    return Audit(
        rule=tight,
        objective=rule.objective,
        reference=reference,
        points=getattr(rule, "points", sum(phase.nudge != "0" for phase in rule.phases())),
        # On a circle of nudges it is the decrease with N that tells; at a large order few radii are above rounding.
        order=None if isinstance(promise, Holomorphic) else getattr(promise, "order", None),
        slope=fitted_order([b or 0.0 for b in values], [p.relative_error for p in curve]) if where else None,
        best=None if best is None else curve[best],
        curve=tuple(curve),
        seed=seed,
        cost_cosine=None if best is None else _cost_cosine(setting, rule, estimates[best]),
        bias=rule.bias(model),
        holomorphic=_over_points(setting, tight),
    )


def _over_points(setting: Setting, rule: Any) -> HolomorphicAudit | None:
    if isinstance(rule, HolomorphicEP):
        return over_points(setting, rule)
    if isinstance(setting, TrajectorySetting) and isinstance(getattr(rule, "nudging", None), Holomorphic):
        return orbits_over_points(setting, rule)
    return None


def _cost_cosine(setting: Setting, rule: LearningRule, estimate: np.ndarray) -> float | None:
    return None if rule.objective is Objective.COST else _cosine(estimate, setting.exact(Objective.COST)[1])


def beta_field(rule: LearningRule) -> tuple[str, ...] | None:
    """Where a rule keeps its nudge: the path of fields to it, or None for rules without one."""
    for path in (("nudging", "beta"), ("nudging", "radius"), ("beta",), ("radius",), ("eta",)):
        if hasattr(getattr(rule, path[0], None), path[-1]) or (len(path) == 1 and hasattr(rule, path[0])):
            return path
    inner = getattr(rule, "rule", None)  # a rule that adds to another
    below = None if inner is None else beta_field(inner)
    return None if below is None else ("rule", *below)


def with_beta(rule: Any, path: tuple[str, ...], beta: Any) -> Any:
    """The rule with another nudge."""
    first, *rest = path
    return dataclasses.replace(rule, **{first: with_beta(getattr(rule, first), tuple(rest), beta) if rest else beta})


def default_betas(setting: Setting, where: tuple[str, ...]) -> list[float]:
    """Half decades downward from 1, or from the curvature of the output nodes where that is lower; radii from R/2."""
    if where == ("radius",) and (found := setting.singularity) is not None and np.isfinite(found.distance):
        return [found.distance / 2**k for k in range(1, 9)]
    if where == ("nudging", "radius"):
        return [setting.scale / 2**k for k in range(10)]
    top = 1.0 if where == ("eta",) else setting.scale
    return [float(top * 10 ** (-k / 2)) for k in range(13)]


def _runner(model, rule, where, params, inputs, target, free, key):
    """β → (estimate, whether its phases settled), compiled once where the rule takes a traced nudge."""

    @eqx.filter_jit
    def estimate(beta):
        chosen = rule if where is None else with_beta(rule, where, beta)
        return chosen.estimate(model, params, inputs, target, key=key, start=free)

    traced = where is not None

    def run(beta):
        nonlocal traced
        if traced:
            try:
                gradients, info = estimate(jnp.asarray(beta, jnp.result_type(float)))
            except (jax.errors.JAXTypeError, PhyseqError):  # a rule that must know its nudge compiles for each
                traced = False
        if not traced:
            gradients, info = estimate(beta)
        return gradients, settled(info.outcome, info.residual, info.free, budget=not rule.moves_weights)

    return run


def _point(beta: float | None, estimate: np.ndarray, exact: np.ndarray, fine: bool) -> AuditPoint:
    if not fine or not np.isfinite(estimate).all():
        return AuditPoint(beta, None, None)
    error = float(np.linalg.norm(estimate - exact) / np.linalg.norm(exact))
    return AuditPoint(beta, error, _cosine(estimate, exact))


def _cosine(first: np.ndarray, second: np.ndarray) -> float | None:
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else None
