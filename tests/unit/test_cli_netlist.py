"""`physeq netlist` and netlists as SYSTEM of other commands."""

import json

import networkx as nx
import numpy as np
import pytest
from cli_runner import shell as shell

from physeq.errors import ModelError
from physeq.graph import read_graphml, read_json
from physeq.loading import load_system
from physeq.netlist import read_netlist

TEXT = """a filter
V1 in 0 DC 1 PULSE(0 5 1u 1u)
R1 in out 2k
C1 out 0 1n ic=0.5
.print tran v(out)
.tran 1u 10u
"""


@pytest.fixture
def circuit(tmp_path):
    path = tmp_path / "filter.cir"
    path.write_text(TEXT)
    return path


def test_import_tells_what_a_netlist_holds(shell, circuit):
    found = shell("netlist", "import", circuit)
    assert "a filter" in found.stdout and "Resistor: 1" in found.stdout and ".tran 1e-06 1e-05" in found.stdout
    assert "line 5: .print asks for output" in found.stderr
    assert shell.json("netlist", "import", circuit, "--json") == {
        "schema": 1, "file": str(circuit), "title": "a filter", "nodes": 3,
        "elements": {"VoltageSource": 1, "Resistor": 1, "Capacitor": 1}, "analyses": [".tran 1e-06 1e-05 0.0"],
        "initial": {"C1.v": 0.5}, "notes": ["line 5: .print asks for output and is not read"], "written": [],
    }  # fmt: skip


def test_import_makes_a_system_folder_that_runs(shell, circuit, tmp_path):
    shell("netlist", "import", circuit, "-o", tmp_path / "systems" / "filter")
    assert (tmp_path / "systems" / "filter" / "circuit.cir").read_text() == TEXT
    system = load_system("filter")
    assert list(system.variants) == ["default", "dc"]
    assert next(p.name for p in system.variant("default").build().placements) == "voltage_source_step"
    assert system.variant("dc").build().values["voltage_source"]["V"].tolist() == [1.0]
    again = shell("netlist", "import", circuit, "-o", tmp_path / "systems" / "filter", status=2)
    assert "exists already" in again.stderr


def test_import_makes_graph_files(shell, circuit, tmp_path):
    shell("netlist", "import", circuit, "-o", tmp_path / "f.json")
    shell("netlist", "import", circuit, "-o", tmp_path / "f.graphml")
    for graph in (read_json(tmp_path / "f.json"), read_graphml(tmp_path / "f.graphml")):
        assert graph.element("R1") == ("resistor", 0)
        assert graph.bundle("resistor").attributes["g"].tolist() == [5e-4]
        assert graph.group("nodes").labels == ("0", "in", "out")
    wrong = shell("netlist", "import", circuit, "-o", tmp_path / "f.txt", status=2)
    assert "name a folder" in wrong.stderr


def test_import_of_faulty_and_missing_files(shell, tmp_path):
    (tmp_path / "bad.cir").write_text("t\nR1 a 0\nQ1 a b c d\n")
    bad = shell("netlist", "import", tmp_path / "bad.cir", status=1)
    assert "line 2: R1 has no resistance" in bad.stderr and "line 3: bipolar" in bad.stderr
    assert "no such file" in shell("netlist", "import", tmp_path / "none.cir", status=2).stderr
    assert "error" in json.loads(shell("netlist", "import", tmp_path / "bad.cir", "--json", status=1).stdout)


def test_a_netlist_is_a_system_of_other_commands(shell, circuit):
    assert "3 nodes in 1 group, 3 elements in 3 bundles" in shell("derive", circuit).stdout
    dc = shell("derive", f"{circuit}:dc", "--format", "json").stdout
    assert json.loads(dc)["variant"] == "dc"
    assert "dc" in shell("derive", f"{circuit}:ac", status=2).stderr
    with pytest.raises(ModelError, match="dc"):
        load_system(f"{circuit}:ac")
    assert "netlist (.cir)" in shell("derive", "none.cir", status=2).stderr


def test_export_of_a_netlist_is_the_netlist_again(shell, circuit, tmp_path):
    text = shell("netlist", "export", circuit).stdout
    assert text.splitlines()[0] == "filter: a filter"
    assert [e.name for e in read_netlist(text).elements] == ["V1", "R1", "C1"]
    shell("netlist", "export", f"{circuit}:dc", "-o", tmp_path / "out" / "dc.cir")
    assert read_netlist(tmp_path / "out" / "dc.cir").element("V1").dc == 1.0
    assert "name it .cir" in shell("netlist", "export", circuit, "-o", tmp_path / "x.txt", status=2).stderr


MODEL = """
import networkx as nx
import physeq as pq


def build():
    graph = nx.path_graph(["a", "b", "c"])
    resistor = pq.electrical.resistor(pq.Uniform(0.5, 2.0))
    source = pq.electrical.current_source(1e-3)
    return pq.System.from_graph(graph, edges=resistor, nodes=source, ground="a", inputs=["c"])


variants = {"default": pq.Variant(build, "two resistors")}
"""


def test_export_of_a_system_with_random_starts(shell, tmp_path):
    (tmp_path / "systems" / "two").mkdir()
    (tmp_path / "systems" / "two" / "model.py").write_text(MODEL)
    first, again, other = (shell("netlist", "export", "two", "--seed", seed).stdout for seed in (0, 0, 1))
    assert first == again != other
    values = [read_netlist(first).element(name).resistance for name in ("R1", "R2")]
    assert all(0.5 <= 1 / value <= 2.0 for value in values)
    shell("netlist", "export", "two", "-o", tmp_path / "two.graphml")
    graph = nx.read_graphml(tmp_path / "two.graphml")
    np.testing.assert_allclose(sorted(1 / d["g"] for _, _, d in graph.edges(data=True)), sorted(values))
    assert [data["I"] for _, data in graph.nodes(data=True)] == [1e-3] * 3


def test_what_cannot_be_exported_is_named(shell):
    found = shell("netlist", "export", "small", status=1)
    assert "a netlist cannot hold these components" in found.stderr
