"""Circuits in physeq and in ngspice: operating points to 1e-6 of their size, transients to 1e-4 of their swing."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import networkx as nx
import numpy as np
import pytest
from random_network import random_network
from system_files import SYSTEMS, model

import physeq as pq
from physeq.compile.motion import pattern_of
from physeq.cross_check import cross_check
from physeq.cross_check_system import cross_check_system
from physeq.errors import ModelError
from physeq.netlist import OperatingPoint, Transient, find_ngspice, read_netlist, to_netlist
from physeq.netlist.answers import answers, cubic_diode
from physeq.netlist.records import Diode, Resistor
from physeq.netlist.starts import starting_state

CIRCUITS = Path(__file__).parents[1] / "unit" / "netlist" / "circuits"
NAMES = sorted(path.stem for path in CIRCUITS.glob("*.cir"))
# Every kind of element and analysis is in one of these; the others take as long again.
QUICK = (
    "damped_sine", "diode_curve", "diode_ring", "divider", "global_supply", "half_wave_rectifier",
    "initial_conditions", "multiples", "negative_resistance", "syntax", "temperature", "transformer",
)  # fmt: skip
# Those that come back with other names, sensed currents, waveforms and currents in inductors.
ROUND = ("diode_ring", "initial_conditions", "pwl_current", "sensed_currents", "subcircuit_filter", "three_windings")
needs_ngspice = pytest.mark.skipif(
    find_ngspice() is None, reason="ngspice is not installed: apt-get install ngspice, or brew install ngspice"
)


def quick(name, *names):
    return pytest.param(name, marks=() if name in names else pytest.mark.slow)


@cache
def circuit(name):
    return read_netlist(CIRCUITS / f"{name}.cir")


def assert_agree(comparisons, limits=(1e-6, 1e-4)):
    assert comparisons
    for one in comparisons:
        limit = limits[one.analysis.startswith(".tran")]
        assert one.differences
        for difference in one.differences:
            assert difference.relative <= limit, (one.analysis, difference)


# ---- netlists --------------------------------------------------------------------------------------------------------


@needs_ngspice
@pytest.mark.parametrize("name", [quick(name, *QUICK) for name in NAMES])
def test_circuits(name):
    net = circuit(name)
    found = cross_check(net)
    assert [one.analysis for one in found] == [one.card() for one in net.analyses]
    assert_agree(found)
    for one in found:
        compared = {difference.name for difference in one.differences}
        assert compared >= {f"{node}.v" for node in net.nodes[1:] if "#" not in node}
        assert compared >= {f"{element.name}.i" for element in net.elements if isinstance(element, Resistor)} - {
            f"{element.name}.rs.i" for element in net.elements if isinstance(element, Diode)
        }
    # Only where diodes block, one behind the other, does ngspice's cubic count.
    assert [name for one in found if one.exponential is not None] == ["diode_curve"] * (name == "diode_curve")


@needs_ngspice
@pytest.mark.parametrize("nodes", [10, 100, 1000])
def test_random_networks_of_resistors_and_diodes(nodes):
    net = read_netlist(random_network(nodes))
    (found,) = cross_check(net)
    assert len(found.differences) == len(net.nodes) - 1 + len(net.elements)
    assert_agree([found])


@needs_ngspice
def test_nested_sweeps():
    net = read_netlist(
        "t\nV1 a 0 0\nI1 0 b 0\nR1 a b 1k\nD1 b 0 d\nVs c 0 0\nR2 c b 2k\nF1 0 e Vs 3\nR3 e 0 100\n"
        ".model d D(IS=1e-12)\n.dc Vs 1 2 0.5 I1 -1m 1m 1m\n"
    )
    found = cross_check(net)
    assert [one.points for one in found] == [9]
    assert_agree(found)


@needs_ngspice
def test_another_resistance_is_noticed():
    net = circuit("diode_ring")
    changed = replace(net, elements=tuple(replace(e, resistance=100.01) if e.name == "R1" else e for e in net.elements))
    (found,) = cross_check(changed)
    assert not found.passed and found.differences[0].relative > 1e-5


@needs_ngspice
def test_nodes_between_blocking_diodes_float_on_gmin():
    """Without gmin nothing would say where b is: the currents of both diodes are I_s and g_min v."""
    text = "t\nV1 a 0 -9\nD1 a b d\nD2 b c d\nR1 c 0 1k\n.model d D(IS=1e-15)\n.options gmin=1n\n.op\n"
    net = read_netlist(text)
    assert_agree(cross_check(net))
    # Two times 1/g_min in series with R1.
    assert answers(net, OperatingPoint(), None)("R1.i")[0] == pytest.approx(-9 / (2e9 + 1e3), rel=1e-5)


def test_gmin_survives_the_round_trip():
    net = circuit("diode_ring")
    assert net.leak == 1e-12
    system = net.to_system()
    assert system.values["leaking_diode"]["g_min"].tolist() == [1e-12] * 4
    text = to_netlist(system)
    assert ".options gmin=1e-12" in text.splitlines()
    assert read_netlist(text).leak == 1e-12
    ideal = pq.electrical.exponential_diode(1e-12, 0.025)
    pure = to_netlist(pq.System.from_graph(nx.path_graph(["a", "0"]), edges=ideal, ground="0"))
    assert ".options gmin=0.0" in pure.splitlines()
    back = read_netlist(pure).to_system()
    assert [placement.component.dissipation for placement in back.placements] == [ideal.dissipation]
    mixed = dict(system.values["leaking_diode"], g_min=np.array([1e-9, 1e-12, 1e-12, 1e-12]))
    text = to_netlist(system, {"leaking_diode": mixed})
    (extra,) = [element for element in read_netlist(text).elements if element.name == "RD1_leak"]
    assert extra.nodes == ("1", "3") and 1 / extra.resistance == pytest.approx(1e-9 - 1e-12)


def test_the_cubic_diode_joins_the_exponential():
    diode = pq.electrical.exponential_diode()
    known = {p: {"I_s": 2.0, "V_t": 0.5}[p.name] for p in diode.parameters}
    phi = pq.electrical.phi
    force = cubic_diode(diode).force[phi.target].xreplace(known)
    across = phi.source.dot

    def extra(u):
        return float(force.subs({across: 0.5 * u, phi.target.dot: 0}))

    assert extra(4.0) == 0 and extra(-2.999) == pytest.approx(0, abs=1e-15)
    for u in (-3.5, -5.0, -20.0):
        assert extra(u) == pytest.approx(-2 * (1 + (3 / (np.e * u)) ** 3) - 2 * (np.exp(u) - 1), rel=1e-12)
        assert abs(extra(u)) < 0.005 * 2


# ---- starts ----------------------------------------------------------------------------------------------------------


def start_of(text):
    net = read_netlist(text)
    card = next(one for one in net.analyses if isinstance(one, Transient))
    return starting_state(net, card, net.to_system(dc=False).motion())


def test_starts_of_coupled_inductors_and_floating_capacitors():
    text = "t\nL1 a 0 1m ic=2\nL2 b 0 4m ic=-1\nK1 L1 L2 0.5\nR1 a 0 1\nR2 b 0 1\nC1 a b 1u ic=3\n.tran 1u 1m uic\n"
    start = start_of(text)
    m = 0.5 * 2e-3
    assert start["mutual_inductance"]["psi_1"] == pytest.approx([2 * 1e-3 - m])
    assert start["mutual_inductance"]["psi_2"] == pytest.approx([2 * m - 4e-3])
    v = dict(zip(("0", "a", "b"), start["nodes"]["v"], strict=True))
    assert v["a"] - v["b"] == 3.0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("R1 a 0 1\nC1 a 0 1u ic=2\nC2 0 a 1u ic=1\n.tran 1u 1m uic", r"contradict each other around a loop .*C2"),
        ("V1 a 0 5\nR1 a b 1\nC1 b 0 1u\n.ic v(a)=2\n.tran 1u 1m", r"\.ic holds a\.v, and no operating point has"),
    ],
)
def test_starts_that_cannot_be_are_refused(lines, message):
    with pytest.raises(ModelError, match=message):
        start_of(f"t\n{lines}\n")


@needs_ngspice
@pytest.mark.parametrize(
    "lines",
    [
        "V1 in 0 2\nR1 in a 1k\nR2 a b 3k\nR3 b 0 1k\nC1 a b 1u\nC2 b 0 2u\n.ic v(b)=-1\n.tran 1u 2m",
        pytest.param(
            "L1 a 0 1m ic=2\nL2 b 0 4m ic=-1\nK1 L1 L2 0.5\nR1 a 0 1\nR2 b 0 1\n.tran 1u 5m uic", marks=pytest.mark.slow
        ),
    ],
)
def test_held_nodes_and_coupled_starts(lines):
    assert_agree(cross_check(read_netlist(f"t\n{lines}\n")))


# ---- the way through a netlist ---------------------------------------------------------------------------------------


def dense(bound, values):
    pattern = pattern_of(bound.layout)
    found = np.zeros((bound.layout.size,) * 2)
    np.add.at(found, (pattern.rows, pattern.columns), np.asarray(values))
    return found


@pytest.mark.parametrize("name", [*(quick(name, *ROUND) for name in NAMES), 100])
def test_export_and_import_keep_the_compiled_equations(name):
    """f, ∂f/∂y and M at a random point, unknowns by name."""
    net = circuit(name) if isinstance(name, str) else read_netlist(random_network(name))
    back = read_netlist(to_netlist(net.to_system(dc=False)))
    bounds = [
        motion.bind(motion.init_parameters(jax.random.key(0)))
        for motion in (each.to_system(dc=False).motion() for each in (net, back))
    ]
    names, others = (bound.layout.names() for bound in bounds)
    # Two circuits have elements that get another name, with the letter of their kind; they keep their order.
    renamed = iter([label for label in others if label not in names])
    order = [others.index(label if label in others else next(renamed)) for label in names]
    assert sorted(order) == list(range(len(others)))
    assert sorted(names) == sorted(others) or name in ("subcircuit_filter", "three_windings")
    y = 0.1 * np.random.default_rng(0).normal(size=len(names))
    across = np.zeros_like(y)
    across[order] = y
    points = [jax.numpy.asarray(x) for x in (y, across)]
    for values in (
        [np.diag(bound.field(1.3e-5, x)) for bound, x in zip(bounds, points, strict=True)],
        [dense(bound, bound.jacobian(1.3e-5, x)) for bound, x in zip(bounds, points, strict=True)],
        [dense(bound, bound.mass()) for bound in bounds],
    ):
        first, second = values[0], values[1][np.ix_(order, order)]
        np.testing.assert_allclose(second, first, rtol=1e-12, atol=1e-13 * np.abs(first).max())


# ---- systems ---------------------------------------------------------------------------------------------------------


@needs_ngspice
@pytest.mark.parametrize(
    ("name", "variant"),
    [("rlc_ladder", "pulse"), pytest.param("diode_rectifier", "bridge", marks=pytest.mark.slow)],
)
def test_systems(name, variant):
    one = model(name).variants[variant]
    assert_agree(cross_check_system(one.build(), one.simulation))


def test_states_inside_components_start_where_they_are_told():
    graph = nx.MultiDiGraph([("a", "0", {"name": "M1"}), ("a", "0", {"name": "M2"})])
    device = pq.electrical.linear_drift_memristor(100.0, 16e3, 1e4, start=0.3)
    system = pq.System.from_graph(graph, edges=device, ground="0")
    lines = [line for line in to_netlist(system, initial={"M2.x": 0.75}).splitlines() if line.startswith("X")]
    assert [line.split("start_x=")[1].split()[0] for line in lines] == ["0.3", "0.75"]
    with pytest.raises(ModelError, match=r"'M3\.x' is no state"):
        to_netlist(system, initial={"M3.x": 0.5})


@needs_ngspice
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.parent.name for path in SYSTEMS.glob("*/model.py")))
def test_every_electrical_system(name):
    """All variants that have a motion to show and that a netlist holds."""
    for key, variant in model(name).variants.items():
        if variant.simulation is None:
            continue
        try:
            found = cross_check_system(variant.build(), variant.simulation)
        except ModelError as error:
            assert "a netlist cannot hold these components" in str(error), (key, error)
            continue
        assert_agree(found)
