"""What pages say of quantities: their values in a phase, their contrast, change and slope, and relations of several.

As all operators of pages they carry their parts as arguments, to be substituted into, searched and evaluated.
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

from physeq.report._operators import PageOperator, Scaled


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
