"""Numbers and expressions of netlists; the values of the tables were checked against ngspice 39 on 2026-11-21."""

import math

import pytest

from physeq.errors import ModelError
from physeq.netlist._expressions import FUNCTIONS, parse_expression
from physeq.netlist._numbers import format_number, parse_number
from physeq.netlist._problems import Fault
from physeq.netlist._scope import Scope, assignments

NUMBERS = [
    ("1", 1.0), ("-2.5", -2.5), ("+5", 5.0), (".5", 0.5), ("5.", 5.0), ("1e-3", 1e-3), ("2E+2", 200.0),
    ("4.7k", 4700.0), ("4.7K", 4700.0), ("1meg", 1e6), ("3.3MEGohm", 3.3e6), ("2M", 2e-3), ("10mil", 254e-6),
    ("10uF", 1e-5), ("1f", 1e-15), ("1F", 1e-15), ("100n", 1e-7), ("2p", 2e-12), ("1g", 1e9), ("1T", 1e12),
    ("1e3k", 1e6), ("5V", 5.0), ("1A", 1.0), ("5e", 5.0), ("1db", 1.0), ("4.7p", 4.7e-12), ("60Hz", 60.0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_numbers_are_read_as_in_ngspice(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["", "k", "1k5", "1 k", "--1", "1e5.5", "0x10", "1µ", "1_000", "in", "1,5", "e5"])
def test_other_texts_are_no_numbers(text):
    assert parse_number(text) is None


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-15, math.pi, 1 / 3, 1e300, 5e-324])
def test_written_numbers_read_back_unchanged(value):
    assert parse_number(format_number(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_a_netlist_cannot_hold(value):
    with pytest.raises(ModelError, match="finite"):
        format_number(value)


EXPRESSIONS = [
    ("1+2*3", 7), ("(1+2)*3", 9), ("2-3-4", -5), ("2/3/4", 2 / 12), ("7%4", 3), ("-2^2", -4), ("-2**2", -4),
    ("2^-1", 0.5), ("(-2)^2", 4), ("2*-3", -6), ("-3**3", -27), ("log(100)", math.log(100)), ("ln(10)", math.log(10)),
    ("log10(100)", 2), ("pow(-2,3)", -8), ("pwr(-2,3)", 8), ("pwr(-2,2.5)", 2**2.5), ("sgn(-2)", -1), ("sgn(0)", 0),
    ("int(-2.7)", -2), ("nint(2.5)", 2), ("nint(3.5)", 4), ("nint(-2.5)", -2), ("floor(-2.5)", -3), ("ceil(-2.5)", -2),
    ("5>3?1:2", 1), ("2>1 && 0", 0), ("2>1 || 0", 1), ("!0", 1), ("3==3", 1), ("2<>3", 1), ("2!=3", 1), ("2>=3", 0),
    ("sqr(3)", 9), ("min(1,2)", 1), ("max(1,2)", 2), ("1k*2m", 2), ("sqrt(2)", math.sqrt(2)), ("atan(1)", math.pi / 4),
    ("exp(1)", math.e), ("abs(-3)", 3), ("sin(1)+cos(1)", math.sin(1) + math.cos(1)), ("ternary_fcn(1,2,3)", 2),
    ("1 ? 2 : 3 ? 4 : 5", 2), ("10meg/1MEG", 10), ("2*pi", 2 * math.pi), ("1.5e3k", 1.5e6),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_arithmetic(text, value):
    assert parse_expression(text)(Scope()) == pytest.approx(value, rel=1e-15, abs=1e-300)


def test_every_function_takes_its_arguments():
    for name, (arity, function) in FUNCTIONS.items():
        numbers = [0.5, 0.25, 0.75] if name != "acosh" else [1.5]
        called = parse_expression(f"{name.upper()}({','.join(map(str, numbers[:arity]))})")(Scope())
        assert called == float(function(*numbers[:arity]))
        with pytest.raises(Fault, match=f"takes {arity} argument"):
            parse_expression(f"{name}({','.join(['1'] * (arity + 1))})")


FAULTS = [
    ("", "empty"), ("1+", "breaks off"), ("1 2", "'2' stands"), ("(1", r"needs '\)'"), ("1)", r"'\)' stands"),
    ("a b", "stands"), ("1 ? 2", "needs ':'"), ("f(1)", "no function f"), ("gauss(1,2,3)", "random"),
    ("V(out)", "behavioural"), ("I(V1)", "behavioural"), ("1/0", "divides by zero"), ("sqrt(-1)", "no real value"),
    ("ln(0)", "logarithm of 0"), ("exp(1000)", "too large"), ("1e308*10", "not a finite number"),
    ("x", "'x' is not defined"),
    ("2^3^2", "parentheses"), ("(-2)^3", "negative base"), ("(-8)^(1/3)", "negative base"),
    ("asin(2)", "no real value"),
    ("__import__('os')", "not understood"), ("a.b", "not understood"), ("x[0]", "not understood"),
    ("lambda: 1", "':' stands"),
    ("1 = 2", "not understood"), ("(" * 41 + "1" + ")" * 41, "nests deeper"), ("-" * 100 + "1", "signs in a row"),
    ("7 % 0", "no real value"), ("* 3", r"'\*' stands"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults_of_expressions(text, message):
    with pytest.raises(Fault, match=message):
        parse_expression(text)(Scope())


def test_long_sums_are_no_deep_ones():
    assert parse_expression("+".join(["1"] * 20000))(Scope()) == 20000


def scope_of(*lines):
    scope = Scope()
    for number, line in enumerate(lines, start=2):
        for name, expression in assignments(line):
            scope.define(name, expression, number)
    return scope


def test_parameters_in_any_order():
    scope = scope_of("a={b*2} c = 'a + b'", "b = 1 + sqrt( 4 )")
    assert scope.own() == {"a": 6.0, "c": 9.0, "b": 3.0}


def test_a_chain_of_parameters_may_be_long():
    lines = [f"p{k} = p{k + 1} + 1" for k in range(5000)]
    assert scope_of(*lines, "p5000 = 0")["p0"] == 5000


def test_a_circle_of_parameters_names_its_lines():
    with pytest.raises(Fault, match=r"circle: b \(line 3\) → c \(line 4\) → b \(line 3\)"):
        scope_of("a = b", "b = c", "c = 2*b")["a"]


def test_a_parameter_has_one_definition():
    with pytest.raises(Fault, match="defined already in line 2"):
        scope_of("a=1", "A=2")


def test_inner_scopes_hide_outer_ones_and_see_the_rest():
    outer = scope_of("a=1 b=10")
    inner = Scope(outer)
    inner.assign("a", 5.0)
    assert (inner["a"], inner["b"], outer["a"], inner["pi"]) == (5.0, 10.0, 1.0, math.pi)


def test_a_netlist_may_define_pi_itself():
    assert scope_of("pi = 3")["pi"] == 3.0
