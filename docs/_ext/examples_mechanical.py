"""Drawings of the mechanical components."""

import numpy as np
from example import Example, alone, evaluate, label, numbers, run

import physeq as pq

m = pq.mechanical


def thrown(axis):
    """A cyclic coordinate moves at its rate: x by integration of ẋ, y as the weight has it."""
    node = m.mass(dimensions=2, gravity=m.STANDARD_GRAVITY)
    system = alone(3, node, m.drag(dimensions=2), values={"nodes.drag": {"c": np.array([0.0, 0.5, 1.0])}})
    ts, solution = run(system, 1.2, start={"nodes": {"x_dot": [4.0] * 3, "y": [0.0] * 3, "y_dot": [5.0] * 3}})
    rates = np.asarray(solution["nodes.x_dot"])
    x = np.concatenate([np.zeros((1, 3)), np.cumsum((rates[1:] + rates[:-1]) / 2 * np.diff(ts)[:, None], axis=0)])
    axis.plot(x, solution["nodes.y"], label=[f"c = {c:g} N s/m" for c in (0.0, 0.5, 1.0)])
    label(axis, "x (m)", "y (m)", legend=True)


def weights(axis):
    system = alone(1, m.gravity(0.5), m.anchor(10.0, dimensions=2), m.drag(1.0, dimensions=2))
    ts, solution = run(system, 0.6, start={"nodes": {"x": [0.3], "y": [0.0]}})
    axis.plot(ts, solution["nodes.y"], label="y")
    axis.plot(ts, solution["nodes.x"], label="x")
    label(axis, "time (s)", "position (m)", legend=True)


def pulls(axis):
    e = np.linspace(-1, 1, 201)
    for cubic in (-0.8, 0.0, 2.0):
        spring = m.spring(1.0, 0.0, cubic)
        force = spring.potential.diff(m.x.target)
        axis.plot(e, evaluate(force, numbers(spring) | {m.x.source: 0.0, m.x.target: e}), label=f"k₃ = {cubic:g} N/m³")
    label(axis, "elongation (m)", "force (N)", legend=True)


def held(axis):
    system = alone(3, m.mass(dimensions=1), m.anchor(), values={"nodes.anchor": {"k": np.array([1.0, 4.0, 9.0])}})
    ts, solution = run(system, 7.0, start={"nodes": {"x": [1.0] * 3}})
    axis.plot(ts, solution["nodes.x"], label=[f"k = {k} N/m" for k in (1, 4, 9)])
    label(axis, "time (s)", "x (m)", legend=True)


def damped(axis):
    frictions = (0.2, 2.0, 6.0)
    system = pq.System(
        pq.Topology(
            (pq.Group("nodes", 4),),
            tuple(pq.Bundle(b, ("nodes", "nodes"), pq.Sparse([[0, 1], [0, 2], [0, 3]])) for b in ("spring", "damper")),
        ),
        nodes=m.mass(),
        edges={"spring": m.spring(), "damper": m.damper()},
        values={"damper": {"c": np.array(frictions)}},
        ground=0,
    )
    ts, solution = run(system, 12.0, start={"nodes": {"x": [0.0, 1.0, 1.0, 1.0]}})
    axis.plot(ts, solution["nodes.x"][:, 1:], label=[f"c = {c:g} N s/m" for c in frictions])
    label(axis, "time (s)", "x (m)", legend=True)


def dragged(axis):
    frictions = (0.5, 1.0, 2.0)
    system = alone(3, m.mass(), m.drag(), values={"nodes.drag": {"c": np.array(frictions)}})
    ts, solution = run(system, 5.0, start={"nodes": {"x_dot": [1.0] * 3}})
    axis.plot(ts, solution["nodes.x_dot"], label=[f"c = {c:g} N s/m" for c in frictions])
    label(axis, "time (s)", "velocity of 1 kg (m/s)", legend=True)


def swinging(axis):
    starts = (0.3, 1.5, 3.0)
    ts, solution = run(alone(3, m.pendulum()), 8.0, start={"nodes": {"theta": starts}})
    axis.plot(ts, solution["nodes.theta"], label=[f"from {s} rad" for s in starts])
    label(axis, "time (s)", "angle (rad)", legend=True)


