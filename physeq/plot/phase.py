"""Phase portraits: two named quantities of trajectories against each other, and the vector field of a motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import grid, look, new_axes, plain, with_unit
from physeq.plot._labels import columns, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def phase_portrait(
    found: Any,
    x: str,
    y: str,
    *,
    samples: Sequence[int] | None = None,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one quantity against another along trajectories; a dot marks where each starts.

    Args:
        found: a `Solution`, several of them, or `Trajectories`, whose samples are drawn one by one.
        x, y: names of quantities of single nodes or elements, or of totals.
        samples: which samples of `Trajectories`, by default the first six.
        label: of the (first) line, for a legend.
        ax: axes to draw on, such as those of `vector_field`; by default those of a new figure.

    Raises:
        ModelError: an unknown name, one that means several nodes, or no matplotlib.
    """
    axis = new_axes(ax, (4.8, 4.4))
    number = len([line for line in axis.lines if line.get_linestyle() != "None"])
    several = list(found) if isinstance(found, list | tuple) else [found]
    for one in several:
        batch = one.ys.shape[0] if hasattr(one, "problem") and one.ys.ndim > 2 else 1
        for sample in (range(min(6, batch)) if samples is None else samples) if batch > 1 else (0,):
            times, lines = columns(one, [x, y], sample)
            if len(lines) != 2:
                raise ModelError(f"phase_portrait: {x!r} and {y!r} must each name one quantity of one node or element")
            finite = np.isfinite(times)
            across, up = (values[finite] for values in lines.values())
            style = look(number)
            axis.plot(across, up, label=None if label is None else plain(label), **style)
            axis.plot(across[:1], up[:1], "o", color=style["color"], markersize=5, linestyle="None")
            number, label = number + 1, None
    axis.set_xlabel(with_unit(x, unit_of(several[0], x)))
    axis.set_ylabel(with_unit(y, unit_of(several[0], y)))
    grid(axis)
    return axis


def vector_field(
    motion: Any,
    params: Any,
    x: str,
    y: str,
    *,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    inputs: Any = None,
    t: float = 0.0,
    points: int = 25,
    ax: Axes | None = None,
) -> Axes:
    """Draw the streamlines of ẏ = M⁻¹ f(t, y) of a motion with two unknowns, coloured by speed.

    Args:
        motion: `System.motion()`.
        params, inputs: as for `simulate`.
        x, y: names of the two unknowns, such as "0.theta" and "0.theta_dot".
        xlim, ylim: the part of the plane.
        t: the time, where the field moves.
        points: grid points per side.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: another number of unknowns, an unknown name, rows without mass, or no matplotlib.
    """
    names = motion.layout.names()
    if len(names) != 2 or {x, y} != set(names):
        raise ModelError(
            f"vector_field: draws motions with exactly two unknowns, named by x and y; this one has {', '.join(names)}"
        )
    across, up = np.linspace(*xlim, points), np.linspace(*ylim, points)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    order = [names.index(x), names.index(y)]
    states = np.empty_like(plane)
    states[:, order] = plane
    speeds = _rates(motion, params, inputs, t, states)[:, order].reshape(points, points, 2)
    axis = new_axes(ax, (5.4, 4.4))
    u, v = speeds[..., 0], speeds[..., 1]
    lines = axis.streamplot(across, up, u, v, color=np.hypot(u, v), cmap="cividis", linewidth=0.8, density=1.1)
    axis.figure.colorbar(lines.lines, ax=axis, label="speed |ẏ|")
    axis.set_xlim(*xlim)
    axis.set_ylim(*ylim)
    axis.set_xlabel(_named(motion, x))
    axis.set_ylabel(_named(motion, y))
    return axis


def _rates(motion: Any, params: Any, inputs: Any, t: float, states: np.ndarray) -> np.ndarray:
    import jax
    import jax.numpy as jnp

    from physeq.compile.motion import pattern_of

    bound = motion.bind(params, inputs)
    pattern = pattern_of(motion.layout)
    mass = np.zeros((2, 2))
    np.add.at(mass, (pattern.rows, pattern.columns), np.asarray(bound.mass()))
    if np.linalg.matrix_rank(mass) < 2:
        raise ModelError(
            "vector_field: an equation of this motion holds no rate, so that no field is defined everywhere"
        )
    dtype = jnp.result_type(float)
    field = jax.vmap(lambda one: bound.field(jnp.asarray(t, dtype), one))(jnp.asarray(states, dtype))
    return np.linalg.solve(mass, np.asarray(field, float).T).T


def _named(motion: Any, name: str) -> str:
    for block in motion.layout.blocks.values():
        if name in {motion.layout.name(block, i) for i in range(block.size)}:
            return with_unit(name, block.unit)
    return plain(name)
