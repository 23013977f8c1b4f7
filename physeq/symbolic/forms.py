"""The steady state of one placed component: its energy, forces, mass and parameter derivatives, each derived once.

With unreduced rates at zero, the force on an unknown x is f = −∂V/∂q + ∂T/∂q − ∂R/∂q̇ + F, and the steady-state energy
is Φ = V + R − ∫F where that integral exists: V for coordinates, the co-content R − I·v for reduced nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.component import Slot
from physeq.symbolic.functions import clip, first_function, is_supported, logcosh, softplus
from physeq.symbolic.identities import is_zero
from physeq.symbolic.placing import Placement
from physeq.symbolic.reduction import Variable
from physeq.symbolic.separate import Term, separate
from physeq.symbolic.symbols import Parameter, StateSymbol


@dataclass(frozen=True, eq=False)
class Certificate:
    """Why forces do not come from an energy: ∂f_i/∂x_j − ∂f_j/∂x_i = `defect` ≠ 0, x_i and x_j the unknowns `pair`."""

    placement: str
    component: str
    pair: tuple[StateSymbol, StateSymbol]
    defect: sp.Expr

    @property
    def formula(self) -> str:
        """The defect with what the indices mean, for messages.

        >>> import physeq as pq
        >>> w, s = pq.parameter("w"), pq.coordinate("s")
        >>> arrow = pq.Edge("arrow", force={s.target: w * s.source})
        >>> topology = pq.from_edges([0], [1], 2, directed=True)
        >>> derivation = pq.System(topology, nodes=pq.Node("unit", potential=s**2 / 2), edges=arrow).derive()
        >>> derivation.structure.certificates[0].formula
        '∂f_i/∂x_j − ∂f_j/∂x_i = -w, i the source and j the target'
        """
        x, y = self.pair
        if x.port is None or y.port is None or x.port == y.port:
            return f"the slope of the force on {x} by {y} less that of the force on {y} by {x} is {self.defect}"
        return f"∂f_i/∂x_j − ∂f_j/∂x_i = {self.defect}, i the {x.port} and j the {y.port}"


@dataclass(frozen=True, eq=False)
class PlacementForm:
    """One placed component at steady state, in the component's own port symbols.

    Attributes:
        placement: what and where.
        unknowns: {slot: its symbol}, the rate where the slot's group is reduced.
        dynamic: the slots whose group is not held as a whole.
        energy: the steady-state energy density Φ.
        forces: {slot: force that is not −∂Φ/∂x}; empty for a conservative component.
        mass: {(slot, slot): ∂²T/∂v∂v or ∂²R/∂q̇∂q̇}, what multiplies the rates of the unknowns.
        energy_terms, force_terms: separated forms, or None where the template does not separate.
        certificate: the integrability defect, or None.
    """

    placement: Placement
    unknowns: Mapping[Slot, StateSymbol]
    dynamic: tuple[Slot, ...]
    energy: sp.Expr
    forces: Mapping[Slot, sp.Expr]
    mass: Mapping[tuple[Slot, Slot], sp.Expr]
    energy_terms: tuple[Term, ...] | None
    force_terms: Mapping[Slot, tuple[Term, ...]] | None
    certificate: Certificate | None

    @property
    def separable(self) -> bool:
        """Whether everything that acts separates into products of one-port features."""
        return self.energy_terms is not None and self.force_terms is not None

    @property
    def local(self) -> bool:
        """Whether the component has one port and nothing inside: a density of the node itself."""
        return len(self.placement.component.ports) == 1 and not self.placement.component.internal

    def force(self, slot: Slot) -> sp.Expr:
        """The whole force on a slot's unknown, −∂Φ/∂x + F."""
        return derivative(-self.energy, self.unknowns[slot]) + self.forces.get(slot, sp.S.Zero)

    def curvature(self, slot: Slot) -> sp.Expr:
        """−∂f/∂x of a slot's force with respect to its own unknown."""
        return derivative(-self.force(slot), self.unknowns[slot])

    def parameter_derivative(self, parameter: Parameter) -> sp.Expr:
        """∂Φ/∂p, what an energy-based learning rule measures."""
        return derivative(self.energy, parameter)


