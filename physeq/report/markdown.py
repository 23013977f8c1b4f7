"""Documents as Markdown, for code-hosting sites, notebooks and terminals."""

import re
from urllib.parse import quote

import sympy as sp

from ._layout import aligned_rows, broken, symbol_table, turned
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
from .mathml import tokens
from .notation import latex

# Markdown reads a backslash before punctuation as an escape, and < and | as HTML and as cells, before the site's
# mathematics sees them; these words mean the same. \operatorname is refused by one large site.
_SAFE = {
    r"\{": r"\lbrace ",
    r"\}": r"\rbrace ",
    r"\|": r"\Vert ",
    r"\,": r"\thinspace ",
    r"\:": r"\thinspace ",
    r"\;": r"\enspace ",
    r"\!": "",
    r"\\": r"\cr ",
    r"\operatorname": r"\mathrm",
    "|": r"\vert ",
    "<": r"\lt ",
    ">": r"\gt ",
    "*": r"\ast ",
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")


def write(document: Document, pictures: str | None = None) -> str:
    """The document as Markdown with `$…$` and `$$…$$`.

    Pictures are files beside the page, `pictures` the start of their names; with None a line stands for each.

    Raises `InternalError` when the document does not pass `Document.check`.

    >>> print(write(Document("A page", [Paragraph("plain_text | 2 * 3")])))
    # A page
    <BLANKLINE>
    plain\\_text \\| 2 \\* 3
    <BLANKLINE>
    """
    document.check()
    blocks = list(document.blocks)
    table = symbol_table(document)
    if table is not None:
        blocks.append(Section("Symbols", [table]))
    return "\n\n".join([f"# {escaped(document.title)}", *(write_block(block, 2, pictures) for block in blocks)]) + "\n"


def markdown_math(expr: sp.Basic) -> str:
    """LaTeX of an expression without any sign that Markdown would take for its own.

    >>> x = sp.Symbol("x")
    >>> print(markdown_math(sp.Abs(x) < 2))
    \\left\\vert {x}\\right\\vert  \\lt  2
    """
    return _safe(latex(expr))


def _safe(source: str) -> str:
    return "".join(_SAFE.get(token, token) for token in tokens(source)).strip()


def escaped(text: str) -> str:
    # A dollar sign beside mathematics needs both: the tag for one site's parser, the backslash for the others.
    text = _SPECIAL.sub(r"\\\1", " ".join(text.split()) if text.strip() else text)
    return text.replace("$", r"<span>\$</span>")


def _inline(inline: Inline, in_table: bool = False) -> str:
    if isinstance(inline, Math):
        return f"${markdown_math(inline.expr)}$"
    if isinstance(inline, Code):
        run = max((len(ticks) for ticks in re.findall("`+", inline.text)), default=0)
        fence, space = "`" * (run + 1), " " if run else ""
        code = f"{fence}{space}{inline.text}{space}{fence}"
        return code.replace("|", r"\|") if in_table else code
    edges = (" " if inline[:1].isspace() else "", " " if inline[-1:].isspace() and inline.strip() else "")
    return edges[0] + escaped(inline.strip()) + edges[1]


def _text(text: Text, in_table: bool = False) -> str:
    joined = "".join(_inline(inline, in_table) for inline in inlines(text)).strip()
    # At the start of a line these would open a heading, a list or a quotation.
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", re.sub(r"^([#+-])", r"\\\1", joined))


def write_block(block: Block, level: int, pictures: str | None) -> str:
    match block:
        case Section():
            heading = f"{'#' * min(level, 6)} {escaped(block.title)}"
            return "\n\n".join([heading, *(write_block(child, level + 1, pictures) for child in block.blocks)])
        case Paragraph():
            return _text(block.inlines)
        case Equation():
            return _equation(block)
        case Table():
            return _table(block)
        case Bullets() | Steps():
            return "\n".join(_list(block, ""))
        case Preformatted():
            run = max((len(ticks) for ticks in re.findall("`+", block.text)), default=0)
            fence = "`" * max(3, run + 1)
            return f"{fence}text\n{block.text.rstrip()}\n{fence}"
        case Note():
            return f"> **Note.** {_text(block.text)}"
        case Warning():
            return f"> **Warning.** {_text(block.text)}"
        case Figure():
            return _figure(block, pictures)


def _figure(figure: Figure, pictures: str | None) -> str:
    if pictures is None:
        where = "in the HTML and LaTeX of this page, and beside its Markdown where `physeq derive -o` writes that"
        return f"*{_text(figure.caption)}* The picture is {where}."
    # Mathematics does not work in the words that stand for a picture: those are the picture's own.
    words = escaped(f"{figure.drawing.title}. {figure.drawing.description}")
    return f"![{words}]({quote(pictures + figure.name)}.svg)\n\n*{_text(figure.caption)}*"


def _equation(equation: Equation) -> str:
    equation = turned(equation)
    if len(broken(equation).lines) == 1:
        body = " = ".join(markdown_math(side) for side in equation.sides)
    else:
        rows = _safe(aligned_rows(equation, r"\cr"))
        body = f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"
    parts = [f"**({escaped(equation.label)})**"] if equation.label else []
    parts.append(f"$$\n{body}\n$$")
    parts += [_text(equation.note)] if equation.note else []
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    lines = [" | ".join(_text(cell, True) for cell in row) for row in (table.header, *table.rows)]
    rows = [f"| {line} |" for line in lines]
    rows.insert(1, "|" + " --- |" * len(table.header))
    return "\n".join(rows)


def _list(block: Bullets | Steps, indent: str) -> list[str]:
    lines, number = [], 0
    inner = indent
    for item in block.items:
        if isinstance(item, Bullets | Steps):
            lines += _list(item, inner)
            continue
        number += 1
        marker = "- " if isinstance(block, Bullets) else f"{number}. "
        inner = indent + " " * len(marker)
        lines.append(indent + marker + _text(item))
    return lines
