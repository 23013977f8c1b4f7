"""Conversion from and to networkx; the oracle is networkx itself."""

import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physeq.errors import ModelError
from physeq.graph import Bundle, Dense, Group, OneToOne, Sparse, Topology, from_networkx, layered, to_networkx

CLASSES = (nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)

labels = st.one_of(st.integers(-5, 5), st.text("abc", max_size=2), st.tuples(st.integers(0, 2), st.integers(0, 2)))
values = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text("xy", max_size=2), st.none()
)
attributes = st.dictionaries(st.sampled_from(["g", "w", "pos", "note", "weight"]), values, max_size=3)


@st.composite
def graphs(draw):
    graph = draw(st.sampled_from(CLASSES))()
    nodes = draw(st.lists(labels, min_size=1, max_size=7, unique=True))
    kinds = draw(st.sampled_from([None, ["neuron"], ["neuron", "mass", "input"]]))
    for node in nodes:
        graph.add_node(node, **draw(attributes), **({"component": draw(st.sampled_from(kinds))} if kinds else {}))
    kinds = draw(st.sampled_from([None, ["spring"], ["spring", "resistor"]]))
    for source, target in draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)), max_size=12)):
        key = {"key": draw(st.sampled_from(["k", 0, 3, None]))} if graph.is_multigraph() else {}
        kind = {"component": draw(st.sampled_from(kinds))} if kinds else {}
        graph.add_edge(source, target, **key, **draw(attributes), **kind)
    graph.graph.update(draw(attributes))
    return graph


def typed(data):
    return {name: (type(value), value) for name, value in data.items()}


def assert_same(converted, graph):
    """Same nodes, edges, orders, keys, attributes (with their Python types)."""
    multi = graph if graph.is_multigraph() else nx.MultiDiGraph(graph) if graph.is_directed() else nx.MultiGraph(graph)
    assert list(converted) == list(graph)
    assert converted.graph == graph.graph
    assert [typed(data) for _, data in converted.nodes(data=True)] == [
        typed(data) for _, data in graph.nodes(data=True)
    ]
    expected = [(u, v, k, typed(data)) for u, v, k, data in multi.edges(keys=True, data=True)]
    assert [(u, v, k, typed(data)) for u, v, k, data in converted.edges(keys=True, data=True)] == expected
    if graph.number_of_edges():
        assert converted.is_directed() == graph.is_directed()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_round_trip_keeps_everything(graph):
    topology = from_networkx(graph)
    assert topology.size == graph.number_of_nodes()
    assert sum(topology.count(bundle.name) for bundle in topology.bundles) == graph.number_of_edges()
    assert_same(topology.to_networkx(), graph)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_connectivity_is_that_of_networkx(graph):
    topology = from_networkx(graph)
    label = [topology.node(k)[1] for k in range(topology.size)]
    found = {frozenset(label[k] for k in ids) for ids in topology.components()}
    assert found == {frozenset(part) for part in nx.connected_components(nx.Graph(graph))}
    assert {label[k] for k in topology.isolated()} == set(nx.isolates(graph))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_every_edge_lies_in_the_bundle_of_its_kind_and_groups(graph):
    topology = from_networkx(graph)
    seen = []
    for bundle in topology.bundles:
        sources, targets = topology.edge_arrays(bundle.name)
        first, second = (topology.group(name) for name in bundle.groups)
        seen += [(first.labels[s], second.labels[t], bundle.kind) for s, t in zip(sources, targets, strict=True)]
        assert bundle.directed == graph.is_directed()
    expected = [(u, v, kind) for u, v, kind in graph.edges(data="component")]
    if not graph.is_directed():  # the orientation of an edge without direction is free
        seen, expected = ([(*sorted(row[:2], key=repr), row[2]) for row in rows] for rows in (seen, expected))
    assert sorted(seen, key=repr) == sorted(expected, key=repr)


def test_groups_follow_the_component_of_the_nodes():
    graph = nx.Graph()
    graph.add_node("m1", component="mass", m=1)
    graph.add_node("w", component="wall")
    graph.add_node("m2", component="mass", m=2)
    topology = Topology.from_networkx(graph)
    assert [(group.name, group.kind, group.labels) for group in topology.groups] == [
        ("mass", "mass", ("m1", "m2")),
        ("wall", "wall", ("w",)),
    ]
    assert topology.group("mass").attributes["m"].tolist() == [1, 2]
    assert topology.group("mass").attributes["m"].dtype == np.int64
    assert topology.locate("m2") == ("mass", 1)


