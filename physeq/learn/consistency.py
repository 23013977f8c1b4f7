"""`consistency`: the parts of a compiled model against each other, each by another route."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import energy, parameter_gradient
from physeq.errors import ModelError
from physeq.learn.exact import FiniteDifferences, ImplicitDifferentiation
from physeq.learn.rule import Params
from physeq.learn.tight import flat_trainable, free_state, polish_finder
from physeq.shown import Shown
from physeq.solve import FixedPoint

_BETA = 0.5  # the cost takes part in what is compared


@dataclass(frozen=True)
class Consistency(Shown):
    """Largest relative differences; None where a comparison does not apply.

    Attributes:
        force_vs_autodiff: the derived force against −∇ of the energy by JAX (conservative systems).
        lowerings: messages against element-by-element evaluation, of energy, force and parameter gradient.
        implicit_vs_finite_differences: the gradient of the cost at the equilibrium, by two independent routes.
        bundles: the bundles whose lowerings were compared; the others have one lowering.
    """

    force_vs_autodiff: float | None
    lowerings: float | None
    implicit_vs_finite_differences: float | None
    bundles: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self) | {"bundles": list(self.bundles)}


def consistency(model: Any, params: Params, inputs: Any, target: Array | None, *, seed: int = 0) -> Consistency:
    """Compare a model's parts by independent routes, at a random state and at its equilibrium. Use double precision.

    Args:
        model, params: a compiled `System` and its parameters.
        inputs, target: one batch; without a target the cost is left out.
        seed: of the random state.

    >>> import jax, numpy as np, physeq as pq
    >>> v, y = pq.electrical.v, pq.target("y")
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(v - y) ** 2 / 2)
    >>> model = network.compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> consistency(model, params, x, wanted).implicit_vs_finite_differences < 1e-8
    True
    """
    problem = model.problem(params, inputs, target, _BETA if target is not None else 0.0)
    state = random_state(model, problem, seed)
    names = tuple(
        f.placement.name
        for f in model.derivation.forms
        if not f.local and f.placement.name not in model.derivation.per_element
    )
    return Consistency(
        force_vs_autodiff=_force_vs_autodiff(model, problem, state),
        lowerings=_lowerings(model, problem, state, names, inputs, target),
        implicit_vs_finite_differences=None if target is None else _gradients(model, params, inputs, target),
        bundles=names,
    )


def random_state(model: Any, problem: Any, seed: int) -> Any:
    """A random free state inside the bounds, and inside the range of declared closed-form equilibria."""
    start = problem.start()
    leaves, structure = jax.tree.flatten(start)
    keys = jax.random.split(jax.random.key(seed), len(leaves) or 1)
    moved = [x + 0.5 * jax.random.normal(k, x.shape, x.dtype) for k, x in zip(keys, leaves, strict=False)]
    state = problem.project(problem.insert(jax.tree.unflatten(structure, moved)))
    if any(f.placement.component.minimiser is not None for f in model.derivation.forms):
        # ∫ρ⁻¹ is finite only in the range of ρ, where one step of the map leads.
        rest = dataclasses.replace(problem, target=None)
        state = FixedPoint(1).find(rest, state)[0] if _fits(FixedPoint(1), model) else state
    return state


def _fits(strategy: Any, model: Any) -> bool:
    try:
        strategy.check(model)
    except ModelError:
        return False
    return True


def _force_vs_autodiff(model: Any, problem: Any, state: Any) -> float | None:
    if not model.derivation.structure.conservative:
        return None
    return difference(*_both_forces(problem, state))


@eqx.filter_jit
def _both_forces(problem, state):
    slope = jax.grad(lambda x: jnp.sum(energy(problem, x)))(state)
    minus = {g: {k: problem.mask(g, k, -x) for k, x in own.items()} for g, own in slope.items()}
    return problem.force(state), minus


def _lowerings(model: Any, problem: Any, state: Any, names: tuple[str, ...], inputs: Any, target: Any) -> float:
    if not names:
        return 0.0
    other = model.system.compile(per_element=names).problem(problem.params, inputs, target, problem.beta)
    return difference(_quantities(problem, state), _quantities(other, state))


@eqx.filter_jit
def _quantities(problem, state):
    return {
        "energy": energy(problem, state),
        "force": problem.force(state),
        "gradient": parameter_gradient(problem, state),
    }


def _gradients(model: Any, params: Params, inputs: Any, target: Array) -> float | None:
    finder = polish_finder(model)
    implicit, numeric = ImplicitDifferentiation(finder), FiniteDifferences(finder=finder)
    if model.derivation.cost is None or not (_fits(implicit, model) and _fits(numeric, model)):
        return None
    free = free_state(model, params, inputs, target)
    first, _ = implicit.gradient(model, params, inputs, target, start=free, throw=False)
    second, _ = numeric.gradient(model, params, inputs, target, start=free, throw=False)
    a, b = flat_trainable(model, first), flat_trainable(model, second)
    size = max(np.linalg.norm(a), np.linalg.norm(b))
    return float(np.linalg.norm(a - b) / size) if size else 0.0


def difference(first: Any, second: Any) -> float:
    """The largest |a − b| of two trees, each leaf relative to its own largest entry."""
    worst = 0.0
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        size = max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
        gap = np.max(np.abs(a - b), initial=0.0)
        worst = max(worst, float(gap / size)) if np.isfinite(gap) and size > 0 else worst if gap == 0 else np.inf
    return worst
