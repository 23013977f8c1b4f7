"""What rules tell of their steps is what they run: the finders in their order, and how many states a sample takes."""

import dataclasses
import math
import re

import jax
import pytest
import zoo

import physeq as pq
from physeq import learn
from physeq.learn.procedure import CLOSING, Listing, Step, solved, walk
from physeq.learn.rule import GradientInfo, LearningRule, Phase
from physeq.registry import registry

RUNS = []


@dataclasses.dataclass(frozen=True)
class Watched(pq.FixedPoint):
    """Steps of the map that leave a note of every solve: which finder, how many states per sample."""

    def find(self, problem, free):
        RUNS.append((self.steps, math.prod(problem.batch) // 3))
        return super().find(problem, free)


FREE, NUDGED = Watched(7), Watched(5)
PHASES = {"free": FREE, "nudged": NUDGED}
RULES = {
    "centered": pq.EquilibriumPropagation(pq.Centered(0.1), **PHASES),
    "one-sided": pq.EquilibriumPropagation(pq.OneSided(-0.1), **PHASES),
    "random sign": pq.EquilibriumPropagation(pq.RandomSign(0.1), **PHASES),
    "vector field": pq.VectorFieldEP(pq.Centered(0.1), **PHASES),
    "asymmetric": pq.AsymmetricEP(pq.OneSided(0.1), **PHASES),
    "dyadic": pq.DyadicEP(**PHASES),
    "coupled": pq.CoupledLearning(0.1, free=FREE, clamped=NUDGED),
    "contrastive": pq.ContrastiveLearning(free=FREE, clamped=NUDGED),
    "circle of 8": pq.HolomorphicEP(0.1, 8, **PHASES),
    "circle of 5": pq.HolomorphicEP(0.1, 5, **PHASES),
    "homeostasis": pq.JacobianHomeostasis(pq.VectorFieldEP(pq.Centered(0.1), **PHASES)),
    "implicit": pq.ImplicitDifferentiation(FREE),
    "through time": pq.BackpropagationThroughTime(FREE),
}


@pytest.fixture(scope="module")
def case():
    model = zoo.compiled("prototypical")
    inputs, target = zoo.data("prototypical", batch=(3,))
    return model, model.init_parameters(jax.random.key(0)), inputs, target


@pytest.mark.parametrize("name", RULES)
def test_the_told_finders_are_those_that_run(case, name):
    model, params, inputs, target = case
    rule = RULES[name]
    rule.check(model)
    RUNS.clear()
    # Traced, not run: what is called is what counts.
    jax.eval_shape(lambda p: rule.estimate(model, p, inputs, target, key=jax.random.key(1), start=None)[0], params)
    told = rule.procedure(model)
    assert solved(told) == sum(count for _, count in RUNS)
    assert list(dict.fromkeys(s.finder.steps for s in walk(told) if s.finder is not None)) == list(
        dict.fromkeys(steps for steps, _ in RUNS)
    )


def test_every_rule_of_the_registry_tells_steps(case):
    model, *_ = case
    for name, kind in registry()["rule"].items():
        if not issubclass(kind, learn.TrajectoryRule):
            rule = kind(FREE) if name == "backpropagation-through-time" else kind()
            steps = rule.procedure(model)
            assert steps and all(step.text.count("{") == step.text.count("}") for step in walk(steps)), name
            # What moves weights inside a phase has no update behind it.
            assert (CLOSING[-1] in steps) != rule.moves_weights, name


def test_a_continual_rule_moves_inside_the_loop(case):
    model, *_ = case
    loop = next(s for s in pq.ContinualEP(free=FREE, nudged=NUDGED).procedure(model) if s.times > 1)
    assert loop.times == 5 and any("moves at once" in step.text for step in loop.inner)


@dataclasses.dataclass(frozen=True)
class ThreePoints(LearningRule):
    """A rule of a user: free, +β and +2β, contrasted by their weights."""

    def phases(self):
        return (Phase("free", "0", None, "−1.5"), Phase("near", "+β", "free", "2"), Phase("far", "+2β", "free", "−0.5"))

    def check(self, model):
        pass

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[dict, GradientInfo]:
        raise NotImplementedError


def test_a_rule_that_tells_nothing_has_the_steps_of_its_phases(case):
    model, *_ = case
    steps = ThreePoints().procedure(model)
    assert solved(steps) == 3
    told = [re.match(r"(\w+) phase", step.text) for step in walk(steps)]
    assert [match[1] for match in told if match] == ["Free", "Near", "Far"]
    assert sum(step.lists is Listing.SLOPES for step in walk(steps)) == 3
    assert any("far with {−0.5}" in step.text for step in walk(steps))


def test_steps_are_counted_through_loops():
    inner = Step("Relax.", finder=FREE)
    assert solved([Step("Twice:", (inner, Step("Three times:", (inner,), times=3)), times=2), inner]) == 9
