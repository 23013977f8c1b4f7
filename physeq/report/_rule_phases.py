"""The phases of a learning rule on a page, read as data: nudges, weights, the contrast of them, and the objective."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp

from physeq.errors import ModelError
from physeq.names import name_of
from physeq.report._assemble import at_node, gathered, tidy
from physeq.report._motion import free_classes
from physeq.report._naming import Names
from physeq.report._operators import Scaled
from physeq.report._relations import Contrast, Slope
from physeq.report._steady import cost_symbol, energy_symbol, nudge_symbol
from physeq.report._words import raised, word
from physeq.report.document import Block, Code, Equation, Math, Note, Paragraph, Table, Warning
from physeq.symbolic.derivation import Derivation
from physeq.symbolic.reduction import Variable
from physeq.symbolic.system import System

LOCALITY = "Locality: what is measured, where and when"


@dataclass(frozen=True)
class Uncompiled:
    """What `LearningRule.check` and `bias` read of a model: its derivation. Pages need no compiled one."""

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


def bias_warning(names: Names, rule: Any) -> Iterator[Block]:
    """Why a rule stays off the gradient on this system, and the rules that do not."""
    reason = rule.bias(Uncompiled(names.derivation))
    if reason is None:
        return
    from physeq import learn  # late: the rules of other systems need not load it

    exact = (learn.EquilibriumPropagation, learn.AsymmetricEP, learn.DyadicEP, learn.ImplicitDifferentiation)
    fitting = [name_of(kind) for kind in exact if refusal(kind(), names.derivation) is None]
    text: list = [f"Biased on this system: {reason}."]
    if fitting:
        text.append(" Rules whose estimate tends to the gradient here: ")
        for number, name in enumerate(fitting):
            text += [", " if number else "", Code(name)]
        text.append(".")
    yield Warning(text)


def length_words(finder: Any) -> str:
    """How long a phase lasts, by its finder.

    >>> from physeq.solve import FixedPoint, Newton
    >>> length_words(FixedPoint(15)), length_words(Newton())
    ('15 of FixedPoint', 'to rest, by Newton')
    """
    kind = type(finder).__name__
    return f"to rest, by {kind}" if finder.budget is None else f"{finder.budget} of {kind}"


# ---- phases ----------------------------------------------------------------------------------------------------------


def measured_phases(names: Names, phases) -> tuple[Measured, ...] | None:
    """The phases that enter the contrast, nudged ones first; None where a weight or nudge is not understood."""
    beta = nudge_symbol(names)
    found = []
    for phase in phases:
        if not phase.weight:
            continue
        weight, nudge = weight_of(phase.weight, beta), nudge_of(phase.nudge, beta)
        if weight is None or nudge is None:
            return None
        found.append(Measured(phase.name, weight, nudge))
    return tuple(sorted(found, key=lambda m: (m.nudge == 0, bool(m.weight.could_extract_minus_sign())))) or None


def nudge_of(text: str, beta: sp.Expr) -> sp.Expr | None:
    """A nudge as phases print it; None for others. With a drawn sign β stands for ±β."""
    return {"0": sp.S.Zero, "+β": beta, "β": beta, "−β": -beta, "±β": beta}.get(text)


def weight_of(text: str, beta: sp.Expr) -> sp.Expr | None:
    """A weight as phases print it; None for others. ±1/β, printed with the sign of the drawn β, is 1/β of that β."""
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


def phase_table(phases) -> Table:
    """The phases in words, as the rule tells them."""
    rows = []
    for phase in phases:
        start = "the start values" if phase.starts_from is None else f"the {phase.starts_from} state"
        rows.append([phase.name, phase.nudge, start, phase.weight or "only a start"])
    return Table(["Phase", "Nudge", "Starts from", "Weight in the contrast"], rows)


def random_sign(names: Names, phases) -> Iterator[Block]:
    """That the sign of the nudge is drawn, where it is."""
    if any(phase.nudge.startswith("±") for phase in phases):
        yield Note(
            ["The sign of ", Math(nudge_symbol(names)), " is drawn anew for every batch, + or − with probability ½."]
        )


# ---- objective -------------------------------------------------------------------------------------------------------


def objective(names: Names, rule: Any) -> Iterator[Block]:
    """Whose gradient the rule estimates, in words and, where it is not the cost, as a formula."""
    text = {
        "cost": "the cost at the free steady state, averaged over the batch",
        "curvature-weighted cost": "the curvature-weighted cost of an outside nudge, averaged over the batch",
        "stiffness-weighted cost": "the stiffness-weighted cost of the outputs, averaged over the batch",
        "contrastive function": "the contrastive function, averaged over the batch",
    }.get(rule.objective.value, rule.objective.value)
    yield Paragraph(
        [
            "The rule estimates the gradient of ",
            Math(loss(names)),
            ", ",
            text,
            ", from measurements in these phases:",
        ]
    )


def objective_formula(names: Names, rule: Any) -> Iterator[Block]:
    """The formula of an objective that is not the cost itself."""
    kind = rule.objective.value
    if kind == "curvature-weighted cost":
        for v in names.derivation.cost.unknowns.values():
            i = names.index(0)
            x = names.state(v.group, v.coordinate, int(v.reduced), (i,))
            slope = curvature_symbol(names, v, (i,)) * Slope(cost_symbol(names), x)
            yield Equation(Slope(loss(names), x), slope, label="outside nudge")
            yield curvature_equation(names, v)
    if kind == "stiffness-weighted cost":
        meaning = (
            "effective stiffness of the outputs at the free steady state: the forces that hold them displaced, per "
            "displacement, when all other free unknowns follow; taken as constant"
        )
        row = array(names, r"\mathbf{e}^{\top}", "the column of errors as a row")
        matrix = array(names, r"\mathbf{K}", meaning)
        column = array(names, r"\mathbf{e}", "errors of the outputs, free state less target")
        yield Equation(loss(names), sp.S.Half * row * matrix * column, label="stiffness-weighted cost")
    if kind == "contrastive function":
        free, clamped = phase_names(names)
        yield Equation(
            loss(names),
            Contrast(energy_symbol(names), (1, clamped), (-1, free)),
            label="contrastive function",
            note="the energy that it takes to hold the outputs at their targets; zero where they are there already",
        )


def array(names: Names, latex: str, meaning: str) -> sp.Expr:
    """A vector or matrix of many unknowns, which keeps its place in a product."""
    return names.quantity(latex, [latex], meaning, real=None, commutative=False)


def phase_names(names: Names) -> tuple[sp.Expr, sp.Expr]:
    """The names of the free and the clamped phase, as subscripts."""
    free = names.quantity("free phase", [r"\mathrm{free}"], "steady state of the free phase")
    return free, names.quantity("clamped phase", [r"\mathrm{clamped}"], "steady state with the outputs held")


def loss(names: Names) -> sp.Expr:
    """L, the objective."""
    return names.quantity("loss", ["L", r"\mathcal{L}", r"L_{\mathrm{loss}}"], "objective, the mean cost of a batch")


def any_parameter(names: Names) -> sp.Expr:
    """p, any parameter."""
    return names.quantity("any", ["p", r"\theta", r"\vartheta", r"p_{\mathrm{any}}"], "any parameter")


def rate(names: Names) -> sp.Expr:
    """η, the learning rate."""
    return names.quantity("rate", [r"\eta", r"\eta_{\mathrm{lr}}"], "learning rate", positive=True)


# ---- unknowns --------------------------------------------------------------------------------------------------------


def free_unknowns(names: Names) -> list[Variable]:
    """The unknowns that are solved for."""
    return [v for v in names.derivation.variables.values() if v.group in names.derivation.locals]


def per_unknown(names: Names, kind: str, letters: list[str], meaning: str, v: Variable, at) -> sp.Expr:
    """A quantity that every unknown has one of, such as its response: r^{group}_i."""
    unknowns = free_unknowns(names)
    if len(unknowns) == 1:
        return names.indexed((kind, v.group, v.key), letters, meaning, at, shown=_plain(names, at))
    where = v.group if len(names.derivation.group_variables(v.group)) == 1 else f"{v.group} {v.key}"
    base = [raised(letter, word(where)) for letter in letters]
    text = f"{meaning}, {v.key} of {v.group}"
    return names.indexed((kind, v.group, v.key), base, text, at, shown=_plain(names, at))


def _plain(names: Names, at) -> tuple[sp.Symbol, ...]:
    return tuple(names.index(n) for n in range(len(at)))


def curvature_symbol(names: Names, v: Variable, at) -> sp.Expr:
    """h_i, the local curvature of an unknown."""
    meaning = "local curvature at the free steady state: minus the slope of an unknown's force by itself"
    return per_unknown(names, "curvature", ["h", r"\kappa"], meaning, v, at)


def curvature_equation(names: Names, v: Variable) -> Equation:
    """h_i as derived."""
    forms = {form.placement.name: form for form in names.derivation.forms}
    summands = at_node(names, v, free_classes(names, v)[0], lambda p, slot: forms[p.name].curvature(slot))
    return Equation(curvature_symbol(names, v, (names.index(0),)), gathered(summands), label="local curvature")
