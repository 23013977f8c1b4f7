"""The response of a component's forces to its parameters: P = Σ_slots λ f(x, p), with one weight λ per unknown.

∂P/∂p is what rules for systems without an energy measure (λ a displacement or an error), and what the adjoint method
contracts (λ the adjoint state). Like an energy it separates into products of features of the two ends.
"""

from __future__ import annotations

import sympy as sp

from physeq.symbolic.component import Slot
from physeq.symbolic.forms import PlacementForm, derivative
from physeq.symbolic.separate import Term, separate, split_factors
from physeq.symbolic.symbols import LocalSymbol, Parameter, StateSymbol, local_symbol


def response_symbol(unknown: StateSymbol) -> LocalSymbol:
    """The weight λ of the force on an unknown of a component, as printed.

    >>> from physeq.symbolic import coordinate
    >>> response_symbol(coordinate("s").target).latex_name
    '\\\\lambda_{s_{j}}'
    """
    return local_symbol(f"lambda@{unknown.name}", rf"\lambda_{{{unknown.latex_name}}}", f"response of {unknown.name}")


def response_symbols(form: PlacementForm) -> dict[Slot, LocalSymbol]:
    """{slot: λ} of the slots whose group is not held as a whole."""
    return {slot: response_symbol(form.unknowns[slot]) for slot in form.dynamic}


def response_derivative(form: PlacementForm, parameter: Parameter) -> sp.Expr:
    """∂P/∂p = Σ_slots λ ∂f/∂p."""
    symbols = response_symbols(form)
    return sum((weight * derivative(form.force(slot), parameter) for slot, weight in symbols.items()), sp.S.Zero)


def response_terms(form: PlacementForm, parameter: Parameter) -> tuple[Term, ...] | None:
    """∂P/∂p as Σ_k c_k(p) a_k(x_s, λ_s) b_k(x_t, λ_t), or None where it does not separate or has not two ports."""
    component = form.placement.component
    if len(component.ports) != 2 or component.internal:
        return None
    weights = response_symbols(form)
    sides: list[set[sp.Symbol]] = [
        {form.unknowns[slot] for slot in form.unknowns if slot.port == port}
        | {weight for slot, weight in weights.items() if slot.port == port}
        for port in component.ports
    ]
    source, target = sides
    found: list[Term] = []
    for part in sp.Add.make_args(response_derivative(form, parameter)):
        # Unexpanded first: λ(1 − tanh² s) is one feature, and two when it is multiplied out.
        whole = split_factors(part, source, target)
        terms = (whole,) if whole is not None else separate(part, source, target, limit=24)
        if terms is None:
            return None
        found += terms
    return _gathered(_gathered(found, "source"), "target")


def _gathered(terms, side: str) -> tuple[Term, ...]:
    """Terms that differ in the feature of one side alone, as one term with the sum of their features."""
    sums: dict[tuple, sp.Expr] = {}
    for t in terms:
        mine, other = (t.source, t.target) if side == "source" else (t.target, t.source)
        key = (t.coefficient, other)
        sums[key] = sums.get(key, sp.S.Zero) + t.number * mine
    gathered = []
    for (coefficient, other), total in sums.items():
        number, feature = total.as_coeff_Mul()
        if number:
            ends = (feature, other) if side == "source" else (other, feature)
            gathered.append(Term(number, coefficient, *ends))
    return tuple(gathered)
