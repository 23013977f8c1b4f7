"""What is wrong with a netlist is told with its line number, all of it in one message."""

import pytest

from physeq.errors import ModelError
from physeq.netlist import read_netlist

# One faulty line, which is line 3 of its netlist, and what the message says of it.
LINES = [
    ("R2 a", "R2 has no resistance; write RNAME NODE NODE VALUE"),
    ("V2 a", "V2: two nodes should stand behind"),
    ("R2 a 0", "R2 has no resistance"),
    ("R2 a 0 0", "resistance of 0; join its nodes"),
    ("R2 a 0 1k5", "'1k5' is not a number"),
    ("R2 a 0 1k 2k", "'2k' stands behind the resistance"),
    ("R2 a 0 rmod", "'rmod' stands where a number should"),
    ("R2 a 0 p", "'p' is a parameter; write {p}"),
    ("R2 a 0 {q}", "parameter 'q' is not defined"),
    ("R2 a 0 {p", "a brace or quote has no partner"),
    ("R2 a 0 'p", "a brace or quote has no partner"),
    ("R2 a 0 {1/(p-1)}", "divides by zero"),
    ("R2 a 0 1k tc1=0.1", "tc1=0.1 is not supported"),
    ("R2 a 0 1k m=0", "more than none"),
    ("R2 a 0 r=", "r= has no value"),
    ("R2 a 0 = = 5", "0= has no value"),
    ("R2 = a = 5", "'=' has no name before it"),
    ("R2 a 0 1e999", "too large"),
    ("R1 a 0 1k", "'R1' is the name of an element in line 2 already"),
    ("C2 a 0 0", "capacitance of 0; it must be positive"),
    ("C2 a 0 -1n", "must be positive"),
    ("C2 a 0 cmod 1n", "'1n' stands behind the capacitance"),
    ("L2 a 0 0", "inductance of 0"),
    ("K1 L1 L2", "write K L1 L2 COEFFICIENT"),
    ("K1 L1 L2 1.5", "between -1 and 1"),
    ("V2 a 0 1 2", "'2' stands behind the value of the source"),
    ("V2 a 0 DC", "DC has no value"),
    ("V2 a 0 EXP(0 1 0 1 2 1)", "source function EXP is not supported"),
    ("V2 a 0 SIN(1)", "SIN takes 2 to 6 numbers"),
    ("V2 a 0 SIN(0 1)", "frequency of SIN is not given and comes from the transient, but there is no .tran"),
    ("V2 a 0 SIN(0 1 1k -1)", "delay of SIN must not be negative"),
    ("V2 a 0 SIN(0 1 1k", "a parenthesis has no partner"),
    ("V2 a 0 PULSE(1)", "PULSE takes 2 to 7 numbers"),
    ("V2 a 0 PULSE(0 1)", "rise time of PULSE is not given"),
    ("V2 a 0 PULSE(0 1 0 1n 1n 1n 5n 2)", "got 8"),
    ("V2 a 0 PULSE(0 1 -1n 1n)", "must not be negative"),
    ("V2 a 0 PWL(0 1 2)", "pairs of time and value, got 3"),
    ("V2 a 0 PWL(0 1 0 2)", "must increase"),
    ("V2 a 0 PWL(0 1 1 2) r=0", "repeats"),
    ("V2 a 0 PULSE(0 1 0 1n) SIN(0 1 1k)", "one function of time"),
    ("I2 a 0 {V(a)*2}", "behavioural"),
    ("D1 a 0", "D1 has no model"),
    ("D1 a 0 none", "there is no model 'none'"),
    ("D1 a 0 dm 2 3", "a diode has two nodes, a model and an area"),
    ("D1 a 0 dm area=0", "area of 0"),
    ("E1 a 0 b c", "E1 should be written ENAME NODE NODE CONTROL CONTROL GAIN"),
    ("E1 a 0 POLY(1) b c 0 1", "POLY is not supported"),
    ("E1 a 0 value={V(a)}", "behavioural source"),
    ("G1 a 0 TABLE {V(a)}", "TABLE is not supported"),
    ("F1 a 0 R1 2", "refers to 'R1', which is no voltage source"),
    ("F1 a 0 V9 2", "refers to 'V9'"),
    ("H1 a 0 V9", "H1 should be written HNAME NODE NODE VSOURCE GAIN"),
    ("B1 a 0 V={1}", "behavioural sources (B) are not supported"),
    ("M1 d g s b nmos", "MOS transistors (M) are not supported"),
    ("Q1 c b e npn", "bipolar transistors (Q) are not supported"),
    ("S1 a b c d sw", "switches (S) are not supported"),
    ("?1 a b", "names no element"),
    ("X1", "names no subcircuit"),
    ("X1 a b none", "there is no subcircuit 'none'"),
    (".include models.lib", ".include reads another file"),
    (".lib tt", ".lib reads another file"),
    (".func f(x) {x}", "the card .func is not supported"),
    (".ends", ".ends has no .subckt"),
    (".param", "written name=value"),
    (".param 5", "written name=value"),
    (".param a =", "an expression is empty"),
    (".param p=2", "parameter 'p' is defined already in line 4"),
    (".model dm", "written .model NAME TYPE"),
    (".model DM D(is=1)", "model 'DM' is defined already"),
    (".tran 1n", "written .tran STEP STOP"),
    (".tran 0 1u", "step > 0"),
    (".dc V1 0 1", "written .dc SOURCE START STOP STEP"),
    (".dc V1 0 1 -0.1", "never ends"),
    (".dc TEMP 0 1 0.1", "over a V or I source"),
    (".ic a=1", "written .ic V(NODE)=VALUE"),
    (".ic V(b)=1", "there is no node 'b'"),
    (".ic V(0)=1", "ground is at 0 V"),
    (".temp -300", "does not exist"),
    (".temp 1 2", "one of them"),
    (".options scale=1e-6", "changes what numbers mean"),
    (".control", ".control has no .endc"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), LINES)
