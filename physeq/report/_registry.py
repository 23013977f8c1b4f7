"""The registry of a page's symbols: each gets a name that looks like no other, and one row in the symbol table."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import sympy as sp

from physeq.report._check import symbols_of
from physeq.report._operators import Entry
from physeq.report.document import SymbolEntry, Text, inlines
from physeq.report.notation import appearance


class SymbolRegistry:
    """Makes symbols on demand and remembers their meanings."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[sp.Symbol, SymbolEntry]] = {}
        self._taken: set[str] = set()

    def symbol(
        self,
        key: Hashable,
        candidates: Iterable[str],
        meaning: Text,
        *,
        unit: str = "",
        domain: Text | None = None,
        shown: Sequence[sp.Basic] = (),
        **assumptions,
    ) -> sp.Symbol:
        """The symbol known by `key`, made on the first call with the first candidate that looks like no other symbol.

        `shown` are the indices with which the table shows it.
        """
        if key not in self._entries:
            names = list(candidates)
            names += [names[-1] + "'" * n if "^" not in names[-1] else f"{{{names[-1]}}}_{{{n}}}" for n in range(1, 9)]
            for latex in names:
                symbol = sp.Symbol(latex, **({"real": True} | assumptions))
                seen = appearance(symbol)
                if seen not in self._taken:
                    break
            self._taken.add(seen)
            entry = SymbolEntry(sp.IndexedBase(symbol)[tuple(shown)] if shown else symbol, meaning, unit, domain)
            self._entries[key] = (symbol, entry)
        return self._entries[key][0]

    def known(self, key: Hashable) -> sp.Symbol | None:
        """The symbol known by `key`, or None."""
        return self._entries[key][0] if key in self._entries else None

    def indexed(self, key: Hashable, candidates: Iterable[str], meaning: Text, indices: Sequence, **more) -> sp.Expr:
        """An indexed quantity; the bare symbol where there are no indices."""
        kind = more.pop("kind", Entry)
        symbol = self.symbol(key, candidates, meaning, shown=more.pop("shown", indices), **more)
        return kind(sp.IndexedBase(symbol), *indices) if indices else symbol

    def entries(self, used: Iterable[sp.Basic]) -> tuple[SymbolEntry, ...]:
        """The rows of the symbol table for the symbols that occur, and for those that occur in these rows."""
        wanted = {getattr(s, "label", s) for s in used}
        while True:
            rows = [entry for symbol, entry in self._entries.values() if symbol in wanted]
            inside = {
                getattr(s, "label", s)
                for entry in rows
                for text in (entry.symbol, entry.meaning, entry.domain or ())
                for inline in inlines(text)
                if hasattr(inline, "expr")
                for s in symbols_of(inline.expr)
            }
            if inside <= wanted:
                return tuple(rows)
            wanted |= inside
