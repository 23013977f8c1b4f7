"""1 − cosine of gradient estimates, drawn beside their relative errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ERROR, ANGLE = "relative error of the gradient", "1 − cosine to the exact gradient"


def with_cosines(line: Sequence[Sequence[Any]]) -> np.ndarray:
    """Rows (x, error, cosine) of points with or without a cosine; what is missing is NaN."""
    rows = [(*tuple(point)[:3], None)[:3] for point in line]
    return np.array([[np.nan if x is None else x for x in row] for row in rows], dtype=float).reshape(-1, 3)


def has_angles(points: np.ndarray) -> bool:
    """Whether any of the rows (x, error, cosine) has a cosine below 1, so that 1 − cosine has a logarithm."""
    return bool((points[:, 2] < 1).any())


def draw_angles(axis: Axes, points: np.ndarray, **style: Any) -> None:
    """1 − cosine on a logarithmic axis; points without a cosine, or with one that is 1 to rounding, are left out."""
    kept = points[points[:, 2] < 1]
    axis.plot(kept[:, 0], 1 - kept[:, 2], **style)
    axis.set_yscale("log")
    axis.set_ylabel(ANGLE)
