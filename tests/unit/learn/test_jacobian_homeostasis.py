"""Homeostasis of the Jacobian, and the measure of its antisymmetric part."""

from functools import cache

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from asymmetric_networks import (
    TIGHT,
    Network,
    cosine,
    flat,
    relative,
    small,
    symmetric,
    y,
)

import physeq as pq
from physeq.learn.antisymmetry import _antisymmetry
from physeq.registry import build


def jacobian_of(network, params):
    """J per sample at the free states, dense, and the states."""
    free = pq.equilibrium(network.model, params, network.inputs, finder=TIGHT, throw=False).state
    moving = [int(n) for n in np.flatnonzero(~network.model.problem(params, network.inputs).clamps["nodes"]["s"][0])]

    def force(p, s, x):
        return network.model.force(p, {"nodes": {"s": s}}, x)["nodes"]["s"]

    jacobians = jax.vmap(jax.jacfwd(force, argnums=1), in_axes=(None, 0, 0))
    return lambda p: jacobians(p, free["nodes"]["s"], network.inputs)[:, moving][:, :, moving]


@pytest.mark.slow
def test_antisymmetry_is_that_of_the_dense_jacobian():
    network = small("units")
    jacobian = np.asarray(jacobian_of(network, network.params)(network.params))
    expected = [np.linalg.norm((j - j.T) / 2) / np.linalg.norm(j) for j in jacobian]
    found = pq.antisymmetry(network.model, network.params, network.inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert pq.antisymmetry(network.model, network.params, network.inputs[0]).shape == ()
    state = pq.equilibrium(network.model, network.params, network.inputs).state
    guess = _antisymmetry(network.model, network.params, network.inputs, state, jax.random.key(0), 4000)
    np.testing.assert_allclose(guess, expected, rtol=0.05)
    energetic = symmetric("layered")
    assert float(jnp.max(pq.antisymmetry(energetic.model, energetic.params, energetic.inputs))) < 1e-14


@pytest.mark.slow
def test_the_penalty_is_the_derivative_of_the_antisymmetric_part():
    """Averaged over many vectors it is ∂/∂θ 2‖A‖², by differentiating the dense Jacobian."""
    network = small("units")
    jacobian = jacobian_of(network, network.params)

    def penalty(params):
        j = jacobian(params)
        a = (j - jnp.swapaxes(j, -1, -2)) / 2
        return 2 * jnp.mean(jnp.sum(a**2, (-1, -2)))

    expected = flat(jax.grad(penalty)(network.params))
    plain, many = (
        flat(network.gradient(rule, key=jax.random.key(7)))
        for rule in (
            pq.JacobianHomeostasis(pq.DyadicEP(free=TIGHT), strength=0.0),
            pq.JacobianHomeostasis(pq.DyadicEP(free=TIGHT), strength=1.0, samples=6000),
        )
    )
    np.testing.assert_allclose(plain, network.exact, atol=1e-11)
    assert relative(many - plain, expected) < 0.1 and cosine(many - plain, expected) > 0.995


def test_the_penalty_of_given_vectors():
    """The derivative of ‖Jε‖² − εᵀJ²ε for the very vectors that the key draws."""
    network = small("map")
    free = pq.equilibrium(network.model, network.params, network.inputs, finder=TIGHT, throw=False)
    key = jax.random.key(3)
    found = pq.learn.jacobian_homeostasis.antisymmetry_penalty(
        *_problem_and_free(network, network.params, free), key, 2
    )
    problem, state = _problem_and_free(network, network.params, free)
    epsilon = jax.random.normal(key, (2, *state["nodes"]["s"].shape))
    epsilon = jnp.where(problem.clamps["nodes"]["s"][0], 0.0, epsilon)

    def value(params):
        force = network.model.problem(params, network.inputs).force

        def one(e):
            tangent = {"nodes": {"s": e}}
            along = jax.jvp(force, (state,), (tangent,))[1]["nodes"]["s"]
            twice = jax.jvp(force, (state,), ({"nodes": {"s": along}},))[1]["nodes"]["s"]
            return jnp.mean(jnp.sum(along**2 - e * twice, -1))

        return jnp.mean(jax.vmap(one)(epsilon))

    np.testing.assert_allclose(flat(found), flat(jax.grad(value)(network.params)), atol=1e-12)


def _problem_and_free(network, params, solved):
    problem = network.model.problem(params, network.inputs)
    return problem, problem.start(solved.state)


@cache
def trained(strength, steps=300):
    """(network, parameters, costs) after plain descent in one compiled scan; of 300 keys the first are used."""
    system = pq.System.from_graph(
        nx.complete_graph(10, create_using=nx.DiGraph),
        nodes=pq.neural.prototypical_unit(pq.neural.tanh, pq.Normal(0, 0.3)),
        edges=pq.neural.directed_synapse(initial=pq.Normal(0, 0.25)),
        inputs=[0, 1, 2],
        outputs=[8, 9],
        cost=(pq.neural.s - y) ** 2 / 2,
    )
    network = Network(system, TIGHT, seed=3, batch=(16,))
    x = np.asarray(network.inputs)
    network.target = jnp.asarray(np.stack([np.tanh(2 * x[:, 0] * x[:, 1]), np.sin(2 * x[:, 2] - x[:, 0]) / 2], -1))
    inner = pq.VectorFieldEP(pq.Centered(0.05), free=pq.FixedPoint(60))
    rule = pq.JacobianHomeostasis(inner, strength)

    @jax.jit
    def run(params, keys):
        def step(p, key):
            gradients, info = rule.estimate(network.model, p, network.inputs, network.target, key=key, start=None)
            return jax.tree.map(lambda a, g: a - 0.05 * g, p, gradients), info.cost

        return jax.lax.scan(step, params, keys)

    params, costs = run(network.params, jax.random.split(jax.random.key(0), 300)[:steps])
    return network, params, np.asarray(costs)


def measured(network, params):
    """(mean antisymmetry, cosine of vector-field EP to the exact gradient)."""
    exact, estimate = (
        flat(rule.gradient(network.model, params, network.inputs, network.target, throw=False)[0])
        for rule in (pq.ImplicitDifferentiation(TIGHT), pq.VectorFieldEP(pq.Centered(1e-3), free=TIGHT))
    )
    return float(jnp.mean(pq.antisymmetry(network.model, params, network.inputs))), cosine(exact, estimate)


@pytest.mark.slow
def test_homeostasis_makes_the_vector_field_rule_better():
    network, without, _ = trained(0.0)
    _, params, costs = trained(0.03)
    start, plain, kept = (measured(network, p) for p in (network.params, without, params))
    print(f"(antisymmetry, cosine): start {start}, without {plain}, with homeostasis {kept}; cost {costs[[0, -1]]}")
    assert start[0] > 0.25 and plain[0] > 0.2 and kept[0] < 0.1
    assert kept[1] > max(0.9, start[1], plain[1] + 0.1)
    assert costs[-1] < 0.5 * costs[0]


@pytest.mark.slow
def test_homeostasis_wraps_a_rule():
    inner = pq.VectorFieldEP(pq.Centered(0.1), free=TIGHT)
    rule = pq.JacobianHomeostasis(inner, 0.1)
    network = small("units")
    assert rule.phases() == inner.phases() and rule.objective is inner.objective
    assert rule.prediction_finder(network.model) is TIGHT and rule.solve_phases == inner.solve_phases
    assert not hasattr(pq.JacobianHomeostasis(pq.DyadicEP()), "solve_phases")
    with pytest.raises(pq.ModelError, match=r"pass key=jax\.random\.key"):
        network.gradient(rule)
    with pytest.raises(pq.ModelError, match="ContinualEP moves the weights itself"):
        pq.JacobianHomeostasis(pq.ContinualEP())
    with pytest.raises(pq.ModelError, match="strength must be a finite number of at least 0, got -1"):
        pq.JacobianHomeostasis(strength=-1)
    with pytest.raises(pq.ModelError, match="samples must be a whole number of at least 1, got 0"):
        pq.JacobianHomeostasis(samples=0)
    drawn = [flat(network.gradient(rule, key=jax.random.key(k))) for k in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])


def test_a_rule_inside_a_rule_by_name():
    table = {
        "name": "jacobian-homeostasis",
        "strength": 0.2,
        "rule": {
            "name": "vector-field-ep",
            "nudging": {"name": "centered", "beta": 0.1},
            "weighting": "map-response",
            "free": {"name": "fixed-point", "steps": 30},
        },
    }
    inner = pq.VectorFieldEP(pq.Centered(0.1), free=pq.FixedPoint(30), weighting=pq.MapResponse())
    assert build("rule", table) == pq.JacobianHomeostasis(inner, 0.2)
    assert build("rule", "asymmetric-ep") == pq.AsymmetricEP() and build("rule", "dyadic-ep") == pq.DyadicEP()
