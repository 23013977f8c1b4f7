"""Ill-posed circuits and mechanisms, found from the graph and named in the user's words before any matrix is singular.

Branches between nodes of reduced coordinates (circuit nodes) are of four kinds: those that fix a difference of rates
(voltage sources), those with mass (capacitors), those whose force depends on the rates at their ends (resistors,
diodes, transistors), and those whose force does not (current sources, inductors). From them follow nodes that nothing
ties to a level, loops of voltage sources and capacitors, cut-sets of inductors and current sources. What is left over
is found as a structural deficiency of the matrix of algebraic rows and masses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import sympy as sp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_bipartite_matching

from physeq.compile.motion_layout import MotionLayout
from physeq.errors import ModelError
from physeq.symbolic.identities import is_zero
from physeq.symbolic.motion import MotionKind
from physeq.symbolic.motion_form import MotionForm

FIXING, CAPACITIVE, CONDUCTIVE, DRIVING = "voltage source", "capacitor", "conductance", "current source or inductor"


@dataclass(frozen=True, eq=False)
class Branches:
    """Pairs of entries of y (−1 for ground) that the instances of one component join, and how."""

    form: MotionForm
    kind: str
    ends: np.ndarray


def diagnose(layout: MotionLayout) -> None:
    """Refuse what has no unique motion.

    Raises:
        ModelError: a floating node, a loop of voltage sources (or with capacitors), a cut-set of inductors and current
            sources; the message names the nodes and elements and how to mend it.
    """
    graph = _Circuit(layout)
    if graph.size:
        graph.check_floating()
        graph.check_loops((FIXING,), "voltage sources", "give one of them a series resistance, or remove it")
        graph.check_loops(
            (FIXING, CAPACITIVE),
            "voltage sources and capacitors",
            "the source's current would be the derivative of its voltage (an index-2 system): put a resistance in "
            "series with a capacitor of the loop",
        )
        graph.check_cuts()


def check_steady(layout: MotionLayout) -> None:
    """Refuse what has a motion but no unique operating point: nodes that only capacitors tie to a level."""
    graph = _Circuit(layout)
    if graph.size:
        apart = graph.components((FIXING, CONDUCTIVE, DRIVING), inductors=True)
        graph.refuse_apart(
            apart,
            "has no path for direct current to ground (only capacitors and current sources lead there)",
            "add a large resistor, or start the motion from given values instead of its operating point",
        )


class _Circuit:
    """The graph of all reduced node coordinates of a system; ground and held nodes are one vertex, the last."""

    def __init__(self, layout: MotionLayout):
        self.layout = layout
        blocks = [
            layout.blocks[group, coordinate, 1]
            for (group, coordinate), v in layout.variables.items()
            if v.kind is MotionKind.REDUCED and not v.variable.internal
        ]
        entries = np.concatenate([np.arange(b.start, b.stop) for b in blocks]) if blocks else np.zeros(0, int)
        entries = entries[~layout.held[entries]]
        self.entries, self.size = entries, len(entries)
        self.vertex = np.full(layout.size + 1, self.size)
        self.vertex[entries] = np.arange(self.size)
        self.branches = [b for form in layout.forms for b in _branches(layout, form)]

    def name(self, vertex: int) -> str:
        if vertex == self.size:
            return "ground"
        entry = self.entries[vertex]
        block = next(b for b in self.layout.blocks.values() if b.start <= entry < b.stop)
        return repr(self.layout.label(block.owner, int(entry - block.start)))

    def links(self, kinds: tuple[str, ...], inductors: bool = False) -> tuple[np.ndarray, list[tuple[MotionForm, int]]]:
        """(pairs of vertices, (form, instance) of each) of all branches of some kinds."""
        pairs, owners = [np.zeros((0, 2), int)], []
        for b in self.branches:
            if b.kind in kinds and not (b.kind == DRIVING and inductors and not _is_inductive(b.form)):
                pairs.append(self.vertex[b.ends])
                owners += [(b.form, k) for k in range(len(b.ends))]
        return np.concatenate(pairs), owners

    def components(self, kinds: tuple[str, ...], inductors: bool = False) -> np.ndarray:
        pairs, _ = self.links(kinds, inductors)
        n = self.size + 1
        matrix = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
        return connected_components(matrix, directed=False)[1]

    def refuse_apart(self, label: np.ndarray, what: str, mend: str) -> None:
        apart = np.flatnonzero(label != label[-1])
        if len(apart):
            names = [self.name(v) for v in apart[:4]]
            more = f" and {len(apart) - 4} more" if len(apart) > 4 else ""
            raise ModelError(f"node {', '.join(names)}{more} {what}; {mend}")

    def check_floating(self) -> None:
        self.refuse_apart(
            self.components((FIXING, CAPACITIVE, CONDUCTIVE, DRIVING)),
            "floats: no element connects it to ground, so that a common shift of its voltage changes nothing",
            "connect it to ground (ground=...) or hold it (fixed={node: 0.0})",
        )

    def check_loops(self, kinds: tuple[str, ...], what: str, mend: str) -> None:
        pairs, owners = self.links(kinds)
        for k, (form, instance) in enumerate(owners):
            if _kind(self.layout, form) != FIXING:
                continue
            others = np.delete(pairs, k, axis=0)
            path = _path(others, pairs[k, 0], pairs[k, 1], self.size + 1)
            if path is not None:
                rest = [o for j, o in enumerate(owners) if j != k]
                loop = [self._label(form, instance)] + [self._label(*rest[j]) for j in path]
                nodes = sorted({self.name(v) for v in pairs[k]})
                raise ModelError(f"loop of {what}: {', '.join(loop)} (between {' and '.join(nodes)}); {mend}")

    def check_cuts(self) -> None:
        label = self.components((FIXING, CAPACITIVE, CONDUCTIVE))
        apart = np.flatnonzero(label != label[-1])
        if not len(apart):
            return
        island = np.flatnonzero(label == label[apart[0]])
        pairs, owners = self.links((DRIVING,))
        crossing = [self._label(*o) for o, p in zip(owners, pairs, strict=True) if len(set(p) & set(island)) == 1]
        nodes = ", ".join(self.name(v) for v in island[:4])
        raise ModelError(
            f"cut-set of inductors and current sources: {', '.join(crossing[:6])} alone lead to node {nodes}, whose "
            "voltage then follows from derivatives of their currents (an index-2 system, or a contradiction); put a "
            "resistance or a capacitance across one of them"
        )

    def _label(self, form: MotionForm, instance: int) -> str:
        return self.layout.label(form.placement.name, instance)


def _path(pairs: np.ndarray, source: int, target: int, n: int) -> list[int] | None:
    """Indices of pairs along a path from source to target; None where there is none, [] where they coincide."""
    if source == target:
        return []
    matrix = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n)).tocsr()
    _, before = breadth_first_order(matrix, source, directed=False)
    if before[target] < 0:
        return None
    found, vertex = [], target
    while vertex != source:
        here = {vertex, int(before[vertex])}
        found.append(next(i for i, p in enumerate(pairs.tolist()) if set(p) == here))
        vertex = int(before[vertex])
    return found


def _reduced_slots(layout: MotionLayout, form: MotionForm):
    placement = form.placement
    return [
        s
        for s in placement.component.slots
        if s.port is not None and layout.variables[placement.group_of(s.port), s.coordinate].kind is MotionKind.REDUCED
    ]


def _kind(layout: MotionLayout, form: MotionForm) -> str:
    slots = _reduced_slots(layout, form)
    rates = {form.placement.component.symbol(s, 1) for s in slots}
    own = {u for u in form.owned if isinstance(u, int)}
    if any(u in form.rows and form.rows[u].free_symbols & rates for u in own) and len(slots) <= 2:
        return FIXING
    balances = [form.rows.get((s, layout.variables[form.placement.group_of(s.port), s.coordinate].balance), sp.S.Zero)
                for s in slots]  # fmt: skip
    if any(b.free_symbols & rates for b in balances) or len(slots) > 2:
        return CONDUCTIVE
    if any(isinstance(row, tuple) and row[0] in slots for row, _ in form.mass):
        return CAPACITIVE
    return DRIVING


def _is_inductive(form: MotionForm) -> bool:
    """Whether an internal coordinate stores the element's history, so that it is a short at rest."""
    return any(not isinstance(u, int) for u in form.owned)


