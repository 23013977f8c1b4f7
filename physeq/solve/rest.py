"""Roots of a motion's equations: operating points f(t, y) = 0 and consistent states, by limited sparse Newton steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.junctions import Arguments, arguments, critical, limited, linearised
from physeq.compile.motion import BoundMotion, pattern_of
from physeq.compile.motion_diagnosis import check_steady, check_structure
from physeq.errors import ModelError, SolveError
from physeq.solve.algebraic import AlgebraicRows, algebraic_rows
from physeq.solve.sparse_matrix import SparsityPattern


@dataclass(frozen=True)
class SparseNewton:
    """Newton's method with sparse LU, junctions limited one by one, and source stepping where it does not converge.

    Source stepping solves f(y) = (1 − s) f(y₀) for s from 0 to 1 (sources scaled by s, from y₀ = 0): each solution
    starts the next, with steps as long as converge.

    Attributes:
        steps: most Newton steps at one s.
        tolerance: on the largest change of an unknown, relative to its size; by default 1e-9, or 1e-4 in single
            precision.
        stages: most values of s; 0 for no source stepping.

    >>> SparseNewton(steps=50)
    SparseNewton(steps=50, tolerance=None, stages=200)
    """

    steps: int = 60
    tolerance: float | None = None
    stages: int = 200


class Root(eqx.Module):
    """What Newton's method found: y, the largest |row|, how many steps it took, and whether it converged."""

    y: Array
    residual: Array
    steps: Array
    converged: Array


Rows = Callable[[BoundMotion, Array, Array, Array, Arguments], tuple[Array, Array]]


def _steady(bound: BoundMotion, t: Array, y: Array, start: Array, at: Arguments) -> tuple[Array, Array]:
    return linearised(bound, t, y, at)


def _consistent(bound: BoundMotion, t: Array, y: Array, start: Array, at: Arguments) -> tuple[Array, Array]:
    """Algebraic rows as they are, differential ones M (y − y₀) = 0."""
    rows = algebraic_rows(bound)
    f, values = linearised(bound, t, y, at)
    mass = rows.combine_matrix(bound.mass(y.dtype))
    moved = jnp.zeros_like(y).at[rows.rows].add(mass * (y - start)[rows.columns])
    matrix = jnp.where(rows.algebraic[rows.rows], rows.combine_matrix(values), mass)
    return jnp.where(rows.algebraic, rows.combine(f), moved), matrix


def steady_pattern(bound: BoundMotion) -> SparsityPattern:
    """Where ∂f/∂y has entries."""
    return _cached(bound, "steady", lambda: pattern_of(bound.layout))


def combined_pattern(bound: BoundMotion) -> SparsityPattern:
    """Where E ∂f/∂y and E M have entries."""
    return _cached(bound, "combined", lambda: algebraic_rows(bound))


def _cached(bound: BoundMotion, name: str, of: Callable) -> SparsityPattern:
    cache = bound.layout.__dict__
    if name not in cache:
        found: AlgebraicRows = of()
        cache[name] = SparsityPattern(np.asarray(found.rows), np.asarray(found.columns), bound.layout.size)
    return cache[name]


def steady(bound: BoundMotion, t: Array, start: Array, newton: SparseNewton, throw: bool = True) -> Root:
    """The y with f(t, y) = 0: currents through inductors constant, none into capacitors, nothing moving.

    Differentiable in parameters and inputs (implicitly).

    Raises:
        ModelError: constraints that the equations hold only in differentiated form, which say nothing at rest.
    """
    for form in bound.layout.forms:
        if form.drift:
            raise ModelError(
                f"operating point: the constraint of {form.placement.component.name!r} in {form.placement.name!r} "
                "joins coordinates with inertia and is kept by its derivatives, which say nothing at rest; add "
                "friction and simulate until nothing moves"
            )
    return _found(_steady, steady_pattern(bound), bound, t, start, newton, "operating point", throw)


def consistent(bound: BoundMotion, t: Array, start: Array, newton: SparseNewton, throw: bool = True) -> Root:
    """The y that keeps M y of `start` and satisfies the algebraic rows at time t.

    Differentiable in parameters, inputs and the start.
    """
    return _found(_consistent, combined_pattern(bound), bound, t, start, newton, "consistent initial state", throw)


