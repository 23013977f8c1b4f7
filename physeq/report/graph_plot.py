"""A picture of a network's state: nodes coloured by value over thin edges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ._figure import PathLike, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from physeq.graph import Topology

MOST_EDGES = 3000  # more would hide the nodes and make files of many megabytes
_FEWEST_PER_BUNDLE = 60
_NAMED_NODES = 30  # a node's own label is written up to this many nodes


def graph_state(topology: Topology, values: Mapping[str, Any], path: PathLike, label: str = "") -> Path:
    """Draw the nodes of a network coloured by value, and its edges.

    Nodes of groups that have no values are drawn hollow. Above a few thousand edges an even selection of each bundle is
    drawn, and the picture says so.

    Args:
        topology: the network; nodes stand where `physeq.graph.positions` puts them.
        values: group name → one number per node; NaN is drawn hollow.
        path: an SVG or PNG file.
        label: what the colours mean, written beside the colour bar.

    Returns:
        The path.

    Raises:
        ModelError: an unknown group, a wrong number of values, another suffix, or no matplotlib.

    >>> import tempfile
    >>> from physeq.graph import lattice
    >>> network = lattice(4)
    >>> state = {group.name: np.arange(4.0) for group in network.groups}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     graph_state(network, state, f"{folder}/state.svg", "voltage (V)").name
    'state.svg'
    """
    from physeq.graph.layout import positions

    colours = _values(topology, values)
    places = {name: np.asarray(place, dtype=float)[:, :2] for name, place in positions(topology).items()}
    segments, drawn, total = _segments(topology, places)
    known = [array[np.isfinite(array)] for array in colours.values()]
    numbers = np.concatenate(known) if known else np.zeros(0)

    def fill(figure: Figure) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.collections import LineCollection
        from matplotlib.colors import Normalize

        axis = figure.subplots()
        axis.set_axis_off()
        # Columns of layers fill the picture; places that were given, or found by springs, keep their proportions.
        layers = len(topology.groups) > 1 and all(group.positions is None for group in topology.groups)
        axis.set_aspect("auto" if layers else "equal")
        opacity = float(np.clip(40 / np.sqrt(max(drawn, 1)) / 2, 0.12, 0.8))
        axis.add_collection(LineCollection(list(segments), colors="#7a7a7a", linewidths=0.7, alpha=opacity, zorder=1))
        # Values of both signs: diverging about 0. Otherwise light to dark. Both survive colour blindness.
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
        both = low < 0 < high
        low, high = (-max(-low, high), max(-low, high)) if both else (low, high if high > low else low + 1.0)
        scale = ScalarMappable(Normalize(low, high), "RdBu_r" if both else "viridis")
        across = max(group.size for group in topology.groups) if layers else 1.5 * np.sqrt(topology.size)
        size = float(np.clip((230 / across) ** 2, 3, 200))  # an area in points²: neighbours do not overlap
        for group in topology.groups:
            array = colours.get(group.name, np.full(group.size, np.nan))
            faces = scale.to_rgba(array)
            faces[~np.isfinite(array)] = 1.0
            x, y = places[group.name].T
            axis.scatter(x, y, s=size, c=faces, edgecolors="#333333", linewidths=0.6, zorder=2)
            if topology.size <= _NAMED_NODES:
                for place, name in zip(places[group.name], group.labels, strict=True):
                    offset: dict[str, Any] = {"xytext": (0, np.sqrt(size) / 2 + 2), "textcoords": "offset points"}
                    axis.annotate(_plain(name), place, **offset, ha="center", va="bottom", fontsize=8)
            if len(topology.groups) > 1:
                below: dict[str, Any] = {"xytext": (0, -np.sqrt(size) / 2 - 4), "textcoords": "offset points"}
                bold: dict[str, Any] = {"ha": "center", "va": "top", "fontweight": "bold"}
                axis.annotate(_plain(group.name), (x.mean(), y.min()), **below, **bold)
        axis.margins(0.12)
        if numbers.size:
            figure.colorbar(scale, ax=axis, label=_plain(label), shrink=0.8)
        if drawn < total:
            figure.supxlabel(f"{drawn:,} of {total:,} edges drawn", fontsize=8)

    return draw(path, (6.4, 4.8), fill)


def _values(topology: Topology, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    sizes = {group.name: group.size for group in topology.groups}
    checked = {}
    for name, given in values.items():
        if name not in sizes:
            raise ModelError(f"graph_state: values name a group {name!r}; the groups are {', '.join(map(repr, sizes))}")
        array = np.asarray(given, dtype=float)
        if array.shape != (sizes[name],):
            raise ModelError(
                f"graph_state: group {name!r} has {sizes[name]} nodes, but its values have shape {array.shape}; "
                "give one number per node, of one sample"
            )
        checked[name] = array
    return checked


def _segments(topology: Topology, places: dict[str, np.ndarray]) -> tuple[np.ndarray, int, int]:
    """Line segments (edges, 2, 2) of an even selection of the edges, how many they are, and how many there are."""
    counts = {bundle.name: topology.count(bundle.name) for bundle in topology.bundles}
    total = sum(counts.values())
    parts = [np.zeros((0, 2, 2))]
    drawn = 0
    for bundle in topology.bundles:
        count = counts[bundle.name]
        share = max(_FEWEST_PER_BUNDLE, MOST_EDGES * count // max(total, 1))
        chosen = _chosen(count, count if total <= MOST_EDGES else min(count, share))
        drawn += len(chosen)
        ports = _nodes(topology, bundle, chosen)
        first = places[bundle.groups[0]][ports[0]]
        for group, nodes in zip(bundle.groups[1:], ports[1:], strict=True):
            parts.append(np.stack([first, places[group][nodes]], axis=1))
    return np.concatenate(parts), drawn, total


def _chosen(count: int, kept: int) -> np.ndarray:
    """`kept` of `count` numbers: all of them, or a fixed random choice (a regular one would show as a pattern)."""
    if kept >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, size=kept, replace=False, shuffle=False))


def _nodes(topology: Topology, bundle: Any, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
    from physeq.graph import Dense

    if isinstance(bundle.pattern, Dense):  # without listing every pair of a large bundle
        return np.unravel_index(chosen, topology.sizes(bundle.name))
    return tuple(port[chosen] for port in topology.edge_arrays(bundle.name))


def _plain(name: object) -> str:
    """Text in which matplotlib finds no mathematics."""
    return str(name).replace("$", r"\$")
