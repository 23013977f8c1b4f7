"""Where the declared terms are singular in complex unknowns: poles and branch points, read off the symbols."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sympy as sp

from physeq.symbolic.functions import logcosh, logsumexp, sigmoid, softmax, softplus, xlogx
from physeq.symbolic.symbols import Parameter, Signal, Target, Time

POLE, BRANCH = "pole", "branch point"

# {function: (kind, values of its argument)}; a derivative is singular nowhere else than the function itself.
SINGULAR: dict[type, tuple[str, str]] = {
    sp.tanh: (POLE, "iπ(2n + 1)/2"),
    sp.tan: (POLE, "π(2n + 1)/2"),
    sigmoid: (POLE, "iπ(2n + 1)"),
    softplus: (BRANCH, "iπ(2n + 1)"),
    logcosh: (BRANCH, "iπ(2n + 1)/2"),
    sp.log: (BRANCH, "0"),
    xlogx: (BRANCH, "0"),
    sp.asin: (BRANCH, "±1"),
    sp.acos: (BRANCH, "±1"),
    sp.acosh: (BRANCH, "±1"),
    sp.atanh: (BRANCH, "±1"),
    sp.atan: (BRANCH, "±i"),
    sp.asinh: (BRANCH, "±i"),
    logsumexp: (BRANCH, "values with Σ exp = 0 over the outputs"),
    softmax: (POLE, "values with Σ exp = 0 over the outputs"),
}

# Functions without singularities at finite arguments.
ENTIRE = (sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.erf)


@dataclass(frozen=True)
class Pole:
    """A singularity of a declared term.

    Attributes:
        placement, component: where the term stands.
        function: the sub-expression that is singular.
        kind: "pole" or "branch point".
        argument: what takes the values `at` there.
        at: those values, n any integer.
    """

    placement: str
    component: str
    function: sp.Expr
    kind: str
    argument: sp.Expr
    at: str

    def to_dict(self) -> dict[str, str]:
        """Plain data, expressions as text."""
        return {name: str(value) for name, value in vars(self).items()}


def moves(expression: sp.Basic, held: Collection[sp.Symbol] = ()) -> bool:
    """Whether an expression holds an unknown that is not held: a state, a readout's output or a node's drive."""
    return any(not isinstance(x, Parameter | Signal | Target | Time) and x not in held for x in expression.free_symbols)


def poles(
    placement: str, component: str, expressions: Iterable[sp.Expr], held: Collection[sp.Symbol] = ()
) -> Iterator[Pole]:
    """The singularities of expressions in the unknowns that are not held, each once.

    >>> from physeq.symbolic.symbols import coordinate
    >>> s = coordinate("s")
    >>> [(str(p.argument), p.kind, p.at) for p in poles("units", "unit", [sigmoid(4 * s - 2) + sp.sqrt(1 + s**2)])]
    [('4*s - 2', 'pole', 'iπ(2n + 1)'), ('s**2 + 1', 'branch point', '0')]
    """
    seen = set()
    for expression in expressions:
        for part in sorted(sp.preorder_traversal(expression), key=str):
            found = _singular(part, held)
            if found is not None and part not in seen:
                seen.add(part)
                yield Pole(placement, component, part, *found)


def _singular(part: sp.Basic, held: Collection[sp.Symbol]) -> tuple[str, sp.Expr, str] | None:
    """(kind, argument, values) of one sub-expression."""
    if isinstance(part, sp.Pow) and part.base != sp.E and moves(part.base, held):
        if part.exp.is_Integer:
            return (POLE, part.base, "0") if part.exp.is_negative else None
        return BRANCH, part.base, "0"
    if part.func in SINGULAR and moves(part, held):
        kind, at = SINGULAR[part.func]
        return kind, part.args[0], at
    return None
