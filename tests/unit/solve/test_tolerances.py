"""A steep unknown does not loosen the tolerance of the others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physeq as pq

s, k = pq.coordinate("s"), pq.parameter("k", positive=True, initial=1.0)
CUBE_ROOT = 2.0 ** (1 / 3)


@pytest.fixture(scope="module")
def steep():
    """Five units apart, k (s⁴/4 − 2s): all rest at ∛2, whatever k is."""
    unit = pq.Node("unit", potential=k * (s**4 / 4 - 2 * s), dissipation=s.dot**2 / 2)
    return pq.System(pq.from_edges([], [], 5), nodes=unit).compile()


@pytest.mark.parametrize("finder", [pq.Newton(), pq.Minimise()], ids=["Newton", "Minimise"])
def test_one_steep_unknown(steep, finder):
    params = {"nodes": {"k": np.array([1e12, 1.0, 1.0, 1e-3, 1.0])}}
    found = pq.equilibrium(
        steep, params, start={"nodes": {"s": np.array([CUBE_ROOT, 1.0, 2.0, 1.0, 1.5])}}, finder=finder
    )
    np.testing.assert_allclose(found["nodes"]["s"], CUBE_ROOT, rtol=1e-6)


def test_one_steep_unknown_in_single_precision(steep):
    """A hundred units of rounding of a curvature of 5,000, a force of 0.07, are for that unit alone."""
    params = {"nodes": {"k": jnp.asarray([1e3, 1.0, 1.0, 1.0, 1.0], jnp.float32)}}
    start = {"nodes": {"s": jnp.asarray([CUBE_ROOT, 1.25, 1.27, 1.25, 1.27], jnp.float32)}}
    found = pq.equilibrium(steep, params, start=start, finder=pq.Relaxation())
    np.testing.assert_allclose(found["nodes"]["s"], CUBE_ROOT, atol=1e-4)


@pytest.mark.parametrize(
    ("rule", "error"),
    [(pq.DyadicEP(1e-13), 1e-9), (pq.DyadicEP(1e-11, pq.Newton()), 1e-9), (pq.AsymmetricEP(pq.Centered(1e-11)), 1e-3)],
    ids=["dyadic", "dyadic beside Newton", "AsymEP"],
)
@pytest.mark.quick("dyadic")
def test_nudges_below_the_tolerance_are_answered(rule, error):
    """The state has its response to the nudge, to the digits that the contrast leaves."""
    unit = pq.Node("unit", potential=s**2 / 2 + s**4 / 4)
    spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2)
    model = pq.System(
        pq.complete(5), nodes=unit, edges=spring, inputs=[0], outputs=[3, 4], cost=(s - pq.target("y")) ** 2 / 2
    ).compile()
    params, x, y = model.init_parameters(jax.random.key(0)), np.ones((2, 1)), np.ones((2, 2))
    exact, _ = pq.ImplicitDifferentiation().gradient(model, params, x, y)
    found, _ = rule.gradient(model, params, x, y)
    np.testing.assert_allclose(found["edges"]["k"], exact["edges"]["k"], rtol=error, atol=error * 1e-2)


def test_relaxation_from_a_steep_start(steep):
    """Curvatures of 300 at the start do not loosen what is asked of the state at rest."""
    params = {"nodes": {"k": np.ones(5)}}
    start = {"nodes": {"s": np.full(5, 10.0)}}
    found = pq.equilibrium(steep, params, start=start, finder=pq.Relaxation())
    np.testing.assert_allclose(found["nodes"]["s"], CUBE_ROOT, atol=1e-6)


@pytest.mark.parametrize("siemens", [1.0, 1e-6])
@pytest.mark.quick("1e-06")
def test_relaxation_holds_in_any_unit_of_force(siemens):
    """Conductances of microsiemens: currents of 1e-6 A are no rest."""
    system = pq.System(
        pq.complete(5),
        nodes=pq.electrical.capacitor_to_ground(1e-9),
        edges=pq.electrical.resistor(siemens),
        ground=0,
        inputs=[1],
        outputs=[3],
        cost=(pq.electrical.v - pq.target("y")) ** 2 / 2,
    )
    model = system.compile()
    params, x, y = model.init_parameters(jax.random.key(0)), np.ones((2, 1)), np.full((2, 1), 0.3)
    exact, _ = pq.ImplicitDifferentiation().gradient(model, params, x, y)
    rule = pq.EquilibriumPropagation(pq.Centered(0.01 * siemens), free=pq.Relaxation())
    found, _ = rule.gradient(model, params, x, y)
    error = np.linalg.norm(found["edges"]["g"] - exact["edges"]["g"]) / np.linalg.norm(exact["edges"]["g"])
    assert error < 1e-3
