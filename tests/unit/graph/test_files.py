"""Topologies as JSON and GraphML: back unchanged, and malformed files refused where they are wrong."""

import dataclasses
import json
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physeq.errors import ModelError
from physeq.graph import (
    Bundle,
    Dense,
    Group,
    OneToOne,
    Sparse,
    Topology,
    complete,
    crossbar,
    from_json,
    from_networkx,
    lattice,
    layered,
    random_geometric,
    read_graphml,
    read_json,
    small_world,
    to_json,
    to_networkx,
    write_graphml,
    write_json,
)  # fmt: skip

CLASSES = (nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)
MADE = [
    layered([3, 4, 2]), layered([2, 2], bidirected=True), lattice((3, 4), periodic=True), complete(5, directed=True),
    crossbar(2, 3), small_world(12, 4, 0.3, seed=0), random_geometric(15, 0.4, seed=1, dims=3),
]  # fmt: skip


def assert_same(one, other):
    """Equal groups, bundles and graph attributes, with their types."""
    assert one.graph_attributes == other.graph_attributes
    for first, second in zip(one.groups, other.groups, strict=True):
        assert (first.name, first.size, first.labels, first.kind) == (
            second.name,
            second.size,
            second.labels,
            second.kind,
        )
        assert [type(label) for label in first.labels] == [type(label) for label in second.labels]
        assert_arrays(first.attributes, second.attributes)
        assert (first.positions is None) == (second.positions is None)
        if first.positions is not None:
            np.testing.assert_array_equal(first.positions, second.positions)
    for first, second in zip(one.bundles, other.bundles, strict=True):
        told = [(b.name, b.groups, b.kind, b.directed, b.labels) for b in (first, second)]
        assert told[0] == told[1]
        ends = [np.stack(t.edge_arrays(first.name)).tolist() for t in (one, other)]
        assert ends[0] == ends[1]
        assert_arrays(first.attributes, second.attributes)


def assert_arrays(one, other):
    assert list(one) == list(other)
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_array_equal(one[name], other[name])


def typed(data):
    return {name: (type(value), value) for name, value in data.items()}


def assert_same_graph(one, other):
    assert type(one) is type(other) and one.graph == other.graph
    assert [(n, typed(d)) for n, d in one.nodes(data=True)] == [(n, typed(d)) for n, d in other.nodes(data=True)]
    edges = [
        sorted(((u, v, k, sorted(typed(d).items())) for u, v, k, d in g.edges(keys=True, data=True)), key=str)
        for g in (one, other)
    ]
    assert edges[0] == edges[1]


# ---- JSON ------------------------------------------------------------------------------------------------------------

labels = st.one_of(
    st.integers(-5, 5), st.text("ab'\"é", max_size=2), st.tuples(st.integers(0, 2), st.text("x", max_size=1))
)
scalars = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text("xy\n<&", max_size=3)
)
anything = st.recursive(
    st.one_of(scalars, st.none(), st.complex_numbers(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.tuples(inner), st.dictionaries(st.text("k", max_size=1), inner)
    ),
    max_leaves=4,
)  # fmt: skip


@st.composite
def graphs(draw, values):
    attributes = st.dictionaries(st.sampled_from(["g", "w", "note", "pos", "name"]), values, max_size=3)
    graph = draw(st.sampled_from(CLASSES))()
    nodes = draw(st.lists(labels, min_size=1, max_size=6, unique=True))
    kinds = draw(st.sampled_from([None, ["neuron"], ["neuron", "mass"]]))
    for node in nodes:
        graph.add_node(node, **draw(attributes), **({"component": draw(st.sampled_from(kinds))} if kinds else {}))
    kinds = draw(st.sampled_from([None, ["spring"], ["spring", "wire"]]))
    for source, target in draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)), max_size=8)):
        key = {"key": draw(st.sampled_from(["k", 0, 3]))} if graph.is_multigraph() else {}
        kind = {"component": draw(st.sampled_from(kinds))} if kinds else {}
        graph.add_edge(source, target, **key, **draw(attributes), **kind)
    graph.graph.update(draw(st.dictionaries(st.text("g", min_size=1, max_size=2), values, max_size=2)))
    return graph


