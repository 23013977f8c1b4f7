"""Resistive networks against closed forms: dividers, a bridge, junction diodes by Lambert's W, clamped nodes."""

import jax
import numpy as np
import pytest
from scipy.optimize import brentq
from system_files import facts, gradients, model, params_of

import physeq as pq
from physeq.data import load, two_moons

truth = facts("resistor_network")
electrical = pq.electrical
y = pq.target("y")
cost = (electrical.v - y) ** 2 / 2


def network(sources, targets, size, values, **options):
    """Resistors between numbered nodes; the cost sees node `outputs`."""
    topology = pq.from_edges(sources, targets, size)
    return pq.System(topology, edges=electrical.resistor(), cost=cost, values={"edges": {"g": values}}, **options)


@pytest.mark.parametrize(("source", "g_upper", "g_lower"), [(1.0, 1.0, 1.0), (-2.5, 0.3, 1.7), (1.2, 0.4, 0.1)])
@pytest.mark.quick("-2.5-0.3-1.7")
def test_voltage_divider(source, g_upper, g_lower):
    system = network([0, 1], [1, 2], 3, [g_upper, g_lower], inputs=[0], ground=2, outputs=[1])
    compiled, params = system.compile(), params_of(system)
    v, slopes = truth.voltage_divider(source, g_upper, g_lower)
    state = compiled.equilibrium(params, np.array([source]))
    assert state["nodes"]["v"][1] == pytest.approx(v, rel=1e-9)
    target = np.array([0.2])
    expected = (v - target[0]) * np.array([slopes["g_upper"], slopes["g_lower"]])
    for grads in gradients(compiled, params, np.array([source]), target):
        np.testing.assert_allclose(grads["edges"]["g"], expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("eta", [0.01, 0.5, 1.0])
def test_coupled_learning_of_a_voltage_divider(eta):
    source, desired = 1.5, 0.9
    system = network([0, 1], [1, 2], 3, [0.4, 1.1], inputs=[0], ground=2, outputs=[1])
    compiled, params = system.compile(), params_of(system)
    data = (np.array([source]), np.array([desired]))
    estimate, stiffness = truth.divider_coupled(source, 0.4, 1.1, desired, eta)
    found, _ = pq.CoupledLearning(eta).gradient(compiled, params, *data)
    np.testing.assert_allclose(found["edges"]["g"], list(estimate.values()), rtol=1e-10)
    # As η → 0 it is K times the gradient of the cost.
    v, slopes = truth.voltage_divider(source, 0.4, 1.1)
    limit, _ = truth.divider_coupled(source, 0.4, 1.1, desired, 0.0)
    plain = [(v - desired) * slope for slope in slopes.values()]
    np.testing.assert_allclose(list(limit.values()), stiffness * np.array(plain), rtol=1e-12)


def test_wheatstone_bridge_and_the_direction_of_its_current():
    conductances = {"g1": 1.0, "g2": 2.0, "g3": 0.5, "g4": 0.7, "g5": 1.3}
    # Nodes: 0 source, 1 a, 2 b, 3 ground.
    ends = [(0, 1), (1, 3), (0, 2), (2, 3), (1, 2)]
    system = network(
        *map(list, zip(*ends, strict=True)), 4, list(conductances.values()), inputs=[0], ground=3, outputs=[1, 2]
    )
    compiled, params = system.compile(), params_of(system)
    nodes, slopes = truth.wheatstone(5.0, **conductances)
    state = compiled.equilibrium(params, np.array([5.0]))
    np.testing.assert_allclose(state["nodes"]["v"][1:3], [nodes["a"], nodes["b"]], rtol=1e-9)
    flow = compiled.observe("edges.flow", params, state.state, np.array([5.0]))
    assert flow[4] == pytest.approx(conductances["g5"] * (nodes["a"] - nodes["b"]), rel=1e-9)
    target = np.array([1.0, 3.0])
    expected = [
        (nodes["a"] - 1.0) * slopes["a"][name] + (nodes["b"] - 3.0) * slopes["b"][name] for name in conductances
    ]
    for grads in gradients(compiled, params, np.array([5.0]), target):
        np.testing.assert_allclose(grads["edges"]["g"], expected, rtol=0, atol=1e-9)


def test_balanced_bridge_carries_no_current():
    nodes, _ = truth.wheatstone(1.0, 1.0, 2.0, 3.0, 6.0, 0.4)
    assert nodes["a"] == pytest.approx(nodes["b"], rel=1e-14)


@pytest.mark.parametrize("source", [-1.0, 0.3, 1.0])
@pytest.mark.quick("1.0")
def test_diode_operating_point_by_lambert(source):
    g, current, thermal = 0.02, 1e-3, 0.05
    system = pq.System(
        pq.from_edges([0], [1], 2, bundle="resistor"),
        nodes={"nodes": electrical.exponential_diode_to_ground(current, thermal, trainable=True)},
        edges=electrical.resistor(),
        inputs=[0],
        outputs=[1],
        cost=cost,
        values={"resistor": {"g": [g]}},
    )
    compiled, params = system.compile(), params_of(system)
    v, slopes = truth.diode_operating_point(source, g, current, thermal)
    state = compiled.equilibrium(params, np.array([source]), finder=pq.Newton(tolerance=0.0), throw=False)
    assert state["nodes"]["v"][1] == pytest.approx(v, abs=1e-12)
    for grads in gradients(compiled, params, np.array([source]), np.array([0.1])):
        assert grads["resistor"]["g"][0] == pytest.approx((v - 0.1) * slopes["g"], rel=1e-8, abs=1e-9)
        assert grads["nodes"]["I_s"][1] == pytest.approx((v - 0.1) * slopes["I_s"], rel=1e-8, abs=1e-9)
        assert grads["nodes"]["V_t"][1] == pytest.approx((v - 0.1) * slopes["V_t"], rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("source", [-1.0, 0.3, 1.0])
def test_diode_edge_conducts_from_source_to_target(source):
    """The same operating point with the diode as an edge to ground, and a reversed one that blocks."""
    g, current, thermal = 0.02, 1e-3, 0.05
    topology = pq.Topology(
        (pq.Group("nodes", 3),),
        (
            pq.Bundle("resistor", ("nodes", "nodes"), pq.Sparse([[0, 1]])),
            pq.Bundle("diode", ("nodes", "nodes"), pq.Sparse([[1, 2]])),
        ),
    )
    diode = electrical.exponential_diode(current, thermal)
    system = pq.System(
        topology,
        edges={"resistor": electrical.resistor(), "diode": diode},
        inputs=[0],
        ground=2,
        values={"resistor": {"g": [g]}},
    )
    v, _ = truth.diode_operating_point(source, g, current, thermal)
    state = system.compile().equilibrium(
        params_of(system), np.array([source]), finder=pq.Newton(tolerance=0.0), throw=False
    )
    assert state["nodes"]["v"][1] == pytest.approx(v, abs=1e-12)


@pytest.mark.parametrize(("source", "current"), [(1.0, 0.1), (-1.0, 0.3), (-1.0, 2.5)])
@pytest.mark.parametrize("component", ["ideal", "oriented"])
@pytest.mark.quick("ideal-1.0-0.1")
def test_clamped_node(source, current, component):
    diode = electrical.ideal_diode(lower=0) if component == "ideal" else electrical.ideal_diode_to_ground()
    oriented = {} if component == "ideal" else {"nodes.ideal diode": {"direction": [0.0, -1.0, 0.0]}}
    clamped = pq.System(
        pq.from_edges([0, 1], [1, 2], 3),
        nodes={"nodes": [diode, electrical.current_source()]},
        edges=electrical.resistor(),
        inputs=[0],
        ground=2,
        outputs=[1],
        cost=cost,
        values={"edges": {"g": [0.8, 0.6]}, "nodes.current source": {"I": [0.0, current, 0.0]}} | oriented,
    )
    compiled, params = clamped.compile(), params_of(clamped)
    v, slopes, diode_current = truth.clamped_node(source, 0.8, 0.6, current)
    state = compiled.equilibrium(params, np.array([source]))
    assert state["nodes"]["v"][1] == pytest.approx(v, abs=1e-12)
    assert -compiled.force(params, state.state, np.array([source]))["nodes"]["v"][1] == pytest.approx(
        diode_current, abs=1e-9
    )
    for grads in gradients(compiled, params, np.array([source]), np.array([0.7])):
        np.testing.assert_allclose(
            [*grads["edges"]["g"], grads["nodes.current source"]["I"][1]],
            (v - 0.7) * np.array([slopes["g"], slopes["g_load"], slopes["I"]]),
            atol=1e-9,
        )


def test_capacitors_carry_no_current_and_give_the_time_constant():
    """C v̇ = −g v from a charged node: the relaxation ends at the divider's voltage."""
    system = pq.System(
        pq.from_edges([0, 1], [1, 2], 3),
        nodes={"nodes": electrical.capacitor_to_ground(0.5)},
        edges=electrical.resistor(),
        inputs=[0],
        ground=2,
        values={"edges": {"g": [1.0, 3.0]}},
    )
    compiled, params = system.compile(), params_of(system)
    state = compiled.equilibrium(params, np.array([2.0]), finder=pq.Relaxation())
    assert state["nodes"]["v"][1] == pytest.approx(truth.voltage_divider(2.0, 1.0, 3.0)[0], abs=1e-6)
    one_step = compiled.equilibrium(params, np.array([2.0]), finder=pq.EulerSteps(dt=0.01, steps=1))
    assert one_step["nodes"]["v"][1] == pytest.approx(0.01 * 1.0 * 2.0 / 0.5, rel=1e-12)


def test_conductance_to_a_level_is_a_divider():
    system = pq.System(
        pq.from_edges([0], [1], 2),
        nodes={"nodes": electrical.conductance_to(1.5, 3.0)},
        edges=electrical.resistor(1.0),
        inputs=[0],
    )
    state = system.compile().equilibrium(params_of(system), np.array([2.0]))
    assert state["nodes"]["v"][1] == pytest.approx((2.0 * 1.0 + 1.5 * 3.0) / 4.0, rel=1e-9)


def test_rectified_start_has_half_of_the_edges():
    system = model("resistor_network").variants["deep"].build(sizes=[40, 60, 10], rectified=True)
    g = np.asarray(system.compile().init_parameters(jax.random.key(0))["input->hidden"]["g"])
    assert 0.45 < (g == 0).mean() < 0.55
    assert g.min() >= 0 and 0.9 / np.sqrt(40) < g.max() <= 1 / np.sqrt(40)


def test_halves_of_the_hidden_layer_are_held_apart():
    variant = model("resistor_network").variants["deep"]
    system = variant.build()
    compiled = system.compile()
    inputs, _ = variant.probe(system, 0)
    hidden = compiled.equilibrium(compiled.init_parameters(jax.random.key(0)), inputs)["hidden"]["v"]
    assert hidden[:, :4].min() >= 0 >= hidden[:, 4:].max()
    assert hidden[:, :4].max() > 0 > hidden[:, 4:].min()


def test_doubled_inputs():
    data = two_moons(train=20, test=10)
    encoded = model("resistor_network").encode_doubled(data, gain=3.0)
    np.testing.assert_allclose(encoded.train_inputs, 3 * np.concatenate([data.train_inputs, -data.train_inputs], 1))
    assert encoded.test_inputs.shape == (10, 4)


# ---- tasks on random graphs ------------------------------------------------------------------------------------------


def test_diodes_stand_on_inner_nodes_in_turn():
    system = model("resistor_network").variants["nonlinear"].build(size=10, inputs=3, outputs=2)
    direction = np.asarray(params_of(system)["nodes"]["direction"])
    np.testing.assert_array_equal(direction, [0, 0, 0, 0, -1, 1, -1, 1, 0, 0])


@pytest.mark.parametrize("variant", ["linear", "nonlinear"])
def test_conductances_stay_above_the_least(variant):
    compiled = model("resistor_network").variants[variant].build(low=0.3, high=0.4, least=0.2).compile()
    params = compiled.init_parameters(jax.random.key(0))
    g = np.asarray(params["edges"]["g"])
    assert 0.3 <= g.min() < g.max() <= 0.4
    params["edges"]["g"] = params["edges"]["g"] - 0.15
    assert compiled.project_parameters(params)["edges"]["g"].min() == 0.2


def test_voltages_of_sources():
    encode = model("resistor_network").encode_voltages
    data = load("half-sine")
    x, y = data.test_inputs, data.test_targets
    mirrored = encode(data, span=3.0, mirrored=True, constants=(1.0, -2.0), scale=0.5)
    u = 3 * (2 * x - 1)
    np.testing.assert_allclose(mirrored.test_inputs, np.concatenate([u, -u, u * 0 + 1, u * 0 - 2], 1), atol=1e-6)
    np.testing.assert_allclose(mirrored.test_targets, y / 2, atol=1e-7)
    np.testing.assert_allclose(encode(data).train_inputs, 2 * data.train_inputs - 1, atol=1e-6)


@pytest.mark.parametrize("steps", [12, 24, 40])
def test_node_descent_survives_overflow_and_rounding_of_junctions(steps):
    """Sources of ±30 V overflow exp(v/V_t) in single precision; steps beyond convergence must not lose the minimum."""
    g, current, thermal = 0.5, 1e-3, 0.025
    system = pq.System(
        pq.from_edges([0], [1], 2),
        nodes={"nodes": electrical.exponential_diode_to_ground(current, thermal)},
        edges=electrical.resistor(g),
        inputs=[0],
    )
    compiled = system.compile()
    sources = np.linspace(-30, 30, 2001, dtype=np.float32)[:, None]
    params = compiled.init_parameters(jax.random.key(0), dtype=np.float32)
    # Sweeps restart at the last voltage, so that the budget of Newton steps adds up.
    state = compiled.equilibrium(params, sources, finder=pq.NodeDescent(4, newton_steps=steps))
    operating = np.array([_operating_voltage(s, g, current, thermal) for s in sources[:, 0].astype(float)])
    np.testing.assert_allclose(state["nodes"]["v"][:, 1], operating, rtol=2e-5, atol=2e-6)


def test_node_descent_leaves_a_node_whose_curvature_overflows():
    """At 2.15 V the diode's current, e^86 A, is finite in single precision and its conductance, 40 e^86 S, is not."""
    system = pq.System(
        pq.from_edges([0], [1], 2),
        nodes={"nodes": electrical.exponential_diode_to_ground(1.0, 0.025)},
        edges=electrical.resistor(0.5),
        inputs=[0],
    )
    compiled = system.compile()
    params = compiled.init_parameters(jax.random.key(0), dtype=np.float32)
    start = {"nodes": {"v": np.array([3.0, 2.15], np.float32)}}
    source = np.array([3.0], np.float32)
    state = compiled.equilibrium(params, source, start=start, finder=pq.NodeDescent(1, newton_steps=40))
    assert state["nodes"]["v"][1] == pytest.approx(_operating_voltage(3.0, 0.5, 1.0, 0.025), rel=1e-5)


@pytest.mark.slow
def test_newton_steps_beyond_convergence_change_nothing():
    """In single precision the sign of a converged force is round-off; the node must stay."""
    variant = model("resistor_network").variants["exponential_diodes"]
    compiled = variant.build(sizes=[32, 48, 4], rectified=True).compile()
    params = compiled.init_parameters(jax.random.key(0), dtype=np.float32)
    x = np.random.default_rng(0).random((1500, 16), dtype=np.float32)
    x = 30 * np.concatenate([x, -x], axis=1)
    few = compiled.equilibrium(params, x, finder=pq.NodeDescent(8, newton_steps=20))
    many = compiled.equilibrium(params, x, start=few, finder=pq.NodeDescent(8, newton_steps=60))
    np.testing.assert_allclose(many["hidden"]["v"], few["hidden"]["v"], atol=1e-3)


def _operating_voltage(source, g, current, thermal):
    """Lambert's W overflows at 30 V: bisection of the same equation."""

    def excess(v):
        return g * (source - v) - current * np.expm1(v / thermal)

    return brentq(excess, min(source, -1.0), min(source + 1, 1.0), xtol=1e-14)
