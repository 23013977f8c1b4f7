"""Convergence of phases, stability over complex nudges, error against noise, and their pictures."""

import dataclasses
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import physeq as pq
from physeq import plot
from physeq.errors import ModelError
from physeq.learn.audit import AuditPoint
from physeq.learn.noise_audit import with_noise
from physeq.learn.setting import Setting

needs_matplotlib = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is optional")
MAP = pq.FixedPoint(40), pq.FixedPoint(25)


def case(name, batch=(3,)):
    model = zoo.compiled(name)
    inputs, target = zoo.data(name, batch=batch)
    return model, model.init_parameters(jax.random.key(0)), inputs, target


def test_convergence_is_that_of_the_phases():
    model, params, inputs, target = case("prototypical")
    rule = pq.EquilibriumPropagation(pq.Centered(0.3), *MAP)
    found = pq.convergence(model, params, rule, inputs, target)
    assert found.free.shape == (40,) and found.nudged.shape == (2, 25)
    np.testing.assert_allclose(found.betas, [0.3, -0.3])
    problem = model.problem(params, inputs)
    before, _, _, _ = pq.FixedPoint(9).find(problem, problem.start())
    after, _, _, _ = pq.FixedPoint(10).find(problem, problem.start())
    change = max(float(jnp.max(jnp.abs(after[g]["s"] - before[g]["s"]))) for g in after)
    assert found.free[9] == pytest.approx(change, rel=1e-12)
    # A contraction: the logarithm of the change falls in a line, free and nudged.
    for row in (found.free[2:11], *found.nudged[:, 3:10]):
        steps = np.diff(np.log(row))
        assert steps.max() < -0.1
    assert pq.convergence(model, params, pq.HolomorphicEP(0.3, 8, *MAP), inputs, target).nudged.shape == (5, 25)


def test_convergence_names_what_takes_no_steps():
    model, params, inputs, target = case("prototypical")
    with pytest.raises(ModelError, match="Newton"):
        pq.convergence(model, params, pq.EquilibriumPropagation(free=pq.Newton()), inputs, target)
    with pytest.raises(ModelError, match="no nudge"):
        pq.convergence(model, params, pq.BackpropagationThroughTime(pq.FixedPoint(10)), inputs, target)