def _found(rows: Rows, pattern, bound, t, start, newton, what: str, throw: bool) -> Root:
    checked = bound.layout.__dict__.setdefault("checked", set())
    if what not in checked:
        if rows is _steady:
            check_steady(bound.layout)
        check_structure(bound.layout, *_places(rows, bound), what)
        checked.add(what)
    found = _located(rows, pattern, newton, bound, jnp.asarray(t, start.dtype), start)
    if throw and not isinstance(found.converged, jax.core.Tracer) and not bool(found.converged):
        raise SolveError(_message(rows, bound, found, t, start, what))
    return found


def _places(rows: Rows, bound: BoundMotion) -> tuple[np.ndarray, np.ndarray]:
    """Where the matrix of Newton's method has entries: those of the Jacobian in algebraic rows, of M in the others."""
    if rows is _steady:
        pattern = pattern_of(bound.layout)
        count = len(pattern.rows) - pattern.massive
        return pattern.rows[:count], pattern.columns[:count]
    combined, massive = algebraic_rows(bound), pattern_of(bound.layout).massive
    heavy = combined.sources >= len(pattern_of(bound.layout).rows) - massive
    kept = heavy != combined.algebraic[combined.rows]
    return combined.rows[kept], combined.columns[kept]


@eqx.filter_jit
def _located(rows: Rows, pattern: SparsityPattern, newton: SparseNewton, bound, t: Array, start: Array) -> Root:
    found = _search(rows, pattern, newton, bound, t, start)
    y = _root(bound, t, start, jax.lax.stop_gradient(found.y), rows, pattern)
    return Root(y, found.residual, found.steps, found.converged)


def _message(rows: Rows, bound: BoundMotion, found: Root, t: Array, start: Array, what: str) -> str:
    names, y = bound.layout.names(), found.y
    t = jnp.asarray(t, y.dtype)
    text = f"no {what} was found in {int(found.steps)} Newton steps (largest residual {float(found.residual):.3g}"
    f = np.abs(np.asarray(bound.field(t, y)))
    if np.isfinite(f).all():
        text += f", at {names[int(np.argmax(f))]}"
    text += ")"
    if bound.layout.size <= 400 and np.isfinite(np.asarray(y)).all():
        values = rows(bound, t, y, start, arguments(bound, t, y))[1]
        pattern = steady_pattern(bound) if rows is _steady else combined_pattern(bound)
        matrix = np.asarray(pattern.to_dense(values), float)
        scale = np.abs(matrix).max(axis=1, keepdims=True)
        _, singular, right = np.linalg.svd(matrix / np.where(scale > 0, scale, 1.0))
        if singular[-1] < 1e-13 * singular[0]:
            free = np.abs(right[-1])
            named = [names[i] for i in np.argsort(-free)[:4] if free[i] > 0.1 * free.max()]
            return f"{text}: the equations are singular and leave {', '.join(named)} undetermined; " + _MEND
        if rows is _steady and (active := _active(bound, t, y)):
            text += f"; {', '.join(active[:4])} has a negative differential conductance there"
    return f"{text}; {_MEND}"


_MEND = (
    "check that an equilibrium exists and that every node has a path to ground, start closer to it (start=...), or "
    "allow more steps (SparseNewton(steps=..., stages=...))"
)


def _active(bound: BoundMotion, t: Array, y: Array) -> list[str]:
    """Elements whose force on a node grows with the node's own unknown."""
    found = []
    for programs in bound.motion.programs:
        program, rows, columns = programs.jacobian
        known = program(bound.environment(programs, t, y))
        for value, row, column in zip(known, rows, columns, strict=True):
            bad = np.flatnonzero((row == column) & (np.broadcast_to(np.asarray(value), row.shape) > 0))
            found += [bound.layout.label(programs.form.placement.name, int(k)) for k in bad]
    return list(dict.fromkeys(found))


