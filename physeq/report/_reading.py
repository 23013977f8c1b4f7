"""What an update measures, in words that follow from its expression and from what coordinates are declared to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy as sp

from physeq.symbolic.component import Component
from physeq.symbolic.identities import is_zero
from physeq.symbolic.separate import separate
from physeq.symbolic.symbols import Parameter, Signal, StateSymbol

# Quantities that have a word of their own, by their unit: (the quantity, its difference across an element).
_BY_UNIT = {"V": ("voltage", "voltage drop"), "A": ("current", "difference of current")}
_DROPS = {"phase": "phase difference"}
_POWERS = {1: "", 2: "the square of ", 3: "the cube of ", 4: "the fourth power of "}
_FUNCTIONS = {"cos": "cosine", "sin": "sine", "log": "logarithm", "exp": "exponential", "tanh": "hyperbolic tangent"}


def reading(component: Component, slope: sp.Expr) -> str:
    """What is measured of an element for a derivative by one of its parameters, up to sign and factors but ½.

    >>> import physeq as pq
    >>> resistor, v = pq.electrical.resistor(), pq.electrical.v
    >>> reading(resistor, (v.source - v.target) ** 2 / 2)
    'half the square of the voltage drop across the resistor'
    >>> coupling, theta = pq.oscillators.phase_coupling(), pq.oscillators.theta
    >>> reading(coupling, -sp.cos(theta.source - theta.target))
    'the cosine of the phase difference across the phase coupling'
    >>> s = pq.neural.s
    >>> reading(pq.neural.synapse(), -sp.tanh(s.source) * s.target)
    'the hyperbolic tangent of the state of a unit at the source times the state of a unit at the target'
    """
    states = sorted(
        (s for s in slope.free_symbols if isinstance(s, StateSymbol)), key=lambda s: (_rank(component, s), str(s))
    )
    if not states:
        given = any(isinstance(s, Signal) for s in slope.free_symbols)
        return "its input, known" if given else "a constant of the element"
    if len(states) == 1:
        return _of_one(slope, states[0], f"the {called(states[0])}{place(component, states[0])}")
    if len(states) == 2:
        a, b = states
        if _same_kind(a, b) and is_zero(sp.diff(slope, a) + sp.diff(slope, b)):
            return _of_one(slope.subs(b, 0), a, f"the {drop(a)} across the {component.name}")
        terms = separate(slope, {a}, {b})
        if terms is not None and len(terms) == 1 and {terms[0].source, terms[0].target}.isdisjoint({sp.S.One}):
            first, second = (
                _of_one(e, s, f"the {called(s)}{place(component, s)}")
                for e, s in ((terms[0].source, a), (terms[0].target, b))
            )
            return f"{first} times {second}"
    return "a function of " + _joined([f"the {called(s)}{place(component, s)}" for s in states])


@dataclass(frozen=True)
class Weighed:
    """What stands beside an unknown in an update, such as its response.

    Attributes:
        name: what it is called, with an article: "the response".
        state: the unknown beside which it stands.
        coefficient: what it is multiplied with, in the component's symbols.
    """

    name: str
    state: StateSymbol
    coefficient: sp.Expr


def weighed_reading(component: Component, parts: Sequence[Weighed]) -> str:
    """What an update multiplies and adds up, up to sign and factors.

    >>> import physeq as pq
    >>> v = pq.electrical.v
    >>> ends = [Weighed("the response", v.source, v.target - v.source),
    ...         Weighed("the response", v.target, v.source - v.target)]
    >>> weighed_reading(pq.electrical.resistor(), ends)
    'the response at the source less that at the target times the voltage drop across the resistor'
    """
    first, *others = parts
    if len(parts) == 2 and _same_kind(first.state, others[0].state) and is_zero(sum(p.coefficient for p in parts)):
        ends = f"{first.name} at the {first.state.port} less that at the {others[0].state.port}"
        return ends + _times(component, first.coefficient)
    return ", and ".join(
        f"{p.name} of the {called(p.state)}{place(component, p.state)}{_times(component, p.coefficient)}" for p in parts
    )


def _times(component: Component, coefficient: sp.Expr) -> str:
    if not any(isinstance(s, StateSymbol | Signal) for s in coefficient.free_symbols):
        return ""
    return f" times {reading(component, coefficient).removeprefix('half ')}"


def only_difference(component: Component, slope: sp.Expr, states: Iterable[StateSymbol]) -> bool:
    """Whether an expression of two unknowns of an edge depends on their difference alone."""
    a, b = [*states, None, None][:2]
    if a is None or b is None or len(component.ports) != 2 or not _same_kind(a, b) or not slope.has(a, b):
        return False
    return is_zero(sp.diff(slope, a) + sp.diff(slope, b))


def called(s: StateSymbol) -> str:
    """The name of a coordinate, its rate or its acceleration in words."""
    q = s.coordinate
    if s.order and q.rate_unit in _BY_UNIT:
        word = _BY_UNIT[q.rate_unit][0]
        return word if s.order == 1 else f"rate of the {word}"
    if s.order and q.rate_name is not None:
        return q.rate_name if s.order == 1 else f"rate of {q.rate_name}"
    return ("", "rate of ", "acceleration of ")[s.order] + (q.description or q.name)


def drop(s: StateSymbol) -> str:
    """What the difference of a quantity between the two ends of an element is called."""
    if s.order == 1 and s.coordinate.rate_unit in _BY_UNIT:
        return _BY_UNIT[s.coordinate.rate_unit][1]
    return _DROPS.get(called(s), f"difference of {called(s)}")


def place(component: Component, s: StateSymbol) -> str:
    """Where a quantity is, behind its name."""
    if s.port is None:
        return f" inside the {component.name}" if len(component.ports) > 1 else " of the node"
    if len(component.ports) > 1:
        return f" at the {s.port}"
    return "" if " of a " in called(s) else " of the node"  # "state of a unit" says it


def _rank(component: Component, s: StateSymbol) -> int:
    return len(component.ports) if s.port is None else component.ports.index(s.port)


def _same_kind(a: StateSymbol, b: StateSymbol) -> bool:
    return (a.coordinate, a.order) == (b.coordinate, b.order) and {a.port, b.port} == {"source", "target"}


def _of_one(slope: sp.Expr, s: sp.Symbol, what: str) -> str:
    """A function of one quantity, without the factors that it does not move."""
    number, rest = slope.as_coeff_Mul()
    factors = [f for f in sp.Mul.make_args(rest) if f.has(s)]
    core = sp.Mul(*factors)
    half = "half " if number == sp.S.Half and len(factors) == len(sp.Mul.make_args(rest)) else ""
    if core.is_polynomial(s):
        polynomial = sp.Poly(core, s)
        degree, lead = polynomial.degree(), polynomial.LC()
        power = _POWERS.get(degree, f"the power {degree} of ")
        if all(polynomial.nth(k) == 0 for k in range(degree)):
            return f"{half}{power}{what}"
        root = -polynomial.nth(degree - 1) / (degree * lead)
        if is_zero(core - lead * (s - root) ** degree):
            return f"{half}{power}{what} from its value at rest"
    if isinstance(core, sp.Function) and core.args[0] in (s, -s) and len(core.args) == 1:
        name = type(core).__name__
        return f"the {_FUNCTIONS.get(name, name)} of {what}"
    others = {"own parameters": Parameter, "input": Signal}
    beside = [word for word, kind in others.items() if any(isinstance(x, kind) for x in core.free_symbols)]
    return f"a function of {what}" + (f" and of the {' and '.join(beside)}" if beside else "")


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
