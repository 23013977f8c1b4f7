"""Printed expressions held against numbers of the compiled model, one row per equation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from physeq.errors import InternalError
from physeq.report.numbers import PageNumbers, Unreadable

LIMITS = {"float64": 1e-6, "float32": 1e-2}
PRECISIONS = {"float64": "double", "float32": "single"}
_ENTRIES = 12  # nodes or elements of one equation that are compared

# (indices, elements, value of the model): where a printed expression is evaluated, and what it has to be.
Place = tuple[dict[str, int], dict[str, int], Any]


@dataclass(frozen=True)
class Verified:
    """One printed equation held against the compiled model.

    Attributes:
        equation: what it is, in words.
        count: how many numbers were compared.
        difference: the largest relative difference, or None where the equation was not evaluated.
        reason: why not.
    """

    equation: str
    count: int = 0
    difference: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """How numbers are compared: the seed of what is drawn, and what the model is called in messages."""

    seed: int
    against: str = "the compiled model"

    @property
    def dtype(self) -> str:
        """Of the arrays of the compiled model."""
        return str(jax.numpy.result_type(float))

    @property
    def limit(self) -> float:
        """The largest relative difference that passes."""
        return LIMITS[self.dtype]

    def sampled(self, count: int) -> np.ndarray:
        """All of a few, or a random choice."""
        return np.sort(np.random.default_rng(self.seed).permutation(count)[:_ENTRIES])

    def one(self, what: str, reader: PageNumbers, printed: Any, places: Iterable[Place]) -> Verified:
        """A printed expression at all places; the numbers are held together.

        Raises:
            InternalError: they disagree.
        """
        found: list[Any] = []
        expected: list[Any] = []
        try:
            function = reader.value(printed)
            with np.errstate(all="ignore"):
                for at, element, value in places:
                    found.append(np.ravel(function(at, element)))
                    expected.append(np.ravel(np.asarray(value)))
        except Unreadable as error:
            return Verified(what, reason=str(error))
        return self.together(what, found, expected)

    def together(self, what: str, found: Sequence[Any], expected: Sequence[Any]) -> Verified:
        """Numbers of a printed expression and of the model.

        Raises:
            InternalError: they disagree.
        """
        pairs = [np.broadcast_arrays(a, b) for a, b in zip(found, expected, strict=True)]
        a, b = (np.concatenate([np.ravel(p[k]) for p in pairs]) if pairs else np.zeros(0) for k in (0, 1))
        if not np.isfinite(b).all():
            return Verified(what, reason="the compiled model has no finite value at this point")
        difference = relative_difference(a, b)
        if not difference <= self.limit:
            worst = int(np.argmax(np.where(np.isfinite(a), np.abs(a - b), np.inf)))
            raise InternalError(
                f"the printed {what} disagrees with {self.against} at a random point (seed {self.seed}): "
                f"{_shown(a[worst])} against {_shown(b[worst])}, relative difference {difference:.1e}"
            )
        return Verified(what, len(a), difference)


def _shown(x: Any) -> str:
    return f"{x.real:.6g}" if x.imag == 0 else f"{x:.6g}"


def relative_difference(found: Any, expected: Any) -> float:
    """The largest |a − b| / |b|; where b is small beside the others, relative to a thousandth of their lower quartile.

    >>> relative_difference([1.0, 3.0, 1e-20], [1.0, 2.0, 0.0])
    0.5
    """
    a, b = np.asarray(found), np.asarray(expected)
    if not np.isfinite(a).all():
        return float("inf")
    size = np.abs(b[b != 0])
    floor = 1e-3 * np.quantile(size, 0.25) if size.size else 1.0
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), floor), initial=0.0))
