"""Separation into products of one-port features: the sum is the expression, the parts know their symbols."""

import itertools

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from physeq.symbolic import logcosh, sigmoid, softplus
from physeq.symbolic.separate import separate

a, b, c, d = sp.symbols("a b c d", real=True)
k, w = sp.symbols("k w", positive=True)


def check(expression, terms):
    assert sp.simplify(sp.expand_trig(sp.expand(sum(t.product() for t in terms) - expression))) == 0
    for term in terms:
        assert not term.number.free_symbols
        assert not term.coefficient.free_symbols & {a, b, c, d}
        assert term.source.free_symbols <= {a, c} and term.target.free_symbols <= {b, d}
    keys = [(t.coefficient, t.source, t.target) for t in terms]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("expression", "rank"),
    [
        (k * (a - b) ** 2 / 2, 3),
        (-w * sp.tanh(a) * sp.tanh(b), 1),
        (-k * sp.cos(a - b), 2),
        (k * (a - b) ** 4, 5),
        (w * k * a * d + w * a * d, 2),
        (sp.Integer(3), 1),
        (k * a, 1),
        (2 * a * b + 3 * a * b, 1),
        (sigmoid(a) * softplus(b) + logcosh(a + c) * k, 2),
        (sp.exp(a) * b, 1),
    ],
)
def test_separable(expression, rank):
    terms = separate(expression, {a, c}, {b, d})
    assert len(terms) == rank
    check(expression, terms)


@pytest.mark.parametrize(
    "expression",
    [
        logcosh(a - b),
        sp.Max(0, a - b) ** 2,
        sp.exp(k * (a - b)),  # separates on paper, overflows in numbers
        sp.exp(a - b) + a * b,
        sp.cosh(a - b),
        sigmoid(a * b),
        sp.tanh(w * a) * b,  # a parameter inside a feature would make the message change with it
        sp.sqrt(a**2 + b**2),
        (a - b) ** 12,
    ],
)
def test_not_separable(expression):
    assert separate(expression, {a, c}, {b, d}) is None


def test_nothing_is_an_empty_sum():
    assert separate(sp.S.Zero, {a}, {b}) == ()
    assert separate((a - b) ** 2 - a**2 + 2 * a * b - b**2, {a}, {b}) == ()


def test_limit():
    expression = sum(sp.Symbol(f"p{i}") * a**i * b**i for i in range(1, 6))
    assert len(separate(expression, {a}, {b}, limit=5)) == 5
    assert separate(expression, {a}, {b}, limit=4) is None


@given(st.lists(st.integers(-3, 3), min_size=9, max_size=9))
def test_polynomials(numbers):
    expression = sum(
        n * k**j * a**i * b**j for n, (i, j) in zip(numbers, itertools.product(range(3), repeat=2), strict=True)
    )
    check(expression, separate(sp.sympify(expression), {a, c}, {b, d}))
