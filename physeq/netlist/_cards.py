"""The cards of a netlist: analyses, options, temperature, initial conditions, and those without effect."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from physeq.netlist._lines import keywords, tokens
from physeq.netlist._problems import Fault, Line, Problems
from physeq.netlist._scope import Scope, is_name
from physeq.netlist.records import Analysis, OperatingPoint, Sweep, Transient

_OUTPUT = frozenset([".print", ".plot", ".save", ".probe", ".meas", ".measure", ".four", ".width", ".backanno"])
_OTHER_ANALYSES = frozenset([".ac", ".noise", ".disto", ".tf", ".sens", ".pz", ".sp", ".pss", ".hb"])
_FILES = frozenset([".include", ".inc", ".lib"])
DEFAULT_TEMPERATURE = 27.0


@dataclass
class Cards:
    """What the cards of a netlist say.

    `initial` holds node names as written, with line and text. `temperature` and `nominal` are in degrees Celsius;
    `global_nodes` are names in lower case.
    """

    analyses: list[Analysis] = field(default_factory=list)
    options: dict[str, float | str | bool] = field(default_factory=dict)
    initial: list[tuple[str, float, Line]] = field(default_factory=list)
    temperature: float = DEFAULT_TEMPERATURE
    nominal: float = DEFAULT_TEMPERATURE
    global_nodes: dict[str, str] = field(default_factory=dict)
    title: str | None = None

    @property
    def transients(self) -> list[Transient]:
        """The `.tran` cards."""
        return [analysis for analysis in self.analyses if isinstance(analysis, Transient)]


def read_cards(cards: Cards, lines: list[Line], scope: Scope, problems: Problems) -> None:
    """Read the cards of the netlist itself into `cards`; `scope` holds its parameters."""
    for line in lines:
        card = line.text.split(None, 1)[0].lower()
        try:
            if card in _READERS:
                _READERS[card](cards, line, scope)
            elif card == ".title":
                cards.title = line.text[len(card) :].strip()
            elif card in _OUTPUT:
                problems.note(line.number, f"{card} asks for output and is not read")
            elif card == ".nodeset":
                problems.note(line.number, ".nodeset is a guess at the operating point and is not used")
            elif card in _OTHER_ANALYSES:
                problems.note(line.number, f"{card} is not an analysis that physeq does, and is skipped")
            elif card in _FILES:
                raise Fault(f"{card} reads another file, which is not done; put the lines of that file here")
            else:
                known = ".param .model .subckt .ends .ic .op .dc .tran .options .temp .global .end"
                raise Fault(f"the card {card} is not supported; those that are: {known}")
        except Fault as fault:
            problems.fault(line, fault)


def _numbers(words: list[str], scope: Scope) -> list[float]:
    return [scope.number(word) for word in words]


def _op(cards: Cards, line: Line, scope: Scope) -> None:
    cards.analyses.append(OperatingPoint(line.number))


def _tran(cards: Cards, line: Line, scope: Scope) -> None:
    words = tokens(line.text)[1:]
    flags = [word for word in words if word.lower() == "uic"]
    numbers = _numbers([word for word in words if word.lower() != "uic"], scope)
    if not 2 <= len(numbers) <= 4:
        raise Fault("a transient is written .tran STEP STOP [START [MAXIMUM STEP]] [UIC]")
    step, stop, *rest = numbers
    start = rest[0] if rest else 0.0
    maximum = rest[1] if len(rest) > 1 else None
    if not (step > 0 and stop > 0 and 0 <= start < stop and (maximum is None or maximum > 0)):
        raise Fault(f"a transient needs step > 0, stop > start ≥ 0 and a positive maximum step, got {numbers}")
    cards.analyses.append(Transient(step, stop, start, maximum, bool(flags), line.number))


def _dc(cards: Cards, line: Line, scope: Scope) -> None:
    words = tokens(line.text)[1:]
    if len(words) not in (4, 8):
        raise Fault("a sweep is written .dc SOURCE START STOP STEP [SOURCE2 START2 STOP2 STEP2]")
    sweep: Sweep | None = None
    for source, *range_ in reversed([words[k : k + 4] for k in range(0, len(words), 4)]):
        if source[0].lower() not in "vi":
            raise Fault(f"a sweep is over a V or I source, got {source!r}")
        start, stop, step = _numbers(range_, scope)
        if step == 0 or (stop - start) / step < 0:
            raise Fault(f"the sweep of {source} from {start:g} to {stop:g} never ends in steps of {step:g}")
        if (stop - start) / step > 1e7:
            raise Fault(f"the sweep of {source} has more than ten million points; take larger steps")
        sweep = Sweep(source, start, stop, step, sweep, line.number)
    if sweep is not None:
        cards.analyses.append(sweep)


def _ic(cards: Cards, line: Line, scope: Scope) -> None:
    words = tokens(line.text)[1:]
    if len(words) % 6 or not words:
        raise Fault("initial conditions are written .ic V(NODE)=VALUE ...")
    for at in range(0, len(words), 6):
        quantity, opened, node, closed, equals, value = words[at : at + 6]
        if quantity.lower() != "v" or (opened, closed, equals) != ("(", ")", "="):
            raise Fault("initial conditions are written .ic V(NODE)=VALUE ...; states of elements by their IC=")
        cards.initial.append((node, scope.number(value), line))


def _options(cards: Cards, line: Line, scope: Scope) -> None:
    flags, pairs = keywords(tokens(line.text)[1:])
    for flag in flags:
        cards.options[flag.lower()] = True
    for key, token in pairs.items():
        # method=gear and other words stay words
        cards.options[key] = token if is_name(token) else scope.number(token)
    if isinstance(leak := cards.options.get("gmin"), float) and not (math.isfinite(leak) and leak >= 0):
        raise Fault(f"gmin is a conductance across junctions and not negative, got {leak:g}")
    for key in ("temp", "tnom"):
        if isinstance(value := cards.options.pop(key, None), float):
            _set_temperature(cards, key, value)
    if cards.options.get("scale", 1.0) != 1.0:
        raise Fault("the option scale changes what numbers mean and is not supported; write the numbers themselves")


def _temp(cards: Cards, line: Line, scope: Scope) -> None:
    numbers = _numbers(tokens(line.text)[1:], scope)
    if len(numbers) != 1:
        raise Fault("the temperature is written .temp DEGREES, one of them")
    _set_temperature(cards, "temp", numbers[0])


def _set_temperature(cards: Cards, key: str, value: float) -> None:
    if not (math.isfinite(value) and value > -273.15):
        raise Fault(f"a temperature of {value:g} degrees Celsius does not exist")
    if key == "temp":
        cards.temperature = value
    else:
        cards.nominal = value


def _global(cards: Cards, line: Line, scope: Scope) -> None:
    for word in tokens(line.text)[1:]:
        cards.global_nodes.setdefault(word.lower(), word)


_READERS: dict[str, Callable[[Cards, Line, Scope], None]] = {
    ".op": _op,
    ".tran": _tran,
    ".dc": _dc,
    ".ic": _ic,
    ".options": _options,
    ".option": _options,
    ".opt": _options,
    ".opts": _options,
    ".temp": _temp,
    ".global": _global,
}
