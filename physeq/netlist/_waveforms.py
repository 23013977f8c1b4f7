"""Source functions of netlists and the waveforms of the library."""

from __future__ import annotations

import math
from typing import Any

from physeq.errors import ModelError
from physeq.netlist._numbers import format_number
from physeq.netlist.records import CurrentSource, SourceFunction, VoltageSource
from physeq.symbolic.waveforms import DC, PiecewiseLinear, Pulse, Sine, Waveform

_SINE = ("offset", "amplitude", "frequency", "delay", "damping", "phase")
_JUMP = 1e-15  # seconds
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


def drive_text(kind: str, numbers: list[float]) -> str:
    """What stands behind the nodes of a V or I source; `kind` is "dc", "sin", "pulse" or "pwl"."""
    if kind == "pulse":  # SPICE takes times of 0 as "not given": a jump is a ramp too short to see
        numbers = numbers[:3] + [max(x, _JUMP) for x in numbers[3:]]
    words = [format_number(x) for x in numbers]
    if kind == "dc":
        return f"DC {words[0]}"
    return f"{kind.upper()}({' '.join(words)})"


def waveform_text(value: Any) -> str:
    """What stands behind the nodes of a source that follows a number or a waveform."""
    if not isinstance(value, Waveform):
        return drive_text("dc", [float(value)])
    if isinstance(value, DC):
        return drive_text("dc", [value.value])
    if isinstance(value, Sine):
        fields = (value.offset, value.amplitude, value.frequency, value.delay, value.damping, value.phase)
        return drive_text("sin", list(fields))
    if isinstance(value, Pulse):
        given = (value.initial, value.pulsed, value.delay, value.rise, value.fall, value.width, value.period)
        return drive_text("pulse", [x for x in given if x is not None] if value.width is not None else list(given[:4]))
    if isinstance(value, PiecewiseLinear):
        return drive_text("pwl", [x for pair in zip(value.times, value.values, strict=True) for x in pair])
    raise ModelError(f"a netlist holds DC, Sine, Pulse and PiecewiseLinear, got {type(value).__name__}")
