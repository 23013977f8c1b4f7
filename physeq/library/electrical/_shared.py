"""What the electrical components share: the flux of a node and its rate, branch voltages, ports, starting values."""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Distribution, coordinate
from physeq.symbolic.symbols import Coordinate, StateSymbol

phi = coordinate("phi", rate="v", unit="Wb", rate_unit="V", description="flux of a node")
v = phi.dot

ACROSS = phi.source.dot - phi.target.dot

Initial = Distribution | float | None


def voltage(port: str) -> StateSymbol:
    """The voltage at a port."""
    return phi.at(port).dot


def between(first: str, second: str) -> sp.Expr:
    """The voltage of one port over another."""
    return voltage(first) - voltage(second)


def flows(first: str, second: str, current: sp.Expr) -> dict[StateSymbol, sp.Expr]:
    """The forces of a current that flows through an element from its port `first` to its port `second`."""
    return {phi.at(first): -current, phi.at(second): current}


def charge(name: str, rate: str, description: str) -> Coordinate:
    """A charge inside an element, whose rate is the current of one of its branches."""
    return coordinate(name, rate=rate, unit="C", rate_unit="A", description=description)


def number(value: float) -> sp.Expr:
    """A number as it is printed: an integer without a point."""
    return sp.nsimplify(value) if float(value).is_integer() else sp.Float(value)
