"""LC ladders against nodal analysis, what they learn against closed forms, and what was learnt against ngspice."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from system_files import facts, model

import physeq as pq
from physeq.netlist import find_ngspice, ngspice

truth, ladders = facts("lc_network"), model("lc_network")
KEY = jax.random.key(0)
BASE = 1 / ladders.PERIOD
needs_ngspice = pytest.mark.skipif(
    find_ngspice() is None, reason="ngspice is not installed: apt-get install ngspice, or brew install ngspice"
)


def drawn(variant, seed=0):
    """(trajectories, parameters, their response at a frequency by nodal analysis) of a variant."""
    found = ladders.variants[variant]
    steady = found.trajectories(found.build())
    params = steady.init_parameters(jax.random.key(seed))
    return steady, params, lambda f: response(params, f)


def response(params, frequency):
    resistance = 1 / float(params["resistors"]["g"][0]) if "resistors" in params else None
    coils, capacitors = (np.asarray(params[p][k]) for p, k in (("coils", "L"), ("capacitors", "C")))
    return truth.transfer(frequency, coils, capacitors, resistance)


def measured(steady, params):
    """{harmonic: v_out/v_in} of all harmonics at once, by harmonic balance."""
    count = len(steady.times)
    numbers = np.arange(1, count // 2 + 1)
    source = np.cos(2 * np.pi * np.outer(np.arange(count), numbers) / count).sum(1)
    found = steady.solve(params, jnp.asarray(source)[:, None])
    return dict(zip(numbers.tolist(), (2 * np.fft.fft(np.asarray(found["out.v"])) / count)[1:], strict=False))


@pytest.mark.parametrize("variant", ["terminated", "lossless"])
def test_steady_states_are_those_of_nodal_analysis(variant):
    steady, params, exact = drawn(variant)
    for harmonic, ratio in measured(steady, params).items():
        assert abs(ratio - exact(harmonic * BASE)) <= 1e-9 * abs(exact(harmonic * BASE)), harmonic


def test_a_butterworth_filter_and_its_elements():
    coils, capacitors = truth.butterworth_elements(5, ladders.RESISTANCE, ladders.CUTOFF)
    aim = ladders.butterworth(5)
    for f in (2.5e3, 9e3, 1.4e4):
        found = truth.transfer(f, coils, capacitors, ladders.RESISTANCE)
        assert found == pytest.approx(complex(aim(f)), rel=1e-12)
        assert abs(found) == pytest.approx(truth.butterworth_magnitude(f, 5, ladders.CUTOFF), rel=1e-12)


def test_a_lossless_ladder_is_what_its_resonances_make_it():
    _, params, exact = drawn("lossless", seed=3)
    found = truth.resonances(params["coils"]["L"], params["capacitors"]["C"])
    for f in (1e3, 7e3, 1.5e4, 4e4):
        assert exact(f) == pytest.approx(complex(ladders.resonant(found)(f)), rel=1e-9)


def test_the_resonances_start_between_the_tones():
    tones = BASE * np.array([1, 3, 4, 6])
    for seed in range(20):
        _, params, _ = drawn("lossless", seed)
        found = truth.resonances(params["coils"]["L"], params["capacitors"]["C"])
        assert tones[0] < found[0] < tones[1] and tones[2] < found[1] < tones[3] < found[2]


def learned(variant, rule, epochs, rate):
    """A short run of a variant on the sums of tones, in double precision: (the run, the data)."""
    found = ladders.variants[variant]
    steady = found.trajectories(found.build())
    data = found.encode(pq.data.load("tones").take(6, 6))
    rates = pq.Rates(
        {"coils.L": rate * 1.6e-2, "capacitors.C": rate * 1.6e-8},
        default=0.0,
        decay=0.97,
        make=lambda r: optax.adam(r, eps=1e-22),
    )
    return pq.fit(steady, rule, data, optimizer=rates, epochs=epochs, batch_size=6, seed=0, progress=False), data


RULES = {"terminated": pq.TimeReversedNudge(), "lossless": pq.LagrangianEP(pq.Centered(1e-3))}


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "rate"), [("terminated", 0.04), ("lossless", 0.006)])
def test_the_rule_learns_what_the_exact_gradient_learns(variant, rate):
    ours, data = learned(variant, RULES[variant], 80, rate)
    exact, _ = learned(variant, pq.ContinuousAdjoint(), 80, rate)
    start = ours.history[0]["running_cost"]
    assert ours.train["cost"] < 0.02 * start
    for part in ("train", "test"):
        a, b = getattr(ours, part)["cost"], getattr(exact, part)["cost"]
        assert abs(a - b) <= 0.05 * b
    aim = ladders.butterworth(5) if variant == "terminated" else ladders.resonant((5e3, 13e3, 19e3))
    tones = BASE * np.array([2, 3, 4, 5] if variant == "terminated" else [1, 3, 4, 6])
    before = ours.model.init_parameters(jax.random.fold_in(jax.random.key(0), 0))

    def miss(params):
        return max(abs(response(params, f) - aim(f)) for f in tones)

    assert miss(ours.params) < 0.25 * miss(before)
    assert data.train_targets.shape == (6, 15)


@needs_ngspice
@pytest.mark.parametrize("variant", ["terminated", "lossless"])
def test_a_learned_ladder_in_ngspice(variant):
    """The exported netlist, with an analysis of small signals, against nodal analysis and harmonic balance."""
    run, _ = learned(variant, RULES[variant], 5, 0.01)
    text = pq.to_netlist(run.model.system, run.params, small_signal={"input": [1.0]})
    found = ngspice.run(text, f".ac lin 7 {BASE} {7 * BASE}")
    np.testing.assert_allclose(found["frequency"], BASE * np.arange(1, 8), rtol=1e-12)
    ours = measured(run.model, run.params)
    for k, ratio in enumerate(found["out.v"]):
        assert abs(ratio - response(run.params, BASE * (k + 1))) <= 1e-9 * abs(ratio)
        assert abs(ratio - ours[k + 1]) <= 1e-6 * abs(ratio)
    assert np.iscomplexobj(found["out.v"]) and not np.iscomplexobj(found["frequency"])
