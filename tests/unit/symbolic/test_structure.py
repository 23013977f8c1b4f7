"""The structure report: what the symbols alone decide, and who spoils what."""

import json

import pytest
import sympy as sp

import physeq as pq
from physeq.graph import Bundle, Group, Sparse, Topology
from physeq.symbolic import SystemClass

phi, s, theta = pq.coordinate("phi", rate="v"), pq.coordinate("s"), pq.coordinate("theta")
g, c, k, a = (pq.parameter(name, positive=True) for name in ("g", "c", "k", "a"))
w, b = pq.parameter("w"), pq.parameter("b")
fall = phi.source.dot - phi.target.dot
RESISTOR = pq.Edge("resistor", dissipation=g * fall**2 / 2)
DIODE = pq.Edge("diode", dissipation=a * (sp.exp(fall / k) - fall / k))
HOPFIELD = pq.Edge("synapse", potential=-w * pq.hard_sigmoid(s.source) * sp.tanh(s.target))
SPRING = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
UNIT = pq.Node("unit", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2)


def edges(edge, **options):
    return pq.derive(pq.System(pq.complete(3, directed=edge.directed), edges=edge, **options)).structure


def node(**terms):
    return pq.derive(pq.System(Topology((Group("n", 2),)), nodes=pq.Node("node", **terms))).structure


@pytest.mark.parametrize(
    ("found", "convex"),
    [
        (lambda: edges(RESISTOR, ground=0), True),
        (lambda: edges(DIODE, ground=0), True),
        (lambda: edges(SPRING, nodes=UNIT), True),
        (lambda: node(potential=pq.logcosh(s) + k * s**4), True),
        (lambda: node(potential=pq.softplus(s) - b * s), True),
        (lambda: node(potential=-k * s**2), False),
        (lambda: node(potential=-k * sp.cos(s)), None),
        (lambda: node(potential=s**4 - s**2), None),
        (lambda: edges(pq.Edge("e", potential=-w * s.source * s.target), nodes=UNIT), None),
        (lambda: edges(pq.Edge("e", potential=-k * sp.cos(theta.source - theta.target)), fixed={0: 0.0}), None),
        (lambda: edges(pq.Edge("e", potential=k * (s.source**2 + s.target**2 - s.source * s.target))), True),
        (lambda: edges(pq.Edge("e", potential=k * (s.source**2 + s.target**2 - 3 * s.source * s.target))), None),
    ],
)
def test_convexity(found, convex):
    assert found().convex is convex


def test_terms_of_unknown_convexity_are_listed():
    structure = edges(HOPFIELD, nodes=UNIT)
    (obstacle,) = structure.not_convex
    assert (obstacle.placement, obstacle.component) == ("edges", "synapse")


def test_linear_and_quadratic():
    assert edges(RESISTOR, ground=0).quadratic
    diode = edges(DIODE, ground=0)
    assert not diode.linear and not diode.quadratic and diode.nonlinear[0].component == "diode"
    directed = edges(pq.Edge("e", force={s.target: w * s.source}), nodes=UNIT)
    assert directed.linear and not directed.conservative and not directed.quadratic
    assert directed.certificates[0].component == "e" and directed.convex is None
    bounded = edges(SPRING, nodes=pq.Node("box", potential=s**2, bounds={s: (0, 1)}))
    assert not bounded.linear and bounded.bounded == ("nodes",) and not bounded.nonlinear


def test_bounds_of_infinity_bound_nothing():
    free = edges(SPRING, nodes=pq.Node("box", potential=s**2, bounds={s: (None, None)}))
    assert free.bounded == () and free.linear and free.holomorphic


OBSTACLES = {
    "Abs": ({"potential": s**2 + sp.Abs(s) ** 3}, "potential: Abs(s)"),
    "Max": ({"potential": sp.Max(s, 0) ** 2 + s**2}, "potential: Max(0, s)"),
    "clip": ({"potential": s**2, "force": {s: pq.clip(s, 0, 1)}}, "force on s: clip(s, 0, 1)"),
    "Heaviside": ({"potential": s**2, "force": {s: sp.Heaviside(s)}}, "force on s: Heaviside(s)"),
    "bounds": ({"potential": s**2, "bounds": {s: (0, None)}}, "bounds (a projection)"),
    "Piecewise": ({"potential": sp.Piecewise((s**2, s > 0), (2 * s**2, True))}, "potential: Piecewise"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_obstacles_to_complex_states_are_named(name):
    terms, what = OBSTACLES[name]
    structure = node(**terms)
    assert not structure.holomorphic
    (obstacle,) = structure.not_holomorphic
    assert obstacle.component == "node" and what in obstacle.what


def test_smooth_units_and_costs_are_holomorphic():
    assert node(potential=pq.logcosh(s) + pq.softplus(s) + pq.sigmoid(s) + sp.erf(s)).holomorphic
    y = pq.target("y")
    topology = Topology((Group("n", 2),))
    unit = pq.Node("unit", potential=s**2)
    rough = pq.System(topology, nodes=unit, outputs=[0], cost=sp.Abs(s - y))
    assert pq.derive(rough).structure.not_holomorphic[0].placement == "cost"
    assert pq.derive(pq.System(topology, nodes=unit, outputs=[0], cost=(s - y) ** 2)).structure.holomorphic


def test_jumps_are_listed():
    structure = node(potential=s**2, force={s: sp.sign(s)})
    assert structure.not_differentiable[0].what == "force on s: sign(s)"


@pytest.mark.parametrize(
    ("terms", "kind"),
    [
        ({"potential": s**2}, SystemClass.ALGEBRAIC),
        ({"potential": s**2, "dissipation": s.dot**2}, SystemClass.FIRST_ORDER),
        ({"kinetic": s.dot**2}, SystemClass.FIRST_ORDER),
        ({"potential": s**2, "kinetic": s.dot**2}, SystemClass.SECOND_ORDER),
        ({"potential": s**2, "kinetic": s.dot**2, "constraint": s - 1}, SystemClass.DAE),
    ],
)
def test_classes(terms, kind):
    assert node(**terms).system_class is kind


def test_mixed_classes_are_a_dae():
    system = pq.System(pq.from_edges([0, 1], [1, 2], 3), edges=RESISTOR, ground=0)
    assert pq.derive(system).structure.system_class is SystemClass.ALGEBRAIC
    capacitor = pq.Edge("capacitor", kinetic=c * fall**2 / 2)
    bundles = (
        Bundle("r", ("n", "n"), Sparse([[0, 1], [1, 2], [2, 3]])),
        Bundle("c", ("n", "n"), Sparse([[3, 0]])),
    )
    mixed = pq.System(Topology((Group("n", 4),), bundles), edges={"r": RESISTOR, "c": capacitor}, ground=0)
    assert pq.derive(mixed).structure.system_class is SystemClass.DAE


def test_time_and_constraints_are_noticed():
    assert not node(potential=s**2 * (2 + sp.sin(pq.time))).autonomous
    assert node(potential=s**2).autonomous
    assert edges(SPRING, nodes=UNIT).constraints == ()
    assert edges(pq.Edge("rod", constraint=s.source - s.target), nodes=UNIT).constraints == ("edges",)


def test_the_report_is_json():
    structure = edges(HOPFIELD, nodes=UNIT)
    report = json.loads(json.dumps(structure.to_dict()))
    assert report["class"] == "first order" and report["convex"] is None
    assert report["not_holomorphic"][0]["component"] == "synapse"
    assert (
        edges(pq.Edge("e", force={s.target: w * s.source}), nodes=UNIT).to_dict()["certificates"][0]["component"] == "e"
    )
