"""Experiments whose rule moves the weights itself: rates under [rule], no optimiser."""

import tomllib
from pathlib import Path

import pytest
from small_system import EXPERIMENT, write_system

import physeq as pq
from physeq.experiment import parse_experiment, read_experiment
from physeq.loading import load_system
from physeq.running import run_experiment
from physeq.toml import write_toml

CONTINUAL = """
[rule]
name = "continual-ep"
nudging = { name = "one-sided", beta = 0.2 }
free = { name = "fixed-point", steps = 20 }
nudged = { name = "fixed-point", steps = 5 }

[rule.rates]
"input->hidden" = 0.4
hidden = 1
"hidden->output" = 0.2
output = 0.2
"""


def parsed(text):
    return parse_experiment(tomllib.loads(text), "moons", "moons.toml")


def continual():
    return EXPERIMENT[: EXPERIMENT.index("[rule]")] + CONTINUAL


def test_rates_belong_to_the_rule():
    experiment = parsed(continual())
    assert experiment.optimizer is None
    assert dict(experiment.rule.rates) == {"input->hidden": 0.4, "hidden": 1.0, "hidden->output": 0.2, "output": 0.2}
    assert parsed(experiment.to_toml()).rule == experiment.rule
    assert tomllib.loads(write_toml(experiment.table))["rule"]["rates"]["input->hidden"] == 0.4


def test_it_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path)
    run = run_experiment(load_system("small"), parsed(continual()), tmp_path / "run", progress=False)
    costs = [record["running_cost"] for record in run.result.history]
    assert len(costs) == 3 and costs[-1] < costs[0]
    assert run.metrics["rule"] == "continual-ep"


@pytest.mark.slow
def test_stopping_ends_after_the_epoch_and_can_be_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path)
    system, experiment = load_system("small"), parsed(continual())
    first = run_experiment(system, experiment, tmp_path / "run", progress=False, stop=lambda: True)
    assert first.metrics["epochs"] == 1
    whole = run_experiment(system, experiment, tmp_path / "run", progress=False, resume=True)
    assert whole.metrics["epochs"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (continual() + "\n[optimizer]\nrate = 0.1\n", "continual-ep has learning rates of its own, under [rule]"),
        (EXPERIMENT[: EXPERIMENT.index("[optimizer]")], "needs a table 'optimizer'"),
        (continual().replace("= 0.4", '= "fast"'), 'rule.rates."input->hidden" must be a number'),
        (continual()[: continual().index("[rule.rates]")].replace("[rule]", "[rule]\nrates = 3"), "must be a table"),
    ],
)
def test_mistakes_are_named(text, words):
    with pytest.raises(pq.ModelError) as caught:
        parsed(text)
    assert words in str(caught.value) and "moons.toml" in str(caught.value)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "systems").glob("*/*.toml")), ids=lambda p: p.stem)
def test_every_experiment_of_the_repository_fits_its_system(path):
    experiment = read_experiment(path)
    model = experiment.build_model(load_system(path.parent).variant(experiment.system))
    experiment.rule.check(model)  # of continual rules also the names of rates
    if experiment.optimizer is not None:
        experiment.optimizer.build().build(model, 1)
