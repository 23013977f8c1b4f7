"""Electrical components: constitutive laws, limits and small circuits in closed form, from their symbolic terms."""

import itertools

import numpy as np
import pytest
import scipy.constants
import sympy as sp
from terms import at, balances, circuit, inside, leaving

import physeq as pq
from physeq.errors import ModelError

e = pq.electrical
PAIR = {"source": 1, "target": 0}


def current(component, u, **numbers):
    """The current that leaves the source of a two-terminal element at the voltages u and 0."""
    return at(leaving(component, "source"), v_source=u, v_target=0.0, **numbers)


# What a component of several terminals takes in it gives back; the op-amp's ground is not one of its ports.
CLOSED = {
    "resistor": e.resistor(),
    "capacitor": e.capacitor(),
    "inductor": e.inductor(),
    "mutual inductance": e.mutual_inductance(),
    "exponential diode": e.exponential_diode(),
    "piecewise-linear diode": e.piecewise_linear_diode(smoothing=0.1),
    "junction": e.josephson_junction(),
    "drifting memristor": e.linear_drift_memristor(),
    "threshold memristor": e.threshold_memristor(),
    "programmed memristor": e.programmed_memristor(),
    "voltage source": e.voltage_source(pq.Sine()),
    "current source": e.branch_current_source(pq.Pulse(0, 1)),
    "E": e.voltage_controlled_voltage_source(),
    "F": e.current_controlled_current_source(),
    "G": e.voltage_controlled_current_source(),
    "H": e.current_controlled_voltage_source(),
    "n-channel": e.mosfet(channel_length_modulation=0.1),
    "p-channel": e.mosfet(p_channel=True),
    "switch": e.switch(),
}


@pytest.mark.parametrize("name", CLOSED)
def test_currents_of_a_component_add_up_to_zero(name):
    """And they depend on differences of voltages alone."""
    component, draw = CLOSED[name], np.random.default_rng(0).uniform
    ports = [x for slot, x in balances(component).items() if slot.port is not None]
    symbols = sorted({s for x in ports for s in x.free_symbols}, key=str)
    point = {s: draw(0.1, 0.9) for s in symbols}
    currents = [float(x.subs(point)) for x in ports]
    assert max(map(abs, currents)) > 1e-13
    assert abs(sum(currents)) < 1e-12 * max(map(abs, currents))
    raised = {s: u + 0.5 * (getattr(s, "order", 0) == 1 and s.port is not None) for s, u in point.items()}
    np.testing.assert_allclose([float(x.subs(raised)) for x in ports], currents, rtol=1e-9)


def test_resistor_and_conductance():
    assert current(e.resistor(), 3.0, g=0.5) == 1.5
    assert at(leaving(e.conductance_to(1.0), "node"), v=3.0, g=0.5) == 1.0


def test_capacitor():
    row = leaving(e.capacitor(), "source")
    assert at(row, C=2e-6, vv_source=5.0, vv_target=2.0) == pytest.approx(6e-6)
    assert at(leaving(e.capacitor_to_ground(), "node"), C=2e-6, vv=5.0) == pytest.approx(1e-5)


def test_inductor_current_energy_and_voltage():
    coil = e.inductor()
    (lam,) = (s for s in leaving(coil, "source").free_symbols)
    (solved,) = sp.solve(inside(coil, "psi"), lam)
    psi, inductance = sp.symbols("psi L")
    assert str(solved) == "psi/L"
    assert leaving(coil, "source") == lam and leaving(coil, "target") == -lam
    assert coil.potential.subs({s: sp.Symbol(s.name) for s in coil.potential.free_symbols}) == psi**2 / (2 * inductance)
    rate = sp.solve(coil.constraint[0], pq.coordinate("psi").dot)
    assert at(rate[0], v_source=5.0, v_target=3.0) == 2.0


