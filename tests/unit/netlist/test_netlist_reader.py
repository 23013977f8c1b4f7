"""What the reader makes of netlists that are right."""

import time
from pathlib import Path

import pytest

from physeq.errors import ModelError
from physeq.netlist import OperatingPoint, Sweep, Transient, read_netlist
from physeq.netlist.records import (
    Capacitor,
    Coupling,
    CurrentControlled,
    CurrentSource,
    Diode,
    Inductor,
    Resistor,
    SourceFunction,
    VoltageControlled,
    VoltageSource,
)  # fmt: skip

CIRCUITS = sorted((Path(__file__).parent / "circuits").glob("*.cir"))


def one(line, *more):
    """The record of one element line, line 2 of its netlist."""
    return read_netlist("\n".join(["title", line, *more]) + "\n").elements[0]


ELEMENTS = [
    ("R1 a 0 1k", Resistor("R1", ("a", "0"), 1000.0, 2)),
    ("rX A GND R=2k", Resistor("rX", ("A", "0"), 2000.0, 2)),
    ("R1 a b {2*3} m=2", Resistor("R1", ("a", "b"), 3.0, 2)),
    ("R1 a b -5", Resistor("R1", ("a", "b"), -5.0, 2)),
    ("C1 a b 10p IC=2", Capacitor("C1", ("a", "b"), 1e-11, 2.0, 2)),
    ("C1 a b c=10p m=3", Capacitor("C1", ("a", "b"), 3e-11, None, 2)),
    ("L1 a b 1m ic = -1m", Inductor("L1", ("a", "b"), 1e-3, -1e-3, 2)),
    ("V1 a 0 5", VoltageSource("V1", ("a", "0"), 5.0, None, 2)),
    ("V1 a 0 DC 5 AC 1 90", VoltageSource("V1", ("a", "0"), 5.0, None, 2)),
    ("V1 a 0 dc=5 ac=1", VoltageSource("V1", ("a", "0"), 5.0, None, 2)),
    ("V1 a 0", VoltageSource("V1", ("a", "0"), 0.0, None, 2)),
    ("V1 a 0 AC 1", VoltageSource("V1", ("a", "0"), 0.0, None, 2)),
    ("I1 0 a 1m", CurrentSource("I1", ("0", "a"), 1e-3, None, 2)),
    (
        "V1 a 0 2 SIN(1 2 1k)",
        VoltageSource("V1", ("a", "0"), 2.0, SourceFunction("sin", (1, 2, 1000, 0, 0, 0)), 2),
    ),
    (
        "V1 a 0 SINE 0 1 2k 1u 10 45 DC 3",
        VoltageSource("V1", ("a", "0"), 3.0, SourceFunction("sin", (0, 1, 2000, 1e-6, 10, 45)), 2),
    ),
    (
        "I1 a 0 PULSE(0 5 1u 2u 3u 4u 20u)",
        CurrentSource("I1", ("a", "0"), None, SourceFunction("pulse", (0, 5, 1e-6, 2e-6, 3e-6, 4e-6, 2e-5)), 2),
    ),
    (
        "V1 a 0 PULSE(0, 5, 1u, 2u)",
        VoltageSource("V1", ("a", "0"), None, SourceFunction("pulse", (0, 5, 1e-6, 2e-6)), 2),
    ),
    (
        "V1 a 0 PULSE(0 5 1u 2u 3u 4u)",
        VoltageSource("V1", ("a", "0"), None, SourceFunction("pulse", (0, 5, 1e-6, 2e-6, 3e-6, 4e-6)), 2),
    ),
    (
        "V1 a 0 PWL(0 0 1u {1+1}) td=1u",
        VoltageSource("V1", ("a", "0"), None, SourceFunction("pwl", (1e-6, 0, 2e-6, 2)), 2),
    ),
    ("E1 a 0 b c 10", VoltageControlled("E1", ("a", "0"), "voltage", ("b", "c"), 10.0, 2)),
    ("E1 a 0 (b, c) {5}", VoltageControlled("E1", ("a", "0"), "voltage", ("b", "c"), 5.0, 2)),
    ("G1 a 0 b c 1m", VoltageControlled("G1", ("a", "0"), "current", ("b", "c"), 1e-3, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("line", "record"), ELEMENTS)
def test_elements(line, record):
    assert one(line) == record


def test_defaults_of_pulse_and_sine_come_from_the_transient():
    net = read_netlist("t\nV1 a 0 PULSE(0 1 0 0 0 2u 9u)\nV2 b 0 SIN(0 1)\nR1 a b 1\n.tran 1n 4u\n")
    assert net.element("V1").function.numbers == (0, 1, 0, 1e-9, 1e-9, 2e-6, 9e-6)
    assert net.element("V2").function.numbers[2] == pytest.approx(2.5e5)


def test_elements_that_name_others():
    net = read_netlist("t\nF1 a 0 vs 2\nK1 l1 L2 0.5\nVS b 0\nL1 b 0 1\nl2 a 0 4\nH2 c 0 VS 3\n")
    assert net.element("f1") == CurrentControlled("F1", ("a", "0"), "current", "VS", 2.0, 2)
    assert net.element("H2").output == "voltage"
    assert net.element("K1") == Coupling("K1", ("L1", "l2"), 0.5, 3)


def test_diodes_take_their_law_from_the_model():
    model = ".model DM d(is=2f, n = 1.5)"
    diode = one("D1 a 0 dm area=3", model)
    assert diode == Diode("D1", ("a", "0"), "DM", pytest.approx(6e-15), pytest.approx(1.5 * 0.025864917), 3.0, 2)
    assert one("D1 a 0 dm 2 OFF ic=0.3", model).saturation_current == 4e-15
    assert one("D1 a 0 dm m=2", model).area == 2.0
    plain = one("D1 a 0 p", ".model p D")
    assert (plain.saturation_current, plain.thermal_voltage) == (1e-14, pytest.approx(0.02586491700715746, rel=1e-15))


def test_a_series_resistance_is_a_resistor_before_the_junction():
    net = read_netlist("t\nD1 a 0 dm 4\n.model dm D(RS=2 CJO=0 VJ=0.7 TT=0 KF=1)\n")
    assert [element.name for element in net.elements] == ["D1.rs", "D1"]
    assert net.elements[0].nodes == ("a", "D1#internal") and net.elements[0].resistance == 0.5
    assert net.elements[1].nodes == ("D1#internal", "0")


def test_cards():
    net = read_netlist(
        "t\nV1 a 0 1\nI2 0 a 1\nR1 a 0 1\n.op\n.dc V1 0 5 0.5 i2 0 1m {1m/2}\n.tran 1n 1u 0 2n UIC\n"
        ".options reltol=1e-5 method=gear noacct temp=50\n.ic V(A)={2*2}\n.title another\n"
    )
    inner = Sweep("V1", 0.0, 5.0, 0.5, Sweep("i2", 0.0, 1e-3, 5e-4, None, 6), 6)
    assert net.analyses == (OperatingPoint(5), inner, Transient(1e-9, 1e-6, 0.0, 2e-9, True, 7))
    assert inner.card() == ".dc V1 0.0 5.0 0.5 i2 0.0 0.001 0.0005"
    assert net.analyses[2].card() == ".tran 1e-09 1e-06 0.0 2e-09 uic"
    assert dict(net.options) == {"reltol": 1e-5, "method": "gear", "noacct": True}
    assert net.temperature == 50.0 and net.title == "another"
    assert dict(net.initial) == {"a.v": 4.0}


def test_initial_conditions_by_quantity():
    net = read_netlist("t\nC1 out 0 1 ic=2\nL1 out 0 1 ic=3\nR1 out 0 1\n.ic v(OUT)=1\n")
    assert dict(net.initial) == {"out.v": 1.0, "C1.v": 2.0, "L1.i": 3.0}


def test_the_title_is_never_an_element():
    net = read_netlist("R1 a 0 1k\nR2 a 0 2k\n")
    assert [element.name for element in net.elements] == ["R2"] and net.title == "R1 a 0 1k"
    assert net.notes == (
        "line 1: the first line is the title of a netlist; this one looks like an element and is not read",
    )


def test_lines_comments_and_case():
    net = read_netlist(CIRCUITS[0].parent / "syntax.cir")
    assert net.nodes == ("0", "IN", "OUT", "tail")
    assert net.parameters == {"big": 1e6, "small": 2200.0, "third": 1000.0, "quarter": 550.0}
    assert [net.element(name).resistance for name in ("RLOAD", "r2", "R3", "R5")] == [4700.0, 2000.0, 2200.0, 2.0]
    assert net.element("v_in").dc == 4.0
    assert [note.split(":")[0] for note in net.notes] == ["line 22", "line 15", "line 16", "line 17"]


def test_what_has_no_effect_is_noted_by_line():
    net = read_netlist(
        "t\nR1 a 0 1\n.ac dec 10 1 1k\n.model q1 npn(bf=100)\n.control\nrun\nplot v(a)\n.endc\n.meas tran x\n"
    )
    assert [note.split(": ")[0] for note in net.notes] == ["line 5", "line 3", "line 9", "line 4"]


def test_quantities_of_elements_that_are_part_of_others():
    net = read_netlist("t\nV1 a b 0\nF1 0 c v1 2\nH1 d 0 V2 1\nV2 e 0 1\nL1 a 0 1\nL2 c 0 1\nK1 L2 L1 .5\nR1 a X.y 1\n")
    assert net.quantity("v1.i") == "F1.cp.i"
    assert net.quantity("V2.i") == "V2.i"  # it has a value, so that it stays an element of its own
    assert (net.quantity("l1.i"), net.quantity("L2.i")) == ("K1.p1.i", "K1.p2.i")
    assert (net.quantity("r1.I".replace("I", "i")), net.quantity("x.Y.v"), net.quantity("R1.v")) == (
        "R1.i",
        "X.y.v",
        "R1.v",
    )
    for wrong in ("nothing.i", "R1", "V1.v"):
        with pytest.raises(ModelError, match=r"no element|no quantity"):
            net.quantity(wrong)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_netlist(tmp_path / "none.cir")
    (tmp_path / "binary.cir").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="UTF-8"):
        read_netlist(tmp_path / "binary.cir")
    with pytest.raises(ModelError, match="no elements"):
        read_netlist("only a title\n")


@pytest.mark.parametrize("path", CIRCUITS, ids=lambda path: path.stem)
def test_every_circuit_is_read_and_is_a_system(path):
    net = read_netlist(path)
    system = net.to_system()
    assert system.name == path.stem
    assert system.topology.group("nodes").size >= len(net.nodes)
    labelled = {label for bundle in system.topology.bundles for label in bundle.labels}
    plain = [e.name for e in net.elements if not isinstance(e, Inductor | Coupling | VoltageSource | CurrentControlled)]
    assert set(plain) <= labelled


def test_ten_thousand_lines_take_less_than_two_seconds():
    lines = ["large", ".param r=1k"]
    for k in range(2500):
        lines += [f"R{k} n{k} n{k + 1} {{r*{k + 1}}}", f"C{k} n{k} 0 10p ic=0.5", f"D{k} n{k} 0 dm"]
        lines.append(f"V{k} m{k} n{k} PULSE(0 1 1n 1n 1n 10n 20n)")
    text = "\n".join([*lines, ".model dm D(is=1e-14 n=1.2)", ".tran 1n 10n"])
    start = time.process_time()
    net = read_netlist(text)
    assert time.process_time() - start < 2.0
    assert len(net.elements) == 10_000 and net.element("R2499").resistance == 2.5e6
