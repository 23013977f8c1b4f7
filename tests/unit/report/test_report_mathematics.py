"""Names of symbols in LaTeX and MathML, and expressions in both."""

from xml.etree import ElementTree

import pytest
import sympy as sp

from physeq.errors import InternalError
from physeq.report._xml import markup
from physeq.report.mathml import latex_to_mathml
from physeq.report.mathml_printer import mathml
from physeq.report.notation import latex, symbol_latex

x, y, t = sp.symbols("x y t")
i, j, n = sp.symbols("i j n", integer=True)
v, w = sp.IndexedBase("v"), sp.IndexedBase("w^{(a)}")


class Named(sp.Symbol):
    """A symbol with a LaTeX name of its own, as the package's symbols have."""

    def __new__(cls, name, latex_name):
        self = sp.Symbol.__xnew__(cls, name)
        self.latex_name = latex_name
        return self

    def _latex(self, printer):
        return self.latex_name


class squash(sp.Function):
    nargs = 1

    def _latex(self, printer):  # without the exponent that SymPy offers
        return rf"\operatorname{{sq}}\left({printer.doprint(self.args[0])}\right)"


def text(element):
    return "".join(element.itertext())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\dot{v}_{i}", '<msub><mover accent="true"><mi>v</mi><mo>˙</mo></mover><mi>i</mi></msub>'),
        (r"\ddot{x}", '<mover accent="true"><mi>x</mi><mo>¨</mo></mover>'),
        (r"\sigma'", "<msup><mi>σ</mi><mo>′</mo></msup>"),
        (r"\sigma''", "<msup><mi>σ</mi><mo>″</mo></msup>"),
        (r"x'^{2}", "<msup><mi>x</mi><mrow><mo>′</mo><mn>2</mn></mrow></msup>"),
        (
            "w^{(input→hidden)}_{ij}",
            "<msubsup><mi>w</mi><mrow><mi>i</mi><mi>j</mi></mrow>"
            "<mrow><mo>(</mo><mi>input</mi><mo>→</mo><mi>hidden</mi><mo>)</mo></mrow></msubsup>",
        ),
        (r"v_{\mathrm{in}}", "<msub><mi>v</mi><mi>in</mi></msub>"),
        (r"v_{\text{a b}}", "<msub><mi>v</mi><mtext>a\u00a0b</mtext></msub>"),
        (r"\mathrm{d}", '<mi mathvariant="normal">d</mi>'),
        (r"\mathcal{L}", "<mi>ℒ</mi>"),
        (r"\mathbf{x}", "<mi>𝐱</mi>"),
        (r"v_ij", "<mrow><msub><mi>v</mi><mi>i</mi></msub><mi>j</mi></mrow>"),
        (r"\ell_{12}", "<msub><mi>ℓ</mi><mn>12</mn></msub>"),
        (r"\hat{\bar{q}}", '<mover accent="true"><mover accent="true"><mi>q</mi><mo>¯</mo></mover><mo>^</mo></mover>'),
        (r"a \to b", "<mrow><mi>a</mi><mo>→</mo><mi>b</mi></mrow>"),
        (r"{}^{2}", "<msup><mrow></mrow><mn>2</mn></msup>"),
    ],
)
def test_names_become_mathml(source, expected):
    assert markup(latex_to_mathml(source)) == expected


@pytest.mark.parametrize("source", [r"\foo{x}", "v_{i", "v}", "", "v_i_j", r"\left(x", r"\text{a", r"\right)"])
def test_names_that_cannot_be_read_are_refused_by_name(source):
    with pytest.raises(InternalError) as caught:
        latex_to_mathml(source)
    assert repr(source) in str(caught.value)


def test_an_unknown_command_is_named():
    with pytest.raises(InternalError, match=r"unknown LaTeX command \\foo"):
        mathml(Named("a", r"\foo{x}") + 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x"),
        ("theta_1", r"\theta_{1}"),
        ("v_out", r"v_{\mathrm{out}}"),
        ("w_i_j", "w_{ij}"),
        ("w_12_3", r"w_{12,\,3}"),
        ("weight", r"\mathrm{weight}"),
        ("hidden->output.w", r"\mathrm{hidden\to output.w}"),
        ("node 3", r"\mathrm{node\ 3}"),
        ("v.source.dot", r"\mathrm{v.source.dot}"),
        ("_p", r"\mathrm{\_p}"),
        (r"\dot{v}_{i}", r"\dot{v}_{i}"),
        ("w^{(in→out)}_{ij}", r"w^{(in\to out)}_{ij}"),
    ],
)
def test_plain_names_become_latex_that_mathml_can_read(name, expected):
    assert symbol_latex(sp.Symbol(name)) == expected
    latex_to_mathml(expected)


