"""Pages of trajectories: whole in every format, what they say of ends, locality and structure, what they refuse."""

import re
from xml.etree import ElementTree

import pytest
from page_reader import equations
from test_report_writers import Page, balanced
from trajectory_systems import ENDS, PERIODIC, duffing, masses, mechanical, modelled, x, y

import physeq as pq
from physeq import learn
from physeq.report import Document, Math, Section, Table, Warning
from physeq.report._check import expressions, symbols_of
from physeq.report._relations import Change
from physeq.report.notation import latex, symbol_latex

INITIAL = pq.InitialValue({"nodes": [0.4, 0.1, -0.2]}, duration=1.5)
BOTH = pq.TrajectoryCost(running=(x - y) ** 2 / 2 + x.dot**2, terminal=(x - y) ** 2)
RULES = {
    "default": None,
    "centered": learn.LagrangianEP(),
    "random sign": learn.LagrangianEP(nudging=learn.RandomSign(0.1)),
    "holomorphic": learn.LagrangianEP(nudging=learn.Holomorphic(0.1, 6)),
    "reversed": learn.TimeReversedNudge(),
    "adjoint": learn.ContinuousAdjoint(),
    "equilibria": learn.EquilibriumPropagation(),
}
REFUSED = {
    **{(s, r): "dissipates" for s in ("damped", "rlc") for r in ("centered", "random sign", "holomorphic")},
    **{(s, "reversed"): "is not linear" for s in ("duffing", "pendula")},
    **{(s, "equilibria"): "learns equilibria" for s in ("duffing", "pendula", "damped", "rlc")},
}


def learning_of(page):
    [found] = [b for b in page.blocks if isinstance(b, Section) and b.title.startswith("Learning")]
    return found


def assert_whole(page):
    """Every format is written, and the symbol table has what occurs, once, and nothing else."""
    page.check()
    drawn = Document(page.title, page.blocks)
    used = {symbol_latex(s) for e in expressions(drawn) for s in symbols_of(e)}
    used |= {symbol_latex(i) for e in page.symbols for i in getattr(e.symbol, "indices", ())}
    table = [symbol_latex(getattr(e.symbol, "base", e.symbol)) for e in page.symbols]
    assert set(table) == used and len(table) == len(set(table))
    html = page.to_html()
    parsed = Page(html)
    assert not parsed.open and not parsed.faults
    for formula in re.findall(r"<math.*?</math>", html, re.DOTALL):
        ElementTree.fromstring(formula)
    source = page.to_latex()
    assert balanced(source) and "U+" not in source
    assert not re.search(r"\b(nan|None|zoo)\b", page.to_markdown())
    assert page.to_dict()["title"] == page.title


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["duffing", "pendula", "damped", "rlc"])
def test_pages_are_whole_and_rules_that_do_not_hold_say_why(name, rule):
    model = modelled(name)
    page = model.to_document(RULES[rule])
    assert_whole(page)
    first = learning_of(page).blocks[0]
    refused = isinstance(first, Warning) and "".join(map(str, first.text)).startswith("Refused")
    assert refused == ((name, rule) in REFUSED)
    if refused:
        assert REFUSED[name, rule] in page.to_markdown()
    changes = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    assert bool(changes) != (refused or rule == "adjoint")
    assert bool(equations(page, "Nudged")) == (rule in ("centered", "random sign", "holomorphic", "default")
                                               and name in ("duffing", "pendula"))  # fmt: skip
    conservative = name in ("duffing", "pendula")
    assert ("There is no action" in page.to_markdown()) != conservative
    assert bool([e for e in equations(page, "Lagrangian") if e.label == "nudged action"]) == conservative


@pytest.mark.parametrize(
    ("rule", "solver", "words"),
    [
        (None, pq.Leapfrog(5), ["Learning: Hamiltonian echo", "nothing of the forward run", "momenta flipped"]),
        (learn.HamiltonianEcho(learn.OneSided(0.1)), pq.Leapfrog(5), ["free echo", "2 running integrals"]),
        (learn.HamiltonianEcho(learn.RandomSign(0.1)), pq.Leapfrog(5), ["is drawn anew for every batch"]),
        (learn.LagrangianEP(accept_boundary_term=True), pq.Collocation(2, 2), ["Biased on these trajectories",
         "the estimate is off by a boundary term at $T$", "an initial value holds one"]),
        (learn.LagrangianEP(), pq.Collocation(2, 2), ["Refused", "leaves the boundary term",
         "Rules that hold for these trajectories: `continuous-adjoint`."]),
        (learn.BackpropagationThroughTime(pq.Leapfrog(5)), pq.Leapfrog(5), ["computes the exact gradient"]),
    ],
)  # fmt: skip
def test_pages_of_initial_values(rule, solver, words):
    page = duffing().trajectories(INITIAL, solver).to_document(rule)
    assert_whole(page)
    text = page.to_markdown()
    assert [w for w in words if w not in text] == []
    assert "| positions | nodes | 0.4, 0.1, -0.2 |" in text


