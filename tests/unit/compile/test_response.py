"""Σ λ ∂f/∂p from the derived expressions against reverse-mode differentiation of the force by the parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
import zoo
from brute_force import random_parameters, random_state

import physeq as pq
from physeq.compile import force_parameter_gradient
from physeq.compile.response import response_terms

BATCH = (3,)


class Case:
    """One system at a random state with a random cotangent, held entries included."""

    def __init__(self, name, model, batch=BATCH, lead=()):
        self.model, system = model, model.system
        rng = np.random.default_rng(7)
        params = random_parameters(system, rng)
        drawn = model.init_parameters(jax.random.key(0))
        if "readout" in drawn:
            params["readout"] = drawn["readout"]
        self.params = jax.tree.map(jnp.asarray, params)
        inputs = {entry.name: rng.uniform(-0.5, 0.5, (*batch, entry.size)) for entry in system.inputs}
        self.inputs = inputs if len(inputs) > 1 else next(iter(inputs.values()))
        rows = [random_state(system, rng) for _ in range(int(np.prod(batch)))]
        low = 0.1 if "prototypical" in name else -1.0
        stacked = jax.tree.map(lambda *xs: jnp.asarray(np.stack(xs).reshape(*batch, -1)).clip(low), *rows)
        self.problem = model.problem(self.params, self.inputs)
        self.free = self.problem.start(stacked)
        self.cotangent = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=(*lead, *x.shape))), self.free)
        self.weights = jnp.asarray(rng.uniform(0.5, 2, (*lead, *batch)))

    def oracle(self, cotangent=None, weights=None):
        """Reverse-mode differentiation of the whole compiled force by the parameters."""
        cotangent = self.cotangent if cotangent is None else cotangent
        weights = self.weights if weights is None else weights

        def force(params):
            return self.model.problem(params, self.inputs).force(self.free)

        seed = jax.tree.map(lambda c: weights[..., None] * c, cotangent)
        return jax.vjp(force, self.params)[1](seed)[0]


def close(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    scale = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(expected))
    assert scale > 1e-2
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, atol=1e-12 * scale)


@pytest.mark.quick(
    "driven-messages",
    "diodes-messages",
    "capacitors-messages",
    "boxed-messages",
    "hopfield-messages",
    "saturating-elements",
    "prototypical-messages",
    "xy-elements",
    "directed-elements",
    "triple-messages",
    "signals-messages",
    "internal-messages",
    "readout-elements",
)
@pytest.mark.parametrize("per_element", [False, True], ids=["messages", "elements"])
@pytest.mark.parametrize("name", zoo.SYSTEMS)
def test_response_is_the_derivative_of_the_force(name, per_element):
    case = Case(name, zoo.compiled(name, per_element))
    close(force_parameter_gradient(case.problem, case.free, case.cotangent, case.weights), case.oracle())


def dense_directed():
    """Dense one-way bundles both ways, a lattice of arrows within a group, a parameter that is shared."""
    s, w, q = zoo.s, zoo.w, pq.parameter("q", shared=True)
    groups = (pq.Group("input", 3), pq.Group("a", 4), pq.Group("output", 2))
    bundles = (
        pq.Bundle("in", ("input", "a"), pq.Dense(), directed=True),
        pq.Bundle("up", ("a", "output"), pq.Dense(), directed=True),
        pq.Bundle("down", ("output", "a"), pq.Dense(), directed=True),
        pq.Bundle("ring", ("a", "a"), pq.Sparse([[0, 1], [1, 2], [2, 0], [3, 3], [0, 1]]), directed=True),
    )
    arrow = pq.Edge("arrow", force={s.target: w * sp.tanh(s.source) * (1 + s.target**2)})
    gate = pq.Edge("gate", force={s.target: sp.sin(w) * q * s.source - w**2 * s.target / 3})
    return pq.System(
        pq.Topology(groups, bundles),
        nodes=zoo.UNIT,
        edges={"in": arrow, "up": gate, "down": arrow, "ring": gate},
        inputs="input",
        **zoo.UNIT_COST,
    )


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
@pytest.mark.quick("batch0")
def test_dense_directed_bundles(batch):
    case = Case("dense directed", dense_directed().compile(), batch)
    close(force_parameter_gradient(case.problem, case.free, case.cotangent, case.weights), case.oracle())
    assert {p.name for p in case.model.derivation.form("up").placement.component.parameters} == {"w", "q"}


def test_phases_are_contracted_at_once():
    """A cotangent with a leading axis that the state lacks is a sum over it, compiled as one function."""
    case = Case("dense directed", dense_directed().compile(), lead=(2,))
    found = eqx.filter_jit(force_parameter_gradient)(case.problem, case.free, case.cotangent, case.weights)
    parts = [case.oracle(jax.tree.map(lambda x: x[k], case.cotangent), case.weights[k]) for k in range(2)]  # noqa: B023
    close(found, jax.tree.map(jnp.add, *parts))
    wide = jax.tree.map(lambda x: jnp.stack([x, x]), case.free)
    close(force_parameter_gradient(case.problem, wide, case.cotangent, case.weights), found)


def test_without_weights_it_is_the_batch_mean():
    case = Case("directed", zoo.compiled("directed"))
    mean = force_parameter_gradient(case.problem, case.free, case.cotangent)
    close(mean, case.oracle(weights=jnp.full(BATCH, 1 / 3)))


def test_held_nodes_do_not_respond():
    case = Case("resistors", zoo.compiled("resistors"))
    moved = jax.tree.map(
        lambda x, m: x + 5.0 * m, case.cotangent, {"nodes": {"v": case.problem.clamps["nodes"]["v"][0]}}
    )
    close(
        force_parameter_gradient(case.problem, case.free, moved, case.weights),
        force_parameter_gradient(case.problem, case.free, case.cotangent, case.weights),
    )


def test_a_synapse_responds_with_one_product_each_way():
    """λ_s ρ′(s_s) ⊗ ρ(s_t) and its mirror image: features are not multiplied out."""
    model = zoo.compiled("layered")
    problem = model.problem(model.init_parameters(jax.random.key(0)), np.zeros(3))
    terms = response_terms(problem, "hidden->output", zoo.w)
    assert len(terms) == 2
    names = {str(s) for t in terms for f in (t.source, t.target) for s in f.symbols}
    assert names == {"s.source", "s.target", "lambda@s.source", "lambda@s.target"}
    (alone,) = response_terms(problem, "input->hidden", zoo.w)
    assert {str(s) for s in alone.source.symbols} == {"s.source"}
    assert response_terms(problem, "hidden", zoo.b) is None
