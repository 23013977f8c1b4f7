"""Derivations as plain text for terminals: class, equations of motion, updates and structure, a screenful."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from physeq.report._glyphs import LETTERS, OPERATORS
from physeq.report._learning import learning
from physeq.report._motion import motion
from physeq.report._naming import Names
from physeq.report._structure_table import structure_section
from physeq.report.document import Block, Code, Equation, Math, Note, Section, Table, Text, Warning, inlines
from physeq.report.notation import latex, positive_leads, symbol_latex
from physeq.symbolic.derivation import Derivation

_ACCENTS = {"dot": "\u0307", "ddot": "\u0308", "hat": "\u0302", "bar": "\u0304"}


class _TextPrinter(StrPrinter):
    """SymPy's text with the pages' names: s^hidden[i], w^input→hidden[j, i], Greek letters, ² for squares."""

    def _print_Symbol(self, expr):
        return plain_name(symbol_latex(expr))

    def _as_ordered_terms(self, expr, order=None):
        terms = super()._as_ordered_terms(expr, order=order)
        return positive_leads(terms) if type(expr) is sp.Add else terms

    def _print_Mul(self, expr):
        return super()._print_Mul(expr).replace("*", " ").replace("  ", "**")

    def _print_Pow(self, expr, rational=False):
        if expr.exp == 2:
            inside = self.parenthesize(expr.base, 100 if isinstance(expr.base, sp.Add | sp.Mul | sp.Pow) else 0)
            return f"{inside}²"
        return super()._print_Pow(expr, rational)


def plain_name(source: str) -> str:
    r"""A LaTeX name as plain text.

    >>> plain_name(r"\dot{s}^{\mathrm{hidden}}"), plain_name(r"\theta"), plain_name(r"\mathcal{N}")
    ('ṡ^hidden', 'θ', 'N')
    """
    glyphs = LETTERS | OPERATORS
    source = re.sub(r"\\(?:mathrm|mathcal|text)\{([^{}]*)\}", r"\1", source)
    source = re.sub(r"\\(?!d*dot|hat|bar)([a-zA-Z]+) ?", lambda m: glyphs.get(m[1], m[1]), source)
    source = re.sub(r"\\(d*dot|hat|bar)\{?([^{}])\}?", lambda m: m[2] + _ACCENTS[m[1]], source)
    return unicodedata.normalize("NFC", re.sub(r"[{}\\]", "", source))


def plain(expr: sp.Basic) -> str:
    """An expression of a page as plain text.

    >>> plain(sp.Symbol(r"\\theta") ** 2 * sp.Symbol("g"))
    'θ² g'
    """
    return _TextPrinter().doprint(expr)


def summary(derivation: Derivation, rule: Any = None) -> str:
    """Class, equations of motion, updates and structure of a derivation.

    >>> import physeq as pq
    >>> unit = pq.neural.unit(pq.neural.tanh)
    >>> network = pq.System(pq.complete(3), nodes=unit, edges=pq.neural.synapse(), name="net")
    >>> print(summary(network.derive()).splitlines()[0])
    net: 3 nodes, 3 elements, first order, conservative
    """
    if rule is None:
        from physeq.learn import EquilibriumPropagation

        rule = EquilibriumPropagation()
    names, system = Names(derivation), derivation.system
    nodes = sum(group.size for group in system.topology.groups)
    elements = sum(system.count(p) for p in system.placements if len(p.component.ports) > 1)
    kind = "conservative" if derivation.structure.conservative else "not conservative"
    head = f"{system.name}: {nodes:,} nodes, {elements:,} elements, {derivation.structure.system_class.value}, {kind}"
    lines = [head]
    for section in (motion(names), learning(names, rule), structure_section(names)):
        lines += ["", section.title, *(f"  {line}" for line in section_lines(section))]
    return "\n".join(lines)


def section_lines(section: Section) -> list[str]:
    """Equations, remarks and verdicts of a section as lines of text, without what is nested in it."""
    return [line for block in section.blocks for line in _lines(block)]


def motion_latex(derivation: Derivation) -> str:
    r"""The equations of motion as one displayed formula, for notebooks.

    >>> import physeq as pq
    >>> print(motion_latex(pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0).derive()))
    $$\begin{gathered}
    \sum_{j \in \mathcal{N}_{i}} g_{ij} \left(v_{i} - v_{j}\right) = 0
    \end{gathered}$$
    """
    equations = [block for block in motion(Names(derivation)).blocks if isinstance(block, Equation)]
    rows = [" = ".join(latex(side) for side in block.sides) for block in equations]
    return "$$\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}$$"


def _lines(block: Block) -> list[str]:
    match block:
        case Equation():
            return [" = ".join(plain(side) for side in block.sides)]
        case Note() | Warning():
            return [_text(block.text)]
        case Table() if len(block.header) == 3:
            return [f"{_text(row[0])}: {_text(row[1])}" + _why(row[2]) for row in block.rows]
        case Section():
            return []
    return []


def _why(cell: Text) -> str:
    text = _text(cell)
    return "" if text == "–" else f" ({text})"


def _text(text: Text) -> str:
    parts = []
    for inline in inlines(text):
        parts.append(
            plain(inline.expr) if isinstance(inline, Math) else inline.text if isinstance(inline, Code) else inline
        )
    return "".join(parts)
