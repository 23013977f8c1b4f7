"""How the phases of a rule behave: convergence, updates step by step, stability over complex nudges, noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import CYCLE, MARKERS, VERMILION, grid, look, new_axes, new_figure, plain, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def update_curves(found: Any, *, most: int = 6, figure: Figure | None = None) -> Figure:
    """Draw a continual rule's updates step by step (lines) over minus the gradients that they answer (dashes).

    Args:
        found: of `gradient_descending_updates`.
        most: panels at most, synapses first.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: no matplotlib.
    """
    curves = [*found.synapses.items(), *found.neurons.items()][:most]
    across = min(3, len(curves))
    down = -(-len(curves) // across)
    whole = new_figure(figure, (9.0, 2.6 * down))
    with style():
        axes = np.atleast_1d(whole.subplots(down, across)).ravel()
    for axis, (name, curve) in zip(axes, curves, strict=False):
        steps = np.arange(len(curve.updates))
        for k in range(curve.updates.shape[1]):
            colour = CYCLE[k % len(CYCLE)]
            axis.plot(steps, curve.updates[:, k], color=colour, linewidth=1.2)
            axis.plot(steps, curve.gradients[:, k], "--", color=colour, linewidth=1.2)
        axis.set_title(plain(f"{name}: {100 * curve.relative:.2g} %"), fontsize=9)
        axis.set_xlabel("step t of the nudged phase")
        grid(axis)
    for axis in axes[len(curves) :]:
        axis.axis("off")
    axes[0].plot([], [], color="black", label="update")
    axes[0].plot([], [], "--", color="black", label="−gradient")
    axes[0].legend(frameon=False, fontsize=8)
    return whole


def convergence_curve(found: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the largest change of the state at every step of the free and of each nudged phase.

    Args:
        found: of `convergence`.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: no matplotlib.
    """
    axis = new_axes(ax, (5.5, 3.8))
    floor = np.finfo(found.free.dtype).tiny
    axis.plot(np.arange(1, len(found.free) + 1), np.maximum(found.free, floor), color="black", label="free")
    start = len(found.free)
    for k, (beta, row) in enumerate(zip(found.betas, found.nudged, strict=True)):
        steps = start + np.arange(1, len(row) + 1)
        axis.plot(steps, np.maximum(row, floor), label=f"β = {_number(beta)}", **look(k))
    axis.set_yscale("log")
    axis.set_xlabel("step")
    axis.set_ylabel("largest change of the state")
    grid(axis)
    axis.legend(frameon=False, fontsize=8)
    return axis


def stability_map(found: Any, *, singularity: Any = None, ax: Axes | None = None) -> Axes:
    """Colour the complex β plane by how far the state moves; white where the nudged phase does not settle.

    Args:
        found: of `physeq.stability_map`.
        singularity: of `nearest_singularity`, or its distance R: the circles of radius R and R/4 are drawn.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: no matplotlib.
    """
    axis = new_axes(ax, (5.2, 4.2))
    side = float(np.max(found.betas.real))
    extent = (-side, side, -side, side)
    image = axis.imshow(found.displacement, origin="lower", extent=extent, cmap="cividis", aspect="equal")
    axis.figure.colorbar(image, ax=axis, label="largest |x^β − x⁰|")
    distance = getattr(singularity, "distance", singularity)
    if distance is not None and np.isfinite(distance):
        for radius, dash, text in ((distance, "-", "R"), (distance / 4, "--", "R/4")):
            circle = radius * np.exp(2j * np.pi * np.linspace(0, 1, 200))
            axis.plot(circle.real, circle.imag, dash, color=VERMILION, label=text)
        axis.legend(frameon=True, fontsize=8, loc="upper right")
        axis.set_xlim(-side, side)
        axis.set_ylim(-side, side)
    axis.set_xlabel("Re β")
    axis.set_ylabel("Im β")
    return axis


def noise_curves(curves: Mapping[str, Sequence[Any]] | Sequence[Any], *, figure: Figure | None = None) -> Figure:
    """Draw relative error and cosine of the gradient against the noise σ, one line per rule.

    Args:
        curves: points of `noise_audit`, or {name: points}.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: no curve, or no matplotlib.
    """
    named = curves if isinstance(curves, Mapping) else {"estimate": curves}
    if not any(named.values()):
        raise ModelError("noise_curves: there is no point to draw")
    whole = new_figure(figure, (9.0, 3.6))
    with style():
        left, right = whole.subplots(1, 2)
    for k, (name, points) in enumerate(named.items()):
        sigma = np.array([p.sigma for p in points])
        own: dict[str, Any] = {"color": CYCLE[k % len(CYCLE)], "marker": MARKERS[k % len(MARKERS)], "markersize": 5}
        error, spread = (
            np.array([getattr(p, key) for p in points]) for key in ("relative_error", "relative_error_std")
        )
        left.errorbar(sigma, error, spread, label=plain(name), **own)
        left.plot(sigma, [p.error_of_mean for p in points], ":", color=own["color"])
        cosine, wide = (np.array([getattr(p, key) for p in points]) for key in ("cosine", "cosine_std"))
        right.errorbar(sigma, cosine, wide, **own)
    least = min((p.sigma for points in named.values() for p in points if p.sigma > 0), default=1e-3)
    for axis, text in ((left, "relative error (dots: of the mean)"), (right, "cosine to the exact gradient")):
        axis.set_xscale("symlog", linthresh=max(1e-6, least))
        axis.set_xlabel("noise σ")
        axis.set_ylabel(text)
        grid(axis)
    left.set_yscale("log")
    left.legend(frameon=False, fontsize=8)
    return whole


def _number(beta: complex) -> str:
    value = complex(beta)
    return f"{value.real:.2g}" if value.imag == 0 else f"{value.real:.2g}{value.imag:+.2g}i"
