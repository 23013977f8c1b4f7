"""Documents as one HTML file each: MathML and a style sheet inside, no script, no request to anywhere."""

from html import escape
from xml.etree.ElementTree import Element

import sympy as sp

from . import drawing_svg
from ._layout import anchor, broken, symbol_table, turned
from ._style import STYLE
from ._xml import element, markup, row
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
from .mathml_printer import mathml
from .notation import latex

_FIGURE_STYLE = f"""\
figure {{ margin: 1rem 0; overflow-x: auto; }}
figcaption {{ color: var(--quiet); margin-top: .4rem; }}
{drawing_svg.STYLE}
"""
_CONTENTS_FROM = 3  # sections; a shorter page needs no table of contents


def write(document: Document, below_title: str = "") -> str:
    """The document as one self-contained HTML file, with HTML of its own below the title, such as links to other pages.

    Raises `InternalError` when the document does not pass `Document.check`.

    >>> page = write(Document("R < C", [Paragraph("one line")]))
    >>> "<h1>R &lt; C</h1>" in page, "<p>one line</p>" in page
    (True, True)
    """
    document.check()
    blocks = list(document.blocks)
    table = symbol_table(document)
    if table is not None:
        blocks.append(Section("Symbols", [table]))
    taken: set[str] = set()
    titles = {number: block.title for number, block in enumerate(blocks) if isinstance(block, Section)}
    # The top sections claim their anchors first, so that links to them do not depend on what stands before.
    anchors = {number: anchor(title, taken) for number, title in titles.items()}
    body = [write_block(block, 2, taken, anchors.get(number)) for number, block in enumerate(blocks)]
    links = [f'<li><a href="#{anchors[number]}">{escape(title)}</a></li>' for number, title in titles.items()]
    contents = ['<nav aria-label="Contents">', "<ul>", *links, "</ul>", "</nav>"]
    if len(links) < _CONTENTS_FROM:
        contents = []
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(document.title)}</title>",
        f"<style>\n{STYLE}{_FIGURE_STYLE if any(document.figures()) else ''}</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(document.title)}</h1>",
        *([below_title] if below_title else []),
        *contents,
        "<main>",
        *body,
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _math(content: Element, source: str, **attributes: str) -> str:
    """A `math` element that carries its LaTeX, for copying and for readers without MathML."""
    annotation = element("annotation", source, encoding="application/x-tex")
    return markup(element("math", None, element("semantics", None, content, annotation), **attributes))


def _inline(inline: Inline) -> str:
    if isinstance(inline, Math):
        return _math(mathml(inline.expr), latex(inline.expr))
    return f"<code>{escape(inline.text)}</code>" if isinstance(inline, Code) else escape(inline)


def _text(text: Text) -> str:
    return "".join(_inline(inline) for inline in inlines(text))


def write_block(block: Block, level: int, taken: set[str], name: str | None = None) -> str:
    match block:
        case Section():
            tag = f"h{min(level, 6)}"
            name = name or anchor(block.title, taken)
            inner = [write_block(child, level + 1, taken) for child in block.blocks]
            return "\n".join([f'<section id="{name}">', f"<{tag}>{escape(block.title)}</{tag}>", *inner, "</section>"])
        case Paragraph():
            return f"<p>{_text(block.inlines)}</p>"
        case Equation():
            return _equation(block)
        case Table():
            return _table(block)
        case Bullets() | Steps():
            return _list(block)
        case Preformatted():
            return f'<pre class="scroll" tabindex="0">{escape(block.text.rstrip())}</pre>'
        case Note():
            return f'<aside class="note"><strong>Note.</strong> {_text(block.text)}</aside>'
        case Warning():
            return f'<aside class="warning"><strong>Warning.</strong> {_text(block.text)}</aside>'
        case Figure():
            caption = f"<figcaption>{_text(block.caption)}</figcaption>"
            return "\n".join(["<figure>", drawing_svg.inline(block.drawing), caption, "</figure>"])


def _equation(equation: Equation) -> str:
    equation = turned(equation)
    source = " = ".join(latex(side) for side in equation.sides)
    content = _lines(equation) if len(broken(equation).lines) > 1 else _sides(equation.sides)
    tag = f'<span class="tag">({escape(equation.label)})</span>' if equation.label else ""
    formula = _math(content, source, display="block")
    shown = f'<div class="equation"><div class="scroll" tabindex="0">{formula}</div>{tag}</div>'
    return shown + (f'\n<p class="remark">{_text(equation.note)}</p>' if equation.note else "")


def _sides(sides: tuple[sp.Basic, ...]) -> Element:
    children = [mathml(sides[0])]
    for side in sides[1:]:
        children += [element("mo", "="), mathml(side)]
    return row(children)


def _lines(equation: Equation) -> Element:
    """The equation as a table of two columns: the left side, and the terms of the broken right side."""
    cut = broken(equation)
    lines: list[list[Element]] = []
    for number, line in enumerate(cut.lines):
        printed = mathml(line)
        plus = [] if number == 0 or _starts_negative(printed) else [element("mo", "+", form="infix")]
        lines.append([*plus, printed])
    if cut.factor is not None:
        factor = element("mo", "−", form="prefix") if cut.factor == -1 else mathml(cut.factor)
        lines[0][:0] = [factor, _bracket("(")]
        lines[-1].append(_bracket(")"))
    left = [mathml(equation.lhs), element("mo", "=", form="infix")] if equation.rhs is not None else []
    cells = [element("mtd", None, *left), element("mtd", None, row(lines[0]))]
    if cut.below:
        cells[1:] = [element("mtd"), element("mtd"), element("mtd", None, row(lines[0]))]
    for line in lines[1:]:
        cells += [element("mtd"), element("mtd", None, element("mspace", width="1em"), *line)]
    rows = [element("mtr", None, *pair) for pair in zip(cells[::2], cells[1::2], strict=True)]
    return element("mtable", None, *rows, **{"class": "lines", "displaystyle": "true"})


def _starts_negative(printed: Element) -> bool:
    first = next(part for part in printed.iter() if part.text)
    return first.tag == "mo" and first.text == "−"


def _bracket(sign: str) -> Element:
    return element("mo", sign, stretchy="false")


def _list(block: Bullets | Steps) -> str:
    tag = "ul" if isinstance(block, Bullets) else "ol"
    items: list[str] = []
    for item in block.items:
        if isinstance(item, Bullets | Steps):
            inner = _list(item)
            items.append(f"{items.pop() if items else ''}\n{inner}")
        else:
            items.append(_text(item))
    return "\n".join([f"<{tag}>", *(f"<li>{item}</li>" for item in items), f"</{tag}>"])


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table.header)
    rows = ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in table.rows]
    parts = ['<div class="scroll" tabindex="0">', "<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows]
    return "\n".join([*parts, "</tbody>", "</table>", "</div>"])
