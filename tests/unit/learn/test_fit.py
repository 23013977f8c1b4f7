"""Training: resume, remainders, seeds, projection, per-placement rates, best epoch, saved files, basins."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import physeq as pq


@pytest.fixture(scope="module")
def network():
    return pq.System(
        pq.random_regular(3, 10, seed=1),
        edges=pq.electrical.resistor(pq.Uniform(0.5, 1.5)),
        ground=0,
        inputs=[1, 2],
        outputs=[8],
        cost=(pq.electrical.v - pq.target("y")) ** 2 / 2,
    ).compile()


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).uniform(-1, 1, (23, 2))
    return x, x @ [[0.2], [0.3]]


RULE = pq.EquilibriumPropagation(pq.Centered(0.01))


def train(network, data, **options):
    given = {"optimizer": optax.adam(0.03), "epochs": 4, "batch_size": 5, "progress": False}
    return pq.fit(network, RULE, data, **(given | options))


def test_training_descends_and_predicts(network, data):
    result = train(network, data, epochs=25)
    assert result.train["cost"] < 0.05 * result.history[0]["running_cost"]
    np.testing.assert_allclose(np.mean((result.predict(data[0]) - data[1]) ** 2) / 2, result.train["cost"], rtol=1e-6)
    assert result.evaluate(data)["cost"] == pytest.approx(result.train["cost"], rel=1e-9)


def test_resume_is_exact(network, data, tmp_path):
    whole = train(network, data, folder=tmp_path / "whole")
    train(network, data, epochs=2, folder=tmp_path / "parts")
    parts = train(network, data, folder=tmp_path / "parts", resume=True)
    np.testing.assert_array_equal(parts.params["edges"]["g"], whole.params["edges"]["g"])
    strip = lambda history: [{k: v for k, v in r.items() if k != "seconds"} for r in history]  # noqa: E731
    assert strip(parts.history) == strip(whole.history)
    assert len((tmp_path / "parts" / "log.jsonl").read_text().splitlines()) == 4


def test_resume_refuses_other_settings(network, data, tmp_path):
    with pytest.raises(pq.ModelError, match="does not exist"):
        train(network, data, folder=tmp_path / "none", resume=True)
    train(network, data, epochs=1, folder=tmp_path / "run")
    with pytest.raises(pq.ModelError, match="batch_size"):
        train(network, data, folder=tmp_path / "run", resume=True, batch_size=4)


def test_every_sample_is_used_in_an_epoch(network, data):
    """With the rate 0 the running cost of an epoch is the mean cost of all 23 samples, the remainder of 3 included."""
    result = train(network, data, optimizer=optax.sgd(0.0), epochs=1)
    assert result.history[0]["running_cost"] == pytest.approx(result.train["cost"], rel=1e-9)


def test_seeds_batched_equal_single_runs(network, data):
    given = {"optimizer": optax.sgd(0.05), "epochs": 2, "batch_size": 5, "progress": False}
    many = pq.fit_many(network, RULE, data, seeds=[3, 4], **given)
    for seed, run in zip([3, 4], many, strict=True):
        alone = pq.fit(network, RULE, data, seed=seed, basin=None, **given)
        np.testing.assert_allclose(run.params["edges"]["g"], alone.params["edges"]["g"], rtol=1e-9)


@pytest.mark.slow
def test_device_variations_are_batched(network, data):
    drawn = network.init_parameters(jax.random.key(0))["edges"]["g"]
    varied = {"edges": {"g": jnp.stack([drawn, 1.1 * drawn])}}
    many = pq.fit_many(
        network, RULE, data, seeds=[0, 0], params=varied, optimizer=optax.sgd(0.0), epochs=1, progress=False
    )
    np.testing.assert_allclose(many[1].params["edges"]["g"], 1.1 * many[0].params["edges"]["g"])


def test_conductances_stay_at_or_above_zero(network, data):
    result = train(network, (data[0], -2 * data[1]), optimizer=optax.sgd(5.0), epochs=10)
    g = np.asarray(result.params["edges"]["g"])
    assert g.min() == 0.0 and np.isfinite(g).all()


def test_rates_act_on_their_placement_alone():
    s, y, w, b = pq.coordinate("s"), pq.target("y"), pq.parameter("w"), pq.parameter("b", trainable=False)
    unit = pq.Node("unit", potential=s**2 / 2 - b * s)
    model = pq.System(
        pq.layered([2, 3, 1]),
        nodes={"hidden": unit, "output": unit},
        edges=pq.Edge("synapse", potential=-w * s.source * s.target),
        inputs="input",
        outputs="output",
        cost=(s - y) ** 2 / 2,
    ).compile()
    params = model.init_parameters(jax.random.key(0))
    rates = pq.Rates({"input->hidden": 0.0, "hidden->output": 0.1}, default=0.5)
    data = (np.ones((4, 2)), np.ones((4, 1)))
    result = pq.fit(model, RULE, data, optimizer=rates, epochs=1, params=params, progress=False)
    np.testing.assert_array_equal(result.params["input->hidden"]["w"], params["input->hidden"]["w"])
    np.testing.assert_array_equal(result.params["hidden"]["b"], params["hidden"]["b"])
    gradients, _ = RULE.gradient(model, params, *data)
    moved = params["hidden->output"]["w"] - 0.1 * gradients["hidden->output"]["w"]
    np.testing.assert_allclose(result.params["hidden->output"]["w"], moved, rtol=1e-9)


def test_best_epoch_is_the_lowest_test_cost(network, data):
    result = train(network, (*data, *data), optimizer=optax.sgd(3.0), epochs=6)
    costs = [record["test_cost"] for record in result.history]
    assert result.best_epoch == 1 + int(np.argmin(costs))
    model_cost = pq.evaluate(
        network, result.best_params, jnp.asarray(data[0]), jnp.asarray(data[1]), RULE.prediction_finder(network)
    )
    assert model_cost["cost"] == pytest.approx(min(costs), rel=1e-9)


def test_saved_parameters_come_back(network, data, tmp_path):
    result = train(network, data, epochs=1)
    loaded = pq.Fit.load(result.save(tmp_path / "saved"), network)
    np.testing.assert_array_equal(loaded["edges"]["g"], result.params["edges"]["g"])
    other = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1]).compile()
    with pytest.raises(pq.ModelError, match="shape"):
        pq.Fit.load(tmp_path / "saved", other)


def test_a_nudge_that_leaves_the_basin_is_found():
    """A double well: a weak nudge bends the state, a strong one throws it over the barrier."""
    s, y, k = pq.coordinate("s", start=-1.0), pq.target("y"), pq.parameter("k", initial=0.0)
    well = pq.Node("well", potential=(s**2 - 1) ** 2 / 4 - k * s, dissipation=s.dot**2 / 2)
    model = pq.System(pq.complete(1), nodes=well, outputs=[0], cost=(s - y) ** 2 / 2).compile()
    params, target = model.init_parameters(jax.random.key(0)), jnp.array([[1.5]])
    for beta, leaves in ((0.05, False), (3.0, True)):
        finder = pq.EulerSteps(0.1, 400)
        rule = pq.EquilibriumPropagation(pq.OneSided(beta), free=finder, nudged=finder)
        mask = pq.left_basin(model, params, rule, None, target, jax.random.key(0))
        assert bool(mask.all()) is leaves


def test_constants_do_not_count_in_norms():
    """A constant in units that make its derivative large must not shrink the steps of all others."""
    s, y = pq.coordinate("s"), pq.target("y")
    c, k = (
        pq.parameter("c", positive=True, initial=1e-6, trainable=False),
        pq.parameter("k", positive=True, initial=1.0),
    )
    node = pq.Node("node", potential=c * 1e6 * s**2 / 2)
    spring = pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2)
    model = pq.System(
        pq.complete(3), nodes=node, edges=spring, inputs=[0], outputs=[2], cost=(s - y) ** 2 / 2
    ).compile()
    data = np.array([[1.0], [0.5]]), np.array([[0.6], [0.3]])
    given = {"epochs": 5, "progress": False, "basin": None}
    params = model.init_parameters(jax.random.key(0))
    slope, _ = RULE.gradient(model, params, *data)
    assert np.abs(slope["nodes"]["c"]).max() > 1e4 > np.linalg.norm(slope["edges"]["k"])
    clipped = optax.chain(optax.clip_by_global_norm(100.0), optax.sgd(0.1))
    free, bound = (pq.fit(model, RULE, data, optimizer=o, **given) for o in (optax.sgd(0.1), clipped))
    np.testing.assert_allclose(bound.params["edges"]["k"], free.params["edges"]["k"], rtol=1e-12)


def test_many_of_one_and_parameters_for_each(network, data):
    given = {"optimizer": optax.adam(0.03), "epochs": 2, "batch_size": 5, "progress": False}
    params = network.init_parameters(jax.random.key(7))
    stacked = jax.tree.map(lambda p: p[None], params)
    (one,) = pq.fit_many(network, RULE, data, seeds=[3], params=stacked, **given)
    alone = pq.fit(network, RULE, data, seed=3, params=params, basin=None, **given)
    np.testing.assert_allclose(one.params["edges"]["g"], alone.params["edges"]["g"], rtol=1e-9)
    with pytest.raises(pq.ModelError, match="must have a leading axis of 2"):
        pq.fit_many(network, RULE, data, seeds=[3, 4], params=params, **given)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"optimizer": "adam"}, "optimizer must be an optax optimiser .* got 'adam'"),
        ({"epochs": 1.5}, "epochs must be a whole number of at least 0, got 1.5"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(network, data, options, message):
    with pytest.raises(pq.ModelError, match=message):
        train(network, data, **options)


def test_a_system_is_no_model(network, data):
    with pytest.raises(pq.ModelError, match=r"model must be a compiled system, got .*; pass system.compile\(\)"):
        train(network.system, data)
    with pytest.raises(pq.ModelError, match=r"pass system.compile\(\)"):
        RULE.gradient(network.system, {}, *data)


def test_parameters_that_are_no_numbers_are_named(network, data):
    params = network.init_parameters(jax.random.key(0))
    broken = {"edges": {"g": params["edges"]["g"].at[3].set(np.nan)}}
    whole = {"edges": {"g": np.ones(params["edges"]["g"].shape, int)}}
    for wrong, message in ((broken, r"'g'\]: element \(3,\) is nan"), (whole, "must hold floating numbers, got int64")):
        with pytest.raises(pq.ModelError, match=message):
            pq.equilibrium(network, wrong, data[0])
        with pytest.raises(pq.ModelError, match=message):
            RULE.gradient(network, wrong, *data)


def test_a_start_has_the_batch_of_the_problem(network, data):
    params = network.init_parameters(jax.random.key(0))
    start = {"nodes": {"v": np.zeros((2, len(data[0]), 10))}}
    with pytest.raises(pq.ModelError, match=r"must have shape \(10,\) or \(23, 10\), got shape \(2, 23, 10\)"):
        pq.equilibrium(network, params, data[0], start=start)
