"""Exact block coordinate descent over a colouring of the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.graph.coloring import group_colors
from physeq.settings import check_tolerance, whole
from physeq.solve.finder import Finder, largest_change, require_energy
from physeq.solve.fixed_point import without_closed_equilibrium
from physeq.solve.loop import iterate
from physeq.solve.result import State


@dataclass(frozen=True)
class NodeDescent(Finder):
    """Set every node to the minimum of the energy given the others, one colour of the graph after the other.

    Nodes of one colour share no edge, so a whole colour steps at once (a whole layer of a layered network). Where the
    local minimiser has a closed form it is used, clipped to the bounds (exact for a unimodal local energy); elsewhere
    bracketed Newton steps on the node's own force are taken. (Scellier 2024, "A fast algorithm to simulate nonlinear
    resistive networks", for the resistive case.)

    Without an energy, as with directed synapses, all free nodes must have closed forms: the equilibria of `FixedPoint`
    are taken, colour after colour (block Gauss–Seidel). In a layered network two synchronous steps of `FixedPoint` do
    to every node what one sweep does, at twice the price: even and odd layers make two chains that never meet.

    Attributes:
        sweeps: number of sweeps over all colours, or the most of them with a tolerance.
        tolerance: stop when the largest change in a sweep is below it; None runs exactly `sweeps`.
        newton_steps: bracketed Newton steps per node and visit where there is no closed form.

    >>> NodeDescent(4).budget, NodeDescent(2000, tolerance=1e-9).budget
    (4, None)
    """

    sweeps: int = 100
    tolerance: float | None = None
    newton_steps: int = 12

    def __post_init__(self):
        whole("NodeDescent", "sweeps", self.sweeps, 1)
        whole("NodeDescent", "newton_steps", self.newton_steps, 1)
        check_tolerance("NodeDescent", self.tolerance)
        super().__post_init__()

    @property
    def budget(self) -> int | None:
        return self.sweeps if self.tolerance is None else None

    def check(self, model: Any) -> None:
        if without_closed_equilibrium(model) is not None:
            require_energy(model, "NodeDescent")
        for v in model.derivation.variables.values():
            if len(model.derivation.group_variables(v.group)) > 1 and v.group in model.derivation.locals:
                raise ModelError(
                    f"NodeDescent steps one unknown per node, and group {v.group!r} has several; use Minimise or Newton"
                )
        _colors(model.derivation)

    def check_complex(self, model: Any) -> None:
        for group, local in model.derivation.locals.items():
            closed = local.nudged_equilibrium if group in _nudged_groups(model) else local.equilibrium
            if any(e is None for e in closed.values()):
                raise ModelError(
                    f"NodeDescent brackets real unknowns, and group {group!r} has no closed-form local equilibrium for "
                    "complex states; use Newton, EulerSteps or Continuation"
                )

    def stepper(self, problem: Any) -> Callable[[State], State]:
        colors = _colors(problem.lowered.derivation)

        def sweep(state: State) -> State:
            for color in colors:
                new = self._visit(problem, state, color)
                for group, mask in color.items():
                    old = state[group]
                    values = new[group] if mask is None else {k: jnp.where(mask, new[group][k], old[k]) for k in old}
                    state = state | {group: values}
            return state

        return sweep

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        def change(new: State, old: State) -> Array:
            return largest_change(new, old, problem.batch)

        return iterate(self.stepper(problem), free, self.sweeps, self.tolerance, change)

    def _visit(self, problem: Any, state: State, color: dict[str, Any]) -> State:
        result: State = {}
        open_groups: list[str] = []
        for group in color:
            closed = problem.local_equilibrium(state, (group,), nudge_inside=True)
            if closed is None:
                open_groups.append(group)
            else:
                result |= closed
        return result | (self._newton(problem, state, {g: color[g] for g in open_groups}) if open_groups else {})

    def _newton(self, problem: Any, state: State, color: dict[str, Any]) -> State:
        """Newton on each node's own force, kept in the bracket that its sign gives (f falls through the minimum).

        The derivative is that of the minimum, dx = df/h, which brackets and ends of the search do not have.
        """
        groups = tuple(color)
        fixed, kept = (
            jax.tree.map(lambda a: jax.lax.stop_gradient(a) if eqx.is_array(a) else a, t) for t in (problem, state)
        )

        def advance(carry, f, h):
            x, low, high, reach, last = carry

            def one(x, low, high, reach, last, f, h):
                low, high = jnp.where(f > 0, x, low), jnp.where(f < 0, x, high)
                # Without curvature to trust (an overflow has none), move along the force by the reach.
                trusted = (h > 0) & jnp.isfinite(h) & jnp.isfinite(f)
                # On top of a hill there is no force; the node goes up in x, as any noise would make it go somewhere.
                on_top = (f == 0) & (h < 0)
                away = jnp.where(on_top, 1.0, jnp.sign(f)) * reach
                newton = jnp.where(trusted, f / jnp.where(trusted, h, 1.0), away)
                # Down an exponential Newton steps are of one length, V_t: steps that do not shrink are doubled.
                slow = (newton * last > 0) & (jnp.abs(newton) > jnp.abs(last) / 2)
                newton = jnp.where(slow, jnp.sign(newton) * jnp.maximum(jnp.abs(newton), 2 * jnp.abs(last)), newton)
                trial = x + jnp.clip(newton, -reach, reach)
                inside = (trial >= low) & (trial <= high)
                # The middle where both ends are known. With one, a trial outside is round-off (the compiler may compute
                # f twice, differently): stay at that end; a jump by the reach would lose the minimum.
                both = jnp.isfinite(low) & jnp.isfinite(high)
                otherwise = jnp.where(both, (low + high) / 2, jnp.clip(trial, low, high))
                new = jnp.where((f == 0) & ~on_top, x, jnp.where(inside & (trusted | ~both), trial, otherwise))
                # The reach grows only while it limits the steps.
                limited = jnp.abs(new - x) >= reach
                return new, low, high, jnp.where(limited, 2 * reach, reach), new - x

            out = jax.tree.map(lambda *a: one(*a), x, low, high, reach, last, f, h)
            x, low, high, reach, last = jax.tree.transpose(jax.tree.structure(f), jax.tree.structure((0,) * 5), out)
            x = {
                g: {k: fixed.mask(g, k, fixed.clip(g, k, v), kept[g][k]) for k, v in own.items()}
                for g, own in x.items()
            }
            return among(x, kept), low, high, reach, last

        def among(x, others):
            """x on the nodes of this colour, and the others as they are: neighbours may be in one group."""
            return {
                g: own if color[g] is None else {k: jnp.where(color[g], v, others[g][k]) for k, v in own.items()}
                for g, own in x.items()
            }

        def step(_, carry):
            there = kept | carry[0]
            return advance(carry, fixed.force(there, groups), fixed.curvature(there, groups))

        x = {g: kept[g] for g in groups}
        fill = lambda value: jax.tree.map(lambda v: jnp.full_like(v, value), x)  # noqa: E731
        begin = (x, fill(-jnp.inf), fill(jnp.inf), fill(1.0), fill(0.0))
        carry = jax.lax.fori_loop(0, self.newton_steps - 1, step, begin)
        # The last step on its own: its force carries the derivative.
        force = problem.force(state | among(carry[0], state), groups)
        h = fixed.curvature(kept | carry[0], groups)
        new = advance(carry, jax.lax.stop_gradient(force), h)[0]
        return {
            g: {k: _following(problem, g, k, x, state[g][k], force[g][k], h[g][k]) for k, x in own.items()}
            for g, own in new.items()
        }


def _following(problem: Any, group: str, key: str, x: Array, old: Array, f: Array, h: Array) -> Array:
    """x with the derivative of the root of f, or of the bound on which it lies."""
    known = (h > 0) & jnp.isfinite(h)
    result = x + jnp.where(known, (f - jax.lax.stop_gradient(f)) / jnp.where(known, h, 1.0), 0.0)
    low, high = problem.bounds.get(group, {}).get(key, (None, None))
    result = result if low is None else jnp.where(x <= low, low, result)
    result = result if high is None else jnp.where(x >= high, high, result)
    return problem.mask(group, key, result, old)


def _nudged_groups(model: Any) -> tuple[str, ...]:
    cost = model.derivation.cost
    return () if cost is None else tuple(cost.unknowns)


@lru_cache(maxsize=64)
def _colors(derivation: Any) -> list[dict[str, np.ndarray | None]]:
    system = derivation.system
    colors = group_colors(system.topology, leave_out=tuple(derivation.held))
    known = {g.name for g in system.topology.groups}
    return list(colors) + [{group: None} for group in derivation.locals if group not in known]
