"""The motion and its echoes, stepped without storing them: what `HamiltonianEcho` runs."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import action_programs
from physeq.compile.action import ActionPrograms
from physeq.compile.motion import BoundMotion
from physeq.learn.rule import Params
from physeq.solve.leapfrog import LeapfrogMap, at_step


class Echo(NamedTuple):
    """What the echoes left: Σ w h ∂H/∂θ per instance, each step's part of it, Σ w q, and how far from home they are."""

    total: dict
    parts: dict | None
    apart: Array
    residual: Array
    displacement: Array


class EchoRun:
    """The motion and its echoes for a batch, whose axes are one."""

    def __init__(self, model: Any, params: Params, inputs: Any, target: Array):
        self.problem = problem = model.problem(params, inputs, target)
        self.leap = LeapfrogMap.of(problem, model.solver.steps)
        self.cost, self.programs, self.count = model.cost, action_programs(model.layout), model.solver.steps
        series = {"inputs": problem.inputs, "target": problem.target}
        self.series = dataclasses.replace(
            problem, **(series if problem.batch else jax.tree.map(lambda a: a[None], series))
        )
        self.size = int(np.prod(problem.batch))

    def whole(self, q: Array, v: Array) -> Array:
        """All unknowns of every sample."""
        return jax.vmap(self.leap.whole)(q, v)

    def start(self) -> tuple[Array, Array]:
        """q and v at t = 0, `(samples, n)`."""
        q, v = self.leap.start(self.problem)
        return jnp.broadcast_to(q, (self.size, *q.shape)), jnp.broadcast_to(v, (self.size, *v.shape))

    def forward(self) -> tuple[Array, Array, Array]:
        """q and v at T, and ∫ℓ dt of every sample."""
        leap = self.leap

        def step(carry, _):
            k, q, v, cost = carry
            t, inputs, target = at_step(self.series, leap.step, k)

            def one(q, v, u, aim):
                end, after, middle = leap.advance(q, v, t, u, None, self.problem.beta)
                return end, after, self.cost.running(t, leap.whole(middle, (v + after) / 2), aim)

            q, v, density = jax.vmap(one)(q, v, inputs, target)
            return (k + 1, q, v, cost + leap.step * density), None

        q, v = self.start()
        return jax.lax.scan(step, (jnp.int32(0), q, v, jnp.zeros(self.size, q.dtype)), length=self.count)[0][1:]

    def terminal(self, state: Array) -> Array:
        """c of every sample."""
        end, target = self._end()
        return jax.vmap(lambda y, aim: self.cost.terminal(end, y, aim))(state, target)

    def _end(self) -> tuple[Array, Array | None]:
        target = self.series.target
        return jnp.asarray(self.problem.boundary.duration, self.leap.step.dtype), target[:, -1]

    def _terminal_slopes(self, q: Array, v: Array) -> tuple[Array, Array]:
        """M⁻¹ ∂c/∂q and M⁻¹ ∂c/∂q̇ on the free coordinates."""
        leap, (end, target) = self.leap, self._end()

        def one(q, v, aim):
            return self.cost.gradient(end, leap.whole(q, v), aim, terminal=True)

        slope = jax.vmap(one)(q, v, target)
        return tuple(jax.vmap(leap.solve)(slope[:, rows]) for rows in leap.rows)  # type: ignore[return-value]

    def echo(self, q: Array, v: Array, betas: Array, weights: Array, *, record: bool = False) -> Echo:
        """Run the echoes of a motion that ended at q, v; `record` keeps what every step adds."""
        leap, scale, of_rates = self.leap, weights / self.size, _of_rates(self.programs)

        def step(carry, _):
            k, q, v, total = carry
            t, inputs, target = at_step(self.series, leap.step, k)

            def one(q, v, beta, u, aim):
                end, after, middle = leap.advance(q, v, t, u, aim, beta)
                # T at the half drifts before and after the kick, V at the kick: the same for both, and read once.
                slopes = [self._slopes(t, middle, rate, u) for rate in (v, after)]
                return end, after, jax.tree.map(lambda a, b, twice: (a + b) / 2 if twice else a, *slopes, of_rates)

            samples = jax.vmap(one, (0, 0, None, 0, 0))
            q, v, slopes = jax.vmap(samples, (0, 0, 0, None, None))(q, v, betas, inputs, target)
            part = jax.tree.map(lambda a: -leap.step * jnp.einsum("e,esi->i", scale, a), slopes)
            return (k - 1, q, v, add(total, part)), part if record else None

        by_q, by_v = self._terminal_slopes(q, v)
        nudge = betas[:, None, None]
        begin = (q[None] - nudge * by_v[None], -v[None] - nudge * by_q[None])
        none = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(self._none))
        (_, home, back, total), parts = jax.lax.scan(step, (jnp.int32(self.count - 1), *begin, none), length=self.count)
        first, rate = self.start()
        moved = home - first[None]
        share = jnp.stack([betas[1], -betas[0]]) / (betas[1] - betas[0])
        missed = [jnp.tensordot(share, home, 1) - first, jnp.tensordot(share, back, 1) + rate]
        return Echo(
            total,
            parts,
            jnp.tensordot(weights, moved, 1),
            jnp.max(jnp.abs(jnp.stack(missed))),
            jnp.max(jnp.abs(moved), axis=(0, 2)),
        )

    def boundary(self, q: Array, v: Array, apart: Array) -> tuple[dict, dict]:
        """What p = M(θ) q̇ adds at the start and at the end, −a·∂M/∂θ q̇, batch means."""
        first, rate = self.start()
        _, by_v = self._terminal_slopes(q, v)

        def end(k, q, v, a):
            t, inputs, _ = at_step(self.series, self.leap.step, jnp.int32(k))

            def one(q, v, a, u):
                # T is a quadratic form: T(v + a) − T(v − a) = 2 a·M v, and V cancels.
                slopes = self._slopes(t, q, v + a, u), self._slopes(t, q, v - a, u)
                return jax.tree.map(lambda x, y: (y - x) / 2, *slopes)

            return jax.tree.map(lambda x: jnp.sum(x, 0) / self.size, jax.vmap(one)(q, v, a, inputs))

        return end(0, first, rate, apart), end(self.count - 1, q, v, by_v)

    def _slopes(self, t: Array, q: Array, v: Array, inputs: Any) -> dict:
        """∂L/∂θ of every instance, for one sample."""
        bound = BoundMotion(self.leap.layout, self.leap.params, inputs)
        return self.programs.instant(bound, t, self.leap.whole(q, v))

    def _none(self) -> dict:
        t, inputs, _ = at_step(self.series, self.leap.step, jnp.int32(0))
        q, v = self.leap.start(self.problem)
        return self._slopes(t, q, v, {name: u[0] for name, u in inputs.items()})


def add(*trees: dict) -> dict:
    """Sums of trees of one structure."""
    return jax.tree.map(lambda *a: sum(a[1:], a[0]), *trees)


def _of_rates(programs: ActionPrograms) -> dict:
    """{placement: {parameter: whether ∂L/∂θ holds a rate}}."""
    found: dict = {}
    for form, names, slopes in programs.slopes:
        rates = {s for s, unknown in form.form.symbols.items() if not isinstance(unknown, int) and unknown[1] > 0}
        held = (bool(e.free_symbols & rates) for e in slopes.expressions)
        found[form.form.placement.name] = dict(zip(names, held, strict=True))
    return found
