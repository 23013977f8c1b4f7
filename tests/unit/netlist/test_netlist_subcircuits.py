"""Subcircuits: laid out flat, with parameters of their own and of those who call them."""

import pytest

from physeq.errors import ModelError
from physeq.netlist import read_netlist
from physeq.netlist.records import CurrentControlled, Diode, Resistor


def flat(text):
    return {element.name: element for element in read_netlist("t\n" + text).elements}


def test_names_and_nodes_are_paths():
    found = flat("X1 a b s\n.subckt s p q\nR1 P m 1\nR2 m q 2\nR3 m 0 3\n.ends\n")
    assert list(found) == ["X1.R1", "X1.R2", "X1.R3"]
    assert found["X1.R1"] == Resistor("X1.R1", ("a", "X1.m"), 1.0, 4)
    assert found["X1.R2"].nodes == ("X1.m", "b")
    assert found["X1.R3"].nodes == ("X1.m", "0")


def test_nested_instances():
    found = flat(".subckt outer a\nX1 a inner\n.subckt inner a\nR1 a mid 1\nR2 mid 0 1\n.ends\n.ends\nXtop n outer\n")
    assert list(found) == ["Xtop.X1.R1", "Xtop.X1.R2"]
    assert found["Xtop.X1.R1"].nodes == ("n", "Xtop.X1.mid")


def test_an_inner_definition_is_seen_inside_alone_and_before_others():
    found = flat(
        ".subckt s a\nR1 a 0 1\n.ends\n.subckt outer a\n.subckt s a\nR1 a 0 2\n.ends\nX1 a s\n.ends\n"
        "X1 n outer\nX2 n s\n"
    )
    assert (found["X1.X1.R1"].resistance, found["X2.R1"].resistance) == (2.0, 1.0)
    with pytest.raises(ModelError, match="line 7: there is no subcircuit 'deep'"):
        flat(".subckt outer a\n.subckt deep a\nR1 a 0 1\n.ends\n.ends\nX1 n deep\nR2 n 0 1\n")


def test_parameters_defaults_overrides_and_what_they_are_made_of():
    found = flat(
        ".param base=10\nX1 n s\nX2 n s r={base*2} k='3'\nX3 n s params: k=2\n"
        ".subckt s p params: r={base} k=1 sum={r+k}\n.param half={r/2}\n"
        "R1 p 0 {r*k}\nR2 p 0 {half}\nR3 p 0 {sum}\n.ends\n"
    )
    values = {name: element.resistance for name, element in found.items()}
    assert [values[f"X1.R{k}"] for k in (1, 2, 3)] == [10.0, 5.0, 11.0]
    assert [values[f"X2.R{k}"] for k in (1, 2, 3)] == [60.0, 10.0, 23.0]
    assert [values[f"X3.R{k}"] for k in (1, 2, 3)] == [20.0, 5.0, 12.0]


def test_missing_parameters_are_those_of_the_caller_as_in_ngspice():
    # ngspice 39 gives 2 for this netlist, the value where the instance stands, and not the outermost 1.
    found = flat(
        ".param a=1\n.subckt outer p\n.param a=2\nX1 p inner\n.ends\n.subckt inner p\nR1 p 0 {a}\n.ends\nX0 n outer\n"
    )
    assert found["X0.X1.R1"].resistance == 2.0


def test_models_and_references_inside():
    found = flat(
        ".model d D(IS=1f)\nX1 n s is=3f\nX2 n s is=4f\nD1 n 0 d\n"
        ".subckt s p params: is=1f\n.model d D(IS={is})\nD1 p q d\nVs q 0 0\nF1 p 0 Vs 2\n.ends\n"
    )
    currents = [found[name].saturation_current for name in ("X1.D1", "X2.D1", "D1")]
    assert currents == [3e-15, 4e-15, 1e-15]
    assert isinstance(found["X1.D1"], Diode) and isinstance(found["X2.F1"], CurrentControlled)
    assert found["X2.F1"].control == "X2.Vs"


