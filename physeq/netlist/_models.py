"""`.model NAME D(...)`: what a junction diode takes from its card, at the temperature of the netlist."""

from __future__ import annotations

import math

from physeq.netlist._cards import Cards
from physeq.netlist._definitions import Statement
from physeq.netlist._lines import keywords
from physeq.netlist._problems import Fault
from physeq.netlist._scope import Scope
from physeq.netlist.records import DiodeModel

# CODATA 2014, as ngspice has them: with the exact values of 2019 diode voltages would differ by 3.4e-7.
BOLTZMANN = 1.38064852e-23
ELEMENTARY_CHARGE = 1.6021766208e-19
ZERO_CELSIUS = 273.15

_ALIASES = {"js": "is", "cj0": "cjo", "cj": "cjo", "tref": "tnom"}
# Without effect on a diode that has neither capacitance nor breakdown.
_HARMLESS = frozenset(["vj", "pb", "m", "mj", "fc", "fcs", "kf", "af", "ibv", "nbv", "vp", "php"])
_NEUTRAL = {"cjo": 0.0, "cjp": 0.0, "cjsw": 0.0, "tt": 0.0, "level": 1.0, "trs": 0.0, "trs1": 0.0, "trs2": 0.0}
_NEUTRAL |= {"isr": 0.0, "jsw": 0.0, "tlev": 0.0, "tlevc": 0.0}


def thermal_voltage(temperature: float) -> float:
    """k T/q in volts at a temperature in degrees Celsius.

    >>> round(thermal_voltage(27.0), 9)
    0.025864917
    """
    return BOLTZMANN * (temperature + ZERO_CELSIUS) / ELEMENTARY_CHARGE


def diode_model(statement: Statement, scope: Scope, cards: Cards) -> DiodeModel:
    """Read the card of a diode.

    I_s at temperature T is I_s exp((T/T_nom − 1) E_g/(N V_t) + X_ti/N ln(T/T_nom)).

    Raises:
        Fault: another type of model, a parameter that changes the result in a way that is not supported, or an
            impossible value.
    """
    words, pairs = keywords(statement.words)
    name, kind = words[1], words[2].lower()
    if kind != "d":
        raise Fault(f"models of type {words[2]} are not supported, only D; element lines that use {name!r} need one")
    if len(words) > 3:
        raise Fault(f"{words[3]!r} stands where parameter=value should")
    values: dict[str, float] = {}
    refused = []
    for key, token in pairs.items():
        key = _ALIASES.get(key, key)
        if key in _HARMLESS:
            continue
        value = scope.number(token)
        if key in _NEUTRAL:
            if value != _NEUTRAL[key]:
                refused.append(f"{key.upper()}={token}")
        elif key in ("is", "n", "rs", "eg", "xti", "tnom"):
            values[key] = value
        else:
            refused.append(f"{key.upper()}={token}")
    if refused:
        raise Fault(
            f"model {name!r}: {', '.join(refused)} changes the diode and is not supported; it has IS, N, RS, EG, XTI, "
            "TNOM"
        )
    current, emission, resistance = values.get("is", 1e-14), values.get("n", 1.0), values.get("rs", 0.0)
    if not (current > 0 and emission > 0 and resistance >= 0):
        raise Fault(f"model {name!r}: IS and N must be positive and RS not negative")
    thermal = emission * thermal_voltage(cards.temperature)
    here = cards.temperature + ZERO_CELSIUS
    nominal = values.get("tnom", cards.nominal) + ZERO_CELSIUS
    if here != nominal:
        gap, power = values.get("eg", 1.11), values.get("xti", 3.0)
        current *= math.exp((here / nominal - 1) * gap / thermal + power / emission * math.log(here / nominal))
    return DiodeModel(name, current, thermal, resistance, statement.line.number)
