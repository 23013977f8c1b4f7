"""The oscillating estimator, held at points and continuous: the transient averages out, lag and noise are known."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import physeq as pq
from physeq.registry import build

s, z, y = pq.neural.s, pq.coordinate("z"), pq.target("y")
w, c = pq.parameter("w", initial=pq.GlorotUniform()), pq.parameter("c", initial=pq.Normal(0.0, 0.3))
KEY = jax.random.key(0)
X, TARGET = np.random.default_rng(1).uniform(0.0, 1.0, (6, 4)), np.eye(3)[[0, 1, 2, 0, 1, 2]]


def network(unit, synapse):
    topology = pq.layered([4, 5])
    return pq.System(
        topology,
        nodes={"output": unit},
        edges={"input->output": synapse},
        inputs="input",
        outputs="output",
        readout=pq.Readout(output=z, drive=w * s, size=3, bias=c),
        cost=pq.cross_entropy(z, y),
    ).compile()


def layers(unit, synapse):
    topology = pq.layered([4, 5, 4])
    return pq.System(
        topology,
        nodes={group.name: unit for group in topology.groups[1:]},
        edges=synapse,
        inputs="input",
        outputs="output",
        readout=pq.Readout(output=z, drive=w * s, size=3, bias=c),
        cost=pq.cross_entropy(z, y),
    ).compile()


@pytest.fixture(scope="module")
def mapped():
    """Prototypical units: a map, with the exact gradient."""
    model = layers(pq.neural.prototypical_unit(), pq.neural.prototypical_synapse(pq.Normal(0.0, 0.3)))
    params = model.init_parameters(KEY)
    return model, params, exact(model, params)


@pytest.fixture(scope="module")
def moving():
    """Leaky units, first order in time, with the exact gradient."""
    model = network(pq.neural.unit(), pq.neural.synapse(initial=pq.Normal(0.0, 0.5)))
    params = model.init_parameters(KEY)
    return model, params, exact(model, params)


def exact(model, params):
    return flat(pq.ImplicitDifferentiation().gradient(model, params, X, TARGET)[0])


def flat(gradients):
    return np.asarray(ravel_pytree(gradients)[0])


def error(of, rule, **options):
    model, params, reference = of
    return np.linalg.norm(flat(rule.gradient(model, params, X, TARGET, **options)[0]) - reference) / np.linalg.norm(
        reference
    )


# ---- held at points --------------------------------------------------------------------------------------------------


def test_settled_points_give_the_holomorphic_gradient(mapped):
    settled = pq.OscillatingEP(0.1, points=6, periods=2, steps=150, discard=1)
    assert error(mapped, settled) < 1e-5
    model, params, reference = mapped
    around = pq.HolomorphicEP(0.1, 6).gradient(model, params, X, TARGET)[0]
    found, info = settled.gradient(model, params, X, TARGET)
    np.testing.assert_allclose(flat(found), flat(around), atol=1e-9 * np.abs(reference).max())
    # The mean state is the free one, up to harmonics of order N.
    free = model.equilibrium(params, X).state
    np.testing.assert_allclose(info.free["output"]["s"], free["output"]["s"], atol=1e-6)
    np.testing.assert_allclose(info.prediction, model.predict(params, free), atol=1e-5)
    assert float(info.cost) == pytest.approx(float(model.cost(params, free, TARGET).mean()), abs=1e-6)


def test_audits_hold_until_the_points_settle(mapped):
    model, params, _ = mapped
    audit = pq.audit(model, params, pq.OscillatingEP(steps=3), X, TARGET, betas=[0.1, 0.05])
    assert audit.best.relative_error < 1e-8


def test_the_transient_averages_out_over_the_periods(mapped):
    # From the start values, 5 steps at a point: what the transient leaves falls as 1/periods.
    few, more = (error(mapped, pq.OscillatingEP(0.1, points=8, periods=n, steps=5)) for n in (2, 8))
    limit = error(mapped, pq.OscillatingEP(0.1, points=8, periods=8, steps=5, discard=7))
    assert 3 < few / more < 5 and limit < more / 3


def test_dropping_periods_equals_starting_where_they_end(mapped):
    model, params, _ = mapped
    dropped = pq.OscillatingEP(0.1, points=4, periods=3, steps=3, discard=2).gradient(model, params, X, TARGET)[0]
    pieces = [
        flat(pq.OscillatingEP(0.1, points=4, periods=n, steps=3).gradient(model, params, X, TARGET)[0]) for n in (2, 3)
    ]
    np.testing.assert_allclose(flat(dropped), 3 * pieces[1] - 2 * pieces[0], atol=1e-12)


@pytest.mark.slow
def test_noise_averages_out(mapped):
    model, params, reference = mapped
    rule = pq.OscillatingEP(0.2, points=6, periods=6, steps=10, discard=1, noise=pq.GaussianNoise(0.01))
    estimate = jax.jit(jax.vmap(lambda k: ravel_pytree(rule.estimate(model, params, X, TARGET, key=k)[0])[0]))
    found = np.asarray(estimate(jax.random.split(KEY, 60)))
    quiet = flat(pq.OscillatingEP(0.2, points=6, periods=6, steps=10, discard=1).gradient(model, params, X, TARGET)[0])
    spread = found.std(0) / np.sqrt(60)
    assert np.linalg.norm(found.std(0)) > 0.02 * np.linalg.norm(reference)
    assert np.linalg.norm(found.mean(0) - quiet) < 3 * np.linalg.norm(spread)
    with pytest.raises(pq.ModelError, match="there is no random key"):
        rule.gradient(model, params, X, TARGET)


def test_training_follows_it(mapped):
    import optax

    model, _, _ = mapped
    rule = pq.OscillatingEP(0.2, points=4, periods=2, steps=10)
    result = pq.fit(model, rule, (X, TARGET), optimizer=optax.sgd(0.5), epochs=30, batch_size=6, progress=False)
    assert result.train["cost"] < 0.8 * result.history[0]["running_cost"]
    assert rule.prediction_finder(model) == pq.FixedPoint(40)


# ---- held without a map ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_held_until_it_rests_is_the_holomorphic_gradient(moving):
    """Units without closed-form equilibria: every point settles, by Newton's method or by Euler steps of the motion."""
    model, params, reference = moving
    around = flat(pq.HolomorphicEP(0.1, 6).gradient(model, params, X, TARGET)[0])
    for hold in (pq.Newton(), pq.EulerSteps(0.5, 120)):
        rule = pq.OscillatingEP(0.1, points=6, periods=1, hold=hold)
        found, info = rule.gradient(model, params, X, TARGET)
        np.testing.assert_allclose(flat(found), around, atol=1e-9 * np.abs(reference).max(), err_msg=repr(hold))
        free = model.equilibrium(params, X).state
        np.testing.assert_allclose(info.free["output"]["s"], free["output"]["s"], atol=1e-6)
    assert list(np.asarray(info.steps)) == [0, 6 * 120]


