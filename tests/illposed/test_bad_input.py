"""Bad input on purpose: every message names the user's thing and how to mend it."""

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
import sympy as sp

import physeq as pq

s, y, w = pq.coordinate("s"), pq.target("y"), pq.parameter("w")
v, g = pq.coordinate("v"), pq.parameter("g", positive=True)
UNIT = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
SYNAPSE = pq.Edge("synapse", potential=-w * sp.tanh(s.source) * sp.tanh(s.target))
RESISTOR = pq.Edge("resistor", dissipation=g * (v.source.dot - v.target.dot) ** 2 / 2)
COST = (s - y) ** 2 / 2


def refused(*words):
    """The context of an expected `ModelError` that holds all the words."""
    pattern = "".join(f"(?=.*{word})" for word in words)
    return pytest.raises(pq.ModelError, match=f"(?s){pattern}")


def layered(**options):
    given = {
        "nodes": {"hidden": UNIT, "output": UNIT},
        "edges": SYNAPSE,
        "inputs": "input",
        "outputs": "output",
        "cost": COST,
    }
    return pq.System(pq.layered([3, 4, 2]), **(given | options))


@pytest.fixture(scope="module")
def model():
    return layered().compile()


@pytest.fixture(scope="module")
def params(model):
    return model.init_parameters(jax.random.key(0))


def test_unknown_symbol_in_a_term():
    with refused("spring", "potential", "unknown symbol k", r'parameter\("k"\)'):
        pq.Edge("spring", potential=sp.Symbol("k") * (s.source - s.target) ** 2)


def test_bare_lists_of_components():
    with refused("`nodes` is a list", r"\['hidden', 'input', 'output'\]"):
        layered(nodes=[UNIT])
    with refused("`edges` is a list", "bundle"):
        layered(edges=[SYNAPSE])


def test_non_scalar_energy():
    with refused("spring", "scalar", "potential"):
        pq.Edge("spring", potential=sp.Matrix([s.source, s.target]))


def test_non_differentiable_energy():
    with refused("step", "not differentiable", "force"):
        pq.Node("step", potential=sp.Heaviside(s))


def test_non_differentiable_force_where_a_rule_needs_a_derivative():
    jumpy = pq.Edge("jumpy", force={s.target: w * sp.sign(s.source), s.source: w * sp.sign(s.target)})
    system = pq.System(pq.complete(3), nodes=UNIT, edges=jumpy, inputs=[0], outputs=[2], cost=COST)
    model = system.compile()
    with refused("ImplicitDifferentiation", "jumpy", "sign", "FiniteDifferences"):
        pq.ImplicitDifferentiation(pq.Newton()).gradient(
            model, model.init_parameters(jax.random.key(0)), jnp.ones((1, 1)), jnp.ones((1, 1))
        )


def test_floating_node():
    graph = nx.Graph([("a", "b"), ("c", "d")])
    with refused("'c'", "'d'", "float", "ground"):
        pq.System.from_graph(graph, edges=RESISTOR, ground="a").compile()


def test_disconnected_output():
    graph = nx.Graph([("in", "mid"), ("gnd", "out")])
    system = pq.System.from_graph(
        graph, edges=RESISTOR, ground="gnd", inputs=["in"], outputs=["out"], cost=(v.dot - y) ** 2 / 2
    )
    with refused("'out'", "disconnected", "connect"):
        system.compile()


def test_parameter_out_of_bounds():
    graph = nx.Graph()
    graph.add_edge(0, 1, g=1.0)
    graph.add_edge(1, 2, g=-2.0)
    with refused("'g'", "-2.0", "element", "bounds"):
        pq.System.from_graph(graph, edges=RESISTOR, ground=0, inputs=[2])


def test_component_attribute_missing_on_an_edge():
    graph = nx.Graph()
    graph.add_edge(0, 1, component="resistor")
    graph.add_edge(1, 2)
    with refused("component", "1", "2"):
        pq.System.from_graph(graph, edges={"resistor": RESISTOR}, ground=0)


