"""One element line → records, by the letter that it starts with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from physeq.netlist._cards import Cards
from physeq.netlist._definitions import Definition, Statement
from physeq.netlist._lines import keywords
from physeq.netlist._models import diode_model
from physeq.netlist._numbers import parse_number
from physeq.netlist._problems import Fault, Line, Problems
from physeq.netlist._scope import Scope
from physeq.netlist._sources import Setting, source_value
from physeq.netlist.records import (
    Capacitor,
    Coupling,
    CurrentControlled,
    CurrentSource,
    Diode,
    DiodeModel,
    Element,
    Inductor,
    Resistor,
    VoltageControlled,
    VoltageSource,
)

GROUND = "0"
_GROUNDS = frozenset(("0", "gnd"))
_HARMLESS = frozenset(("ac", "noisy", "noise"))
_NEUTRAL = {"scale": 1.0, "tc": 0.0, "tc1": 0.0, "tc2": 0.0, "tce": 0.0, "dtemp": 0.0, "m": 1.0}


@dataclass
class Names:
    """The nodes and elements of the whole netlist: key in lower case → spelled as at first; and the elements read."""

    nodes: dict[str, str] = field(default_factory=lambda: {GROUND: GROUND})
    elements: dict[str, tuple[str, Line]] = field(default_factory=dict)
    found: list[Element] = field(default_factory=list)
    by_name: dict[str, Element] = field(default_factory=dict)
    instances: int = 0


@dataclass
class Place:
    """Where a line is read: in the netlist itself, or in one instance of a subcircuit."""

    definition: Definition
    scope: Scope
    cards: Cards
    problems: Problems
    names: Names
    prefix: str = ""
    ports: dict[str, str] = field(default_factory=dict)
    models: dict[str, DiodeModel | None] = field(default_factory=dict)

    def node(self, word: str) -> str:
        """The node that a name stands for here."""
        key = word.lower()
        if key in self.ports:
            return self.ports[key]
        if key in _GROUNDS:
            return GROUND
        if key in self.cards.global_nodes or not self.prefix:
            return self.names.nodes.setdefault(key, word)
        full = self.prefix + word
        return self.names.nodes.setdefault(full.lower(), full)

    def own_node(self, name: str) -> str:
        """A node that no line names: behind a series resistance, or in series with a source."""
        return self.names.nodes.setdefault(name.lower(), name)

    def nodes(self, words: list[str], at: int = 1) -> tuple[str, str]:
        """The two nodes from the word `at` on."""
        if len(words) < at + 2 or "(" in words[at : at + 2]:
            raise Fault(f"{words[0]}: two nodes should stand behind {words[at - 1]!r}")
        return self.node(words[at]), self.node(words[at + 1])

    def add(self, name: str, element: Element, line: Line) -> None:
        """Take an element; `Fault` when its name is taken."""
        known = self.names.elements.setdefault(name.lower(), (name, line))
        if known[1] is not line:
            raise Fault(f"{name!r} is the name of an element in line {known[1].number} already; names are unique")
        self.names.found.append(element)

    def model(self, word: str) -> DiodeModel | None:
        """The diode model of that name at the parameters of this place; None when its own line is at fault."""
        key = word.lower()
        if key not in self.models:
            statement = self.definition.model(key)
            if statement is None:
                raise Fault(f"there is no model {word!r}; write .model {word} D(IS=... N=...)")
            try:
                self.models[key] = diode_model(statement, self.scope, self.cards)
            except Fault as fault:
                self.problems.fault(statement.line, fault)
                self.models[key] = None
        return self.models[key]


def _value(words: list[str], pairs: dict[str, str], key: str, what: str, place: Place) -> float:
    """The one number of an element, positional or as `key=`."""
    if key in pairs:
        words.insert(3, pairs.pop(key))
    if len(words) < 4:
        raise Fault(f"{words[0]} has no {what}; write {words[0][0].upper()}NAME NODE NODE VALUE")
    if len(words) > 4:
        raise Fault(f"{words[4]!r} stands behind the {what} of {words[0]}, where nothing should")
    return place.scope.number(words[3])


def _rest(words: list[str], pairs: dict[str, str], place: Place) -> None:
    """Refuse keywords that change the element and are not supported."""
    for key, token in pairs.items():
        if key in _HARMLESS:
            continue
        if key not in _NEUTRAL or place.scope.number(token) != _NEUTRAL[key]:
            raise Fault(f"{words[0]}: {key}={token} is not supported")


def _multiplier(pairs: dict[str, str], place: Place) -> float:
    """How many equal elements stand in parallel (`m=`)."""
    if "m" not in pairs:
        return 1.0
    count = place.scope.number(pairs.pop("m"))
    if count <= 0:
        raise Fault(f"m={count:g}: as many equal elements in parallel must be more than none")
    return count


def _resistor(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    count = _multiplier(pairs, place)
    value = _value(words, pairs, "r", "resistance", place)
    _rest(words, pairs, place)
    if value == 0:
        raise Fault(f"{words[0]} has a resistance of 0; join its nodes, or put a V source of 0 V there")
    place.add(name, Resistor(name, place.nodes(words), value / count, line.number), line)


def _capacitor(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    initial = place.scope.number(pairs.pop("ic")) if "ic" in pairs else None
    count = _multiplier(pairs, place)
    value = _value(words, pairs, "c", "capacitance", place)
    _rest(words, pairs, place)
    if value <= 0:
        raise Fault(f"{words[0]} has a capacitance of {value:g}; it must be positive (remove it where it is 0)")
    place.add(name, Capacitor(name, place.nodes(words), value * count, initial, line.number), line)


def _inductor(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    initial = place.scope.number(pairs.pop("ic")) if "ic" in pairs else None
    count = _multiplier(pairs, place)
    value = _value(words, pairs, "l", "inductance", place)
    _rest(words, pairs, place)
    if value <= 0:
        raise Fault(f"{words[0]} has an inductance of {value:g}; it must be positive (a V source of 0 V is a wire)")
    place.add(name, Inductor(name, place.nodes(words), value / count, initial, line.number), line)


def _coupling(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    if "k" in pairs:
        words.append(pairs.pop("k"))
    _rest(words, pairs, place)
    if len(words) != 4:
        raise Fault(f"{words[0]} couples two inductors: write K L1 L2 COEFFICIENT, one line per pair")
    coefficient = place.scope.number(words[3])
    if not -1 <= coefficient <= 1:
        raise Fault(f"{words[0]} has a coefficient of {coefficient:g}; it must lie between -1 and 1")
    inductors = (place.prefix + words[1], place.prefix + words[2])
    place.add(name, Coupling(name, inductors, coefficient, line.number), line)


def _source(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    nodes = place.nodes(words)
    dc, function = source_value(words[3:], pairs, Setting(place.scope, place.cards, place.problems, line))
    _rest(words, pairs, place)
    kind = VoltageSource if words[0][0] in "vV" else CurrentSource
    place.add(name, kind(name, nodes, dc, function, line.number), line)


def _diode(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    nodes = place.nodes(words)
    if len(words) < 4:
        raise Fault(f"{words[0]} has no model; write D ANODE CATHODE MODEL and .model MODEL D(...)")
    pairs.pop("ic", None)  # a voltage that only a junction with capacitance would keep
    area = _multiplier(pairs, place)
    rest = [word for word in words[4:] if word.lower() != "off"]
    if len(rest) == 1 and (parse_number(rest[0]) is not None or rest[0][0] in "{'"):
        area *= place.scope.number(rest.pop())
    if "area" in pairs:
        area *= place.scope.number(pairs.pop("area"))
    if rest:
        raise Fault(f"{rest[0]!r} stands behind the model of {words[0]}; a diode has two nodes, a model and an area")
    _rest(words, pairs, place)
    if area <= 0:
        raise Fault(f"{words[0]} has an area of {area:g}; it must be positive")
    model = place.model(words[3])
    if model is None:
        return
    if model.series_resistance:
        inner = place.own_node(f"{name}#internal")
        series = f"{name}.rs"
        resistor = Resistor(series, (nodes[0], inner), model.series_resistance / area, line.number)
        place.add(series, resistor, line)
        nodes = (inner, nodes[1])
    current = model.saturation_current * area
    place.add(name, Diode(name, nodes, model.name, current, model.thermal_voltage, area, line.number), line)


def _controlled(words: list[str], name: str, line: Line, place: Place) -> None:
    words, pairs = keywords(words)
    letter = words[0][0].lower()
    by_voltage = letter in "eg"
    nodes = place.nodes(words)
    if behaviour := next((key for key in ("value", "vol", "cur", "table", "laplace") if key in pairs), None):
        raise Fault(f"{words[0]}: {behaviour}= makes it a behavioural source, which is not supported; give a gain")
    if len(words) > 3 and words[3].lower() in ("poly", "table", "value", "laplace", "vol", "cur"):
        raise Fault(f"{words[0]}: {words[3].upper()} is not supported; give a gain")
    if by_voltage:
        words = [word for word in words if word not in ("(", ")")]
    if "gain" in pairs:
        words.append(pairs.pop("gain"))
    _rest(words, pairs, place)
    wanted = "NODE NODE CONTROL CONTROL" if by_voltage else "NODE NODE VSOURCE"
    if len(words) != (6 if by_voltage else 5):
        raise Fault(f"{words[0]} should be written {letter.upper()}NAME {wanted} GAIN")
    output = "voltage" if letter in "eh" else "current"
    gain = place.scope.number(words[-1])
    element: Element
    if by_voltage:
        element = VoltageControlled(name, nodes, output, place.nodes(words, 3), gain, line.number)
    else:
        element = CurrentControlled(name, nodes, output, place.prefix + words[3], gain, line.number)
    place.add(name, element, line)


_READERS: dict[str, Callable[[list[str], str, Line, Place], None]] = {
    "r": _resistor,
    "c": _capacitor,
    "l": _inductor,
    "k": _coupling,
    "v": _source,
    "i": _source,
    "d": _diode,
    "e": _controlled,
    "g": _controlled,
    "f": _controlled,
    "h": _controlled,
}
_OTHER = {
    "a": "XSPICE elements", "b": "behavioural sources", "j": "junction transistors", "m": "MOS transistors",
    "n": "compiled models", "o": "lossy lines", "p": "coupled lines", "q": "bipolar transistors", "s": "switches",
    "t": "transmission lines", "u": "RC lines", "w": "switches", "y": "lines", "z": "MESFETs",
}  # fmt: skip


def read_element(statement: Statement, place: Place) -> None:
    """Read one element line, other than X, into `place.names.found`; `Fault` when it cannot be."""
    word = statement.words[0]
    reader = _READERS.get(word[0].lower())
    if reader is None:
        what = _OTHER.get(word[0].lower())
        raise Fault(
            f"{what} ({word[0].upper()}) are not supported; there are R C L K V I D E G F H X"
            if what
            else f"{word!r} names no element; elements start with R C L K V I D E G F H or X"
        )
    reader(statement.words, place.prefix + word, statement.line, place)
