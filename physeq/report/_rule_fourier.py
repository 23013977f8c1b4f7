"""Rules that read the gradient off as a Fourier coefficient: nudges on a circle, or one that oscillates in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from physeq.report._assemble import tidy
from physeq.report._locality import locality
from physeq.report._naming import Names
from physeq.report._operators import Entry, Scaled
from physeq.report._relations import Chain, InPhase, Slope, TotalSlope
from physeq.report._rule_operators import At, IntegralFromTo, RealPart, SumFromTo
from physeq.report._rule_phases import (
    LOCALITY,
    any_parameter,
    length_words,
    loss,
    objective,
    objective_formula,
    rate,
)
from physeq.report._rule_updates import energy_updates
from physeq.report._steady import energy_symbol, nudge_symbol
from physeq.report._words import shown_name
from physeq.report.document import Block, Code, Equation, Math, Note, Paragraph, Section, Table


class Circle:
    """N nudges on a circle of radius r: the symbols, and Re (1/N) Σ (1/β_n) ∂F/∂p."""

    def __init__(self, names: Names, radius: float, points: int):
        self.names, self.radius, self.points = names, radius, points
        self.n = names.quantity("point", ["n", "m", "q"], "number of a point on the circle of nudges", integer=True)
        self.count = names.quantity("points", ["N", r"N_{\beta}"], f"number of points on the circle, here {points}")

    def equations(self) -> Iterator[Block]:
        """β_n = r e^{2πin/N}."""
        yield Equation(self.nudge(), radius(self.names, self.radius) * sp.exp(self.angle()), label="nudges")

    def nudge(self) -> sp.Expr:
        """β_n."""
        return Entry(sp.IndexedBase(nudge_symbol(self.names)), self.n)

    def angle(self) -> sp.Expr:
        """2πin/N."""
        return 2 * sp.pi * unit(self.names) * self.n / self.count

    def measure(self, body: sp.Expr, factor: sp.Expr = sp.S.One, *, nudged: bool = False) -> sp.Expr:
        """factor·Re (1/N) Σ_n (1/β_n) body|_{β_n}; without 1/β_n for ∂C/∂p, which has β_n in front."""
        number, rest = tidy(body).as_coeff_Mul()
        weight = sp.S.One if nudged else 1 / self.nudge()
        summed = SumFromTo(Scaled(weight, InPhase(rest, self.nudge())), self.n, 0, self.count - 1)
        return Scaled(factor * number / self.count, RealPart(summed))


def radius(names: Names, value: float) -> sp.Expr:
    """r."""
    text = f"radius of the circle of nudges, here {value:g}"
    return names.quantity("radius", ["r", r"r_{\beta}"], text, positive=True)


def unit(names: Names) -> sp.Expr:
    """The imaginary unit, upright: i is an index."""
    return names.quantity("imaginary unit", [r"\mathrm{i}"], "imaginary unit", real=None)


# ---- HolomorphicEP ---------------------------------------------------------------------------------------------------


def holomorphic(names: Names, rule: Any) -> list[Block]:
    """The blocks of the contrast over a circle."""
    circle = Circle(names, rule.radius, rule.points)
    finder = rule.nudged or rule.free
    halved = getattr(finder, "noise", None) is None
    nudge, p = circle.nudge(), any_parameter(names)
    weight = 1 / (circle.count * nudge)
    rows: list = [
        ["free", "0", "the start values", "only a start"],
        [["point ", Math(circle.n)], Math(nudge), "the free state", Math(weight)],
    ]
    blocks: list[Block] = [*objective(names, rule), Table(["Phase", "Nudge", "Starts from", "Weight"], rows)]
    blocks += [*objective_formula(names, rule), *circle.equations()]
    function = _nudged_energy(names)
    blocks.append(
        Equation(Chain("approx", TotalSlope(loss(names), p), circle.measure(Slope(function, p))), label="estimate")
    )
    blocks.append(
        Paragraph(
            [
                "This is Cauchy's formula for the slope of ",
                Math(Slope(function, p)),
                " by the nudge. Its error falls like the ",
                Math(circle.count),
                "-th power of the radius over the distance to the nearest singularity of the state as a function of "
                "the nudge: a branch point, where the Hessian of the energy is singular, or a pole of a term.",
            ]
        )
    )
    blocks += [*_points(rule, halved, circle), *_singularities(names)]
    blocks += _descends(names)
    blocks += energy_updates(names, circle.measure, "by its slope at no nudge, read off the circle")
    run = rule.points // 2 + 1 if halved else rule.points
    stored = f"{run} complex values, or one running sum"
    table = locality(names, f"all {run} points that are run", stored, _CLOSING)
    return [*blocks, Section(LOCALITY, list(table))]


_CLOSING = (
    "States at complex nudges are complex: what is measured is a pair of real numbers, such as the in-phase and the "
    "quadrature amplitude of an oscillation. Inputs and clamped nodes are known and need no measurement."
)


def _points(rule: Any, halved: bool, circle: Circle) -> Iterator[Block]:
    """The nudges that are run, as the rule has them."""
    if halved and rule.points > 2:
        text = "States of a real system are conjugate at conjugate nudges, so that one point of each pair is run, and "
        yield Paragraph(text + "counts for both:")
    rows: list = []
    for k, beta in enumerate(np.asarray(rule.circle(float, halved=halved).betas)):
        twice = halved and 0 < 2 * k < rule.points
        rows.append([str(k), _complex(beta), f"also as point {rule.points - k}" if twice else "once"])
    yield Table([["Point ", Math(circle.n)], Math(circle.nudge()), "Counts"], rows)


def _singularities(names: Names) -> Iterator[Block]:
    """Where the declared terms are singular in complex unknowns, from the structure report."""
    found = names.derivation.structure.poles
    if not found:
        yield Note("No declared term is singular at complex unknowns: only branch points of the steady state are left.")
        return
    yield Paragraph(
        "Declared terms that are singular at complex unknowns; in this table n is any integer and i the imaginary unit:"
    )
    placements = {p.name: p for p in names.system.placements}
    rows: list = []
    for pole in found:
        placed = placements.get(pole.placement)
        parts = (pole.function, pole.argument)
        if placed is None:  # the cost, whose symbols belong to no placement
            shown: list = [Code(str(e)) for e in parts]
        else:
            shown = [Math(names.rename(e, placed, names.ports(placed))) for e in parts]
        rows.append(
            [f"{pole.component} in {shown_name(pole.placement)}", shown[0], pole.kind, [shown[1], f" = {pole.at}"]]
        )
    yield Table(["Component", "Term", "Kind", "Where"], rows)


def _complex(value: complex) -> str:
    value = complex(value)
    real, imaginary = (
        float(f"{part:.4g}") if abs(part) > 1e-7 * abs(value) else 0.0 for part in (value.real, value.imag)
    )
    if imaginary == 0:
        return f"{real:g}"
    sign = "−" if imaginary < 0 else "+" if real else ""
    return f"{real:g} {sign} {abs(imaginary):g} i" if real else f"{sign}{abs(imaginary):g} i"


def _nudged_energy(names: Names) -> sp.Expr:
    """F with a readout, whose parameters are in the cost; E elsewhere."""
    if names.system.readout is None:
        return energy_symbol(names)
    return names.quantity("nudged", ["F", r"\mathcal{F}"], "nudged energy, stationary in a phase")


def _descends(names: Names) -> Iterator[Block]:
    text = ["Each update below descends this estimate with the rate ", Math(rate(names))]
    yield Paragraph([*text, ", averaged over the batch."])


_COMPONENT = "by its component at the frequency of the nudge"


# ---- OscillatingEP ---------------------------------------------------------------------------------------------------


def oscillating(names: Names, rule: Any) -> list[Block]:
    """The blocks of a nudge that never rests."""
    return _continuous(names, rule) if rule.oscillation is not None else _stepped(names, rule)


def _stepped(names: Names, rule: Any) -> list[Block]:
    """The nudge goes round a circle, and is held at every point."""
    circle = Circle(names, rule.radius, rule.points)
    nudge, p = circle.nudge(), any_parameter(names)
    first, last = _periods(names, rule.periods, rule.discard)
    count = circle.count

    def measure(body: sp.Expr, factor: sp.Expr = sp.S.One, *, nudged: bool = False) -> sp.Expr:
        number, rest = tidy(body).as_coeff_Mul()
        weight = sp.S.One if nudged else 1 / nudge
        summed = SumFromTo(Scaled(weight, InPhase(rest, circle.n)), circle.n, first * count, last * count - 1)
        return Scaled(factor * number / (count * (last - first)), RealPart(summed))

    held = f"{rule.steps} steps of the map" if rule.hold is None else length_words(rule.hold)
    rows = [[["point ", Math(circle.n)], Math(nudge), "the point before", held]]
    blocks: list[Block] = [*objective(names, rule), Table(["Phase", "Nudge", "Starts from", "Held for"], rows)]
    blocks += circle.equations()
    estimate = measure(Slope(_nudged_energy(names), p))
    blocks.append(Equation(Chain("approx", TotalSlope(loss(names), p), estimate), label="estimate"))
    blocks.append(
        Paragraph(
            [
                "There is no free phase: points are counted from the start values on, through all periods, and | ",
                Math(circle.n),
                " marks the state at the end of the hold at a point. What does not follow the nudge averages out.",
            ]
        )
    )
    blocks += [*_singularities(names), *_descends(names), *energy_updates(names, measure, _COMPONENT)]
    table = locality(names, "every point of the periods that count", "1 running sum", _CLOSING)
    return [*blocks, Section(LOCALITY, list(table))]


def _periods(names: Names, periods: int, discard: int) -> tuple[sp.Expr, sp.Expr]:
    """(first period that counts, number of all periods)."""
    last = names.quantity("periods", ["P", r"P_{\beta}"], f"number of periods, here {periods}")
    if not discard:
        return sp.S.Zero, last
    return names.quantity("discarded", ["D", r"P_0"], f"number of periods left out, here {discard}"), last


def _continuous(names: Names, rule: Any) -> list[Block]:
    """The nudge oscillates in time, and the physical dynamics follow it."""
    motion, beta = rule.oscillation, nudge_symbol(names)
    t = names.quantity("time", ["t", r"\tau"], "time", unit="s")
    period = names.quantity("period", ["T", r"T_{\beta}"], f"period of the nudge, here {motion.period:g}")
    omega = names.quantity("frequency", [r"\omega", r"\omega_{\beta}"], "angular frequency of the nudge")
    r, i, p = radius(names, rule.radius), unit(names), any_parameter(names)
    first, last = _periods(names, motion.periods, motion.discard)

    def measure(body: sp.Expr, factor: sp.Expr = sp.S.One, *, nudged: bool = False) -> sp.Expr:
        number, rest = tidy(body).as_coeff_Mul()
        whole = factor * number / ((last - first) * period)
        back = InPhase(rest, t) if nudged else Scaled(sp.exp(-i * omega * t), InPhase(rest, t))
        integral = RealPart(IntegralFromTo(back, t, first * period, last * period))
        return Scaled(whole if nudged else whole / r, integral)

    rows = [["oscillating", Math(At(beta, t)), "the start values", f"{motion.periods} periods"]]
    blocks: list[Block] = [*objective(names, rule), Table(["Phase", "Nudge", "Starts from", "Lasts"], rows)]
    blocks.append(Equation(At(beta, t), r * sp.exp(i * omega * t), label="nudge"))
    blocks.append(Equation(omega, 2 * sp.pi / period))
    estimate = measure(Slope(_nudged_energy(names), p))
    blocks.append(Equation(Chain("approx", TotalSlope(loss(names), p), estimate), label="estimate"))
    blocks.append(
        Note(
            "There is no free phase: ∂F/∂p is demodulated at the frequency of the nudge while the system follows its "
            "equations of motion; | marks the time of a measurement."
        )
    )
    blocks += [*_singularities(names), *_descends(names), *energy_updates(names, measure, _COMPONENT)]
    table = locality(names, "oscillating, all the time that counts", "1 running integral", _CLOSING)
    return [*blocks, Section(LOCALITY, list(table))]
