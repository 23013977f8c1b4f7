"""Numbers as SPICE writes them: engineering suffixes, and unit letters that count for nothing."""

from __future__ import annotations

import math
import re

from physeq.errors import ModelError

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+))?([a-zA-Z]*)")
_POWERS = {"t": 12, "g": 9, "k": 3, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
_MIL = 25.4e-6


def parse_number(text: str) -> float | None:
    """The value of a SPICE number, or None where the text is not one.

    Suffixes in any case: t 1e12, g 1e9, meg 1e6, k 1e3, m 1e-3, mil 25.4e-6, u 1e-6, n 1e-9, p 1e-12, f 1e-15. Letters
    behind a suffix, and letters that are none, are units and count for nothing: `10uF`, `5V`. So `1F` is a femto and
    `1M` a milli, as in every SPICE.

    >>> parse_number("4.7k"), parse_number("10MEGohm"), parse_number("1F"), parse_number("5V"), parse_number("1k5")
    (4700.0, 10000000.0, 1e-15, 5.0, None)
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    mantissa, exponent, unit = match.groups()
    if not unit and exponent is None:
        return float(mantissa)
    unit = unit.lower()
    if unit.startswith("mil"):
        return float(f"{mantissa}e{exponent or 0}") * _MIL
    power = 6 if unit.startswith("meg") else _POWERS.get(unit[:1], 0)
    # One decimal number, rounded once: 4.7p is the double nearest to 4.7e-12, which 4.7 * 1e-12 need not be.
    return float(f"{mantissa}e{int(exponent or 0) + power}")


def format_number(value: float) -> str:
    """The shortest text that reads back as the same number.

    >>> format_number(1e-12), format_number(4700.0)
    ('1e-12', '4700.0')
    """
    value = float(value)
    if not math.isfinite(value):
        raise ModelError(f"a netlist holds finite numbers, got {value}; mend the parameter or input that it comes from")
    return repr(value)
