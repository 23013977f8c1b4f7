"""Named functions: their derivatives, values and the numbers that they take at the edge."""

import math

import pytest
import sympy as sp
from sympy.printing.latex import LatexPrinter

from physeq.symbolic import clip, hard_sigmoid, logcosh, sigmoid, softplus, xlogx
from physeq.symbolic.functions import first_function

x = sp.Symbol("x", real=True)
FORMULAS = {
    sigmoid: 1 / (1 + sp.exp(-x)),
    softplus: sp.log(1 + sp.exp(x)),
    logcosh: sp.log(sp.cosh(x)),
    xlogx: x * sp.log(x),
}


@pytest.mark.parametrize("function", FORMULAS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("at", [0.3, 1.7])
def test_values_and_derivatives_agree_with_the_plain_formula(function, at):
    plain = FORMULAS[function]
    assert float(function(at).evalf()) == pytest.approx(float(plain.subs(x, at)), rel=1e-14)
    for order in (1, 2):
        mine = sp.diff(function(x), x, order).subs(x, at).evalf()
        assert float(mine) == pytest.approx(float(sp.diff(plain, x, order).subs(x, at)), rel=1e-13)


def test_derivatives_stay_named():
    assert sp.diff(softplus(x), x) == sigmoid(x)
    assert sp.diff(logcosh(x), x) == sp.tanh(x)
    assert sp.diff(xlogx(x), x) == sp.log(x) + 1
    assert sp.expand(sp.diff(sigmoid(x), x) - sigmoid(x) * (1 - sigmoid(x))) == 0


def test_edges():
    assert sigmoid(sp.Integer(0)) == sp.Rational(1, 2)
    assert xlogx(sp.Integer(0)).evalf() == 0
    assert float(softplus(sp.Float(-30)).evalf()) == pytest.approx(math.exp(-30), rel=1e-3)


def test_clip():
    low, high = sp.symbols("low high", real=True)
    assert [float(clip(at, 0, 1).evalf()) for at in (-2, 0.25, 3)] == [0, 0.25, 1]
    assert hard_sigmoid(x) == clip(x, 0, 1)
    slope = sp.diff(clip(x, 0, 1), x)
    assert [slope.subs(x, at) for at in (-1, 0.5, 2)] == [0, 1, 0]
    for by, values in ((low, (1, 0, 0)), (high, (0, 0, 1))):
        slope = sp.diff(clip(x, low, high), by)
        assert tuple(slope.subs({low: 0, high: 1, x: at}) for at in (-1, 0.5, 2)) == values


def test_first_function_looks_inside():
    assert first_function(2 * sp.sin(sp.Abs(x) + 1), (sp.Abs,)) == sp.Abs(x)
    assert first_function(sp.sin(x), (sp.Abs,)) is None


def test_real_arguments_give_real_values():
    assert sigmoid(x).is_real and clip(x, 0, 1).is_real
    assert sigmoid(sp.Symbol("z")).is_real is None
    assert sigmoid(x)._latex(LatexPrinter()) == r"\sigma\left(x\right)"
