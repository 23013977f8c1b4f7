"""Places of a topology as states of mechanical coordinates."""

from __future__ import annotations

import numpy as np

from physeq.errors import ModelError
from physeq.graph import Topology


def starting_positions(topology: Topology) -> dict[str, dict[str, np.ndarray]]:
    """The places of all groups as a starting state, {group: {"x": ..., "y": ..., "z": ...}}.

    Raises:
        ModelError: a group without places, or with places of more than three dimensions.

    >>> import physeq as pq
    >>> pq.mechanical.starting_positions(pq.square_lattice((2, 1)))["nodes"]["x"].tolist()
    [0.0, 1.0]
    """
    for group in topology.groups:
        if group.positions is None or group.positions.shape[1] > 3:
            raise ModelError(f"group {group.name!r} has no places in 1, 2 or 3 dimensions; give it positions")
    return {g.name: dict(zip("xyz", g.positions.T, strict=False)) for g in topology.groups}
