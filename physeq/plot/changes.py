"""What training changed: parameters before and after, as maps with one scale and as histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import new_figure, plain, style, with_unit
from physeq.plot._labels import system_of
from physeq.plot.weights import parameter_histogram, parameter_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 9


def parameter_maps(
    network: Any, before: Any, after: Any, placement: str, name: str, *, figure: Figure | None = None
) -> Figure:
    """Draw one parameter before and after training, side by side with the same colours.

    Args:
        network: a `System`, or what has one (model, motion, fit).
        before, after: parameters, such as those of `init_parameters` and of a `Fit`.
        placement, name: which.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: an unknown placement or parameter, or no matplotlib.
    """
    system = system_of(network)
    both = np.concatenate([np.ravel(np.asarray(params[placement][name], float)) for params in (before, after)])
    finite = both[np.isfinite(both)]
    limits = (float(finite.min()), float(finite.max())) if finite.size else None
    whole = new_figure(figure, (10.4, 4.6))
    with style():
        axes = whole.subplots(1, 2)
    for axis, params, title in zip(axes, (before, after), ("before training", "after"), strict=True):
        parameter_map(system, params, placement, name, limits=limits, ax=axis)
        axis.set_title(title)
    return whole


def parameter_histograms(network: Any, before: Any, after: Any, *, figure: Figure | None = None) -> Figure:
    """Draw the distribution of every trained parameter before and after training; the first nine of them.

    Args:
        network: a `System`, or what has one (model, motion, fit).
        before, after: parameters, such as those of `init_parameters` and of a `Fit`.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: nothing is trained, or no matplotlib.
    """
    found = trained(network, after)[:_MOST]
    if not found:
        raise ModelError("parameter_histograms: no parameter of this system is trained")
    across = min(3, len(found))
    down = -(-len(found) // across)
    whole = new_figure(figure, (3.6 * across, 2.8 * down))
    with style():
        axes = np.atleast_1d(whole.subplots(down, across)).ravel()
    for axis, (placement, name, unit) in zip(axes, found, strict=False):
        label = plain(with_unit(f"{placement}: {name}", unit))
        parameter_histogram(before[placement][name], after[placement][name], label=label, ax=axis)
    for axis in axes[len(found) :]:
        axis.set_axis_off()
    return whole


def trained(network: Any, params: Any) -> list[tuple[str, str, str]]:
    """(placement, parameter, unit) of what is trained."""
    system = system_of(network)
    known = {p.name: p.component for p in system.placements}
    found = []
    for placement, own in params.items():
        for name in own:
            symbol = known[placement].parameter(name) if placement in known else None
            if symbol is None or symbol.trainable:
                found.append((placement, name, "" if symbol is None else symbol.unit))
    return found