def _branches(layout: MotionLayout, form: MotionForm) -> Iterator[Branches]:
    slots = _reduced_slots(layout, form)
    if not slots:
        return
    entries = [layout.entries(form, (s, 1)) for s in slots]
    ground = np.full(len(entries[0]), layout.size)
    kind = _kind(layout, form)
    if len(form.placement.component.ports) == 1:
        yield Branches(form, kind, np.stack([entries[0], ground], axis=1))
    else:
        # Several ports: a chain joins them. A single coordinate at one port alone (an op-amp's output) ends at ground.
        for a, b in pairwise(entries):
            yield Branches(form, kind, np.stack([a, b], axis=1))
        if len(entries) == 1 or _grounded(form, slots):
            yield Branches(form, kind, np.stack([entries[-1], ground], axis=1))


def _grounded(form: MotionForm, slots) -> bool:
    """Whether the currents into all ports need not add up to zero: the element has a hidden connection to ground."""
    total = sum((form.flow.get(s, sp.S.Zero) for s in slots), sp.S.Zero)
    return not is_zero(total)


def check_structure(layout: MotionLayout, rows: np.ndarray, columns: np.ndarray, what: str) -> None:
    """Refuse a matrix that no values make regular.

    Raises:
        ModelError: naming the unknowns that no equation determines.
    """
    matrix = coo_array((np.ones(len(rows)), (rows, columns)), shape=(layout.size, layout.size)).tocsr()
    matched = maximum_bipartite_matching(matrix, perm_type="row")
    lost = np.flatnonzero(matched < 0)
    if len(lost):
        names = layout.names()
        owner = next(b for b in layout.blocks.values() if b.start <= lost[0] < b.stop)
        inertia = any(b is owner and len(k) == 3 and k[2] == 2 for k, b in layout.blocks.items())
        why = (
            "no inertia stands in its equation (a singular mass matrix); give the node a mass"
            if inertia
            else "no equation determines it; connect the element, add a resistance or an inertia, or remove it"
        )
        raise ModelError(f"{what}: {', '.join(names[i] for i in lost[:4])} is left undetermined: {why}")
