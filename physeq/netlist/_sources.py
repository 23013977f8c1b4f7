"""What stands behind the nodes of a V or I source: a DC value and a function of time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from physeq.netlist._cards import Cards
from physeq.netlist._numbers import parse_number
from physeq.netlist._problems import Fault, Line, Problems
from physeq.netlist._scope import Scope
from physeq.netlist.records import SourceFunction

_OTHER_FUNCTIONS = frozenset(["exp", "sffm", "am", "trnoise", "trrandom", "external"])


@dataclass(frozen=True, slots=True)
class Setting:
    """What the functions of sources need of the rest: parameters, cards (defaults of `.tran`) and where to tell."""

    scope: Scope
    cards: Cards
    problems: Problems
    line: Line


def source_value(
    words: list[str], pairs: dict[str, str], setting: Setting
) -> tuple[float | None, SourceFunction | None]:
    """(DC value or None, function or None) of `[DC] value`, `AC ...` and SIN, PULSE or PWL, in any order."""
    dc = setting.scope.number(pairs.pop("dc")) if "dc" in pairs else None
    function = None
    if pairs.pop("ac", None) is not None:
        _note_ac(setting)
    at = 0
    while at < len(words):
        word = words[at].lower()
        at += 1
        if word == "dc":
            if at >= len(words):
                raise Fault("DC has no value")
            dc = setting.scope.number(words[at])
            at += 1
        elif word == "ac":
            _note_ac(setting)
            while at < len(words) and _is_number(words[at]):
                at += 1
        elif word in _FUNCTIONS:
            if function is not None:
                raise Fault("a source has one function of time, this one has two")
            given, at = _arguments(words, at)
            numbers = [setting.scope.number(token) for token in given]
            function = _FUNCTIONS[word](numbers, pairs, setting)
        elif word in _OTHER_FUNCTIONS:
            raise Fault(f"the source function {word.upper()} is not supported; use SIN, PULSE or PWL")
        elif dc is None:
            dc = setting.scope.number(words[at - 1])
        else:
            raise Fault(f"{words[at - 1]!r} stands behind the value of the source; use DC, SIN, PULSE or PWL")
    return (0.0 if dc is None and function is None else dc), function


def _note_ac(setting: Setting) -> None:
    setting.problems.note(setting.line.number, "AC belongs to an analysis that physeq does not do, and is skipped")


def _is_number(token: str) -> bool:
    return token[0] in "{'" or parse_number(token) is not None


def _arguments(words: list[str], at: int) -> tuple[list[str], int]:
    """The arguments of a function, in parentheses or without, and where they end."""
    if at < len(words) and words[at] == "(":
        try:
            end = words.index(")", at)
        except ValueError:
            raise Fault("a parenthesis has no partner") from None
        return words[at + 1 : end], end + 1
    end = at
    while end < len(words) and _is_number(words[end]):
        end += 1
    return words[at:end], end


def _transient(setting: Setting, what: str) -> tuple[float, float]:
    """Step and stop of the transient, which the defaults of functions come from."""
    found = {(one.step, one.stop) for one in setting.cards.transients}
    if len(found) != 1:
        why = "there is no .tran" if not found else "there are several .tran"
        raise Fault(f"{what} is not given and comes from the transient, but {why}; write the number")
    return found.pop()


def _sin(numbers: list[float], pairs: dict[str, str], setting: Setting) -> SourceFunction:
    if not 2 <= len(numbers) <= 6:
        raise Fault(f"SIN takes 2 to 6 numbers (offset amplitude frequency delay damping phase), got {len(numbers)}")
    offset, amplitude, frequency, delay, damping, phase = numbers + [0.0] * (6 - len(numbers))
    if frequency == 0:
        frequency = 1 / _transient(setting, "the frequency of SIN")[1]
    if frequency < 0 or delay < 0:
        raise Fault("the frequency and the delay of SIN must not be negative; shift its phase instead")
    return SourceFunction("sin", (offset, amplitude, frequency, delay, damping, phase))


def _pulse(numbers: list[float], pairs: dict[str, str], setting: Setting) -> SourceFunction:
    if not 2 <= len(numbers) <= 7:
        raise Fault(f"PULSE takes 2 to 7 numbers (initial pulsed delay rise fall width period), got {len(numbers)}")
    initial, pulsed, delay, rise, fall, width, period = numbers + [0.0] * (7 - len(numbers))
    if min(delay, rise, fall, width, period) < 0:
        raise Fault("the times of PULSE must not be negative")
    # SPICE reads 0 as "not given": edges then take a step of the transient, width and period last longer than it.
    rise = rise or _transient(setting, "the rise time of PULSE")[0]
    if not width and not period:
        return SourceFunction("pulse", (initial, pulsed, delay, rise))
    width = width or _transient(setting, "the width of PULSE")[1]
    fall = fall or _transient(setting, "the fall time of PULSE")[0]
    return SourceFunction("pulse", (initial, pulsed, delay, rise, fall, width) + ((period,) if period else ()))


def _pwl(numbers: list[float], pairs: dict[str, str], setting: Setting) -> SourceFunction:
    if len(numbers) < 2 or len(numbers) % 2:
        raise Fault(f"PWL takes pairs of time and value, got {len(numbers)} numbers")
    if "r" in pairs:
        raise Fault("PWL with r= repeats, which is not supported; write the corners of all periods")
    delay = setting.scope.number(pairs.pop("td")) if "td" in pairs else 0.0
    times = [time + delay for time in numbers[::2]]
    for before, after in pairwise(times):
        if not after > before:
            raise Fault(f"the times of PWL must increase, got {before:g} and then {after:g}")
    return SourceFunction("pwl", tuple(n for pair in zip(times, numbers[1::2], strict=True) for n in pair))


_FUNCTIONS = {"sin": _sin, "sine": _sin, "pulse": _pulse, "pwl": _pwl}
