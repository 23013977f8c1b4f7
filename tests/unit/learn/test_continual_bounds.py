"""Continual updates of parameters with bounds: small changes keep their digits, large ones end at the bound."""

import jax
import numpy as np
import pytest

import physeq as pq

v, y = pq.coordinate("v"), pq.target("y")


@pytest.fixture(scope="module")
def network():
    """Conductances that must stay above a least value, relaxing through capacitors."""
    g = pq.parameter("g", bounds=(0.1, 5.0), initial=1.0)
    c = pq.parameter("c", positive=True, trainable=False, initial=1.0)
    resistor = pq.Edge("resistor", potential=g * (v.source - v.target) ** 2 / 2)
    node = pq.Node("capacitor", dissipation=c * v.dot**2 / 2)
    system = pq.System(
        pq.complete(4), nodes=node, edges=resistor, ground=0, inputs=[1], outputs=[3], cost=(v - y) ** 2 / 2
    )
    model = system.compile()
    return model, model.init_parameters(jax.random.key(0))


def estimate(network, rate, wanted=0.2, kind=pq.ContinualEP):
    model, params = network
    steps = pq.EulerSteps(0.1, 400)
    rule = kind({}, rate, pq.OneSided(1e-3), free=steps, nudged=steps)
    return rule.gradient(model, params, np.array([[1.0]]), np.array([[wanted]]))


@pytest.mark.parametrize("kind", [pq.ContinualEP, pq.ContinualVectorFieldEP])
def test_the_estimate_does_not_lose_its_digits_with_the_rate(network, kind):
    slow, _ = estimate(network, 1e-14, kind=kind)
    exact, _ = pq.ImplicitDifferentiation().gradient(*network, np.array([[1.0]]), np.array([[0.2]]))
    found, wanted = (np.asarray(tree["edges"]["g"]) for tree in (slow, exact))
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-4 * np.abs(wanted).max())


def test_changes_end_at_the_bound(network):
    _, info = estimate(network, 1e3, wanted=-50.0)
    moved = np.asarray(info.moved["edges"]["g"])
    assert moved.min() == pytest.approx(0.1)
