"""Exact references tell of searches that failed on the way, and large batches of large systems go in parts."""

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest

import physeq as pq
from physeq.learn.rule import Objective
from physeq.solve import Outcome, finder

s, y, k = pq.coordinate("s"), pq.target("y"), pq.parameter("k", positive=True)
X, Y = np.array([[1.0], [2.0], [-1.0]]), np.array([[1.0, -1.0], [5.0, -5.0], [0.5, -0.5]])


@pytest.fixture(scope="module")
def network():
    node = pq.Node("node", potential=s**2 / 2 + s**4 / 4)
    spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
    return pq.System(
        pq.complete(6), nodes=node, edges=spring, inputs=[0], outputs=[2, 3], cost=(s - y) ** 2 / 2
    ).compile()


@pytest.fixture(scope="module")
def linear_network():
    """Its nodes have closed forms: descent compiles in a second, and takes many sweeps."""
    node = pq.Node("node", potential=s**2 / 2)
    spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
    return pq.System(
        pq.complete(6), nodes=node, edges=spring, inputs=[0], outputs=[2, 3], cost=(s - y) ** 2 / 2
    ).compile()


@pytest.mark.parametrize(
    "rule",
    [
        lambda finder: pq.FiniteDifferences(finder=finder),
        lambda finder: pq.FiniteDifferences(finder=finder, of=Objective.CONTRASTIVE_FUNCTION),
        lambda finder: pq.ImplicitDifferentiation(finder, Objective.CONTRASTIVE_FUNCTION),
    ],
    ids=["differences", "differences of the contrast", "derivative of the contrast"],
)
def test_searches_beside_the_free_one_count(linear_network, rule):
    network = linear_network
    params = network.init_parameters(jax.random.key(0))
    free = pq.equilibrium(network, params, X)
    lazy, patient = (rule(pq.NodeDescent(sweeps, tolerance=1e-10)) for sweeps in (1, 200))
    _, info = lazy.gradient(network, params, X, Y, start=free, throw=False)
    assert info.outcome == Outcome.NOT_CONVERGED and info.residual[1] > 1e-6
    with pytest.raises(pq.SolveError):
        lazy.gradient(network, params, X, Y, start=free)
    _, info = patient.gradient(network, params, X, Y, start=free)
    assert info.outcome == Outcome.CONVERGED and info.residual[1] < 1e-10


@pytest.mark.parametrize("noisy", [pq.EulerSteps(0.1, 30, noise=pq.GaussianNoise(0.1)), pq.Langevin()])
def test_no_noise_in_references(network, noisy):
    params = network.init_parameters(jax.random.key(0))
    for rule in (pq.ImplicitDifferentiation(noisy), pq.FiniteDifferences(finder=noisy)):
        with pytest.raises(pq.ModelError, match="takes no finder with noise"):
            rule.gradient(network, params, X, Y, key=jax.random.key(0))


@pytest.mark.parametrize("bounded", [False, True], ids=["free", "in a box"])
@pytest.mark.quick("in a box")
def test_descent_without_a_closed_form_has_the_derivative_of_the_minimum(network, bounded):
    """Backpropagation through brackets: some nodes rest inside, and in the box others at its walls."""
    if bounded:
        node = pq.Node("node", potential=s**2 / 2 + s**4 / 4, bounds={s: (-0.3, 0.45)})
        spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
        system = pq.System.from_graph(
            nx.path_graph(6), nodes=node, edges=spring, inputs=[0], outputs=[2, 3], cost=(s - y) ** 2 / 2
        )
        network = system.compile()
    params, finder = network.init_parameters(jax.random.key(0)), pq.NodeDescent(200)
    state = np.asarray(pq.equilibrium(network, params, X, finder=finder)["nodes"]["s"])[:, 1:]
    walls = (state == -0.3) | (state == 0.45)
    assert walls.any() == bounded and not walls.all()
    through, _ = pq.BackpropagationThroughTime(finder).gradient(network, params, X, Y)
    exact, _ = pq.ImplicitDifferentiation(pq.NodeDescent(2000, tolerance=1e-14)).gradient(network, params, X, Y)
    np.testing.assert_allclose(through["edges"]["k"], exact["edges"]["k"], rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_large_batches_go_in_parts_with_the_same_results(network, monkeypatch):
    params = network.init_parameters(jax.random.key(0))
    x = np.random.default_rng(0).normal(size=(7, 1))
    whole = pq.equilibrium(network, params, x, finder=pq.Newton())
    monkeypatch.setattr(finder, "_DENSE_ENTRIES", 2 * 6**2)  # two matrices of six nodes at once
    jax.clear_caches()
    parts = pq.equilibrium(network, params, x, finder=pq.Newton())
    np.testing.assert_allclose(parts["nodes"]["s"], whole["nodes"]["s"], rtol=1e-12)
    problem = network.problem(params, x)
    seen = []

    def one(single, free):
        seen.append(single.batch)
        return jnp.sum(finder.flatten(free))

    assert finder.per_sample(problem, problem.start(), one, dense=True).shape == (7,)
    assert len(seen) == 2  # a program for the parts of two, and one for the odd last sample