def test_what_short_holds_of_the_motion_leave_falls_geometrically(moving):
    # Relaxation with the slowest rate λ leaves e^(−λ t) of every change of the nudge: the same factor for every 2 τ.
    left = [
        error(moving, pq.OscillatingEP(0.1, points=8, periods=2, discard=1, hold=pq.EulerSteps(0.2, steps)))
        for steps in (15, 25, 35)
    ]
    assert 5 < left[0] / left[1] < 20
    assert left[1] / left[2] == pytest.approx(left[0] / left[1], rel=0.15)


def test_a_held_map_is_the_map(mapped):
    model, params, _ = mapped
    noise = pq.GaussianNoise(0.02)
    own = pq.OscillatingEP(0.1, points=4, periods=2, steps=3, noise=noise)
    held = pq.OscillatingEP(0.1, points=4, periods=2, hold=pq.FixedPoint(3, noise=noise))
    found = [flat(rule.gradient(model, params, X, TARGET, key=KEY)[0]) for rule in (own, held)]
    np.testing.assert_array_equal(*found)


def test_audits_settle_what_is_held(moving):
    model, params, _ = moving
    audit = pq.audit(model, params, pq.OscillatingEP(hold=pq.EulerSteps(0.1, 3)), X, TARGET, betas=[0.1, 0.05])
    assert audit.best.relative_error < 1e-8


