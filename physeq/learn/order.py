"""The order of an error in β, or its ratio per point, fitted where it is clean: above round-off and in the asymptotic
range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Neighbouring slopes of a clean stretch differ from the fitted one by at most this.
STRAIGHT = 0.05


def fitted_order(betas: Sequence[float], errors: Sequence[float | None]) -> float | None:
    """Slope p of log error against log β on the longest straight stretch, error ≈ c βᵖ; None where there is none.

    A stretch is a run of at least three neighbouring points with finite positive errors that fall with β, whose
    point-to-point slopes all lie within 0.05 of the fitted one; of equally long ones the one of least β is taken.

    >>> errors = [0.9, 0.1 + 0.02, 1e-3, 1e-5, 1e-7, 3e-8, 4e-7]
    >>> round(fitted_order([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6], errors), 6)
    2.0
    """
    order = np.argsort(-np.abs(np.asarray(betas, float)))
    x = np.log(np.abs(np.asarray(betas, float))[order])
    values = np.array([np.nan if errors[i] is None else errors[i] for i in order], float)
    y = np.log(np.where(values > 0, values, np.nan))
    best: tuple[int, float] | None = None
    for first in range(len(x)):
        for last in range(first + 2, len(x)):
            if not np.isfinite(y[first : last + 1]).all():
                break
            steps = np.diff(y[first : last + 1]) / np.diff(x[first : last + 1])
            slope = float(np.polyfit(x[first : last + 1], y[first : last + 1], 1)[0])
            straight = np.max(np.abs(steps - slope)) <= STRAIGHT and slope > 0.5
            if straight and (best is None or last - first >= best[0]):
                best = (last - first, slope)
    return None if best is None else best[1]


def fitted_ratio(counts: Sequence[int], errors: Sequence[float | None]) -> float | None:
    """q of error ≈ c qᴺ from the errors above round-off, relative errors of 1e-13; None from fewer than two.

    >>> round(fitted_ratio([2, 4, 8, 16, 32], [0.25**2, 0.25**4, 0.25**8, 2.3e-10, 1e-15]), 3)
    0.25
    """
    pairs = [(n, e) for n, e in zip(counts, errors, strict=True) if e is not None and 1e-13 < e < 1]
    if len(pairs) < 2:
        return None
    x, y = np.array([n for n, _ in pairs], float), np.log([e for _, e in pairs])
    return float(np.exp(np.polyfit(x, y, 1)[0]))
