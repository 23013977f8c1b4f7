"""Which complex nudges β a nudged phase follows: the map of its stability over the complex plane."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.learn.convergence import Followed, followed
from physeq.learn.holomorphic_ep import HolomorphicEP, beside, on_circle
from physeq.learn.response import ResponseRule
from physeq.learn.rule import LearningRule, Params, require_cost, require_holomorphic, require_rule
from physeq.shown import Shown
from physeq.solve.finder import Finder


@dataclass(frozen=True, eq=False)
class StabilityMap(Shown):
    """A square of the complex β plane.

    Attributes:
        betas: `(points, points)`, imaginary parts along the first axis.
        residual: the finder's own measure of what is left to do; NaN where the state ran away.
        settled: where it is below the tolerance.
        displacement: largest |x^β − x⁰|; NaN where it has not settled.
    """

    betas: np.ndarray
    residual: np.ndarray
    settled: np.ndarray
    displacement: np.ndarray

    def __repr__(self) -> str:
        return f"StabilityMap({int(self.settled.sum())} of {self.settled.size} nudges settle)"


def stability_map(
    model: Any,
    params: Params,
    rule: LearningRule,
    inputs: Any,
    target: Array,
    *,
    extent: float,
    points: int = 41,
    tolerance: float = 1e-6,
) -> StabilityMap:
    """Run the nudged phase of a rule at every β of a square grid, from the free state, and see where it settles.

    Args:
        model, params: the compiled system and its parameters.
        rule: its finders are used; its own nudge is not. As in `HolomorphicEP`, `Newton()` takes the place of a free
            finder that does not solve for complex states, where none is given for the nudged phases.
        inputs, target: one batch; the worst sample counts.
        extent: half the side of the square, in units of β.
        points: grid points per side.
        tolerance: on the residual of the nudged phase: a change of the state, or a force with `Newton` (lower it where
            forces are small numbers in your units).

    Raises:
        ModelError: the system or the finder of the nudged phases does not continue to complex states, the rule does not
            fit the model or has no such phases, or the extent is not positive.

    >>> import jax, numpy as np, physeq as pq
    >>> s, y, w = pq.coordinate("s"), pq.target("y"), pq.parameter("w", initial=0.3)
    >>> unit = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2)
    >>> synapse = pq.Edge("synapse", potential=-w * s.source * s.target)
    >>> model = pq.System(pq.layered([1, 2, 1]), nodes=unit, edges=synapse, inputs="input", outputs="output",
    ...                   cost=(s - y) ** 2 / 2).compile()
    >>> params, x, wanted = model.init_parameters(jax.random.key(0)), np.ones((1, 1)), np.full((1, 1), 0.3)
    >>> rule = pq.HolomorphicEP(0.1, 4, free=pq.Newton())
    >>> bool(stability_map(model, params, rule, x, wanted, extent=0.5, points=3).settled.all())
    True
    """
    require_rule("stability_map", rule, model)
    require_cost(model, "stability_map")
    require_holomorphic(model, "stability_map", "the convergence of real phases")
    if not extent > 0:
        raise ModelError(f"stability_map: extent must be above 0, got {extent!r}")
    inputs, target = model.check_data(inputs, target)
    free_finder, nudged_finder = _complex_finders(followed(rule, "stability_map"), model)
    line = np.linspace(-extent, extent, points)
    betas = line[None, :] + 1j * line[:, None]
    residual, displacement = _run(model, params, inputs, target, free_finder, nudged_finder, jnp.asarray(betas.ravel()))
    residual = np.asarray(residual).reshape(points, points)
    settled = np.isfinite(residual) & (residual <= tolerance)
    moved = np.where(settled, np.asarray(displacement).reshape(points, points), np.nan)
    return StabilityMap(betas, np.where(np.isfinite(residual), residual, np.nan), settled, moved)


def _complex_finders(rule: Followed, model: Any) -> tuple[Finder, Finder]:
    if isinstance(rule, ResponseRule) and type(rule).nudged_problem is not ResponseRule.nudged_problem:
        raise ModelError(
            f"stability_map: the force that {type(rule).__name__} adds to its nudged phase belongs to real states; use "
            "VectorFieldEP or HolomorphicEP"
        )
    free, nudged = HolomorphicEP(points=4, free=rule.free, nudged=rule.nudged).finders(model)
    nudged.check(model)
    nudged.check_complex(model)
    return free, nudged


@eqx.filter_jit
def _run(model, params, inputs, target, free_finder, nudged_finder, betas):
    problem = model.problem(params, inputs, target)
    free, *_ = free_finder.find(dataclasses.replace(problem, target=None), problem.start())
    betas = betas.astype(jnp.result_type(problem.beta.dtype, jnp.complex64))
    nudged = on_circle(problem, betas)
    state, residual, _, _ = nudged_finder.find(nudged, beside(nudged, free))
    apart = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b), -1), state, free)
    over = tuple(range(1, 1 + len(problem.batch)))
    largest = jnp.stack(jnp.broadcast_arrays(*jax.tree.leaves(apart))).max(0)
    return jnp.max(residual, over), jnp.max(largest, over)
