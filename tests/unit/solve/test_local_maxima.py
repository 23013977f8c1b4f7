"""Closed local equilibria that are maxima: nodes leave them for a bound, whatever sign a coupling was drawn with."""

import jax
import networkx as nx
import numpy as np
import pytest
import sympy as sp

import physeq as pq
from physeq.solve import Outcome
from physeq.symbolic.minimise import surely_minimum


def hill(start):
    s = pq.coordinate("s", start=start)
    return pq.System(
        pq.complete(1), nodes=pq.Node("hill", potential=-((s - 0.3) ** 2) / 2, bounds={s: (0, 1)})
    ).compile()


@pytest.mark.parametrize("start, end", [(0.0, 0.0), (0.29, 0.0), (0.3, 1.0), (0.9, 1.0)])
@pytest.mark.parametrize("finder", [pq.NodeDescent(5), pq.FixedPoint(5)], ids=["descent", "map"])
def test_a_node_falls_from_the_hill_to_the_bound_on_its_side(start, end, finder):
    assert pq.equilibrium(hill(start), {"nodes": {}}, finder=finder)["nodes"]["s"].tolist() == [end]


def test_signed_couplings_in_a_box_settle_at_minima_of_every_node():
    s = pq.coordinate("s")
    j, b = pq.parameter("J", initial=pq.Normal(0, 1)), pq.parameter("b", initial=pq.Normal(0, 1))
    link = pq.Edge("link", potential=j * (s.source - s.target) ** 2 / 2, parameters=[j])
    node = pq.Node("node", potential=-b * s, parameters=[b], bounds={s: (-1, 1)})
    graph = nx.random_regular_graph(3, 12, seed=1)
    model = pq.System.from_graph(graph, nodes=node, edges=link).compile()
    ends = np.asarray(model.system.topology.bundle("edges").pattern.rows((12, 12)))
    inside = 0
    for seed in range(6):
        params = model.init_parameters(jax.random.key(seed))
        x = np.asarray(model.equilibrium(params)["nodes"]["s"])
        hessian = np.zeros((12, 12))
        for (i, k), w in zip(ends, np.asarray(params["edges"]["J"]), strict=True):
            hessian[[i, k, i, k], [i, k, k, i]] += w * np.array([1, 1, -1, -1])
        force = np.asarray(params["nodes"]["b"]) - hessian @ x
        free = np.abs(x) < 1
        np.testing.assert_allclose(force[free], 0, atol=1e-9)
        assert (hessian.diagonal()[free] > 0).all() and (force[~free] * x[~free] >= -1e-9).all()
        inside += free.sum()
    assert inside  # some nodes do rest between their bounds


def test_a_hill_without_an_end_diverges():
    s = pq.coordinate("s", start=0.5)
    model = pq.System(pq.complete(1), nodes=pq.Node("hill", potential=-(s**2) / 2)).compile()
    assert pq.equilibrium(model, {"nodes": {}}, finder=pq.NodeDescent(5), throw=False).outcome == Outcome.DIVERGED


def test_what_cannot_be_a_maximum_is_known_from_the_symbols():
    x, k, h = sp.Symbol("x", real=True), sp.Symbol("k", positive=True), sp.Symbol("h", real=True)
    message = sp.Symbol("H", real=True)
    assert surely_minimum(h - k * x, x, h / k)
    assert not surely_minimum(h - message * x, x, h / message)
    assert surely_minimum(h - message * x, x, h / message, {message})
    v = pq.electrical.v
    grid = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2], cost=v**2 / 2)
    assert all(local.minimum["v"] for local in grid.derive().locals.values())  # no price for passive networks


def test_no_sweep_of_descent_goes_up():
    """Strong couplings in one group, where neighbours of a node are found by the same Newton steps as it."""
    s, w = pq.coordinate("s"), pq.parameter("w", initial=pq.Normal(0, 4))
    unit = pq.Node("unit", potential=s**2 / 2 + s**4 / 10 - 0.3 * s)
    synapse = pq.Edge("synapse", potential=-w * sp.tanh(s.source) * sp.tanh(s.target), parameters=[w])
    model = pq.System.from_graph(nx.random_regular_graph(4, 20, seed=2), nodes=unit, edges=synapse).compile()
    for seed in range(6):
        params = model.init_parameters(jax.random.key(seed))
        state: dict = {"nodes": {"s": 2 * jax.random.normal(jax.random.key(seed + 50), (20,))}}
        energies = [float(model.energy(params, state))]
        for _ in range(8):
            state = pq.equilibrium(model, params, start=state, finder=pq.NodeDescent(1)).state
            energies.append(float(model.energy(params, state)))
        assert np.diff(energies).max() <= 1e-12 * abs(energies[-1]) and energies[0] > energies[-1] + 1
