"""Colourings against the definition, checked by brute force over all instances."""

import time
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physeq.errors import ModelError
from physeq.graph import (
    Bundle,
    Dense,
    Group,
    OneToOne,
    Sparse,
    Topology,
    color,
    complete,
    group_colors,
    lattice,
    layered,
)


def assert_classes_fit(topology, leave_out=()):
    """Each node is in exactly one class, and no instance touches two nodes of one class."""
    found = {}
    classes = group_colors(topology, leave_out)
    for number, one in enumerate(classes):
        assert one
        for name, mask in one.items():
            size = topology.group(name).size
            members = range(size) if mask is None else np.flatnonzero(mask)
            assert mask is None or (mask.shape == (size,) and mask.dtype == bool)
            for index in members:
                assert (name, int(index)) not in found
                found[name, int(index)] = number
    free = [group for group in topology.groups if group.name not in leave_out]
    assert set(found) == {(group.name, index) for group in free for index in range(group.size)}
    for bundle in topology.bundles:
        for row in np.stack(topology.edge_arrays(bundle.name), axis=1).tolist():
            colors = [found[node] for node in zip(bundle.groups, row, strict=True) if node[0] not in leave_out]
            assert all(a != b for a, b in combinations(colors, 2))
    return classes


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 9), st.data())
def test_colours_differ_along_edges_and_are_few(size, data):
    node = st.integers(0, size - 1)
    pairs = data.draw(st.lists(st.tuples(node, node).filter(lambda pair: pair[0] != pair[1]), max_size=20))
    colors = color(size, np.array(pairs, int).reshape(-1, 2))
    graph = nx.Graph(pairs)
    assert colors.shape == (size,) and set(colors.tolist()) == set(range(colors.max() + 1))
    assert all(colors[i] != colors[j] for i, j in pairs)
    assert colors.max() + 1 <= max((degree for _, degree in graph.degree()), default=0) + 1
    if nx.is_bipartite(graph):
        assert colors.max() + 1 == (2 if pairs else 1)


def test_two_colours_wherever_they_suffice():
    shuffled = np.random.default_rng(0).permutation(144)  # greedy colouring in a random order needs more
    pairs = shuffled[np.stack(lattice((12, 12)).edge_arrays("edges"), axis=1)]
    assert color(144, pairs).max() == 1
    triangle = np.array([[200, 201], [201, 202], [202, 200]])
    colors = color(203, np.concatenate([pairs, triangle]))
    assert colors[:144].max() == 1 and set(colors[200:]) == {0, 1, 2}


def test_many_parallel_pairs_count_as_one():
    shuffled = np.random.default_rng(0).permutation(144)
    pairs = shuffled[np.stack(lattice((12, 12)).edge_arrays("edges"), axis=1)]
    np.testing.assert_array_equal(color(144, np.tile(pairs, (256, 1))), color(144, pairs))


def test_colouring_is_deterministic_and_quick():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 20_000, (80_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    start = time.process_time()
    colors = color(20_000, pairs)
    assert time.process_time() - start < 3.0  # takes about 0.1 s; quadratic code would take minutes
    assert (colors[pairs[:, 0]] != colors[pairs[:, 1]]).all()
    np.testing.assert_array_equal(colors, color(20_000, pairs))
    assert colors.max() < 12


def test_faulty_pairs_are_named():
    with pytest.raises(ModelError, match="node 2 is joined to itself"):
        color(3, np.array([[0, 1], [2, 2]]))
    with pytest.raises(ModelError, match=r"nodes 0 to 2, got \[0, 3\]"):
        color(3, np.array([[0, 1], [0, 3]]))


def test_layers_alternate():
    classes = assert_classes_fit(layered([4, 3, 5, 2]))
    assert classes == [{"input": None, "hidden2": None}, {"hidden1": None, "output": None}]
    assert assert_classes_fit(layered([4, 3, 5, 2], bidirected=True)) == classes
    assert assert_classes_fit(layered([4, 3, 5, 2]), leave_out=["input"]) == [
        {"hidden1": None, "output": None},
        {"hidden2": None},
    ]


def test_groups_with_edges_inside_are_coloured_node_by_node():
    assert len(assert_classes_fit(lattice((4, 5)))) == 2
    assert len(assert_classes_fit(complete(5))) == 5
    assert group_colors(Topology((Group("alone", 3),))) == [{"alone": None}]


def test_mixed_topologies():
    grid = lattice((2, 3))
    topology = Topology(
        (grid.group("nodes"), Group("input", 4), Group("copy", 6), Group("third", 6)),
        (
            grid.bundle("edges"),
            Bundle("in", ("input", "nodes"), Dense()),
            Bundle("copies", ("nodes", "copy"), OneToOne()),
            Bundle("triples", ("nodes", "copy", "third"), Sparse([[0, 1, 2], [3, 4, 5]])),
        ),
    )
    assert_classes_fit(topology)
    assert len(assert_classes_fit(topology, leave_out=["nodes"])) == 2  # copy and third share triples, input is free
    assert group_colors(topology, leave_out=["nodes", "copy"]) == [{"input": None, "third": None}]


def test_two_ports_in_one_group_split_it():
    topology = Topology((Group("a", 3), Group("b", 2)), (Bundle("t", ("a", "b", "a"), Sparse([[0, 0, 1], [1, 1, 2]])),))
    classes = assert_classes_fit(topology)
    assert sum(one.get("a") is not None for one in classes) == 2


def test_dense_joins_between_split_groups():
    ring = lattice(3, periodic=True).bundle("edges").pattern
    topology = Topology(
        (Group("a", 3), Group("b", 3)),
        (Bundle("ra", ("a", "a"), ring), Bundle("rb", ("b", "b"), ring), Bundle("ab", ("a", "b"), Dense())),
    )
    assert len(assert_classes_fit(topology)) == 6


def test_self_loops_are_named_unless_left_out():
    topology = Topology((Group("a", 2, labels=("p", "q")),), (Bundle("loops", ("a", "a"), Sparse([[0, 1], [1, 1]])),))
    with pytest.raises(ModelError, match="bundle 'loops' touches node 'q' of group 'a' twice"):
        group_colors(topology)
    assert group_colors(topology, leave_out=["a"]) == []
    with pytest.raises(ModelError, match="no group 'z'"):
        group_colors(topology, leave_out=["z"])
