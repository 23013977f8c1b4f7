"""What a cost may be: an expression, and where it mixes outputs, a term of all of them and terms of each."""

from __future__ import annotations

from typing import Any

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.functions import ACROSS_OUTPUTS, logsumexp, softmax
from physeq.symbolic.symbols import StateSymbol


def cost_expression(cost: Any, what: str) -> sp.Expr:
    """A cost as a SymPy expression.

    Raises:
        ModelError: text or something else that is none.

    >>> cost_expression(0, "cost")
    0
    """
    try:
        return sp.sympify(cost, strict=True)
    except (sp.SympifyError, TypeError):
        raise ModelError(
            f"{what}: must be a SymPy expression such as (s - target('y'))**2 / 2, got {cost!r:.60}; text is not parsed"
        ) from None


def split_across_outputs(cost: sp.Expr) -> tuple[dict[sp.Expr, sp.Expr], sp.Expr]:
    """({argument of a logsumexp: its factor}, the rest of the density).

    >>> z, y = sp.symbols("z y")
    >>> split_across_outputs(2 * logsumexp(z / 2) - y * z)
    ({z/2: 2}, -y*z)
    """
    mixed: dict[sp.Expr, sp.Expr] = {}
    rest = sp.S.Zero
    for term in sp.Add.make_args(sp.expand_mul(cost)):
        factor, others = term.as_coeff_Mul()
        if isinstance(others, logsumexp):
            mixed[others.args[0]] = mixed.get(others.args[0], sp.S.Zero) + factor
        else:
            rest += term
    return mixed, rest


def check_across_outputs(cost: sp.Expr) -> None:
    """Refuse a cost whose sum over outputs would not be what its density says.

    Raises:
        ModelError: `logsumexp` in another place than as a number times itself, one that does not see the outputs, or
            `softmax`, which is a derivative.
    """
    mixed, rest = split_across_outputs(cost)
    for expression in (*mixed, rest):
        if expression.has(softmax):
            raise ModelError(f"cost {cost}: softmax(z) is a derivative; write cross_entropy(z, y) or logsumexp(z)")
        if expression.has(*ACROSS_OUTPUTS):
            raise ModelError(
                f"cost {cost}: logsumexp(z) may only be multiplied by a number and added to terms of single outputs, "
                "as in cross_entropy(z, y)"
            )
    for argument in mixed:
        if not any(isinstance(s, StateSymbol) for s in argument.free_symbols):
            raise ModelError(f"cost {cost}: logsumexp({argument}) does not depend on the outputs; leave it out")
