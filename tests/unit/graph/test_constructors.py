"""Constructed topologies against the generators of networkx and closed-form counts."""

import networkx as nx
import numpy as np
import pytest

from physeq.errors import ModelError
from physeq.graph import (
    Dense,
    complete,
    crossbar,
    from_edges,
    lattice,
    layered,
    random_geometric,
    random_regular,
    small_world,
)


def test_layers_have_the_usual_names():
    def names(sizes):
        return [group.name for group in layered(sizes).groups]

    assert names([3, 2]) == ["input", "output"]
    assert names([3, 4, 2]) == ["input", "hidden", "output"]
    assert names([3, 4, 5, 2]) == ["input", "hidden1", "hidden2", "output"]


def test_layers_join_forward_and_dense():
    net = layered([784, 512, 10])
    assert [(b.name, b.groups, b.directed) for b in net.bundles] == [
        ("input->hidden", ("input", "hidden"), False),
        ("hidden->output", ("hidden", "output"), False),
    ]
    assert all(bundle.pattern == Dense() for bundle in net.bundles)
    assert net.parameter_shape("input->hidden") == (784, 512)
    assert [len(ids) for ids in net.components()] == [784 + 512 + 10]


def test_layers_may_be_named_and_joined_both_ways():
    net = layered([2, 3], names=["x", "y"], bidirected=True)
    assert [(b.name, b.groups, b.directed) for b in net.bundles] == [
        ("x->y", ("x", "y"), True),
        ("y->x", ("y", "x"), True),
    ]
    assert net.parameter_shape("y->x") == (3, 2)
    assert [b.directed for b in layered([2, 3], directed=True).bundles] == [True]


@pytest.mark.parametrize("size", [1, 2, 6])
def test_complete_networks(size):
    assert set(complete(size).to_networkx().edges()) == set(nx.complete_graph(size).edges())
    directed = complete(size, directed=True)
    assert directed.bundle("edges").directed
    pairs = zip(*(ends.tolist() for ends in directed.edge_arrays("edges")), strict=True)
    assert set(pairs) == set(nx.complete_graph(size, nx.DiGraph).edges())


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3), (3, 3, 4), (1, 4), (2, 1, 3, 2)])
@pytest.mark.parametrize("periodic", [False, True])
def test_lattices_are_those_of_networkx(shape, periodic):
    net = lattice(shape, periodic)
    # networkx counts axes from the last one, and loops axes of one node onto themselves
    oracle = nx.grid_graph(shape[::-1], periodic=[periodic and length > 2 for length in shape[::-1]])
    edges = [frozenset(edge) for edge in net.to_networkx().edges()]
    assert len(edges) == len(set(edges))
    assert set(net.group("nodes").labels) == set(oracle)
    assert set(edges) == {frozenset(edge) for edge in oracle.edges()}
    np.testing.assert_array_equal(net.group("nodes").positions, np.array(list(np.ndindex(shape)), float))


def test_lattice_axes_close_one_by_one():
    net = lattice((3, 4), periodic=(True, False))
    assert net.count("edges") == 3 * 4 + 3 * 3
    assert lattice(4).locate(3) == ("nodes", 3)
    assert lattice(4, directed=True).bundle("edges").directed


@pytest.mark.parametrize("seed", [0, 3])
def test_random_networks_are_those_of_networkx(seed):
    for net, oracle in [
        (small_world(30, 4, 0.3, seed), nx.watts_strogatz_graph(30, 4, 0.3, seed=seed)),
        (random_regular(3, 20, seed), nx.random_regular_graph(3, 20, seed=seed)),
    ]:
        pairs = list(zip(*(ends.tolist() for ends in net.edge_arrays("edges")), strict=True))
        assert {frozenset(pair) for pair in pairs} == {frozenset(pair) for pair in oracle.edges()}
        assert len(pairs) == oracle.number_of_edges()
        assert all(i < j for i, j in pairs)


def test_near_nodes_of_a_geometric_network_are_joined():
    net = random_geometric(40, 0.3, seed=2, dims=3)
    points = net.group("nodes").positions
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    expected = {(i, j) for i in range(40) for j in range(i + 1, 40) if distance[i, j] <= 0.3}
    assert 0 < len(expected) < 780
    assert set(zip(*(ends.tolist() for ends in net.edge_arrays("edges")), strict=True)) == expected


def test_crossbars():
    net = crossbar(3, 2)
    assert [(group.name, group.size) for group in net.groups] == [("rows", 3), ("columns", 2)]
    assert [bundle.name for bundle in net.bundles] == ["rows->columns"]


def test_edges_from_arrays_keep_loops_parallels_and_direction():
    net = from_edges([0, 1, 1, 2], [1, 0, 1, 0], 4, name="masses", bundle="springs", directed=True, positions=np.eye(4))
    assert [ends.tolist() for ends in net.edge_arrays("springs")] == [[0, 1, 1, 2], [1, 0, 1, 0]]
    assert net.bundle("springs").directed and net.group("masses").positions.shape == (4, 4)
    assert from_edges([], [], 2).count("edges") == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layered([3]), "at least two layers"),
        (lambda: layered([3, 0]), r"sizes\[1\] must be an integer of at least 1, got 0"),
        (lambda: layered([3, 2], names=["a"]), r"one name per layer \(2\)"),
        (lambda: layered([3, 2], names=["a", "a"]), "'a'"),
        (lambda: lattice(()), "at least one axis"),
        (lambda: lattice((2, 2.5)), r"shape\[1\] must be an integer"),
        (lambda: lattice((2, 2), periodic=[True]), r"one per axis \(2\)"),
        (lambda: small_world(10, 3, 0.1, 0), "neighbours must be even"),
        (lambda: small_world(10, 10, 0.1, 0), "below size = 10"),
        (lambda: small_world(10, 4, 1.5, 0), "got 1.5"),
        (lambda: random_regular(3, 5, 0), "degree = 3, size = 5"),
        (lambda: random_geometric(5, 0.0, 0), "radius must be positive"),
        (lambda: from_edges([0], [1, 2], 3), "got 1 and 2"),
        (lambda: from_edges([0], [3], 3), "instance 0 touches node 3 of group 'nodes'"),
        (lambda: from_edges([0.5], [1], 3), "sources must be integers"),
    ],
)
def test_wrong_options_are_named(make, message):
    with pytest.raises(ModelError, match=message):
        make()