def test_bundles_are_named_by_kind_and_by_ends_only_where_needed():
    graph = nx.MultiDiGraph()
    graph.add_nodes_from("ab", component="x")
    graph.add_nodes_from("cd", component="y")
    graph.add_edge("a", "b", component="spring")
    graph.add_edge("a", "c", component="spring")
    graph.add_edge("c", "a", component="spring")
    graph.add_edge("a", "d", component="damper")
    assert [bundle.name for bundle in from_networkx(graph).bundles] == [
        "spring:x->x",
        "spring:x->y",
        "damper",
        "spring:y->x",
    ]


def test_undirected_edges_between_two_groups_share_one_orientation():
    graph = nx.Graph()
    graph.add_node(0, component="x")
    graph.add_node(1, component="y")
    graph.add_node(2, component="x")
    graph.add_edge(0, 1, g=1.0)
    graph.add_edge(1, 2, g=2.0)  # networkx yields it from y to x
    topology = from_networkx(graph)
    (bundle,) = topology.bundles
    assert bundle.groups == ("x", "y")
    assert [ends.tolist() for ends in topology.edge_arrays("edges")] == [[0, 1], [0, 0]]
    assert bundle.attributes["g"].tolist() == [1.0, 2.0]
    assert list(topology.to_networkx().edges()) == [(0, 1), (1, 2)]


def test_directed_edges_keep_their_direction_and_their_own_parameters():
    graph = nx.DiGraph()
    graph.add_nodes_from("abc")
    graph.add_edge("b", "a", w=1.0)
    graph.add_edge("a", "b", w=-2.0)
    topology = from_networkx(graph)
    pairs = zip(*(ends.tolist() for ends in topology.edge_arrays("edges")), strict=True)
    found = dict(zip(pairs, topology.bundle("edges").attributes["w"], strict=True))
    assert found == {(0, 1): -2.0, (1, 0): 1.0}


def test_a_directed_graph_may_hold_edges_without_direction():
    graph = nx.MultiDiGraph()
    graph.add_edge("a", "b", component="synapse")
    graph.add_edge("b", "a", component="synapse", directed=False)
    graph.add_edge("a", "b", component="gap", directed=False)
    topology = from_networkx(graph)
    assert [(bundle.name, bundle.directed) for bundle in topology.bundles] == [
        ("synapse:nodes->nodes", True),
        ("gap", False),
        ("synapse:nodes--nodes", False),
    ]
    assert_same(topology.to_networkx(), graph)


def test_turned_edges_without_direction_turn_back_in_a_directed_graph():
    graph = nx.MultiDiGraph()
    graph.add_node("a", component="x")
    graph.add_node("b", component="y")
    graph.add_edge("b", "a", directed=False)
    graph.add_edge("b", "a")
    topology = from_networkx(graph)
    assert [(bundle.groups, bundle.directed) for bundle in topology.bundles] == [
        (("x", "y"), False),
        (("y", "x"), True),
    ]
    assert_same(topology.to_networkx(), graph)


def test_numeric_attributes_become_arrays_and_the_rest_is_kept_aside():
    graph = nx.path_graph(3)
    graph.nodes[0].update(bias=1.5, colour="red", on=True)
    graph.nodes[1].update(bias=2, colour="blue", on=False)
    graph.nodes[2].update(colour="green", on=True)
    group = from_networkx(graph).group("nodes")
    assert set(group.attributes) == {"bias", "on"}
    np.testing.assert_array_equal(group.attributes["bias"], [1.5, 2.0, np.nan])
    assert group.attributes["on"].dtype == bool
    graph.nodes[1]["on"] = 2
    assert from_networkx(graph).group("nodes").attributes["on"].dtype == float
    assert_same(from_networkx(graph).to_networkx(), graph)


def test_positions_come_and_go():
    graph = nx.random_geometric_graph(6, 0.5, seed=1)
    topology = from_networkx(graph)
    np.testing.assert_array_equal(topology.group("nodes").positions, [graph.nodes[n]["pos"] for n in graph])
    assert_same(topology.to_networkx(), graph)
    del graph.nodes[3]["pos"]
    assert from_networkx(graph).group("nodes").positions is None
    assert_same(from_networkx(graph).to_networkx(), graph)


def test_replaced_attributes_go_back_instead_of_the_remembered_ones():
    graph = nx.Graph([(0, 1, {"g": 1, "note": "a"}), (1, 2, {"g": 2, "note": "b"})])
    topology = from_networkx(graph)
    old = topology.bundle("edges")
    new = Bundle(old.name, old.groups, old.pattern, attributes={"g": np.array([5.0, np.nan])}, origin=old.origin)
    result = Topology(topology.groups, (new,)).to_networkx()
    assert list(result.edges(data=True)) == [(0, 1, {"g": 5.0, "note": "a"}), (1, 2, {"note": "b"})]


