"""Errors of gradient estimates against the nudge β, the points N on a circle of nudges, and the precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.names import name_of
from physeq.plot._angles import ERROR, draw_angles, has_angles, with_cosines
from physeq.plot._figure import BLUE, CYCLE, MARKERS, VERMILION, grid, new_axes, new_figure, plain, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def audit_curve(audits: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the relative error of gradient estimates against the nudging strength |β|, log-log, with fitted slopes.

    The slope of each line is fitted where the error still falls with β, that is, above its floor of round-off, and is
    written in the legend: 1 for one-sided, 2 for centered nudging.

    Args:
        audits: an `Audit`, a list of them, or {name: an audit, or its points}; points are (β, error), (β, error,
            cosine), `AuditPoint`s or mappings with "beta", "relative_error" and, where there is one, "cosine".
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: no point is positive and finite, or no matplotlib.

    >>> axis = audit_curve([(0.1, 0.01), (0.2, 0.04), (0.4, 0.16)])
    >>> axis.get_legend().get_texts()[0].get_text()
    'slope 2.00'
    """
    lines = _lines(audits, "audit_curve")
    axis = new_axes(ax, (8.5 if len(lines) > 4 else 5.0, 3.8))
    _errors(axis, lines)
    _legend(axis, axis)
    return axis


def audit_curves(audits: Any, *, figure: Figure | None = None) -> Figure:
    """Draw the relative error against |β|, and beside it 1 − cosine where cosines are known: it falls twice as steeply.

    Args:
        audits: as for `audit_curve`.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: no point is positive and finite, or no matplotlib.
    """
    lines = _lines(audits, "audit_curves")
    panels = 1 + any(has_angles(points) for points in lines.values())
    whole = new_figure(figure, (4.0 * (panels - 1) + (8.5 if len(lines) > 4 else 5.0), 3.8))
    with style():
        axis, *more = np.atleast_1d(whole.subplots(1, panels))
    _errors(axis, lines)
    for panel in more:
        for number, points in enumerate(lines.values()):
            draw_angles(panel, points, **_look(number))
        _nudges(panel)
    _legend(axis, more[-1] if more else axis)
    return whole


def points_curves(audits: Any, *, figure: Figure | None = None) -> Figure:
    """Draw the relative error of holomorphic estimates against the number N of points, log-linear, and 1 − cosine.

    A geometric decrease is a straight line. Lines with one point are drawn as levels.

    Args:
        audits: an `Audit` of `HolomorphicEP`, whose one-sided estimate at the same radius becomes a level; or
            {name: [(N, relative error) or (N, relative error, cosine), ...]}.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: no point, or no matplotlib.
    """
    named = audits if isinstance(audits, Mapping) else _over_points(audits)
    drawn = {name: with_cosines(points) for name, points in named.items() if len(points)}
    if not drawn:
        raise ModelError("points_curves: there is no point to draw")
    panels = 1 + any(has_angles(points) for points in drawn.values())
    whole = new_figure(figure, (5.0 * panels, 3.8))
    with style():
        axis, *more = np.atleast_1d(whole.subplots(1, panels))
    for k, (name, points) in enumerate(drawn.items()):
        colour = CYCLE[k % len(CYCLE)]
        if len(points) == 1:
            axis.axhline(points[0, 1], color=colour, linestyle="--", label=plain(name))
            for panel in more:
                if has_angles(points):
                    panel.axhline(1 - points[0, 2], color=colour, linestyle="--")
        else:
            own: dict[str, Any] = {"color": colour, "marker": MARKERS[k % len(MARKERS)], "markersize": 5}
            axis.plot(*points[:, :2].T, label=plain(name), **own)
            for panel in more:
                draw_angles(panel, points, **own)
    axis.set_yscale("log")
    axis.set_ylabel(ERROR)
    for panel in (axis, *more):
        panel.set_xlabel("points N on the circle")
        grid(panel)
    axis.legend(frameon=False, fontsize=8)
    return whole


def precision_curves(audits: Mapping[str, Any], *, figure: Figure | None = None) -> Figure:
    """Draw relative error and 1 − cosine of the gradient against |β| in double and single precision (dashed, open).

    Args:
        audits: {name: an audit or its points}; names that end in "single" are drawn with dashes and open marks.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: no point, or no matplotlib.
    """
    lines = _lines(audits, "precision_curves")
    whole = new_figure(figure, (9.0, 3.8))
    with style():
        left, right = whole.subplots(1, 2)
    for name, line in lines.items():
        single = name.endswith("single")
        colour, face, dash = (VERMILION, "none", "--") if single else (BLUE, BLUE, "-")
        own: dict[str, Any] = {
            "linestyle": dash, "color": colour, "marker": "o", "markerfacecolor": face, "markersize": 5
        }  # fmt: skip
        left.plot(*line[:, :2].T, label=plain(name), **own)
        draw_angles(right, line, **own)
    left.set_yscale("log")
    left.set_ylabel(ERROR)
    for panel in (left, right):
        _nudges(panel)
    left.legend(frameon=False)
    return whole


