"""What the printed symbols of a page stand for, read off the symbol table: unknowns, parameters, inputs, sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from physeq.graph import OneToOne
from physeq.report._words import raised, word
from physeq.report.document import Block, Document, Equation, Inline, Section
from physeq.report.notation import symbol_latex
from physeq.symbolic.derivation import Derivation
from physeq.symbolic.place import Drive, Feed
from physeq.symbolic.reduction import clamped_mask

StateKey = tuple[str, str, int]  # group or placement, coordinate, order of the derivative
Row = tuple[tuple[int, ...], dict[str, int], int | None]

latex_of = cache(symbol_latex)


def equations(page: Document, *titles: str) -> Iterator[Equation]:
    """The equations of the sections whose titles begin like one of these, nested sections included."""

    def visit(blocks: Sequence[Block], inside: bool) -> Iterator[Equation]:
        for block in blocks:
            if isinstance(block, Section):
                yield from visit(block.blocks, inside or block.title.startswith(titles))
            elif isinstance(block, Equation) and inside:
                yield block

    yield from visit(page.blocks, False)


def base_name(expr: Any) -> str:
    """The printed name of a symbol or of the base of an indexed quantity."""
    return latex_of(getattr(expr, "base", expr))


class Elements:
    """The elements of every bundle and the members of every set that pages name; of one derivation, for all pages."""

    def __init__(self, derivation: Derivation):
        self.derivation, self.system = derivation, derivation.system
        self.rows = {p.name: p.pattern.rows(self.system.sizes(p)).tolist() for p in self.system.placements}
        self.by_indices = {name: self._by_indices(name) for name in self.rows}
        self.sets = self._named_sets()

    def _one_to_one(self, placement: str) -> bool:
        return isinstance(self.system.placement(placement).pattern, OneToOne)

    def _by_indices(self, placement: str) -> dict[tuple[int, ...], list[int]]:
        found: dict[tuple[int, ...], list[int]] = {}
        for k, row in enumerate(self.rows[placement]):
            found.setdefault((row[0],) if self._one_to_one(placement) else tuple(row), []).append(k)
        return found

    def indices(self, placement: str) -> list[tuple[int, ...]]:
        """The printed indices of every element."""
        one = self._one_to_one(placement)
        return [(row[0],) if one else tuple(row) for row in self.rows[placement]]

    def _named_sets(self) -> dict[str, list[Row]]:
        """{set as printed: [(indices, {placement: element}, the node whose neighbours they are or None)]}."""
        sets: dict[str, list[Row]] = {}
        for group in self.system.topology.groups:
            nodes: list[Row] = [((i,), {}, None) for i in range(group.size)]
            sets[word(group.name)] = sets[rf"\mathcal{{V}}_{{{word(group.name)}}}"] = nodes
        for p in self.system.placements:
            if len(p.component.ports) == 1:
                continue
            rows = self.rows[p.name]
            of_bundle: list[Row] = [(r, {p.name: k}, None) for k, r in enumerate(self.indices(p.name))]
            sets[word(p.name)] = sets[rf"\mathcal{{E}}_{{{word(p.name)}}}"] = of_bundle
            both = [(r, k) for k, r in enumerate(rows)] + [(r[::-1], k) for k, r in enumerate(rows)]
            name = r"\mathcal{N}"
            for printed in (name, raised(name, word(p.name))):
                sets.setdefault(printed, [((r[-1],), {p.name: k}, r[0]) for r, k in both])
        for part in self.system.outputs.parts if self.system.outputs is not None else ():
            for printed in (r"\mathcal{O}", raised(r"\mathcal{O}", word(part.group))):
                sets.setdefault(printed, [((int(i),), {}, None) for i in part.indices])
        if self.system.readout is not None:
            units: list[Row] = [((k,), {}, None) for k in range(self.system.readout.size)]
            sets[word("readout")] = sets[r"\mathcal{Z}"] = units
        return sets

    def held(self, group: str, coordinate: Any) -> np.ndarray:
        """Mask of the nodes of a group that are held."""
        return clamped_mask(self.system, group, coordinate)


class PrintedNames:
    """The symbols of pages, by their printed names.

    Attributes:
        meanings: {name: its text in the symbol table}.
        letters: the index letters.
        states: {name: (group or placement, coordinate, order)}; `internal` those inside elements.
        parameters: {name: (placement, parameter)}; signals too, with the name of the input.
        drives: {name: (input, group)}.
    """

    def __init__(self, pages: Sequence[Document], elements: Elements):
        self.elements, self.system, self.derivation = elements, elements.system, elements.derivation
        self.meanings: dict[str, str] = {}
        for page in pages:
            for entry in page.symbols:
                self.meanings.setdefault(base_name(entry.symbol), plain(entry.meaning))
        self.letters = [name for name, said in self.meanings.items() if said.startswith("index")]
        self.states: dict[str, StateKey] = {}
        self.internal: set[str] = set()
        self.parameters: dict[str, tuple[str, str]] = {}
        self.drives: dict[str, str] = {}
        self._name_states()
        self._name_parameters()
        self._name_inputs()

    def printed(self, latex: str, where: str) -> str:
        """The name with its superscript where that is on the page, else without."""
        name = raised(latex, word(where))
        return name if name in self.meanings else latex

    def _name_states(self) -> None:
        for v in self.derivation.variables.values():
            if v.internal:
                self.internal.add(v.group)
            for order in range(3):
                name = self.printed(v.coordinate.with_order(order).latex_name, v.group)
                self.states[name] = v.group, v.coordinate.name, order

    def _name_parameters(self) -> None:
        for p in self.system.placements:
            for q in p.component.parameters:
                self.parameters[self.printed(q.latex_name, p.name)] = p.name, q.name
        readout = self.system.readout
        if readout is not None:
            symbols: set = {s for t in self.derivation.cost.readout_terms for s in t.coefficient.free_symbols}
            for s in [*symbols, *([] if readout.bias is None else [readout.bias])]:
                self.parameters[self.printed(s.latex_name, "readout")] = "readout", s.name

    def _name_inputs(self) -> None:
        self.signals: dict[str, tuple[str, str]] = {}
        for entry in self.system.inputs:
            if isinstance(entry.kind, Feed):
                signal = entry.kind.signal
                name = self.printed(signal.latex_name, entry.kind.placement)
                self.signals[name] = entry.kind.placement, entry.name
            elif isinstance(entry.kind, Drive):
                meaning = f"input {entry.name}, a force on the nodes that it drives"
                self.drives |= {name: entry.name for name, said in self.meanings.items() if said == meaning}

    def meaning(self, *beginnings: str) -> list[str]:
        """The names whose texts begin like one of these."""
        return [name for name, said in self.meanings.items() if said.startswith(beginnings)]

    def of_unknowns(self, meaning: str) -> dict[str, StateKey]:
        """{name: unknown} of the quantities that every free unknown has one of, such as its response."""
        free = [v for v in self.derivation.variables.values() if v.group in self.derivation.locals]
        found = {}
        for name in self.meaning(meaning):
            said = self.meanings[name].removeprefix(meaning)
            for v in free:
                if said == f", {v.key} of {v.group}" or (not said and len(free) == 1):
                    found[name] = v.group, v.coordinate.name, int(v.reduced)
        return found


def drive_values(names: PrintedNames, name: str, values: np.ndarray) -> np.ndarray:
    """An input's numbers on the nodes that it drives, zero elsewhere; a further axis of `values` is that of times."""
    entry = next(e for e in names.system.inputs if e.name == name)
    assert isinstance(entry.kind, Drive)
    (part,) = entry.nodes.parts
    size = next(g.size for g in names.system.topology.groups if g.name == part.group)
    found = np.zeros((size, *values.shape[1:]))
    found[part.indices] = values[part.columns]
    return found


def plain(text: Any) -> str:
    """A text of the page without its formulas."""
    parts: Sequence[str | Inline] = [text] if isinstance(text, str) else list(text)
    return "".join(part if isinstance(part, str) else getattr(part, "text", "") for part in parts)


def numbered(expr: sp.Basic) -> bool:
    """Whether an expression is a number."""
    return bool(getattr(expr, "is_number", False))


def with_state(state: Mapping[str, Mapping[str, Any]], derivation: Derivation) -> dict[StateKey, np.ndarray]:
    """{(group, coordinate, order): array} of a state at rest: rates and accelerations beside the unknowns are zero."""
    found: dict[StateKey, np.ndarray] = {}
    for v in derivation.variables.values():
        values = np.asarray(state[v.group][v.key])
        values = values.astype(np.complex128 if np.iscomplexobj(values) else np.float64)
        for order in range(int(v.reduced), 3):
            found[v.group, v.coordinate.name, order] = values if order == int(v.reduced) else np.zeros_like(values)
    return found
