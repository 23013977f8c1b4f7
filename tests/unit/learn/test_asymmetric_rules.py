"""Rules for networks without symmetry: random directed graphs, feed-forward and symmetric networks, every finder."""

import dataclasses
import typing

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
import zoo
from asymmetric_networks import (
    MAP,
    TIGHT,
    Network,
    cosine,
    flat,
    hopfield,
    large,
    relative,
    small,
    symmetric,
    y,
)
from brute_force import random_parameters

import physeq as pq
from physeq.learn.rule import Contrasted, Objective
from physeq.solve import Outcome


@pytest.mark.parametrize("units", ["units", "map"])
@pytest.mark.slow
def test_exact_rules_on_fifty_nodes_without_symmetry(units):
    network = large(units)
    cosines = {}
    for name, rule in {
        "vector field": pq.VectorFieldEP(pq.Centered(1e-3), free=network.finder),
        "asymmetric": pq.AsymmetricEP(pq.Centered(1e-3), free=network.finder),
        "dyadic": pq.DyadicEP(free=network.finder),
    }.items():
        found = flat(network.gradient(rule))
        cosines[name] = cosine(found, network.exact)
        print(f"{units}, {name}: relative error {relative(found, network.exact):.2e}, cosine {cosines[name]:.4f}")
        if name != "vector field":
            assert relative(found, network.exact) < 1e-5
    assert cosines["vector field"] < 0.9
    assert float(jnp.min(pq.antisymmetry(network.model, network.params, network.inputs))) > 0.1


def test_the_exact_gradient_is_the_slope_of_the_cost():
    """The reference itself, by differences of the cost along one random direction."""
    network = large("units")
    direction = jax.tree.map(lambda p: jnp.asarray(np.random.default_rng(p.size).normal(size=p.shape)), network.params)

    def cost(h):
        params = jax.tree.map(lambda p, d: p + h * d, network.params, direction)
        state = pq.equilibrium(network.model, params, network.inputs, finder=TIGHT, throw=False).state
        return float(jnp.mean(network.model.cost(params, state, network.target)))

    slope = (8 * (cost(1e-3) - cost(-1e-3)) - (cost(2e-3) - cost(-2e-3))) / 12e-3
    assert slope == pytest.approx(float(flat(direction) @ network.exact), rel=1e-6)


@pytest.mark.quick("OneSided-1")
@pytest.mark.parametrize(("nudging", "order"), [(pq.Centered, 2), (pq.OneSided, 1)])
def test_the_bias_of_asymmetric_ep_vanishes_at_the_order_of_its_nudging(nudging, order):
    network = small("units")
    errors = network.errors(nudging, lambda n: pq.AsymmetricEP(n, free=TIGHT), (0.02, 0.01))
    assert errors[1] < 0.02
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_dyadic_ep_is_exact_at_any_nudge():
    network = small("map")
    for beta in (1e-3, 1.0, -30.0):
        assert network.error(pq.DyadicEP(beta, free=TIGHT)) < 1e-11


FINDERS = [
    ("map", pq.FixedPoint(3000, tolerance=1e-14)),
    ("map", pq.FixedPoint(400)),
    ("units", pq.EulerSteps(0.3, 500)),
    ("units", pq.Relaxation(tolerance=1e-10, rtol=1e-11, atol=1e-11)),
    ("units", pq.Newton()),
]


