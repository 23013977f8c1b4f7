"""The variants of Hopfield networks with a way back and with a softmax readout, against their maps written by hand."""

import jax
import numpy as np
import pytest
from system_files import facts, model

import physeq as pq

logistic = facts("hopfield").logistic
variants = model("hopfield").variants


def started(name, **options):
    """(compiled model, parameters, inputs) of a variant."""
    system = variants[name].build(**options)
    compiled = system.compile()
    inputs = np.random.default_rng(0).random((5, system.inputs[0].size))
    return compiled, compiled.init_parameters(jax.random.key(1)), inputs


def test_asymmetric_map():
    compiled, params, x = started("asymmetric", sizes=(4, 6, 5, 3), angle=67.5)
    assert {name for name in params if "->" in name} == {
        "input->hidden1",
        "hidden1->hidden2",
        "hidden2->hidden1",
        "hidden2->output",
        "output->hidden2",
    }
    first, second, last = np.zeros((5, 6)), np.zeros((5, 5)), np.zeros((5, 3))
    w = {name: np.asarray(own["w"]) for name, own in params.items() if "->" in name}
    b = {name: np.asarray(params[name]["b"]) for name in ("hidden1", "hidden2", "output")}
    for _ in range(7):
        first, second, last = (
            logistic(x @ w["input->hidden1"] + second @ w["hidden2->hidden1"] + b["hidden1"]),
            logistic(first @ w["hidden1->hidden2"] + last @ w["output->hidden2"] + b["hidden2"]),
            logistic(second @ w["hidden2->output"] + b["output"]),
        )
    state = compiled.equilibrium(params, x, finder=pq.FixedPoint(7)).state
    for name, expected in (("hidden1", first), ("hidden2", second), ("output", last)):
        np.testing.assert_allclose(state[name]["s"], expected, rtol=1e-12)


@pytest.mark.parametrize(("angle", "cosine"), [(0.0, 1.0), (180.0, -1.0), (60.0, 0.5)])
def test_angle_of_both_pairs(angle, cosine):
    _, params, _ = started("asymmetric", sizes=(4, 200, 150, 100), angle=angle)
    for a, b in (("hidden1", "hidden2"), ("hidden2", "output")):
        forward, backward = (np.asarray(params[name]["w"]) for name in (f"{a}->{b}", f"{b}->{a}"))
        measured = np.sum(forward.T * backward) / np.linalg.norm(forward) / np.linalg.norm(backward)
        assert measured == pytest.approx(cosine, abs=0.03)


def test_equal_weights_are_the_symmetric_network():
    compiled, params, x = started("asymmetric", sizes=(4, 6, 3), angle=0.0)
    symmetric = variants["prototypical"].build(sizes=(4, 6, 3)).compile()
    same = {name: own for name, own in params.items() if name != "output->hidden"}
    finder = pq.FixedPoint(100)
    np.testing.assert_allclose(
        compiled.equilibrium(params, x, finder=finder).state["output"]["s"],
        symmetric.equilibrium(same, x, finder=finder).state["output"]["s"],
        rtol=1e-12,
    )


def test_small_asymmetric_networks_are_asymmetric():
    """What `physeq check` builds: at an angle of 0 the bias of vector-field rules would be hidden."""
    _, params, _ = started("asymmetric")
    forward, backward = params["hidden->output"]["w"], params["output->hidden"]["w"]
    assert not np.allclose(np.asarray(backward), np.asarray(forward).T)
    np.testing.assert_allclose(np.abs(backward), np.abs(forward).T, rtol=1e-12)


def test_softmax_readout():
    compiled, params, x = started("softmax", sizes=(4, 50, 40, 3))
    readout = {key: np.asarray(value) for key, value in params["readout"].items()}
    assert readout["W_out"].shape == (40, 3) and readout["b_out"].shape == (3,)
    # Weights and bias alike start uniform in ±1/√fan-in.
    for value in readout.values():
        assert 0.3 / np.sqrt(40) < np.abs(value).max() <= 1 / np.sqrt(40)
    y = np.eye(3)[[0, 2, 1, 1, 0]]
    rule = pq.EquilibriumPropagation(pq.Centered(1e-3), free=pq.FixedPoint(200))
    gradients, info = rule.gradient(compiled, params, x, y)
    s = np.asarray(info.free["hidden2"]["s"])
    z = s @ readout["W_out"] + readout["b_out"]
    chance = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    np.testing.assert_allclose(info.cost, -np.log(chance[y == 1]).mean(), rtol=1e-12)
    np.testing.assert_allclose(gradients["readout"]["b_out"], (chance - y).mean(0), rtol=1e-4)
    exact, _ = pq.ImplicitDifferentiation().gradient(compiled, params, x, y)
    for name, own in exact.items():
        for key, value in own.items():
            np.testing.assert_allclose(gradients[name][key], value, rtol=1e-3, atol=1e-7)
