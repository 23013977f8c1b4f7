"""Checks of arrays that enter a data set: they name the array, the first bad row and the mend."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ModelError


def real_array(what: str, values: ArrayLike) -> NDArray[np.float32]:
    """Return `values` as a new float32 array, or say why they are not real numbers.

    Args:
        what: the name used in messages.
        values: anything that numpy reads as an array.

    Raises:
        ModelError: the rows differ in length or the entries are not real numbers.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ModelError(f"{what} must be one rectangular array: {error}. Give every row the same length.") from error
    if array.dtype.kind not in "buif":
        raise ModelError(
            f"{what} must hold real numbers, not dtype {array.dtype}: convert it before making the data set."
        )
    with np.errstate(over="ignore"):  # a value beyond float32 becomes inf, which check_finite then names
        return np.array(array, dtype=np.float32)


def check_finite(what: str, array: NDArray) -> None:
    """Raise `ModelError` that names the first row of `array`, shape `(rows, ...)`, with a NaN or an infinity."""
    good = np.isfinite(array)
    if good.all():
        return
    bad_row = int(np.flatnonzero(~good.reshape(len(array), -1).all(axis=1))[0])
    bad_value = array[bad_row][~good[bad_row]].ravel()[0]
    raise ModelError(
        f"{what} has {bad_value} in row {bad_row} (as float32): remove the row or fill it before making the data set."
    )


def check_matrix(what: str, array: NDArray, columns: int | None = None) -> None:
    """Raise `ModelError` unless `array` is a finite float32 matrix `(rows, columns)` with at least one column."""
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        kind = getattr(array, "dtype", type(array).__name__)
        raise ModelError(f"{what} must be a float32 array, not {kind}: use `Dataset.from_arrays`, which converts.")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ModelError(f"{what} must have shape (rows, columns), not {array.shape}: use `Dataset.from_arrays`.")
    if columns is not None and array.shape[1] != columns:
        raise ModelError(
            f"{what} has {array.shape[1]} columns and the training array has {columns}: give both the same columns."
        )
    check_finite(what, array)


def check_rows(inputs_name: str, inputs: NDArray, other_name: str, other: NDArray) -> None:
    """Raise `ModelError` unless both arrays have the same number of rows."""
    if len(inputs) != len(other):
        raise ModelError(
            f"{inputs_name} has {len(inputs)} rows and {other_name} has {len(other)}: "
            f"give one row of targets for each row of inputs (row {min(len(inputs), len(other))} has no partner)."
        )


def check_labels(what: str, labels: NDArray, classes: int) -> None:
    """Raise `ModelError` that names the first row whose label is not one of 0 .. classes − 1."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise ModelError(
            f"{what} has label {labels[bad[0]]} in row {bad[0]}: labels must be the integers 0 to {classes - 1}; "
            "renumber them, or pass floating-point targets for regression."
        )


def check_image_shape(image_shape: tuple[int, ...] | None, features: int) -> None:
    """Raise `ModelError` unless the sizes in `image_shape` multiply to the number of features."""
    if image_shape is not None and math.prod(image_shape) != features:
        raise ModelError(
            f"image_shape {image_shape} has {math.prod(image_shape)} pixels and the inputs have {features} columns: "
            "correct image_shape or leave it out."
        )
