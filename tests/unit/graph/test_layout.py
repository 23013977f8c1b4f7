import numpy as np
import pytest

from physeq.graph import Bundle, Dense, Group, OneToOne, Topology, complete, from_edges, lattice, layered, positions


def test_given_positions_are_used_in_the_plane():
    np.testing.assert_array_equal(positions(lattice((2, 3)))["nodes"], list(np.ndindex(2, 3)))
    np.testing.assert_array_equal(positions(lattice((2, 2, 2)))["nodes"], np.array(list(np.ndindex(2, 2, 2)))[:, :2])
    np.testing.assert_array_equal(positions(lattice(3))["nodes"], [[0, 0], [1, 0], [2, 0]])


@pytest.mark.parametrize("options", [{}, {"directed": True}, {"bidirected": True}])
def test_layers_stand_in_columns_from_input_to_output(options):
    places = positions(layered([5, 3, 1], **options))
    assert [np.unique(places[name][:, 0]).tolist() for name in ("input", "hidden", "output")] == [[0], [1], [2]]
    for column in places.values():
        assert column[:, 1].mean() == pytest.approx(0)
        assert (np.diff(column[:, 1]) < 0).all()


def test_chains_follow_the_bundles_not_the_order_of_the_groups():
    groups = (Group("c", 2), Group("b", 2), Group("a", 2))
    chain = Topology(groups, (Bundle("ab", ("a", "b"), Dense()), Bundle("bc", ("b", "c"), Dense())))
    assert {name: float(place[0, 0]) for name, place in positions(chain).items()} == {"c": 2.0, "b": 1.0, "a": 0.0}


@pytest.mark.parametrize(
    "topology",
    [
        complete(6),
        Topology((Group("a", 4), Group("b", 4)), (Bundle("ab", ("a", "b"), OneToOne()),)),
        from_edges(np.arange(600), np.roll(np.arange(600), 1), 600),
    ],
    ids=["springs", "two groups", "circle"],
)
def test_other_topologies_get_distinct_places_again_and_again(topology):
    places = positions(topology, seed=1)
    assert {name: place.shape for name, place in places.items()} == {g.name: (g.size, 2) for g in topology.groups}
    everything = np.concatenate(list(places.values()))
    assert np.isfinite(everything).all() and len(np.unique(everything, axis=0)) == topology.size
    np.testing.assert_array_equal(everything, np.concatenate(list(positions(topology, seed=1).values())))


def test_given_positions_of_one_group_stay():
    groups = (Group("a", 2, positions=[[7.0, 8.0], [9.0, 1.0]]), Group("b", 2))
    places = positions(Topology(groups, (Bundle("ab", ("a", "b"), OneToOne()),)))
    assert places["a"].tolist() == [[7, 8], [9, 1]] and places["b"].shape == (2, 2)
