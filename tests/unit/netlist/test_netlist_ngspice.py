"""The runner of ngspice, and what ngspice makes of exported systems; oracles are closed forms and SciPy."""

import os
import subprocess
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import physeq as pq
from physeq.errors import ModelError, SolveError
from physeq.library import electrical
from physeq.netlist import (
    NgspiceMissing,
    NgspiceOptions,
    OperatingPoint,
    Sweep,
    Transient,
    find_ngspice,
    ngspice,
    read_netlist,
    to_netlist,
)  # fmt: skip
from physeq.netlist._rawfile import parse_raw

CIRCUITS = sorted((Path(__file__).parent / "circuits").glob("*.cir"))
needs_ngspice = pytest.mark.skipif(
    find_ngspice() is None, reason="ngspice is not installed: apt-get install ngspice, or brew install ngspice"
)


def circuit(name):
    return CIRCUITS[0].parent / f"{name}.cir"


# ---- without ngspice -------------------------------------------------------------------------------------------------


def test_a_missing_ngspice_says_how_to_get_it():
    with pytest.raises(NgspiceMissing, match=r"apt-get install ngspice.*brew install ngspice.*Windows"):
        ngspice.run("t\nR1 a 0 1\n.op\n", program="no-such-ngspice")


HEADER = "Title: t\nDate: now\nPlotname: Operating Point\nFlags: real\nNo. Variables: 2\nNo. Points: 2\nVariables:\n"
NAMES = "\t0\ttime\ttime\n\t1\tv(a)\tvoltage dims=1\n"


def test_raw_files_as_text_and_binary():
    text = (HEADER + NAMES + "Values:\n0\t1.0e0\n\t2.0\n\n1\t3.0\n\t4.0\n\n").encode()
    binary = (HEADER + NAMES + "Binary:\n").encode() + np.array([1.0, 2.0, 3.0, 4.0]).tobytes()
    for content in (text, binary, text + text, binary + binary):
        plots = parse_raw(content)
        assert len(plots) == (1 if content in (text, binary) else 2)
        for plot in plots:
            assert plot.name == "Operating Point" and plot.vectors == ("time", "v(a)")
            assert plot.values.tolist() == [[1.0, 3.0], [2.0, 4.0]]


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.97])
def test_raw_files_that_break_off(kept):
    binary = (HEADER + NAMES + "Binary:\n").encode() + np.arange(4.0).tobytes()
    text = (HEADER + NAMES + "Values:\n0\t1.0\n\t2.0\n1\t3.0\n\t4.0\n").encode()
    for content in (binary, text):
        with pytest.raises(SolveError, match="breaks off"):
            parse_raw(content[: int(kept * len(content))])


def test_complex_raw_files_as_text_and_binary():
    header = HEADER.replace("real", "complex") + NAMES
    text = (header + "Values:\n0\t1.0e0,0.0\n\t2.0,-5.0\n\n1\t3.0,0.0\n\t4.0,6.5\n\n").encode()
    binary = (header + "Binary:\n").encode() + np.array([1, 2 - 5j, 3, 4 + 6.5j], complex).tobytes()
    for content in (text, binary):
        [plot] = parse_raw(content)
        assert plot.values.tolist() == [[1, 3], [2 - 5j, 4 + 6.5j]]
    with pytest.raises(SolveError, match="breaks off"):
        parse_raw(binary[:-1])


def test_other_raw_files_are_refused():
    with pytest.raises(SolveError, match="holds odd values"):
        parse_raw((HEADER.replace("real", "odd") + NAMES + "Values:\n").encode())


# ---- the runner ------------------------------------------------------------------------------------------------------


@needs_ngspice
def test_names_are_those_of_the_netlist():
    text = "t\nV1 In 0 1\nX1 In Half sub\n.subckt sub a b\nRa a b 1k\nVs b c 0\nRb c 0 1k\n.ends\nL1 Half 0 1\n.op\n"
    found = ngspice.run(read_netlist(text), currents=["X1.ra", "l1"])
    assert set(found) == {"In.v", "Half.v", "X1.c.v", "V1.i", "X1.Vs.i", "L1.i", "X1.Ra.i"}
    assert found["X1.Ra.i"] == pytest.approx([1e-3]) and found["V1.i"] == pytest.approx([-1e-3])
    plain = ngspice.run(text.replace("sub a b", "sub a b unused={1}"), ".op")  # physeq reads this one as well
    assert plain["Half.v"] == found["Half.v"]
    unread = ngspice.run("t\nV1 In 0 1\nB1 out 0 V=2*V(In)\nR1 out 0 1\n.op\n", ".op")
    assert unread["out.v"] == pytest.approx([2.0]) and unread["v1.i"] == pytest.approx([0.0], abs=1e-12)


