"""Systems whose forces have no energy, in elements of many kinds: three ports, a coordinate inside, pairs."""

from functools import cache

import sympy as sp
import zoo

import physeq as pq

s, y = zoo.s, zoo.y
w, u, k = pq.parameter("w"), pq.parameter("u"), pq.parameter("k", bounds=(0.1, 2.0))


@cache
def gated():
    """Elements of three ports beside one-way edges; some touch a node twice, lie beside each other or on held nodes."""
    gate = pq.Component(
        "gated",
        ports=("source", "gate", "target"),
        force={s.at("target"): w * s.at("source") * pq.sigmoid(u * s.at("gate"))},
    )
    plain = pq.Edge("plain", force={s.target: pq.parameter("v", shared=True) * zoo.g * sp.tanh(s.source)})
    gates = [(0, 1, 3), (1, 2, 4), (3, 4, 5), (4, 3, 6), (4, 3, 6), (5, 6, 3), (6, 3, 2), (2, 2, 6), (3, 5, 3)]
    edges = [(0, 2), (1, 3), (2, 4), (4, 2), (3, 5), (5, 4), (4, 6), (4, 6), (3, 3)]
    bundles = (
        pq.Bundle("gates", ("n", "n", "n"), pq.Sparse(gates)),
        pq.Bundle("plain", ("n", "n"), pq.Sparse(edges), directed=True),
    )
    topology = pq.Topology((pq.Group("n", 7),), bundles)
    options = {"inputs": [0, 1], "outputs": [5, 6], "cost": (s - y) ** 2 / 2}
    system = pq.System(topology, nodes=zoo.UNIT, edges={"gates": gate, "plain": plain}, **options)
    return system, system.compile()


@cache
def remembering():
    """One-way forces to and from a coordinate inside edges, one of which is a loop."""
    z = pq.coordinate("z")
    forces = {z: w * sp.tanh(s.source) + k * s.source * s.target, s.target: u * z * s.source / 3}
    edge = pq.Edge("memory", internal=(z,), potential=z**2, force=forces)
    options = {"nodes": zoo.UNIT, "inputs": [0], "outputs": [3], "cost": (s - y) ** 2 / 2}
    system = zoo._graph(4, (edge, [[0, 1], [1, 2], [2, 3], [2, 2]]), **options)
    return system, system.compile()


@cache
def paired():
    """Element i from node i of a group to node i of another, and dense edges back."""
    there, back = (pq.Edge(n, force={s.target: q * s.source**2}) for n, q in (("there", w), ("back", u)))
    groups = (pq.Group("first", 3, ("a", "b", "c")), pq.Group("second", 3))
    bundles = (
        pq.Bundle("there", ("first", "second"), pq.OneToOne(), directed=True),
        pq.Bundle("back", ("second", "first"), pq.Dense(), directed=True),
    )
    options = {"inputs": ["a"], "outputs": "second", "cost": (s - y) ** 2 / 2}
    system = pq.System(pq.Topology(groups, bundles), nodes=zoo.UNIT, edges={"there": there, "back": back}, **options)
    return system, system.compile()


BUILT = {"gated": gated, "remembering": remembering, "paired": paired}
