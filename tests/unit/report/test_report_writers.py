"""Markdown, LaTeX and HTML of one page that holds everything that has ever broken a writer."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import sympy as sp

from physeq.report import (
    Bullets,
    Code,
    Document,
    Equation,
    Math,
    Note,
    Paragraph,
    Preformatted,
    Section,
    Steps,
    SymbolEntry,
    Table,
    Warning,
)
from physeq.report._layout import LINE_WIDTH, broken, width
from physeq.report.notation import latex

q, g, t = sp.Symbol("q"), sp.Symbol("gain"), sp.Symbol("t")
i, j, n = sp.symbols("i j n", integer=True)
v, w = sp.IndexedBase(sp.Symbol(r"\dot{v}")), sp.IndexedBase("w^{(input→hidden)}")
slope, edge = sp.Symbol(r"\sigma'"), sp.Symbol("hidden->output.w")
energy = sp.Function("E")
coefficients = sp.symbols("c:24")
polynomial = sum(c * q**k * (-1) ** (k // 3) for k, c in enumerate(coefficients))
NASTY = r"100% of R&D {#1} $5 a_b *c* ~^\ <script>alert('x')</script> | `x` [y](z) → β Ω ≤ “q” 😀 é"


@pytest.fixture(scope="module")
def document():
    symbols = [q, g, t, i, j, n, slope, edge, energy, *coefficients]
    return Document(
        f"Title {NASTY}",
        [
            Paragraph(
                [
                    "The state ",
                    Math(q),
                    f" and {NASTY} of ",
                    Code("input->hidden|`x`"),
                    " beside ",
                    Code("a_very.long->name" * 6),
                    ".",
                ]
            ),
            Section(
                "Motion & 100% <b>α→β_x",
                [
                    Equation(
                        energy(q), polynomial, label="long_sum", note=["where ", Math(coefficients[0]), " is fixed"]
                    ),
                    Equation(energy(t), polynomial / g, label="factored"),
                    Equation(sp.Derivative(energy(q) * energy(t) * sp.exp(energy(q * t)), q), -polynomial),
                    Equation(v[i], sp.Sum(w[i, j] ** 2 * sp.tanh(v[j]), (j, 1, n)) - g * q, label="motion"),
                    Equation(slope * edge, sp.Piecewise((q**2, q > 0), (0, True)) + sp.Abs(q)),
                    Equation(sp.Abs(q) <= 2),
                    Section("Deeper", [Note(NASTY), Warning(["not derived: ", Math(g)])]),
                ],
            ),
            Section(
                "Motion",
                [
                    Table(
                        ["parameter", "rule|measured", NASTY],
                        [[g, [Math(sp.Abs(q)), " at a|b"], NASTY], ["", 2, Code("a|b")]],
                    ),
                    Steps(["relax", ["nudge by ", q], Steps(["inner", Bullets(["deep"])]), "read out"]),
                    Bullets(["1. not a list", "# not a heading", "[x] not a box"]),
                    Preformatted("def f(x):\n    return x -- 'y' <z> ``` \\end{verbatim} → 😀\n\n\tend"),
                ],
            ),
        ],
        [SymbolEntry(symbol, "meaning|of it", "V", sp.S.Reals) for symbol in symbols]
        + [SymbolEntry(v[i], "rate"), SymbolEntry(w[i, j], "weight", domain=[Math(g > 0)])],
    )


# Line breaking --------------------------------------------------------------------------------------------------------


def test_broken_lines_fit_and_add_up_to_the_side():
    for equation in (Equation(energy(q), polynomial), Equation(q, polynomial / g), Equation(polynomial)):
        cut = broken(equation)
        assert len(cut.lines) > 2
        assert sp.expand((cut.factor or 1) * sp.Add(*cut.lines) - equation.sides[-1]) == 0
        assert all(width(latex(line)) <= LINE_WIDTH for line in cut.lines)
    assert broken(Equation(q, g + 1)).lines == (g + 1,)


# Markdown -------------------------------------------------------------------------------------------------------------


def test_markdown_tables_have_one_cell_per_column(document):
    rows = [line for line in document.to_markdown().splitlines() if line.startswith("|")]
    tables = [[row for row in rows if len(re.findall(r"(?<!\\)\|", row)) == bars] for bars in (4, 5)]
    assert len(tables[0]) == 2 + 2 and len(tables[1]) == 2 + len(document.symbols)
    assert len(tables[0]) + len(tables[1]) == len(rows)


def test_markdown_mathematics_has_no_sign_that_markdown_would_take(document):
    page = document.to_markdown()
    assert page.count("\n$$\n") == 2 * 6
    spans = re.findall(r"(?<![\\$])\$([^$\n]+)\$(?!\$)", page) + re.findall(r"\n\$\$\n(.*?)\n\$\$\n", page, re.DOTALL)
    assert len(spans) > 40
    for span in spans:
        assert not re.search(r"[|<>*]|\\[,:;!{}|\\]|\\operatorname", span), span
        assert span == span.strip() and balanced(span)


def test_markdown_parses_to_the_structure_of_the_document(document):
    markdown_it = pytest.importorskip("markdown_it")
    dollarmath = pytest.importorskip("mdit_py_plugins.dollarmath")
    parser = markdown_it.MarkdownIt("commonmark").enable("table").use(dollarmath.dollarmath_plugin)
    tokens = parser.parse(document.to_markdown())
    kinds = [token.type for token in tokens]
    assert kinds.count("math_block") == 6 and kinds.count("table_open") == 2 and kinds.count("fence") == 1
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h3", "h2", "h2"]
    assert kinds.count("ordered_list_open") == 2 and kinds.count("bullet_list_open") == 2
    assert next(token for token in tokens if token.type == "fence").content.endswith("\n\n\tend\n")
    cell = parser.parseInline(tokens[1].content)[0].children
    assert "".join(part.content for part in cell if part.type == "text") == f"Title {NASTY}"
    codes = [child.content for token in tokens for child in token.children or [] if child.type == "code_inline"]
    assert codes == ["input->hidden|`x`", "a_very.long->name" * 6, "a|b"]


# LaTeX ----------------------------------------------------------------------------------------------------------------


def balanced(source):
    """Whether braces, environments and \\left \\right nest properly."""
    stack = []
    for token in re.findall(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}|\\left\b|\\right\b|\\[^a-zA-Z]|[{}]", source):
        if token.startswith(r"\begin") or token in ("{", r"\left"):
            stack.append(token)
        elif token.startswith(r"\end"):
            if not stack or stack.pop()[7:] != token[5:]:
                return False
        elif token in ("}", r"\right") and (not stack or stack.pop() != {"}": "{", r"\right": r"\left"}[token]):
            return False
    return not stack


def test_the_checker_of_balance_sees_faults():
    assert balanced(r"\begin{a}{\left( x \right)}\{\end{a}")
    assert not any(map(balanced, [r"\begin{a}\end{b}", "{", "}", r"\left( {\right)}", r"{\begin{a}}\end{a}"]))


def test_latex_is_balanced_ascii_safe_and_complete(document):
    page = document.to_latex()
    assert balanced(page) and page.startswith(r"\documentclass") and page.endswith("\\end{document}\n")
    assert set(re.findall(r"[^\x00-\x7f]", page)) == {"é"}
    body = page[page.index(r"\begin{document}") :]
    assert r"100\% of R\&D \{\#1\} \$5 a\_b *c* \textasciitilde{}\textasciicircum{}\textbackslash{}" in body
    assert r"\end{verbatim}" not in body and r"\texttt{U+1F600}" in body
    assert body.count(r"\begin{align*}") == 3 and body.count(r"\begin{equation*}") == 3
    assert len(re.findall(r"(?<!\\)&", body[body.index(r"\begin{longtable}") :].splitlines()[2])) == 2


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_without_overfull_lines(document, tmp_path):
    (tmp_path / "page.tex").write_text(document.to_latex(), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    for _ in range(2):
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    log = (tmp_path / "page.log").read_text(encoding="latin-1")
    assert run.returncode == 0, log[-2000:]
    wide = [float(size) for size in re.findall(r"Overfull \\hbox \((\d+\.\d+)pt too wide\)", log)]
    assert all(size < 10 for size in wide), wide


# HTML -----------------------------------------------------------------------------------------------------------------

VOID = {"meta", "link", "img", "br", "hr", "input"}
_MATHML = """
math semantics annotation mrow mi mo mn mtext mspace mfrac msub msup msubsup munder mover munderover msqrt mroot
mtable mtr mtd
"""
MATHML = frozenset(_MATHML.split())


class Page(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.attributes, self.faults = [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if "math" in self.open and tag not in MATHML:
            self.faults.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"/{tag}")


def test_html_nests_properly_and_asks_nobody_for_anything(document):
    source = document.to_html()
    page = Page(source)
    assert not page.open and not page.faults
    assert "http:" not in source and "https:" not in source and "@import" not in source and "url(" not in source
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    links = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")]
    names = [value for _, name, value in page.attributes if name == "id"]
    assert links and all(link[0] == "#" and link[1:] in names for link in links)
    assert len(names) == len(set(names))
    assert not any(name.startswith("on") for _, name, _ in page.attributes)


def test_html_mathml_is_well_formed_and_keeps_its_latex(document):
    formulas = re.findall(r"<math.*?</math>", document.to_html(), re.DOTALL)
    assert len(formulas) > 40
    for formula in formulas:
        parsed = ElementTree.fromstring(formula)
        content, annotation = parsed[0]
        assert annotation.get("encoding") == "application/x-tex" and balanced(annotation.text)
        assert "".join(content.itertext()).strip()
    assert sum('display="block"' in formula for formula in formulas) == 6
    sums = [formula for formula in formulas if 'class="lines"' in formula]
    assert len(sums) == 3


def test_html_tables_scroll_and_text_is_escaped(document):
    source = document.to_html()
    assert source.count('<div class="scroll" tabindex="0">\n<table>') == source.count("<table>") == 2
    assert "<script>" not in source and "&lt;script&gt;" in source
    assert "prefers-color-scheme: dark" in source and 'name="viewport"' in source


def test_broken_lines_keep_their_signs_in_every_format():
    x = sp.symbols("x1:60")
    signs = [-1 if k % 7 in (1, 2, 4) else 1 for k in range(len(x))]
    equation = Equation(q, sum(sign * symbol for sign, symbol in zip(signs, x, strict=True)))
    starts = [latex(line)[0] for line in broken(equation).lines[1:]]
    assert "-" in starts and starts.count("-") < len(starts)  # else nothing is tested
    page = Document("Signs", [equation], [SymbolEntry(symbol, "m") for symbol in (q, *x)])
    html = page.to_html()
    table = ElementTree.fromstring(re.search(r"<mtable.*?</mtable>", html, re.DOTALL).group())
    shown = "".join(table.itertext()).replace("q=", "", 1)
    read = {int(number): sign for sign, number in re.findall(r"([+−]*)x(\d+)", shown)}
    assert read == {k + 1: "−" if signs[k] < 0 else ("+" if k else "") for k in range(len(x))}
    for source in (page.to_markdown(), page.to_latex()):
        body = source[source.index("q &=") : source.index(r"\end{align")]
        read = {int(number): sign.replace(" ", "") for sign, number in re.findall(r"([+ -]*)x_\{(\d+)\}", body)}
        assert read == {k + 1: "-" if signs[k] < 0 else ("+" if k else "") for k in range(len(x))}
