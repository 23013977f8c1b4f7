"""Connectivity of a placed system: floating nodes and outputs that no input reaches, read off the graph."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import sympy as sp
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from physeq.graph import Dense
from physeq.symbolic.forms import PlacementForm
from physeq.symbolic.identities import is_zero
from physeq.symbolic.place import Feed
from physeq.symbolic.reduction import Variable, clamped_mask
from physeq.symbolic.system import System


@dataclass(frozen=True, eq=False)
class Floating:
    """Nodes whose common shift costs nothing: the steady state leaves their level open."""

    group: str
    coordinate: str
    labels: tuple
    count: int


def shift_invariant(form: PlacementForm) -> bool:
    """Whether equal shifts of all its unknowns leave every force of a component unchanged."""
    if any(end not in (sp.oo, -sp.oo) for interval in form.placement.component.bounds.values() for end in interval):
        return False
    slots = list(form.unknowns)
    return all(is_zero(sum((sp.diff(form.force(a), form.unknowns[b]) for b in slots), sp.S.Zero)) for a in slots)


class _Nodes:
    """Global numbering of all (group, node) pairs."""

    def __init__(self, system: System, variables: tuple[Variable, ...]):
        sizes = {g.name: g.size for g in system.topology.groups} | {v.group: v.size for v in variables}
        self.start = dict(zip(sizes, np.cumsum([0, *sizes.values()])[:-1], strict=True))
        self.total = sum(sizes.values())
        self.sizes = sizes

    def of(self, group: str, indices=None) -> np.ndarray:
        return self.start[group] + (np.arange(self.sizes[group]) if indices is None else np.asarray(indices))

    def split(self, node: int) -> tuple[str, int]:
        group = max((g for g, s in self.start.items() if s <= node and self.sizes[g]), key=lambda g: self.start[g])
        return group, int(node - self.start[group])


def _links(system: System, form: PlacementForm, nodes: _Nodes) -> np.ndarray:
    """Pairs of nodes that a placement joins: instances as chains, a dense bundle as two stars."""
    placement = form.placement
    if isinstance(placement.pattern, Dense) and not placement.component.internal:
        first, second = (nodes.of(g) for g in placement.groups)
        if not first.size or not second.size:
            return np.zeros((0, 2), int)
        return np.concatenate(
            [
                np.stack([first, np.full_like(first, second[0])], 1),
                np.stack([np.full_like(second, first[0]), second], 1),
            ]
        )
    columns = _instances(system, form, nodes).T
    pairs = [np.stack(pair, 1) for pair in pairwise(columns)]
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), int)


def _instances(system: System, form: PlacementForm, nodes: _Nodes) -> np.ndarray:
    """The nodes of every instance, one column per port, then its inside."""
    placement = form.placement
    rows = placement.pattern.rows(system.sizes(placement))
    columns = [nodes.of(group, rows[:, port]) for port, group in enumerate(placement.groups)]
    if placement.component.internal:
        columns.append(nodes.of(placement.name))
    return np.stack(columns, 1)


def _label(links: np.ndarray, total: int) -> np.ndarray:
    matrix = coo_matrix((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(total, total))
    return connected_components(matrix, directed=False)[1]


def _held(system: System, nodes: _Nodes) -> np.ndarray:
    mask = np.zeros(nodes.total, bool)
    for group in system.topology.groups:
        mask[nodes.of(group.name)] = clamped_mask(system, group.name)
    return mask


def floating(system: System, variables: tuple[Variable, ...], forms: tuple[PlacementForm, ...]) -> tuple[Floating, ...]:
    """Sets of nodes joined only by shift-invariant components, with nothing that fixes their level."""
    nodes = _Nodes(system, variables)
    links, anchored = [np.zeros((0, 2), int)], _held(system, nodes)
    for form in forms:
        joined = _links(system, form, nodes)
        links.append(joined)
        if not shift_invariant(form):
            if form.local:
                anchored[nodes.of(form.placement.groups[0])] = True
            anchored[joined.ravel()] = True
    component = _label(np.concatenate(links), nodes.total)
    safe = np.zeros(component.max() + 1, bool)
    safe[component[anchored]] = True
    found = []
    for c in np.flatnonzero(~safe):
        members = np.flatnonzero(component == c)
        group, _ = nodes.split(int(members[0]))
        places = [nodes.split(int(m)) for m in members[:5]]
        known = {g.name for g in system.topology.groups}
        labels = tuple(system.label(g, i) if g in known else f"{g}[{i}]" for g, i in places)
        names = [v.coordinate.key(int(v.reduced)) for v in variables if v.group == group]
        found.append(Floating(group, names[0] if names else "", labels, len(members)))
    return tuple(found)


def unreached_outputs(system: System, variables: tuple[Variable, ...], forms: tuple[PlacementForm, ...]) -> tuple:
    """Labels of output nodes that no input influences (held nodes pass nothing on)."""
    if system.outputs is None or not system.inputs:
        return ()
    nodes = _Nodes(system, variables)
    held = _held(system, nodes)
    informed = np.zeros(nodes.total, bool)
    for entry in system.inputs:
        if isinstance(entry.kind, Feed):
            for form in forms:
                if form.placement.name == entry.kind.placement:
                    reached = (
                        _links(system, form, nodes).ravel() if not form.local else nodes.of(form.placement.groups[0])
                    )
                    informed[reached] = True
        else:
            for part in entry.nodes.parts:
                informed[nodes.of(part.group, part.indices)] = True
    links = [np.zeros((0, 2), int)]
    for form in forms:
        if form.local:
            continue
        if isinstance(form.placement.pattern, Dense) and not form.placement.component.internal:
            links.extend(_dense_links(form, nodes, held, informed))
            continue
        rows = _instances(system, form, nodes)
        fed = rows[(held & informed)[rows].any(axis=1)]
        informed[fed[~held[fed]]] = True
        for a, b in combinations(range(rows.shape[1]), 2):
            pairs = rows[:, [a, b]]
            links.append(pairs[~held[pairs].any(axis=1)])
    component = _label(np.concatenate(links), nodes.total)
    reached = np.zeros(component.max() + 1, bool)
    sources = informed & ~held
    reached[component[sources]] = True
    lost = []
    for part in system.outputs.parts:
        at = nodes.of(part.group, part.indices)
        for index, node in zip(part.indices, at, strict=True):
            if not reached[component[node]] and not (held[node] and informed[node]):
                lost.append(system.label(part.group, int(index)))
    return tuple(lost)


def _dense_links(form: PlacementForm, nodes: _Nodes, held: np.ndarray, informed: np.ndarray) -> list[np.ndarray]:
    """Links of a dense bundle among free nodes; an informed held node informs the whole other side."""
    sides = [nodes.of(g) for g in form.placement.groups]
    for side, other in (sides, sides[::-1]):
        if np.any(informed[side] & held[side]):
            informed[other[~held[other]]] = True
    first, second = (side[~held[side]] for side in sides)
    if not first.size or not second.size:
        return []
    return [
        np.stack([first, np.full_like(first, second[0])], 1),
        np.stack([np.full_like(second, first[0]), second], 1),
    ]