def test_a_latex_name_wins_over_the_name():
    named = Named("ugly.name", r"\tilde{q}_{i}")
    assert latex(named**2) == r"\tilde{q}_{i}^{2}"
    assert text(mathml(named)) == "q~i"
    attribute_only = type("Plain", (sp.Symbol,), {"latex_name": r"\zeta"})("z")
    assert latex(attribute_only) == r"\zeta" and text(mathml(attribute_only)) == "ζ"


def test_indices_stand_below_superscripts_and_powers_get_parentheses():
    assert latex(w[i, j]) == "w^{(a)}_{ij}"
    assert latex(w[i, j] ** 2) == r"\left(w^{(a)}_{ij}\right)^{2}"
    assert latex(v[1, 2]) == "v_{1,2}"
    assert mathml(w[i, j]).tag == "msubsup"
    for power in (w[i, j] ** 2, sp.Symbol("w^{a}") ** 2):
        assert text(mathml(power)).startswith("(") and mathml(power)[0].tag == "mrow"
    assert text(mathml(1 / w[i, j] ** 2)) == "1(wij(a))2"


def test_nested_sums_print_every_limit_outermost_first():
    printed = mathml(sp.Sum(w[i, j] * v[j] - 1, (j, 1, n), (i, 1, 4)))
    assert [text(part) for part in printed.findall("munderover")] == ["∑i=14", "∑j=1n"]
    assert text(printed).endswith("(vj\u2062wij(a)−1)")


def test_cases_are_parenthesised_inside_sums_and_products():
    cases = sp.Piecewise((x, x > 0), (0, True))
    assert text(mathml(cases)) == "{xfor\u00a0x>00otherwise"
    for expr in (cases + 1, 2 * cases, 1 - cases, sp.Pow(cases, 2, evaluate=False)):
        printed = markup(mathml(expr))
        assert "<mo>(</mo>" in printed and printed.index("(") < printed.index("{")
        assert r"\left(\begin{cases}" in latex(expr)
    assert latex(cases).startswith(r"\begin{cases}")


def test_functions_of_every_origin():
    energy = sp.Function("E")
    assert text(mathml(energy(x, t))) == "E\u2061(x,t)"
    assert latex(energy(x)) == r"E\left(x\right)"
    assert text(mathml(squash(x + 1) ** 2)) == "sq(x+1)2"
    assert latex(squash(x) ** 2) == r"\left(\operatorname{sq}\left(x\right)\right)^{2}"
    assert text(mathml(sp.Heaviside(x))) == "Θ\u2061(x)" and latex(sp.Heaviside(x)) == r"\Theta\left(x\right)"
    assert text(mathml(sp.Function(r"\rho'")(x))) == "ρ′\u2061(x)"


def test_the_packages_own_symbols_and_functions_print():
    functions = pytest.importorskip("physeq.symbolic.functions")
    symbols = pytest.importorskip("physeq.symbolic.symbols")
    q, g = symbols.coordinate("q"), symbols.parameter("gain", positive=True)
    expr = g * functions.sigmoid(q.source.dot) ** 2
    assert text(mathml(expr)) == "gain\u2062σ(q˙i)2"
    assert r"\mathrm{gain} \, " in latex(expr)


def test_derivatives_and_relations():
    body = sp.Derivative(x**2 + y, x)
    assert text(mathml(body)) == "∂∂x(x2+y)"
    assert text(mathml(sp.Derivative(sp.Function("q")(t), t, 2))) == "d2d2tq\u2061(t)"
    assert text(mathml(sp.StrictLessThan(x, 2))) == "x<2" and "&lt;" in markup(mathml(x < 2))
    assert text(mathml(sp.conjugate(x))) == "x¯"


EXPRESSIONS = [
    sp.sqrt(x) / (y + 1), sp.exp(-sp.I * sp.pi * x), sp.Abs(x - y), sp.Max(0, x), sp.Matrix([[x, 1], [0, y]]),
    2.5e-7 * x, sp.log(x), sp.And(x > 0, y < 1), sp.Ne(x, 2), sp.oo * 1, sp.Integral(sp.sin(x), (x, 0, 1)),
    sp.Derivative(v[i], x), sp.S.Reals, sp.Interval(0, 1), sp.Tuple(x, y), -sp.Rational(3, 4) * x, sp.erf(x),
    sp.Function("f")(x).diff(x), sp.atan2(y, x), sp.floor(x), sp.sign(x), sp.tanh(x) ** 2, sp.Product(v[i], (i, 1, n)),
]  # fmt: skip


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_mathml_is_well_formed_and_has_no_left_over_entities(expr):
    printed = markup(mathml(expr))
    parsed = ElementTree.fromstring(printed)
    assert text(parsed) and "&" not in text(parsed) and ";" not in text(parsed)
    arity = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munderover": 3, "mover": 2, "munder": 2, "mroot": 2}
    for part in parsed.iter():
        assert part.tag not in arity or len(part) == arity[part.tag]
        assert part.tag not in ("mi", "mo", "mn", "mtext") or (part.text and len(part) == 0)
