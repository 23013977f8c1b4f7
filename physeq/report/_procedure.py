"""The phases of a rule step by step: what the rule tells of itself, with the page's symbols and the derived terms."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from physeq.learn.procedure import Listing, Step
from physeq.names import name_of
from physeq.report._naming import Names
from physeq.report._operators import Entry
from physeq.report._relations import Slope
from physeq.report._rule_phases import any_parameter, nudge_of, rate, weight_of
from physeq.report._steady import cost_symbol, energy_symbol, nudge_symbol
from physeq.report.document import Bullets, Code, Math, Section, Steps, Text

PROCEDURE = "The phases, step by step"

# What a page lists below a step, as lines.
Lists = Mapping[Listing, Callable[[], Sequence[Text]]]

_QUANTITIES: dict[str, Callable[[Names], sp.Expr]] = {
    "β": lambda names: nudge_symbol(names),
    "η": lambda names: rate(names),
    "η/β": lambda names: rate(names) / nudge_symbol(names),
    "C": lambda names: cost_symbol(names),
    "∂E/∂p": lambda names: Slope(energy_symbol(names), any_parameter(names)),
    "∂C/∂p": lambda names: Slope(cost_symbol(names), any_parameter(names)),
}
# Quantities that a page of a rule has where it needs them, by what they are called in steps.
_OF_THE_RULE = {
    "N": ("points", "samples"),
    "n": ("point", "sample"),
    "t": ("step", "time"),
    "r": ("radius",),
    "K": ("length",),
    "P": ("periods",),
    "T": ("period", "duration"),
    "weight": ("weight",),
    "amplitude": ("amplitude",),
    "share": ("share",),
    "strength": ("strength",),
}
_AFTERWARDS = {
    Listing.NUDGE: (" Where a phase has the nudge {β}, it pushes:", ""),
    Listing.INPUTS: ("", ""),
    Listing.SLOPES: (" What every element measures:", " Every element measures the same."),
    Listing.UNKNOWNS: (" What every node reads:", " Every node reads the same."),
    Listing.UPDATES: ("", ""),
}


def procedure_section(names: Names, steps: Sequence[Step], lists: Lists) -> Section:
    """The steps of a rule, nested as its loops are.

    Args:
        names: of the page, which has named what the steps speak of.
        steps: what the rule tells, `LearningRule.procedure`.
        lists: what stands below a step that lists something; said once, and pointed at after that.
    """
    return Section(PROCEDURE, [_Writer(names, lists).steps(steps)])


class _Writer:
    def __init__(self, names: Names, lists: Lists):
        self.names, self.lists = names, lists
        self.said: set[Listing] = set()

    def steps(self, steps: Sequence[Step]) -> Steps:
        items: list[Text | Bullets | Steps] = []
        for step in steps:
            line = self.line(step.text)
            told = len(line)
            below: Sequence[Text] = ()
            if step.lists is not None:
                first, again = _AFTERWARDS[step.lists]
                repeated = step.lists in self.said
                below = () if repeated else self.lists[step.lists]()
                line += self.line(again if repeated else first if below else "")
                self.said.add(step.lists)
            if step.finder is not None:
                # In front of what is listed, which the last words announce.
                line[told:told] = [" In a simulation: ", *finder_words(step.finder), "."]
            items.append(line)
            if below:
                items.append(Bullets(below))
            if step.inner:
                items.append(self.steps(step.inner))
        return Steps(items)

    def line(self, text: str) -> list[Text]:
        """A text with what stands in braces set as mathematics."""
        parts = re.split(r"\{([^{}]*)\}", text)
        return [self.quantity(part) if number % 2 else part for number, part in enumerate(parts) if part]

    def quantity(self, name: str) -> Text:
        """A quantity by its name in steps; a name that the page does not know stays text."""
        if name in _QUANTITIES:
            return Math(_QUANTITIES[name](self.names))
        beta = nudge_symbol(self.names)
        if name in ("β_n", "1/β_n"):
            nudge = Entry(sp.IndexedBase(beta), self._known("n") or sp.Symbol("n"))
            return Math(1 / nudge if name.startswith("1/") else nudge)
        for read in (nudge_of, weight_of):
            if (value := read(name, beta)) is not None:
                return Math(value)
        found = self._known(name)
        return name if found is None else Math(found)

    def _known(self, name: str) -> sp.Expr | None:
        keys = (("page", key) for key in _OF_THE_RULE.get(name, ()))
        return next((symbol for key in keys if (symbol := self.names.known(key)) is not None), None)


def finder_words(finder: Any) -> list[Text]:
    """A finder or solver by name, with its settings.

    >>> from physeq.solve import FixedPoint
    >>> finder_words(FixedPoint(30))
    [Code(text='fixed-point'), ', steps 30, nudge inside']
    """
    told = []
    for field in dataclasses.fields(finder):
        value = getattr(finder, field.name)
        if value is None or value is False:
            continue
        shown = value if isinstance(value, str) else f"{value:g}" if isinstance(value, int | float) else None
        if dataclasses.is_dataclass(value):
            shown = "".join(part.text if isinstance(part, Code) else str(part) for part in finder_words(value))
            shown = f"{name_of(type(value))} ({shown.partition(', ')[2]})" if ", " in shown else shown
        told.append(field.name.replace("_", " ") + ("" if shown in (None, "1") and value is True else f" {shown}"))
    return [Code(name_of(type(finder))), *([", " + ", ".join(told)] if told else [])]