def test_a_hold_with_the_nudge_outside_has_its_own_objective(mapped):
    model, params, _ = mapped
    assert pq.OscillatingEP(hold=pq.FixedPoint(9)).objective is pq.Objective.COST
    outside = pq.OscillatingEP(points=8, hold=pq.FixedPoint(9, nudge=pq.Outside()))
    assert outside.objective is pq.Objective.CURVATURE_WEIGHTED_COST
    assert outside.settled().hold.nudge == pq.Outside()
    assert pq.audit(model, params, outside, X, TARGET, betas=[0.1, 0.05]).best.relative_error < 1e-6


# ---- continuous ------------------------------------------------------------------------------------------------------


def oscillating(period, periods, discard=0, **more):
    return pq.OscillatingEP(0.2, oscillation=pq.ContinuousOscillation(period, periods, discard, **more))


@pytest.mark.slow
def test_slow_oscillations_give_the_gradient(moving):
    # The lag leaves O(ω²): a quarter at twice the period.
    fast, slow = (error(moving, oscillating(period, 2, 1)) for period in (60.0, 120.0))
    assert slow < 5e-3 and fast / slow == pytest.approx(4.0, rel=0.1)


@pytest.mark.slow
def test_the_continuous_transient_averages_out(moving):
    one, two = (error(moving, oscillating(60.0, n)) for n in (1, 2))
    assert one / two == pytest.approx(2.0, rel=0.1) and one > 20 * error(moving, oscillating(60.0, 2, 1))


@pytest.mark.slow
def test_the_continuous_mean_is_the_free_state_and_fixed_steps_agree(moving):
    model, params, _ = moving
    adaptive, info = oscillating(60.0, 2, 1).gradient(model, params, X, TARGET)
    free = model.equilibrium(params, X).state
    np.testing.assert_allclose(info.free["output"]["s"], free["output"]["s"], atol=2e-6)
    fixed, fixed_info = oscillating(60.0, 2, 1, dt=0.1).gradient(model, params, X, TARGET)
    np.testing.assert_allclose(flat(fixed), flat(adaptive), atol=1e-5)
    assert list(np.asarray(fixed_info.steps)) == [0, 1200]


@pytest.mark.quick("counted")
@pytest.mark.parametrize("discard", [0, 1], ids=["counted", "discarded"])
def test_a_period_cut_short_fails(moving, discard):
    model, params, _ = moving
    cut = oscillating(60.0, 2, discard, max_steps=10)
    with pytest.raises(pq.SolveError, match="not converged"):
        cut.gradient(model, params, X, TARGET)
    _, info = cut.gradient(model, params, X, TARGET, throw=False)
    assert int(info.outcome) == pq.Outcome.NOT_CONVERGED


def test_the_lag_is_named_as_a_bias(mapped, moving):
    assert pq.OscillatingEP().bias(mapped[0]) is None
    assert "O(ω²)" in oscillating(10.0, 1).bias(moving[0])


def test_evidence_is_the_worst_of_all_holds(mapped):
    """The first hold, from the start values, moves most; one that misses its tolerance fails the estimate."""
    model, params, _ = mapped
    _, info = pq.OscillatingEP(0.1, points=2, periods=1, steps=1).gradient(model, params, X, TARGET)
    _, many = pq.OscillatingEP(0.1, points=2, periods=9, steps=1).gradient(model, params, X, TARGET)
    assert float(many.residual[1]) == float(info.residual[1]) > 1e-2
    # From rest, with a tolerance that the first hold alone misses.
    late = pq.OscillatingEP(0.1, points=2, periods=9, steps=12, tolerance=1e-4)
    _, info = late.gradient(model, params, X, TARGET, throw=False)
    assert int(info.outcome) == pq.Outcome.NOT_CONVERGED


