"""Ladders of coils and capacitors by nodal analysis, and Butterworth's prototypes, in NumPy alone."""

import numpy as np


def transfer(frequency, coils, capacitors, resistance=None):
    """v_out/v_in at a frequency in hertz, from Y v = 0 on the free nodes with v_in = 1.

    Args:
        frequency: above 0.
        coils: L1, L3, … in henries, in the row.
        capacitors: C2, C4, … in farads, behind the first, second, … coil to ground.
        resistance: behind the source and across the output in ohms; None for neither.
    """
    s = 2j * np.pi * frequency
    extra = 0 if resistance is None else 1
    count = len(coils) + 1 + extra  # the source first, the output last
    y = np.zeros((count, count), complex)

    def couple(a, b, admittance):
        y[[a, b], [a, b]] += admittance
        y[[a, b], [b, a]] -= admittance

    for k, inductance in enumerate(coils):
        couple(k + extra, k + 1 + extra, 1 / (s * inductance))
    for k, capacitance in enumerate(capacitors):
        y[k + 1 + extra, k + 1 + extra] += s * capacitance
    if resistance is not None:
        couple(0, 1, 1 / resistance)
        y[-1, -1] += 1 / resistance
    return np.linalg.solve(y[1:, 1:], -y[1:, 0])[-1]


def resonances(coils, capacitors):
    """Frequencies in hertz at which a ladder without resistors resonates when its source is a short circuit, rising.

    Currents of the coils as unknowns: ω² L i = Sᵀ C⁻¹ S i, S from the currents to the charging of each node.
    """
    coils, capacitors = np.asarray(coils), np.asarray(capacitors)
    charging = np.eye(len(coils)) - np.eye(len(coils), k=1)
    stiffness = charging.T @ np.diag(1 / capacitors) @ charging
    scale = 1 / np.sqrt(coils)
    return np.sqrt(np.linalg.eigvalsh(scale[:, None] * stiffness * scale)) / (2 * np.pi)


def butterworth_elements(order, resistance, cutoff):
    """(coils, capacitors) of the ladder between two equal resistors: g_k = 2 sin((2k − 1)π/(2n)), a coil first.

    Source: Bennett 1932 (US patent 1,849,656); Matthaei, Young & Jones, section 4.05.
    """
    g = 2 * np.sin((2 * np.arange(1, order + 1) - 1) * np.pi / (2 * order))
    omega = 2 * np.pi * cutoff
    return g[::2] * resistance / omega, g[1::2] / (omega * resistance)


def butterworth_magnitude(frequency, order, cutoff):
    """|v_out/v_in| of that ladder: ½/√(1 + (f/f_c)^{2n})."""
    return 0.5 / np.sqrt(1 + (np.asarray(frequency) / cutoff) ** (2 * order))
