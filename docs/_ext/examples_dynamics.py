"""Drawings of oscillators and neurons."""

import numpy as np
from example import Example, alone, evaluate, label, numbers, run

import physeq as pq

o, n, m = pq.oscillators, pq.neural, pq.mechanical
theta, s = o.theta, n.s


def wells(component, coordinate, name, values, span=(-np.pi, np.pi), axis_name="θ (rad)"):
    """The potential over one coordinate for several values of a parameter; the other end of an edge at 1."""

    def draw(axis):
        x = np.linspace(*span, 201)
        for value in values:
            at = numbers(component, **{name: value}) | {s.target: 1.0, coordinate: x}
            axis.plot(x, evaluate(component.potential, at), label=f"{name} = {value:g}")
        label(axis, axis_name, "potential", legend=True)

    return draw


def locking(axis):
    system = pq.System(
        pq.complete(2),
        nodes=o.phase_unit(),
        edges=o.phase_coupling(1.0),
        values={"nodes": {"omega": np.array([-0.7, 0.7])}},
    )
    ts, solution = run(system, 15.0, start={"nodes": {"theta": [0.0, 2.2]}})
    locked = np.asarray(solution["nodes.theta"])
    axis.plot(ts, locked[:, 1] - locked[:, 0], label="K = 1")
    axis.axhline(np.arcsin(0.7), color="k", linestyle=":", label="arcsin(Δω/2K)")
    label(axis, "time", "phase difference (rad)", legend=True)


def drifting(axis):
    values = {"nodes.phase unit": {"omega": np.array([0.7, 1.1, 1.5])}}
    ts, solution = run(alone(3, o.phase_unit(), o.local_field(1.0), values=values), 20.0)
    axis.plot(ts, solution["nodes.theta"], label=["ω = 0.7", "ω = 1.1", "ω = 1.5"])
    label(axis, "time", "θ (rad)", legend=True)


def settling(axis):
    ts, solution = run(alone(5, o.spin(1.0, 1.0)), 6.0, start={"nodes": {"theta": [-2.0, -1.0, 0.0, 2.0, 4.0]}})
    axis.plot(ts, solution["nodes.theta"])
    label(axis, "time", "θ (rad)")


def cycles(axis):
    _, solution = run(alone(2, o.stuart_landau(1.0, 2.0)), 8.0, start={"nodes": {"x": [0.05, 1.8], "y": [0.0, 0.0]}})
    axis.plot(solution["nodes.x"], solution["nodes.y"], label=["from inside", "from outside"])
    axis.set_aspect("equal")
    label(axis, "x", "y", legend=True)


def relaxing(axis):
    system = alone(3, o.van_der_pol(), values={"nodes": {"mu": np.array([0.2, 1.0, 5.0])}})
    ts, solution = run(system, 30.0, start={"nodes": {"x": [2.0] * 3}}, points=1201)
    axis.plot(ts, solution["nodes.x"], label=["μ = 0.2", "μ = 1", "μ = 5"], linewidth=0.9)
    label(axis, "time", "x", legend=True)


def recurring(axis):
    """The energies of the first modes of 33 masses between walls, started in the first: they come back."""
    size = 32
    system = pq.System(
        pq.from_edges(range(size), range(1, size + 1), size + 1),
        nodes=m.mass(),
        edges=o.fput_spring(0.25),
        ground=[0, size],
    )
    first = np.sin(np.pi * np.arange(size + 1) / size)
    ts, solution = run(system, 5000.0, start={"nodes": {"x": 2.0 * first}}, points=1001)
    x, rates = np.asarray(solution["nodes.x"]), np.asarray(solution["nodes.x_dot"])
    for k in (1, 2, 3):
        mode = np.sqrt(2 / size) * np.sin(np.pi * k * np.arange(size + 1) / size)
        omega = 2 * np.sin(np.pi * k / (2 * size))
        axis.plot(ts, ((rates @ mode) ** 2 + omega**2 * (x @ mode) ** 2) / 2, label=f"mode {k}", linewidth=0.9)
    label(axis, "time", "energy", legend=True)


def activations(axis):
    x = np.linspace(-2, 2, 201)
    symbol = pq.coordinate("x")
    for activation in (n.identity, n.logistic, n.tanh):
        axis.plot(x, evaluate(activation.function(symbol), {symbol: x}), label=activation.name)
    axis.plot(x, np.clip(x, 0, 1), label="hard-sigmoid")
    label(axis, "state", "ρ", legend=True)


