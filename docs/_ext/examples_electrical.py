"""Drawings of the electrical components."""

import numpy as np
from example import Example, circuit, current, evaluate, label, numbers, run

import physeq as pq

e = pq.electrical
STEP = pq.Pulse(0, 1, delay=0.5, rise=1e-3)


def family(component, name, values, unit, volts=None):
    """Currents over the voltage for several values of a parameter."""

    def draw(axis):
        x = np.linspace(-1, 1, 401) if volts is None else np.linspace(*volts, 401)
        for value in values:
            axis.plot(x, current(component, x, **{name: value}), label=f"{name} = {value:g} {unit}")
        label(axis, "voltage (V)", "current (A)", legend=True)

    return draw


def capacitors(axis):
    elements = {"V": (e.voltage_source(STEP), [1, 0])}
    values = (0.2, 0.5, 1.0)
    for k, c in enumerate(values):
        elements |= {f"R{k}": (e.resistor(1.0), [1, k + 2]), f"C{k}": (e.capacitor(c), [k + 2, 0])}
    ts, solution = run(circuit(elements), 4.0)
    for k, c in enumerate(values):
        axis.plot(ts, solution["nodes.v"][:, k + 2], label=f"C = {c:g} F")
    label(axis, "time (s)", "voltage behind 1 Ω (V)", legend=True)


def capacitors_to_ground(axis):
    system = pq.System(
        pq.from_edges([0, 1, 2], [1, 2, 3], 4),
        nodes={"nodes": [e.capacitor_to_ground(), e.conductance_to(0.0)]},
        edges=e.resistor(1.0),
        values={"nodes.conductance": {"g": np.array([0.0, 0.0, 0.0, 1.0])}},
    )
    ts, solution = run(system, 12.0, start={"nodes": {"v": [1.0, 0.0, 0.0, 0.0]}})
    axis.plot(ts, solution["nodes.v"], label=[f"node {k}" for k in range(4)])
    label(axis, "time (s)", "voltages (V)", legend=True)


def inductors(axis):
    elements = {"V": (e.voltage_source(STEP), [1, 0])}
    values = (0.2, 0.5, 1.0)
    for k, henries in enumerate(values):
        elements |= {f"R{k}": (e.resistor(1.0), [1, k + 2]), f"L{k}": (e.inductor(henries), [k + 2, 0])}
    ts, solution = run(circuit(elements), 4.0)
    for k, henries in enumerate(values):
        axis.plot(ts, np.ravel(solution[f"L{k}.i"]), label=f"L = {henries:g} H")
    label(axis, "time (s)", "current behind 1 Ω (A)", legend=True)


def transformer(axis):
    system = circuit(
        {
            "V": (e.voltage_source(pq.Sine(frequency=50)), [1, 0]),
            "R": (e.resistor(10.0), [1, 2]),
            "T": (e.mutual_inductance(1.0, 4.0, 0.95), [2, 0, 3, 0]),
            "load": (e.resistor(1e-3), [3, 0]),
        }
    )
    ts, solution = run(system, 0.04)
    axis.plot(1e3 * ts, solution["nodes.v"][:, 2:4], label=["primary", "secondary"])
    label(axis, "time (ms)", "voltage (V)", legend=True)


def piecewise(axis):
    volts = np.linspace(-0.5, 1.2, 401)
    for smoothing in (None, 0.3):
        diode = e.piecewise_linear_diode(10.0, 0.1, 0.6, smoothing=smoothing)
        axis.plot(volts, current(diode, volts), label="corner" if smoothing is None else f"smoothing = {smoothing} V")
    label(axis, "voltage (V)", "current (A)", legend=True)


def clamps(component, directions):
    """The voltage behind a resistor that bounds hold, over that of the source."""

    def draw(axis):
        drive = np.linspace(-2, 2, 201)
        bounds = component.bounds[e.v]
        axis.plot(drive, drive, ":", label="no diode")
        for direction in directions:
            lower, upper = (float(end.subs(dict.fromkeys(end.free_symbols, direction))) for end in bounds)
            axis.plot(drive, np.clip(drive, lower, upper), label=f"direction = {direction}" if direction else "diode")
        label(axis, "voltage of the source (V)", "voltage behind a resistor (V)", legend=True)

    return draw


def injected(axis):
    for g in (0.5, 1.0, 2.0):
        amperes = np.linspace(-1, 1, 3)
        axis.plot(amperes, amperes / g, label=f"into g = {g:g} S")
    label(axis, "injected current (A)", "voltage (V)", legend=True)


def waveforms(axis):
    ts = np.linspace(0, 2, 801)
    axis.plot(ts, pq.Sine(frequency=2, delay=0.25, damping=1)(ts), label="Sine")
    axis.plot(ts, pq.Pulse(-1, 1, delay=0.2, rise=0.1, fall=0.2, width=0.3, period=0.8)(ts), label="Pulse")
    axis.plot(ts, pq.PiecewiseLinear([0.3, 0.9, 1.4], [0.0, 1.4, -1.3])(ts), label="PiecewiseLinear")
    label(axis, "time (s)", "value", legend=True)


