"""Export of systems, and the way back: the same components, topology and values."""

import itertools
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import sympy as sp
from random_network import random_network

import physeq as pq
from physeq.errors import ModelError
from physeq.library import electrical
from physeq.netlist import OperatingPoint, read_netlist, to_netlist
from physeq.netlist._behaviour import NotElectrical, behaviour, library_name
from physeq.netlist._recognise import shape

CIRCUITS = sorted((Path(__file__).parent / "circuits").glob("*.cir"))


def lines_of(system, **options):
    """Element lines and definitions of an exported system, without title and .end."""
    return [line for line in to_netlist(system, **options).splitlines()[1:-1] if not line.startswith("*")]


def resistors(*edges):
    graph = nx.MultiDiGraph()
    for name, a, b, g in edges:
        graph.add_edge(a, b, name=name, g=g)
    return graph


def one_edge(component, values=None, **options):
    """A component between node "a" and ground."""
    graph = nx.MultiDiGraph([("a", "0", {"name": "z1"})])
    system = {"ground": "0", "values": {"edges": values or {}}} | options
    return pq.System.from_graph(graph, edges=component, **system)


# ---- netlist → system → netlist --------------------------------------------------------------------------------------


def assert_same_system(one, other):
    """Equal up to labels of elements: bundles by their component's terms, nodes by name, values to rounding."""
    assert [b.name for b in one.topology.bundles] == [b.name for b in other.topology.bundles]
    names = [one.topology.group("nodes").labels, other.topology.group("nodes").labels]
    for first, second in zip(one.placements, other.placements, strict=True):
        assert shape(first.component) == shape(second.component)
        ends = [
            [[labels[k] for k in row] for row in p.pattern.indices.tolist()]
            for p, labels in zip((first, second), names, strict=True)
        ]
        plain = [[[str(label).replace("#", "") for label in row] for row in rows] for rows in ends]
        assert len(plain[0]) == len(plain[1])
        if not any("#" in str(label) for labels in names for label in labels):
            assert plain[0] == plain[1]
        values, others = one.values[first.name], other.values[second.name]
        assert values.keys() == others.keys()
        for key in values:
            np.testing.assert_allclose(values[key], others[key], rtol=1e-14, atol=0)


@pytest.mark.parametrize("path", CIRCUITS, ids=lambda path: path.stem)
def test_round_trip_of_circuits(path):
    net = read_netlist(path)
    system = net.to_system()
    text = to_netlist(system, initial=net.initial, analyses=net.analyses)
    back = read_netlist(text)
    assert_same_system(system, back.to_system())
    assert [one.card() for one in back.analyses] == [one.card() for one in net.analyses]
    assert sorted(back.initial.values()) == sorted(net.initial.values())


def test_a_second_export_is_the_first_one():
    for path in CIRCUITS:
        if path.stem != "three_windings":  # its matrix is inverted twice, and differs in the last digit
            first = to_netlist(read_netlist(path).to_system(dc=False))
            assert to_netlist(read_netlist(first).to_system(dc=False), title=first.splitlines()[0]) == first


@pytest.mark.parametrize("nodes", [10, 100, 1000])
def test_round_trip_of_random_networks(nodes):
    system = read_netlist(random_network(nodes)).to_system()
    text = to_netlist(system, analyses=[OperatingPoint()])
    assert_same_system(system, read_netlist(text).to_system())


def test_printed_equations_survive_the_round_trip():
    system = read_netlist(CIRCUITS[0].parent / "rlc_ringing.cir").to_system()
    back = read_netlist(to_netlist(system)).to_system()
    equations = [str(one.derive()).split("Learning")[0].split("Equations of motion")[1] for one in (system, back)]
    assert equations[0] == equations[1] and "ψ" in equations[0]


# ---- elements --------------------------------------------------------------------------------------------------------


def test_resistances_whose_inverse_is_the_conductance():
    values = 10 ** np.random.default_rng(0).uniform(-6, 2, 200)
    graph = resistors(*((f"R{k}", f"n{k}", "0", g) for k, g in enumerate(values)))
    back = read_netlist(to_netlist(pq.System.from_graph(graph, edges=electrical.resistor(), ground="0"))).to_system()
    assert np.mean(back.values["resistor"]["g"] == values) > 0.8
    np.testing.assert_allclose(back.values["resistor"]["g"], values, rtol=3e-16)


