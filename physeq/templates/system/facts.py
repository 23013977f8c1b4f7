"""Closed forms of SYSTEM_NAME, worked out by hand and free of physeq, to test it against."""

import numpy as np


def unit_state(drive):
    """The equilibrium of one unit under a force D: s + s³ = D, so s = (2/√3) sinh(⅓ asinh(½√27 D))."""
    return 2 / np.sqrt(3) * np.sinh(np.arcsinh(np.sqrt(27) / 2 * np.asarray(drive)) / 3)


def single_output_gradient(weights, bias, inputs, target):
    """(dC/dw, dC/db) of `layered(sizes=(n, 1))` for one sample: (s − y)/(1 + 3s²) times x, and times 1."""
    state = unit_state(inputs @ weights + bias)
    slope = (state - target) / (1 + 3 * state**2)
    return slope * inputs, slope
