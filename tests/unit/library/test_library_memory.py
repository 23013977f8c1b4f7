"""Elements with a history, integrated by SciPy from their symbolic terms: memristors and the Josephson junction."""

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from terms import inside, leaving, starts

import physeq as pq
from physeq.errors import ModelError

e = pq.electrical
TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def compiled(expression, component, *symbols, **numbers):
    """A function of numbers, the parameters at their starts."""
    return sp.lambdify(symbols, expression.subs(starts(component, **numbers)), "numpy")


def memristor(component, voltage, times, **numbers):
    """The state at the times, from ẋ = the force on x, and the current through it."""
    source, target, x = e.phi.source.dot, e.phi.target.dot, component.internal[0]
    push = compiled(component.force[x], component, x, source, target, **numbers)
    current = compiled(leaving(component, "source"), component, x, source, target, **numbers)
    solved = solve_ivp(
        lambda t, y: [push(y[0], voltage(t), 0.0)],
        times[[0, -1]],
        [x.start],
        "DOP853",
        t_eval=times,
        max_step=2e-2,
        **TIGHT,
    )
    return solved.y[0], np.array([current(s, voltage(t), 0.0) for s, t in zip(solved.y[0], times, strict=True)])


def test_friction_of_the_state_is_one():
    for component in (e.linear_drift_memristor(), e.threshold_memristor()):
        row, (x,) = inside(component, "x"), component.internal
        assert sp.diff(row, x.dot) == 1
        assert sp.simplify(row - x.dot + component.force[x]) == 0


def test_linear_drift_against_its_closed_form():
    """Without a window R dx = k u dt: R_off x − (R_off − R_on) x²/2 grows by k times the flux."""
    on, off, k, start = 100.0, 16e3, 1e4, 0.1
    times = np.linspace(0, 2 * np.pi, 41)
    level = off * start - (off - on) * start**2 / 2 + k * 0.2 * (1 - np.cos(times))
    x, current = memristor(e.linear_drift_memristor(window=None, start=start), lambda t: 0.2 * np.sin(t), times)
    expected = (off - np.sqrt(off**2 - 2 * (off - on) * level)) / (off - on)
    np.testing.assert_allclose(x, expected, atol=1e-9)
    np.testing.assert_allclose(current, 0.2 * np.sin(times) / (on * x + off * (1 - x)), rtol=1e-12)
    assert x.max() > 0.2


def lobe(frequency):
    """The area within one lobe of the hysteresis in the plane of voltage and current, after one period."""
    times = np.linspace(0, 1.5, 3001) / frequency
    voltage = np.sin(2 * np.pi * frequency * times)
    device = e.linear_drift_memristor(drift=5e4, start=0.2)
    _, current = memristor(device, lambda t: np.sin(2 * np.pi * frequency * t), times)
    crossings = np.abs(voltage) < 1e-9
    assert crossings.sum() >= 3 and np.abs(current[crossings]).max() < 1e-12  # pinched
    second = times > 1 / frequency
    return abs(np.trapezoid(current[second], voltage[second]))


def test_hysteresis_is_pinched_and_shrinks_with_frequency():
    areas = [lobe(f) for f in (20.0, 80.0, 160.0)]
    assert areas[0] > areas[1] > areas[2] > 0
    assert areas[1] / areas[2] == pytest.approx(2.0, rel=0.05)  # as 1/frequency


def test_windows():
    x, i = sp.symbols("x i", real=True)
    for p in (1, 3):
        at = sp.lambdify((x, i), e.Joglekar(p).drift(x, i))
        assert at(0, 2.0) == at(1, 2.0) == at(1, -2.0) == 0
        assert at(0.5, 2.0) == 2.0
        at = sp.lambdify((x, i), e.Biolek(p).drift(x, i))
        assert at(1, 2.0) == at(0, -2.0) == 0
        assert at(1, -2.0) == -2.0 and at(0, 2.0) == 2.0  # it comes back from both ends
        assert at(0.5, 2.0) == 2.0 * (1 - 0.5 ** (2 * p))
    for bad in (0, 1.5):
        with pytest.raises(ModelError, match="exponent must be a positive whole number"):
            e.Biolek(bad)