@pytest.mark.parametrize("k", [-0.7, 0.0, 0.5, 0.999])
def test_mutual_inductance_is_the_inverse_of_the_inductance_matrix(k):
    pair, first, second = e.mutual_inductance(2.0, 0.5, k), 2.0, 0.5
    matrix = np.array([[first, k * np.sqrt(first * second)], [k * np.sqrt(first * second), second]])
    numbers = {"L_1": first, "L_2": second, "k": k}
    for i in ([1.0, 0.0], [0.3, -2.0]):
        psi = matrix @ i
        for port, name, expected in (("p1", "psi_1", i[0]), ("p2", "psi_2", i[1])):
            (lam,) = leaving(pair, port).free_symbols
            (solved,) = sp.solve(inside(pair, name), lam)
            assert at(solved, psi_1=psi[0], psi_2=psi[1], **numbers) == pytest.approx(expected, rel=1e-9)
        energy = at(pair.potential, psi_1=psi[0], psi_2=psi[1], **numbers)
        assert energy == pytest.approx(0.5 * np.array(i) @ matrix @ i, rel=1e-9)
    states = [pq.coordinate(name, unit="Wb") for name in ("psi_1", "psi_2")]
    hessian = np.array([[at(sp.diff(pair.potential, a, b), **numbers) for a in states] for b in states])
    assert np.linalg.eigvalsh(hessian).min() > 0
    np.testing.assert_allclose(hessian, np.linalg.inv(matrix), rtol=1e-10, atol=1e-10)


def test_open_secondary_sees_the_turns_ratio():
    """i₂ = 0: v₂/v₁ = M/L₁ = k √(L₂/L₁)."""
    pair = e.mutual_inductance()
    (second,) = leaving(pair, "p2").free_symbols
    open_end = inside(pair, "psi_2").subs(second, 0)
    psi_2 = next(s for s in open_end.free_symbols if s.name == "psi_2")
    (found,) = sp.solve(open_end, psi_2)
    assert at(found, psi_1=1.0, L_1=2.0, L_2=8.0, k=0.9) == pytest.approx(0.9 * 2.0, rel=1e-12)


@pytest.mark.parametrize("coupling", [1.0, -1.0, 1.5])
def test_perfect_coupling_is_refused(coupling):
    with pytest.raises(ModelError, match="strictly between -1 and 1"):
        e.mutual_inductance(coupling=coupling)


def test_exponential_diode():
    numbers = {"I_s": 1e-12, "V_t": 0.025}
    assert current(e.exponential_diode(), 0.025 * np.log(2), **numbers) == pytest.approx(1e-12, rel=1e-12)
    assert current(e.exponential_diode(), -1.0, **numbers) == pytest.approx(-1e-12, rel=1e-12)
    slope = sp.diff(leaving(e.exponential_diode(), "source"), e.phi.source.dot)
    assert at(slope, v_source=0.0, v_target=0.0, **numbers) == pytest.approx(1e-12 / 0.025)


def test_piecewise_linear_diode():
    numbers = {"g_on": 10.0, "g_off": 1e-3, "V_f": 0.6}
    hard, soft = e.piecewise_linear_diode(), e.piecewise_linear_diode(smoothing=0.1)
    for u in (-2.0, 0.0, 0.6):
        assert current(hard, u, **numbers) == pytest.approx(1e-3 * u, abs=1e-15)
        assert current(soft, u, **numbers) == pytest.approx(1e-3 * u, abs=1e-15)
    for u in (0.7, 1.0, 5.0):
        assert current(hard, u, **numbers) == pytest.approx(1e-3 * u + (10 - 1e-3) * (u - 0.6), rel=1e-12)
        assert current(soft, u, **numbers) == pytest.approx(1e-3 * u + (10 - 1e-3) * (u - 0.65), rel=1e-12)
    conductance = sp.diff(leaving(soft, "source"), e.phi.source.dot)
    for u, expected in ((0.5, 1e-3), (0.65, (10 + 1e-3) / 2), (0.7 + 1e-9, 10.0), (3.0, 10.0)):
        assert at(conductance, v_source=u, v_target=0.0, **numbers) == pytest.approx(expected, rel=1e-7)
    with pytest.raises(ModelError, match="smoothing must be a positive voltage"):
        e.piecewise_linear_diode(smoothing=0.0)


def test_piecewise_linear_diode_tends_to_the_ideal_one():
    """Behind a resistor of 1 Ω at 1 V: a voltage of V_f + (1 − V_f)/(1 + g_on), to V_f as g_on grows."""
    for g_on in (10.0, 1e3, 1e6):
        u = sp.Symbol("u", positive=True)
        row = leaving(e.piecewise_linear_diode(), "source")
        numbers = {"g_on": g_on, "g_off": 0, "V_f": sp.Rational(1, 2)}
        row = row.subs({s: numbers[s.name] for s in row.free_symbols if s.name in numbers})
        row = row.subs({e.phi.source.dot: u, e.phi.target.dot: 0})
        assert float(sp.nsolve(row - (1 - u), u, 0.6)) == pytest.approx(0.5 + 0.5 / (1 + g_on), rel=1e-9)


