"""Whether a starting state obeys the constraints on positions and velocities, before anything is integrated."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.errors import ModelError
from physeq.solve.drift import constraint_owners, constraint_values


def check_start(bound: BoundMotion, t0: Array, y0: Array) -> None:
    """Refuse a start that breaks a constraint, or in which constraints repeat each other.

    Raises:
        ModelError: naming the element and by how much.
    """
    places, rates = constraint_owners(bound.layout)
    owners = [*places, *rates]
    if not owners or isinstance(y0, jax.core.Tracer):
        return
    values = jnp.concatenate(constraint_values(bound, t0, y0))
    if isinstance(values, jax.core.Tracer):
        return
    size = jnp.abs(values)
    tolerance = 1e-8 if y0.dtype == jnp.float64 else 1e-4
    scale = 1 + np.max(np.abs(np.asarray(y0)))
    worst = int(np.argmax(np.asarray(size)))
    if not float(size[worst]) <= tolerance * scale**2:
        name, index = owners[worst]
        label = bound.layout.label(name, index)
        raise ModelError(
            f"start: {label} (of {name!r}) starts off its constraint by {float(values[worst]):.3g}; give positions and "
            "velocities that obey it"
        )
    every = jax.jacfwd(lambda y: jnp.concatenate(constraint_values(bound, t0, y)))(y0)
    jacobian = np.asarray(every)[:, ~bound.layout.held]
    rows = jacobian / np.maximum(np.linalg.norm(jacobian, axis=1, keepdims=True), 1e-300)
    if not rows.size:
        return
    _, singular, left = np.linalg.svd(rows.T, full_matrices=False)
    if len(singular) < len(rows) or singular[-1] < 1e-10 * singular[0]:
        weights = np.abs(left[-1]) if len(singular) == len(rows) else np.ones(len(rows))
        named = {bound.layout.label(*owners[k]) for k in np.flatnonzero(weights > 0.1 * weights.max())}
        raise ModelError(
            f"redundant constraints: {', '.join(sorted(named)[:6])} fix the same motion more than once, so that their "
            "forces are not determined; remove one of them"
        )
