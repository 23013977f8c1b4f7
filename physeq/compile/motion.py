"""`Motion`: the compiled equations M ẏ = f(t, y) of a moving system, with sparse Jacobian and mass matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.checked_data import check_parameters
from physeq.compile.initialise import initial_parameters, parameter_shapes
from physeq.compile.motion_diagnosis import diagnose
from physeq.compile.motion_layout import MotionLayout, drives, motion_layout
from physeq.compile.printer import Program
from physeq.errors import ModelError
from physeq.symbolic.motion_form import MotionForm, Unknown
from physeq.symbolic.place import Feed
from physeq.symbolic.symbols import time
from physeq.symbolic.system import System
from physeq.symbolic.waveform_functions import WaveformFunction, sine
from physeq.symbolic.waveforms import breakpoints

State = dict[str, dict[str, Array]]


class FormPrograms:
    """The programs of one form's rows, their derivatives by the unknowns, and its mass, with where they write."""

    def __init__(self, layout: MotionLayout, form: MotionForm):
        self.form, self.layout = form, layout
        self.entries = {s: layout.entries(form, u) for s, u in form.symbols.items()}
        self.targets = [self._where(u) for u in form.rows]
        self.rows = Program(list(form.rows.values()))

    def _where(self, unknown: Unknown) -> np.ndarray:
        return self.layout.entries(self.form, unknown)

    @cached_property
    def jacobian(self) -> tuple[Program, list[np.ndarray], list[np.ndarray]]:
        """(∂row/∂unknown where it does not vanish, its rows in J, its columns)."""
        entries, rows, columns = [], [], []
        for unknown, row in self.form.rows.items():
            for symbol in sorted(row.free_symbols & set(self.entries), key=str):
                slope = sp.diff(row, symbol)
                if slope != 0:
                    entries.append(slope)
                    rows.append(self._where(unknown))
                    columns.append(self.entries[symbol])
        return Program(entries), rows, columns

    @cached_property
    def mass(self) -> tuple[Program, list[np.ndarray], list[np.ndarray]]:
        """(entries of M, their rows, their columns)."""
        pairs = self.form.mass
        rows = [self._where(row) for row, _ in pairs]
        columns = [self._where(column) for _, column in pairs]
        return Program(list(pairs.values())), rows, columns


