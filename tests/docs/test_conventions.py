"""The signs of the conventions page, pinned by networks that are not symmetric under a change of direction."""

import jax.numpy as jnp
import networkx as nx
import numpy as np

import physeq as pq


def test_branch_current_flows_from_source_to_target():
    resistor = pq.electrical.resistor()
    model = pq.System(pq.from_edges([0], [1], 2), edges=resistor, fixed={0: 3.0, 1: 1.0}).compile()
    params = {"edges": {"g": jnp.array([0.5])}}
    state = model.init_state() | {"nodes": {"v": jnp.array([3.0, 1.0])}}
    np.testing.assert_allclose(model.observe("edges.drop", params, state), [2.0])
    np.testing.assert_allclose(model.observe("edges.flow", params, state), [1.0])


def test_directed_edge_acts_on_its_target_alone():
    s, w = pq.coordinate("s"), pq.parameter("w")
    graph = nx.DiGraph([(0, 1), (2, 1)])
    unit = pq.Node("unit", potential=s**2 / 2)
    synapse = pq.Edge("synapse", force={s.target: w * s.source})
    model = pq.System.from_graph(graph, nodes={"nodes": unit}, edges=synapse).compile()
    params = {"edges": {"w": jnp.array([10.0, 100.0])}}
    order = list(graph.nodes)
    expected = {0: -1.0, 1: -2.0 + 10.0 * 1.0 + 100.0 * 3.0, 2: -3.0}
    values = {0: 1.0, 1: 2.0, 2: 3.0}
    ordered = jnp.array([values[label] for label in order])
    force = model.force(params, {"nodes": {"s": ordered}})["nodes"]["s"]
    np.testing.assert_allclose(force, [expected[label] for label in order])


def test_two_directions_of_a_dense_bundle_have_their_own_weights():
    s, w = pq.coordinate("s"), pq.parameter("w")
    unit = pq.Node("unit", potential=s**2 / 2)
    synapse = pq.Edge("synapse", force={s.target: w * s.source})
    model = pq.System(pq.layered([2, 3], names=["a", "b"], bidirected=True), nodes=unit, edges=synapse).compile()
    forward, backward = np.arange(6.0).reshape(2, 3), 10 * np.arange(6.0).reshape(3, 2)
    params = {"a->b": {"w": jnp.asarray(forward)}, "b->a": {"w": jnp.asarray(backward)}}
    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0, 7.0])
    force = model.force(params, {"a": {"s": a}, "b": {"s": b}})
    np.testing.assert_allclose(force["b"]["s"], -b + a @ forward)
    np.testing.assert_allclose(force["a"]["s"], -a + b @ backward)


def test_gradients_are_descended():
    model = pq.System(
        pq.complete(3),
        edges=pq.electrical.resistor(),
        ground=0,
        inputs=[1],
        outputs=[2],
        cost=(pq.electrical.v - pq.target("y")) ** 2 / 2,
    ).compile()
    params = {"edges": {"g": jnp.ones(3)}}
    x, y = jnp.array([[1.0]]), jnp.array([[0.8]])
    rule = pq.EquilibriumPropagation(pq.Centered(1e-3))
    gradients, before = rule.gradient(model, params, x, y)
    moved = {"edges": {"g": params["edges"]["g"] - 0.1 * gradients["edges"]["g"]}}
    _, after = rule.gradient(model, moved, x, y)
    assert after.cost < before.cost