def test_josephson_junction():
    assert pytest.approx(scipy.constants.value("mag. flux quantum"), rel=1e-9) == e.FLUX_QUANTUM
    junction = e.josephson_junction()
    (lam,) = leaving(junction, "source").free_symbols
    (solved,) = sp.solve(inside(junction, "delta"), lam)
    for delta in (0.3, 2.0, -1.0):
        assert at(solved, delta=delta, I_c=2e-6) == pytest.approx(2e-6 * np.sin(delta), rel=1e-12)
    # The frequency of a junction at a constant voltage: 483.6 THz per volt.
    (rate,) = sp.solve(
        junction.constraint[0], next(s for s in junction.constraint[0].free_symbols if s.name == "delta.dot")
    )
    turning = at(rate, v_source=1e-3, v_target=0.0) / (2 * np.pi)
    assert turning == pytest.approx(scipy.constants.value("Josephson constant") * 1e-3, rel=1e-9)
    # Energy I_c Φ₀/2π (1 − cos δ) above rest.
    span = at(junction.potential, delta=np.pi, I_c=1e-6) - at(junction.potential, delta=0.0, I_c=1e-6)
    assert span == pytest.approx(2 * 1e-6 * e.FLUX_QUANTUM / (2 * np.pi), rel=1e-12)


def test_programmed_memristor_keeps_its_limits():
    device = e.programmed_memristor(1e-3, 1e-5)
    x = device.parameter("x")
    assert (x.lower, x.upper, x.trainable) == (0.0, 1.0, True)
    numbers = {"G_on": 1e-3, "G_off": 1e-5}
    for state, g in ((0.0, 1e-5), (1.0, 1e-3), (0.5, 5.05e-4)):
        assert current(device, 2.0, x=state, **numbers) == pytest.approx(2 * g, rel=1e-12)


def mosfet(gate, drain, source, *, p_channel=False, modulation=None, w=0.05):
    device = e.mosfet(p_channel=p_channel, channel_length_modulation=modulation)
    numbers = {"K": 2e-3, "V_T": 0.5, "w": w, "lambda": modulation}
    return at(leaving(device, "drain"), v_gate=gate, v_drain=drain, v_source=source, **numbers)


def test_mosfet_square_law():
    """Beyond a few widths of the transition: saturation, linear range and cut-off of Shichman and Hodges."""
    assert mosfet(2.0, 3.0, 0.0, w=0.02) == pytest.approx(0.5 * 2e-3 * 1.5**2, rel=1e-9)
    assert mosfet(2.0, 0.4, 0.0, w=0.02) == pytest.approx(2e-3 * (1.5 * 0.4 - 0.4**2 / 2), rel=1e-9)
    assert abs(mosfet(0.0, 3.0, 0.0, w=0.02)) < 1e-16
    assert mosfet(2.0, 3.0, 0.0, modulation=0.1, w=0.02) == pytest.approx(0.5 * 2e-3 * 1.5**2 * 1.3, rel=1e-9)


def test_mosfet_below_threshold_is_exponential():
    """½ K w² exp(2u/w): a factor e for each w/2 of the gate."""
    assert mosfet(0.1, 1.0, 0.0) == pytest.approx(0.5 * 2e-3 * 0.05**2 * np.exp(-0.8 / 0.05), rel=1e-3)
    assert mosfet(0.1, 1.0, 0.0) / mosfet(0.075, 1.0, 0.0) == pytest.approx(np.e, rel=1e-3)


def test_mosfet_symmetries():
    for gate, drain, source in itertools.product((0.3, 1.0), (0.0, 0.6), (0.1, 2.0)):
        for modulation in (None, 0.2):
            there, back = (mosfet(gate, *ends, modulation=modulation) for ends in ((drain, source), (source, drain)))
            assert there == pytest.approx(-back, rel=1e-12)
            p = mosfet(-gate, -drain, -source, p_channel=True, modulation=modulation)
            assert p == pytest.approx(-there, rel=1e-12)
    assert not [slot for slot in e.mosfet().force if slot.port == "gate"]


