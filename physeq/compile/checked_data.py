"""What is refused in data of the right shape: no samples, NaN, infinities."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError


def checked_data(values: Array, what: str) -> Array:
    """The values as they are; NaN and infinities can be seen in concrete data alone.

    Raises:
        ModelError: no sample in the batch, or the first element that is not finite.

    >>> checked_data(np.ones((4, 3)), "target").shape
    (4, 3)
    """
    if 0 in values.shape:
        raise ModelError(f"{what}: shape {values.shape} has no samples; give at least one")
    if not isinstance(values, jax.core.Tracer) and not np.isfinite(np.asarray(values)).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(np.asarray(values)))[0])
        raise ModelError(f"{what}: element {at} is {np.asarray(values)[at]}; remove or replace NaN and infinite data")
    return values