SLOW = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(graphs(anything))
def test_json_keeps_every_graph(graph):
    topology = from_networkx(graph)
    text = to_json(topology)
    back = from_json(text)
    assert_same(topology, back)
    assert to_json(back) == text
    assert_same_graph(to_networkx(topology), to_networkx(back))


@pytest.mark.parametrize("topology", MADE, ids=range(len(MADE)))
def test_json_keeps_what_constructors_make(topology, tmp_path):
    write_json(topology, tmp_path / "graph.json")
    back = read_json(tmp_path / "graph.json")
    assert_same(topology, back)
    assert [type(b.pattern) for b in back.bundles] == [type(b.pattern) for b in topology.bundles]


def test_json_keeps_components_of_many_ports_values_and_their_types():
    group = Group("nodes", 3, labels=("a", "b", "0"), attributes={"on": np.array([True, False, True])})
    bundle = Bundle(
        "amplifier", ("nodes",) * 3, Sparse([[0, 1, 2], [2, 1, 0]]), kind="op-amp", labels=("U1", "U2"),
        attributes={"gain": np.array([math.nan, math.inf]), "count": np.array([1, 2], np.uint8)},
    )  # fmt: skip
    one = OneToOne()
    topology = Topology((group, Group("empty", 1)), (bundle, Bundle("pair", ("nodes", "nodes"), one)))
    topology = dataclasses.replace(topology, graph_attributes={"z": np.array([1 + 2j, math.inf]), "n": np.float32(0.5)})
    back = from_json(to_json(topology))
    assert back.bundle("amplifier").labels == ("U1", "U2")
    assert_arrays(topology.bundle("amplifier").attributes, back.bundle("amplifier").attributes)
    assert_arrays(topology.group("nodes").attributes, back.group("nodes").attributes)
    assert back.graph_attributes["z"].tolist() == [1 + 2j, complex(math.inf, 0)]
    assert json.loads(to_json(topology))["graph_attributes"]["dict"][0][1]["array"]["values"][0] == [1.0, 2.0]


def test_json_lets_new_numbers_count_and_not_the_remembered_ones():
    graph = nx.Graph([("a", "b", {"g": 1})])
    topology = from_networkx(graph)
    (edges,) = topology.bundles
    changed = dataclasses.replace(topology, bundles=(dataclasses.replace(edges, attributes={"g": np.array([2.5])}),))
    assert next(iter(to_networkx(from_json(to_json(changed))).edges(data=True)))[2] == {"g": 2.5}
    assert next(iter(to_networkx(from_json(to_json(topology))).edges(data=True)))[2] == {"g": 1}


def test_json_refuses_what_it_cannot_keep():
    with pytest.raises(ModelError, match=r"group 'nodes': label: .*frozenset"):
        to_json(Topology((Group("nodes", 1, labels=(frozenset((1,)),)),)))
    with pytest.raises(ModelError, match=r"bundle 'edges': attribute 'note': .*object"):
        to_json(from_networkx(nx.Graph([(0, 1, {"note": object()})])))

    class Ring(OneToOne):
        pass

    with pytest.raises(ModelError, match="no pattern Ring"):
        to_json(Topology((Group("a", 2),), (Bundle("b", ("a", "a"), Ring()),)))


def good():
    graph = nx.MultiDiGraph()
    graph.add_node("a", pos=(0.0, 1.0), note=1j)
    graph.add_node("b", pos=(1.0, 1.0))
    graph.add_edge("a", "b", key="k", g=2, name="R1")
    return json.loads(to_json(from_networkx(graph)))


def change(document, path, value):
    *before, last = path
    for key in before:
        document = document[key]
    document[last] = value


