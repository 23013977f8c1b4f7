"""Costs of trajectories: a running cost ℓ(q, q̇, y(t), t) and a terminal cost c(q(T), q̇(T), y)."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic.mixing import cost_expression
from physeq.symbolic.symbols import Coordinate, StateSymbol, Target, time
from physeq.symbolic.system import System


@dataclass(frozen=True)
class TrajectoryCost:
    """J = ∫₀ᵀ Σ_k ℓ(q_k, q̇_k, y_k(t), t) dt + Σ_k c(q_k(T), q̇_k(T), y_k), over the output nodes k.

    Attributes:
        running: ℓ, in a coordinate of the output nodes, its rate, a `target` and `time`; 0 for none.
        terminal: c, in the same symbols; where the target is a series, its last entry counts. 0 for none.

    Raises:
        ModelError: symbols that a cost cannot hold, or two coordinates or targets; from `trajectories`.

    >>> from physeq.symbolic.symbols import coordinate, target
    >>> x, y = coordinate("x"), target("y")
    >>> TrajectoryCost(running=(x - y) ** 2 / 2).terminal
    0
    """

    running: sp.Expr = sp.S.Zero
    terminal: sp.Expr = sp.S.Zero

    def __post_init__(self):
        for name in ("running", "terminal"):
            object.__setattr__(self, name, cost_expression(getattr(self, name), f"cost, {name}"))


@dataclass(frozen=True, eq=False)
class TrajectoryCostForm:
    """A cost resolved against a system.

    Attributes:
        running, terminal: the densities.
        coordinate: the coordinate of the output nodes that they see.
        position, rate: its symbols q and q̇.
        target: the target's symbol, or None.
    """

    running: sp.Expr
    terminal: sp.Expr
    coordinate: Coordinate
    position: StateSymbol
    rate: StateSymbol
    target: Target | None


def resolve_cost(system: System, cost: TrajectoryCost | None) -> TrajectoryCostForm | None:
    """The cost of a system's trajectories; without one of its own, the system's `cost` runs along them.

    Raises:
        ModelError: no outputs, a readout, a symbol that a cost cannot hold, two coordinates or two targets.
    """
    if cost is None:
        if system.cost is None:
            return None
        cost = TrajectoryCost(running=system.cost)
    if system.outputs is None:
        raise ModelError("a cost of trajectories needs outputs; pass outputs=[...] to System with the nodes it sees")
    if system.readout is not None:
        raise ModelError(
            "a readout has no running cost: its units are no quantities of the motion; make them nodes, and couple "
            "them with edges"
        )
    coordinates, targets = set(), set()
    for what, density in (("running", cost.running), ("terminal", cost.terminal)):
        for symbol in sorted(density.free_symbols, key=str):
            if isinstance(symbol, StateSymbol) and symbol.port is None and symbol.order < 2:
                coordinates.add(symbol.coordinate)
            elif isinstance(symbol, Target):
                targets.add(symbol)
            elif symbol != time:
                raise ModelError(
                    f"{what} cost: {symbol} cannot stand in it; it may hold a coordinate of the output nodes (written "
                    "without a port), its rate, one target and the time"
                )
    if len(coordinates) != 1 or len(targets) > 1:
        raise ModelError(
            f"cost of trajectories: it must hold one coordinate and at most one target, got "
            f"{sorted(map(str, coordinates))} and {sorted(map(str, targets))}"
        )
    coordinate = coordinates.pop()
    return TrajectoryCostForm(
        cost.running, cost.terminal, coordinate, coordinate, coordinate.dot, targets.pop() if targets else None
    )
