"""What the plots share: matplotlib only when it is needed, one look, files by suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png")

# Okabe and Ito, "Color Universal Design" (2008): told apart by all common kinds of colour vision.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = "os^Dv*"

_STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.usetex": False,
    "svg.fonttype": "none",  # text stays text: searchable, and readable by screen readers
    "svg.hashsalt": "physeq",  # the same figure gives the same file
}

PathLike = str | os.PathLike


def draw(path: PathLike, size: tuple[float, float], fill: Callable[[Figure], None]) -> Path:
    """Make a figure of `size` inches, let `fill` draw on it, write it to `path` (SVG or PNG), return the path.

    The figure belongs to no window and no global state, so that plots can be made in threads and beside a user's own.

    Raises `ModelError` when matplotlib is missing or the suffix is another.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"plot file must end in {' or '.join(SUFFIXES)}, got {str(path)!r}; rename it")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ModelError('plots need matplotlib, which is not installed; run: pip install "physeq[plot]"') from None
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        fill(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        date = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=150, format=path.suffix.lower()[1:], metadata=date)
    return path
