"""Ladders against transmission matrices, normal modes and energy."""

import jax
import numpy as np
import pytest
from system_files import facts, model

import physeq as pq

truth, ladders = facts("rlc_ladder"), model("rlc_ladder")
KEY = jax.random.key(0)


def test_sine_steady_state():
    setting = {"sections": 5, "inductance": 1e-6, "capacitance": 1e-9, "loss": 5.0, "source": 50.0, "load": 75.0}
    frequency = 3e6
    motion = ladders.ladder(**setting, waveform=pq.Sine(0.0, 1.0, frequency)).motion()
    period = 1 / frequency
    times = np.linspace(29 * period, 30 * period, 41)
    sol = motion.simulate(motion.init_parameters(KEY), t1=30 * period, ts=times, rtol=1e-9, max_step=period / 20)
    ratio = truth.transfer(frequency, **setting)
    expected = np.imag(ratio * np.exp(2j * np.pi * frequency * times))
    np.testing.assert_allclose(sol["n5.v"], expected, atol=2e-6)


def test_a_mode_of_the_lossless_ladder():
    """Shorted input, open end: charged in the shape of one mode it swings at that mode's frequency alone."""
    n, mode = 6, 2
    inductance, capacitance = 2.0, 0.5
    omega = truth.open_modes(n, inductance, capacitance)[mode]
    shape = np.sin(np.pi * (2 * mode + 1) * np.arange(n + 1) / (2 * n + 1))
    system = ladders.ladder(n, inductance, capacitance, source=1e-9, load=1e12, waveform=pq.DC(0.0))
    motion = system.motion()
    start = {"nodes": {"v": np.concatenate([[0.0, 0.0], shape])}}
    sol = motion.simulate(motion.init_parameters(KEY), t1=20.0, start=start, rtol=1e-10)
    found = np.stack([sol[f"n{k}.v"] for k in range(n + 1)], axis=1)
    np.testing.assert_allclose(found, np.cos(omega * sol.ts)[:, None] * shape, atol=1e-6)
    np.testing.assert_allclose(sol["energy"], sol["energy"][0], rtol=1e-7)


@pytest.mark.slow
def test_the_pulse_arrives_after_its_delay():
    variant = ladders.variants["pulse"]
    motion = variant.build().motion()
    sol = motion.simulate(motion.init_parameters(KEY), t1=6e-6, rtol=1e-8, ts=np.linspace(0, 6e-6, 6001))
    t = np.asarray(sol.ts)

    def middle(v):
        return np.sum(t * v) / np.sum(v)

    # The centre of a pulse through a line with matched slow impedance √(L/C) ≠ 50 Ω: ∫t v of the exact transfer.
    h, n = 1e3, 8
    phase = [np.angle(truth.transfer(f, n, 1e-6, 1e-9, 0.0, 50.0, 50.0)) for f in (-h, h)]
    expected = -(phase[1] - phase[0]) / (2 * h * 2 * np.pi)
    assert middle(sol["n8.v"]) - middle(sol["in.v"]) == pytest.approx(expected, rel=0.02)
    # What the source delivered has been turned into heat, or is still stored.
    assert abs(sol.power_balance()) < 1e-3 * float(np.max(sol["energy"]))