def slowing(axis):
    frictions = (0.2, 1.0, 10.0)
    system = alone(3, m.pendulum(), m.pivot_friction(), values={"nodes.pivot friction": {"c": np.array(frictions)}})
    ts, solution = run(system, 8.0, start={"nodes": {"theta": [1.5] * 3}})
    axis.plot(ts, solution["nodes.theta"], label=[f"c = {c:g} N m s/rad" for c in frictions])
    label(axis, "time (s)", "angle (rad)", legend=True)


def double(axis):
    """Two rods of 1 m with bobs of 1 kg: the upper one carries 2 kg, and they share 1 kg m²."""
    system = pq.System(
        pq.complete(2), nodes=m.pendulum(), edges=m.hinge(1.0), values={"nodes": {"m": np.array([2.0, 1.0])}}
    )
    _, solution = run(system, 4.0, start={"nodes": {"theta": [1.5, 1.5]}}, points=1001)
    theta = np.asarray(solution["nodes.theta"])
    x, y = np.cumsum(np.sin(theta), 1), -np.cumsum(np.cos(theta), 1)
    axis.plot(x, y, label=["upper bob", "lower bob"], linewidth=0.8)
    axis.set_aspect("equal")
    label(axis, "x (m)", "y (m)", legend=True)


def beating(axis):
    system = pq.System(pq.complete(2), nodes=m.pendulum(), edges=m.torsion_spring(1.0))
    ts, solution = run(system, 40.0, start={"nodes": {"theta": [0.2, 0.0]}}, points=1201)
    axis.plot(ts, solution["nodes.theta"], label=["first", "second"], linewidth=0.8)
    label(axis, "time (s)", "angle (rad)", legend=True)


def tumbling(axis):
    system = pq.System(pq.complete(2), nodes=m.mass(dimensions=2, gravity=m.STANDARD_GRAVITY), edges=m.rigid_rod(1.0))
    start = {"x": [-0.5, 0.5], "y": [0.0, 0.0], "x_dot": [1.5, 1.5], "y_dot": [6.0, 2.0]}
    _, solution = run(system, 1.0, start={"nodes": start}, points=201)
    x, y = solution["nodes.x"], solution["nodes.y"]
    axis.plot(x, y)
    for k in range(0, 201, 20):
        axis.plot(x[k], y[k], "k.-", linewidth=0.8, alpha=0.5)
    axis.set_aspect("equal")
    label(axis, "x (m)", "y (m)")


def cartesian(axis):
    system = alone(1, m.mass(dimensions=2, gravity=m.STANDARD_GRAVITY), m.rigid_rod_to_point(1.0))
    start = {"x": [np.sin(2.5)], "y": [-np.cos(2.5)]}
    ts, solution = run(system, 4.0, start={"nodes": start})
    x, y = np.ravel(solution["nodes.x"]), np.ravel(solution["nodes.y"])
    axis.plot(ts, x, label="x")
    axis.plot(ts, y, label="y")
    axis.plot(ts, np.hypot(x, y), ":", label="distance to the pivot")
    label(axis, "time (s)", "position (m)", legend=True)


EXAMPLES = {
    "mass": Example(
        m.mass(dimensions=2, gravity=m.STANDARD_GRAVITY), thrown, "Thrown in the plane, with a `drag` beside the mass."
    ),
    "gravity": Example(m.gravity(), weights, "Without inertia, on an anchor with drag: y goes to −m g/k, x to 0."),
    "spring": Example(
        m.spring(length=1.0, cubic=1.0, dimensions=2), pulls, "Softening, linear and hardening springs of k = 1 N/m."
    ),
    "anchor": Example(m.anchor(dimensions=2), held, "Frequencies √(k/m) of a mass of 1 kg."),
    "damper": Example(
        m.damper(dimensions=2), damped, "Beside a spring of 1 N/m and a mass of 1 kg: under, critically, over-damped."
    ),
    "drag": Example(m.drag(), dragged, "Decays as exp(−ct/m)."),
    "pendulum": Example(m.pendulum(), swinging, "The period grows with the amplitude."),
    "hinge": Example(m.hinge(), double, "A double pendulum released at 1.5 rad."),
    "torsion_spring": Example(m.torsion_spring(), beating, "Two pendula exchange their energy."),
    "pivot_friction": Example(m.pivot_friction(), slowing, "A pendulum of 1 kg and 1 m, released at 1.5 rad."),
    "rigid_rod": Example(m.rigid_rod(), tumbling, "Two masses on a rod, thrown: drawn every 0.1 s."),
    "rigid_rod_to_point": Example(m.rigid_rod_to_point(), cartesian, "A pendulum in x and y, released at 2.5 rad."),
}
