"""Subcircuits laid out flat: every X replaced by its elements, named by their path."""

from __future__ import annotations

import dataclasses

from physeq.netlist._behaviour import library_component, library_factory
from physeq.netlist._definitions import Definition, Statement
from physeq.netlist._elements import Place, read_element
from physeq.netlist._lines import keywords
from physeq.netlist._problems import Fault
from physeq.netlist._scope import Scope
from physeq.netlist.records import Coupling, CurrentControlled, Element, Inductor, LibraryElement, VoltageSource

_DEEPEST = 50  # levels of subcircuits
_MOST_ELEMENTS = 2_000_000  # and instances: a few lines of nested subcircuits can ask for more than memory holds


def flatten(place: Place) -> list[Element]:
    """All elements of the netlist, in order, with references to other elements checked."""
    _read_body(place, ())
    return [_referring(element, place) for element in place.names.found]


def define_parameters(place: Place) -> None:
    """Define and evaluate the parameters of a definition in the scope of the place."""
    for line, name, expression in place.definition.parameters:
        try:
            place.scope.define(name, expression, line.number)
        except Fault as fault:
            place.problems.fault(line, fault)
    for line, name, _ in place.definition.parameters:
        try:
            place.scope[name.lower()]
        except Fault as fault:
            place.problems.fault(line, fault)


def _read_body(place: Place, path: tuple[Definition, ...]) -> None:
    problems = place.problems
    for statement in place.definition.statements:
        try:
            if statement.words[0][0] in "xX":
                _read_instance(statement, place, path)
            else:
                read_element(statement, place)
        except Fault as fault:
            problems.fault(statement.line, fault)


def _read_instance(statement: Statement, place: Place, path: tuple[Definition, ...]) -> None:
    words, pairs = keywords([word for word in statement.words if word.lower() != "params:"])
    if len(words) < 2:
        raise Fault(f"{words[0]} names no subcircuit; write X NODES SUBCIRCUIT [parameter=value ...]")
    definition = place.definition.subcircuit(words[-1].lower())
    if definition is None:
        raise Fault(f"there is no subcircuit {words[-1]!r}; write .subckt {words[-1]} NODES ... .ends")
    nodes = words[1:-1]
    if len(nodes) != len(definition.ports):
        raise Fault(
            f"{words[0]} gives {len(nodes)} nodes, but subcircuit {definition.name!r} of line "
            f"{definition.line.number} has {len(definition.ports)}"
        )
    if definition in path or len(path) >= _DEEPEST:
        raise Fault(f"subcircuit {definition.name!r} holds itself, or is nested deeper than {_DEEPEST} levels")
    place.names.instances += 1
    if len(place.names.found) + place.names.instances > _MOST_ELEMENTS:
        raise Fault(f"the netlist has more than {_MOST_ELEMENTS} elements")
    inside = _instance(statement, definition, place, words[0], nodes, pairs)
    component = library_component(definition)
    if component is None:
        define_parameters(inside)
        _read_body(inside, (*path, definition))
        return
    function, written = component
    values = tuple((symbol.name, inside.scope[key]) for key, symbol in written.parameters.items())
    starts = tuple((x.name, inside.scope[key]) for key, x in written.starts.items())
    if library_factory(function, dict(starts)) is None:
        raise Fault(f"{words[0]}: {function} has no start of its own for {', '.join(name for name, _ in starts)}")
    name = place.prefix + words[0]
    element = LibraryElement(name, tuple(inside.ports.values()), function, values, starts, statement.line.number)
    place.add(name, element, statement.line)


def _instance(
    statement: Statement, definition: Definition, place: Place, name: str, nodes: list[str], pairs: dict[str, str]
) -> Place:
    """Where the lines of an instance are read. Parameters that it lacks are those of the line that calls it."""
    scope = Scope(place.scope)
    known = {key for key, _ in definition.defaults}
    for key, expression in definition.defaults:
        scope.define(key, expression, definition.line.number)
    for key, token in pairs.items():
        if key == "m" and key not in known and place.scope.number(token) == 1:
            continue
        if key not in known:
            told = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise Fault(f"subcircuit {definition.name!r} has no parameter {key!r}; {told}")
        scope.assign(key, place.scope.number(token))
    ports = dict(zip(definition.ports, (place.node(word) for word in nodes), strict=True))
    return dataclasses.replace(
        place, definition=definition, scope=scope, prefix=f"{place.prefix}{name}.", ports=ports, models={}
    )


def _referring(element: Element, place: Place) -> Element:
    """The element with the elements that it refers to spelled as they spell themselves."""
    if isinstance(element, CurrentControlled):
        spelled = _referred(element, element.control, VoltageSource, "voltage source", place)
        return dataclasses.replace(element, control=spelled)
    if isinstance(element, Coupling):
        first, second = (_referred(element, name, Inductor, "inductor", place) for name in element.inductors)
        if first == second:
            _tell(element, f"{element.name} couples {first} with itself; name two inductors", place)
        return dataclasses.replace(element, inductors=(first, second))
    return element


def _referred(element: Element, name: str, kind: type, what: str, place: Place) -> str:
    if not place.names.by_name:
        place.names.by_name.update({one.name.lower(): one for one in place.names.found})
    found = place.names.by_name.get(name.lower())
    if isinstance(found, kind):
        return found.name
    _tell(element, f"{element.name} refers to {name!r}, which is no {what} of this netlist", place)
    return name


def _tell(element: Element, message: str, place: Place) -> None:
    place.problems.add(element.line, place.names.elements[element.name.lower()][1].text, message)
