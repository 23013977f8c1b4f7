"""The checker of LaTeX pages objects to what TeX would not set, and to nothing else."""

import re

import pytest
import sympy as sp
from latex_checker import problems

from physeq.report import Bullets, Code, Document, Equation, Paragraph, Preformatted, Section, SymbolEntry, Table

x, k = sp.symbols("x k")
PAGE = Document(
    "A page of R&D",
    [
        Section(
            "Spring & damper, 50 %",
            [
                Paragraph(["The energy ", k * x**2 / 2, " of ", Code("input->hidden_1"), " → β, µ"]),
                Equation(sp.Symbol("V"), k * x**2 / 2, label="energy_1"),
                Equation(sp.Symbol("V"), sum(k**n * x**n for n in range(30))),
                Table(["Name", "What"], [["a|b", k], [Code("c&d"), "a long text that is to be wrapped, " * 5]]),
                Bullets(["one", "[two]"]),
                Preformatted("@article{a_b,\n  title = {50 % & more},\n}"),
            ],
        ),
    ],
    [SymbolEntry(sp.Symbol("V"), "energy", "J"), SymbolEntry(x, "extension"), SymbolEntry(k, "stiffness", "N/m")],
).to_latex()

FAULTS = {
    "a brace too few": (r"\section{Spring", r"\section{{Spring", "end of environment document"),
    "a brace too many": (r"\begin{itemize}", r"}\begin{itemize}", "end of group"),
    "an environment left open": (r"\end{itemize}", "", "itemize"),
    "a dollar sign": ("The energy $", "The energy ", "outside of mathematics"),
    "an unescaped underscore": (r"hidden\_", "hidden_", "_ outside of mathematics"),
    "an unescaped ampersand": (r"Spring \&", "Spring &", "& outside of a table"),
    "an unescaped percent sign": (r"damper, 50 \%", "damper, 50 %", "unescaped %"),
    "an unknown command": (r"\ensuremath{\to}", r"\ensuremath{\towards}", "\\towards is defined by no package"),
    "a package that is not loaded": (r"\usepackage{array,booktabs,longtable}", r"\usepackage{array}", "\\toprule is"),
    "mathematics in text": (r"\ensuremath{\beta}", r"\beta", "\\beta outside of mathematics"),
    "a cell too many": (r"a\textbar{}b & ", r"a\textbar{}b & & ", "a row of 3 cells in a table of 2 columns"),
    "a letter without a font": ("R", "Ж", "none of the fonts"),
    "a delimiter left open": (r"\fitted{V =", r"\fitted{\left( V =", "where \\left is open"),
    "a row that is not ended": (r" \\" + "\n\\bottomrule", "\n\\bottomrule", "last row is not ended"),
    "a label given twice": (r"\section{Symbols}", r"\section{Symbols}\label{a}\label{a}", "label a is given twice"),
    "a label that is missing": (r"\section{Symbols}", r"\section{Symbols}\ref{b}", "no label b"),
    "a line that does not end": ("title~=", "title~=~" + "long~" * 30, "typed text is"),
}


def test_a_page_as_it_is_written_has_no_faults():
    assert problems(PAGE) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault):
    written, instead, told = FAULTS[fault]
    assert written in PAGE
    broken = PAGE.replace(written, instead, 1)
    assert any(told in one for one in problems(broken)), problems(broken)


def test_a_column_that_does_not_wrap_is_measured():
    flat = re.sub(r">\{\\raggedright\\arraybackslash\}p\{[\d.]+\\linewidth\}", "l", PAGE)
    assert flat != PAGE
    [found] = problems(flat)
    assert "em on a line of 41.5 em" in found


def test_a_formula_in_the_text_is_measured():
    longer = PAGE.replace("The energy $", "The energy $" + "x_{i} + " * 20, 1)
    assert any("a formula in the text is" in one for one in problems(longer))


def test_a_formula_that_nothing_scales_is_measured():
    start = PAGE.index("\\begin{align*}")
    rows = PAGE[start : PAGE.index("\\end{align*}")].replace(" \\\\\n&\\quad", "")
    found = problems(PAGE[:start] + rows + PAGE[PAGE.index("\\end{align*}") :])
    assert len(found) == 1 and "a line of an equation is" in found[0]
