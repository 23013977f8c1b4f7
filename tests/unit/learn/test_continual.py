"""Continual rules: the telescoped form against the naive one, against NumPy by hand, and in training."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import physeq as pq
from physeq.compile import telescope
from physeq.errors import ModelError

s, theta, y = pq.coordinate("s"), pq.coordinate("theta"), pq.target("y")
squared = (s - y) ** 2 / 2
LAYERS = ["hidden1", "hidden2", "output"]
BETA, ETA, FREE, NUDGED = 0.3, 0.07, 25, 9


def prototypical(sizes=(5, 6, 4, 3), **options):
    return pq.System(
        pq.layered(sizes),
        nodes={g.name: pq.neural.prototypical_unit(pq.neural.tanh) for g in pq.layered(sizes).groups[1:]},
        edges=pq.neural.prototypical_synapse(),
        inputs="input",
        **({"outputs": "output", "cost": squared} | options),
    )


def energy_based():
    return pq.System(
        pq.layered([5, 6, 4, 3]),
        nodes={g: pq.neural.unit() for g in LAYERS},
        edges=pq.neural.synapse(),
        inputs="input",
        outputs="output",
        cost=squared,
    )


def phases():
    field = pq.oscillators.local_field(1.0, 0.1)
    return pq.System(
        pq.layered([4, 5, 3]),
        nodes={
            g: pq.Node("rotor", potential=field.potential, dissipation=theta.dot**2 / 2) for g in ("hidden", "output")
        },
        edges=pq.oscillators.phase_coupling(pq.Normal(0.0, 0.5)),
        inputs="input",
        outputs="output",
        cost=(theta - y) ** 2 / 2,
    )


def springs():
    """A quadratic coupling: its parameter stands in three products, two of them with a constant end."""
    k = pq.parameter("k", initial=pq.Normal(0.2, 0.1))
    return pq.System(
        pq.layered([4, 5, 3]),
        nodes={g: pq.Node("bead", potential=2 * s**2, dissipation=s.dot**2 / 2) for g in ("hidden", "output")},
        edges=pq.Edge("spring", potential=k * (s.source - s.target) ** 2 / 2),
        inputs="input",
        outputs="output",
        cost=squared,
    )


STEPS = {
    "map": (pq.FixedPoint(FREE), pq.FixedPoint(NUDGED)),
    "euler": (pq.EulerSteps(0.1, FREE), pq.EulerSteps(0.1, NUDGED)),
}
CASES = {
    "prototypical": (prototypical, "map", 3),
    "outside": (prototypical, "outside", 3),
    "energy-based": (energy_based, "euler", 3),
    "phases": (phases, "euler", 2),
    "springs": (springs, "map", 2),
}
STEPS["outside"] = tuple(pq.FixedPoint(n, nudge=pq.Outside()) for n in (FREE, NUDGED))


def problem(build, batch=(4,), seed=0):
    model = build().compile()
    rng = np.random.default_rng(seed)
    inputs = jnp.asarray(rng.uniform(0, 1, (*batch, model.system.inputs[0].size)))
    target = jnp.asarray(rng.uniform(-0.5, 0.5, (*batch, model.system.outputs.size)))
    return model, model.init_parameters(jax.random.key(seed)), inputs, target


def worst(a, b):
    return max(float(jnp.max(jnp.abs(x - z))) for x, z in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.quick("outside-batch0")
@pytest.mark.parametrize("batch", [(4,), (), (2, 3)])
@pytest.mark.parametrize("case", CASES)
def test_telescoped_equals_naive(case, batch):
    build, steps, bundles = CASES[case]
    model, params, inputs, target = problem(build, batch)
    rule = pq.ContinualEP({}, ETA, pq.OneSided(BETA), *STEPS[steps])
    products = rule.telescoping(model)
    assert sum(len(own) for own in products.values()) == bundles, "every dense bundle telescopes"

    def run(telescoped):
        path = rule.trajectory(model, params, inputs, target, telescoped=telescoped)
        state, moving, _ = path.run()
        return state, path.outcome(state, moving)

    fast, slow = run(True), run(False)
    assert worst(fast, slow) < 1e-12
    assert worst(fast[1][1], params) > 1e-4, "weights moved"


def test_transposes_are_of_the_parameters_that_messages_read():
    """Between free groups, not from the clamped input; moved parameters leave none of the old ones behind."""
    model, params, inputs, target = problem(prototypical)
    here = model.problem(params, inputs, target)
    assert set(here.transposed_matrices) == {"hidden1->hidden2", "hidden2->output"}
    for name, own in here.transposed_matrices.items():
        np.testing.assert_array_equal(own["w"], params[name]["w"].T)
    other = model.init_parameters(jax.random.key(1))
    moved = here.with_parameters(other)
    state = jax.tree.map(lambda x: x + 0.3, here.start())
    expected = model.problem(other, inputs, target).messages(state, "hidden1")
    assert not moved.transposed_matrices and "hidden1" in moved.groups
    direct = moved.messages(state, "hidden1")
    for symbol, value in expected.items():
        if symbol in model.lowered.locals["hidden1"].static_part:
            np.testing.assert_allclose(direct[symbol], value, atol=1e-14)


APART = {
    "symmetric": pq.ContinualEP,
    "force": partial(pq.ContinualVectorFieldEP, weighting=pq.ForceResponse()),
    "map": partial(pq.ContinualVectorFieldEP, weighting=pq.MapResponse()),
}


@pytest.mark.parametrize("rule", APART)
@pytest.mark.quick("map")
def test_a_change_kept_apart_is_the_moved_parameter(monkeypatch, rule):
    """Few samples multiply θ₀ and its change apart; on the way back through a bundle, too, both must count."""
    model, params, inputs, target = problem(prototypical)
    made = APART[rule]({}, ETA, pq.OneSided(BETA), *STEPS["map"])

    def run():
        path = made.trajectory(model, params, inputs, target, telescoped=False)
        state, moving, _ = path.run()
        return state, path.outcome(state, moving)

    apart = run()
    monkeypatch.setattr(telescope, "FEW_SAMPLES", 0)
    assert worst(apart, run()) < 1e-14
    assert worst(apart[1][1], params) > 1e-4, "weights moved"


def numpy_c_ep(params, inputs, target, beta, eta, free, nudged, outside=False):
    """Sizes 5-6-3, prototypical map with tanh, nudge inside or outside, weights updated after every nudged step."""
    w1, w2 = (np.array(params[n]["w"]) for n in ("input->hidden", "hidden->output"))
    b1, b2 = (np.array(params[n]["b"]) for n in ("hidden", "output"))
    h, o = np.zeros((len(inputs), 6)), np.zeros((len(inputs), 3))
    for t in range(free + nudged):
        push = beta * (target - o) if t >= free else 0.0
        new_h = np.tanh(inputs @ w1 + o @ w2.T + b1)
        new_o = np.tanh(h @ w2 + b2) + push if outside else np.tanh(h @ w2 + b2 + push)
        if t >= free:
            scale = eta / (beta * len(inputs))
            w1, b1 = w1 + scale * inputs.T @ (new_h - h), b1 + scale * (new_h - h).sum(0)
            w2, b2 = w2 + scale * (new_h.T @ new_o - h.T @ o), b2 + scale * (new_o - o).sum(0)
        h, o = new_h, new_o
    return {"input->hidden": {"w": w1}, "hidden->output": {"w": w2}, "hidden": {"b": b1}, "output": {"b": b2}}


@pytest.mark.quick("40-expected1")
@pytest.mark.parametrize(
    ("batch", "expected"), [(2, ["hidden->output", "input->hidden"]), (40, ["input->hidden"]), (400, [])]
)
def test_low_rank_is_taken_where_it_is_cheaper(batch, expected):
    """The drive of a held group needs a Gram matrix of the batch, which beats changed weights up to 3 × its width."""
    model = prototypical((30, 20, 5)).compile()
    params = model.init_parameters(jax.random.key(0))
    random = np.random.default_rng(0)
    inputs, target = random.uniform(0, 1, (batch, 30)), random.uniform(0, 1, (batch, 5))
    rule = pq.ContinualEP(free=pq.FixedPoint(6), nudged=pq.FixedPoint(4))
    chosen, every = (rule.trajectory(model, params, inputs, target, telescoped=t) for t in (None, True))
    assert sorted(chosen.products) == expected and len(every.products) == 2
    ends = [path.outcome(*path.run()[:2])[1] for path in (chosen, every)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14), *ends)


@pytest.mark.parametrize("steps", ["map", "outside"])
def test_against_numpy_by_hand(steps):
    model, params, inputs, target = problem(lambda: prototypical((5, 6, 3)))
    rule = pq.ContinualEP({}, ETA, pq.OneSided(BETA), *STEPS[steps])
    gradients, info = rule.gradient(model, params, inputs, target)
    outside = steps == "outside"
    by_hand = numpy_c_ep(params, np.array(inputs), np.array(target), BETA, ETA, FREE, NUDGED, outside)
    for name, own in by_hand.items():
        for p, value in own.items():
            assert abs(value - params[name][p]).max() > 1e-4, "it moved"
            np.testing.assert_allclose(info.moved[name][p], value, atol=1e-13)
            np.testing.assert_allclose(params[name][p] - ETA * gradients[name][p], value, atol=1e-13)


def test_small_rates_give_equilibrium_propagation():
    model, params, inputs, target = problem(prototypical)
    slow = pq.ContinualEP({}, ETA * 1e-5, pq.OneSided(BETA), *STEPS["map"])
    still = pq.EquilibriumPropagation(pq.OneSided(BETA), *STEPS["map"])
    moving, _ = slow.gradient(model, params, inputs, target)
    expected, _ = still.gradient(model, params, inputs, target)
    size = max(float(jnp.max(jnp.abs(g))) for g in jax.tree.leaves(expected))
    assert worst(moving, expected) < 1e-4 * size
    fast, _ = pq.ContinualEP({}, ETA, pq.OneSided(BETA), *STEPS["map"]).gradient(model, params, inputs, target)
    assert worst(fast, expected) > 1e-3 * size


def test_fit_keeps_the_weights_where_the_phase_left_them():
    model, _, inputs, target = problem(prototypical)
    rule = pq.ContinualEP({"output": 0.02, "hidden1->hidden2.w": 0.5}, ETA, pq.OneSided(BETA), *STEPS["map"])
    first = model.init_parameters(jax.random.fold_in(jax.random.key(3), 0), jnp.float64)
    result = pq.fit(model, rule, (inputs, target), epochs=1, batch_size=4, seed=3, progress=False)
    order = jax.random.permutation(jax.random.split(jax.random.fold_in(jax.random.key(3), 1))[0], 4)
    _, info = rule.gradient(model, first, inputs[order], target[order])
    assert worst(result.params, info.moved) == 0.0
    with pytest.raises(ModelError, match="rates of its own"):
        pq.fit(model, rule, (inputs, target), optimizer=optax.sgd(0.1), epochs=1, progress=False)
    with pytest.raises(ModelError, match="pass optimizer="):
        pq.fit(model, pq.EquilibriumPropagation(), (inputs, target), epochs=1, progress=False)


def test_training_lowers_the_cost():
    model, _, inputs, _ = problem(prototypical, (40,))
    target = 0.5 * inputs[:, :3] - 0.2
    rule = pq.ContinualEP({}, 0.1, pq.RandomSign(BETA), *STEPS["map"])
    result = pq.fit(model, rule, (inputs, target), epochs=60, batch_size=8, progress=False, basin=None)
    costs = [record["running_cost"] for record in result.history]
    assert costs[-1] < 0.6 * costs[0]


def test_conductances_stay_positive_inside_the_phase():
    network = pq.System(
        pq.layered([3, 4, 2]),
        edges=pq.electrical.resistor(pq.Uniform(0.0, 0.2)),
        inputs="input",
        outputs="output",
        cost=(pq.electrical.v - y) ** 2 / 2,
    )
    model = network.compile()
    params = model.init_parameters(jax.random.key(0))
    inputs, target = jnp.array([[1.0, -1.0, 0.5]]), jnp.array([[3.0, -3.0]])
    rule = pq.ContinualEP({}, 2.0, pq.OneSided(1.0), pq.NodeDescent(30), pq.NodeDescent(10))
    _, info = rule.gradient(model, params, inputs, target)
    assert not rule.telescoping(model), "a clipped parameter's change does not telescope"
    smallest = min(float(jnp.min(x)) for x in jax.tree.leaves(info.moved))
    assert smallest == 0.0 and worst(info.moved, params) > 0.01


def test_a_readout_moves_once_at_the_end():
    z, a = pq.coordinate("z"), pq.parameter("a", initial=pq.Normal(0, 0.5))
    build = lambda: prototypical(  # noqa: E731
        (5, 6, 4), readout=pq.Readout(output=z, drive=a * s, size=2), cost=(z - y) ** 2 / 2
    )
    model = build().compile()
    rng = np.random.default_rng(0)
    inputs, target = jnp.asarray(rng.uniform(0, 1, (4, 5))), jnp.asarray(rng.uniform(-1, 1, (4, 2)))
    params = model.init_parameters(jax.random.key(0))
    rule = pq.ContinualEP({}, 1e-9, pq.OneSided(1e-4), pq.FixedPoint(60), pq.FixedPoint(60))
    moving, _ = rule.gradient(model, params, inputs, target)
    exact, _ = pq.ImplicitDifferentiation().gradient(model, params, inputs, target)
    for g, e in zip(jax.tree.leaves(moving), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(g, e, atol=2e-3 * float(jnp.max(jnp.abs(e))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rates": {"hidden9": 0.1}}, "'hidden9' is no placement"),
        ({"rates": {"hidden1": 0.1}}, "none for"),
        ({"nudging": pq.Centered(0.1)}, r"nudging must be OneSided\(beta\) or RandomSign\(beta\)"),
        ({"rates": 0.1}, "rates must be"),
        ({"free": pq.FixedPoint(10, tolerance=1e-6)}, "fixed number of steps"),
        ({"free": pq.Newton()}, "fixed number of steps"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    model, params, inputs, target = problem(prototypical)
    with pytest.raises(ModelError, match=message):
        pq.ContinualEP(**change).gradient(model, params, inputs, target)


def test_a_nudged_phase_that_runs_away_is_an_error():
    model, params, inputs, target = problem(prototypical)
    outside = pq.FixedPoint(60, nudge=pq.Outside())
    rule = pq.ContinualEP({}, 1e200, pq.OneSided(-1e10), pq.FixedPoint(60), outside)
    with pytest.raises(pq.SolveError, match="ContinualEP diverged"):
        rule.gradient(model, params, inputs, target)


def test_an_outside_nudge_has_its_own_objective():
    assert pq.ContinualEP(nudged=pq.FixedPoint(9, nudge=pq.Outside())).objective is pq.Objective.CURVATURE_WEIGHTED_COST
    assert pq.ContinualEP().objective is pq.Objective.COST


def test_rates_must_be_positive():
    with pytest.raises(ModelError, match="trainable=False"):
        pq.ContinualEP({"hidden": 0.0})


def test_a_system_without_energy_is_refused():
    model = pq.System(
        pq.layered([3, 4, 2], bidirected=True),
        nodes={g: pq.neural.prototypical_unit(pq.neural.tanh) for g in ("hidden", "output")},
        edges=pq.neural.directed_synapse(),
        inputs="input",
        outputs="output",
        cost=squared,
    ).compile()
    with pytest.raises(ModelError, match="ContinualVectorFieldEP"):
        pq.ContinualEP().check(model)


def asymmetric(sizes=(5, 6, 4, 3), activation=pq.neural.tanh):
    topology = pq.layered(sizes, bidirected=True)
    return pq.System(
        topology,
        nodes={g.name: pq.neural.prototypical_unit(activation) for g in topology.groups[1:]},
        edges=pq.neural.directed_synapse(),
        inputs="input",
        outputs="output",
        cost=squared,
    )


def numpy_c_vf(params, inputs, target, beta, eta, free, nudged, map_response=False):
    """Sizes 5-6-3: forward and backward weights of their own, ΔW = (η/βB) (s_i(t+1) − s_i(t)) ⊗ s_j(t)."""
    w1, w2, back = (np.array(params[n]["w"]) for n in ("input->hidden", "hidden->output", "output->hidden"))
    b1, b2 = (np.array(params[n]["b"]) for n in ("hidden", "output"))
    h, o = np.zeros((len(inputs), 6)), np.zeros((len(inputs), 3))
    for t in range(free + nudged):
        push = beta * (target - o) if t >= free else 0.0
        new_h, new_o = np.tanh(inputs @ w1 + o @ back + b1), np.tanh(h @ w2 + b2 + push)
        if t >= free:
            scale = eta / (beta * len(inputs))
            dh, do = new_h - h, new_o - o
            if map_response:
                dh, do = dh * (1 - new_h**2), do * (1 - np.tanh(h @ w2 + b2) ** 2)
            w1, b1 = w1 + scale * inputs.T @ dh, b1 + scale * dh.sum(0)
            w2, b2 = w2 + scale * h.T @ do, b2 + scale * do.sum(0)
            back = back + scale * o.T @ dh
        h, o = new_h, new_o
    weights = {"input->hidden": w1, "hidden->output": w2, "output->hidden": back}
    return {n: {"w": w} for n, w in weights.items()} | {"hidden": {"b": b1}, "output": {"b": b2}}


@pytest.mark.parametrize("weighting", [pq.ForceResponse(), pq.MapResponse()])
def test_vector_field_against_numpy_by_hand(weighting):
    model, params, inputs, target = problem(lambda: asymmetric((5, 6, 3)))
    rule = pq.ContinualVectorFieldEP({}, ETA, pq.OneSided(-BETA), *STEPS["map"], weighting=weighting)
    _, info = rule.gradient(model, params, inputs, target)
    by_hand = numpy_c_vf(
        params, np.array(inputs), np.array(target), -BETA, ETA, FREE, NUDGED, weighting == pq.MapResponse()
    )
    for name, own in by_hand.items():
        for p, value in own.items():
            if name != "output->input":
                np.testing.assert_allclose(info.moved[name][p], value, atol=1e-13, err_msg=name)


def test_vector_field_telescopes_where_the_source_is_held():
    model, params, inputs, target = problem(asymmetric)
    rule = pq.ContinualVectorFieldEP({}, ETA, pq.OneSided(BETA), *STEPS["map"])
    assert set(rule.telescoping(model)) == {"input->hidden1"}
    assert not pq.ContinualVectorFieldEP(weighting=pq.MapResponse()).telescoping(model)

    def run(telescoped):
        path = rule.trajectory(model, params, inputs, target, telescoped=telescoped)
        state, moving, _ = path.run()
        return state, path.outcome(state, moving)

    assert worst(run(True), run(False)) < 1e-12
    assert rule.bias(model) is not None
    assert rule.bias(problem(prototypical)[0]) is None


@pytest.mark.parametrize("free", [pq.FixedPoint(500, tolerance=1e-13), pq.NodeDescent(500, tolerance=1e-13)])
@pytest.mark.parametrize(("build", "kind"), [(prototypical, pq.ContinualEP), (asymmetric, pq.ContinualVectorFieldEP)])
def test_the_free_phase_may_end_at_the_equilibrium(build, kind, free):
    model, params, inputs, target = problem(build)
    wanted, long = kind({}, ETA, pq.OneSided(BETA), pq.FixedPoint(400), pq.FixedPoint(NUDGED)).gradient(
        model, params, inputs, target
    )
    found, info = kind({}, ETA, pq.OneSided(BETA), free, pq.FixedPoint(NUDGED)).gradient(model, params, inputs, target)
    assert worst(found, wanted) < 1e-10
    assert worst(info.moved, long.moved) < 1e-11
