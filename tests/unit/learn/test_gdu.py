"""Gradient-descending updates: continual updates against backpropagation through time, step by step."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sympy import tanh

import physeq as pq
from physeq.data import load
from physeq.errors import ModelError
from physeq.learn.continual_vector_field_ep import ContinualVectorFieldEP

s, y = pq.coordinate("s"), pq.target("y")
squared = (s - y) ** 2 / 2
GROUPS = ("hidden", "output")


def system(node, edge, sizes, **options):
    return pq.System(
        pq.layered(sizes, **options),
        nodes=dict.fromkeys(GROUPS, node),
        edges=edge,
        inputs="input",
        outputs="output",
        cost=squared,
    )


def prototypical(sizes):
    initial = pq.FanInUniform(1.0)
    return system(pq.neural.prototypical_unit(pq.neural.tanh, initial), pq.neural.prototypical_synapse(initial), sizes)


def energy_based(sizes):
    rho, initial = pq.neural.tanh, pq.FanInUniform(1.0)
    into = pq.neural.synapse(rho, initial, source=pq.neural.identity)
    return pq.System(
        pq.layered(sizes),
        nodes={g: pq.neural.unit(rho, initial) for g in GROUPS},
        edges={"input->hidden": into, "hidden->output": pq.neural.synapse(rho, initial)},
        inputs="input",
        outputs="output",
        cost=squared,
    )


def steps(kind, free, nudged):
    if kind == "euler":
        return pq.EulerSteps(0.08, free), pq.EulerSteps(0.08, nudged)
    nudge = pq.Outside() if kind == "outside" else pq.Inside()
    return pq.FixedPoint(free, nudge=nudge), pq.FixedPoint(nudged, nudge=nudge)


def toy(build, seed=0):
    model = build((10, 50, 5)).compile()
    rng = np.random.default_rng(seed)
    inputs, target = jnp.asarray(rng.uniform(0, 1, (1, 10))), jnp.asarray(rng.uniform(0, 1, (1, 5)))
    return model, model.init_parameters(jax.random.key(seed)), inputs, target


def compare(case, kind, beta, eta, free, nudged, rule=pq.ContinualEP):
    model, params, inputs, target = case
    return pq.gradient_descending_updates(
        model, params, rule({}, eta, pq.OneSided(beta), *steps(kind, free, nudged)), inputs, target
    )


@pytest.mark.parametrize(
    ("build", "kind", "free", "nudged"), [(prototypical, "inside", 200, 10), (energy_based, "euler", 2000, 80)]
)
def test_updates_follow_the_gradients_and_the_gap_shrinks_with_the_nudge(build, kind, free, nudged):
    case = toy(build)
    gaps = {"neurons": [], "synapses": []}
    for beta in (0.01, 0.005, 0.0025):
        found = compare(case, kind, beta, 2e-2 * beta**2, free, nudged)
        for what, values in gaps.items():
            values.append(found.relative(what))
    for what, values in gaps.items():
        assert values[0] < 0.02, what
        # With η ∝ β² both parts of the deviation, β and (η/β)‖x‖², are of first order in β.
        assert np.allclose(np.log2(np.array(values[:-1]) / values[1:]), 1.0, atol=0.1), what


def test_each_step_is_compared_and_the_updates_are_not_zero():
    found = compare(toy(prototypical), "inside", 0.005, 1e-7, 200, 10)
    assert found.steps == 10 and set(found.synapses) == {
        "input->hidden.w", "hidden->output.w", "hidden.b", "output.b",
    }  # fmt: skip
    curve = found.synapses["hidden->output.w"]
    assert curve.updates.shape == (10, 5) and np.abs(curve.updates[0]).min() > 1e-5
    np.testing.assert_allclose(curve.updates[0], curve.gradients[0], rtol=0.05)
    # The error travels backwards: in the first step the hidden layer sees rounding over β.
    hidden = found.neurons["hidden.s"]
    assert np.abs(hidden.updates[0]).max() < 1e-12 and np.abs(hidden.updates[1]).max() > 1e-4


def test_an_outside_nudge_has_a_floor():
    case = toy(prototypical)
    gaps = [compare(case, "outside", b, 2e-2 * b**2, 200, 10).neurons["hidden.s"].relative for b in (0.01, 0.0025)]
    assert gaps[1] > 0.02 and gaps[1] > 0.7 * gaps[0]


@dataclass(frozen=True)
class ProductContrast(ContinualVectorFieldEP):
    """The update of the authors' program: Δw = (η/β) Δ[ρ(s_i) ρ(s_j)], also where that is no energy's derivative."""

    def telescoping(self, model):
        return {}

    def changes(self, problem, old, new, weights):
        rho = lambda x, g: x[g]["s"] if g == "input" else jnp.tanh(x[g]["s"])  # noqa: E731
        states = [problem.full(x) for x in (old, new)]
        gradients = {}
        for a, b in (("input", "hidden"), ("hidden", "output")):
            before, after = (jnp.einsum("b,bi,bj->ij", weights, rho(x, a), rho(x, b)) for x in states)
            gradients[f"{a}->{b}"] = {"w": before - after}
            before, after = (jnp.einsum("b,bj->j", weights, rho(x, b)) for x in states)
            gradients[b] = {"b": before - after}
        return gradients


def test_an_output_without_its_slope_has_a_floor():
    """ds_0/dt = −s_0 + W ρ(s_1) + b + β(y − s_0) without ρ′(s_0) is no energy's flow, as in the authors' program."""
    w, b = (pq.parameter(name, initial=pq.FanInUniform(1.0)) for name in "wb")
    linear = pq.Node("linear", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2)
    last = pq.Edge(
        "last", force={s.target: w * tanh(s.source), s.source: w * tanh(s.source).diff(s.source) * tanh(s.target)}
    )
    first = pq.neural.synapse(pq.neural.tanh, pq.FanInUniform(1.0), source=pq.neural.identity)
    model = pq.System(
        pq.layered((10, 50, 5)),
        nodes={"hidden": pq.neural.unit(pq.neural.tanh, pq.FanInUniform(1.0)), "output": linear},
        edges={"input->hidden": first, "hidden->output": last},
        inputs="input",
        outputs="output",
        cost=squared,
    ).compile()
    _, _, inputs, target = toy(energy_based)
    case = model, model.init_parameters(jax.random.key(0)), inputs, target
    gaps = [
        compare(case, "euler", b, 2e-2 * b**2, 2000, 80, ProductContrast).relative("synapses") for b in (0.01, 0.0025)
    ]
    assert gaps[1] > 0.005 and gaps[1] > 0.7 * gaps[0]


def test_more_nudged_steps_than_free_ones_are_refused():
    with pytest.raises(ModelError, match="K = 20"):
        compare(toy(prototypical), "inside", 0.01, 1e-6, 10, 20)


def test_a_free_phase_without_a_number_of_steps_is_refused():
    rule = pq.ContinualEP(free=pq.FixedPoint(500, tolerance=1e-9), nudged=pq.FixedPoint(5))
    with pytest.raises(ModelError, match=r"has no fixed number of them; set free=FixedPoint\(T\)"):
        pq.gradient_descending_updates(*toy(prototypical)[:2], rule, *toy(prototypical)[2:])


def test_rules_whose_weights_stay_in_the_nudged_phase_are_refused():
    model, params, inputs, target = toy(prototypical)
    with pytest.raises(ModelError, match="rule must be a rule whose weights move in the nudged phase: ContinualEP"):
        pq.gradient_descending_updates(model, params, pq.EquilibriumPropagation(), inputs, target)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "kind", "beta", "eta", "free", "nudged"),
    [(prototypical, "inside", 0.01, 2e-6, 150, 10), (energy_based, "euler", 0.005, 5e-7, 800, 80)],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mnist_sample_at_the_settings_of_the_paper(build, kind, beta, eta, free, nudged, seed):
    """784-512-10, one digit: needs `physeq data mnist`."""
    try:
        digits = load("mnist")
    except ModelError as error:
        pytest.skip(str(error))
    model = build((784, 512, 10)).compile()
    params = model.init_parameters(jax.random.key(seed))
    inputs = jnp.asarray(digits.train_inputs[seed : seed + 1], float)
    target = jnp.asarray(digits.train_targets[seed : seed + 1], float)
    case = model, params, inputs, target
    found, closer = (compare(case, kind, beta / n, eta / n**2, free, nudged) for n in (1, 2))
    for what in ("neurons", "synapses"):
        print(f"seed {seed}, {kind}, {what}: {found.relative(what):.4f}, β halved: {closer.relative(what):.4f}")
        assert found.relative(what) <= 0.02
        assert closer.relative(what) == pytest.approx(found.relative(what) / 2, rel=0.1)