def inverses(axis):
    unit, drive = n.prototypical_unit(n.logistic, 0.0), np.linspace(-1, 2, 201)
    axis.plot(drive, evaluate(unit.minimiser, numbers(unit) | {pq.drive: drive}))
    label(axis, "drive", "state of least energy")


def responding(axis):
    system = alone(3, n.leaky_unit(1.0), values={"nodes": {"tau": np.array([0.2, 0.5, 1.0])}})
    ts, solution = run(system, 4.0)
    axis.plot(ts, solution["nodes.s"], label=["τ = 0.2", "τ = 0.5", "τ = 1"])
    label(axis, "time", "s", legend=True)


def remembering(axis):
    """Two patterns of 16 units stored by w = ΣξξT/N: the state goes to the nearer one."""
    size, random = 16, np.random.default_rng(3)
    patterns = np.array([np.tile([1, 1, -1, -1], 4), np.tile([1, -1], 8)])
    net = pq.complete(size)
    sources, targets = net.edge_arrays("edges")
    weights = 3.0 * np.einsum("pi,pi->i", patterns[:, sources], patterns[:, targets]) / size
    system = pq.System(net, nodes=n.leaky_unit(0.0), edges=n.hopfield_synapse(n.tanh), values={"edges": {"w": weights}})
    ts, solution = run(system, 6.0, start={"nodes": {"s": 0.3 * patterns[0] + 0.6 * random.normal(size=size)}})
    axis.plot(ts, np.tanh(np.asarray(solution["nodes.s"])) @ patterns.T / size, label=["first", "second"])
    label(axis, "time", "overlap with a pattern", legend=True)


def rotating(axis):
    """Weights 2 and −2 between two units: no energy, a limit cycle."""
    net = pq.from_edges([0, 0, 1, 1], [0, 1, 0, 1], 2, directed=True)
    system = pq.System(
        net,
        nodes=n.leaky_unit(0.0),
        edges=n.directed_synapse(n.tanh),
        values={"edges": {"w": np.array([1.5, 2.0, -2.0, 1.5])}},
    )
    ts, solution = run(system, 20.0, start={"nodes": {"s": [0.1, 0.0]}})
    axis.plot(ts, solution["nodes.s"], label=["first", "second"])
    label(axis, "time", "s", legend=True)


OSCILLATORS = {
    "phase_coupling": Example(o.phase_coupling(), locking, "Two oscillators that differ by Δω = 1.4 lock."),
    "phase_unit": Example(o.phase_unit(), drifting, "In a field h = 1: locked below ω = 1, drifting above."),
    "local_field": Example(o.local_field(), wells(o.local_field(), theta, "psi", (0.0, 1.0)), "h = 1."),
    "spin": Example(o.spin(), settling, "Five starts, one field at 1 rad: to ψ, or to ψ + 2π."),
    "stuart_landau": Example(o.stuart_landau(), cycles, "μ = a = 1, ω = 2, b = 0: a limit cycle of radius 1."),
    "van_der_pol": Example(o.van_der_pol(), relaxing, "From a sine to relaxation oscillations."),
    "fput_spring": Example(o.fput_spring(), recurring, "α = 0.25, 31 masses between walls: the first mode comes back."),
}
NEURAL = {
    "unit": Example(n.unit(n.tanh), activations, "The activations ρ."),
    "synapse": Example(
        n.synapse(n.tanh),
        wells(n.synapse(n.tanh, 1.0), s.source, "w", (-1.0, 1.0, 2.0), span=(-2, 2), axis_name="state of the source"),
        "The energy over one end, the other end at 1.",
    ),
    "prototypical_unit": Example(n.prototypical_unit(n.logistic), inverses, "ρ of the drive, here the logistic one."),
    "prototypical_synapse": Example(
        n.prototypical_synapse(),
        wells(
            n.prototypical_synapse(1.0), s.source, "w", (-1.0, 1.0, 2.0), span=(-1, 1), axis_name="state of the source"
        ),
        "The energy over one end, the other end at 1.",
    ),
    "leaky_unit": Example(n.leaky_unit(), responding, "A bias of 1 switched on at time 0."),
    "hopfield_synapse": Example(n.hopfield_synapse(), remembering, "Two stored patterns, a start near the first."),
    "directed_synapse": Example(n.directed_synapse(n.tanh), rotating, "Weights 2 and −2 between two units: a cycle."),
}
