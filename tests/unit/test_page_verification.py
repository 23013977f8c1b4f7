"""The verification of pages: all kinds of systems agree, a wrong sign anywhere is named and ends `physeq docs`."""

import re
from dataclasses import replace

import jax
import numpy as np
import pytest
import sympy as sp
import zoo
from cli_runner import shell  # noqa: F401 - a fixture

import physeq as pq
from physeq.documented_rules import rules_of_equilibria
from physeq.errors import InternalError
from physeq.page_verification import relative_difference, verify, with_verification
from physeq.report import Equation, Section
from physeq.report._naming import Names
from physeq.report._relations import Slope
from physeq.report.notation import symbol_latex
from physeq.report.numbers import PageNumbers, Unreadable, equations
from physeq.report.rule_pages import rule_pages

RULES = ("equilibrium-propagation", "vector-field-ep")


def pages_of(name):
    derivation = zoo.compiled(name).derivation
    found = rules_of_equilibria(derivation).admitted
    return rule_pages(name, derivation, {rule: found[rule] for rule in RULES if rule in found}, {}, {})


def variant_of(name):
    return pq.Variant(lambda: zoo.system(name), name, probe=lambda system, seed: zoo.data(name, seed, (2,)))


@pytest.mark.parametrize("name", zoo.SYSTEMS)
def test_pages_of_every_kind_agree_with_the_compiled_model(name):
    pages, model = pages_of(name), zoo.compiled(name)
    found = verify(pages, variant_of(name), model)
    assert [one.reason for one in found if one.difference is None] == []
    assert max(one.difference for one in found) < 1e-11
    said = [one.equation for one in found]
    assert len(said) == len(set(said)) and said[0] in ("energy of the steady state", "co-content of the steady state")
    assert any(words.startswith("equation of motion") for words in said)
    assert any(words.startswith("nudged output") for words in said) == bool(model.derivation.cost.unknowns)
    assert any(words.startswith("∂E/∂") for words in said) == ("equilibrium-propagation" in pages.rules)
    assert sum(one.count for one in found) > len(found)


# A deliberate sign error ----------------------------------------------------------------------------------------------


def changed(page, title, label, change):
    """The page with both sides of the first equation of a section, whose label begins like this, changed."""
    done = []

    def visit(blocks, inside):
        made = []
        for block in blocks:
            if isinstance(block, Section):
                block = replace(block, blocks=visit(block.blocks, inside or block.title.startswith(title)))
            elif isinstance(block, Equation) and inside and not done and (block.label or "").startswith(label):
                done.append(block)
                block = replace(block, **change(block))
            made.append(block)
        return tuple(made)

    result = replace(page, blocks=visit(page.blocks, False))
    assert done
    return result


def one_sign(equation):
    """The equation with the first term of its longer side negated."""
    side = "lhs" if equation.rhs == 0 else "rhs"
    first, *others = sp.Add.make_args(getattr(equation, side))
    return {side: sp.Add(-first, *others)}


@pytest.mark.parametrize("name", ["layered", "diodes", "readout"])
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
        verify(pages, variant_of(name), zoo.compiled(name))


def test_a_wrong_sign_in_the_slope_by_a_parameter_is_named():
    pages, rule = pages_of("diodes"), "equilibrium-propagation"
    labels = [e.label for e in equations(pages.rules[rule], "Learning") if isinstance(e.lhs, Slope)]
    for label in labels:
        wrong = changed(pages.rules[rule], "Learning", label, lambda equation: {"rhs": -equation.rhs})
        with pytest.raises(InternalError, match=r"the printed ∂E/∂\w+ of .* disagrees"):
            verify(replace(pages, rules={rule: wrong}), variant_of("diodes"), zoo.compiled("diodes"))
    assert len(labels) >= 2


def test_a_wrong_sign_in_the_term_of_one_component_ends_the_command(shell, monkeypatch):  # noqa: F811
    shell("docs", "small:directed", "-o", "out")
    right = Names.rename

    def wrong(self, expr, placement, ports, **more):
        found = right(self, expr, placement, ports, **more)
        return -found if placement.component.name == "one-way" and placement.name == "hidden->output" else found

    monkeypatch.setattr(Names, "rename", wrong)
    said = shell.json("docs", "small:directed", "-o", "out", "--json", status=1)["error"]
    assert "small:directed: the printed equation of motion of s of group output disagrees" in said
    assert re.search(r"relative difference \d\.\de[+-]\d\d", said)


# What pages say -------------------------------------------------------------------------------------------------------


def test_the_page_says_how_well_it_agrees(shell):  # noqa: F811
    shell("docs", "small:smooth", "-o", "out")
    text = (shell.folder / "out/small/smooth/page.md").read_text()
    section = text[text.index("## Numerical verification") : text.index("## Rules that hold")]
    assert "(seed 0)" in section and "double precision" in section
    numbers = [float(x) for x in re.findall(r"\| (\d\.\de[+-]\d+) \|", section)]
    assert len(numbers) == section.count("\n| ") - 2 >= 6 and 0 < max(numbers) < 1e-12
    rows = re.findall(r"\n\| (.+?) \| \d+ \|", section)
    assert len(rows) == len(set(rows)) == len(numbers)
    assert f"difference is {max(numbers):.1e}" in section


def test_a_system_without_a_compiled_steady_state_says_so():
    x, z = pq.coordinate("x"), pq.coordinate("z")
    mass = pq.Node("mass", kinetic=(x.dot**2 + z.dot**2) / 2, potential=z)
    rod = pq.Edge("rod", constraint=[(x.source - x.target) ** 2 + (z.source - z.target) ** 2 - 1])
    system = pq.System(pq.from_edges([0], [1], size=2), nodes=mass, edges=rod, ground=0)
    derivation = system.derive()
    pages = rule_pages("Pendulum", derivation, {}, {}, {})
    made = with_verification(pages, pq.Variant(lambda: system, "a rod"), derivation)
    assert "were not verified" in made.system.to_markdown() and "constrained system" in made.system.to_markdown()


def test_what_has_no_number_is_said_and_not_passed_over():
    pages, model = pages_of("layered"), zoo.compiled("layered")
    strange = changed(pages.system, "Energy", "energy", lambda e: {"rhs": e.rhs + sp.Symbol("Q")})
    found = verify(replace(pages, system=strange), variant_of("layered"), model)
    assert found[0].difference is None and found[0].reason == "Q has no number"
    assert all(one.difference is not None for one in found[1:])


def test_numbers_of_printed_expressions():
    model = zoo.compiled("layered")
    params = jax.tree.map(np.asarray, model.init_parameters(jax.random.key(0)))
    state = {"input": {"s": np.zeros(3)}, "hidden": {"s": np.arange(4.0)}, "output": {"s": np.zeros(2)}}
    page = pages_of("layered").system
    reader = PageNumbers(page, model.derivation, params, state)
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