def fitted_slope(beta: np.ndarray, error: np.ndarray) -> float | None:
    """The least-squares slope of log error against log β, over β at and above the one of least error.

    Below that β the error is round-off or the solver's tolerance, and grows again; points within a decade of that floor
    are left out too where three others remain. None with fewer than two points.

    >>> fitted_slope(np.array([0.1, 0.2, 0.4]), np.array([0.01, 0.04, 0.16])).round(6)
    np.float64(2.0)
    """
    kept = beta >= beta[np.argmin(error)]
    clear = kept & (error >= 10 * error.min())
    if len(np.unique(beta[clear])) >= 3:
        kept = clear
    if len(np.unique(beta[kept])) < 2:
        return None
    return np.polyfit(np.log(beta[kept]), np.log(error[kept]), 1)[0]


def _lines(audits: Any, what: str) -> dict[str, np.ndarray]:
    """{name: rows (|β|, error, cosine) in the order of |β|}; a cosine that is not given is NaN."""
    if isinstance(audits, Mapping) and "relative_error" not in audits:
        named = dict(audits)
    elif hasattr(audits, "curve"):
        named = {"": audits}
    elif len(audits) and all(hasattr(one, "curve") for one in audits):
        named = {_rule(one): one for one in audits}
    else:
        named = {"": audits}
    lines = {name: _rows(getattr(own, "curve", own)) for name, own in named.items()}
    lines = {name: rows for name, rows in lines.items() if rows.size}
    if not lines:
        raise ModelError(f"{what}: no point has a positive finite beta and error; nothing can be drawn on log axes")
    return lines


def _rule(audit: Any) -> str:
    nudging = getattr(audit.rule, "nudging", None)
    return name_of(audit.rule) + ("" if nudging is None else f", {name_of(nudging)}")


def _rows(points: Sequence[Any]) -> np.ndarray:
    keys = ("beta", "relative_error", "cosine")

    def values(point: Any) -> Sequence[Any]:
        if isinstance(point, Mapping):
            return [point.get(k) for k in keys]
        return [getattr(point, k) for k in keys] if hasattr(point, "relative_error") else point

    rows = with_cosines([values(point) for point in points])
    rows[:, :2] = np.abs(rows[:, :2])
    rows = rows[np.isfinite(rows[:, :2]).all(axis=1) & (rows[:, :2] > 0).all(axis=1)]
    return rows[np.argsort(rows[:, 0])]


def _look(number: int) -> dict[str, Any]:
    dash = ("-", "--", ":")[number // len(CYCLE) % 3]
    marker = MARKERS[number % len(MARKERS)]
    return {"linestyle": dash, "color": CYCLE[number % len(CYCLE)], "marker": marker, "markersize": 5}


def _errors(axis: Axes, lines: dict[str, np.ndarray]) -> None:
    for number, (name, points) in enumerate(lines.items()):
        beta, error, _ = points.T
        slope = fitted_slope(beta, error)
        text = ": ".join(part for part in (name, "" if slope is None else f"slope {slope:.2f}") if part)
        axis.plot(beta, error, label=plain(text or "error"), **_look(number))
    axis.set_yscale("log")
    axis.set_ylabel(ERROR)
    _nudges(axis)


def _nudges(axis: Axes) -> None:
    axis.set_xscale("log")
    axis.set_xlabel("nudging strength |β|")
    grid(axis)


def _legend(axis: Axes, last: Axes) -> None:
    """Where no line is covered: above the axes, or beside the last panel where there are many."""
    handles, names = axis.get_legend_handles_labels()
    if len(names) > 4:
        last.legend(handles, names, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        axis.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0))


def _over_points(audit: Any) -> dict[str, list[tuple[float | None, ...]]]:
    found = getattr(audit, "holomorphic", audit)
    if found is None:
        return {}
    points: list[tuple[float | None, ...]] = [(p.points, p.relative_error, p.cosine) for p in found.over_points]
    return {f"holomorphic, r = {found.radius:.2g}": points, "one-sided at β = r": [(1.0, found.one_sided)]}
