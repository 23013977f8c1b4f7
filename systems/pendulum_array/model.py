"""Rows of pendula that learn periodic orbits: torsion springs join neighbours, a periodic torque turns the first one.

Nothing dissipates, so that the orbits are extremals of the action. Lengths, masses and springs are learnt. Equations
and sources stand with the components in `physeq.mechanical`.
"""

from dataclasses import replace

import numpy as np
import sympy as sp

import physeq as pq

m = pq.mechanical
squared_error = (m.theta - pq.target("y", unit="rad")) ** 2 / 2

# No training of motions without friction crosses a resonance. Bounds of all parameters keep those of small swings in
# 2.6 to 6.6 rad/s, above the torque's frequency and below its third harmonic, the next one in a symmetric orbit.
FREQUENCY = 2.2


def pendulum() -> pq.Node:
    """The pendulum of `physeq.mechanical` with m from 0.8 to 3 kg and ℓ from 0.9 to 1.4 m."""
    mass = pq.parameter("m", initial=pq.Uniform(0.9, 1.1), bounds=(0.8, 3.0), unit="kg", description="mass")
    ell = pq.parameter("length", initial=pq.Uniform(0.95, 1.1), bounds=(0.9, 1.4), unit="m", description="length")
    return pq.Node(
        "pendulum",
        kinetic=mass * ell**2 * m.theta.dot**2 / 2,
        potential=mass * m.STANDARD_GRAVITY * ell * (1 - sp.cos(m.theta)),
        description="plane pendulum",
    )


def torsion_spring(stiffness) -> pq.Edge:
    """That of `physeq.mechanical` with κ up to 6 N m/rad."""
    kappa = pq.parameter("kappa", initial=stiffness, bounds=(0.0, 6.0), unit="N m/rad", description="stiffness")
    twist = m.theta.source - m.theta.target
    return pq.Edge("torsion spring", potential=kappa * twist**2 / 2, description="torsion spring")


def array(size=4, stiffness=3.0, spread=0.3) -> pq.System:
    """Pendula side by side.

    Args:
        size: how many.
        stiffness: mean of the torsion springs in N m/rad.
        spread: they start uniform within this share of it.
    """
    return pq.System(
        pq.from_edges(range(size - 1), range(1, size), size),
        nodes=pendulum(),
        edges=torsion_spring(pq.Uniform((1 - spread) * stiffness, (1 + spread) * stiffness)),
        inputs={"torque": pq.Drive([0])},
        outputs=list(range(size)),
        cost=squared_error,
        name="pendulum array",
    )


def orbits(system, frequency=FREQUENCY, harmonics=7):
    """Its orbits of the torque's period."""
    return system.trajectories(pq.Periodic(2 * np.pi / frequency), pq.HarmonicBalance(harmonics))


def swinging(share, size, points, torques, swing, ratio):
    """(torques, angles wanted), rows of `points` times: F cos Ωt, and for pendulum j swing·ratioʲ·(F/max F) cos Ωt.

    Args:
        share: numbers in [0, 1] that choose F between the two `torques`, in N m.
        swing, ratio: of the first pendulum under the largest torque, in radians, and from one to the next.
    """
    cosine = np.cos(2 * np.pi * np.arange(points) / points)
    strength = torques[0] + (torques[1] - torques[0]) * np.asarray(share)
    wanted = swing * ratio ** np.arange(size) * cosine[:, None]
    return strength[:, None] * cosine, (strength / torques[1])[:, None, None] * wanted


def encode_swings(dataset, size=4, torques=(2.5, 5.0), swing=0.8, ratio=0.5, harmonics=7):
    """Torques whose strengths are the first column of the data, and the orbits of `swinging` as targets.

    The swings wanted are proportional to the torque, those of pendula are not quite.
    """

    def series(rows):
        found = swinging(rows[:, 0], size, 2 * harmonics + 1, torques, swing, ratio)
        return [part.reshape(len(rows), -1).astype(np.float32) for part in found]

    (train, train_targets), (test, test_targets) = series(dataset.train_inputs), series(dataset.test_inputs)
    return replace(
        dataset, train_inputs=train, test_inputs=test, train_targets=train_targets, test_targets=test_targets
    )


def probe(system, seed):
    """Three torques of random strength with the orbits of `swinging`, on the grid of the default trajectories."""
    share = np.random.default_rng(seed).random(3)
    torque, wanted = swinging(share, system.topology.size, 15, (2.5, 5.0), 0.8, 0.5)
    return torque[..., None], wanted


variants = {
    "row": pq.Variant(array, "driven below resonance, without friction", encode_swings, probe, trajectories=orbits),
}
