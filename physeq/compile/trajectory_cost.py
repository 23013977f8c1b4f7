"""Evaluation of a cost along trajectories, with its derivatives by the unknowns of the motion."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion_layout import MotionLayout
from physeq.compile.printer import Program
from physeq.errors import ModelError
from physeq.symbolic.symbols import time
from physeq.symbolic.trajectory_cost import TrajectoryCostForm


class TrajectoryCostPrograms:
    """ℓ and c of one instant, over the output nodes, and what they do to the equations of motion.

    The nudged action ∫(L − βℓ) dt adds −β ∂ℓ/∂q to the force of an output's row, and −β ∂ℓ/∂q̇ to its momentum.

    Attributes:
        form: what is evaluated.
        outputs: their number.
        low: entries of y of q, or of q̇ where q itself is no unknown (voltages); `high`: of q̇, or None.
        rows: entries of f and of M y that an output's balance of forces is.
        reduced: whether outputs are rates alone (voltages).

    Raises:
        ModelError: the cost sees a coordinate that is no unknown, outputs of different kinds, or a rate whose inertia
            depends on the state.
    """

    def __init__(self, layout: MotionLayout, form: TrajectoryCostForm):
        self.form, self.layout = form, layout
        outputs = layout.system.outputs
        assert outputs is not None  # `resolve_cost` has refused systems without
        self.outputs = outputs.size
        seen = form.running.free_symbols | form.terminal.free_symbols
        low = np.zeros(self.outputs, int)
        high = np.full(self.outputs, -1)
        rows = np.zeros(self.outputs, int)
        for part in outputs.parts:
            variable = layout.variables.get((part.group, form.coordinate))
            if variable is None:
                raise ModelError(f"cost of trajectories: group {part.group!r} has no coordinate {form.coordinate}")
            blocks = {o: layout.blocks[part.group, form.coordinate, o].start for o in variable.orders}
            for order, symbol in ((0, form.position), (1, form.rate)):
                if symbol in seen and order not in blocks:
                    kind = variable.kind.value
                    raise ModelError(
                        f"cost of trajectories: {symbol} of {part.group!r} is no unknown of the motion (its equation "
                        f"is {kind}); write the cost in {form.coordinate.with_order(1 - order)}"
                    )
            if variable.accelerated and form.rate in seen:
                raise ModelError(
                    f"cost of trajectories: {form.rate} of {part.group!r} has an inertia that depends on the state; "
                    f"write the cost in {form.coordinate}"
                )
            low[part.columns] = blocks[min(blocks)] + part.indices
            if 1 in blocks:
                high[part.columns] = blocks[1] + part.indices
            rows[part.columns] = blocks[variable.balance] + part.indices
        self.low, self.high, self.rows = low, high, rows
        self.reduced = bool((self.low == self.high).all())
        self.free_rows = np.flatnonzero(~layout.held[rows])
        q, w = form.position, form.rate
        self._running = self._programs(form.running, q, w)
        self._terminal = self._programs(form.terminal, q, w)
        self.rated = form.running.has(w)

    @staticmethod
    def _programs(density: sp.Expr, q: sp.Expr, w: sp.Expr) -> Program:
        first = [sp.diff(density, q), sp.diff(density, w)]
        second = [sp.diff(density, q, 2), sp.diff(density, q, w), sp.diff(density, w, 2)]
        return Program([density, *first, *second])

    def _environment(self, t: Any, y: Array, target: Array | None) -> dict[sp.Symbol, Array]:
        known: dict[sp.Symbol, Any] = {time: t}
        if (self.high >= 0).all():
            known[self.form.rate] = y[self.high]
        if not self.reduced:
            known[self.form.position] = y[self.low]
        if self.form.target is not None and target is not None:
            known[self.form.target] = target.astype(y.dtype)
        return known

    def _values(self, program: Program, t: Any, y: Array, target: Array | None) -> list[Array]:
        found = program(self._environment(t, y, target))
        return [jnp.broadcast_to(jnp.asarray(v, y.dtype), (self.outputs,)) for v in found]

    def running(self, t: Any, y: Array, target: Array | None) -> Array:
        """Σ_k ℓ at one instant."""
        return jnp.sum(self._values(self._running, t, y, target)[0])

    def terminal(self, t: Any, y: Array, target: Array | None) -> Array:
        """Σ_k c at the end."""
        return jnp.sum(self._values(self._terminal, t, y, target)[0])

    def slopes(self, t: Any, y: Array, target: Array | None) -> tuple[Array, Array]:
        """(∂ℓ/∂q, ∂ℓ/∂q̇) per output."""
        return tuple(self._values(self._running, t, y, target)[1:3])  # type: ignore[return-value]

    def terminal_slopes(self, t: Any, y: Array, target: Array | None) -> tuple[Array, Array]:
        """(∂c/∂q, ∂c/∂q̇) per output."""
        return tuple(self._values(self._terminal, t, y, target)[1:3])  # type: ignore[return-value]

    def curvatures(self, t: Any, y: Array, target: Array | None) -> tuple[Array, Array, Array]:
        """(∂²ℓ/∂q², ∂²ℓ/∂q∂q̇, ∂²ℓ/∂q̇²) per output."""
        return tuple(self._values(self._running, t, y, target)[3:])  # type: ignore[return-value]

    def gradient(self, t: Any, y: Array, target: Array | None, *, terminal: bool = False) -> Array:
        """∂ℓ/∂y (or ∂c/∂y) as a vector like y."""
        low, high = (self.terminal_slopes if terminal else self.slopes)(t, y, target)
        result = jnp.zeros_like(y)
        if not self.reduced:
            result = result.at[self.low].add(low)
        return result.at[self.high].add(high) if (self.high >= 0).all() else result

    def on_rows(self, values: Array, size: int) -> Array:
        """Values per output, placed on the free outputs' rows."""
        return jnp.zeros(size, values.dtype).at[self.rows[self.free_rows]].set(values[self.free_rows])

    def prediction(self, y: Array) -> Array:
        """What the cost sees of states `(..., size)`: the rate where it sees that alone, else the coordinate."""
        seen = self.form.running.free_symbols | self.form.terminal.free_symbols
        return y[..., self.low if self.form.position in seen or self.reduced else self.high]
