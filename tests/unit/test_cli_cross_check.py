"""`physeq check SYSTEM --against ngspice`, and `physeq simulate` of netlists."""

import numpy as np
import pytest
from cli_runner import shell as shell

import physeq.netlist.answers
from physeq.cross_check import Comparison, Difference, differences
from physeq.loading import load_system
from physeq.netlist import find_ngspice

needs_ngspice = pytest.mark.skipif(
    find_ngspice() is None, reason="ngspice is not installed: apt-get install ngspice, or brew install ngspice"
)
DIVIDER = "a divider\nV1 in 0 9\nR1 in out 2k\nR2 out 0 1k\n"
FILTER = "a filter\nV1 in 0 PULSE(0 5 1u 1u)\nR1 in out 2k\nC1 out 0 1n\n.tran 0.1u 10u\n"
RELEASED = "a decay\nR1 a 0 1k\nC1 a 0 1u ic=2\n.tran 1u 1m uic\n.op\n"
FOLDER = '''"""A divider."""

import networkx as nx

import physeq as pq


def build():
    graph = nx.MultiDiGraph()
    graph.add_edge("in", "0", component="source", name="V1")
    graph.add_edge("in", "out", component="resistor", name="R1", g=1e-3)
    graph.add_edge("out", "0", component="resistor", name="R2", g=2e-3)
    parts = {"source": pq.electrical.voltage_source(3.0), "resistor": pq.electrical.resistor()}
    return pq.System.from_graph(graph, edges=parts, ground="0")


variants = {"default": pq.Variant(build, "a divider")}
'''


