"""`derive`: the symbolic stage of a system, once per kind of component, whatever the number of elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.connectivity import Floating, floating, unreached_outputs
from physeq.symbolic.forms import PlacementForm, placement_form
from physeq.symbolic.functions import ACROSS_OUTPUTS
from physeq.symbolic.local import LocalForm, local_form, placed_symbol
from physeq.symbolic.place import Clamp, Drive, NodeSet
from physeq.symbolic.reduction import Variable, clamped_mask, variables
from physeq.symbolic.separate import Term, separate
from physeq.symbolic.structure import Structure, structure
from physeq.symbolic.symbols import Coordinate, LocalSymbol, Parameter, StateSymbol, Target
from physeq.symbolic.system import System


@dataclass(frozen=True, eq=False)
class CostForm:
    """The cost C, per output node (or readout unit): its density, its variable and its target.

    Attributes:
        density: C_k in `variable` and `target`.
        variable: the output unknown, or the readout's z.
        derivative: ∂C_k/∂variable.
        readout_terms: separated drive of the readout, Σ c(p_jk) a(x_j), or None without a readout.
        unknowns: {group: the output Variable}.
    """

    density: sp.Expr
    variable: StateSymbol
    target: Target | None
    derivative: sp.Expr
    readout_terms: tuple[Term, ...] | None
    unknowns: Mapping[str, Variable]

    @property
    def linear_derivative(self) -> bool:
        """Whether ∂C/∂x is affine in x (a quadratic cost of a linear readout), so that a nudge keeps a linear system
        linear."""
        x = next(iter(self.unknowns.values())).symbol
        linear = all(term.source.diff(x, 2) == 0 for term in self.readout_terms or ())
        return linear and self.derivative.diff(self.variable, 2) == 0

    @property
    def curvature_per_sample(self) -> bool:
        """Whether ∂²C/∂x² holds the target, so that it differs from sample to sample."""
        return self.target is not None and self.derivative.diff(self.variable).has(self.target)

    @property
    def squared_error(self) -> bool:
        """Whether C is ½(x − y)² summed over the outputs themselves, without a readout."""
        if self.readout_terms is not None or self.target is None:
            return False
        return sp.expand(self.density - (self.variable - self.target) ** 2 / 2) == 0


@dataclass(frozen=True, eq=False)
class Derivation:
    """What the symbolic stage found; compiled models and pages both read it.

    Attributes:
        system: the declared system.
        variables: {(group, coordinate): Variable}.
        forms: one steady-state form per placement, in the system's order.
        locals: {group: LocalForm} of every group that is not held as a whole.
        placed: {placement: {parameter: its symbol on pages}}.
        held: groups whose nodes are all clamped.
        per_element: placements evaluated element by element instead of through messages.
        cost: the cost's form, or None.
        structure: the structure report.
    """

    system: System
    variables: Mapping[tuple[str, Coordinate], Variable]
    forms: tuple[PlacementForm, ...]
    locals: Mapping[str, LocalForm]
    placed: Mapping[str, Mapping[Parameter, LocalSymbol]]
    held: frozenset[str]
    per_element: frozenset[str]
    cost: CostForm | None
    structure: Structure

    def form(self, placement: str) -> PlacementForm:
        """The form of the placement of that name."""
        return next(form for form in self.forms if form.placement is self.system.placement(placement))

    def group_variables(self, group: str) -> tuple[Variable, ...]:
        """The unknowns of a group."""
        return tuple(v for (g, _), v in self.variables.items() if g == group)

    @cached_property
    def floating(self) -> tuple[Floating, ...]:
        """Sets of nodes whose common level nothing fixes."""
        return floating(self.system, tuple(self.variables.values()), self.forms)

    @cached_property
    def unreached_outputs(self) -> tuple:
        """Labels of outputs that no input influences."""
        return unreached_outputs(self.system, tuple(self.variables.values()), self.forms)

    @cached_property
    def held_outputs(self) -> tuple:
        """Labels of outputs that a ground, a fixed value or a clamped input holds."""
        parts = () if self.cost is None else self.system.outputs.parts
        found = []
        for part in parts:
            held = clamped_mask(self.system, part.group, self.cost.unknowns[part.group].coordinate)
            found += [self.system.label(part.group, int(i)) for i in part.indices if held[i]]
        return tuple(found)

    def node_variable(self, group: str, coordinate: str | None, what: str) -> Variable:
        """The unknown that an input or output means on a group; ModelError where the coordinate must be named."""
        found = self.group_variables(group)
        if coordinate is None and len(found) == 1:
            return found[0]
        for v in found:
            if coordinate in (v.coordinate.name, v.key):
                return v
        names = [v.key for v in found]
        raise ModelError(
            f"{what}: group {group!r} has coordinates {names}; say which, e.g. Clamp(nodes, coordinate={names[0]!r})"
        )


def derive(system: System, *, per_element: Iterable[str] = ()) -> Derivation:
    """Derive a system's equations, steady state, local forms and structure.

    Args:
        system: the declared system.
        per_element: names of bundles to evaluate element by element even where their template separates.

    Raises:
        ModelError: a component whose derivative does not exist, a group without terms, a cost in the wrong variable.

    >>> import physeq as pq
    >>> s, w, b = pq.coordinate("s"), pq.parameter("w"), pq.parameter("b")
    >>> unit = pq.Node("unit", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2)
    >>> synapse = pq.Edge("synapse", potential=-w * s.source * s.target)
    >>> d = derive(pq.System(pq.layered([4, 3, 2]), nodes=unit, edges=synapse, inputs="input"))
    >>> d.structure.system_class.value, d.structure.conservative
    ('first order', True)
    >>> sorted(str(term) for term in d.locals["hidden"].force["s"].args)
    ['-s', 'H1@hidden', 'b@hidden']
    """
    found = {(v.group, v.coordinate): v for v in variables(system)}
    free = {v.group for v in found.values() if v.internal or not clamped_mask(system, v.group, v.coordinate).all()}
    held = frozenset(v.group for v in found.values()) - free
    forms = tuple(placement_form(p, found, held) for p in system.placements)
    known = {p.name for p in system.placements}
    if unknown := set(per_element) - known:
        raise ModelError(f"per_element names {sorted(unknown)}, but the placements are {sorted(known)}")
    element_wise = frozenset(per_element) | {
        f.placement.name for f in forms if not f.local and (not f.separable or f.placement.component.signals)
    }
    counts: dict[str, int] = {}
    for placement in system.placements:
        for p in placement.component.parameters:
            counts[p.latex_name] = counts.get(p.latex_name, 0) + 1
    placed = {
        p.name: {q: placed_symbol(q, p.name, counts[q.latex_name] == 1) for q in p.component.parameters}
        for p in system.placements
    }
    cost = _cost_form(system, found)
    bounded = frozenset(
        f.placement.group_of(f.placement.component.slot(s).port)
        for f in forms
        for s, interval in f.placement.component.bounds.items()
        if any(end not in (sp.oo, -sp.oo) for end in interval)
    )
    locals_ = {}
    for group in dict.fromkeys(v.group for v in found.values()):
        if group in held:
            continue
        here = tuple(v for (g, _), v in found.items() if g == group)
        # Costs that mix outputs have no local form: a node's nudge depends on the other outputs.
        local_cost = cost and cost.readout_terms is None and not cost.density.has(*ACROSS_OUTPUTS)
        density = cost.density if local_cost and group in cost.unknowns else None
        locals_[group] = local_form(group, here, forms, placed, element_wise, density, bounded)
    # Held groups have no equations, so their order in time says nothing about the system's class.
    moving = {key: v for key, v in found.items() if v.group not in held}
    return Derivation(
        system, found, forms, locals_, placed, held, element_wise, cost, structure(moving, forms, system.cost)
    )


def _cost_form(system: System, found: Mapping) -> CostForm | None:
    if system.cost is None:
        return None
    unknowns = {}
    for group in system.outputs.groups:
        here = [v for (g, _), v in found.items() if g == group]
        wanted = system.readout.drive if system.readout else system.cost
        matching = [v for v in here if wanted.has(v.symbol)]
        if len(matching) > 1:
            held = " and ".join(str(v.symbol) for v in matching)
            raise ModelError(
                f"cost {wanted}: it holds {held} of output group {group!r}; a steady-state cost may hold exactly one "
                "of the coordinates of a node, so keep one of them"
            )
        if not matching:
            options = " or ".join(str(v.symbol) for v in here)
            raise ModelError(
                f"cost {wanted}: output group {group!r} has the unknown {options} (a coordinate that nothing holds is "
                "reduced to its rate); write the cost in that"
            )
        unknowns[group] = matching[0]
    targets = [s for s in system.cost.free_symbols if isinstance(s, Target)]
    states = {s for s in system.cost.free_symbols if isinstance(s, StateSymbol)}
    variable = system.readout.output if system.readout else next(iter(unknowns.values())).symbol
    if states - {variable}:
        raise ModelError(
            f"cost: it may hold {variable} and a target, but it holds {sorted(map(str, states - {variable}))}"
        )
    terms = None
    if system.readout is not None:
        x = {v.symbol for v in unknowns.values()}
        terms = separate(system.readout.drive, x, set())
        if terms is None:
            raise ModelError(
                f"readout drive {system.readout.drive} must separate into parameter × feature, such as w*s"
            )
    return CostForm(
        system.cost, variable, targets[0] if targets else None, sp.diff(system.cost, variable), terms, unknowns
    )


def clamped_inputs(system: System) -> list[tuple[str, NodeSet, str | None]]:
    """(input name, nodes, coordinate) of every clamped input."""
    return [(i.name, i.nodes, i.kind.coordinate) for i in system.inputs if isinstance(i.kind, Clamp) and i.nodes]


def driven_inputs(system: System) -> list[tuple[str, NodeSet, str | None]]:
    """(input name, nodes, coordinate) of every input that drives nodes with a force."""
    return [(i.name, i.nodes, i.kind.coordinate) for i in system.inputs if isinstance(i.kind, Drive) and i.nodes]
