"""More bad input: placements, inputs, costs, readouts, finders and rules. Nothing is dropped in silence."""

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
import sympy as sp
import zoo

import physeq as pq
from physeq.graph import Bundle, Group, Sparse, Topology
from physeq.learn import noise_audit

s, r, y, w = zoo.s, pq.coordinate("r"), zoo.y, zoo.w
phi, g, x = zoo.phi, zoo.g, zoo.x
UNIT = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
EDGE = pq.Edge("edge", potential=-w * s.source * s.target / 4)
COST = (s - y) ** 2 / 2
CHAIN = pq.from_edges([0, 1], [1, 2], 3)


def system(**options):
    return pq.System(CHAIN, **{"nodes": UNIT, "edges": EDGE, **options})


def compiled(**options):
    model = system(**options).compile()
    return model, model.init_parameters(jax.random.key(0))


TRIPLE = pq.Component("triple", ports=("a", "b", "c"), potential=s.at("a") * s.at("b") * s.at("c"))

DECLARED = {
    "rates multiplied": (
        lambda: pq.Edge("product", constraint=r.source.dot * r.target.dot),
        "constraint .* must be linear in the rate",
    ),
    "clamped by two names": (
        lambda: pq.System(
            CHAIN, edges=pq.electrical.resistor(), inputs={"a": pq.Clamp([1], "v"), "b": pq.Clamp([1], "phi")}
        ),
        "node 1 .*held twice",
    ),
    "ground of another kind": (lambda: system(ground=1.5), "ground: the topology has no node 1.5"),
    "no outputs": (lambda: system(outputs=[], cost=COST), "a cost needs outputs, and `outputs` is empty"),
    "drive in words": (
        lambda: pq.Readout(output=r, drive="w*s", size=2),
        r"Readout: drive must be a SymPy expression such as w\*s, got 'w\*s'",
    ),
    "groups of several kinds": (lambda: system(nodes={0: UNIT, "a": UNIT}), r"`nodes` names \[0, 'a'\]"),
    "a graph for a topology": (
        lambda: pq.System(nx.path_graph(3), nodes=UNIT),
        r"topology must be a Topology, got .*; a networkx graph goes to System.from_graph",
    ),
    "not called": (
        lambda: system(edges={"edges": pq.electrical.resistor}),
        r"edges\['edges'\]: must be a component .*, got the function resistor; call it: resistor\(\)",
    ),
    "not called alone": (lambda: system(edges=pq.electrical.resistor), r"edges: .* got the function resistor"),
    "not called in a list": (
        lambda: system(nodes={"nodes": [pq.mechanical.mass]}),
        r"nodes\['nodes'\]: must be a component \(Node\), got the function mass",
    ),
    "component in words": (lambda: system(edges={"edges": "resistor"}), r"edges\['edges'\]: .*, got 'resistor'"),
    "fixed without values": (lambda: system(fixed=[0]), r"fixed: must be a dict .*, got \[0\]; ground= holds at 0"),
    "fixed in words": (lambda: system(fixed={0: "x"}), "fixed node 0: the value must be a finite number, got 'x'"),
    "values in a list": (lambda: system(values=[1]), r"values: must be a dict .*, got \[1\]"),
    "boundary": (
        lambda: system().trajectories(3.0, pq.HarmonicBalance(4)),
        "trajectories: boundary must be Periodic",
    ),
    "no components": (lambda: pq.System(Topology((Group("n", 2),))), r"'system' has no components; pass `edges="),
    "unknown group": (
        lambda: system(nodes={"hiden": UNIT}),
        r"`nodes` names \['hiden'\], but the groups are \['nodes'\]",
    ),
    "unknown bundle": (
        lambda: system(edges={"wires": EDGE}),
        r"`edges` names \['wires'\], but the bundles are \['edges'\]",
    ),
    "bare bundle": (
        lambda: pq.System(CHAIN, nodes=UNIT),
        r"bundle 'edges' \(nodes → nodes\) has no component; pass edges=",
    ),
    "ports": (lambda: system(edges=TRIPLE), r"'edges' joins 2 groups, but 'triple' has ports \('a', 'b', 'c'\)"),
    "edge as node": (lambda: system(nodes=EDGE), r"'edge' has ports \('source', 'target'\); a node needs a `Node`"),
    "twice": (lambda: system(nodes={"nodes": [UNIT, UNIT]}), "two placements are named 'nodes.unit'"),
    "reserved": (
        lambda: pq.System(Topology((Group("readout", 1),)), nodes=UNIT),
        "two placements are named 'readout'; rename",
    ),
    "ground": (lambda: system(ground=7), "ground: .*no node 7"),
    "label twice": (lambda: system(inputs=[1, 1]), "input 'input': node 1 is named twice; name each node once"),
    "fixed to nan": (lambda: system(fixed={0: np.nan}), "fixed node 0: the value must be a finite number, got nan"),
    "held twice": (lambda: system(ground=0, inputs=[0, 1]), r"node 0 .*held twice, by a ground.*input 'input'"),
    "held twice by inputs": (lambda: system(inputs={"a": [0], "b": [0]}), r"node 0 .*held twice.*input 'a'.*input 'b'"),
    "no feed": (
        lambda: system(edges=pq.Edge("e", potential=x * s.source * s.target)),
        r"signal x of 'edges' has no input; pass inputs=.*Feed\('edges', x\)",
    ),
    "feed to nobody": (lambda: system(inputs=pq.Feed("edges", x)), "component 'edge' has no signal x"),
    "feed to nowhere": (
        lambda: system(inputs=pq.Feed("wires", x)),
        "no bundle or node component is named 'wires'; there are",
    ),
    "cost without outputs": (lambda: system(cost=COST), r"a cost needs outputs; pass outputs=\[...\]"),
    "symbol in cost": (
        lambda: system(outputs=[0], cost=sp.Symbol("z") ** 2),
        r"cost: unknown symbol z; use target\('y'\)",
    ),
    "parameter in cost": (lambda: system(outputs=[0], cost=w * s), "cost parameters belong in a Readout"),
    "port in cost": (lambda: system(outputs=[0], cost=s.source**2), "cost: write s instead of s.source"),
    "two targets": (lambda: system(outputs=[0], cost=s * y * pq.target("z")), "it may hold one target symbol"),
    "readout without cost": (
        lambda: system(outputs=[0], readout=pq.Readout(output=r, drive=w * s, size=1)),
        "a readout needs a cost in its output",
    ),
    "state beside readout": (
        lambda: system(outputs=[0], cost=s * y, readout=pq.Readout(output=r, drive=w * s, size=1)),
        "cost: with a readout it may hold r, not s",
    ),
    "size of readout": (lambda: pq.Readout(output=r, drive=w * s, size=0), "size must be a positive integer, got 0"),
    "output of readout": (lambda: pq.Readout(output=w, drive=w * s, size=1), "output must be a coordinate, got w"),
    "value of unknown parameter": (
        lambda: system(values={"edges": {"k": 1.0}}),
        "component 'edge' has no parameter 'k'; it has w",
    ),
    "shape of values": (
        lambda: system(values={"edges": {"w": [1.0]}}),
        r"'w' of 'edges': values must have shape \(2,\), got \(1,\)",
    ),
    "nan value": (
        lambda: system(values={"edges": {"w": [np.inf, 1.0]}}),
        r"'w' of 'edges': value inf of element \(0,\)",
    ),
    "no node component": (
        lambda: pq.System.from_graph(nx.Graph([(0, 1)]), nodes={"other": UNIT}, edges=EDGE),
        r"`nodes` names \['other'\]",
    ),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declarations(name):
    build, message = DECLARED[name]
    with pytest.raises(pq.ModelError, match=f"(?s){message}"):
        build()


RESISTOR = zoo.RESISTOR
COIL = pq.Edge("coil", potential=(phi.source - phi.target) ** 2 / 2)


def mixed_unknowns():
    bundles = (Bundle("r", ("n", "n"), Sparse([[0, 1], [1, 2]])), Bundle("c", ("n", "n"), Sparse([[2, 3]])))
    return pq.System(Topology((Group("n", 4),), bundles), edges={"r": RESISTOR, "c": COIL}, ground=0)


DERIVED = {
    "mixed unknowns": (mixed_unknowns, r"group 'n': coordinate phi is cyclic on some nodes and not on others \(node 3"),
    "time": (
        lambda: pq.System(CHAIN, nodes=pq.Node("n", potential=s**2 * (2 + sp.sin(pq.time))), edges=EDGE),
        "a term holds the time t: there is a motion.*no steady state; for that use a signal and Feed",
    ),
    "bounds on a rate that is no unknown": (
        lambda: pq.System(
            CHAIN, nodes=pq.Node("n", potential=s**2, dissipation=s.dot**2, bounds={s.dot: (0, 1)}), edges=EDGE
        ),
        r"'n'.*bounds of s.dot.*s is the unknown",
    ),
    "which coordinate": (
        lambda: pq.System(
            CHAIN, nodes=pq.Node("n", potential=s**2 + r**2), edges=EDGE, inputs=pq.Drive([0]), outputs=[2], cost=COST
        ),
        r"input 'input': group 'nodes' has coordinates \['r', 's'\]; say which",
    ),
    "unknown coordinate": (
        lambda: system(inputs=pq.Clamp([0], coordinate="q"), outputs=[2], cost=COST),
        r"input 'input': group 'nodes' has coordinates \['s'\]; say which",
    ),
    "two coordinates in a cost": (
        lambda: pq.System(
            CHAIN,
            nodes=pq.Node("n", potential=s**2 + r**2),
            edges=EDGE,
            inputs=pq.Clamp([0], "s"),
            outputs=[2],
            cost=COST + r**2,
        ),
        r"it holds r and s of output group 'nodes'; a steady-state cost may hold exactly one of the coordinates",
    ),
    "readout that does not separate": (
        lambda: system(
            inputs=[0], outputs=[2], cost=(r - y) ** 2, readout=pq.Readout(output=r, drive=sp.tanh(w * s), size=2)
        ),
        r"readout drive tanh\(.*\) must separate into parameter × feature, such as w\*s",
    ),
}


@pytest.mark.parametrize("name", DERIVED)
def test_systems_that_cannot_be_compiled(name):
    build, message = DERIVED[name]
    with pytest.raises(pq.ModelError, match=f"(?s){message}"):
        build().compile()


def test_names_of_inputs():
    model, params = compiled(inputs={"left": [0], "right": pq.Drive([1])}, outputs=[2], cost=COST)
    good = {"left": np.zeros(1), "right": np.zeros(1)}
    assert not np.any(model.equilibrium(params, good).failed)
    for bad in (np.zeros(1), {"left": np.zeros(1)}, good | {"middle": np.zeros(1)}, None):
        with pytest.raises(pq.ModelError, match=r"inputs: .*\['left', 'right'\].*for each"):
            model.equilibrium(params, bad)
    with pytest.raises(pq.ModelError, match=r"input 'right': element \(0,\) is inf; remove or replace"):
        model.equilibrium(params, {"left": np.zeros(1), "right": np.array([np.inf])})


def test_data_without_samples():
    model, params = compiled(inputs=[0], outputs=[2], cost=COST)
    rule = pq.EquilibriumPropagation(pq.Centered(0.1))
    none, one = np.zeros((0, 1)), np.zeros((1, 1))
    with pytest.raises(pq.ModelError, match=r"input 'input': shape \(0, 1\) has no samples; give at least one"):
        model.equilibrium(params, none)
    with pytest.raises(pq.ModelError, match=r"target: shape \(0, 1\) has no samples"):
        rule.gradient(model, params, one, none)
    with pytest.raises(pq.ModelError, match="training data: there are no samples"):
        pq.fit(model, rule, (none, none), epochs=1)
    with pytest.raises(pq.ModelError, match="test data: there are no samples"):
        pq.fit(model, rule, (one, one, none, none), epochs=1)
    with pytest.raises(pq.ModelError, match="draws must be a whole number of at least 1, got 0"):
        noise_audit(model, params, rule, one, one, draws=0)


def test_batches_that_do_not_fit():
    model, params = compiled(inputs=[0], outputs=[2], cost=COST)
    with pytest.raises(pq.ModelError, match=r"batch.*input 'input'.*\(3,\).*target.*\(2,\)"):
        pq.equilibrium(model, params, np.zeros((3, 1)), target=np.zeros((2, 1)), beta=0.1)


def test_targets_without_a_cost():
    model, params = compiled(inputs=[0])
    with pytest.raises(pq.ModelError, match="target: this system has no cost; pass cost= and outputs="):
        model.equilibrium(params, np.zeros(1), target=np.zeros(1))
    with pytest.raises(pq.ModelError, match="this system has no cost; pass cost= and outputs= to System"):
        model.cost(params, model.init_state(), np.zeros(1))
    for rule in (
        pq.EquilibriumPropagation(),
        pq.ImplicitDifferentiation(),
        pq.FiniteDifferences(),
        pq.BackpropagationThroughTime(pq.EulerSteps(0.1, 3)),
    ):
        with pytest.raises(pq.ModelError, match=f"{type(rule).__name__} needs a cost: pass cost="):
            rule.gradient(model, params, np.zeros(1), np.zeros(1))


@pytest.mark.parametrize("beta", [0.0, float("nan"), float("inf"), "0.1", None])
@pytest.mark.parametrize("nudging", [pq.OneSided, pq.Centered, pq.RandomSign])
def test_nudges(nudging, beta):
    with pytest.raises(pq.ModelError, match="the nudge β must be a finite number other than 0, got"):
        nudging(beta)


def finder_case(name):
    model = zoo.compiled(name)
    inputs, _ = zoo.data(name)
    return model, model.init_parameters(jax.random.key(0)), inputs


@pytest.mark.parametrize(
    ("name", "finder", "message"),
    [
        ("saturating", pq.Minimise(), "Minimise cannot honour the bounds of 'nodes'; use NodeDescent, Newton"),
        ("directed", pq.Minimise(), "Minimise needs an energy, and this system has none: 'arrow' in 'e0'"),
        ("directed", pq.NodeDescent(), "NodeDescent needs an energy.*use Newton, FixedPoint or Relaxation"),
        ("resistors", pq.NodeDescent(), "node 2 .*self-loop|joins? node 2 .*itself|touches node 2 twice"),
        ("two coordinates", pq.NodeDescent(), "steps one unknown per node, and group 'nodes' has several"),
        (
            "layered",
            pq.FixedPoint(10),
            "FixedPoint needs a closed-form local equilibrium of s on group 'hidden'.*`minimiser`",
        ),
        ("resistors", pq.Relaxation(), "Relaxation needs dynamics, and v of group 'nodes' has none"),
        ("internal", pq.EulerSteps(), "EulerSteps needs dynamics, and i of group 'e0' has none"),
        ("layered", pq.LinearSolve(), "LinearSolve needs forces linear in the unknowns .*'unit'|'synapse'"),
        ("saturating", pq.LinearSolve(), "LinearSolve needs forces linear"),
        ("layered", pq.Relaxation(tolerance=1e-8), "tolerance 1e-08 must be at least 3 × atol"),
        ("layered", "newton", "finder must be a Finder such as Minimise.*got 'newton'"),
    ],
)
def test_finders_that_do_not_fit(name, finder, message):
    model, params, inputs = finder_case(name)
    with pytest.raises(pq.ModelError, match=f"(?s){message}"):
        model.equilibrium(params, inputs, finder=finder)


def test_conjugate_gradients_need_symmetry():
    arrow = pq.Edge("arrow", force={s.target: w * s.source})
    model = pq.System(pq.complete(3, directed=True), nodes=UNIT, edges=arrow, inputs=[0]).compile()
    with pytest.raises(pq.ModelError, match="ConjugateGradients needs a symmetric system"):
        pq.LinearSolve(pq.ConjugateGradients()).check(model)


def test_backpropagation_needs_a_budget():
    model, params, inputs = finder_case("prototypical")
    with pytest.raises(pq.ModelError, match=r"needs a finder with a fixed number of steps, such as FixedPoint\(30\)"):
        pq.BackpropagationThroughTime(pq.FixedPoint(100, tolerance=1e-6)).gradient(model, params, inputs, np.zeros(2))


def test_rules_tell_of_phases_that_fail():
    model, params, inputs = finder_case("layered")
    rule = pq.EquilibriumPropagation(pq.Centered(0.1), free=pq.EulerSteps(0.1, 2, tolerance=1e-9))
    inputs, target = inputs + 0.5, np.zeros(2)
    with pytest.raises(
        pq.SolveError, match=r"EquilibriumPropagation not converged .*residual .*; raise the number of steps"
    ):
        rule.gradient(model, params, inputs, target)
    _, info = rule.gradient(model, params, inputs, target, throw=False)
    assert int(info.outcome) == pq.Outcome.NOT_CONVERGED


def test_a_nudge_beyond_the_curvature_is_told():
    """−β over the curvature turns the energy upside down: the nudged phase has no minimum."""
    quartic = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    model, params = compiled(nodes=quartic, inputs=[0], outputs=[2], cost=COST)
    rule = pq.EquilibriumPropagation(pq.Centered(1.5), free=pq.EulerSteps(0.1, 3000, tolerance=1e-9))
    with pytest.raises(pq.SolveError, match=r"EquilibriumPropagation (diverged|not converged)"):
        rule.gradient(model, params, np.ones((1, 1)), np.ones((1, 1)))


def test_a_singular_linear_system_is_told():
    """Two equal and opposite springs leave the level of a node open; no graph shows it."""
    k = pq.parameter("k", initial=1.0)
    node = pq.Node("n", potential=k * s**2 / 2 - s**2 / 2 + s)
    model = pq.System(Topology((Group("n", 1),)), nodes=node).compile()
    with pytest.raises(pq.SolveError, match=r"LinearSolve (diverged|not converged)"):
        model.equilibrium({"n": {"k": jnp.ones(1)}}, finder=pq.LinearSolve())


def test_linear_systems_whose_matrix_is_an_input():
    """A signal may scale a stiffness: every sample then has a matrix of its own."""
    gain = pq.Edge("gain", potential=(1 + x**2) * (s.source - s.target) ** 2 / 2)
    model = pq.System(
        pq.from_edges([0, 1], [1, 2], 3), nodes=UNIT, edges=gain, inputs={"x": pq.Feed("edges", x), "u": pq.Drive([0])}
    ).compile()
    params = model.init_parameters(jax.random.key(0))
    inputs = {"x": np.array([[0.0, 2.0], [3.0, 1.0], [0.5, 0.5]]), "u": np.ones((3, 1))}
    for method in (pq.DenseDirect(), pq.ConjugateGradients(1e-13), pq.SparseDirect()):
        found = np.asarray(model.equilibrium(params, inputs, finder=pq.LinearSolve(method))["nodes"]["s"])
        for (a, b), row in zip(1 + inputs["x"] ** 2, found, strict=True):
            matrix = np.array([[1 + a, -a, 0], [-a, 1 + a + b, -b], [0, -b, 1 + b]])
            np.testing.assert_allclose(row, np.linalg.solve(matrix, [1, 0, 0]), atol=1e-9)
