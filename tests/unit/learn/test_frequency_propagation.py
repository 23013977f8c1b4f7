"""Frequency propagation: bias, leakage of windows and noise at the predicted rates, lag, refusals."""

import dataclasses
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from brute_force import random_parameters
from jax.flatten_util import ravel_pytree

import physeq as pq

TIGHT = pq.Newton(tolerance=0.0)
FINDERS = {
    "resistors": pq.LinearSolve(),
    "diodes": TIGHT,
    "layered": TIGHT,
    "prototypical": pq.FixedPoint(3000, tolerance=1e-14),
    "readout": TIGHT,
}
s, y = pq.coordinate("s"), pq.target("y")


class Case:
    """One system with its data and its exact gradient."""

    def __init__(self, name):
        self.model, self.finder = zoo.compiled(name), FINDERS[name]
        params = random_parameters(zoo.system(name), np.random.default_rng(21))
        for own in params.values():
            if "w" in own:
                own["w"] = 0.4 * own["w"]
        if (drawn := self.model.init_parameters(jax.random.key(1))).get("readout"):
            params["readout"] = drawn["readout"]
        self.params = jax.tree.map(jnp.asarray, params)
        self.inputs, self.target = zoo.data(name, 2, (4,))
        self.exact = self.flat(pq.ImplicitDifferentiation(self.finder))

    def rule(self, beta, window=None, **more):
        return pq.FrequencyPropagation(beta, pq.LockIn() if window is None else window, free=self.finder, **more)

    def gradient(self, rule, **options):
        return rule.gradient(self.model, self.params, self.inputs, self.target, **options)

    def flat(self, rule, **options):
        return np.asarray(ravel_pytree(self.gradient(rule, **options)[0])[0])

    def errors(self, make, betas):
        """Relative errors over β of the rule `make(β)`, compiled once."""

        @jax.jit
        def estimate(beta):
            found = make(beta).estimate(self.model, self.params, self.inputs, self.target, key=None, start=None)[0]
            return ravel_pytree(found)[0]

        size = np.linalg.norm(self.exact)
        return np.array([np.linalg.norm(np.asarray(estimate(beta)) - self.exact) / size for beta in betas])

    def draws(self, rule, count):
        """Estimates for several keys, `(count, parameters)`."""

        def one(key):
            found = rule.estimate(self.model, self.params, self.inputs, self.target, key=key, start=None)[0]
            return ravel_pytree(found)[0]

        return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(5), count)))

    def voltages(self, beta=0.0):
        found = pq.equilibrium(
            self.model, self.params, self.inputs, target=self.target if beta else None, beta=beta, finder=self.finder
        )
        return np.asarray(found["nodes"]["v"])


@pytest.fixture(scope="module", params=FINDERS)
def case(request):
    return Case(request.param)


@pytest.fixture(scope="module")
def resistors():
    return Case("resistors")


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


# ---- quasi-static, whole periods -------------------------------------------------------------------------------------


@pytest.mark.quick("resistors", "prototypical")
def test_the_bias_is_second_order_and_three_quarters_of_that_of_centered_ep(case):
    betas = (0.04, 0.02)
    errors = case.errors(case.rule, betas)
    centered = case.errors(lambda b: pq.EquilibriumPropagation(pq.Centered(b), free=case.finder), betas)
    assert errors[1] < 0.01 and np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.05)
    np.testing.assert_allclose(errors / centered, 0.75, atol=0.01)


@pytest.mark.parametrize("name", ["resistors", "diodes"])
@pytest.mark.quick("resistors")
def test_the_gradient_of_resistor_networks_is_reached_to_rounding(name):
    case = Case(name)
    assert case.errors(case.rule, [1e-4])[0] < 1e-8


@pytest.mark.parametrize("name", ["resistors", "readout"])
@pytest.mark.quick("resistors")
def test_four_samples_are_centered_ep(name):
    """Sines 0, 1, 0, −1: the lock-in is the contrast of the two extremes."""
    case = Case(name)
    rule = case.rule(0.05, pq.LockIn(3, 4))
    centered = case.flat(pq.EquilibriumPropagation(pq.Centered(0.05), free=case.finder))
    np.testing.assert_allclose(case.flat(rule), centered, atol=1e-11)


