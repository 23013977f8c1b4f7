"""What the symbols say of a motion as a whole trajectory: time reversal, separability, reciprocity, what dissipates.

Learning rules of trajectories ask for these; each finding names the component that breaks it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import sympy as sp

from physeq.shown import Shown
from physeq.symbolic.component import Component
from physeq.symbolic.functions import NOT_HOLOMORPHIC
from physeq.symbolic.identities import depends_on, is_zero
from physeq.symbolic.motion import MotionKind
from physeq.symbolic.motion_structure import motion_structure
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import StateSymbol, time
from physeq.symbolic.system import System


@dataclass(frozen=True)
class Finding:
    """What one placed component does to a property.

    Attributes:
        component, placement: its names.
        what: a phrase that follows them, with the term.
    """

    component: str
    placement: str
    what: str

    def __str__(self) -> str:
        return f"component {self.component!r} in {self.placement!r} {self.what}"


@dataclass(frozen=True)
class TrajectoryStructure(Shown):
    """The properties of a motion that learning rules of trajectories ask for; empty findings mean that it has them.

    Attributes:
        dissipation: components with a Rayleigh function.
        nonlinear_dissipation: those of them whose ∂R/∂q̇ is not linear in the rates, with coefficients free of states.
        non_reciprocal: forces that depend on states and are no derivative of an energy.
        undeclared_energy: forces that depend on states and would be derivatives of an energy, but are not declared so.
        odd_in_momentum: terms linear in the rates (a magnetic field): H(q, p) ≠ H(q, −p).
        not_separable: inertia that depends on states or time, so that H ≠ T(p) + V(q).
        not_quadratic: kinetic energies of another degree than two in the rates.
        nonlinear: components whose equations are not linear in the states.
        not_holomorphic: components with a function of states that does not continue to complex ones.
        constraints: components with constraints.
        in_time: components whose terms hold the time.
        without_inertia: coordinates without inertia, as "coordinate of 'group'".
        inputs: names of the inputs.
    """

    dissipation: tuple[Finding, ...]
    nonlinear_dissipation: tuple[Finding, ...]
    non_reciprocal: tuple[Finding, ...]
    undeclared_energy: tuple[Finding, ...]
    odd_in_momentum: tuple[Finding, ...]
    not_separable: tuple[Finding, ...]
    not_quadratic: tuple[Finding, ...]
    nonlinear: tuple[Finding, ...]
    not_holomorphic: tuple[Finding, ...]
    constraints: tuple[Finding, ...]
    in_time: tuple[Finding, ...]
    without_inertia: tuple[str, ...]
    inputs: tuple[str, ...]

    def __repr__(self) -> str:
        named = ("conservative", "reciprocal", "time_reversible", "separable", "linear", "driven")
        facts = [f"{'' if getattr(self, name) else 'not '}{name.replace('_', ' ')}" for name in named]
        return f"TrajectoryStructure({', '.join(facts)})"

    @property
    def conservative(self) -> bool:
        """Whether the motion is an extremal of an action: no dissipation, every force of an energy or given in time."""
        return not (self.dissipation or self.non_reciprocal or self.undeclared_energy)

    @property
    def reciprocal(self) -> bool:
        """Whether every coupling acts back as it acts: forces are derivatives of scalars, nothing odd in momentum."""
        return not (self.non_reciprocal or self.odd_in_momentum)

    @property
    def time_reversible(self) -> bool:
        """Whether the motion backwards, momenta flipped and drives reversed, is a motion: H even in momenta."""
        return self.conservative and not self.odd_in_momentum

    @property
    def separable(self) -> bool:
        """Whether H = T(p) + V(q), with inertia everywhere."""
        return self.conservative and not (
            self.odd_in_momentum or self.not_separable or self.not_quadratic or self.constraints or self.without_inertia
        )

    @property
    def linear(self) -> bool:
        """Whether the equations of motion are linear in the states."""
        return not self.nonlinear

    @property
    def driven(self) -> bool:
        """Whether a term or an input moves in time."""
        return bool(self.in_time or self.inputs)

    def report(self) -> list[tuple[str, str]]:
        """(property, "yes", or "no: " with the first component that breaks it), for pages and tables."""

        def answer(*findings: tuple) -> str:
            found = [f for group in findings for f in group]
            return f"no: {found[0]}" if found else "yes"

        inertia = tuple(f"{c} has no inertia" for c in self.without_inertia)
        energy = (self.non_reciprocal, self.undeclared_energy)
        driven = [str(f) for f in self.in_time] + [f"input {name!r}" for name in self.inputs]
        return [
            ("extremal of an action", answer(self.dissipation, *energy)),
            ("time reversal (H even in momenta)", answer(self.dissipation, *energy, self.odd_in_momentum)),
            (
                "separable, H = T(p) + V(q)",
                answer(
                    self.dissipation,
                    *energy,
                    self.odd_in_momentum,
                    self.not_quadratic,
                    self.not_separable,
                    self.constraints,
                    inertia,
                ),
            ),
            ("reciprocal", answer(self.non_reciprocal, self.odd_in_momentum)),
            ("linear", answer(self.nonlinear)),
            ("dissipation", "; ".join(map(str, self.dissipation[:3])) or "none"),
            ("driven", "; ".join(driven[:3]) or "no, autonomous"),
        ]


def trajectory_structure(system: System) -> TrajectoryStructure:
    """Read the properties of a motion that concern whole trajectories off its symbols.

    >>> import physeq as pq
    >>> pendula = pq.System(pq.complete(2), nodes=pq.mechanical.pendulum(), edges=pq.mechanical.damper())
    >>> found = trajectory_structure(pendula)
    >>> found.time_reversible, found.linear
    (False, False)
    """
    found: dict[str, list[Finding]] = {f.name: [] for f in fields(TrajectoryStructure)[:-2]}
    variables = motion_structure(system).variables
    for placement in system.placements:
        for name, what in _findings(placement.component):
            found[name].append(Finding(placement.component.name, placement.name, what))
        for name, what in _state_dependent_inertia(placement):
            found[name].append(Finding(placement.component.name, placement.name, what))
    bare = [
        f"coordinate {coordinate} of {group!r}"
        for (group, coordinate), v in variables.items()
        if not v.inertia and not (v.variable.internal and v.kind is not MotionKind.FIRST)
    ]
    known = {name: tuple(values) for name, values in found.items()}
    inputs = tuple(entry.name for entry in system.inputs)
    return TrajectoryStructure(**known, without_inertia=tuple(bare), inputs=inputs)


def _findings(component: Component):
    rates = [component.symbol(s, 1) for s in component.slots]
    states = {component.symbol(s, order) for s in component.slots for order in (0, 1)}
    if component.dissipation != 0:
        yield "dissipation", f"dissipates ({component.dissipation})"
        slopes = [sp.diff(component.dissipation, a, b) for a in rates for b in rates]
        if any(s.free_symbols & states for s in slopes):
            yield "nonlinear_dissipation", f"has a friction that is not linear in the rates ({component.dissipation})"
    pushed = {q: f for q, f in component.force.items() if f.free_symbols & states}
    if pushed:
        q, f = next(iter(pushed.items()))
        if _integrable(component, rates):
            yield "undeclared_energy", f"has the force {f} on {q}; declare it as a potential"
        else:
            yield "non_reciprocal", f"has the force {f} on {q}, which is no derivative of an energy"
    linear = [sp.diff(component.kinetic, r).subs(dict.fromkeys(rates, 0)) for r in rates]
    if not all(is_zero(entry) for entry in linear):
        yield (
            "odd_in_momentum",
            f"has a kinetic energy with a part odd in the rates ({component.kinetic})",
        )
    elif sp.expand(sum((r * sp.diff(component.kinetic, r) for r in rates), sp.S.Zero) - 2 * component.kinetic) != 0:
        yield "not_quadratic", f"has a kinetic energy that is not quadratic in the rates ({component.kinetic})"
    curved = [component.kinetic, component.potential, component.dissipation]
    bends = [sp.diff(e, a, b) for e in curved for a in states for b in states]
    bends += [sp.diff(f, a) for f in (*component.force.values(), *component.constraint) for a in states]
    if any(depends_on(b, states) for b in bends):
        yield "nonlinear", "is not linear in the states"
    for term, expression in component.terms():
        parts = sorted((a for a in sp.preorder_traversal(expression) if isinstance(a, NOT_HOLOMORPHIC)), key=str)
        if spoiled := [a for a in parts if any(isinstance(s, StateSymbol) for s in a.free_symbols)]:
            yield "not_holomorphic", f"has {spoiled[0]} in its {term}"
            break
    if component.constraint:
        yield "constraints", f"constrains ({component.constraint[0]} = 0)"
    if any(e.has(time) for e in component.expressions()):
        yield "in_time", "holds the time"


def _integrable(component: Component, rates: list[StateSymbol]) -> bool:
    """Whether the forces, on coordinates, are the gradient of a function of the coordinates."""
    positions = [component.symbol(s) for s in component.slots]
    forces = [component.force.get(q, sp.S.Zero) for q in positions]
    if any(f.free_symbols & set(rates) for f in forces):
        return False
    return all(
        is_zero(sp.diff(f, b) - sp.diff(g, a))
        for a, f in zip(positions, forces, strict=True)
        for b, g in zip(positions, forces, strict=True)
    )


def _state_dependent_inertia(placement: Placement):
    component = placement.component
    rates = [component.symbol(s, 1) for s in component.slots]
    for a in rates:
        for b in rates:
            entry = sp.diff(component.kinetic, a, b)
            if depends_on(entry, [s for s in entry.free_symbols if isinstance(s, StateSymbol) or s == time]):
                yield "not_separable", f"has an inertia that depends on the state ({entry})"
                return