def test_layers_with_equal_labels_are_told_apart_and_come_back():
    topology = layered([2, 1, 2])
    graph = topology.to_networkx()
    assert list(graph)[:3] == [("input", 0), ("input", 1), ("hidden", 0)]
    assert set(graph.edges()) == {(("input", i), ("hidden", 0)) for i in (0, 1)} | {
        (("hidden", 0), ("output", i)) for i in (0, 1)
    }
    back = from_networkx(graph, node_group="group", edge_bundle="bundle")
    assert [group.name for group in back.groups] == ["input", "hidden", "output"]
    assert [(bundle.name, bundle.groups) for bundle in back.bundles] == [(b.name, b.groups) for b in topology.bundles]


def test_dense_attributes_meet_their_edges():
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    pair = (Group("a", 2, labels=("a0", "a1")), Group("b", 3, labels=("b0", "b1", "b2")))
    topology = Topology(pair, (Bundle("w", ("a", "b"), Dense(), attributes={"w": weights}),))
    graph = topology.to_networkx()
    assert {(u, v): w for u, v, w in graph.edges(data="w")} == {
        (f"a{i}", f"b{j}"): weights[i, j] for i in range(2) for j in range(3)
    }


def test_bundles_of_three_ports_are_no_edges():
    topology = Topology((Group("a", 2),), (Bundle("transistor", ("a", "a", "a"), OneToOne()),))
    with pytest.raises(ModelError, match=r"'transistor' has 3 ports.*dataclasses.replace"):
        to_networkx(topology)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda g: g.nodes["a"].update(component="x"), r"nodes 'b', 'c' have no attribute 'component'.*or to none"),
        (lambda g: g.edges["a", "b"].update(component="x"), r"edges \('b', 'c'\) have no attribute 'component'"),
        (lambda g: nx.set_node_attributes(g, 3, "component"), r"node 'a': attribute 'component'.*string, got 3"),
        (lambda g: g.edges["a", "b"].update(directed=True), r"edges \('a', 'b'\) have.*use a DiGraph"),
        (lambda g: g.clear(), r"at least one node"),
        (lambda g: (nx.set_node_attributes(g, "r", "component"), nx.set_edge_attributes(g, "r", "component")), r"'r'"),
    ],
)
def test_faulty_graphs_are_refused_by_name(edit, message):
    graph = nx.Graph([("a", "b"), ("b", "c")])
    edit(graph)
    with pytest.raises(ModelError, match=message):
        from_networkx(graph)


def test_direction_marks_of_a_directed_graph_are_bools():
    with pytest.raises(ModelError, match=r"edges \(0, 1\).*directed='no'"):
        from_networkx(nx.DiGraph([(0, 1, {"directed": "no"})]))


def test_only_networkx_graphs_are_taken():
    with pytest.raises(ModelError, match=r"got list.*from_edges"):
        from_networkx([(0, 1)])


def test_a_group_has_one_kind():
    graph = nx.Graph()
    graph.add_node(0, component="x", layer="l")
    graph.add_node(1, component="y", layer="l")
    with pytest.raises(ModelError, match="group 'l' mixes the kinds 'x', 'y'"):
        from_networkx(graph, node_group="layer")


def test_large_graphs_convert_in_linear_time():
    def seconds(nodes):
        graph = nx.MultiGraph()
        graph.add_nodes_from(range(nodes), component="neuron")
        ends = np.random.default_rng(0).integers(0, nodes, (4 * nodes, 2)).tolist()
        graph.add_edges_from((u, v, {"g": 1.0}) for u, v in ends)
        start = time.process_time()
        from_networkx(graph)
        return time.process_time() - start

    assert seconds(20_000) < 3.0  # takes about 0.2 s; quadratic code would take minutes


def test_edge_names_label_the_instances_and_come_back():
    graph = nx.MultiGraph()
    graph.add_edge("a", "b", name="R1", g=1.0)
    graph.add_edge("b", "c", name="R2", g=2.0)
    net = from_networkx(graph)
    assert net.bundle("edges").labels == ("R1", "R2")
    assert net.element("R2") == ("edges", 1)
    assert net.element("R3") is None
    assert [name for _, _, name in to_networkx(net).edges(data="name")] == ["R1", "R2"]
    graph.add_edge("c", "d")
    assert from_networkx(graph).bundle("edges").labels is None  # names are labels only where every edge has one


def test_labels_of_a_bundle_are_distinct_and_complete():
    pair = Sparse([[0, 1], [1, 2]])
    with pytest.raises(ModelError, match=r"R1.*name several"):
        Bundle("wire", ("a", "a"), pair, labels=("R1", "R1"))
    with pytest.raises(ModelError, match="must name its 2 instances, got 1"):
        Topology((Group("a", 3),), (Bundle("wire", ("a", "a"), pair, labels=("R1",)),))
