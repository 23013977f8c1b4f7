"""Where declared terms are singular in complex unknowns, and what spoils that they continue there at all."""

import pytest
import sympy as sp

import physeq as pq
from physeq.symbolic.functions import ELEMENTWISE, NOT_HOLOMORPHIC
from physeq.symbolic.poles import ENTIRE, SINGULAR, poles

s = pq.coordinate("s")
a = pq.parameter("a", positive=True)


def found(expression):
    return [(str(p.argument), p.kind, p.at) for p in poles("group", "unit", [expression])]


def test_every_function_is_classified():
    assert set(ELEMENTWISE) == (set(NOT_HOLOMORPHIC) & set(ELEMENTWISE)) | (set(SINGULAR) & set(ELEMENTWISE)) | set(
        ENTIRE
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (pq.sigmoid(4 * s - 2), [("4*s - 2", "pole", "iπ(2n + 1)")]),
        (sp.tanh(s) ** 2, [("s", "pole", "iπ(2n + 1)/2")]),
        (pq.xlogx(s), [("s", "branch point", "0")]),
        (sp.sqrt(1 + s**2), [("s**2 + 1", "branch point", "0")]),
        (a / (1 + sp.exp(-s)), [("1 + exp(-s)", "pole", "0")]),
        (sp.asin(s), [("s", "branch point", "±1")]),
        (sp.exp(-(s**2)) + sp.cos(s) * sp.sqrt(a) / a, []),
    ],
)
def test_singular_places(expression, expected):
    assert found(expression) == expected


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (sp.tanh, sp.I * sp.pi / 2),
        (sp.tan, sp.pi / 2),
        (pq.sigmoid, sp.I * sp.pi),
        (pq.softplus, sp.I * sp.pi),
        (pq.logcosh, sp.I * sp.pi / 2),
        (sp.log, 0),
        (sp.atanh, 1),
        (sp.atan, sp.I),
    ],
)
def test_functions_grow_without_bound_at_their_first_place(function, place):
    near = [abs(complex(function(s).subs(s, sp.N(place + d, 40)).evalf(30))) for d in (1e-4, 1e-12)]
    assert near[1] > near[0] + 3


def system(node, **options):
    return pq.System(pq.layered([2, 3, 1]), nodes=node, edges=synapse(), inputs="input", outputs="output", **options)


def synapse():
    w = pq.parameter("w")
    return pq.Edge("synapse", potential=-w * sp.tanh(s.source) * s.target)


def test_the_report_lists_them_with_their_component():
    y = pq.target("y")
    report = (
        system(pq.Node("unit", potential=s**2 / 2 + pq.softplus(s)), cost=sp.log(1 + (s - y) ** 2)).derive().structure
    )
    assert report.holomorphic
    listed = {(p.placement, p.component, str(p.function)) for p in report.poles}
    assert listed == {
        ("hidden", "unit", "softplus(s)"),
        ("output", "unit", "softplus(s)"),
        ("hidden->output", "synapse", "tanh(s.source)"),  # the inputs are held: their tanh is a known number
        ("cost", "cost", "log((s - y)**2 + 1)"),
    }
    record = report.to_dict()["poles"][0]
    assert set(record) == {"placement", "component", "function", "kind", "argument", "at"}


def test_functions_of_parameters_and_of_held_nodes_spoil_nothing():
    y = pq.target("y")
    kink = pq.Edge("kink", potential=-sp.Abs(pq.parameter("w")) * sp.Max(s.source, 0) * s.target)
    topology = pq.layered([2, 1])
    unit = pq.Node("unit", potential=s**2 / 2)
    options = {"edges": kink, "outputs": "output", "cost": (s - y) ** 2 / 2}
    held = pq.System(topology, nodes={"output": unit}, inputs="input", **options)
    assert held.derive().structure.holomorphic
    free = pq.System(
        topology, nodes=pq.Node("unit", potential=s**2 / 2), edges=kink, outputs="output", cost=(s - y) ** 2
    )
    (spoiler,) = free.derive().structure.not_holomorphic
    assert spoiler.placement == "input->output" and "Max" in spoiler.what