def test_global_nodes_are_the_same_everywhere():
    found = flat(".global vdd\nX1 n s\nR0 VDD 0 1\n.subckt s p\nR1 p vdd 1\nR2 p gnd 1\n.ends\n")
    assert found["X1.R1"].nodes[1].lower() == "vdd" == found["R0"].nodes[0].lower()
    assert found["X1.R1"].nodes[1] == found["R0"].nodes[0]
    assert found["X1.R2"].nodes[1] == "0"


FAULTS = [
    ("X1 a s\n.subckt s p q\nR1 p q 1\n.ends", "line 2: X1 gives 1 nodes, but subcircuit 's' of line 3 has 2"),
    ("X1 a s z=1\n.subckt s p\nR1 p 0 1\n.ends", "line 2: subcircuit 's' has no parameter 'z'; it has none"),
    ("X1 a s z=1\n.subckt s p params: b=1 a=2\nR1 p 0 1\n.ends", "has no parameter 'z'; it has a, b"),
    ("X1 a s\n.subckt s p\nX1 p s\nR1 p 0 1\n.ends", "line 4: subcircuit 's' holds itself"),
    ("X1 a s\n.subckt s p\nX1 p u\n.ends\n.subckt u p\nX1 p s\nR1 p 0 1\n.ends", "holds itself"),
    ("X1 a s\n.subckt s p\nR1 p 0 1", "line 3: subcircuit 's' has no .ends"),
    ("X1 a s\n.subckt s p\nR1 p 0 1\n.ends t", "line 5: .ends t stands where subcircuit 's' of line 3 ends"),
    ("R1 a 0 1\n.subckt s p p\nR1 p 0 1\n.ends", "line 3: subcircuit 's' names a node twice"),
    ("R1 a 0 1\n.subckt s p 0\nR1 p 0 1\n.ends", "line 3: subcircuit 's': ground is everywhere"),
    ("R1 a 0 1\n.subckt s p\n.ends\n.subckt S q\n.ends", "line 5: subcircuit 'S' is defined already in line 3"),
    ("R1 a 0 1\n.subckt\n.ends", "line 3: a subcircuit is written"),
    ("X1 a s\n.subckt s p\n.tran 1 2\nR1 p 0 1\n.ends", "line 4: .tran does not stand inside a subcircuit"),
    ("X1 a s\n.subckt s p\nR1 p 0 {w}\n.ends", "line 4: parameter 'w' is not defined"),
    ("X1 a s m=2\n.subckt s p\nR1 p 0 1\n.ends", "has no parameter 'm'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults(text, message):
    with pytest.raises(ModelError) as raised:
        flat(text + "\n")
    assert message in str(raised.value)


def test_nesting_has_a_limit():
    definitions = [f".subckt s{k} p\nX1 p s{k + 1}\n.ends" for k in range(60)]
    with pytest.raises(ModelError, match="nested deeper than 50 levels"):
        flat("\n".join(["X1 a s0", *definitions, ".subckt s60 p", "R1 p 0 1", ".ends", ""]))


def test_empty_instances_count_too(monkeypatch):
    monkeypatch.setattr("physeq.netlist._flatten._MOST_ELEMENTS", 1000)
    definitions = [f".subckt s{k} p\n" + "".join(f"X{i} p s{k + 1}\n" for i in range(10)) + ".ends" for k in range(40)]
    with pytest.raises(ModelError, match="more than 1000 elements"):
        flat("\n".join(["X1 a s0", *definitions, ".subckt s40 p", ".ends", ""]))


def test_a_few_lines_may_not_ask_for_more_elements_than_memory_holds(monkeypatch):
    monkeypatch.setattr("physeq.netlist._flatten._MOST_ELEMENTS", 1000)
    definitions = [f".subckt s{k} p\n" + "".join(f"X{i} p s{k + 1}\n" for i in range(10)) + ".ends" for k in range(9)]
    with pytest.raises(ModelError, match="more than 1000 elements"):
        flat("\n".join(["X1 a s0", *definitions, ".subckt s9 p", "R1 p 0 1", ".ends", ""]))