def test_hand_written_lock_in_of_a_resistor(resistors):
    """Every resistor multiplies its ½Δv² with the reference, reading by reading."""
    beta, window = 0.2, pq.LockIn(1.375, 8, offset=0.1)
    found, _ = resistors.gradient(resistors.rule(beta, window))
    total = np.zeros(len(zoo.RING))
    for n in range(11):
        sine = np.sin(2 * np.pi * (0.1 + n / 8))
        v = resistors.voltages(beta * sine)
        total += [2 * sine / (11 * beta) * np.mean((v[:, a] - v[:, b]) ** 2) / 2 for a, b in zoo.RING]
    np.testing.assert_allclose(found["e0"]["g"], total, atol=1e-12)


def test_the_product_of_the_two_signals_is_the_sine_component_of_the_power(resistors):
    """Δv̄·ΔV/β, mean and amplitude of every drop, in place of the lock-in of ½Δv²: the same to second order in β."""

    def gap(beta):
        sines = np.sin(2 * np.pi * np.arange(8) / 8)
        v = np.stack([resistors.voltages(beta * sine) for sine in sines])
        mean, amplitude = v.mean(0), 2 * np.tensordot(sines, v, 1) / 8
        product = [np.mean((mean[:, a] - mean[:, b]) * (amplitude[:, a] - amplitude[:, b])) for a, b in zoo.RING]
        return np.linalg.norm(np.array(product) / beta - np.asarray(resistors.flat(resistors.rule(beta))))

    assert 1e-8 < gap(0.1) < 0.01 * np.linalg.norm(resistors.exact)
    assert gap(0.1) / gap(0.05) == pytest.approx(4, rel=0.1)


@pytest.mark.slow
def test_audits_find_the_promised_order():
    case = Case("diodes")
    found = pq.audit(case.model, case.params, pq.FrequencyPropagation(), case.inputs, case.target)
    assert found.order == 2 and found.slope == pytest.approx(2, abs=0.02)
    assert found.best.relative_error < 1e-8 and found.best.cosine > 1 - 1e-12 and found.bias is None


def test_info_holds_the_free_signal(resistors):
    free, beta = resistors.voltages(), 0.2
    shifts = []
    for b in (beta, beta / 2):
        _, info = resistors.gradient(resistors.rule(b))
        shifts.append(np.abs(np.asarray(info.free["nodes"]["v"]) - free).max())
    assert shifts[0] / shifts[1] == pytest.approx(4, rel=0.05) and 1e-6 < shifts[0] < 0.02
    _, info = resistors.gradient(resistors.rule(beta))
    swing = np.abs(resistors.voltages(beta) - np.asarray(info.free["nodes"]["v"])).max(1)
    other = np.abs(resistors.voltages(-beta) - np.asarray(info.free["nodes"]["v"])).max(1)
    np.testing.assert_allclose(info.displacement, np.maximum(swing, other), rtol=1e-9)
    np.testing.assert_allclose(info.prediction, info.free["nodes"]["v"][:, [4, 3]], atol=1e-14)
    cost = np.mean(np.sum((np.asarray(info.prediction) - resistors.target) ** 2, -1)) / 2
    assert float(info.cost) == pytest.approx(cost, rel=1e-12)
    assert info.residual.shape == info.steps.shape == (2,)


@dataclasses.dataclass(frozen=True)
class Counted(pq.Newton):
    """Newton's method that counts how often it is traced."""

    traced: typing.ClassVar = []

    def find(self, problem, free):
        self.traced.append(1)
        return super().find(problem, free)


@pytest.mark.quick("None")
@pytest.mark.parametrize("noise", [None, pq.GaussianNoise(0.01)])
def test_nothing_compiles_on_the_second_call(resistors, noise):
    rule = pq.FrequencyPropagation(0.1, pq.LockIn(2, noise=noise), free=Counted())
    before = len(Counted.traced)
    resistors.flat(rule, key=jax.random.key(0))
    after, moved = len(Counted.traced), jax.tree.map(lambda p: p + 0.01, resistors.params)
    assert after > before
    rule.gradient(resistors.model, moved, resistors.inputs, resistors.target, key=jax.random.key(1))
    assert len(Counted.traced) == after


