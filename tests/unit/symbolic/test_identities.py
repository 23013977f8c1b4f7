"""What random points decide, and what they must leave to a simplification."""

import pytest
import sympy as sp

from physeq.symbolic.functions import clip, sigmoid, softplus
from physeq.symbolic.identities import depends_on, is_zero, negative_somewhere, random_points

x, y = sp.symbols("x y", real=True)
k = sp.Symbol("k", positive=True)
n = sp.Symbol("n", integer=True)


@pytest.mark.parametrize(
    "expression",
    [
        sp.sin(x - y) - sp.sin(x) * sp.cos(y) + sp.cos(x) * sp.sin(y),
        sp.cosh(x) ** 2 - sp.sinh(x) ** 2 - 1,
        sp.log(k**2) - 2 * sp.log(k),
        1 / (x + y) - (x - y) / (x**2 - y**2),
        0.1 * x * (x + y) - 0.1 * x**2 - 0.1 * x * y,
        sp.sin(sp.pi * n),
        sp.S.Zero,
    ],
    ids=str,
)
def test_what_vanishes(expression):
    assert is_zero(expression)


@pytest.mark.parametrize(
    "expression",
    [
        x - y,
        sp.cosh(x) ** 2 - sp.sinh(x) ** 2 - 1 + 1e-14 * x,  # below what a point shows
        clip(x, -10, 10) - x,  # zero at every point that is drawn
        sp.Piecewise((x, x > 50), (0, True)),
        sp.log(x - 10) - sp.log(x - 11),  # no real numbers where it is drawn
        sp.Function("f")(x),  # no numbers at all
        sp.Rational(1, 3),
        1e-30 * sp.exp(x),
    ],
    ids=str,
)
def test_what_does_not_vanish(expression):
    assert not is_zero(expression)


@pytest.mark.parametrize(
    "expression, expected",
    [
        ((x + y) ** 2 - x**2 - 2 * x * y, False),
        (sp.sin(x) ** 2 + sp.cos(x) ** 2 + y, False),
        (sp.Float(2.5) * y, False),
        (x * y, True),
        (sp.sign(x), True),
        (y + 1e-14 * x, True),
        (clip(x, -10, -9) + y, True),
    ],
    ids=str,
)
def test_dependence(expression, expected):
    assert depends_on(expression, [x]) is expected


@pytest.mark.parametrize(
    "expression, expected",
    [
        (sigmoid(x) * (1 - sigmoid(x)) * softplus(x), False),
        (k * x**2, False),
        (x * y, True),
        (-k, True),
        ((x - y) ** 2 - x**2 + 2 * x * y - y**2, False),  # zero to rounding is not negative
        (sp.log(x - 10), False),  # not real
    ],
    ids=str,
)
def test_negative_values(expression, expected):
    assert negative_somewhere(expression) is expected


def test_points_keep_to_what_is_declared_and_are_the_same_every_time():
    low, level = sp.Symbol("low", negative=True), sp.Symbol("level", nonnegative=True)
    points = list(random_points([x, k, n, low, level, y], 30, nonnegative=[y]))
    assert points == list(random_points([y, level, low, n, k, x], 30, nonnegative=[y]))
    for point in points:
        assert point[k] > 0 > point[low] and point[level] > 0 and point[y] > 0 and point[n].is_Integer
    assert {sp.sign(point[x]) for point in points} == {-1, 1}
