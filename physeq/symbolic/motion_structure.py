"""What the symbols say of a motion: whether it has a Hamiltonian form, what it keeps, what dissipates and drives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.identities import is_zero
from physeq.symbolic.motion import MotionKind, MotionVariable, motion_variables
from physeq.symbolic.motion_form import MotionForm, motion_form, shift_force
from physeq.symbolic.reduction import clamped_mask
from physeq.symbolic.symbols import Coordinate, StateSymbol, time
from physeq.symbolic.system import System

Variables = Mapping[tuple[str, Coordinate], MotionVariable]


@dataclass(frozen=True, eq=False)
class MotionStructure:
    """A system's motion in mass-matrix form, before it is compiled.

    Attributes:
        variables: the kind of equation of every coordinate.
        forms: the rows of every placed component.
        not_hamiltonian: why no Hamiltonian form is derived, or None.
        separable: whether that form is T(p) + V(q).
        cyclic: names of coordinates whose total momentum no force changes.
        dissipates, supplied: placements that turn energy into heat, and those that bring or take some.
        autonomous: whether no term holds the time.
    """

    variables: Variables
    forms: tuple[MotionForm, ...]
    not_hamiltonian: str | None
    separable: bool
    cyclic: tuple[str, ...]
    dissipates: tuple[str, ...]
    supplied: tuple[str, ...]
    autonomous: bool

    @property
    def moves(self) -> bool:
        """Whether there is more to the motion than relaxation: inertia, constraints, or terms in time."""
        kinds = any(v.inertia or v.kind is MotionKind.SECOND for v in self.variables.values())
        return kinds or not self.autonomous or any(f.placement.component.constraint for f in self.forms)


def motion_structure(system: System) -> MotionStructure:
    """Read the structure of a motion off its symbols.

    Raises:
        ModelError: as `motion_variables` and `motion_form`.

    >>> import physeq as pq
    >>> pendula = pq.System(pq.complete(2), nodes=pq.mechanical.pendulum(), edges=pq.mechanical.hinge())
    >>> found = motion_structure(pendula)
    >>> found.not_hamiltonian, found.separable
    (None, False)
    """
    variables = motion_variables(system)
    forms = tuple(motion_form(p, variables) for p in system.placements)
    terms = [e for f in forms for e in f.placement.component.expressions()]
    return MotionStructure(
        variables,
        forms,
        obstacle(variables, forms),
        not any(v.accelerated for v in variables.values()),
        tuple(cyclic(system, variables, forms)),
        tuple(f.placement.name for f in forms if f.dissipated != 0),
        tuple(f.placement.name for f in forms if f.supplied != 0),
        not any(e.has(time) for e in terms),
    )


def obstacle(variables: Variables, forms: Sequence[MotionForm]) -> str | None:
    """Why no Hamiltonian form of a motion is derived, naming what is in the way; None where one is.

    Only kinetic energies that are quadratic forms in the velocities are transformed. With other ones, such as terms
    B (x ẏ − y ẋ)/2 of a charge in a magnetic field, a Hamiltonian may exist all the same.
    """
    for form in forms:
        component = form.placement.component
        where = f"component {component.name!r} in {form.placement.name!r}"
        if component.dissipation != 0:
            return f"{where} dissipates ({component.dissipation})"
        if component.constraint:
            return f"{where} constrains ({component.constraint[0]} = 0)"
        rates = [component.symbol(s, 1) for s in component.slots]
        for q, force in component.force.items():
            if any(isinstance(s, StateSymbol) for s in force.free_symbols):
                return f"{where} has the force {force} on {q}, which is no derivative of an energy"
        if (rest := _not_quadratic(component.kinetic, rates)) != 0:
            terms = f"terms that are not quadratic in the velocities ({rest})"
            return f"{where} has a kinetic energy with {terms}: a Hamiltonian may exist, but physeq does not derive it"
    for (group, coordinate), v in variables.items():
        if v.kind is not MotionKind.SECOND or not v.inertia:
            return f"coordinate {coordinate} of {group!r} has no inertia (its equation is {v.kind.value})"
    return None


def _not_quadratic(kinetic: sp.Expr, rates: Sequence[sp.Symbol]) -> sp.Expr:
    """The terms of a kinetic energy for which Euler's Σ q̇ ∂T/∂q̇ = 2T of quadratic forms does not hold."""
    terms = sp.Add.make_args(sp.expand(kinetic))
    left = [sp.expand(sum((r * sp.diff(term, r) for r in rates), -2 * term)) for term in terms]
    return sp.Add(*(term for term, e in zip(terms, left, strict=True) if e != 0)) if sp.Add(*left) != 0 else sp.S.Zero


def cyclic(system: System, variables: Variables, forms: Sequence[MotionForm]) -> list[str]:
    """Names of the coordinates whose total momentum Σ ∂T/∂q̇ no force changes: a common shift costs nothing."""
    forces: dict[str, bool] = {}
    kinetic: set[str] = set()
    for form in forms:
        kinetic |= {
            s.coordinate.name for s in form.placement.component.kinetic.free_symbols if isinstance(s, StateSymbol)
        }
        for coordinate, total in shift_force(form).items():
            forces[coordinate.name] = forces.get(coordinate.name, True) and is_zero(total)
    held = {
        coordinate.name
        for (group, coordinate), v in variables.items()
        if not v.variable.internal and clamped_mask(system, group, coordinate).any()
    }
    return sorted(name for name, free in forces.items() if free and name in kinetic - held)


def hamiltonian_or_refuse(variables: Variables, forms: Sequence[MotionForm]) -> None:
    """Refuse a motion of which no Hamiltonian form is derived.

    Raises:
        ModelError: naming the component in the way.
    """
    if (why := obstacle(variables, forms)) is not None:
        raise ModelError(f"no Hamiltonian form: {why}; use an integrator for M y' = f, such as Rodas5P()")
