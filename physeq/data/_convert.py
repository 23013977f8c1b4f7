"""From what users pass (lists, integers, images) to the arrays of a `Dataset`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ModelError
from ._checks import check_finite, check_labels, real_array

Rows = int | Sequence[int] | NDArray[np.integer]


def flat_inputs(what: str, values: ArrayLike) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Return inputs as a finite float32 matrix `(rows, features)` and the shape that one input had."""
    array = real_array(what, values)
    if array.ndim == 0:
        raise ModelError(f"{what} is a single number: give an array of shape (rows, features).")
    if array.ndim == 1:
        array = array[:, None]
    check_finite(what, array)
    shape = array.shape[1:]
    # Not reshape(rows, -1): numpy cannot infer a size beside zero rows.
    return array.reshape(len(array), int(np.prod(shape))), shape


def raw_targets(what: str, values: ArrayLike) -> NDArray:
    """Targets as integers `(rows,)` where they are labels, else as finite float32 of rank 1 or 2."""
    converted = real_array(what, values)
    if converted.ndim not in (1, 2):
        raise ModelError(f"{what} must have shape (rows,) or (rows, outputs), not {converted.shape}.")
    check_finite(what, converted)
    original = np.asarray(values)
    return original if original.dtype.kind in "bui" and original.ndim == 1 else converted


def count_classes(train: NDArray, test: NDArray) -> int:
    """Return the largest integer label of both parts plus one, at least 1.

    Raises:
        ModelError: there would be more classes than training rows: those are numbers, not labels.
    """
    classes = 1 + max(int(part.max()) if part.size else 0 for part in (train, test))
    if classes > len(train) > 0:
        raise ModelError(
            f"train_targets holds integers up to {classes - 1} in {len(train)} rows: "
            "pass floating-point targets for regression, or classes=... if they are labels."
        )
    return max(classes, 1)


def coded_targets(what: str, raw: NDArray, classes: int | None) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Return targets `(rows, outputs)` and labels `(rows,)`, the labels being `None` where `classes` is."""
    if classes is None:
        return (raw[:, None] if raw.ndim == 1 else raw).astype(np.float32), None
    if raw.ndim == 2:
        if raw.shape[1] != classes:
            raise ModelError(
                f"{what} has {raw.shape[1]} columns for {classes} classes: give one column for each class."
            )
        return raw, raw.argmax(axis=1).astype(np.int64)
    fractional = np.flatnonzero(raw != np.round(raw))
    if fractional.size:
        row = int(fractional[0])
        raise ModelError(
            f"{what} has {raw[row]} in row {row}, which is not a label: "
            "give integers, or leave classes out for regression."
        )
    labels = raw.astype(np.int64)
    check_labels(what, labels, classes)
    targets = np.zeros((len(labels), classes), dtype=np.float32)
    targets[np.arange(len(labels)), labels] = 1.0
    return targets, labels


def row_numbers(part: str, rows: Rows | None, available: int) -> NDArray[np.integer] | slice:
    """Return what selects the rows of a part: all (`None`), the first so many (an integer), or row numbers.

    Raises:
        ModelError: a row is asked for that is not there.
    """
    if rows is None:
        return slice(None)
    numbers = np.asarray(rows)
    if numbers.size and numbers.dtype.kind not in "ui":
        raise ModelError(f"{part} must be a number of rows or integer row numbers, not dtype {numbers.dtype}.")
    if numbers.ndim == 0:
        if not 0 <= int(numbers) <= available:
            raise ModelError(
                f"{part}={int(numbers)} rows asked for and {available} are there: ask for 0 to {available}."
            )
        return slice(int(numbers))
    bad = np.flatnonzero((numbers < 0) | (numbers >= available)) if numbers.ndim == 1 else np.zeros(1)
    if bad.size:
        raise ModelError(
            f"{part} must be a list of row numbers from 0 to {available - 1}, not {numbers.tolist()!r:.80}."
        )
    return numbers.astype(np.int64)
