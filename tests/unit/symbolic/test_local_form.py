"""Local forms: with messages summed by a loop, the local force is the whole force."""

import numpy as np
import pytest
import sympy as sp
from brute_force import forces, numeric, random_parameters, random_state

import physeq as pq
from physeq.graph import Bundle, Dense, Group, OneToOne, Sparse, Topology

s, phi, theta = pq.coordinate("s"), pq.coordinate("phi", rate="v"), pq.coordinate("theta")
w, u, b, k = pq.parameter("w"), pq.parameter("u"), pq.parameter("b"), pq.parameter("k", positive=True)
UNIT = pq.Node("unit", potential=s**2 / 2 - b * sp.tanh(s))
HOPFIELD = pq.Edge("hopfield", potential=-w * sp.tanh(s.source) * sp.tanh(s.target))
DIRECTED = pq.Edge("directed", force={s.target: w * s.source})
BOTH = pq.Edge("both", force={s.target: w * sp.tanh(s.source), s.source: u * s.target**2})
TRIANGLE = [[0, 1], [1, 2], [2, 0], [0, 1], [1, 1]]


def graph(edge, pairs=TRIANGLE, size=3, **options):
    bundle = Bundle("edges", ("nodes", "nodes"), Sparse(pairs), directed=edge.directed)
    return pq.System(Topology((Group("nodes", size),), (bundle,)), edges=edge, **options)


SYSTEMS = {
    "layered": lambda: pq.System(pq.layered([2, 3, 2]), nodes=UNIT, edges=HOPFIELD, inputs="input"),
    "graph with a self-loop and parallel edges": lambda: graph(HOPFIELD, nodes=UNIT),
    "directed": lambda: graph(DIRECTED, nodes=UNIT),
    "bidirectional": lambda: graph(BOTH, nodes=UNIT),
    "resistors": lambda: graph(pq.Edge("r", dissipation=k * (phi.source.dot - phi.target.dot) ** 2 / 2), ground=0),
    "phases": lambda: graph(
        pq.Edge("xy", potential=-k * sp.cos(theta.source - theta.target)),
        nodes=pq.Node("n", force={theta: b}),
        fixed={0: 0.1},
    ),
    "one to one": lambda: pq.System(
        Topology(
            (Group("a", 3), Group("c", 3)),
            (Bundle("x", ("a", "c"), OneToOne()), Bundle("y", ("a", "a"), Dense())),
        ),
        nodes=UNIT,
        edges={"x": HOPFIELD, "y": pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)},
    ),
}


def messages_by_loop(derivation, group, params, state):
    local, system = derivation.locals[group], derivation.system
    size = local.variables[0].size
    values = {}
    for message in local.messages:
        total = np.zeros(size)
        for c in message.contributions:
            placement, component = c.form.placement, c.form.placement.component
            port = component.ports[c.sender]
            symbols = {x: slot for slot, x in c.form.unknowns.items() if slot.port == port}
            coefficient, feature = numeric(component.parameters, c.coefficient), numeric(list(symbols), c.feature)
            for row_index, row in enumerate(placement.pattern.rows(system.sizes(placement))):
                own = [np.ravel(params[placement.name][p.name])[row_index] for p in component.parameters]
                sent = [
                    state[placement.groups[c.sender]][sl.coordinate.key(x.order)][row[c.sender]]
                    for x, sl in symbols.items()
                ]
                total[row[c.receiver]] += coefficient(*own) * feature(*sent)
        values[message.symbol] = total
    return values


@pytest.mark.parametrize("name", SYSTEMS)
def test_local_force_and_curvature(name):
    system = SYSTEMS[name]()
    derivation = pq.derive(system)
    rng = np.random.default_rng(1)
    params, state = random_parameters(system, rng), random_state(system, rng)
    expected = forces(system, params, state)
    for group, local in derivation.locals.items():
        (v,) = local.variables
        values = messages_by_loop(derivation, group, params, state)
        values |= {symbol: params[name][p.name] for symbol, (name, p) in local.parameters.items()}
        values[v.symbol] = state[group][v.key]
        force = numeric(list(values), local.force[v.key])(*values.values())
        np.testing.assert_allclose(np.broadcast_to(force, v.size), expected[group][v.key], atol=1e-12)
        # The curvature is the slope of the local force with the messages kept.
        step = 1e-6
        shifted = dict(values)
        ends = []
        for sign in (1, -1):
            shifted[v.symbol] = values[v.symbol] + sign * step
            ends.append(numeric(list(values), local.force[v.key])(*shifted.values()))
        slope = -(ends[0] - ends[1]) / (2 * step) * np.ones(v.size)
        curvature = numeric(list(values), local.curvature[v.key])(*values.values()) * np.ones(v.size)
        np.testing.assert_allclose(curvature, slope, atol=1e-8)


def test_messages_with_one_feature_are_one_message():
    derivation = pq.derive(pq.System(pq.layered([2, 3, 2]), nodes=UNIT, edges=HOPFIELD, inputs="input"))
    (message,) = derivation.locals["hidden"].messages
    assert message.feature == sp.tanh(s) * -1 and len(message.contributions) == 2
    assert set(derivation.locals) == {"hidden", "output"} and derivation.held == {"input"}


def test_elements_that_do_not_separate_stay_elements():
    spring = pq.Edge("spring", potential=k * pq.logcosh(s.source - s.target))
    derivation = pq.derive(graph(spring, nodes=UNIT))
    assert derivation.per_element == {"edges"}
    local = derivation.locals["nodes"]
    assert not local.messages and len(local.elements) == 2
    assert local.equilibrium == {"s": None}


def test_per_element_is_checked_and_honoured():
    system = graph(HOPFIELD, nodes=UNIT)
    assert pq.derive(system, per_element=["edges"]).per_element == {"edges"}
    with pytest.raises(pq.ModelError, match=r"per_element names \['wires'\]"):
        pq.derive(system, per_element=["wires"])


def test_nudged_equilibria_of_outputs():
    y = pq.target("y")
    unit = pq.Node("unit", potential=k * s**2 / 2 - b * s)
    edge = pq.Edge("e", potential=-w * s.source * s.target)
    system = pq.System(
        pq.layered([2, 3, 2]), nodes=unit, edges=edge, inputs="input", outputs="output", cost=(s - y) ** 2 / 2
    )
    local = pq.derive(system).locals
    beta, d, h = pq.symbolic.symbols.nudge, pq.drive, local["output"].messages[0].symbol
    found = local["output"].nudged_equilibrium["s"]
    values = {beta: 0.5, d: 0.1, h: -0.2, y: 0.7} | {
        p: 2.0 if p.name.startswith("k") else 0.3 for p in local["output"].parameters
    }
    # k s − b + H·(…) + β (s − y) = D
    sign = local["output"].messages[0].feature / s
    expected = (0.3 + 0.1 - float(sign) * -0.2 + 0.5 * 0.7) / (2.0 + 0.5)
    assert float(found.subs(values)) == pytest.approx(expected)
    assert local["hidden"].nudged_equilibrium == {"s": None}


def test_two_declared_minimisers_clash():
    one, two = (pq.Node(n, potential=s**2 / 2, minimiser=pq.drive) for n in ("one", "two"))
    with pytest.raises(pq.ModelError, match="components one, two on one group all declare a minimiser; keep one"):
        pq.derive(pq.System(Topology((Group("n", 1),)), nodes={"n": [one, two]}))
