"""Hopfield networks against closed forms: a linear chain, pairs of tanh and logistic units, a boxed unit."""

import numpy as np
import pytest
import sympy as sp
from system_files import facts, gradients, model, params_of

import physeq as pq
from physeq.data import two_moons

truth = facts("hopfield")
neural = pq.neural
y = pq.target("y")
cost = (neural.s - y) ** 2 / 2


def pair(unit, synapse, w, biases):
    """Two units joined by one synapse; the cost sees the second."""
    return pq.System(
        pq.complete(2),
        nodes=unit,
        edges=synapse,
        outputs=[1],
        cost=cost,
        values={"edges": {"w": [w]}, "nodes": {"b": biases}},
    )


def test_linear_chain_from_a_clamped_input():
    values = {"w_in": 0.7, "w": -0.6, "b_first": 0.2, "b_last": -0.4}
    x, target = 1.3, 0.5
    system = pq.System(
        pq.from_edges([0, 1], [1, 2], 3),
        nodes=neural.unit(neural.identity),
        edges=neural.synapse(neural.identity),
        inputs=[0],
        outputs=[2],
        cost=cost,
        values={
            "edges": {"w": [values["w_in"], values["w"]]},
            "nodes": {"b": [0.0, values["b_first"], values["b_last"]]},
        },
    )
    compiled, params = system.compile(), params_of(system)
    states, slopes = truth.linear_chain(x, **values)
    state = compiled.equilibrium(params, np.array([x]))
    np.testing.assert_allclose(state["nodes"]["s"][1:], [states["first"], states["last"]], rtol=1e-9)
    expected = {name: (states["last"] - target) * slope for name, slope in slopes.items()}
    for grads in gradients(compiled, params, np.array([x]), np.array([target])):
        np.testing.assert_allclose(grads["edges"]["w"], [expected["w_in"], expected["w"]], atol=1e-9)
        np.testing.assert_allclose(grads["nodes"]["b"][1:], [expected["b_first"], expected["b_last"]], atol=1e-9)


@pytest.mark.quick("prototypical--0.7-biases1")
@pytest.mark.parametrize(("w", "biases"), [(0.4, (0.3, -0.2)), (-0.7, (0.5, 0.6))])
@pytest.mark.parametrize("kind", ["tanh", "prototypical"])
def test_pairs(kind, w, biases):
    if kind == "tanh":
        system = pair(neural.unit(neural.tanh), neural.synapse(neural.tanh), w, biases)
        states, slopes = truth.tanh_pair(w, *biases)
    else:
        system = pair(neural.prototypical_unit(neural.logistic), neural.prototypical_synapse(), w, biases)
        states, slopes = truth.prototypical_pair(w, *biases)
    compiled, params = system.compile(), params_of(system)
    state = compiled.equilibrium(params)
    np.testing.assert_allclose(state["nodes"]["s"], [states["first"], states["last"]], rtol=1e-9)
    target = 0.25
    expected = {name: (states["last"] - target) * slope for name, slope in slopes.items()}
    for grads in gradients(compiled, params, None, np.array([target])):
        np.testing.assert_allclose(grads["edges"]["w"], [expected["w"]], atol=1e-9)
        np.testing.assert_allclose(grads["nodes"]["b"], [expected["b_first"], expected["b_last"]], atol=1e-9)


@pytest.mark.parametrize("x", [-1.0, 0.4, 3.0])
@pytest.mark.parametrize("kind", ["energy-based", "prototypical"])
def test_boxed_unit(kind, x):
    w, b, target = 0.8, 0.1, 0.6
    unit, synapse = (
        (neural.unit(neural.hard_sigmoid), neural.synapse(neural.hard_sigmoid))
        if kind == "energy-based"
        else (neural.prototypical_unit(neural.hard_sigmoid), neural.prototypical_synapse())
    )
    system = pq.System(
        pq.layered([1, 1]),
        nodes={"output": unit},
        edges=synapse,
        inputs="input",
        outputs="output",
        cost=cost,
        values={"input->output": {"w": [[w]]}, "output": {"b": [b]}},
    )
    compiled, params = system.compile(), params_of(system)
    s, slopes = truth.boxed_unit(x, w, b)
    assert compiled.equilibrium(params, np.array([x]))["output"]["s"][0] == pytest.approx(s, abs=1e-12)
    for grads in gradients(compiled, params, np.array([x]), np.array([target])):
        assert grads["input->output"]["w"][0, 0] == pytest.approx((s - target) * slopes["w"], abs=1e-9)
        assert grads["output"]["b"][0] == pytest.approx((s - target) * slopes["b"], abs=1e-9)


def test_directed_synapse_acts_on_its_target_alone():
    system = pq.System(
        pq.from_edges([0], [1], 2, directed=True),
        nodes=neural.prototypical_unit(neural.logistic),
        edges=neural.directed_synapse(),
        values={"edges": {"w": [0.9]}, "nodes": {"b": [0.2, 0.1]}},
    )
    s = system.compile().equilibrium(params_of(system))["nodes"]["s"]
    first = truth.logistic(0.2)
    np.testing.assert_allclose(s, [first, truth.logistic(0.9 * first + 0.1)], rtol=1e-9)


@pytest.mark.parametrize("name", ["logistic", "tanh", "identity", "hard-sigmoid"])
def test_activations_invert_their_potential(name):
    """d/ds ∫ρ⁻¹ = ρ⁻¹: ρ of it gives s back."""
    activation, s = neural.ACTIVATIONS[name], sp.Symbol("s", real=True)
    inverse = activation.inverse_integral(s).diff(s)
    for value in (0.1, 0.37, 0.8):
        assert activation.function(inverse.subs(s, value)).evalf() == pytest.approx(value, rel=1e-12)


def test_targets_are_mapped():
    encoded = model("hopfield").encode_targets(two_moons(train=20, test=10), low=-1.0, high=1.0)
    assert sorted(np.unique(encoded.train_targets)) == [-1.0, 1.0]
    assert encoded.classes == 2