@pytest.fixture
def file(tmp_path):
    def write(text, name="circuit.cir"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


# ---- physeq check --against ngspice ----------------------------------------------------------------------------------


def test_without_ngspice_it_says_how_to_get_it(shell, file, monkeypatch):
    monkeypatch.setenv("PATH", "")
    path = file(DIVIDER)
    found = shell("check", path, "--against", "ngspice", status=1)
    assert "apt-get install ngspice" in found.stderr and "brew install ngspice" in found.stderr and not found.stdout
    assert "apt-get install ngspice" in shell.json("check", path, "--against", "ngspice", "--json", status=1)["error"]
    folder = file(FOLDER, "systems/divider/model.py").parent
    assert "apt-get" in shell("check", folder, "--against", "ngspice", status=1).stderr


def test_other_programs_are_wrong_use(shell, file):
    assert "ngspice" in shell("check", file(DIVIDER), "--against", "other", status=2).stderr


@needs_ngspice
def test_a_netlist_without_analyses_has_its_operating_point_compared(shell, file):
    path = file(DIVIDER)
    found = shell.json("check", path, "--against", "ngspice", "--json")
    assert {key: found[key] for key in ("system", "against", "precision", "passed")} == {
        "system": "circuit", "against": "ngspice", "precision": "double", "passed": True,
    }  # fmt: skip
    (one,) = found["comparisons"]
    assert (one["analysis"], one["limit"], one["points"], one["exponential"]) == (".op", 1e-6, 1, None)
    assert {d["name"] for d in one["differences"]} == {"in.v", "out.v", "V1.i", "R1.i", "R2.i"}
    assert all(d["relative"] < 1e-12 and d["at"] is None for d in one["differences"])
    scales = {d["name"]: d["scale"] for d in one["differences"]}
    assert scales["out.v"] == pytest.approx(3.0) and scales["R2.i"] == pytest.approx(3e-3)
    text = shell("check", path, "--against", "ngspice").stdout
    assert "out.v" in text and "limit 1e-06" in text and "passed" in text


@needs_ngspice
def test_a_limit_that_is_passed_is_status_1(shell, file, monkeypatch):
    own = physeq.netlist.answers.operating_point

    def wrong(netlist, cubic=False):
        found = own(netlist, cubic)
        return lambda name: found(name) * (1 + 2e-6 * (name == "out.v"))

    monkeypatch.setattr(physeq.netlist.answers, "operating_point", wrong)
    path = file(DIVIDER)
    found = shell.json("check", path, "--against", "ngspice", "--json", status=1)
    worst = found["comparisons"][0]["differences"][0]
    assert not found["passed"] and worst["name"] == "out.v" and worst["relative"] == pytest.approx(2e-6, rel=1e-3)
    text = shell("check", path, "--against", "ngspice", status=1).stdout
    assert "beyond" in text and "failed" in text


@needs_ngspice
def test_a_system_folder_is_exported_and_compared(shell, file):
    folder = file(FOLDER, "systems/divider/model.py").parent
    found = shell.json("check", folder, "--against", "ngspice", "--json")
    (one,) = found["comparisons"]
    assert one["variant"] == "default" and one["passed"]
    assert {d["name"] for d in one["differences"]} == {"in.v", "out.v", "V1.i", "R1.i", "R2.i"}


@needs_ngspice
def test_a_system_that_is_no_circuit_is_refused(shell):
    assert "netlist" in shell("check", "small:linear", "--against", "ngspice", status=1).stderr


def test_differences_are_relative_to_sizes_and_swings():
    pairs = {
        "a.v": (np.array([1.0, 3.0, 2.0]), np.array([1.0, 3.5, 2.0])),
        "b.v": (np.array([5.0, 5.0, 5.001]), np.array([5.0, 5.0, 5.0])),
        "R.i": (np.array([0.0, np.nan, 0.0]), np.array([0.0, 1.0, 0.0])),
    }
    axis = np.array([0.0, 0.1, 0.2])
    one, two, three = differences(pairs, axis, moving=True, floor=1e-3)
    assert (one.name, one.at) == ("R.i", 0.1) and np.isnan(one.relative)
    # b.v rests, so its scale is the floor: a thousandth of the largest swing.
    assert (two.name, two.at, two.scale) == ("b.v", 0.2, pytest.approx(2.5e-3))
    assert (three.name, three.at, three.relative) == ("a.v", 0.1, pytest.approx(0.2))
    assert not Comparison(".op", 1.0, 1, (one,)).passed and not Comparison(".op", 1.0, 1, ()).passed
    assert Difference("a.v", 0.0, 0.0).relative == 0.0 and Difference("a.v", 1.0, 0.0).relative == np.inf


# ---- physeq simulate NETLIST -----------------------------------------------------------------------------------------


def test_a_transient_card_is_the_simulation_of_a_netlist(shell, file):
    found = shell.json("simulate", file(FILTER), "--json")
    assert found["class"] == "reduced" and set(found["final"]) == {"in.v", "out.v"}
    # The response of an RC to a ramp of 1 μs that begins at 1 μs.
    t, ramp, tau = 9e-6, 1e-6, 2e-6
    exact = 5 * (1 - tau / ramp * (np.exp(ramp / tau) - 1) * np.exp(-t / tau))
    assert found["final"]["out.v"] == pytest.approx(exact, abs=1e-5)


def test_uic_starts_at_what_elements_hold(shell, file):
    found = shell.json("simulate", file(RELEASED), "--json", "--show", "a.v,C1.i")
    assert found["final"]["a.v"] == pytest.approx(2 * np.exp(-1), rel=1e-5)
    assert load_system(str(file(RELEASED))).variants["dc"].simulation is None


def test_a_netlist_without_a_transient_shows_its_operating_point(shell, file):
    path = file(DIVIDER + ".op\n")
    found = shell.json("simulate", path, "--json")
    assert found["class"] == "operating point" and found["residual"] < 1e-9
    assert found["final"] == pytest.approx({"in.v": 9, "out.v": 3, "V1.i": -3e-3, "R1.i": 3e-3, "R2.i": 3e-3})
    assert "operating point" in shell("simulate", path).stdout
    assert shell.json("simulate", path, "--json", "--show", "R2.power")["final"] == pytest.approx({"R2.power": 9e-3})
    assert "no transient" in shell("simulate", path, "--save", "a.csv", status=2).stderr