def test_node_components():
    graph = nx.MultiGraph()
    graph.add_edge("a", "b", name="R1", g=0.5)
    nodes = [
        electrical.conductance_to(0.0, 0.25),
        electrical.conductance_to(2.0, 0.1),
        electrical.capacitor_to_ground(1e-9),
        electrical.current_source(1e-3),
    ]
    nodes[1] = pq.Node("conductance to two volts", dissipation=nodes[1].dissipation)
    system = pq.System.from_graph(graph, edges=electrical.resistor(), nodes={"nodes": nodes})
    found = lines_of(system)
    assert found == [
        "R1 a 0 4.0", "R2 b 0 4.0", "V1_level V1_level_node 0 DC 2.0", "R3 a V1_level_node 10.0",
        "R4 b V1_level_node 10.0",
        "C1 a 0 1e-09", "C2 b 0 1e-09", "I1 0 a DC 0.001", "I2 0 b DC 0.001", "R1_2 a b 2.0",
    ]  # fmt: skip


def test_diodes_to_ground_by_direction():
    graph = nx.path_graph(3)
    direction = {"nodes": {"direction": [1, 0, -1], "I_s": [1e-12, 1e-12, 1e-9]}}
    system = pq.System.from_graph(
        graph, nodes=electrical.exponential_diode_to_ground(), edges=electrical.resistor(1.0), values=direction
    )
    found = lines_of(system)
    assert found[2:4] == ["D1 n0 0 diode1", "D2 0 2 diode2"]
    assert found[0].startswith(".model diode1 D(IS=1e-12 N=0.966")


def test_held_and_driven_nodes():
    graph = nx.path_graph(["a", "b", "c", "d", "e"])
    system = pq.System.from_graph(
        graph, edges=electrical.resistor(1.0), ground="a", fixed={"b": 2.5},
        inputs={"clamped": ["c"], "driven": pq.Drive(["e", "d"])},
    )  # fmt: skip
    found = lines_of(system, inputs={"clamped": [pq.Sine(0, 1, 50)], "driven": np.array([1.0, 2.0])})
    assert found[4:] == [
        "Vfixed_b b 0 DC 2.5", "Vclamped_1 c 0 SIN(0.0 1.0 50.0 0.0 0.0 0.0)", "Idriven_1 0 e DC 1.0",
        "Idriven_2 0 d DC 2.0",
    ]  # fmt: skip
    with pytest.raises(ModelError, match="takes 2 values, got 1"):
        to_netlist(system, inputs={"driven": [1.0]})
    with pytest.raises(ModelError, match="no input 'other'"):
        to_netlist(system, inputs={"other": [1.0]})


def test_names_of_nodes_and_groups():
    system = pq.System(pq.lattice((2, 2)), edges=electrical.resistor(1.0), ground=(0, 0))
    text = to_netlist(system)
    assert "R1 0 n1_0 1.0" in text and "* node n1_0: (1, 0) of 'nodes'" in text
    layers = pq.System(pq.layered([2, 1]), edges=electrical.resistor(1.0), ground=("output", 0))
    assert lines_of(layers) == ["R1 input_0 0 1.0", "R2 input_1 0 1.0"]
    graph = resistors(("R1", "A", "a", 1.0), ("R1b", "a", "in put", 1.0), ("weird name", "in put", "0", 1.0))
    odd = lines_of(pq.System.from_graph(graph, edges=electrical.resistor(), ground="0"))
    assert odd == ["R1 A a_2 1.0", "R1b a_2 in_put 1.0", "Rweird_name in_put 0 1.0"]


def test_values_come_from_params_then_the_system_then_constant_starts():
    graph = nx.path_graph(["a", "0"])
    graph.edges["a", "0"]["name"] = "R1"
    system = pq.System.from_graph(graph, edges=electrical.resistor(0.5), ground="0")
    assert lines_of(system) == ["R1 a 0 2.0"]
    assert lines_of(system, params={"edges": {"g": np.array([0.25])}}) == ["R1 a 0 4.0"]
    random = pq.System.from_graph(graph, edges=electrical.resistor(pq.Uniform(0.1, 1.0)), ground="0")
    with pytest.raises(ModelError, match="starts at random"):
        to_netlist(random)
    with pytest.raises(ModelError, match="needs 1 values"):
        to_netlist(system, {"edges": {"g": np.ones(3)}})