def test_duffing_with_losses_has_its_exact_gradient_alone():
    system = masses(mechanical.drag(0.3), spring={"cubic": 0.7})
    model = system.trajectories(*PERIODIC)
    page = model.to_document()
    assert_whole(page)
    assert learning_of(page).title == "Learning: continuous adjoint"
    for rule, why in ((learn.LagrangianEP(), "'drag' in 'nodes.drag' dissipates"),
                      (learn.TimeReversedNudge(), "'spring' in 'edges' is not linear in the states")):  # fmt: skip
        refused = learning_of(model.to_document(rule))
        told = "".join(str(part) for block in refused.blocks for part in getattr(block, "text", ()))
        assert told.startswith("Refused") and why in told
    assert not equations(page, "Nudged") and "There is no action" in page.to_markdown()


def test_costs_of_the_path_and_of_its_end():
    page = duffing().trajectories(INITIAL, pq.Collocation(2, 2), cost=BOTH).to_document()
    assert_whole(page)
    [whole] = [latex(e.rhs) for e in equations(page, "Cost") if e.label == "cost"]
    assert whole == (
        r"\int_{0}^{T} \sum_{i \in \mathcal{O}} \ell_{i} \, \mathrm{d} t + \sum_{i \in \mathcal{O}} c_{i}\left(T\right)"
    )
    assert "the terminal cost sees the last entry" in page.to_markdown()


def test_trajectories_without_cost_have_pages():
    system = duffing(cost=None, outputs=None)
    model = system.trajectories(*ENDS)
    page = model.to_document()
    assert_whole(page)
    text = page.to_markdown()
    assert "there is nothing to learn" in text and r"A = \int_{0}^{T} L" in text


def test_equations_say_what_is_held_at_the_ends():
    given = [" = ".join(map(latex, e.sides)) for e in equations(modelled("duffing").to_document(), "Boundary")]
    assert given == [r"x_{i}\left(0\right) = a_{i}", r"x_{i}\left(T\right) = b_{i}"]
    periodic = [" = ".join(map(latex, e.sides)) for e in equations(modelled("rlc").to_document(), "Boundary")]
    # The rate of a coil's flux is no unknown: its own equation gives it.
    assert periodic == [
        r"v_{i}\left(t + T\right) = v_{i}\left(t\right)",
        r"\psi_{ij}\left(t + T\right) = \psi_{ij}\left(t\right)",
    ]


def test_locality_says_what_is_measured_integrated_and_kept():
    def rows(page):
        [section] = [b for b in learning_of(page).blocks if isinstance(b, Section) and b.title.startswith("Locality")]
        [table] = [b for b in section.blocks if isinstance(b, Table)]
        shown = [["".join(latex(c.expr) if isinstance(c, Math) else str(c) for c in cell) for cell in row]
                 for row in table.rows]  # fmt: skip
        return {row[0]: row[1:] for row in shown}

    conservative = rows(modelled("chain-ends").to_document())
    assert conservative[r"k^{\mathrm{edges}}_{ij}"] == [
        "2", r"x_{i} - x_{j}, \mathrm{length}_{ij} (own parameter)", "source, target", "positive and negative",
        "0 … T", "2 running integrals, one per phase",
    ]  # fmt: skip
    lossy = rows(modelled("rlc").to_document())
    measured, where, phases, _, kept = lossy["L_{ij}"][1:]
    assert measured == (r"\psi_{ij}, \mu_{i}\left(T - t\right), \mu_{j}\left(T - t\right), L_{ij} (own parameter)")
    assert (where, phases) == ("inside the element, source, target", "free, and error backwards")
    assert kept == "the whole record of the free run, 1 running integral"
    echoes = duffing().trajectories(INITIAL, pq.Leapfrog(4)).to_document()
    assert rows(echoes)["m_{i}"][-1] == (
        "2 running integrals, one per echo; nothing of the forward run, where the echoes end, and the rate at the start"
    )


def test_updates_are_read_in_words():
    text = modelled("chain-ends").to_markdown()
    assert (
        "the square of the difference of position along x across the spring from its value at rest, integrated over "
        "time: positive less negative" in text
    )
    assert "the square of the rate of position along x of the node, integrated over time" in text


def test_structure_is_a_table_with_reasons():
    page = modelled("damped").to_document()
    [table] = [b.blocks[0] for b in page.blocks if isinstance(b, Section) and b.title == "Structure of the motion"]
    found = {row[0][0]: (row[1][0], row[2][0]) for row in table.rows}
    assert found["extremal of an action"][0] == "no" and "'drag' in 'nodes.drag'" in found["extremal of an action"][1]
    assert found["linear"] == ("yes", "–") and found["driven"] == ("yes", "input 'f'")


def test_models_print_themselves():
    model = modelled("pendula")
    text = str(model)
    assert text.splitlines()[0] == (
        "system: 3 nodes in 1 group, 2 elements in 1 bundle, 8 trained parameters; extremals of an action, Periodic, "
        "9 times"
    )
    assert "Δκ[i, j] = -η/(4 β) ∫[0 … T] ((θ[i] - θ[j])²|(β) - (θ[i] - θ[j])²|(-β)) dt" in text
    assert "linear: no (component 'pendulum' in 'nodes' is not linear in the states)" in text
    assert model._repr_markdown_() == model.to_markdown() and "<iframe srcdoc=" in model._repr_html_()
    assert model.to_latex().startswith("\\documentclass") and "<!DOCTYPE html>" in model.to_html()
