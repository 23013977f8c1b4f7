"""Thermal noise: equipartition, and what it refuses."""

import diffrax
import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from circuits import circuit

import physeq as pq

x = pq.coordinate("x")


@pytest.mark.slow
def test_a_capacitor_has_the_variance_of_kt_over_c():
    """Nyquist's √(kT/C), whatever the resistances; and a correlation that decays with RC."""
    motion = circuit(("R1", "a", "0", {"g": 2.0}), ("R2", "a", "0", {"g": 1.0}), ("C1", "a", "0", {"C": 3.0})).motion()
    params = motion.init_parameters(jax.random.key(0))

    def one(key):
        sol = motion.simulate(params, t1=8.0, step=0.1, noise=pq.ThermalNoise(0.6), key=key, ts=[7.0, 8.0], throw=False)
        return sol["a.v"]

    v = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), 2000))
    variance = 0.6 / 3.0
    # Standard error of a variance from n samples: variance·√(2/n); of a correlation: about 1/√n.
    np.testing.assert_allclose(jnp.var(v, axis=0), variance, atol=4 * variance * np.sqrt(2 / 2000))
    np.testing.assert_allclose(jnp.mean(v[:, 0] * v[:, 1]) / variance, np.exp(-1.0), atol=4 / np.sqrt(2000))


@pytest.mark.slow
def test_every_degree_of_freedom_has_half_kt():
    mass = pq.Node("mass", kinetic=pq.parameter("m", positive=True) * x.dot**2 / 2)
    spring = pq.Edge(
        "spring", potential=(x.source - x.target) ** 2, dissipation=0.7 * (x.source.dot - x.target.dot) ** 2
    )
    motion = pq.System.from_graph(nx.path_graph(3), nodes=mass, edges=spring, ground=0).motion()
    params = motion.init_parameters(jax.random.key(0))
    params["nodes"]["m"] = jnp.array([1.0, 0.5, 2.0])

    def one(key):
        sol = motion.simulate(params, t1=15.0, step=0.1, noise=pq.ThermalNoise(0.3), key=key, ts=[15.0], throw=False)
        return sol["nodes.x"][-1], sol["nodes.x_dot"][-1]

    position, velocity = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(2), 3000))
    error = 5 * np.sqrt(2 / 3000)
    np.testing.assert_allclose(params["nodes"]["m"][1:] * jnp.var(velocity, 0)[1:] / 0.3, 1.0, atol=error)
    np.testing.assert_allclose(2 * jnp.var(jnp.diff(position), 0) / 0.3, 1.0, atol=error)


def test_what_thermal_noise_refuses():
    key = jax.random.key(0)
    bare = circuit(("R1", "a", "b"), ("R2", "b", "0"), ("C1", "a", "0")).motion()
    with pytest.raises(pq.ModelError, match=r"acts on b\.v, which has no inertia.*capacitance"):
        bare.simulate(bare.init_parameters(key), t1=1.0, step=0.1, noise=pq.ThermalNoise(1.0), key=key)
    diode = circuit(("D1", "a", "0"), ("C1", "a", "0")).motion()
    with pytest.raises(pq.ModelError, match=r"'exponential diode' in 'D': its friction depends on the state"):
        diode.simulate(diode.init_parameters(key), t1=1.0, step=0.1, noise=pq.ThermalNoise(1.0), key=key)
    with pytest.raises(pq.ModelError, match="constant step and a random key"):
        bare.simulate(bare.init_parameters(key), t1=1.0, noise=pq.ThermalNoise(1.0))
    with pytest.raises(pq.ModelError, match="must be at least 0"):
        pq.ThermalNoise(-1.0)
    full = circuit(("R1", "a", "0"), ("C1", "a", "0")).motion()
    for solver in (pq.Rodas5P(), diffrax.Tsit5(), diffrax.ALIGN(0.1)):
        with pytest.raises(pq.ModelError, match=f"{type(solver).__name__} does not integrate the stochastic"):
            full.simulate(
                full.init_parameters(key), t1=1.0, step=0.1, noise=pq.ThermalNoise(1.0), key=key, solver=solver
            )