class Motion(eqx.Module):
    """A moving system, compiled: M ẏ = f(t, y) on one flat vector y; make one with `System.motion()`.

    Rows without mass are algebraic. All methods are pure; batches go through `jax.vmap`.
    """

    layout: MotionLayout = eqx.field(static=True)

    @property
    def system(self) -> System:
        """The declared system."""
        return self.layout.system

    @property
    def size(self) -> int:
        """The number of unknowns."""
        return self.layout.size

    def init_parameters(self, key: Array, dtype: Any = None) -> dict[str, dict[str, Array]]:
        """Starting parameters, as those of `Model`."""
        return initial_parameters(self.system, key, jnp.result_type(float) if dtype is None else dtype)

    def bind(self, params: Mapping, inputs: Any = None) -> BoundMotion:
        """Fix parameters and inputs.

        Args:
            params: `params["bundle"]["g"]`.
            inputs: {name: an array (size,), or a function of time that gives one}; without a name where there is one.

        Raises:
            ModelError: a missing or unknown input or parameter, or one of the wrong shape.
        """
        check_parameters(params, parameter_shapes(self.system))
        names = {entry.name: entry.size for entry in self.system.inputs}
        if inputs is None:
            inputs = {}
        elif not isinstance(inputs, Mapping):
            if len(names) != 1:
                raise ModelError(f"inputs: this system has the inputs {list(names)}; pass a dict with one for each")
            inputs = {next(iter(names)): inputs}
        if set(inputs) != set(names):
            raise ModelError(f"inputs: expected {list(names)}, got {sorted(inputs)}; pass one for each")
        given = {}
        for name, size in names.items():
            value = inputs[name] if callable(inputs[name]) else jnp.asarray(inputs[name])
            if callable(value):
                found = jax.eval_shape(value, 0.0)
                if not hasattr(found, "shape"):
                    raise ModelError(
                        f"input {name!r}: the function must give an array, got {type(found).__name__}; "
                        "return jnp.array([...])"
                    )
                shape = found.shape
            else:
                value = value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(float)
                shape = value.shape
            if shape != (size,):
                raise ModelError(f"input {name!r}: must have shape ({size},), got {shape}; batches go through jax.vmap")
            given[name] = value
        self._refuse_moving_inertia(given)
        return BoundMotion(self.layout, per_instance(self.layout, params), given)

    def _refuse_moving_inertia(self, inputs: Mapping[str, Any]) -> None:
        """A signal in M would need its rate, which a function of time does not give here."""
        for name in inputs_in_mass(self.layout):
            if callable(inputs[name]):
                raise ModelError(
                    f"input {name!r} stands in an inertia, or in friction that makes an equation of motion, and cannot "
                    "be a function of time; give an array, or write the change in time with pq.time or a waveform"
                )

    # ---- names ---------------------------------------------------------------------------------------------------

    def unflatten(self, y: Array) -> State:
        """{group or placement: {key: its unknowns}} of a vector `(*batch, size)`."""
        state: State = {}
        for block in self.layout.blocks.values():
            state.setdefault(block.owner, {})[block.key] = y[..., block.start : block.stop]
        return state

    def start(self, given: Mapping[str, Mapping[str, Any]] | None = None, dtype: Any = None) -> Array:
        """A vector y of declared starts, with the values that are `given` by group (or placement) and key.

        Raises:
            ModelError: a name that is no unknown, or values of the wrong shape.
        """
        declared = np.zeros(self.size)
        for (owner, *rest), place in self.layout.blocks.items():
            if len(rest) == 2 and rest[1] == self.layout.variables[owner, rest[0]].orders[0]:
                declared[place.start : place.stop] = self.layout.system.start_of(owner, rest[0])
        y = jnp.asarray(declared, jnp.result_type(float) if dtype is None else dtype)
        known = {(b.owner, b.key): b for b in self.layout.blocks.values()}
        for owner, values in (given or {}).items():
            for key, value in values.items():
                block = known.get((owner, key))
                if block is None:
                    names = ", ".join(f"{o}.{k}" for o, k in known)
                    raise ModelError(f"start: {owner}.{key} is no unknown of this motion; there are {names}")
                value = jnp.asarray(value, y.dtype)
                if value.shape not in ((), (block.size,)):
                    raise ModelError(f"start of {owner}.{key}: must have shape ({block.size},), got {value.shape}")
                y = y.at[block.start : block.stop].set(value)
        return y

    # ---- structure -----------------------------------------------------------------------------------------------

    @property
    def programs(self) -> tuple[FormPrograms, ...]:
        """The programs of every placed component, built once per layout."""
        cache = self.layout.__dict__
        if "programs" not in cache:
            cache["programs"] = tuple(FormPrograms(self.layout, form) for form in self.layout.forms)
        return cache["programs"]


def inputs_in_mass(layout: MotionLayout) -> list[str]:
    """The inputs whose signals stand in M, which is made once."""
    found = []
    for entry in layout.system.inputs:
        if isinstance(entry.kind, Feed):
            forms = [form for form in layout.forms if form.placement.name == entry.kind.placement]
            if any(sp.sympify(e).has(entry.kind.signal) for form in forms for e in form.mass.values()):
                found.append(entry.name)
    return found


