"""`physeq check --against ngspice`: the analyses of a circuit in physeq and in ngspice, quantity by quantity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from physeq.netlist import Netlist, ngspice
from physeq.netlist.records import (
    Analysis,
    Capacitor,
    CurrentControlled,
    CurrentSource,
    Diode,
    OperatingPoint,
    Resistor,
    Transient,
    VoltageControlled,
)

# ngspice's steps in a transient, at least, and how many of its points in time are compared.
_STEPS = 20_000
_POINTS = 1000


@dataclass(frozen=True)
class Limits:
    """Largest relative differences that pass.

    Attributes:
        steady: of operating points, relative to each quantity's size.
        moving: of transients, relative to each quantity's swing.
        floor: sizes and swings count as at least this part of the largest one of all voltages, or of all currents.
    """

    steady: float = 1e-6
    moving: float = 1e-4
    floor: float = 1e-3


@dataclass(frozen=True)
class Difference:
    """The largest difference of one quantity.

    Attributes:
        name: the quantity, as the netlist spells it.
        absolute: |physeq − ngspice| in volts or amperes, where it is largest relative to the scale.
        scale: what it is relative to: the size of what is at rest, the swing of what moves.
        at: the time, or the value of the swept source, where it is; None for an operating point.
    """

    name: str
    absolute: float
    scale: float
    at: float | None = None

    @property
    def relative(self) -> float:
        """The difference over its scale; 0 where both programs find nothing but zeros."""
        if self.absolute == 0:
            return 0.0
        return self.absolute / self.scale if self.scale else np.inf

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        own = {"name": self.name, "absolute": self.absolute, "relative": self.relative}
        return own | {"scale": self.scale, "at": self.at}


@dataclass(frozen=True)
class Comparison:
    """One analysis in both programs.

    Attributes:
        analysis: its card.
        limit: the relative difference that passes.
        points: how many times or operating points were compared.
        differences: of every quantity that both have, the largest relative one first.
        exponential: where physeq's diodes had to have ngspice's law to agree, the largest difference with their own.
    """

    analysis: str
    limit: float
    points: int
    differences: tuple[Difference, ...]
    exponential: Difference | None = None

    @property
    def passed(self) -> bool:
        """Whether something was compared and no quantity differs by more than the limit, or is not a number."""
        return bool(self.differences) and all(one.relative <= self.limit for one in self.differences)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "analysis": self.analysis,
            "limit": self.limit,
            "points": self.points,
            "differences": [one.to_dict() for one in self.differences],
            "exponential": None if self.exponential is None else self.exponential.to_dict(),
            "passed": self.passed,
        }


def cross_check(netlist: Netlist, limits: Limits | None = None) -> list[Comparison]:
    """Run every `.op`, `.dc` and `.tran` of a netlist in physeq and in ngspice; an operating point where there is none.

    ngspice runs with tight tolerances and at least 20,000 steps in a transient; physeq gives its values at a thousand
    of ngspice's points in time, with a relative tolerance of 1e-9.

    ngspice has a cubic for diodes below −3 N k T/q. Where circuits in which the currents of blocking diodes count
    differ by more than the limit, physeq solves them again with that law (`physeq.netlist.answers.cubic_diode`):
    `differences` are then those between equal equations, `exponential` is what the other law makes.

    Raises:
        NgspiceMissing: ngspice is not installed.
        ModelError: a start that physeq cannot take as ngspice does.
        SolveError: one of the programs found no solution.
    """
    require_ngspice()
    return [_checked(netlist, analysis, limits or Limits()) for analysis in netlist.analyses or (OperatingPoint(),)]


def _checked(netlist: Netlist, analysis: Analysis, limits: Limits) -> Comparison:
    from physeq.netlist.answers import answers

    known = [f"{node}.v" for node in netlist.nodes[1:]] + [f"{element.name}.i" for element in netlist.elements]
    theirs, axis = in_ngspice(netlist, analysis, measurable(netlist), released=bool(netlist.initial))
    own = compare(analysis, theirs, axis, answers(netlist, analysis, axis), known, limits)
    if own.passed or not any(isinstance(element, Diode) for element in netlist.elements):
        return own
    cubic = compare(analysis, theirs, axis, answers(netlist, analysis, axis, cubic=True), known, limits)
    return replace(cubic, exponential=own.differences[0])


def require_ngspice() -> None:
    """NgspiceMissing where ngspice is not installed: before anything is compiled."""
    if ngspice.find_ngspice() is None:
        raise ngspice.NgspiceMissing("ngspice")


def in_ngspice(
    netlist: Netlist | str, analysis: Analysis, currents: list[str], released: bool
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """({quantity: values}, the times or values of the swept source) of an analysis in ngspice, None for `.op`.

    With `released` the time 0 is left out, at which ngspice tells what held the nodes of `.ic`.
    """
    if not isinstance(analysis, Transient):
        theirs = ngspice.run(netlist, analysis, currents=currents)
        return theirs, theirs.get("sweep")
    finest = (analysis.stop - analysis.start) / _STEPS
    finest = finest if analysis.maximum_step is None else min(finest, analysis.maximum_step)
    theirs = ngspice.run(netlist, replace(analysis, maximum_step=finest), currents=currents)
    times = theirs["time"]
    first = 1 if released and times[0] == 0 else 0
    kept = np.unique(np.linspace(first, len(times) - 1, _POINTS).astype(int))
    return {name: values[kept] for name, values in theirs.items()}, times[kept]


def compare(
    analysis: Analysis,
    theirs: Mapping[str, np.ndarray],
    axis: np.ndarray | None,
    ours: Callable[[str], np.ndarray],
    known: list[str],
    limits: Limits,
) -> Comparison:
    """Compare those of the `known` quantities that ngspice tells."""
    moving = isinstance(analysis, Transient)
    pairs = {name: (ours(name), theirs[name]) for name in known if name in theirs}
    points = 1 if axis is None else len(axis)
    limit = limits.moving if moving else limits.steady
    return Comparison(analysis.card(), limit, points, differences(pairs, axis, moving, limits.floor))


def differences(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], axis: np.ndarray | None, moving: bool, floor: float
) -> tuple[Difference, ...]:
    """The largest difference of every quantity, {name: (ours, theirs)}, those that are furthest apart first.

    >>> import numpy as np
    >>> pairs = {"a.v": (np.array([2.0]), np.array([2.5])), "b.v": (np.array([1e-9]), np.array([0.0]))}
    >>> [(d.name, d.scale, round(d.relative, 9)) for d in differences(pairs, None, False, 1e-3)]
    [('a.v', 2.5, 0.2), ('b.v', 0.0025, 4e-07)]
    """
    found = []
    for kind in (".v", ".i"):
        own = {name: pair for name, pair in pairs.items() if name.endswith(kind)}
        # What moves is measured by its swing, what rests (point by point of a sweep) by its size.
        sizes = {name: np.full(len(b), np.ptp(b)) if moving else np.abs(b) for name, (_, b) in own.items()}
        least = floor * max((float(np.max(size)) for size in sizes.values()), default=0.0)
        for name, (a, b) in own.items():
            apart, scale = np.abs(a - b), np.maximum(sizes[name], least)
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = np.where(apart == 0, 0.0, apart / scale)
            worst = int(np.argmax(np.where(np.isnan(relative), np.inf, relative)))
            at = None if axis is None else float(axis[worst])
            found.append(Difference(name, float(apart[worst]), float(scale[worst]), at))
    return tuple(sorted(found, key=lambda one: -np.inf if np.isnan(one.relative) else -one.relative))


def measurable(netlist: Netlist) -> list[str]:
    """Elements whose currents ngspice tells when asked; those of V, L, E and H it always tells."""
    series = {f"{element.name}.rs" for element in netlist.elements if isinstance(element, Diode)}
    names = []
    for element in netlist.elements:
        branch = isinstance(element, VoltageControlled | CurrentControlled) and element.output == "current"
        if branch or isinstance(element, Resistor | Capacitor | Diode | CurrentSource):
            names.append(element.name)
    return [name for name in names if name not in series]
