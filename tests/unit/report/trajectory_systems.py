"""Systems whose pages of trajectories are read, with their solved runs."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from trajectory_reader import TrajectoryReader

import physeq as pq

mechanical, electrical = pq.mechanical, pq.electrical
x, theta, v, y = mechanical.x, mechanical.theta, electrical.v, pq.target("y")
BETA = 0.2
PERIOD = 8.0


def row(nodes, edge, cost, *, size=3, **more):
    topology = pq.Topology.from_networkx(nx.path_graph(size))
    options = {"inputs": {"f": pq.Drive([0])}, "outputs": [size - 1], "cost": cost} | more
    return pq.System(topology, nodes={topology.groups[0].name: nodes}, edges=edge, **options)


def masses(*more, cost=(x - y) ** 2 / 2, spring=None, **options):
    heavy = mechanical.mass(1.0, trainable=True)
    return row([heavy, mechanical.anchor(2.0), *more], mechanical.spring(1.5, **(spring or {})), cost, **options)


def chain(**options):
    """Library masses, anchors and springs with a rest length that is trained."""
    return masses(spring={"length": 0.2, "trainable_length": True}, **options)


def shared(**options):
    """A chain whose couplings have one stiffness."""
    k = pq.parameter("k", positive=True, shared=True, initial=0.8)
    edge = pq.Edge("coupling", potential=k * (x.source - x.target) ** 2 / 2 + k * x.source * x.target / 9)
    return row([mechanical.mass(1.0), mechanical.anchor(2.0)], edge, (x.dot - y) ** 2 / 2, **options)


def duffing(**options):
    return masses(spring={"cubic": 0.7}, **options)


def pendula(**options):
    edge = mechanical.torsion_spring(0.6)
    return row(mechanical.pendulum(1.0, 1.2, gravity=3.0, trainable=True), edge, (theta - y) ** 2 / 2, **options)


def damped(**options):
    return masses(mechanical.drag(0.3, trainable=True), **options)


def circuit(*, losses, **options):
    """Coils in a row with a capacitor across the second one, trained."""
    graph = nx.MultiGraph()
    for a, b, kind in [(0, 1, "coil"), (1, 2, "coil"), (1, 2, "across"), (2, 0, "load")]:
        if kind != "load" or losses:
            graph.add_edge(a, b, component=kind)
    topology = pq.Topology.from_networkx(graph)
    edges = {"coil": electrical.inductor(0.7, trainable=True), "across": electrical.capacitor(0.3, trainable=True)}
    edges |= {"load": electrical.resistor(0.4)} if losses else {}
    ground = electrical.capacitor_to_ground(0.9, trainable=True)
    return pq.System(
        topology, nodes={topology.groups[0].name: ground}, edges=edges, ground=0,
        outputs=[2], cost=(v - y) ** 2 / 2, **({"inputs": {"i_in": pq.Drive([1])}} | options),
    )  # fmt: skip


PERIODIC = (pq.Periodic(PERIOD), pq.HarmonicBalance(4))
ENDS = (pq.TwoPoint({"nodes": [0.0, 0.1, 0.2]}, {"nodes": [0.3, 0.1, -0.2]}, duration=1.2), pq.Collocation(3, 2))
SYSTEMS = {
    "chain-ends": (chain, *ENDS),
    "shared": (shared, *PERIODIC),
    "duffing": (duffing, *ENDS),
    "pendula": (pendula, *PERIODIC),
    "lc": (partial(circuit, losses=False), *PERIODIC),
    "damped": (damped, *PERIODIC),
    "damped-rate": (partial(damped, cost=(x.dot - y) ** 2 / 2), *PERIODIC),
    "rlc": (partial(circuit, losses=True), *PERIODIC),
}


class Solved:
    """A model with parameters that all differ, one sample of data, and its runs as a reader takes them."""

    def __init__(self, name):
        self.name = name
        build, boundary, solver = SYSTEMS[name]
        self.system = build()
        self.model = self.system.trajectories(boundary, solver)
        drawn = self.model.init_parameters(jax.random.key(0))
        self.params = jax.tree.map(lambda p: p * (1 + 0.1 * jnp.arange(p.size).reshape(p.shape) / p.size), drawn)
        t = np.asarray(self.model.times)
        self.push = 0.3 * np.cos(2 * np.pi * t / PERIOD)[:, None]
        self.wanted = (0.2 * np.sin(2 * np.pi * t / PERIOD) + 0.1 * np.cos(4 * np.pi * t / PERIOD))[:, None]
        self.weights = np.asarray(self.model.solver.grid(self.model.boundary)[1])
        index = jnp.arange(len(t))[:, None]
        self.back = np.asarray(solver.reversed(index))[:, 0]
        self.free = self.model.solve(self.params, self.push).state

    def run(self, beta=0.0):
        """The trajectory at a nudge, from the free one."""
        if beta == 0:
            return named(self.model, self.free)
        target = jnp.asarray(self.wanted)
        found = self.model.solve(self.params, self.push, target=target, beta=beta, start=self.free)
        return named(self.model, found.state)

    def reader(self, page, runs, **more):
        outputs = self.model.cost.outputs
        last = max(int(i) for part in self.system.outputs.parts for i in part.indices)
        wanted = np.zeros((len(self.weights), last + 1))
        wanted[:, last] = self.wanted[:, outputs - 1]
        series = {"y": wanted} | more.pop("series", {})
        return TrajectoryReader(page, self.model, self.params, runs=runs, weights=self.weights,
                                back=self.back, series=series, rates=rates, **more)  # fmt: skip


def named(model, found):
    """States as {(group, coordinate, order): array}; rates of voltages by Fourier series."""
    result = {}
    for group, q in model.layout.variables:
        for order in (0, 1):
            if q.key(order) in found.get(group, {}):
                result[group, q.name, order] = np.asarray(found[group][q.key(order)])
        if (group, q.name, 1) in result:
            result[group, q.name, 2] = rates(result[group, q.name, 1])
    return result


def rates(values):
    """d/dt of a periodic series on an odd grid; not of others."""
    count = values.shape[0]
    numbers = np.fft.fftfreq(count, 1 / count)[:, None]
    return np.fft.ifft(2j * np.pi / PERIOD * numbers * np.fft.fft(values, axis=0), axis=0).real


@cache
def solved(name):
    return Solved(name)


def assert_descends(changes, gradients, tolerance=1e-10):
    """Printed changes at the rate 1 are minus the gradients, of every trained parameter."""
    size = max(float(np.abs(np.asarray(g)).max()) for own in gradients.values() for g in own.values())
    for (placement, name), change in changes.items():
        expected = -np.ravel(np.asarray(gradients[placement][name]))
        assert change == pytest.approx(expected, abs=tolerance * size, rel=tolerance), (placement, name)


def trained_of(model):
    return {(a, b) for a, own in model.trainable().items() for b, yes in own.items() if yes}


@cache
def modelled(name):
    build, boundary, solver = SYSTEMS[name]
    return build().trajectories(boundary, solver)
