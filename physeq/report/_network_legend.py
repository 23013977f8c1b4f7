"""The legend below a picture: one sample for every mark in it, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from physeq.report._network_edges import Course, course_marks
from physeq.report._network_nodes import ground_symbol, node_body
from physeq.report._network_parts import Direction, Kind, Parts
from physeq.report._network_places import Layout
from physeq.report.drawing import Box, Circle, Curve, Mark, Polygon, Text, moved, shortened, text_width

_SIZE, _LINE, _SAMPLE = 10.0, 20.0, 34.0
_LEAST_WIDTH = 420.0


def legend(items: list[tuple[list[Mark], str]], left: float, right: float, top: float) -> list[Mark]:
    """Samples, drawn around (17, 0), with their words, in lines below a picture from `left` to `right`."""
    room = max(right - left, _LEAST_WIDTH)
    x, y, widest = 0.0, top + _LINE / 2, 0.0
    marks: list[Mark] = []
    for sample, words in items:
        width = _SAMPLE + 6.0 + text_width(words, _SIZE)
        if x and x + width > room:
            x, y = 0.0, y + _LINE
        marks += [_in_legend(moved(mark, x, y)) for mark in sample]
        marks.append(Text(x + _SAMPLE + 6.0, y, words, _SIZE, ("words", "legend"), "start"))
        widest = max(widest, x + width)
        x += width + 18.0
    return [moved(mark, (left + right - widest) / 2, 0.0) for mark in marks]


def _in_legend(mark: Mark) -> Mark:
    """A sample is no node of the picture."""
    return replace(mark, roles=(*("outline" if role == "node" else role for role in mark.roles), "legend"))


def kind_items(parts: Parts, letters: bool) -> Iterator[tuple[list[Mark], str]]:
    """One item per kind of element, with what its arrow says."""
    for kind in parts.shown_kinds():
        words = f"{kind.letter}: " if letters else ""
        words += f"{shortened(kind.name, 40)}, {kind.count:,}"
        words += f", fed by {shortened(', '.join(kind.fed), 30)}" if kind.fed else ""
        turned = kind.direction is not Direction.NONE
        yield _line(kind), words + (f"; {kind.direction.value}" if turned else "")


def _line(kind: Kind) -> list[Mark]:
    course = Course(((0.0, 0.0), (_SAMPLE, 0.0)), kind, ("", 0), ("", 1), "")
    return course_marks(course, False, (1.0, 1.0), True)


def node_items(parts: Parts, layout: Layout) -> Iterator[tuple[list[Mark], str]]:
    """One item per task that nodes have."""
    radius, at = 8.0, (_SAMPLE / 2, 0.0)
    for name in dict.fromkeys(parts.clamped.values()):
        yield list(node_body(at, radius, ("node", "input"))), _input(name, "clamped")
    for name in dict.fromkeys(parts.driven.values()):
        tip = at[0] - radius - 1.0
        arrow: list[Mark] = [Curve(((0.0, 0.0), (tip - 5.0, 0.0)), ("symbol",))]
        arrow.append(Polygon(((tip, 0.0), (tip - 5.0, 2.5), (tip - 5.0, -2.5)), ("arrow",)))
        yield [*arrow, *node_body(at, radius, ("node",))], _input(name, "a force")
    if parts.outputs:
        yield list(node_body(at, radius, ("node", "output"))), "output, seen by the cost"
    if parts.outputs & {*parts.clamped, *parts.held}:
        yield list(node_body(at, radius, ("node", "input", "output"))), "both"
    values = set(parts.held.values())
    if 0.0 in values:
        sample = [*ground_symbol((at[0] - 6.0, 0.0), 0.0, 6.0), *node_body((at[0] - 6.0, 0.0), 6.0, ("node", "held"))]
        yield sample, "ground, held at 0"
    if values - {0.0}:
        yield list(node_body(at, radius, ("node", "held"))), "held at a value"
    groups = parts.system.topology.groups
    if len(groups) > 1 and not layout.columns:
        for k, group in enumerate(groups):
            roles = ("node", f"group{k % 4}") if k % 4 else ("node",)
            yield [Circle(*at, radius, roles)], f"{shortened(group.name, 24)}, {group.size:,}"


def _input(name: str, what: str) -> str:
    return f"input, {what}" if name == "input" else f"input {shortened(name, 24)}, {what}"


def box_item(letters: str) -> tuple[list[Mark], str]:
    """What boxes with several lines are."""
    box = Box(_SAMPLE / 2 - 8.0, -7.0, 16.0, 14.0, ("element",))
    return [box], f"element with several ports{letters}"


def wrap_item() -> tuple[list[Mark], str]:
    """What lines that end nowhere are."""
    line = Curve(((0.0, 0.0), (_SAMPLE / 2, 0.0)), ("edge", "kind0"))
    return [line], "continues on the opposite side"
