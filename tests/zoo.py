"""Small systems of many kinds, shared by the tests of compiled models and by the conformance suite."""

from functools import cache

import numpy as np
import sympy as sp

import physeq as pq
from physeq.compile import compile_model
from physeq.graph import Bundle, Dense, Group, OneToOne, Sparse, Topology

s, theta = pq.coordinate("s"), pq.coordinate("theta")
phi = pq.coordinate("phi", rate="v")
i = pq.coordinate("i")
y = pq.target("y")
w, u, b = pq.parameter("w"), pq.parameter("u"), pq.parameter("b")
g, k, isat = (pq.parameter(name, positive=True) for name in ("g", "k", "isat"))
x = pq.signal("x")
fall = phi.source.dot - phi.target.dot

RESISTOR = pq.Edge("resistor", dissipation=g * fall**2 / 2)
DIODE = pq.Edge("diode", dissipation=isat * (sp.exp(fall / 0.5) * 0.5 - fall))
CAPACITOR = pq.Node("capacitor", kinetic=k * phi.dot**2 / 2)
UNIT = pq.Node("unit", potential=s**2 / 2 - b * sp.tanh(s), dissipation=s.dot**2 / 2)
SYNAPSE = pq.Edge("synapse", potential=-w * sp.tanh(s.source) * sp.tanh(s.target))
LOGISTIC = pq.Node("logistic", potential=pq.xlogx(s) + pq.xlogx(1 - s) - b * s, minimiser=pq.sigmoid(pq.drive + b))
PRODUCT = pq.Edge("product", potential=-w * s.source * s.target)

RING = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [0, 3], [1, 4], [1, 4], [2, 2]]
VOLTAGE_COST = {"outputs": [4, 3], "cost": (phi.dot - y) ** 2 / 2}
UNIT_COST = {"outputs": "output", "cost": (s - y) ** 2 / 2}


def _graph(size, *bundles, **options):
    made, edges = [], {}
    for n, (edge, pairs) in enumerate(bundles):
        made.append(Bundle(f"e{n}", ("nodes", "nodes"), Sparse(pairs), directed=edge.directed))
        edges[f"e{n}"] = edge
    return pq.System(Topology((Group("nodes", size),), tuple(made)), edges=edges, **options)


def _loops(pairs):
    return [p for p in pairs if p[0] != p[1]]


def _triple():
    terms = (
        g * (phi.at("a").dot + phi.at("c").dot - 2 * phi.at("b").dot) ** 2 / 2
        + u * phi.at("a").dot * phi.at("c").dot / 9
    )
    triple = pq.Component("triple", ports=("a", "b", "c"), dissipation=terms)
    bundles = (
        Bundle("e0", ("nodes", "nodes"), Sparse(RING)),
        Bundle("t", ("nodes", "nodes", "nodes"), Sparse([[0, 1, 3], [5, 4, 2]])),
    )
    return pq.System(
        Topology((Group("nodes", 6),), bundles),
        edges={"e0": RESISTOR, "t": triple},
        ground=0,
        inputs=[1, 2],
        **VOLTAGE_COST,
    )


def _patterns():
    groups = (Group("input", 2), Group("a", 3), Group("c", 3), Group("output", 2))
    bundles = (
        Bundle("input->a", ("input", "a"), Dense()),
        Bundle("a->c", ("a", "c"), OneToOne()),
        Bundle("a->a", ("a", "a"), Dense()),
        Bundle("c->output", ("c", "output"), Sparse([[0, 0], [1, 0], [2, 1], [2, 1]])),
    )
    spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
    odd = pq.Edge("odd", potential=0.3 * k * pq.logcosh(s.source - 2 * s.target))
    edges = {"input->a": SYNAPSE, "a->c": spring, "a->a": PRODUCT_SMALL, "c->output": odd}
    return pq.System(Topology(groups, bundles), nodes=UNIT, edges=edges, inputs="input", **UNIT_COST)


PRODUCT_SMALL = pq.Edge("small", potential=-0.1 * w * s.source * sp.tanh(s.target))


def _signals():
    groups = (Group("input", 2), Group("output", 3))
    pull = pq.Edge("pull", potential=k * (s.source - s.target - x) ** 2 / 2)
    bundles = (Bundle("input->output", ("input", "output"), Dense()),)
    return pq.System(
        Topology(groups, bundles),
        nodes=UNIT,
        edges=pull,
        inputs={"x": pq.Feed("input->output", x), "s": "input"},
        **UNIT_COST,
    )


def _shared_signals():
    """A dense signal beside a shared parameter."""
    q = pq.parameter("q", positive=True, shared=True)
    pull = pq.Edge("pull", potential=q * (s.source - s.target - x) ** 2 / 2)
    return pq.System(
        pq.layered([2, 3], names=["input", "output"]),
        nodes=UNIT,
        edges=pull,
        inputs={"x": pq.Feed("input->output", x), "s": "input"},
        **UNIT_COST,
    )


def _two_coordinates():
    r = pq.coordinate("r")
    node = pq.Node("pair", potential=s**2 + r**2 + b * s * sp.tanh(r) / 3)
    edge = pq.Edge("cross", potential=-w * s.source * sp.tanh(r.target) / 3)
    return _graph(
        4,
        (edge, [[0, 1], [1, 2], [2, 3], [3, 0], [1, 1]]),
        nodes=node,
        inputs={"r": pq.Clamp([0], coordinate="r"), "push": pq.Drive([1, 2], coordinate="s")},
        outputs=[3, 2],
        cost=(s - y) ** 2 / 2,
    )


