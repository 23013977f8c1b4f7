"""Pages of systems of every kind: complete symbol tables, valid output, and what each kind must say."""

import re
from xml.etree import ElementTree

import networkx as nx
import one_way_systems
import pytest
import sympy as sp
import zoo
from page_reader import equations
from test_report_writers import Page, balanced

import physeq as pq
from physeq.report import Section, Table, Warning, derivation_page
from physeq.report._check import expressions, symbols_of
from physeq.report._operators import Scaled
from physeq.report._relations import Chain, Change, Contrast
from physeq.report.notation import latex, symbol_latex
from physeq.report.text import plain

phi, v = pq.electrical.phi, pq.electrical.v
x, z, psi, y = pq.coordinate("x"), pq.coordinate("z"), pq.coordinate("psi"), pq.target("y")
m, length, inductance = (pq.parameter(name, positive=True) for name in ("m", "l", "L"))


def pendulum():
    mass = pq.Node("mass", kinetic=m * (x.dot**2 + z.dot**2) / 2, potential=m * sp.Rational(981, 100) * z)
    rod = pq.Edge("rod", constraint=[(x.source - x.target) ** 2 + (z.source - z.target) ** 2 - length**2])
    return pq.System.from_graph(nx.path_graph(3), nodes=mass, edges=rod, ground=0)


def circuit():
    """A coil with a flux of its own and a rate constraint, a flux-coupled inductor, resistors, a capacitor."""
    coil = pq.Edge(
        "coil",
        internal=(psi,),
        potential=psi**2 / (2 * inductance),
        constraint=[psi.dot - phi.source.dot + phi.target.dot],
    )
    choke = pq.Edge("choke", potential=(phi.source - phi.target) ** 2 / (2 * inductance))
    graph = nx.MultiDiGraph()
    kinds = {"coil": coil, "choke": choke, "resistor": pq.electrical.resistor(), "capacitor": pq.electrical.capacitor()}
    for a, b, kind in [(0, 1, "coil"), (1, 2, "resistor"), (2, 0, "choke"), (1, 0, "capacitor"), (3, 2, "resistor")]:
        graph.add_edge(a, b, component=kind)
    return pq.System.from_graph(graph, edges=kinds, ground=0)


def clashing():
    """Quantities of the user's that are called like those of the page, and odd names of groups."""
    e, beta, i, j = pq.coordinate("E"), pq.parameter("beta"), pq.parameter("i"), pq.parameter("j")
    unit = pq.Node("unit", potential=e**2 / 2 - beta * e, dissipation=e.dot**2 / 2)
    edge = pq.Edge("edge", potential=-i * e.source * e.target + j * e.source**2)
    groups = (pq.Group("C", 2), pq.Group("R&D_1 #5%", 3))
    bundles = (pq.Bundle("F", ("C", "R&D_1 #5%"), pq.Dense()), pq.Bundle("L", ("C", "C"), pq.Dense()))
    cost = (e - pq.target("p")) ** 2 / 2
    topology = pq.Topology(groups, bundles)
    return pq.System(topology, nodes=unit, edges=edge, inputs="C", outputs="R&D_1 #5%", cost=cost)


def box():
    diodes = pq.electrical.ideal_diode_to_ground()
    graph = nx.cycle_graph(4)
    return pq.System.from_graph(
        graph, nodes=diodes, edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2], cost=(v - y) ** 2
    )


def partly_dynamic():
    """A capacitor between two of the nodes of a resistor network: the others have algebraic equations."""
    graph = nx.MultiGraph(nx.cycle_graph(5), component="resistor")
    nx.set_edge_attributes(graph, "resistor", "component")
    graph.add_edge(2, 3, component="capacitor")
    kinds = {"resistor": pq.electrical.resistor(), "capacitor": pq.electrical.capacitor()}
    return pq.System.from_graph(graph, edges=kinds, ground=0, inputs=[1], outputs=[3], cost=(v - y) ** 2 / 2)


KINDS = {"partly dynamic": partly_dynamic, "pendulum": pendulum, "circuit": circuit, "clashing": clashing, "box": box}
KINDS |= {name: (lambda build=build: build()[0]) for name, build in one_way_systems.BUILT.items()}
KINDS |= {name: (lambda name=name: zoo.system(name)) for name in zoo.SYSTEMS}
PAGES = {}


def page_of(name):
    if name not in PAGES:
        PAGES[name] = derivation_page(pq.derive(KINDS[name]()))
    return PAGES[name]