class BoundMotion(eqx.Module):
    """M ẏ = f(t, y) with parameters and inputs fixed: what integrators see."""

    layout: MotionLayout = eqx.field(static=True)
    params: dict[str, dict[str, Array]]
    inputs: dict[str, Array | Callable]

    @property
    def motion(self) -> Motion:
        return Motion(self.layout)

    # ---- values --------------------------------------------------------------------------------------------------

    def environment(self, programs: FormPrograms, t: Array, y: Array) -> dict[sp.Symbol, Array]:
        """Values of all symbols of a form, one per instance."""
        form = programs.form
        known: dict[sp.Symbol, Array] = {s: y[e] for s, e in programs.entries.items()}
        component = form.placement.component
        known |= {p: self.params[form.placement.name][p.name] for p in component.parameters}
        known[time] = t
        for entry in self.layout.system.inputs:
            if isinstance(entry.kind, Feed) and entry.kind.placement == form.placement.name:
                known[entry.kind.signal] = self.input(entry.name, t)
        return known

    def corners(self, t0: float, t1: float) -> np.ndarray:
        """Times in (t0, t1) at which the waveforms of sources jump or bend.

        Raises:
            ModelError: pulses or piecewise-linear sources whose times are traced, inside `jit` or `grad`.
        """
        found = [np.zeros(0)]
        for form in self.layout.forms:
            component = form.placement.component
            own = self.params[form.placement.name]
            waves = {w for e in component.expressions() for w in e.atoms(WaveformFunction)}
            shaping = {p for w in waves for p in w.free_symbols if p in component.parameters}
            if not waves:
                continue
            if any(isinstance(x, jax.core.Tracer) for x in (t0, t1, *(own[p.name] for p in shaping))):
                if all(isinstance(w, sine) for w in waves):
                    continue  # a sine bends at its delay alone, and there only in its slope
                raise ModelError(
                    f"the corners of {component.name!r} in {form.placement.name!r} are not known inside jit or grad "
                    "over its parameters; give simulate(corners=motion.bind(params).corners(t0, t1)), found outside"
                )
            values = {p: np.asarray(own[p.name]) for p in shaping}
            found.append(breakpoints(component.expressions(), values, float(t0), float(t1)))
        return np.unique(np.concatenate(found))

    def longest_step(self, t0: Array, t1: Array) -> Array | None:
        """The longest step that still sees everything that moves by itself in time; None where nothing does.

        A fiftieth of the interval, as in SPICE, and a sixteenth of the shortest period of a sine: what follows a
        source algebraically has no error of its own, so that error control alone would step over its oscillations.
        """
        terms = [e for form in self.layout.forms for e in form.placement.component.expressions()]
        if not any(e.has(time) for e in terms) and not any(callable(x) for x in self.inputs.values()):
            return None
        longest = (t1 - t0) / 50
        for form in self.layout.forms:
            own = self.params[form.placement.name]
            known = {p: own[p.name] for p in form.placement.component.parameters}
            for wave in {w for e in form.placement.component.expressions() for w in e.atoms(sine)}:
                frequency = jnp.max(jnp.abs(jnp.asarray(Program([wave.args[3]])(known)[0])))
                longest = jnp.minimum(longest, 1 / (16 * jnp.maximum(frequency, 1e-30)).astype(longest.dtype))
        return longest

    def input(self, name: str, t: Array) -> Array:
        """An input's array at time t."""
        value = self.inputs[name]
        return value(t) if callable(value) else value

    def held_values(self, t: Array, dtype: Any) -> Array:
        """What held entries of y have to be at time t, 0 elsewhere."""
        u = jnp.zeros(self.layout.size, dtype)
        for hold in self.layout.holds:
            if hold.name is None:
                value = jnp.full(len(hold.entries), hold.value if hold.order == 0 else 0.0, dtype)
            else:
                value = _derivative(lambda s, n=hold.name: self.input(n, s), hold.order)(t)[hold.columns]
            u = u.at[hold.entries].set(value.astype(dtype))
        return u

    def field(self, t: Array, y: Array) -> Array:
        """f(t, y), shape (size,)."""
        return self.assemble(t, y, lambda programs, known: programs.rows(known))

    def assemble(self, t: Array, y: Array, rows: Callable) -> Array:
        """f from the values of every form's rows: `rows(programs, environment)`."""
        t = jnp.asarray(t, jnp.finfo(y.dtype).dtype)  # states may be complex, time is not
        wheres, values = [], []
        for programs in self.motion.programs:
            if not programs.targets:
                continue
            found = rows(programs, self.environment(programs, t, y))
            for where, value in zip(programs.targets, found, strict=True):
                wheres.append(where)
                values.append(jnp.broadcast_to(jnp.asarray(value, y.dtype), where.shape))
        for name, columns, entries in drives(self.layout):
            wheres.append(entries)
            values.append(self.input(name, t)[columns].astype(y.dtype))
        for row, column in _kinematic(self.layout):
            wheres.append(row)
            values.append(y[column])
        f = jnp.zeros(self.layout.size, y.dtype)
        if wheres:
            f = f.at[np.concatenate(wheres)].add(jnp.concatenate(values))
        held = self.layout.held
        return jnp.where(held, self.held_values(t, y.dtype) - y, f) if held.any() else f

    def jacobian(self, t: Array, y: Array) -> Array:
        """∂f/∂y as values on `pattern_of(layout)`."""
        return self.assemble_jacobian(t, y, lambda programs, known: programs.jacobian[0](known))

    def assemble_jacobian(self, t: Array, y: Array, entries: Callable) -> Array:
        """∂f/∂y from the values of every form's entries: `entries(programs, environment)`."""
        t = jnp.asarray(t, jnp.finfo(y.dtype).dtype)  # states may be complex, time is not
        values = []
        for programs in self.motion.programs:
            _, rows, _ = programs.jacobian
            if rows:
                known = entries(programs, self.environment(programs, t, y))
                values += [jnp.broadcast_to(jnp.asarray(v, y.dtype), r.shape) for v, r in zip(known, rows, strict=True)]
        layout = pattern_of(self.layout)
        values.append(jnp.ones(layout.kinematic, y.dtype))
        kept = jnp.concatenate(values)[layout.jacobian_kept]
        return jnp.concatenate([kept, jnp.full(layout.held, -1.0, y.dtype), jnp.zeros(layout.massive, y.dtype)])

    def mass(self, dtype: Any = None) -> Array:
        """M as values on `pattern_of(layout)`."""
        dtype = jnp.result_type(float) if dtype is None else dtype
        y = jnp.zeros(self.layout.size, dtype)
        values = []
        for programs in self.motion.programs:
            program, rows, _ = programs.mass
            if rows:
                known = program(self.environment(programs, jnp.zeros((), dtype), y))
                values += [jnp.broadcast_to(jnp.asarray(v, dtype), r.shape) for v, r in zip(known, rows, strict=True)]
        layout = pattern_of(self.layout)
        values.append(jnp.ones(layout.kinematic, dtype))
        kept = jnp.concatenate(values)[layout.mass_kept]
        return jnp.concatenate([jnp.zeros(len(layout.rows) - layout.massive, dtype), kept])


