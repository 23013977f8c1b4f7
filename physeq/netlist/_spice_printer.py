"""SymPy expressions as ngspice's behavioural sources read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy as sp
from sympy.logic.boolalg import And, Boolean, Not, Or

from physeq.netlist._numbers import format_number
from physeq.symbolic.functions import NamedFunction, clip, logcosh, sigmoid, softplus, xlogx
from physeq.symbolic.waveform_functions import WaveformFunction, whole_periods

_PRODUCTS = 8  # powers up to here are written as products: ngspice's own power takes the base's absolute value


class Unprintable(Exception):
    """A function that behavioural sources lack."""


# What behavioural sources call by the same or another name.
_FUNCTIONS: dict[type, str] = {
    sp.exp: "exp", sp.log: "ln", sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.asin: "asin", sp.acos: "acos",
    sp.atan: "atan", sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh", sp.asinh: "asinh", sp.acosh: "acosh",
    sp.atanh: "atanh", sp.Abs: "abs", sp.sign: "sgn", sp.Heaviside: "u", sp.floor: "floor",
}  # fmt: skip
_RELATIONS = {"==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _elementary(function: NamedFunction) -> sp.Expr:
    """physeq's own functions in those that ngspice has, without overflow."""
    x = function.args[0]
    if isinstance(function, sigmoid):
        return (1 + sp.tanh(x / 2)) / 2
    if isinstance(function, softplus):
        return sp.Max(x, 0) + sp.log(1 + sp.exp(-sp.Abs(x)))
    if isinstance(function, logcosh):
        return sp.Abs(x) + sp.log(1 + sp.exp(-2 * sp.Abs(x))) - sp.log(2)
    if isinstance(function, xlogx):
        return sp.Piecewise((x * sp.log(x), x > 0), (0, True))
    if isinstance(function, clip):
        return sp.Min(sp.Max(x, function.args[1]), function.args[2])
    if isinstance(function, whole_periods):
        return sp.Max(0, sp.floor(x / function.args[1]))
    if isinstance(function, WaveformFunction):
        return function.formula(*function.args)
    raise Unprintable(function.func.__name__)


def behavioural(expression: sp.Expr, names: Mapping[sp.Symbol, str]) -> str:
    """The text of an expression for `B... I=`; `names` says what stands for each symbol.

    Raises:
        Unprintable: a function that ngspice lacks, such as erf.

    >>> x = sp.Symbol("x")
    >>> behavioural(x**3 / 2 - sp.exp(-x), {x: "V(a)"})
    '0.5*V(a)*V(a)*V(a)-exp(-V(a))'
    """

    def say(e: sp.Basic) -> str:
        if e in names:
            return names[e]  # type: ignore[index]
        if isinstance(e, sp.Number | sp.NumberSymbol):
            return format_number(float(e))
        if isinstance(e, sp.Add):
            terms = sorted((say(term) for term in sorted(e.args, key=str)), key=lambda text: text[0] == "-")
            return terms[0] + "".join(term if term[0] == "-" else f"+{term}" for term in terms[1:])
        if isinstance(e, sp.Mul):
            return _product(e, say)
        if isinstance(e, sp.Pow):
            return _power(e, say)
        if isinstance(e, sp.Max | sp.Min):
            word = "max" if isinstance(e, sp.Max) else "min"
            first, *rest = (say(one) for one in sorted(e.args, key=str))
            for other in rest:
                first = f"{word}({first},{other})"
            return first
        if isinstance(e, sp.Piecewise):
            return _cases(e, say)
        if isinstance(e, Boolean):
            return _condition(e, say)
        if isinstance(e, NamedFunction):
            return f"({say(_elementary(e))})"
        word = _FUNCTIONS.get(e.func, "")
        if not word:
            raise Unprintable(e.func.__name__)
        return f"{word}({say(e.args[0])})"

    return say(expression)


def _factor(e: sp.Basic, say: Callable) -> str:
    text = say(e)
    return f"({text})" if isinstance(e, sp.Add | sp.Piecewise) or text[0] == "-" else text


def _product(e: sp.Mul, say: Callable) -> str:
    number, rest = e.as_coeff_Mul()
    above, below = [], []
    for factor in sorted(rest.args if isinstance(rest, sp.Mul) else (rest,), key=str):
        base, exponent = factor.as_base_exp()
        if exponent.is_number and exponent.is_negative:
            below.append(sp.Pow(base, -exponent))
        else:
            above.append(factor)
    sign = "-" if number < 0 else ""
    words = [] if abs(number) == 1 else [say(abs(number))]
    text = "*".join(words + [_factor(one, say) for one in above]) or "1"
    for one in below:
        inside = say(one)
        text += f"/({inside})" if isinstance(one, sp.Add | sp.Piecewise | sp.Pow) else f"/{inside}"
    return sign + text


def _power(e: sp.Pow, say: Callable) -> str:
    base, exponent = e.args
    if exponent.is_number and exponent.is_negative:
        return f"1/({say(sp.Pow(base, -exponent))})"
    if exponent == sp.Rational(1, 2):
        return f"sqrt({say(base)})"
    if exponent.is_Integer and exponent <= _PRODUCTS:
        return "*".join([_factor(base, say)] * int(exponent))
    if exponent.is_Integer:  # |base|^n with the sign that n leaves
        power = f"pow(abs({say(base)}),{int(exponent)})"
        return power if exponent % 2 == 0 else f"(sgn({say(base)})*{power})"
    if base.is_nonnegative:
        return f"pow({say(base)},{say(exponent)})"
    raise Unprintable(f"power {e} of a base of unknown sign")


def _cases(e: sp.Piecewise, say: Callable) -> str:
    *cases, (last, condition) = e.args
    if condition != True:  # noqa: E712 - a SymPy truth value
        raise Unprintable("Piecewise without a last case that always holds")
    text = say(last)
    for value, test in reversed(cases):
        text = f"({_condition(test, say)} ? ({say(value)}) : ({text}))"
    return text


def _condition(e: sp.Basic, say: Callable) -> str:
    if isinstance(e, And | Or):
        return "(" + (" && " if isinstance(e, And) else " || ").join(_condition(a, say) for a in e.args) + ")"
    if isinstance(e, Not):
        return f"!({_condition(e.args[0], say)})"
    if isinstance(e, sp.core.relational.Relational):
        return f"({say(e.lhs)} {_RELATIONS[e.rel_op]} {say(e.rhs)})"
    raise Unprintable(str(e))
