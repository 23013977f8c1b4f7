"""Parameters in single precision while double precision is on: every phase keeps to them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physeq as pq

s, y, k = pq.coordinate("s"), pq.target("y"), pq.parameter("k", positive=True)
X, Y = np.array([[1.0], [2.0]], np.float32), np.array([[0.5], [-1.0]], np.float32)


@pytest.fixture(scope="module")
def network():
    unit = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
    return pq.System(pq.complete(4), nodes=unit, edges=spring, inputs=[0], outputs=[2], cost=(s - y) ** 2 / 2).compile()


@pytest.mark.quick("oscillation")
@pytest.mark.parametrize(
    "rule",
    [
        pq.FrequencyPropagation(0.1, dynamics=pq.NudgeInTime(40.0)),
        pq.OscillatingEP(0.1, oscillation=pq.ContinuousOscillation(60.0, discard=1)),
        pq.EquilibriumPropagation(pq.Centered(0.1), free=pq.Relaxation()),
    ],
    ids=["lock-in", "oscillation", "relaxation"],
)
def test_integrated_phases_keep_single_precision(network, rule):
    params = network.init_parameters(jax.random.key(0), dtype=jnp.float32)
    estimate, _ = rule.gradient(network, params, X, Y)
    exact, _ = pq.ImplicitDifferentiation().gradient(network, params, X, Y)
    assert estimate["edges"]["k"].dtype == jnp.float32
    np.testing.assert_allclose(
        estimate["edges"]["k"], exact["edges"]["k"], atol=0.03 * np.abs(exact["edges"]["k"]).max()
    )


def test_langevin_states_keep_single_precision(network):
    params = network.init_parameters(jax.random.key(0), dtype=jnp.float32)
    found = pq.equilibrium(network, params, X, finder=pq.Langevin(1.0), key=jax.random.key(1))
    assert found["nodes"]["s"].dtype == jnp.float32


def test_relaxation_settles_where_rounding_ends_it(network):
    """Unknowns of order 10 with forces that single precision cannot make as small as 1e-6."""
    params = network.init_parameters(jax.random.key(0), dtype=jnp.float32)
    found = pq.equilibrium(network, params, 30 * X, finder=pq.Relaxation())
    double = pq.equilibrium(network, jax.tree.map(lambda p: p.astype(float), params), 30.0 * X.astype(float))
    np.testing.assert_allclose(found["nodes"]["s"], double["nodes"]["s"], rtol=1e-4)
    assert found.steps < 1000