def _internal():
    """An inner coordinate between the ends of an edge, which the nodes see through it alone."""
    edge = pq.Edge(
        "memory", internal=(i,), potential=g * (i - s.source) ** 2 / 2 + k * (i - s.target) ** 2 / 2 + i**4 / 20
    )
    return _graph(4, (edge, [[0, 1], [1, 2], [2, 3]]), nodes=UNIT, inputs=[0], outputs=[3], cost=(s - y) ** 2 / 2)


def _readout():
    z, a, c = pq.coordinate("z"), pq.parameter("a", initial=pq.Normal(0, 0.5)), pq.parameter("c")
    return pq.System(
        pq.layered([2, 4]),
        nodes=UNIT,
        edges=SYNAPSE,
        inputs="input",
        outputs="output",
        readout=pq.Readout(output=z, drive=a * sp.tanh(s) + a**2 * s / 2, size=3, bias=c),
        cost=(z - y) ** 2 / 2 + (z - y) ** 4 / 12,
    )


SYSTEMS = {
    "resistors": lambda: _graph(6, (RESISTOR, RING), ground=0, inputs=[1, 2], **VOLTAGE_COST),
    "driven": lambda: _graph(6, (RESISTOR, _loops(RING)), ground=0, inputs=pq.Drive([1, 2]), **VOLTAGE_COST),
    "diodes": lambda: _graph(
        6, (RESISTOR, _loops(RING)), (DIODE, [[1, 3], [4, 2], [5, 0]]), ground=0, inputs=[1, 2], **VOLTAGE_COST
    ),
    "capacitors": lambda: _graph(6, (RESISTOR, RING), nodes=CAPACITOR, ground=0, inputs=[1, 2], **VOLTAGE_COST),
    "boxed": lambda: _graph(
        6,
        (RESISTOR, _loops(RING)),
        nodes=pq.Node("box", bounds={phi.dot: (-0.1, 0.2)}),
        ground=0,
        inputs=[1, 2],
        **VOLTAGE_COST,
    ),
    "layered": lambda: pq.System(pq.layered([3, 4, 2]), nodes=UNIT, edges=SYNAPSE, inputs="input", **UNIT_COST),
    "hopfield": lambda: _graph(
        6, (SYNAPSE, _loops(RING)), nodes=UNIT, inputs=[0, 1], outputs=[5, 3], cost=(s - y) ** 2 / 2
    ),
    "saturating": lambda: _graph(
        6,
        (SYNAPSE, _loops(RING)),
        nodes=pq.Node("unit", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2, bounds={s: (-0.2, 0.3)}),
        inputs=[0, 1],
        outputs=[5, 3],
        cost=(s - y) ** 2 / 2,
    ),
    "prototypical": lambda: pq.System(
        pq.layered([3, 4, 2]),
        nodes={"hidden": LOGISTIC, "output": LOGISTIC},
        edges=PRODUCT,
        inputs="input",
        **UNIT_COST,
    ),
    "xy": lambda: _graph(
        6,
        (pq.Edge("xy", potential=-k * sp.cos(theta.source - theta.target)), _loops(RING)),
        nodes=pq.Node("rotor", force={theta: 0.3 * b}, dissipation=theta.dot**2 / 2),
        fixed={0: 0.2},
        inputs=[1],
        outputs=[3, 4],
        cost=1 - sp.cos(theta - y),
    ),
    "directed": lambda: _graph(
        6,
        (pq.Edge("arrow", force={s.target: 0.6 * w * sp.tanh(s.source)}), RING),
        nodes=UNIT,
        inputs=[0, 1],
        outputs=[5, 3],
        cost=(s - y) ** 2 / 2,
    ),
    "triple": _triple,
    "patterns": _patterns,
    "signals": _signals,
    "shared signals": _shared_signals,
    "two coordinates": _two_coordinates,
    "internal": _internal,
    "readout": _readout,
}


@cache
def system(name):
    return SYSTEMS[name]()


@cache
def compiled(name, per_element=False):
    """The compiled system; with `per_element` nothing is lowered to messages."""
    built = system(name)
    derivation = pq.derive(
        built, per_element=[p.name for p in built.placements if len(p.component.ports) > 1] if per_element else ()
    )
    return compile_model(derivation, pq.Model)


def separable(name):
    """Whether some bundle is lowered to messages."""
    built = system(name)
    joined = {p.name for p in built.placements if len(p.component.ports) > 1}
    return bool(joined - compiled(name).derivation.per_element)


def data(name, seed=0, batch=()):
    """Random inputs (one array, or a dict where there are several) and targets."""
    rng = np.random.default_rng(seed)
    built = system(name)
    inputs = {entry.name: rng.uniform(-0.5, 0.5, (*batch, entry.size)) for entry in built.inputs}
    size = built.readout.size if built.readout else built.outputs.size
    target = rng.uniform(-0.5, 0.5, (*batch, size))
    return (inputs if len(inputs) > 1 else next(iter(inputs.values()))), target
