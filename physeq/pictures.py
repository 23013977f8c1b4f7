"""The pictures of a run: learning curve, the network in a free state of one sample, and its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.data import Dataset
from physeq.errors import ModelError
from physeq.learn import Fit
from physeq.report import graph_state, learning_curve, weight_map
from physeq.solve import equilibrium


def draw_pictures(folder: Path, result: Fit, data: Dataset) -> tuple[str, ...]:
    """Draw what can be drawn into the folder; returns why something could not be, in words."""
    notes = []
    for draw in (_curve, _graph, _weights):
        try:
            draw(folder, result, data)
        except ModelError as error:
            notes.append(str(error))
    return tuple(dict.fromkeys(notes))


def _curve(folder: Path, result: Fit, data: Dataset) -> None:
    if result.history:
        # The cost while learning; with fixed parameters it is only known at the end.
        records = [record | {"train_cost": record["running_cost"]} for record in result.history]
        learning_curve(records, folder / "learning_curve.svg")


def _graph(folder: Path, result: Fit, data: Dataset) -> None:
    model = result.model
    sample = (data.test_inputs if data.has_test else data.train_inputs)[0]
    inputs = jnp.asarray(sample, jax.tree.leaves(result.params)[0].dtype)
    key = jax.random.key(result.seed)
    state = equilibrium(model, result.params, inputs, finder=result.finder, key=key, throw=False)
    values, meanings = {}, set()
    for group in model.system.topology.groups:
        variables = model.derivation.group_variables(group.name)
        if variables and group.name in state:
            first = variables[0]
            values[group.name] = np.asarray(state[group.name][first.key])
            meanings.add(str(first.symbol))
    label = f"free state {', '.join(sorted(meanings))} of one {'test' if data.has_test else 'training'} sample"
    graph_state(model.system.topology, values, folder / "graph.svg", label)


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
            weight_map(
                matrix, path, f"{name}: {key}", image_shape=_image(data, matrix, name in bundles and bundles[name])
            )


def _image(data: Dataset, matrix: np.ndarray, placement: Any) -> tuple[int, int] | None:
    """The shape of the input image where the rows of a matrix are its pixels."""
    shape = data.image_shape
    if not placement or shape is None or len(shape) != 2 or matrix.ndim != 2 or matrix.shape[0] != shape[0] * shape[1]:
        return None
    return (int(shape[0]), int(shape[1])) if placement.groups[0] == "input" else None