def test_an_open_resistor_leaves_a_comment():
    text = to_netlist(one_edge(electrical.resistor(), {"g": [0.0]}))
    assert text.splitlines()[1] == "* open between a and 0: a conductance of 0"


WAVEFORMS = [
    (pq.DC(5.0), "DC 5.0"),
    (pq.Sine(1, 2, 3, 4, 5, 6), "SIN(1.0 2.0 3.0 4.0 5.0 6.0)"),
    (pq.Pulse(0, 1, 1e-6, 2e-6), "PULSE(0.0 1.0 1e-06 2e-06)"),
    (pq.Pulse(0, 1, 0, 0, 0, 1, 4), "PULSE(0.0 1.0 0.0 1e-15 1e-15 1.0 4.0)"),
    (pq.PiecewiseLinear([0, 1], [2, 3]), "PWL(0.0 2.0 1.0 3.0)"),
]


@pytest.mark.parametrize(("waveform", "text"), WAVEFORMS)
@pytest.mark.parametrize(
    ("make", "letter"), [(electrical.voltage_source, "V"), (electrical.branch_current_source, "I")]
)
def test_waveforms(waveform, text, make, letter):
    assert lines_of(one_edge(make(waveform))) == [f"{letter}z1 a 0 {text}"]


def test_initial_conditions():
    net = read_netlist("t\nC1 a 0 1\nL1 a 0 1\nR1 a 0 1\n")
    text = to_netlist(net.to_system(), initial={"C1.v": 1.0, "L1.i": 2.0, "a.v": 3.0})
    assert read_netlist(text).initial == {"C1.v": 1.0, "L1.i": 2.0, "a.v": 3.0}
    with pytest.raises(ModelError, match=r"'R1\.v' is no state"):
        to_netlist(net.to_system(), initial={"R1.v": 1.0})


# ---- recognised by their terms ---------------------------------------------------------------------------------------


def test_another_name_changes_nothing_and_other_terms_change_all():
    across = electrical.phi.source.dot - electrical.phi.target.dot
    g = pq.parameter("g", positive=True, initial=0.5, trainable=False)
    assert lines_of(one_edge(pq.Edge("something else", dissipation=g * across**2 / 2))) == ["Rz1 a 0 2.0"]
    cubic = lines_of(one_edge(pq.Edge("resistor", dissipation=g * across**4 / 4)))
    assert cubic[0] == ".subckt physeq_law_resistor source target params: p_g=1"
    assert cubic[-1] == "Xz1 a 0 physeq_law_resistor p_g=0.5"


def test_two_laws_of_one_name_are_two_subcircuits():
    graph = nx.MultiDiGraph()
    graph.add_edge("a", "0", component="one")
    graph.add_edge("a", "0", component="two")
    across = electrical.phi.source.dot - electrical.phi.target.dot
    laws = {key: pq.Edge("law", dissipation=across**power) for key, power in (("one", 4), ("two", 6))}
    found = lines_of(pq.System.from_graph(graph, edges=laws, ground="0"))
    assert [line.split()[1] for line in found if line.startswith(".subckt")] == ["physeq_law_law", "physeq_law_law_"]
    assert [line.split()[-1] for line in found[-2:]] == ["physeq_law_law", "physeq_law_law_"]


BEHAVIOURAL = (
    "ideal_op_amp", "piecewise_linear_diode", "josephson_junction", "linear_drift_memristor", "threshold_memristor",
    "programmed_memristor", "mosfet", "switch",
)  # fmt: skip


def placed(component, values):
    """A system of one component, each port on a node of its own, and a resistor to ground at each."""
    ports = len(component.ports)
    nodes = tuple(f"n{k}" for k in range(ports))
    topology = pq.Topology(
        (pq.Group("nodes", ports + 1, labels=("0", *nodes)),),
        (
            pq.Bundle("it", ("nodes",) * ports, pq.Sparse([list(range(1, ports + 1))]), labels=("thing",)),
            pq.Bundle("resistor", ("nodes",) * 2, pq.Sparse([[k + 1, 0] for k in range(ports)])),
        ),
    )
    return pq.System(
        topology, edges={"it": component, "resistor": electrical.resistor()}, ground="0", values={"it": values}
    )


