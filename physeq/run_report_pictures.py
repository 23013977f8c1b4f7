"""The pictures of a run's report: those of its folder, and its parameters before and after."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from physeq.data import Dataset
from physeq.errors import ModelError
from physeq.learn import Fit
from physeq.pictures import input_image
from physeq.plot import parameter_histograms, parameter_maps, receptive_fields, to_file
from physeq.run_report_page import Picture

_MOST_MAPS = 6
_FEWEST = 4  # values of which a map shows more than a table


def embedded(folder: Path, name: str, words: str) -> list[Picture]:
    """A picture of the folder, if it is there."""
    path = folder / name
    return [Picture(path.read_bytes(), words)] if path.is_file() else []


def changes(result: Fit, before: Any, data: Dataset) -> list[Picture]:
    """Histograms of all trained parameters and maps of the larger ones, before and after; none without matplotlib.

    What multiplies the pixels of images is shown as receptive fields.
    """
    system = result.model.system
    found: list[Picture] = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "picture.svg"
        try:
            to_file(path, parameter_histograms, system, before, result.params)
            found.append(Picture(path.read_bytes(), "Distributions of the trained parameters, before and after"))
            for placement, name in _mapped(result)[:_MOST_MAPS]:
                both = {"before training": before[placement][name], "after": result.params[placement][name]}
                placed = None if placement == "readout" else system.placement(placement)
                shape = input_image(data, np.asarray(both["after"]), placed)
                if shape is None:
                    to_file(path, parameter_maps, system, before, result.params, placement, name)
                    found.append(Picture(path.read_bytes(), f"{placement}: {name}, before and after"))
                    continue
                for when, matrix in both.items():
                    words = f"{placement}: {name}, {when}"
                    to_file(path, receptive_fields, matrix, shape, title=words)
                    found.append(Picture(path.read_bytes(), words))
        except ModelError:  # the report says elsewhere that pictures are missing
            return found
    return found


def _mapped(result: Fit) -> list[tuple[str, str]]:
    """Trained parameters of bundles with enough values, the largest first."""
    trainable = result.model.trainable()
    bundles = {p.name for p in result.model.system.placements if len(p.component.ports) > 1} | {"readout"}
    sizes = {
        (placement, name): np.size(value)
        for placement, own in result.params.items()
        for name, value in own.items()
        if placement in bundles and trainable[placement][name] and np.ndim(value) in (1, 2)
    }
    return [key for key, size in sorted(sizes.items(), key=lambda item: -item[1]) if size >= _FEWEST]