@needs_ngspice
def test_currents_of_all_kinds_of_elements():
    net = read_netlist(
        "t\nV1 a 0 1\nR1 a b 1k\nD1 b 0 dm\nI1 0 b 1m\nC1 b 0 1n\nL1 b c 1m\nR2 c 0 1k\nE1 e 0 b 0 2\nR3 e 0 1k\n"
        "G1 0 g b 0 1m\nR4 g 0 1k\nF1 0 f V1 2\nR5 f 0 1k\nH1 h 0 V1 5\nR6 h 0 1k\n.model dm d\n.op\n"
    )
    names = [element.name for element in net.elements]
    found = {key: float(value[0]) for key, value in ngspice.run(net, currents=names).items()}
    b = found["b.v"]
    assert found["R1.i"] == pytest.approx((1 - b) / 1e3) == pytest.approx(-found["V1.i"])
    assert found["D1.i"] == pytest.approx(1e-14 * np.expm1(b / 0.02586491700715746), rel=1e-6)
    assert found["D1.i"] + found["L1.i"] == pytest.approx(1e-3 + found["R1.i"])
    assert found["I1.i"] == pytest.approx(1e-3) and found["C1.i"] == 0.0
    assert found["E1.i"] == pytest.approx(-2e-3 * b) and found["G1.i"] == pytest.approx(1e-3 * b)
    assert found["F1.i"] == pytest.approx(2 * found["V1.i"]) and found["H1.i"] == pytest.approx(-found["R6.i"])


@needs_ngspice
def test_sweeps():
    found = ngspice.run(read_netlist(circuit("diode_curve")))
    np.testing.assert_allclose(found["sweep"], np.linspace(-2, 2, 17), atol=1e-12)
    assert found["V1.i"][0] == pytest.approx(1e-9, rel=0.02)  # reverse current of the second diode
    nested = ngspice.run("t\nV1 a 0 0\nV2 b 0 0\nR1 a b 1\n", Sweep("V1", 0, 1, 1, Sweep("V2", 0, 2, 1)))
    np.testing.assert_allclose(nested["V1.i"], [0, -1, 1, 0, 2, 1], atol=1e-9)


@needs_ngspice
def test_an_rc_step_is_exact_to_1e_5():
    found = ngspice.run(read_netlist(circuit("rc_step")))
    t, tau = found["time"], 1e-4
    s = np.maximum(t - 1e-5, 0)

    def ramp(s):  # answer to a ramp of 5 V per microsecond from s = 0 on
        s = np.maximum(s, 0)
        return 5e6 * (s - tau * -np.expm1(-s / tau))

    np.testing.assert_allclose(found["out.v"], ramp(s) - ramp(s - 1e-6), atol=5e-5)


@needs_ngspice
def test_complaints_come_in_its_own_words_with_the_line():
    with pytest.raises(SolveError, match=r"line 4 .*unimplemented control card"):
        ngspice.run("t\nR1 a 0 1\n.op\n.foo\n", ".op")
    with pytest.raises(SolveError, match="unknown subckt"):
        ngspice.run("t\nV1 a 0 1\nX1 a none\n", ".op")
    with pytest.raises(SolveError, match="singular matrix"):
        ngspice.run("t\nV1 a 0 1\nV2 a 0 2\nR1 a 0 1\n", ".op")


@needs_ngspice
def test_which_analysis_is_run():
    net = read_netlist("t\nV1 a 0 1\nR1 a 0 1\n.op\n.tran 1u 2u\n.control\nquit 1\n.endc\n")
    assert len(ngspice.run(net, OperatingPoint())["a.v"]) == 1
    assert ngspice.run(net, Transient(1e-6, 2e-6))["time"][-1] == pytest.approx(2e-6)
    with pytest.raises(ModelError, match="has 2 analyses"):
        ngspice.run(net)
    with pytest.raises(ModelError, match="unknown number"):
        ngspice.run("t\nB1 a 0 V=1\n")


@needs_ngspice
def test_steps_that_are_too_small_are_tried_again_with_a_larger_tolerance():
    net = read_netlist(circuit("transformer"))
    with pytest.raises(SolveError, match="imestep too small"):
        ngspice.run(net, options=NgspiceOptions())
    loose = ngspice.run(net, options=NgspiceOptions(relative=1e-7))
    np.testing.assert_array_equal(ngspice.run(net)["s.v"], loose["s.v"])


@needs_ngspice
def test_a_run_that_takes_too_long_is_stopped():
    with pytest.raises(SolveError, match=r"did not finish within 0\.2 s"):
        ngspice.run("t\nV1 a 0 SIN(0 1 1meg)\nR1 a b 1\nC1 b 0 1u\n.tran 1n 1\n", timeout=0.2)