@pytest.mark.parametrize("name", KINDS)
def test_every_symbol_is_explained_once_and_none_is_explained_in_vain(name):
    page = page_of(name)
    page.check()
    blocks = type(page)(page.title, page.blocks)
    used = {symbol_latex(s) for e in expressions(blocks) for s in symbols_of(e)}
    used |= {symbol_latex(i) for e in page.symbols for i in getattr(e.symbol, "indices", ())}
    used |= {f.latex_name for e in expressions(blocks) for f in map(type, e.atoms(pq.sigmoid, pq.softplus, pq.clip))}
    listed = {symbol_latex(getattr(e.symbol, "base", e.symbol)) for e in page.symbols}
    assert listed == used


@pytest.mark.parametrize("name", KINDS)
def test_all_formats_are_valid(name):
    page = page_of(name)
    source = page.to_html()
    parsed = Page(source)
    assert not parsed.open and not parsed.faults
    for formula in re.findall(r"<math.*?</math>", source, re.DOTALL):
        ElementTree.fromstring(formula)
    assert balanced(page.to_latex())
    markdown = page.to_markdown()
    assert markdown.count("\n$$\n") % 2 == 0
    assert not re.search(r"\b(nan|None|zoo)\b", markdown)
    assert page.to_dict()["title"] == page.title


def text_of(page, title):
    return "\n".join(latex(side) for e in equations(page, title) for side in e.sides)


def test_constraints_print_with_their_multipliers():
    page = page_of("pendulum")
    motion = equations(page, "Equations of motion")
    assert len(motion) == 3 and motion[2].rhs == 0
    assert r"\lambda_{ij}" in latex(motion[0].rhs) and r"\ddot{x}_{i}" in latex(motion[0].lhs)
    # The constraint force is λ ∂g/∂x: read it off the printed constraint.
    g, [term] = motion[2].lhs, [t for t in motion[0].rhs.args if "(i, j)" in latex(t)]
    [multiplier] = [e for e in term.atoms(sp.Indexed) if "lambda" in latex(e)]
    plain_of = {e: sp.Symbol(latex(e)) for e in (*g.atoms(sp.Indexed), multiplier)}
    slope = sp.diff(g.xreplace(plain_of), sp.Symbol("x_{i}"))
    assert sp.expand(term.body.xreplace(plain_of) - plain_of[multiplier] * slope) == 0


def test_nodes_of_one_group_that_differ_have_equations_of_their_own():
    page = page_of("circuit")
    motion = equations(page, "Equations of motion")
    assert len(motion) == 5
    assert "steady state" in page.to_markdown() and not equations(page, "Steady state")
    assert [latex(e.lhs) for e in motion[3:]] == [
        r"\frac{\psi_{ij}}{L^{\mathrm{coil}}_{ij}}",
        r"\dot{\psi}_{ij} - v_{i} + v_{j}",
    ]


def test_a_system_without_reciprocity_is_refused_with_the_reason():
    [learning] = [b for b in page_of("directed").blocks if isinstance(b, Section) and b.title.startswith("Learning")]
    [block] = learning.blocks
    assert isinstance(block, Warning) and "not reciprocal" in block.text[0]
    assert not any(isinstance(e.lhs, Change) for e in equations(page_of("directed"), "Learning"))


def rows_of(page, title):
    """{first cell: the row's cells} of the tables of a section, as text with formulas in LaTeX."""
    [section] = [b for b in page.blocks if isinstance(b, Section) and b.title == title]
    tables = [b for b in section.blocks if isinstance(b, Table)]
    found = [["".join(map(told, cell)) for cell in row] for table in tables for row in table.rows]
    return {row[0]: row for row in found}


def told(part):
    return part if isinstance(part, str) else getattr(part, "text", None) or latex(part.expr)


def test_what_is_not_reciprocal_is_told_with_the_ports_that_it_joins():
    [_, _, why] = rows_of(page_of("gated"), "Structure")["conservative"]
    defect = r"- w_{ijk} \sigma\left(u_{ijk} s_{j}\right)"
    assert f"∂f_i/∂x_k − ∂f_k/∂x_i = {defect} (i its source, k its target)" in why
    assert "plain in plain is not reciprocal, ∂f_i/∂x_j − ∂f_j/∂x_i = " in why
    # Other letters where the user's quantities have i and j.
    e, i, w = pq.coordinate("e"), pq.parameter("i"), pq.parameter("w")
    arrow = pq.Edge("arrow", force={e.target: w * e.source})
    unit = pq.Node("unit", potential=i * e**2 / 2)
    page = derivation_page(pq.System(pq.from_edges([0], [1], 2, directed=True), nodes=unit, edges=arrow).derive())
    assert rows_of(page, "Structure")["conservative"][2].endswith("∂f_j/∂x_k − ∂f_k/∂x_j = - w_{jk}")
    # Two coordinates of one node have the same index.
    turn = pq.Node("turn", potential=x**2 + z**2, force={x: m * z})
    page = derivation_page(pq.System(pq.Topology((pq.Group("n", 2),)), nodes=turn).derive())
    slope = "the slope of the force on x_{i} by z_{i} less that of the force on z_{i} by x_{i} is m_{i}"
    assert slope in rows_of(page, "Structure")["conservative"][2]


