"""Documents as complete LaTeX files that compile on their own."""

import re
import unicodedata

import sympy as sp

from . import drawing_tikz
from ._glyphs import COMMAND_OF
from ._latex_tables import PAGE, write_table
from ._layout import Lines, aligned_rows, broken, symbol_table, turned
from ._relations import Chain
from ._widths import math_width
from .document import (
    Block,
    Bullets,
    Code,
    Document,
    Equation,
    Figure,
    Inline,
    Math,
    Note,
    Paragraph,
    Preformatted,
    Section,
    Steps,
    Table,
    Text,
    Warning,
    inlines,
)
from .notation import latex

_PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{textcomp}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{array,booktabs,longtable}
\usepackage{graphicx}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6\baselineskip}
\setlength{\emergencystretch}{3em}
\setcounter{secnumdepth}{0}
% A formula that no line break can help is scaled down to the width of the page, or of its cell.
\newsavebox{\wideformula}
\newcommand{\fittedto}[2]{\sbox{\wideformula}{$#2$}%
  \ifdim\wd\wideformula>#1\resizebox{#1}{!}{\usebox{\wideformula}}\else\usebox{\wideformula}\fi}
\newcommand{\fitted}[1]{\fittedto{0.9\linewidth}{\displaystyle #1}}
% A long formula in a line of text, which may end in front of it.
\newcommand{\longformula}[1]{\hfil\penalty0\hfilneg\fittedto{\linewidth}{#1}}
"""

_ESCAPES = {
    "⁻": r"\ensuremath{^{-}}",
    "⁰": r"\ensuremath{^{0}}",
    "ᵀ": r"\ensuremath{^{\top}}",
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "−": r"\ensuremath{-}",
    "²": r"\ensuremath{^2}",
    "³": r"\ensuremath{^3}",
    "√": r"\ensuremath{\surd}",
    "\u00a0": "~",
}
# Signs that fixed-width fonts would join, or bend, where text must be copied letter by letter.
_VERBATIM = {sign: f"{{{sign}}}" for sign in "-<>,"} | {
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    " ": "~",
}
_SECTIONS = ["section", "subsection", "subsubsection", "paragraph"]
_DISPLAYED = Lines(lambda source: math_width(source, display=True), 0.92 * PAGE)


def write(document: Document) -> str:
    r"""The document as one LaTeX file for pdflatex, xelatex or lualatex, with standard packages only.

    Raises `InternalError` when the document does not pass `Document.check`.

    >>> print(write(Document("R&D", [Paragraph("100 % of a_b")])).splitlines()[-3])
    100 \% of a\_b
    """
    document.check()
    blocks = list(document.blocks)
    table = symbol_table(document)
    if table is not None:
        blocks.append(Section("Symbols", [table]))
    title = rf"\title{{{escape(document.title)}}}" + "\n" + r"\author{}\date{}"
    body = "\n\n".join(_block(block, 0) for block in blocks)
    preamble = _PREAMBLE + (drawing_tikz.PREAMBLE if any(document.figures()) else "")
    return f"{preamble}{title}\n\n\\begin{{document}}\n\\maketitle\n\n{body}\n\n\\end{{document}}\n"


_RATES = {"\u0307": "dot", "\u0308": "ddot"}


def escape(text: str, verbatim: bool = False) -> str:
    r"""User text as LaTeX. Glyphs that no standard font holds become their code point.

    >>> print(escape("50 % of R_1 → β, 😀"))
    50 \% of R\_1 \ensuremath{\to} \ensuremath{\beta}, \texttt{U+1F600}
    >>> print(escape("the rates ẏ and θ̇"))
    the rates \ensuremath{\dot{y}} and \ensuremath{\dot{\theta}}
    """
    glyphs = re.findall(r".[\u0307\u0308]?", unicodedata.normalize("NFC", text), re.DOTALL)
    return "".join(_glyph(glyph, verbatim) for glyph in glyphs)


def _glyph(glyph: str, verbatim: bool) -> str:
    if len(glyph) > 1 or "\u1e00" <= glyph <= "\u1eff":  # a rate: q̇, or ẏ, which is a letter of its own
        letter, *accent = list(unicodedata.normalize("NFD", glyph))
        if accent in (["\u0307"], ["\u0308"]):
            inside = rf"\{COMMAND_OF[letter]}" if letter in COMMAND_OF else _glyph(letter, verbatim)
            return rf"\ensuremath{{\{_RATES[accent[0]]}{{{inside}}}}}"
    if len(glyph) > 1:
        return "".join(_glyph(part, verbatim) for part in glyph)
    if verbatim and glyph in _VERBATIM:
        return _VERBATIM[glyph]
    if glyph in _ESCAPES:
        return _ESCAPES[glyph]
    if glyph in COMMAND_OF:
        return rf"\ensuremath{{\{COMMAND_OF[glyph]}}}"
    if glyph.isspace():
        return " "
    printable = 32 <= ord(glyph) < 127 or 0xA1 <= ord(glyph) <= 0x17F  # Latin with its accents, in T1
    return glyph if printable else rf"\texttt{{U+{ord(glyph):04X}}}"


def _math(expr: sp.Basic) -> str:
    source = latex(expr)
    breaks = isinstance(expr, sp.Add | Chain)  # TeX itself does, beside signs outside of brackets
    size = math_width(source)
    return rf"\longformula{{{source}}}" if size > (0.9 if breaks else 0.25) * PAGE else f"${source}$"


def _inline(inline: Inline) -> str:
    if isinstance(inline, Math):
        return _math(inline.expr)
    return rf"\texttt{{{_code(inline.text)}}}" if isinstance(inline, Code) else escape(inline)


def _in_cell(inline: Inline) -> str:
    """As in a line of text; a table has its own ways with long formulas."""
    return f"${latex(inline.expr)}$" if isinstance(inline, Math) else _inline(inline)


def _code(text: str) -> str:
    """A name as typed, which may break after its inner signs: names such as input->hidden.w have no spaces."""
    words = text.split(" ")
    return " ".join(
        "".join(escape(sign, True) + (r"\allowbreak{}" if sign in ">_./|:" else "") for sign in word) for word in words
    )


def _text(text: Text) -> str:
    return "".join(_inline(inline) for inline in inlines(text)).strip()


def _block(block: Block, level: int) -> str:
    match block:
        case Section():
            command = _SECTIONS[min(level, len(_SECTIONS) - 1)]
            heading = rf"\{command}{{{escape(block.title)}}}"
            return "\n\n".join([heading, *(_block(child, level + 1) for child in block.blocks)])
        case Paragraph():
            return _text(block.inlines)
        case Equation():
            return _equation(block)
        case Table():
            return write_table(block, _in_cell)
        case Bullets() | Steps():
            return _list(block)
        case Preformatted():
            lines = [escape(line, True) or "~" for line in block.text.rstrip().expandtabs().splitlines()]
            body = "\\\\\n".join(f"\\mbox{{}}{line}" for line in lines)
            return f"\\begin{{flushleft}}\\small\\ttfamily\n{body}\n\\end{{flushleft}}"
        case Note():
            return _remark("Note", block.text)
        case Warning():
            return _remark("Warning", block.text)
        case Figure():
            picture = f"\\ifdefined\\tikzpicture\n{drawing_tikz.tikz(block.drawing, escape)}\n\\else\n"
            picture += "(The picture needs the package TikZ.)\n\\fi"
            caption = f"{{\\small {_text(block.caption)}}}"
            return f"\\begin{{center}}\n{picture}\n\\par\\nopagebreak\\smallskip\n{caption}\n\\end{{center}}"


def _remark(kind: str, text: Text) -> str:
    return f"\\begin{{quote}}\n\\textbf{{{kind}.}} {_text(text)}\n\\end{{quote}}"


def _equation(equation: Equation) -> str:
    tag = rf" \tag{{{escape(equation.label)}}}" if equation.label else ""
    equation = turned(equation, _DISPLAYED)
    if len(broken(equation, _DISPLAYED).lines) == 1:
        body = " = ".join(latex(side) for side in equation.sides)
        shown = f"\\begin{{equation*}}\n\\fitted{{{body}}}{tag}\n\\end{{equation*}}"
    else:
        rows = aligned_rows(equation, r"\\", _DISPLAYED)
        left, *_ = rows.partition("&")
        if any(_DISPLAYED.width(left + row.partition("&")[2]) > 0.98 * PAGE for row in rows.split(r"\\")):
            rows = f"\\fitted{{\\begin{{aligned}}\n{rows}\n\\end{{aligned}}}}"
            shown = f"\\begin{{equation*}}\n{rows}{tag}\n\\end{{equation*}}"
        else:
            # The tag goes to the last line, which usually leaves room for it.
            shown = f"\\begin{{align*}}\n{rows}{tag}\n\\end{{align*}}"
    return shown + (f"\n{_text(equation.note)}" if equation.note else "")


def _list(block: Bullets | Steps) -> str:
    kind = "itemize" if isinstance(block, Bullets) else "enumerate"
    nested = (Bullets, Steps)
    # {} keeps a leading bracket of the text from being read as an optional argument of \item.
    lines = [_list(item) if isinstance(item, nested) else rf"\item {{}}{_text(item)}" for item in block.items]
    return f"\\begin{{{kind}}}\n" + "\n".join(lines) + f"\n\\end{{{kind}}}"
