"""The document model: what a page says, before any format is chosen.

Mathematics stays a SymPy expression until a writer prints it, so that every format prints the same equation and a test
can still compute with it. Constructors take any sequence and plain strings; what they keep are tuples, so that a
document is a value: hashable, comparable, and never changed by whoever built it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sympy as sp

from ..errors import InternalError
from ._inlines import Code as Code
from ._inlines import Inline as Inline
from ._inlines import Math as Math
from ._inlines import Text as Text
from ._inlines import expression, inlines
from .drawing import Drawing


@dataclass(frozen=True)
class Paragraph:
    """A line of text with mathematics in it.

    >>> Paragraph(["the state ", Math(sp.Symbol("s")), " relaxes"]).inlines
    ('the state ', Math(expr=s), ' relaxes')
    """

    inlines: Text

    def __post_init__(self) -> None:
        object.__setattr__(self, "inlines", inlines(self.inlines))


@dataclass(frozen=True)
class Equation:
    """A displayed equation `lhs = rhs`, or any expression or relation alone.

    `label` is a short tag beside the equation, `note` a line of text below it. The two sides are kept apart because
    `sympy.Eq` evaluates: a true equation would become `True`.

    >>> x = sp.Symbol("x")
    >>> Equation(x, 2 * x, label="doubling").rhs
    2*x
    >>> Equation(x < 2).sides
    (x < 2,)
    """

    lhs: sp.Basic
    rhs: sp.Basic | None = None
    label: str | None = None
    note: Text | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lhs", expression(self.lhs, "Equation"))
        if self.rhs is not None:
            object.__setattr__(self, "rhs", expression(self.rhs, "Equation"))
        elif isinstance(self.lhs, sp.Equality):
            object.__setattr__(self, "rhs", self.lhs.rhs)
            object.__setattr__(self, "lhs", self.lhs.lhs)
        if self.note is not None:
            object.__setattr__(self, "note", inlines(self.note))

    @property
    def sides(self) -> tuple[sp.Basic, ...]:
        """(lhs, rhs), or the one expression."""
        return (self.lhs,) if self.rhs is None else (self.lhs, self.rhs)


@dataclass(frozen=True)
class Table:
    """A table; each cell is text, an expression, or a list of both.

    Raises `InternalError` when a row has another number of cells than the header.

    >>> Table(["symbol", "value"], [[sp.Symbol("g"), "1 S"]]).rows[0][1]
    ('1 S',)
    """

    header: Sequence[Text]
    rows: Sequence[Sequence[Text]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", tuple(inlines(cell) for cell in self.header))
        object.__setattr__(self, "rows", tuple(tuple(inlines(cell) for cell in row) for row in self.rows))
        for row in self.rows:
            if len(row) != len(self.header):
                raise InternalError(f"table row {row!r} has {len(row)} cells, its header has {len(self.header)}")


def _items(items: Iterable) -> tuple:
    return tuple(item if isinstance(item, Bullets | Steps) else inlines(item) for item in items)


@dataclass(frozen=True)
class Bullets:
    """A list of items; an item that is itself `Bullets` or `Steps` belongs to the item before it."""

    items: Sequence[Text | Bullets | Steps]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _items(self.items))


@dataclass(frozen=True)
class Steps:
    """Numbered steps of a procedure; nests as `Bullets` do.

    >>> Steps(["for each sample", Steps(["relax", "nudge"])]).items[1].items[0]
    ('relax',)
    """

    items: Sequence[Text | Bullets | Steps]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _items(self.items))


@dataclass(frozen=True)
class Preformatted:
    """Text whose line breaks and spaces count, in a fixed-width face."""

    text: str


@dataclass(frozen=True)
class Note:
    """A remark set apart."""

    text: Text

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", inlines(self.text))


@dataclass(frozen=True)
class Warning:
    """A remark that the reader must not miss, e.g. that a term was not derived."""

    text: Text

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", inlines(self.text))


@dataclass(frozen=True)
class Figure:
    """A picture with a caption; `name` is that of its file, without a suffix, where a format keeps pictures apart.

    >>> from physeq.report.drawing import Circle, fitted
    >>> dot = fitted([Circle(0.0, 0.0, 4.0, ("node",))], "A dot", "One node.")
    >>> Figure(dot, ["The place of ", Math(sp.Symbol("x"))], "dot").caption
    ('The place of ', Math(expr=x))
    """

    drawing: Drawing
    caption: Text
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "caption", inlines(self.caption))


@dataclass(frozen=True)
class Section:
    """A titled part of the page; sections nest."""

    title: str
    blocks: Sequence[Block]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))


Block: TypeAlias = Section | Paragraph | Equation | Table | Bullets | Steps | Preformatted | Note | Warning | Figure


@dataclass(frozen=True)
class SymbolEntry:
    """One row of the symbol table.

    `symbol` is a `Symbol`, `IndexedBase`, `Idx`, undefined function, or an `Indexed` or applied function that shows how
    the base is used (v_i stands for the base v). `domain` is text or a SymPy set or relation.
    """

    symbol: sp.Basic
    meaning: Text
    unit: Text | None = None
    domain: Text | None = None

    def __post_init__(self) -> None:
        for name in ("meaning", "unit", "domain"):
            text = getattr(self, name)
            object.__setattr__(self, name, None if text is None or text == "" else inlines(text))
        if self.meaning is None:
            raise InternalError(f"symbol {self.symbol} has no meaning in the symbol table; say what it is")


@dataclass(frozen=True)
class Document:
    """A page: a title, blocks, and the table of every symbol that occurs in them.

    >>> x, k = sp.symbols("x k")
    >>> page = Document("A spring", [Equation(sp.Symbol("V"), k * x**2 / 2)], [
    ...     SymbolEntry(sp.Symbol("V"), "energy", "J"), SymbolEntry(k, "stiffness"), SymbolEntry(x, "extension")])
    >>> print(page.to_markdown().splitlines()[3])
    V = \\frac{k x^{2}}{2}
    """

    title: str
    blocks: Sequence[Block]
    symbols: Sequence[SymbolEntry] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        object.__setattr__(self, "symbols", tuple(self.symbols))

    def check(self) -> None:
        """Raise `InternalError`, naming the symbols, unless every symbol on the page is in the table exactly once and
        no two of them look alike."""
        from ._check import check

        check(self)

    def to_dict(self) -> dict:
        """The page as plain dicts, lists and strings, ready for JSON; see `physeq.report.dictionary.as_dict`."""
        from .dictionary import as_dict

        return as_dict(self)

    def figures(self) -> Iterator[Figure]:
        """The pictures of the page, in reading order."""
        waiting = list(self.blocks)
        while waiting:
            block = waiting.pop(0)
            if isinstance(block, Figure):
                yield block
            elif isinstance(block, Section):
                waiting[:0] = block.blocks

    def to_markdown(self, pictures: str | None = None) -> str:
        """The page as Markdown, which shows pictures from files beside it.

        Args:
            pictures: what the names of these files start with; None leaves pictures out and says so. `figures` has
                the pictures, `physeq.report.drawing_svg.svg_file` makes a file of one.
        """
        from .markdown import write

        return write(self, pictures)

    def to_latex(self) -> str:
        """The page as a complete LaTeX file."""
        from .latex import write

        return write(self)

    def to_html(self) -> str:
        """The page as one self-contained HTML file."""
        from .html import write

        return write(self)
