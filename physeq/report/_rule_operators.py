"""What pages of learning rules write: quantities at a time or step, sums over steps, integrals, real parts.

As all operators of pages they carry their parts as arguments, to be substituted into, searched and evaluated.
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

from physeq.report._operators import PageOperator


class At(PageOperator):
    r"""A quantity at a time or after a number of steps: s_i(t + 1).

    >>> from physeq.report.notation import latex
    >>> t, s = sp.Symbol("t"), sp.IndexedBase("s")
    >>> print(latex(At(s[sp.Symbol("i")], t + 1) ** 2))
    \left(s_{i}\left(t + 1\right)\right)^{2}
    """

    @classmethod
    def class_key(cls):
        return 2, 1, cls.__name__  # like a symbol: in front of functions and brackets

    def __new__(cls, quantity, time):
        return sp.Expr.__new__(cls, sp.sympify(quantity), sp.sympify(time))

    def _latex(self, printer):
        return rf"{printer._print(self.args[0])}\left({printer._print(self.args[1])}\right)"

    def _sympystr(self, printer):
        return f"{printer._print(self.args[0])}({printer._print(self.args[1])})"


class _Limited(PageOperator):
    """An operator that runs a variable from a lower to an upper end."""

    def __new__(cls, body, variable, lower, upper):
        return sp.Expr.__new__(cls, sp.sympify(body), variable, sp.sympify(lower), sp.sympify(upper))

    @property
    def body(self) -> sp.Expr:
        """What is summed or integrated."""
        return self.args[0]

    def _inside(self, printer) -> str:
        return printer.parenthesize(self.body, PRECEDENCE["Mul"], strict=True)


class SumFromTo(_Limited):
    r"""Σ_{variable = lower}^{upper} body.

    >>> from physeq.report.notation import latex
    >>> n, N = sp.symbols("n N")
    >>> print(latex(SumFromTo(n + 1, n, 0, N - 1)))
    \sum_{n = 0}^{N - 1} \left(n + 1\right)
    """

    def _latex(self, printer):
        body, (variable, lower, upper) = self._inside(printer), map(printer._print, self.args[1:])
        return rf"\sum_{{{variable} = {lower}}}^{{{upper}}} {body}"

    def _sympystr(self, printer):
        body, (variable, lower, upper) = self._inside(printer), map(printer._print, self.args[1:])
        return f"Σ[{variable} = {lower} … {upper}] {body}"


class IntegralFromTo(_Limited):
    r"""∫_{lower}^{upper} body d variable.

    >>> from physeq.report.notation import latex
    >>> t, T = sp.symbols("t T")
    >>> print(latex(IntegralFromTo(t, t, 0, T)))
    \int_{0}^{T} t \, \mathrm{d} t
    """

    def _latex(self, printer):
        body, (variable, lower, upper) = self._inside(printer), map(printer._print, self.args[1:])
        return rf"\int_{{{lower}}}^{{{upper}}} {body} \, \mathrm{{d}} {variable}"

    def _sympystr(self, printer):
        body, (variable, lower, upper) = self._inside(printer), map(printer._print, self.args[1:])
        return f"∫[{lower} … {upper}] {body} d{variable}"


class RealPart(PageOperator):
    r"""Re(body).

    >>> from physeq.report.notation import latex
    >>> print(latex(RealPart(sp.Symbol("z"))))
    \operatorname{Re}\left(z\right)
    """

    precedence = PRECEDENCE["Atom"]

    def __new__(cls, body):
        return sp.Expr.__new__(cls, sp.sympify(body))

    def _latex(self, printer):
        return rf"\operatorname{{Re}}\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer):
        return f"Re({printer._print(self.args[0])})"