@pytest.mark.slow
@pytest.mark.parametrize(("units", "finder"), FINDERS, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_every_finder_that_follows_forces(units, finder):
    network = small(units)
    asymmetric = pq.AsymmetricEP(pq.Centered(1e-2), free=TIGHT, nudged=finder)
    reference = flat(network.gradient(dataclasses.replace(asymmetric, nudged=TIGHT)))
    assert relative(flat(network.gradient(asymmetric)), reference) < 1e-7
    assert network.error(pq.DyadicEP(free=TIGHT, nudged=finder)) < 1e-8


def feed_forward():
    topology = pq.layered([3, 5, 4, 2], directed=True)
    unit = pq.neural.unit(pq.neural.tanh, pq.Normal(0, 0.5))
    return pq.System(
        topology,
        nodes={group.name: unit for group in topology.groups[1:]},
        edges=pq.neural.directed_synapse(pq.neural.tanh, pq.Normal(0, 1.0)),
        inputs="input",
        outputs="output",
        cost=(pq.neural.s - y) ** 2 / 2,
    )


@pytest.mark.slow
def test_feed_forward_networks_learn_by_the_exact_rules_only():
    network = Network(feed_forward())
    blind = network.gradient(pq.VectorFieldEP(pq.Centered(1e-3), free=TIGHT))
    hidden = [name for name in network.exact_tree if name not in ("output", "hidden2->output")]
    assert len(hidden) == 4
    for name in hidden:
        for key, exact in network.exact_tree[name].items():
            assert np.linalg.norm(exact) > 1e-3
            assert np.abs(blind[name][key]).max() < 1e-10
    last = "hidden2->output"
    assert relative(np.asarray(blind[last]["w"]), np.asarray(network.exact_tree[last]["w"])) < 1e-4
    assert network.error(pq.AsymmetricEP(pq.Centered(1e-3), free=TIGHT)) < 1e-5
    assert network.error(pq.DyadicEP(free=TIGHT)) < 1e-11


SYMMETRIC = ["layered", "readout", "patterns", "saturating"]


@pytest.mark.parametrize("name", SYMMETRIC)
@pytest.mark.slow
def test_with_an_energy_all_rules_agree(name):
    """Bounded units too, for the rules that take them; the readout's own gradient; nodes held singly."""
    network, nudge = symmetric(name), pq.Centered(1e-4)
    plain = flat(network.gradient(pq.EquilibriumPropagation(nudge, free=TIGHT)))
    assert relative(flat(network.gradient(pq.VectorFieldEP(nudge, free=TIGHT))), plain) < 1e-6
    assert network.error(pq.VectorFieldEP(nudge, free=TIGHT)) < 1e-6
    if name != "saturating":
        assert network.error(pq.AsymmetricEP(nudge, free=TIGHT)) < 1e-6
        assert network.error(pq.DyadicEP(free=TIGHT)) < 1e-10


@pytest.mark.slow
def test_vector_field_ep_is_of_the_order_of_its_nudging():
    network = symmetric("layered")
    for nudging, order in ((pq.Centered, 2), (pq.OneSided, 1)):
        errors = network.errors(nudging, lambda n: pq.VectorFieldEP(n, free=TIGHT), (0.04, 0.02))
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


@pytest.mark.slow
def test_nodes_held_singly_self_loops_and_batches():
    """The directed graph of the zoo: two clamped nodes among the free ones, a node joined to itself, any batch."""
    params = jax.tree.map(jnp.asarray, random_parameters(zoo.system("directed"), np.random.default_rng(2)))
    for batch in ((), (1,), (2, 3)):
        network = Network(zoo.compiled("directed"), TIGHT, params=params, batch=batch)
        assert network.error(pq.AsymmetricEP(pq.Centered(1e-4), free=TIGHT)) < 1e-6
        assert network.error(pq.DyadicEP(free=TIGHT)) < 1e-11


def two_way():
    """Prototypical layers with separate forward and backward weights."""
    free = pq.layered([3, 4, 2], bidirected=True)
    bundles = tuple(bundle for bundle in free.bundles if bundle.groups[1] != "input")
    return pq.System(
        pq.Topology(free.groups, bundles),
        nodes=pq.neural.prototypical_unit(pq.neural.tanh, pq.Normal(0, 0.3)),
        edges=pq.neural.directed_synapse(initial=pq.Normal(0, 0.4)),
        inputs="input",
        outputs="output",
        cost=(pq.neural.s - y) ** 2 / 2,
    )


def test_hand_written_rules_of_the_prototypical_map():
    """Δs_i s_j without ρ′, and ρ′(D_i) Δs_i s_j, from two solves of the map in NumPy."""
    network, beta = Network(two_way(), MAP), 0.05
    p = jax.tree.map(np.asarray, network.params)
    x, t = np.asarray(network.inputs), np.asarray(network.target)

    def relax(b):
        h, o = np.zeros((4, 4)), np.zeros((4, 2))
        for _ in range(3000):
            into_h = x @ p["input->hidden"]["w"] + o @ p["output->hidden"]["w"] + p["hidden"]["b"]
            into_o = h @ p["hidden->output"]["w"] + p["output"]["b"] + b * (t - o)
            h, o = np.tanh(into_h), np.tanh(into_o)
        return h, o

    (h0, o0), (h1, o1) = relax(0.0), relax(beta)
    slope = {"hidden": 1 - h0**2, "output": 1 - o0**2}
    for weighting in (pq.ForceResponse(), pq.MapResponse()):
        rule = pq.VectorFieldEP(pq.OneSided(beta), free=MAP, weighting=weighting)
        found = network.gradient(rule)
        moved = {"hidden": h1 - h0, "output": o1 - o0}
        if weighting == pq.MapResponse():
            moved = {g: slope[g] * d for g, d in moved.items()}
        senders = {"input": x, "hidden": h0, "output": o0}
        for name in ("input->hidden", "hidden->output", "output->hidden"):
            source, target = name.split("->")
            expected = -senders[source].T @ moved[target] / (beta * 4)
            np.testing.assert_allclose(found[name]["w"], expected, atol=1e-10)
        np.testing.assert_allclose(found["hidden"]["b"], -moved["hidden"].mean(0) / beta, atol=1e-10)


def test_nudges_outside_belong_to_the_curvature_weighted_cost():
    case = symmetric_map()
    outside = pq.FixedPoint(5000, tolerance=1e-14, nudge=pq.Outside())
    rule = pq.VectorFieldEP(pq.Centered(1e-3), free=MAP, nudged=outside)
    assert rule.objective is Objective.CURVATURE_WEIGHTED_COST
    weighted = flat(case.gradient(pq.ImplicitDifferentiation(MAP, weighting=Objective.CURVATURE_WEIGHTED_COST)))
    found = flat(case.gradient(rule))
    assert relative(found, weighted) < 1e-4 and relative(found, case.exact) > 0.1


def symmetric_map():
    return Network(hopfield().prototypical((3, 4, 2)), MAP)


def test_map_response_is_biased_and_says_so():
    case = symmetric_map()
    rule = pq.VectorFieldEP(pq.Centered(1e-3), free=MAP, weighting=pq.MapResponse())
    assert "weighs the response of 's' on group 'hidden' by 1/h" in rule.bias(case.model)
    assert case.error(rule) > 0.1
    assert pq.VectorFieldEP().bias(case.model) is None
    # Units of curvature 1: both weightings are one.
    linear = pq.System(
        pq.layered([2, 3], names=["input", "output"]),
        nodes=pq.Node("unit", potential=zoo.s**2 / 2 - zoo.b * zoo.s),
        edges=zoo.PRODUCT,
        inputs="input",
        **zoo.UNIT_COST,
    ).compile()
    assert rule.bias(linear) is None


def test_bias_names_the_component_and_the_exact_rules():
    model = small("units").model
    text = pq.VectorFieldEP().bias(model)
    assert "'directed synapse'" in text and "J⁻¹" in text and "AsymmetricEP and DyadicEP" in text
    assert pq.AsymmetricEP().bias(model) is None and pq.DyadicEP().bias(model) is None
    assert "penalty of strength 0.1" in pq.JacobianHomeostasis().bias(model)
    assert pq.JacobianHomeostasis(strength=0.0).bias(model) == text
    for rule in (pq.VectorFieldEP(), pq.AsymmetricEP(), pq.DyadicEP(), pq.JacobianHomeostasis()):
        assert rule.contrasted is Contrasted.RESPONSE


@pytest.mark.parametrize("rule", [pq.AsymmetricEP, pq.DyadicEP])
def test_refusals(rule):
    name = rule.__name__
    with pytest.raises(pq.ModelError, match=rf"{name} needs smooth forces, and 'nodes' has bounds; use Implicit"):
        rule().check(zoo.compiled("saturating"))
    model = small("units").model
    with pytest.raises(pq.ModelError, match=rf"{name}: nudged=Minimise.*does not see the force"):
        rule(nudged=pq.Minimise()).check(model)
    outside = pq.FixedPoint(10, nudge=pq.Outside())
    with pytest.raises(pq.ModelError, match=rf"{name}: the force that the rule adds belongs inside"):
        rule(nudged=outside).check(small("map").model)
    s = zoo.s
    jump = pq.Edge("jump", force={s.target: zoo.w * sp.sign(s.source)})
    stepped = pq.System(pq.layered([2, 2], directed=True), nodes=zoo.UNIT, edges=jump, inputs="input", **zoo.UNIT_COST)
    with pytest.raises(pq.ModelError, match=rf"{name} needs differentiable forces; component 'jump' in"):
        rule().check(stepped.compile())


@pytest.mark.parametrize("beta", [0.0, float("nan"), "1"])
def test_the_scale_of_the_difference_is_checked(beta):
    with pytest.raises(pq.ModelError, match="DyadicEP: beta must be a finite number other than 0"):
        pq.DyadicEP(beta)


@pytest.mark.slow
def test_default_finders_fit():
    """Where the default minimises an energy, Newton solves the phase with the extra force."""
    network = symmetric("layered")
    for rule in (pq.AsymmetricEP(pq.Centered(1e-3)), pq.DyadicEP(), pq.VectorFieldEP(pq.Centered(1e-3))):
        gradients, info = rule.gradient(network.model, network.params, network.inputs, network.target)
        assert relative(flat(gradients), network.exact) < 1e-5
        assert int(info.outcome) == Outcome.CONVERGED and info.displacement.shape == (4,)
        assert np.all(info.displacement > 0) and info.steps.shape == info.residual.shape == (2,)
    linear = zoo.compiled("resistors")  # one linear solve
    params = jax.tree.map(jnp.asarray, random_parameters(zoo.system("resistors"), np.random.default_rng(0)))
    resistors = Network(linear, pq.LinearSolve(), params=params)
    assert resistors.error(pq.AsymmetricEP(pq.Centered(1e-3), free=pq.LinearSolve())) < 1e-6


@pytest.mark.slow
def test_single_precision():
    network = small("units")
    single = jax.tree.map(lambda a: a.astype(jnp.float32), (network.params, network.inputs, network.target))
    for rule in (pq.AsymmetricEP(pq.Centered(0.05)), pq.DyadicEP(), pq.VectorFieldEP(pq.Centered(0.05))):
        found, info = rule.gradient(network.model, *single)
        assert {a.dtype for a in jax.tree.leaves(found)} == {jnp.dtype("float32")} and info.cost.dtype == jnp.float32
        if not isinstance(rule, pq.VectorFieldEP):
            assert relative(flat(found), network.exact) < 0.03


@dataclasses.dataclass(frozen=True)
class Counted(pq.Newton):
    """Newton's method that counts how often it is traced."""

    traced: typing.ClassVar = []

    def find(self, problem, free):
        self.traced.append(1)
        return super().find(problem, free)


def test_nothing_compiles_on_the_second_call():
    network = small("units")
    for rule in (pq.AsymmetricEP(pq.Centered(0.05), free=Counted()), pq.DyadicEP(free=Counted(), nudged=Counted())):
        network.gradient(rule)
        before = len(Counted.traced)
        assert before
        rule.gradient(network.model, jax.tree.map(lambda a: a + 0.01, network.params), network.inputs, network.target)
        assert len(Counted.traced) == before


@pytest.mark.slow
def test_audits_see_the_orders_and_the_bias():
    network = small("units")
    arguments = (network.inputs, network.target)
    found = pq.audit(network.model, network.params, pq.AsymmetricEP(), *arguments)
    assert found.best.relative_error < 1e-7 and found.slope == pytest.approx(2, abs=0.05)
    biased = pq.audit(network.model, network.params, pq.VectorFieldEP(), *arguments, betas=[1e-2, 1e-3])
    assert biased.best.cosine < 0.95


def test_rules_run_under_vmap_and_scan():
    """Two parameter sets at once; the extra forces are linearised for each."""
    network = small("units")
    other = jax.tree.map(lambda a: 0.5 * a, network.params)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), network.params, other)
    rule = pq.AsymmetricEP(pq.Centered(1e-3), free=pq.EulerSteps(0.3, 400))

    @eqx.filter_jit
    def many(params):
        return jax.vmap(
            lambda p: rule.estimate(network.model, p, network.inputs, network.target, key=None, start=None)[0]
        )(params)

    found = many(both)
    assert relative(flat(jax.tree.map(lambda a: a[0], found)), network.exact) < 1e-5
    exact = flat(
        pq.ImplicitDifferentiation(TIGHT).gradient(network.model, other, network.inputs, network.target, throw=False)[0]
    )
    assert relative(flat(jax.tree.map(lambda a: a[1], found)), exact) < 1e-5
