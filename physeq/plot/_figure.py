"""What the plots share: matplotlib only when it is needed, one look, the caller's axes or new ones, files by suffix."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physeq.errors import ModelError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png")

# Okabe and Ito, "Color Universal Design" (2008): told apart by all common kinds of colour vision.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = "os^Dv*"
DASHES = ("-", "--", ":", "-.")
GREY = "#7a7a7a"

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

# Whether new figures belong to pyplot, which shows them in notebooks, or to nobody, as those that become files do.
_shown: contextvars.ContextVar[bool] = contextvars.ContextVar("physeq_plot_shown", default=True)


def require_matplotlib() -> None:
    """Raise `ModelError` naming the extra where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ModelError('plots need matplotlib, which is not installed; run: pip install "physeq[plot]"') from None


def look(k: int) -> dict[str, Any]:
    """Colour and line style of the k-th line: told apart without its colour too."""
    return {"color": CYCLE[k % len(CYCLE)], "linestyle": DASHES[(k + k // len(CYCLE)) % len(DASHES)]}


def new_axes(ax: Axes | None, size: tuple[float, float] = (5.2, 3.8)) -> Axes:
    """The caller's axes, or those of a new figure of `size` inches."""
    if ax is not None:
        return ax
    figure = new_figure(None, size)
    with style():
        return figure.subplots()


def new_figure(figure: Figure | None, size: tuple[float, float]) -> Figure:
    """The caller's figure (or a part of one), or a new one of `size` inches."""
    require_matplotlib()
    if figure is not None:
        return figure
    with style():
        if not _shown.get():
            from matplotlib.figure import Figure as Plain

            return Plain(figsize=size, layout="constrained")
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, layout="constrained")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The look of the plots, for what is made inside."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def save(drawn: Axes | Figure, path: PathLike) -> Path:
    """Write what a function of this package drew to an SVG or PNG file; returns the path.

    The same picture gives the same file, and text stays text in SVG.

    Args:
        drawn: axes or a figure.
        path: where to; missing folders are made.

    Raises:
        ModelError: another suffix, or no matplotlib.
    """
    path = checked_path(path)
    require_matplotlib()
    figure = drawn if hasattr(drawn, "savefig") else drawn.get_figure(root=True)  # type: ignore[union-attr]
    with style():
        path.parent.mkdir(parents=True, exist_ok=True)
        date = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=150, format=path.suffix.lower()[1:], metadata=date)  # type: ignore[union-attr]
    return path


def to_file(path: PathLike, function: Callable[..., Axes | Figure], *args: Any, **options: Any) -> Path:
    """Draw with a function of this package straight into a file, without pyplot: in threads, and beside a user's own.

    Raises:
        ModelError: what the function raises, another suffix, or no matplotlib.

    >>> import tempfile
    >>> from physeq import plot
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_file(f"{folder}/map.svg", plot.weight_map, [[1.0, -2.0]]).name
    'map.svg'
    """
    path = checked_path(path)
    token = _shown.set(False)
    try:
        return save(function(*args, **options), path)
    finally:
        _shown.reset(token)


def draw(path: PathLike, size: tuple[float, float], fill: Callable[[Figure], None]) -> Path:
    """Let `fill` draw on a figure of `size` inches and write it to a file: for pictures that are only ever files."""

    def filled() -> Figure:
        figure = new_figure(None, size)
        with style():
            fill(figure)
        return figure

    return to_file(path, filled)


def checked_path(path: PathLike) -> Path:
    """The path of a picture; `ModelError` for another suffix."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"plot file must end in {' or '.join(SUFFIXES)}, got {str(path)!r}; rename it")
    return path


def plain(name: object) -> str:
    """Text in which matplotlib finds no mathematics."""
    return str(name).replace("$", r"\$")


def with_unit(name: str, unit: str) -> str:
    """A label: the name, and its unit where it is known."""
    return plain(f"{name} ({unit})" if unit else name)


def grid(axis: Axes) -> None:
    """Faint lines behind the data."""
    axis.grid(True, alpha=0.25)
