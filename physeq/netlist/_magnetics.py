"""Inductors that K elements couple: which belong together, and more than two windings on one core."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import sympy as sp

from physeq.errors import ModelError
from physeq.library.electrical import phi
from physeq.netlist.records import Coupling, Element, Inductor
from physeq.symbolic import Component, coordinate, parameter


@dataclass(frozen=True)
class Windings:
    """Inductors that couplings join, directly or through others."""

    inductors: tuple[Inductor, ...]
    couplings: tuple[Coupling, ...]

    @property
    def label(self) -> str:
        """The name of the component that they make: that of its couplings."""
        return "_".join(coupling.name for coupling in self.couplings)

    def matrix(self) -> np.ndarray:
        """The inductance matrix: ψ = L i, with L_ij = k_ij √(L_i L_j)."""
        index = {inductor.name: i for i, inductor in enumerate(self.inductors)}
        result = np.diag([inductor.inductance for inductor in self.inductors])
        for coupling in self.couplings:
            i, j = (index[name] for name in coupling.inductors)
            result[i, j] = result[j, i] = coupling.coefficient * np.sqrt(result[i, i] * result[j, j])
        return result

    def inverse_inductances(self) -> dict[str, float]:
        """The values of `coupled_inductors`."""
        inverse = np.linalg.inv(self.matrix())
        count = len(self.inductors)
        return {_entry(i, j): float(inverse[i, j]) for i in range(count) for j in range(i, count)}


def couplings(elements: Iterable[Element]) -> list[Windings]:
    """The groups of coupled inductors.

    Raises:
        ModelError: a pair coupled twice, or couplings whose energy is not positive definite (a perfect one, k = 1,
            is not: its windings have one flux between them).
    """
    graph = nx.Graph()
    inductors: dict[str, Inductor] = {}
    for element in elements:
        if isinstance(element, Inductor):
            inductors[element.name] = element
        elif isinstance(element, Coupling):
            first, second = element.inductors
            if graph.has_edge(first, second):
                other = graph.edges[first, second]["coupling"]
                raise ModelError(
                    f"{element.name} in line {element.line} couples {first} and {second}, which {other.name} in line "
                    f"{other.line} couples already; keep one of them"
                )
            graph.add_edge(first, second, coupling=element)
    groups = []
    for names in nx.connected_components(graph):
        joined = [coupling for _, _, coupling in graph.subgraph(names).edges(data="coupling")]
        group = Windings(
            tuple(inductor for name, inductor in inductors.items() if name in names),
            tuple(sorted(joined, key=lambda coupling: coupling.line)),
        )
        _check(group)
        groups.append(group)
    return groups


def _check(group: Windings) -> None:
    scale = np.sqrt(np.diag(group.matrix()))
    if np.linalg.eigvalsh(group.matrix() / np.outer(scale, scale)).min() < 1e-12:
        names = ", ".join(f"{coupling.name} (line {coupling.line})" for coupling in group.couplings)
        raise ModelError(
            f"the couplings {names} have no positive energy: perfectly or more than perfectly coupled windings share "
            "one flux; lower the coefficients, for example to 0.999999"
        )


def _entry(i: int, j: int) -> str:
    return f"gamma_{i + 1}_{j + 1}"


def coupled_inductors(windings: int) -> Component:
    """Any number of coupled inductors, p1 → n1, p2 → n2, ...: V = ½ Σ_ij Γ_ij ψ_i ψ_j, with Γ the inverse of L.

    ψ̇_k = v(p_k) − v(n_k), and the multipliers are the currents i = Γ ψ. The entries Γ_ij, i ≤ j, in 1/H are the
    parameters `gamma_i_j`.

    >>> coupled_inductors(3).ports
    ('p1', 'n1', 'p2', 'n2', 'p3', 'n3')
    """
    fluxes = [
        coordinate(f"psi_{k + 1}", unit="Wb", rate_unit="V", description="flux of a winding") for k in range(windings)
    ]
    potential, constraint = sp.S.Zero, []
    for i, flux in enumerate(fluxes):
        constraint.append(flux.dot - (phi.at(f"p{i + 1}").dot - phi.at(f"n{i + 1}").dot))
        for j in range(i, windings):
            gamma = parameter(_entry(i, j), trainable=False, unit="1/H", description="inverse inductance")
            potential += gamma * flux * fluxes[j] / (2 if i == j else 1)
    return Component(
        "coupled inductors",
        ports=tuple(f"{end}{k + 1}" for k in range(windings) for end in "pn"),
        potential=potential,
        constraint=tuple(constraint),
        internal=tuple(fluxes),
        description=f"{windings} magnetically coupled inductors",
    )
