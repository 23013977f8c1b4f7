"""Named functions that SymPy lacks, with derivatives that stay named and numerically safe.

The compiled model evaluates each by a stable primitive (log(1 + eˣ) does not overflow), and the
pages print the name. A function is *holomorphic* when it continues to complex arguments.
"""

from __future__ import annotations

import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from physeq.symbolic.named import NamedFunction as NamedFunction
from physeq.symbolic.named import clip as clip
from physeq.symbolic.waveform_functions import piecewise_linear, pulse, sine, whole_periods


class sigmoid(NamedFunction):
    """The logistic function 1/(1 + e⁻ˣ), with σ′ = σ(1 − σ).

    >>> x = sp.Symbol("x")
    >>> sigmoid(x).diff(x)
    (1 - sigmoid(x))*sigmoid(x)
    """

    nargs = 1
    latex_name = r"\sigma"

    @classmethod
    def eval(cls, x):
        if x.is_zero:
            return sp.Rational(1, 2)

    def fdiff(self, argindex=1):
        return sigmoid(self.args[0]) * (1 - sigmoid(self.args[0]))

    def _eval_rewrite_as_exp(self, x, **kwargs):
        return 1 / (1 + sp.exp(-x))

    def _eval_evalf(self, prec):
        return self.rewrite(sp.exp)._eval_evalf(prec)


class softplus(NamedFunction):
    """log(1 + eˣ), the integral of the logistic function."""

    nargs = 1
    latex_name = r"\mathrm{softplus}"

    def fdiff(self, argindex=1):
        return sigmoid(self.args[0])

    def _eval_evalf(self, prec):
        return sp.log(1 + sp.exp(self.args[0]))._eval_evalf(prec)


class logcosh(NamedFunction):
    """log cosh x, the integral of tanh."""

    nargs = 1
    latex_name = r"\log\cosh"

    def fdiff(self, argindex=1):
        return sp.tanh(self.args[0])

    def _eval_evalf(self, prec):
        return sp.log(sp.cosh(self.args[0]))._eval_evalf(prec)


class xlogx(NamedFunction):
    """x log x with its limit 0 at x = 0; its derivative is log x + 1."""

    nargs = 1
    latex_name = r"\mathrm{xlogx}"

    def fdiff(self, argindex=1):
        return sp.log(self.args[0]) + 1

    def _eval_evalf(self, prec):
        x = self.args[0]
        return sp.Float(0) if x.is_zero else (x * sp.log(x))._eval_evalf(prec)


class logsumexp(NamedFunction):
    """log Σ_k exp(z_k) over the outputs k of a cost: one number for all outputs, its derivative `softmax(z)`.

    A cost's density stands for its sum over the outputs, in which this term counts once: each of n outputs carries the
    share 1/n. Holomorphic where Σ_k exp(z_k) is not zero; |Im z| < π/2 keeps away from that. Only for costs.

    >>> z = sp.Symbol("z")
    >>> logsumexp(z).diff(z), sp.expand(logsumexp(z).diff(z, 2))
    (softmax(z), -softmax(z)**2 + softmax(z))
    """

    nargs = 1
    latex_name = r"\mathrm{logsumexp}"

    def fdiff(self, argindex=1):
        return softmax(self.args[0])


class softmax(NamedFunction):
    """exp(z_k)/Σ_l exp(z_l) of output k, the derivative of `logsumexp`; its own derivative is the diagonal one."""

    nargs = 1
    latex_name = r"\mathrm{softmax}"

    def fdiff(self, argindex=1):
        return softmax(self.args[0]) * (1 - softmax(self.args[0]))


def cross_entropy(z: sp.Expr, y: sp.Expr) -> sp.Expr:
    """The softmax cross-entropy C = −Σ_k y_k log softmax(z)_k = log Σ_k exp(z_k) − Σ_k y_k z_k, for Σ_k y_k = 1.

    Its density per output, for `System(cost=...)`; z is an output unknown or the output of a `Readout`, y the target.
    ∂C/∂z_k = softmax(z)_k − y_k. The class of least cost is that of the largest z.

    >>> z, y = sp.symbols("z y")
    >>> cross_entropy(z, y).diff(z)
    -y + softmax(z)
    """
    return logsumexp(z) - y * z


def hard_sigmoid(x):
    """clip(x, 0, 1), the hard-sigmoid activation."""
    return clip(x, 0, 1)


# What a term may be made of. The compiled model has an implementation for each (a test compares the two lists).
ELEMENTWISE = (
    sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinh, sp.cosh, sp.tanh, sp.asinh,
    sp.acosh, sp.atanh, sp.erf, sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside, sp.floor, sp.Piecewise,
    sigmoid, softplus, logcosh, xlogx, clip, sine, pulse, piecewise_linear, whole_periods,
)  # fmt: skip

# What mixes the outputs of a cost: evaluated on all outputs at once, and allowed in a cost alone.
ACROSS_OUTPUTS = (logsumexp, softmax)

# Functions whose real formula does not continue to complex arguments.
NOT_HOLOMORPHIC = (
    sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside, sp.floor, sp.Piecewise, sp.atan2, sp.conjugate, sp.re, sp.im, clip,
    sine, pulse, piecewise_linear, whole_periods,
)  # fmt: skip

# Functions without a usable derivative: allowed in a force, refused where an energy is differentiated.
NOT_DIFFERENTIABLE = (sp.sign, sp.Heaviside, sp.floor)


def is_supported(expression: sp.Expr) -> bool:
    """Whether an expression is made of sums, products, powers, numbers, symbols and `ELEMENTWISE` functions."""
    kinds = (sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Number, sp.NumberSymbol, Boolean, Relational, ExprCondPair)
    return all(isinstance(part, (*kinds, *ELEMENTWISE)) for part in sp.preorder_traversal(expression))


def first_function(expression: sp.Expr, kinds: tuple) -> sp.Expr | None:
    """The first sub-expression of one of the `kinds`, in a fixed order, or None."""
    found = sorted((part for part in sp.preorder_traversal(expression) if isinstance(part, kinds)), key=str)
    return found[0] if found else None
