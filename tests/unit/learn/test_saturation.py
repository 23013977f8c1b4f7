"""Units that their activation rounds to the end of its range, as in trained networks, have infinite forces."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import physeq as pq
from physeq.learn import antisymmetry

s, y = pq.coordinate("s"), pq.target("y")
X, Y = np.random.default_rng(0).uniform(size=(4, 3)), np.random.default_rng(1).uniform(size=(4, 2))


def network(activation, layers, synapse):
    """A network with two of five hidden units at the ends, its parameters, and the free state."""
    system = pq.System(
        layers,
        nodes=pq.neural.prototypical_unit(activation),
        edges=synapse,
        inputs="input",
        outputs="output",
        cost=(pq.neural.s - y) ** 2 / 2,
    )
    model = system.compile()
    params = model.init_parameters(jax.random.key(0))
    params["hidden1"]["b"] = params["hidden1"]["b"].at[:2].set(np.array([60.0, -60.0]))
    free = pq.equilibrium(model, params, X, finder=pq.FixedPoint(2000, tolerance=1e-14))
    assert set(np.ravel(free["hidden1"]["s"][:, :2])) <= {-1.0, 0.0, 1.0}
    return model, params, free


@pytest.fixture(scope="module", params=[pq.neural.logistic, pq.neural.tanh], ids=lambda activation: activation.name)
def saturated(request):
    return network(request.param, pq.layered([3, 5, 4, 2]), pq.neural.prototypical_synapse())


@pytest.fixture(scope="module", params=[pq.neural.logistic, pq.neural.tanh], ids=lambda activation: activation.name)
def asymmetric(request):
    """The same with weights of their own for both ways."""
    synapse = pq.neural.directed_synapse(initial=pq.Normal(0.0, 0.4))
    return network(request.param, pq.layered([3, 5, 4, 2], bidirected=True), synapse)


@pytest.mark.quick("tanh")
def test_exact_gradient_beside_saturated_units(saturated):
    """Against backpropagation through the map, which is finite everywhere."""
    model, params, free = saturated
    exact, _ = pq.ImplicitDifferentiation().gradient(model, params, X, Y, start=free)
    through, _ = pq.BackpropagationThroughTime(pq.FixedPoint(300)).gradient(model, params, X, Y)
    for placement, own in through.items():
        for name, value in own.items():
            np.testing.assert_allclose(exact[placement][name], value, rtol=1e-9, atol=1e-13)
    assert np.abs(exact["input->hidden1"]["w"]).max() > 1e-5
    assert not np.asarray(exact["hidden1"]["b"])[:2].any()


def test_measures_of_asymmetry_leave_saturated_units_out(saturated):
    model, params, free = saturated
    assert np.all(np.asarray(antisymmetry(model, params, X, start=free)) < 1e-14)


@pytest.mark.quick("logistic-dyadic", "tanh-AsymEP", "tanh-dyadic")
@pytest.mark.parametrize("rule", [pq.AsymmetricEP(), pq.DyadicEP()], ids=["AsymEP", "dyadic"])
def test_rules_without_symmetry_beside_saturated_units(asymmetric, rule):
    model, params, free = asymmetric
    through, _ = pq.BackpropagationThroughTime(pq.FixedPoint(300)).gradient(model, params, X, Y)

    def error(one):
        found, _ = one.gradient(model, params, X, Y, start=free)
        a, b = (ravel_pytree(tree)[0] for tree in (found, through))
        return np.linalg.norm(a - b) / np.linalg.norm(b)

    assert error(rule) < 1e-3 and error(pq.VectorFieldEP()) > 1e-2


@pytest.mark.quick("logistic-Newton", "logistic-Minimise", "tanh-Newton")
@pytest.mark.parametrize("finder", [pq.Newton(), pq.Minimise()], ids=["Newton", "Minimise"])
def test_forces_that_cannot_reach_the_end_are_not_called_converged(saturated, finder):
    """Between the last number and the end of tanh lies a force of 40, and curvatures of 1e16 stand for no tolerance."""
    model, params, _ = saturated
    with pytest.raises(pq.SolveError, match=r"not converged|diverged"):
        pq.equilibrium(model, params, X, finder=finder)
