"""The printed updates of rules of equilibria against each rule's own code: they agree, and a wrong sign is named."""

from dataclasses import replace

import one_way_systems
import pytest
import sympy as sp
import zoo
from page_changes import changed, one_sign

import physeq as pq
from physeq.documented_rules import rules_of_equilibria
from physeq.errors import InternalError
from physeq.page_verification._steady_answers import steady_answers
from physeq.page_verification._steady_rules import RulePage
from physeq.report._numbers_names import Elements, equations
from physeq.report._relations import Change
from physeq.report._rule_operators import At
from physeq.report.rule_pages import rule_pages

CONSERVATIVE = (
    "equilibrium-propagation",
    "continual-ep",
    "coupled-learning",
    "contrastive-learning",
    "frequency-propagation",
    "holomorphic-ep",
    "oscillating-ep",
)
ANY = ("asymmetric-ep", "continual-vector-field-ep", "dyadic-ep", "jacobian-homeostasis", "vector-field-ep")
MAP = {"mapped vector-field-ep": pq.VectorFieldEP(weighting=pq.MapResponse())}


class Case:
    """A system of the zoo with the pages of all its rules, and what these make of random states."""

    def __init__(self, name, rules):
        self.model = zoo.compiled(name)
        derivation = self.model.derivation
        self.rules = {n: rules_of_equilibria(derivation).admitted.get(n) or MAP[n] for n in rules}
        variant = pq.Variant(lambda: zoo.system(name), name, probe=lambda system, seed: zoo.data(name, seed, (2,)))
        self.pages, self.elements = rule_pages(name, derivation, self.rules, {}, {}), Elements(derivation)
        self.answers = steady_answers(self.model, variant, self.rules, 0)

    def verified(self, name, page=None):
        pages = self.pages if page is None else replace(self.pages, rules={name: page})
        arguments = name, self.rules[name], pages, self.model, self.elements, self.answers, 0
        return list(RulePage(*arguments).verified())


@pytest.fixture(scope="module")
def smooth():
    return Case("prototypical", CONSERVATIVE)


@pytest.fixture(scope="module")
def directed():
    return Case("directed", (*ANY, *MAP))


def is_update(equation):
    return isinstance(equation.lhs, Change | At) and equation.rhs is not None


def check(case, name):
    found = case.verified(name)
    assert [one.reason for one in found if one.difference is None] == []
    assert max(one.difference for one in found) < 1e-10
    updates = [one.equation for one in found if one.equation.startswith("update of ")]
    trained = [k for own in case.model.trainable().values() for k, free in own.items() if free]
    assert len(updates) >= len(trained) and sum(one.count for one in found) > len(found)
    # Δp of the first parameter, or its step, with the sign of one term turned.
    wrong = changed(case.pages.rules[name], "Learning", "", _turned, lambda e: is_update(e) and _own(case, e))
    with pytest.raises(InternalError, match=rf"the printed update of \w+ of .* by {name}.* disagrees with what {name}"):
        case.verified(name, wrong)


def _own(case, equation):
    return getattr(equation.lhs.args[0], "base", None) is not None


def _turned(equation):
    """−Δp, or a step whose change has the other sign."""
    if isinstance(equation.lhs, Change):
        return {"rhs": -equation.rhs}
    before = At(equation.lhs.args[0], next(a.args[1] for a in equation.rhs.args if isinstance(a, At)))
    return {"rhs": 2 * before - equation.rhs}


@pytest.mark.parametrize("name", CONSERVATIVE)
def test_updates_of_rules_that_need_an_energy(smooth, name):
    check(smooth, name)


@pytest.mark.parametrize("name", [*ANY, *MAP])
def test_updates_of_rules_without_symmetry(directed, name):
    check(directed, name)


@pytest.mark.parametrize(
    ("name", "label", "words"),
    [
        ("asymmetric-ep", "correction", "nudged phase"),
        ("asymmetric-ep", "nudged phase", "nudged phase"),
        ("dyadic-ep", "difference", "difference"),
        ("vector-field-ep", "response", "update"),
        ("jacobian-homeostasis", "entry", "update"),
    ],
)
def test_a_wrong_sign_in_what_a_phase_needs_is_named(directed, name, label, words):
    change = (lambda e: {"rhs": -e.rhs}) if label != "nudged phase" else one_sign
    wrong = changed(directed.pages.rules[name], "Learning", label, change)
    with pytest.raises(InternalError, match=f"the printed {words} .* by {name}"):
        directed.verified(name, wrong)


@pytest.mark.parametrize(
    ("name", "label", "words"),
    [("coupled-learning", "held outputs", "held outputs"), ("frequency-propagation", "weight of a reading", "update")],
)
def test_a_wrong_sign_in_a_definition_is_named(smooth, name, label, words):
    wrong = changed(smooth.pages.rules[name], "Learning", label, one_sign)
    with pytest.raises(InternalError, match=f"the printed {words} .* by {name}"):
        smooth.verified(name, wrong)


def test_steps_are_told_with_the_parameters_that_are_measured_at():
    """XY units: ∂E/∂ψ holds another trained parameter, and pair forces do not add up to a whole displacement."""
    theta, k, psi = pq.coordinate("theta"), pq.parameter("k"), pq.parameter("psi")
    field = pq.Node("rotor", potential=-k * sp.cos(theta - psi), dissipation=theta.dot**2 / 2)
    pair = pq.Edge("pair", potential=-pq.parameter("w") * sp.cos(theta.source - theta.target))
    system = pq.System(
        pq.complete(4), nodes=field, edges=pair, inputs=[0], outputs=[3], cost=(theta - pq.target("y")) ** 2 / 2
    )
    derivation = system.derive()
    rules = {n: r for n, r in rules_of_equilibria(derivation).admitted.items() if n.startswith("continual")}
    pages = rule_pages("XY", derivation, rules, {}, {})
    model = system.compile()
    answers = steady_answers(model, pq.Variant(lambda: system, "XY"), rules, 0)
    for name, rule in rules.items():
        found = list(RulePage(name, rule, pages, model, Elements(derivation), answers, 0).verified())
        assert max(one.difference for one in found) < 1e-10
    whole = [e for e in rules if "vector" in e]
    text = pages.rules[whole[0]].to_markdown()
    assert "over the phase" not in text


@pytest.mark.parametrize("kind", one_way_systems.BUILT)
def test_the_penalty_of_elements_with_any_ports(kind):
    system, model = one_way_systems.BUILT[kind]()
    name, rules = "jacobian-homeostasis", {"jacobian-homeostasis": pq.JacobianHomeostasis(strength=0.7)}
    pages, elements = rule_pages("any", model.derivation, rules, {}, {}), Elements(model.derivation)
    answers = steady_answers(model, pq.Variant(lambda: system, "any"), rules, 0)

    def verified(page):
        return list(RulePage(name, rules[name], page, model, elements, answers, 0).verified())

    assert max(one.difference for one in verified(pages)) < 1e-10
    labels = {e.label for e in equations(pages.rules[name], "Learning") if (e.label or "").startswith(("entry", "sum"))}
    for label in labels:
        wrong = changed(pages.rules[name], "Learning", label, lambda e: {"rhs": -e.rhs})
        with pytest.raises(InternalError, match=f"the printed update of .* by {name}"):
            verified(replace(pages, rules={name: wrong}))
