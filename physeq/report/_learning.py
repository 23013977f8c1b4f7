"""A learning rule on a page: its phases, and for every parameter what is measured and how the parameter changes.

The rule is read as data: `phases()` with their nudges and weights, `contrasted`, its fields, and `check` and `bias`,
asked with the derivation alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from physeq.report._locality import locality
from physeq.report._motion import has_steady_form
from physeq.report._naming import Names
from physeq.report._procedure import procedure_section
from physeq.report._procedure_lists import equilibrium_lists
from physeq.report._relations import Chain, Slope, TotalSlope
from physeq.report._rule_clamped import clamped
from physeq.report._rule_continual import continual
from physeq.report._rule_fourier import holomorphic, oscillating
from physeq.report._rule_homeostasis import homeostasis
from physeq.report._rule_lock_in import lock_in
from physeq.report._rule_phases import (
    LOCALITY,
    Measured,
    Uncompiled,
    any_parameter,
    bias_warning,
    contrast,
    loss,
    measured_phases,
    objective,
    objective_formula,
    phase_table,
    random_sign,
    rate,
    refusal,
)
from physeq.report._rule_response import response_rule
from physeq.report._rule_transposed import corrections, dyadic, extra_storage
from physeq.report._rule_updates import energy_updates, slopes
from physeq.report._steady import energy_symbol
from physeq.report._words import rule_words
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section, Warning


def learning(names: Names, rule: Any) -> Section:
    """The section on a learning rule."""
    title = f"Learning: {rule_words(type(rule).__name__)}"
    reason = refusal(rule, names.derivation)
    if names.derivation.cost is None:
        return Section("Learning", [Note("The system declares no cost, so that there is nothing to learn.")])
    if reason is not None:
        return Section(title, [Warning(f"Refused for this system: {reason}.")])
    if not has_steady_form(names):
        return Section(
            title, [Warning("Not derived: nodes of one group differ in their unknown, see the steady state.")]
        )
    steps = rule.procedure(Uncompiled(names.derivation))
    blocks = [*bias_warning(names, rule), *_blocks(names, rule)]
    return Section(title, [*blocks, procedure_section(names, steps, equilibrium_lists(names, rule))])


def _blocks(names: Names, rule: Any) -> list[Block]:
    from physeq import learn  # late: pages without rules need not load them

    if isinstance(rule, learn.JacobianHomeostasis):
        return homeostasis(names, rule, rule_words(type(rule.rule).__name__), _blocks(names, rule.rule))
    if rule.moves_weights:
        return continual(names, rule)
    for kind, writer in (
        (learn.HolomorphicEP, holomorphic),
        (learn.OscillatingEP, oscillating),
        (learn.FrequencyPropagation, lock_in),
        (learn.CoupledLearning | learn.ContrastiveLearning, clamped),
        (learn.DyadicEP, dyadic),
    ):
        if isinstance(rule, kind):
            return writer(names, rule)
    phases = rule.phases()
    if not phases:
        text = "The rule computes the exact gradient of the cost; it has no phases and measures nothing on the system."
        return [Paragraph(text), *slopes(names)]
    measured = measured_phases(names, phases)
    if measured is None:
        text = "The weights of these phases have no closed form; the quantities below are what is contrasted."
        return [*objective(names, rule), phase_table(phases), Note(text), *slopes(names)]
    if rule.contrasted is learn.Contrasted.RESPONSE:
        more = list(corrections(names)) if isinstance(rule, learn.AsymmetricEP) else []
        storage = extra_storage(names) if more else []
        return response_rule(names, rule, measured, more, storage)
    return _energy_rule(names, rule, measured)


def _energy_rule(names: Names, rule: Any, measured: tuple[Measured, ...]) -> list[Block]:
    """The blocks of a rule that contrasts ∂F/∂p between its phases."""
    phases = rule.phases()
    blocks: list[Block] = [*objective(names, rule), phase_table(phases), *objective_formula(names, rule)]
    blocks += _estimate(names, measured)
    blocks += random_sign(names, phases)
    first, *others = (m.name for m in measured)
    told = f"in the {first} less the {others[0]} phase" if len(others) == 1 else "by its contrast between the phases"
    blocks += energy_updates(names, partial(_contrasted, measured), told)
    count = len(measured)
    stored = f"{count - 1} number{'s' if count != 2 else ''}"
    table = locality(names, " and ".join(m.name for m in measured), stored)
    return [*blocks, Section(LOCALITY, list(table))]


def _contrasted(measured: tuple[Measured, ...], body, factor, *, nudged: bool = False):
    return contrast(body, measured, factor, nudged=nudged)


def _estimate(names: Names, measured: tuple[Measured, ...]) -> Iterator[Block]:
    p = any_parameter(names)
    function = names.quantity("nudged", ["F", r"\mathcal{F}"], "nudged energy, stationary in a phase")
    body = Slope(function if names.system.readout is not None else energy_symbol(names), p)
    yield Equation(Chain("approx", TotalSlope(loss(names), p), contrast(body, measured)), label="estimate")
    text = ["Each update below descends this estimate with the rate ", Math(rate(names))]
    text += [", where |", " names the phase of a measurement, averaged over the batch."]
    yield Paragraph(text)
