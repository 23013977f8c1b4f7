"""`Simulation`: what `physeq simulate` does with a variant when nothing else is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from physeq.solve import OperatingPoint


@dataclass(frozen=True)
class Simulation:
    """A motion worth looking at, beside a `Variant` in model.py.

    Attributes:
        t1, t0: the interval, in the system's unit of time.
        start: starting values by group and key, `OperatingPoint()`, or a function motion → one of these; None for the
            declared starts.
        inputs: arrays or functions of time, by name of the input.
        show: quantities to plot and print, such as ("out.v", "R1.i", "energy").
        solver: name of an integrator, or None for the default.
        step: a constant step, for integrators without error control.
        rtol: relative tolerance of adaptive steps.
        uses: parameters by placement and name that replace the initial ones.

    >>> Simulation(t1=1e-3, show=("out.v",)).solver is None
    True
    """

    t1: float
    t0: float = 0.0
    start: Mapping | OperatingPoint | Callable[[Any], Any] | None = None
    inputs: Mapping[str, Any] | None = None
    show: tuple[str, ...] = ()
    solver: str | None = None
    step: float | None = None
    rtol: float = 1e-6
    uses: Mapping[str, Mapping[str, Any]] | None = None
