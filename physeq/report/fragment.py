"""Short documents inside something else: a notebook's cell or a terminal, instead of a page of their own."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from physeq.report.document import (
    Block,
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
    Table,
    Text,
    Warning,
    inlines,
)
from physeq.report.html import write_block as html_block
from physeq.report.markdown import escaped
from physeq.report.markdown import write_block as markdown_block
from physeq.report.text import plain

_WIDEST = 72  # characters of a cell in a terminal

# Colours are those around it, so that it reads in light and dark.
_STYLE = """\
.physeq-summary { overflow-x: auto; }
.physeq-summary .title { font-weight: 600; margin: .2em 0 .4em; }
.physeq-summary p { margin: .3em 0; }
.physeq-summary table { border-collapse: collapse; margin: .4em 0; background: none; color: inherit; }
.physeq-summary th, .physeq-summary td { padding: .2em .8em .2em 0; text-align: left; vertical-align: top;
  border: 0; border-bottom: 1px solid rgba(128, 128, 128, .35); background: none; color: inherit; }
.physeq-summary tr { background: none; }
.physeq-summary math { color: inherit; }"""


def html_fragment(document: Document) -> str:
    """A document as HTML for inside another page: no heading, colours of its surroundings, MathML.

    >>> "<td>1 S</td>" in html_fragment(Document("x", [Table(["a"], [["1 S"]])]))
    True
    """
    taken: set[str] = set()
    blocks = [html_block(block, 4, taken) for block in document.blocks]
    title = f'<p class="title">{escape(document.title)}</p>'
    return "\n".join([f'<div class="physeq-summary"><style>{_STYLE}</style>', title, *blocks, "</div>"])


def markdown_fragment(document: Document) -> str:
    """A document as Markdown, its title in bold.

    >>> markdown_fragment(Document("x", [Paragraph("one line")]))
    '**x**\\n\\none line\\n'
    """
    blocks = [markdown_block(block, 4, None) for block in document.blocks]
    return "\n\n".join([f"**{escaped(document.title)}**", *blocks]) + "\n"


def text_fragment(document: Document) -> str:
    """A document as plain text, tables in aligned columns.

    >>> print(text_fragment(Document("x", [Table(["a", "b"], [["1", "2"], ["long", "3"]])])))
    x
      a     b
      1     2
      long  3
    """
    return "\n".join([document.title, *(f"  {line}".rstrip() for line in _lines(document.blocks))])


def _lines(blocks: Iterable[Block]) -> Iterable[str]:
    before: Block | None = None
    for block in blocks:
        if before is not None and isinstance(before if isinstance(before, Table) else block, Table | Section):
            yield ""
        before = block
        yield from _of_block(block)


def _of_block(block: Block) -> Iterable[str]:
    match block:
        case Section():
            yield block.title
            yield from (f"  {line}" for line in _lines(block.blocks))
        case Paragraph():
            yield _text(block.inlines)
        case Equation():
            yield " = ".join(plain(side) for side in block.sides)
        case Table():
            yield from _table(block)
        case Bullets() | Steps():
            for item in block.items:
                yield from _list(item)
        case Preformatted():
            yield from block.text.splitlines()
        case Note() | Warning():
            yield _text(block.text)


def _list(item: Text | Bullets | Steps) -> Iterable[str]:
    if isinstance(item, Bullets | Steps):
        for inner in item.items:
            yield from (f"  {line}" for line in _list(inner))
    else:
        yield f"- {_text(item)}"


def _table(table: Table) -> Iterable[str]:
    rows = [[_clipped(_text(cell)) for cell in row] for row in (table.header, *table.rows)]
    if not any(rows[0]):
        rows = rows[1:]
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.header))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _clipped(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _text(text: Text) -> str:
    def one(inline: object) -> str:
        if isinstance(inline, Math):
            return plain(inline.expr)
        return inline.text if isinstance(inline, Code) else str(inline)

    return "".join(one(inline) for inline in inlines(text))
