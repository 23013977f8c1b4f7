"""Closed forms of small resistive circuits, by NumPy and SciPy alone: what the simulator is held against."""

import numpy as np
from scipy.special import lambertw


def voltage_divider(source, g_upper, g_lower):
    """Voltage between g_upper (to the source) and g_lower (to ground), and its derivatives by both."""
    total = g_upper + g_lower
    return source * g_upper / total, {"g_upper": source * g_lower / total**2, "g_lower": -source * g_upper / total**2}


def divider_coupled(source, g_upper, g_lower, desired, eta):
    """Coupled learning on the divider: the estimates by g_upper and g_lower, and the conductance K seen at the output.

    With v held at v + ηd, d = desired − v, the drops source − v and v change by ∓ηd: half the change of their squares
    over η is ∓d·drop + ηd²/2.
    """
    v, _ = voltage_divider(source, g_upper, g_lower)
    d = desired - v
    upper, lower = -d * (source - v) + eta * d**2 / 2, d * v + eta * d**2 / 2
    return {"g_upper": upper, "g_lower": lower}, g_upper + g_lower


def wheatstone(source, g1, g2, g3, g4, g5):
    """Wheatstone bridge: g1 and g3 from the source to a and b, g2 and g4 from a and b to ground, g5 from a to b.

    Returns {"a", "b"} and {"a": {name: ∂v_a/∂name}, "b": ...}, from the adjugate of the 2×2 nodal matrix.
    """
    matrix = np.array([[g1 + g2 + g5, -g5], [-g5, g3 + g4 + g5]])
    determinant = matrix[0, 0] * matrix[1, 1] - g5**2
    inverse = np.array([[matrix[1, 1], g5], [g5, matrix[0, 0]]]) / determinant
    a, b = inverse @ np.array([g1, g3]) * source
    # A conductance between x and y passes dg (v_x − v_y) more: a current out of x and into y.
    ends = {"g1": (source - a, [1, 0]), "g2": (-a, [1, 0]), "g3": (source - b, [0, 1]), "g4": (-b, [0, 1])}
    ends["g5"] = (b - a, [1, -1])
    change = {name: inverse @ np.array(into) * drop for name, (drop, into) in ends.items()}
    return {"a": a, "b": b}, {node: {n: c[k] for n, c in change.items()} for k, node in enumerate("ab")}


def diode_operating_point(source, g, saturation_current, thermal_voltage):
    """A source through g into a diode to ground, g (source − v) = I_s (exp(v/V_t) − 1), by Lambert's W.

    Returns v and its derivatives by g, I_s and V_t.
    """
    top = source + saturation_current / g
    scale = saturation_current / (g * thermal_voltage)
    v = top - thermal_voltage * np.real(lambertw(scale * np.exp(top / thermal_voltage)))
    growth = np.exp(v / thermal_voltage)
    slope = g + saturation_current / thermal_voltage * growth
    return v, {
        "g": (source - v) / slope,
        "I_s": (1 - growth) / slope,
        "V_t": saturation_current * v * growth / thermal_voltage**2 / slope,
    }


def clamped_node(source, g, g_load, current):
    """A source through g, a load g_load to ground, an injected current and an ideal diode that keeps v ≥ 0.

    Returns v, its derivatives by g, g_load and current (all zero while the diode conducts), and the diode's current.
    """
    free = (g * source + current) / (g + g_load)
    if free < 0:
        return 0.0, {"g": 0.0, "g_load": 0.0, "I": 0.0}, -(g * source + current)
    total = g + g_load
    return free, {"g": (source - free) / total, "g_load": -free / total, "I": 1 / total}, 0.0