def test_batch_shapes_average_alike(resistors):
    rule = resistors.rule(0.1, pq.LockIn(1.5))
    whole, m, p = resistors.flat(rule), resistors.model, resistors.params
    x, t = np.asarray(resistors.inputs), np.asarray(resistors.target)
    folded = rule.gradient(m, p, x.reshape(2, 2, -1), t.reshape(2, 2, -1))[0]
    np.testing.assert_allclose(ravel_pytree(folded)[0], whole, atol=1e-12)
    singles = [ravel_pytree(rule.gradient(m, p, x[k], t[k])[0])[0] for k in range(4)]
    np.testing.assert_allclose(np.mean(singles, 0), whole, atol=1e-12)


def test_single_precision(resistors):
    single = jax.tree.map(lambda x: x.astype(jnp.float32), resistors.params)
    data = (np.asarray(x, np.float32) for x in (resistors.inputs, resistors.target))
    window = pq.LockIn(2, noise=pq.GaussianNoise(1e-9))
    found, info = pq.FrequencyPropagation(0.1, window).gradient(resistors.model, single, *data, key=jax.random.key(0))
    assert {x.dtype for x in jax.tree.leaves(found)} == {jnp.dtype("float32")} and info.cost.dtype == jnp.float32
    assert relative(np.asarray(ravel_pytree(found)[0]), resistors.exact) < 0.01


# ---- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("periods", [1.5, 4.25, 16.5])
def test_the_mean_leaks_into_the_sine_component_of_other_windows(resistors, periods):
    """The error is leakage/β times ½Δv² of the free state, up to terms smaller by β."""
    beta, window = 0.01, pq.LockIn(periods)
    v = resistors.voltages()
    power = np.array([np.mean((v[:, a] - v[:, b]) ** 2) / 2 for a, b in zoo.RING])
    error = resistors.flat(resistors.rule(beta, window)) - resistors.exact
    np.testing.assert_allclose(error, window.leakage / beta * power, rtol=0.05, atol=1e-3 * np.abs(error).max())


def test_leakage_falls_with_the_length_of_the_window(resistors):
    errors = [
        relative(resistors.flat(resistors.rule(0.05, pq.LockIn(p + 0.5))), resistors.exact) for p in (1, 4, 16, 64)
    ]
    lengths = np.array([1.5, 4.5, 16.5, 64.5])
    slope = np.polyfit(np.log(lengths), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.02) and errors[0] > 1


def test_a_fit_keeps_the_mean_out(resistors):
    plain, fitted = (
        relative(resistors.flat(resistors.rule(0.05, pq.LockIn(2.5, fitted=fitted))), resistors.exact)
        for fitted in (False, True)
    )
    assert fitted < 0.01 and plain > 300 * fitted


def test_other_windows_are_named_as_a_bias(resistors):
    assert "2.5 periods lets 0.24 of the mean" in resistors.rule(0.1, pq.LockIn(2.5)).bias(resistors.model)
    for window in (pq.LockIn(2), pq.LockIn(2, offset=0.37), pq.LockIn(2.5, fitted=True)):
        assert resistors.rule(0.1, window).bias(resistors.model) is None


# ---- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("periods", [1, 16])
@pytest.mark.quick("1")
def test_noise_of_the_readings_has_the_predicted_size(resistors, periods):
    """σ_g = (2/β) σ √(free ends) √(Σ_batch Δv²)/B · √(Σ sin²)/N: every reading of every sample has its own error."""
    sigma, beta, window = 1e-4, 0.1, pq.LockIn(periods, noise=pq.GaussianNoise(1e-4))
    found = resistors.draws(resistors.rule(beta, window), 400)
    v, held = resistors.voltages(), {0, 1, 2}
    count = window.count
    predicted = np.array(
        [
            2 / beta * sigma * np.sqrt(len({a, b} - held) * np.sum((v[:, a] - v[:, b]) ** 2)) / 4
            * np.sqrt(count / 2) / count
            for a, b in zoo.RING
        ]
    )  # fmt: skip
    seen = predicted > 0
    assert seen.sum() >= 7 and np.all(found.std(0)[~seen] < 1e-12)
    np.testing.assert_allclose(found.std(0)[seen], predicted[seen], rtol=0.15)
    quiet = resistors.flat(resistors.rule(beta, dataclasses.replace(window, noise=None)))
    assert np.all(np.abs(found.mean(0) - quiet) < 4.5 * predicted / np.sqrt(400) + 1e-12)


