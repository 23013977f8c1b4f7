"""Rules that hold the outputs in place of nudging them: coupled and contrastive learning."""

from __future__ import annotations

from typing import Any

import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._locality import locality
from physeq.report._naming import Names
from physeq.report._operators import Bracket, Scaled, Written
from physeq.report._relations import Chain, Contrast, InPhase, Slope, TotalSlope
from physeq.report._rule_phases import (
    LOCALITY,
    any_parameter,
    loss,
    objective,
    objective_formula,
    phase_names,
    rate,
)
from physeq.report._rule_updates import energy_updates
from physeq.report._steady import energy_symbol
from physeq.report.document import Block, Equation, Math, Paragraph, Section, Table


def clamped(names: Names, rule: Any) -> list[Block]:
    """The blocks of a rule with a clamped phase; its share η of the way is 1 where it has none."""
    names.quantity("rate", [r"\alpha", r"\alpha_{\mathrm{lr}}"], "learning rate", positive=True)
    eta = getattr(rule, "eta", None)
    share = sp.S.One
    if eta is not None:
        text = f"share of the way to the targets at which outputs are held, here {eta:g}"
        share = names.quantity("share", [r"\eta", r"\eta_{\mathrm{c}}"], text, positive=True)
    free, held = phase_names(names)
    rows = [
        ["free", "not held", "the start values", Math(-1 / share)],
        ["clamped", "held", "the free state", Math(1 / share)],
    ]
    blocks: list[Block] = [*objective(names, rule), Table(["Phase", "Outputs", "Starts from", "Weight"], rows)]
    i, target = names.index(0), names.derivation.cost.target
    assert target is not None  # the rule's check asks for it
    for group, v in names.derivation.cost.unknowns.items():
        x = names.state(v.group, v.coordinate, int(v.reduced), (i,))
        y = names.target(target, i)
        before = InPhase(x, free)
        away = y if eta is None else Written(before, Scaled(share, Bracket(Written(y, -before))))
        member = Chain("in", i, names.outputs(group))
        blocks.append(Equation(InPhase(x, held), away, label="held outputs", note=["for ", Math(member)]))
    blocks += objective_formula(names, rule)

    def measure(body: sp.Expr, factor: sp.Expr = sp.S.One, *, nudged: bool = False) -> sp.Expr:
        number, rest = tidy(body).as_coeff_Mul()
        return Scaled(factor * number / share, Contrast(rest, (1, held), (-1, free)))

    p = any_parameter(names)
    estimate = measure(Slope(energy_symbol(names), p))
    blocks.append(Equation(Chain("approx", TotalSlope(loss(names), p), estimate), label="estimate"))
    text = "There is no nudge: the supervisor holds the outputs, and all other boundary conditions stay. Each update "
    text += "below descends this estimate with the rate "
    blocks.append(Paragraph([text, Math(rate(names)), ", averaged over the batch."]))
    blocks += energy_updates(names, measure, "in the clamped less the free phase")
    return [*blocks, Section(LOCALITY, list(locality(names, "clamped and free", "1 number")))]
