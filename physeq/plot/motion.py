"""Quantities over time: of simulated motions, of learnt trajectories, and predictions beside their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import CYCLE, grid, look, new_axes, new_figure, plain, style
from physeq.plot._labels import columns, kind_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NAMED = 12  # lines in a legend
_PANELS, _LINES = 4, 6


def trajectory(found: Any, names: Any = None, *, sample: int | tuple[int, ...] = 0, ax: Axes | None = None) -> Axes:
    """Draw quantities over time on one axes, in the user's names, with the units of their symbols.

    Args:
        found: a `Solution`, or `Trajectories`.
        names: names of quantities ("out.v", "R1.i", "energy"; groups and bundles are drawn node by node), or
            {name: values over time}; by default the unknowns of a small system, the energy of a large one.
        sample: which of the batch of `Trajectories`.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: an unknown name, or no matplotlib.
    """
    times, lines = columns(found, names, sample)
    axis = new_axes(ax, (6.4, 3.4))
    _draw(axis, times, lines)
    axis.set_ylabel(", ".join(dict.fromkeys(kind_of(found, name) for name in lines)))
    axis.set_xlabel("time (s)")
    return axis


def trajectories(
    found: Any, names: Any = None, *, sample: int | tuple[int, ...] = 0, title: str = "", figure: Figure | None = None
) -> Figure:
    """Draw quantities over time, one panel per kind and unit.

    Args:
        found, names, sample: as for `trajectory`.
        title: above the first panel.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: an unknown name, or no matplotlib.
    """
    times, lines = columns(found, names, sample)
    panels: dict[str, dict[str, np.ndarray]] = {}
    for name, values in lines.items():
        panels.setdefault(kind_of(found, name), {})[name] = values
    whole = new_figure(figure, (7.0, 1.2 + 2.2 * len(panels)))
    with style():
        axes = np.atleast_1d(whole.subplots(len(panels), 1, sharex=True))
    for axis, (kind, own) in zip(axes, panels.items(), strict=True):
        _draw(axis, times, own)
        axis.set_ylabel(kind)
    axes[-1].set_xlabel("time (s)")
    if title:
        axes[0].set_title(plain(title))
    return whole


def _draw(axis: Axes, times: np.ndarray, lines: dict[str, np.ndarray]) -> None:
    finite = np.isfinite(times)  # after an event the times that were not reached are infinite
    for k, (name, values) in enumerate(lines.items()):
        axis.plot(times[finite], np.asarray(values)[finite], label=plain(name), **look(k))
    grid(axis)
    if len(lines) <= _MOST_NAMED:
        axis.legend(frameon=False, fontsize="small")


def predictions(
    times: Any, values: Any, target: Any = None, *, label: str = "prediction", figure: Figure | None = None
) -> Figure:
    """Draw series over time beside their targets (dashed): a panel per sample, the first 4 samples and 6 outputs.

    Args:
        times: `(times,)`, such as `model.times`.
        values: `(samples, times, outputs)`, or `(times, outputs)` of one sample, such as `fit.predict(inputs)`.
        target: like `values`, with one time where it is constant; None for none.
        label: what the values are.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: other shapes, or no matplotlib.

    >>> t = np.linspace(0.0, 6.0, 50)
    >>> len(predictions(t, np.sin(t)[:, None], 0.9 * np.sin(t)[:, None]).axes[0].lines)
    2
    """
    moments, found = np.asarray(times, float), np.asarray(values, float)
    found = found[None] if found.ndim == 2 else found
    if moments.ndim != 1 or found.ndim != 3 or found.shape[1] != len(moments):
        raise ModelError(
            f"predictions: values must have shape (samples, {len(moments)}, outputs), a row per time, got {found.shape}"
        )
    aim = None
    if target is not None:
        aim = np.asarray(target, float)
        aim = aim[None] if aim.ndim == 2 else aim
        if aim.ndim != 3 or aim.shape[1] not in (1, len(moments)) or aim.shape[::2] != found.shape[::2]:
            raise ModelError(
                f"predictions: target must have the shape of values, {found.shape}, or one time; got {aim.shape}"
            )
        aim = np.broadcast_to(aim, found.shape)
    panels = min(_PANELS, len(found))
    across = min(2, panels)
    down = -(-panels // across)
    whole = new_figure(figure, (4.0 * across, 0.6 + 2.2 * down))
    with style():
        axes = whole.subplots(down, across, sharex=True, squeeze=False)
    for sample, axis in enumerate(axes.ravel()[:panels]):
        for output in range(min(_LINES, found.shape[2])):
            name = label if output == 0 else None
            axis.plot(moments, found[sample, :, output], "-", color=CYCLE[output % len(CYCLE)], label=name)
            if aim is not None:
                name = "target" if output == 0 else None
                axis.plot(moments, aim[sample, :, output], "--", color="black", linewidth=1.0, label=name)
        grid(axis)
        axis.set_title(f"sample {sample}", fontsize="small")
    for axis in axes.ravel()[panels:]:
        axis.axis("off")
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    axes[0, 0].legend(frameon=False, fontsize="small")
    return whole
