"""The small sets that come with scikit-learn (optional extra `physeq[data]`)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ..errors import ModelError
from ._dataset import Dataset
from ._split import shuffled_split, stratified_split

# The seed of every split below; frozen, since published errors refer to the split.
SPLIT_SEED = 0


def load_digits() -> Dataset:
    """Handwritten digits 8×8: 1,437 training and 360 test images, pixels / 16, ten classes.

    The split is stratified by class with seed 0 (`stratified_split`) and never changes.
    """
    images, labels = _scikit("digits")
    train, test = stratified_split(labels, 360, SPLIT_SEED)
    return Dataset.from_arrays(
        "digits",
        images[train] / 16.0,
        labels[train],
        images[test] / 16.0,
        labels[test],
        classes=10,
        image_shape=(8, 8),
        source="scikit-learn load_digits, pixels / 16, stratified split with seed 0",
    )


def load_iris() -> Dataset:
    """Iris flowers: 120 training and 30 test rows, 4 features, three classes."""
    return _classes("iris", test=30)


def load_wine() -> Dataset:
    """Wines: 142 training and 36 test rows, 13 features, three classes."""
    return _classes("wine", test=36)


def load_diabetes() -> Dataset:
    """Diabetes progression: 354 training and 88 test rows, 10 features, one real target.

    Inputs and target are scaled by the range of the training rows; a test target may lie outside [0, 1].
    """
    inputs, progression = _scikit("diabetes")
    train, test = shuffled_split(len(inputs), 88, SPLIT_SEED)
    data = Dataset.from_arrays(
        "diabetes",
        inputs[train],
        progression[train],
        inputs[test],
        progression[test],
        source="scikit-learn load_diabetes, scaled by the training range, split with seed 0",
    ).scaled(targets=(0.0, 1.0))
    return _unit_inputs(data)


def _classes(name: str, test: int) -> Dataset:
    inputs, labels = _scikit(name)
    train_rows, test_rows = stratified_split(labels, test, SPLIT_SEED)
    data = Dataset.from_arrays(
        name,
        inputs[train_rows],
        labels[train_rows],
        inputs[test_rows],
        labels[test_rows],
        source=f"scikit-learn load_{name}, scaled by the training range, stratified split with seed 0",
    )
    return _unit_inputs(data)


def _unit_inputs(data: Dataset) -> Dataset:
    """Map each input column to [0, 1] by its training range; the few test values outside are clipped to it.

    A physical input has limits: a voltage beyond the supply does not exist.
    """
    scaled = data.scaled(inputs=(0.0, 1.0), per_column=True)
    inside = {part: np.clip(getattr(scaled, part), 0.0, 1.0) for part in ("train_inputs", "test_inputs")}
    return Dataset(**{**vars(scaled), **inside})


def _scikit(name: str) -> tuple[Any, Any]:
    try:
        module = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ModelError(
            f"data set '{name}' comes with scikit-learn, which is not installed: run `pip install 'physeq[data]'`."
        ) from error
    return getattr(module, f"load_{name}")(return_X_y=True)
