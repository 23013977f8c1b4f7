"""Components: what they read off their terms, and what they refuse, in words that name the fault and the mend."""

import pytest
import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic import Component, Edge, Node, Slot, coordinate, parameter, sigmoid, signal, target, time

s, v = coordinate("s"), coordinate("v")
w, b, g = parameter("w"), parameter("b"), parameter("g", positive=True)


def test_slots_parameters_and_signals_are_read_off_the_terms():
    u = signal("u")
    edge = Edge(
        "e",
        potential=w * s.source * s.target,
        dissipation=g * v.source.dot**2,
        force={s.target: u},
        bounds={v.source: (0, b)},
    )
    assert edge.slots == (Slot("source", s), Slot("source", v), Slot("target", s))
    assert [p.name for p in edge.parameters] == ["b", "g", "w"]
    assert edge.signals == (u,)
    assert [name for name, _ in edge.terms()] == [
        "potential",
        "dissipation",
        f"force on {s.target}",
        f"bounds of {v.source}",
        f"bounds of {v.source}",
    ]


def test_internal_coordinates_come_last_and_have_no_port():
    i = coordinate("i")
    coil = Edge("coil", potential=i**2 / 2 + i * (v.source - v.target), internal=(i,))
    assert coil.slots == (Slot("source", v), Slot("target", v), Slot(None, i))
    assert coil.symbol(Slot(None, i), 1) == i.dot
    assert coil.symbol(Slot("target", v), 1) == v.target.dot


@pytest.mark.parametrize(
    ("terms", "coupling"),
    [
        ({"potential": -w * s.source * s.target}, "energy"),
        ({"force": {s.target: w * s.source}}, "directed"),
        ({"force": {s.target: w * s.source, s.source: b * s.target}}, "bidirectional"),
        ({"potential": s.source * s.target, "force": {s.target: w * s.source}}, "energy"),
    ],
)
def test_coupling(terms, coupling):
    edge = Edge("e", **terms)
    assert edge.coupling == coupling and edge.directed == (coupling == "directed")


def test_bounds_accept_none_for_none():
    assert dict(Node("n", potential=s**2, bounds={s: (None, 1)}).bounds) == {s: (-sp.oo, sp.Integer(1))}


def test_components_are_frozen():
    node = Node("n", potential=s**2)
    with pytest.raises(AttributeError):
        node.potential = s
    with pytest.raises(TypeError):
        node.force[s] = s


BAD = {
    "plain symbol": (
        lambda: Node("n", potential=sp.Symbol("k") * s**2),
        r"'n', potential: unknown symbol k; declare it",
    ),
    "string": (lambda: Node("n", potential="s**2"), "got the string 's\\*\\*2'; build the expression from symbols"),
    "no expression": (lambda: Node("n", potential=object()), "must be a SymPy expression, got object"),
    "matrix": (lambda: Node("n", potential=sp.Matrix([s])), "must be a scalar expression, got .*Matrix"),
    "relation": (lambda: Node("n", potential=s > 0), "must be a scalar expression"),
    "tuple": (lambda: Node("n", potential=(s, s)), "must be a scalar expression"),
    "complex": (lambda: Node("n", potential=sp.I * s), "holds I; terms are real and finite"),
    "nan": (lambda: Node("n", potential=sp.nan + s), "holds nan; terms are real"),
    "infinite": (lambda: Node("n", potential=sp.oo * s), "potential: holds oo; terms are real and finite"),
    "unsupported": (
        lambda: Node("n", potential=sp.besselj(0, s)),
        "function 'besselj' in .* is not supported; use one of",
    ),
    "undefined": (lambda: Node("n", potential=sp.Function("f")(s)), "function 'f'"),
    "derivative": (lambda: Node("n", potential=sp.Derivative(sp.Function("f")(s), s)), "not supported"),
    "jump in energy": (
        lambda: Node("n", potential=sp.sign(s)),
        r"sign\(s\) is not differentiable.*give the force itself",
    ),
    "target": (lambda: Node("n", potential=s * target("y")), "target y belongs in the system's cost"),
    "rate in potential": (lambda: Node("n", potential=s.dot**2), "the potential holds the rate s.dot"),
    "force on a rate": (lambda: Node("n", force={s.dot: s}), "write {s: ...} instead of {s.dot: ...}"),
    "bare coordinate": (lambda: Edge("e", potential=s**2), r"write s.at\('source'\), s.at\('target'\) instead of s"),
    "unknown port": (lambda: Edge("e", potential=s.at("gate") ** 2), "has no port 'gate'"),
    "port of a node": (lambda: Node("n", potential=s.source**2), "has no port 'source'"),
    "nonlinear constraint": (
        lambda: Edge("e", constraint=s.source.dot**2 - 1),
        "must be linear in the rate s.source.dot",
    ),
    "crossed bounds": (lambda: Node("n", bounds={s: (1, 0)}), "1 is not below 0; swap them"),
    "bounds no pair": (lambda: Node("n", bounds={s: 1}), r"must be a pair \(lower, upper\), got 1"),
    "two parameters": (
        lambda: Node("n", potential=w * s + parameter("w", shared=True) * s**2),
        r"two parameters share a name among \['w', 'w'\]",
    ),
    "unlisted": (
        lambda: Node("n", potential=w * s, parameters=[b]),
        "parameter w stands in a term but not in `parameters`",
    ),
    "ports": (lambda: Component("c", ports=("a", "a")), "ports must be distinct names"),
    "no ports": (lambda: Component("c", ports=()), "ports must be distinct names"),
    "minimiser on an edge": (lambda: Edge("e", minimiser=s), "a minimiser belongs to a Node"),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case):
    build, message = BAD[case]
    with pytest.raises(ModelError, match=message):
        build()


def test_time_signals_and_supported_functions_are_accepted():
    node = Node("n", potential=s * sp.sin(time) + sigmoid(s) * signal("u"), force={s: sp.sign(s)})
    assert node.signals[0].name == "u"


def test_unknown_parameter_names_the_known():
    with pytest.raises(ModelError, match="'n' has no parameter 'k'; it has b, w"):
        Node("n", potential=w * s + b).parameter("k")


def test_a_parameter_may_be_listed_without_being_used():
    assert Node("n", potential=s**2, parameters=[b]).parameters == (b,)
