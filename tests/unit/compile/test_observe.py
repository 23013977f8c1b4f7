"""Observed quantities are the physics: Ohm's law, Kirchhoff's current law, reactions; costs and readouts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import physeq as pq


@pytest.fixture(scope="module")
def circuit():
    """A solved resistor network, two samples."""
    model = zoo.compiled("resistors")
    params = {"e0": {"g": jnp.linspace(0.5, 2.0, len(zoo.RING))}}
    inputs = jnp.asarray([[1.0, -0.5], [0.2, 0.7]])
    state = pq.equilibrium(model, params, inputs).state
    return model, params, inputs, state, lambda name: np.asarray(model.observe(name, params, state, inputs))


def test_ohms_law(circuit):
    _, params, _, state, observe = circuit
    v = np.asarray(state["nodes"]["v"])
    for k, (a, b) in enumerate(zoo.RING):
        np.testing.assert_allclose(observe("e0.drop")[:, k], v[:, a] - v[:, b], atol=1e-14)
        np.testing.assert_allclose(observe("e0.flow")[:, k], params["e0"]["g"][k] * (v[:, a] - v[:, b]), atol=1e-14)


def test_kirchhoffs_current_law_and_source_currents(circuit):
    """What flows out of a node along its edges is what the source at it supplies: zero on free nodes."""
    _, _, _, _, observe = circuit
    flow, reaction = observe("e0.flow"), observe("nodes.reaction")
    outflow = np.zeros((2, 6))
    for k, (a, b) in enumerate(zoo.RING):
        outflow[:, a] += flow[:, k]
        outflow[:, b] -= flow[:, k]
    np.testing.assert_allclose(reaction, outflow, atol=1e-12)
    np.testing.assert_allclose(outflow[:, 3:], 0, atol=1e-12)
    assert np.all(np.abs(reaction[:, :3]).max(0) > 0.01)
    np.testing.assert_allclose(reaction.sum(1), 0, atol=1e-12)


def test_co_content_is_half_the_power_and_what_the_sources_give(circuit):
    model, params, inputs, state, observe = circuit
    power = np.sum(observe("e0.drop") * observe("e0.flow"), -1)
    np.testing.assert_allclose(observe("e0.energy"), power / 2, rtol=1e-12)
    np.testing.assert_allclose(power, np.sum(observe("nodes.reaction") * observe("nodes.v"), -1), rtol=1e-12)
    np.testing.assert_allclose(model.energy(params, state, inputs), power / 2, rtol=1e-12)
    np.testing.assert_array_equal(observe("nodes.v")[:, [1, 2]], inputs)


def test_directed_edges_draw_nothing_from_their_source():
    model = zoo.compiled("directed")
    params = model.init_parameters(jax.random.key(0))
    state, inputs = model.init_state(), jnp.asarray([0.3, 0.1])
    np.testing.assert_array_equal(model.observe("e0.flow", params, state, inputs), 0)


def test_names_of_quantities_and_of_what_is_none(circuit):
    model, _params, _inputs, _state, observe = circuit
    assert model.quantities() == ["nodes.v", "nodes.reaction", "e0.energy", "e0.drop", "e0.flow"]
    for name in model.quantities():
        assert np.isfinite(observe(name)).all()
    for bad in ("nodes.w", "e0.current", "elsewhere.v", "v"):
        with pytest.raises(pq.ModelError, match=rf"no quantity is named '{bad}'; there are nodes\.v"):
            observe(bad)


@pytest.mark.parametrize("name", ["layered", "internal", "triple", "two coordinates", "readout", "signals"])
def test_every_listed_quantity_can_be_observed(name):
    model = zoo.compiled(name)
    params = model.init_parameters(jax.random.key(0))
    inputs, _ = zoo.data(name)
    for quantity in model.quantities():
        assert np.isfinite(model.observe(quantity, params, model.init_state(), inputs)).all()


def test_outputs_come_in_the_users_order(circuit):
    model, params, _, state, _ = circuit
    np.testing.assert_array_equal(model.predict(params, state), state["nodes"]["v"][:, [4, 3]])
    target = jnp.asarray([[1.0, 2.0], [0.0, 0.5]])
    expected = ((state["nodes"]["v"][:, [4, 3]] - target) ** 2).sum(-1) / 2
    np.testing.assert_allclose(model.cost(params, state, target), expected, rtol=1e-14)


def test_outputs_across_groups_come_in_the_users_order():
    s, y = pq.coordinate("s"), pq.target("y")
    system = pq.System(
        pq.layered([3, 2]),
        nodes=pq.Node("n", potential=s**2),
        edges=zoo.PRODUCT,
        outputs=[("output", 1), ("input", 2), ("output", 0), ("input", 0)],
        cost=y * s,
    )
    model = system.compile()
    state = {"input": {"s": jnp.asarray([1.0, 2.0, 3.0])}, "output": {"s": jnp.asarray([10.0, 20.0])}}
    params = model.init_parameters(jax.random.key(0))
    np.testing.assert_array_equal(model.predict(params, state), [20, 3, 10, 1])
    y_data = jnp.asarray([1.0, 2.0, 3.0, 4.0])
    assert float(model.cost(params, state, y_data)) == 20 + 6 + 30 + 4
    pull = model.problem(params, None, y_data, 2.0).cost_pull(state)
    np.testing.assert_array_equal(pull["input"]["s"], [-8, 0, -4])
    np.testing.assert_array_equal(pull["output"]["s"], [-6, -2])


def test_readout_by_hand_and_by_differences():
    model = zoo.compiled("readout")
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), model.init_parameters(jax.random.key(0)))
    state = {g: {"s": jnp.asarray(rng.normal(size=(2, n)))} for g, n in (("input", 2), ("output", 4))}
    target = rng.normal(size=(2, 3))
    x = np.asarray(state["output"]["s"])
    a, c = np.asarray(params["readout"]["a"]), np.asarray(params["readout"]["c"])
    z = np.tanh(x) @ a + x @ a**2 / 2 + c
    np.testing.assert_allclose(model.predict(params, state), z, rtol=1e-13)
    density = lambda z: (z - target) ** 2 / 2 + (z - target) ** 4 / 12  # noqa: E731
    np.testing.assert_allclose(model.cost(params, state, target), density(z).sum(-1), rtol=1e-13)
    # ∂F/∂p of the readout's parameters and ∂C/∂x, against autodiff of the cost that was just checked
    found = model.parameter_gradient(params, state, np.zeros((2, 2)), target, 0.5)["readout"]
    cost = lambda p, s: jnp.mean(model.cost(p, s, target))  # noqa: E731
    slope_p, slope_x = jax.grad(cost, (0, 1))(params, state)
    np.testing.assert_allclose(found["a"], 0.5 * slope_p["readout"]["a"], rtol=1e-12)
    np.testing.assert_allclose(found["c"], 0.5 * slope_p["readout"]["c"], rtol=1e-12)
    pull = model.problem(params, np.zeros((2, 2)), target, 0.5).cost_pull({"output": state["output"]})
    np.testing.assert_allclose(pull["output"]["s"], -0.5 * 2 * slope_x["output"]["s"], rtol=1e-12)
    for index in np.ndindex(2, 3):
        h = np.zeros((2, 3))
        h[index] = 1e-6
        assert np.isclose((density(z + h) - density(z - h)).sum() / 2e-6, (z - target + (z - target) ** 3 / 3)[index])


def test_precision_follows_the_parameters():
    """Neither double-precision or integer data nor a state in the other precision lift a single-precision model."""
    model = zoo.compiled("layered")
    params = model.init_parameters(jax.random.key(0), jnp.float32)
    for inputs in (np.zeros(3), np.zeros(3, int), np.zeros(3, bool)):
        problem = model.problem(params, inputs, np.ones(2))
        free = problem.start(model.init_state(), problem.beta.dtype)
        force = problem.force(free)
        assert {x.dtype for x in jax.tree.leaves((free, force, problem.held))} == {jnp.dtype("float32")}
