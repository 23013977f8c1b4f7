"""The page as plain data: what `physeq derive --format json` prints."""

import sympy as sp
from sympy.core.function import UndefinedFunction

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
from .notation import latex, symbol_latex

SCHEMA = 1


def as_dict(document: Document) -> dict:
    """The page as dicts, lists and strings. Expressions are `{"latex": ..., "text": ...}`, texts lists of strings,
    expressions and `{"code": ...}`; each block has its `"type"`.

    Raises `InternalError` when the page does not pass `Document.check`.

    >>> from physeq.report.document import SymbolEntry
    >>> x = sp.Symbol("x")
    >>> page = as_dict(Document("Page", [Paragraph(["about ", Math(x)])], [SymbolEntry(x, "a number")]))
    >>> page["blocks"]
    [{'type': 'paragraph', 'text': ['about ', {'latex': 'x', 'text': 'x'}]}]
    """
    document.check()
    symbols = [
        {
            "symbol": _expression(entry.symbol),
            "meaning": _text(entry.meaning),
            "unit": None if entry.unit is None else _text(entry.unit),
            "domain": None if entry.domain is None else _text(entry.domain),
        }
        for entry in document.symbols
    ]
    blocks = [_block(block) for block in document.blocks]
    return {"schema": SCHEMA, "title": document.title, "blocks": blocks, "symbols": symbols}


def _expression(expr: sp.Basic) -> dict:
    printed = symbol_latex(expr) if isinstance(expr, UndefinedFunction) else latex(expr)
    return {"latex": printed, "text": str(expr)}


def _text(text: Text) -> list:
    return [_inline(inline) for inline in inlines(text)]


def _inline(inline: Inline) -> str | dict:
    if isinstance(inline, Math):
        return _expression(inline.expr)
    return {"code": inline.text} if isinstance(inline, Code) else inline


def _block(block: Block | Text) -> dict:
    match block:
        case Section():
            return {"type": "section", "title": block.title, "blocks": [_block(child) for child in block.blocks]}
        case Paragraph():
            return {"type": "paragraph", "text": _text(block.inlines)}
        case Equation():
            return {
                "type": "equation",
                "sides": [_expression(side) for side in block.sides],
                "label": block.label,
                "note": None if block.note is None else _text(block.note),
            }
        case Table():
            rows = [[_text(cell) for cell in row] for row in block.rows]
            return {"type": "table", "header": [_text(cell) for cell in block.header], "rows": rows}
        case Bullets() | Steps():
            kind = "bullets" if isinstance(block, Bullets) else "steps"
            return {"type": kind, "items": [_block(item) for item in block.items]}
        case Preformatted():
            return {"type": "preformatted", "text": block.text}
        case Note() | Warning():
            return {"type": "note" if isinstance(block, Note) else "warning", "text": _text(block.text)}
        case Figure():
            drawing = block.drawing
            size = {"width": round(drawing.width), "height": round(drawing.height)}
            words = {"title": drawing.title, "description": drawing.description}
            return {"type": "figure", "name": block.name, "caption": _text(block.caption), **words, **size}
        case _:
            return {"type": "item", "text": _text(block)}
