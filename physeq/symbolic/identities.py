"""What random points show of an expression: that it is not zero, that it depends on a symbol, that it is negative.

A point that shows a difference is cheap, and a simplification that shows none may take seconds: points are asked first,
and what they leave open is simplified.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

import sympy as sp


def random_points(
    symbols: Collection[sp.Symbol],
    count: int,
    *,
    nonnegative: Collection[sp.Symbol] = (),
    digits: int = 15,
    seed: int = 0,
) -> Iterator[dict[sp.Symbol, sp.Number]]:
    """The same `count` points on every call: {symbol: a number of size 0.2 to 2, of the sign that is declared}.

    >>> x, k = sp.Symbol("x", real=True), sp.Symbol("k", positive=True)
    >>> points = list(random_points([x, k], 20))
    >>> all(point[k] > 0 for point in points), {int(sp.sign(point[x])) for point in points}
    (True, {1, -1})
    """
    generator = random.Random(seed)
    ordered = sorted(symbols, key=lambda s: (str(s), sp.default_sort_key(s)))
    for _ in range(count):
        point = {}
        for s in ordered:
            sign = 1 if s.is_nonnegative or s in nonnegative else -1 if s.is_nonpositive else generator.choice((-1, 1))
            size = generator.uniform(0.2, 2.0)
            point[s] = sp.Integer(sign * (1 + int(2 * size))) if s.is_integer else sp.Float(sign * size, digits)
        yield point


def is_zero(expression: sp.Expr) -> bool:
    """Whether an expression vanishes identically.

    >>> x, y = sp.symbols("x y", real=True)
    >>> is_zero(sp.sin(x + y) - sp.sin(x) * sp.cos(y) - sp.cos(x) * sp.sin(y)), is_zero(sp.sin(x) - x)
    (True, False)
    """
    expression = sp.expand(expression)
    if expression == 0:
        return True
    points = random_points(expression.free_symbols, 3)
    return all(_sign(expression, point) in (0, None) for point in points) and sp.simplify(expression) == 0


def negative_somewhere(expression: sp.Expr) -> bool:
    """Whether a point was found at which a real expression is negative; where none was, it may still be.

    >>> x = sp.Symbol("x", real=True)
    >>> negative_somewhere(x**2 - x), negative_somewhere(x**2)
    (True, False)
    """
    return any(_sign(expression, point) == -1 for point in random_points(expression.free_symbols, 8))


def depends_on(expression: sp.Expr, symbols: Collection[sp.Symbol]) -> bool:
    """Whether an expression changes with some of the symbols.

    >>> x, y = sp.symbols("x y", real=True)
    >>> depends_on((x + y) ** 2 - x**2 - 2 * x * y, [x]), depends_on(sp.exp(x) * y, [x])
    (False, True)
    """
    varied = expression.free_symbols & set(symbols)
    if not varied:
        return False
    for point, other in zip(random_points(expression.free_symbols, 3), random_points(varied, 3, seed=1), strict=True):
        at, moved = (expression.xreplace(p).evalf() for p in (point, point | other))
        if _is_finite(at) and _is_finite(moved) and abs(at - moved) > 1e-9 * max(abs(at), abs(moved)):
            return True
    return bool(sp.simplify(expression).free_symbols & varied)


def _sign(expression: sp.Expr, point: dict[sp.Symbol, sp.Number]) -> int | None:
    """The sign at a point; 0 where the terms cancel to rounding, None where one of them has no finite real number."""
    terms = [term.xreplace(point).evalf() for term in sp.Add.make_args(expression)]
    if not all(_is_finite(term) for term in terms):
        return None
    total = sum(terms, sp.S.Zero)
    return 0 if abs(total) <= 1e-9 * max(abs(term) for term in terms) else int(sp.sign(total))


def _is_finite(value: sp.Expr) -> bool:
    return bool(value.is_Number and value.is_finite and value.is_real)