def derivative(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """∂expression/∂symbol with δ-functions at kinks dropped; ModelError where SymPy has no derivative."""
    result = sp.diff(expression, symbol)
    if result.has(sp.DiracDelta):
        result = result.replace(lambda e: isinstance(e, sp.DiracDelta), lambda e: sp.S.Zero)
    bad = first_function(result, (sp.Derivative, sp.Subs, sp.Integral))
    if bad is not None:
        raise ModelError(
            f"{expression} cannot be differentiated by {symbol} ({bad} is left over); use differentiable functions"
        )
    return result


def placement_form(placement: Placement, variables: Mapping[tuple, Variable], held: frozenset[str]) -> PlacementForm:
    """Derive the steady-state form of one placed component.

    Args:
        placement: the placed component.
        variables: {(group, coordinate): Variable}.
        held: groups whose nodes are all clamped; forces on them do no learning and break no symmetry.
    """
    component = placement.component
    reduced = {slot: variables[placement.group_of(slot.port), slot.coordinate].reduced for slot in component.slots}
    unknowns = {slot: component.symbol(slot, int(reduced[slot])) for slot in component.slots}
    at_rest = {component.symbol(slot, order): 0 for slot in component.slots for order in range(1 + reduced[slot], 3)}
    rest_force = {}
    for slot in component.slots:
        q, rate = component.symbol(slot), component.symbol(slot, 1)
        rest_force[slot] = (
            sp.diff(component.kinetic - component.potential, q)
            - sp.diff(component.dissipation, rate)
            + component.force.get(q, sp.S.Zero)
        ).subs(at_rest)
    energy = (component.potential + component.dissipation).subs(at_rest)
    rest = {s: sp.expand(rest_force[s] + sp.diff(energy, unknowns[s])) for s in component.slots}
    dynamic = tuple(slot for slot in component.slots if placement.group_of(slot.port) not in held)
    rest = {s: f for s, f in rest.items() if s in dynamic and not is_zero(f)}
    energy, rest, certificate = _integrate(placement, unknowns, dynamic, energy, rest)
    source, target = _sides(placement, unknowns)
    two = len(component.ports) == 2 and not component.internal
    energy_terms = separate(energy, source, target) if two else None
    separated = {s: separate(f, source, target) for s, f in rest.items()} if two else {}
    found = {s: terms for s, terms in separated.items() if terms is not None}
    force_terms = found if two and len(found) == len(separated) else None
    return PlacementForm(
        placement,
        unknowns,
        dynamic,
        energy,
        rest,
        _mass(component, reduced, at_rest),
        energy_terms,
        force_terms,
        certificate,
    )


def _sides(placement: Placement, unknowns) -> tuple[set, set]:
    ports = placement.component.ports
    first, last = ({x for slot, x in unknowns.items() if slot.port == port} for port in (ports[0], ports[-1]))
    return first, last


def _mass(component, reduced, at_rest) -> dict[tuple[Slot, Slot], sp.Expr]:
    mass = {}
    for a in component.slots:
        function = component.kinetic if reduced[a] else component.dissipation
        momentum = sp.diff(function, component.symbol(a, 1))
        for b in component.slots:
            entry = sp.diff(momentum, component.symbol(b, 1)).subs(at_rest)
            if entry != 0 and reduced[a] == reduced[b]:
                mass[a, b] = entry
    return mass


def _integrate(placement, unknowns, dynamic, energy, rest):
    """Move forces that are gradients into the energy: Φ ← Φ − ∫F, by integrating one unknown after the other."""
    if not rest:
        return energy, {}, None
    for i, a in enumerate(dynamic):
        for b in dynamic[i + 1 :]:
            x, y = unknowns[a], unknowns[b]
            defect = sp.diff(rest.get(a, sp.S.Zero), y) - sp.diff(rest.get(b, sp.S.Zero), x)
            if not is_zero(defect):
                component = placement.component.name
                return energy, rest, Certificate(placement.name, component, (x, y), sp.simplify(defect))
    extra, left = sp.S.Zero, dict(rest)
    for slot in dynamic:
        remaining = left.get(slot, sp.S.Zero) + sp.diff(extra, unknowns[slot])
        if remaining.has(clip):
            return energy, rest, None
        # Without the two searches that may run for minutes.
        piece = sp.integrate(sp.expand(remaining), unknowns[slot], heurisch=False, meijerg=False)
        piece = _without_overflow(piece)
        if piece.has(sp.Integral) or piece.has(sp.Piecewise) or not is_supported(piece):
            return energy, rest, None
        extra -= piece
    return energy + extra, {}, None


def _without_overflow(integral: sp.Expr) -> sp.Expr:
    """log cosh u and log(1 + eᵘ), and what stands for them, as functions that no large u makes infinite."""

    def tame(e: sp.Expr) -> sp.Expr:
        (inside,) = e.args
        if inside.func is sp.cosh:
            return logcosh(inside.args[0])
        constant, rest = inside.as_coeff_Add()
        if constant == 1 and rest.func is sp.exp:
            return softplus(rest.args[0])
        if constant == 1 and rest.func is sp.tanh:  # 1 + tanh u = eᵘ/cosh u
            return rest.args[0] - logcosh(rest.args[0])
        return e

    return integral.replace(lambda e: isinstance(e, sp.log), tame)
