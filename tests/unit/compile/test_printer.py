"""The printer: every function agrees with SymPy, masked branches have gradients, dtypes follow the arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from physeq.compile import Program
from physeq.compile.printer import FUNCTIONS
from physeq.errors import InternalError
from physeq.symbolic import clip, functions, logcosh, sigmoid, softplus, xlogx
from physeq.symbolic.waveform_functions import piecewise_linear, pulse, sine, whole_periods

x, z = sp.symbols("x z", real=True)
POSITIVE, UNIT, ABOVE_ONE = (0.1, 3.0), (-0.9, 0.9), (1.1, 3.0)
DOMAINS = {sp.log: POSITIVE, xlogx: POSITIVE, sp.asin: UNIT, sp.acos: UNIT, sp.atanh: UNIT, sp.acosh: ABOVE_ONE}
SAMPLES = {sp.atan2: (x, z), sp.Max: (x, z, 0.2), sp.Min: (x, z, 0.2), clip: (x, -0.5, z + 1.5)}
SAMPLES |= {sine: (x, 0.5, z, 0.7, -0.3, 0.4, 30), pulse: (x, -1, 2 + z, -1.5, 0.25, 0.5, 0.75, 2)}
SAMPLES |= {piecewise_linear: (x, -1.5, z, 0.25, 3, 0.5, -1), whole_periods: (x, 0.75)}


def evaluate(expression, **values):
    return Program([expression])({sp.Symbol(n, real=True): v for n, v in values.items()})[0]


def test_the_lists_of_functions_are_one():
    assert set(functions.ELEMENTWISE) == set(FUNCTIONS) | {sp.Piecewise}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_derivatives_agree_with_sympy(function):
    low, high = DOMAINS.get(function, (-2.0, 2.0))
    xs, zs = np.random.default_rng(0).uniform([[low], [-1.0]], [[high], [1.0]], (2, 7))
    expression = function(*SAMPLES.get(function, (x,)))
    derivatives = [] if function in functions.NOT_DIFFERENTIABLE else [sp.diff(expression, x)]
    for e in (expression, *derivatives):
        e = e.replace(sp.DiracDelta, lambda *_: sp.S.Zero)
        found = np.broadcast_to(evaluate(e, x=jnp.asarray(xs), z=jnp.asarray(zs)), xs.shape)
        expected = [
            float(e.subs({x: sp.Float(p, 30), z: sp.Float(q, 30)}).evalf(25)) for p, q in zip(xs, zs, strict=True)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "function", [f for f in FUNCTIONS if f not in functions.NOT_DIFFERENTIABLE], ids=lambda f: f.__name__
)
def test_jax_differentiates_as_sympy_does(function):
    low, high = DOMAINS.get(function, (-2.0, 2.0))
    expression = function(*SAMPLES.get(function, (x,)))
    at = low + 0.37 * (high - low)
    found = jax.grad(lambda a: evaluate(expression, x=a, z=jnp.asarray(0.3)) * 1.0)(jnp.asarray(at))
    slope = sp.diff(expression, x).replace(sp.DiracDelta, lambda *_: sp.S.Zero)
    assert float(found) == pytest.approx(float(slope.subs({x: at, z: 0.3}).evalf()), rel=1e-12)


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        (softplus(x), 1000.0, 1000.0),
        (softplus(x), -1000.0, 0.0),
        (logcosh(x), -1000.0, 1000.0 - np.log(2)),
        (sigmoid(x), 1000.0, 1.0),
        (sigmoid(x), -1000.0, 0.0),
        (xlogx(x), 0.0, 0.0),
        (clip(x, 0, 1), np.inf, 1.0),
    ],
)
def test_extreme_arguments(expression, at, expected):
    value, slope = jax.value_and_grad(lambda a: evaluate(expression, x=a))(jnp.asarray(at))
    assert float(value) == pytest.approx(expected, abs=1e-300)
    assert not np.isnan(slope) or expression == xlogx(x)


@pytest.mark.parametrize(
    "branches",
    [
        ((sp.sqrt(x), x > 0), (0, True)),
        ((sp.log(x), x > 0), (x, True)),
        ((sp.log(-x), x < -1), (1 / (x + 2), True)),
        ((x**2, x < 0), (sp.sqrt(x) * 2, x < 4), (x, True)),
        ((sp.sqrt(1 - x**2), (x > -1) & (x < 1)), (0, True)),
    ],
)
def test_masked_branches_have_gradients(branches):
    expression = sp.Piecewise(*branches)
    for at in (-3.0, -0.5, 0.5, 5.0):
        value, slope = jax.value_and_grad(lambda a: evaluate(expression, x=a) * 1.0)(jnp.asarray(at))
        plain = expression.subs(x, at)
        assert float(value) == pytest.approx(float(plain), rel=1e-12)
        branch = next(e for e, c in expression.args if c == True or c.subs(x, at) == True)  # noqa: E712
        assert float(slope) == pytest.approx(float(sp.diff(branch, x).subs(x, at)), rel=1e-12)


def test_relations_and_logic():
    expression = sp.Piecewise((1, sp.Or(x < -1, sp.Not(z < 0.5))), (2, sp.Ne(x, 0) & (z >= 0)), (3, True))
    for a, c in [(-2, 0), (0, 1), (1, 0.2), (0, 0.2), (1, -1)]:
        assert float(evaluate(expression, x=jnp.asarray(float(a)), z=jnp.asarray(float(c)))) == float(
            expression.subs({x: a, z: c})
        )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.complex64])
def test_dtypes_follow_the_arrays(dtype):
    expression = sp.Rational(1, 3) * x**2 + sp.pi * sp.exp(x) / 7 - sp.Float(0.1) * sp.tanh(x) + 2**x + sp.sqrt(2) / x
    expression += sigmoid(x) + sp.log(x) + logcosh(x) if dtype != jnp.complex64 else sigmoid(x)
    assert evaluate(expression, x=jnp.ones(3, dtype)).dtype == dtype


def test_named_functions_in_single_precision():
    everything = (
        sigmoid(x) + softplus(x) + logcosh(x) + xlogx(x) + clip(x, 0, 1) + sp.erf(x) + sp.Heaviside(x) + sp.Max(x, 0)
    )
    everything += sp.Piecewise((sp.sqrt(x), x > 0), (0, True))
    found = evaluate(everything, x=jnp.asarray(0.7, jnp.float32))
    assert found.dtype == jnp.float32
    assert float(found) == pytest.approx(float(everything.subs(x, 0.7).evalf()), rel=1e-6)


def test_constants_are_python_numbers():
    assert Program([sp.Integer(3), sp.Rational(1, 4), -sp.oo])({}) == (3, 0.25, -np.inf)


def test_deep_expressions():
    deep = x
    for n in range(2000):
        deep = sp.cos(deep, evaluate=False) if n % 2 else sp.Add(deep, x, evaluate=False)
    expected = 0.3
    for n in range(2000):
        expected = np.cos(expected) if n % 2 else expected + 0.3
    found = Program([deep])({x: jnp.asarray(0.3)})[0]
    assert float(found) == pytest.approx(expected, rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(-2, 3), st.integers(0, 2)), min_size=1, max_size=5),
    st.sampled_from([(), ("x",), ("z",), ("x", "z")]),
)
def test_sums_products_and_powers(terms, static):
    """Reordering for static symbols must not change a value, whatever the signs and the denominators."""
    expression = sum(sp.Rational(n, 3) * x**p * (z + 3) ** -q for n, p, q in terms) - x / (z + 3)
    program = Program([expression], static={sp.Symbol(n, real=True) for n in static})
    found = program({x: jnp.asarray(0.7), z: jnp.asarray(-0.4)})[0]
    assert float(found) == pytest.approx(float(expression.subs({x: 0.7, z: -0.4})), rel=1e-12, abs=1e-13)


def test_several_expressions_and_missing_values():
    first, second = Program([x + z, x * z])({x: jnp.asarray([1.0, 2.0]), z: jnp.asarray(3.0)})
    np.testing.assert_array_equal(first, [4, 5])
    np.testing.assert_array_equal(second, [3, 6])
    with pytest.raises(InternalError, match=r"no value for \['z'\]"):
        Program([x + z])({x: 1.0})
    with pytest.raises(InternalError, match="no JAX form for besselj"):
        Program([sp.besselj(0, x)])({x: 1.0})


HOLOMORPHIC = [f for f in functions.ELEMENTWISE if f not in functions.NOT_HOLOMORPHIC]
COMPLEX = np.array([0.3 + 0.2j, -1.2 + 0.9j, 0.1 + 1.5j, 3.1 - 2.2j, 0.2 + 0.4j, -0.4 - 0.3j])  # on no cut


@pytest.mark.parametrize("function", HOLOMORPHIC, ids=lambda f: f.__name__)
def test_functions_continue_to_complex_arguments(function):
    """Values and derivatives against SymPy's evaluation with 30 digits."""
    variable = sp.Symbol("c")
    # acosh starts from x > 1: its cut and the sign of its derivative's root keep to that half.
    points = COMPLEX[COMPLEX.real > 0] if function is sp.acosh else COMPLEX
    program = Program([function(variable)])

    def run(values):
        return program({variable: values})[0]

    def exact(expression, value):
        return complex(expression.subs(variable, sp.Float(value.real, 30) + sp.I * sp.Float(value.imag, 30)).evalf(30))

    expected = [exact(function(variable), value) for value in points]
    np.testing.assert_allclose(run(jnp.asarray(points)), expected, rtol=1e-13, atol=1e-14)
    slope = function(variable).diff(variable)
    found = jnp.diagonal(jax.jacfwd(run, holomorphic=True)(jnp.asarray(points)))
    np.testing.assert_allclose(found, [exact(slope, value) for value in points], rtol=1e-12, atol=1e-13)


def test_complex_tanh_does_not_overflow():
    values = np.array([800.0 + 1j, -800.0 + 1j, 1.0 + 1e6j])
    np.testing.assert_allclose(evaluate(sp.tanh(x), x=jnp.asarray(values)), np.tanh(values), rtol=1e-12, atol=1e-14)
