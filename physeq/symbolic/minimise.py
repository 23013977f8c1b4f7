"""Closed-form local equilibria: solve f(x) + D = 0 for one unknown x, D an extra force.

Three forms are known (linear, sinusoidal, one invertible function); a component may declare its own. Every result is
checked by putting it back into the equation at random points.
"""

from __future__ import annotations

from collections.abc import Collection

import sympy as sp
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from physeq.errors import ModelError
from physeq.symbolic.functions import is_supported, sigmoid
from physeq.symbolic.identities import random_points
from physeq.symbolic.symbols import drive


def local_equilibrium(force: sp.Expr, x: sp.Symbol, *, bounded: bool = False) -> sp.Expr | None:
    """The root x* of `force` + drive = 0 that is a minimum, or None where no closed form is known.

    >>> x, k, h = sp.Symbol("x", real=True), sp.Symbol("k", positive=True), sp.Symbol("h", real=True)
    >>> local_equilibrium(h - k * x, x).subs(h, 0)
    drive/k
    """
    total = sp.expand(sp.expand_trig(force + drive)) if force.has(sp.sin, sp.cos) else sp.expand(force + drive)
    found = _linear(total, x)
    if found is None and not bounded:
        found = _sinusoidal(total, x)
    if found is None:
        found = _invertible(force + drive, x)
    if found is not None and not (is_supported(found) and _is_root(force + drive, x, found)):
        return None
    return found


def declared_equilibrium(
    component: str, own: sp.Expr, force: sp.Expr, x: sp.Symbol, minimiser: sp.Expr
) -> sp.Expr | None:
    """Use a declared minimiser m: x* = m(D + the rest), where all but the component's own force is free of x.

    Raises:
        ModelError: m does not solve own(x) + D = 0.
    """
    if not _is_root(own + drive, x, minimiser):
        raise ModelError(
            f"component {component!r}: the declared minimiser {minimiser} does not solve −∂e/∂{x} + drive = 0 with "
            f"−∂e/∂{x} = {own}; correct it or leave it out"
        )
    rest = sp.expand(force - own)
    if rest.has(x):
        rest = sp.simplify(rest)
    return None if rest.has(x) else minimiser.subs(drive, drive + rest)


def surely_minimum(total: sp.Expr, x: sp.Symbol, root: sp.Expr, nonnegative: Collection[sp.Symbol] = ()) -> bool:
    """Whether the force falls through its root, ∂total/∂x < 0, for all numbers of the other symbols that were drawn.

    Symbols that are declared positive, or are in `nonnegative`, are drawn so; all others with both signs.

    >>> x, k, h = sp.Symbol("x", real=True), sp.Symbol("k", positive=True), sp.Symbol("h", real=True)
    >>> surely_minimum(-k * x + h, x, h / k), surely_minimum(-h * x + k, x, k / h)
    (True, False)
    """
    slope = sp.diff(total, x)
    seen = 0
    for values in random_points((slope.free_symbols | root.free_symbols) - {x}, 60, nonnegative=nonnegative, seed=1):
        at = root.subs(values).evalf()
        found = slope.subs(values | {x: at}).evalf() if at.is_real and at.is_finite else None
        if found is None or not found.is_real or not found.is_finite:
            continue
        if found >= 0:
            return False
        seen += 1
        if seen == 12:
            return True
    return False


def _linear(total: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    slope = sp.diff(total, x)
    if slope == 0 or slope.has(x):
        return None
    constant = sp.expand(total - slope * x)
    return None if constant.has(x) else sp.factor_terms(constant) / -slope


def _sinusoidal(total: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """total = ω − A sin x + B cos x: the minimum is atan2(B, A) + asin(ω/√(A² + B²))."""
    a, b = -total.coeff(sp.sin(x)), total.coeff(sp.cos(x))
    constant = sp.expand(total + a * sp.sin(x) - b * sp.cos(x))
    if (a == 0 and b == 0) or a.has(x) or b.has(x) or constant.has(x):
        return None
    return sp.atan2(b, a) + sp.asin(constant / sp.sqrt(a**2 + b**2))


def _invertible(total: sp.Expr, x: sp.Symbol) -> sp.Expr | None:
    """total = A − h(x) with an h that SymPy inverts to one branch."""
    h, rest = sp.S.Zero, sp.S.Zero
    for part in sp.Add.make_args(total):
        if part.has(x):
            h -= part
        else:
            rest += part
    unsupported = (sp.Piecewise, sp.Max, sp.Min, sp.Heaviside, sp.Abs, TrigonometricFunction)
    if h.has(*unsupported) or h.is_polynomial(x):
        return None
    # `solve` may search for minutes: ask it only to undo one function after the other, or a ratio under a logarithm.
    logarithms = h.atoms(sp.log)
    others = h.subs(dict.fromkeys(logarithms, 0))
    if h.count(x) > 1 and (others.has(x) or not 0 < len(logarithms) <= 2):
        return None
    level = sp.Dummy("level", real=True)
    try:
        roots = sp.solve(h - level, x)
    except (NotImplementedError, ValueError):
        return None
    if len(roots) != 1 or roots[0].has(sp.I):
        return None
    return _as_sigmoid(roots[0]).subs(level, rest)


def _as_sigmoid(expression: sp.Expr) -> sp.Expr:
    """eᵃ/(eᵃ + 1) overflows; the logistic function does not."""
    numerator, denominator = sp.fraction(sp.together(expression))
    ratio = sp.simplify(denominator / numerator) - 1
    ratio = sp.powsimp(sp.expand(ratio))
    if isinstance(ratio, sp.exp):
        return sigmoid(sp.expand(-ratio.args[0]))
    return expression


def _is_root(total: sp.Expr, x: sp.Symbol, root: sp.Expr) -> bool:
    checked = 0
    for values in random_points((total.free_symbols | root.free_symbols) - {x}, 40, digits=30):
        at = root.subs(values).evalf(30)
        if not at.is_real or not at.is_finite:
            continue
        residual = total.subs(values | {x: at}).evalf(30)
        if not residual.is_number or not residual.is_finite:
            continue
        if abs(residual) > 1e-12:
            return False
        checked += 1
        if checked == 4:
            return True
    return False
