"""`Solution`: a motion's trajectory, every quantity of it by the user's names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, State
from physeq.compile.motion_observe import Quantity, momentum, names, observe, quantity
from physeq.errors import ModelError
from physeq.shown import Shown
from physeq.solve.rest import rates


class Solution(Shown, eqx.Module):
    """A trajectory of a motion. `sol["C1.i"]` is a quantity by name over `sol.ts`, eliminated ones included.

    Attributes:
        ts: times, shape `(times,)`; after an event the times that were not reached are infinite.
        ys: all unknowns, shape `(times, size)`.
        end, y_end: when and where the motion ended: t1, or the event.
        bound: the motion with its parameters and inputs.
        steps, rejected: accepted and rejected steps of the integrator.
        solver: the integrator's name.
        dense: the integrator's own interpolation, or None.
        event: whether an event ended the motion.
    """

    ts: Array
    ys: Array
    end: Array
    y_end: Array
    bound: BoundMotion
    steps: Array
    rejected: Array
    solver: str = eqx.field(static=True)
    dense: Any = None
    event: Array | None = None

    def __repr__(self) -> str:
        system = self.bound.layout.system.name
        return f"Solution({system!r}: {self.bound.layout.size} unknowns at {jnp.size(self.ts)} times, {self.solver})"

    def __getitem__(self, name: str) -> Array:
        """A quantity over time: `(times,)` for one node or element, `(times, instances)` for all of a group or bundle.

        Raises:
            ModelError: no quantity has that name.
        """
        return _observe(self.bound, quantity(self.bound, name), self.ts, self.ys)

    def unit(self, name: str) -> str:
        """The unit of a quantity, "" where it is unknown."""
        return quantity(self.bound, name).unit

    def names(self) -> list[str]:
        """Names of quantities."""
        return names(self.bound)

    @property
    def state(self) -> State:
        """{group or bundle: {key: `(times, instances)`}}."""
        return self.bound.motion.unflatten(self.ys)

    @property
    def final(self) -> State:
        """The last state, which `simulate(start=...)` takes."""
        return self.bound.motion.unflatten(self.y_end)

    def at(self, t: Any, name: str | None = None) -> Any:
        """The state, or one quantity, at any time of the interval, by the integrator's interpolation (`dense=True`).

        Raises:
            ModelError: the trajectory was not kept densely.
        """
        if self.dense is None:
            raise ModelError("this solution has no interpolation; call simulate(..., dense=True)")
        t = jnp.asarray(t, self.ts.dtype)
        ys = jax.vmap(self.dense)(t.reshape(-1))
        if name is None:
            return self.bound.motion.unflatten(ys.reshape(*t.shape, -1))
        found = _observe(self.bound, quantity(self.bound, name), t.reshape(-1), ys)
        return found.reshape(*t.shape, *found.shape[1:])

    def invariants(self) -> dict[str, Array]:
        """What the motion should keep, over time: the energy where nothing dissipates or supplies, total momenta.

        The change of each from its first value is the integrator's drift.
        """
        forms = self.bound.layout.forms
        found = {}
        if all(f.dissipated == 0 and f.supplied == 0 for f in forms) and not self.bound.layout.system.inputs:
            found["energy"] = self["energy"]
        for name in self.bound.layout.cyclic:
            found[f"momentum of {name}"] = jax.vmap(lambda t, y, n=name: momentum(self.bound, n, t, y))(
                self.ts, self.ys
            )
        return found

    def power_balance(self) -> Array:
        """E(t₁) − E(t₀) + ∫(q̇·∂R/∂q̇ − F·q̇ − λ terms − ∂E/∂t) dt by the trapezoidal rule on `ts`: 0 up to its error.

        What inputs supply (a `Drive`, a `Clamp` that moves) is not counted; sources that are components are.
        """
        energy, flow = self["energy"], self["dissipated"] - self["supplied"]
        return energy[-1] - energy[0] + jnp.sum((flow[1:] + flow[:-1]) / 2 * jnp.diff(self.ts))

    def to_columns(self, wanted: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """{"t": times, name: values}, one column per node or element; by default all unknowns."""
        columns = {"t": np.asarray(self.ts)}
        labels = self.bound.layout.names()
        if wanted is None:
            return columns | dict(zip(labels, np.asarray(self.ys).T, strict=True))
        for name in wanted:
            values = np.asarray(self[name])
            if values.ndim == 1:
                columns[name] = values
            else:
                owner, _, key = name.rpartition(".")
                own = [f"{self.bound.layout.label(owner, i)}.{key}" for i in range(values.shape[1])]
                columns |= dict(zip(own, values.T, strict=True))
        return columns


@eqx.filter_jit
def _observe(bound: BoundMotion, wanted: Quantity, ts: Array, ys: Array) -> Array:
    def one(t, y):
        moving = rates(bound, t, y) if wanted.needs_rates else jnp.zeros_like(y)
        return observe(bound, wanted, t, y, moving)

    finite = jnp.where(jnp.isfinite(ts), ts, 0.0)
    return jax.vmap(one)(finite, ys)
