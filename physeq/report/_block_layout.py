"""Where the boxes of a block diagram stand, and the lines between them.

Groups stand in layers, boxes of elements in the gaps between them, so that lines run through gaps alone. Elements
within a group stand on one side of it, elements that skip a layer in lanes on the other side of everything. All this in
coordinates along and across the flow; it runs to the right for a few layers and downwards for many.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from physeq.report._group_layers import group_layers
from physeq.report._network_parts import Parts
from physeq.report.drawing import Point

_GAP, _SHORT_GAP, _LOOP_GAP, _APART = 40.0, 26.0, 24.0, 16.0
_WIDE = 3  # layers that stand beside each other


@dataclass(frozen=True)
class Line:
    """From the box of a placement to the group at one of its ports."""

    placement: str
    port: int
    points: tuple[Point, ...]


@dataclass
class Blocks:
    """Sizes go in; places of the middles of all boxes and lines come out, in the plane of the picture."""

    parts: Parts
    sizes: dict[str, tuple[float, float]]
    places: dict[str, Point] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self):
        self.layers = group_layers(self.parts)
        self.right = len(self.layers) <= _WIDE
        self.free = _GAP if self.right else _SHORT_GAP
        self.layer = {name: k for k, layer in enumerate(self.layers) for name in layer}
        joining = self.parts.joining
        self.loops = [p for p in joining if len(set(p.groups)) == 1]
        reach = {p.name: sorted({self.layer[g] for g in p.groups}) for p in joining}
        self.between = [p for p in joining if len(reach[p.name]) > 1 and reach[p.name][-1] - reach[p.name][0] == 1]
        self.lanes = [p for p in joining if reach[p.name][-1] - reach[p.name][0] > 1]
        self.gap = {p.name: reach[p.name][0] for p in joining}
        self._even_out()
        self._place()
        self._join()
        if not self.right:
            self.places = {name: (y, x) for name, (x, y) in self.places.items()}
            self.lines = [Line(a.placement, a.port, tuple((y, x) for x, y in a.points)) for a in self.lines]

    def size(self, name: str) -> tuple[float, float]:
        """Along and across the flow."""
        width, height = self.sizes[name]
        return (width, height) if self.right else (height, width)

    def _put(self, name: str, along: float, across: float) -> None:
        self.places[name] = (along, across)

    def _even_out(self) -> None:
        """Boxes of one layer, and of one gap, reach equally far along the flow: no line runs into a neighbour."""
        gaps = [
            [p.name for p in (*self.between, *self.lanes) if self.gap[p.name] == k] for k in range(len(self.layers))
        ]
        for names in (*self.layers, *gaps):
            longest = max((self.size(name)[0] for name in names), default=0.0)
            for name in names:
                width, height = self.sizes[name]
                self.sizes[name] = (longest, height) if self.right else (width, longest)

    def _own_loops(self, group: str) -> list[str]:
        return [p.name for p in self.loops if p.groups[0] == group]

    def _cell(self, group: str) -> tuple[float, float]:
        """The size of a group with its loops beside it."""
        along, across = self.size(group)
        loops = [self.size(name) for name in self._own_loops(group)]
        if loops:
            along = max(along, sum(size[0] for size in loops) + _APART * (len(loops) - 1))
            across += _LOOP_GAP + max(size[1] for size in loops)
        return along, across

    def _place(self) -> None:
        start = 0.0
        for number, layer in enumerate(self.layers):
            cells = {name: self._cell(name) for name in layer}
            longest = max(size[0] for size in cells.values())
            across = -(sum(size[1] for size in cells.values()) + 1.5 * _APART * (len(cells) - 1)) / 2
            if len(cells) == 1:  # the boxes of groups stand in a line, whatever loops they have
                across = self.size(layer[0])[1] / 2 - cells[layer[0]][1]
            for name in layer:
                across += cells[name][1]
                self._put(name, start + longest / 2, across - self.size(name)[1] / 2)
                self._place_loops(name, start + longest / 2, across - self.size(name)[1] - _LOOP_GAP)
                across += 1.5 * _APART
            start += longest + self.free
            start += self._place_gap(number, start)
        self._place_lanes()

    def _place_loops(self, group: str, along: float, end: float) -> None:
        names = self._own_loops(group)
        along -= (sum(self.size(name)[0] for name in names) + _APART * (len(names) - 1)) / 2
        for name in names:
            self._put(name, along + self.size(name)[0] / 2, end - self.size(name)[1] / 2)
            along += self.size(name)[0] + _APART

    def _place_gap(self, number: int, start: float) -> float:
        """Boxes between two layers; returns how far they reach along the flow."""
        order = {name: k for layer in self.layers for k, name in enumerate(layer)}
        names = [(sum(order[g] for g in p.groups) / len(p.groups), k, p.name) for k, p in enumerate(self.between)]
        names = sorted(entry for entry in names if self.gap[entry[2]] == number)
        longest = max(
            (self.size(p.name)[0] for p in (*self.between, *self.lanes) if self.gap[p.name] == number), default=0
        )
        across = -(sum(self.size(name)[1] for *_, name in names) + _APART * (len(names) - 1)) / 2
        for *_, name in names:
            self._put(name, start + longest / 2, across + self.size(name)[1] / 2)
            across += self.size(name)[1] + _APART
        for placement in self.lanes:
            if self.gap[placement.name] == number:
                self._put(placement.name, start + longest / 2, 0.0)
        return longest + self.free if longest else 0.0

    def _place_lanes(self) -> None:
        waiting = {p.name for p in self.lanes}
        across = max(place[1] + self.size(name)[1] / 2 for name, place in self.places.items() if name not in waiting)
        for placement in self.lanes:
            along, height = self.places[placement.name][0], self.size(placement.name)[1]
            across += 1.5 * _APART + height / 2
            self._put(placement.name, along, across)
            across += height / 2

    # ---- lines -------------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        ends: dict[tuple[str, str], list[tuple[float, str, int]]] = {}
        for placement in self.parts.joining:
            for port, group in enumerate(placement.groups):
                side = self._side(placement.name, group)
                ends.setdefault((group, side), []).append((*self._wish(placement.name, side), port))
        at: dict[tuple[str, int], Point] = {}
        for (group, side), wishes in ends.items():
            for k, (_, name, port) in enumerate(sorted(wishes)):
                at[name, port] = self._point(group, side, (k + 1) / (len(wishes) + 1))
        for placement in self.parts.joining:
            name = placement.name
            sides = [
                self._back(name, group, port, len(placement.groups)) for port, group in enumerate(placement.groups)
            ]
            for port in range(len(placement.groups)):
                self.lines.append(Line(name, port, self._way(name, sides, port, at[name, port])))

    def _side(self, name: str, group: str) -> str:
        if any(p.name == name for p in self.loops):
            return "near"
        if any(p.name == name for p in self.lanes):
            return "far"
        return "after" if self.layer[group] == self.gap[name] else "before"

    def _wish(self, name: str, side: str) -> tuple[float, str]:
        """Lines leave a side in the order of the boxes they run to."""
        along, across = self.places[name]
        return (along if side in ("near", "far") else across), name

    def _point(self, name: str, side: str, share: float) -> Point:
        """A point on a side of a box, this share along it."""
        (along, across), (length, breadth) = self.places[name], self.size(name)
        if side in ("near", "far"):
            return along + (share - 0.5) * length, across + (0.5 if side == "far" else -0.5) * breadth
        return along + (0.5 if side == "after" else -0.5) * length, across + (share - 0.5) * breadth

    def _back(self, name: str, group: str, port: int, count: int) -> str:
        """The side of a placement's own box at which a port's line leaves."""
        side = self._side(name, group)
        if side == "far":
            return "before" if self.layer[group] == self.gap[name] else "after"
        return {"near": "far", "after": "before", "before": "after"}[side]

    def _way(self, name: str, sides: list[str], port: int, end: Point) -> tuple[Point, ...]:
        same = [k for k, side in enumerate(sides) if side == sides[port]]
        start = self._point(name, sides[port], (same.index(port) + 1) / (len(same) + 1))
        if any(p.name == name for p in self.lanes):
            return start, (end[0], start[1]), end
        if sides[port] == "far":  # a loop: straight across, where the box allows it
            (along, _), (length, _) = self.places[name], self.size(name)
            straight = min(max(end[0], along - 0.4 * length), along + 0.4 * length)
            return (straight, start[1]), end
        return start, end