def test_elements_are_evaluated_where_they_act():
    markdown = page_of("gated").to_markdown()
    assert re.findall(r"is evaluated element by element at its (\w+)", markdown) == ["target"]
    assert re.findall(r"element by element at its (\w+)", page_of("triple").to_markdown()) == ["a", "b", "c"]


def test_inputs_name_the_coordinate_where_nodes_have_several():
    markdown = page_of("two coordinates").to_markdown()
    assert "Input `r`: 1 value clamped on coordinate r of node 0." in markdown
    assert "Input `push`: 2 values acting as a force on coordinate s of nodes 1, 2." in markdown
    assert "Input `input`: 2 values clamped on nodes 1, 2." in page_of("resistors").to_markdown()


def test_bounds_are_printed_and_clip_the_local_step():
    page = page_of("boxed")
    steps = [e.lhs for e in equations(page, "As executed") if isinstance(e.lhs, Chain)]
    assert steps and all(type(step.sides[1]).__name__ == "clip" for step in steps)
    assert "\\le v_{i} \\le" in page.to_latex()


def test_bounds_by_cases_are_told_in_words():
    [step, *_] = [e for e in equations(page_of("box"), "As executed") if isinstance(e.lhs, Chain)]
    assert step.note == ("then clipped to the bounds of the node",)
    assert not step.lhs.has(sp.Piecewise) and "Piecewise" not in page_of("box").to_markdown()


def test_locality_names_the_places_and_phases():
    page = page_of("resistors")
    [learning] = [b for b in page.blocks if isinstance(b, Section) and b.title.startswith("Learning")]
    [section] = [b for b in learning.blocks if isinstance(b, Section) and b.title.startswith("Locality")]
    [row] = next(b for b in section.blocks if isinstance(b, Table)).rows
    assert [cell[0] if isinstance(cell[0], str) else latex(cell[0].expr) for cell in row] == [
        "g_{ij}",
        "10",
        "v_{i} - v_{j}",
        "source, target",
        "positive and negative",
        "1 number",
    ]


@pytest.mark.parametrize(
    ("nudging", "nudges"),
    [
        (pq.Centered(0.1), {"β", "-β"}),
        (pq.OneSided(0.1), {"β", "0"}),
        (pq.OneSided(-0.1), {"0", "-β"}),
        (pq.RandomSign(0.1), {"β", "0"}),
    ],
)
def test_the_contrast_is_a_difference_quotient_over_the_phases_of_the_rule(nudging, nudges):
    """If ½ (v_i − v_j)² were a + bβ in the phase with nudge β, every update would be −η b."""
    page = derivation_page(pq.derive(zoo.system("resistors")), pq.EquilibriumPropagation(nudging))
    [update] = [e.rhs for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    a, b, beta, eta = sp.symbols("a b beta eta", positive=True)

    def linear(contrast):
        assert {plain(n) for _, n in contrast.terms} == nudges
        numbers = {s: beta for _, n in contrast.terms for s in n.free_symbols}
        return sum(w.xreplace(numbers) * 2 * (a + b * n.xreplace(numbers)) for w, n in contrast.terms)

    value = update.replace(lambda e: isinstance(e, Contrast), linear)
    value = value.replace(lambda e: isinstance(e, Scaled), lambda e: e.args[0] * e.args[1])
    value = value.xreplace({s: {"β": beta, "η": eta}[plain(s)] for s in value.free_symbols if plain(s) in ("β", "η")})
    assert sp.simplify(value + eta * b) == 0


def test_exact_rules_have_no_phases_on_the_page():
    page = derivation_page(pq.derive(zoo.system("resistors")), pq.ImplicitDifferentiation())
    assert "exact gradient" in page.to_markdown()
    assert not any(isinstance(e.lhs, Change) for e in equations(page, "Learning"))


def test_a_derivation_prints_itself():
    system = zoo.system("layered")
    derivation = system.derive()
    lines = str(derivation).splitlines()
    assert lines[0] == "system: 9 nodes, 20 elements, first order, conservative"
    assert "  Δb^hidden[i] = η/(2 β) (tanh(s^hidden[i])|(β) - tanh(s^hidden[i])|(-β))" in lines
    assert "nodes" in repr(derivation) and "\n" not in repr(derivation)
    assert derivation._repr_markdown_() == derivation.to_markdown()
    assert derivation._repr_html_().startswith("<iframe") and "<html" not in derivation._repr_html_()
    assert derivation._repr_latex_().startswith("$$\\begin{gathered}") and balanced(derivation._repr_latex_())
    assert derivation.structure is not None and derivation.form("hidden") is derivation.forms[1]
    compiled = system.compile()
    assert compiled.derivation.system is system
