"""Maps of weights and conductances: matrices, sparse patterns, receptive fields, and how training changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import BLUE, VERMILION, grid, new_axes, new_figure, plain, style, with_unit
from physeq.plot._labels import system_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FIELDS = 100  # receptive fields in one picture
_MOST_CELLS = 250_000  # of an image; sparse patterns of larger groups are drawn as points


def weight_map(
    weights: Any,
    *,
    title: str = "",
    label: str = "weight",
    shape: tuple[int, int] | None = None,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw weights as an image: diverging about 0 where both signs occur, from 0 up where one does; NaN is grey.

    Args:
        weights: a matrix (sources, targets), or a vector.
        title, label: above the picture, and beside the colour bar.
        shape: (rows, columns) in which to lay the numbers out, e.g. of a vector that lives on a lattice.
        limits: (lowest, highest) of the colours, by default those of the weights.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: shapes that do not fit, or no matplotlib.

    >>> weight_map(np.eye(4), title="identity").get_ylabel()
    'source'
    """
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim > 2 or matrix.size == 0:
        raise ModelError(f"weight_map: weights must be a vector or a matrix, got shape {matrix.shape}; select a slice")
    picture = _arranged(matrix, shape)
    axis = new_axes(ax, (5.6, 4.8))
    shown = _show(axis, picture, _limits(matrix if limits is None else np.array(limits)))
    axis.figure.colorbar(shown, ax=axis, label=plain(label), shrink=0.85)
    if shape is None and matrix.ndim == 2:
        axis.set_xlabel("target")
        axis.set_ylabel("source")
    if title:
        axis.set_title(plain(title))
    return axis


