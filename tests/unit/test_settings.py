"""Settings of rules, nudgings and finders: numbers of NumPy pass, what makes no sense is refused by name."""

import jax.numpy as jnp
import numpy as np
import pytest

import physeq as pq

BAD = {
    "no steps": (lambda: pq.FixedPoint(0), "FixedPoint: steps must be a whole number of at least 1, got 0"),
    "negative steps": (lambda: pq.FixedPoint(-3), "FixedPoint: steps must be .* got -3"),
    "half a step": (lambda: pq.EulerSteps(0.1, 2.5), "EulerSteps: steps must be a whole number"),
    "time backwards": (lambda: pq.EulerSteps(-0.1), "EulerSteps: dt must be a finite number above 0, got -0.1"),
    "no sweeps": (lambda: pq.NodeDescent(0), "NodeDescent: sweeps must be a whole number of at least 1"),
    "tolerance": (lambda: pq.NodeDescent(tolerance=-1), "NodeDescent: tolerance must be a finite number of at least 0"),
    "tolerance of a map": (lambda: pq.FixedPoint(9, tolerance=float("nan")), "FixedPoint: tolerance must be"),
    "parts": (lambda: pq.Continuation(True), "Continuation: steps must be a whole number of at least 1, got True"),
    "inner finder": (lambda: pq.Continuation(2, 7), r"Continuation: finder must be a finder such as Newton\(\), got 7"),
    "nudging": (lambda: pq.EquilibriumPropagation(0.1), r"EquilibriumPropagation: nudging must be Centered\(beta\)"),
    "nudging of a response": (lambda: pq.AsymmetricEP("centered"), "AsymmetricEP: nudging must be"),
    "weighting": (lambda: pq.VectorFieldEP(weighting="map"), r"VectorFieldEP: weighting must be ForceResponse\(\)"),
    "weighting that moves": (lambda: pq.ContinualVectorFieldEP(weighting=1), "ContinualVectorFieldEP: weighting must"),
    "two signs at once": (lambda: pq.ContinualEP(nudging=pq.Centered(0.1)), r"nudging must be OneSided\(beta\) or"),
    "rates": (lambda: pq.ContinualEP(0.1), "ContinualEP: rates must be"),
    "rate": (lambda: pq.ContinualEP({"hidden": "fast"}), "ContinualEP: the rate of 'hidden' .* got 'fast'"),
    "default rate": (lambda: pq.ContinualEP(default=0), "ContinualEP: default must be a finite number above 0, got 0"),
    "strength": (lambda: pq.JacobianHomeostasis(strength="a"), "JacobianHomeostasis: strength must be a finite number"),
    "wrapped": (
        lambda: pq.JacobianHomeostasis("vf"),
        r"rule must be a rule such as VectorFieldEP\(\)",
    ),
    "vectors": (lambda: pq.JacobianHomeostasis(samples=1.5), "samples must be a whole number of at least 1, got 1.5"),
    "period": (lambda: pq.ContinuousOscillation("a"), "ContinuousOscillation: period must be a finite number above 0"),
    "periods": (lambda: pq.ContinuousOscillation(1.0, 1.5), "ContinuousOscillation: periods must be a whole number"),
    "truth for a number": (lambda: pq.OneSided(True), "OneSided: the nudge β must be a finite number other than 0"),
    "negative array": (lambda: pq.GaussianNoise(jnp.asarray(-1.0)), "sigma must be a finite number of at least 0"),
    "several at once": (lambda: pq.Centered(jnp.ones(2)), "Centered: the nudge β must be a finite number"),
    "points": (lambda: pq.HolomorphicEP(0.1, 1), r"at least 2 \(2 is centered EP\), got 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused_by_name(name):
    make, message = BAD[name]
    with pytest.raises(pq.ModelError, match=message):
        make()


def test_numbers_of_numpy_and_arrays_of_jax_are_numbers():
    assert pq.HolomorphicEP(np.float32(0.25), np.int64(4)).points == 4
    assert pq.Centered(np.float64(0.1)).beta == 0.1
    assert pq.FixedPoint(np.int32(7), tolerance=np.float32(0.5)).budget is None
    assert pq.GaussianNoise(np.float32(0)).sigma == 0
    assert pq.CoupledLearning(jnp.asarray(0.5)).eta == 0.5  # audits run through many
    assert pq.ContinualEP({"hidden": np.float32(0.5)}).rates == {"hidden": 0.5}
