"""The agreement of a rule with the exact gradient after training: numbers, what is not measured, the run folder."""

import functools
import json

import numpy as np
import optax
import pytest
import zoo
from cli_runner import shell  # noqa: F401 - a fixture

import physeq as pq
from physeq.gradient_agreement import agreement_section, gradient_agreement
from physeq.report import Document


@pytest.fixture(scope="module")
def data():
    inputs, target = zoo.data("layered", 0, (6,))
    return np.asarray(inputs), np.asarray(target)


@pytest.fixture(scope="module")
def trained(data):
    """A run of one epoch with a tight finder, by its nudge."""
    model = zoo.compiled("layered")
    finder = pq.Newton(tolerance=0.0)

    @functools.cache
    def run(nudging):
        rule = pq.EquilibriumPropagation(nudging, free=finder, nudged=finder)
        return pq.fit(model, rule, data, optimizer=optax.sgd(1e-3), epochs=1, batch_size=6, progress=False)

    return run


@pytest.mark.slow
def test_the_error_is_that_of_the_nudge_used(trained, data):
    large, small, one_sided = (
        gradient_agreement(trained(nudging), data)
        for nudging in (pq.Centered(0.2), pq.Centered(0.02), pq.OneSided(0.02))
    )
    assert (large.beta, small.beta, large.samples, large.precision) == (0.2, 0.02, 6, "double")
    assert (large.rule, large.reference) == ("equilibrium-propagation", "implicit-differentiation")
    assert large.relative_error / small.relative_error == pytest.approx(100, rel=0.1)
    assert 10 * small.relative_error < one_sided.relative_error < 0.1
    assert 1e-12 < 1 - small.cosine < 1e-6 and 1 - small.cosine < 1 - large.cosine


def test_the_numbers_are_those_of_the_last_parameters(trained, data):
    result = trained(pq.Centered(0.2))
    found = gradient_agreement(result, data, samples=2)
    batch = [x[:2] for x in data]
    estimate, _ = result.rule.gradient(result.model, result.params, *batch)
    exact, _ = pq.ImplicitDifferentiation(pq.Newton(tolerance=0.0)).gradient(result.model, result.params, *batch)
    one = {parameter.parameter: parameter for parameter in found.parameters}
    trainable = result.model.trainable()
    assert set(one) == {f"{p}.{q}" for p, own in trainable.items() for q, free in own.items() if free}
    for name, parameter in one.items():
        placement, _, key = name.rpartition(".")
        a, b = (np.ravel(np.asarray(tree[placement][key])) for tree in (estimate, exact))
        if not b.any():  # a bias of held nodes
            assert (parameter.relative_error, parameter.cosine, placement) == (None, None, "input")
            continue
        assert parameter.relative_error == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(b), rel=1e-6)
        assert parameter.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)
    assert found.samples == 2


def test_what_is_too_large_is_said(trained, data, monkeypatch):
    monkeypatch.setattr("physeq.gradient_agreement.DENSE_LIMIT", 5)
    found = gradient_agreement(trained(pq.Centered(0.2)), data)
    assert found.relative_error is None and "more than the 5 up to which" in found.reason
    assert "was not compared" in Document("A run", [agreement_section(found)]).to_markdown()


def test_a_failed_phase_is_said_and_loses_no_run(data):
    rule = pq.EquilibriumPropagation(pq.Centered(0.1), nudged=pq.Newton(steps=1, tolerance=1e-30))
    model = zoo.compiled("layered")
    result = pq.fit(model, rule, data, optimizer=optax.sgd(1e-3), epochs=0, batch_size=6, progress=False)
    found = gradient_agreement(result, data)
    assert found.relative_error is None and "EquilibriumPropagation" in found.reason


def test_the_run_folder_has_it(shell):  # noqa: F811
    metrics = shell.json("train", "small", "--epochs", "1", "--precision", "double", "--output", "run", "--json")
    saved = json.loads((shell.folder / "run/metrics.json").read_text())["gradient_agreement"]
    assert saved == metrics["gradient_agreement"]
    assert saved["reason"] is None and 0 < saved["relative_error"] < 0.1 < saved["cosine"]
    assert (saved["seed"], saved["samples"], saved["precision"]) == (1, 8, "double")
    page = (shell.folder / "run/rules.html").read_text()
    assert "Gradient agreement after training" in page and f"{saved['relative_error']:.1e}" in page
