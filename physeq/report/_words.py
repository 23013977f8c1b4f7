"""Names and texts of symbols: upright words, superscripts, units of rates, ranges."""

from __future__ import annotations

import sympy as sp

from physeq.report.notation import _ESCAPED, has_script, to_commands
from physeq.symbolic.functions import xlogx
from physeq.symbolic.symbols import Parameter


def word(name: str) -> str:
    r"""A name of the user's in upright LaTeX: `input->hidden` is \mathrm{input\to hidden}.

    >>> print(word("input->hidden_1"))
    \mathrm{input\to hidden\_1}
    """
    signs = "".join(_ESCAPED.get(sign, sign) for sign in name.replace("->", "→"))
    return to_commands(rf"\mathrm{{{signs}}}").replace(r"\text{-}", "-")


def shown_name(name: str) -> str:
    """A placement's name in running text, with a real arrow."""
    return name.replace("->", " → ")


def readable(expr: sp.Expr) -> sp.Expr:
    """Named functions written out that a formula says shorter: x log x.

    >>> readable(xlogx(sp.Symbol("x")) / 4)
    x*log(x)/4
    """
    return expr.replace(xlogx, lambda x: x * sp.log(x)) if expr.has(xlogx) else expr


def raised(base: str, above: str) -> str:
    """LaTeX of a name with a superscript."""
    return f"{{{base}}}^{{{above}}}" if has_script(base, "^") else f"{base}^{{{above}}}"


def per_second(unit: str, power: int) -> str:
    """The unit of a rate (`power` 1) or an acceleration (2)."""
    return f"{unit}/s{'²' if power == 2 else ''}" if unit else ""


def parameter_range(p: Parameter) -> str | None:
    """A parameter's bounds in words."""
    lower, upper = (f"{x:g}" for x in (p.lower, p.upper))
    if p.lower > -float("inf") and p.upper < float("inf"):
        return f"{lower} to {upper}"
    if p.lower > -float("inf"):
        return f"≥ {lower}"
    return f"≤ {upper}" if p.upper < float("inf") else None


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "node"), counted(1306, "node")
    ('1 node', '1,306 nodes')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_PEOPLE = ("Jacobian", "Lagrangian", "Hamiltonian")


def rule_words(name: str) -> str:
    """The name of a rule's class as words.

    >>> rule_words("VectorFieldEP"), rule_words("HamiltonianEcho")
    ('vector field EP', 'Hamiltonian echo')
    """
    words = "".join(
        f" {c}" if c.isupper() and k and (not name[k - 1].isupper() or name[k + 1 : k + 2].islower()) else c
        for k, c in enumerate(name)
    ).split()
    return " ".join(w if w.isupper() or w in _PEOPLE else w.lower() for w in words)