def per_instance(layout: MotionLayout, params: Mapping) -> dict[str, dict[str, Array]]:
    """Parameters with one axis, that of the instances, or shared ones as numbers."""
    flat = {}
    for form in layout.forms:
        own = {}
        for p in form.placement.component.parameters:
            value = jnp.asarray(params[form.placement.name][p.name])
            own[p.name] = value.reshape(-1) if value.ndim else value
        flat[form.placement.name] = own
    return flat


def _derivative(function: Callable, order: int) -> Callable:
    for _ in range(order):
        function = _one_derivative(function)
    return function


def _one_derivative(function: Callable) -> Callable:
    return lambda t: jax.jvp(function, (t,), (jnp.ones_like(t),))[1]


def _kinematic(layout: MotionLayout) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows, columns) of d/dt q = w of the coordinates on nodes."""
    found = []
    for (group, coordinate), v in layout.variables.items():
        if v.variable.internal:
            continue
        for low, high in zip(v.orders[:-1], v.orders[1:], strict=True):
            a, b = layout.blocks[group, coordinate, low], layout.blocks[group, coordinate, high]
            found.append((np.arange(a.start, a.stop), np.arange(b.start, b.stop)))
    return found


class MotionPattern:
    """Places (with repetitions) of the entries of ∂f/∂y and M: first those of the Jacobian, then those of M."""

    def __init__(self, layout: MotionLayout):
        motion = Motion(layout)
        held = layout.held
        empty = np.zeros(0, np.int64)
        kinematic = _kinematic(layout)
        self.kinematic = sum(len(r) for r, _ in kinematic)
        rows = [r for p in motion.programs for r in p.jacobian[1]] + [r for r, _ in kinematic]
        columns = [c for p in motion.programs for c in p.jacobian[2]] + [c for _, c in kinematic]
        row, column = np.concatenate([*rows, empty]), np.concatenate([*columns, empty])
        self.jacobian_kept = np.flatnonzero(~held[row])
        heavy = [r for p in motion.programs for r in p.mass[1]] + [r for r, _ in kinematic]
        across = [c for p in motion.programs for c in p.mass[2]] + [r for r, _ in kinematic]
        heavy_row, heavy_column = np.concatenate([*heavy, empty]), np.concatenate([*across, empty])
        self.mass_kept = np.flatnonzero(~held[heavy_row])
        own = np.flatnonzero(held)
        self.held, self.massive = len(own), len(self.mass_kept)
        self.rows = np.concatenate([row[self.jacobian_kept], own, heavy_row[self.mass_kept]]).astype(np.int32)
        self.columns = np.concatenate([column[self.jacobian_kept], own, heavy_column[self.mass_kept]]).astype(np.int32)


def pattern_of(layout: MotionLayout) -> MotionPattern:
    """The pattern of a layout, found once."""
    cache = layout.__dict__
    if "pattern" not in cache:
        cache["pattern"] = MotionPattern(layout)
    return cache["pattern"]


def compile_motion(system: System) -> Motion:
    """Compile the equations of motion of a system.

    Raises:
        ModelError: bounds on a coordinate (a moving system has no projection), constraints of mixed inertia, a floating
            node, a loop of voltage sources and capacitors, a cut-set of inductors and current sources.
    """
    for placement in system.placements:
        for symbol, ends in placement.component.bounds.items():
            if any(end not in (sp.oo, -sp.oo) for end in ends):
                raise ModelError(
                    f"component {placement.component.name!r} in {placement.name!r} bounds {symbol}, and a motion has "
                    "no projection onto bounds; use a smooth element instead, for example "
                    "electrical.piecewise_linear_diode"
                )
    layout = motion_layout(system)
    diagnose(layout)
    return Motion(layout)
