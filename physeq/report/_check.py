"""Every symbol on a page is explained exactly once, and no two look alike."""

from collections.abc import Iterator

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from ..errors import InternalError
from .document import (
    Block,
    Bullets,
    Document,
    Equation,
    Figure,
    Math,
    Note,
    Paragraph,
    Section,
    Steps,
    SymbolEntry,
    Table,
    Text,
    Warning,
    inlines,
)
from .notation import appearance


def check(document: Document) -> None:
    """Raise `InternalError` on missing, repeated and indistinguishable symbols; see `Document.check`."""
    table = [_entry(entry) for entry in document.symbols]
    used = dict.fromkeys(symbol for expr in expressions(document) for symbol in symbols_of(expr))
    known = {_key(symbol) for symbol in table}
    missing = [symbol for symbol in used if _key(symbol) not in known]
    if missing:
        raise InternalError(
            f"page {document.title!r}: {_named(missing)} missing in the symbol table; add a SymbolEntry for each"
        )
    repeated = [symbol for number, symbol in enumerate(table) if _key(symbol) in map(_key, table[:number])]
    if repeated:
        raise InternalError(
            f"page {document.title!r}: {_named(repeated)} more than once in the symbol table; keep one entry"
        )
    seen: dict[str, sp.Basic] = {}
    for symbol in table:
        other = seen.setdefault(appearance(symbol), symbol)
        if other is not symbol:
            raise InternalError(
                f"page {document.title!r}: {_described(other)} and {_described(symbol)} look alike when printed; "
                "give one of them another LaTeX name, or use one symbol for both"
            )


def symbols_of(expr: sp.Basic) -> Iterator[sp.Basic]:
    """The symbols that a reader sees: symbols, bases, indices and undefined functions, with repetitions.

    >>> i, n = sp.symbols("i n", integer=True)
    >>> list(map(str, symbols_of(sp.Sum(sp.IndexedBase("v")[i], (i, 1, n)))))
    ['v', 'i', 'i', 'n']
    """
    if isinstance(expr, sp.Symbol | sp.IndexedBase | sp.Idx | sp.MatrixSymbol):
        yield expr  # without the label, range and shape that it carries: those are not printed
        return
    if isinstance(expr, AppliedUndef):
        yield expr.func
    for argument in getattr(expr, "args", ()) or list(expr if isinstance(expr, sp.MatrixBase) else ()):
        yield from symbols_of(argument)


def expressions(document: Document) -> Iterator[sp.Basic]:
    """Every expression of the page, in reading order, the texts of the symbol table included."""
    for block in document.blocks:
        yield from _of_block(block)
    for entry in document.symbols:
        for text in (entry.meaning, entry.unit, entry.domain):
            yield from _of_text(text or ())


def _of_text(text: Text) -> Iterator[sp.Basic]:
    for inline in inlines(text):
        if isinstance(inline, Math):
            yield inline.expr


def _of_block(block: Block | Text) -> Iterator[sp.Basic]:
    match block:
        case Section():
            for child in block.blocks:
                yield from _of_block(child)
        case Equation():
            yield from block.sides
            yield from _of_text(block.note or ())
        case Table():
            for row in (block.header, *block.rows):
                for cell in row:
                    yield from _of_text(cell)
        case Bullets() | Steps():
            for item in block.items:
                yield from _of_block(item)
        case Paragraph():
            yield from _of_text(block.inlines)
        case Note() | Warning():
            yield from _of_text(block.text)
        case Figure():
            yield from _of_text(block.caption)
        case tuple():
            yield from _of_text(block)


def _entry(entry: SymbolEntry) -> sp.Basic:
    symbol = entry.symbol
    if isinstance(symbol, sp.Indexed):
        return symbol.base
    if isinstance(symbol, AppliedUndef):
        return symbol.func
    if isinstance(symbol, sp.Symbol | sp.IndexedBase | sp.Idx | sp.MatrixSymbol | UndefinedFunction):
        return symbol
    raise InternalError(f"the symbol table holds {symbol!r}, which is no symbol; describe it in the text instead")


def _key(symbol: sp.Basic) -> object:
    # An indexed quantity may be entered by its label, and SymPy makes a new base object of equal name for each use.
    if isinstance(symbol, sp.IndexedBase | sp.Idx):
        return symbol.label
    return (symbol.__name__, "function") if isinstance(symbol, UndefinedFunction) else symbol


def _named(symbols: list[sp.Basic]) -> str:
    names = ", ".join(_described(symbol) for symbol in dict.fromkeys(symbols))
    return f"symbol {names} is" if len(set(symbols)) == 1 else f"symbols {names} are"


def _described(symbol: sp.Basic) -> str:
    given = getattr(symbol, "_assumptions_orig", None) or {}
    facts = ", ".join(f"{name}={value}" for name, value in given.items())
    return f"{str(symbol)!r}" + (f" ({facts})" if facts else "")
