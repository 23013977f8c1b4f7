"""Learning curves: cost and error after every epoch, of one run or of several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import BLUE, CYCLE, VERMILION, grid, new_axes, new_figure, plain, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_QUANTITIES = {"cost": "cost", "error_percent": "error (%)"}
_PARTS = {"train": ("o", "-"), "test": ("s", "--")}


def learning_curve(runs: Any, quantity: str = "cost", *, ax: Axes | None = None) -> Axes:
    """Draw cost or error against the epoch: of training and of the test set, mean over seeds and each seed thin.

    Args:
        runs: a `Fit`, a list of them that differ in the seed (`fit_many`), or {name: either}; instead of a `Fit` also
            its history, one mapping per epoch with any of "epoch", "train_cost" or "running_cost", "test_cost",
            "train_error_percent", "test_error_percent". Missing and non-finite numbers leave gaps.
        quantity: "cost" or "error_percent".
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: nothing to draw, or no matplotlib.

    >>> seeds = [[{"train_cost": c}, {"train_cost": c / 2}] for c in (1.0, 1.2)]
    >>> [len(line.get_xdata()) for line in learning_curve(seeds).lines]  # each seed, and their mean
    [2, 2, 2]
    """
    lines = _lines(_named(runs), quantity)
    if not lines:
        raise ModelError(
            f"learning_curve: the history has no finite train_{quantity} or test_{quantity}; record one of them"
        )
    axis = new_axes(ax, (4.5, 3.4))
    _draw(axis, lines, _QUANTITIES[quantity])
    return axis


def learning_curves(runs: Any, *, figure: Figure | None = None) -> Figure:
    """Draw all learning curves that there are: a panel for cost and one for error.

    Args:
        runs: as for `learning_curve`.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: nothing to draw, or no matplotlib.
    """
    named = _named(runs)
    panels = {title: lines for key, title in _QUANTITIES.items() if (lines := _lines(named, key))}
    if not panels:
        raise ModelError(
            "learning_curves: the history has no finite train_cost, test_cost, train_error_percent or "
            "test_error_percent; record at least one of them"
        )
    whole = new_figure(figure, (4.5 * len(panels), 3.4))
    with style():
        axes = np.atleast_1d(whole.subplots(1, len(panels)))
    for axis, (title, lines) in zip(axes, panels.items(), strict=True):
        _draw(axis, lines, title)
    return whole


def _named(runs: Any) -> dict[str, list[Sequence[Mapping[str, Any]]]]:
    """{name: histories of the seeds}."""
    if isinstance(runs, Mapping):
        return {name: own for key, run in runs.items() for name, own in [(str(key), _named(run)[""])]}
    if hasattr(runs, "history"):
        return {"": [runs.history]}
    runs = list(runs)
    if any(isinstance(run, Mapping) for run in runs) or not runs:
        return {"": [runs]}
    return {"": [getattr(run, "history", run) for run in runs]}


def _lines(named: Mapping[str, list], quantity: str) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """(name, part, epochs, values of the seeds `(seeds, epochs)`) of all that has a finite number."""
    lines = []
    for name, histories in named.items():
        for part in _PARTS:
            keys = (f"{part}_{quantity}", "running_cost" if (part, quantity) == ("train", "cost") else "")
            series = [dict(_points(history, keys)) for history in histories]
            epochs = np.array(sorted({epoch for one in series for epoch in one}))
            values = np.array([[one.get(epoch, np.nan) for epoch in epochs] for one in series])
            if np.isfinite(values).any():
                lines.append((name, part, epochs, values))
    return lines


def _points(history: Sequence[Mapping[str, Any]], keys: tuple[str, ...]):
    for place, record in enumerate(history):
        value = next((record[key] for key in keys if record.get(key) is not None), None)
        yield float(record.get("epoch", place)), np.nan if value is None else float(value)


def _draw(axis: Axes, lines: list, title: str) -> None:
    names = list(dict.fromkeys(name for name, *_ in lines))
    smallest, largest = np.inf, -np.inf
    for name, part, epochs, seeds in lines:
        marker, dash = _PARTS[part]
        # One run is told by the part of the data, several by the run.
        colour = (BLUE if part == "train" else VERMILION) if len(names) == 1 else CYCLE[names.index(name) % len(CYCLE)]
        size = 4.0 if len(epochs) <= 40 else 0.0
        known = np.isfinite(seeds).any(axis=0)
        if len(seeds) > 1:
            for one in seeds:
                axis.plot(epochs, one, dash, color=colour, linewidth=0.7, alpha=0.45)
        mean = np.full(len(epochs), np.nan)
        mean[known] = np.nanmean(seeds[:, known], axis=0)
        words = ", ".join(filter(None, (name, part, f"mean of {len(seeds)} seeds" if len(seeds) > 1 else "")))
        width = 2.0 if len(seeds) > 1 else 1.5
        axis.plot(epochs, mean, dash, color=colour, marker=marker, markersize=size, linewidth=width, label=plain(words))
        numbers = seeds[np.isfinite(seeds)]
        smallest, largest = min(smallest, numbers.min()), max(largest, numbers.max())
    if smallest > 0 and largest > 30 * smallest:
        axis.set_yscale("log")
    axis.set_xlabel("epoch")
    axis.set_ylabel(title)
    axis.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]  # MaxNLocator's
    grid(axis)
    axis.legend(frameon=False, fontsize="small")
