"""Boundary conditions of trajectories: periodic, both ends given, or an initial value; they decide which rule holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.checked_data import checked_data, real_array
from physeq.compile.motion import Motion
from physeq.compile.motion_layout import MotionLayout
from physeq.errors import ModelError
from physeq.settings import finite

Values = Mapping[str, Any]


class Periodic(eqx.Module):
    """q(t + T) = q(t) and q̇(t + T) = q̇(t), of a motion that is driven with period T.

    Attributes:
        period: T.

    >>> Periodic(2.0).duration
    2.0
    """

    period: float

    @property
    def duration(self) -> float:
        """The interval [0, T]."""
        return self.period

    def check(self, model: Any) -> None:
        """Raise `ModelError` where periodic motions are not isolated: without a drive, or with a free translation."""
        finite("Periodic", "the period", self.period, above=0)
        if not model.structure.driven:
            raise ModelError(
                "Periodic: nothing drives this motion, so that its periodic orbits are not isolated (any can be "
                "shifted in time); drive it with an input or a term in time, or give both ends (TwoPoint)"
            )
        layout: MotionLayout = model.layout
        if drifting := [form.placement for form in layout.forms if form.drift]:
            raise ModelError(
                f"Periodic: component {drifting[0].component.name!r} in {drifting[0].name!r} constrains positions, "
                "which is kept in differentiated form from a start that holds it, and a periodic orbit has none; use a "
                "stiff potential, or InitialValue"
            )
        kinds = {c.name: v.kind.name for (_, c), v in layout.variables.items()}
        if free := [name for name in layout.cyclic if kinds.get(name) != "REDUCED"]:
            raise ModelError(
                f"Periodic: a common shift of {free[0]} changes no force, so that periodic orbits are not isolated; "
                "hold a node (ground=...) or tie one to the ground by a spring"
            )

    def guess(self, motion: Motion, times: Array, dtype: Any) -> Array:
        """The declared starts, at rest."""
        return jnp.broadcast_to(motion.start(None, jnp.finfo(dtype).dtype), (len(times), motion.size))


class TwoPoint(eqx.Module):
    """q(0) = start and q(T) = end: the ends are held, velocities follow.

    Attributes:
        start, end: {group: values}, or {group: {coordinate: values}} where nodes have several coordinates; internal
            coordinates by the name of the placement.
        duration: T.

    >>> TwoPoint({"nodes": [0.0]}, {"nodes": [1.0]}, duration=1.0).duration
    1.0
    """

    start: dict[str, Any]
    end: dict[str, Any]
    duration: float = eqx.field(kw_only=True)

    def check(self, model: Any) -> None:
        """Raise `ModelError` where ends cannot be given: coordinates without inertia, constraints, unknown names."""
        finite("TwoPoint", "the duration", self.duration, above=0)
        layout: MotionLayout = model.layout
        for (group, coordinate), v in layout.variables.items():
            if v.kind.name != "SECOND" or not v.inertia:
                raise ModelError(
                    f"TwoPoint: coordinate {coordinate} of {group!r} has no inertia (its equation is {v.kind.value}), "
                    "so that both its ends cannot be given; give it a mass, or use Periodic or InitialValue"
                )
        if model.structure.constraints:
            raise ModelError(
                f"TwoPoint: {model.structure.constraints[0]}, and ends of constrained motions are not independent; "
                "use a stiff potential instead"
            )
        for what, given in (("start", self.start), ("end", self.end)):
            ends(model.motion, given, f"TwoPoint: {what}", complete=True)

    def guess(self, motion: Motion, times: Array, dtype: Any) -> Array:
        """Straight lines from start to end."""
        dtype = jnp.finfo(dtype).dtype
        first = motion.start(ends(motion, self.start, "TwoPoint: start"), dtype)
        last = motion.start(ends(motion, self.end, "TwoPoint: end"), dtype)
        share = (jnp.asarray(times, dtype) / self.duration)[:, None]
        line = first + share * (last - first)
        rows, rates = positions(motion.layout)
        return line.at[:, rates].set(((last - first) / self.duration)[rows])


class InitialValue(eqx.Module):
    """q(0) = positions and q̇(0) = velocities: what happens by itself in an experiment that is started.

    Attributes:
        positions: {group: values}, or {group: {key: values}} with the keys of the unknowns; declared starts elsewhere.
        velocities: likewise; zero where not given.
        duration: T.

    >>> InitialValue({"nodes": [1.0]}, duration=5.0).velocities
    {}
    """

    positions: dict[str, Any] = eqx.field(default_factory=dict)
    velocities: dict[str, Any] = eqx.field(default_factory=dict)
    duration: float = eqx.field(kw_only=True)

    def check(self, model: Any) -> None:
        """Raise `ModelError` for unknown names and wrong shapes."""
        finite("InitialValue", "the duration", self.duration, above=0)
        self.state(model.motion, jnp.result_type(float))

    def state(self, motion: Motion, dtype: Any) -> Array:
        """y(0)."""
        given = ends(motion, self.positions, "InitialValue: positions")
        for owner, own in ends(motion, self.velocities, "InitialValue: velocities", order=1).items():
            given[owner] = given.get(owner, {}) | own
        return motion.start(given, dtype)

    def guess(self, motion: Motion, times: Array, dtype: Any) -> Array:
        """The initial state at all times."""
        start = self.state(motion, jnp.finfo(dtype).dtype)
        return jnp.broadcast_to(start, (len(times), motion.size))


Boundary = Periodic | TwoPoint | InitialValue


def positions(layout: MotionLayout) -> tuple[np.ndarray, np.ndarray]:
    """Entries of y of the coordinates with a velocity beside them, held ones included, and of those velocities."""
    low, high = [np.zeros(0, int)], [np.zeros(0, int)]
    for key, block in layout.blocks.items():
        if len(key) == 3 and key[2] == 0 and (above := layout.blocks.get((key[0], key[1], 1))) is not None:
            low.append(np.arange(block.start, block.stop))
            high.append(np.arange(above.start, above.stop))
    return np.concatenate(low), np.concatenate(high)


def ends(motion: Motion, given: Values, what: str, *, order: int = 0, complete: bool = False) -> dict[str, dict]:
    """{group: {key of the unknown: values}} of what a user gave by group, and by coordinate where there are several.

    Raises:
        ModelError: an unknown group or coordinate, a group left out where all are needed.
    """
    found: dict[str, dict] = {}
    owners = {group: [] for group, _ in motion.layout.variables}  # type: ignore[var-annotated]
    for group, coordinate in motion.layout.variables:
        owners[group].append(coordinate)
    if not isinstance(given, Mapping):
        raise ModelError(f"{what}: must be a dict {{group: values}} with groups of {sorted(owners)}, got {given!r:.60}")
    for group, values in given.items():
        if group not in owners:
            raise ModelError(f"{what}: {group!r} is no group with unknowns; there are {sorted(owners)}")
        if not isinstance(values, Mapping):
            if len(owners[group]) != 1:
                names = ", ".join(c.name for c in owners[group])
                raise ModelError(f"{what}: {group!r} has the coordinates {names}; give {{coordinate: values}}")
            values = {owners[group][0].name: values}
        for name, value in values.items():
            matches = [c for c in owners[group] if name in (c.name, c.key(0), c.key(1))]
            if not matches:
                names = ", ".join(c.name for c in owners[group])
                raise ModelError(f"{what}: {group!r} has no coordinate {name!r}; there are {names}")
            kept = name if name != matches[0].name else matches[0].key(order)
            where = f"{what}: {name} of {group!r}"
            found.setdefault(group, {})[kept] = checked_data(real_array(value, where), where)
    if complete and (missing := [g for g in owners if g not in found and not _all_held(motion.layout, g)]):
        raise ModelError(f"{what}: gives no values for {missing[0]!r}; give the position of every free group")
    return found


def _all_held(layout: MotionLayout, group: str) -> bool:
    blocks = [b for key, b in layout.blocks.items() if key[0] == group and len(key) == 3]
    return all(layout.held[b.start : b.stop].all() for b in blocks)
