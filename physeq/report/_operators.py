"""Sums that pages write and SymPy has no class for: over sets, in a given order, in brackets; and indexed quantities.

Each carries its parts as arguments, so that a page's formulas can be substituted into, searched and evaluated.
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.precedence import PRECEDENCE


class PageOperator(sp.Expr):
    """Base class: an expression that stands last in a product and is bracketed like one."""

    precedence = PRECEDENCE["Mul"] + 1  # no brackets as a factor, brackets under a power
    is_commutative = True

    @classmethod
    def class_key(cls):
        return 9, 0, cls.__name__


class SumOver(PageOperator):
    r"""Σ_{bound : members ∈ domain} body.

    Args:
        body: what is summed.
        bound: the indices that run.
        members: the index, or the indices of the element, that lie in the domain; those not in `bound` are fixed.
        domain: the symbol of a set of nodes or elements.

    >>> from physeq.report.notation import latex
    >>> i, j, n, e = sp.Symbol("i"), sp.Symbol("j"), sp.Symbol("hidden"), sp.Symbol("edges")
    >>> v = sp.IndexedBase("v")
    >>> print(latex(2 * SumOver(v[i] - 1, (i,), (i,), n)))
    2 \sum_{i \in \mathrm{hidden}} \left(v_{i} - 1\right)
    >>> print(latex(SumOver(v[j], (j,), (j, i), e)))
    \sum_{j:\,(j, i) \in \mathrm{edges}} v_{j}
    """

    def __new__(cls, body, bound, members, domain):
        return sp.Expr.__new__(cls, sp.sympify(body), sp.Tuple(*bound), sp.Tuple(*members), domain)

    @property
    def body(self) -> sp.Expr:
        """What is summed."""
        return self.args[0]

    @property
    def bound(self) -> sp.Tuple:
        """The indices that run."""
        return self.args[1]

    @property
    def members(self) -> sp.Tuple:
        """The element that lies in the domain."""
        return self.args[2]

    @property
    def domain(self) -> sp.Basic:
        """The set."""
        return self.args[3]

    def _parts(self, printer, separator: str) -> tuple[list[str], str]:
        inside = [printer._print(m) for m in self.members]
        element = inside[0] if len(inside) == 1 else f"({', '.join(inside)})"
        runs = [] if self.bound == self.members else [printer._print(b) for b in self.bound]
        return runs, f"{element} {separator} {printer._print(self.domain)}"

    def _latex(self, printer):
        runs, condition = self._parts(printer, r"\in")
        below = condition if not runs else rf"{', '.join(runs)}:\,{condition}"
        return rf"\sum_{{{below}}} {printer.parenthesize(self.body, PRECEDENCE['Mul'], strict=True)}"

    def _sympystr(self, printer):
        runs, condition = self._parts(printer, "∈")
        below = condition if not runs else f"{','.join(runs)}: {condition}"
        return f"Σ[{below}] {printer.parenthesize(self.body, PRECEDENCE['Mul'], strict=True)}"


class Scaled(PageOperator):
    r"""factor · body, with the factor as a fraction of its own in front.

    >>> from physeq.report.notation import latex
    >>> x, y, z = sp.symbols("x y z")
    >>> print(latex(Scaled(x / 2, Bracket(Written(z, y)))))
    \frac{x}{2} \left(z + y\right)
    """

    def __new__(cls, factor, body):
        factor, body = sp.sympify(factor), sp.sympify(body)
        if factor in (0, 1) or body.is_number:
            return factor * body
        if factor.could_extract_minus_sign():
            return -cls(-factor, body)
        return sp.Expr.__new__(cls, factor, body)

    def _parts(self, printer) -> tuple[str, str]:
        factor, body = self.args
        inside = printer.parenthesize(body, PRECEDENCE["Mul"], strict=True)
        return printer.parenthesize(factor, PRECEDENCE["Mul"], strict=True), inside

    def _latex(self, printer):
        return " ".join(self._parts(printer))

    def _sympystr(self, printer):
        return " ".join(self._parts(printer))


class Written(sp.Add):
    """A sum whose terms are printed in the order in which they were given.

    >>> a, b = sp.symbols("a b")
    >>> Written(b, -a), Written(b, -a) + a
    (b - a, b)
    """

    def __new__(cls, *terms):
        parts = [part for term in terms for part in sp.Add.make_args(sp.sympify(term)) if part != 0]
        if len(parts) < 2:
            return sp.Add(*parts)
        made = sp.Expr.__new__(cls, *parts)
        made.is_commutative = True
        return made

    def as_ordered_terms(self, order=None, data=False):
        """The terms as given."""
        return list(self.args)


class Bracket(PageOperator):
    """A sum in brackets that stands last in a product: ρ′(s) (Σ w ρ(s) + b)."""

    precedence = PRECEDENCE["Atom"]

    def __new__(cls, inside):
        return sp.Expr.__new__(cls, inside)

    def _latex(self, printer):
        return rf"\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer):
        return f"({printer._print(self.args[0])})"


def sum_over(body: sp.Expr, bound, members, domain) -> sp.Expr:
    """A `SumOver` with the sign and the factors that do not run in front; numbers stay inside.

    >>> i, j, n = sp.Symbol("i"), sp.Symbol("j"), sp.Symbol("n")
    >>> v = sp.IndexedBase("v")
    >>> sum_over(-2 * v[i] * v[j], (j,), (j,), n)
    -v[i]*Σ[j ∈ n] 2*v[j]
    """
    body = sp.sympify(body)
    if body == 0:
        return sp.S.Zero
    negative = all(term.as_coeff_Mul()[0] < 0 for term in sp.Add.make_args(body))
    outside: list[sp.Expr] = [sp.S.NegativeOne] if negative else []
    inside: list[sp.Expr] = []
    for factor in sp.Mul.make_args(-body if negative else body):
        (inside if factor.is_number or factor.free_symbols & set(bound) else outside).append(factor)
    # One product: −1 alone would be multiplied into a sum in brackets.
    return sp.Mul(*outside, SumOver(positive_first(sp.Mul(*inside)), bound, members, domain))


def positive_first(expr: sp.Expr) -> sp.Expr:
    """A sum with its negative terms last; any other expression as it is.

    >>> a, b = sp.symbols("a b")
    >>> positive_first(b - a)
    b - a
    """
    if not isinstance(expr, sp.Add):
        return expr
    terms = expr.as_ordered_terms()
    return Written(*sorted(terms, key=lambda term: bool(term.as_coeff_Mul()[0] < 0)))


class Entry(sp.Indexed):
    """An indexed quantity that SymPy orders like a symbol: in front of brackets and functions."""

    @classmethod
    def class_key(cls):
        return 2, 1, cls.__name__


class ParameterEntry(Entry):
    """A parameter of one element: it stands first in a product."""

    @classmethod
    def class_key(cls):
        return 2, 0, cls.__name__
