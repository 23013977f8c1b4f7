"""What objects show of themselves: names and numbers, well-formed HTML, and never a dump."""

import re
from html.parser import HTMLParser

import jax
import numpy as np
import optax
import pytest

import physeq as pq
from physeq.learn.audit import AuditPoint
from physeq.learn.over_points import HolomorphicAudit
from physeq.learn.stability import StabilityMap
from physeq.report import Table
from physeq.summaries import summary

v, y = pq.electrical.v, pq.target("y", unit="V")
x = pq.coordinate("x")


@pytest.fixture(scope="module")
def shown():
    """{name: (an object, what it must say)}."""
    diode = pq.electrical.exponential_diode_to_ground(0.05, 0.25)
    ends = {"ground": (0, 0), "inputs": [(0, 2)], "outputs": [(2, 0)], "cost": (v - y) ** 2 / 2, "name": "grid"}
    network = pq.System(pq.lattice((3, 3)), nodes=diode, edges=pq.electrical.resistor(), **ends)
    linear = pq.System(pq.lattice((3, 3)), edges=pq.electrical.resistor(), **ends)
    model = linear.compile()
    params = model.init_parameters(jax.random.key(0))
    inputs = np.linspace(0.2, 1.0, 6)[:, None]
    data = (inputs, inputs / 2)
    rule = pq.EquilibriumPropagation(pq.Centered(0.1))
    pendulum = pq.System(pq.complete(1), nodes=pq.mechanical.pendulum(), name="clock")
    motion = pendulum.motion()
    swung = motion.init_parameters(jax.random.key(0))
    solution = motion.simulate(swung, t1=1.0, ts=np.linspace(0, 1, 11), start={"nodes": {"theta": np.array([0.5])}})
    mass = pq.Node("mass", kinetic=x.dot**2 / 2, potential=x**2)
    driven = pq.System(pq.complete(1), nodes=mass, inputs={"push": pq.Drive("nodes")}, name="swing")
    orbits = driven.trajectories(pq.Periodic(2 * np.pi), pq.HarmonicBalance(2))
    fit = pq.fit(
        model, rule, (*data, *data), optimizer=optax.sgd(0.1), epochs=9, batch_size=3, progress=False, basin=None
    )
    points = tuple(AuditPoint(beta, beta**2, 1 - beta**4) for beta in (0.1, 0.01))
    audit = pq.Audit(rule, rule.objective, "implicit-differentiation", points=2, order=2, best=points[1], curve=points)
    refused = pq.Audit(rule, rule.objective, "", admissible=False, reason="it has no energy")
    singularity = pq.Singularity(0.8, 0.2, tuple(np.linspace(0.8, 9.0, 500)), 0.3)
    square = np.array([[-1 - 1j, 1 - 1j], [-1 + 1j, 1 + 1j]])
    return {
        "edge": (pq.electrical.resistor(), ["resistor", "energy coupling", "conductance", "S", "0 … ∞"]),
        "node": (pq.neural.unit(pq.neural.tanh), ["unit: node", "tanh", "bias", "potential energy"]),
        "directed": (
            pq.Edge("arrow", force={pq.neural.s.target: pq.parameter("w") * pq.neural.s.source}),
            ["directed coupling", "force on"],
        ),
        "triple": (
            pq.Component("rod", ports=("a", "b", "c"), constraint=(x.at("a") - x.at("b"),)),
            ["ports a, b, c", "constraint"],
        ),
        "system": (network, ["grid: 9 nodes, 12 elements", "exponential diode", "clamped on nodes", "Held at 0"]),
        "derivation": (network.derive(), ["grid", "Structure", "conservative"]),
        "structure": (network.derive().structure, ["algebraic", "conservative", "exponential diode in nodes"]),
        "trajectory structure": (orbits.structure, ["extremal of an action", "input 'push'"]),
        "model": (model, ["Model of grid: 9 unknowns", 'params["edges"]["g"]', "12", "V"]),
        "motion": (motion, ["Motion of clock: 2 unknowns", "nodes.theta_dot", "rad/s"]),
        "trajectory model": (orbits, ["swing", "Periodic"]),
        "equilibrium": (model.equilibrium(params, inputs), ["6 converged", "nodes.v", "6 × 9"]),
        "solution": (solution, ["Motion of clock: 11 times from 0 to 1 s", solution.solver, "0.theta", "0.5"]),
        "trajectories": (orbits.solve({"nodes": {}}, np.cos(orbits.times)[:, None]), ["swing", "5 times", "nodes.x"]),
        "fit": (fit, ["Fit of grid", "centered, β = 0.1", "9 epochs", f"{fit.test['cost']:.4g}"]),
        "audit": (audit, ["implicit-differentiation", f"{audit.best.relative_error:.3g}", "Cosine"]),
        "refused": (refused, ["refused: it has no energy"]),
        "consistency": (pq.Consistency(1e-16, 2e-15, 3e-9), ["Consistency", "3e-09"]),
        "singularity": (singularity, ["R = 0.8", "R/4 = 0.2"]),
        "circle": (HolomorphicAudit(singularity, 0.2, (), None, 0.3), ["radius 0.2", "one-sided", "0.3"]),
        "stability": (StabilityMap(square, abs(square), square.real < 1, abs(square)), ["2 of 4 nudges settle", "1"]),
    }  # fmt: skip


