"""Plots of results, each written to one SVG or PNG file. matplotlib is optional and imported when a plot is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ._angles import draw_angles, has_angles, with_cosines
from ._figure import BLUE, CYCLE, MARKERS, VERMILION, PathLike, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FIELDS = 100  # receptive fields in one picture


def learning_curve(history: Sequence[Mapping[str, Any]], path: PathLike) -> Path:
    """Plot cost and error against the epoch, training and test.

    Args:
        history: one mapping per epoch with any of "epoch" (default: its place in the list), "train_cost", "test_cost",
            "train_error_percent", "test_error_percent". Missing and non-finite numbers leave gaps.
        path: an SVG or PNG file.

    Returns:
        The path.

    Raises:
        ModelError: nothing to plot, another suffix, or no matplotlib.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     learning_curve([{"train_cost": 0.5}, {"train_cost": 0.1}], f"{folder}/curve.svg").name
    'curve.svg'
    """
    panels = []
    for quantity, title in (("cost", "cost"), ("error_percent", "error (%)")):
        lines = [(name, *_series(history, f"{name}_{quantity}")) for name in ("train", "test")]
        lines = [line for line in lines if np.isfinite(line[2]).any()]
        if lines:
            panels.append((title, lines))
    if not panels:
        raise ModelError(
            "learning_curve: the history has no finite train_cost, test_cost, train_error_percent or "
            "test_error_percent; record at least one of them"
        )

    def fill(figure: Figure) -> None:
        axes = np.atleast_1d(figure.subplots(1, len(panels)))
        for axis, (title, lines) in zip(axes, panels, strict=True):
            for name, epochs, values in lines:
                colour, marker, dash = (BLUE, "o", "-") if name == "train" else (VERMILION, "s", "--")
                size = 4.0 if len(epochs) <= 40 else 0.0
                axis.plot(epochs, values, dash, color=colour, marker=marker, markersize=size, label=name)
            numbers = np.concatenate([values[np.isfinite(values)] for _, _, values in lines])
            if numbers.min() > 0 and numbers.max() > 30 * numbers.min():
                axis.set_yscale("log")
            axis.set_xlabel("epoch")
            axis.set_ylabel(title)
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(True, alpha=0.25)
            axis.legend(frameon=False)

    return draw(path, (4.5 * len(panels), 3.4), fill)


def _series(history: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    epochs = np.array([record.get("epoch", place) for place, record in enumerate(history)], dtype=float)
    values = [record.get(key) for record in history]
    return epochs, np.array([np.nan if value is None else float(value) for value in values])


def error_curve(curve: Sequence[Any] | Mapping[str, Sequence[Any]], path: PathLike) -> Path:
    """Plot the relative error of a gradient estimate against the nudging strength β, log-log, with fitted slopes.

    Where cosines to the exact gradient are given, 1 − cosine is drawn in a second panel; it falls twice as steeply.

    The slope of each line is fitted where the error still falls with β, that is, above its floor of round-off, and is
    written in the legend: 1 for one-sided, 2 for centered nudging.

    Args:
        curve: (beta, error), (beta, error, cosine) or mappings with "beta", "relative_error" and, where there is one,
            "cosine"; or several such curves by name.
        path: an SVG or PNG file.

    Returns:
        The path.

    Raises:
        ModelError: no curve has a positive finite point, another suffix, or no matplotlib.

    >>> fitted_slope(np.array([0.1, 0.2, 0.4]), np.array([0.01, 0.04, 0.16])).round(6)
    np.float64(2.0)
    """
    named = curve if isinstance(curve, Mapping) else {"": curve}
    lines = {name: points for name, points in ((name, _points(line)) for name, line in named.items()) if points.size}
    if not lines:
        raise ModelError("error_curve: no point has a positive finite beta and error; nothing can be drawn on log axes")
    beside = len(lines) > 4  # a legend of many lines would cover them
    panels = 1 + any(has_angles(points) for points in lines.values())

    def fill(figure: Figure) -> None:
        axis, *more = np.atleast_1d(figure.subplots(1, panels))
        for number, (name, points) in enumerate(lines.items()):
            beta, error, _ = points.T
            slope = fitted_slope(beta, error)
            text = ": ".join(part for part in (name, "" if slope is None else f"slope {slope:.2f}") if part)
            colour, marker = CYCLE[number % len(CYCLE)], MARKERS[number % len(MARKERS)]
            dash = ("-", "--", ":")[number // len(CYCLE) % 3]
            style: dict[str, Any] = {"linestyle": dash, "color": colour, "marker": marker, "markersize": 5}
            axis.plot(beta, error, label=text or "error", **style)
            for panel in more:
                draw_angles(panel, points, **style)
        axis.set_yscale("log")
        axis.set_ylabel("relative error of the gradient")
        for panel in (axis, *more):
            panel.set_xscale("log")
            panel.set_xlabel("nudging strength |β|")
            panel.grid(True, alpha=0.25)
        if beside:
            handles, names = axis.get_legend_handles_labels()
            last = more[-1] if more else axis
            last.legend(handles, names, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        else:
            axis.legend(frameon=False)

    return draw(path, (4.0 * (panels - 1) + (8.5 if beside else 5.0), 3.8), fill)


def _points(line: Sequence[Any]) -> np.ndarray:
    """Rows (|β|, error, cosine), in the order of |β|; a cosine that is not given is NaN."""
    keys = ("beta", "relative_error", "cosine")
    points = with_cosines([[p.get(k) for k in keys] if isinstance(p, Mapping) else p for p in line])
    points[:, :2] = np.abs(points[:, :2])
    points = points[np.isfinite(points[:, :2]).all(axis=1) & (points[:, :2] > 0).all(axis=1)]
    return points[np.argsort(points[:, 0])]


def fitted_slope(beta: np.ndarray, error: np.ndarray) -> float | None:
    """The least-squares slope of log error against log β, over β at and above the one of least error.

    Below that β the error is round-off or the solver's tolerance, and grows again; points within a decade of that floor
    are left out too where three others remain. None with fewer than two points.
    """
    kept = beta >= beta[np.argmin(error)]
    clear = kept & (error >= 10 * error.min())
    if len(np.unique(beta[clear])) >= 3:
        kept = clear
    if len(np.unique(beta[kept])) < 2:
        return None
    return np.polyfit(np.log(beta[kept]), np.log(error[kept]), 1)[0]


def weight_map(
    matrix: Any,
    path: PathLike,
    title: str = "",
    shape: tuple[int, int] | None = None,
    image_shape: tuple[int, int] | None = None,
) -> Path:
    """Show weights as an image, with a diverging colour map that is symmetric about 0.

    Args:
        matrix: weights of shape (sources, targets), or a vector.
        path: an SVG or PNG file.
        title: the picture's title.
        shape: (rows, columns) in which to lay the numbers out, e.g. of a vector that lives on a lattice.
        image_shape: (height, width) of the input images; each of the first hundred targets then becomes one picture of
            its incoming weights, its receptive field.

    Returns:
        The path.

    Raises:
        ModelError: the shapes do not fit, both are given, another suffix, or no matplotlib.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weight_map(np.eye(4), f"{folder}/weights.png", "identity").suffix
    '.png'
    """
    if shape is not None and image_shape is not None:
        raise ModelError("weight_map: give either shape or image_shape, not both")
    weights = np.asarray(matrix, dtype=float)
    if weights.ndim > 2 or weights.size == 0:
        raise ModelError(f"weight_map: weights must be a vector or a matrix, got shape {weights.shape}; select a slice")
    pictures = _fields(weights, image_shape) if image_shape is not None else [_arranged(weights, shape)]
    finite = np.abs(weights[np.isfinite(weights)])
    limit = float(finite.max()) if finite.size and finite.max() > 0 else 1.0

    def fill(figure: Figure) -> None:
        columns = int(np.ceil(np.sqrt(len(pictures))))
        rows = int(np.ceil(len(pictures) / columns))
        axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
        for axis in axes[len(pictures) :]:
            axis.set_axis_off()
        shown = [_show(axis, picture, limit, image_shape) for axis, picture in zip(axes, pictures, strict=False)]
        figure.colorbar(shown[0], ax=list(axes), label="weight", shrink=0.85)
        if image_shape is not None:
            targets = weights[0].size
            some = "" if len(pictures) == targets else f" of the first {len(pictures)} of {targets} targets"
            figure.supxlabel(f"receptive fields{some}")
        elif shape is None and weights.ndim == 2:
            axes[0].set_xlabel("target")
            axes[0].set_ylabel("source")
        if title:
            figure.suptitle(title)

    return draw(path, (5.6, 4.8), fill)


def _show(axis: Axes, picture: np.ndarray, limit: float, field: tuple[int, int] | None) -> Any:
    # RdBu is safe for the common kinds of colour blindness; white is 0 and red positive.
    # A matrix may have any proportions, but the pixels of an image are square.
    axis.set_facecolor("#bbbbbb")  # NaN
    if field is not None:
        axis.set_xticks([])
        axis.set_yticks([])
    aspect: Any = "auto" if field is None and max(picture.shape) > 4 * min(picture.shape) else "equal"
    return axis.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest", aspect=aspect)


def _arranged(weights: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    if shape is None:
        return np.atleast_2d(weights)
    if len(shape) != 2 or int(np.prod(shape)) != weights.size:
        raise ModelError(f"weight_map: shape {shape} does not hold {weights.size} weights; give rows × columns that do")
    return weights.reshape(shape)


def _fields(weights: np.ndarray, image_shape: tuple[int, int]) -> list[np.ndarray]:
    sources = weights.shape[0]
    if len(image_shape) != 2 or int(np.prod(image_shape)) != sources:
        raise ModelError(
            f"weight_map: image_shape {image_shape} does not hold the {sources} sources of weights of shape "
            f"{weights.shape}; weights are (sources, targets)"
        )
    return [field.reshape(image_shape) for field in weights.reshape(sources, -1).T[:MOST_FIELDS]]
