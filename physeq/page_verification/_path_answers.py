"""What compiled trajectories say of random paths, and what their rules make of the same paths: one compilation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.checking import probe
from physeq.compile import action_programs
from physeq.learn import HamiltonianEcho, LagrangianEP, TimeReversedNudge
from physeq.page_verification._draws import cheap_key, run_once, shifted, uniform_noise
from physeq.page_verification._echo_answers import echoes
from physeq.page_verification._given_paths import GivenPaths
from physeq.page_verification._motion_answers import lagrangian
from physeq.page_verification._steady_answers import BETA
from physeq.page_verification._steady_rule_answers import scale_of
from physeq.variant import Variant

_MOVED = 0.05


@dataclass(frozen=True, eq=False)
class PathAnswers:
    """Numbers of compiled trajectories on random paths, of one sample; arrays of paths are `(times, size)`.

    Attributes:
        layout, params: of the motion.
        inputs, target: series `(times, size)`.
        times, weights: the grid.
        derivative: a matrix in the place of d/dt on the grid, see `_derivative`.
        backwards: the places of T − t on the grid.
        paths: (a, b, c).
        lagrangian, running: L and Σ ℓ at every time of a; cost: J of a, without a terminal part.
        residual, nudged: d/dt m − f at every time of a, without nudge and with `BETA`.
        pushes: (∂ℓ/∂q, ∂ℓ/∂q̇) of every output along a.
        slopes: {placement: {parameter: ∂L/∂p of every element along a}}, None where no rule asks for it.
        rules: {rule: what it says}.
    """

    layout: Any
    params: Any
    inputs: Mapping[str, np.ndarray]
    target: np.ndarray
    times: np.ndarray
    weights: np.ndarray
    derivative: np.ndarray
    backwards: np.ndarray
    paths: tuple[np.ndarray, np.ndarray, np.ndarray]
    lagrangian: np.ndarray
    running: np.ndarray
    cost: float
    residual: np.ndarray
    nudged: np.ndarray
    pushes: tuple[np.ndarray, np.ndarray]
    slopes: Any
    rules: Mapping[str, Mapping[str, Any]]


def path_answers(model: Any, variant: Variant, rules: Mapping[str, Any], seed: int) -> PathAnswers:
    """Draw parameters, series and paths, and evaluate the model and its rules there."""
    system, layout = model.system, model.layout
    rng = np.random.default_rng(seed)
    inputs, target = probe(variant, system, seed, model)
    named = inputs if isinstance(inputs, Mapping) else {entry.name: inputs for entry in system.inputs}
    count = len(model.times)

    def series(x: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(x)[:1], (1, count, np.shape(x)[-1]))

    drawn = {
        "noise": uniform_noise(system, rng),
        "inputs": {name: series(x) for name, x in named.items()},
        "target": series(target) if target is not None else np.zeros((1, count, model.cost.outputs)),
        "paths": [size * rng.normal(size=(count, layout.size)) for size in (0.5, _MOVED, _MOVED)],
    }
    backwards = np.asarray(model.solver.reversed(jnp.arange(count)[:, None]))[:, 0]
    drawn["derivative"] = _derivative(backwards, rng)

    def everything(drawn):
        params = shifted(system, model.init_parameters(cheap_key(seed)), drawn["noise"])
        data = drawn["inputs"], drawn["target"]
        a = drawn["paths"][0]
        found: dict[str, Any] = {"params": params, "rules": {}}
        problem = model.problem(params, *data)
        found["lagrangian"] = problem.map(lambda one: one.along(lambda bound, t, y, _: lagrangian(bound, t, y), a))
        found["running"] = problem.map(lambda one: one.along(lambda _, t, y, aim: model.cost.running(t, y, aim), a))
        found["pushes"] = problem.map(lambda one: one.along(lambda _, t, y, aim: model.cost.slopes(t, y, aim), a))
        if any(isinstance(rule, LagrangianEP | HamiltonianEcho) for rule in rules.values()):
            programs = action_programs(layout)
            found["slopes"] = problem.map(
                lambda one: one.along(lambda bound, t, y, _: programs.instant(bound, t, y), a)
            )
        found["cost"] = jnp.sum(problem.weights * found["running"][0])[None]
        for name, beta in (("residual", 0.0), ("nudged", BETA)):
            own = model.problem(params, *data, beta)
            found[name] = own.map(lambda one: drawn["derivative"] @ one.momentum(a) - one.force(a))
        for name, rule in rules.items():
            found["rules"][name] = _rule_answers(rule, model, params, *data, drawn)
        return found

    found = run_once(everything, drawn)
    said = found.pop("rules")
    params = found.pop("params")
    sampled = jax.tree.map(lambda x: x[0], {key: found.get(key) for key in ("pushes", "slopes")})
    one = {key: found[key][0] for key in ("lagrangian", "running", "cost", "residual", "nudged")}
    times, weights = (np.asarray(x, float) for x in model.solver.grid(model.boundary))
    dtype = jnp.result_type(float)
    given = jax.tree.map(lambda x: np.asarray(x, dtype).astype(float), drawn)
    return PathAnswers(
        layout=layout,
        params=params,
        inputs={name: x[0] for name, x in given["inputs"].items()},
        target=given["target"][0],
        times=times,
        weights=weights,
        derivative=given["derivative"],
        backwards=backwards,
        paths=tuple(given["paths"]),  # type: ignore[arg-type]
        rules=said,
        **sampled,
        **one,
    )


def _derivative(backwards: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random matrix that changes its sign with the direction of time, as d/dt does.

    All formulas are linear in d/dt, so that any such matrix shows whether each term has it in its place.
    """
    matrix = rng.normal(size=(len(backwards), len(backwards)))
    return (matrix - matrix[np.ix_(backwards, backwards)]) / 2


# Rules ----------------------------------------------------------------------------------------------------------------


def _rule_answers(rule: Any, model: Any, params: Any, inputs: Any, target: Any, drawn: Any) -> dict[str, Any]:
    """ "gradients" of given paths; "error" that is played backwards; of echoes the "echoes" themselves."""
    if isinstance(rule, HamiltonianEcho):
        return echoes(rule, model, params, inputs, target)
    if not isinstance(rule, LagrangianEP | TimeReversedNudge):
        return {}
    paths = tuple(drawn["paths"])
    given = dataclasses.replace(model, solver=GivenPaths(model.solver, paths, drawn["derivative"], scale_of(rule)))
    found = {"gradients": rule.estimate(given, params, inputs, target, key=jax.random.key(0), start=None)[0]}
    if isinstance(rule, TimeReversedNudge):

        def played(one):
            momentum, force = rule._driven(model.solver, one, paths[0]).pushed
            return model.solver.reversed(drawn["derivative"] @ momentum - force) / rule.strength

        found["error"] = model.problem(params, inputs, target).map(played)
    return found