def charging(axis):
    source = e.branch_current_source(pq.Pulse(0, 1, width=0.5, period=1))
    ts, solution = run(circuit({"I": (source, [0, 1]), "C": (e.capacitor(1.0), [1, 0])}), 3.0)
    axis.plot(ts, solution["nodes.v"][:, 1])
    label(axis, "time (s)", "voltage of a capacitor of 1 F (V)")


def controlled(component):
    """What a controlled source with a load of 1 Ω makes of a pulse behind 1 Ω."""

    def draw(axis):
        system = circuit(
            {
                "V": (e.voltage_source(pq.Pulse(0, 1, delay=0.25, rise=0.25, fall=0.25, width=0.5)), [1, 0]),
                "R": (e.resistor(1.0), [1, 2]),
                "X": (component, [3, 0, 2, 0]),
                "load": (e.resistor(1.0), [3, 0]),
            }
        )
        ts, solution = run(system, 1.5)
        names = ["source", "control", "output"]
        axis.plot(ts, solution["nodes.v"][:, 1:], label=names)
        label(axis, "time (s)", "voltage (V)", legend=True)

    return draw


def low_pass(axis):
    system = circuit(
        {
            "V": (e.voltage_source(pq.Pulse(-1, 1, rise=1e-5, fall=1e-5, width=5e-3, period=1.1e-2)), [1, 0]),
            "R1": (e.resistor(1e-3), [1, 2]),
            "R2": (e.resistor(5e-4), [2, 3]),
            "C": (e.capacitor(5e-7), [2, 3]),
            "load": (e.resistor(1e-3), [3, 0]),
            "A": (e.ideal_op_amp(), [0, 2, 3]),
        }
    )
    ts, solution = run(system, 0.033)
    axis.plot(1e3 * ts, solution["nodes.v"][:, [1, 3]], label=["input", "output"])
    label(axis, "time (ms)", "voltage (V)", legend=True)


def junctions(axis):
    elements, starts = {}, (0.5, 2.0, 3.1)
    for k in range(3):
        elements |= {
            f"J{k}": (e.josephson_junction(1.0, flux_quantum=2 * np.pi), [k + 1, 0]),
            f"C{k}": (e.capacitor(1.0), [k + 1, 0]),
            f"R{k}": (e.resistor(0.05), [k + 1, 0]),
        }
    ts, solution = run(circuit(elements), 30.0, start={f"J{k}": {"delta": [s]} for k, s in enumerate(starts)})
    for k, s in enumerate(starts):
        axis.plot(ts, np.ravel(solution[f"J{k}.delta"]), label=f"from {s} rad")
    label(axis, "time (1/plasma frequency)", "phase δ (rad)", legend=True)


def hysteresis(axis):
    elements, frequencies = {}, (1.0, 2.0, 10.0)
    for k, f in enumerate(frequencies):
        elements |= {
            f"V{k}": (e.voltage_source(pq.Sine(frequency=f)), [k + 1, 0]),
            f"M{k}": (e.linear_drift_memristor(drift=2e4, start=0.1), [k + 1, 0]),
        }
    ts, solution = run(circuit(elements), 2.0, points=4001)
    for k, f in enumerate(frequencies):
        last = ts >= 2.0 - 1.0 / f
        axis.plot(solution["nodes.v"][last, k + 1], 1e3 * np.ravel(solution[f"M{k}.i"])[last], label=f"{f:g} Hz")
    label(axis, "voltage (V)", "current (mA)", legend=True)


def thresholds(axis):
    source = e.voltage_source(pq.Sine(amplitude=2.0, frequency=50))
    _, solution = run(circuit({"V": (source, [1, 0]), "M": (e.threshold_memristor(start=0.05), [1, 0])}), 0.04)
    axis.axvspan(-1, 1, color="0.93")
    axis.plot(solution["nodes.v"][200:, 1], 1e3 * np.ravel(solution["M.i"])[200:])
    label(axis, "voltage (V)", "current (mA)")


def characteristics(axis):
    device, drain = e.mosfet(1e-3, 0.7, 0.05, 0.05), np.linspace(0, 4, 201)
    d, g, s = (e.phi.at(port).dot for port in device.ports)
    for gate in (1.0, 1.5, 2.0, 2.5):
        amperes = -evaluate(device.force[e.phi.at("drain")], numbers(device) | {d: drain, g: gate, s: 0.0})
        axis.plot(drain, 1e3 * amperes, label=f"gate at {gate} V")
    label(axis, "drain voltage (V)", "drain current (mA)", legend=True)


