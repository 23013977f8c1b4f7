"""Where the unknowns of a moving system stand in one flat vector y, and which of them are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from physeq.symbolic.derivation import clamped_inputs, driven_inputs
from physeq.symbolic.motion import MotionKind, MotionVariable, motion_variables
from physeq.symbolic.motion_form import MotionForm, Unknown, motion_form
from physeq.symbolic.motion_structure import cyclic, obstacle
from physeq.symbolic.symbols import Coordinate
from physeq.symbolic.system import System


@dataclass(frozen=True)
class Block:
    """Unknowns of one kind side by side in y.

    Attributes:
        owner: the group, or the placement of an internal coordinate or multiplier.
        key: their name: "v", "x", "x_dot", "multiplier".
        unit: their unit.
        start, size: where they stand.
    """

    owner: str
    key: str
    unit: str
    start: int
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size


@dataclass(frozen=True, eq=False)
class Hold:
    """Entries of y that are given: by ground and fixed values (`name` None), or by an input.

    Attributes:
        name: the input's name, or None.
        value: the fixed value.
        columns: which numbers of the input's array.
        entries: which entries of y.
        order: 0 where they equal the value itself, 1 and 2 for its time derivatives.
    """

    name: str | None
    value: float
    columns: np.ndarray
    entries: np.ndarray
    order: int


@dataclass(frozen=True, eq=False)
class MotionLayout:
    """Forms, blocks and held entries of a moving system; hashable by identity, so that it can be static under jit."""

    system: System
    variables: Mapping[tuple[str, Coordinate], MotionVariable]
    forms: tuple[MotionForm, ...]
    blocks: Mapping[tuple, Block]  # (group, coordinate, order) or (placement, number of a constraint)
    holds: tuple[Hold, ...]

    @property
    def size(self) -> int:
        """The number of unknowns."""
        return sum(b.size for b in self.blocks.values())

    @property
    def mechanical(self) -> bool:
        """Whether every coordinate moves by inertia or friction of its own: no circuit nodes, nothing static."""
        return {v.kind for v in self.variables.values()} <= {MotionKind.SECOND, MotionKind.FIRST}

    @cached_property
    def hamiltonian(self) -> bool:
        """Whether the motion has a Hamiltonian form."""
        return obstacle(self.variables, self.forms) is None

    @cached_property
    def cyclic(self) -> list[str]:
        """Names of the coordinates whose total momentum no force changes."""
        return cyclic(self.system, self.variables, self.forms)

    @cached_property
    def held(self) -> np.ndarray:
        """Mask of the entries of y that are given."""
        mask = np.zeros(self.size, bool)
        for hold in self.holds:
            mask[hold.entries] = True
        return mask

    def block(self, form: MotionForm, unknown: Unknown) -> Block | None:
        """The block of an unknown of a form; None for a derivative that is no unknown."""
        if isinstance(unknown, int):
            return self.blocks.get((form.placement.name, unknown))
        slot, order = unknown
        return self.blocks.get((form.placement.group_of(slot.port), slot.coordinate, order))

    def entries(self, form: MotionForm, unknown: Unknown) -> np.ndarray:
        """The entry of y of every instance's unknown, shape (instances,)."""
        block = self.block(form, unknown)
        if isinstance(unknown, int) or unknown[0].port is None:
            return block.start + np.arange(block.size)
        return block.start + self.nodes(form, unknown[0].port)

    def nodes(self, form: MotionForm, port: str) -> np.ndarray:
        """The node at a port of every instance."""
        placement = form.placement
        ports = placement.component.ports
        if len(ports) == 1:
            return np.arange(self.system.sizes(placement)[0])
        return np.asarray(placement.pattern.rows(self.system.sizes(placement)))[:, ports.index(port)]

    def count(self, form: MotionForm) -> int:
        """The number of instances of a form."""
        return self.system.count(form.placement)

    def names(self) -> list[str]:
        """A name for every entry of y, in the user's words."""
        return [self.name(block, i) for block in self.blocks.values() for i in range(block.size)]

    def name(self, block: Block, index: int) -> str:
        """`label.key` of a node or an element."""
        return f"{self.label(block.owner, index)}.{block.key}"

    def label(self, owner: str, index: int) -> str:
        """The user's name of a node or an element."""
        if owner in {g.name for g in self.system.topology.groups}:
            return str(self.system.label(owner, index))
        bundle = next((b for b in self.system.topology.bundles if b.name == owner), None)
        return str(bundle.labels[index]) if bundle is not None and bundle.labels is not None else f"{owner}[{index}]"


def motion_layout(system: System) -> MotionLayout:
    """Lay out the unknowns of a system in motion.

    Raises:
        ModelError: as `motion_variables` and `motion_form`.
    """
    variables = motion_variables(system)
    forms = tuple(motion_form(p, variables) for p in system.placements)
    blocks: dict[tuple, Block] = {}
    start = 0

    def add(key, owner, name, unit, size):
        nonlocal start
        blocks[key] = Block(owner, name, unit, start, size)
        start += size

    for (group, coordinate), v in variables.items():
        if v.variable.internal:
            continue
        for order in v.orders:
            add((group, coordinate, order), group, _key(coordinate, order), _unit(coordinate, order), v.variable.size)
    for form in forms:
        name, count = form.placement.name, system.count(form.placement)
        several = len(form.placement.component.constraint) > 1
        for unknown in form.owned:
            if isinstance(unknown, int):
                add((name, unknown), name, f"multiplier{unknown if several else ''}", "", count)
            else:
                slot, order = unknown
                key = (name, slot.coordinate, order)
                add(key, name, _key(slot.coordinate, order), _unit(slot.coordinate, order), count)
    return MotionLayout(system, variables, forms, blocks, tuple(_holds(system, variables, blocks)))


def _key(coordinate: Coordinate, order: int) -> str:
    return coordinate.key(order) if order < 2 else f"{coordinate.key(1)}_dot"


def _unit(coordinate: Coordinate, order: int) -> str:
    rate = coordinate.rate_unit or (f"{coordinate.unit}/s" if coordinate.unit else "")
    return (coordinate.unit, rate, f"{rate}/s" if rate else "")[order]


def _holds(system: System, variables: Mapping, blocks: Mapping):
    given: list[tuple[str | None, float, Any, str | None]] = [
        (None, value, nodes, None) for nodes, value in system.fixed
    ]
    given += [(name, 0.0, nodes, wanted) for name, nodes, wanted in clamped_inputs(system)]
    for name, value, nodes, wanted in given:
        for part in nodes.parts:
            for (group, coordinate), v in variables.items():
                if group != part.group or (wanted is not None and wanted not in (coordinate.name, coordinate.key(1))):
                    continue
                first = 1 if v.kind is MotionKind.REDUCED or wanted == coordinate.key(1) else 0
                for order in v.orders:
                    if order >= first:
                        entries = blocks[group, coordinate, order].start + part.indices
                        yield Hold(name, value, part.columns, entries, order - first)


def drives(layout: MotionLayout) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(input, columns of its array, entries of f) of every input that pushes nodes."""
    found = []
    for name, nodes, wanted in driven_inputs(layout.system):
        for part in nodes.parts:
            for (group, coordinate), v in layout.variables.items():
                if group == part.group and wanted in (None, coordinate.name, coordinate.key(1)):
                    block = layout.blocks[group, coordinate, v.balance]
                    found.append((name, part.columns, block.start + part.indices))
    return found
