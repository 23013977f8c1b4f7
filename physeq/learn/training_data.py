"""Data as `fit` uses them: device arrays, labels, and the target of every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import TrajectoryModel
from physeq.data import Dataset
from physeq.errors import ModelError


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Inputs (an array, or a dict of them), targets and labels of the training and test parts."""

    inputs: Any
    targets: Array
    labels: np.ndarray | None
    test_inputs: Any
    test_targets: Array | None
    test_labels: np.ndarray | None
    class_targets: Array | None


def training_data(data: Dataset | tuple, params: Any, model: Any = None) -> TrainingData:
    """Check data and put them on the device in the parameters' dtype.

    Rows of a `Dataset` are series, one time after the other, where the model is one of trajectories.

    Args:
        data: a `Dataset`, or (inputs, targets) or (inputs, targets, test inputs, test targets); inputs may be a dict of
            arrays where a system has several, and None where it has none.
        params: the parameters.
        model: what is trained.

    Raises:
        ModelError: another number of parts, sample counts that differ, NaN or infinite entries.
    """
    leaves = jax.tree.leaves(params)
    dtype = leaves[0].dtype if leaves else jnp.result_type(float)
    if isinstance(data, Dataset):
        labels, test_labels = data.train_labels, data.test_labels
        parts = [data.train_inputs, data.train_targets]
        if data.has_test:
            parts += [data.test_inputs, data.test_targets]
    elif isinstance(data, tuple | list) and len(data) in (2, 4):
        parts, labels, test_labels = list(data), None, None
    else:
        raise ModelError("data must be a Dataset, (inputs, targets), or (inputs, targets, test inputs, test targets)")
    if isinstance(data, Dataset) and isinstance(model, TrajectoryModel):
        parts = [_series(part, size, data.name) for part, size in zip(parts, 2 * _sizes(model), strict=False)]
    names = ("inputs", "targets", "test inputs", "test targets")
    arrays = [_convert(part, dtype, name) for part, name in zip(parts, names, strict=False)]
    for x, y, name in zip(arrays[::2], arrays[1::2], ("training", "test"), strict=False):
        sizes = {leaf.shape[0] for leaf in jax.tree.leaves(x)} | {y.shape[0]}
        if sizes == {0}:
            raise ModelError(f"{name} data: there are no samples; give at least one")
        if len(sizes) != 1:
            raise ModelError(
                f"{name} data: inputs and targets must have the same number of samples, got {sorted(sizes)}"
            )
    test = arrays[2:] if len(arrays) == 4 else [None, None]
    return TrainingData(arrays[0], arrays[1], labels, test[0], test[1], test_labels, _class_targets(labels, arrays[1]))


def _sizes(model: TrajectoryModel) -> list[int]:
    """Numbers of one time of the input and of the target."""
    if len(model.system.inputs) != 1 or model.cost is None:
        raise ModelError("a Dataset feeds systems with one input and a cost; pass arrays, with a dict of inputs")
    return [model.system.inputs[0].size, model.cost.outputs]


def _series(rows: np.ndarray, size: int, name: str) -> np.ndarray:
    if rows.shape[1] % size:
        raise ModelError(
            f"data set {name!r}: rows of {rows.shape[1]} numbers are no series of {size} at a time; encode them as "
            "one time after the other"
        )
    return rows.reshape(len(rows), -1, size)


def _convert(part: Any, dtype: Any, name: str) -> Any:
    def one(a):
        values = np.asarray(a)
        if values.ndim < 2:
            raise ModelError(f"{name}: must have shape (samples, features), got {values.shape}")
        bad = np.argwhere(~np.isfinite(values.astype(float)))
        if bad.size:
            raise ModelError(
                f"{name}: sample {int(bad[0][0])} holds {values[tuple(bad[0])]}; "
                "remove or replace NaN and infinite data"
            )
        return jnp.asarray(values, dtype)

    if part is None and name.endswith("inputs"):
        return {}
    return {k: one(v) for k, v in part.items()} if isinstance(part, dict) else one(part)


def _class_targets(labels: np.ndarray | None, targets: Array) -> Array | None:
    """The target of each class, from the first sample of it; None for regression."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    count = int(labels.max()) + 1
    first = [int(np.argmax(labels == k)) for k in range(count)]
    missing = [k for k in range(count) if labels[first[k]] != k]
    if missing:
        raise ModelError(f"training data: class {missing[0]} has no sample; take more samples or relabel the classes")
    table = targets[jnp.asarray(first)]
    if bool(jnp.any(jnp.abs(targets - table[jnp.asarray(labels)]) > 0)):
        return None
    return table
