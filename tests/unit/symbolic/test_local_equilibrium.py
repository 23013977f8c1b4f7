"""Closed-form local equilibria: right roots, minima among them, and None where no form is known."""

import numpy as np
import pytest
import sympy as sp
from brute_force import numeric
from scipy.optimize import minimize_scalar

import physeq as pq
from physeq.errors import ModelError
from physeq.symbolic import drive, sigmoid, xlogx
from physeq.symbolic.minimise import declared_equilibrium, local_equilibrium

x, h, w = sp.symbols("x h w", real=True)
k, a = sp.symbols("k a", positive=True)

CLOSED = {
    "linear": (h - k * x, (h + drive) / k),
    "two slopes": (h - k * x - a * x + w, (h + w + drive) / (k + a)),
    "logistic": (-sp.diff(xlogx(x) + xlogx(1 - x), x) + h, sigmoid(h + drive)),
    "atanh": (h - sp.atanh(x), sp.tanh(h + drive)),
    "exponential": (h - a * sp.exp(x), sp.log((h + drive) / a)),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    force, expected = CLOSED[name]
    found = local_equilibrium(force, x)
    rng = np.random.default_rng(0)
    for _ in range(5):
        at = {
            h: rng.uniform(1.1, 1.5),
            k: rng.uniform(0.5, 2),
            a: rng.uniform(0.5, 2),
            w: 0.3,
            drive: rng.uniform(-1, 1),
        }
        assert float(found.subs(at)) == pytest.approx(float(expected.subs(at).evalf()), rel=1e-12)


@pytest.mark.parametrize("omega", [-0.3, 0.0, 0.6])
def test_the_sinusoidal_root_is_the_minimum(omega):
    """e = −A cos x − B sin x − ω x: the nearest minimum, not the maximum that also solves f = 0."""
    p, q = sp.symbols("p q", real=True)
    found = numeric([p, q, drive], local_equilibrium(-p * sp.sin(x) + q * sp.cos(x), x))
    for angle in np.linspace(-3, 3, 9):
        big = 1.0
        at = found(big * np.cos(angle), big * np.sin(angle), omega)
        slope = -np.sin(at - angle) + omega
        assert abs(slope) < 1e-12 and np.cos(at - angle) > 0


def test_phases_written_as_differences_are_expanded():
    theta, other = sp.symbols("theta other", real=True)
    found = local_equilibrium(-k * sp.sin(theta - other), theta)
    assert float(sp.cos(found.subs({k: 1.3, other: 2.0, drive: 0})) - sp.cos(2.0)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "force",
    [h - x - x**3, h - x - sp.tanh(x), h - sp.exp(x) - x, h - sp.Max(x, 0), h, h - sp.sin(x) - sp.sin(2 * x)],
)
def test_no_closed_form(force):
    assert local_equilibrium(force, x) is None


def test_bounded_phases_are_refused_for_clipping_is_wrong_there():
    assert local_equilibrium(-k * sp.sin(x) + h * sp.cos(x), x, bounded=True) is None
    assert local_equilibrium(h - k * x, x, bounded=True) is not None


def test_declared_minimisers_are_shifted_by_the_rest_and_checked():
    own = -x
    assert declared_equilibrium("n", own, own + h, x, drive).subs({h: 2, drive: 1}) == 3
    with pytest.raises(
        ModelError, match=r"component 'n': the declared minimiser .* does not solve −∂e/∂x \+ drive = 0"
    ):
        declared_equilibrium("n", own, own, x, 2 * drive)
    assert declared_equilibrium("n", own, own - x**2, x, drive) is None


@pytest.mark.parametrize("bias", [-1.5, 0.2, 2.0])
def test_a_derived_unit_agrees_with_scalar_minimisation(bias):
    s, b = pq.coordinate("s"), pq.parameter("b")
    energies = {
        "quadratic": (k * s**2 / 2 - b * s, lambda v: 0.7 * v**2 / 2 - bias * v, (-9, 9)),
        "logistic": (
            xlogx(s) + xlogx(1 - s) - b * s,
            lambda v: v * np.log(v) + (1 - v) * np.log(1 - v) - bias * v,
            (1e-9, 1 - 1e-9),
        ),
    }
    for energy, plain, interval in energies.values():
        best = minimize_scalar(plain, bounds=interval, method="bounded", options={"xatol": 1e-12}).x
        found = local_equilibrium(-sp.diff(energy, s), s)
        assert float(found.subs({b: bias, k: 0.7, drive: 0}).evalf()) == pytest.approx(best, abs=1e-6)
