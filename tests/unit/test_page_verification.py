"""The verification of pages: all kinds of systems agree, a wrong sign anywhere is named and ends `physeq docs`."""

import re
from dataclasses import replace

import jax
import numpy as np
import pytest
import sympy as sp
import zoo
from cli_runner import shell  # noqa: F401 - a fixture
from page_changes import changed, one_sign

import physeq as pq
from physeq.errors import InternalError
from physeq.page_verification import relative_difference, verify, with_verification
from physeq.page_verification._comparison import Comparison
from physeq.report import SymbolEntry
from physeq.report._naming import Names
from physeq.report._numbers_names import with_state
from physeq.report._relations import Slope
from physeq.report.notation import symbol_latex
from physeq.report.numbers import Elements, Moment, PageNumbers, Unreadable, equations
from physeq.report.rule_pages import rule_pages

RULE = "equilibrium-propagation"


def rules_of(name):
    """A rule with updates from an energy where there is one."""
    conservative = zoo.compiled(name).derivation.structure.conservative
    return {RULE: pq.EquilibriumPropagation()} if conservative else {"vector-field-ep": pq.VectorFieldEP()}


def pages_of(name):
    return rule_pages(name, zoo.compiled(name).derivation, rules_of(name), {}, {})


def variant_of(name):
    return pq.Variant(lambda: zoo.system(name), name, probe=lambda system, seed: zoo.data(name, seed, (2,)))


def verified(name, pages):
    return verify(pages, variant_of(name), zoo.compiled(name).derivation, rules_of(name))


@pytest.mark.quick(
    "resistors",
    "driven",
    "diodes",
    "capacitors",
    "boxed",
    "layered",
    "hopfield",
    "saturating",
    "xy",
    "directed",
    "triple",
    "signals",
    "shared signals",
    "two coordinates",
    "internal",
    "readout",
)
@pytest.mark.parametrize("name", zoo.SYSTEMS)
def test_pages_of_every_kind_agree_with_the_compiled_model(name):
    pages, derivation = pages_of(name), zoo.compiled(name).derivation
    physics, of_rules = verified(name, pages)
    found = [*physics, *(one for own in of_rules.values() for one in own)]
    assert [one.equation for one in found if one.difference is None] == ["energies of nodes given their messages"]
    found = [one for one in found if one.difference is not None]
    assert max(one.difference for one in found) < 1e-10
    said = [one.equation for one in physics]
    assert len(said) == len(set(said)) and said[0] in ("energy of the steady state", "co-content of the steady state")
    assert any(words.startswith("equation of motion") for words in said)
    assert any(words.startswith("nudged output") for words in said) == bool(derivation.cost.unknowns)
    assert "cost" in said and any(words.startswith("force from messages") for words in said)
    assert any(words.endswith(", in motion") for words in said) == (not derivation.structure.bounded)
    assert any(words.startswith("∂E/∂") for words in said) == (RULE in pages.rules)
    assert all(own for own in of_rules.values()) and set(of_rules) == set(pages.rules)
    assert sum(one.count for one in found) > len(found)


# A deliberate sign error ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["layered", "readout"])
@pytest.mark.parametrize(
    ("words", "title", "label"),
    [
        ("energy|co-content", "Energy", ("energy", "co-content")),
        ("equation of motion", "Equations of motion", ""),
        ("nudged output", "Steady state", "nudged output"),
    ],
)
def test_one_wrong_sign_on_the_page_of_the_system_is_named(name, words, title, label):
    pages = pages_of(name)
    pages = replace(pages, system=changed(pages.system, title, label, one_sign))
    with pytest.raises(InternalError, match=rf"the printed ({words}).* disagrees .*\(seed 0\)"):
        verified(name, pages)


def test_a_wrong_sign_in_the_slope_by_a_parameter_is_named():
    pages = pages_of("diodes")
    labels = [e.label for e in equations(pages.rules[RULE], "Learning") if isinstance(e.lhs, Slope)]
    wrong = changed(pages.rules[RULE], "Learning", labels[-1], lambda equation: {"rhs": -equation.rhs})
    with pytest.raises(InternalError, match=r"the printed ∂E/∂\w+ of .* disagrees"):
        verified("diodes", replace(pages, rules={RULE: wrong}))
    assert len(labels) >= 2


