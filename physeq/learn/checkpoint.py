"""Files of a run: atomic checkpoints, the log, and parameters under the user's names. Nothing is pickled."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from physeq.errors import ModelError

SCHEMA = 1


def atomic(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that a crash leaves the old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def save_checkpoint(path: Path, header: dict, leaves: Any) -> None:
    """One file: a line of JSON, then the arrays."""

    def write(file: BinaryIO) -> None:
        file.write((json.dumps({"schema": SCHEMA} | header) + "\n").encode())
        eqx.tree_serialise_leaves(file, leaves)

    atomic(path, write)


def load_checkpoint(path: Path, like: Any) -> tuple[dict, Any]:
    """(header, arrays) of a checkpoint whose arrays look like `like`.

    Raises:
        ModelError: no such file, another schema, or arrays of other shapes.
    """
    if not path.is_file():
        raise ModelError(f"nothing to resume: {path} does not exist; start without resume")
    with path.open("rb") as file:
        header = json.loads(file.readline())
        if header.get("schema") != SCHEMA:
            raise ModelError(f"{path}: written with schema {header.get('schema')}, this version reads {SCHEMA}")
        try:
            return header, eqx.tree_deserialise_leaves(file, like)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{path}: its arrays do not fit this model ({error}); resume with the system that made it"
            ) from error


def save_parameters(path: Path, params: dict[str, dict[str, Any]]) -> None:
    """An .npz archive with one array per "placement.parameter"."""
    arrays: dict[str, Any] = {f"{p}.{k}": np.asarray(v) for p, own in params.items() for k, v in own.items()}
    atomic(path, lambda file: np.savez(file, **arrays))


def load_parameters(path: Path, model: Any) -> dict[str, dict[str, Any]]:
    """Parameters of a model from an .npz archive.

    Raises:
        ModelError: a missing or unknown name, a wrong shape.
    """
    system = model.system
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    shapes = {}
    for placement in system.placements:
        for p in placement.component.parameters:
            shapes[placement.name, p.name] = system.parameter_shape(placement, p)
    params: dict[str, dict[str, Any]] = {}
    for placement, own in model.trainable().items():
        for name in own:
            key = f"{placement}.{name}"
            if key not in arrays:
                raise ModelError(f"{path}: no array {key!r}; it holds {sorted(arrays)}")
            expected = shapes.get((placement, name))
            if expected is not None and arrays[key].shape != expected:
                raise ModelError(f"{path}: {key!r} has shape {arrays[key].shape}, this system needs {expected}")
            params.setdefault(placement, {})[name] = jnp.asarray(arrays.pop(key))
    if arrays:
        raise ModelError(f"{path}: holds {sorted(arrays)}, which this system does not have")
    return params
