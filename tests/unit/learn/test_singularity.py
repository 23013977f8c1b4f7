"""The distance to the nearest singularity in β, against systems where it is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from brute_force import random_parameters

import physeq as pq
from physeq.learn.singularity import POINTS, _share

s, y = pq.coordinate("s"), pq.target("y")


def single(potential, cost=(s - y) ** 2 / 2, **parameters):
    node = pq.Node("unit", potential=potential)
    model = pq.System(pq.complete(1), nodes=node, outputs=[0], cost=cost).compile()
    return model, model.init_parameters(jax.random.key(0))


def coefficients(function, share):
    beta = share * np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    values = np.stack([function(beta, w) for w in (0.2, 0.7, -1.0, 0.4)], 1)
    return (np.fft.fft(values, axis=0) / POINTS).real


@pytest.mark.parametrize("share", [0.3, 0.45])
@pytest.mark.parametrize(
    "function",
    [
        lambda b, w: w / (1 + b) + 1 / (2 - w * b),
        lambda b, w: w / (1 + b) ** 2 + np.exp(w * b),
        lambda b, w: np.sqrt(1 + b) * w + np.exp(b),
        lambda b, w: w * np.sqrt(1 - 2 * np.cos(1.1) * b + b * b) + 1 / (3 - w * b),
        lambda b, w: np.sqrt(1 - 2 * np.cos(2.0) * b + b * b) * (1 + w * b) + w * np.exp(b),
        lambda b, w: np.sqrt(1 + b) + 0.3 * w * np.sqrt(1 - b / 1.2),
        lambda b, w: w / (1 + b) + 1 / (1 - b / 1.05),
    ],
)
def test_share_of_functions_that_are_singular_at_one(function, share):
    assert _share(coefficients(function, share)) == pytest.approx(share, rel=0.03)


def test_share_of_a_polynomial_and_of_a_circle_around_a_singularity():
    assert _share(coefficients(lambda b, w: 1 + w * b, 0.4)) == 0.0
    around = coefficients(lambda b, w: w * np.log(b - 0.5), 1.0)
    assert (found := _share(around)) is None or found > 0.8


@pytest.mark.parametrize("stiffness", [3.0, 1e-4])
def test_a_pole_of_a_linear_system(stiffness):
    """k s + β (s − y) = 0 has its pole at β = −k, in the unit of k."""
    model, params = single(stiffness * s**2 / 2 - stiffness * s)
    found = pq.nearest_singularity(model, params, None, np.array([[0.5], [2.0]]))
    assert found.distance == pytest.approx(stiffness, rel=1e-3)
    assert found.radius == found.distance / 4 and len(found.distances) == 2
    assert found.to_dict()["distance"] == found.distance


def test_a_resistor_network_has_the_least_generalised_eigenvalue():
    """det(G + β P) = 0 on the free nodes, P the projector on the outputs."""
    model = zoo.compiled("resistors")
    params = jax.tree.map(jnp.asarray, random_parameters(zoo.system("resistors"), np.random.default_rng(3)))
    inputs, target = zoo.data("resistors", 0, (2,))
    g = np.zeros((6, 6))
    for (a, b), c in zip(zoo.RING, np.asarray(params["e0"]["g"]), strict=True):
        g[[a, b, a, b], [a, b, b, a]] += np.array([c, c, -c, -c]) * (a != b)
    free, outputs = [3, 4, 5], np.diag([1.0, 1.0, 0.0])
    eigenvalues = np.linalg.eigvals(-np.linalg.solve(g[np.ix_(free, free)], outputs))
    nearest = 1 / np.abs(eigenvalues).max()
    found = pq.nearest_singularity(model, params, inputs, target)
    # Two poles of the circuit may lie close together or one may hardly be excited.
    assert found.distance == pytest.approx(nearest, rel=0.05)


def test_a_branch_point_of_a_quartic_unit():
    """s + s³ + β (s − y) = b: the branch points are the roots in β of the discriminant of the cubic."""
    b, target = 0.4, 1.5
    model, params = single(s**2 / 2 + s**4 / 4 - b * s)
    # s³ + p s + q with p = 1 + β, q = −(b + β y): 4 p³ + 27 q² = 0.
    cubic = 4 * np.poly1d([1, 1]) ** 3 + 27 * np.poly1d([target, b]) ** 2
    found = pq.nearest_singularity(model, params, None, np.array([[target]]))
    assert found.distance == pytest.approx(np.abs(cubic.roots).min(), rel=0.03)


@pytest.mark.slow
def test_the_nearest_sample_counts():
    model, params = single(s**2 / 2 + s**4 / 4 - 0.4 * s)
    targets = np.array([[1.5], [6.0], [0.6]])
    together = pq.nearest_singularity(model, params, None, targets)
    alone = [pq.nearest_singularity(model, params, None, t[None]).distance for t in targets]
    # Far samples share the circle of the nearest one, and are resolved less well on it.
    np.testing.assert_allclose(together.distances, alone, rtol=0.1)
    assert together.distance == min(together.distances)


def test_a_state_that_is_linear_in_the_nudge_has_no_singularity():
    model, params = single(s**2 / 2, cost=-y * s)
    found = pq.nearest_singularity(model, params, None, np.array([[1.0]]))
    assert found.distance == np.inf and found.to_dict()["distance"] is None


def test_kinks_are_refused():
    with pytest.raises(pq.ModelError, match="continue to complex states"):
        pq.nearest_singularity(zoo.compiled("saturating"), {}, None, None)
