"""Ladders by transmission matrices and normal modes, in NumPy alone."""

import numpy as np


def transfer(frequency, sections, inductance, capacitance, loss, source, load):
    """Complex ratio of the voltage at the load to that of the source, at a frequency in hertz.

    Each section is a series impedance R + jωL and a shunt admittance jωC; ABCD matrices multiply.
    """
    omega = 2 * np.pi * frequency
    series = np.array([[1, loss + 1j * omega * inductance], [0, 1]])
    shunt = np.array([[1, 0], [1j * omega * capacitance, 1]])
    chain = np.array([[1, source], [0, 1]], complex)
    for _ in range(sections):
        chain = chain @ series @ shunt
    return 1 / (chain[0, 0] + chain[0, 1] / load)


def open_modes(sections, inductance, capacitance):
    """Angular frequencies of a lossless ladder, shorted at its input and open at its end.

    ω_k = (2/√(LC)) sin(π(2k − 1)/(2(2n + 1))), k = 1 … n.
    """
    k = np.arange(1, sections + 1)
    return 2 / np.sqrt(inductance * capacitance) * np.sin(np.pi * (2 * k - 1) / (2 * (2 * sections + 1)))


def delay(sections, inductance, capacitance):
    """The time that a slow pulse takes: n √(LC)."""
    return sections * np.sqrt(inductance * capacitance)
