"""`simulate`: the motion of a system in time, by diffrax solvers, a Rosenbrock method for DAEs, or symplectic steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, Motion
from physeq.errors import ModelError, SolveError
from physeq.settings import finite
from physeq.solve.crossing import Bisection, Crossing, crossing_value, direction
from physeq.solve.linear_backend import LinearBackend
from physeq.solve.motion_route import Route, route_of
from physeq.solve.rest import SparseNewton, consistent, steady
from physeq.solve.result import is_traced
from physeq.solve.start import check_start
from physeq.solve.thermal import ThermalNoise, thermal_route
from physeq.solve.trajectory import Solution


@dataclass(frozen=True)
class OperatingPoint:
    """Start at the operating point: the steady state with the sources at their values of t₀, as SPICE's `.tran` does.

    Attributes:
        newton: how it is found.

    >>> OperatingPoint()
    OperatingPoint(newton=SparseNewton(steps=60, tolerance=None, stages=200))
    """

    newton: SparseNewton = field(default_factory=SparseNewton)


def simulate(
    motion: Motion,
    params: Mapping,
    inputs: Any = None,
    *,
    t1: float,
    t0: float = 0.0,
    ts: Any = None,
    start: Mapping | OperatingPoint | Array | None = None,
    solver: diffrax.AbstractSolver | None = None,
    rtol: float = 1e-6,
    atol: float | None = None,
    step: float | None = None,
    first_step: float | None = None,
    max_step: float | None = None,
    corners: Any = None,
    event: Crossing | None = None,
    noise: ThermalNoise | None = None,
    key: Array | None = None,
    dense: bool = False,
    max_steps: int | None = None,
    newton: SparseNewton | None = None,
    backend: LinearBackend | None = None,
    adjoint: diffrax.AbstractAdjoint | None = None,
    progress: diffrax.AbstractProgressMeter | None = None,
    throw: bool = True,
) -> Solution:
    """Integrate M ẏ = f(t, y) from t0 to t1.

    Args:
        motion: the compiled motion, `System.motion()`.
        params, inputs: as for `Motion.bind`; inputs may be functions of time.
        t0, t1: the interval; t1 may be traced, for derivatives by the time at which it ends.
        ts: times to keep; by default 201 evenly spaced ones.
        start: starting values by group and key; `OperatingPoint()`; or a whole vector y. By default the declared
            starts. What is given keeps its differential part; algebraic unknowns are solved for (a consistent start).
        solver: `Rodas5P()`, any diffrax solver of ordinary differential equations (algebraic unknowns are then solved
            for inside the field), or a symplectic one with a `step`: `StormerVerlet()` or `BlanesMoan()` where
            H = T(p) + V(q), `ImplicitMidpoint()` or `GaussLegendre()` for any motion. By default `Rodas5P()` for
            circuits and everything with nonlinear algebraic equations, `diffrax.Dopri8()` elsewhere.
        rtol, atol: tolerances of adaptive steps. By default atol is rtol·1e-6 for unknowns that move by themselves (at
            least 1e-14, in single precision 1e-8) and rtol·1e-3 for those that follow from algebraic equations.
        step: a constant step instead of adaptive ones.
        first_step, max_step: of adaptive steps. By default the first is (t1 − t0)·1e-6, and where something moves by
            itself in time no step is longer than (t1 − t0)/50 or a sixteenth of the period of a sine.
        corners: times at which sources jump or bend, for adaptive steps to end on; by default those of all waveforms.
            Inside jit or grad over the parameters of pulses they have to be given:
            `motion.bind(params).corners(t0, t1)`, found outside.
        event: stop at a `Crossing`. It is seen where the quantity lies on the other side at the end of a step, so that
            steps are at most (t1 − t0)/50 long; give `max_step` where it crosses forth and back in less. A motion that
            starts on the level leaves it first.
        noise: `ThermalNoise(k_B T)`: the motion is a stochastic differential equation, with a constant `step` and its
            random `key` (one trajectory for each; `jax.vmap` over keys for many).
        dense: keep the integrator's interpolation, for `Solution.at`.
        max_steps: most steps, rejected ones included; by default a million, and 16,384 with `dense`, which keeps room
            for all.
        newton: how consistent starts are found; by default `SparseNewton()`. `OperatingPoint` has its own.
        backend: how `Rodas5P` factorises: `DenseLU()`, `KLU()`, or `StaticLU()` (chains and ladders in batches); by
            default dense up to a hundred unknowns, KLU above.
        adjoint: diffrax's way to differentiate; by default reverse mode with checkpoints. `diffrax.ForwardMode()` for
            forward mode.
        progress: a diffrax progress meter.
        throw: raise where the integrator or the start fails (outside jit); otherwise the last state is then NaN, and
            without a consistent start all are.

    Raises:
        ModelError: a start that contradicts a constraint, a solver that cannot take this system, times outside the
            interval, tolerances or steps that are not positive.
        SolveError: no consistent start, or the integrator gave up; with the remedy.

    >>> import jax, physeq as pq
    >>> x = pq.coordinate("x")
    >>> mass = pq.Node("mass", kinetic=x.dot**2 / 2)
    >>> spring = pq.Edge("spring", potential=(x.source - x.target) ** 2 / 2)
    >>> motion = pq.System(pq.complete(2), nodes=mass, edges=spring, ground=0).motion()
    >>> end = simulate(motion, {"edges": {}, "nodes": {}}, t1=3.141592653589793, start={"nodes": {"x": [0.0, 1.0]}})
    >>> round(float(end["1.x"][-1]), 3)
    -1.0
    """
    _check_options(
        t0, t1, ts, start, solver, newton, rtol=rtol, atol=atol, step=step, first_step=first_step, max_step=max_step
    )
    bound = motion.bind(params, inputs)
    dtype = jnp.result_type(float, *(x.dtype for x in jax.tree.leaves(bound.params)))
    begin, end = jnp.asarray(t0, dtype), jnp.asarray(t1, dtype)
    given = start if isinstance(start, Mapping) else None
    if start is None or isinstance(start, Mapping | OperatingPoint):
        guess = motion.start(given, dtype)
    else:
        guess = jnp.asarray(start, dtype)
        if guess.shape != (motion.size,):
            raise ModelError(f"simulate: start as a vector must have shape ({motion.size},), got {guess.shape}")
    if isinstance(start, OperatingPoint):
        root = steady(bound, begin, guess, start.newton, throw)
    else:
        guess = jnp.where(motion.layout.held, bound.held_values(begin, dtype), guess)
        check_start(bound, begin, guess)
        root = consistent(bound, begin, guess, newton or SparseNewton(), throw)
    y0 = root.y
    if noise is None:
        route = route_of(bound, solver, backend)
    elif step is None or key is None:
        raise ModelError("ThermalNoise needs a constant step and a random key: simulate(..., step=..., key=...)")
    else:
        route = thermal_route(bound, noise, solver, begin, end, step, key)
    if not route.adaptive and step is None:
        raise ModelError(f"{route.name} needs a constant step: simulate(..., step=...)")
    times = jnp.linspace(begin, end, 201) if ts is None else jnp.clip(jnp.asarray(ts, dtype), begin, end)
    max_steps = (16_384 if dense else 1_000_000) if max_steps is None else max_steps
    if corners is None:
        corners = bound.corners(t0, t1) if step is None else None
    controller: Any = diffrax.ConstantStepSize()
    opening = begin if step is None else jnp.asarray(step, dtype)
    if step is None:
        longest = bound.longest_step(begin, end) if max_step is None else jnp.asarray(max_step, dtype)
        if event is not None and max_step is None:  # it is seen at the ends of steps alone
            longest = (end - begin) / 50 if longest is None else jnp.minimum(longest, (end - begin) / 50)
        smallest = route.tolerance(bound, rtol, dtype) if atol is None else atol
        # As arrays, so that other tolerances compile nothing anew.
        relative, absolute = jnp.asarray(rtol, dtype), jnp.asarray(smallest, dtype)
        controller = diffrax.PIDController(rtol=relative, atol=absolute, dtmax=longest, factormax=6.0)
        least = 16 * jnp.finfo(dtype).eps * jnp.maximum(jnp.abs(begin), jnp.abs(end))
        opening = jnp.maximum((end - begin) * 1e-6, least) if first_step is None else jnp.asarray(first_step, dtype)
        if corners is not None and len(corners):
            controller = diffrax.ClipStepSizeController(controller, jump_ts=jnp.asarray(corners, dtype))
    # Another level compiles nothing anew.
    level = None if event is None else jnp.asarray(event.level, dtype)
    kind = None if event is None else replace(event, level=0.0)
    settings = (route, controller, kind, dense, max_steps, adjoint, progress)
    raw = _solve(bound, begin, end, y0, times, opening, level, settings)
    if throw and not is_traced(raw.stats["num_steps"]):
        _check(raw, t1)
    stats, kept, last = raw.stats, *zip(raw.ts, raw.ys, strict=True)
    # What was not reached must not pass for a result where nothing can be raised: inside jit, or with throw=False.
    reached = root.converged & ((raw.result == _DONE) | (raw.result == diffrax.RESULTS.event_occurred))
    return Solution(
        ts=kept[0],
        ys=jnp.where(root.converged, _whole(route, bound, *kept, y0), jnp.nan),
        end=last[0][0],
        y_end=jnp.where(reached, _whole(route, bound, *last, y0)[0], jnp.nan),
        bound=bound,
        steps=stats["num_accepted_steps"],
        rejected=stats["num_rejected_steps"],
        solver=route.name,
        dense=_Interpolation(route, bound, y0, raw.interpolation) if dense else None,
        event=raw.event_mask,
    )


_DONE = diffrax.RESULTS.successful


def _check_options(t0: float, t1: float, ts: Any, start: Any, solver: Any, newton: Any, **positive: Any) -> None:
    traced = is_traced((t0, t1))
    if not traced and not float(t1) > float(t0):
        raise ModelError(f"simulate: t1 must be after t0, got t0 = {t0} and t1 = {t1}")
    if newton is not None and isinstance(start, OperatingPoint):
        raise ModelError("simulate: an operating point has limits of its own; give start=OperatingPoint(newton=...)")
    for name, value in positive.items():
        if value is not None:
            finite("simulate", name, value, above=0)
    if isinstance(start, str):
        raise ModelError(f"simulate: start must be a dict of values, OperatingPoint() or a vector y, got {start!r}")
    if solver is not None and not isinstance(solver, diffrax.AbstractSolver):
        called = f"; call it: {solver.__name__}()" if isinstance(solver, type) else ""
        raise ModelError(
            f"simulate: solver must be an integrator such as Rodas5P() or diffrax.Tsit5(), got {solver!r:.80}{called}"
        )
    if ts is not None and not is_traced(ts):
        times = np.asarray(ts, float)
        if times.ndim != 1 or not times.size or np.any(np.diff(times) < 0):
            raise ModelError("simulate: ts must be times in one row, in order")
        if traced:
            return
        slack = 1e-6 * max(abs(float(t0)), abs(float(t1)))  # times in single precision
        if times[0] < float(t0) - slack or times[-1] > float(t1) + slack:
            outside = times[0] if times[0] < float(t0) - slack else times[-1]
            raise ModelError(f"simulate: ts must lie between t0 = {t0} and t1 = {t1}, got {outside}")


@eqx.filter_jit
def _solve(bound, t0, t1, y0, times, step, level, settings):
    route, controller, event, dense, max_steps, adjoint, progress = settings
    options = {}
    if event is not None:
        leaving = direction(bound, event, t0, y0)

        def reached(t, y, args, **_):
            bound, y0 = args
            value = crossing_value(bound, event, t, route.whole(bound, t, y, y0)) - level
            # A motion that starts on the level has not crossed it.
            value = jnp.where((t == t0) & (value == 0), leaving, value)
            # diffrax puts it beside numbers of the default precision.
            return value.astype(jnp.result_type(float))

        options["event"] = diffrax.Event(reached, Bisection(rtol=0.0, atol=0.0), direction=event.rising)
    if adjoint is not None:
        options["adjoint"] = adjoint
    if progress is not None:
        options["progress_meter"] = progress
    return diffrax.diffeqsolve(
        route.term(bound),
        route.solver,
        t0,
        t1,
        step,
        route.state(bound, t0, y0),
        (bound, y0),
        saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(ts=times), diffrax.SubSaveAt(t1=True)], dense=dense),
        stepsize_controller=controller,
        max_steps=max_steps,
        throw=False,
        **options,
    )


@eqx.filter_jit
def _whole(route: Route, bound: BoundMotion, ts: Array, ys: Any, y0: Array) -> Array:
    return jax.vmap(lambda t, y: route.whole(bound, t, y, y0))(ts, ys)


class _Interpolation(eqx.Module):
    """The integrator's interpolation, with the unknowns that follow."""

    route: Route
    bound: BoundMotion
    y0: Array
    inner: Any

    def __call__(self, t: Array) -> Array:
        return self.route.whole(self.bound, t, self.inner.evaluate(t), self.y0)


def _check(raw: Any, t1: float) -> None:
    result: Any = raw.result
    if result == diffrax.RESULTS.successful or result == diffrax.RESULTS.event_occurred:
        return
    reached = np.asarray(raw.ts[0])
    reached = reached[np.isfinite(reached)]
    at = f"t = {reached[-1]:.6g}" if len(reached) else "the start"
    raise SolveError(
        f"the integrator stopped after {int(raw.stats['num_steps'])} steps, after {at} of t1 = {t1:.6g}: "
        f"{_said(result)} Loosen rtol or atol, raise max_steps, or use a solver for stiff systems, Rodas5P()"
    )


def _said(result: Any) -> str:
    text = str(diffrax.RESULTS[result]).strip()  # type: ignore[misc]  # an enumeration of equinox, indexed by its items
    return text if text.endswith(".") else f"{text}."
