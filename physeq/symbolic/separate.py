"""Separation of an edge template into a short sum Σ_k c_k(p) a_k(q_s) b_k(q_t)."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from physeq.symbolic.functions import softplus


@dataclass(frozen=True)
class Term:
    """One term c(p)·a(q_s)·b(q_t); numbers ride with neither c nor the features but in `number`."""

    number: sp.Expr
    coefficient: sp.Expr
    source: sp.Expr
    target: sp.Expr

    def product(self) -> sp.Expr:
        """The term as one expression."""
        return self.number * self.coefficient * self.source * self.target


def _grows_exponentially(expression: sp.Expr) -> bool:
    return expression.has(sp.exp, sp.sinh, sp.cosh, softplus)


def separate(
    expression: sp.Expr, source: set[sp.Symbol], target: set[sp.Symbol], limit: int = 12
) -> tuple[Term, ...] | None:
    """Write an expression as Σ_k c_k(p) a_k(source symbols) b_k(target symbols), or None.

    None is returned when it does not separate, when it takes more than `limit` terms, and when both features of a
    term grow exponentially (an exponential of a difference separates on paper, and overflows in numbers).

    >>> a, b, g = sp.symbols("a b g")
    >>> [(str(t.coefficient), str(t.source), str(t.target)) for t in separate(g * (a - b) ** 2 / 2, {a}, {b})]
    [('g', '1', 'b**2'), ('g', 'a**2', '1'), ('g', 'a', 'b')]
    """
    if expression == 0:
        return ()
    expanded = sp.expand(sp.expand_trig(expression))
    merged: dict[tuple, sp.Expr] = {}
    for part in sp.Add.make_args(expanded):
        term = split_factors(part, source, target)
        if term is None:
            return None
        key = (term.coefficient, term.source, term.target)
        merged[key] = merged.get(key, sp.S.Zero) + term.number
    terms = tuple(
        Term(number, *key) for key, number in sorted(merged.items(), key=lambda item: str(item[0])) if number != 0
    )
    return terms if len(terms) <= limit else None


def split_factors(product: sp.Expr, source: set[sp.Symbol], target: set[sp.Symbol]) -> Term | None:
    """One product by the symbols of its factors, as it stands; None where a factor mixes them or both ends overflow."""
    number, coefficient, a, b = sp.S.One, sp.S.One, sp.S.One, sp.S.One
    for factor in sp.Mul.make_args(product):
        symbols = factor.free_symbols
        if not symbols:
            number *= factor
        elif not symbols & (source | target):
            coefficient *= factor
        elif symbols <= source:
            a *= factor
        elif symbols <= target:
            b *= factor
        else:
            return None
    return None if _grows_exponentially(a) and _grows_exponentially(b) else Term(number, coefficient, a, b)
