"""Initial values that depend on each other: a backward bundle at an angle to the forward one."""

import jax
import numpy as np
import pytest

import physeq as pq

s = pq.neural.s


def model(initials, sizes=(40, 50, 30), **values):
    """Layers with synapses in both directions; `initials` names the starts that are not uniform."""
    topology = pq.layered(sizes, bidirected=True)
    edges = {
        bundle.name: pq.neural.directed_synapse(initial=initials.get(bundle.name, pq.FanInUniform()))
        for bundle in topology.bundles
    }
    unit = pq.neural.prototypical_unit()
    nodes = {group.name: unit for group in topology.groups[1:]}
    return pq.System(topology, nodes=nodes, edges=edges, inputs="input", values=values).compile()


def angle(first, second):
    """Degrees between two matrices."""
    cosine = np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("degrees", [0.0, 22.5, 67.5, 90.0, 135.0, 180.0])
def test_angle_between_forward_and_backward_weights(degrees):
    flip = (1 - np.cos(np.radians(degrees))) / 2
    compiled = model({"output->hidden": pq.TransposeOf("hidden->output", flip)}, (4, 300, 200))
    params = compiled.init_parameters(jax.random.key(3))
    forward, backward = (np.asarray(params[name]["w"]) for name in ("hidden->output", "output->hidden"))
    np.testing.assert_array_equal(np.abs(forward.T), np.abs(backward))
    # The cosine of 60,000 signs scatters by 4e-3.
    assert np.cos(np.radians(angle(forward.T, backward))) == pytest.approx(np.cos(np.radians(degrees)), abs=0.02)
    if degrees in (0.0, 180.0):
        np.testing.assert_array_equal(backward, forward.T if degrees == 0 else -forward.T)


def test_flips_follow_the_key_and_leave_the_other_draws_alone():
    tied, plain = model({"output->hidden": pq.TransposeOf("hidden->output", 0.5)}), model({})
    first, again, other = (tied.init_parameters(jax.random.key(k)) for k in (0, 0, 1))
    np.testing.assert_array_equal(first["output->hidden"]["w"], again["output->hidden"]["w"])
    signs = [np.sign(p["output->hidden"]["w"] * p["hidden->output"]["w"].T) for p in (first, other)]
    assert 0.3 < np.mean(signs[0] != signs[1]) < 0.7
    for name, own in plain.init_parameters(jax.random.key(0)).items():
        for key, value in own.items():
            if name != "output->hidden":
                np.testing.assert_array_equal(first[name][key], value)


def test_given_values_and_chains_are_followed():
    # The forward bundle starts as the transpose of the backward one, declared after it, whose values are given.
    given = np.arange(6.0).reshape(2, 3)
    starts = {"hidden->output": pq.TransposeOf("output->hidden")}
    params = model(starts, (4, 3, 2), **{"output->hidden": {"w": given}}).init_parameters(jax.random.key(0))
    np.testing.assert_array_equal(params["hidden->output"]["w"], given.T)
    chain = {"a->b": pq.TransposeOf("b->a"), "b->a": pq.TransposeOf("c->b"), "c->b": pq.FanInUniform()}
    topology = pq.layered([3, 3, 3], names=["a", "b", "c"], bidirected=True)
    edges = {b.name: pq.neural.directed_synapse(initial=chain.get(b.name)) for b in topology.bundles}
    nodes = {group.name: pq.neural.prototypical_unit() for group in topology.groups}
    params = pq.System(topology, nodes=nodes, edges=edges).compile().init_parameters(jax.random.key(0))
    np.testing.assert_array_equal(params["a->b"]["w"], params["c->b"]["w"])
    np.testing.assert_array_equal(params["b->a"]["w"], params["c->b"]["w"].T)


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ({"output->hidden": "hidden->outpt"}, ["'output->hidden'", "'hidden->outpt'", "'hidden->output'"]),
        ({"output->hidden": "hidden"}, ["'hidden'", "no parameter 'w'", "'hidden->output'"]),
        ({"output->hidden": "input->hidden"}, ["'output->hidden'", "(30, 50)", "(40, 50)"]),
        (
            {"output->hidden": "hidden->output", "hidden->output": "output->hidden"},
            ["wait for each other", "'hidden->output' → 'output->hidden' → 'hidden->output'"],
        ),
        ({"output->hidden": "output->hidden"}, ["'output->hidden' → 'output->hidden'"]),
    ],
)
def test_partners_that_do_not_fit_are_named(starts, words):
    compiled = model({name: pq.TransposeOf(partner) for name, partner in starts.items()})
    with pytest.raises(pq.ModelError) as caught:
        compiled.init_parameters(jax.random.key(0))
    for word in words:
        assert word in str(caught.value)


def test_a_chance_is_in_its_range():
    with pytest.raises(pq.ModelError, match="flip must be a chance"):
        pq.TransposeOf("hidden->output", flip=1.5)


def test_a_readout_has_no_partner():
    z, y, w = pq.coordinate("z"), pq.target("y"), pq.parameter("w", initial=pq.TransposeOf("input->output"))
    system = pq.System(
        pq.layered([2, 3]),
        nodes={"output": pq.neural.prototypical_unit()},
        edges=pq.neural.prototypical_synapse(),
        inputs="input",
        outputs="output",
        readout=pq.Readout(output=z, drive=w * s, size=2),
        cost=(z - y) ** 2 / 2,
    )
    with pytest.raises(pq.ModelError, match="readout"):
        system.compile().init_parameters(jax.random.key(0))
