"""`Shown`: objects that print themselves readably, in terminals and notebooks.

What they say is written by `physeq.summaries`, which knows all layers; the layers themselves know only this base.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_writers: dict[str, Callable[[Any], str | None]] = {}


def install(**writers: Callable[[Any], str | None]) -> None:
    """Give the writers of all objects: `text`, `html`, `markdown` and `latex`."""
    _writers.update(writers)


class Shown:
    """Base of what prints itself: `print(x)` for terminals, HTML, Markdown and LaTeX for notebooks.

    Classes give a `__repr__` of one line of their own.
    """

    def __str__(self) -> str:
        write = _writers.get("text")
        return repr(self) if write is None else str(write(self))

    def _repr_html_(self) -> str | None:
        return _writers["html"](self)

    def _repr_markdown_(self) -> str | None:
        return _writers["markdown"](self)

    def _repr_latex_(self) -> str | None:
        """The equations of what has any; None for others, which notebooks pass over."""
        return _writers["latex"](self)
