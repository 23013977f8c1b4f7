"""Josephson arrays against the characteristic, frequencies, equations by hand, and the fluxoid."""

import jax
import numpy as np
import pytest
from system_files import facts, model

truth, arrays = facts("josephson_array"), model("josephson_array")
KEY = jax.random.key(0)


def run(system, **options):
    motion = system.motion()
    return motion.simulate(motion.init_parameters(KEY), **options)


def test_overdamped_characteristic():
    """⟨V⟩ = R √(I² − I_c²) over whole turns; below I_c the phase comes to rest at arcsin(I/I_c)."""
    motion = arrays.series(capacitance=1e-5).motion()
    params = motion.init_parameters(KEY)
    for current in (1.2, 1.5, 3.0):
        period = 2 * np.pi / truth.mean_voltage(current)
        driven = {**params, "drive": {"I": np.array([current])}}
        sol = motion.simulate(driven, t1=3 * period, ts=[period, 3 * period], rtol=1e-8, max_step=period)
        first, last = np.asarray(sol["J0.delta"])
        assert (last - first) / (2 * period) == pytest.approx(truth.mean_voltage(current), rel=1e-6)
        assert truth.josephson_frequency(truth.mean_voltage(current), 2 * np.pi) == pytest.approx(1 / period)
    rest = motion.simulate({**params, "drive": {"I": np.array([0.6])}}, t1=40.0, rtol=1e-8)
    assert rest["J0.delta"][-1] == pytest.approx(np.arcsin(0.6), rel=1e-8)
    assert truth.mean_voltage(0.6) == abs(round(float(rest["n0.v"][-1]), 9)) == 0.0


@pytest.mark.parametrize("current", [0.0, 0.8])
@pytest.mark.quick("0.8")
def test_plasma_frequency_of_a_biased_junction_in_si_units(current):
    """1 µA and 1 pF: small swings about arcsin(I/I_c), hardly damped, at the plasma frequency."""
    flux_quantum, i_c, capacitance = 2.067833848e-15, 1e-6, 1e-12
    omega = truth.plasma_frequency(current * i_c, i_c, capacitance, flux_quantum)
    system = arrays.series((i_c,), current * i_c, 1e-12, capacitance, flux_quantum=flux_quantum)
    centre, times = np.arcsin(current), np.linspace(0, 20 / omega, 41)
    start = {"junctions": {"delta": np.array([centre + 1e-4])}}
    sol = run(system, start=start, t1=times[-1], ts=times, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(sol["J0.delta"] - centre, 1e-4 * np.cos(omega * times), atol=4e-8)


def test_a_loaded_array_moves_as_by_hand_and_locks():
    """Unequal junctions under a load: the same phases as Kirchhoff's laws by hand, and one common frequency."""
    critical, setting = (1.0, 0.99, 1.01), {"conductance": 1.0, "capacitance": 2.0, "load": 0.5}
    system = arrays.series(critical, 2.5, **setting)
    start = np.array([0.0, 1.0, 2.0])
    times = np.linspace(0, 150, 151)
    exact = truth.loaded_array(times, start, np.zeros(3), 2.5, critical, **setting)
    motion = system.motion()
    params = motion.init_parameters(KEY)
    options = {"start": {"junctions": {"delta": start}}, "t1": 150.0, "ts": times, "rtol": 1e-10}
    sol = motion.simulate(params, **options)
    np.testing.assert_allclose(sol["junctions.delta"], exact, atol=1e-6)
    assert np.ptp(sol["junctions.delta"][-1] - sol["junctions.delta"][-31]) < 0.01
    alone = {**params, "resistors": {"g": params["resistors"]["g"].at[-1].set(0.0)}}
    # Without the load each goes at its own frequency.
    drifting = motion.simulate(alone, **options)["junctions.delta"]
    expected = truth.loaded_array(times, start, np.zeros(3), 2.5, critical, **{**setting, "load": 0.0})
    np.testing.assert_allclose(drifting, expected, atol=1e-6)
    assert np.ptp(drifting[-1] - drifting[-31]) > 0.05


@pytest.mark.parametrize("winding", [0, 1])
@pytest.mark.quick("1")
def test_a_ring_keeps_its_fluxoid(winding):
    sol = run(arrays.ring(), start=arrays.wound(winding, noise=0.3), t1=60.0, rtol=1e-9)
    np.testing.assert_allclose(np.sum(sol["junctions.delta"], axis=1), 2 * np.pi * winding, atol=1e-9)
    np.testing.assert_allclose(sol["junctions.i"][-1], truth.ring_current(winding, 6), atol=1e-6)
    assert float(sol["energy"][-1]) < float(sol["energy"][0])
    assert abs(sol.power_balance()) < 5e-3 * float(sol["energy"][0] - sol["energy"][-1])


@pytest.mark.slow
def test_the_ladder_keeps_the_fluxoid_of_its_cells():
    sol = run(arrays.ladder(), t1=20.0, rtol=1e-9)
    for k in range(3):
        around = sol[f"Jabove{k}.delta"] + sol[f"Jrung{k + 1}.delta"] - sol[f"Jbelow{k}.delta"] - sol[f"Jrung{k}.delta"]
        np.testing.assert_allclose(around, 0.0, atol=1e-8)
    # Kirchhoff at the driven node: rail and rung share the current.
    into = sum(np.asarray(sol[f"{part}{place}.i"]) for part in "JRC" for place in ("rung0", "above0"))
    np.testing.assert_allclose(into, 1.5, atol=1e-6)