@needs_ngspice
def test_text_and_binary_files_of_ngspice_agree(tmp_path):
    (tmp_path / "c.cir").write_text(circuit("rlc_ringing").read_text())
    plots = []
    for name, extra in (("binary", {}), ("text", {"SPICE_ASCIIRAWFILE": "1"})):
        subprocess.run(
            [find_ngspice(), "-b", "-r", f"{name}.raw", "c.cir"],
            cwd=tmp_path, env=os.environ | extra, capture_output=True, check=True,
        )  # fmt: skip
        plots.append(parse_raw((tmp_path / f"{name}.raw").read_bytes())[0])
    assert plots[0].vectors == plots[1].vectors
    np.testing.assert_allclose(plots[0].values, plots[1].values, rtol=1e-12)


# ---- what is exported is the same circuit ----------------------------------------------------------------------------


ANALYSES = [(path, k) for path in CIRCUITS for k in range(len(read_netlist(path).analyses))]


@needs_ngspice
@pytest.mark.parametrize(("path", "k"), ANALYSES, ids=lambda value: getattr(value, "stem", value))
def test_ngspice_finds_the_same_in_a_netlist_and_in_its_export(path, k):
    net = read_netlist(path)
    analysis = net.analyses[k]
    moving = isinstance(analysis, Transient)
    text = to_netlist(net.to_system(dc=not moving), initial=net.initial if moving else None)
    one, other = ngspice.run(net, analysis), ngspice.run(text, analysis)
    voltages = [name for name in one if name.endswith(".v")]
    assert voltages and set(voltages) <= set(other)
    for name in voltages:
        again = np.interp(one["time"], other["time"], other[name]) if moving else other[name]
        swing = max(np.ptp(one[name]), np.abs(one[name]).max())
        np.testing.assert_allclose(again, one[name], atol=1e-7 * swing, rtol=0)


# ---- behavioural components ------------------------------------------------------------------------------------------


def network(*elements, ground="0", **values):
    """A system of (label, component, nodes...)."""
    names = ["0", *dict.fromkeys(n for _, _, *nodes in elements for n in nodes if n != "0")]
    bundles, parts = [], {}
    for label, component, *nodes in elements:
        rows = pq.Sparse([[names.index(n) for n in nodes]])
        bundles.append(pq.Bundle(label, ("nodes",) * len(nodes), rows, labels=(label,)))
        parts[label] = component
    group = pq.Group("nodes", len(names), labels=tuple(names))
    return pq.System(pq.Topology((group,), tuple(bundles)), edges=parts, ground=ground, values=values)


def operating_point(system):
    return {name: float(v[0]) for name, v in ngspice.run(to_netlist(system), ".op").items()}


def source(value):
    return electrical.voltage_source(value)


@needs_ngspice
def test_op_amp_is_a_nullor():
    parts = [("V1", source(1.0), "in", "0"), ("R1", electrical.resistor(1e-3), "in", "m")]
    parts += [("R2", electrical.resistor(5e-4), "m", "out"), ("R3", electrical.resistor(1e-3), "out", "0")]
    found = operating_point(network(*parts, ("U1", electrical.ideal_op_amp(), "0", "m", "out")))
    assert found["out.v"] == pytest.approx(-2.0, rel=1e-12)
    assert abs(found["m.v"]) < 1e-12


@needs_ngspice
@pytest.mark.parametrize(("current", "voltage"), [(1e-3, 2.0), (-1e-3, -0.25), (4e-3, 3.0), (0.0, 0.0)])
def test_ideal_diodes_hold_exactly(current, voltage):
    graph = nx.path_graph(["a", "0"])
    nodes = [electrical.ideal_diode(lower=-0.25, upper=3.0), electrical.current_source(current)]
    system = pq.System.from_graph(graph, nodes={"nodes": nodes}, edges=electrical.resistor(5e-4), ground="0")
    # Bounds and sources stand at the grounded node too, where they do nothing.
    assert operating_point(system)["a.v"] == pytest.approx(voltage, abs=1e-12)


