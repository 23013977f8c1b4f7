"""Exponentials of the unknowns as junctions: f with every exp(u) replaced by its tangent at a limited argument.

Newton's method on exp overflows from one iterate to the next. SPICE's remedy is to linearise every junction at a
voltage of its own that follows the node voltages only so far: exp(u) ≈ exp(u°)(1 + u − u°). Arguments u are without
unit (a voltage over the thermal voltage), so one rule serves all.

Source: Nagel 1975, "SPICE2: a computer program to simulate semiconductor circuits", the limiting of junction voltages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, FormPrograms
from physeq.compile.printer import Program
from physeq.symbolic.symbols import local_symbol

Arguments = tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class JunctionPrograms:
    """The junctions of one form.

    Attributes:
        programs: the form's own programs.
        arguments: u of every exp(u) in its rows that holds unknowns.
    """

    programs: FormPrograms
    arguments: tuple[sp.Expr, ...]

    @cached_property
    def exponentials(self) -> tuple[sp.Symbol, ...]:
        return tuple(local_symbol(f"exponential{k}", rf"e^{{u_{k}}}") for k in range(len(self.arguments)))

    @cached_property
    def tangents(self) -> tuple[sp.Symbol, ...]:
        return tuple(local_symbol(f"tangent{k}", rf"e^{{u^\circ_{k}}}") for k in range(len(self.arguments)))

    @cached_property
    def argument(self) -> Program:
        return Program(list(self.arguments))

    @cached_property
    def _rows(self) -> list[sp.Expr]:
        replace = {sp.exp(u): e for u, e in zip(self.arguments, self.exponentials, strict=True)}
        return [row.subs(replace) for row in self.programs.form.rows.values()]

    @cached_property
    def rows(self) -> Program:
        return Program(self._rows)

    @cached_property
    def jacobian(self) -> Program:
        """The entries of `FormPrograms.jacobian`, in the same order."""
        entries = []
        for row, plain in zip(self._rows, self.programs.form.rows.values(), strict=True):
            for symbol in sorted(plain.free_symbols & set(self.programs.entries), key=str):
                if sp.diff(plain, symbol) != 0:
                    inner = zip(self.arguments, self.exponentials, self.tangents, strict=True)
                    through = [sp.diff(row, e) * d * sp.diff(u, symbol) for u, e, d in inner]
                    entries.append(sp.diff(row, symbol) + sum(through, sp.S.Zero))
        return Program(entries)

    @cached_property
    def slopes(self) -> Program:
        """|∂row/∂e·∂u/∂x| of every junction: its conductance at u = 0, the largest of all rows."""
        found = []
        for u, e in zip(self.arguments, self.exponentials, strict=True):
            parts = [
                sp.Abs(sp.diff(row, e) * sp.diff(u, x))
                for row in self._rows
                for x in self.programs.entries
                if sp.diff(row, e) != 0 and sp.diff(u, x) != 0
            ]
            found.append(sp.Max(*parts) if len(parts) > 1 else parts[0])
        return Program(found)


def junction_programs(bound: BoundMotion) -> dict[int, JunctionPrograms]:
    """{number of the form: its junctions}, of the forms that have some."""
    cache = bound.layout.__dict__
    if "junctions" not in cache:
        found = {}
        for number, programs in enumerate(bound.motion.programs):
            own = set(programs.entries)
            atoms = {e.args[0] for row in programs.form.rows.values() for e in row.atoms(sp.exp)}
            arguments = sorted((u for u in atoms if u.free_symbols & own), key=str)
            if arguments:
                found[number] = JunctionPrograms(programs, tuple(arguments))
        cache["junctions"] = found
    return cache["junctions"]


def arguments(bound: BoundMotion, t: Array, y: Array) -> Arguments:
    """The arguments u of all junctions at y."""
    return tuple(
        jnp.broadcast_to(u, (bound.layout.count(j.programs.form),))
        for j in junction_programs(bound).values()
        for u in j.argument(bound.environment(j.programs, t, y))
    )


def critical(bound: BoundMotion, t: Array, y: Array) -> Arguments:
    """Where each junction has the conductance 1/√2, beyond which limiting starts (in SPICE, ln(V_t/(√2 I_s)))."""
    ones = tuple(jnp.ones_like(u) for u in arguments(bound, t, y))
    result = []
    for j, values in zip(junction_programs(bound).values(), _grouped(bound, ones), strict=True):
        known = bound.environment(j.programs, t, y)
        known |= dict(zip(j.exponentials, values, strict=True))
        for slope, one in zip(j.slopes(known), values, strict=True):
            result.append(one * jnp.clip(-jnp.log(jnp.sqrt(2.0) * slope), 1.0, 60.0))
    return tuple(result)


def limited(new: Arguments, old: Arguments, bend: Arguments) -> Arguments:
    """Arguments that follow `new` from `old`, logarithmically where they rise beyond `bend`."""

    def one(u, before, crit):
        step = u - before
        from_above = jnp.where(step > -1, before + jnp.log1p(jnp.maximum(step, -0.999999)), crit)
        from_below = jnp.log(jnp.maximum(u, 1e-30))
        far = (u > crit) & (jnp.abs(step) > 2)
        return jnp.where(far, jnp.where(before > 0, from_above, from_below), u)

    return tuple(one(*each) for each in zip(new, old, bend, strict=True))


def linearised(bound: BoundMotion, t: Array, y: Array, at: Arguments) -> tuple[Array, Array]:
    """(f, values of ∂f/∂y on the pattern) with every junction replaced by its tangent at the arguments `at`."""
    junctions = junction_programs(bound)
    given = {}
    for (number, j), values in zip(junctions.items(), _grouped(bound, at), strict=True):
        known = bound.environment(j.programs, t, y)
        for u, before, e, d in zip(j.argument(known), values, j.exponentials, j.tangents, strict=True):
            known[d] = jnp.exp(before)
            known[e] = known[d] * (1 + u - before)
        given[id(bound.motion.programs[number])] = (j, known)

    def rows(programs, known):
        j, replaced = given.get(id(programs), (None, known))
        return programs.rows(known) if j is None else j.rows(replaced)

    def entries(programs, known):
        j, replaced = given.get(id(programs), (None, known))
        return programs.jacobian[0](known) if j is None else j.jacobian(replaced)

    return bound.assemble(t, y, rows), bound.assemble_jacobian(t, y, entries)


def _grouped(bound: BoundMotion, flat: Arguments) -> list[Arguments]:
    found, start = [], 0
    for j in junction_programs(bound).values():
        found.append(flat[start : start + len(j.arguments)])
        start += len(j.arguments)
    return found
