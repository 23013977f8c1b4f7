"""Named functions and conditions of printed formulas in NumPy, for numbers, series in time and complex states."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _softplus(x):
    return np.log(1 + np.exp(x)) if np.iscomplexobj(x) else np.logaddexp(0, x)


def _logcosh(x):
    return np.log(np.cosh(x)) if np.iscomplexobj(x) else np.logaddexp(x, -x) - np.log(2)


def _xlogx(x):
    return x * np.log(np.where(x == 0, 1.0, x))


def _clip(x, low, high):
    return np.minimum(np.maximum(x, low), high)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "logcosh": _logcosh,
    "xlogx": _xlogx,
    "clip": _clip,
    "atan2": np.arctan2,
    "Abs": np.abs,
    "Max": lambda *x: reduce(np.maximum, x),
    "Min": lambda *x: reduce(np.minimum, x),
    "Heaviside": lambda x, middle=0.5: np.heaviside(x, middle),
    "whole_periods": lambda x, period: np.maximum(np.floor(x / period), 0),
    **{
        name: getattr(np, name)
        for name in ("tanh", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "sign", "floor", "arctan")
    },
    "atan": np.arctan,
    "asin": np.arcsin,
    "acos": np.arccos,
}

_RELATIONS: dict[type, Callable[[Any, Any], Any]] = {
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.Equality: np.equal,
    sp.Unequality: np.not_equal,
}


def condition(expr: Any, value: Callable[[sp.Basic], Callable]) -> Callable:
    """A printed condition as a function of what `value` makes of its sides.

    >>> x = sp.Symbol("x")
    >>> condition((x > 1) & (x < 3), lambda e: (lambda at: at if e == x else float(e)))(2.0)
    np.True_
    """
    if expr in (sp.true, sp.false, True, False):
        return lambda *at: bool(expr)
    if isinstance(expr, sp.And | sp.Or):
        parts = [condition(a, value) for a in expr.args]
        joined = np.logical_and if isinstance(expr, sp.And) else np.logical_or
        return lambda *at: reduce(joined, (part(*at) for part in parts))
    if isinstance(expr, sp.Not):
        inside = condition(expr.args[0], value)
        return lambda *at: np.logical_not(inside(*at))
    relation = _RELATIONS[type(expr)]
    left, right = (value(side) for side in expr.args)
    return lambda *at: relation(left(*at), right(*at))