def test_noise_needs_a_key_and_follows_it(resistors):
    rule = resistors.rule(0.1, pq.LockIn(2, noise=pq.GaussianNoise(0.01)))
    with pytest.raises(pq.ModelError, match="LockIn has noise, and there is no random key"):
        resistors.flat(rule)
    one, again, other = (resistors.flat(rule, key=jax.random.key(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert relative(one, other) > 1e-3


@pytest.mark.slow
def test_noise_of_the_dynamics_is_drawn_for_every_sample():
    case = Case("prototypical")
    noisy = pq.FixedPoint(60, noise=pq.GaussianNoise(0.02))
    spread = []
    for periods in (1, 9):
        rule = pq.FrequencyPropagation(0.3, pq.LockIn(periods), free=pq.FixedPoint(60), nudged=noisy)
        found = case.draws(rule, 60)
        spread.append(np.linalg.norm(found.std(0)))
        quiet = case.flat(dataclasses.replace(rule, nudged=None))
        assert np.linalg.norm(found.mean(0) - quiet) < 4 * spread[-1] / np.sqrt(60)
    assert spread[0] / spread[1] == pytest.approx(3, rel=0.15)
    assert spread[0] > 0.02 * np.linalg.norm(case.exact)


# ---- a finite frequency ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bead():
    """E = s² − b s with unit drag, C = (s − y)²/2: ṡ = −2 s + b − β sin(ωt)(s − y)."""
    node = pq.Node("bead", potential=s**2 - pq.parameter("b") * s, dissipation=s.dot**2 / 2)
    arm = pq.Edge("arm", potential=-pq.parameter("w") * s.source * s.target)
    model = pq.System(
        pq.layered([2, 1]), nodes={"output": node}, edges=arm, inputs="input", outputs="output", cost=(s - y) ** 2 / 2
    ).compile()
    params = {"input->output": {"w": jnp.array([[0.3], [-0.2]])}, "output": {"b": jnp.array([0.4])}}
    return model, params, np.array([[0.5, 0.1], [-0.3, 0.8]]), np.array([[1.0], [-0.4]])


def bias_gradient(bead, rule, **options):
    return float(rule.gradient(*bead, **options)[0]["output"]["b"][0])


@pytest.mark.parametrize("period", [2.0, 20.0])
@pytest.mark.quick("2.0")
def test_the_lag_is_that_of_the_linear_response(bead, period):
    """In phase with the nudge, the bead answers with H/(H² + ω²) in place of 1/H, H = 2."""
    rule = pq.FrequencyPropagation(1e-3, pq.LockIn(2), dynamics=pq.NudgeInTime(period, discard=8))
    exact = bias_gradient(bead, pq.ImplicitDifferentiation())
    omega = 2 * np.pi / period
    assert bias_gradient(bead, rule) / exact == pytest.approx(4 / (4 + omega**2), rel=1e-4)
    assert "period 2 with a lag" in pq.FrequencyPropagation(dynamics=pq.NudgeInTime(2.0)).bias(bead[0])


@pytest.mark.slow
def test_slow_nudges_give_the_gradient_in_any_window(bead):
    exact = bias_gradient(bead, pq.ImplicitDifferentiation())
    shifted = pq.LockIn(3, offset=0.3)
    slow, slower = (
        abs(bias_gradient(bead, pq.FrequencyPropagation(1e-3, shifted, dynamics=pq.NudgeInTime(t))) / exact - 1)
        for t in (40.0, 80.0)
    )
    assert slower < 2e-3 and slow / slower == pytest.approx(4, rel=0.02)


@pytest.mark.slow
def test_noisy_readings_of_the_motion_average_out(bead):
    window = pq.LockIn(4, noise=pq.GaussianNoise(1e-3))
    rule = pq.FrequencyPropagation(0.05, window, dynamics=pq.NudgeInTime(20.0))
    quiet = bias_gradient(bead, dataclasses.replace(rule, window=pq.LockIn(4)))
    found = [bias_gradient(bead, rule, key=jax.random.key(k)) for k in range(60)]
    # ∂E/∂b = −s: σ_g = (2/β) σ/√B · √(N/2)/N.
    predicted = 2 / 0.05 * 1e-3 / np.sqrt(2) * np.sqrt(16) / 32
    assert np.std(found) == pytest.approx(predicted, rel=0.3)
    assert abs(np.mean(found) - quiet) < 4 * predicted / np.sqrt(60)


def test_a_period_cut_short_fails(bead):
    cut = pq.FrequencyPropagation(0.1, dynamics=pq.NudgeInTime(20.0, max_steps=5))
    with pytest.raises(pq.SolveError, match="not converged"):
        cut.gradient(*bead)


# ---- training, checks, refusals --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_training_follows_centered_ep(resistors):
    import optax

    costs = []
    for rule in (resistors.rule(0.1), pq.EquilibriumPropagation(pq.Centered(0.1), free=resistors.finder)):
        found = pq.fit(
            resistors.model,
            rule,
            (np.asarray(resistors.inputs), np.asarray(resistors.target)),
            params=resistors.params,
            optimizer=optax.sgd(2.0),
            epochs=60,
            batch_size=2,
            progress=False,
        )
        costs.append(found.train["cost"])
        assert costs[-1] < 0.7 * found.history[0]["running_cost"]
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


def test_the_basin_of_the_nudged_phases_is_checked():
    case = Case("layered")
    found = pq.left_basin(case.model, case.params, case.rule(0.1), case.inputs, case.target, jax.random.key(0))
    assert found.shape == (4,) and not np.any(found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beta": 0.0}, "beta must be a finite number above 0"),
        ({"beta": -0.1}, "beta must be a finite number above 0"),
        ({"beta": float("nan")}, "beta must be a finite number above 0"),
        ({"nudged": TIGHT, "dynamics": pq.NudgeInTime(1.0)}, "nudged is not used with dynamics"),
    ],
)
def test_settings_are_checked(options, words):
    with pytest.raises(pq.ModelError, match=words):
        pq.FrequencyPropagation(**options)


@pytest.mark.parametrize(("options", "words"), [((0.0,), "period must be"), ((1.0, -1), "discard must be")])
def test_nudges_in_time_are_checked(options, words):
    with pytest.raises(pq.ModelError, match=words):
        pq.NudgeInTime(*options)


def test_models_are_checked():
    with pytest.raises(pq.ModelError, match=r"FrequencyPropagation needs an energy: component 'arrow' in 'e0'"):
        pq.FrequencyPropagation().check(zoo.compiled("directed"))
    with pytest.raises(pq.ModelError, match="NudgeInTime needs dynamics"):
        pq.FrequencyPropagation(dynamics=pq.NudgeInTime(1.0)).check(zoo.compiled("resistors"))
    with pytest.raises(pq.ModelError, match="bounds"):
        pq.FrequencyPropagation(dynamics=pq.NudgeInTime(1.0)).check(zoo.compiled("saturating"))
    plain = pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0, inputs=[1]).compile()
    with pytest.raises(pq.ModelError, match="FrequencyPropagation needs a cost"):
        pq.FrequencyPropagation().check(plain)


def test_three_samples_at_an_odd_offset_read_the_even_part(resistors):
    """The error is of the first order in β where the window says so: square_leakage, of sin²φ into the amplitude."""
    betas = np.array([0.1, 0.05, 0.025])
    odd, even = pq.LockIn(samples=3, offset=1 / 12), pq.LockIn(samples=3, offset=1 / 6)
    assert odd.square_leakage == pytest.approx(-0.5) and abs(even.square_leakage) < 1e-14
    for window, order in ((odd, 1), (even, 2)):
        rule = resistors.rule(0.1, window)
        errors = resistors.errors(lambda beta, window=window: resistors.rule(beta, window), betas)
        assert rule.order == order
        assert np.log2(errors[:-1] / errors[1:])[-1] == pytest.approx(order, abs=0.15)