def test_undirected_edge_with_a_directed_component():
    directed = pq.Edge("axon", force={s.target: w * s.source})
    with refused("axon", "undirected", "DiGraph"):
        pq.System.from_graph(nx.path_graph(3), nodes={"nodes": UNIT}, edges=directed)


@pytest.mark.parametrize("shape", [(5, 2), (5, 4), ()])
def test_wrong_input_shape(model, params, shape):
    with refused("input", r"\(\*batch, 3\)"):
        model.equilibrium(params, jnp.zeros(shape))


def test_wrong_target_shape(model, params):
    with refused("target", r"\(\*batch, 2\)"):
        model.parameter_gradient(params, model.init_state(5), jnp.zeros((5, 3)), jnp.zeros((5, 3)), 0.1)


def test_nan_input(model, params):
    with refused("input", "nan", r"\(1, 2\)"):
        model.equilibrium(params, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, np.nan]]))


def test_nan_training_data(model):
    x, target = np.zeros((6, 3)), np.zeros((6, 2))
    target[4, 1] = np.inf
    rule = pq.EquilibriumPropagation(pq.Centered(0.1))
    with refused("targets", "sample 4", "inf"):
        pq.fit(model, rule, (x, target), optimizer=pq.Rates(default=0.1), epochs=1, progress=False)


def test_unknown_learning_rate(model):
    rule = pq.EquilibriumPropagation(pq.Centered(0.1))
    data = (np.zeros((4, 3)), np.zeros((4, 2)))
    with refused("input->hiden", "input->hidden"):
        pq.fit(model, rule, data, optimizer=pq.Rates({"input->hiden": 0.1}), epochs=1, progress=False)


def test_diverging_equilibrium_names_its_residual():
    runaway = pq.Node("runaway", potential=-(s**4) / 4 + s / 10, dissipation=s.dot**2 / 2)
    model = pq.System(pq.complete(2), nodes=runaway, edges=SYNAPSE).compile()
    params = model.init_parameters(jax.random.key(0))
    finder = pq.EulerSteps(0.5, 200, tolerance=1e-8)
    with pytest.raises(pq.SolveError, match=r"(?s)diverged.*residual.*energy"):
        model.equilibrium(params, start={"nodes": {"s": jnp.array([3.0, -3.0])}}, finder=finder)


def test_too_few_steps_name_their_residual(model, params):
    with pytest.raises(pq.SolveError, match=r"(?s)not converged.*after 1 steps.*residual [0-9.e-]+.*raise the number"):
        model.equilibrium(params, jnp.ones((2, 3)), finder=pq.EulerSteps(0.01, 1, tolerance=1e-12))


def test_second_order_systems_rest_but_do_not_relax():
    mass = pq.Node("mass", kinetic=s.dot**2 / 2, potential=s**2 / 2 - s)
    spring = pq.Edge("spring", potential=(s.source - s.target) ** 2 / 2)
    model = pq.System(pq.complete(3), nodes=mass, edges=spring).compile()
    params = model.init_parameters(jax.random.key(0))
    assert model.equilibrium(params)["nodes"]["s"] == pytest.approx(1.0, abs=1e-9)
    with refused("nodes", "inertia", "Minimise"):
        model.equilibrium(params, finder=pq.Relaxation())


def test_constraints_have_a_motion_and_no_minimum():
    rod = pq.Edge("rod", constraint=((s.source - s.target) ** 2 - 1,))
    with refused("constraint", "System.motion()"):
        pq.System(pq.complete(2), nodes=UNIT, edges=rod, ground=0).compile()


def test_finders_refuse_what_they_cannot_solve(model, params):
    boxed = pq.Node("boxed", potential=s**2 / 2, bounds={s: (0, 1)})
    with refused("Minimise", "bounds", "NodeDescent"):
        other = layered(nodes={"hidden": boxed, "output": UNIT}).compile()
        other.equilibrium(params, jnp.ones((1, 3)), finder=pq.Minimise())
    with refused("LinearSolve", "synapse"):
        model.equilibrium(params, jnp.ones((1, 3)), finder=pq.LinearSolve())
    resistors = pq.System(pq.complete(3), edges=RESISTOR, ground=0, inputs=[1]).compile()
    with refused("Relaxation", "dynamics", "dissipation"):
        resistors.equilibrium(resistors.init_parameters(jax.random.key(0)), jnp.ones((1, 1)), finder=pq.Relaxation())


