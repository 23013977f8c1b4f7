"""Crossbars and memristors in NumPy and SciPy alone."""

import numpy as np
from scipy.integrate import solve_ivp


def columns(conductances, voltages):
    """Voltages of floating columns: the mean of the rows' voltages, weighted by the conductances (rows, columns)."""
    return voltages @ conductances / conductances.sum(axis=0)


def column_slopes(conductances, voltages, targets):
    """∂L/∂G_ij of L = ½ Σ_j (v_j − y_j)²: (v_j − y_j)(u_i − v_j)/Σ_i G_ij, the mean over a batch."""
    v = columns(conductances, voltages)
    total = conductances.sum(axis=0)
    return np.mean((v - targets)[:, None] / total * (voltages[:, :, None] - v[:, None]), axis=0)


def read_current(conductances, row, column, voltage):
    """Current into the selected column, held at 0 V, when one row is driven and all other lines float.

    The wanted device carries `voltage`·G; all else is current by sneak paths. Kirchhoff's laws as one linear solve.
    """
    rows, lines = conductances.shape[0], sum(conductances.shape)
    laplacian = np.zeros((lines, lines))
    laplacian[:rows, rows:] = -conductances
    laplacian[rows:, :rows] = -conductances.T
    laplacian -= np.diag(laplacian.sum(axis=1))
    held = np.array([row, rows + column])
    free = np.setdiff1d(np.arange(lines), held)
    v = np.zeros(lines)
    v[row] = voltage
    v[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, held)] @ v[held])
    return -laplacian[rows + column] @ v


def sneak_free_current(conductances, row, column, voltage):
    """The same with all other lines at 0 V: no device beside the wanted one has a voltage across it and the column."""
    return conductances[row, column] * voltage


def threshold_state(times, waveform, start, set_rate=1e3, reset_rate=1e3, threshold=1.0, exponent=4):
    """State of a memristor that moves beyond thresholds: ẋ = k max(±u/V − 1, 0) with Biolek's window, by Radau."""

    def slope(t, x):
        u = waveform(t)
        up, down = max(u / threshold - 1, 0), max(-u / threshold - 1, 0)
        return set_rate * up * (1 - x**exponent) - reset_rate * down * (1 - (1 - x) ** exponent)

    span = times[-1] / 400
    return solve_ivp(slope, (0, times[-1]), [start], "Radau", times, rtol=1e-9, atol=1e-12, max_step=span).y[0]
