"""`Variant`: one buildable form of a system folder, listed in the `variants` of its `model.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from physeq.data import Dataset
from physeq.interface import System
from physeq.simulation import Simulation


@dataclass(frozen=True)
class Variant:
    """One form of a system.

    Attributes:
        build: a function of keyword options (all with defaults, which give a small instance) that makes the `System`.
        description: one line for `physeq list`.
        encode: a function (dataset, **options) → dataset that turns data into the system's own inputs and targets
            (doubled voltages, phases); None leaves them.
        probe: a function (system, seed) → (inputs, target) for `physeq check`; by default uniform in [0, 1].
        simulation: what `physeq simulate` shows of it, or None.
    """

    build: Callable[..., System]
    description: str
    encode: Callable[..., Dataset] | None = None
    probe: Callable[[System, int], tuple[Any, np.ndarray]] | None = None
    simulation: Simulation | None = None
