"""Floating nodes and unreached outputs, against brute force on networkx graphs."""

import networkx as nx
import numpy as np
import pytest

import physeq as pq
from physeq.graph import Bundle, Dense, Group, OneToOne, Sparse, Topology
from physeq.symbolic.connectivity import shift_invariant

phi, s = pq.coordinate("phi", rate="v"), pq.coordinate("s")
g, w = pq.parameter("g", positive=True), pq.parameter("w")
fall = phi.source.dot - phi.target.dot
RESISTOR = pq.Edge("resistor", dissipation=g * fall**2 / 2)
LEAK = pq.Node("leak", dissipation=g * phi.dot**2 / 2)
TRIPLE = pq.Component(
    "triple",
    ports=("a", "b", "c"),
    dissipation=g * (phi.at("a").dot + phi.at("c").dot - 2 * phi.at("b").dot) ** 2 / 2
    + g * (phi.at("a").dot - phi.at("c").dot) ** 2,
)


def islands(derivation):
    """Sets of floating nodes, as (count, first label)."""
    return sorted((f.count, f.labels[0]) for f in derivation.floating)


def test_one_ground_anchors_its_island_only():
    system = pq.System(pq.from_edges([0, 1, 3, 5], [1, 2, 4, 6], 7), edges=RESISTOR, ground=1)
    assert islands(pq.derive(system)) == [(2, 3), (2, 5)]
    found = pq.derive(system).floating[0]
    assert (found.group, found.coordinate, found.labels) == ("nodes", "v", (3, 4))


@pytest.mark.parametrize("seed", range(12))
def test_random_resistor_networks(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 12))
    pairs = rng.integers(0, size, (size - 2, 2))
    touched = np.unique(pairs)
    relabel = {int(n): k for k, n in enumerate(touched)}
    pairs = np.vectorize(relabel.get)(pairs)
    size = len(touched)
    held = rng.choice(size, int(rng.integers(1, 3)), replace=False).tolist()
    graph = nx.Graph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(pairs.tolist())
    expected = sorted((len(c), min(c)) for c in nx.connected_components(graph) if not c & set(held))
    system = pq.System(pq.from_edges(pairs[:, 0], pairs[:, 1], size), edges=RESISTOR, ground=held)
    assert islands(pq.derive(system)) == expected


def test_what_is_not_shift_invariant_anchors():
    edge = pq.Edge("e", dissipation=g * (phi.source.dot - 2 * phi.target.dot) ** 2)
    assert islands(pq.derive(pq.System(pq.complete(3), edges=edge))) == []
    assert islands(pq.derive(pq.System(pq.complete(3), edges=RESISTOR, nodes=LEAK))) == []
    boxed = pq.Edge("boxed", potential=g * (s.source - s.target) ** 2, bounds={s.source: (0, 1)})
    assert islands(pq.derive(pq.System(pq.from_edges([0, 1], [1, 0], 2), edges=boxed))) == []
    forms = pq.derive(pq.System(pq.complete(3), edges=RESISTOR, nodes={"nodes": [LEAK]})).forms
    assert [shift_invariant(f) for f in forms] == [False, True]


def test_bundles_of_every_pattern_join():
    groups = (Group("a", 2), Group("b", 3), Group("c", 3), Group("d", 1))
    bundles = (
        Bundle("ab", ("a", "b"), Dense()),
        Bundle("bc", ("b", "c"), OneToOne()),
        Bundle("cd", ("c", "d"), Sparse([[1, 0]])),
    )
    edges = dict.fromkeys(("ab", "bc", "cd"), RESISTOR)
    assert islands(pq.derive(pq.System(Topology(groups, bundles), edges=edges))) == [(9, 0)]
    assert islands(pq.derive(pq.System(Topology(groups, bundles), edges=edges, ground=[("d", 0)]))) == []