def test_switch():
    numbers = {"g_on": 10.0, "g_off": 1e-6, "V_c": 1.0, "w": 0.05}

    def conductance(control):
        return at(leaving(e.switch(), "p"), v_p=2.0, v_n=0.0, v_cp=control, v_cn=0.0, **numbers) / 2

    assert conductance(3.0) == pytest.approx(10.0, rel=1e-9)
    assert conductance(-1.0) == pytest.approx(1e-6, rel=1e-9)
    assert conductance(1.0) == pytest.approx(np.sqrt(10.0 * 1e-6), rel=1e-12)


def test_voltage_source_delivers_what_its_load_draws():
    voltages, currents = circuit({"V": (e.voltage_source(5.0), PAIR, {}), "R": (e.resistor(), PAIR, {"g": 0.2})})
    assert voltages[1] == 5.0
    assert currents["R", "source"] == 1.0
    assert currents["V", "source"] == -1.0  # it leaves the node into the source: SPICE's i(V)


def test_current_source_flows_through_itself_from_source_to_target():
    """Out of n+, into n−: a positive one pulls the node of its source port below ground."""
    voltages, currents = circuit({"I": (e.branch_current_source(2.0), PAIR, {}), "R": (e.resistor(), PAIR, {"g": 0.5})})
    assert voltages[1] == -4.0
    assert currents["I", "source"] == 2.0
    voltages, _ = circuit({"I": (e.current_source(), {"node": 1}, {"I": 2.0}), "R": (e.resistor(), PAIR, {"g": 0.5})})
    assert voltages[1] == 4.0


def driven(element, ports, numbers, load=0.5):
    """A source of 3 V with 1 Ω in series at node 2, the element between, and a load at node 1."""
    return circuit(
        {
            "V": (e.voltage_source(3.0), {"source": 3, "target": 0}, {}),
            "R": (e.resistor(), {"source": 3, "target": 2}, {"g": 1.0}),
            "load": (e.resistor(), PAIR, {"g": load}),
            "X": (element, ports, numbers),
        }
    )


def test_voltage_controlled_sources():
    ports = {"p": 1, "n": 0, "cp": 2, "cn": 0}
    voltages, currents = driven(e.voltage_controlled_voltage_source(), ports, {"gain": 4.0})
    assert voltages[2] == 3.0 and voltages[1] == 12.0  # the control draws nothing
    assert currents["X", "p"] == -6.0
    voltages, currents = driven(e.voltage_controlled_current_source(), ports, {"g_m": 0.25})
    assert voltages[1] == -0.75 / 0.5 and currents["X", "p"] == 0.75


def test_current_controlled_sources():
    ports = {"p": 1, "n": 0, "cp": 2, "cn": 0}
    voltages, currents = driven(e.current_controlled_current_source(), ports, {"gain": 2.0})
    assert voltages[2] == 0.0 and currents["X", "cp"] == 3.0  # the sensing branch is a short
    assert currents["X", "p"] == 6.0 and voltages[1] == -12.0
    voltages, currents = driven(e.current_controlled_voltage_source(), ports, {"r_m": -5.0})
    assert currents["X", "cp"] == 3.0 and voltages[1] == -15.0


def test_op_amp_inverts():
    voltages, currents = circuit(
        {
            "V": (e.voltage_source(0.5), {"source": 1, "target": 0}, {}),
            "R1": (e.resistor(), {"source": 1, "target": 2}, {"g": 1.0}),
            "R2": (e.resistor(), {"source": 2, "target": 3}, {"g": 0.25}),
            "load": (e.resistor(), {"source": 3, "target": 0}, {"g": 1.0}),
            "A": (e.ideal_op_amp(), {"plus": 0, "minus": 2, "output": 3}, {}),
        }
    )
    assert voltages[2] == 0.0 and voltages[3] == -2.0  # −R2/R1
    assert currents["A", "output"] == 2.5  # it takes what the load and R2 push into its output


def test_sources_take_numbers_of_each_instance():
    source = e.voltage_source(pq.Sine(1, 2, 50, 0.1, 3, 45))
    assert {p.name: p.initial.value for p in source.parameters} == {
        "offset": 1, "amplitude": 2, "frequency": 50, "delay": 0.1, "damping": 3, "phase": 45,
    }  # fmt: skip
    assert source.parameter("amplitude").unit == "V"
    assert e.branch_current_source(pq.Pulse(0, 1)).parameter("pulsed").unit == "A"
    assert [p.name for p in e.voltage_source(5, trainable=True).parameters if p.trainable] == ["V"]
    with pytest.raises(ModelError, match="needs a waveform"):
        e.voltage_source("5")
