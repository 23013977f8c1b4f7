"""Pendula: the double pendulum and longer chains in angles, the same in Cartesian coordinates with rigid rods, and rows
of pendula coupled by torsion springs.

Equations and sources stand with the components in `physeq.mechanical`. In angles the inertia depends on the positions,
so that H(q, p) exists but does not separate; with rods the motion is that of free masses under constraints.
"""

import numpy as np

import physeq as pq

m = pq.mechanical


def chain(masses=(1.0, 1.0), lengths=(1.0, 1.0)) -> pq.System:
    """Rods hinged to each other, a bob at the end of each, the first one hung up; unknowns are the angles."""
    masses, lengths = np.asarray(masses, float), np.asarray(lengths, float)
    carried = np.cumsum(masses[::-1])[::-1]
    topology = pq.complete(len(masses))
    source, target = topology.edge_arrays("edges")
    inertia = lengths[source] * lengths[target] * carried[np.maximum(source, target)]
    return pq.System(
        topology,
        nodes=m.pendulum(),
        edges=m.hinge(),
        values={"nodes": {"m": carried, "length": lengths}, "edges": {"J": inertia}},
        name="pendulum chain",
    )


def cartesian(masses=(1.0, 1.0), lengths=(1.0, 1.0)) -> pq.System:
    """The same chain as masses in the plane that rigid rods join; node 0 is the point that it hangs from."""
    topology = pq.from_edges(range(len(masses)), range(1, len(masses) + 1), len(masses) + 1)
    return pq.System(
        topology,
        nodes=m.mass(dimensions=2, gravity=m.STANDARD_GRAVITY),
        edges=m.rigid_rod(),
        ground=0,
        values={"nodes": {"m": np.concatenate([[1.0], masses])}, "edges": {"length": np.asarray(lengths, float)}},
        name="pendulum chain with rods",
    )


def row(size=8, stiffness=2.0) -> pq.System:
    """Pendula side by side, neighbours coupled by torsion springs."""
    return pq.System(
        pq.from_edges(range(size - 1), range(1, size), size),
        nodes=m.pendulum(),
        edges=m.torsion_spring(stiffness),
        name="row of pendula",
    )


def hanging(angles, lengths=None):
    """A `cartesian` chain's start at rest, from the angles of its rods."""
    angles = np.asarray(angles, float)
    lengths = np.ones_like(angles) if lengths is None else np.asarray(lengths, float)
    x = np.concatenate([[0.0], np.cumsum(lengths * np.sin(angles))])
    y = np.concatenate([[0.0], np.cumsum(-lengths * np.cos(angles))])
    return {"nodes": {"x": x, "y": y}}


variants = {
    "double": pq.Variant(
        chain,
        "double pendulum in angles",
        simulation=pq.Simulation(
            t1=10.0, start={"nodes": {"theta": np.array([1.2, 0.7])}}, show=("0.theta", "1.theta", "energy"), rtol=1e-9
        ),
    ),
    "ten": pq.Variant(
        lambda: chain(np.ones(10), np.full(10, 0.3)),
        "chain of ten rods in angles",
        simulation=pq.Simulation(
            t1=10.0, start={"nodes": {"theta": np.full(10, 0.5)}}, show=("0.theta", "9.theta", "energy"), rtol=1e-9
        ),
    ),
    "cartesian": pq.Variant(
        cartesian,
        "double pendulum in the plane, with rigid rods",
        simulation=pq.Simulation(
            t1=10.0, start=hanging([1.2, 0.7]), show=("2.x", "2.y", "edges.multiplier", "energy"), rtol=1e-9
        ),
    ),
    "row": pq.Variant(
        row,
        "pendula coupled by torsion springs",
        simulation=pq.Simulation(
            t1=20.0, start={"nodes": {"theta": np.eye(8)[0]}}, show=("0.theta", "7.theta", "energy"), rtol=1e-8
        ),
    ),
}
