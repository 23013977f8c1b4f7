"""Names of nodes and elements in an exported netlist: unique without regard to case, and free of special characters."""

from __future__ import annotations

import re
from collections.abc import Hashable

import numpy as np

from physeq.symbolic.system import System

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.#]+")


class Nodes:
    """The node name of every node of a system; grounds are "0"."""

    def __init__(self, system: System):
        self.system = system
        grounded = _grounded(system)
        labels = [label for group in system.topology.groups for label in group.labels]
        several = len(set(map(str, labels))) < len(labels)
        self.renamed: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        taken = {"0", "gnd"}
        for group in system.topology.groups:
            names = []
            for index, label in enumerate(group.labels):
                if (group.name, index) in grounded:
                    names.append("0")
                    continue
                wanted = _clean(label)
                if several:
                    wanted = f"{_clean(group.name)}_{wanted}"
                elif wanted.lower() in ("0", "gnd"):
                    wanted = f"n{wanted}"
                name = unused(wanted, taken)
                if name != str(label):
                    self.renamed[name] = f"{label!r} of {group.name!r}"
                names.append(name)
            self._names[group.name] = names

    def of(self, group: str, index: int) -> str:
        """The name of one node."""
        return self._names[group][index]


def unused(wanted: str, taken: set[str]) -> str:
    """The wanted name, with a number behind it where it is taken; it is taken from then on."""
    name, count = wanted, 1
    while name.lower() in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name.lower())
    return name


def _clean(label: Hashable) -> str:
    if isinstance(label, tuple):
        return "n" + "_".join(_clean(part) for part in label)
    return _FORBIDDEN.sub("_", str(label)) or "_"


def _grounded(system: System) -> set[tuple[str, int]]:
    return {
        (part.group, int(index))
        for nodes, value in system.fixed
        if value == 0
        for part in nodes.parts
        for index in np.ravel(part.indices)
    }


class Elements:
    """Names of elements: a label where it starts with the letter, else the letter and the label or a number."""

    def __init__(self):
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def name(self, letter: str, label: Hashable | None, suffix: str = "") -> str:
        """A name for an element of that letter."""
        if label is None:
            while True:
                self._counts[letter] = self._counts.get(letter, 0) + 1
                name = f"{letter}{self._counts[letter]}{suffix}"
                if name.lower() not in self._taken:
                    break
        else:
            name = _clean(label)
            name = (name if name[:1].upper() == letter else f"{letter}{name}") + suffix
        return unused(name, self._taken)
