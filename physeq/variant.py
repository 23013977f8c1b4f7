"""`Variant`: one buildable form of a system folder, listed in the `variants` of its `model.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy.core.cache import clear_cache

from physeq.data import Dataset
from physeq.interface import Model, System, TrajectoryModel
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
        trajectories: a function (system, **options) → `System.trajectories(...)` for variants that learn trajectories,
            with defaults for all options; None for those that learn equilibria.

    >>> import physeq as pq
    >>> resistor = pq.electrical.resistor()
    >>> mesh = Variant(lambda size=6: pq.System(pq.complete(size), edges=resistor, ground=0), "resistors")
    >>> mesh.build(size=4)
    System('system': 4 nodes in 1 group, 6 elements in 1 bundle)
    """

    build: Callable[..., System]
    description: str
    encode: Callable[..., Dataset] | None = None
    probe: Callable[[System, int], tuple[Any, np.ndarray]] | None = None
    simulation: Simulation | None = None
    trajectories: Callable[..., TrajectoryModel] | None = None

    def __post_init__(self):
        object.__setattr__(self, "build", _in_its_own_words(self.build))

    def compile(self, system: System, **options: Any) -> Model | TrajectoryModel:
        """What is trained: the trajectories of a system where the variant has some, else its equilibria."""
        return system.compile() if self.trajectories is None else self.trajectories(system, **options)


def _in_its_own_words(build: Callable[..., System]) -> Callable[..., System]:
    """SymPy's cache gives back terms that compare equal, with the units and descriptions of another system."""

    @functools.wraps(build)
    def afresh(*args: Any, **options: Any) -> System:
        clear_cache()
        return build(*args, **options)

    return afresh
