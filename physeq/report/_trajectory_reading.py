"""Measured quantities of trajectories in words that follow from their expressions."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic.motion_form import MotionForm
from physeq.symbolic.separate import separate
from physeq.symbolic.symbols import StateSymbol


def reading(form: MotionForm, slope: sp.Expr) -> str | None:
    """What is measured of an element for a derivative of the Lagrangian, up to a factor; None for nothing to add.

    >>> import physeq as pq
    >>> x = pq.mechanical.x
    >>> chain = pq.System(pq.complete(2), nodes=pq.mechanical.mass(), edges=pq.mechanical.spring(), ground=0)
    >>> reading(chain.motion().layout.forms[1], -(x.target - x.source) ** 2 / 2)
    'the square of the difference of position along x across the element'
    """
    states = sorted((s for s in slope.free_symbols if isinstance(s, StateSymbol)), key=str)
    if len({(s.coordinate, s.order) for s in states}) != 1:
        return None
    what = _called(states[0])
    if len(states) == 1:
        return _power(slope, states[0], what)
    if len(states) != 2:
        return None
    a, b = states
    if sp.expand(sp.diff(slope, a) + sp.diff(slope, b)) == 0:
        across = f"the difference of {what} across the element"
        return _power(slope.subs(b, 0), a, across) or f"a function of {across}"
    terms = separate(slope, {a}, {b})
    return f"a product of {what} at both ends" if terms is not None and len(terms) == 1 else None


def _power(slope: sp.Expr, s: sp.Symbol, what: str) -> str | None:
    """That a slope is a multiple of the square, or of a higher power, of a quantity or of its departure from rest."""
    polynomial = slope.as_poly(s)
    if polynomial is None or polynomial.degree() < 1:
        return None
    degree = polynomial.degree()
    lead = {1: "", 2: "the square of ", 3: "the cube of ", 4: "the fourth power of "}.get(
        degree, f"the power {degree} of "
    )
    if all(polynomial.nth(k) == 0 for k in range(degree)):
        return f"{lead}{what}"
    root = -polynomial.nth(degree - 1) / (degree * polynomial.nth(degree))
    if sp.expand(slope - polynomial.nth(degree) * (s - root) ** degree) == 0:
        return f"{lead}{what} from its value at rest"
    return None


def _called(s: StateSymbol) -> str:
    """The name of a state in words."""
    if s.order and s.coordinate.rate_name is not None:
        return s.coordinate.rate_name if s.order == 1 else f"the rate of {s.coordinate.rate_name}"
    text = s.coordinate.description or s.coordinate.name
    return ("", "the rate of ", "the acceleration of ")[s.order] + text