@pytest.mark.parametrize("name", BEHAVIOURAL)
def test_behavioural_components_come_back_as_themselves(name):
    component = getattr(electrical, name)()
    values = {p.name: [0.3 + 0.1 * k] for k, p in enumerate(component.parameters)}
    text = to_netlist(placed(component, values))
    assert f".subckt physeq_{name} " in text
    back = read_netlist(text).to_system()
    assert shape(back.placement(name).component) == shape(component)
    assert {key: value.tolist() for key, value in back.values[name].items()} == values
    assert back.topology.element("Xthing") == (name, 0)


def test_starts_of_states_come_back():
    graph = nx.MultiDiGraph()
    for k in range(3):
        graph.add_edge(f"n{k}", "0", component=f"m{k}", name=f"X{k}")
    parts = {f"m{k}": electrical.linear_drift_memristor(start=start) for k, start in enumerate((0.5, 0.2, 0.2))}
    text = to_netlist(pq.System.from_graph(graph, edges=parts, ground="0"))
    back = read_netlist(text).to_system()
    found = {p.name: (p.component.internal[0].start, back.topology.bundle(p.name).labels) for p in back.placements}
    assert found == {"linear_drift_memristor": (0.5, ("X0",)), "linear_drift_memristor_2": (0.2, ("X1", "X2"))}
    junction = to_netlist(placed(electrical.josephson_junction(), {}))
    with pytest.raises(ModelError, match="josephson_junction has no start of its own for delta"):
        read_netlist(junction.replace("start_delta=0.0", "start_delta=0.5"))


def test_a_subcircuit_of_the_name_but_not_of_the_law_is_none_of_the_library():
    text = to_netlist(placed(electrical.ideal_op_amp(), {})).replace("I=V(rate_q)", "I=2*V(rate_q)")
    with pytest.raises(ModelError, match="behavioural sources"):
        read_netlist(text)


def test_every_library_component_is_exported_or_bounds():
    made = 0
    for name in dir(electrical):
        make = getattr(electrical, name)
        if not callable(make) or isinstance(make, type):
            continue
        component = make()
        if not isinstance(component, pq.Component):
            continue
        made += 1
        if len(component.ports) == 1:
            system = pq.System(pq.complete(2), nodes=component, edges=electrical.resistor())
        else:
            system = placed(component, {p.name: [0.5] for p in component.parameters})
        assert to_netlist(system).rstrip().endswith(".end")
    assert made >= 25


def test_names_that_differ_in_case_alone():
    k, big = pq.parameter("k", initial=2.0), pq.parameter("K", initial=3.0)
    across = electrical.phi.source.dot - electrical.phi.target.dot
    law = pq.Edge(
        "law", force={electrical.phi.source: -k * across**3 - big, electrical.phi.target: k * across**3 + big}
    )
    found = lines_of(one_edge(law))
    assert sorted(found[-1].split()[-2:]) == ["p_k=3.0", "p_k_=2.0"]


def test_ideal_diodes_are_complementary():
    system = pq.System.from_graph(
        nx.path_graph(["a", "b"]), nodes=electrical.ideal_diode(lower=-0.5), edges=electrical.resistor(1.0), ground="b"
    )
    assert lines_of(system)[:2] == [
        "B1_lower B1_lower_current 0 I=min(V(a)-(-0.5),V(B1_lower_current))",
        "B1_lower_flow 0 a I=V(B1_lower_current)",
    ]


REFUSED = [
    (pq.Edge("spring", potential=(pq.coordinate("x").source - pq.coordinate("x").target) ** 2), "not the flux"),
    (pq.Edge("coil", potential=(electrical.phi.source - electrical.phi.target) ** 2), "the flux of a node itself"),
    (pq.Edge("erf", force={electrical.phi.source: sp.erf(electrical.v.source), electrical.phi.target: 0}), "no erf"),
    (pq.Edge("varactor", kinetic=(electrical.v.source - electrical.v.target) ** 4), "depends on the voltage"),
    (pq.Edge("root", force={electrical.phi.source: electrical.v.source ** sp.Rational(1, 3)}), "unknown sign"),
]


