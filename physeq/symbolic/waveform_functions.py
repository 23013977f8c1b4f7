"""Functions of time that sources are made of, with the semantics of SPICE: sine, pulse, piecewise linear.

Each is written once as an elementary formula, from which its derivatives follow, and once for arrays (`evaluate`, with
numpy or any namespace like it). Where the formula divides by a time, a time of zero means a jump.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from physeq.symbolic.named import NamedFunction, clip

# Stands for a rise or fall of zero length: shorter than any step, and its inverse fits single precision.
_INSTANT = 1e-30


def _ramp(xp: Any, x):
    """clip(x, 0, 1), at its corners with the slope behind them, which a step that starts there needs."""
    return xp.where(x < 0, 0.0, xp.where(x < 1, x, 1.0))


class whole_periods(NamedFunction):
    """The number of whole periods in a time, max(0, floor(x/period)); constant, so of derivative 0, between its steps.

    >>> whole_periods(sp.Float(2.5), 1).evalf()
    2.00000000000000
    """

    nargs = 2
    latex_name = r"\mathrm{periods}"
    holomorphic = False

    def fdiff(self, argindex=1):
        return sp.S.Zero

    def _eval_evalf(self, prec):
        x, period = self.args
        return sp.Max(0, sp.floor(x / period))._eval_evalf(prec)

    @staticmethod
    def evaluate(xp: Any, x, period):
        """Its value on arrays of the namespace `xp`."""
        return xp.maximum(xp.floor(x / period), 0)


class WaveformFunction(NamedFunction):
    """A function of time (its first argument) and of the numbers that shape it."""

    holomorphic = False

    @classmethod
    def formula(cls, t, *arguments) -> sp.Expr:
        """The function in elementary functions, `clip` and `whole_periods`."""
        raise NotImplementedError

    @staticmethod
    def evaluate(xp: Any, t, *arguments):
        """Its value on arrays of the namespace `xp` (numpy, jax.numpy), which broadcast."""
        raise NotImplementedError

    @staticmethod
    def corners(start: float, stop: float, *arguments: Any) -> np.ndarray:
        """The times in [start, stop] at which it or its slope jumps, of one instance, in any order."""
        raise NotImplementedError

    def fdiff(self, argindex=1):
        places = sp.symbols(f"a:{len(self.args)}", real=True, cls=sp.Dummy)
        slope = self.formula(*places).diff(places[argindex - 1])
        return slope.xreplace(dict(zip(places, self.args, strict=True)))

    def _eval_evalf(self, prec):
        return self.formula(*self.args)._eval_evalf(prec)


class sine(WaveformFunction):
    """SPICE's SIN: offset + amplitude exp(−θ s) sin(2π f s + φ), s = max(t − delay, 0), φ in degrees.

    Arguments: t, offset, amplitude, frequency f, delay, damping θ, phase φ. Before the delay it is constant.

    >>> sine(0, 1, 2, 50, 0, 0, 90).evalf()
    3.00000000000000
    """

    nargs = 7
    latex_name = r"\mathrm{sine}"

    @classmethod
    def formula(cls, t, offset, amplitude, frequency, delay, damping, phase):
        s = sp.Max(t - delay, 0)
        return offset + amplitude * sp.exp(-damping * s) * sp.sin(2 * sp.pi * frequency * s + sp.pi * phase / 180)

    @staticmethod
    def evaluate(xp, t, offset, amplitude, frequency, delay, damping, phase):
        s = xp.where(t < delay, 0.0, t - delay)
        return offset + amplitude * xp.exp(-damping * s) * xp.sin(2 * np.pi * frequency * s + np.pi / 180 * phase)

    @staticmethod
    def corners(start, stop, offset, amplitude, frequency, delay, damping, phase):
        return np.array([delay])


class pulse(WaveformFunction):
    """SPICE's PULSE: from `initial` to `pulsed` in `rise`, there for `width`, back in `fall`, again each `period`.

    Arguments: t, initial, pulsed, delay, rise[, fall, width[, period]]. Without a period there is one pulse; without
    fall and width it stays at `pulsed`. A pulse longer than its period is cut off by the next one.

    >>> pulse(sp.Rational(1, 4), 0, 1, 0, sp.Rational(1, 2)).evalf()
    0.500000000000000
    """

    nargs = (5, 7, 8)
    latex_name = r"\mathrm{pulse}"

    @classmethod
    def formula(cls, t, initial, pulsed, delay, rise, fall=None, width=None, period=None):
        s = t - delay
        if period is not None:
            s = s - period * whole_periods(s, period)
        height = clip(s / sp.Max(rise, _INSTANT), 0, 1)
        if fall is not None:
            height -= clip((s - rise - width) / sp.Max(fall, _INSTANT), 0, 1)
        return initial + (pulsed - initial) * height

    @staticmethod
    def evaluate(xp, t, initial, pulsed, delay, rise, fall=None, width=None, period=None):
        s = t - delay
        if period is not None:
            s = s - period * whole_periods.evaluate(xp, s, period)
        height = _ramp(xp, s / xp.maximum(rise, _INSTANT))
        if fall is not None:
            height = height - _ramp(xp, (s - rise - width) / xp.maximum(fall, _INSTANT))
        return initial + (pulsed - initial) * height

    @staticmethod
    def corners(start, stop, initial, pulsed, delay, rise, fall=None, width=None, period=None):
        within = np.array([0.0, rise] if fall is None else [0.0, rise, rise + width, rise + width + fall])
        if period is None:
            return delay + within
        first, last = (max(0, int((t - delay) // period)) for t in (start, stop))
        return (delay + period * np.arange(first, last + 1)[:, None] + within[within < period]).ravel()


class piecewise_linear(WaveformFunction):
    """SPICE's PWL: straight lines through the points (t₁, v₁), (t₂, v₂), ..., constant before and after them.

    Arguments: t, t₁, v₁, t₂, v₂, ..., with increasing times.

    >>> piecewise_linear(sp.Rational(3, 2), 1, 0, 2, 4).evalf()
    2.00000000000000
    """

    latex_name = r"\mathrm{pwl}"

    @classmethod
    def formula(cls, t, *points):
        times, values = points[::2], points[1::2]
        lines = zip(times, times[1:], values, values[1:], strict=False)
        return values[0] + sum((w - v) * clip((t - a) / (b - a), 0, 1) for a, b, v, w in lines)

    @staticmethod
    def evaluate(xp, t, *points):
        # All lines at once along a last axis, however many points there are.
        dtype = xp.result_type(t, *points, 1.0)
        times, values = (xp.stack(xp.broadcast_arrays(*p), -1).astype(dtype) for p in (points[::2], points[1::2]))
        passed = (xp.asarray(t)[..., None] - times[..., :-1]) / (times[..., 1:] - times[..., :-1])
        rises = (values[..., 1:] - values[..., :-1]) * _ramp(xp, passed)
        return values[..., 0] + rises.sum(-1)

    @staticmethod
    def corners(start, stop, *points):
        return np.array(points[::2])

    def _latex(self, printer, exp=None):
        t, *points = map(printer._print, self.args)
        if len(points) > 6:
            points = [*points[:2], r"\ldots", *points[-2:]]
        text = rf"{self.latex_name}\left({t}; {', '.join(points)}\right)"
        return text if exp is None else rf"{{{text}}}^{{{exp}}}"
