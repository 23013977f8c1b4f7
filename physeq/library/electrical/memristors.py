"""Memristors: conductances that remember, with a state x between 0 (off) and 1 (on) inside.

The state moves by ẋ = F(x, v), a force against a friction of 1, and the conductance dissipates ½ G(x) v².
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic import Edge, coordinate, parameter
from physeq.symbolic.symbols import Parameter

from ._shared import ACROSS, Initial


class Window(ABC):
    """What keeps the state of a memristor between 0 and 1: a factor on its drift."""

    exponent: int

    def __post_init__(self):
        if not isinstance(self.exponent, int) or self.exponent < 1:
            raise ModelError(f"{type(self).__name__}: exponent must be a positive whole number, got {self.exponent!r}")

    @abstractmethod
    def drift(self, x: sp.Expr, current: sp.Expr) -> sp.Expr:
        """The windowed drift: f(x, i) i."""


@dataclass(frozen=True)
class Joglekar(Window):
    """f(x) = 1 − (2x − 1)^{2p}: zero at both ends, where the state stays for ever once it is there.

    Args:
        exponent: p.

    Source: Joglekar & Wolf 2009, doi:10.1088/0143-0807/30/4/001.

    >>> x, i = sp.symbols("x i", real=True)
    >>> Joglekar(1).drift(x, i)
    i*(1 - (2*x - 1)**2)
    """

    exponent: int = 1

    def drift(self, x, current):
        return current * (1 - (2 * x - 1) ** (2 * self.exponent))


@dataclass(frozen=True)
class Biolek(Window):
    """f(x, i) = 1 − x^{2p} while the current drives x up, 1 − (1 − x)^{2p} while it drives it down.

    Zero only at the end that the current drives to, so that the state comes back. f i is continuous in i.

    Args:
        exponent: p.

    Source: Biolek, Biolek & Biolková 2009, Radioengineering 18, 210.

    >>> x, i = sp.symbols("x i", real=True)
    >>> Biolek(1).drift(x, i)
    (1 - x**2)*Max(0, i) + (1 - (1 - x)**2)*Min(0, i)
    """

    exponent: int = 1

    def drift(self, x, current):
        up, down = sp.Max(current, 0), sp.Min(current, 0)
        return up * (1 - x ** (2 * self.exponent)) + down * (1 - (1 - x) ** (2 * self.exponent))


def linear_drift_memristor(
    on: Initial = 100.0,
    off: Initial = 16e3,
    drift: Initial = 1e4,
    *,
    window: Window | None = Biolek(2),
    start: float = 0.5,
    trainable: bool = False,
) -> Edge:
    """A memristor of linear ion drift: i = u/R(x), R = R_on x + R_off (1 − x), ẋ = k i f(x, i).

    u = v_source − v_target, and a current from source to target lowers the resistance. The hysteresis is pinched at
    u = 0 and shrinks as 1/frequency.

    Args:
        on, off: R_on and R_off in ohms.
        drift: k = μ R_on/D² in 1/C, for ions of mobility μ in a film of thickness D.
        window: f, `Biolek` or `Joglekar`; None for f = 1, with which the state leaves [0, 1].
        start: the state at which solvers start, between 0 and 1.
        trainable: whether learning changes R_on, R_off and k.

    Raises:
        ModelError: a start outside [0, 1].

    Source: Strukov, Snider, Stewart & Williams 2008, doi:10.1038/nature06932, equations 5 and 6; there
        R_on = 100 Ω, R_off/R_on = 160, D = 10 nm and μ = 1e-14 m²/(V s), which makes k = 1e4 per coulomb.

    >>> import physeq as pq
    >>> pq.electrical.linear_drift_memristor().internal
    (x,)
    """
    x = _state(start)
    r_on = _positive("R_on", on, trainable, "Ohm", "resistance of the state 1")
    r_off = _positive("R_off", off, trainable, "Ohm", "resistance of the state 0")
    k = _positive("k", drift, trainable, "1/C", "drift of the state per charge")
    resistance = r_on * x + r_off * (1 - x)
    current = ACROSS / resistance
    return Edge(
        "linear-drift memristor",
        dissipation=ACROSS**2 / (2 * resistance) + x.dot**2 / 2,
        force={x: k * (current if window is None else window.drift(x, current))},
        internal=(x,),
        description="memristor of linear ion drift",
    )


def threshold_memristor(
    on: Initial = 1e-3,
    off: Initial = 1e-5,
    set_voltage: Initial = 1.0,
    reset_voltage: Initial = 1.0,
    set_rate: Initial = 1e3,
    reset_rate: Initial = 1e3,
    *,
    exponent: int = 1,
    window: Biolek = Biolek(2),
    start: float = 0.5,
    trainable: bool = False,
) -> Edge:
    """A bipolar memristor with thresholds: i = G(x) u, G = G_off + (G_on − G_off) x, u = v_source − v_target, and

    ẋ = k_set max(u/V_set − 1, 0)^α (1 − x^{2p}) − k_reset max(−u/V_reset − 1, 0)^α (1 − (1 − x)^{2p}).

    Between −V_reset and V_set nothing moves: it is read there, and keeps its state. Conductances stay between G_off and
    G_on.

    Args:
        on, off: G_on and G_off in siemens.
        set_voltage, reset_voltage: V_set and V_reset in volts, both positive.
        set_rate, reset_rate: k_set and k_reset in 1/s.
        exponent: α, a positive whole number.
        window: gives p.
        start: the state at which solvers start, between 0 and 1.
        trainable: whether learning changes the parameters.

    Raises:
        ModelError: a start outside [0, 1], or an exponent that is no positive whole number.

    Source: the VTEAM model, Kvatinsky, Ramadan, Friedman & Kolodny 2015, doi:10.1109/TCSII.2015.2433536, with a
        conductance in place of a resistance linear in the state.

    >>> import physeq as pq
    >>> [p.name for p in pq.electrical.threshold_memristor().parameters]
    ['G_off', 'G_on', 'V_reset', 'V_set', 'k_reset', 'k_set']
    """
    if not isinstance(exponent, int) or exponent < 1:
        raise ModelError(f"threshold_memristor: exponent must be a positive whole number, got {exponent!r}")
    x = _state(start)
    g_on, g_off = _limits(on, off, trainable)
    up, down = (
        _positive(f"k_{way}", rate, trainable, "1/s", f"rate of the {way}")
        * sp.Max(sign * ACROSS / _positive(f"V_{way}", level, trainable, "V", f"threshold of the {way}") - 1, 0)
        ** exponent
        for way, rate, level, sign in (("set", set_rate, set_voltage, 1), ("reset", reset_rate, reset_voltage, -1))
    )
    p = 2 * window.exponent
    return Edge(
        "threshold memristor",
        dissipation=(g_off + (g_on - g_off) * x) * ACROSS**2 / 2 + x.dot**2 / 2,
        force={x: up * (1 - x**p) - down * (1 - (1 - x) ** p)},
        internal=(x,),
        description="memristor that moves beyond two thresholds",
    )


def programmed_memristor(on: Initial = 1e-3, off: Initial = 1e-5, state: Initial = 0.5) -> Edge:
    """A memristor read below its thresholds, whose state x is what learning writes: i = (G_off + (G_on − G_off) x) u.

    Its co-content is ½ (G_off + (G_on − G_off) x) u² with 0 ≤ x ≤ 1, so its conductance keeps to the limits of the
    device. Learning measures ½ (G_on − G_off) u².

    Args:
        on, off: G_on and G_off in siemens.
        state: starting x, a number or a distribution.

    Source: crossbars as learning machines: Kendall et al. 2020, arXiv:2006.01981; limits as of `threshold_memristor`.

    >>> import physeq as pq
    >>> [(p.name, p.trainable) for p in pq.electrical.programmed_memristor().parameters]
    [('G_off', False), ('G_on', False), ('x', True)]
    """
    x = parameter("x", bounds=(0, 1), initial=state, description="written state")
    g_on, g_off = _limits(on, off, False)
    return Edge(
        "programmed memristor",
        dissipation=(g_off + (g_on - g_off) * x) * ACROSS**2 / 2,
        description="memristor read below its thresholds",
    )


def _state(start: float):
    if not 0 <= start <= 1:
        raise ModelError(f"memristor: its state starts between 0 and 1, got {start!r}")
    return coordinate("x", start=start, description="state of a memristor, 0 off and 1 on")


def _limits(on: Initial, off: Initial, trainable: bool) -> tuple[Parameter, Parameter]:
    return (
        _positive("G_on", on, trainable, "S", "conductance of the state 1"),
        _positive("G_off", off, trainable, "S", "conductance of the state 0"),
    )


def _positive(name: str, initial: Initial, trainable: bool, unit: str, description: str) -> Parameter:
    return parameter(name, positive=True, initial=initial, trainable=trainable, unit=unit, description=description)
