"""Costs that mix outputs: the softmax cross-entropy counts its log-sum-exp once, in value, slope, complex and print."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physeq as pq
from physeq.compile import Program
from physeq.symbolic.functions import logsumexp, softmax

z, y, s = pq.coordinate("z"), pq.target("y"), pq.neural.s
w, c = pq.parameter("w", initial=pq.GlorotUniform()), pq.parameter("c", initial=pq.Normal(0.0, 1.0))
READOUT = {"readout": pq.Readout(output=z, drive=w * s, size=3, bias=c), "cost": pq.cross_entropy(z, y)}
LABELS = np.array([0, 1, 2, 0, 1, 2])
X, TARGET = np.random.default_rng(0).uniform(0.0, 1.0, (6, 4)), np.eye(3)[LABELS]


def system(outputs="output", **cost):
    topology = pq.layered([4, 5, 3])
    nodes = {group.name: pq.neural.prototypical_unit() for group in topology.groups[1:]}
    edges = pq.neural.prototypical_synapse(pq.Normal(0.0, 1.0))
    return pq.System(topology, nodes=nodes, edges=edges, inputs="input", outputs=outputs, **cost)


def compiled(*args, **cost):
    model = system(*args, **cost).compile()
    return model, model.init_parameters(jax.random.key(0))


def two_groups():
    # Outputs of two groups, not in the order of the groups: the softmax runs over all of them.
    labels = [("output", 1), ("hidden", 0), ("output", 0)]
    return compiled(labels, cost=pq.cross_entropy(4 * s, y)), 4.0


CASES = {
    "readout": lambda: (compiled(**READOUT), 1.0),
    "units": lambda: (compiled(cost=pq.cross_entropy(4 * s, y)), 4.0),
    "two groups": two_groups,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_cost_and_gradients_are_those_of_the_log_softmax(case):
    (model, params), gain = case()
    state = model.equilibrium(params, X).state
    problem = model.problem(params, X, TARGET, 0.3)
    cost, free = problem.cost_evaluator, problem.start(state)

    def expected(free, params):
        logits = gain * cost.prediction(problem.full(free), params)
        return -jnp.sum(TARGET * jax.nn.log_softmax(logits), -1)

    np.testing.assert_allclose(model.cost(params, state, TARGET), expected(free, params), rtol=1e-12)
    slope = jax.grad(lambda f: expected(f, params).sum())(free)
    for group, own in cost.gradient(state, params, TARGET).items():
        np.testing.assert_allclose(own, slope[group]["s"], atol=1e-14)
    own = cost.parameter_gradient(state, params, TARGET, jnp.full(6, 1 / 6))
    exact = jax.grad(lambda p: expected(free, p).mean())(params)
    assert bool(own) == ("readout" in params)
    for name in own:
        np.testing.assert_allclose(own[name], exact["readout"][name], atol=1e-14)


@pytest.mark.quick("readout", "units")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_equilibrium_propagation_follows_its_gradient(case):
    (model, params), _ = case()
    audit = pq.audit(model, params, pq.EquilibriumPropagation(), X, TARGET)
    assert audit.best.relative_error < 1e-7 and abs(audit.slope - 2) < 0.05


def test_nudged_states_of_all_finders_agree():
    model, params = compiled(cost=pq.cross_entropy(4 * s, y))
    finders = (pq.Newton(tolerance=1e-9), pq.NodeDescent(300, tolerance=1e-12), pq.FixedPoint(500, tolerance=1e-13))
    free = model.equilibrium(params, X)  # Newton cannot start at s = 0, where the logistic unit's curvature is infinite
    settle = partial(model.equilibrium, params, X, target=TARGET, beta=0.02, start=free)
    states = [settle(finder=finder)["output"]["s"] for finder in finders]
    for other in states[1:]:
        np.testing.assert_allclose(other, states[0], atol=1e-8)


def test_large_and_complex_outputs():
    value = Program([logsumexp(z), softmax(z)])
    share, part = value({z: jnp.asarray([1000.0, 999.0, -1000.0])})
    assert float(share.sum()) == pytest.approx(1000 + np.log1p(np.exp(-1)), rel=1e-15)
    assert float(part[0]) == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-15)
    # The continuation to complex z: the limit of real steps turned by i.
    at = np.array([0.3 + 0.4j, -1.0 - 0.2j, 0.7 + 0.9j])
    share, part = value({z: jnp.asarray(at)})
    np.testing.assert_allclose(share.sum(), np.log(np.exp(at).sum()), rtol=1e-14)
    np.testing.assert_allclose(part, np.exp(at) / np.exp(at).sum(), rtol=1e-14)
    slope = jax.grad(lambda v: value({z: v})[0].sum(), holomorphic=True)(jnp.asarray(at))
    np.testing.assert_allclose(slope, part, rtol=1e-14)


def test_the_class_of_least_cost_has_the_largest_output():
    model, params = compiled(**READOUT)
    prediction = model.predict(params, model.equilibrium(params, X).state)
    score = pq.evaluate(model, params, X, TARGET, pq.FixedPoint(200), labels=LABELS, class_targets=jnp.eye(3))
    wrong = np.mean(np.argmax(prediction, -1) != LABELS)
    assert 0 < wrong < 1
    assert score["error_percent"] == pytest.approx(100 * wrong)


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (softmax(z) - y * z, r"softmax\(z\) is a derivative"),
        (z * logsumexp(z), "only be multiplied by a number"),
        (y * logsumexp(z), "only be multiplied by a number"),
        (logsumexp(logsumexp(z)), "only be multiplied by a number"),
        (logsumexp(y) + z, "does not depend on the outputs"),
    ],
)
def test_costs_that_would_not_mean_what_they_say_are_refused(cost, words):
    with pytest.raises(pq.ModelError, match=words):
        system(**(READOUT | {"cost": cost}))


def test_components_cannot_mix_outputs():
    with pytest.raises(pq.ModelError, match=r"'unit', potential: logsumexp\(s\) mixes the outputs of a cost"):
        pq.Node("unit", potential=logsumexp(s))


def test_pages_write_the_log_outside_the_sum():
    page = system(**READOUT).derive().to_markdown()
    assert r"C = \log{\left(\sum_{k \in \mathrm{readout}} e^{z_{k}} \right)} - \sum_{k \in \mathrm{readout}}" in page
    assert r"\frac{e^{z_{k}}}{\sum_{l \in \mathrm{readout}} e^{z_{l}}} - y_{k}" in page
    units = system(cost=pq.cross_entropy(4 * s, y)).derive()
    group = r"s^{\mathrm{output}}"
    assert rf"\log{{\left(\sum_{{i \in \mathrm{{output}}}} e^{{4 {group}_{{i}}}} \right)}}" in units.to_markdown()
    assert "softmax" not in units.to_html() and "logsumexp" not in units.to_html()