def _search(rows: Rows, pattern: SparsityPattern, newton: SparseNewton, bound, t, start) -> Root:
    bound, y0 = _stopped(bound), _stopped(start)
    start = y0
    tolerance = newton.tolerance or (1e-9 if start.dtype == jnp.float64 else 1e-4)
    bend = critical(bound, t, y0)
    first = arguments(bound, t, y0)
    at0 = tuple(jnp.minimum(u, c) for u, c in zip(first, bend, strict=True))
    offset = rows(bound, t, y0, start, first)[0]

    def solve_at(s: Array, y: Array, at: Arguments):
        """Newton's method on f(y) − (1 − s) f(y₀)."""

        def unfinished(carry):
            _, _, _, step, done, broken = carry
            return ~done & ~broken & (step < newton.steps)

        def advance(carry):
            y, at, _, step, _, _ = carry
            r, values = rows(bound, t, y, start, at)
            r = r - (1 - s) * offset
            delta = -pattern.solve(values, r)
            new = y + delta
            u = arguments(bound, t, new)
            followed = limited(u, at, bend)
            size = jnp.abs(new) + 1e-6 * jnp.max(jnp.abs(new)) + 1e-12
            gap = sum((jnp.max(jnp.abs(a - b), initial=0.0) for a, b in zip(u, followed, strict=True)), jnp.zeros(()))
            change = jnp.max(jnp.abs(delta) / size)
            done = (change < tolerance) & (gap < 1e-9)
            return new, followed, jnp.max(jnp.abs(r)), step + 1, done, ~jnp.isfinite(change)

        false = jnp.zeros((), bool)
        begin = (y, at, jnp.asarray(jnp.inf, y.dtype), jnp.int32(0), false, false)
        return jax.lax.while_loop(unfinished, advance, begin)

    y, _, _, steps, done, _ = solve_at(jnp.ones((), y0.dtype), y0, at0)

    def unfinished(carry):
        *_, s, stride, count, _ = carry
        return (s < 1) & (count < newton.stages) & (stride > 1e-6)

    def advance(carry):
        y, at, s, stride, count, steps = carry
        trial = jnp.minimum(s + stride, 1.0)
        new, near, _, used, good, _ = solve_at(trial, y, at)
        keep = lambda a, b: jnp.where(good, a, b)  # noqa: E731
        at = tuple(keep(a, b) for a, b in zip(near, at, strict=True))
        return keep(new, y), at, keep(trial, s), keep(2 * stride, stride / 4), count + 1, steps + used

    zero = jnp.where(done, 1.0, 0.0).astype(y0.dtype)
    carry = (jnp.where(done, y, y0), at0, zero, jnp.asarray(0.1, y0.dtype), jnp.int32(0), steps)
    y, _, s, _, _, steps = jax.lax.while_loop(unfinished, advance, carry)
    r, _ = rows(bound, t, y, start, arguments(bound, t, y))
    return Root(y, jnp.max(jnp.abs(r)), steps, (s >= 1) & jnp.all(jnp.isfinite(y)))


def _stopped(tree):
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.lax.stop_gradient(arrays), rest)


@eqx.filter_custom_jvp
def _root(bound, t, start, y, rows, pattern):
    return y


@_root.def_jvp
def _root_jvp(primals, tangents):
    bound, t, start, y, rows, pattern = primals
    bound_dot, t_dot, start_dot, _, _, _ = tangents
    y = _root(bound, t, start, y, rows, pattern)

    def residual(bound, t, start):
        return rows(bound, t, y, start, arguments(bound, t, y))[0]

    dots = (bound_dot, t_dot, start_dot)
    _, push = eqx.filter_jvp(residual, (bound, t, start), dots)
    matrix = rows(bound, t, y, start, arguments(bound, t, y))[1]
    return y, -pattern.solve(matrix, push)


@eqx.filter_jit
def rates(bound: BoundMotion, t: Array, y: Array) -> Array:
    """ẏ at a consistent state: M ẏ = f on differential rows, d/dt of the algebraic ones.

    Currents through capacitors and forces of inertia need it.
    """
    rows = algebraic_rows(bound)
    t = jnp.asarray(t, y.dtype)
    f, drift = jax.jvp(lambda s: bound.field(s, y), (t,), (jnp.ones_like(t),))
    mass, slope = rows.combine_matrix(bound.mass(y.dtype)), rows.combine_matrix(bound.jacobian(t, y))
    matrix = jnp.where(rows.algebraic[rows.rows], slope, mass)
    return combined_pattern(bound).solve(matrix, jnp.where(rows.algebraic, -rows.combine(drift), rows.combine(f)))
