"""Nudged phases of linear networks whose cost is not the plain square: solved right, by another finder where needed."""

import jax
import numpy as np
import pytest

import physeq as pq

X, Y = np.array([[1.0], [2.0], [-1.0]]), np.array([[1.0], [5.0], [0.5]])
s, y = pq.coordinate("s"), pq.target("y")
g, k = pq.parameter("g", positive=True), pq.parameter("k", positive=True)
leak = pq.Node("leak", potential=g * s**2 / 2)
spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)


def network(**options):
    given = {"outputs": [2, 3], "cost": (pq.coordinate("z") - y) ** 2 / 2}
    return pq.System(pq.complete(4), nodes=leak, edges=spring, inputs=[0], **(given | options)).compile()


def error(model, rule, target=Y):
    params = model.init_parameters(jax.random.key(0))
    estimate, _ = rule.gradient(model, params, X, target)
    exact, _ = pq.ImplicitDifferentiation().gradient(model, params, X, target)
    a, b = (np.concatenate([np.ravel(v) for v in jax.tree.leaves(tree)]) for tree in (estimate, exact))
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.slow
def test_a_nonlinear_readout_is_no_linear_problem():
    z, w = pq.coordinate("z"), pq.parameter("w")
    model = network(readout=pq.Readout(z, w * pq.neural.tanh.function(s), 1))
    assert not isinstance(pq.default_finder(model), pq.LinearSolve)
    with pytest.raises(pq.ModelError, match="quadratic cost"):
        pq.equilibrium(model, model.init_parameters(jax.random.key(0)), X, finder=pq.LinearSolve())
    assert error(model, pq.EquilibriumPropagation(pq.Centered(0.01))) < 1e-4


def test_a_target_in_the_curvature_gives_every_sample_a_matrix_of_its_own():
    model = network(outputs=[2], cost=y * (s - 1) ** 2 / 2)
    assert isinstance(pq.default_finder(model), pq.LinearSolve)
    small, large = (error(model, pq.EquilibriumPropagation(pq.Centered(beta))) for beta in (0.01, 0.02))
    assert small < 1e-3 and large / small == pytest.approx(4, rel=0.05)


@pytest.mark.quick("shared")
@pytest.mark.parametrize("drive", ["shared", "no parameter"])
def test_readouts_of_one_number_for_all_pairs(drive):
    z, w = pq.coordinate("z"), pq.parameter("w", shared=True, initial=0.7)
    model = network(readout=pq.Readout(z, w * s if drive == "shared" else s, 2))
    params = model.init_parameters(jax.random.key(0))
    state = model.equilibrium(params, X)
    total = np.asarray(state["nodes"]["s"])[:, 2:].sum(1, keepdims=True)
    prediction = total * (params["readout"]["w"] if drive == "shared" else 1.0)
    np.testing.assert_allclose(model.predict(params, state), np.repeat(prediction, 2, 1), rtol=1e-12)
    assert error(model, pq.EquilibriumPropagation(pq.Centered(0.01)), np.hstack([Y, -Y])) < 1e-3


def test_sparse_matrices_have_no_room_for_a_readout():
    pytest.importorskip("klujax")
    model = network(readout=pq.Readout(pq.coordinate("z"), pq.parameter("w") * s, 1))
    params, finder = model.init_parameters(jax.random.key(0)), pq.LinearSolve(pq.SparseDirect())
    assert (
        pq.equilibrium(model, params, X, finder=finder).outcome.max() == 0
    )  # without a nudge there is nothing to join
    with pytest.raises(pq.ModelError, match="SparseDirect: the nudge of a readout"):
        pq.equilibrium(model, params, X, target=Y, beta=0.1, finder=finder)


def test_nudges_follow_the_axis_that_they_stand_on():
    model = network(outputs=[2], cost=(s - y) ** 2 / 2)
    params = model.init_parameters(jax.random.key(0))
    betas = np.array([0.1, 0.2, 0.4])
    found = pq.equilibrium(model, params, np.stack([X, 2 * X]), target=np.stack([Y, Y]), beta=betas)["nodes"]["s"]
    for i, scale in enumerate((1, 2)):
        for j, beta in enumerate(betas):
            alone = pq.equilibrium(model, params, scale * X[j], target=Y[j], beta=beta)["nodes"]["s"]
            np.testing.assert_allclose(found[i, j], alone, rtol=1e-12)
