"""Inertia and friction shared with held nodes, or changing in time: every route gives the exact motion or refuses."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import physeq as pq

x, u = pq.coordinate("x"), pq.signal("u")
WELL = pq.Node("well", potential=x**2 / 2)
MASS = pq.Node("mass", kinetic=x.dot**2 / 2)
SPRING = pq.Edge("spring", potential=(x.source - x.target) ** 2 / 2)
P = {"nodes": {}, "edges": {}}


def swing(t):
    return jnp.array([jnp.sin(t)])


def pair(edges, nodes=None, clamp=None):
    held = pq.Clamp([0]) if clamp is None else clamp
    return pq.System(pq.complete(2), nodes=nodes, edges=edges, inputs={"wall": held}).motion()


ROUTES = {"default": None, "explicit": diffrax.Tsit5(), "mass matrix": pq.Rodas5P()}


@pytest.mark.quick("default", "explicit")
@pytest.mark.parametrize("route", ROUTES)
def test_a_dashpot_to_a_moving_wall_drags(route):
    """ẋ + x = cos t from 0: x = (sin t + cos t − e⁻ᵗ)/2."""
    dash = pq.Edge("dash", dissipation=(x.source.dot - x.target.dot) ** 2 / 2)
    found = pair(dash, WELL).simulate(P, swing, t1=2.0, rtol=1e-9, solver=ROUTES[route], start={"nodes": {"x": [0, 0]}})
    assert float(found["1.x"][-1]) == pytest.approx((np.sin(2) + np.cos(2) - np.exp(-2)) / 2, abs=1e-7)


@pytest.mark.quick("default", "mass matrix")
@pytest.mark.parametrize("route", ROUTES)
def test_an_inerter_to_a_moving_wall_pulls(route):
    """Inertia and stiffness of the same edge: what starts with the wall stays with it."""
    inerter = pq.Edge(
        "inerter", kinetic=(x.source.dot - x.target.dot) ** 2 / 2, potential=(x.source - x.target) ** 2 / 2
    )
    start = {"nodes": {"x": [0.0, 0.0], "x_dot": [1.0, 1.0]}}
    motion = pair(inerter)
    found = motion.simulate({"edges": {}}, swing, t1=2.0, solver=ROUTES[route], start=start)
    assert float(found["1.x"][-1]) == pytest.approx(np.sin(2), abs=1e-6)
    for solver in (pq.StormerVerlet(), pq.GaussLegendre()):
        with pytest.raises(pq.ModelError, match="input 'wall' shares inertia with nodes that are free"):
            motion.simulate({"edges": {}}, swing, t1=2.0, solver=solver, step=0.01)


def test_symplectic_steps_refuse_a_velocity_that_is_held_alone():
    motion = pair(SPRING, MASS, pq.Clamp([0], "x_dot"))
    for solver in (pq.StormerVerlet(), pq.GaussLegendre()):
        with pytest.raises(pq.ModelError, match="holds a velocity, not its position"):
            motion.simulate(P, jnp.array([1.0]), t1=2.0, solver=solver, step=0.01)
    belt = motion.simulate(P, jnp.array([1.0]), t1=2.0)
    assert float(belt["0.x"][-1]) == pytest.approx(2.0, abs=1e-6)


@pytest.mark.quick("default")
@pytest.mark.parametrize("solver", [None, pq.Rodas5P(), pq.GaussLegendre()], ids=["default", "Rodas5P", "symplectic"])
def test_a_mass_that_grows_keeps_its_momentum_balance(solver):
    """d/dt((1 + t) ẋ) = −x from t = 1, with the energy that the changing mass takes in the balance."""
    growing = pq.Node("growing", kinetic=(1 + pq.time) * x.dot**2 / 2, potential=x**2 / 2)
    motion = pq.System(pq.complete(1), nodes=growing).motion()
    step = 2e-3 if isinstance(solver, pq.GaussLegendre) else None
    found = motion.simulate(
        {"nodes": {}}, t0=1.0, t1=3.0, ts=np.linspace(1, 3, 2001), rtol=1e-9, solver=solver, step=step,
        start={"nodes": {"x": [1.0], "x_dot": [1.0]}},
    )  # fmt: skip
    wanted = solve_ivp(lambda t, z: [z[1], -(z[0] + z[1]) / (1 + t)], (1, 3), [1, 1], rtol=1e-10, atol=1e-12).y[0, -1]
    assert float(found["0.x_dot"][0]) == pytest.approx(1.0, abs=1e-9)
    assert float(found["0.x"][-1]) == pytest.approx(wanted, abs=1e-6)
    assert abs(float(found.power_balance())) < 1e-6 and "energy" not in found.invariants()


def test_inputs_that_move_an_inertia_are_refused():
    loaded = pq.Node("loaded", kinetic=u * x.dot**2 / 2, potential=x**2 / 2)
    system = pq.System(pq.complete(1), nodes=loaded, inputs={"load": pq.Feed("nodes", u)})
    motion, start = system.motion(), {"nodes": {"x": [1.0]}}
    still = motion.simulate({"nodes": {}}, jnp.array([1.0]), t1=2.0, start=start)
    assert float(still["0.x"][-1]) == pytest.approx(np.cos(2), abs=1e-5)
    with pytest.raises(pq.ModelError, match="input 'load' stands in an inertia"):
        motion.simulate({"nodes": {}}, lambda t: jnp.array([1 + t]), t1=2.0, start=start)
    boundary = pq.InitialValue({"nodes": np.array([1.0])}, {}, duration=2.0)
    for solver in (pq.Collocation(8), pq.Leapfrog(20)):
        with pytest.raises(pq.ModelError, match="'load'"):
            system.trajectories(boundary, solver)


def test_extension_and_voltage_of_an_element_are_told_apart():
    damped = pq.Edge(
        "damped", potential=(x.source - x.target) ** 2 / 2, dissipation=(x.source.dot - x.target.dot) ** 2 / 20
    )
    motion = pq.System(pq.complete(2), nodes=MASS, edges=damped, ground=0).motion()
    found = motion.simulate(P, t1=1.0, start={"nodes": {"x": [0.0, 1.0]}})
    np.testing.assert_allclose(found["edges[0].v"], found["0.x"] - found["1.x"], atol=1e-12)


def test_what_was_not_reached_is_no_number():
    motion = pq.System(pq.complete(2), nodes=MASS, edges=SPRING, ground=0).motion()

    def end(scale, **options):
        return motion.simulate(P, start={"nodes": {"x": jnp.array([0.0, 1.0]) * scale}}, **options).y_end

    assert np.isnan(jax.jit(lambda a: end(a, t1=100.0, max_steps=20))(1.0)).all()
    assert np.isnan(end(1.0, t1=100.0, max_steps=20, throw=False)).all()
    assert np.isfinite(jax.jit(lambda a: end(a, t1=1.0))(1.0)).all()
    with pytest.raises(pq.ModelError, match=r"must have shape \(4,\), got \(1,\)"):
        motion.simulate(P, t1=1.0, start=jnp.ones(1))


def test_a_small_inertia_among_large_ones_is_one():
    """A capacitance of 1e-13 F in units where other entries of M are near 1 keeps its starting voltage."""
    phi = pq.electrical.phi
    stray = pq.Node("stray", kinetic=1e-13 * phi.dot**2 / 2)
    big = pq.Node("big", kinetic=phi.dot**2 / 2)
    topology = pq.Topology((pq.Group("small", 1), pq.Group("large", 1)), ())
    leak = pq.Node("leak", dissipation=1e-13 * phi.dot**2 / 2)
    motion = pq.System(topology, nodes={"small": [stray, leak], "large": [big, leak]}).motion()
    assert motion.start().shape == (2,)
    found = motion.simulate(motion.init_parameters(jax.random.key(0)), t1=1.0, start={"small": {"v": [1.0]}})
    assert float(found["small.v"][-1].squeeze()) == pytest.approx(np.exp(-1), rel=1e-4)
