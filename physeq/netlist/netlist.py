"""`Netlist`: what a SPICE file says, as records; and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from physeq.errors import ModelError
from physeq.netlist._cards import Cards, read_cards
from physeq.netlist._definitions import Definition, collect
from physeq.netlist._elements import Names, Place
from physeq.netlist._flatten import define_parameters, flatten
from physeq.netlist._lines import logical_lines
from physeq.netlist._problems import Problems
from physeq.netlist._scope import Scope
from physeq.netlist.records import Analysis, Capacitor, Element, Inductor, Transient

if TYPE_CHECKING:
    from physeq.interface import System
    from physeq.netlist._build import Placed

DEFAULT_LEAK = 1e-12


@dataclass(frozen=True, eq=False)
class Netlist:
    """A circuit as a SPICE netlist describes it, flat and in numbers.

    Attributes:
        title: its first line.
        elements: its elements in order, subcircuits laid out flat, each with its line; see `physeq.netlist.records`.
        nodes: the names of its nodes, ground "0" first.
        parameters: the values of its own `.param`.
        initial: initial conditions by quantity: "out.v" from `.ic`, "C1.v" and "L1.i" from `IC=`.
        analyses: its `.op`, `.dc` and `.tran`.
        options: its `.options`, numbers as numbers.
        temperature: in degrees Celsius.
        notes: what was read and has no effect, as sentences that name their line.
        text: the netlist as it was written.
        name: what it is called in messages: its file, or "netlist".
    """

    title: str
    elements: tuple[Element, ...]
    nodes: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    initial: Mapping[str, float] = field(default_factory=dict)
    analyses: tuple[Analysis, ...] = ()
    options: Mapping[str, float | str | bool] = field(default_factory=dict)
    temperature: float = 27.0
    notes: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    name: str = "netlist"

    @property
    def leak(self) -> float:
        """The conductance across every junction in siemens, `gmin` of `.options`: 1e-12 unless it is said there."""
        value = self.options.get("gmin", DEFAULT_LEAK)
        return value if isinstance(value, float) else DEFAULT_LEAK

    @cached_property
    def _by_name(self) -> dict[str, Element]:
        return {element.name.lower(): element for element in self.elements}

    def element(self, name: str) -> Element:
        """The element of that name, in any case; ModelError otherwise."""
        found = self._by_name.get(name.lower())
        if found is None:
            raise ModelError(f"{self.name}: there is no element {name!r}")
        return found

    def __contains__(self, name: str) -> bool:
        """Whether there is an element of that name, in any case."""
        return name.lower() in self._by_name

    def node(self, name: str) -> str | None:
        """The node of that name as the netlist spells it, None where there is none."""
        return self._nodes.get("0" if name.lower() == "gnd" else name.lower())

    def to_system(self, *, dc: bool | None = None, **options: Any) -> System:
        """The circuit as a `System`: one group of nodes, one bundle per kind of element, labelled as in the netlist.

        Args:
            dc: whether sources have their DC values (as operating points and sweeps do) or their functions of time. By
                default functions of time, unless the netlist asks for operating points and sweeps alone.
            options: outputs, cost and other arguments of `System`.

        Raises:
            ModelError: no ground, or couplings without positive energy.

        >>> net = read_netlist("divider\\nV1 in 0 10\\nR1 in out 2k\\nR2 out 0 1k\\n")
        >>> net.to_system().topology.element("R2")
        ('resistor', 1)
        """
        from physeq.interface import System

        if dc is None:
            dc = bool(self.analyses) and not any(isinstance(one, Transient) for one in self.analyses)
        placed = self._placed(dc)
        options = {"ground": "0", "name": Path(self.name).stem, "description": self.title} | options
        return System(placed.topology, edges=placed.components, values=placed.values, **options)

    def _placed(self, dc: bool) -> Placed:
        from physeq.netlist._build import build

        return build(self, dc)

    def quantity(self, name: str) -> str:
        """The name that a solution of `to_system` has for a quantity of this netlist.

        "out.v", "R1.i", "V1.i" are the same in both, in the spelling of the netlist; the current of an element that is
        part of another is at a port of it: that of a coupled inductor, that of a V source of 0 V that an F senses.

        Raises:
            ModelError: the netlist has no such node or element, or no such quantity of it.

        >>> text = "sensing\\nV1 a 0 0\\nI1 0 a 1\\nF1 0 b V1 2\\nR1 b 0 1\\n"
        >>> read_netlist(text).quantity("v1.i"), read_netlist(text).quantity("A.v")
        ('F1.cp.i', 'a.v')
        """
        owner, dot, key = name.rpartition(".")
        node = self.node(owner)
        if key == "v" and node is not None:
            return f"{node}.v"
        spelled = self.element(owner).name
        alias = self._aliases.get(spelled, spelled)
        if not dot or (alias != spelled and key != "i"):
            raise ModelError(f"{self.name}: {name!r} is no quantity; there are NODE.v, ELEMENT.i and ELEMENT.v")
        return f"{alias}.{key}"

    @cached_property
    def _nodes(self) -> dict[str, str]:
        return {node.lower(): node for node in self.nodes}

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return self._placed(dc=True).aliases

    def __repr__(self) -> str:
        return f"Netlist({self.title!r}: {len(self.elements)} elements, {len(self.nodes)} nodes)"


def read_netlist(source: str | Path) -> Netlist:
    """Read a SPICE netlist: a path, or the text itself (a string with a line break in it).

    Understood: R C L K V I D E G F H X; `.subckt` with parameters, nested; `.param` with arithmetic; `.model` D; `.ic`,
    `IC=`; `.op`, `.dc`, `.tran`; `.options`, `.temp`, `.global`; SIN, PULSE and PWL; engineering suffixes, comments,
    continuation lines. Nothing in it is executed. Numbers mean what they mean in ngspice.

    Raises:
        ModelError: something is not understood or not supported: all of it in one message, each with its line; or the
            file cannot be read.

    >>> net = read_netlist("divider\\nV1 in 0 10\\nR1 in out {2*r}\\nR2 out 0 {r}\\n.param r=1k\\n.op\\n")
    >>> net.nodes, net.element("r1").resistance
    (('0', 'in', 'out'), 2000.0)
    """
    text, name = _text(source)
    problems = Problems(name)
    title, lines = logical_lines(text, problems)
    top, card_lines = collect(lines, problems)
    scope, cards = Scope(), Cards()
    place = Place(top, scope, cards, problems, Names())
    define_parameters(place)
    read_cards(cards, card_lines, scope, problems)
    elements = flatten(place)
    initial = _initial_conditions(elements, cards, place)
    _unused_models(top, problems)
    problems.check()
    if not elements:
        raise ModelError(f"{name}: the netlist has no elements; the first line is the title, the elements follow")
    return Netlist(
        title=cards.title if cards.title is not None else title,
        elements=tuple(elements),
        nodes=tuple(place.names.nodes.values()),
        parameters=MappingProxyType(scope.own()),
        initial=MappingProxyType(initial),
        analyses=tuple(cards.analyses),
        options=MappingProxyType(cards.options),
        temperature=cards.temperature,
        notes=tuple(problems.notes),
        text=text,
        name=name,
    )


def _text(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and "\n" in source:
        return source, "netlist"
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}; give a file, or a text with line breaks") from None
    except UnicodeDecodeError:
        raise ModelError(f"{path}: is not text in UTF-8; convert it first") from None


def _initial_conditions(elements: list[Element], cards: Cards, place: Place) -> dict[str, float]:
    initial = {}
    for word, value, line in cards.initial:
        key = "0" if word.lower() == "gnd" else word.lower()
        if key not in place.names.nodes:
            place.problems.add(line.number, line.text, f"there is no node {word!r}")
        elif key == "0":
            place.problems.add(line.number, line.text, "ground is at 0 V and takes no initial condition")
        else:
            initial[f"{place.names.nodes[key]}.v"] = value
    for element in elements:
        if isinstance(element, Capacitor | Inductor) and element.initial is not None:
            initial[f"{element.name}.{'v' if isinstance(element, Capacitor) else 'i'}"] = element.initial
    return initial


def _unused_models(top: Definition, problems: Problems) -> None:
    """Note the models of other types that no element asked for: they change nothing."""
    waiting = [top]
    while waiting:
        definition = waiting.pop()
        waiting += definition.inner.values()
        for statement in definition.models.values():
            if statement.words[2].lower() != "d" and not any(n == statement.line.number for n, _, _ in problems.found):
                problems.note(statement.line.number, f"no element uses model {statement.words[1]!r}")
