"""Pages of every registered rule: all formats, complete symbol tables, and what each rule must say."""

import re
from functools import cache
from xml.etree import ElementTree

import numpy as np
import one_way_systems
import pytest
import sympy as sp
import zoo
from page_reader import equations
from test_report_writers import Page, balanced

import physeq as pq
from physeq import learn
from physeq.registry import registry
from physeq.report import Document, Section, Table, Warning, derivation_page
from physeq.report._check import expressions, symbols_of
from physeq.report._operators import Scaled
from physeq.report._relations import Change, Contrast, InPhase, Slope
from physeq.report._rule_operators import At, IntegralFromTo, RealPart, SumFromTo
from physeq.report.notation import latex, symbol_latex
from physeq.report.text import summary
from physeq.solve import EulerSteps, FixedPoint, Outside

KINDS = ["prototypical", "resistors", "directed"]
NAMED = {
    name: kind
    for name, kind in registry()["rule"].items()
    if name != "backpropagation-through-time" and not issubclass(kind, learn.TrajectoryRule)
}
SPECIAL = {
    "continual, dynamics": learn.ContinualEP(free=EulerSteps(0.1, 5), nudging=learn.RandomSign(0.1)),
    "continual vector field, map": learn.ContinualVectorFieldEP(weighting=learn.MapResponse()),
    "continual vector field, dynamics": learn.ContinualVectorFieldEP(free=EulerSteps(0.1, 5)),
    "vector field, map": learn.VectorFieldEP(learn.OneSided(0.1), weighting=learn.MapResponse()),
    "oscillating in time": learn.OscillatingEP(oscillation=learn.ContinuousOscillation(40.0, 3, 1)),
    "oscillating, late": learn.OscillatingEP(discard=1),
    "outside": learn.EquilibriumPropagation(nudged=FixedPoint(nudge=Outside())),
    "homeostasis of an exact rule": learn.JacobianHomeostasis(learn.AsymmetricEP(), samples=2),
}
RULES = {name: kind() for name, kind in NAMED.items()} | SPECIAL
CASES = [(system, rule) for system in KINDS for rule in NAMED]
CASES += zip(
    ["readout", "prototypical", "directed", "prototypical", "readout", "prototypical", "prototypical", "directed"],
    SPECIAL,
    strict=True,
)
CASES += [(system, "jacobian-homeostasis") for system in one_way_systems.BUILT]
REFUSED_DIRECTED = {
    "continual-ep", "continual-vector-field-ep", "contrastive-learning", "coupled-learning",
    "equilibrium-propagation", "frequency-propagation", "holomorphic-ep", "oscillating-ep",
}  # fmt: skip


@cache
def derived(system):
    return pq.derive(one_way_systems.BUILT[system]()[0] if system in one_way_systems.BUILT else zoo.system(system))


def page_of(system, rule):
    return derivation_page(derived(system), RULES.get(rule, rule) if isinstance(rule, str) else rule)


def section_of(page):
    [found] = [b for b in page.blocks if isinstance(b, Section) and b.title.startswith("Learning")]
    return found


def words(page):
    """The section on learning as Markdown."""
    text = page.to_markdown()
    return text[text.index("## Learning") : text.index("## As executed")]


def shown(page, label):
    """The equations of a label, as LaTeX."""
    return [" = ".join(map(latex, e.sides)) for e in equations(page, "Learning") if (e.label or "").startswith(label)]


@pytest.mark.parametrize(("system", "rule"), CASES)
def test_the_page_of_every_rule_is_whole_in_every_format(system, rule):
    page = page_of(system, rule)
    page.check()
    used = {symbol_latex(s) for e in expressions(Document(page.title, page.blocks)) for s in symbols_of(e)}
    used |= {symbol_latex(i) for e in page.symbols for i in getattr(e.symbol, "indices", ())}
    used |= {
        f.latex_name
        for e in expressions(Document("", page.blocks))
        for f in map(type, e.atoms(pq.sigmoid, pq.softplus, pq.clip))
    }
    assert {symbol_latex(getattr(e.symbol, "base", e.symbol)) for e in page.symbols} == used
    html = page.to_html()
    parsed = Page(html)
    assert not parsed.open and not parsed.faults
    for formula in re.findall(r"<math.*?</math>", html, re.DOTALL):
        ElementTree.fromstring(formula)
    source = page.to_latex()
    assert balanced(source) and "U+" not in source
    assert not re.search(r"\b(nan|None|zoo)\b", page.to_markdown())
    assert page.to_dict()["title"] == page.title
    assert summary(derived(system), RULES[rule])
    [*blocks] = section_of(page).blocks
    refused = isinstance(blocks[0], Warning) and str(blocks[0].text[0]).startswith("Refused")
    assert refused == (system == "directed" and rule in REFUSED_DIRECTED)
    exact = not RULES[rule].phases()
    general = ("every step", "over the phase")
    changes = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change | At) and e.label not in general]
    assert bool(changes) != (refused or exact)