@pytest.mark.parametrize(("component", "why"), REFUSED, ids=lambda value: getattr(value, "name", ""))
def test_what_a_netlist_cannot_hold_is_named(component, why):
    with pytest.raises(ModelError, match=f"'edges' \\({component.name}\\): .*{why}"):
        to_netlist(one_edge(component))


def test_all_refusals_come_at_once():
    graph = nx.MultiDiGraph()
    for name in ("one", "two"):
        graph.add_edge("a", "0", component=name)
    parts = {"one": REFUSED[2][0], "two": REFUSED[3][0]}
    with pytest.raises(ModelError, match=r"(?s)'one' \(erf\).*'two' \(varactor\)"):
        to_netlist(pq.System.from_graph(graph, edges=parts, ground="0"))


def test_a_user_component_with_states_of_every_kind():
    """A charge, a state with friction, a state that a constraint moves, a multiplier of its own, a capacitance."""
    phi = electrical.phi
    x, y, q = pq.coordinate("x", start=0.25), pq.coordinate("y"), pq.coordinate("q")
    across = phi.source.dot - phi.target.dot
    mixed = pq.Edge(
        "mixed", kinetic=3 * across**2 / 2, potential=y**2, dissipation=2 * x.dot**2,
        force={x: sp.sin(x) * across, q: 2 * q.dot - across + x, phi.source: -q.dot, phi.target: q.dot},
        constraint=(5 * y.dot - across,), internal=(x, y, q),
    )  # fmt: skip
    # friction 4 x.dot = sin(x) u;  5 y.dot = u with λ = 2 y/5;  0 = 2 q.dot − u + x;  current q.dot + λ
    assert behaviour(mixed).lines == (
        "B1 source target I=0.4*V(state_y)+V(rate_q)",
        "B2 rate_q 0 I=V(source)-2.0*V(rate_q)-V(target)-V(state_x)",
        "B3 0 state_y I=0.2*(V(source)-V(target))",
        "C4 state_y 0 1 ic={start_y}",
        "B5 0 state_x I=0.25*(V(source)-V(target))*sin(V(state_x))",
        "C6 state_x 0 1 ic={start_x}",
        "C7 source target {3.0}",
    )
    assert library_name(behaviour(mixed)) is None


def test_inertia_inside_a_component_is_refused():
    x = pq.coordinate("x")
    with pytest.raises(NotElectrical, match="inertia"):
        behaviour(pq.Edge("heavy", kinetic=x.dot**2, potential=x * electrical.v.source * 0 + x, internal=(x,)))


def test_every_pair_of_library_shapes_differs():
    shapes = [shape(getattr(electrical, name)()) for name in BEHAVIOURAL]
    assert all(a != b for a, b in itertools.combinations(shapes, 2))


# ---- small signals ---------------------------------------------------------------------------------------------------


def divider():
    graph = nx.Graph()
    graph.add_edge("in", "out", name="R1", g=1e-3)
    graph.add_edge("out", "ground", name="R2", g=2e-3)
    return pq.System.from_graph(
        graph, edges=electrical.resistor(), ground="ground", inputs={"source": ["in"], "push": pq.Drive(["out"])}
    )


def test_small_signals_stand_behind_their_sources():
    text = to_netlist(divider(), inputs={"source": [pq.Sine(0.0, 2.0, 50.0)]}, small_signal={"push": [0.5]})
    lines = text.splitlines()
    assert "Vsource_1 in 0 SIN(0.0 2.0 50.0 0.0 0.0 0.0)" in lines and "Ipush_1 0 out DC 0.0 AC 0.5" in lines


@pytest.mark.parametrize(("given", "words"), [({"sources": [1.0]}, "no input"), ({"push": [1.0, 2.0]}, "1 amplitude")])
def test_small_signals_that_do_not_fit_are_refused(given, words):
    with pytest.raises(ModelError, match=f"small_signal.*{words}"):
        to_netlist(divider(), small_signal=given)