NAMES = (
    "edge", "node", "directed", "triple", "system", "derivation", "structure", "trajectory structure", "model",
    "motion", "trajectory model", "equilibrium", "solution", "trajectories", "fit", "audit", "refused", "consistency",
    "singularity", "circle", "stability",
)  # fmt: skip
PAGES = {"derivation", "trajectory model"}  # show their whole page in a notebook


class Reader(HTMLParser):
    """Text of well-formed HTML; an element that is not closed is an error."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], set(), []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "annotation" not in self.open:
            self.text.append(data)


def test_every_case_is_tried(shown):
    assert set(shown) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_print_says_what_it_is_and_is_short(shown, name):
    thing, words = shown[name]
    text = str(thing)
    for word in words:
        assert word in text, text
    assert len(text) < 4000 and max(map(len, text.splitlines())) < 240
    for written in (text, repr(thing)):
        assert not re.search(r"0x[0-9a-f]{6}|ShapedArray|Traced|array\(", written)
    assert len(repr(thing)) < 300 and "\n" not in repr(thing)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PAGES])
def test_html_is_well_formed_and_takes_the_colours_around_it(shown, name):
    thing, words = shown[name]
    html = thing._repr_html_()
    read = Reader(html)
    text = "".join(read.text)
    for word in words:
        assert word in text, text
    assert len(html) < 40_000 and "http" not in html.replace("http://www.w3.org/1998/Math/MathML", "")
    colours = set(re.findall(r"(?<![-\w])(?:color|background): ?([^;}]+)", html))
    assert colours <= {"inherit", "none"}
    assert ("math" in read.tags) == (name in {"edge", "node", "directed", "triple", "system"})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PAGES])
def test_markdown_holds_the_same(shown, name):
    thing, words = shown[name]
    text = re.sub(r"\\([_|*\[\]~<>])", r"\1", thing._repr_markdown_())
    tables = [block for block in summary(thing).blocks if isinstance(block, Table)]
    assert text.startswith("**") and words[0].split(":")[0] in text
    assert len(re.findall(r"^\|( --- \|)+$", text, re.MULTILINE)) == len(tables)


def test_latex_is_of_what_has_equations(shown):
    latex = {name: shown[name][0]._repr_latex_() for name in NAMES if name != "trajectory model"}
    assert r"R &= \frac{g \left(v_{i} - v_{j}\right)^{2}}{2}" in latex["edge"]
    assert r"F_{s_{j}} &= w s_{i}" in latex["directed"]
    assert "E &= " in latex["system"] and "C &= " in latex["system"] and "E &= " in latex["model"]
    assert r"\begin{gathered}" in latex["derivation"]
    assert latex["fit"] is latex["solution"] is latex["structure"] is None
    for source in filter(None, latex.values()):
        assert source.startswith("$$") and source.endswith("$$") and source.count("{") == source.count("}")


def test_what_cannot_be_derived_can_still_be_shown():
    """A system under construction: its cost is written in a coordinate that is reduced to its rate."""
    phi = pq.electrical.phi
    broken = pq.System(
        pq.complete(3), edges=pq.electrical.resistor(), ground=0, outputs=[1], cost=(phi - y) ** 2 / 2, name="draft"
    )
    with pytest.raises(pq.ModelError):
        broken.derive()
    assert "draft: 3 nodes" in str(broken) and "draft" in broken._repr_html_() and broken._repr_latex_() is None


def test_results_inside_jit_have_no_numbers_yet():
    texts = []
    net = pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0, fixed={1: 1.0})
    model = net.compile()

    @jax.jit
    def solve(params):
        found = model.equilibrium(params)
        texts.append((repr(found), str(found)))
        return found["nodes"]["v"]

    solve(model.init_parameters(jax.random.key(0)))
    (short, long) = texts[0]
    assert short == "Equilibrium(nodes.v (3,))" and "not known yet" in long


def test_long_tables_are_cut():
    groups = [pq.Group(f"g{k}", 1) for k in range(60)]
    text = str(pq.System(pq.Topology(tuple(groups)), nodes=pq.mechanical.pendulum()))
    assert "… 36 more groups" in text and "g23" in text and "g24" not in text
