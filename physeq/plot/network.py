"""A network coloured by what happens in it: nodes by their state, edges by a current or any other number of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.plot._figure import GREY, new_axes, plain
from physeq.plot._values import colour_limits, edge_values, node_values, topology_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_EDGES = 3000  # more would hide the nodes and make files of many megabytes
_FEWEST_PER_BUNDLE = 60
_NAMED_NODES = 30  # a node's own label is written up to this many nodes


def graph(
    network: Any,
    nodes: Any = None,
    edges: Any = None,
    *,
    label: str | None = None,
    edge_label: str | None = None,
    key: str | None = None,
    at: int = -1,
    sample: int | tuple[int, ...] = 0,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a network: nodes coloured by their state, edges coloured and widened by a number of theirs.

    Numbers of both signs get a diverging scale about 0, others a sequential one. Nodes without a number are hollow. Of
    more than 3,000 edges an even selection of each bundle is drawn, and the picture says so.

    Args:
        network: a `Topology`, `System`, `Model` or `Motion`; or a `Solution`, `Rest` or `Trajectories`.
        nodes: a state, `Equilibrium` or {group: one number per node}; of a solution the key of a quantity, such as
            "v", by default its first unknown. NaN is drawn hollow.
        edges: {bundle: one number per element}, such as `flows(...)`; of a solution the key of a quantity, such as "i".
        label, edge_label: what the colours mean, by default the names and units of the symbols.
        key: which unknown of a state, by default each group's first.
        at: which time of a solution.
        sample: which sample of a batch.
        title: above the picture.
        ax: axes to draw on; by default those of a new figure.

    Returns:
        The axes. Nodes stand where the groups' positions, or else `physeq.graph.positions`, put them.

    Raises:
        ModelError: an unknown group or bundle, a wrong number of values, or no matplotlib.

    >>> import physeq as pq
    >>> net = pq.lattice((3, 3))
    >>> ax = graph(net, {"nodes": np.linspace(-1.0, 1.0, 9)}, label="voltage (V)")
    >>> len(ax.collections)  # edges, and the nodes of one group
    2
    """
    from physeq.graph.layout import positions

    topology = topology_of(network)
    colours, words = node_values(network, nodes, key, at, sample)
    widths, edge_words = edge_values(network, edges, at, sample)
    axis = new_axes(ax, (6.4, 4.8))
    places = {name: np.asarray(place, dtype=float)[:, :2] for name, place in positions(topology).items()}
    # Columns of layers fill the picture; places that were given, or found by springs, keep their proportions.
    layers = len(topology.groups) > 1 and all(group.positions is None for group in topology.groups)
    axis.set_axis_off()
    axis.set_aspect("auto" if layers else "equal")
    drawn, total = _edges(axis, topology, places, widths, edge_words if edge_label is None else edge_label)
    _nodes(axis, topology, places, colours, words if label is None else label, layers)
    axis.margins(0.12)
    if title:
        axis.set_title(plain(title))
    if drawn < total:
        axis.text(0.5, 0.0, f"{drawn:,} of {total:,} edges drawn", transform=axis.transAxes, ha="center", fontsize=8)
    return axis


def _nodes(axis: Axes, topology: Any, places: dict, colours: dict, label: str, layers: bool) -> None:
    known = [array[np.isfinite(array)] for array in colours.values()]
    numbers = np.concatenate(known) if known else np.zeros(0)
    scale = _scale(numbers, "RdBu_r", "viridis")
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
                axis.annotate(plain(name), place, **offset, ha="center", va="bottom", fontsize=8)
        if len(topology.groups) > 1:
            below: dict[str, Any] = {"xytext": (0, -np.sqrt(size) / 2 - 4), "textcoords": "offset points"}
            bold: dict[str, Any] = {"ha": "center", "va": "top", "fontweight": "bold"}
            axis.annotate(plain(group.name), (x.mean(), y.min()), **below, **bold)
    if numbers.size:
        axis.figure.colorbar(scale, ax=axis, label=plain(label), shrink=0.8)


def _edges(axis: Axes, topology: Any, places: dict, values: Mapping[str, np.ndarray], label: str) -> tuple[int, int]:
    """Draw an even selection of the edges; returns how many, and how many there are."""
    from matplotlib.collections import LineCollection

    segments, numbers, drawn, total = _segments(topology, places, values)
    faint = float(np.clip(9 / np.sqrt(max(drawn, 1)), 0.12, 0.8))
    bare = ~np.isfinite(numbers)
    # All of them in grey, so that an edge whose colour is pale still shows.
    axis.add_collection(LineCollection(list(segments), colors=GREY, linewidths=0.7, alpha=faint, zorder=1))
    if not bare.all() and len(numbers):
        shown = numbers[~bare]
        every = np.concatenate([v[np.isfinite(v)] for v in values.values()])
        scale = _scale(every, "PuOr_r", "cividis")
        largest = np.abs(every).max() or 1.0
        # The widest last, so that what carries most is never hidden.
        order = np.argsort(np.abs(shown), kind="stable")
        colours, widths = scale.to_rgba(shown)[order], (0.6 + 2.9 * np.abs(shown) / largest)[order]
        axis.add_collection(LineCollection(list(segments[~bare][order]), colors=colours, linewidths=widths, zorder=1))
        axis.figure.colorbar(scale, ax=axis, label=plain(label), shrink=0.8)
    return drawn, total


def _scale(numbers: np.ndarray, both: str, one: str) -> Any:
    """Values of both signs: diverging about 0. Otherwise light to dark. All four maps survive colour blindness."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high, signed = colour_limits(numbers)
    return ScalarMappable(Normalize(low, high), both if signed else one)


def _segments(topology: Any, places: dict, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Line segments (lines, 2, 2) of chosen edges, their numbers (NaN for none), edges drawn, and edges in all."""
    counts = {bundle.name: topology.count(bundle.name) for bundle in topology.bundles}
    total = sum(counts.values())
    parts, numbers, drawn = [np.zeros((0, 2, 2))], [np.zeros(0)], 0
    for bundle in topology.bundles:
        count = counts[bundle.name]
        share = max(_FEWEST_PER_BUNDLE, MOST_EDGES * count // max(total, 1))
        chosen = _chosen(count, count if total <= MOST_EDGES else min(count, share))
        drawn += len(chosen)
        ports = _ends(topology, bundle, chosen)
        first = places[bundle.groups[0]][ports[0]]
        own = values.get(bundle.name)
        for group, ends in zip(bundle.groups[1:], ports[1:], strict=True):
            parts.append(np.stack([first, places[group][ends]], axis=1))
            numbers.append(np.full(len(chosen), np.nan) if own is None else own[chosen])
    return np.concatenate(parts), np.concatenate(numbers), drawn, total


def _chosen(count: int, kept: int) -> np.ndarray:
    """`kept` of `count` numbers: all of them, or a fixed random choice (a regular one would show as a pattern)."""
    if kept >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, size=kept, replace=False, shuffle=False))


def _ends(topology: Any, bundle: Any, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
    from physeq.graph import Dense

    if isinstance(bundle.pattern, Dense):  # without listing every pair of a large bundle
        return np.unravel_index(chosen, topology.sizes(bundle.name))
    return tuple(port[chosen] for port in topology.edge_arrays(bundle.name))
