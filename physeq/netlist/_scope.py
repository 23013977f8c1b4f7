"""Scopes of parameters: defined in any order, evaluated when asked for, circles named by their lines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from physeq.netlist._expressions import Expression, parse_expression
from physeq.netlist._numbers import parse_number
from physeq.netlist._problems import Consequence, Fault

_CONSTANTS = {"pi": math.pi}
_ASSIGNMENT = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*=(?!=)")
_NAME = re.compile(r"[A-Za-z_]\w*")


class Scope:
    """Parameter names in lower case → values; names that are not defined here are looked up in the parent.

    A mapping as far as expressions need one: `scope[name]`.
    """

    def __init__(self, parent: Scope | None = None):
        self.parent = parent
        self._defined: dict[str, tuple[Expression, int]] = {}
        self._values: dict[str, float] = {} if parent is not None else dict(_CONSTANTS)
        self._texts: dict[str, float] = {}
        self._failed: set[str] = set()

    def define(self, name: str, expression: Expression, line: int) -> None:
        """Define a parameter; `Fault` when it is defined already."""
        name = name.lower()
        if name in self._defined:
            raise Fault(f"parameter {name!r} is defined already in line {self._defined[name][1]}; keep one definition")
        self._defined[name] = expression, line
        self._values.pop(name, None)  # a constant such as pi that the netlist defines itself

    def assign(self, name: str, value: float) -> None:
        """Give a parameter its value, over a default."""
        self._defined.pop(name.lower(), None)
        self._values[name.lower()] = value

    def __contains__(self, name: str) -> bool:
        return name in self._defined or name in self._values or (self.parent is not None and name in self.parent)

    def __getitem__(self, name: str) -> float:
        if name in self._values:
            return self._values[name]
        if name in self._failed:
            raise Consequence(f"parameter {name!r} has no value")
        if name not in self._defined:
            if self.parent is None:
                self._failed.add(name)
                raise Fault(f"parameter {name!r} is not defined; write .param {name}=... or mend the name")
            return self.parent[name]
        self._evaluate(name)
        return self._values[name]

    def _evaluate(self, wanted: str) -> None:
        """Evaluate a parameter and what it needs, depth first without recursion: chains may be thousands long."""
        path: dict[str, Iterator[str]] = {wanted: self._needs(wanted)}
        while path:
            name = next(reversed(path))
            needed = next(path[name], None)
            if needed is None:
                expression, line = self._defined[name]
                try:
                    self._values[name] = expression(self)
                except Fault as fault:
                    self._failed |= set(path)
                    if isinstance(fault, Consequence):
                        raise
                    raise Fault(f"parameter {name!r} of line {line}: {fault}") from None
                del path[name]
            elif needed in path:
                self._failed |= set(path)
                circle = [*list(path)[list(path).index(needed) :], needed]
                told = " → ".join(f"{one} (line {self._defined[one][1]})" for one in circle)
                raise Fault(f"parameters refer to each other in a circle: {told}")
            else:
                path[needed] = self._needs(needed)

    def _needs(self, name: str) -> Iterator[str]:
        names = sorted(self._defined[name][0].names)
        return (one for one in names if one in self._defined and one not in self._values)

    def own(self) -> dict[str, float]:
        """All parameters defined here with their values."""
        return {name: self[name] for name in self._defined}

    def number(self, token: str) -> float:
        """The value of a token: a number, or an expression in braces or quotes; `Fault` otherwise."""
        if token in self._texts:
            return self._texts[token]
        if token[0] in "{'":
            value = parse_expression(token[1:-1].strip())(self)
        else:
            plain = parse_number(token)
            if plain is None:
                raise Fault(_not_a_number(token, token.lower() in self))
            value = plain
            if not math.isfinite(value):
                raise Fault(f"{token} is too large for a number")
        self._texts[token] = value
        return value


def _not_a_number(token: str, parameter: bool) -> str:
    if parameter:
        return f"{token!r} is a parameter; write {{{token}}} for its value"
    if re.match(r"[+-]?\d", token):
        return f"{token!r} is not a number; write suffixes behind it, such as 4.7k, and expressions as {{...}}"
    return f"{token!r} stands where a number should; write expressions as {{...}}"


def assignments(text: str) -> list[tuple[str, Expression]]:
    """The assignments of a `.param` line: names with bare, braced or quoted expressions, blanks allowed within.

    >>> [(name, e.text) for name, e in assignments("a=1k b = {2*a} c='a + b'")]
    [('a', '1k'), ('b', '2*a'), ('c', 'a + b')]
    """
    marks = list(_ASSIGNMENT.finditer(text))
    if not marks or text[: marks[0].start()].strip():
        raise Fault("a parameter is written name=value")
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        (mark.group(1), parse_expression(_bare(text[mark.end() : end].strip().rstrip(","))))
        for mark, end in zip(marks, ends, strict=True)
    ]


def _bare(text: str) -> str:
    if len(text) >= 2 and (text[0], text[-1]) in (("{", "}"), ("'", "'"), ('"', '"')):
        return text[1:-1].strip()
    return text


def is_name(token: str) -> bool:
    """Whether a token may name a parameter."""
    return _NAME.fullmatch(token) is not None
