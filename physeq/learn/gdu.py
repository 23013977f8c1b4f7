"""Gradient-descending updates: a continual rule against backpropagation through time, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.mass import diagonal_mass
from physeq.errors import InternalError, ModelError
from physeq.learn.continual import ContinualRule, Trajectory
from physeq.learn.rule import Params
from physeq.settings import instance
from physeq.shown import Shown
from physeq.solve import EulerSteps, FixedPoint, Inside


@dataclass(frozen=True, eq=False)
class UpdateCurve:
    """One quantity over the steps t = 0..K−1 of the nudged phase.

    Attributes:
        size: number of entries of the quantity, the batch included.
        difference, reference: root mean squares of (update + gradient) and of the gradient at every step.
        updates, gradients: some entries at every step, `(steps, entries)`: the rule's updates, and minus the gradient.
    """

    size: int
    difference: np.ndarray
    reference: np.ndarray
    updates: np.ndarray
    gradients: np.ndarray

    def __repr__(self) -> str:
        return f"UpdateCurve({self.size} entries, {len(self.difference)} steps: relative {self.relative:.3g})"

    @property
    def relative(self) -> float:
        """√Σ_t difference² / √Σ_t reference²."""
        size = float(np.linalg.norm(self.reference))
        return float(np.linalg.norm(self.difference)) / size if size else float("nan")


@dataclass(frozen=True, eq=False)
class GradientDescendingUpdates(Shown):
    """What `gradient_descending_updates` found.

    Attributes:
        neurons: {"group.unknown": curve}; synapses: {"placement.parameter": curve}.
        beta, rates: the nudge and η of the rule.
        steps: K.
    """

    neurons: Mapping[str, UpdateCurve]
    synapses: Mapping[str, UpdateCurve]
    beta: float
    rates: Mapping[str, float]
    steps: int

    def __repr__(self) -> str:
        curves = len(self.neurons) + len(self.synapses)
        return f"GradientDescendingUpdates({curves} quantities, {self.steps} steps, beta={self.beta:.3g})"

    def relative(self, kind: str) -> float:
        """The relative root mean square over all entries of all "neurons" or "synapses"."""
        curves = {"neurons": self.neurons, "synapses": self.synapses}[kind].values()
        sizes = [np.sum(c.reference**2) * c.size for c in curves]
        gaps = [np.sum(c.difference**2) * c.size for c in curves]
        return float(np.sqrt(sum(gaps) / sum(sizes)))


def gradient_descending_updates(
    model: Any, params: Params, rule: ContinualRule, inputs: Any, target: Array, *, entries: int = 5, seed: int = 0
) -> GradientDescendingUpdates:
    """Compare every update of the nudged phase with the gradient of the step of the free phase that it answers.

    With T free steps and L the mean cost after them, (s_{t+1} − s_t)/β tends to −∂L/∂s_{T−t} and (θ_{t+1} − θ_t)/η to
    minus the summand of step T − t of backpropagation through time, as β and η/β vanish (theorem 1 of the source). A
    step answers a force in its own metric, in which the gradient of the states is taken: dt/m for an Euler step; 1/h
    with the nudge inside the map (for s ← ρ(a) that is ρ′(a), the gradient with respect to pre-activations).

    Args:
        model, params: the compiled system and its parameters.
        rule: `ContinualEP` or `ContinualVectorFieldEP`; its K may not exceed its T.
        inputs, target: one batch.
        entries: how many entries of every quantity are kept in full.
        seed: of their choice, and of a random sign of β.

    Raises:
        ModelError: the rule is of another kind, does not fit the model, or has more nudged steps than free ones, or
            free ones without a fixed number.

    Source: Ernoult, Grollier, Querlioz, Bengio, Scellier 2020, arXiv:2005.04168, theorem 1.

    >>> import jax, numpy as np, physeq as pq
    >>> s, y, w = pq.coordinate("s"), pq.target("y"), pq.parameter("w", initial=0.3)
    >>> unit = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    >>> synapse = pq.Edge("synapse", potential=-w * s.source * s.target)
    >>> model = pq.System(pq.layered([1, 2, 1]), nodes=unit, edges=synapse, inputs="input", outputs="output",
    ...                   cost=(s - y) ** 2 / 2).compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> steps = pq.FixedPoint(40), pq.FixedPoint(10)
    >>> rule = pq.ContinualEP(default=1e-6, nudging=pq.OneSided(1e-3), free=steps[0], nudged=steps[1])
    >>> found = gradient_descending_updates(model, params, rule, x, wanted)
    >>> found.relative("synapses") < 0.01
    True
    """
    examples = "a rule whose weights move in the nudged phase: ContinualEP or ContinualVectorFieldEP"
    instance("gradient_descending_updates", "rule", rule, (ContinualRule,), examples)
    rule.check(model)
    inputs, target = model.check_data(inputs, target)
    nudged = rule.free if rule.nudged is None else rule.nudged
    if rule.free.budget is None:
        raise ModelError(
            "gradient_descending_updates: every nudged step answers a step of the free phase, and "
            f"free={rule.free!r} has no fixed number of them; set free=FixedPoint(T)"
        )
    free_steps, steps = rule.free.budget, nudged.budget or 0
    if steps > free_steps:
        raise ModelError(
            f"gradient_descending_updates: K = {steps} nudged steps need as many free ones, and T = {free_steps}"
        )
    beta, curves = _curves(rule, model, params, inputs, target, free_steps, steps, jax.random.key(seed))
    chosen = np.random.default_rng(seed)
    found: dict[str, dict[str, UpdateCurve]] = {}
    for kind, tree in curves.items():
        for owner, own in tree.items():
            for key, (update, gradient) in own.items():
                rows = [np.asarray(a).reshape(steps, -1) for a in (update, gradient)]
                size = np.sqrt(np.mean(rows[1] ** 2, 1))
                gap = np.sqrt(np.mean((rows[0] - rows[1]) ** 2, 1))
                picked = chosen.choice(rows[0].shape[1], min(entries, rows[0].shape[1]), replace=False)
                some = (row[:, picked] for row in rows)
                found.setdefault(kind, {})[f"{owner}.{key}"] = UpdateCurve(rows[0].shape[1], gap, size, *some)
    rates = {f"{p}.{k}": v for p, own in rule.rate_tree(model).items() for k, v in own.items()}
    return GradientDescendingUpdates(found["neurons"], found["synapses"], float(beta), rates, steps)


@eqx.filter_jit
def _curves(rule, model, params, inputs, target, free_steps, steps, key):
    """(β, {kind: {owner: {key: (updates, minus gradients), each (steps, ...)}}})."""
    nudged = rule.free if rule.nudged is None else rule.nudged
    path: Trajectory = rule.trajectory(model, params, inputs, target, key=key, telescoped=False)
    rest = model.problem(params, inputs, batch=path.problem.batch)

    def free_step(p, state):
        return _stepper(nudged, model.problem(p, inputs, batch=rest.batch))(state)

    # The K + 1 last states of the free phase, the newest last.
    early = jax.lax.fori_loop(0, free_steps - steps, lambda _, s: free_step(params, s), rest.start())
    last, late = jax.lax.scan(lambda s, _: (free_step(params, s), s), early, length=steps)
    slope = path.problem.cost_evaluator.gradient(path.problem.full(last), params, path.problem.target)
    unknowns = path.problem.cost_evaluator.programs.form.unknowns
    cotangent = jax.tree.map(jnp.zeros_like, last)
    for group, value in slope.items():
        if group in cotangent:
            cotangent[group] = cotangent[group] | {unknowns[group].key: value}

    def compare(carry, xs):
        state, changes, cotangent, newest = carry
        number, before = xs
        new, further = path.step(state, changes, number)
        metric = _metric(nudged, rest, newest)
        rows = {
            "neurons": jax.tree.map(lambda a, b, c, m: ((b - a) / path.beta, -c * m), state, new, cotangent, metric),
            "synapses": {},
        }
        pull = jax.vjp(free_step, params, before)[1]
        gradient, cotangent = pull(cotangent)
        for name, own in changes.items():
            for p, x in own.items():
                change = (further[name][p] - x) / path.rates[name][p]
                rows["synapses"].setdefault(name, {})[p] = (change, -gradient[name][p] / path.size)
        return (new, further, cotangent, before), rows

    begin = (path.free[0], path.still, cotangent, last)
    _, rows = jax.lax.scan(compare, begin, (jnp.arange(steps), jax.tree.map(lambda x: x[::-1], late)))
    return path.beta, rows


def _stepper(finder, problem):
    advance = finder.stepper(problem)
    if advance is None:
        raise InternalError(f"{finder!r} has a budget and no step")
    return advance


def _metric(finder: Any, problem: Any, state: Any) -> Any:
    """What one step makes of a small force on every unknown: 1/h in the map, dt/m in an Euler step."""
    if isinstance(finder, EulerSteps):
        return jax.tree.map(lambda m: finder.dt / m, diagonal_mass(problem, state))
    if isinstance(finder, FixedPoint) and isinstance(finder.nudge, Inside):
        return jax.tree.map(lambda h: 1 / h, problem.curvature(state))
    return jax.tree.map(jnp.ones_like, state)
