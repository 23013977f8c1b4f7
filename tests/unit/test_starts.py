"""Where solvers and motions start: the coordinates' `start`, and `System(start=...)` over it."""

import jax
import networkx as nx
import numpy as np
import optax
import pytest

import physeq as pq
from physeq.errors import ModelError

SIGNS = np.array([1.0, -1.0, 1.0, 1.0, -1.0])

s, t = pq.coordinate("s", start=0.5), pq.target("t")
w, b = pq.parameter("w", initial=0.1), pq.parameter("b", initial=0.0)
well = pq.Node("well", potential=(s**2 - 1) ** 2 / 4 - b * s, parameters=[b])
link = pq.Edge("link", potential=-w * s.source * s.target, parameters=[w])


def chain(start=None) -> pq.System:
    """Five double wells in a row: each of the 32 choices of sides is a stable state."""
    return pq.System.from_graph(
        nx.path_graph(5), nodes=well, edges=link, outputs=[2], cost=(s - t) ** 2 / 2, start=start
    )


@pytest.fixture(scope="module")
def model():
    return chain({"nodes": {"s": SIGNS}}).compile()


def test_the_start_picks_the_stable_state_of_every_node(model):
    state = model.equilibrium(model.init_parameters(jax.random.key(0))).state["nodes"]["s"]
    assert (np.sign(state) == SIGNS).all()
    # Σ (s³ − s) = w Σ neighbours: found with a solver that knows nothing of wells.
    neighbours = np.convolve(state, [1, 0, 1], "same")
    np.testing.assert_allclose(state**3 - state, 0.1 * neighbours, atol=1e-9)


@pytest.mark.slow
def test_rules_and_training_keep_to_the_started_state(model):
    params = model.init_parameters(jax.random.key(0))
    rule = pq.EquilibriumPropagation(nudging=pq.Centered(1e-3))
    assert pq.audit(model, params, rule, None, np.array([1.3])).best.relative_error < 1e-8
    result = pq.fit(model, rule, (None, np.array([[1.3]])), optimizer=optax.adam(0.02), epochs=40)
    assert result.train["cost"] < 1e-2 * result.history[0]["running_cost"]
    np.testing.assert_allclose(result.predict(None), [[result.model.equilibrium(result.params)["nodes"]["s"][2]]])
    # The last node is joined to the output through one that has gone up: it keeps its side.
    assert model.equilibrium(result.params).state["nodes"]["s"][4] < 0


def test_nan_leaves_a_node_to_its_coordinate():
    system = chain({"nodes": {"s": [1.0, np.nan, -1.0, np.nan, 0.0]}})
    expected = [1.0, 0.5, -1.0, 0.5, 0.0]
    np.testing.assert_array_equal(system.compile().init_state(3)["nodes"]["s"], np.tile(expected, (3, 1)))
    np.testing.assert_array_equal(chain().compile().init_state()["nodes"]["s"], [0.5] * 5)


def test_motions_start_there_too():
    friction = pq.Node("friction", dissipation=s.dot**2 / 2, potential=(s**2 - 1) ** 2 / 4 - b * s, parameters=[b])
    system = pq.System.from_graph(nx.path_graph(5), nodes=friction, edges=link, start={"nodes": {"s": SIGNS}})
    np.testing.assert_array_equal(system.motion().start(), SIGNS)


def test_coordinates_inside_elements_start_one_by_one():
    given = np.array([0.1, 0.2, 0.3])
    system = pq.System.from_graph(
        nx.path_graph(4), edges=pq.electrical.linear_drift_memristor(), ground=0, inputs=[3],
        start={"edges": {"x": given}},
    )  # fmt: skip
    motion = system.motion()
    np.testing.assert_array_equal(motion.unflatten(motion.start())["edges"]["x"], given)
    assert "inside, which starts at given values." in system.derive().to_markdown()
    again = pq.read_netlist(pq.to_netlist(system)).to_system()
    starts = [p.component.internal[0].start for p in again.placements if p.component.internal]
    assert sorted(starts) == given.tolist()


def test_pages_say_where_unknowns_start():
    assert "| outputs | given values |" in chain({"nodes": {"s": SIGNS}}).derive().to_markdown()
    assert "| outputs | 0.5 |" in chain().derive().to_markdown()


@pytest.mark.parametrize(
    "start, message",
    [
        ({"cells": {"s": 1.0}}, "'cells' is no group; there are 'nodes'"),
        ({"nodes": {"z": 1.0}}, "'z' of 'nodes': there is no such coordinate, but ['s']"),
        ({"nodes": {"s": [1.0, 2.0]}}, "must have shape (5,), got (2,)"),
        ({"nodes": {"s": "up"}}, "values must be numbers, got 'up'"),
        ({"nodes": {"s": np.inf}}, "holds infinite numbers"),
        ({"nodes": 2.0}, "start of 'nodes': must be a dict"),
        (3.0, "start: must be a dict"),
    ],
)
def test_what_does_not_fit_is_named(start, message):
    with pytest.raises(ModelError) as error:
        chain(start)
    assert message in str(error.value)
