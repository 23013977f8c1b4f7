"""The same physics written otherwise is the same physics: ports by name, forces with integrals that overflow."""

import jax
import numpy as np
import pytest
import sympy as sp

import physeq as pq

x, y, z = pq.coordinate("x"), pq.target("y"), pq.coordinate("z")
k, b, w = pq.parameter("k", positive=True), pq.parameter("b"), pq.parameter("w")
SPRING = pq.Edge("spring", potential=k * (x.source - x.target) ** 2 / 2)


def test_the_one_port_of_a_component_may_be_named():
    """q.at("a") is q in a component with the port a alone: terms, forces and bounds."""
    q = x.at("a")
    named = pq.Component("anchor", ports=("a",), potential=k * q**2 / 2, force={q: -(q**3)}, bounds={q: (-1, 1)})
    plain = pq.Component("anchor", ports=("a",), potential=k * x**2 / 2, force={x: -(x**3)}, bounds={x: (-1, 1)})
    assert (named.potential, dict(named.force), dict(named.bounds)) == (
        plain.potential, dict(plain.force), dict(plain.bounds),
    )  # fmt: skip
    forces = []
    for component in (named, plain):
        nodes = {"nodes": [pq.Node("unit", potential=x**4 / 4 - b * x), component]}
        model = pq.System(pq.complete(2), nodes=nodes, edges=SPRING).compile()
        params = model.init_parameters(jax.random.key(0))
        forces.append(model.force(params, {"nodes": {"x": np.array([0.3, -0.7])}})["nodes"]["x"])
    np.testing.assert_array_equal(*forces)
    with pytest.raises(pq.ModelError, match="name one coordinate twice"):
        pq.Component("anchor", ports=("a",), force={q: -q, x: -x})


@pytest.mark.parametrize(
    "force, exact",
    [
        (-sp.tanh(k * x), lambda v: -np.tanh(v)),
        (1 - sp.tanh(x), lambda v: 1 - np.tanh(v)),
        (-pq.sigmoid(k * x), lambda v: -1 / (1 + np.exp(-v))),
        (-sp.exp(x) / (1 + sp.exp(x)), lambda v: -1 / (1 + np.exp(-v))),
    ],
    ids=["tanh", "1 - tanh", "sigmoid", "ratio"],
)
def test_forces_that_saturate_do_not_overflow_through_their_integral(force, exact):
    node = pq.Node("node", potential=x**2 / 20, force={x: force}, dissipation=x.dot**2 / 2)
    model = pq.System(pq.complete(2), nodes=node, edges=pq.Edge("edge", potential=-x.source * x.target)).compile()
    names = model.init_parameters(jax.random.key(0))
    params = {p: {n: np.ones_like(v) for n, v in own.items()} for p, own in names.items()}
    states = np.array([-800.0, -3.0, 0.2, 40.0])
    for v in states:
        found = model.force(params, {"nodes": {"x": np.array([v, 0.0])}})["nodes"]["x"][0]
        with np.errstate(over="ignore"):
            assert float(found) == pytest.approx(-v / 10 + exact(v), rel=1e-12)


def test_a_readout_has_a_name_of_its_own_on_pages():
    """A weight w of the network and a weight w of the readout are two parameters."""
    synaptic = pq.parameter("w", description="synaptic weight")
    reading = pq.parameter("w", description="readout weight", bounds=(-1, 1))
    unit = pq.Node("unit", potential=x**2 / 2, dissipation=x.dot**2 / 2)
    system = pq.System(
        pq.layered([4, 3]), nodes=unit, edges=pq.Edge("synapse", potential=-synaptic * x.source * x.target),
        inputs="input", outputs="output", cost=(z - y) ** 2 / 2,
        readout=pq.Readout(output=z, drive=reading * x, size=2),
    )  # fmt: skip
    page = system.derive().to_markdown(pq.EquilibriumPropagation())
    assert "synaptic weight" in page and "readout weight" in page


def test_an_echo_of_a_terminal_cost_on_a_whole_group_has_its_equation():
    mass = pq.Node("mass", kinetic=x.dot**2 / 2, potential=x**2 / 2)
    boundary = pq.InitialValue({"nodes": np.array([1.0, 0.0])}, {}, duration=1.0)
    for outputs in ("nodes", [0]):
        system = pq.System(pq.complete(2), nodes=mass, edges=SPRING, outputs=outputs)
        cost = pq.TrajectoryCost(terminal=(x - y) ** 2 / 2)
        page = system.trajectories(boundary, pq.Leapfrog(10), cost=cost).to_markdown(pq.HamiltonianEcho())
        echo = page.split("is replayed in reverse")[1].split("(estimate)")[0]
        assert r"\dot{p}_{i} = - x_{i}" in echo and "pushes the outputs" not in echo