def test_equilibrium_propagation_is_refused_without_an_energy():
    axon = pq.Edge("axon", force={s.target: w * sp.tanh(s.source)})
    topology = pq.complete(3, directed=True)
    model = pq.System(topology, nodes=UNIT, edges=axon, inputs=[0], outputs=[2], cost=COST).compile()
    with refused("axon", "energy", "AsymmetricEP", "VectorFieldEP"):
        pq.EquilibriumPropagation().gradient(
            model, model.init_parameters(jax.random.key(0)), jnp.ones((1, 1)), jnp.ones((1, 1))
        )


def test_random_sign_needs_a_key(model, params):
    with refused("RandomSign", "key"):
        pq.EquilibriumPropagation(pq.RandomSign(0.1)).gradient(model, params, jnp.ones((1, 3)), jnp.ones((1, 2)))


def test_unknown_node_label():
    with refused("outputs", "99"):
        pq.System(pq.complete(3), nodes=UNIT, edges=SYNAPSE, inputs=[0], outputs=[99], cost=COST)


def test_cost_in_a_coordinate_that_was_reduced():
    with refused("cost", "v.dot"):
        pq.System(pq.complete(3), edges=RESISTOR, ground=0, inputs=[1], outputs=[2], cost=(v - y) ** 2 / 2).derive()


def test_a_coordinate_declared_twice_on_one_group():
    other = pq.coordinate("s", start=1.0)
    again = pq.Edge("again", potential=(other.source - other.target) ** 2 / 2)
    with refused("'s'", "twice", "start"):
        pq.System(pq.complete(3), nodes=UNIT, edges=again).derive()


def test_parameters_of_another_model_are_named(model, params):
    x = np.zeros((1, 3))
    with refused("params", "'hidden->outptu' is not known", "'hidden->output'"):
        model.equilibrium(params | {"hidden->outptu": params["hidden->output"]}, x)
    with refused("params", "'hidden->output' is missing"):
        model.equilibrium({"input->hidden": params["input->hidden"]}, x)
    with refused(r"params\['hidden->output'\]\['w'\]", r"shape \(4, 2\), got \(2, 4\)"):
        model.equilibrium(params | {"hidden->output": {"w": params["hidden->output"]["w"].T}}, x)
    with refused("params", "must be a dict", "init_parameters"):
        model.equilibrium(None, x)


def test_names_and_shapes_of_starts_are_read(model, params):
    x = np.zeros((5, 3))
    with refused("start", "'hiden' is no group", "'hidden'"):
        model.equilibrium(params, x, start={"hiden": {"s": np.zeros(4)}})
    with refused(r"start\['hidden'\]", "'s'"):
        model.equilibrium(params, x, start={"hidden": {"S": np.zeros(4)}})
    with refused(r"start\['hidden'\]\['s'\]", r"\(4,\) or \(5, 4\)", r"got shape \(3,\)"):
        model.equilibrium(params, x, start={"hidden": {"s": np.zeros(3)}})
    for start in (np.zeros(4), np.zeros((5, 4)), 0.0):
        assert model.equilibrium(params, x, start={"hidden": {"s": start}})["hidden"]["s"].shape == (5, 4)


def test_data_that_are_no_real_numbers(model, params):
    with refused("input 'input'", "array of numbers"):
        model.equilibrium(params, np.array([["a", "b", "c"]]))
    with refused("input 'input'", "complex"):
        model.equilibrium(params, 1j * np.ones((1, 3)))
    with refused("EquilibriumPropagation", "target is None"):
        pq.EquilibriumPropagation().gradient(model, params, np.zeros((1, 3)), None)


