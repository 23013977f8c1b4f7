"""The pictures of a run: learning curve, the network in a free state of one sample or trajectories, and its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.data import Dataset
from physeq.errors import ModelError
from physeq.interface import TrajectoryModel
from physeq.learn import Fit
from physeq.learn.training_data import training_data
from physeq.plot import graph, learning_curves, parameter_map, predictions, receptive_fields, to_file
from physeq.solve import equilibrium

_SAMPLES = 4  # in the picture of trajectories


def draw_pictures(folder: Path, result: Fit, data: Dataset) -> tuple[str, ...]:
    """Draw what can be drawn into the folder; returns why something could not be, in words."""
    notes = []
    free = _trajectories if isinstance(result.model, TrajectoryModel) else _graph
    for draw in (_curve, free, _weights):
        try:
            draw(folder, result, data)
        except ModelError as error:
            notes.append(str(error))
    return tuple(dict.fromkeys(notes))


def _curve(folder: Path, result: Fit, data: Dataset) -> None:
    if result.history:
        to_file(folder / "learning_curve.svg", learning_curves, result)


def _trajectories(folder: Path, result: Fit, data: Dataset) -> None:
    """What the outputs do in time beside what they should, of the first samples."""
    ready = training_data(data, result.params, result.model)
    test = ready.test_targets is not None
    part = (ready.test_inputs, ready.test_targets) if test else (ready.inputs, ready.targets)
    inputs, targets = jax.tree.map(lambda a: a[:_SAMPLES], part)
    label = f"prediction, {'test' if test else 'training'} samples"
    path = folder / "trajectories.svg"
    to_file(path, predictions, result.model.times, result.predict(inputs), targets, label=label)


def _graph(folder: Path, result: Fit, data: Dataset) -> None:
    model = result.model
    sample = (data.test_inputs if data.has_test else data.train_inputs)[0]
    inputs = jnp.asarray(sample, jax.tree.leaves(result.params)[0].dtype)
    key = jax.random.key(result.seed)
    state = equilibrium(model, result.params, inputs, finder=result.finder, key=key, throw=False)
    title = f"free state of one {'test' if data.has_test else 'training'} sample"
    to_file(folder / "graph.svg", graph, model, state, title=title)


def _weights(folder: Path, result: Fit, data: Dataset) -> None:
    system = result.model.system
    bundles = {placement.name: placement for placement in system.placements if len(placement.component.ports) > 1}
    for name, own in result.params.items():
        if name not in bundles and name != "readout":
            continue
        drawn = {key: np.asarray(value) for key, value in own.items() if np.ndim(value) in (1, 2)}
        for key, matrix in drawn.items():
            stem = "weights_" + re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
            path = folder / f"{stem if len(drawn) == 1 else f'{stem}_{key}'}.svg"
            shape = input_image(data, matrix, bundles.get(name))
            if shape is None:
                to_file(path, parameter_map, system, result.params, name, key)
            else:
                to_file(path, receptive_fields, matrix, shape, title=f"{name}: {key}")


def input_image(data: Dataset, matrix: np.ndarray, placement: Any) -> tuple[int, int] | None:
    """The shape of the input image where the rows of a matrix are its pixels."""
    shape = data.image_shape
    if (
        placement is None
        or shape is None
        or len(shape) != 2
        or matrix.ndim != 2
        or matrix.shape[0] != shape[0] * shape[1]
    ):
        return None
    return (int(shape[0]), int(shape[1])) if placement.groups[0] == "input" else None
