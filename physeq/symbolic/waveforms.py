"""Waveforms of sources: constant, sine, pulse and piecewise linear, as SPICE defines them.

A waveform is a record of numbers. `expression()` writes it as a function of `time` with a parameter for every number,
so that the instances of one kind of source may each have their own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.symbols import Parameter, parameter, time
from physeq.symbolic.waveform_functions import WaveformFunction, piecewise_linear, pulse, sine


class Waveform(ABC):
    """A known function of time that drives a source."""

    def __post_init__(self):
        for name, value in vars(self).items():
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(isinstance(n, int | float | np.number) and math.isfinite(n) for n in numbers if n is not None):
                raise ModelError(
                    f"{type(self).__name__}: {name} must be finite numbers, got {value!r}; values of single instances "
                    "go into values= of the System"
                )

    @abstractmethod
    def expression(self, *, name: str = "value", unit: str = "", trainable: bool = False) -> sp.Expr:
        """The waveform as an expression in `time` and parameters that start at its numbers.

        Args:
            name: the parameter's name where there is one number alone (`DC`).
            unit: of its values.
            trainable: whether learning changes its values; times, frequencies and rates of decay stay.
        """

    def breakpoints(self, start: float, stop: float, values: Mapping[str, Any] | None = None) -> np.ndarray:
        """The times between start and stop at which the waveform or its slope jumps, sorted.

        Args:
            start, stop: the interval; its ends are left out.
            values: {parameter's name: numbers, one per instance}, where they differ from the waveform's own.

        >>> Pulse(0, 1, rise=0.1, fall=0.1, width=0.3, period=1).breakpoints(0, 1).tolist()
        [0.1, 0.4, 0.5]
        """
        expression, given = self.expression(), values or {}
        numbers = {p: given.get(p.name, _start(p)) for p in expression.free_symbols if p != time}
        return breakpoints([expression], numbers, start, stop)

    def __call__(self, t: Any) -> np.ndarray:
        """The waveform's value at the times t (an array of any shape)."""
        expression, t = self.expression(), np.asarray(t, float)
        if not isinstance(expression, WaveformFunction):
            return np.full(t.shape, _start(expression))
        return expression.evaluate(np, t, *map(_start, expression.args[1:]))


def _start(p: sp.Basic) -> float:
    return p.initial.value  # type: ignore[attr-defined]  # the constant start that a waveform gives its parameters


def _number(name: str, value: float, unit: str, trainable: bool, description: str, positive: bool = False) -> Parameter:
    return parameter(name, positive=positive, initial=value, trainable=trainable, unit=unit, description=description)


@dataclass(frozen=True)
class DC(Waveform):
    """A constant: u(t) = value.

    >>> DC(5.0)([0.0, 1.0]).tolist()
    [5.0, 5.0]
    """

    value: float

    def expression(self, *, name="value", unit="", trainable=False) -> sp.Expr:
        return _number(name, self.value, unit, trainable, "constant value")


@dataclass(frozen=True)
class Sine(Waveform):
    """SPICE's SIN(VO VA FREQ TD THETA PHASE): u = offset + amplitude exp(−damping s) sin(2π frequency s + phase).

    s = max(t − delay, 0): before the delay the value is offset + amplitude sin(phase).

    Args:
        offset, amplitude: in the unit of the source.
        frequency: in hertz.
        delay: in seconds.
        damping: rate of decay in 1/s.
        phase: in degrees, as in SPICE.

    Raises:
        ModelError: a number that is not finite, or a negative frequency or delay.

    Source: ngspice manual, section "Independent sources", Sinusoidal.

    >>> Sine(offset=1, amplitude=2, frequency=50)([0.0, 0.005]).tolist()
    [1.0, 3.0]
    """

    offset: float = 0.0
    amplitude: float = 1.0
    frequency: float = 1.0
    delay: float = 0.0
    damping: float = 0.0
    phase: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        _not_negative(self, "frequency", "delay")

    def expression(self, *, name="value", unit="", trainable=False) -> sp.Expr:
        return sine(
            time,
            _number("offset", self.offset, unit, trainable, "mean value"),
            _number("amplitude", self.amplitude, unit, trainable, "amplitude"),
            _number("frequency", self.frequency, "Hz", False, "frequency", positive=True),
            _number("delay", self.delay, "s", False, "start of the oscillation", positive=True),
            _number("damping", self.damping, "1/s", False, "rate of decay"),
            _number("phase", self.phase, "deg", False, "phase at the start"),
        )


@dataclass(frozen=True)
class Pulse(Waveform):
    """SPICE's PULSE(V1 V2 TD TR TF PW PER): ramps from `initial` to `pulsed` and back, once or again and again.

    At `initial` until the delay, then up within `rise`, at `pulsed` for `width`, down within `fall`; all of it again
    each `period`. Without a period there is one pulse, without a width it stays at `pulsed`. A rise or fall of zero is
    a jump; SPICE replaces it by its print step.

    Args:
        initial, pulsed: the two values, in the unit of the source.
        delay, rise, fall, width, period: in seconds.

    Raises:
        ModelError: a negative time, a period of zero or shorter than the pulse, a period or fall without a width.

    Source: ngspice manual, section "Independent sources", Pulse.

    >>> Pulse(0, 5, delay=1, rise=1, fall=1, width=2, period=10)([0.5, 1.5, 3.0, 4.25, 6.0, 11.5]).tolist()
    [0.0, 2.5, 5.0, 3.75, 0.0, 2.5]
    """

    initial: float = 0.0
    pulsed: float = 1.0
    delay: float = 0.0
    rise: float = 0.0
    fall: float = 0.0
    width: float | None = None
    period: float | None = None

    def __post_init__(self):
        super().__post_init__()
        _not_negative(self, "delay", "rise", "fall", "width", "period")
        if self.width is None and (self.period is not None or self.fall):
            raise ModelError("Pulse: a fall or a period needs a width, the time that it stays at `pulsed`; give width=")
        length = self.rise + (self.width or 0.0) + self.fall
        if self.period is not None and not 0 < self.period >= length:
            raise ModelError(
                f"Pulse: the period {self.period} must hold rise + width + fall = {length}; lengthen it or shorten the "
                "pulse"
            )

    def expression(self, *, name="value", unit="", trainable=False) -> sp.Expr:
        levels = {"initial": "value before the pulse", "pulsed": "value during the pulse"}
        times = {"delay": "start of the first pulse", "rise": "time of the rise"}
        if self.width is not None:
            times |= {"fall": "time of the fall", "width": "time at the pulsed value"}
        if self.period is not None:
            times["period"] = "time from pulse to pulse"
        return pulse(
            time,
            *(_number(n, getattr(self, n), unit, trainable, what) for n, what in levels.items()),
            *(_number(n, getattr(self, n), "s", False, what, positive=True) for n, what in times.items()),
        )


@dataclass(frozen=True)
class PiecewiseLinear(Waveform):
    """SPICE's PWL(T1 V1 T2 V2 ...): straight lines through points, constant before the first and after the last.

    Args:
        times: in seconds, increasing.
        values: as many, in the unit of the source.

    Raises:
        ModelError: no points, times and values of different lengths, or times that do not increase.

    Source: ngspice manual, section "Independent sources", Piece-wise linear.

    >>> PiecewiseLinear([1, 2], [0, 4])([0.0, 1.25, 9.0]).tolist()
    [0.0, 1.0, 4.0]
    """

    times: Sequence[float]
    values: Sequence[float]

    def __post_init__(self):
        object.__setattr__(self, "times", tuple(self.times))
        object.__setattr__(self, "values", tuple(self.values))
        super().__post_init__()
        if not self.times or len(self.times) != len(self.values):
            raise ModelError(
                f"PiecewiseLinear: needs as many times as values, at least one, got {len(self.times)} and "
                f"{len(self.values)}"
            )
        if any(b <= a for a, b in zip(self.times, self.times[1:], strict=False)):
            raise ModelError(f"PiecewiseLinear: times must increase, got {self.times}; write a jump as a short ramp")

    def expression(self, *, name="value", unit="", trainable=False) -> sp.Expr:
        points = []
        for k, (t, u) in enumerate(zip(self.times, self.values, strict=True), 1):
            points.append(_number(f"t_{k}", t, "s", False, f"time of point {k}"))
            points.append(_number(f"u_{k}", u, unit, trainable, f"value at point {k}"))
        return piecewise_linear(time, *points)


def as_waveform(value: Waveform | float) -> Waveform:
    """A waveform as it is, a number as `DC`; ModelError for anything else."""
    if isinstance(value, Waveform):
        return value
    if isinstance(value, int | float | np.number):
        return DC(float(value))
    raise ModelError(f"a source needs a waveform (DC, Sine, Pulse, PiecewiseLinear) or a number, got {value!r}")


def breakpoints(
    expressions: Iterable[sp.Expr], values: Mapping[sp.Symbol, Any], start: float, stop: float
) -> np.ndarray:
    """The times in the open interval (start, stop) at which a waveform within the expressions or its slope jumps.

    An adaptive integrator steps onto them: across a corner its error estimate does not hold.

    Args:
        expressions: terms of components.
        values: numbers of the symbols that shape the waveforms, each one number or one per instance.
        start, stop: the interval.

    Returns:
        The times, sorted, each once.

    >>> breakpoints([sine(time, 0, 1, 50, sp.Rational(1, 2), 0, 0)], {}, 0.0, 1.0).tolist()
    [0.5]
    """
    found = [np.zeros(0)]
    for waveform in {part for e in expressions for part in e.atoms(WaveformFunction)}:
        arguments = [_evaluated(argument, values) for argument in waveform.args[1:]]
        columns = np.broadcast_arrays(*(np.ravel(a) for a in arguments))
        for instance in {tuple(map(float, row)) for row in zip(*columns, strict=True)}:
            found.append(np.asarray(waveform.corners(start, stop, *instance), float))
    times = np.unique(np.concatenate(found))
    return times[(times > start) & (times < stop)]


def _evaluated(argument: sp.Expr, values: Mapping[sp.Symbol, Any]) -> np.ndarray:
    if argument in values:
        return np.asarray(values[argument], float)
    if argument.is_number:
        return np.asarray(float(argument))
    raise ModelError(
        f"breakpoints: no number for {argument}; the times of a waveform are parameters or numbers, not expressions"
    )


def _not_negative(waveform: Waveform, *names: str) -> None:
    for name in names:
        value = getattr(waveform, name)
        if value is not None and value < 0:
            raise ModelError(f"{type(waveform).__name__}: {name} must not be negative, got {value}")
