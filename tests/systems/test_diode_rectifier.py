"""Rectifiers against Lambert's function, SciPy's integrator and the textbook's ripple."""

import jax
import numpy as np
import pytest
from circuits import circuit, e
from system_files import facts, model

truth, rectifiers = facts("diode_rectifier"), model("diode_rectifier")
DIODE = e.exponential_diode(1e-14, 0.02585)
KEY = jax.random.key(0)


@pytest.mark.parametrize("voltage", [-5.0, 0.0, 0.3, 0.7, 5.0, 500.0])
def test_diode_behind_a_resistor(voltage):
    motion = circuit(("V1", "in", "0"), ("R1", "in", "a", {"g": 1e-3}), ("D1", "a", "0"),
                     parts={"V": e.voltage_source(voltage), "D": DIODE}).motion()  # fmt: skip
    rest = motion.operating_point(motion.init_parameters(KEY))
    # exp(V/V_t) of the closed form overflows at 500 V; the diode's equation does not.
    if voltage < 15:
        exact = truth.diode_behind_resistor(voltage, 1e3, 1e-14, 0.02585)
        assert rest["D1.i"] == pytest.approx(exact, rel=1e-9, abs=1e-20)
    drop = 0.02585 * np.log1p(float(rest["D1.i"]) / 1e-14) if voltage > 0 else float(rest["a.v"])
    assert rest["a.v"] == pytest.approx(drop, rel=1e-9, abs=1e-12)
    assert int(rest.steps) < 40


@pytest.mark.slow
def test_half_wave_rectifier():
    motion = rectifiers.half_wave().motion()
    times = np.linspace(0, 0.06, 61)
    sol = motion.simulate(motion.init_parameters(KEY), t1=0.06, ts=times, rtol=1e-8)
    exact = truth.half_wave_output(times, lambda t: 10 * np.sin(100 * np.pi * t), 1e-5, 1e3, 1e-12, 0.02585)
    np.testing.assert_allclose(sol["out.v"], exact, atol=2e-6)


@pytest.mark.slow
def test_the_bridge_rectifies_both_halves():
    """Twice the frequency, half the ripple; and two drops below the peak instead of one."""
    setting = {"capacitance": 1e-4, "load": 1e3}
    found = {}
    for name in ("half_wave", "bridge"):
        motion = getattr(rectifiers, name)(**setting).motion()
        times = np.linspace(0.14, 0.16, 401)
        sol = motion.simulate(motion.init_parameters(KEY), t1=0.16, ts=times, rtol=1e-7)
        v = np.asarray(sol["out.v"])
        found[name] = (v.max(), v.max() - v.min())
        assert np.all(np.asarray(sol["D1.i"]) > -2e-12)
    estimate = truth.ripple(found["half_wave"][0], 50, **setting)
    # The estimate lets the capacitor discharge all the time at its peak voltage: it is an upper bound.
    assert 0.75 * estimate < found["half_wave"][1] < estimate
    assert 0.35 < found["bridge"][1] / found["half_wave"][1] < 0.52
    assert 0.6 < found["half_wave"][0] - found["bridge"][0] < 0.8


@pytest.mark.slow
def test_gradients_of_the_rectified_voltage():
    motion = rectifiers.half_wave().motion()
    params = motion.init_parameters(KEY)

    @jax.jit
    def voltage(scale):
        own = {k: dict(v) for k, v in params.items()}
        for index, (bundle, name) in enumerate([("capacitor", "C"), ("resistor", "g"), ("diode", "V_t")]):
            own[bundle][name] = own[bundle][name] * scale[index]
        return motion.simulate(own, t1=0.012, ts=[0.012], rtol=1e-10, corners=[])["out.v"][-1]

    found = jax.grad(voltage)(np.ones(3))
    for k in range(3):
        h = 1e-3 * np.eye(3)[k]
        slope = (8 * (voltage(1 + h) - voltage(1 - h)) - voltage(1 + 2 * h) + voltage(1 - 2 * h)) / 12e-3
        assert found[k] == pytest.approx(float(slope), rel=1e-6)
