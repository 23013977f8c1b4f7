"""What a compiled steady state says at random states, and what its rules make of the same states: one compilation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.checking import probe
from physeq.compile import energy, parameter_gradient
from physeq.page_verification._draws import cheap_key, run_once, shifted, uniform_noise
from physeq.page_verification._steady_rule_answers import rule_answers, zeros
from physeq.report._numbers_names import with_state
from physeq.report.numbers import Moment
from physeq.variant import Variant

BETA = 0.5  # the nudge of what is compared without a rule
_SAMPLED = ("energy", "force", "nudged", "cost", "steps", "unbounded")  # with an axis of samples
_MOVED = 0.02  # how far phases are apart: small, so that no state leaves the domain of its functions


@dataclass(frozen=True, eq=False)
class SteadyAnswers:
    """Numbers of a compiled model at random parameters, data and states, of one sample.

    Attributes:
        params, inputs, target: what was drawn.
        states: (a, b, c) of x(β) = a + (β/s) b + (β/s)² c, all groups.
        energy: E at a.
        force, nudged: {group: {unknown: force}} at a, without nudge and with `BETA`.
        slopes: ∂E/∂p at a.
        cost: C at a, None without one.
        steps: {"local step", "nudged step": {group: {unknown: closed-form equilibrium}}} of groups that have one, each
            inside its bounds; `unbounded` the same without them.
        rules: {rule: what it says, see `rule_answers`}.
    """

    params: Any
    inputs: Mapping[str, np.ndarray]
    target: np.ndarray | None
    states: tuple[Any, Any, Any]
    energy: float
    force: Any
    nudged: Any
    slopes: Any
    cost: float | None
    steps: Mapping[str, Any]
    unbounded: Mapping[str, Any]
    rules: Mapping[str, Mapping[str, Any]]

    def moment(self, derivation: Any, beta: Any = 0.0, scale: float = 1.0) -> Moment:
        """The state of a phase with a nudge."""
        a, b, c = (with_state(s, derivation) for s in self.states)
        share = beta / scale
        states = {key: a[key] + share * b[key] + share**2 * c[key] for key in a}
        return Moment(states, beta)

    def step(self, derivation: Any, number: int, beta: float) -> Moment:
        """The state after some steps of a nudged phase."""
        a, b, _ = (with_state(s, derivation) for s in self.states)
        states, held = dict(a), set(derivation.held)
        for _ in range(number):
            states = {k: x if k[0] in held else np.where(b[k] == 0, x, 0.9 * x + b[k]) for k, x in states.items()}
        return Moment(states, beta)


def steady_answers(model: Any, variant: Variant, rules: Mapping[str, Any], seed: int) -> SteadyAnswers:
    """Draw parameters, data and states, and evaluate the model and its rules there."""
    system = model.system
    inputs, target = probe(variant, system, seed)
    named = inputs if isinstance(inputs, Mapping) else {entry.name: inputs for entry in system.inputs}
    named = {name: np.asarray(x)[:1] for name, x in named.items()}
    target = None if target is None else np.asarray(target)[:1]
    rng = np.random.default_rng(seed)
    noise = uniform_noise(system, rng)
    draws = [_normal(model, rng) for _ in range(3)]

    def everything(inputs, target, noise, draws):
        params = shifted(system, model.init_parameters(cheap_key(seed)), noise)
        rest = model.problem(params, inputs, target)
        free = _random_state(model, rest, draws[0])
        states = (free, *(_apart(model, rest, free, draw) for draw in draws[1:]))
        found = {
            "params": params,
            "states": [rest.full(x) if k == 0 else {**zeros(rest.held), **x} for k, x in enumerate(states)],
            "energy": energy(rest, free, with_cost=False),
            "force": rest.force(free),
            "slopes": parameter_gradient(rest, free),
            "rules": {name: rule_answers(rule, model, params, inputs, target, states) for name, rule in rules.items()},
        }
        nudged = None
        if target is not None and model.derivation.cost is not None:
            nudged = model.problem(params, inputs, target, BETA)
            found["nudged"] = nudged.force(free)
            found["cost"] = rest.cost_evaluator.value(rest.full(free), params, rest.target)
        found["steps"] = _steps(rest, nudged, free)
        first, second = (None if x is None else dataclasses.replace(x, bounds={}) for x in (rest, nudged))
        found["unbounded"] = _steps(first, second, free)
        return found

    found = run_once(everything, named, target, noise, draws)
    if not named and target is None:  # nothing has an axis of samples
        found |= jax.tree.map(lambda x: x[None], {key: found[key] for key in (*_SAMPLED, "states") if key in found})
    one = {key: _one_sample(found.get(key)) for key in _SAMPLED}
    return SteadyAnswers(
        params=found["params"],
        inputs={name: x[0] for name, x in named.items()},
        target=None if target is None else target[0],
        states=tuple(_one_sample(s) for s in found["states"]),  # type: ignore[arg-type]
        slopes=found["slopes"],
        rules={name: _rule_sample(own) for name, own in found["rules"].items()},
        **one,
    )


def _one_sample(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0], tree)


def _steps(rest: Any, nudged: Any, free: Any) -> dict[str, Any]:
    """Closed-form equilibria of every group at its messages, without nudge and with it."""
    found: dict[str, Any] = {"local step": {}, "nudged step": {}}
    for group in rest.groups:
        one = rest.local_equilibrium(free, [group], nudge_inside=False)
        found["local step"] |= one or {}
        if nudged is not None and nudged.solves_nudge(group):
            found["nudged step"] |= nudged.local_equilibrium(free, [group], nudge_inside=True) or {}
    return found


def _rule_sample(own: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients are means over the one sample, all else has it as its first axis."""
    return {key: value if key == "gradients" else _one_sample(value) for key, value in own.items()}


def _normal(model: Any, rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    """Normal numbers for every free unknown."""
    free = [v for v in model.derivation.variables.values() if v.group in model.derivation.locals]
    found: dict[str, dict[str, np.ndarray]] = {}
    for v in free:
        found.setdefault(v.group, {})[v.key] = rng.normal(size=v.size)
    return found


def _by_map(model: Any) -> bool:
    """Whether units declare the map that gives their state, whose range is where their energy is finite."""
    return any(form.placement.component.minimiser is not None for form in model.derivation.forms)


def _random_state(model: Any, rest: Any, draw: Any) -> Any:
    """A random state inside the bounds, and inside the range of declared closed-form equilibria."""
    moved = jax.tree.map(lambda x, e: x + 0.5 * e, rest.start(), draw)
    state = rest.project(rest.insert(moved))
    if _by_map(model):
        alone = dataclasses.replace(rest, target=None)
        mapped = rest.local_equilibrium(state, alone.groups, nudge_inside=False)
        state = state if mapped is None else rest.insert(mapped)
    return state


def _apart(model: Any, problem: Any, free: Any, draw: Any) -> Any:
    """A random displacement, none where nodes are held; of units with a map smaller towards the ends of [0, 1]."""
    mapped = _by_map(model)
    moved = jax.tree.map(lambda x, e: x + _MOVED * e * (x * (1 - x) if mapped else 1.0), free, draw)
    return jax.tree.map(jnp.subtract, problem.insert(moved), problem.insert(free))
