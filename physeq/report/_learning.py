"""A learning rule on a page: its phases, and for every parameter what is measured and how the parameter changes.

The rule is read as data: `phases()` with their nudges and weights, and `check`, asked with the derivation alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from physeq.errors import ModelError
from physeq.report._assemble import tidy, total
from physeq.report._locality import locality, only_held, reading
from physeq.report._motion import has_steady_form
from physeq.report._naming import Names
from physeq.report._operators import Scaled
from physeq.report._relations import Chain, Change, Contrast, Slope, TotalSlope
from physeq.report._steady import cost_symbol, energy_symbol, nudge_symbol, readout_density, readout_index, readout_term
from physeq.report._words import shown_name
from physeq.report.document import Block, Equation, Math, Note, Paragraph, Section, Table, Warning
from physeq.symbolic.derivation import Derivation
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.symbols import Parameter
from physeq.symbolic.system import System


@dataclass(frozen=True)
class Uncompiled:
    """What `LearningRule.check` reads of a model: its derivation. Pages need no compiled one."""

    derivation: Derivation

    @property
    def system(self) -> System:
        """The declared system."""
        return self.derivation.system

    def trainable(self) -> dict[str, dict[str, bool]]:
        """{placement: {parameter: whether it is trained}}."""
        from physeq.compile.initialise import parameter_records  # late: most rules do not ask

        records = parameter_records(self.system)
        return {name: {key: p.trainable for key, p in own.items()} for name, own in records.items()}


@dataclass(frozen=True)
class Measured:
    """A phase whose ∂F/∂p enters the contrast: weight · ∂F/∂p at nudge."""

    name: str
    weight: sp.Expr
    nudge: sp.Expr


def refusal(rule: Any, derivation: Derivation) -> str | None:
    """Why a rule does not hold for a system, or None."""
    try:
        rule.check(Uncompiled(derivation))
    except ModelError as error:
        return str(error)
    return None


def learning(names: Names, rule: Any) -> Section:
    """The section on a learning rule."""
    title = f"Learning: {_words(type(rule).__name__)}"
    reason = refusal(rule, names.derivation)
    if names.derivation.cost is None:
        return Section("Learning", [Note("The system declares no cost, so that there is nothing to learn.")])
    if reason is not None:
        return Section(title, [Warning(f"Refused for this system: {reason}.")])
    if not has_steady_form(names):
        return Section(
            title, [Warning("Not derived: nodes of one group differ in their unknown, see the steady state.")]
        )
    phases = rule.phases()
    if not phases:
        text = "The rule computes the exact gradient of the cost; it has no phases and measures nothing on the system."
        return Section(title, [Paragraph(text), *_derivatives(names)])
    measured = measured_phases(names, phases)
    blocks: list[Block] = [Paragraph(_objective(names, rule)), _phase_table(names, phases)]
    if measured is None:
        blocks.append(
            Note("The weights of these phases have no closed form; the quantities below are what is contrasted.")
        )
        return Section(title, [*blocks, *_derivatives(names)])
    blocks += _general(names, measured, phases)
    for form in names.derivation.forms:
        for p in form.placement.component.parameters:
            if p.trainable:
                blocks += _update(names, form, p, measured)
    if names.system.readout is not None:
        blocks += _readout_updates(names, measured)
    blocks.append(Section("Locality: what is measured, where and when", list(locality(names, measured))))
    return Section(title, blocks)


# ---- phases ----------------------------------------------------------------------------------------------------------


def measured_phases(names: Names, phases) -> tuple[Measured, ...] | None:
    """The phases that enter the contrast, nudged ones first; None where a weight or nudge is not understood."""
    beta = nudge_symbol(names)
    found = []
    for phase in phases:
        if not phase.weight:
            continue
        weight, nudge = _weight(phase.weight, beta), _nudge(phase.nudge, beta)
        if weight is None or nudge is None:
            return None
        found.append(Measured(phase.name, weight, nudge))
    return tuple(sorted(found, key=lambda m: (m.nudge == 0, bool(m.weight.could_extract_minus_sign())))) or None


def _nudge(text: str, beta: sp.Expr) -> sp.Expr | None:
    return {"0": sp.S.Zero, "+β": beta, "β": beta, "−β": -beta, "±β": beta}.get(text)


def _weight(text: str, beta: sp.Expr) -> sp.Expr | None:
    """±1/β, printed with the sign of the drawn β, is 1/β of that β."""
    sign = -1 if text[:1] in "−∓" else 1
    value = {"1/β": 1 / beta, "1/2β": 1 / (2 * beta), "1": sp.S.One, "1/2": sp.S.Half}.get(text.lstrip("+−±∓"))
    return None if value is None else sign * value


def contrast(body: sp.Expr, measured: tuple[Measured, ...], factor: sp.Expr = sp.S.One, *, nudged: bool = False):
    """factor·Σ_phases weight·body, the common numbers in front; each weight times its nudge where `nudged`.

    The parameters' own factors stay inside: they are part of what is measured.
    """
    number, rest = tidy(body).as_coeff_Mul()
    weights = [m.weight * (m.nudge if nudged else 1) for m in measured]
    pairs = [(w, m.nudge) for w, m in zip(weights, measured, strict=True) if w != 0]
    common = next((w for w, _ in pairs), sp.S.One)
    scaled = [(sp.simplify(w / common), n) for w, n in pairs]
    return Scaled(factor * number * common, Contrast(rest, *scaled))


def _objective(names: Names, rule: Any) -> list:
    text = {
        "cost": "the cost at the free steady state, averaged over the batch",
        "curvature-weighted cost": "the curvature-weighted cost of an outside nudge, averaged over the batch",
    }.get(rule.objective.value, rule.objective.value)
    return [
        "The rule estimates the gradient of ",
        Math(_loss(names)),
        ", ",
        text,
        ", from measurements in these phases:",
    ]


def _loss(names: Names) -> sp.Expr:
    return names.quantity("loss", ["L", r"\mathcal{L}", r"L_{\mathrm{loss}}"], "objective, the mean cost of a batch")


def _phase_table(names: Names, phases) -> Table:
    rows = []
    for phase in phases:
        start = "the start values" if phase.starts_from is None else f"the {phase.starts_from} state"
        rows.append([phase.name, phase.nudge, start, phase.weight or "only a start"])
    return Table(["Phase", "Nudge", "Starts from", "Weight in the contrast"], rows)


def _general(names: Names, measured, phases) -> Iterator[Block]:
    d = names.derivation
    p = _any(names)
    function = names.quantity("nudged", ["F", r"\mathcal{F}"], "nudged energy, stationary in a phase")
    body = Slope(function if d.system.readout is not None else energy_symbol(names), p)
    yield Equation(Chain("approx", TotalSlope(_loss(names), p), contrast(body, measured)), label="estimate")
    eta = rate(names)
    text = ["Each update below descends this estimate with the rate ", Math(eta)]
    text += [", where |", " names the phase of a measurement, averaged over the batch."]
    yield Paragraph(text)
    if any(phase.nudge.startswith("±") for phase in phases):
        yield Note(
            ["The sign of ", Math(nudge_symbol(names)), " is drawn anew for every batch, + or − with probability ½."]
        )


def _any(names: Names) -> sp.Expr:
    return names.quantity("any", ["p", r"\theta", r"\vartheta", r"p_{\mathrm{any}}"], "any parameter")


def rate(names: Names) -> sp.Expr:
    """η, the learning rate."""
    return names.quantity("rate", [r"\eta", r"\eta_{\mathrm{lr}}"], "learning rate", positive=True)


# ---- updates ---------------------------------------------------------------------------------------------------------


def parameter_slope(names: Names, form: PlacementForm, p: Parameter) -> sp.Expr:
    """∂E/∂p of one element; of all elements for a shared parameter."""
    derivative = form.parameter_derivative(p)
    if p.shared:
        return total(names, derivative, form.placement)
    return names.rename(tidy(derivative), form.placement, names.ports(form.placement))


def page_parameter(names: Names, form: PlacementForm, p: Parameter) -> sp.Expr:
    """The parameter of one element."""
    return names.parameter(form.placement.name, p, names.element(form.placement, names.ports(form.placement)))


def _update(names: Names, form: PlacementForm, p: Parameter, measured) -> Iterator[Block]:
    slope, symbol = parameter_slope(names, form, p), page_parameter(names, form, p)
    what = f"{p.description or p.name} of {shown_name(form.placement.name)}"
    if any(f.has(p) for f in form.forces.values()):
        yield Warning(
            [Math(symbol), f" ({what}) enters a force without an energy: no contrast of an energy trains it."]
        )
        return
    if slope == 0:
        yield Note([Math(symbol), f" ({what}) does not enter the steady state: its gradient is zero."])
        return
    if only_held(names, form, p):
        yield Note([Math(symbol), f" ({what}) sees only nodes that are held in every phase: its gradient is zero."])
        return
    yield Equation(Slope(energy_symbol(names), symbol), slope, label=what, note=reading(form, p))
    yield Equation(Change(symbol), contrast(slope, measured, -rate(names)), label="update", note=_kept(p, symbol))


def _kept(p: Parameter, symbol: sp.Expr):
    if not p.bounded:
        return None
    ends = [sp.sympify(e) if abs(e) < float("inf") else None for e in (p.lower, p.upper)]
    ends = [None if e is None else sp.nsimplify(e) for e in ends]
    sides = [e for e in (ends[0], symbol, ends[1]) if e is not None]
    return ["then clipped to ", Math(Chain("le", *sides))]


def _readout_updates(names: Names, measured) -> Iterator[Block]:
    readout, cost = names.system.readout, names.derivation.cost
    k = readout_index(names)
    yield Paragraph(
        [
            "The readout belongs to the cost: ",
            Math(Slope(cost_symbol(names), _any(names))),
            " enters the nudged energy with the nudge as its factor.",
        ]
    )
    slope = readout_density(names, cost.derivative)
    drive = sp.Add(*(t.product() for t in cost.readout_terms))
    for p in sorted({s for t in cost.readout_terms for s in t.coefficient.free_symbols}, key=str):
        symbol = readout_term(names, p)
        body = slope * readout_term(names, sp.diff(drive, p))
        yield Equation(Slope(cost_symbol(names), symbol), body, label=f"{p.description or p.name} of the readout")
        yield Equation(Change(symbol), contrast(body, measured, -rate(names), nudged=True), label="update")
    if readout.bias is not None:
        symbol = names.parameter("readout", readout.bias, (k,))
        yield Equation(Slope(cost_symbol(names), symbol), slope, label="bias of the readout")
        yield Equation(Change(symbol), contrast(slope, measured, -rate(names), nudged=True), label="update")


def _derivatives(names: Names) -> Iterator[Block]:
    for form in names.derivation.forms:
        for p in form.placement.component.parameters:
            if p.trainable and (slope := parameter_slope(names, form, p)) != 0:
                symbol = page_parameter(names, form, p)
                yield Equation(Slope(energy_symbol(names), symbol), slope, note=reading(form, p))


def _words(name: str) -> str:
    """A class name as words: VectorFieldEP is "vector field EP"."""
    words = "".join(
        f" {c}" if c.isupper() and k and (not name[k - 1].isupper() or name[k + 1 : k + 2].islower()) else c
        for k, c in enumerate(name)
    ).split()
    return " ".join(w if w.isupper() else w.lower() for w in words)
