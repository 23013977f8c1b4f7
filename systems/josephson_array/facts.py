"""Josephson junctions in NumPy and SciPy alone: characteristic, frequencies, and arrays by their phases."""

import numpy as np
from scipy.integrate import solve_ivp


def mean_voltage(current, critical_current=1.0, resistance=1.0):
    """⟨V⟩ of an overdamped junction: R √(I² − I_c²) above I_c, 0 below. Tinkham, section 6.3."""
    excess = np.asarray(current, float) ** 2 - critical_current**2
    return resistance * np.sqrt(np.maximum(excess, 0.0))


def plasma_frequency(current, critical_current, capacitance, flux_quantum):
    """Angular frequency of small swings about δ₀ = arcsin(I/I_c): ω² = (2π I_c/(Φ₀ C)) √(1 − (I/I_c)²)."""
    bias = np.sqrt(1 - (current / critical_current) ** 2)
    return np.sqrt(2 * np.pi * critical_current / (flux_quantum * capacitance) * bias)


def josephson_frequency(voltage, flux_quantum):
    """Cycles per second at a mean voltage: f = V/Φ₀."""
    return voltage / flux_quantum


def loaded_array(times, phases, rates, current, critical_current, capacitance, conductance, load):
    """Phases (times, n) of a series array with a conductance `load` across all of it, Φ₀ = 2π.

    Kirchhoff by hand: C δ̈_k = J − G δ̇_k − I_ck sin δ_k with the current J = I − load · Σ δ̇ through all of them.
    """
    n = len(phases)
    critical = np.asarray(critical_current, float)

    def slope(_, state):
        delta, rate = state[:n], state[n:]
        through = current - load * rate.sum()
        return np.concatenate([rate, (through - conductance * rate - critical * np.sin(delta)) / capacitance])

    start = np.concatenate([phases, rates])
    return solve_ivp(slope, (0, times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-12).y[:n].T


def ring_current(winding, junctions, critical_current=1.0):
    """The current that circles in a ring of equal junctions whose phases wind: I_c sin(2π n/N).

    Fluxoid: without inductance and applied flux the phases around the ring add up to 2π n. A state is stable while
    the phase of each junction stays below π/2.
    """
    return critical_current * np.sin(2 * np.pi * winding / junctions)