# Continual rules ------------------------------------------------------------------------------------------------------


def test_continual_ep_prints_the_step_its_sum_rates_and_bounds():
    rule = learn.ContinualEP({"e0": 0.02}, nudging=learn.OneSided(0.1), free=FixedPoint(7), nudged=FixedPoint(5))
    page = page_of("resistors", rule)
    assert shown(page, "g of e0") == [
        r"g_{ij}\left(t + 1\right) = g_{ij}\left(t\right) - \frac{\eta}{2 \beta} "
        r"\left(\left(v_{i}\left(t + 1\right) - v_{j}\left(t + 1\right)\right)^{2} - "
        r"\left(v_{i}\left(t\right) - v_{j}\left(t\right)\right)^{2}\right)"
    ]
    text = words(page)
    assert "| 0.02 | every step | every step clipped to $0 \\le g_{ij}$ |" in text
    assert "5 of FixedPoint" in text and "here 5" in page.to_markdown()
    assert "1 number, of the previous step" in text
    # A conductance is clipped: its steps do not telescope, and the page does not say so.
    assert (
        len(shown(page, "over the phase")) == 1
        and len(shown(page_of("prototypical", rule_of()), "over the phase")) == 5
    )


def rule_of():
    return learn.ContinualEP(nudging=learn.OneSided(0.1))


def test_a_readout_moves_once_at_the_end():
    page = page_of("readout", learn.ContinualEP(free=EulerSteps(0.1, 5)))
    assert "once, at the end of the phase" in words(page)
    [update] = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change) and latex(e.lhs).endswith("c_{k}")]
    assert latex(update.rhs).startswith(r"- \eta \left.") and latex(update.rhs).endswith(r"\right|_{K}")


# Biased and exact rules of systems without an energy ------------------------------------------------------------------


def test_a_biased_rule_names_the_component_and_the_rules_that_work():
    [warning] = [b for b in section_of(page_of("directed", "vector-field-ep")).blocks if isinstance(b, Warning)]
    told = "".join(getattr(part, "text", part) for part in warning.text)
    assert "'arrow' in 'e0'" in told and told.endswith("asymmetric-ep, dyadic-ep, implicit-differentiation.")
    for unbiased in ("asymmetric-ep", "dyadic-ep"):
        assert not any(isinstance(b, Warning) for b in section_of(page_of("directed", unbiased)).blocks)


def test_the_weighting_of_the_map_is_printed_with_the_derived_curvature():
    page = page_of("prototypical", "vector field, map")
    assert shown(page, "local curvature")[0].endswith(
        r"\frac{1}{1 - s^{\mathrm{hidden}}_{i}} + \frac{1}{s^{\mathrm{hidden}}_{i}}"
    )
    assert shown(page, "b of hidden") == [
        r"\Delta b^{\mathrm{hidden}}_{i} = \eta \frac{r^{\mathrm{hidden}}_{i}}{h^{\mathrm{hidden}}_{i}}"
    ]


def test_asymmetric_ep_prints_what_a_board_must_realise():
    [correction] = shown(page_of("directed", "asymmetric-ep"), "correction")
    assert correction.startswith("a_{i} = ") and r"\left. s_{j} \right|_{0}" in correction
    assert correction.count(r"\sum_{j:\,(i, j) \in") == correction.count(r"\sum_{j:\,(j, i) \in") == 1
    [phase] = shown(page_of("directed", "asymmetric-ep"), "nudged phase")
    assert phase.endswith(r"- \beta \frac{\partial C}{\partial s_{i}} + a_{i}")
    assert "correction −2A(x − x⁰) is zero" in words(page_of("resistors", "asymmetric-ep"))


def test_dyadic_ep_prints_both_copies():
    page = page_of("directed", "dyadic-ep")
    [mean], [difference] = shown(page, "mean"), shown(page, "difference")
    assert mean.startswith(r"\dot{s}_{i}") and difference.startswith(r"\dot{d}_{i}")
    # The mean hears from its sources, the difference from its targets.
    assert r"(j, i) \in" in mean and r"(i, j) \in" in difference and r"\beta" not in mean
    assert "both copies are there at the same time" in words(page)


