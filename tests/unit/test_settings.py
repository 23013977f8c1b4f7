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
    "inner finder": (lambda: pq.Continuation(2, 7), "Continuation: finder must be a Finder such as .*, got 7"),
    "nudging": (
        lambda: pq.EquilibriumPropagation(0.1),
        r"EquilibriumPropagation: nudging must be OneSided\(beta\), ",
    ),
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
        "rule must be a LearningRule such as .*, got 'vf'",
    ),
    "vectors": (lambda: pq.JacobianHomeostasis(samples=1.5), "samples must be a whole number of at least 1, got 1.5"),
    "period": (lambda: pq.ContinuousOscillation("a"), "ContinuousOscillation: period must be a finite number above 0"),
    "periods": (lambda: pq.ContinuousOscillation(1.0, 1.5), "ContinuousOscillation: periods must be a whole number"),
    "truth for a number": (lambda: pq.OneSided(True), "OneSided: the nudge β must be a finite number other than 0"),
    "negative array": (lambda: pq.GaussianNoise(jnp.asarray(-1.0)), "sigma must be a finite number of at least 0"),
    "several at once": (lambda: pq.Centered(jnp.ones(2)), "Centered: the nudge β must be a finite number"),
    "points": (lambda: pq.HolomorphicEP(0.1, 1), r"at least 2 \(2 is centered EP\), got 1"),
    "nudge in words": (
        lambda: pq.FixedPoint(30, nudge="outside"),
        r"nudge must be Inside\(\) or Outside\(\), got 'o",
    ),
    "a number for noise": (lambda: pq.FixedPoint(noise=0.1), r"noise must be GaussianNoise\(sigma\) or None, got 0.1"),
    "noise of steps": (lambda: pq.EulerSteps(noise=0.1), "EulerSteps: noise must be"),
    "no Newton steps": (lambda: pq.Newton(steps=0), "Newton: steps must be a whole number of at least 1, got 0"),
    "Newton's tolerance": (lambda: pq.Newton(tolerance=-1), "Newton: tolerance must be a finite number of at least 0"),
    "method in words": (
        lambda: pq.Minimise(method="lbfgs"),
        r"method must be LBFGS\(\) or NonlinearCG\(\), got",
    ),
    "a class": (
        lambda: pq.Minimise(polish=pq.Newton),
        r"polish must be Newton\(\), got .*; call it: Newton\(\)",
    ),
    "linear method": (
        lambda: pq.LinearSolve(method="dense"),
        r"DenseDirect\(\), ConjugateGradients\(\) or Spa",
    ),
    "duration": (lambda: pq.Relaxation(duration=-1), "Relaxation: duration must be a finite number above 0, got -1"),
    "a number for a finder": (
        lambda: pq.EquilibriumPropagation(free=30),
        "free must be a Finder such as .* or None, got",
    ),
    "nudge in time": (lambda: pq.FrequencyPropagation(0.1, 3), r"window must be LockIn\(\), got 3"),
    "number for a nudging": (lambda: pq.LagrangianEP(0.1), "LagrangianEP: nudging must be Centered"),
    "echo": (lambda: pq.HamiltonianEcho(0.1), "HamiltonianEcho: nudging must be OneSided"),
    "steps in time": (lambda: pq.BackpropagationThroughTime(30), "finder must be a Finder such as"),
    "objective in words": (lambda: pq.ImplicitDifferentiation(weighting="cost"), "weighting must be Objective.COST"),
    "no shift": (lambda: pq.FiniteDifferences(step=0.0), "FiniteDifferences: step must be a finite number above 0"),
    "uphill": (lambda: pq.Rates(default=-0.5), "Rates: default must be a finite number of at least 0, got -0.5"),
    "uphill by name": (lambda: pq.Rates({"edges": -1}), "Rates: the rate of 'edges' must be"),
    "crossed ends": (lambda: pq.Uniform(1.5, 0.5), "Uniform: low must not be above high"),
    "end in words": (lambda: pq.Uniform("a", 2), "Uniform: low must be a finite number, got 'a'"),
    "negative spread": (lambda: pq.Normal(0, -1), "Normal: std must not be negative, got -1"),
    "scale in words": (lambda: pq.FanInUniform("x"), "FanInUniform: scale must be a finite number, got 'x'"),
    "initial in words": (lambda: pq.parameter("g", initial="a"), "parameter 'g': initial must be a finite number or a"),
    "one bound": (lambda: pq.parameter("g", bounds=3), r"parameter 'g': bounds must be \(lower, upper\)"),
    "start in words": (lambda: pq.coordinate("q", start="x"), "coordinate 'q': start must be a finite number, got 'x'"),
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
