"""Equations of motion as printed, with their rates and accelerations, against the compiled M ẏ = f(t, y)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from physeq.page_verification._comparison import Comparison, Verified
from physeq.page_verification._motion_answers import MotionAnswers
from physeq.page_verification._steady_page import balance, unknown_places
from physeq.report._numbers_names import Elements, base_name, equations
from physeq.report._words import shown_name
from physeq.report.document import Document
from physeq.report.numbers import PageNumbers
from physeq.symbolic.reduction import Variable, clamped_mask


class MotionPage:
    """The page of a variant's physics, read at a random point of its motion."""

    def __init__(self, page: Document, elements: Elements, answers: MotionAnswers, compare: Comparison):
        self.page, self.elements, self.answers, self.compare = page, elements, answers, compare
        self.derivation, self.system = elements.derivation, elements.system
        self.reader = PageNumbers(page, elements, answers.params, answers.moment(), inputs=answers.inputs)
        add_multipliers(self.reader, answers.layout, answers.y)

    def verified(self) -> Iterator[Verified]:
        """All comparisons, in the order of the page."""
        yield from self._totals()
        yield from self._balances()
        yield from self._constraints()
        yield from self._eliminated()
        yield from self._in_time()

    def _totals(self) -> Iterator[Verified]:
        for equation in equations(self.page, "Energy"):
            if equation.label is not None and equation.label in self.answers.totals:
                value = self.answers.totals[equation.label]
                yield self.compare.one(f"total {equation.label}", self.reader, equation.rhs, [({}, {}, value)])

    def _balances(self) -> Iterator[Verified]:
        printed = iter(equations(self.page, "Equations of motion"))
        for v in self.derivation.variables.values():
            if v.group in self.derivation.held:
                continue
            values = balance_rows(self.answers.layout, v, self.answers.balance)
            for number, nodes in enumerate(free_classes(self.system, v), 1):
                chosen = nodes[self.compare.sampled(len(nodes))].tolist()
                places = unknown_places(self.reader, v, chosen, values)
                what = f"equation of motion of {v.key} of {'element' if v.internal else 'group'} {v.group}"
                what += "" if len(v.classes) == 1 else f", kind {number} of node"
                yield self.compare.one(f"{what}, in motion", self.reader, balance(next(printed)), places)

    def _constraints(self) -> Iterator[Verified]:
        notes = ("constraint of ",)
        printed = [e for e in equations(self.page, "Equations of motion") if e.rhs == 0 and _says(e.note, notes)]
        rows = [(p, k) for p in self.system.placements for k in range(len(p.component.constraint))]
        for (placement, k), equation in zip(rows, printed, strict=True):
            numbers = self.elements.indices(placement.name)
            found = self.answers.constraints.get((placement.name, k), np.zeros(len(numbers)))
            places = [
                (dict(zip(self.reader.letters, numbers[n], strict=False)), {placement.name: int(n)}, found[n])
                for n in self.compare.sampled(len(numbers))
            ]
            yield self.compare.one(f"constraint of {placement.name}", self.reader, equation.lhs, places)

    def _eliminated(self) -> Iterator[Verified]:
        """What the equations inside an element give."""
        wanted = [
            (form.placement, symbol, values)
            for form in self.answers.layout.forms
            for symbol, values in zip(form.eliminated, self.answers.eliminated[form.placement.name], strict=True)
        ]
        printed = [e for e in equations(self.page, "Integration in time") if self._solved(e)]
        for (placement, symbol, values), equation in zip(wanted, printed, strict=bool(printed)):
            numbers = self.elements.indices(placement.name)
            places = [
                (dict(zip(self.reader.letters, numbers[n], strict=False)), {placement.name: int(n)}, values[n])
                for n in self.compare.sampled(len(numbers))
            ]
            yield self.compare.one(f"{symbol.name} inside {placement.name}", self.reader, equation.rhs, places)

    def _solved(self, equation: Any) -> bool:
        said = self.reader.names.meanings.get(base_name(equation.lhs), "")
        return not said.startswith(("momentum of ", "power turned into heat"))

    def _in_time(self) -> Iterator[Verified]:
        """Momenta and heat."""
        momenta = self.reader.names.meaning("momentum of ")
        variables = [v for v in self.derivation.variables.values() if not v.internal]
        for equation in equations(self.page, "Integration in time"):
            name = base_name(equation.lhs)
            if self.reader.names.meanings.get(name, "").startswith("power turned into heat"):
                heat = self.answers.totals["heat"]
                yield self.compare.one("power that turns into heat", self.reader, equation.rhs, [({}, {}, heat)])
            if name not in momenta:
                continue
            for v in variables:
                block = self.answers.layout.blocks.get((v.group, v.coordinate, 1))
                said = self.reader.names.meanings[name]
                if block is None or said not in (
                    f"momentum of {v.coordinate.name}",
                    f"momentum of {v.coordinate.name}, group {v.group}",
                ):
                    continue
                values = self.answers.momenta[block.start : block.stop]
                free = np.flatnonzero(~clamped_mask(self.system, v.group, v.coordinate))
                places = unknown_places(self.reader, v, free[self.compare.sampled(len(free))].tolist(), values)
                yield self.compare.one(f"{said} (∂T by the rate)", self.reader, equation.rhs, places)


def add_multipliers(reader: PageNumbers, layout: Any, y: np.ndarray) -> None:
    """Numbers for the multipliers that are unknowns; others are defined on the page."""
    for placement in reader.system.placements:
        count = len(placement.component.constraint)
        text = f"multiplier of the constraint of {shown_name(placement.name)}:"
        for k, name in enumerate(sorted(reader.names.meaning(text))):
            block = layout.blocks.get((placement.name, k))
            if block is not None and k < count:
                reader.own[name] = (
                    placement.name,
                    f"multiplier {k}",
                    np.moveaxis(y[..., block.start : block.stop], -1, 0),
                )


def balance_rows(layout: Any, v: Variable, values: np.ndarray) -> np.ndarray:
    """What the compiled motion has in the row of an unknown's balance; zero where its row was solved beforehand."""
    balanced = layout.variables[v.group, v.coordinate].balance
    block = layout.blocks.get((v.group, v.coordinate, balanced))
    if block is None:
        return np.zeros((v.size, *values.shape[:-1]))
    return np.moveaxis(values[..., block.start : block.stop], -1, 0)


def free_classes(system: Any, v: Variable) -> list[np.ndarray]:
    """The nodes of every kind of an unknown that are not held."""
    held = np.zeros(v.size, bool) if v.internal else clamped_mask(system, v.group, v.coordinate)
    return [nodes for c in v.classes if (nodes := c.indices[~held[c.indices]]).size]


def _says(note: Any, beginnings: tuple[str, ...]) -> bool:
    first = next(iter(note or ()), "")
    return str(getattr(first, "text", first)).startswith(beginnings)
