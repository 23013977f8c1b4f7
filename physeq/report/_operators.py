"""Mathematics that pages write and SymPy has no class for: sums over sets, values in a phase, updates, chains.

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


class InPhase(PageOperator):
    r"""A quantity at the steady state of the phase with nudge `nudge`: body|_{nudge}.

    >>> from physeq.report.notation import latex
    >>> print(latex(InPhase(sp.Symbol("x") ** 2, -sp.Symbol("beta"))))
    \left. x^{2} \right|_{- \beta}
    """

    def __new__(cls, body, nudge):
        return sp.Expr.__new__(cls, sp.sympify(body), sp.sympify(nudge))

    def _latex(self, printer):
        body = printer.parenthesize(self.args[0], PRECEDENCE["Mul"], strict=True)
        return rf"\left. {body} \right|_{{{printer._print(self.args[1])}}}"

    def _sympystr(self, printer):
        body = printer.parenthesize(self.args[0], PRECEDENCE["Mul"], strict=True)
        return f"{body}|({printer._print(self.args[1])})"


class Contrast(PageOperator):
    r"""Σ_k weight_k · body|_{nudge_k}, printed in the order given; `terms` are pairs (weight, nudge).

    >>> from physeq.report.notation import latex
    >>> print(latex(Contrast(sp.Symbol("x"), (1, sp.Symbol("beta")), (-1, 0))))
    \left(\left. x \right|_{\beta} - \left. x \right|_{0}\right)
    """

    precedence = PRECEDENCE["Atom"]

    def __new__(cls, body, *terms):
        return sp.Expr.__new__(cls, sp.sympify(body), *(sp.Tuple(*term) for term in terms))

    @property
    def body(self) -> sp.Expr:
        """What is measured in every phase."""
        return self.args[0]

    @property
    def terms(self) -> tuple[sp.Tuple, ...]:
        """(weight, nudge) of every phase."""
        return self.args[1:]

    def _printed(self, printer) -> str:
        text = ""
        for weight, nudge in self.terms:
            negative = weight.could_extract_minus_sign()
            printed = printer._print(Scaled(-weight if negative else weight, InPhase(self.body, nudge)))
            text += (" - " if negative else " + ") + printed
        return text.removeprefix(" + ").strip()

    def _latex(self, printer):
        return rf"\left({self._printed(printer)}\right)"

    def _sympystr(self, printer):
        return f"({self._printed(printer)})"


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


class Change(PageOperator):
    """Δp, the change of a parameter in one update."""

    precedence = PRECEDENCE["Atom"]

    def __new__(cls, quantity):
        return sp.Expr.__new__(cls, quantity)

    def _latex(self, printer):
        return rf"\Delta {printer._print(self.args[0])}"

    def _sympystr(self, printer):
        return f"Δ{printer._print(self.args[0])}"


class Slope(PageOperator):
    r"""The derivative of one named quantity by another, written and not carried out: ∂E/∂p, or dL/dp with `total`.

    >>> from physeq.report.notation import latex
    >>> print(latex(Slope(sp.Symbol("E"), sp.Symbol("g"))))
    \frac{\partial E}{\partial g}
    """

    sign = r"\partial"
    text = "∂"

    def __new__(cls, quantity, by):
        return sp.Expr.__new__(cls, quantity, by)

    def _latex(self, printer):
        above, below = (printer._print(a) for a in self.args)
        return rf"\frac{{{self.sign} {above}}}{{{self.sign} {below}}}"

    def _sympystr(self, printer):
        above, below = (printer._print(a) for a in self.args)
        return f"{self.text}{above}/{self.text}{below}"


class TotalSlope(Slope):
    """dL/dp: the derivative along with everything that follows from a change of p."""

    sign = r"\mathrm{d}"
    text = "d"


class Chain(PageOperator):
    r"""Expressions joined by relations, such as 0 ≤ v ≤ 1, a ≈ b, a ∝ b, a ← b.

    >>> from physeq.report.notation import latex
    >>> print(latex(Chain("le", 0, sp.Symbol("v"), 1)))
    0 \le v \le 1
    """

    precedence = PRECEDENCE["Relational"]
    signs = {"le": "≤", "approx": "≈", "propto": "∝", "leftarrow": "←", "in": "∈"}  # noqa: RUF012 - a constant

    def __new__(cls, relation, *sides):
        relation = relation if isinstance(relation, sp.Basic) else sp.core.symbol.Str(relation)
        return sp.Expr.__new__(cls, relation, *map(sp.sympify, sides))

    @property
    def sides(self) -> tuple[sp.Basic, ...]:
        """The expressions that are related."""
        return self.args[1:]

    def _latex(self, printer):
        return rf" \{self.args[0].name} ".join(printer._print(side) for side in self.sides)

    def _sympystr(self, printer):
        return f" {self.signs[self.args[0].name]} ".join(printer._print(side) for side in self.sides)


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