@pytest.mark.slow
def test_langevin_noise_leaves_no_bias(moving):
    model, params, reference = moving
    rule = oscillating(40.0, 2, 1, dt=0.2, noise=pq.GaussianNoise(0.02))
    estimate = jax.jit(jax.vmap(lambda k: ravel_pytree(rule.estimate(model, params, X, TARGET, key=k)[0])[0]))
    found = np.asarray(estimate(jax.random.split(KEY, 40)))
    quiet = flat(oscillating(40.0, 2, 1, dt=0.2).gradient(model, params, X, TARGET)[0])
    spread = found.std(0) / np.sqrt(40)
    assert np.linalg.norm(found.std(0)) > 0.01 * np.linalg.norm(reference)
    assert np.linalg.norm(found.mean(0) - quiet) < 3 * np.linalg.norm(spread)


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"radius": 0.0}, "radius must be"),
        ({"points": 1}, "points must be a whole number of at least 2"),
        ({"periods": 2, "discard": 2}, "leaves none of 2 periods"),
        ({"steps": 5, "hold": pq.Newton()}, r"steps is of the map .* hold=Newton.* takes its place; set it there"),
        ({"hold": pq.Newton(), "oscillation": pq.ContinuousOscillation(10.0)}, "hold is not used with a Continuous"),
        ({"steps": 5, "oscillation": pq.ContinuousOscillation(10.0)}, "steps is not used with a ContinuousOscillation"),
    ],
)
def test_settings_are_checked(options, words):
    with pytest.raises(pq.ModelError, match=words):
        pq.OscillatingEP(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"period": 0.0}, "period must be"),
        ({"period": 1.0, "periods": 1, "discard": 1}, "discard < periods"),
        ({"period": 1.0, "noise": pq.GaussianNoise(0.1)}, "noise needs a fixed step"),
        ({"period": 1.0, "dt": 2.0}, "dt must lie between"),
    ],
)
def test_oscillations_are_checked(options, words):
    with pytest.raises(pq.ModelError, match=words):
        pq.ContinuousOscillation(**options)


def test_models_are_checked(mapped, moving):
    boxed = network(pq.neural.unit(pq.neural.hard_sigmoid), pq.neural.synapse(pq.neural.hard_sigmoid))
    with pytest.raises(pq.ModelError, match=r"OscillatingEP needs terms that continue to complex.*bounds"):
        pq.OscillatingEP().check(boxed)
    with pytest.raises(
        pq.ModelError, match=r"OscillatingEP holds its nudge .* hold=Newton\(\) or oscillation=ContinuousOscillation"
    ):
        pq.OscillatingEP().check(moving[0])
    with pytest.raises(pq.ModelError, match="does not solve for complex states"):
        pq.OscillatingEP(hold=pq.Relaxation()).check(moving[0])
    pq.OscillatingEP(points=2, hold=pq.Relaxation()).check(moving[0])  # two points are real
    oscillating(10.0, 1).check(moving[0])


def test_experiments_build_it_by_name():
    table = {"name": "oscillating-ep", "radius": 0.4, "steps": 5, "noise": {"sigma": 0.04}}
    assert build("rule", table) == pq.OscillatingEP(0.4, steps=5, noise=pq.GaussianNoise(0.04))
    table = {"name": "oscillating-ep", "oscillation": {"period": 3.0}}
    assert build("rule", table) == pq.OscillatingEP(oscillation=pq.ContinuousOscillation(3.0))
    table = {"name": "oscillating-ep", "hold": {"name": "euler-steps", "dt": 0.1, "steps": 30}}
    assert build("rule", table) == pq.OscillatingEP(hold=pq.EulerSteps(0.1, 30))


# ---- published -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("steps", [5, 10, 20, 40])
def test_cosines_reach_the_published_ones(steps):
    """All entries, with 8 samples; the table is printed by `python tests/benchmarks/oscillating_cosines.py`."""
    import sys
    from pathlib import Path

    sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
    import oscillating_cosines as table

    try:
        pq.data.load("mnist")
    except pq.PhyseqError as reason:
        pytest.skip(str(reason))
    model = table.network(table.INITIAL["uniform"])
    found = table.cosines(model, steps, samples=8)
    for count, published in zip(table.PERIODS, table.PUBLISHED[steps], strict=True):
        assert found[count] > published - 0.02, (steps, count)
