"""A motion as an ordinary differential equation: algebraic unknowns solved for inside the field.

Possible where every unknown with a rate has a row of its own with mass, as in mechanics: the accelerations and the
multipliers of constraints follow from the positions and velocities by one linear system.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, pattern_of
from physeq.errors import ModelError
from physeq.solve.algebraic import algebraic_rows
from physeq.solve.sparse_matrix import SparsityPattern


@dataclass(frozen=True, eq=False)
class Split:
    """Which entries of y move by themselves.

    Attributes:
        moving: entries with a rate, the state of the ordinary differential equation.
        following: the other ones that nothing holds, solutions of the algebraic rows.
        moving_rows, following_rows: the rows that belong to them.
        mass, slope: (entries of the pattern, the pattern within moving × moving, following × following).
        linear: whether the algebraic rows are affine in what follows, so that one Newton step solves them.
    """

    moving: np.ndarray
    following: np.ndarray
    moving_rows: np.ndarray
    following_rows: np.ndarray
    mass: tuple[np.ndarray, SparsityPattern]
    slope: tuple[np.ndarray, SparsityPattern]
    linear: bool


def split_of(bound: BoundMotion) -> Split:
    """Split the unknowns of a motion.

    Raises:
        ModelError: more unknowns with a rate than rows with mass (a node that only floating capacitors join).
    """
    cache = bound.layout.__dict__
    if "split" not in cache:
        cache["split"] = _split(bound)
    return cache["split"]


def _split(bound: BoundMotion) -> Split:
    layout, pattern, rows = bound.layout, pattern_of(bound.layout), algebraic_rows(bound)
    moving = np.flatnonzero(~rows.massless & ~layout.held)
    moving_rows = np.flatnonzero(~rows.algebraic)
    if len(moving) != len(moving_rows):
        raise ModelError(
            f"an explicit solver needs a rate for every unknown that has one in some equation, and here are "
            f"{len(moving_rows)} equations with mass for {len(moving)} such unknowns (capacitors or masses between "
            "nodes that have none to ground); use Rodas5P()"
        )
    following = np.setdiff1d(np.flatnonzero(~layout.held), moving)
    following_rows = np.flatnonzero(rows.algebraic & ~layout.held)

    def within(row_set, column_set, row_of, column_of):
        place = np.full(layout.size, -1)
        place[row_set] = np.arange(len(row_set))
        across = np.full(layout.size, -1)
        across[column_set] = np.arange(len(column_set))
        kept = np.flatnonzero((place[row_of] >= 0) & (across[column_of] >= 0))
        return kept, SparsityPattern(place[row_of[kept]], across[column_of[kept]], len(row_set))

    mass = within(moving_rows, moving, pattern.rows, pattern.columns)
    slope = within(following_rows, following, rows.rows, rows.columns)
    return Split(moving, following, moving_rows, following_rows, mass, slope, _is_linear(bound, following))


def _is_linear(bound: BoundMotion, following: np.ndarray) -> bool:
    """Whether no entry of the Jacobian that an algebraic row may use holds an unknown that follows."""
    follows = np.zeros(bound.layout.size, bool)
    follows[following] = True
    for programs in bound.motion.programs:
        program, _, columns = programs.jacobian
        held_by = {s for s, entries in programs.entries.items() if follows[entries].any()}
        for entry, column in zip(program.expressions, columns, strict=True):
            if follows[column].any() and entry.free_symbols & held_by:
                return False
    return True


def complete(bound: BoundMotion, t: Array, moving: Array, guess: Array, steps: int = 12) -> Array:
    """All unknowns y from those that move: the others by Newton's method on the algebraic rows, from `guess`."""
    split, rows = split_of(bound), algebraic_rows(bound)
    held = bound.layout.held
    y = jnp.where(held, bound.held_values(t, moving.dtype), guess).at[split.moving].set(moving)
    if not len(split.following):
        return y

    def newton(y: Array) -> tuple[Array, Array]:
        f = rows.combine(bound.field(t, y))[split.following_rows]
        values = rows.combine_matrix(bound.jacobian(t, y))[split.slope[0]]
        delta = split.slope[1].solve(values, f)
        return y.at[split.following].add(-delta), jnp.max(jnp.abs(delta) / (1 + jnp.abs(y[split.following])))

    if split.linear:
        return newton(y)[0]
    tolerance = 1e-11 if y.dtype == jnp.float64 else 1e-5

    def step(carry, _):
        y, change = carry
        return jax.lax.cond(change > tolerance, newton, lambda y: (y, change), y), None

    return jax.lax.scan(step, (y, jnp.asarray(jnp.inf, y.dtype)), None, length=steps)[0][0]


def explicit_field(bound: BoundMotion, t: Array, moving: Array, guess: Array) -> Array:
    """The rates of the unknowns that move."""
    split = split_of(bound)
    y = complete(bound, t, moving, guess)
    f, values = bound.field(t, y)[split.moving_rows], bound.mass(y.dtype)
    pattern = pattern_of(bound.layout)
    if (bound.layout.held[pattern.columns] & np.isin(pattern.rows, split.moving_rows)).any():
        # Held unknowns that move take part in the inertia or friction that they share with others.
        _, rate = jax.jvp(lambda s: bound.held_values(s, y.dtype), (t,), (jnp.ones_like(t),))
        f = f - jnp.zeros_like(y).at[pattern.rows].add(values * rate[pattern.columns])[split.moving_rows]
    return split.mass[1].solve(values[split.mass[0]], f)