def parameter_map(
    network: Any,
    params: Any,
    placement: str,
    name: str,
    *,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one parameter of a network where its elements are: dense bundles as a matrix, sparse ones by their ends.

    Pairs of nodes that no element joins are grey; elements side by side are drawn as their sum. Sparse patterns between
    large groups become points. The colours' label has the parameter's unit.

    Args:
        network: a `System`, or what has one (model, motion, fit).
        params: its parameters.
        placement, name: which, as in `params[placement][name]`.
        limits: (lowest, highest) of the colours, by default those of the values.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: an unknown placement or parameter, or no matplotlib.
    """
    system = system_of(network)
    placed = None if placement == "readout" else system.placement(placement)
    unit = "" if placed is None else placed.component.parameter(name).unit
    values, label = np.asarray(params[placement][name], float), with_unit(f"{placement}: {name}", unit)
    if placed is None or len(placed.groups) != 2 or values.ndim == 0:
        return weight_map(np.atleast_1d(values), label=label, limits=limits, ax=ax)
    if values.ndim == 2:
        return _with_ends(weight_map(values, label=label, limits=limits, ax=ax), placed.groups)
    sources, targets = system.topology.edge_arrays(placement)
    sizes = system.sizes(placed)
    axis = new_axes(ax, (5.6, 4.8))
    if sizes[0] * sizes[1] <= _MOST_CELLS:
        matrix = np.full(sizes, np.nan)
        matrix[sources, targets] = 0.0
        np.add.at(matrix, (sources, targets), values)
        return _with_ends(weight_map(matrix, label=label, limits=limits, ax=axis), placed.groups)
    low, high, colours = _limits(values if limits is None else np.array(limits))
    points = axis.scatter(targets, sources, c=values, s=4, marker="s", vmin=low, vmax=high, cmap=colours, linewidths=0)
    axis.figure.colorbar(points, ax=axis, label=label, shrink=0.85)
    axis.set_xlim(-0.5, sizes[1] - 0.5)
    axis.set_ylim(sizes[0] - 0.5, -0.5)
    return _with_ends(axis, placed.groups)


def _with_ends(axis: Axes, groups: tuple[str, ...]) -> Axes:
    axis.set_xlabel(plain(f"target in {groups[1]}"))
    axis.set_ylabel(plain(f"source in {groups[0]}"))
    return axis


def receptive_fields(
    weights: Any, image_shape: tuple[int, int], *, title: str = "", figure: Figure | None = None
) -> Figure:
    """Draw the incoming weights of each of the first hundred targets as a picture of the input.

    Args:
        weights: (sources, targets).
        image_shape: (height, width) of the input images.
        title: above the pictures.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: a shape that does not hold the sources, or no matplotlib.
    """
    matrix = np.asarray(weights, dtype=float)
    sources = matrix.shape[0] if matrix.ndim == 2 else 0
    if len(image_shape) != 2 or not sources or int(np.prod(image_shape)) != sources:
        raise ModelError(
            f"receptive_fields: image_shape {image_shape} does not hold the {sources} sources of weights of shape "
            f"{matrix.shape}; weights are (sources, targets)"
        )
    pictures = [field.reshape(image_shape) for field in matrix.T[:MOST_FIELDS]]
    across = int(np.ceil(np.sqrt(len(pictures))))
    down = int(np.ceil(len(pictures) / across))
    whole = new_figure(figure, (5.6, 4.8))
    with style():
        axes = whole.subplots(down, across, squeeze=False).ravel()
    for axis in axes[len(pictures) :]:
        axis.set_axis_off()
    limits = _limits(matrix)
    shown = [_show(axis, picture, limits, pixels=True) for axis, picture in zip(axes, pictures, strict=False)]
    whole.colorbar(shown[0], ax=list(axes), label="weight", shrink=0.85)
    targets = matrix.shape[1]
    some = "" if len(pictures) == targets else f" of the first {len(pictures)} of {targets} targets"
    whole.supxlabel(f"receptive fields{some}")
    if title:
        whole.suptitle(plain(title))
    return whole


def parameter_histogram(
    before: Any,
    after: Any,
    *,
    label: str = "value",
    names: tuple[str, str] = ("before", "after"),
    ax: Axes | None = None,
) -> Axes:
    """Draw how the values of a parameter are distributed before and after training, over the same bins.

    Args:
        before, after: arrays of any shape.
        label: what the values are, with their unit.
        names: of the two.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: no finite value, or no matplotlib.

    >>> axis = parameter_histogram([0.0, 1.0], [1.0, 2.0], label="g (S)")
    >>> [text.get_text() for text in axis.get_legend().get_texts()]
    ['before', 'after']
    """
    parts = [np.ravel(np.asarray(part, float)) for part in (before, after)]
    parts = [part[np.isfinite(part)] for part in parts]
    every = np.concatenate(parts)
    if not every.size:
        raise ModelError("parameter_histogram: there is no finite value to draw")
    bins = np.histogram_bin_edges(every, bins=int(np.clip(2 * np.sqrt(parts[-1].size), 8, 60)))
    axis = new_axes(ax, (4.5, 3.2))
    looks: tuple[dict[str, Any], ...] = (
        {"color": BLUE, "linestyle": "--", "linewidth": 1.6},
        {"color": VERMILION, "linestyle": "-", "linewidth": 1.6},
    )
    for part, name, own in zip(parts, names, looks, strict=True):
        axis.hist(part, bins=list(bins), histtype="step", label=plain(name), **own)
    axis.set_xlabel(plain(label))
    axis.set_ylabel("number of elements")
    axis.legend(frameon=False, fontsize="small")
    grid(axis)
    return axis


def _limits(weights: np.ndarray) -> tuple[float, float, str]:
    """(lowest, highest, colour map); RdBu and viridis are safe for the common kinds of colour blindness."""
    finite = weights[np.isfinite(weights)]
    largest = float(np.abs(finite).max()) if finite.size and np.abs(finite).max() > 0 else 1.0
    if finite.size and finite.min() >= 0 and finite.max() > 0:
        return 0.0, largest, "viridis"
    return -largest, largest, "RdBu_r"


def _show(axis: Axes, picture: np.ndarray, limits: tuple[float, float, str], pixels: bool = False) -> Any:
    # A matrix may have any proportions, but the pixels of an image are square.
    axis.set_facecolor("#bbbbbb")  # NaN
    if pixels:
        axis.set_xticks([])
        axis.set_yticks([])
    low, high, colours = limits
    aspect: Any = "auto" if not pixels and max(picture.shape) > 4 * min(picture.shape) else "equal"
    return axis.imshow(picture, cmap=colours, vmin=low, vmax=high, interpolation="nearest", aspect=aspect)


def _arranged(weights: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    if shape is None:
        return np.atleast_2d(weights)
    if len(shape) != 2 or int(np.prod(shape)) != weights.size:
        raise ModelError(f"weight_map: shape {shape} does not hold {weights.size} weights; give rows × columns that do")
    return weights.reshape(shape)
