"""Rodas5P: orders, standard stiff problems against published and SciPy solutions, gradients, use in diffrax."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
from scipy.integrate import solve_ivp

from physeq.errors import ModelError
from physeq.solve.dae_term import DAETerm
from physeq.solve.linear_backend import KLU, DenseLU
from physeq.solve.rodas5p import Rodas5P, coefficients
from physeq.solve.sparse_matrix import SparsityPattern

FIRST_OF_TWO = SparsityPattern([0], [0], 2)


def solve(term, start, t1, tolerance=1e-8, *, steps=None, t0=0.0, absolute=None, control=None, **options):
    adaptive = diffrax.PIDController(rtol=tolerance, atol=absolute or tolerance)
    control = control or (adaptive if steps is None else diffrax.ConstantStepSize())
    step = None if steps is None else (t1 - t0) / steps
    start = jnp.asarray(start, jnp.float64)
    return diffrax.diffeqsolve(
        term,
        Rodas5P(),
        t0,
        t1,
        step,
        start,
        stepsize_controller=control,
        max_steps=options.pop("limit", 4096),
        **options,
    )


def exponential_of_sine():
    """ẏ = cos(t) z²/y with 0 = z − e^(sin t) + 0.3 (z² − y²): y = z = e^(sin t)."""

    def field(t, y, args):
        algebraic = y[1] - jnp.exp(jnp.sin(t)) + 0.3 * (y[1] ** 2 - y[0] ** 2)
        return jnp.stack([jnp.cos(t) * y[1] ** 2 / y[0], algebraic])

    return DAETerm(field, mass=lambda args: jnp.ones(1), mass_pattern=FIRST_OF_TWO)


def fitted_order(errors, steps):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


def test_coefficients_are_consistent():
    table = coefficients()
    # With ẏ = 1 the method must be exact, stage by stage: the times are those of the stages of an autonomous system.
    gamma, a, c = table["gamma"], table["A"], table["C"]
    stages = np.zeros(8)
    for i in range(8):
        stages[i] = gamma * (1 + c[i] @ stages)
    np.testing.assert_allclose(a @ stages, table["c"], atol=1e-12)
    np.testing.assert_allclose(table["b"] @ stages, 1, atol=1e-12)


STEPS = np.array([12, 24, 48, 96])


def test_order_five_on_a_nonlinear_dae():
    exact = np.exp(np.sin(2.0))
    errors = [np.abs(solve(exponential_of_sine(), [1, 1], 2.0, steps=n).ys[0] - exact).max() for n in STEPS]
    assert fitted_order(errors, STEPS) == pytest.approx(5, abs=0.3)


def test_order_five_on_a_non_autonomous_ode():
    # ẏ = cos(t) y², y = 1/(2 − sin t): the state is a dictionary, and time stands in the field.
    term, start = diffrax.ODETerm(lambda t, y, args: {"y": jnp.cos(t) * y["y"] ** 2}), {"y": jnp.array([0.5])}

    def end(steps):
        return diffrax.diffeqsolve(term, Rodas5P(), 0.0, 3.0, 3.0 / steps, start).ys["y"][0, 0]

    errors = [abs(end(n) - 1 / (2 - np.sin(3.0))) for n in STEPS]
    assert fitted_order(errors, STEPS) == pytest.approx(5, abs=0.3)


@pytest.mark.slow
def test_order_of_dense_output_between_the_steps():
    times = jnp.linspace(0, 2, 201)
    exact = jnp.exp(jnp.sin(times))[:, None]

    def error(steps):
        return np.abs(
            solve(exponential_of_sine(), [1, 1], 2.0, steps=steps, saveat=diffrax.SaveAt(ts=times)).ys - exact
        )

    # Order 4 is an error of h⁵ in each step; what is algebraic has one less.
    differential, algebraic = np.array([error(n).max(axis=0) for n in STEPS]).T
    assert fitted_order(differential, STEPS) > 4.8
    assert fitted_order(algebraic, STEPS) > 3.8
    dense = solve(exponential_of_sine(), [1, 1], 2.0, steps=24, saveat=diffrax.SaveAt(dense=True))
    np.testing.assert_allclose(jax.vmap(dense.evaluate)(times) - exact, 0, atol=1e-4)
    np.testing.assert_allclose(dense.evaluate(0.4, 1.1), dense.evaluate(1.1) - dense.evaluate(0.4), atol=1e-14)


@pytest.mark.slow
def test_backwards_in_time_returns_to_the_start():
    end = solve(exponential_of_sine(), [1, 1], 2.0, 1e-10).ys[0]
    back = solve(exponential_of_sine(), end, 0.0, 1e-10, t0=2.0)
    np.testing.assert_allclose(back.ys[0], 1.0, atol=1e-8)


def robertson_rates(y):
    first, second, third = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
    return -first + third, first - second - third, second


# Robertson at t = 1e11: reference solution of the Test Set for IVP Solvers (Mazzia and Magherini 2008), problem ROBER.
ROBERTSON = np.array([0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050])


@pytest.mark.quick("False")
@pytest.mark.parametrize("algebraic", [False, True])
def test_robertson_to_six_digits(algebraic):
    if algebraic:
        # The sum of the concentrations replaces the last rate.
        term = DAETerm(
            lambda t, y, args: jnp.stack([*robertson_rates(y)[:2], y.sum() - 1]),
            mass=lambda args: jnp.ones(2),
            mass_pattern=SparsityPattern([0, 1], [0, 1], 3),
        )
    else:
        term = diffrax.ODETerm(lambda t, y, args: jnp.stack(robertson_rates(y)))
    solved = solve(term, [1, 0, 0], 1e11, 1e-9, absolute=1e-20)
    np.testing.assert_allclose(solved.ys[0], ROBERTSON, rtol=1e-6)


@pytest.mark.slow
def test_robertson_agrees_with_scipy_at_an_earlier_time():
    term = diffrax.ODETerm(lambda t, y, args: jnp.stack(robertson_rates(y)))
    solved = solve(term, [1, 0, 0], 4e3, 1e-9, absolute=1e-16)
    oracle = solve_ivp(lambda t, y: robertson_rates(y), (0, 4e3), [1, 0, 0], "Radau", rtol=1e-11, atol=1e-16)
    np.testing.assert_allclose(solved.ys[0], oracle.y[:, -1], rtol=1e-6)


def transistor_amplifier():
    """Problem TRANSAMP of the Test Set for IVP Solvers: two transistors, eight node voltages, five capacitors."""
    supply, resistance = 6.0, 9000.0
    rows, columns, values = [], [], []
    for capacitance, nodes in ((1e-6, (0, 1)), (2e-6, (2,)), (3e-6, (3, 4)), (4e-6, (5,)), (5e-6, (6, 7))):
        for i in nodes:
            for j in nodes:
                rows.append(i)
                columns.append(j)
                values.append(-capacitance if i == j else capacitance)

    def field(t, y, args):
        source = 0.1 * jnp.sin(200 * jnp.pi * t)
        one, two = (1e-6 * jnp.expm1((y[b] - y[e]) / 0.026) for b, e in ((1, 2), (4, 5)))
        return jnp.stack(
            [
                (y[0] - source) / 1000,
                (2 * y[1] - supply) / resistance + 0.01 * one,
                y[2] / resistance - one,
                (y[3] - supply) / resistance + 0.99 * one,
                (2 * y[4] - supply) / resistance + 0.01 * two,
                y[5] / resistance - two,
                (y[6] - supply) / resistance + 0.99 * two,
                y[7] / resistance,
            ]
        )

    start = jnp.array([0, supply / 2, supply / 2, supply, supply / 2, supply / 2, supply, 0])
    mass_pattern = SparsityPattern(rows, columns, 8)
    return DAETerm(field, mass=lambda args: jnp.array(values), mass_pattern=mass_pattern), start


AMPLIFIER = [-5.56214501e-3, 3.00652247, 2.84995879, 2.92642254, 2.70461787, 2.76183778, 4.77092763, 1.23699587]


@pytest.mark.parametrize("backend", [DenseLU(), KLU()])
def test_transistor_amplifier_to_six_digits(backend):
    term, start = transistor_amplifier()
    term = DAETerm(term.vector_field, mass=term.mass, mass_pattern=term.mass_pattern, backend=backend)
    solved = solve(term, start, 0.2, 1e-7, limit=8192)
    np.testing.assert_allclose(solved.ys[0], AMPLIFIER, rtol=1e-6)


@pytest.mark.slow
def test_van_der_pol_of_1000_in_few_steps():
    def field(t, y, mu):
        return jnp.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])

    solved = solve(diffrax.ODETerm(field), [2, 0], 2000.0, 1e-6, args=1000.0)
    assert solved.stats["num_steps"] < 1000
    oracle = solve_ivp(lambda t, y: np.array(field(t, y, 1000.0)), (0, 2000), [2, 0], "Radau", rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(solved.ys[0], oracle.y[:, -1], rtol=1e-3)


def test_cartesian_pendulum_of_index_one():
    # ẍ = −λ x, ÿ = −λ y − g with 0 = d²(x² + y²)/dt²/2 for the multiplier.
    def field(t, y, args):
        x, z, u, w, tension = y
        constraint = u**2 + w**2 - tension * (x**2 + z**2) - 9.81 * z
        return jnp.stack([u, w, -tension * x, -tension * z - 9.81, constraint])

    term = DAETerm(field, mass=lambda args: jnp.ones(4), mass_pattern=SparsityPattern(range(4), range(4), 5))
    solved = solve(term, [1, 0, 0, 0, 0], 5.0, 1e-10, limit=16384).ys[0]
    angle = solve_ivp(
        lambda t, y: [y[1], -9.81 * np.sin(y[0])], (0, 5), [np.pi / 2, 0], "DOP853", rtol=1e-12, atol=1e-12
    ).y[0, -1]
    np.testing.assert_allclose(solved[:2], [np.sin(angle), -np.cos(angle)], atol=1e-7)


def ladder(values):
    """Diode between an RC node and a node without a capacitor, which `load` alone pulls down: y₁ is algebraic."""

    def field(t, y, p):
        diode = p["saturation"] * jnp.expm1((y[0] - y[1]) / 0.1)
        return jnp.stack([p["g"] * (jnp.sin(3 * t) - y[0]) - diode, diode - p["load"] * y[1] - 0.1 * y[1] ** 3])

    term = DAETerm(field, mass=lambda p: p["c"][None], pattern=SparsityPattern.dense(2), mass_pattern=FIRST_OF_TWO)
    return term, {name: jnp.asarray(v) for name, v in values.items()}


PARAMETERS = {"saturation": 0.05, "g": 1.3, "load": 0.7, "c": 0.4}


@pytest.mark.parametrize("backend", [DenseLU(), KLU()])
@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.quick("forward-backend0")
def test_gradients_agree_with_differences(mode, backend):
    # `load` stands in an algebraic row alone, `c` in the mass alone, `saturation` in both rows.
    term, parameters = ladder(PARAMETERS)
    term = DAETerm(
        term.vector_field, mass=term.mass, pattern=term.pattern, mass_pattern=term.mass_pattern, backend=backend
    )
    adjoint = diffrax.ForwardMode() if mode == "forward" else diffrax.RecursiveCheckpointAdjoint()

    @jax.jit
    def loss(parameters):
        solved = solve(
            term,
            [0, 0],
            1.5,
            steps=40,
            args=parameters,
            adjoint=adjoint,
            saveat=diffrax.SaveAt(ts=jnp.array([0.8, 1.5])),
        )
        return (solved.ys**2).sum() + solved.ys[-1, 1]

    gradient = (jax.jacfwd if mode == "forward" else jax.grad)(loss)(parameters)
    for name in parameters:
        step = 1e-5
        up, down = ({**parameters, name: parameters[name] + s * step} for s in (1, -1))
        assert abs(gradient[name] - (loss(up) - loss(down)) / (2 * step)) < 1e-8
        assert abs(gradient[name]) > 1e-3


@pytest.mark.slow
def test_gradient_of_an_adaptive_solution():
    term, parameters = ladder(PARAMETERS)

    @jax.jit
    def loss(parameters):
        return solve(term, [0, 0], 1.5, 1e-10, args=parameters).ys[0, 1]

    gradient = jax.grad(loss)(parameters)
    for name in parameters:
        step = 1e-4
        up, down = (loss({**parameters, name: parameters[name] + s * step}) for s in (1, -1))
        assert abs(gradient[name] - (up - down) / (2 * step)) < 1e-6


def test_gradient_through_a_rejected_step_that_is_not_finite():
    # √y is not a number behind the first, too long step; the gradient must not see it.
    term = diffrax.ODETerm(lambda t, y, p: -p * jnp.sqrt(y))
    control = diffrax.PIDController(rtol=1e-8, atol=1e-8)

    def end(p):
        return diffrax.diffeqsolve(
            term, Rodas5P(), 0.0, 1.0, 50.0, jnp.array(1.0), args=p, stepsize_controller=control, max_steps=400
        )

    solved = end(1.8)
    assert solved.stats["num_rejected_steps"] > 0
    # √y = 1 − p t/2
    assert solved.ys[0] == pytest.approx(0.01, abs=1e-6)
    assert jax.grad(lambda p: end(p).ys[0])(1.8) == pytest.approx(-0.1, abs=1e-5)


def test_whichever_stage_is_infinite_the_controller_gets_numbers():
    # One stage after the other is past the wall as it moves; in the last one alone, too.
    walls = jnp.linspace(-1.0, 1.0, 4001)

    def step(wall):
        term = diffrax.ODETerm(lambda t, y, args: jnp.where(y < wall, jnp.inf, -y))
        return Rodas5P().step(term, 0.0, 1.0, jnp.array(1.0), None, None, False)[:2]

    end, error = jax.vmap(step)(walls)
    assert jnp.isfinite(end).all() and not jnp.isnan(error).any()
    assert jnp.isinf(error).any() and jnp.isfinite(error).any()


def test_events_jumps_and_batches():
    term, parameters = ladder(PARAMETERS)
    crossing = diffrax.Event(lambda t, y, args, **_: y[1] - 0.3, optx.Newton(1e-10, 1e-10))
    stopped = solve(term, [0, 0], 1.5, 1e-9, args=parameters, event=crossing)
    assert stopped.result == diffrax.RESULTS.event_occurred
    # The event is found on the interpolant, of order 4.
    assert stopped.ys[0, 1] == pytest.approx(0.3, abs=1e-8)

    # A ramp with corners that steps must meet: ẏ = max(0, 1 − |t − 1|)
    corner = diffrax.ODETerm(lambda t, y, args: jnp.maximum(0.0, 1 - jnp.abs(t - 1)) + 0 * y)
    inner = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    clipped = diffrax.ClipStepSizeController(inner, jump_ts=jnp.array([1.0, 2.0]))
    solved = solve(corner, [0.0], 3.0, control=clipped)
    assert solved.ys[0, 0] == pytest.approx(1.0, abs=1e-12)
    assert solved.stats["num_steps"] < 10

    def end(load):
        return solve(term, [0, 0], 1.5, args={**parameters, "load": load}).ys[0]

    loads = jnp.array([0.5, 0.7, 0.9])
    np.testing.assert_allclose(jax.vmap(end)(loads), jnp.stack([end(x) for x in loads]), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("backend", [DenseLU(), KLU()])
def test_batches_whose_members_take_different_numbers_of_steps(backend):
    term, parameters = ladder(PARAMETERS)
    term = DAETerm(
        term.vector_field, mass=term.mass, pattern=term.pattern, mass_pattern=term.mass_pattern, backend=backend
    )

    def end(saturation):
        solved = solve(term, [0, 0], 1.5, 1e-5, args={**parameters, "saturation": saturation})
        return solved.ys[0, 1], solved.stats["num_steps"]

    both = jax.jit(jax.value_and_grad(end, has_aux=True))
    saturations = jnp.array([1e-6, 0.05, 20.0])
    together, alone = jax.jit(jax.vmap(both))(saturations), [both(s) for s in saturations]
    assert len({int(steps) for (_, steps), _ in alone}) == 3
    np.testing.assert_allclose(together[0][0], [y for (y, _), _ in alone], atol=1e-12)
    np.testing.assert_allclose(together[1], [gradient for _, gradient in alone], rtol=1e-8)


def test_second_call_compiles_nothing():
    term, parameters = ladder(PARAMETERS)
    traces = []

    @jax.jit
    def end(parameters, start):
        traces.append(1)
        return solve(term, start, 1.5, args=parameters).ys[0]

    end(parameters, jnp.zeros(2))
    end({**parameters, "load": jnp.asarray(0.9)}, jnp.zeros(2))
    assert len(traces) == 1


def test_initial_rate_of_a_dae_has_algebraic_rows():
    term = exponential_of_sine()
    rate = Rodas5P().func(term, 0.0, jnp.ones(2), None)
    np.testing.assert_allclose(rate, [1.0, 1.0], rtol=1e-5)


def test_single_precision():
    term, parameters = ladder({name: np.float32(x) for name, x in PARAMETERS.items()})
    control = diffrax.PIDController(rtol=1e-4, atol=1e-4)
    start, t0, t1 = jnp.zeros(2, jnp.float32), jnp.float32(0), jnp.float32(1.5)
    solved = diffrax.diffeqsolve(term, Rodas5P(), t0, t1, None, start, args=parameters, stepsize_controller=control)
    assert solved.ys.dtype == jnp.float32
    double, parameters = ladder(PARAMETERS)
    np.testing.assert_allclose(solved.ys, solve(double, [0, 0], 1.5, args=parameters).ys, atol=1e-3)


def test_patterns_of_another_size_are_refused():
    term = DAETerm(lambda t, y, args: -y, pattern=SparsityPattern.diagonal(3))
    with pytest.raises(ModelError, match="pattern is for 3 unknowns and the state has 2"):
        solve(term, [0, 0], 1.0)
    with pytest.raises(ModelError, match="must be a SparsityPattern"):
        DAETerm(lambda t, y, args: -y, pattern=3)


@pytest.mark.parametrize("solver", [diffrax.Tsit5(), diffrax.Kvaerno3(), diffrax.Dopri8()])
def test_solvers_without_a_mass_matrix_are_refused(solver):
    with pytest.raises(ModelError, match=r"use Rodas5P\(\)"):
        control = diffrax.PIDController(rtol=1e-6, atol=1e-6)
        diffrax.diffeqsolve(exponential_of_sine(), solver, 0.0, 1.0, 0.1, jnp.ones(2), stepsize_controller=control)
