"""Symplectic integrators: orders, energy over long times, reversibility, symplecticity of the map, gradients."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physeq.errors import ModelError
from physeq.solve.implicit_symplectic import GaussLegendre, ImplicitMidpoint
from physeq.solve.stage_iteration import FixedPointStages, NewtonStages
from physeq.solve.symplectic import BlanesMoan, StormerVerlet, separable_terms

EXPLICIT = [StormerVerlet(), BlanesMoan()]
IMPLICIT = [ImplicitMidpoint(), GaussLegendre(), GaussLegendre(NewtonStages())]
ORDERS = {StormerVerlet: 2, BlanesMoan: 4, ImplicitMidpoint: 2, GaussLegendre: 4}

# Hénon–Heiles with two masses: separable, nonlinear, bounded at this energy.
MASS = jnp.array([1.0, 1.5])


def potential(q):
    return (q @ q) / 2 + q[0] ** 2 * q[1] - q[1] ** 3 / 3


def henon_heiles(t, q, args):
    return -jnp.stack([q[0] + 2 * q[0] * q[1], q[1] + q[0] ** 2 - q[1] ** 2])


SEPARABLE = separable_terms(henon_heiles, MASS)
INSIDE = (jnp.array([0.1, 0.2]), jnp.array([0.3, 0.1]))


def separable_energy(q, p):
    return (p**2 / MASS).sum() / 2 + potential(q)


def pendulum_energy(q, p, gravity=9.81):
    """Double pendulum of unit masses and lengths; its kinetic energy depends on the angles."""
    cosine = jnp.cos(q[0] - q[1])
    kinetic = (p[0] ** 2 + 2 * p[1] ** 2 - 2 * p[0] * p[1] * cosine) / (2 * (2 - cosine**2))
    return kinetic - gravity * (2 * jnp.cos(q[0]) + jnp.cos(q[1]))


def hamiltonian_field(t, y, args):
    force, velocity = jax.grad(pendulum_energy, (0, 1))(*y, 9.81 if args is None else args)
    return velocity, -force


PENDULUM = diffrax.ODETerm(hamiltonian_field)
RAISED = (jnp.array([0.8, 0.5]), jnp.zeros(2))


def problem(solver):
    return (SEPARABLE, INSIDE, separable_energy) if solver in EXPLICIT else (PENDULUM, RAISED, pendulum_energy)


def run(terms, solver, start, t1, steps, **options):
    options = {"max_steps": None, **options}
    return diffrax.diffeqsolve(terms, solver, 0.0, t1, t1 / steps, start, **options)


@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT)
def test_fitted_orders(solver):
    terms, start, _ = problem(solver)
    as_field = diffrax.ODETerm(
        hamiltonian_field if solver in IMPLICIT else lambda t, y, args: (y[1] / MASS, henon_heiles(t, y[0], args))
    )
    control = diffrax.PIDController(rtol=1e-13, atol=1e-13)
    exact = diffrax.diffeqsolve(
        as_field, diffrax.Dopri8(), 0.0, 2.0, None, start, stepsize_controller=control, max_steps=10000
    )
    counts = np.array([50, 100, 200])
    errors = [np.abs(run(terms, solver, start, 2.0, n).ys[0] - exact.ys[0]).max() for n in counts]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(ORDERS[type(solver)], abs=0.2)
    assert solver.order(terms) == ORDERS[type(solver)]


@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT[:2])
def test_forces_of_time_keep_their_order(solver):
    # q̈ = −q + sin 2t from rest: q = (2 sin t − sin 2t)/3.
    def force(t, q, args):
        return -q + jnp.sin(2 * t)

    pair = separable_terms(force, 1.0)
    terms = pair if solver in EXPLICIT else diffrax.ODETerm(lambda t, y, args: (y[1], force(t, y[0], args)))
    counts, exact = np.array([50, 100, 200]), (2 * np.sin(3.0) - np.sin(6.0)) / 3
    errors = [abs(run(terms, solver, (jnp.zeros(1), jnp.zeros(1)), 3.0, n).ys[0][0, 0] - exact) for n in counts]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(ORDERS[type(solver)], abs=0.2)


def energy_errors(solver, steps, step=0.05):
    """Largest relative energy error in each of ten stretches of the motion."""
    terms, start, energy = problem(solver)
    saved = diffrax.SaveAt(steps=10, fn=lambda t, y, args: energy(*y))
    found = run(terms, solver, start, steps * step, steps, saveat=saved, max_steps=steps + 16).ys[: steps // 10]
    return np.abs(found / energy(*start) - 1).reshape(10, -1).max(axis=1)


def check_energy(solver, steps):
    errors = energy_errors(solver, steps, 0.05 if solver in EXPLICIT else 0.02)
    assert np.isfinite(errors).all()
    # Bounded, and no larger at the end than at the beginning; order 4 is far better than order 2.
    assert errors.max() < (1e-3 if ORDERS[type(solver)] == 2 else 1e-7)
    assert errors[-1] < 1.3 * errors[0] + 1e-12


@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT[:2])
def test_energy_error_is_bounded_over_1e5_steps(solver):
    check_energy(solver, 100_000)


@pytest.mark.slow
@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT)
def test_energy_error_is_bounded_over_1e6_steps(solver):
    check_energy(solver, 1_000_000)


def test_energy_of_another_method_drifts():
    # The measure above tells: the classical method of the same order loses energy all the time.
    term = diffrax.ODETerm(lambda t, y, args: (y[1] / MASS, henon_heiles(t, y[0], args)))
    saved = diffrax.SaveAt(steps=10, fn=lambda t, y, args: separable_energy(*y))
    found = run(term, diffrax.Heun(), INSIDE, 500.0, 10_000, saveat=saved, max_steps=10_016).ys[:1000]
    errors = np.abs(found / separable_energy(*INSIDE) - 1).reshape(10, -1).max(axis=1)
    assert errors[-1] > 3 * errors[0]


@pytest.mark.quick("solver0", "solver1", "solver2", "solver3")
@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT)
def test_reversed_momenta_lead_back(solver):
    terms, (q0, p0), _ = problem(solver)
    q, p = (x[-1] for x in run(terms, solver, (q0, p0), 5.0, 200).ys)
    back_q, back_p = (x[-1] for x in run(terms, solver, (q, -p), 5.0, 200).ys)
    np.testing.assert_allclose(back_q, q0, atol=1e-11)
    np.testing.assert_allclose(-back_p, p0, atol=1e-11)


@pytest.mark.quick("solver0", "solver1", "solver2")
@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT)
def test_step_map_is_symplectic(solver):
    terms, start, _ = problem(solver)
    if solver in EXPLICIT:
        # A dense mass: the kinetic energy couples the momenta.
        terms = separable_terms(henon_heiles, jnp.array([[2.0, 0.5], [0.5, 1.0]]))

    def advance(x):
        y = run(terms, solver, (x[:2], x[2:]), 0.1, 1, adjoint=diffrax.ForwardMode()).ys
        return jnp.concatenate([y[0][0], y[1][0]])

    jacobian = jax.jacfwd(advance)(jnp.concatenate(start))
    form = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    np.testing.assert_allclose(jacobian.T @ form @ jacobian, form, atol=1e-12)
    # An Euler step is not symplectic, by far.
    assert np.abs(jacobian - np.eye(4)).max() > 0.05


def test_masses_may_be_numbers_diagonals_matrices_or_functions():
    ends = []
    for mass in (2.0, jnp.array([2.0, 2.0]), 2 * jnp.eye(2), lambda args: args["m"] * jnp.eye(2)):
        terms = separable_terms(henon_heiles, mass)
        ends.append(run(terms, StormerVerlet(), INSIDE, 1.0, 20, args={"m": jnp.asarray(2.0)}).ys[0])
    for end in ends[1:]:
        np.testing.assert_allclose(end, ends[0], rtol=1e-12)
    coupled = np.array([[2.0, 0.5], [0.5, 1.0]])
    velocity, force = StormerVerlet().func(separable_terms(henon_heiles, jnp.asarray(coupled)), 0.0, INSIDE, None)
    np.testing.assert_allclose(velocity, np.linalg.solve(coupled, INSIDE[1]), rtol=1e-12)
    np.testing.assert_allclose(force, henon_heiles(0.0, INSIDE[0], None))


def test_angular_momentum_is_exact_with_gauss_methods():
    # Kepler's motion: q × p is quadratic.
    term = diffrax.ODETerm(lambda t, y, args: (y[1], -y[0] / (y[0] @ y[0]) ** 1.5))
    start = (jnp.array([1.0, 0.0]), jnp.array([0.0, 1.2]))
    for solver in (ImplicitMidpoint(), GaussLegendre()):
        q, p = (x[-1] for x in run(term, solver, start, 20.0, 400).ys)
        assert q[0] * p[1] - q[1] * p[0] == pytest.approx(1.2, abs=1e-13)


@pytest.mark.quick("reverse-solver0")
@pytest.mark.parametrize("solver", EXPLICIT + IMPLICIT)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_gradients_agree_with_differences(solver, mode):
    adjoint = diffrax.ForwardMode() if mode == "forward" else diffrax.RecursiveCheckpointAdjoint()

    @jax.jit
    def loss(parameters):
        mass, strength = parameters
        if solver in EXPLICIT:
            terms = separable_terms(lambda t, q, args: strength * henon_heiles(t, q, args), lambda args: args)
            y = run(terms, solver, INSIDE, 2.0, 40, args=mass * MASS, adjoint=adjoint, max_steps=64).ys
        else:
            start = (mass * RAISED[0], RAISED[1])
            y = run(PENDULUM, solver, start, 1.0, 40, args=9.81 * strength, adjoint=adjoint, max_steps=64).ys
        return (y[0] ** 2).sum() + y[1][0, 1]

    point = jnp.array([1.1, 0.9])
    gradient = (jax.jacfwd if mode == "forward" else jax.grad)(loss)(point)
    for i in range(2):
        step = 1e-5 * jnp.eye(2)[i]
        difference = (loss(point + step) - loss(point - step)) / 2e-5
        assert abs(gradient[i] - difference) < 1e-7 * max(1, abs(difference))


def test_between_steps_the_interpolation_is_cubic():
    # Against the map at much shorter steps: the error of the map itself is smaller.
    times = jnp.linspace(0, 2, 37)
    saved = diffrax.SaveAt(ts=times)
    exact = run(SEPARABLE, BlanesMoan(), INSIDE, 2.0, 2000, saveat=saved).ys[0]
    errors = [np.abs(run(SEPARABLE, BlanesMoan(), INSIDE, 2.0, n, saveat=saved).ys[0] - exact).max() for n in (10, 20)]
    assert 3.5 < np.log2(errors[0] / errors[1]) < 4.5


@pytest.mark.slow
def test_pytrees_batches_and_backwards():
    def force(t, q, args):
        return {"x": -args * q["x"]}

    terms = (diffrax.ODETerm(lambda t, p, args: p), diffrax.ODETerm(force))

    def end(stiffness):
        start = ({"x": jnp.ones(3)}, {"x": jnp.zeros(3)})
        return run(terms, BlanesMoan(), start, 1.0, 50, args=stiffness).ys[0]["x"][0]

    stiffness = jnp.array([1.0, 4.0])
    np.testing.assert_allclose(jax.vmap(end)(stiffness), np.cos(np.sqrt(stiffness))[:, None] * np.ones(3), atol=1e-9)
    for solver in (BlanesMoan(), GaussLegendre()):
        terms, start, _ = problem(solver)
        y = jax.tree.map(lambda x: x[-1], run(terms, solver, start, 2.0, 80).ys)
        back = diffrax.diffeqsolve(terms, solver, 2.0, 0.0, -2.0 / 80, y).ys
        np.testing.assert_allclose(back[0][0], start[0], atol=1e-11)


def test_stages_that_do_not_converge_are_reported():
    stiff = diffrax.ODETerm(lambda t, y, args: -1000 * (y - jnp.cos(t)))
    with pytest.raises(RuntimeError, match="nonlinear"):
        run(stiff, ImplicitMidpoint(FixedPointStages(30)), jnp.ones(1), 1.0, 20)
    solved = run(stiff, ImplicitMidpoint(NewtonStages()), jnp.ones(1), 1.0, 20).ys[0, 0]
    assert solved == pytest.approx(np.cos(1.0), abs=1e-2)
    with pytest.raises(ModelError, match="steps must be at least 1, got 0"):
        FixedPointStages(0)


def test_adaptive_steps_are_refused():
    control = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    with pytest.raises(RuntimeError, match="adaptive"):
        run(SEPARABLE, StormerVerlet(), INSIDE, 1.0, 10, stepsize_controller=control)
