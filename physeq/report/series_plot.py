"""Plots of trajectories that are learnt: what the outputs do over time, beside what they should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ._figure import CYCLE, PathLike, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS, _LINES = 4, 6


def series_plot(times: Any, values: Any, path: PathLike, *, target: Any = None, label: str = "prediction") -> Path:
    """Plot series over time, one panel per sample and one colour per output, targets dashed; the first 4 and 6 of them.

    Args:
        times: `(times,)`.
        values: `(samples, times, outputs)`, or `(times, outputs)` of one sample.
        path: an SVG or PNG file.
        target: like `values`, with one time where it is constant; None for none.
        label: what the values are.

    Returns:
        The path.

    Raises:
        ModelError: other shapes, another suffix, or no matplotlib.

    >>> import tempfile
    >>> wave = np.sin(np.linspace(0.0, 6.0, 50))[:, None]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     series_plot(np.linspace(0.0, 6.0, 50), wave, f"{folder}/wave.svg", target=0.9 * wave).name
    'wave.svg'
    """
    moments, found = np.asarray(times, float), np.asarray(values, float)
    found = found[None] if found.ndim == 2 else found
    if moments.ndim != 1 or found.ndim != 3 or found.shape[1] != len(moments):
        raise ModelError(
            f"series_plot: values must have shape (samples, {len(moments)}, outputs), a row per time, got {found.shape}"
        )
    aim = None
    if target is not None:
        aim = np.asarray(target, float)
        aim = aim[None] if aim.ndim == 2 else aim
        if aim.ndim != 3 or aim.shape[1] not in (1, len(moments)) or aim.shape[::2] != found.shape[::2]:
            raise ModelError(
                f"series_plot: target must have the shape of values, {found.shape}, or one time; got {aim.shape}"
            )
        aim = np.broadcast_to(aim, found.shape)
    panels = min(_PANELS, len(found))
    columns = min(2, panels)

    def fill(figure: Figure) -> None:
        axes = figure.subplots(-(-panels // columns), columns, sharex=True, squeeze=False)
        for sample, axis in enumerate(axes.ravel()[:panels]):
            for output in range(min(_LINES, found.shape[2])):
                colour = CYCLE[output % len(CYCLE)]
                name = label if output == 0 else None
                axis.plot(moments, found[sample, :, output], "-", color=colour, label=name)
                if aim is not None:
                    name = "target" if output == 0 else None
                    axis.plot(moments, aim[sample, :, output], "--", color="black", linewidth=1.0, label=name)
            axis.grid(True, alpha=0.25)
            axis.set_title(f"sample {sample}", fontsize="small")
        for axis in axes.ravel()[panels:]:
            axis.axis("off")
        for axis in axes[-1]:
            axis.set_xlabel("time")
        axes[0, 0].legend(frameon=False, fontsize="small")

    return draw(path, (4.0 * columns, 0.6 + 2.2 * -(-panels // columns)), fill)
