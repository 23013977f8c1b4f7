"""The lock-in detector on signals that are known: mean and sine component, leakage, aliases, fits."""

import numpy as np
import pytest

import physeq as pq
from physeq.registry import build


def readings(window, signal):
    """(amplitude, mean) that the window reads of a function of the phase, by a plain loop over its samples."""
    phases = 2 * np.pi * (window.offset + np.arange(window.count) / window.samples)
    weights, shares = (w.ravel()[: window.count] for w in window.by_period)
    return float(weights @ signal(phases)), float(shares @ signal(phases))


@pytest.mark.parametrize("offset", [0.0, 0.3])
@pytest.mark.parametrize(("periods", "samples"), [(1, 3), (2, 5), (7, 8), (3, 16)])
def test_whole_periods_separate_the_mean_from_the_sine(periods, samples, offset):
    window = pq.LockIn(periods, samples, offset)
    amplitude, mean = readings(window, lambda p: 3.0 - 0.7 * np.sin(p) + 0.4 * np.cos(p))
    assert amplitude == pytest.approx(-0.7, abs=1e-12) and mean == pytest.approx(3.0, abs=1e-12)
    assert abs(window.leakage) < 1e-14


def test_samples_fold_harmonics_onto_the_first():
    """The third harmonic is kept out with 8 samples, and is seen with 4, where orders 4k ± 1 look alike."""
    third = lambda p: np.sin(3 * p)  # noqa: E731
    assert readings(pq.LockIn(2, 8), third)[0] == pytest.approx(0.0, abs=1e-12)
    assert readings(pq.LockIn(2, 4), third)[0] == pytest.approx(-1.0, abs=1e-12)


@pytest.mark.parametrize("periods", [1.5, 4.5, 32.5])
def test_leakage_of_half_periods_is_that_of_the_integral(periods):
    """(2/N) Σ sin φ_n tends to (2/T) ∫ sin = 2/(π·periods) with many samples."""
    window = pq.LockIn(periods, 256)
    assert window.leakage == pytest.approx(2 / (np.pi * periods), rel=1e-4)
    assert readings(window, np.ones_like)[0] == pytest.approx(window.leakage, rel=1e-12)


def test_leakage_is_the_sum_of_a_geometric_series():
    for periods, samples, offset in ((1.5, 8, 0.0), (2.25, 8, 0.1), (5.125, 16, 0.7)):
        window = pq.LockIn(periods, samples, offset)
        step = 2j * np.pi / samples
        total = np.exp(2j * np.pi * offset) * (1 - np.exp(step * window.count)) / (1 - np.exp(step))
        assert window.leakage == pytest.approx(2 * total.imag / window.count, rel=1e-12)


@pytest.mark.parametrize("periods", [1.5, 2.25, 6.0])
def test_a_fit_keeps_the_mean_out_of_every_window(periods):
    window = pq.LockIn(periods, 8, 0.1, fitted=True)
    assert readings(window, lambda p: 5.0 + 0.2 * np.sin(p))[0] == pytest.approx(0.2, abs=1e-12)
    assert abs(window.leakage) < 1e-14
    # A slope that is no sine: the same as least squares.
    phases = 2 * np.pi * (0.1 + np.arange(window.count) / 8)
    signal = np.cos(2 * phases) + phases
    columns = np.stack([np.ones_like(phases), np.sin(phases)], 1)
    fit = np.linalg.lstsq(columns, signal, rcond=None)[0]
    assert readings(window, lambda p: np.cos(2 * p) + p)[0] == pytest.approx(fit[1], rel=1e-10)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(("periods", "offset"), [(1, 0.0), (2.5, 0.0), (3.25, 0.2)])
def test_distinct_points_add_up_to_the_window(periods, offset, fitted):
    """A signal of the nudge alone is read from its distinct values: five of them with 8 samples from a zero on."""
    window = pq.LockIn(periods, 8, offset, fitted=fitted)
    points = window.points()
    assert len(points.sines) == (5 if offset == 0 else 8) and np.all(np.diff(points.sines) > 1e-9)
    np.testing.assert_array_equal(points.sines[points.place], window.sines)
    signal = np.exp(points.sines)
    amplitude, mean = readings(window, lambda p: np.exp(np.sin(p)))
    assert points.weights @ signal == pytest.approx(amplitude, abs=1e-12)
    assert points.shares @ signal == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 2}, "samples must be a whole number of at least 3"),
        ({"samples": 4.0}, "samples must be a whole number of at least 3"),
        ({"periods": 0.5}, "periods must be a finite number of at least 1"),
        ({"periods": float("inf")}, "periods must be a finite number of at least 1"),
        ({"offset": float("nan")}, "offset must be a finite number"),
        ({"periods": 1.3}, r"no whole number of readings; take periods = 1.25"),
    ],
)
def test_settings_are_checked(options, words):
    with pytest.raises(pq.ModelError, match=words):
        pq.LockIn(**options)


def test_experiments_build_it_by_its_keys():
    table = {"name": "frequency-propagation", "beta": 0.2, "window": {"periods": 2.5, "noise": {"sigma": 0.01}}}
    assert build("rule", table) == pq.FrequencyPropagation(0.2, pq.LockIn(2.5, noise=pq.GaussianNoise(0.01)))
    table = {"name": "frequency-propagation", "dynamics": {"period": 3}}
    assert build("rule", table) == pq.FrequencyPropagation(dynamics=pq.NudgeInTime(3.0))
