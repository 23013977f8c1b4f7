import copy
import pickle

import numpy as np
import pytest

from physeq.errors import ModelError
from physeq.graph import Bundle, Dense, Group, OneToOne, Sparse, Topology, from_edges, lattice, layered


def two_groups(*bundles):
    return Topology((Group("a", 3, labels=("x", "y", "z")), Group("b", 2, labels=("y", "w"))), bundles)


def test_node_ids_run_through_the_groups():
    net = two_groups()
    assert (net.size, net.offset("a"), net.offset("b")) == (5, 0, 3)
    assert [net.node(k) for k in range(5)] == [("a", "x"), ("a", "y"), ("a", "z"), ("b", "y"), ("b", "w")]
    with pytest.raises(ModelError, match="node id 5 does not exist"):
        net.node(5)


def test_labels_are_located_and_disambiguated():
    net = two_groups()
    assert net.locate("z") == ("a", 2) and net.locate("w") == ("b", 1)
    assert net.locate(("a", "y")) == ("a", 1) and net.locate(("b", "y")) == ("b", 0)
    with pytest.raises(ModelError, match=r"'y' is ambiguous: the groups 'a', 'b'.*\('a', 'y'\)"):
        net.locate("y")
    assert lattice((2, 2)).locate((1, 0)) == ("nodes", 2)
    assert lattice((2, 2)).locate(("nodes", (1, 0))) == ("nodes", 2)


def test_unknown_labels_suggest_near_ones():
    with pytest.raises(ModelError, match=r"no node '3'; did you mean 3\?"):
        from_edges([0], [1], 5).locate("3")
    with pytest.raises(ModelError, match=r"no node 'anode'; did you mean 'node'"):
        Topology((Group("g", 2, labels=("node", "other")),)).locate("anode")
    with pytest.raises(ModelError, match=r"no node \['q'\]; its nodes are 'x', 'y', 'z', 'y', 'w'"):
        two_groups().locate(["q"])


def test_unknown_names_list_the_known():
    with pytest.raises(ModelError, match=r"no group 'hiden'; the groups are 'input', 'output'"):
        layered([1, 1]).group("hiden")
    with pytest.raises(ModelError, match=r"no bundle 'w'; the bundles are 'input->output'"):
        layered([1, 1]).bundle("w")


def test_components_follow_bundles_of_any_kind():
    net = Topology(
        (Group("a", 3), Group("b", 3), Group("c", 2), Group("d", 1)),
        (
            Bundle("pairs", ("a", "b"), OneToOne()),
            Bundle("triple", ("a", "b", "c"), Sparse([[0, 1, 0]])),
            Bundle("loop", ("d", "d"), Sparse([[0, 0]])),
        ),
    )
    assert [ids.tolist() for ids in net.components()] == [[0, 1, 3, 4, 6], [2, 5], [7], [8]]
    assert [ids.tolist() for ids in net.components(["triple"])] == [[0, 4, 6], [1], [2], [3], [5], [7], [8]]
    assert net.isolated().tolist() == [7]
    assert net.isolated(["pairs"]).tolist() == [6, 7, 8]
    with pytest.raises(ModelError, match="no bundle 'tripel'"):
        net.components(["tripel"])


def test_links_of_a_dense_bundle_are_few_and_connect_all():
    net = layered([300, 200])
    assert len(net.links()) == 500
    assert [ids.tolist() for ids in net.components()] == [list(range(500))]


def test_arrays_are_read_only_copies():
    given = np.array([1.0, 2.0])
    group = Group("g", 2, attributes={"x": given}, positions=[[0, 1], [2, 3]])
    given[0] = 7
    assert group.attributes["x"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        group.positions[0, 0] = 1


def test_topologies_can_be_copied_and_pickled():
    net = lattice((2, 3))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.group("nodes").labels == net.group("nodes").labels
        np.testing.assert_array_equal(twin.edge_arrays("edges"), net.edge_arrays("edges"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Topology(()), "at least one node"),
        (lambda: Topology((Group("a", 1), Group("a", 2))), "names 'a' each belong to several"),
        (lambda: Topology((Group("a", 1),), (Bundle("a", ("a",), OneToOne()),)), "names 'a' each belong"),
        (lambda: two_groups(Bundle("w", ("a", "q"), Dense())), "bundle 'w' joins groups 'q', which do not exist"),
        (lambda: two_groups(Bundle("w", ("a", "b"), OneToOne())), "'a' has 3, 'b' has 2"),
        (
            lambda: two_groups(Bundle("w", ("a", "b"), Dense(), attributes={"g": np.ones(6)})),
            r"attribute 'g' must have shape \(3, 2\), got \(6,\)",
        ),
        (lambda: Group("g", 0), "group 'g': size must be an integer of at least 1, got 0"),
        (lambda: Group("", 1), "name must be a non-empty string"),
        (lambda: Group("g", 2, labels=("a",)), "labels must name its 2 nodes, got 1"),
        (lambda: Group("g", 3, labels=("a", "b", "a")), "labels 'a' name several nodes"),
        (lambda: Group("g", 1, labels=([],)), "labels must be hashable"),
        (lambda: Group("g", 2, positions=[1, 2]), r"positions must have shape \(2, dims\), got \(2,\)"),
        (lambda: Group("g", 2, attributes={"m": [1.0]}), r"attribute 'm' must have shape \(2,\)"),
        (lambda: Group("g", 1, attributes={"m": ["x"]}), "attribute 'm' must be real numbers"),
        (lambda: Bundle("b", "ab", Dense()), "groups must be a tuple of group names"),
        (lambda: Bundle("b", ("a", "b"), "dense"), r"pattern must be a Pattern, got 'dense'; use Dense\(\)"),
        (lambda: Bundle("b", ("a", "b", "c"), OneToOne(), directed=True), "only two-port bundles are directed"),
    ],
)
def test_faulty_elements_are_refused_by_name(make, message):
    with pytest.raises(ModelError, match=message):
        make()
