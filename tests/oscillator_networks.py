"""Oscillators that learn trajectories from initial values: what the tests and measurements of echoes run on."""

import jax
import jax.numpy as jnp

import physeq as pq

x, y = pq.coordinate("x"), pq.target("y")


def oscillator(quartic):
    """T = ½ m ẋ², V = ½ k x² + ¼ a x⁴, every mass trained."""
    m = pq.parameter("m", initial=pq.Uniform(0.8, 1.2))
    k = pq.parameter("k", initial=pq.Uniform(0.5, 1.5))
    a = pq.parameter("a", initial=pq.Uniform(0.1, 0.3))
    potential = k * x**2 / 2 + (a * x**4 / 4 if quartic else 0)
    return pq.Node("oscillator", kinetic=m * x.dot**2 / 2, potential=potential)


def coupling(inertial=False):
    """V = ½ c (x_t − x_s)², and T = ½ μ (ẋ_t − ẋ_s)², which makes the mass matrix full."""
    apart = x.target - x.source
    c = pq.parameter("c", initial=pq.Uniform(0.1, 0.5))
    if not inertial:
        return pq.Edge("coupling", potential=c * apart**2 / 2)
    mu = pq.parameter("mu", initial=pq.Uniform(0.05, 0.2))
    return pq.Edge("coupling", potential=c * apart**2 / 2, kinetic=mu * (x.target.dot - x.source.dot) ** 2 / 2)


def oscillators(count, *, quartic, inertial=False, pushed=True, ring=True, **options):
    """A ring or chain of oscillators, pushed at the first two nodes, read at the last two."""
    return pq.System(
        pq.lattice(count, periodic=ring),
        nodes=oscillator(quartic),
        edges=coupling(inertial),
        inputs={"push": pq.Drive([0, 1])} if pushed else None,
        outputs=[count - 1, count - 2],
        **options,
    )


RUNNING = pq.TrajectoryCost(running=(x - y) ** 2 / 2)
TERMINAL = pq.TrajectoryCost(terminal=(x - y) ** 2 / 2 + x.dot**2 / 3)
BOTH = pq.TrajectoryCost(RUNNING.running, TERMINAL.terminal)


def model_of(system, steps, *, duration, cost=RUNNING, moving=True, seed=1):
    """Leapfrog trajectories from random positions, and from random velocities where they are `moving`."""
    count = system.topology.size
    keys = jax.random.split(jax.random.key(seed))
    positions = 0.5 * jax.random.normal(keys[0], (count,))
    velocities = {"nodes": 0.5 * jax.random.normal(keys[1], (count,))} if moving else {}
    start = pq.InitialValue({"nodes": positions}, velocities, duration=duration)
    return system.trajectories(start, pq.Leapfrog(steps), cost=cost)


def waves(model, batch=()):
    """(inputs, targets) that move in time, different for every sample."""
    phase = jnp.arange(max(1, batch[0] if batch else 1), dtype=float)[:, None]
    t = model.times[None, :]
    inputs = jnp.stack([jnp.sin(t + phase), jnp.cos(1.7 * t - phase)], -1)
    target = jnp.stack([0.3 * jnp.sin(0.6 * t + phase), 0.2 * jnp.cos(t) + 0 * phase], -1)
    return (inputs, target) if batch else (inputs[0], target[0])
