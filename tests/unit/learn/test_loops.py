"""Phases are compiled as loops: the program of a rule does not grow with its steps, points in time or batch."""

import jax
import pytest
import zoo

import physeq as pq

NOISE = pq.GaussianNoise(0.01)
RULES = {
    "ep": lambda n: pq.EquilibriumPropagation(pq.Centered(0.1), pq.FixedPoint(n), pq.FixedPoint(n)),
    "noisy ep": lambda n: pq.EquilibriumPropagation(pq.Centered(0.1), pq.FixedPoint(n, noise=NOISE)),
    "sweeps": lambda n: pq.EquilibriumPropagation(pq.Centered(0.1), pq.NodeDescent(n)),
    "c-ep": lambda n: pq.ContinualEP({}, 0.01, free=pq.FixedPoint(n), nudged=pq.FixedPoint(n)),
    "c-vf": lambda n: pq.ContinualVectorFieldEP({}, 0.01, free=pq.FixedPoint(n), nudged=pq.FixedPoint(n)),
    "holomorphic": lambda n: pq.HolomorphicEP(0.1, 4, pq.FixedPoint(n), pq.FixedPoint(n)),
    "oscillating": lambda n: pq.OscillatingEP(0.1, 4, periods=n, steps=n),
    "backpropagation": lambda n: pq.BackpropagationThroughTime(pq.FixedPoint(n)),
}


def equations(jaxpr):
    """Equations of a program, those of its loop bodies counted once."""
    inner = [v for e in jaxpr.eqns for p in e.params.values() for v in (p if isinstance(p, tuple | list) else [p])]
    bodies = [getattr(v, "jaxpr", v) for v in inner]
    return len(jaxpr.eqns) + sum(equations(body) for body in bodies if hasattr(body, "eqns"))


@pytest.mark.parametrize("name", RULES)
def test_the_program_does_not_grow_with_the_steps(name):
    model = zoo.compiled("prototypical")
    params, key = model.init_parameters(jax.random.key(0)), jax.random.key(1)

    def size(steps, batch):
        rule = RULES[name](steps)
        x, wanted = zoo.data("prototypical", 0, (batch,))
        return equations(
            jax.make_jaxpr(lambda p: rule.estimate(model, p, x, wanted, key=key, start=None)[0])(params).jaxpr
        )

    few = size(17, 2)
    assert few > 20
    # 16 and 64 steps before the last one are whole turns of the loop, which takes some steps at once.
    assert size(65, 2) == few and size(65, 3) == few
