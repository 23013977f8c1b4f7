"""What is wrong with a netlist: collected line by line, told in one message."""

from __future__ import annotations

from dataclasses import dataclass, field

from physeq.errors import ModelError


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its continuations joined; `number` is that of its first line in the file, counted from 1."""

    number: int
    text: str


class Fault(Exception):
    """Something wrong with one line; the reader turns it into an entry of its `Problems`."""


class Consequence(Fault):
    """What follows from a fault that was raised before, such as the use of a parameter that has no value."""


@dataclass
class Problems:
    """Faults and notes of one netlist, each with its line number and text.

    Attributes:
        source: what the netlist is called in the message.
        found: (line, text, message) of everything wrong.
        notes: what was read but has no effect, as sentences that name their line.
    """

    source: str
    found: dict[tuple[int, str, str], None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, line: int, text: str, message: str) -> None:
        """Note a fault; the same fault in every instance of a subcircuit counts once."""
        self.found[line, text, message] = None

    def fault(self, line: Line, fault: Fault) -> None:
        """Note what a line is at fault for, consequences of other faults aside."""
        if not isinstance(fault, Consequence):
            self.add(line.number, line.text, str(fault))

    def note(self, line: int, message: str) -> None:
        """Note something that is ignored."""
        self.notes[f"line {line}: {message}"] = None

    def check(self) -> None:
        """Raise one `ModelError` with all faults, in the order of their lines."""
        if not self.found:
            return
        count = len(self.found)
        told = [f"  line {line}: {message}\n    {text}" for line, text, message in sorted(self.found)]
        raise ModelError(
            f"{self.source}: {count} problem{'' if count == 1 else 's'} in this netlist\n" + "\n".join(told)
        )
