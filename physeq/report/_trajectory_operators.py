"""What pages of trajectories write beside integrals: the derivative of an expression by time."""

from __future__ import annotations

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

from physeq.report._operators import PageOperator


class TimeDerivative(PageOperator):
    r"""d/dt of an expression, written and not carried out.

    >>> from physeq.report.notation import latex
    >>> t, v = sp.symbols("t v")
    >>> print(latex(TimeDerivative(2 * v + 1, t)))
    \frac{\mathrm{d}}{\mathrm{d} t} \left(2 v + 1\right)
    """

    def __new__(cls, body, time):
        body = sp.sympify(body)
        return sp.S.Zero if body.is_number else sp.Expr.__new__(cls, body, time)

    def _parts(self, printer) -> tuple[str, str]:
        body, time = self.args
        return printer.parenthesize(body, PRECEDENCE["Mul"], strict=True), printer._print(time)

    def _latex(self, printer):
        body, time = self._parts(printer)
        return rf"\frac{{\mathrm{{d}}}}{{\mathrm{{d}} {time}}} {body}"

    def _sympystr(self, printer):
        body, time = self._parts(printer)
        return f"d/d{time} {body}"


class Values(PageOperator):
    r"""Several quantities with one bar and the time at which they are taken: (p a)|_{t = T}.

    >>> from physeq.report.notation import latex
    >>> p, T = sp.symbols("p T")
    >>> print(latex(Values(p**2, sp.Symbol("t"), T)))
    \left. p^{2} \right|_{t = T}
    """

    def __new__(cls, body, variable, time):
        return sp.Expr.__new__(cls, sp.sympify(body), variable, sp.sympify(time))

    def _parts(self, printer) -> tuple[str, str, str]:
        body, variable, time = self.args
        inside = printer.parenthesize(body, PRECEDENCE["Mul"], strict=True)
        return inside, printer._print(variable), printer._print(time)

    def _latex(self, printer):
        body, variable, time = self._parts(printer)
        return rf"\left. {body} \right|_{{{variable} = {time}}}"

    def _sympystr(self, printer):
        body, variable, time = self._parts(printer)
        return f"{body}|({variable} = {time})"