def test_every_fault_is_told_with_its_line(line, message):
    text = f"title\nR1 a 0 1k\n{line}\n.param p=1\n.model dm D(IS=1f)\n"
    if line.startswith((".param p", ".model DM")):  # the later of two definitions is at fault
        text = f"title\nR1 a 0 1k\n.param q=1\n{line}\n"
        text = text.replace(line, ".param p=1\n.model dm D(IS=1f)\n" + line)
        with pytest.raises(ModelError, match=r"line 6: .*defined already in line"):
            read_netlist(text)
        return
    with pytest.raises(ModelError) as raised:
        read_netlist(text)
    first, told, quoted, *_ = str(raised.value).splitlines()
    assert first.startswith("netlist: 1 problem")
    assert told.startswith("  line 3: ") and message in told
    assert quoted.strip() == line


MODELS = [
    ("BV=100", "BV=100 changes the diode"),
    ("CJO=1p", "CJO=1p changes the diode"),
    ("TT=1n", "TT=1n"),
    ("IKF=1", "IKF=1"),
    ("LEVEL=3", "LEVEL=3"),
    ("IS=0", "must be positive"),
    ("N=-1", "must be positive"),
    ("IS={nothing}", "'nothing' is not defined"),
    ("1e-14", "stands where parameter=value should"),
]


@pytest.mark.parametrize(("parameters", "message"), MODELS)
def test_faults_of_models_are_told_once_at_their_own_line(parameters, message):
    with pytest.raises(ModelError) as raised:
        read_netlist(f"t\nD1 a 0 dm\nD2 a 0 dm\n.model dm D({parameters})\n")
    assert "1 problem in" in str(raised.value) and "line 4: " in str(raised.value) and message in str(raised.value)


def test_models_of_other_types_are_at_fault_only_where_used():
    assert read_netlist("t\nR1 a 0 1\n.model q npn\n").notes == ("line 3: no element uses model 'q'",)
    with pytest.raises(ModelError, match="line 3: models of type npn are not supported"):
        read_netlist("t\nD1 a 0 q\n.model q npn\n")


def test_all_faults_come_in_one_message_in_order():
    with pytest.raises(ModelError) as raised:
        read_netlist("t\nR1 a 0\nR2 a 0 1k\nB1 a 0 V=1\n.param x={y}\n.foo\nC1 a 0 {x}\nC2 a 0 {x}\n")
    message = str(raised.value)
    assert message.startswith("netlist: 4 problems in this netlist")
    assert [line.split(":")[0].strip() for line in message.splitlines()[1::2]] == [
        "line 2",
        "line 4",
        "line 5",
        "line 6",
    ]


def test_a_fault_in_a_subcircuit_is_told_once_whatever_its_instances():
    with pytest.raises(ModelError, match="1 problem in this netlist\n  line 4: "):
        read_netlist("t\nX1 a s\n.subckt s p\nR1 p 0\n.ends\nX2 b s\nX3 c s\n")


def test_couplings_of_what_is_no_inductor():
    with pytest.raises(ModelError) as raised:
        read_netlist("t\nR1 a 0 1\nL1 a 0 1\nK1 L1 R1 .5\nK2 L3 L1 .5\n")
    assert "line 4: K1 refers to 'R1', which is no inductor" in str(raised.value)
    assert "line 5: K2 refers to 'L3', which is no inductor" in str(raised.value)


def test_a_continuation_without_a_line():
    with pytest.raises(ModelError, match="line 2: continues a line"):
        read_netlist("t\n+ 5\nR1 a 0 1\n")


def test_a_continued_line_is_told_with_the_number_of_its_first():
    with pytest.raises(ModelError, match=r"line 2: 'x' stands behind the resistance"):
        read_netlist("t\nR1 a 0\n* between\n+ 1k\n+ x\n")


def test_control_blocks_that_change_the_circuit():
    with pytest.raises(ModelError, match=r"line 4: 'alter' in \.control changes the circuit"):
        read_netlist("t\nR1 a 0 1\n.control\nalter R1 = 2\nrun\n.endc\n")


def test_circuits_without_ground():
    with pytest.raises(ModelError, match="no element touches ground"):
        read_netlist("t\nR1 a b 1\nV1 a b 1\n").to_system()


def test_couplings_without_positive_energy():
    inductors = "t\nL1 a 0 1\nL2 b 0 1\nL3 c 0 1\n"
    with pytest.raises(ModelError, match=r"K1 \(line 5\) have no positive energy"):
        read_netlist(inductors + "K1 L1 L2 1\n").to_system()
    with pytest.raises(ModelError, match="no positive energy"):
        read_netlist(inductors + "K1 L1 L2 .9\nK2 L2 L3 .9\nK3 L1 L3 -.9\n").to_system()
    with pytest.raises(ModelError, match="K2 in line 6 couples L2 and L1, which K1 in line 5 couples already"):
        read_netlist(inductors + "K1 L1 L2 .5\nK2 L2 L1 .5\n").to_system()
    with pytest.raises(ModelError, match="couples L1 with itself"):
        read_netlist(inductors + "K1 L1 l1 .5\n")