def test_terms_and_values_that_are_none():
    with refused("cost", "SymPy expression", "text is not parsed"):
        layered(cost="(s - y)**2")
    with refused("running", "SymPy expression"):
        pq.TrajectoryCost(running="(s - y)**2")
    with refused("'e'", "force must be a dict", "v.target"):
        pq.Edge("e", force=w * s.source)
    with refused("'e'", "force must be a dict"):
        pq.Edge("e", force={"target": w * s.source})
    with refused("'w' of 'hidden->output'", "must be numbers", "a lot"):
        layered(values={"hidden->output": {"w": "a lot"}})
    with refused("'g'", "initial values", r"outside its bounds \[0.0, 1.0\]"):
        pq.parameter("g", bounds=(0, 1), initial=pq.Uniform(-3, -2))
    assert pq.parameter("g", bounds=(0, 1), initial=pq.Uniform(-3, 0)).upper == 1


def test_a_fit_starts_inside_the_bounds_and_with_a_rule():
    resistors = pq.System(pq.complete(3), edges=RESISTOR, ground=0, inputs=[1], outputs=[2], cost=(v.dot - y) ** 2 / 2)
    model, data = resistors.compile(), (np.ones((2, 1)), np.zeros((2, 1)))
    rates = {"optimizer": pq.Rates(default=0.1), "epochs": 1, "progress": False}
    with refused("params", "'edges'", "'g'", "-1.0 of element", r"bounds \[0.0, inf\]", "project_parameters"):
        pq.fit(model, pq.EquilibriumPropagation(), data, params={"edges": {"g": np.array([1.0, -1.0, 1.0])}}, **rates)
    with refused("params", "'g'", "-1 of element"):
        pq.fit(model, pq.EquilibriumPropagation(), data, params={"edges": {"g": np.array([1, -1, 1])}}, **rates)
    with refused("fit: rule must be a rule", "EquilibriumPropagation"):
        pq.fit(model, pq.EquilibriumPropagation, data, **rates)


def test_a_start_where_forces_vanish_by_symmetry_is_no_minimum():
    """Double wells between ±1, started on top of the hill between them; off it, or on purpose, states are found."""
    wells = pq.Node("wells", potential=s**4 / 4 - s**2 / 2)
    spring = pq.Edge("spring", potential=pq.parameter("k", initial=0.1) * (s.source - s.target) ** 2 / 2)
    model = pq.System(pq.complete(2), nodes=wells, edges=spring).compile()
    params = model.init_parameters(jax.random.key(0))
    with pytest.raises(pq.SolveError, match=r"Minimise unstable .* maximum or saddle .*start"):
        model.equilibrium(params)
    start = {"nodes": {"s": np.array([0.1, 0.2])}}
    np.testing.assert_allclose(model.equilibrium(params, start=start)["nodes"]["s"], 1, atol=1e-9)
    saddle = {"nodes": {"s": np.array([0.9, -0.9])}}
    apart = model.equilibrium(params, start=saddle)["nodes"]["s"]  # x³ − x + 0.2 x = 0
    np.testing.assert_allclose(apart, np.sqrt(0.8) * np.array([1, -1]), atol=1e-9)
    np.testing.assert_array_equal(model.equilibrium(params, finder=pq.Newton())["nodes"]["s"], 0)
    descended = model.equilibrium(params, finder=pq.NodeDescent(500, 1e-12))["nodes"]["s"]
    np.testing.assert_allclose(descended, 1, atol=1e-9)


def test_a_flat_direction_is_no_instability():
    """A ring of minima: along it the energy has no curvature, and rounding may give it either sign."""
    x1, x2 = pq.coordinate("x1"), pq.coordinate("x2")
    ring = pq.Node("ring", potential=(x1**2 + x2**2 - 1) ** 2 / 4)
    model = pq.System(pq.from_edges([], [], 50), nodes=ring).compile()
    angles = np.linspace(0, 6, 50)
    start = {"nodes": {"x1": 0.3 * np.cos(angles), "x2": 0.3 * np.sin(angles)}}
    found = model.equilibrium({}, start=start, finder=pq.Minimise())["nodes"]
    np.testing.assert_allclose(found["x1"] ** 2 + found["x2"] ** 2, 1, atol=1e-9)
