"""The structure report: what the symbols alone say of a system, with the component that spoils each property."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

import sympy as sp

from physeq.shown import Shown
from physeq.symbolic.forms import Certificate, PlacementForm
from physeq.symbolic.functions import NOT_DIFFERENTIABLE, NOT_HOLOMORPHIC, first_function, sigmoid
from physeq.symbolic.identities import negative_somewhere
from physeq.symbolic.poles import Pole, moves, poles
from physeq.symbolic.reduction import Order, Variable
from physeq.symbolic.symbols import StateSymbol, time


class SystemClass(Enum):
    """Class of the equations of motion."""

    ALGEBRAIC = "algebraic"
    FIRST_ORDER = "first order"
    SECOND_ORDER = "second order"
    DAE = "differential-algebraic"


@dataclass(frozen=True)
class Obstacle:
    """Why a property fails: the component, and the function, term or expression at fault."""

    placement: str
    component: str
    what: str


@dataclass(frozen=True, eq=False)
class Structure(Shown):
    """Properties of a derived system. True and False are certain; None is undecided from the symbols.

    Attributes:
        system_class: the class of its equations.
        conservative: whether all forces on free nodes come from one energy; `certificates` tell why not.
        holomorphic: whether every term continues to complex states; `not_holomorphic` names what does not.
        poles: where the terms that continue are singular, pole by pole and branch point by branch point.
        linear: whether all forces are affine in the unknowns and nothing is bounded.
        quadratic: linear, and conservative: a quadratic energy.
        convex: whether every term of the energy is convex; `not_convex` lists the terms that are not known to be.
        not_differentiable: forces with a jump, which exact derivatives cannot follow.
        bounded: placements that bound an unknown.
        autonomous: whether no term holds the time.
    """

    system_class: SystemClass
    conservative: bool
    certificates: tuple[Certificate, ...]
    holomorphic: bool
    not_holomorphic: tuple[Obstacle, ...]
    poles: tuple[Pole, ...]
    linear: bool
    nonlinear: tuple[Obstacle, ...]
    quadratic: bool
    convex: bool | None
    not_convex: tuple[Obstacle, ...]
    not_differentiable: tuple[Obstacle, ...]
    bounded: tuple[str, ...]
    autonomous: bool
    constraints: tuple[str, ...]

    def __repr__(self) -> str:
        words = {True: "{}", False: "not {}", None: "{} undecided"}
        named = ("conservative", "holomorphic", "linear", "convex", "autonomous")
        facts = [words[getattr(self, name)].format(name) for name in named]
        return f"Structure({', '.join([self.system_class.value, *facts])})"

    def to_dict(self) -> dict:
        """A JSON-able summary."""
        return {
            "class": self.system_class.value,
            "conservative": self.conservative,
            "certificates": [
                {"placement": c.placement, "component": c.component, "defect": str(c.defect)} for c in self.certificates
            ],
            "holomorphic": self.holomorphic,
            "not_holomorphic": [vars(o) for o in self.not_holomorphic],
            "poles": [p.to_dict() for p in self.poles],
            "linear": self.linear,
            "nonlinear": [vars(o) for o in self.nonlinear],
            "quadratic": self.quadratic,
            "convex": self.convex,
            "not_convex": [vars(o) for o in self.not_convex],
            "not_differentiable": [vars(o) for o in self.not_differentiable],
            "bounded": list(self.bounded),
            "autonomous": self.autonomous,
            "constraints": list(self.constraints),
        }


def structure(variables: Mapping[tuple, Variable], forms: tuple[PlacementForm, ...], cost: sp.Expr | None) -> Structure:
    """Read the structure report off the derived forms."""
    certificates = tuple(f.certificate for f in forms if f.certificate is not None)
    conservative = not any(f.forces for f in forms)
    not_holomorphic, nonlinear, not_convex, jumps, bounded = [], [], [], [], []
    singular: list[Pole] = []
    for form in forms:
        component, name = form.placement.component, form.placement.name
        held = _held(form)
        bad = [f"{term}: {part}" for term, e in component.terms() if (part := _not_holomorphic(e, held)) is not None]
        singular += poles(name, component.name, component.expressions(), held)
        if any(end not in (sp.oo, -sp.oo) for interval in component.bounds.values() for end in interval):
            bounded.append(name)
            bad.append("bounds (a projection)")
        for term, e in component.terms():
            if (jump := first_function(e, NOT_DIFFERENTIABLE)) is not None:
                jumps.append(Obstacle(name, component.name, f"{term}: {jump}"))
        not_holomorphic += [Obstacle(name, component.name, what) for what in bad]
        for slot in form.dynamic:
            force = form.force(slot)
            if any(sp.diff(force, x).free_symbols & set(form.unknowns.values()) for x in form.unknowns.values()):
                nonlinear.append(Obstacle(name, component.name, f"force on {form.unknowns[slot]}: {force}"))
                break
        if not _is_convex(form):
            not_convex.append(Obstacle(name, component.name, str(form.energy)))
    if cost is not None:
        if (spoiler := _not_holomorphic(cost)) is not None:
            not_holomorphic.append(Obstacle("cost", "cost", str(spoiler)))
        singular += poles("cost", "cost", [cost])
    linear = not nonlinear and not bounded
    convex = None if not_convex else True
    if linear and not_convex and any(_is_concave_somewhere(f) for f in forms) and len(forms) == 1:
        convex = False
    constraints = tuple(f.placement.name for f in forms if f.placement.component.constraint)
    return Structure(
        system_class=_class(variables, bool(constraints)),
        conservative=conservative,
        certificates=certificates,
        holomorphic=not not_holomorphic,
        not_holomorphic=tuple(not_holomorphic),
        poles=tuple(singular),
        linear=linear,
        nonlinear=tuple(nonlinear),
        quadratic=linear and conservative,
        convex=convex if conservative else None,
        not_convex=tuple(not_convex),
        not_differentiable=tuple(jumps),
        bounded=tuple(bounded),
        autonomous=not any(e.has(time) for f in forms for e in f.placement.component.expressions()),
        constraints=constraints,
    )


def _held(form: PlacementForm) -> frozenset[sp.Symbol]:
    """The declared symbols of unknowns that are held as a whole: known real numbers."""
    component = form.placement.component
    symbols = {x for e in component.expressions() for x in e.free_symbols if isinstance(x, StateSymbol)}
    return frozenset(x for x in symbols if component.slot(x) not in form.dynamic)


def _not_holomorphic(expression: sp.Expr, held: Collection[sp.Symbol] = ()) -> sp.Expr | None:
    """The first function of an unknown that does not continue to complex arguments; of parameters alone all do."""
    found = sorted((p for p in sp.preorder_traversal(expression) if isinstance(p, NOT_HOLOMORPHIC)), key=str)
    return next((part for part in found if moves(part, held)), None)


def _class(variables: Mapping[tuple, Variable], constrained: bool) -> SystemClass:
    orders = {c.order for v in variables.values() for c in v.classes}
    if constrained or (Order.ALGEBRAIC in orders and len(orders) > 1):
        return SystemClass.DAE
    if Order.SECOND in orders:
        return SystemClass.SECOND_ORDER
    return SystemClass.FIRST_ORDER if Order.FIRST in orders else SystemClass.ALGEBRAIC


def _hessian(form: PlacementForm) -> sp.Matrix:
    unknowns = [form.unknowns[slot] for slot in form.dynamic]
    return sp.Matrix(len(unknowns), len(unknowns), lambda i, j: sp.diff(form.energy, unknowns[i], unknowns[j]))


def _is_convex(form: PlacementForm) -> bool:
    """Whether the Hessian in the free unknowns is positive semidefinite, by its principal minors."""
    hessian = _hessian(form)
    # σ(x) = e/(1 + e) with some e > 0 shows SymPy that σ(1 − σ) is positive.
    steep = {part: sp.Dummy("e", positive=True) for part in hessian.atoms(sigmoid)}
    hessian = hessian.xreplace({part: e / (1 + e) for part, e in steep.items()})
    n = hessian.shape[0]
    if n == 0 or hessian.is_zero_matrix:
        return True
    if n > 3:
        return False
    for mask in range(1, 2**n):
        rows = [i for i in range(n) if mask >> i & 1]
        minor = hessian.extract(rows, rows).det()
        if minor.is_nonnegative:
            continue
        if negative_somewhere(minor) or not sp.simplify(minor).is_nonnegative:
            return False
    return True


def _is_concave_somewhere(form: PlacementForm) -> bool:
    hessian = _hessian(form)
    return any(sp.simplify(hessian[i, i]).is_negative for i in range(hessian.shape[0]))
