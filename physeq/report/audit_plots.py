"""Plots of audits: updates against gradients, convergence, stability over complex nudges, noise, points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ._angles import draw_angles, has_angles, with_cosines
from ._figure import BLUE, CYCLE, MARKERS, VERMILION, PathLike, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def update_curves(found: Any, path: PathLike, *, most: int = 6) -> Path:
    """Plot a continual rule's updates step by step (lines) over minus the gradients that they answer (dashes).

    Args:
        found: of `gradient_descending_updates`.
        path: an SVG or PNG file.
        most: panels at most, synapses first.

    Raises:
        ModelError: another suffix, or no matplotlib.
    """
    curves = [*found.synapses.items(), *found.neurons.items()][:most]

    def fill(figure: Figure) -> None:
        columns = min(3, len(curves))
        axes = np.atleast_1d(figure.subplots(-(-len(curves) // columns), columns)).ravel()
        for axis, (name, curve) in zip(axes, curves, strict=False):
            steps = np.arange(len(curve.updates))
            for k in range(curve.updates.shape[1]):
                colour = CYCLE[k % len(CYCLE)]
                axis.plot(steps, curve.updates[:, k], color=colour, linewidth=1.2)
                axis.plot(steps, curve.gradients[:, k], "--", color=colour, linewidth=1.2)
            axis.set_title(f"{name}: {100 * curve.relative:.2g} %", fontsize=9)
            axis.set_xlabel("step t of the nudged phase")
            axis.grid(True, alpha=0.25)
        for axis in axes[len(curves) :]:
            axis.axis("off")
        axes[0].plot([], [], color="black", label="update")
        axes[0].plot([], [], "--", color="black", label="−gradient")
        axes[0].legend(frameon=False, fontsize=8)

    return draw(path, (9.0, 2.6 * -(-len(curves) // 3)), fill)


def convergence_curve(found: Any, path: PathLike) -> Path:
    """Plot the largest change of the state at every step of the free and of each nudged phase.

    Args:
        found: of `convergence`.
        path: an SVG or PNG file.

    Raises:
        ModelError: another suffix, or no matplotlib.
    """

    def fill(figure: Figure) -> None:
        axis = figure.subplots()
        floor = np.finfo(found.free.dtype).tiny
        axis.plot(np.arange(1, len(found.free) + 1), np.maximum(found.free, floor), color="black", label="free")
        start = len(found.free)
        for k, (beta, row) in enumerate(zip(found.betas, found.nudged, strict=True)):
            steps = start + np.arange(1, len(row) + 1)
            axis.plot(steps, np.maximum(row, floor), color=CYCLE[k % len(CYCLE)], label=f"β = {_number(beta)}")
        axis.set_yscale("log")
        axis.set_xlabel("step")
        axis.set_ylabel("largest change of the state")
        axis.grid(True, alpha=0.25)
        axis.legend(frameon=False, fontsize=8)

    return draw(path, (5.5, 3.8), fill)


def stability_figure(found: Any, path: PathLike, *, singularity: float | None = None) -> Path:
    """Colour the complex β plane by how far the state moves; white where the nudged phase does not settle.

    Args:
        found: of `stability_map`.
        path: an SVG or PNG file.
        singularity: radius of the circle through the nearest singularity, drawn where given, with r = R/4.

    Raises:
        ModelError: another suffix, or no matplotlib.
    """

    def fill(figure: Figure) -> None:
        axis = figure.subplots()
        side = float(np.max(found.betas.real))
        image = axis.imshow(
            found.displacement, origin="lower", extent=(-side, side, -side, side), cmap="cividis", aspect="equal"
        )
        figure.colorbar(image, ax=axis, label="largest |x^β − x⁰|")
        if singularity is not None:
            angle = np.linspace(0, 2 * np.pi, 200)
            for radius, dash, text in ((singularity, "-", "R"), (singularity / 4, "--", "R/4")):
                axis.plot(radius * np.cos(angle), radius * np.sin(angle), dash, color=VERMILION, label=text)
            axis.legend(frameon=True, fontsize=8, loc="upper right")
            axis.set_xlim(-side, side)
            axis.set_ylim(-side, side)
        axis.set_xlabel("Re β")
        axis.set_ylabel("Im β")

    return draw(path, (5.2, 4.2), fill)


def noise_curve(curves: Mapping[str, Sequence[Any]], path: PathLike) -> Path:
    """Plot relative error and cosine of the gradient against the noise σ, one line per rule.

    Args:
        curves: {name: points of `noise_audit`}.
        path: an SVG or PNG file.

    Raises:
        ModelError: no curve, another suffix, or no matplotlib.
    """
    if not any(curves.values()):
        raise ModelError("noise_curve: there is no point to draw")

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for k, (name, points) in enumerate(curves.items()):
            sigma = np.array([p.sigma for p in points])
            colour, marker = CYCLE[k % len(CYCLE)], MARKERS[k % len(MARKERS)]
            error, spread = (
                np.array([getattr(p, key) for p in points]) for key in ("relative_error", "relative_error_std")
            )
            left.errorbar(sigma, error, spread, color=colour, marker=marker, markersize=5, label=name)
            left.plot(sigma, [p.error_of_mean for p in points], ":", color=colour)
            cosine, wide = (np.array([getattr(p, key) for p in points]) for key in ("cosine", "cosine_std"))
            right.errorbar(sigma, cosine, wide, color=colour, marker=marker, markersize=5)
        for axis, text in ((left, "relative error (dots: of the mean)"), (right, "cosine to the exact gradient")):
            axis.set_xscale("symlog", linthresh=max(1e-6, min((s for s in sigma if s > 0), default=1e-3)))
            axis.set_xlabel("noise σ")
            axis.set_ylabel(text)
            axis.grid(True, alpha=0.25)
        left.set_yscale("log")
        left.legend(frameon=False, fontsize=8)

    return draw(path, (9.0, 3.6), fill)


def points_curve(lines: Mapping[str, Sequence[tuple[float | None, ...]]], path: PathLike) -> Path:
    """Plot the relative error of holomorphic estimates against the number N of points, log-linear: geometric decrease
    is a straight line. Lines with one point are drawn as levels (one-sided EP at the same radius). Where cosines to the
    exact gradient are given, 1 − cosine is drawn in a second panel.

    Args:
        lines: {name: [(N, relative error) or (N, relative error, cosine), ...]}.
        path: an SVG or PNG file.

    Raises:
        ModelError: no line, another suffix, or no matplotlib.
    """
    drawn = {name: with_cosines(points) for name, points in lines.items() if len(points)}
    if not drawn:
        raise ModelError("points_curve: there is no point to draw")
    panels = 1 + any(has_angles(points) for points in drawn.values())

    def fill(figure: Figure) -> None:
        axis, *more = np.atleast_1d(figure.subplots(1, panels))
        for k, (name, points) in enumerate(drawn.items()):
            colour = CYCLE[k % len(CYCLE)]
            if len(points) == 1:
                axis.axhline(points[0, 1], color=colour, linestyle="--", label=name)
                for panel in more:
                    if has_angles(points):
                        panel.axhline(1 - points[0, 2], color=colour, linestyle="--")
            else:
                style: dict[str, Any] = {"color": colour, "marker": MARKERS[k % len(MARKERS)], "markersize": 5}
                axis.plot(*points[:, :2].T, label=name, **style)
                for panel in more:
                    draw_angles(panel, points, **style)
        axis.set_yscale("log")
        axis.set_ylabel("relative error of the gradient")
        for panel in (axis, *more):
            panel.set_xlabel("points N on the circle")
            panel.grid(True, alpha=0.25)
        axis.legend(frameon=False, fontsize=8)

    return draw(path, (5.0 * panels, 3.8), fill)


def precision_curves(curves: Mapping[str, Sequence[Any]], path: PathLike) -> Path:
    """Plot relative error and 1 − cosine of the gradient against |β| in single (open marks) and double precision.

    Args:
        curves: {name: audit points}; names that end in "single" are drawn with dashes.
        path: an SVG or PNG file.

    Raises:
        ModelError: no point, another suffix, or no matplotlib.
    """
    lines = {
        name: with_cosines([(p.beta, p.relative_error, p.cosine) for p in points if p.beta and p.relative_error])
        for name, points in curves.items()
    }
    if not any(len(line) for line in lines.values()):
        raise ModelError("precision_curves: no point has a nudge and an error")

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for name, line in lines.items():
            single = name.endswith("single")
            colour, face = (VERMILION, "none") if single else (BLUE, BLUE)
            style: dict[str, Any] = {
                "linestyle": "--" if single else "-",
                "color": colour,
                "marker": "o",
                "markerfacecolor": face,
                "markersize": 5,
            }
            left.plot(*line[:, :2].T, label=name, **style)
            draw_angles(right, line, **style)
        left.set_yscale("log")
        left.set_ylabel("relative error of the gradient")
        for panel in (left, right):
            panel.set_xscale("log")
            panel.set_xlabel("nudging strength |β|")
            panel.grid(True, alpha=0.25)
        left.legend(frameon=False)

    return draw(path, (9.0, 3.8), fill)


def _number(beta: complex) -> str:
    value = complex(beta)
    return f"{value.real:.2g}" if value.imag == 0 else f"{value.real:.2g}{value.imag:+.2g}i"
