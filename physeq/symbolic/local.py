"""The local form of a group: everything that a solver needs of a node, as a function of the node and its messages.

A separable bundle reaches node i only through messages H_k,i = Σ_j c_k(p_ij) a_k(x_j), which multiply a feature φ_k of
the node: e_i(x_i) = e_own(x_i) + Σ_k H_k,i φ_k(x_i). Messages with one feature are one message, whatever bundle they
come from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.forms import PlacementForm, derivative
from physeq.symbolic.minimise import declared_equilibrium, local_equilibrium, surely_minimum
from physeq.symbolic.reduction import Variable
from physeq.symbolic.symbols import LocalSymbol, Parameter, drive, local_symbol, nudge


@dataclass(frozen=True, eq=False)
class Contribution:
    """What one bundle adds to a message: Σ over the nodes at port `sender` of coefficient(p)·feature(x).

    Attributes:
        form: the bundle's derived form.
        receiver, sender: port numbers (0 source, 1 target).
        coefficient: c(p), in the component's parameters.
        feature: a(x), in the component's symbols at the sender's port.
    """

    form: PlacementForm
    receiver: int
    sender: int
    coefficient: sp.Expr
    feature: sp.Expr


@dataclass(frozen=True, eq=False)
class Message:
    """A message symbol H, the node feature that it multiplies, and where it comes from.

    `acts_on` is None for a term H·φ of the energy, or the unknown on which H·φ is a force.
    """

    symbol: LocalSymbol
    feature: sp.Expr
    acts_on: Variable | None
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, eq=False)
class LocalForm:
    """A group's nodes: energy, force, curvature and closed-form equilibrium, in unknowns, placed parameters, messages.

    Attributes:
        variables: the group's unknowns; keys of the mappings are their keys in a state.
        own: the one-port components on the group; `elements`: forms evaluated element by element, with their port.
        parameters: {placed symbol: (placement name, parameter)}.
        energy: e_i, without the parts of `elements`.
        force: {key: −∂e/∂x + forces}, likewise.
        curvature: {key: −∂force/∂x}.
        equilibrium: {key: x* that solves force + drive = 0, or None}.
        nudged_equilibrium: the same with −β ∂C/∂x added, for outputs without a readout.
        minimum, nudged_minimum: {key: whether that x* is a minimum whatever the signs of parameters, messages and β}.
    """

    group: str
    variables: tuple[Variable, ...]
    own: tuple[PlacementForm, ...]
    elements: tuple[tuple[PlacementForm, int], ...]
    parameters: Mapping[LocalSymbol, tuple[str, Parameter]]
    messages: tuple[Message, ...]
    energy: sp.Expr
    force: Mapping[str, sp.Expr]
    curvature: Mapping[str, sp.Expr]
    equilibrium: Mapping[str, sp.Expr | None]
    nudged_equilibrium: Mapping[str, sp.Expr | None]
    minimum: Mapping[str, bool]
    nudged_minimum: Mapping[str, bool]


def placed_symbol(parameter: Parameter, placement: str, alone: bool) -> LocalSymbol:
    """The symbol of a parameter at a placement: p where only one placement has a p, p^(placement) otherwise."""
    where = r"\to ".join(rf"\mathrm{{{word}}}" for word in placement.replace("_", " ").split("->"))
    latex = parameter.latex_name if alone else f"{{{parameter.latex_name}}}^{{{where}}}"
    assumptions = {"positive": True} if parameter.is_positive else {"real": True}
    return local_symbol(f"{parameter.name}@{placement}", latex, parameter.description, parameter.unit, **assumptions)


def local_form(
    group: str,
    variables: tuple[Variable, ...],
    forms: Sequence[PlacementForm],
    placed: Mapping[str, Mapping[Parameter, LocalSymbol]],
    per_element: frozenset[str],
    cost: sp.Expr | None,
    bounded: frozenset[str],
) -> LocalForm:
    """Build the local form of a group from the forms of all placements."""
    own = tuple(f for f in forms if f.local and f.placement.groups[0] == group)
    attached = [
        (form, port)
        for form in forms
        if not form.local
        for port, name in enumerate(form.placement.groups)
        if name == group
    ]
    elements = tuple((f, port) for f, port in attached if f.placement.name in per_element)
    messages = _collect(group, variables, [(f, r) for f, r in attached if f.placement.name not in per_element])
    by_coordinate = {v.coordinate: v for v in variables}
    parameters = {
        placed[f.placement.name][p]: (f.placement.name, p) for f in own for p in f.placement.component.parameters
    }
    energy, own_force = sp.S.Zero, {v.key: sp.S.Zero for v in variables}
    for form in own:
        here = placed[form.placement.name]
        energy += form.energy.xreplace(here)
        for slot, expression in form.forces.items():
            own_force[by_coordinate[slot.coordinate].key] += expression.xreplace(here)
    energy += sum((m.symbol * m.feature for m in messages if m.acts_on is None), sp.S.Zero)
    force: dict[str, sp.Expr] = {}
    curvature: dict[str, sp.Expr] = {}
    equilibrium: dict[str, sp.Expr | None] = {}
    nudged: dict[str, sp.Expr | None] = {}
    minimum, nudged_minimum = {}, {}
    stiff = {m.symbol for m in messages if all((c.coefficient * c.feature).is_nonnegative for c in m.contributions)}
    for v in variables:
        x = v.symbol
        acting = sum((m.symbol * m.feature for m in messages if m.acts_on is v), sp.S.Zero)
        force[v.key] = derivative(-energy, x) + own_force[v.key] + acting
        curvature[v.key] = derivative(-force[v.key], x)
        has_elements = any(_touches(f, port, v) for f, port in elements)
        solvable = len(variables) == 1 and not has_elements
        equilibrium[v.key] = nudged[v.key] = None
        if solvable:
            boxed = group in bounded
            equilibrium[v.key] = _equilibrium(own, placed, force[v.key], x, boxed)
            if cost is not None and cost.has(x):
                pull = -nudge * sp.diff(cost, x)
                nudged[v.key] = local_equilibrium(force[v.key] + pull, x, bounded=boxed)
                nudged_minimum[v.key] = _is_minimum(force[v.key] + pull, x, nudged[v.key], stiff)
            minimum[v.key] = _is_minimum(force[v.key], x, equilibrium[v.key], stiff)
    return LocalForm(
        group, variables, own, elements, parameters, messages, energy, force, curvature, equilibrium, nudged, minimum,
        nudged_minimum,
    )  # fmt: skip


def _is_minimum(force: sp.Expr, x: sp.Symbol, found: sp.Expr | None, stiff: Collection[sp.Symbol]) -> bool:
    return found is not None and surely_minimum(force + drive, x, found, stiff)


def _equilibrium(own, placed, force, x, boxed) -> sp.Expr | None:
    declared = [f for f in own if f.placement.component.minimiser is not None]
    if len(declared) > 1:
        names = ", ".join(f.placement.component.name for f in declared)
        raise ModelError(f"components {names} on one group all declare a minimiser; keep one")
    if declared:
        component = declared[0].placement.component
        here = placed[declared[0].placement.name]
        back = {symbol: p for p, symbol in here.items()}
        alone = derivative(-declared[0].energy, x)
        found = declared_equilibrium(component.name, alone, force.xreplace(back), x, component.minimiser)
        return None if found is None else found.xreplace(here)
    return local_equilibrium(force, x, bounded=boxed)


def _touches(form: PlacementForm, port: int, variable: Variable) -> bool:
    name = form.placement.component.ports[port]
    return any(slot.port == name and slot.coordinate == variable.coordinate for slot in form.unknowns)


def _collect(group, variables, attached) -> tuple[Message, ...]:
    energy: dict[sp.Expr, list[Contribution]] = {}
    forces: dict[tuple[Variable, sp.Expr], list[Contribution]] = {}
    by_coordinate = {v.coordinate: v for v in variables}
    for form, receiver in attached:
        ports = form.placement.component.ports
        to_node = {
            x: by_coordinate[slot.coordinate].symbol
            for slot, x in form.unknowns.items()
            if slot.port == ports[receiver]
        }
        for term in form.energy_terms:
            feature, sent = (term.source, term.target) if receiver == 0 else (term.target, term.source)
            if feature != 1:
                key = (term.number * feature).xreplace(to_node)
                energy.setdefault(key, []).append(Contribution(form, receiver, 1 - receiver, term.coefficient, sent))
        for slot, terms in form.force_terms.items():
            if slot.port != ports[receiver]:
                continue
            for term in terms:
                feature, sent = (term.source, term.target) if receiver == 0 else (term.target, term.source)
                key = (by_coordinate[slot.coordinate], (term.number * feature).xreplace(to_node))
                forces.setdefault(key, []).append(Contribution(form, receiver, 1 - receiver, term.coefficient, sent))
    word = rf"\mathrm{{{group.replace('_', ' ')}}}"
    messages: list[Message] = []
    for key, contributions in (*energy.items(), *forces.items()):
        acts_on, feature = key if isinstance(key, tuple) else (None, key)
        k = len(messages) + 1
        symbol = local_symbol(f"H{k}@{group}", rf"H^{{{word}}}_{{{k}}}", f"message {k} to {group}")
        messages.append(Message(symbol, feature, acts_on, tuple(contributions)))
    return tuple(messages)
