"""The base class of physeq's elementwise functions, and the one that other functions are written with: `clip`."""

from __future__ import annotations

import sympy as sp


class NamedFunction(sp.Function):
    """Base class of physeq's elementwise functions; subclasses set `nargs`, `fdiff` and `latex_name`."""

    latex_name = ""
    holomorphic = True

    def _eval_is_real(self):
        return all(argument.is_real for argument in self.args) or None

    def _latex(self, printer, exp=None):
        inside = ", ".join(printer._print(argument) for argument in self.args)
        text = rf"{self.latex_name}\left({inside}\right)"
        return text if exp is None else rf"{{{text}}}^{{{exp}}}"


class clip(NamedFunction):
    """min(max(x, lower), upper); its derivative by x is 1 strictly inside and 0 outside, by a bound 1 beyond it."""

    nargs = 3
    latex_name = r"\mathrm{clip}"
    holomorphic = False

    def fdiff(self, argindex=1):
        x, lower, upper = self.args
        where = {1: (x > lower) & (x < upper), 2: (x <= lower) & (lower < upper), 3: x >= upper}[argindex]
        return sp.Piecewise((1, where), (0, True))

    def _eval_evalf(self, prec):
        x, lower, upper = self.args
        return sp.Min(sp.Max(x, lower), upper)._eval_evalf(prec)
