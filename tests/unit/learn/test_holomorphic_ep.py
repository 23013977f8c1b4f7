"""Holomorphic EP: exact at a finite nudge, geometric in the number of points, equal to centered EP with two."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from holomorphic_cases import case
from jax.flatten_util import ravel_pytree

import physeq as pq
from physeq.learn.exact import tight_finder
from physeq.solve import Outcome


def flat(gradients):
    return np.asarray(ravel_pytree(gradients)[0])


def distance(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize(
    "name",
    [
        "layered",
        pytest.param("hopfield:graph", marks=pytest.mark.slow),
        pytest.param("junctions", marks=pytest.mark.slow),
        "xy",
    ],
)
@pytest.mark.quick("xy")
def test_exact_at_a_quarter_of_the_distance(name):
    """Relative error ≤ 1e-9 with 16 points at the recommended radius, falling geometrically; one-sided EP is off."""
    found = pq.audit(*case(name)[:2], pq.HolomorphicEP(), *case(name)[2:])
    circle = found.holomorphic
    assert circle.radius == pytest.approx(circle.singularity.distance / 4)
    errors = {one.points: one.relative_error for one in circle.over_points}
    assert errors[16] <= 1e-9 and errors[32] <= 1e-12
    assert errors[2] > 1e-4  # the circle is large enough for two points to fail
    assert 0.1 < circle.ratio < 0.3
    for fewer, more in ((2, 4), (4, 8), (8, 16)):
        assert errors[more] < errors[fewer] * 0.4 ** (more - fewer)
    assert circle.one_sided > 1e-3
    estimated = {one.points: one.estimated_error for one in circle.over_points}
    for n in (2, 4, 8):
        assert estimated[n] == pytest.approx(errors[n], rel=0.1)
    assert estimated[32] is None
    # Against the radius at the rule's 8 points the error has order 8.
    assert found.slope == pytest.approx(8, abs=0.1) and found.points == 8 and found.bias is None
    assert found.best.relative_error < 1e-11
    if name == "junctions":  # siemens, not units of one
        assert 1e-6 < circle.singularity.distance < 1e-2


@pytest.mark.parametrize("name", ["prototypical", "layered", "readout"])
@pytest.mark.slow
def test_two_points_are_the_centered_contrast(name):
    model, params, x, y = case(name)
    finder = tight_finder(model)
    both = [
        flat(rule.gradient(model, params, x, y)[0])
        for rule in (
            pq.HolomorphicEP(0.05, 2, free=finder),
            pq.EquilibriumPropagation(pq.Centered(0.05), free=finder),
        )
    ]
    np.testing.assert_allclose(*both, rtol=0, atol=1e-14)


@pytest.mark.parametrize("points", [3, 4, 5, 8])
def test_conjugate_points_are_left_out_and_count_twice(points):
    """Equal to the contrast over all N points, written as a loop over complex equilibria."""
    model, params, x, y = case("prototypical")
    finder = pq.FixedPoint(2000, tolerance=1e-14)
    rule = pq.HolomorphicEP(0.3, points, free=finder)
    assert rule.circle(jnp.float64).betas.shape == (points // 2 + 1,)
    found, info = rule.gradient(model, params, x, y)
    assert int(info.outcome) == Outcome.CONVERGED
    total, count = 0.0, len(x)
    for k in range(points):
        beta = 0.3 * np.exp(2j * np.pi * k / points)
        state = pq.equilibrium(model, params, x, target=y, beta=beta, finder=finder)
        hidden, output = (np.asarray(state[g]["s"]) for g in ("hidden", "output"))
        total = total - (hidden[:, :, None] * output[:, None, :] / beta).sum(0) / (points * count)
    assert np.abs(total.imag).max() < 1e-12 * np.abs(total.real).max() + 1e-14
    np.testing.assert_allclose(found["hidden->output"]["w"], total.real, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("prototypical", pq.Continuation(3, pq.Newton(tolerance=0.0))),
        ("prototypical", pq.FixedPoint(2000, tolerance=1e-14)),
        ("driven", pq.NodeDescent(2000, tolerance=1e-15)),
    ],
)
@pytest.mark.quick("prototypical-other0", "prototypical-other1")
def test_finders_agree_on_complex_nudges(name, other):
    model, params, x, y = case(name)
    free = tight_finder(model)
    rules = [pq.HolomorphicEP(0.4, 6, free=free, nudged=finder) for finder in (pq.Newton(tolerance=0.0), other)]
    first, second = (flat(rule.gradient(model, params, x, y, throw=False)[0]) for rule in rules)
    np.testing.assert_allclose(second, first, rtol=1e-9, atol=1e-12)


def test_euler_steps_follow_complex_nudges():
    model, params, x, y = case("layered")
    steps = pq.EulerSteps(0.3, 600)
    exact = flat(pq.ImplicitDifferentiation(tight_finder(model)).gradient(model, params, x, y, throw=False)[0])
    found, info = pq.HolomorphicEP(0.05, 8, free=steps).gradient(model, params, x, y)
    assert int(info.outcome) == Outcome.BUDGET and distance(flat(found), exact) < 1e-9


def test_continuation_follows_the_branch_of_the_free_state():
    """s − s³/3 + β = 0 has branch points at β = ±2/3; beside one, the branch of s = √3 is followed in small parts."""
    s, y = pq.coordinate("s"), pq.target("y")
    model = pq.System(
        pq.complete(1),
        nodes=pq.Node("cubic", force={s: s - s**3 / 3}, dissipation=s.dot**2 / 2),
        outputs=[0],
        cost=-y * s,
    ).compile()
    params = model.init_parameters(jax.random.key(0))
    target = np.array([[1.0]])
    start = {"nodes": {"s": jnp.full((1, 1), np.sqrt(3.0))}}
    beta = 0.66 * np.exp(0.97j * np.pi)
    state = pq.equilibrium(
        model, params, target=target, beta=beta, start=start, finder=pq.Continuation(60, pq.Newton(tolerance=1e-12))
    )
    expected = np.sqrt(3.0) + 0j
    for part in np.linspace(0, 1, 4001)[1:]:
        for _ in range(4):
            expected = expected + (expected - expected**3 / 3 + part * beta) / (expected**2 - 1)
    assert complex(state["nodes"]["s"][0, 0]) == pytest.approx(expected, abs=1e-9)
    failed = pq.equilibrium(
        model, params, target=target, beta=beta, start=start, finder=pq.Continuation(3, pq.Newton(1)), throw=False
    )
    assert bool(failed.failed[0])


def test_noise_solves_every_point():
    model, params, x, y = case("prototypical")
    noisy = pq.FixedPoint(20, noise=pq.GaussianNoise(1e-3))
    rule = pq.HolomorphicEP(0.3, 6, free=pq.FixedPoint(50), nudged=noisy)
    found = [flat(rule.gradient(model, params, x, y, key=jax.random.key(k))[0]) for k in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert distance(found[2], found[0]) > 1e-5
    assert pq.HolomorphicEP(0.3, 6).circle(jnp.float64, halved=False).betas.shape == (6,)


def test_another_radius_compiles_nothing():
    model, params, x, y = case("prototypical")
    count = 0

    @jax.jit
    def estimate(radius):
        nonlocal count
        count += 1
        rule = pq.HolomorphicEP(radius, 4, free=pq.FixedPoint(50))
        return rule.estimate(model, params, x, y, key=None, start=None)[0]

    first, second = (flat(estimate(r)) for r in (0.1, 0.2))
    assert count == 1 and distance(second, first) > 1e-8


@pytest.mark.slow
def test_single_precision_reaches_below_centered_differences():
    """Rounding at a small β and bias at a large one bound ±β; more points reach below at a finite radius."""
    model, params, x, y = case("prototypical")
    single = [jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), a) for a in (params, x, y)]
    exact = flat(pq.ImplicitDifferentiation(tight_finder(model)).gradient(model, params, x, y)[0])
    steps = pq.FixedPoint(200)
    found, _ = pq.HolomorphicEP(0.3, 8, free=steps).gradient(model, *single)
    assert {a.dtype for a in jax.tree.leaves(found)} == {jnp.dtype("float32")}
    centered = [
        distance(flat(pq.EquilibriumPropagation(pq.Centered(b), free=steps).gradient(model, *single)[0]), exact)
        for b in (1e-1, 1e-2, 1e-3, 1e-4)
    ]
    assert distance(flat(found), exact) < 0.5 * min(centered)


def test_what_is_refused():
    model, *_ = case("prototypical")
    with pytest.raises(pq.ModelError, match="at least 2"):
        pq.HolomorphicEP(points=1)
    with pytest.raises(pq.ModelError, match="finite number above 0"):
        pq.HolomorphicEP(radius=-0.1)
    with pytest.raises(pq.ModelError, match="LinearSolve does not solve for complex states"):
        rule = pq.HolomorphicEP(nudged=pq.LinearSolve())
        rule.check(zoo.compiled("resistors"))
    bounded = zoo.compiled("saturating")
    with pytest.raises(pq.ModelError, match=r"'unit' in 'nodes' has bounds .* EquilibriumPropagation"):
        pq.HolomorphicEP().check(bounded)
    with pytest.raises(pq.ModelError, match=r"'arrow'.*AsymmetricEP"):
        pq.HolomorphicEP().check(zoo.compiled("directed"))
    s, y = pq.coordinate("s"), pq.target("y")
    kink = pq.Node("kink", potential=s**2 / 2 + pq.neural.ACTIVATIONS["tanh"].function(abs(s)))
    odd = pq.System(pq.complete(1), nodes=kink, outputs=[0], cost=(s - y) ** 2 / 2).compile()
    with pytest.raises(pq.ModelError, match=r"'kink' in 'nodes' has potential: Abs\(s\)"):
        pq.HolomorphicEP().check(odd)
    with pytest.raises(pq.ModelError, match="at least 1"):
        pq.Continuation(0)
    assert dataclasses.replace(pq.HolomorphicEP(), points=4).check(model) is None


@pytest.mark.slow
def test_phases_are_data():
    free, nudged = pq.HolomorphicEP().phases()
    assert (free.nudge, free.weight, nudged.starts_from) == ("0", "", "free")
    assert nudged.nudge == "r e^{2πik/N}" and nudged.weight == "e^{−2πik/N}/(N r)"
