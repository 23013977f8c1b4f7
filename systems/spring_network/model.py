"""Networks of springs in the plane: the triangular lattice, one with holes, and disordered ones.

The coordinates x and y are displacements from the places of the topology, so that lattices may be periodic and fixed
nodes stay where they are. Every spring is at rest in the start. Equations and sources stand with the components in
`physeq.mechanical`.
"""

import numpy as np

import physeq as pq

m = pq.mechanical


def network(topology, stiffness=1.0, mass=1.0, prestrain=0.0, name="spring network", **options) -> pq.System:
    """Masses at the nodes, springs of rest length |r|/(1 + prestrain) along the edges.

    Args:
        topology: with places.
        stiffness, mass: of every spring and node.
        prestrain: how far springs are stretched in the places, 0 for a network at rest.
        options: of `System`, such as `ground`, `fixed`, `inputs`.
    """
    topology = pq.with_rest_lengths(topology)
    lengths = topology.bundle("edges").attributes["length"]
    return pq.System(
        topology,
        nodes=m.mass(mass, dimensions=2),
        edges=m.spring(stiffness, 1.0, dimensions=2, displacements=True),
        values={"edges": {"length": lengths / (1 + prestrain)}},
        name=name,
        **options,
    )


def triangular(columns=8, rows=8, periodic=True, prestrain=0.0, **options) -> pq.System:
    """The triangular lattice of unit spacing; open or closed on itself. Options as of `network`."""
    lattice = pq.triangular_lattice((columns, rows), periodic=periodic)
    return network(lattice, prestrain=prestrain, name="triangular lattice", **options)


def holes(columns=12, rows=12, radius=1.6) -> pq.System:
    """An open patch of the triangular lattice with a round hole in its middle."""
    lattice = pq.triangular_lattice((columns, rows))
    centre = lattice.group("nodes").positions.mean(axis=0)
    return network(pq.with_holes(lattice, pq.Ball(tuple(centre), radius)), name="triangular lattice with a hole")


def disordered(columns=8, rows=8, jitter=0.1, seed=0) -> pq.System:
    """The open triangular lattice with its nodes moved at random, springs at rest there."""
    lattice = pq.jittered(pq.triangular_lattice((columns, rows)), jitter, seed)
    return network(lattice, name="disordered spring network")


def random_triangulation(size=40, seed=0) -> pq.System:
    """Random points in a unit square, springs along the edges of their Delaunay triangulation."""
    return network(pq.delaunay(size, seed), name="Delaunay spring network")


def packet(columns=32, rows=4, wave_number=4, width=4.0, amplitude=1e-4):
    """A start of the periodic `triangular`: a longitudinal wave packet that travels along x, and its velocities.

    Displacements u(x) of a packet of wave number q = 2π wave_number/columns; u̇ = −v u′ at the phase speed ω/q of the
    longitudinal branch along x, ω² = (2 k/m)(1 − cos q) + (k/m)(1 − cos(q/2)).
    """
    x = pq.triangular_lattice((columns, rows), periodic=True).group("nodes").positions[:, 0]
    q = 2 * np.pi * wave_number / columns
    omega = np.sqrt(2 * (1 - np.cos(q)) + 1 - np.cos(q / 2))
    hull = amplitude * np.exp(-((x - columns / 2) ** 2) / (2 * width**2))
    zeros = np.zeros_like(x)
    return {"nodes": {"x": hull * np.sin(q * x), "y": zeros, "x_dot": -omega * hull * np.cos(q * x), "y_dot": zeros}}


def plucked(motion):
    """A start at rest with the first node pulled aside."""
    x = np.zeros(motion.layout.system.topology.group("nodes").size)
    x[0] = 0.1
    return {"nodes": {"x": x}}


variants = {
    "triangular": pq.Variant(
        lambda columns=32, rows=4: triangular(columns, rows),
        "periodic triangular lattice, with a travelling wave packet",
        simulation=pq.Simulation(
            t1=30.0, start=packet(), show=("(0, 0).x", "(16, 0).x", "energy"), solver="stormer-verlet", step=0.05
        ),
    ),
    "holes": pq.Variant(
        holes,
        "an open lattice with a hole",
        simulation=pq.Simulation(
            t1=20.0, start=plucked, show=("(0, 0).x", "(0, 0).y", "energy"), solver="blanes-moan", step=0.1
        ),
    ),
    "disordered": pq.Variant(
        disordered,
        "an open lattice, nodes moved at random",
        simulation=pq.Simulation(
            t1=20.0, start=plucked, show=("(0, 0).x", "(0, 0).y", "energy"), solver="blanes-moan", step=0.1
        ),
    ),
    "delaunay": pq.Variant(
        random_triangulation,
        "springs along a Delaunay triangulation of random points",
        simulation=pq.Simulation(t1=5.0, start=plucked, show=("0.x", "0.y", "energy"), solver="blanes-moan", step=0.02),
    ),
}
