"""The structure of a netlist before any number is known: subcircuits, their parameters and models, and the cards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from physeq.netlist._expressions import Expression, parse_expression
from physeq.netlist._lines import keywords, tokens
from physeq.netlist._problems import Fault, Line, Problems
from physeq.netlist._scope import assignments

_PARAMS = re.compile(r"\bparams:", re.IGNORECASE)
_CHANGES_CIRCUIT = frozenset(
    ["alter", "altermod", "alterparam", "option", "set", "source", "load", "mc_source", "reset"]
)


@dataclass(frozen=True, slots=True)
class Statement:
    """An element's line and its tokens."""

    line: Line
    words: list[str]


@dataclass
class Definition:
    """A subcircuit, or the netlist itself (named ""): its elements, and what is defined inside it.

    `models` are by name in lower case; a definition sees those of the definitions around it too.
    """

    name: str
    line: Line
    ports: tuple[str, ...] = ()
    defaults: list[tuple[str, Expression]] = field(default_factory=list)
    parent: Definition | None = None
    statements: list[Statement] = field(default_factory=list)
    parameters: list[tuple[Line, str, Expression]] = field(default_factory=list)
    models: dict[str, Statement] = field(default_factory=dict)
    inner: dict[str, Definition] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def outward(self) -> Iterator[Definition]:
        """This definition and those around it."""
        here: Definition | None = self
        while here is not None:
            yield here
            here = here.parent

    def subcircuit(self, name: str) -> Definition | None:
        """The subcircuit of that name, the innermost first."""
        return next((one.inner[name] for one in self.outward() if name in one.inner), None)

    def model(self, name: str) -> Statement | None:
        """The model of that name, the innermost first."""
        return next((one.models[name] for one in self.outward() if name in one.models), None)


def collect(lines: list[Line], problems: Problems) -> tuple[Definition, list[Line]]:
    """The netlist as a tree of definitions, and its other cards (analyses, options, ...) in order."""
    top = here = Definition("", Line(1, ""))
    cards: list[Line] = []
    waiting = iter(lines)
    for line in waiting:
        here.lines.append(line)
        try:
            if line.text[0] != ".":
                here.statements.append(Statement(line, tokens(line.text)))
                continue
            card = line.text.split(None, 1)[0].lower()
            if card == ".subckt":
                here = _open(line, here, problems)
            elif card == ".ends":
                here = _close(line, here)
            elif card == ".param":
                here.parameters += [(line, name, value) for name, value in assignments(line.text[len(card) :])]
            elif card == ".model":
                _model(line, here)
            elif card == ".control":
                _skip_control(line, waiting, problems)
            elif here is not top:
                raise Fault(f"{card} does not stand inside a subcircuit; move it out of {here.name!r}")
            else:
                cards.append(line)
        except Fault as fault:
            problems.fault(line, fault)
    while here.parent is not None:
        problems.add(here.line.number, here.line.text, f"subcircuit {here.name!r} has no .ends")
        here = here.parent
    return top, cards


def _open(line: Line, here: Definition, problems: Problems) -> Definition:
    """The definition that a header opens; with a faulty header its body is read, and checked, all the same."""
    words, pairs = keywords(tokens(_PARAMS.sub(" ", line.text)))
    words = [word for word in words if word not in ("(", ")")]
    if len(words) < 2:
        problems.add(line.number, line.text, "a subcircuit is written .subckt NAME nodes ...")
        words = [".subckt", f"line {line.number}"]
    name, ports = words[1], tuple(word.lower() for word in words[2:])
    opened = Definition(name, line, ports, [(key, _default(value)) for key, value in pairs.items()], here)
    known = here.inner.setdefault(name.lower(), opened)
    faults = {
        f"subcircuit {name!r} is defined already in line {known.line.number}; rename one": known is not opened,
        f"subcircuit {name!r} names a node twice": len(set(ports)) != len(ports),
        f"subcircuit {name!r}: ground is everywhere and cannot be a node of its own": {"0", "gnd"} & set(ports),
    }
    for message, present in faults.items():
        if present:
            problems.add(line.number, line.text, message)
    return opened


def _default(token: str) -> Expression:
    return parse_expression(token[1:-1].strip() if token[0] in "{'" else token)


def _close(line: Line, here: Definition) -> Definition:
    if here.parent is None:
        raise Fault(".ends has no .subckt before it")
    words = line.text.split()
    if len(words) > 1 and words[1].lower() != here.name.lower():
        raise Fault(f".ends {words[1]} stands where subcircuit {here.name!r} of line {here.line.number} ends")
    return here.parent


def _model(line: Line, here: Definition) -> None:
    words = [word for word in tokens(line.text) if word not in ("(", ")")]
    if len(words) < 3:
        raise Fault("a model is written .model NAME TYPE(parameter=value ...)")
    known = here.models.setdefault(words[1].lower(), Statement(line, words))
    if known.line is not line:
        raise Fault(f"model {words[1]!r} is defined already in line {known.line.number}; rename one")


def _skip_control(line: Line, waiting: Iterator[Line], problems: Problems) -> None:
    problems.note(line.number, "the .control block is a script for ngspice and is not run")
    for inside in waiting:
        word = inside.text.split(None, 1)[0].lower()
        if word == ".endc":
            return
        if word in _CHANGES_CIRCUIT:
            problems.add(
                inside.number, inside.text, f"{word!r} in .control changes the circuit; write it as cards and values"
            )
    raise Fault(".control has no .endc")