EDGE, NODE = ("bundles", 0), ("groups", 0)
WRONG = [
    ((), [], r"^file must be an object, got \[\]"),
    (("format",), "other", "file: format must be 'physeq-graph', got 'other'"),
    (("schema",), 2, "file: schema must be 1; another version"),
    (("groups",), {}, "file: groups must be a list"),
    (("extra",), 1, "file: the key 'extra' is unknown"),
    (("graph_attributes",), 5, "file: graph_attributes must be a dict"),
    (("graph_attributes", "dict"), [[1]], r"graph_attributes\.dict\[0\] must be a pair"),
    (("graph_attributes", "dict"), [[[1], 2]], r"graph_attributes\.dict\[0\]\[0\] must be something that can be a key"),
    (("graph_attributes",), {"date": 1}, "must be one of tuple, float"),
    (("graph_attributes",), {"dict": [], "x": 1}, "object of one key"),
    ((*NODE, "size"), "2", r"groups\[0\]\.size must be int, got '2'"),
    ((*NODE, "size"), True, r"groups\[0\]\.size must be int"),
    ((*NODE, "size"), 3, r"groups\[0\]: group 'nodes': labels must name its 3 nodes, got 2"),
    ((*NODE, "labels"), ["a", "a"], r"groups\[0\]: .*name several nodes"),
    ((*NODE, "labels"), ["a", [1]], r"groups\[0\]: .*must be hashable"),
    ((*NODE, "kind"), 5, r"groups\[0\]\.kind must be str or null"),
    ((*NODE, "name"), "", r"groups\[0\]: group: name must be a non-empty string"),
    ((*NODE, "positions", "shape"), [3, 2], r"groups\[0\]\.positions\.values must be as many as its shape \[3, 2\]"),
    ((*NODE, "positions", "shape"), [-1, -4], r"positions\.values must be as many"),
    ((*NODE, "positions", "values", 1), "x", r"groups\[0\]\.positions\.values must hold numbers"),
    ((*NODE, "positions", "dtype"), "object", r"groups\[0\]\.positions\.dtype must be the name of a type of numbers"),
    ((*NODE, "positions", "dtype"), "nothing", r"positions\.dtype must be the name"),
    ((*NODE, "origin", "order"), [0], r"groups\[0\]\.origin\.columns\[0\]\[2\] must be 1 values"),
    ((*NODE, "origin", "order", 0), 2**80, r"groups\[0\]\.origin\.order must number"),
    ((*NODE, "origin", "columns", 0, 0), "other", r"origin\.columns\[0\] stands for numbers that are not among"),
    ((*NODE, "origin", "columns", 0), [1], r"origin\.columns\[0\] must be \[name, numeric, values\]"),
    ((*NODE, "origin", "columns", 1, 2, 0, "complex"), [1], r"\[2\]\[0\]\.complex must hold pairs \[re, im\]"),
    ((*EDGE, "groups"), ["nodes", "none"], "joins groups 'none', which do not exist"),
    ((*EDGE, "groups"), [1, 2], r"bundles\[0\]\.groups\[0\] must be str"),
    ((*EDGE, "pattern", "kind"), "ring", r"bundles\[0\]\.pattern\.kind must be one of dense, one-to-one, sparse"),
    ((*EDGE, "pattern", "kind"), "dense", r"bundles\[0\]\.pattern: the key 'indices' is unknown"),
    ((*EDGE, "pattern", "indices", 0), [0, "1"], r"bundles\[0\]\.pattern\.indices\[0\] must be 2 integers"),
    ((*EDGE, "pattern", "indices", 0), [0, 2**40], r"indices\[0\] must be 2 integers"),
    ((*EDGE, "pattern", "indices", 0), [0, 7], "instance 0 touches node 7"),
    ((*EDGE, "directed"), 1, r"bundles\[0\]\.directed must be bool, got 1"),
    ((*EDGE, "attributes", "g", "values"), [1.5], r"bundles\[0\]\.attributes\.g\.values\[0\] must be int, got 1.5"),
    ((*EDGE, "attributes", "g", "values"), [2**70], r"attributes\.g\.values must fit int64"),
    ((*EDGE, "attributes", "g"), None, r"attributes\.g must be an object"),
    ((*EDGE, "labels"), ["R1", "R2"], "labels must name its 1 instances, got 2"),
    ((*EDGE, "origin", "flipped"), ["no"], r"bundles\[0\]\.origin\.flipped\[0\] must be bool"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_malformed_json_is_refused_where_it_is_wrong(path, value, message):
    document = good()
    if path:
        change(document, path, value)
    else:
        document = value
    with pytest.raises(ModelError, match=message):
        from_json(json.dumps(document), "file")


@pytest.mark.parametrize("key", ["format", "schema", "groups", "bundles", "graph_attributes"])
def test_missing_keys_are_named(key):
    document = good()
    del document[key]
    with pytest.raises(ModelError, match=f"file: the key '{key}' is missing"):
        from_json(json.dumps(document), "file")


def test_texts_that_are_no_json(tmp_path):
    with pytest.raises(ModelError, match=r"is no JSON: .* in line 2, column 2"):
        from_json('{\n "')
    with pytest.raises(ModelError, match="holds NaN, which is no JSON"):
        from_json('{"a": NaN}')
    with pytest.raises(ModelError, match="nested too deeply"):
        from_json("[" * 200_000)
    with pytest.raises(ModelError, match="cannot be read"):
        read_json(tmp_path / "none.json")


@SLOW
@given(st.data())
def test_no_damage_of_a_file_escapes_as_another_error(data):
    """Whatever is put in the place of any value, the answer is a topology or a ModelError."""
    document = good()
    here, key = [document], 0
    while isinstance(here[key], list | dict) and here[key] and data.draw(st.integers(0, 5)):
        here, key = (
            here[key],
            data.draw(st.sampled_from(list(here[key]) if isinstance(here[key], dict) else range(len(here[key])))),
        )
    here[key] = data.draw(
        st.sampled_from([None, True, -1, 2**80, 0.5, "x", [], [1], {}, {"tuple": 1}, {"float": "inf"}])
    )
    try:
        assert isinstance(from_json(json.dumps(document)), Topology)
    except ModelError as error:
        assert str(error).startswith("JSON")


# ---- GraphML ---------------------------------------------------------------------------------------------------------


@SLOW
@given(graphs(scalars))
def test_graphml_keeps_every_graph_of_plain_values(tmp_path_factory, graph):
    topology = from_networkx(graph)
    path = tmp_path_factory.getbasetemp() / "graph.graphml"
    write_graphml(topology, path)
    back = read_graphml(path)
    assert_same(topology, back)
    assert_same_graph(to_networkx(topology), to_networkx(back))


@pytest.mark.parametrize("topology", MADE, ids=range(len(MADE)))
def test_graphml_keeps_what_constructors_make(topology, tmp_path):
    write_graphml(topology, tmp_path / "g.graphml")
    back = read_graphml(tmp_path / "g.graphml")
    assert_same(topology, back)
    assert_same_graph(to_networkx(topology), to_networkx(back))


def test_graphml_keeps_positions_labels_and_missing_numbers(tmp_path):
    group = Group("nodes", 2, labels=(("a", 1), 7), positions=[[0, 1.5, 2], [1, 2, 3]], attributes={"m": [math.nan, 2]})
    bundle = Bundle("wires", ("nodes", "nodes"), Sparse([[1, 0], [1, 0]]), labels=("R1", "R2"))
    topology = Topology((group,), (bundle,))
    write_graphml(topology, tmp_path / "g.graphml")
    assert_same(topology, read_graphml(tmp_path / "g.graphml"))


def test_graphml_of_other_programs(tmp_path):
    graph = nx.DiGraph()
    graph.add_node(1, mass=2.0)
    graph.add_edge(1, 20, weight=3.0)
    nx.write_graphml(graph, tmp_path / "g.graphml")
    plain = read_graphml(tmp_path / "g.graphml")
    assert plain.group("nodes").labels == ("1", "20") and plain.bundle("edges").directed
    numbered = read_graphml(tmp_path / "g.graphml", node_type=int)
    assert numbered.group("nodes").labels == (1, 20)
    assert numbered.bundle("edges").attributes["weight"].tolist() == [3.0]
    assert numbered.group("nodes").attributes["mass"][0] == 2.0
    nx.write_graphml(nx.Graph([("a", "b")]), tmp_path / "h.graphml")
    with pytest.raises(ModelError, match="its nodes are no int"):
        read_graphml(tmp_path / "h.graphml", node_type=int)


def test_graphml_defaults_of_keys_count(tmp_path):
    (tmp_path / "g.graphml").write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<key id="k" for="node" attr.name="m" attr.type="double"><default>1.5</default></key>'
        '<graph edgedefault="undirected"><node id="a"><data key="k">2.5</data></node><node id="b"/></graph></graphml>'
    )
    assert read_graphml(tmp_path / "g.graphml").group("nodes").attributes["m"].tolist() == [2.5, 1.5]


def test_graphml_names_all_that_it_cannot_keep(tmp_path):
    graph = nx.Graph()
    graph.add_node("a", note=None, z=1j)
    graph.add_edge("a", "b", points=[1, 2], bad="\x00", ok=1)
    with pytest.raises(ModelError) as raised:
        write_graphml(from_networkx(graph), tmp_path / "g.graphml")
    message = str(raised.value)
    for told in (
        "node 'a': attribute 'note' = None",
        "node 'a': attribute 'z' = 1j",
        "attribute 'points' = [1, 2]",
        "XML cannot",
    ):
        assert told in message
    assert not (tmp_path / "g.graphml").exists()
    write_graphml(from_networkx(graph), tmp_path / "g.graphml", omit=["note", "z", "points", "bad"])
    assert read_graphml(tmp_path / "g.graphml").bundle("edges").attributes["ok"].tolist() == [1]
    many = from_networkx(nx.complete_graph(8))
    many = dataclasses.replace(
        many, bundles=(dataclasses.replace(many.bundle("edges"), labels=tuple((k,) for k in range(28))),)
    )
    with pytest.raises(ModelError, match="and 8 more"):
        write_graphml(many, tmp_path / "g.graphml")


def test_graphml_refuses_components_of_many_ports(tmp_path):
    topology = Topology((Group("n", 3),), (Bundle("t", ("n", "n", "n"), Sparse([[0, 1, 2]])),))
    with pytest.raises(ModelError, match="bundle 't' has 3 ports"):
        write_graphml(topology, tmp_path / "g.graphml")


@pytest.mark.parametrize("text", ["", "no xml", "<graphml/>", "<a><b></a>", '{"json": 1}'])
def test_files_that_are_no_graphml(text, tmp_path):
    (tmp_path / "g.graphml").write_text(text)
    with pytest.raises(ModelError, match="is no GraphML that can be read"):
        read_graphml(tmp_path / "g.graphml")
    with pytest.raises(ModelError, match="cannot be read"):
        read_graphml(tmp_path / "none.graphml")


DAMAGE = [
    ("<data key=\"{number}\">1</data>", "<data key=\"{number}\">0</data>", "physeq_number = 0 stands twice"),
    ("<data key=\"{number}\">1</data>", "<data key=\"{number}\">5</data>", "are not numbered 0 to 1"),
    ("<data key=\"{number}\">1</data>", "", "physeq_number must be an integer, got None"),
    ("<data key=\"{group}\">0</data>", "<data key=\"{group}\">9</data>", "physeq_group must lie below 1, got 9"),
    ("\"nodes\": \"string\"", "\"nodes\": \"odd\"", "nodes must be 'string', 'integer' or 'json'"),
    ("\"nodes\": \"string\"", "\"nodes\": \"integer\"", "not written as integer"),
    ("\"paired\": false", "\"paired\": true", "paired is said, but not all nodes are pairs"),
    ("\"labelled\": false", "\"labelled\": true", "labelled is said"),
    ("\"positions\": false", "\"positions\": true", "positions is said"),
    ("{{\"groups\"", "{{\"grops\"", "the key 'groups' is missing"),
    ("{{\"groups\"", "{{groups\"", "is no JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "message"), DAMAGE)
def test_damaged_marks_are_named(before, after, message, tmp_path):
    write_graphml(from_networkx(nx.Graph([("a", "b")])), tmp_path / "g.graphml")
    text = (tmp_path / "g.graphml").read_text().replace("&quot;", '"')
    keys = {}
    for piece in text.split("<key ")[1:]:
        name = piece.split('attr.name="')[1].split('"')[0]
        keys[name.removeprefix("physeq_")] = piece.split('id="')[1].split('"')[0]
    found, wanted = before.format(**keys), after.format(**keys)
    assert found in text
    (tmp_path / "g.graphml").write_text(text.replace(found, wanted, 1))
    with pytest.raises(ModelError, match=message):
        read_graphml(tmp_path / "g.graphml")


def test_dense_patterns_come_back_from_graphml_as_edges(tmp_path):
    write_graphml(crossbar(2, 2), tmp_path / "g.graphml")
    back = read_graphml(tmp_path / "g.graphml").bundle("rows->columns")
    assert isinstance(back.pattern, Sparse) and isinstance(crossbar(2, 2).bundle("rows->columns").pattern, Dense)
