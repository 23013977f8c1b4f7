"""One learning phase of a trajectory: parameters, inputs, target and nudge fixed, on the time grid of a solver."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.momentum import momentum_programs
from physeq.compile.motion import BoundMotion, Motion, State, pattern_of, per_instance
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.trajectory_cost import TrajectoryCostPrograms


class TrajectoryProblem(eqx.Module):
    """d/dt m(t, y) = f(t, y) with m = M y − β ∂ℓ/∂q̇ and f = f⁰ − β ∂ℓ/∂q on the outputs' rows, and its boundary.

    Batches have their axes flattened into one where there are any; `map` runs a function of single samples.

    Attributes:
        layout, cost: what is evaluated.
        boundary: the boundary condition.
        times, weights: the grid and its quadrature, ∫ g dt ≈ Σ_k weights_k g(times_k).
        params: as given.
        inputs: {name: `(batch, times or 1, size)`}.
        target: `(batch, times or 1, outputs)`, or None.
        beta: the nudge, `(batch,)`; complex nudges make complex states.
        batch: shape of the batch; () for a single sample, whose arrays have no batch axis.
        pushed: series `(times, size)` of a single sample that are added to m and to f, or None.
    """

    layout: MotionLayout = eqx.field(static=True)
    cost: TrajectoryCostPrograms | None = eqx.field(static=True)
    boundary: Any
    times: Array
    weights: Array
    params: dict[str, dict[str, Array]]
    inputs: dict[str, Array]
    target: Array | None
    beta: Array
    batch: tuple[int, ...] = eqx.field(static=True)
    pushed: tuple[Array, Array] | None = None

    # ---- batches -------------------------------------------------------------------------------------------------

    def map(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """`function(problem of one sample, *arrays of one sample)` over the batch; results get its axes."""
        if not self.batch:
            return function(self, *arrays)
        count = math.prod(self.batch)
        flat = jax.tree.map(lambda a: a.reshape(count, *a.shape[len(self.batch) :]), arrays)

        def one(inputs, target, beta, own):
            return function(dataclasses.replace(self, inputs=inputs, target=target, beta=beta, batch=()), *own)

        out = jax.vmap(one)(self.inputs, self.target, self.beta, flat)
        return jax.tree.map(lambda a: a.reshape(*self.batch, *a.shape[1:]), out)

    def nudged(self, betas: Array) -> TrajectoryProblem:
        """The problem with one phase per nudge, along a new first axis of the batch."""
        count, size = betas.shape[0], math.prod(self.batch)

        def spread(a: Array) -> Array:
            a = a if self.batch else a[None]
            return jnp.broadcast_to(a, (count, *a.shape)).reshape(count * size, *a.shape[1:])

        return dataclasses.replace(
            self,
            inputs={name: spread(a) for name, a in self.inputs.items()},
            target=None if self.target is None else spread(self.target),
            beta=jnp.repeat(betas, size),
            batch=(count, *self.batch),
        )

    # ---- states --------------------------------------------------------------------------------------------------

    @property
    def motion(self) -> Motion:
        """The compiled motion."""
        return Motion(self.layout)

    @property
    def cost_evaluator(self) -> TrajectoryCostPrograms | None:
        """The cost's programs."""
        return self.cost

    def start(self, given: State | Array | None, dtype: Any) -> Array:
        """States `(*batch, times, size)` to start from: given ones, or the boundary condition's own guess."""
        shape = (*self.batch, len(self.times), self.layout.size)
        if given is None:
            guess = self.boundary.guess(self.motion, self.times, dtype)
            return jnp.broadcast_to(guess, shape).astype(dtype)
        return jnp.broadcast_to(self.flatten(given) if isinstance(given, dict) else given, shape).astype(dtype)

    def flatten(self, state: State) -> Array:
        """States by group and key as one array `(..., times, size)`."""
        parts = [state[b.owner][b.key] for b in self.layout.blocks.values()]
        return jnp.concatenate(parts, -1)

    def full(self, ys: Array) -> State:
        """{group or placement: {key: `(*batch, times, nodes)`}}."""
        return self.motion.unflatten(ys)

    # ---- equations of a single sample ----------------------------------------------------------------------------

    def along(self, function: Callable[..., Any], ys: Array) -> Any:
        """`function(bound motion, t, y, target)` at every time of a single sample's states `(times, size)`."""
        count = len(self.times)
        flat = per_instance(self.layout, self.params)
        inputs = {name: jnp.broadcast_to(u, (count, u.shape[-1])) for name, u in self.inputs.items()}
        target = None if self.target is None else jnp.broadcast_to(self.target, (count, self.target.shape[-1]))

        def one(t, y, u, aim):
            return function(BoundMotion(self.layout, flat, u), t, y, aim)

        return jax.vmap(one)(self.times, ys, inputs, target)

    def bound(self, index: int = 0) -> BoundMotion:
        """The motion of a single sample with its inputs at one time of the grid."""
        inputs: dict[str, Array | Callable] = {
            name: u[index if u.shape[0] > 1 else 0] for name, u in self.inputs.items()
        }
        return BoundMotion(self.layout, per_instance(self.layout, self.params), inputs)

    @property
    def massive(self) -> np.ndarray:
        """Rows of y that have mass: those of differential equations."""
        pattern = pattern_of(self.layout)
        return np.unique(pattern.rows[len(pattern.rows) - pattern.massive :])

    @property
    def differential(self) -> bool:
        """Whether every unknown that is not held has a differential equation."""
        return len(self.massive) == int((~self.layout.held).sum())

    def mass(self, dtype: Any) -> Array:
        """M as a dense matrix."""
        pattern = pattern_of(self.layout)
        values = self.bound().mass(jnp.finfo(dtype).dtype)
        size = self.layout.size
        return jnp.zeros((size, size), values.dtype).at[pattern.rows, pattern.columns].add(values)

    def still_momentum(self, bound: BoundMotion, t: Array, y: Array) -> Array:
        """m(t, y) without a nudge: M y, and ∂T/∂q̇ where inertia depends on the state."""
        momenta = momentum_programs(self.layout)
        m = self.mass(y.dtype).astype(y.dtype) @ y
        return m.at[momenta.rates].set(momenta.values(bound, t, y)[0][momenta.rates]) if momenta else m

    def momentum(self, ys: Array) -> Array:
        """m(t, y) at every time."""
        cost, size = self.cost, self.layout.size

        def total(bound, t, y, aim):
            m = self.still_momentum(bound, t, y)
            if self.target is None or cost is None or not cost.rated:
                return m
            return m - self.beta * cost.on_rows(cost.slopes(t, y, aim)[1], size)

        m = self.along(total, ys)
        return m if self.pushed is None else m + self.pushed[0]

    def force(self, ys: Array) -> Array:
        """f(t, y) at every time."""
        cost, size, momenta = self.cost, self.layout.size, momentum_programs(self.layout)

        def total(bound, t, y, aim):
            f = bound.field(t, y)
            if self.target is not None and cost is not None:
                f = f - self.beta * cost.on_rows(cost.slopes(t, y, aim)[0], size)
            if not momenta:
                return f
            change = momenta.values(bound, t, y)[1]
            return f.at[momenta.rates].set(f[momenta.balances] + change[momenta.rates])

        f = self.along(total, ys)
        return f if self.pushed is None else f + self.pushed[1]

    def force_jacobian(self, ys: Array) -> Array:
        """∂f/∂y at every time, `(times, size, size)`."""
        pattern, size, cost = pattern_of(self.layout), self.layout.size, self.cost
        ones = slice(0, len(pattern.rows) - pattern.massive)
        momenta = momentum_programs(self.layout)

        def total(bound, t, y, aim):
            values = bound.jacobian(t, y)[ones]
            j = jnp.zeros((size, size), y.dtype).at[pattern.rows[ones], pattern.columns[ones]].add(values)
            if self.target is not None and cost is not None:
                k = cost.free_rows
                bend, mixed, _ = cost.curvatures(t, y, aim)
                j = j.at[cost.rows[k], cost.low[k]].add(-self.beta * bend[k])
                if (cost.high >= 0).all():
                    j = j.at[cost.rows[k], cost.high[k]].add(-self.beta * mixed[k])
            if not momenta:
                return j
            change = momenta.jacobians(bound, t, y)[1]
            return j.at[momenta.rates].set(j[momenta.balances] + change[momenta.rates])

        return self.along(total, ys)

    def momentum_jacobian(self, ys: Array) -> Array:
        """∂m/∂y at every time, `(times, size, size)`."""
        mass, cost = self.mass(ys.dtype).astype(ys.dtype), self.cost
        momenta = momentum_programs(self.layout)

        def total(bound, t, y, aim):
            j = mass
            if momenta:
                j = j.at[momenta.rates].set(momenta.jacobians(bound, t, y)[0][momenta.rates])
            if self.target is None or cost is None or not cost.rated:
                return j
            k = cost.free_rows
            _, mixed, bend = cost.curvatures(t, y, aim)
            j = j.at[cost.rows[k], cost.high[k]].add(-self.beta * bend[k])
            return j.at[cost.rows[k], cost.low[k]].add(-self.beta * mixed[k])

        return self.along(total, ys)

    # ---- cost of a single sample ---------------------------------------------------------------------------------

    def cost_value(self, ys: Array, end: Array | None = None) -> Array:
        """J = Σ_k weights_k ℓ_k, and c at the end state where there is one."""
        cost = self.cost
        assert cost is not None  # rules refuse models without a cost
        total = jnp.sum(self.weights * self.along(lambda _, t, y, aim: cost.running(t, y, aim), ys))
        if cost.form.terminal == 0:
            return total
        assert end is not None  # solvers refuse terminal costs of states that they do not have
        return total + cost.terminal(self.boundary.duration, end, None if self.target is None else self.target[-1])

    def cost_gradient(self, ys: Array) -> Array:
        """∂/∂y_k of Σ weights ℓ, `(times, size)`."""
        cost = self.cost
        assert cost is not None  # rules refuse models without a cost
        return self.weights[:, None] * self.along(lambda _, t, y, aim: cost.gradient(t, y, aim), ys)
