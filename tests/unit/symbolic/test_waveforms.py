"""Waveforms: ngspice's values, the formulas of its manual, corners, derivatives, and what is refused."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from sympy.printing.latex import LatexPrinter

import physeq as pq
from physeq.compile import Program
from physeq.errors import ModelError
from physeq.symbolic.symbols import Parameter
from physeq.symbolic.waveform_functions import piecewise_linear, pulse, sine
from physeq.symbolic.waveforms import as_waveform, breakpoints

WAVES = {
    "dc": pq.DC(1.5),
    "sine": pq.Sine(offset=0.5, amplitude=2, frequency=3, delay=0.1, damping=1.5, phase=30),
    "pulses": pq.Pulse(1, 3, delay=0.1, rise=0.05, fall=0.1, width=0.2, period=0.5),
    "one pulse": pq.Pulse(1, 3, delay=0.1, rise=0.05, fall=0.1, width=0.2),
    "step": pq.Pulse(-1, 2, delay=0.25, rise=0.5),
    "lines": pq.PiecewiseLinear([0.1, 0.2, 0.45], [1, 3, -1]),
    "one point": pq.PiecewiseLinear([0.3], [2.5]),
}
TIMES = np.linspace(-0.2, 1.3, 151) + 1e-4  # beside every corner

# ngspice 39: sources SIN(0.5 2 3 0.1 1.5 30), PULSE(1 3 0.1 0.05 0.1 0.2 0.5) and PWL(0.1 1 0.2 3 0.45 -1), each across
# a resistor, `.tran 0.01 1.3`; straight lines after `linearize`, the sine at the program's own steps. November 2026.
NGSPICE = {
    "sine": {0.0128: 1.5, 0.151: 2.345879384550, 0.285: -0.657419174475, 0.495: 1.598557426349, 1.15: 0.911747087296},
    "pulses": {0.05: 1.0, 0.11: 1.4, 0.14: 2.6, 0.54: 1.0, 0.62: 1.8, 0.69: 3.0},
    "lines": {0.05: 1.0, 0.11: 1.2, 0.14: 1.8, 0.54: -1.0},
}


def by_hand(name, t):
    """The formulas of the ngspice manual, one time after the other."""
    if name == "dc":
        return 1.5
    if name == "sine":
        if t < 0.1:
            return 0.5 + 2 * np.sin(np.pi / 6)
        return 0.5 + 2 * np.exp(-(t - 0.1) * 1.5) * np.sin(2 * np.pi * 3 * (t - 0.1) + np.pi / 6)
    if name == "step":
        return np.interp(t, [0.25, 0.75], [-1, 2])
    if name == "lines":
        return np.interp(t, [0.1, 0.2, 0.45], [1, 3, -1])
    if name == "one point":
        return 2.5
    t = t - 0.1
    if name == "pulses" and t > 0:
        t %= 0.5
    return np.interp(t, [0, 0.05, 0.25, 0.35], [1, 3, 3, 1])


def start(symbol):
    return symbol.initial.value


@pytest.mark.parametrize("name", WAVES)
def test_values_are_those_of_the_manual(name):
    expected = [by_hand(name, t) for t in TIMES]
    np.testing.assert_allclose(WAVES[name](TIMES), expected, rtol=1e-12, atol=1e-13)
    expression = WAVES[name].expression(name="V")
    values = {p: start(p) for p in expression.free_symbols if isinstance(p, Parameter)}
    found = Program([expression])({**values, pq.time: jnp.asarray(TIMES)})[0]
    np.testing.assert_allclose(np.broadcast_to(found, TIMES.shape), expected, rtol=1e-12, atol=1e-13)
    exact = [float(expression.subs({**values, pq.time: t}).evalf()) for t in TIMES[::15]]
    np.testing.assert_allclose(exact, expected[::15], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NGSPICE)
def test_values_are_those_of_ngspice(name):
    np.testing.assert_allclose(WAVES[name](list(NGSPICE[name])), list(NGSPICE[name].values()), rtol=1e-11)


@pytest.mark.quick("dc", "sine", "one pulse", "step", "lines", "one point")
@pytest.mark.parametrize("name", WAVES)
def test_derivatives_by_time_and_by_every_number(name):
    """Symbolic ones, those of JAX and differences of the values agree, corners aside."""
    expression = WAVES[name].expression(name="V")
    symbols = sorted((s for s in expression.free_symbols), key=str)
    values = {s: start(s) for s in symbols if s != pq.time}
    for symbol in symbols:
        for t in (0.03, 0.137, 0.33, 0.404, 0.91):
            at = {pq.time: t, **values}

            def value(x, at=at, symbol=symbol):
                return Program([expression])({**{s: jnp.asarray(float(n)) for s, n in at.items()}, symbol: x})[0] * 1.0

            x = jnp.asarray(float(at[symbol]))
            slope = float((value(x + 1e-6) - value(x - 1e-6)) / 2e-6)
            assert float(jax.grad(value)(x)) == pytest.approx(slope, rel=1e-6, abs=1e-8)
            assert float(sp.diff(expression, symbol).subs(at).evalf()) == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_instances_have_their_own_numbers():
    expression = pq.Pulse(0, 1, rise=0.1).expression()
    symbols = {s.name: s for s in expression.free_symbols}
    values = {"initial": 0.0, "pulsed": [1.0, 2.0], "delay": [0.0, 0.5], "rise": 0.1, "t": 0.55}
    found = Program([expression])({symbols[n]: jnp.asarray(v) for n, v in values.items()})[0]
    np.testing.assert_allclose(found, [1.0, 1.0])
    lines = pq.PiecewiseLinear([0, 1], [0, 1]).expression()
    symbols = {s.name: s for s in lines.free_symbols}
    values = {"t_1": 0.0, "u_1": [0.0, 10.0, 20.0], "t_2": 1.0, "u_2": [4.0, 14.0, 24.0], "t": 0.5}
    found = Program([lines])({symbols[n]: jnp.asarray(v, jnp.float32) for n, v in values.items()})[0]
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, [2.0, 12.0, 22.0])


CORNERS = {
    "dc": [],
    "sine": [0.1],
    "pulses": [0.1, 0.15, 0.35, 0.45, 0.6, 0.65, 0.85, 0.95, 1.1, 1.15],
    "one pulse": [0.1, 0.15, 0.35, 0.45],
    "step": [0.25, 0.75],
    "lines": [0.1, 0.2, 0.45],
    "one point": [0.3],
}


@pytest.mark.parametrize("name", WAVES)
def test_breakpoints(name):
    np.testing.assert_allclose(WAVES[name].breakpoints(0.0, 1.3), CORNERS[name], rtol=1e-12)
    inside = [t for t in CORNERS[name] if 0.2 < t < 0.6 - 1e-12]
    np.testing.assert_allclose(WAVES[name].breakpoints(0.2 + 1e-15, 0.6 - 1e-9), inside, rtol=1e-12)


def test_the_ends_of_an_interval_are_no_breakpoints():
    assert pq.PiecewiseLinear([0.25, 0.5, 0.75], [0, 1, 0]).breakpoints(0.25, 0.75).tolist() == [0.5]


@pytest.mark.parametrize("name", ["pulses", "one pulse", "step", "lines"])
def test_between_breakpoints_waveforms_are_straight(name):
    """The second difference vanishes between corners and at none of them."""
    edges = np.concatenate([[0.0], WAVES[name].breakpoints(0.0, 1.3), [1.3]])
    for a, b in pairwise(edges):
        u = WAVES[name](a + (b - a) * np.array([0.1, 0.5, 0.9]))
        assert abs(u[0] - 2 * u[1] + u[2]) < 1e-12
    for a in edges[1:-1]:
        u = WAVES[name](a + 1e-3 * np.array([-1.0, 0.0, 1.0]))
        assert abs(u[0] - 2 * u[1] + u[2]) > 1e-4


def test_breakpoints_of_expressions_cover_all_instances():
    u = pq.Pulse(0, 1, delay=0.1, rise=0.1).expression()
    symbols = {s.name: s for s in u.free_symbols}
    values = {symbols["initial"]: 0.0, symbols["pulsed"]: 1.0, symbols["delay"]: [0.1, 0.4], symbols["rise"]: 0.2}
    np.testing.assert_allclose(breakpoints([3 * u, sp.S.One], values, 0.0, 1.0), [0.1, 0.3, 0.4, 0.6])
    assert pq.Pulse(0, 1, delay=0.5).breakpoints(0, 1, {"delay": 0.25, "rise": [0.0, 0.5]}).tolist() == [0.25, 0.75]
    with pytest.raises(ModelError, match="no number for"):
        breakpoints([u], {}, 0.0, 1.0)


@pytest.mark.parametrize(
    ("wave", "slopes"),
    [
        (pq.Pulse(0, 1, delay=0.25, rise=0.25, fall=0.5, width=1), {0.25: 4, 0.5: 0, 1.5: -2, 2.0: 0}),
        (pq.PiecewiseLinear([0.5, 1.0, 2.0], [0, 1, 0]), {0.5: 2, 1.0: -1, 2.0: 0}),
        (pq.Sine(frequency=1, delay=0.5), {0.5: 2 * np.pi}),
    ],
    ids=["pulse", "lines", "sine"],
)
def test_at_a_corner_the_slope_is_that_behind_it(wave, slopes):
    """An integrator that starts a step there takes the slope of the step."""
    expression = wave.expression()
    values = {p: jnp.asarray(start(p)) for p in expression.free_symbols if p != pq.time}
    slope = jax.grad(lambda t: Program([expression])({**values, pq.time: t})[0])
    assert {t: pytest.approx(float(slope(t))) for t in slopes} == slopes


def test_a_rise_of_zero_is_a_jump():
    step = pq.Pulse(0, 1, delay=0.5)
    np.testing.assert_array_equal(step([0.4, 0.5, 0.5 + 1e-12]), [0, 0, 1])
    expression = step.expression()
    values = {p: jnp.asarray(start(p)) for p in expression.free_symbols if p != pq.time}
    slope = jax.grad(lambda t: Program([expression])({**values, pq.time: t})[0])
    assert [float(slope(t)) for t in (0.4, 0.6)] == [0, 0]


def test_sine_before_its_delay_is_finite_however_strong_the_damping():
    """exp(−θ (t − delay)) alone would overflow there."""
    expression = pq.Sine(amplitude=1, frequency=1, delay=1000, damping=10).expression()
    values = {p: jnp.asarray(start(p)) for p in expression.free_symbols if p != pq.time}
    value, slope = jax.value_and_grad(lambda t: Program([expression])({**values, pq.time: t})[0])(0.0)
    assert float(value) == 0 and float(slope) == 0


def test_only_values_learn():
    for wave, learns in (
        (pq.Sine(), {"offset", "amplitude"}),
        (pq.Pulse(0, 1, width=1, period=2), {"initial", "pulsed"}),
        (pq.PiecewiseLinear([0, 1], [2, 3]), {"u_1", "u_2"}),
        (pq.DC(1.0), {"V"}),
    ):
        parameters = [s for s in wave.expression(name="V", trainable=True).free_symbols if isinstance(s, Parameter)]
        assert {p.name for p in parameters if p.trainable} == learns
        assert not any(p.trainable for p in wave.expression().free_symbols if isinstance(p, Parameter))


def test_numbers_stand_for_constants():
    assert as_waveform(3) == pq.DC(3.0)
    assert as_waveform(WAVES["sine"]) is WAVES["sine"]


def test_long_lines_are_printed_short():
    t = sp.Symbol("t")
    assert piecewise_linear(t, 1, 2)._latex(LatexPrinter()) == r"\mathrm{pwl}\left(t; 1, 2\right)"
    long = piecewise_linear(t, *range(10))._latex(LatexPrinter())
    assert long == r"\mathrm{pwl}\left(t; 0, 1, \ldots, 8, 9\right)"
    assert str(pulse(t, 0, 1, 0, 2)) == "pulse(t, 0, 1, 0, 2)"
    assert sine(t, 0, 1, 2, 3, 4, 5).func is sine


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pq.Sine(frequency=-1), "Sine: frequency must not be negative, got -1"),
        (lambda: pq.Sine(amplitude=float("inf")), "Sine: amplitude must be finite numbers, got inf"),
        (lambda: pq.DC("5"), "DC: value must be finite numbers, got '5'"),
        (lambda: pq.Pulse(0, 1, delay=-1), "Pulse: delay must not be negative"),
        (lambda: pq.Pulse(0, 1, period=1), "needs a width"),
        (lambda: pq.Pulse(0, 1, fall=1), "needs a width"),
        (lambda: pq.Pulse(0, 1, rise=1, width=1, fall=1, period=2.5), "must hold rise .* = 3"),
        (lambda: pq.Pulse(0, 1, width=0, period=0), "period 0 must hold"),
        (lambda: pq.PiecewiseLinear([0, 0], [1, 2]), "times must increase"),
        (lambda: pq.PiecewiseLinear([], []), "as many times as values, at least one, got 0 and 0"),
        (lambda: pq.PiecewiseLinear([0, 1], [1]), "got 2 and 1"),
        (lambda: as_waveform("SIN(0 1 50)"), "needs a waveform"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()