def test_homeostasis_adds_up_entries_of_three_ports_and_two():
    page = page_of("gated", "jacobian-homeostasis")
    assert [e.note[0] for e in equations(page, "Learning") if e.label == "entry, gates"] == [
        "in the row of the s at the source and the column of the s at the target",
        "in the row of the s at the gate and the column of the s at the target",
    ]
    [total] = shown(page, "sum")
    for part in (
        r"+ \sum_{k:\,(k, i, j) \in \mathrm{gates}} Q^{\mathrm{gate\ target}}_{kij}",
        r"- \sum_{k:\,(k, j, i) \in \mathrm{gates}} Q^{\mathrm{gate\ target}}_{kji}",
        r"+ \sum_{(i, j) \in \mathrm{plain}} Q_{ij}",  # of which several may join the same nodes
    ):
        assert part in total
    [change] = shown(page, "homeostasis, w")
    assert "S_{ik}" in change and "S_{jk}" in change


def test_homeostasis_holds_the_page_of_the_wrapped_rule():
    page = page_of("directed", learn.JacobianHomeostasis(learn.DyadicEP(), strength=0.25))
    [inner] = [b for b in section_of(page).blocks if isinstance(b, Section) and b.title.startswith("Wrapped")]
    assert inner.title == "Wrapped rule: dyadic EP" and "here 0.25" in page.to_markdown()
    alone = equations(page_of("directed", "dyadic-ep"), "Learning")
    assert [e.sides for e in equations(page, "Wrapped")] == [e.sides for e in alone]


# Fourier coefficients -------------------------------------------------------------------------------------------------

R, N, COEFFICIENTS = 0.3, 6, np.array([0.4, -1.3, 0.7, 0.2, -0.6, 0.5])


def measured(expr, numbers, phase):
    """The number of a printed update in which what is measured is `phase(at)`, times its own number."""

    def value(e, at):
        if isinstance(e, SumFromTo):
            body, n, low, high = e.args
            ends = [round(value(end, at).real) for end in (low, high)]
            return sum(value(body, at | {symbol_latex(n): k}) for k in range(ends[0], ends[1] + 1))
        if isinstance(e, IntegralFromTo):
            body, t, low, high = e.args
            low, high = (value(end, at).real for end in (low, high))
            points = np.linspace(low, high, 3000, endpoint=False)  # exact for a trigonometric polynomial
            return (high - low) * np.mean([value(body, at | {symbol_latex(t): p}) for p in points])
        if isinstance(e, RealPart):
            return complex(value(e.args[0], at).real)
        if isinstance(e, Contrast):
            return sum(value(weight, at) * phase(value(n, at), at) for weight, n in e.terms)
        if isinstance(e, InPhase):
            return phase(value(e.args[1], at), at)
        if isinstance(e, Scaled):
            return value(e.args[0], at) * value(e.args[1], at)
        if isinstance(e, sp.Indexed):
            return at["beta"](at[symbol_latex(e.indices[0])])
        if e.is_Symbol:
            return complex(at[symbol_latex(e)])
        if e.is_number:
            return complex(e)
        values = [value(a, at) for a in e.args]
        if isinstance(e, sp.Add):
            return sum(values)
        if isinstance(e, sp.Mul):
            return np.prod(values)
        return np.exp(values[0]) if isinstance(e, sp.exp) else values[0] ** values[1]

    return value(expr, numbers)


def polynomial(beta):
    return np.polyval(COEFFICIENTS[::-1], beta)


def conductance_update(rule):
    """(printed update of a conductance, that the factor before its contrast is that of the printed slope)."""
    page = page_of("resistors", rule)
    [update] = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    [slope] = [e.rhs for e in equations(page, "Learning") if isinstance(e.lhs, Slope) and e.label == "g of e0"]
    [inside] = {e.args[0] for e in update.rhs.atoms(InPhase, Contrast)}
    assert sp.simplify(slope / inside) == sp.Rational(1, 2)
    return update.rhs


def check_fourier(expr):
    """∂E/∂g = ½ Σ_m c_m β^m with m < N gives the change −η ½ c_1 exactly."""
    numbers = {r"\eta": 0.7, "N": N, "P": 3, "D": 1, "beta": lambda n: R * np.exp(2j * np.pi * n / N)}

    def phase(at_point, at):
        # Either the nudge itself names the phase, or the number of the point.
        beta = at_point if abs(abs(at_point) - R) < 1e-12 else numbers["beta"](at_point)
        return polynomial(beta)

    found = measured(expr, numbers, phase)
    assert abs(found - -0.7 * COEFFICIENTS[1] / 2) < 1e-14


