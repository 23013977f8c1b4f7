"""Chains of masses and springs for tests of trajectories, with closed forms by NumPy and SciPy."""

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np

import physeq as pq

x, y = pq.coordinate("x"), pq.target("y")
k, kappa, m, a, c, d = (pq.parameter(name, positive=True) for name in ("k", "kappa", "m", "a", "c", "d"))
linear = pq.Node("mass", kinetic=m * x.dot**2 / 2, potential=k * x**2 / 2)
duffing = pq.Node("duffing", kinetic=m * x.dot**2 / 2, potential=k * x**2 / 2 + a * x**4 / 4)
damped = pq.Node("damped", kinetic=m * x.dot**2 / 2, potential=k * x**2 / 2, dissipation=c * x.dot**2 / 2)
spring = pq.Edge("spring", potential=kappa * (x.source - x.target) ** 2 / 2)
lossy = pq.Edge(
    "lossy", potential=kappa * (x.source - x.target) ** 2 / 2, dissipation=d * (x.source.dot - x.target.dot) ** 2 / 2
)
POSITION, RATE = (x - y) ** 2 / 2, (x.dot - y) ** 2 / 2
PERIOD = 8.0


def chain(node, edge=spring, cost=POSITION, size=3, **options):
    """Masses in a row, pushed at the first and observed at the last."""
    topology = pq.graph.from_edges(list(range(size - 1)), list(range(1, size)), size=size)
    options = {"inputs": {"push": pq.Drive([0])}} | options
    return pq.System(topology, nodes=node, edges=edge, outputs=[size - 1], cost=cost, **options)


def spread(model):
    """Parameters that all differ, near one."""
    drawn = model.init_parameters(jax.random.key(0))
    return jax.tree.map(lambda v: 1 + 0.1 * jnp.arange(v.size, dtype=v.dtype).reshape(v.shape) / v.size, drawn)


def data(model, period=PERIOD):
    """Two samples of a push and of what the last mass should do."""
    t = np.asarray(model.times)
    w = 2 * np.pi / period
    push = np.stack([0.3 * np.cos(w * t), 0.2 * np.sin(2 * w * t)])[:, :, None]
    wanted = 0.3 * np.sin(w * t + np.arange(2)[:, None])[:, :, None]
    return jnp.asarray(push), jnp.asarray(wanted)


def flat(tree):
    """All gradients as one vector."""
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


def apart(found, exact):
    """Relative error."""
    return np.linalg.norm(flat(found) - flat(exact)) / np.linalg.norm(flat(exact))


def matrices(params, node="nodes", edge="edges"):
    """(M, D, K) of a linear chain, by hand."""
    own, joint = params[node], params[edge]
    size = len(own["m"])
    stiffness, losses = np.diag(np.asarray(own["k"])), np.diag(np.asarray(own.get("c", np.zeros(size))))
    for i in range(size - 1):
        link = np.zeros((size, size))
        link[i : i + 2, i : i + 2] = [[1, -1], [-1, 1]]
        stiffness = stiffness + float(joint["kappa"][i]) * link
        losses = losses + float(joint["d"][i] if "d" in joint else 0.0) * link
    return np.diag(np.asarray(own["m"])), losses, stiffness


def ladder(losses):
    """Inductors in series, capacitors to ground, and resistors at both ends."""
    graph = nx.MultiGraph()
    for i in range(1, 4):
        graph.add_edge(i, i + 1, component="L")
        graph.add_edge(i, 0, component="C")
    graph.add_edge(4, 0, component="C")
    graph.add_edge(1, 0, component="L")
    kinds = {"L": pq.electrical.inductor(), "C": pq.electrical.capacitor()}
    if losses:
        graph.add_edge(1, 0, component="R")
        graph.add_edge(4, 0, component="R")
        kinds["R"] = pq.electrical.resistor()
    return pq.System.from_graph(
        graph, edges=kinds, ground=0, inputs={"i": pq.Drive([1])}, outputs=[4], cost=(pq.electrical.v - y) ** 2 / 2
    )
