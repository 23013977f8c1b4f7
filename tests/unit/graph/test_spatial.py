"""Topologies with places: counts and coordination in closed form, holes, rest lengths, rigidity."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from physeq.errors import ModelError
from physeq.graph import (
    Ball,
    Box,
    Bundle,
    Dense,
    Group,
    OneToOne,
    Topology,
    cubic_lattice,
    delaunay,
    from_edges,
    honeycomb_lattice,
    jittered,
    lattice,
    layered,
    random_geometric,
    rigidity_matrix,
    separations,
    square_lattice,
    triangular_lattice,
    with_holes,
    with_rest_lengths,
)


def degrees(net):
    return np.bincount(np.concatenate(net.edge_arrays("edges")), minlength=net.size)


def places(net):
    return net.group("nodes").positions


def lengths(net):
    return np.linalg.norm(separations(net, "edges"), axis=1)


def simple(net):
    """Neither loops nor parallel edges."""
    pairs = [frozenset(pair) for pair in zip(*(ends.tolist() for ends in net.edge_arrays("edges")), strict=True)]
    return len(set(pairs)) == len(pairs) and all(len(pair) == 2 for pair in pairs)


OPEN = {  # lattice, shape: (nodes, edges)
    (square_lattice, (4, 5)): (20, 3 * 5 + 4 * 4),
    (triangular_lattice, (4, 5)): (20, 3 * 20 - 8 - 10 + 1),
    (triangular_lattice, (6, 2)): (12, 3 * 12 - 12 - 4 + 1),
    (honeycomb_lattice, (3, 4)): (48, 6 * 12 - 2 * 4 - 3),
    (cubic_lattice, (3, 4, 5)): (60, 2 * 20 + 3 * 15 + 4 * 12),
}
CLOSED = {  # lattice, shape: (nodes, edges, neighbours)
    (square_lattice, (4, 5)): (20, 40, 4),
    (triangular_lattice, (4, 6)): (24, 72, 6),
    (honeycomb_lattice, (2, 1)): (8, 12, 3),
    (honeycomb_lattice, (3, 4)): (48, 72, 3),
    (cubic_lattice, (3, 4, 5)): (60, 180, 6),
}


@pytest.mark.parametrize(("make", "shape"), OPEN, ids=lambda x: getattr(x, "__name__", str(x)))
@pytest.mark.parametrize("spacing", [1.0, 0.3])
def test_open_patches(make, shape, spacing):
    net = make(shape, spacing=spacing)
    nodes, edges = OPEN[make, shape]
    assert (net.size, net.count("edges")) == (nodes, edges)
    assert simple(net) and not net.isolated().size and len(net.components()) == 1
    np.testing.assert_allclose(lengths(net), spacing, rtol=1e-12)
    assert "period" not in net.graph_attributes


@pytest.mark.parametrize(("make", "shape"), CLOSED, ids=lambda x: getattr(x, "__name__", str(x)))
def test_closed_lattices_have_equal_neighbours(make, shape):
    net = make(shape, spacing=0.7, periodic=True)
    nodes, edges, neighbours = CLOSED[make, shape]
    assert (net.size, net.count("edges")) == (nodes, edges)
    assert simple(net) and set(degrees(net)) == {neighbours} and len(net.components()) == 1
    np.testing.assert_allclose(lengths(net), 0.7, rtol=1e-12)
    # The neighbours of every node pull in all directions alike.
    sources, targets = net.edge_arrays("edges")
    pull = np.zeros_like(places(net))
    np.add.at(pull, sources, separations(net, "edges"))
    np.add.at(pull, targets, -separations(net, "edges"))
    np.testing.assert_allclose(pull, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("net", "neighbours"),
    [
        (square_lattice((4, 4), periodic=True, reach=1.5), 8),
        (cubic_lattice((4, 4, 4), periodic=True, reach=1.5), 18),
        (cubic_lattice((4, 4, 4), periodic=True, reach=1.8), 26),
        (triangular_lattice((6, 6), periodic=True, reach=1.8), 12),
        (honeycomb_lattice((4, 4), periodic=True, reach=1.8), 9),
    ],
)
def test_farther_neighbours(net, neighbours):
    assert set(degrees(net)) == {neighbours}


def test_square_and_cubic_patches_are_grids():
    for net, grid in ((square_lattice((3, 5)), lattice((3, 5))), (cubic_lattice((2, 3, 4)), lattice((2, 3, 4)))):
        assert net.group("nodes").labels == grid.group("nodes").labels
        np.testing.assert_allclose(places(net), places(grid))
        pairs, expected = (set(zip(*map(tuple, n.edge_arrays("edges")), strict=True)) for n in (net, grid))
        assert pairs == expected


def test_axes_close_one_by_one():
    net = square_lattice((4, 5), periodic=(True, False))
    assert net.count("edges") == 4 * 5 + 4 * 4
    assert net.graph_attributes["period"] == (4.0, 0.0)
    net = triangular_lattice((4, 5), periodic=(True, False))
    assert net.count("edges") == 4 * 5 + 4 * 2 * 4
    assert square_lattice((3, 1), periodic=(True, False)).count("edges") == 3


@pytest.mark.parametrize("dims", [2, 3])
def test_periodic_geometric_networks(dims):
    net = random_geometric(60, 0.3, seed=2, dims=dims, periodic=True)
    points = places(net)
    apart = points[:, None] - points[None]
    distance = np.linalg.norm(apart - np.round(apart), axis=-1)
    expected = {(i, j) for i in range(60) for j in range(i + 1, 60) if distance[i, j] <= 0.3}
    assert set(zip(*(ends.tolist() for ends in net.edge_arrays("edges")), strict=True)) == expected
    assert len(expected) > random_geometric(60, 0.3, seed=2, dims=dims).count("edges")
    assert lengths(net).max() <= 0.3


@pytest.mark.parametrize("seed", [0, 1])
def test_delaunay_counts(seed):
    net = delaunay(50, seed=seed)
    hull = len(ConvexHull(places(net)).vertices)
    assert net.count("edges") == 3 * 50 - 3 - hull  # Euler
    assert simple(net) and not net.isolated().size
    # Empty circles: no point lies nearer to the middle of the shortest edge than its ends.
    near = np.argmin(lengths(net))
    a, b = (places(net)[ends[near]] for ends in net.edge_arrays("edges"))
    assert np.all(np.linalg.norm(places(net) - (a + b) / 2, axis=1) >= np.linalg.norm(a - b) / 2 - 1e-12)


def test_delaunay_in_space_and_of_given_points():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    assert delaunay(corners).count("edges") == 6
    net = delaunay(30, seed=3, dims=3)
    assert places(net).shape == (30, 3) and len(net.components()) == 1


def test_holes():
    net = square_lattice((6, 6))
    holed = with_holes(net, [Ball((2.5, 2.5), 0.8), Box((-0.5, 3.5), (0.5, 6.0))])
    gone = {(2, 2), (2, 3), (3, 2), (3, 3), (0, 4), (0, 5)}
    assert set(holed.group("nodes").labels) == set(net.group("nodes").labels) - gone
    for label in holed.group("nodes").labels:
        assert places(holed)[holed.locate(label)[1]].tolist() == list(map(float, label))
    labels = holed.group("nodes").labels
    found = {frozenset((labels[a], labels[b])) for a, b in zip(*holed.edge_arrays("edges"), strict=True)}
    every = {frozenset(e) for e in net.to_networkx().edges()}
    assert found == {e for e in every if not e & gone}
    assert holed.count("edges") == 60 - (4 * 4 - 4) - (2 + 3 - 1)


def test_holes_leave_no_isolated_nodes():
    net = square_lattice((3, 3))
    around = [Ball((x, y), 0.1) for x, y in ((0, 1), (1, 0))]
    assert (0, 0) not in with_holes(net, around).group("nodes").labels
    kept = with_holes(net, around, keep_isolated=True)
    assert kept.isolated().tolist() == [kept.locate((0, 0))[1]]
    # What was isolated before stays.
    lonely = Topology((Group("nodes", 3, positions=np.eye(3)[:, :2]),))
    assert with_holes(lonely, Ball((1.0, 0.0), 0.1)).size == 2


def test_holes_keep_attributes_labels_and_other_patterns():
    groups = (Group("a", 3, positions=np.array([[0.0], [1.0], [2.0]]), attributes={"m": np.arange(3.0)}), Group("b", 3))
    values = np.arange(9.0).reshape(3, 3)
    net = Topology(
        groups,
        (
            Bundle("all", ("a", "b"), Dense(), attributes={"g": values}),
            Bundle("pairs", ("a", "b"), OneToOne(), attributes={"g": np.arange(3.0)}, labels=("x", "y", "z")),
            Bundle("own", ("b", "b"), Dense()),
        ),
    )
    holed = with_holes(net, Ball((1.0,), 0.5))
    assert holed.group("a").attributes["m"].tolist() == [0, 2] and holed.group("b").size == 3
    assert holed.bundle("all").attributes["g"].tolist() == values[[0, 2]].tolist()
    assert [ends.tolist() for ends in holed.edge_arrays("pairs")] == [[0, 1], [0, 2]]
    assert holed.bundle("pairs").labels == ("x", "z") and holed.bundle("pairs").attributes["g"].tolist() == [0, 2]
    assert holed.bundle("own") is net.bundle("own")


def test_rest_lengths_and_images():
    net = with_rest_lengths(square_lattice((4, 4), spacing=0.5, reach=1.5, periodic=True))
    attributes = net.bundle("edges").attributes
    assert np.allclose(sorted(set(attributes["length"].round(9))), [0.5, 0.5 * np.sqrt(2)])
    np.testing.assert_allclose(np.hypot(attributes["dx"], attributes["dy"]), attributes["length"])
    sources, targets = net.edge_arrays("edges")
    offset = places(net)[targets] - places(net)[sources] - np.stack([attributes["dx"], attributes["dy"]], 1)
    np.testing.assert_allclose(offset, 2.0 * np.round(offset / 2.0), atol=1e-12)
    assert set(with_rest_lengths(cubic_lattice((2, 2, 2))).bundle("edges").attributes) == {"length", "dx", "dy", "dz"}
    pair = Topology(
        (Group("a", 2, positions=np.zeros((2, 2))), Group("b", 2, positions=np.array([[3.0, 4.0], [0.0, 1.0]]))),
        (Bundle("all", ("a", "b"), Dense()),),
    )
    assert with_rest_lengths(pair).bundle("all").attributes["length"].tolist() == [[5, 1], [5, 1]]


def test_jitter_moves_places_and_keeps_edges():
    net = triangular_lattice((20, 20))
    moved = jittered(net, 0.05, seed=4)
    shift = places(moved) - places(net)
    assert shift.std() == pytest.approx(0.05, rel=0.1) and abs(shift.mean()) < 0.01
    assert moved.bundle("edges") is net.bundle("edges")
    np.testing.assert_array_equal(places(jittered(net, 0.05, seed=4)), places(moved))
    # and closed lattices stay closed: no edge crosses the box
    torus = jittered(square_lattice((5, 5), periodic=True), 0.1, seed=0)
    assert lengths(torus).max() < 2


def floppy(net):
    """(motions without cost, states of self-stress)"""
    matrix = rigidity_matrix(net).toarray()
    rank = np.linalg.matrix_rank(matrix)
    return matrix.shape[1] - rank, matrix.shape[0] - rank


def test_maxwell_counting():
    """Motions − self-stresses = dims·nodes − edges, each part known."""
    assert floppy(triangular_lattice((2, 2))) == (3, 0)
    assert floppy(triangular_lattice((4, 4)))[0] == 3  # rigid: two translations and the rotation
    motions, stresses = floppy(square_lattice((4, 5)))
    # Rows and columns slide and shear: one motion per row and column, and one of rotation's kind.
    assert (motions, stresses) == (4 + 5, 0)
    assert motions - stresses == 2 * 20 - 31
    for net in (triangular_lattice((4, 5)), honeycomb_lattice((2, 2)), square_lattice((4, 4), reach=1.5)):
        motions, stresses = floppy(net)
        assert motions - stresses == 2 * net.size - net.count("edges")
        assert motions >= 3
    assert floppy(cubic_lattice((2, 2, 2), reach=1.5)) == (6, 24 - 24 + 6)
    torus = square_lattice((4, 4), periodic=True)
    assert floppy(torus) == (8, 8)  # isostatic: one motion and one stress for each straight line


def test_rigid_motions_cost_nothing():
    net = jittered(delaunay(12, seed=5), 0.01, seed=6)
    matrix, r = rigidity_matrix(net), places(net)
    turned = np.stack([-r[:, 1], r[:, 0]], axis=1)
    for motion in (np.tile([1.0, 0.0], 12), np.tile([0.0, 1.0], 12), turned.ravel()):
        np.testing.assert_allclose(matrix @ motion, 0, atol=1e-12)
    small = 1e-6 * np.random.default_rng(7).normal(size=r.shape)
    moved = Topology((Group("nodes", 12, positions=r + small),), net.bundles)
    np.testing.assert_allclose(lengths(moved) - lengths(net), matrix @ small.ravel(), atol=1e-10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: square_lattice((3, 3, 3)), "shape must give 2 numbers"),
        (lambda: square_lattice(3), "shape must give 2 numbers"),
        (lambda: cubic_lattice((3, 0, 3)), r"shape\[1\] must be an integer of at least 1"),
        (lambda: square_lattice((2, 3), periodic=True), "closed axis 0 is 2 spacings long"),
        (lambda: square_lattice((3, 3), periodic=True, reach=1.5), "longer than 3"),
        (lambda: square_lattice((3, 3), periodic=(True,)), "one per axis"),
        (lambda: triangular_lattice((4, 5), periodic=True), "even number of rows, got 5"),
        (lambda: honeycomb_lattice((3, 3), spacing=0.0), "spacing must be positive, got 0.0"),
        (lambda: honeycomb_lattice((3, 3), reach=-1), "reach must be positive"),
        (lambda: delaunay(10), "need a seed"),
        (lambda: delaunay(np.zeros((5, 1))), "shape .size, dims."),
        (lambda: delaunay(np.array([[0.0, 0], [1, 1], [2, 2], [3, 3]])), "do not span the 2 dimensions"),
        (lambda: delaunay(2, seed=0), "do not span"),
        (lambda: random_geometric(5, 0.6, 0, periodic=True), "below 0.5, got 0.6"),
        (lambda: with_holes(square_lattice((3, 3)), Ball((1, 1), 5.0)), "nothing is left of group 'nodes'"),
        (lambda: with_holes(square_lattice((3, 3)), Ball((1, 1, 1), 0.5)), "does not fit the 2 dimensions"),
        (lambda: with_rest_lengths(layered([2, 2])), "group 'input' has no positions"),
        (lambda: jittered(square_lattice((2, 2)), -0.1, 0), "amplitude must not be negative"),
        (lambda: rigidity_matrix(Topology((Group("a", 2),)), "b"), "no bundle"),
        (lambda: rigidity_matrix(from_edges([0], [1], 2, positions=np.zeros((2, 2)))), "edge 0 .* has no length"),
    ],
)
def test_wrong_options_are_named(make, message):
    with pytest.raises(ModelError, match=message):
        make()