@pytest.mark.parametrize(
    "rule",
    [
        learn.HolomorphicEP(R, N),
        learn.OscillatingEP(R, points=N, periods=3, steps=4),
        learn.OscillatingEP(R, points=N, periods=3, steps=4, discard=1),
    ],
)
def test_updates_over_a_circle_are_the_first_fourier_coefficient(rule):
    expr = conductance_update(rule)
    check_fourier(expr)
    with pytest.raises(AssertionError):
        check_fourier(expr.xreplace({n: n**2 for n in expr.atoms(sp.Indexed) if symbol_latex(n.base) == r"\beta"}))


def test_the_integral_of_an_oscillation_is_the_first_fourier_coefficient():
    system = pq.System(
        pq.complete(3), nodes=zoo.UNIT, edges=zoo.SYNAPSE, inputs=[0], outputs=[2], cost=(zoo.s - zoo.y) ** 2
    )
    rule = learn.OscillatingEP(R, oscillation=learn.ContinuousOscillation(8.0, 3, 1))
    page = derivation_page(system.derive(), rule)
    period, omega = 8.0, 2 * np.pi / 8.0
    numbers = {r"\eta": 0.7, "P": 3, "D": 1, "r": R, "T": period, r"\omega": omega, r"\mathrm{i}": 1j}
    updates = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    assert len(updates) == 2
    for update in updates:
        sign = -1 if update.rhs.could_extract_minus_sign() or latex(update.rhs).startswith("-") else 1
        found = measured(update.rhs, numbers, lambda t, at: polynomial(R * np.exp(1j * omega * t)))
        assert abs(found - sign * 0.7 * COEFFICIENTS[1]) < 1e-12


def test_the_points_that_are_run_are_those_of_the_rule():
    rule = learn.HolomorphicEP(0.2, 4)
    [table] = [
        b for b in section_of(page_of("resistors", rule)).blocks if isinstance(b, Table) and "Counts" in b.header[2]
    ]
    assert [[str(cell[0]) for cell in row] for row in table.rows] == [
        ["0", "0.2", "once"],
        ["1", "0.2 i", "also as point 3"],
        ["2", "-0.2", "once"],
    ]
    assert "3 complex values" in words(page_of("resistors", rule))


def test_singular_terms_come_from_the_structure_report():
    text = words(page_of("layered", learn.HolomorphicEP()))
    assert "pole" in text and "iπ(2n + 1)/2" in text
    assert "No declared term is singular" in words(page_of("resistors", learn.HolomorphicEP()))


# Clamped outputs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "share"), [(learn.CoupledLearning(0.1), 0.1), (learn.ContrastiveLearning(), 1.0)])
def test_clamped_updates_contrast_two_states(rule, share):
    """If what is measured were a + bη in the phase held at η of the way, the change would be −α ½ b."""
    expr = conductance_update(rule)
    numbers = {r"\alpha": 0.7, r"\eta": share, r"\mathrm{clamped}": share, r"\mathrm{free}": 0.0}
    assert abs(measured(expr, numbers, lambda n, at: 0.3 + 1.7 * n) - -0.7 * 1.7 / 2) < 1e-14


def test_clamped_phases_and_objectives_are_told_in_formulas():
    coupled, contrastive = page_of("resistors", "coupled-learning"), page_of("resistors", "contrastive-learning")
    assert shown(coupled, "held outputs") == [
        r"\left. v_{i} \right|_{\mathrm{clamped}} = \left. v_{i} \right|_{\mathrm{free}} + "
        r"\eta \left(y_{i} - \left. v_{i} \right|_{\mathrm{free}}\right)"
    ]
    assert shown(contrastive, "held outputs") == [r"\left. v_{i} \right|_{\mathrm{clamped}} = y_{i}"]
    [cost] = shown(coupled, "stiffness-weighted cost")
    assert cost == r"L = \frac{\mathbf{e}^{\top} \mathbf{K} \mathbf{e}}{2}"
    [function] = shown(contrastive, "contrastive function")
    assert r"\left. E \right|_{\mathrm{clamped}} - \left. E \right|_{\mathrm{free}}" in function
    [outside] = shown(page_of("prototypical", "outside"), "outside nudge")
    assert outside.endswith(r"h^{\mathrm{output}}_{i} \frac{\partial C}{\partial s^{\mathrm{output}}_{i}}")