def brute_unreached(pairs, size, held, informed, outputs):
    """Outputs to which no path of free nodes leads from an informed node (held nodes may start a path, not pass it)."""
    graph = nx.Graph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(pairs)
    lost = []
    for output in outputs:
        if output in held:
            reached = output in informed
        else:
            inner = graph.subgraph([n for n in graph if n not in held])
            free = nx.node_connected_component(inner, output)
            around = {m for n in free for m in graph.neighbors(n)} | free
            reached = bool(around & informed)
        if not reached:
            lost.append(output)
    return lost


@pytest.mark.parametrize("kind", [pq.Clamp, pq.Drive])
@pytest.mark.parametrize("seed", range(10))
def test_unreached_outputs(kind, seed):
    rng = np.random.default_rng(100 + seed)
    size = 9
    pairs = rng.integers(0, size, (8, 2))
    roles = rng.permutation(size).tolist()
    ground, inputs, outputs = roles[:2], roles[2:4], roles[4:7]
    system = pq.System(
        pq.from_edges(pairs[:, 0], pairs[:, 1], size),
        edges=RESISTOR,
        nodes=LEAK,
        ground=ground,
        inputs=kind(inputs),
        outputs=outputs,
    )
    held = set(ground) | (set(inputs) if kind is pq.Clamp else set())
    expected = brute_unreached(pairs.tolist(), size, held, set(inputs), outputs)
    assert sorted(pq.derive(system).unreached_outputs) == sorted(expected)


@pytest.mark.parametrize("seed", range(10))
def test_unreached_outputs_through_many_port_components(seed):
    rng = np.random.default_rng(200 + seed)
    size = 9
    rows = np.array([rng.choice(size, 3, replace=False) for _ in range(4)])
    pairs = [(int(r[i]), int(r[j])) for r in rows for i in range(3) for j in range(i)]
    roles = rng.permutation(size).tolist()
    ground, inputs, outputs = roles[:2], roles[2:4], roles[4:7]
    topology = Topology((Group("n", size),), (Bundle("t", ("n", "n", "n"), Sparse(rows)),))
    system = pq.System(topology, edges=TRIPLE, nodes=LEAK, ground=ground, inputs=inputs, outputs=outputs)
    expected = brute_unreached(pairs, size, {*ground, *inputs}, set(inputs), outputs)
    assert sorted(pq.derive(system).unreached_outputs) == sorted(expected)


@pytest.mark.parametrize("cut", [False, True])
def test_layers_pass_on_unless_they_are_held(cut):
    unit, edge = pq.Node("unit", potential=s**2), pq.Edge("e", potential=-w * s.source * s.target)
    system = pq.System(
        pq.layered([2, 3, 2]),
        nodes=unit,
        edges=edge,
        inputs="input",
        outputs="output",
        fixed={"hidden": 0.1} if cut else {},
    )
    assert pq.derive(system).unreached_outputs == ((0, 1) if cut else ())


def test_a_feed_informs_the_nodes_of_its_component():
    u = pq.signal("u")
    edge = pq.Edge("e", potential=(s.source - s.target - u) ** 2)
    system = pq.System(
        pq.from_edges([0, 2], [1, 3], 4),
        nodes=pq.Node("n", potential=s**2),
        edges=edge,
        inputs=pq.Feed("edges", u),
        outputs=[1],
    )
    assert pq.derive(system).unreached_outputs == ()
    silent = pq.System(
        pq.from_edges([0], [1], 3),
        nodes=pq.Node("n", potential=s**2),
        edges=edge,
        inputs=pq.Feed("edges", u),
        outputs=[2],
    )
    assert pq.derive(silent).unreached_outputs == (2,)


def test_systems_without_inputs_have_no_lost_outputs():
    system = pq.System(pq.complete(2), edges=RESISTOR, nodes=LEAK, outputs=[1])
    assert pq.derive(system).unreached_outputs == ()


def test_the_insides_of_dense_components_hang_on_their_nodes():
    i = pq.coordinate("i")
    memory = pq.Edge("memory", internal=(i,), potential=(i - s.source * s.target) ** 2)
    system = pq.System(pq.layered([2, 2]), nodes=pq.Node("n", potential=s**2), edges=memory, inputs="input")
    assert pq.derive(system).floating == ()
