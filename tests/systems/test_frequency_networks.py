"""Experiments of frequency propagation in resistor networks: the same tasks as with centered EP, learned alike."""

import dataclasses

import pytest
from system_files import SYSTEMS, model

import physeq as pq
from physeq.experiment import read_experiment

FOLDER = SYSTEMS / "resistor_network"
PAIRS = {
    "regression-linear-frequency": "regression-linear-ep",
    "regression-nonlinear-frequency": "regression-nonlinear-ep",
    "digits-frequency": "digits",
}


def read(name):
    return read_experiment(FOLDER / f"{name}.toml")


@pytest.mark.parametrize("name", PAIRS)
def test_experiments_differ_in_the_rule_alone(name):
    own, other = read(name), read(PAIRS[name])
    assert isinstance(own.rule, pq.FrequencyPropagation) and isinstance(other.rule.nudging, pq.Centered)
    assert own.rule.beta == other.rule.nudging.beta
    assert (own.rule.free, own.rule.nudged) == (other.rule.free, other.rule.nudged)
    same = [key for key in own.table if key not in ("rule", "description")]
    assert own.table.keys() == other.table.keys() and all(own.table[key] == other.table[key] for key in same)


@pytest.mark.slow
def test_a_regression_is_learned_as_by_centered_ep():
    """Ten of sixty epochs: the same cost to a percent, a fifth of that of the first epoch."""
    experiment = read("regression-linear-frequency")
    variant = model("resistor_network").variants[experiment.system]
    compiled, data = experiment.build_system(variant).compile(), experiment.load_data(variant)

    def trained(rule):
        return pq.fit(
            compiled,
            rule,
            data,
            optimizer=experiment.optimizer.build(),
            epochs=10,
            batch_size=experiment.batch_size,
            progress=False,
        )

    own, other = trained(experiment.rule), trained(read("regression-linear-ep").rule)
    assert own.test["cost"] == pytest.approx(other.test["cost"], rel=0.01)
    assert own.test["cost"] < own.history[0]["running_cost"] / 5
    # Over half a period too much the mean leaks in: nothing is learned.
    leaky = dataclasses.replace(experiment.rule, window=pq.LockIn(1.5))
    assert trained(leaky).test["cost"] > 5 * own.test["cost"]
