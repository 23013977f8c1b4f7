"""Chains of masses and springs that learn periodic motions: a frequency response, or waveforms from waveforms.

Every mass is tied to its place by an anchor and to its neighbours by springs. The first mass is pushed by a periodic
force, the last one is observed. Equations and sources stand with the components in `physeq.mechanical`.
"""

from dataclasses import replace

import jax
import numpy as np

import physeq as pq

m = pq.mechanical
squared_error = (m.x - pq.target("y", unit="m")) ** 2 / 2

# Lossless motions have resonances, which no training crosses. Anchors of 1 N/m put the lowest above 0.8 rad/s: four
# tones of 0.15 to 0.6 rad/s stay below it. Springs that are not linear answer harmonics of their tones too: three tones
# of 0.1 to 0.3 rad/s have five harmonics each below the resonances that anchors of 4 N/m allow.
PERIOD, SLOW_PERIOD = 2 * np.pi / 0.15, 2 * np.pi / 0.1


def chain(size=4, anchor=1.0, coupling=1.0, friction=0.0, cubic=0.0, spread=0.3) -> pq.System:
    """Masses of 1 kg in a row; parameters start uniform within a share of their mean values.

    Args:
        size: number of masses.
        anchor, coupling: mean stiffness of anchors and of springs in N/m.
        friction: mean friction of every mass against its surroundings in N s/m, trained; 0 for none.
        cubic: mean cubic stiffness of the springs in N/m³ (Duffing), trained; 0 for linear springs.
        spread: the share.
    """

    def around(mean):
        return pq.Uniform((1 - spread) * mean, (1 + spread) * mean)

    nodes = [m.mass(1.0), m.anchor(around(anchor))]
    return pq.System(
        pq.lattice(size),
        nodes={"nodes": [*nodes, m.drag(around(friction), trainable=True)] if friction else nodes},
        edges=m.spring(around(coupling), cubic=around(cubic) if cubic else None),
        inputs={"force": pq.Drive([0])},
        outputs=[size - 1],
        cost=squared_error,
        name="oscillator chain",
    )


def duffing(size=3, anchor=4.0, coupling=4.0, cubic=8.0, spread=0.3) -> pq.System:
    """The chain with hardening springs."""
    return chain(size, anchor, coupling, cubic=cubic, spread=spread)


def periodic(system, period=PERIOD, harmonics=7):
    """Its steady motions under a force of that period."""
    return system.trajectories(pq.Periodic(period), pq.HarmonicBalance(harmonics))


def slow(system, period=SLOW_PERIOD, harmonics=12):
    """The same with a longer period and more harmonics, for chains that are not linear."""
    return periodic(system, period, harmonics)


def signal(rows, tones, points, amplitude):
    """One period of sums of tones, `(rows, points)`, from their amplitudes x in [0, 1], used as 2x − 1.

    Tone k is harmonic `tones[k]` of the period; columns 2k and 2k + 1 are its cosine and its sine.
    """
    angle = 2 * np.pi * np.outer(tones, np.arange(points)) / points
    waves = np.stack([np.cos(angle), np.sin(angle)], axis=1).reshape(-1, points)
    return amplitude * (2 * rows[:, : len(waves)] - 1) @ waves


def _encoded(dataset, tones, points, amplitude, answer):
    forces = [signal(rows, tones, points, amplitude) for rows in (dataset.train_inputs, dataset.test_inputs)]
    train, test = (np.asarray(f, np.float32) for f in forces)
    answers = [np.asarray(answer(f), np.float32) for f in forces]
    return replace(dataset, train_inputs=train, test_inputs=test, train_targets=answers[0], test_targets=answers[1])


def encode_response(
    dataset, tones=(1, 2, 3, 4), amplitude=0.5, seed=5, period=PERIOD, harmonics=7, size=4, friction=0.0
):
    """Forces that are sums of tones, and as targets what another chain answers, drawn with `seed`."""
    model = periodic(chain(size, friction=friction), period, harmonics)
    params = model.init_parameters(jax.random.key(seed))
    return _encoded(
        dataset, tones, 2 * harmonics + 1, amplitude,
        lambda force: model.solve(params, force[..., None])[f"{size - 1}.x"],
    )  # fmt: skip


def encode_limiter(dataset, tones=(1, 2, 3), amplitude=1.5, limit=0.2, gain=0.1, harmonics=12):
    """Forces that are sums of tones, and as targets the same waveforms, limited: limit·tanh(gain·force/limit)."""
    return _encoded(dataset, tones, 2 * harmonics + 1, amplitude, lambda force: limit * np.tanh(gain * force / limit))


def probe(points, amplitude):
    """Forces of three tones and targets of three others, on a grid of so many times."""

    def draw(system, seed):
        random = np.random.default_rng(seed)
        force, target = (signal(random.random((4, 6)), (1, 2, 3), points, a) for a in (amplitude, 0.2))
        return force[..., None], target[..., None]

    return draw


variants = {
    "lossless": pq.Variant(
        chain, "without friction: extremals of the action", encode_response, probe(15, 0.5), trajectories=periodic
    ),
    "damped": pq.Variant(
        lambda size=4, anchor=1.0, coupling=1.0, friction=0.3, spread=0.3: chain(
            size, anchor, coupling, friction, spread=spread
        ),
        "linear, every mass in a resting medium",
        encode_response,
        probe(15, 0.5),
        trajectories=periodic,
    ),
    "duffing": pq.Variant(
        duffing, "hardening springs, without friction", encode_limiter, probe(25, 1.5), trajectories=slow
    ),
}