@needs_ngspice
@pytest.mark.parametrize("gate", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("channel", ["n", "p"])
def test_mosfet(gate, channel):
    sign = 1 if channel == "n" else -1
    device = electrical.mosfet(2e-3, 0.8, 0.07, 0.03, p_channel=channel == "p")
    parts = [("V1", source(5.0 * sign), "vdd", "0"), ("V2", source(gate * sign), "g", "0")]
    parts += [("R1", electrical.resistor(1e-3), "vdd", "d"), ("M1", device, "d", "g", "0")]
    drain = sign * operating_point(network(*parts))["d.v"]

    def channel_end(u):
        return (0.07 * np.logaddexp(0, (u - 0.8) / 0.07)) ** 2

    current = 1e-3 * (channel_end(gate) - channel_end(gate - drain)) * (1 + 0.03 * abs(drain))
    assert (5 - drain) * 1e-3 == pytest.approx(current, rel=1e-8)


@needs_ngspice
@pytest.mark.parametrize("control", [-1.0, 0.0, 0.05, 0.3, 2.0])
def test_switch(control):
    parts = [("V1", source(1.0), "in", "0"), ("V2", source(control), "c", "0")]
    parts += [("S1", electrical.switch(1e-2, 1e-5, 0.1, 0.05), "in", "out", "c", "0")]
    out = operating_point(network(*parts, ("R1", electrical.resistor(1e-3), "out", "0")))["out.v"]
    closed = 1 / (1 + np.exp(-(control - 0.1) / 0.05))
    g = np.exp((1 - closed) * np.log(1e-5) + closed * np.log(1e-2))
    assert out == pytest.approx(g / (g + 1e-3), rel=1e-8)


@needs_ngspice
@pytest.mark.parametrize("level", [-2.0, 0.2, 0.405, 3.0])
def test_piecewise_linear_diode(level):
    device = electrical.piecewise_linear_diode(0.1, 1e-6, 0.4, smoothing=0.01)
    parts = [("V1", source(level), "in", "0"), ("R1", electrical.resistor(10.0), "in", "a"), ("D1", device, "a", "0")]
    u = operating_point(network(*parts))["a.v"]
    above = (max(u - 0.4, 0) ** 2 - max(u - 0.41, 0) ** 2) / 0.02
    assert (level - u) * 10 == pytest.approx(1e-6 * u + (0.1 - 1e-6) * above, rel=1e-8)


@needs_ngspice
def test_linear_drift_memristor_against_scipy():
    device = electrical.linear_drift_memristor(100.0, 16e3, 1e4, start=0.3)
    system = network(("V1", source(pq.Sine(0, 1, 2)), "in", "0"), ("M1", device, "in", "0"))
    found = ngspice.run(to_netlist(system), Transient(1e-3, 1.0, from_initial=True), currents=["V1"])

    def rate(t, x):
        i = np.sin(4 * np.pi * t) / (100 * x[0] + 16e3 * (1 - x[0]))
        return [1e4 * (max(i, 0) * (1 - x[0] ** 4) + min(i, 0) * (1 - (1 - x[0]) ** 4))]

    exact = solve_ivp(rate, (0, 1), [0.3], t_eval=np.minimum(found["time"], 1.0), rtol=1e-10, atol=1e-12, max_step=0.01)
    state = found["XM1.x"]
    np.testing.assert_allclose(state, exact.y[0], atol=2e-5)
    assert np.ptp(state) > 0.05


@needs_ngspice
def test_threshold_memristor_against_scipy():
    device = electrical.threshold_memristor(1e-3, 1e-5, 1.0, 0.8, 500.0, 800.0, start=0.2)
    system = network(("V1", source(pq.Sine(0, 2, 50)), "in", "0"), ("M1", device, "in", "0"))
    found = ngspice.run(to_netlist(system), Transient(1e-5, 0.04, from_initial=True))

    def rate(t, x):
        u = 2 * np.sin(100 * np.pi * t)
        up, down = 500 * max(u - 1, 0), 800 * max(-u / 0.8 - 1, 0)
        return [up * (1 - x[0] ** 4) - down * (1 - (1 - x[0]) ** 4)]

    times = np.minimum(found["time"], 0.04)
    exact = solve_ivp(rate, (0, 0.04), [0.2], t_eval=times, rtol=1e-10, atol=1e-12, max_step=2e-4)
    np.testing.assert_allclose(found["XM1.x"], exact.y[0], atol=2e-5)
    assert np.ptp(exact.y[0]) > 0.5


@needs_ngspice
def test_josephson_junction_against_scipy():
    # In units of 2e = ħ: I_c = 1, shunted by C = 1 and g = 0.5, driven by more than its critical current.
    device = electrical.josephson_junction(1.0, flux_quantum=2 * np.pi)
    parts = [("I1", electrical.branch_current_source(1.5), "0", "a"), ("J1", device, "a", "0")]
    parts += [("C1", electrical.capacitor(1.0), "a", "0"), ("R1", electrical.resistor(0.5), "a", "0")]
    found = ngspice.run(to_netlist(network(*parts)), Transient(0.01, 20.0, from_initial=True))
    times = np.minimum(found["time"], 20.0)
    exact = solve_ivp(
        lambda t, y: [y[1], 1.5 - np.sin(y[0]) - 0.5 * y[1]], (0, 20), [0, 0], t_eval=times, rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(found["a.v"], exact.y[1], atol=2e-4 * np.ptp(exact.y[1]))
