"""`physeq train`: the JSON contract, the run folder, resuming, overriding."""

import json

import jax
import numpy as np
import pytest
from cli_runner import shell, shell_in  # noqa: F401 - a fixture

KEYS = {
    "schema",
    "system",
    "experiment",
    "rule",
    "seed",
    "epochs",
    "parameters",
    "train",
    "test",
    "seconds",
    "run_folder",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One run of three epochs: (shell, metrics)."""
    with pytest.MonkeyPatch.context() as patch:
        made = shell_in(tmp_path_factory.mktemp("train"), patch)
        found = made.json("train", "small", "--experiment", "moons", "--json", "--precision", "double")
    jax.config.update("jax_enable_x64", True)
    return made, found


def test_contract(trained):
    _, found = trained
    assert set(found) >= KEYS
    assert (found["system"], found["experiment"], found["rule"]) == ("small", "moons", "equilibrium-propagation")
    assert (found["seed"], found["epochs"], found["parameters"]) == (1, 3, 2 * 4 + 4 * 2 + 4 + 2)
    assert set(found["train"]) == {"cost", "error_percent"}
    assert set(found["test"]) >= {"cost", "error_percent", "best_error_percent", "best_epoch"}
    assert set(found["seconds"]) == {"compile", "per_epoch", "total"}


def test_run_folder(trained):
    made, found = trained
    folder = made.folder / found["run_folder"]
    assert folder.parent.name == "runs" and folder.name.startswith("small-moons-")
    names = {path.name for path in folder.iterdir()}
    assert names >= {"metrics.json", "log.jsonl", "rules.html", "checkpoint.eqx", "experiment.toml", "environment.json"}
    assert names >= {"learning_curve.svg", "graph.svg", "weights_input-hidden.svg", "weights_hidden-output.svg"}
    assert json.loads((folder / "metrics.json").read_text()) == found
    assert len((folder / "log.jsonl").read_text().splitlines()) == 3
    assert json.loads((folder / "environment.json").read_text())["precision"] == "double"
    assert "<math" in (folder / "rules.html").read_text()


@pytest.mark.slow
def test_resumed_equals_uninterrupted(trained, monkeypatch):
    made, whole = trained
    monkeypatch.chdir(made.folder)
    made.json("train", "small", "--epochs", "2", "--json", "--output", "parts", "--precision", "double")
    parts = made.json("train", "small", "--resume", "parts", "--epochs", "3", "--json")
    assert parts["epochs"] == 3 and parts["experiment"] == "moons" and parts["run_folder"] == "parts"
    for key in ("train", "test", "seed", "parameters"):
        assert parts[key] == whole[key]
    first, second = (np.load(made.folder / path / "params.npz") for path in (whole["run_folder"], "parts"))
    for key in first.files:
        assert np.array_equal(first[key], second[key]) and first[key].dtype == np.float64
    refused = made("train", "small", "--output", "parts", status=2)
    assert "holds a run already" in refused.stderr
    jax.config.update("jax_enable_x64", True)


@pytest.mark.slow
def test_another_rule_and_seed(shell):  # noqa: F811
    found = shell.json(
        "train",
        "small",
        "--rule",
        "implicit-differentiation",
        "--seed",
        "5",
        "--epochs",
        "1",
        "--output",
        "o",
        "--json",
    )
    assert (found["rule"], found["seed"], found["epochs"]) == ("implicit-differentiation", 5, 1)
    assert np.load(shell.folder / "o" / "params.npz")["hidden.b"].dtype == np.float32  # single by default
    copy = (shell.folder / "o" / "experiment.toml").read_text()
    # The budget of the free phase is that of the exact rule.
    assert 'name = "implicit-differentiation"' in copy and 'finder = { name = "fixed-point", steps = 20 }' in copy


@pytest.mark.slow
def test_regression_leaves_errors_out(shell):  # noqa: F811
    experiment = shell.folder / "line.toml"
    text = (shell.folder / "systems/small/moons.toml").read_text()
    text = text.replace('name = "two-moons"', 'name = "sine"').replace("[2, 4, 2]", "[1, 3, 1]")
    experiment.write_text(text)
    found = shell.json("train", "small", "--experiment", str(experiment), "--epochs", "1", "--json")
    assert set(found["train"]) == {"cost"} and not any("error" in key for key in found["test"])
    assert found["experiment"] == "line" and found["test"]["best_epoch"] == 1


def test_a_fault_in_the_file_is_status_1(shell):  # noqa: F811
    path = shell.folder / "systems/small/moons.toml"
    text = path.read_text()
    path.write_text(text.replace("epochs = 3", "epoch = 3"))
    result = shell("train", "small", "--experiment", "moons", status=1)
    assert "moons.toml" in result.stderr and "Did you mean 'epochs'" in result.stderr
    path.write_text(text.replace('"input->hidden"', '"input->hiden"'))
    result = shell("train", "small", status=1)
    assert "input->hiden" in result.stderr
    assert not (shell.folder / "runs").exists()
