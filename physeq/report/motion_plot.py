"""Plots of trajectories: quantities over time, one panel per kind of quantity."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._figure import CYCLE, PathLike, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_motion(solution: Any, columns: Mapping[str, np.ndarray], path: PathLike, title: str = "") -> Path:
    """Draw quantities of a `Solution` over time; those with one key and unit share a panel.

    Args:
        solution: has `ts` and `unit(name)`.
        columns: {name: values over time}.
        path: an .svg or .png file.
        title: over the first panel.

    Raises:
        ModelError: another ending, or matplotlib is missing.
    """
    panels: dict[str, list[str]] = {}
    for name in columns:
        panels.setdefault(_kind(solution, name), []).append(name)
    times = np.asarray(solution.ts)
    finite = np.isfinite(times)

    def fill(figure: Figure) -> None:
        axes = np.atleast_1d(figure.subplots(len(panels), 1, sharex=True))
        for axis, (kind, names) in zip(axes, panels.items(), strict=True):
            looks = cycle(product(("-", "--", ":"), CYCLE))
            for name, (dash, colour) in zip(names, looks, strict=False):
                axis.plot(times[finite], columns[name][finite], dash, color=colour, label=name)
            axis.set_ylabel(kind)
            axis.grid(True, alpha=0.25)
            if len(names) <= 12:
                axis.legend(frameon=False, fontsize="small")
        axes[-1].set_xlabel("time (s)")
        if title:
            axes[0].set_title(title)

    return draw(path, (7.0, 1.2 + 2.2 * len(panels)), fill)


def _kind(solution: Any, name: str) -> str:
    key = name.rpartition(".")[2]
    owner = name.rpartition(".")[0]
    unit = solution.unit(f"{owner.partition('[')[0]}.{key}" if owner and "[" in owner else name)
    return f"{key} ({unit})" if unit else key
