"""SymPy to JAX: expressions become a program of array operations, evaluated while JAX traces.

No source text is generated, so depth is no limit and nothing is executed but JAX's own functions. Every function that
a component may hold (`physeq.symbolic.functions.ELEMENTWISE`) has its implementation here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from physeq.compile.sine_and_cosine import sine_and_cosine
from physeq.errors import InternalError
from physeq.symbolic import functions as named
from physeq.symbolic import waveform_functions as waves


def _logcosh(x):
    return jnp.logaddexp(x, -x) - jnp.log(2.0).astype(jnp.result_type(x))


def _exp(x):
    """exp; of complex numbers in single precision by `sine_and_cosine`, real where x is, also beyond overflow."""
    if jnp.result_type(x) != jnp.complex64:
        return jnp.exp(x)
    size, (s, c) = jnp.exp(x.real), sine_and_cosine(x.imag)
    return jax.lax.complex(size * c, jnp.where(s == 0, s, size * s))


def _tanh(x):
    """tanh; of complex numbers by real operations, which XLA vectorises where its own complex tanh is no single one.

    tanh(a + ib) = (t + i q sin b cos b)/(t² + q cos² b), t = tanh a, q = 1 − t²: nothing overflows.
    """
    if not jnp.iscomplexobj(x):
        return jnp.tanh(x)
    t, (s, c) = jnp.tanh(x.real), sine_and_cosine(x.imag)
    q = 1 - t * t
    scale = 1 / (t * t + q * c * c)
    return jax.lax.complex(t * scale, q * s * c * scale)


def _sigmoid(x):
    """tanh is one vectorised operation on every backend, and does not overflow."""
    return 0.5 + 0.5 * _tanh(0.5 * x)


def _erf(x):
    """erf; of complex numbers by the series of Abramowitz & Stegun 7.1.29, right to rounding for |Im x| < 5."""
    if not jnp.iscomplexobj(x):
        return jax.scipy.special.erf(x)
    a, b = x.real, x.imag
    n = jnp.arange(1, 25, dtype=a.dtype)
    wide, high = a[..., None], b[..., None]
    # e^(−n²/4) with the hyperbolic functions, so that neither over- nor underflows alone.
    up, down = jnp.exp(-(n**2) / 4 + n * high) / 2, jnp.exp(-(n**2) / 4 - n * high) / 2
    c, s = jnp.cos(2 * wide * high), jnp.sin(2 * wide * high)
    below = n**2 + 4 * wide**2
    real = 2 * wide * (jnp.exp(-(n**2) / 4) - (up + down) * c) + n * (up - down) * s
    imag = 2 * wide * (up + down) * s + n * (up - down) * c
    series = jax.lax.complex(jnp.sum(real / below, -1), jnp.sum(imag / below, -1))
    # ((1 − cos 2ab) + i sin 2ab)/(2πa) = b sinc(ab/π) (sin ab + i cos ab)/π, without a division by a = 0.
    first = b * jnp.sinc(a * b / jnp.pi) / jnp.pi * jax.lax.complex(jnp.sin(a * b), jnp.cos(a * b))
    return jax.scipy.special.erf(a) + jnp.exp(-a * a) * (first + 2 / jnp.pi * series)


FUNCTIONS: dict[type, Callable] = {
    sp.exp: _exp, sp.log: jnp.log, sp.sin: jnp.sin, sp.cos: jnp.cos, sp.tan: jnp.tan, sp.asin: jnp.arcsin,
    sp.acos: jnp.arccos, sp.atan: jnp.arctan, sp.atan2: jnp.arctan2, sp.sinh: jnp.sinh, sp.cosh: jnp.cosh,
    sp.tanh: _tanh, sp.asinh: jnp.arcsinh, sp.acosh: jnp.arccosh, sp.atanh: jnp.arctanh,
    sp.erf: _erf, sp.Abs: jnp.abs, sp.sign: jnp.sign, sp.floor: jnp.floor,
    sp.Max: lambda *xs: reduce(jnp.maximum, xs), sp.Min: lambda *xs: reduce(jnp.minimum, xs),
    sp.Heaviside: lambda x, half=0.5: jnp.heaviside(x, half),
    named.sigmoid: _sigmoid, named.softplus: jax.nn.softplus, named.logcosh: _logcosh,
    named.xlogx: lambda x: jax.scipy.special.xlogy(x, x),
    named.clip: lambda x, lower, upper: jnp.minimum(jnp.maximum(x, lower), upper),
}  # fmt: skip
FUNCTIONS |= {
    f: partial(f.evaluate, jnp) for f in (waves.sine, waves.pulse, waves.piecewise_linear, waves.whole_periods)
}


def _shifted(z):
    """(exp(z − m), m) with m the largest real part of all outputs, so that nothing overflows."""
    m = jax.lax.stop_gradient(jnp.max(jnp.real(z), -1, keepdims=True))
    return jnp.exp(z - m), m


def _logsumexp_share(z):
    """log Σ exp(z)/n on each of n outputs, so that the sum over outputs is log Σ exp(z)."""
    e, m = _shifted(z)
    share = (m + jnp.log(jnp.sum(e, -1, keepdims=True))) / jnp.shape(z)[-1]
    return jnp.broadcast_to(share, jnp.shape(z))


def _softmax(z):
    e, _ = _shifted(z)
    return e / jnp.sum(e, -1, keepdims=True)


# Functions of all outputs of a cost at once (`physeq.symbolic.functions.ACROSS_OUTPUTS`), over the last axis.
ACROSS: dict[type, Callable] = {named.logsumexp: _logsumexp_share, named.softmax: _softmax}

_RELATIONS: dict[type, Callable] = {
    sp.StrictLessThan: jnp.less, sp.LessThan: jnp.less_equal, sp.StrictGreaterThan: jnp.greater,
    sp.GreaterThan: jnp.greater_equal, sp.Equality: jnp.equal, sp.Unequality: jnp.not_equal,
    sp.And: lambda *cs: reduce(jnp.logical_and, cs), sp.Or: lambda *cs: reduce(jnp.logical_or, cs),
    sp.Not: jnp.logical_not,
}  # fmt: skip

_CANDIDATES = (1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 10.0, -10.0, 0.0)


class Program:
    """Compiled expressions: call with {symbol: array}, get one array per expression.

    Shapes follow broadcasting; a constant expression gives a Python number. Numbers are weakly typed, so the dtype
    follows the arrays.

    `static` names symbols that do not change during a phase. Sums and products take their static parts first, so that
    XLA moves them out of the phase's loop, and a division by something static becomes a product with its inverse.

    >>> x = sp.Symbol("x")
    >>> [float(y) for y in Program([x**2, sp.exp(-x) / 2])({x: jnp.asarray(0.0)})]
    [0.0, 0.5]
    """

    def __init__(self, expressions: Sequence[sp.Expr], static: Collection[sp.Symbol] = ()):
        self.expressions = tuple(sp.sympify(e) for e in expressions)
        self.symbols = _free_symbols(self.expressions)
        self.static = frozenset(static)

    def __call__(self, environment: Mapping[sp.Symbol, Array]) -> tuple:
        missing = self.symbols - set(environment)
        if missing:
            raise InternalError(f"no value for {sorted(map(str, missing))} in {self.expressions}")
        known: dict[sp.Basic, Array] = dict(environment)
        return tuple(_evaluate(e, known, self.static) for e in self.expressions)


def _free_symbols(expressions: Sequence[sp.Basic]) -> frozenset[sp.Symbol]:
    """What `free_symbols` gives, without recursion."""
    seen: set[sp.Basic] = set()
    stack = list(expressions)
    while stack:
        top = stack.pop()
        if top not in seen:
            seen.add(top)
            stack.extend(top.args)
    return frozenset(part for part in seen if isinstance(part, sp.Symbol))


def _evaluate(expression: sp.Basic, known: dict, static: frozenset) -> Array:
    """Evaluate with an explicit stack, remembering shared sub-expressions."""
    stack = [expression]
    while stack:
        top = stack[-1]
        if top in known:
            stack.pop()
            continue
        if isinstance(top, sp.Piecewise):
            known[top] = _piecewise(top, known, static)
            stack.pop()
            continue
        waiting = [a for a in top.args if a not in known]
        if waiting and not isinstance(top, sp.Number):
            stack.extend(waiting)
            continue
        known[top] = _apply(top, known, static)
        stack.pop()
    return known[expression]


def _apply(node: sp.Basic, known: dict, static: frozenset):
    if isinstance(node, sp.Integer):
        return int(node)
    if isinstance(node, sp.Number | sp.NumberSymbol):
        return float(node)
    if isinstance(node, BooleanTrue | BooleanFalse):
        return bool(node)
    arguments = [known[a] for a in node.args]
    if isinstance(node, sp.Add):
        return _sum(node, known, static)
    if isinstance(node, sp.Mul):
        return _product(node, known, static)
    if isinstance(node, sp.Pow):
        return _power(node, *arguments)
    if node.func in FUNCTIONS:
        return FUNCTIONS[node.func](*arguments)
    if node.func in ACROSS:
        return ACROSS[node.func](*arguments)
    if node.func in _RELATIONS:
        return _RELATIONS[node.func](*arguments)
    raise InternalError(f"the printer has no JAX form for {node.func.__name__} in {node}")


def _is_static(expression: sp.Basic, static: frozenset) -> bool:
    return bool(static) and _free_symbols([expression]) <= static


def _sum(node: sp.Add, known: dict, static: frozenset):
    """Terms with a leading minus are subtracted, so that −a + b costs one operation; static terms come first."""
    total = None
    for term in sorted(node.args, key=lambda t: (not _is_static(t, static), _is_negative(t))):
        if _is_negative(term):
            value = _evaluate(-term, known, static)
            total = -value if total is None else total - value
        else:
            total = known[term] if total is None else total + known[term]
    return total


def _is_negative(term: sp.Expr) -> bool:
    return isinstance(term, sp.Mul) and term.could_extract_minus_sign()


def _product(node: sp.Mul, known: dict, static: frozenset):
    above, below = [], []
    for factor in sorted(node.args, key=lambda f: not _is_static(f, static)):
        if isinstance(factor, sp.Pow) and factor.exp.is_Rational and factor.exp.is_negative:
            below.append(1 / factor)
        else:
            above.append(factor)
    top = reduce(lambda a, b: a * b, (known[f] for f in above)) if above else 1.0
    if not below:
        return top
    bottom = reduce(lambda a, b: a * b, (_evaluate(f, known, static) for f in below))
    hoisted = all(_is_static(f, static) for f in below) and not all(_is_static(f, static) for f in above)
    return top * (1.0 / bottom) if hoisted else top / bottom


def _power(node: sp.Pow, base, exponent):
    if node.exp == sp.Rational(1, 2):
        return jnp.sqrt(base)
    if node.exp == sp.Rational(-1, 2):
        return 1.0 / jnp.sqrt(base)
    if node.exp.is_Integer:
        return 1.0 / base ** -int(node.exp) if node.exp.is_negative else base ** int(node.exp)
    if node.base == sp.E:
        return _exp(exponent)
    return jnp.power(base, exponent)


def _piecewise(node: sp.Piecewise, known: dict, static: frozenset):
    """Branches see only inputs for which they are taken, so that gradients of unused branches are not NaN."""
    value, before = None, sp.false
    branches = []
    for branch, condition in node.args:
        taken = sp.And(condition, sp.Not(before))
        before = sp.Or(before, condition)
        masked = {s: v for s, v in known.items() if isinstance(s, sp.Symbol)}
        mask = _evaluate(taken, dict(masked), static) if taken is not sp.true else True
        for symbol, safe in _safe_point(branch, taken).items():
            masked[symbol] = jnp.where(mask, known[symbol], safe)
        branches.append((mask, _evaluate(branch, masked, static)))
    for mask, result in reversed(branches):
        value = result if value is None else jnp.where(mask, result, value)
    return value


def _safe_point(branch: sp.Expr, condition: Boolean) -> dict[sp.Symbol, float]:
    """Values of the symbols in the condition for which it holds and the branch is finite; empty where none is found."""
    symbols = sorted(condition.free_symbols & branch.free_symbols, key=str)
    others = dict.fromkeys(condition.free_symbols - set(symbols), 1.0)
    if not symbols or len(symbols) > 3:
        return {}
    for values in itertools.product(_CANDIDATES, repeat=len(symbols)):
        point = dict(zip(symbols, values, strict=True))
        if condition.subs(point | others) == sp.true:
            at = branch.subs(point | dict.fromkeys(branch.free_symbols - set(symbols), 1.0))
            if at.is_finite and at.is_real:
                return point
    return {}