def test_a_wrong_sign_in_the_term_of_one_component_ends_the_command(shell, monkeypatch):  # noqa: F811
    right = Names.rename

    def wrong(self, expr, placement, ports, **more):
        found = right(self, expr, placement, ports, **more)
        return -found if placement.component.name == "one-way" and placement.name == "hidden->output" else found

    monkeypatch.setattr(Names, "rename", wrong)
    said = shell.json("docs", "small:directed", "-o", "out", "--json", status=1)["error"]
    assert "small:directed: the printed equation of motion of s of group output disagrees" in said
    assert re.search(r"relative difference \d\.\de[+-]\d\d", said)


# What pages say -------------------------------------------------------------------------------------------------------


def test_the_pages_say_how_well_they_agree(shell):  # noqa: F811
    shell("docs", "small:directed", "-o", "out")
    text = (shell.folder / "out/small/directed/page.md").read_text()
    section = text[text.index("## Numerical verification") : text.index("## Rules that hold")]
    assert "(seed 0)" in section and "double precision" in section
    numbers = [float(x) for x in re.findall(r"\| (\d\.\de[+-]\d+) \|", section)]
    rows = re.findall(r"\n\| (.+?) \| \d+ \|", section)
    assert len(rows) == len(set(rows)) == len(numbers) + section.count("not evaluated") == len(numbers) + 1
    assert len(numbers) >= 6 and 0 < max(numbers) < 1e-12
    assert f"difference is {max(numbers):.1e}" in section
    rule = (shell.folder / "out/small/directed/dyadic-ep.md").read_text()
    section = rule[rule.index("## Numerical verification") : rule.index("## Source")]
    [(count, worst)] = re.findall(
        r"double precision: (\d+) values, largest relative difference (\d\.\de[+-]\d+)", section
    )
    assert int(count) > 10 and float(worst) < 1e-12 and "(seed 0)" in section
    exact = (shell.folder / "out/small/directed/implicit-differentiation.md").read_text()
    assert "prints no update of its own" in exact[exact.index("## Numerical verification") :]


def test_what_has_no_number_is_said_and_not_passed_over():
    pages, variant = pages_of("resistors"), variant_of("resistors")
    strange = changed(pages.system, "Energy", ("energy", "co-content"), lambda e: {"rhs": e.rhs + sp.Symbol("Q")})
    strange = replace(strange, symbols=(*strange.symbols, SymbolEntry(sp.Symbol("Q"), "what nobody knows")))
    derivation = zoo.compiled("resistors").derivation
    found, _ = verify(replace(pages, system=strange), variant, derivation, {})
    assert found[0].difference is None and found[0].reason == "Q has no number"
    missing = [one.equation for one in found[1:] if one.difference is None]
    assert missing == ["energies of nodes given their messages", "total co-content"]
    shown = with_verification(replace(pages, system=strange, rules={}), variant, derivation)
    assert "not evaluated: Q has no number" in shown.system.to_markdown()


def test_numbers_of_printed_expressions():
    model = zoo.compiled("layered")
    params = jax.tree.map(np.asarray, model.init_parameters(jax.random.key(0)))
    state = {"input": {"s": np.zeros(3)}, "hidden": {"s": np.arange(4.0)}, "output": {"s": np.zeros(2)}}
    page, derivation = pages_of("layered").system, model.derivation
    reader = PageNumbers(page, Elements(derivation), params, Moment(with_state(state, derivation)))
    s = next(e.symbol for e in page.symbols if symbol_latex(getattr(e.symbol, "base", e.symbol)).endswith("{hidden}}"))
    assert reader.value(s**2 - 1)({"i": 3}, {}) == 8
    case = sp.Piecewise((sp.Integer(5), s > 1), (s, True))
    assert [reader.value(case)({"i": i}, {}) for i in range(4)] == [0, 1, 5, 5]
    with pytest.raises(Unreadable, match="has no number"):
        reader.value(sp.Function("h")(s))


def test_small_entries_are_seen_beside_large_ones():
    assert relative_difference([1e9, 1.0, 2.0], [1e9, 1.0, -2.0]) == 2
    assert relative_difference([1.0, 1e-17], [1.0, 0.0]) < 1e-12
    assert relative_difference([np.nan], [1.0]) == np.inf
    with pytest.raises(InternalError, match="the printed thing disagrees with the model at a random point"):
        Comparison(0, "the model").together("thing", [[1.0, 2.0]], [[1.0, -2.0]])