def test_convergence_follows_the_rules_own_nudged_phase():
    """AsymmetricEP ends at x⁰ + β J⁻ᵀ ∂C/∂x: its first steps move a hidden layer that VectorFieldEP leaves alone."""
    s, y = pq.coordinate("s"), pq.target("y")
    node = pq.Node("leaky", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    edge = pq.Edge("one-way", force={s.target: pq.parameter("w", initial=pq.Constant(3.0)) * s.source})
    model = pq.System(
        pq.layered([1, 1, 1], directed=True),
        nodes={"hidden": node, "output": node},
        edges=edge,
        inputs="input",
        outputs="output",
        cost=(s - y) ** 2 / 2,
    ).compile()
    params = model.init_parameters(jax.random.key(0))
    steps = pq.EulerSteps(0.1, 400), pq.EulerSteps(0.1, 400)
    inputs, target = jnp.array([1.0]), jnp.array([10.0])
    # Forward the error of the output, −β(x − y) = β, stays there; transposed it reaches the hidden unit threefold.
    for kind, largest in ((pq.VectorFieldEP, 1e-3), (pq.AsymmetricEP, 3e-3)):
        rule = kind(pq.OneSided(1e-3), *steps)
        nudged = pq.convergence(model, params, rule, inputs, target).nudged[0]
        moved = rule.gradient(model, params, inputs[None], target[None])[1].displacement
        assert float(moved[0]) == pytest.approx(largest, rel=0.02)
        assert nudged.sum() == pytest.approx(largest, rel=0.3)


@pytest.mark.parametrize(
    "rule",
    [
        pq.OscillatingEP(),
        pq.CoupledLearning(),
        pq.ContinualEP({}, 0.01, pq.OneSided(0.1), pq.FixedPoint(20), pq.FixedPoint(5)),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_rules_without_such_phases_are_named(rule):
    point = case("prototypical")
    with pytest.raises(ModelError, match=f"convergence: {type(rule).__name__} has no nudge"):
        pq.convergence(*point[:2], rule, *point[2:])
    with pytest.raises(ModelError, match=f"stability_map: {type(rule).__name__} has no nudge"):
        pq.stability_map(*point[:2], rule, *point[2:], extent=1.0)


def test_stability_takes_the_rules_finders_or_refuses_them(monkeypatch):
    model, params, inputs, target = case("prototypical")
    relaxation = pq.HolomorphicEP(0.3, 2, nudged=pq.Minimise())
    with pytest.raises(ModelError, match="Minimise does not solve for complex states"):
        pq.stability_map(model, params, relaxation, inputs, target, extent=0.5)
    with pytest.raises(ModelError, match="AsymmetricEP adds"):
        pq.stability_map(model, params, pq.AsymmetricEP(), inputs, target, extent=0.5)
    # Newton's method alone leaves nothing at any of these nudges; one step of it along the way leaves some.
    short = pq.Continuation(1, pq.Newton(steps=1, tolerance=1e-12))
    coarse, fine = (
        pq.stability_map(model, params, pq.HolomorphicEP(0.3, 4, nudged=finder), inputs, target, extent=0.5, points=3)
        for finder in (short, None)
    )
    assert fine.residual.max() < 1e-9 < 1e-7 < coarse.residual.max()


def test_homeostasis_has_the_phases_of_its_rule():
    model, params, inputs, target = case("prototypical")
    rule = pq.EquilibriumPropagation(pq.Centered(0.3), *MAP)
    plain, within = (pq.convergence(model, params, one, inputs, target) for one in (rule, pq.JacobianHomeostasis(rule)))
    np.testing.assert_array_equal(plain.nudged, within.nudged)


def linear():
    """H x = W u + b, one output: stable for every nudge β > −h as a flow, and |h₀/(h₀ + β)| < … as a map."""
    s, y = pq.coordinate("s"), pq.target("y")
    node = pq.Node("bead", potential=s**2 - pq.parameter("b") * s, dissipation=s.dot**2 / 2)
    edge = pq.Edge("arm", potential=-pq.parameter("w") * s.source * s.target)
    return pq.System(
        pq.layered([2, 1]), nodes={"output": node}, edges=edge, inputs="input", outputs="output", cost=(s - y) ** 2 / 2
    )


def test_stability_of_a_linear_unit():
    """The map s ← (D + β(y − s))/2 settles where |β|/2 < 1: a disc of radius 2 in the complex plane."""
    model = linear().compile()
    params = model.init_parameters(jax.random.key(0))
    rule = pq.EquilibriumPropagation(free=pq.FixedPoint(400))
    found = pq.stability_map(
        model, params, rule, jnp.array([0.3, 0.4]), jnp.array([1.0]), extent=3.0, points=25, tolerance=1e-9
    )
    size = np.abs(found.betas)
    np.testing.assert_array_equal(found.settled[size < 1.85], True)
    np.testing.assert_array_equal(found.settled[size > 2.05], False)
    # x^β − x⁰ = β (y − x⁰)/(2 + β).
    free = float(model.equilibrium(params, jnp.array([0.3, 0.4])).state["output"]["s"][0])
    near = found.betas[size < 1.5]
    np.testing.assert_allclose(found.displacement[size < 1.5], np.abs(near * (1 - free) / (2 + near)), rtol=1e-7)


def test_stability_needs_complex_states_and_an_extent():
    model, params, inputs, target = case("boxed")
    with pytest.raises(ModelError, match="bounds"):
        pq.stability_map(model, params, pq.EquilibriumPropagation(), inputs, target, extent=1.0)
    with pytest.raises(ModelError, match="extent"):
        pq.stability_map(*case("layered")[:2], pq.EquilibriumPropagation(), *case("layered")[2:], extent=0.0)


@pytest.mark.slow
def test_noise_adds_error_in_proportion_and_little_bias():
    model, params, inputs, target = case("prototypical")
    rule = pq.EquilibriumPropagation(pq.Centered(0.2), *MAP)
    found = pq.noise_audit(model, params, rule, inputs, target, sigmas=[0.0, 1e-3, 2e-3], draws=64)
    quiet, low, high = found
    assert quiet.relative_error_std == 0.0 and quiet.relative_error < 0.02
    assert high.relative_error / low.relative_error == pytest.approx(2.0, rel=0.35)
    assert low.relative_error > 3 * quiet.relative_error
    assert high.error_of_mean < 0.4 * high.relative_error
    with pytest.raises(ModelError, match="can have noise"):
        pq.noise_audit(model, params, pq.EquilibriumPropagation(free=pq.Newton()), inputs, target)


NOISY = {
    "oscillating": pq.OscillatingEP(0.3, points=4, periods=2, steps=20),
    "langevin": pq.EquilibriumPropagation(pq.Centered(0.3), pq.Langevin(20.0, 0.2), pq.Langevin(20.0, 0.2)),
    "homeostasis": pq.JacobianHomeostasis(pq.EquilibriumPropagation(pq.Centered(0.3), *MAP), strength=0.0),
    "continued": pq.HolomorphicEP(0.3, 4, pq.FixedPoint(40), pq.Continuation(2, pq.FixedPoint(20))),
}


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.slow
def test_noise_reaches_every_rule_that_can_have_it(name):
    model, params, inputs, target = case("layered" if name == "langevin" else "prototypical")
    quiet, loud = pq.noise_audit(model, params, NOISY[name], inputs, target, sigmas=[0.0, 0.02], draws=6)
    assert quiet.relative_error_std < 1e-9 and quiet.relative_error < 0.2
    assert loud.relative_error_std > 1e-3


def test_a_tolerance_and_adaptive_steps_keep_noise_out():
    model, params, inputs, target = case("prototypical")
    settles = pq.FixedPoint(40, 1e-9)
    rules = (
        pq.EquilibriumPropagation(pq.Centered(0.3), settles, settles),
        pq.OscillatingEP(0.3, points=4, tolerance=1e-9),
    )
    for rule in rules:
        with pytest.raises(ModelError, match="can have noise"):
            pq.noise_audit(model, params, rule, inputs, target)
    fixed, adaptive = (pq.OscillatingEP(oscillation=pq.ContinuousOscillation(9.0, dt=dt)) for dt in (0.1, None))
    noise = pq.GaussianNoise(0.1)
    assert with_noise(adaptive, noise) is adaptive
    assert with_noise(fixed, noise).oscillation.noise == noise and with_noise(fixed, noise).noise is None


def test_the_reference_of_noise_is_the_audits_own(monkeypatch):
    """The equilibrium that the model's own finder reaches, not that of Newton's method from the start values."""
    model, params, inputs, target = case("prototypical")
    rule = pq.EquilibriumPropagation(pq.Centered(0.1), *MAP)
    asked = []
    plain = Setting.exact
    monkeypatch.setattr(Setting, "exact", lambda self, objective: asked.append(objective) or plain(self, objective))
    pq.noise_audit(model, params, rule, inputs, target, sigmas=[0.0], draws=1)
    assert asked == [pq.Objective.COST]


@pytest.mark.slow
@needs_matplotlib
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_every_audit_can_be_drawn(tmp_path, suffix):
    model, params, inputs, target = case("prototypical")
    rule = pq.EquilibriumPropagation(pq.Centered(0.3), *MAP)
    continual = pq.ContinualEP({}, 1e-6, pq.OneSided(0.01), pq.FixedPoint(60), pq.FixedPoint(8))
    points = [(4, 1e-3), (8, 1e-5)]
    drawn = {
        plot.convergence_curve: pq.convergence(model, params, rule, inputs, target),
        plot.stability_map: pq.stability_map(model, params, rule, inputs, target, extent=2.0, points=9),
        plot.noise_curves: pq.noise_audit(model, params, rule, inputs, target, sigmas=[0.0, 0.01], draws=4),
        plot.update_curves: pq.gradient_descending_updates(model, params, continual, inputs, target),
        plot.points_curves: {"holomorphic": points, "one-sided": points[:1]},
        plot.precision_curves: {"double": pq.audit(model, params, rule, inputs, target, betas=[0.1, 0.03])},
    }
    pictures = [plot.to_file(tmp_path / f"{f.__name__}.{suffix}", f, found) for f, found in drawn.items()]
    for picture in pictures:
        assert picture.stat().st_size > 2000
        if suffix == "svg":
            assert "<svg" in picture.read_text()[:600]


@pytest.mark.slow
@needs_matplotlib
def test_angles_are_a_second_panel(tmp_path):
    """1 − cosine beside the error, for β, N and precision; nothing beside it where no cosine is given."""
    angle = "1 − cosine to the exact gradient"
    plain, more = [(4, 1e-3), (8, 1e-5)], [(4, 1e-3, 1 - 1e-7), (8, 1e-5, None), (16, 1e-7, 1 - 1e-13)]
    audited = [AuditPoint(beta, beta**2, 1 - beta**4) for beta in (0.1, 0.01)]
    for draw, without, with_angles in (
        (plot.points_curves, {"a": plain}, {"a": more, "b": [(1, 0.1, 0.9)]}),
        (plot.audit_curves, {"a": [(0.1, 1e-2), (0.2, 4e-2)]}, {"a": audited}),
        (plot.audit_curves, [{"beta": 0.1, "relative_error": 1e-2}], [dataclasses.asdict(p) for p in audited]),
    ):
        assert angle not in plot.to_file(tmp_path / "a.svg", draw, without).read_text()
        assert angle in plot.to_file(tmp_path / "b.svg", draw, with_angles).read_text()
    both = {"double": audited, "single": audited}
    text = plot.to_file(tmp_path / "c.svg", plot.precision_curves, both).read_text()
    assert angle in text and "relative error of the gradient" in text


@needs_matplotlib
def test_nothing_to_draw_is_said(tmp_path):
    for draw in (plot.noise_curves, plot.points_curves, plot.precision_curves):
        with pytest.raises(ModelError):
            plot.to_file(tmp_path / "x.svg", draw, {})


@pytest.mark.parametrize("audit", [pq.audit, pq.convergence, pq.noise_audit, pq.stability_map])
def test_arguments_in_another_order_are_refused_by_name(audit):
    model, params, inputs, target = case("layered")
    extent = {"extent": 1.0} if audit is pq.stability_map else {}
    with pytest.raises(ModelError, match="rule must be a rule such as EquilibriumPropagation"):
        audit(model, params, inputs, target, pq.EquilibriumPropagation(), **extent)