def test_threshold_memristor_keeps_its_state_between_the_thresholds():
    device = e.threshold_memristor(set_voltage=1.0, reset_voltage=0.5, start=0.3)
    times = np.linspace(0, 1, 5)
    x, current = memristor(device, lambda t: 0.99, times)
    np.testing.assert_array_equal(x, 0.3)
    np.testing.assert_allclose(current, 0.99 * (1e-5 + 0.3 * (1e-3 - 1e-5)), rtol=1e-12)
    x, _ = memristor(device, lambda t: -0.49, times)
    np.testing.assert_array_equal(x, 0.3)


def test_threshold_memristor_against_closed_forms():
    """With p = 1 and a constant voltage above V_set, ẋ = r (1 − x²): x = tanh(r t + atanh x₀)."""
    device = e.threshold_memristor(set_voltage=1.0, set_rate=2.0, exponent=2, window=e.Biolek(1), start=0.3)
    times = np.linspace(0, 1, 11)
    x, _ = memristor(device, lambda t: 1.5, times)
    np.testing.assert_allclose(x, np.tanh(2.0 * 0.5**2 * times + np.arctanh(0.3)), rtol=1e-9)
    device = e.threshold_memristor(reset_voltage=0.5, reset_rate=3.0, window=e.Biolek(1), start=0.3)
    x, _ = memristor(device, lambda t: -1.0, times)
    np.testing.assert_allclose(1 - x, np.tanh(3.0 * times + np.arctanh(0.7)), rtol=1e-9)
    for state, g in ((0.0, 1e-5), (1.0, 1e-3)):
        conductance = sp.diff(leaving(device, "source"), e.phi.source.dot).subs(starts(device))
        assert float(conductance.subs(device.internal[0], state)) == pytest.approx(g, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: e.linear_drift_memristor(start=1.5), "starts between 0 and 1, got 1.5"),
        (lambda: e.threshold_memristor(start=-0.1), "starts between 0 and 1"),
        (lambda: e.threshold_memristor(exponent=0), "exponent must be a positive whole number, got 0"),
    ],
)
def test_memristors_refuse(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def test_plasma_frequency_of_a_josephson_junction():
    """A capacitor across a junction: small oscillations at √(2π I_c/(Φ₀ C)), slower at large amplitude."""
    junction, capacitance = e.josephson_junction(1e-6), 1e-12
    delta = junction.internal[0]
    (lam,) = leaving(junction, "source").free_symbols
    current = compiled(sp.solve(inside(junction, "delta"), lam)[0], junction, delta)
    rate = compiled(sp.solve(junction.constraint[0], delta.dot)[0], junction, e.phi.source.dot, e.phi.target.dot)
    omega = np.sqrt(2 * np.pi * 1e-6 / (e.FLUX_QUANTUM * capacitance))

    def quarter(amplitude):
        """A quarter of the period, from rest at an amplitude to the passage through zero."""

        def passes(s, y):
            return y[0]

        passes.terminal = True
        # Time in units of 1/ω, voltages in units of Φ₀ω/2π.
        unit = e.FLUX_QUANTUM * omega / (2 * np.pi)
        run = solve_ivp(
            lambda s, y: [rate(unit * y[1], 0.0) / omega, -current(y[0]) / (capacitance * omega * unit)],
            [0, 10], [amplitude, 0.0], "DOP853", events=passes, **TIGHT,
        )  # fmt: skip
        return run.t[-1]

    assert quarter(1e-3) == pytest.approx(np.pi / 2, rel=1e-6)
    # The mathematical pendulum: the complete elliptic integral K(sin²(δ/2)).
    from scipy.special import ellipk

    assert quarter(2.0) == pytest.approx(ellipk(np.sin(1.0) ** 2), rel=1e-8)