def closing(axis):
    device, control = e.switch(), np.linspace(-1, 1, 201)
    at = numbers(device) | {e.phi.at("p").dot: 1.0, e.phi.at("n").dot: 0.0, e.phi.at("cn").dot: 0.0}
    axis.semilogy(control, -evaluate(device.force[e.phi.at("p")], at | {e.phi.at("cp").dot: control}))
    label(axis, "control voltage (V)", "conductance (S)")


EXAMPLES = {
    "resistor": Example(e.resistor(), family(e.resistor(), "g", (0.5, 1.0, 2.0), "S"), "Straight lines of slope g."),
    "conductance_to": Example(
        e.conductance_to(0.5), family(e.conductance_to(0.5), "g", (0.5, 1.0, 2.0), "S"), "To a level of 0.5 V."
    ),
    "capacitor": Example(e.capacitor(), capacitors, "A step of 1 V at 0.5 s through 1 Ω: 1 − exp(−t/RC)."),
    "capacitor_to_ground": Example(
        e.capacitor_to_ground(), capacitors_to_ground, "A charge spreads along four nodes and leaves at the last."
    ),
    "inductor": Example(e.inductor(), inductors, "A step of 1 V at 0.5 s through 1 Ω: 1 − exp(−tR/L)."),
    "mutual_inductance": Example(
        e.mutual_inductance(), transformer, "L₁ = 1 H, L₂ = 4 H, k = 0.95: the secondary has 1.9 times the voltage."
    ),
    "exponential_diode": Example(
        e.exponential_diode(),
        family(e.exponential_diode(1e-12), "V_t", (0.025, 0.03), "V", (0.0, 0.7)),
        "I_s = 1 pA.",
    ),
    "exponential_diode_to_ground": Example(
        e.exponential_diode_to_ground(),
        family(e.exponential_diode_to_ground(1e-12), "direction", (1.0, -1.0), "", (-0.65, 0.65)),
        "The current that leaves the node.",
    ),
    "piecewise_linear_diode": Example(
        e.piecewise_linear_diode(), piecewise, "g_on = 10 S, g_off = 0.1 S, V_f = 0.6 V, with and without smoothing."
    ),
    "ideal_diode": Example(e.ideal_diode(lower=0), clamps(e.ideal_diode(lower=0), (None,)), "lower = 0."),
    "ideal_diode_to_ground": Example(
        e.ideal_diode_to_ground(), clamps(e.ideal_diode_to_ground(), (1, -1)), "Anode (1) or cathode (−1) at the node."
    ),
    "current_source": Example(e.current_source(), injected, "The voltage of a node with a conductance g to ground."),
    "voltage_source": Example(e.voltage_source(pq.Sine()), waveforms, "The waveforms, as functions of time."),
    "branch_current_source": Example(
        e.branch_current_source(pq.DC(1.0)), charging, "Pulses of 1 A charge a capacitor: straight lines and rests."
    ),
    "voltage_controlled_voltage_source": Example(
        e.voltage_controlled_voltage_source(), controlled(e.voltage_controlled_voltage_source(2.0)), "gain = 2."
    ),
    "voltage_controlled_current_source": Example(
        e.voltage_controlled_current_source(),
        controlled(e.voltage_controlled_current_source(2.0)),
        "g_m = 2 S into 1 Ω: the current is drawn from p.",
    ),
    "current_controlled_current_source": Example(
        e.current_controlled_current_source(),
        controlled(e.current_controlled_current_source(2.0)),
        "gain = 2 into 1 Ω; the sensing branch holds the control at 0 V.",
    ),
    "current_controlled_voltage_source": Example(
        e.current_controlled_voltage_source(), controlled(e.current_controlled_voltage_source(2.0)), "r_m = 2 Ω."
    ),
    "ideal_op_amp": Example(e.ideal_op_amp(), low_pass, "An inverting low-pass of gain −2 and time constant 1 ms."),
    "josephson_junction": Example(
        e.josephson_junction(),
        junctions,
        "With a capacitor and a resistor (0.05 S), in units where Φ₀/2π = I_c = C = 1.",
    ),
    "linear_drift_memristor": Example(
        e.linear_drift_memristor(), hysteresis, "Hysteresis under 1 V, pinched at 0, narrower as the frequency grows."
    ),
    "threshold_memristor": Example(
        e.threshold_memristor(), thresholds, "Under 2 V at 50 Hz; in the grey range nothing moves."
    ),
    "programmed_memristor": Example(
        e.programmed_memristor(), family(e.programmed_memristor(), "x", (0.0, 0.5, 1.0), ""), "Between G_off and G_on."
    ),
    "mosfet": Example(e.mosfet(), characteristics, "K = 1 mA/V², V_T = 0.7 V, λ = 0.05/V."),
    "switch": Example(e.switch(), closing, "From 1 µS to 1 S within a few widths of 0.1 V."),
}
