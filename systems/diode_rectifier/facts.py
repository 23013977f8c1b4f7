"""Diodes and rectifiers in NumPy and SciPy alone."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import lambertw


def diode_behind_resistor(voltage, resistance, saturation_current, thermal_voltage):
    """The current of a source, a resistor and a diode in series.

    I = (V_t/R) W((I_s R/V_t) exp((V + I_s R)/V_t)) − I_s with Lambert's W; Corless et al. 1996, section 2.
    """
    scale = saturation_current * resistance
    argument = scale / thermal_voltage * np.exp((voltage + scale) / thermal_voltage)
    return thermal_voltage / resistance * np.real(lambertw(argument)) - saturation_current


def half_wave_output(times, waveform, capacitance, load, saturation_current, thermal_voltage):
    """The output of a half-wave rectifier: C v̇ = I_s(exp((u − v)/V_t) − 1) − v/R, by SciPy's Radau method."""

    def slope(t, v):
        return (saturation_current * np.expm1((waveform(t) - v) / thermal_voltage) - v / load) / capacitance

    return solve_ivp(slope, (0, times[-1]), [0.0], "Radau", times, rtol=1e-10, atol=1e-12, max_step=1e-4).y[0]


def ripple(peak, frequency, capacitance, load):
    """The textbook's estimate of the ripple: the charge that the load draws in one period, over C."""
    return peak / (frequency * capacitance * load)
