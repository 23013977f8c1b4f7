"""`gradient_agreement`: how far a rule, as it was used, is from the exact gradient at the parameters it led to."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.errors import ModelError, PhyseqError, SolveError
from physeq.interface import TrajectoryModel
from physeq.learn import ContinuousAdjoint, FiniteDifferences, Fit, ImplicitDifferentiation, LearningRule
from physeq.learn.audit import beta_field
from physeq.learn.tight import flat_trainable, polish_finder, settled
from physeq.learn.training_data import training_data
from physeq.names import name_of
from physeq.report.document import Block, Document, Note, Paragraph, Section, Table
from physeq.solve.implicit import DENSE_LIMIT

_SAMPLES = 8
_MOST_DIFFERENCES = 300  # parameters that are moved one by one where no adjoint exists


@dataclass(frozen=True)
class ParameterAgreement:
    """The agreement of one trained parameter: ‖g − g_ref‖/‖g_ref‖ and the cosine, None where g_ref vanishes."""

    parameter: str
    relative_error: float | None
    cosine: float | None


@dataclass(frozen=True)
class GradientAgreement:
    """A rule's estimate against the exact gradient of its own objective, on one batch.

    Attributes:
        rule, objective, reference: names; the reference is the exact rule.
        samples, seed: rows of the training data from the first on, and the seed of random nudges.
        precision: "double" or "single".
        beta: the rule's nudge, None for rules without one.
        relative_error, cosine: over all trained parameters; None where they were not measured.
        parameters: the same for every trained parameter, "placement.name".
        reason: why nothing was measured.
    """

    rule: str
    objective: str
    reference: str
    samples: int
    seed: int
    precision: str
    beta: float | None
    relative_error: float | None = None
    cosine: float | None = None
    parameters: tuple[ParameterAgreement, ...] = ()
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self) | {"parameters": [asdict(one) for one in self.parameters]}


def gradient_agreement(result: Fit, data: Any, *, seed: int = 0, samples: int = _SAMPLES) -> GradientAgreement:
    """Measure a finished run's rule at its last parameters, with the nudge, finders and budgets that trained them.

    The exact gradient is taken at the free state that the rule itself found, brought to rounding, so that both see the
    same equilibrium: by implicit differentiation, by finite differences where forces jump, and for trajectories by the
    adjoint equation.

    Args:
        result: of `physeq.fit`.
        data: what it was trained on.
        seed: of random nudges.
        samples: of the training part, from the first on.

    Returns:
        The agreement; with a `reason` in place of numbers where the system is too large or a phase failed. Nothing is
        raised: a finished run is not lost by it.
    """
    model, rule = result.model, result.rule
    ready = training_data(data, result.params, model)
    inputs, target = jax.tree.map(lambda a: a[:samples], (ready.inputs, ready.targets))
    path = beta_field(rule)
    beta: Any = rule
    for name in path or ():
        beta = getattr(beta, name)
    found = GradientAgreement(
        rule=name_of(rule),
        objective=rule.objective.value,
        reference="",
        samples=int(target.shape[0]),
        seed=seed,
        precision="double" if jnp.result_type(float) == jnp.float64 else "single",
        beta=None if path is None else float(beta),
    )
    try:
        return _measured(found, model, rule, result.params, inputs, target)
    except PhyseqError as error:
        return replace(found, reason=str(error))


def _measured(found: GradientAgreement, model: Any, rule: LearningRule, params: Any, inputs: Any, target: Any):
    reference = _reference(model, rule)
    key = jax.random.key(found.seed)
    estimate, info = rule.gradient(model, params, inputs, target, key=key)
    exact, evidence = reference.gradient(model, params, inputs, target, start=info.free, throw=False)
    found = replace(found, reference=name_of(reference))
    if not settled(evidence.outcome, evidence.residual, evidence.free):
        raise SolveError("the free state could not be brought to rounding for the exact gradient")
    both = [flat_trainable(model, one) for one in (estimate, exact)]
    if not np.isfinite(both[1]).all():
        raise ModelError("the exact gradient is not finite here, so that nothing can be compared with it")
    if not both[1].any():
        raise ModelError("the exact gradient vanishes here, so that nothing can be compared with it")
    error, cosine = _compared(*both)
    parameters = tuple(_by_parameter(model, estimate, exact))
    return replace(found, relative_error=error, cosine=cosine, parameters=parameters)


def _reference(model: Any, rule: LearningRule) -> LearningRule:
    """The exact rule of the same objective; `ModelError` where it would take longer than the training."""
    if isinstance(model, TrajectoryModel):
        return ContinuousAdjoint()
    unknowns = sum(v.size for v in model.derivation.variables.values() if v.group in model.derivation.locals)
    if unknowns > DENSE_LIMIT:
        raise ModelError(
            f"{unknowns:,} unknowns are more than the {DENSE_LIMIT:,} up to which the exact gradient is cheap"
        )
    finder = polish_finder(model)
    if jnp.result_type(float) == jnp.float32 and (getattr(finder, "tolerance", 0.0) or 0.0) > 0.0:
        finder = replace(finder, tolerance=1e-6)  # type: ignore[call-arg]  # it has the field
    implicit = ImplicitDifferentiation(finder, rule.objective)
    try:
        implicit.check(model)
    except ModelError:
        if rule.objective.value != "cost" or _trained(model) > _MOST_DIFFERENCES:
            raise
        return FiniteDifferences(finder=finder)
    return implicit


def _trained(model: Any) -> int:
    system, trainable = model.system, model.trainable()
    return sum(
        math.prod(system.parameter_shape(p, q))
        for p in system.placements
        for q in p.component.parameters
        if trainable[p.name][q.name]
    )


def _by_parameter(model: Any, estimate: Any, exact: Any):
    trainable = model.trainable()
    for placement, own in exact.items():
        for name, reference in own.items():
            if trainable[placement][name]:
                pair = (np.ravel(np.asarray(x, float)) for x in (estimate[placement][name], reference))
                yield ParameterAgreement(f"{placement}.{name}", *_compared(*pair))


def _compared(estimate: np.ndarray, exact: np.ndarray) -> tuple[float | None, float | None]:
    """(relative error, cosine); None where one does not exist."""
    size, length = float(np.linalg.norm(exact)), float(np.linalg.norm(estimate))
    error = float(np.linalg.norm(estimate - exact)) / size if size else None
    cosine = float(estimate @ exact) / (size * length) if size * length else None
    return _finite(error), _finite(cosine)


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


# On the page ----------------------------------------------------------------------------------------------------------


def with_agreement(page: Document, found: GradientAgreement) -> Document:
    """A page of derived rules with a section on the agreement behind the rest."""
    return replace(page, blocks=(*page.blocks, agreement_section(found)))


def agreement_section(found: GradientAgreement) -> Section:
    """The agreement as a section of a page.

    >>> found = GradientAgreement("coupled-learning", "cost", "implicit-differentiation", 8, 0, "double", 0.1,
    ...                           1e-3, 0.9999995, (ParameterAgreement("edges.g", 1e-3, 0.9999995),))
    >>> print(Document("A network", [agreement_section(found)]).to_markdown().splitlines()[-1])
    | edges.g | 1.0e-03 | 5.0e-07 |
    """
    title = "Gradient agreement after training"
    if found.reason is not None:
        return Section(title, [Note(f"The estimate was not compared with the exact gradient: {found.reason}.")])
    nudge = "" if found.beta is None else f" with the nudge {found.beta:g}"
    text = (
        f"At the parameters after the last epoch the estimate of {found.rule}{nudge}, with the finders and budgets "
        f"that trained them, was compared with the exact gradient of the same objective ({found.objective}) by "
        f"{found.reference}: on the first {found.samples} training samples, seed {found.seed}, {found.precision} "
        "precision."
    )
    rows = [["all trained parameters", _number(found.relative_error), _off_one(found.cosine)]]
    rows += [[one.parameter, _number(one.relative_error), _off_one(one.cosine)] for one in found.parameters]
    blocks: list[Block] = [Paragraph(text), Table(["Parameter", "Relative error", "1 − cosine"], rows)]
    return Section(title, blocks)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"


def _off_one(cosine: float | None) -> str:
    return "–" if cosine is None else f"{max(1.0 - cosine, 0.0):.1e}"
