"""Source functions of netlists and the waveforms of the library."""

from __future__ import annotations

import math

from physeq.netlist.records import CurrentSource, SourceFunction, VoltageSource
from physeq.symbolic.waveforms import PiecewiseLinear, Pulse, Sine, Waveform

_SINE = ("offset", "amplitude", "frequency", "delay", "damping", "phase")
_PULSE = ("initial", "pulsed", "delay", "rise", "fall", "width", "period")


def prototype(function: SourceFunction) -> tuple[str, Waveform, tuple[str, ...]]:
    """(suffix of the kind, a waveform of that kind, names of its parameters in the order of `function.numbers`).

    The waveform stands for all sources of the kind, which have their own numbers as values.
    """
    count = len(function.numbers)
    if function.kind == "sin":
        return "sine", Sine(), _SINE
    if function.kind == "pulse":
        timing = {4: {}, 6: {"width": 1.0}, 7: {"width": 1.0, "period": 2.0}}[count]
        return {4: "step", 6: "single_pulse", 7: "pulse"}[count], Pulse(0.0, 1.0, **timing), _PULSE[:count]
    points = count // 2
    names = tuple(name for k in range(1, points + 1) for name in (f"t_{k}", f"u_{k}"))
    return f"pwl_{points}", PiecewiseLinear(tuple(map(float, range(points))), (0.0,) * points), names


def dc_value(source: VoltageSource | CurrentSource) -> float:
    """The value of operating points: the DC value, or the function at time 0 where there is none."""
    if source.dc is not None:
        return source.dc
    assert source.function is not None
    numbers = source.function.numbers
    if source.function.kind == "sin":
        offset, amplitude, _, _, _, phase = numbers
        return offset + amplitude * math.sin(math.radians(phase))
    if source.function.kind == "pulse":
        return numbers[0]
    return float(PiecewiseLinear(numbers[::2], numbers[1::2])(0.0))
