"""Ladders of coils and capacitors that learn a transfer function at given frequencies, in henries, farads and hertz.

Coils in the row and capacitors to ground, in turn, between a source and an open end, or between two resistors. The
source and the output are voltages. Equations and sources stand with the components in `physeq.electrical`.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

import physeq as pq

e = pq.electrical

# 1 kΩ and 10 kHz: a coil of 15.9 mH and a capacitor of 15.9 nF have this impedance at this frequency.
RESISTANCE, CUTOFF = 1e3, 1e4
# Tones are harmonics of 2.5 kHz.
PERIOD = 4e-4
# The energy that the error would have in that capacitor, in joules: a nudge of 1 is then as strong as the ladder's own.
error_energy = (e.v - pq.target("y", unit="V")) ** 2 / (4 * np.pi * CUTOFF * RESISTANCE)


def ladder(elements=5, terminated=True, resistance=RESISTANCE, cutoff=CUTOFF, mean=1.2, spread=0.3) -> pq.System:
    """Nodes 0 (ground), in (the source), n0, n1, …, out; coils L1, L3, … in the row and capacitors C2, C4, … to ground.

    Args:
        elements: number of coils and capacitors together, at least 2.
        terminated: with a resistor R1 behind the source and R2 across the output; else the source drives the first coil
            and the output is open, and the last element must be a capacitor.
        resistance: of both, in ohms.
        cutoff: in hertz. Coils start about R/(2π cutoff), capacitors about 1/(2π cutoff R).
        mean, spread: values start uniform within the share `spread` of `mean` times these.
    """
    omega = 2 * np.pi * cutoff
    start = pq.Uniform((1 - spread) * mean, (1 + spread) * mean)
    places = -(-elements // 2)
    row = ["n0" if terminated else "in", *(f"n{k}" for k in range(1, places)), "out"]
    labels = ["0", *(["in"] if terminated else []), *row]

    def bundle(name, ends, names):
        pairs = np.array([[labels.index(a), labels.index(b)] for a, b in ends])
        return pq.Bundle(name, ("nodes", "nodes"), pq.Sparse(pairs), labels=names)

    coils = list(pairwise(row))
    capacitors = [(node, "0") for node in row[1 : 1 + elements // 2]]
    bundles = [
        bundle("coils", coils, [f"L{2 * k + 1}" for k in range(len(coils))]),
        bundle("capacitors", capacitors, [f"C{2 * k + 2}" for k in range(len(capacitors))]),
    ]
    edges = {
        "coils": e.inductor(_times(start, resistance / omega), trainable=True),
        "capacitors": e.capacitor(_times(start, 1 / (omega * resistance)), trainable=True),
    }
    if terminated:
        bundles.append(bundle("resistors", [("in", "n0"), ("out", "0")], ["R1", "R2"]))
        edges["resistors"] = e.resistor(1 / resistance, trainable=False)
    return pq.System(
        pq.Topology((pq.Group("nodes", len(labels), labels=labels),), tuple(bundles)),
        edges=edges,
        ground="0",
        inputs=["in"],
        outputs=["out"],
        cost=error_energy,
        name="LC ladder",
    )


def _times(start, unit):
    return pq.Uniform(start.low * unit, start.high * unit)


def lossless(elements=6, mean=1.0, spread=0.15) -> pq.System:
    """The ladder without resistors, whose resonances start between the tones of `encode_resonances`."""
    return ladder(elements, False, mean=mean, spread=spread)


def periodic(system, period=PERIOD, harmonics=7):
    """Its steady states under a source of that period."""
    return system.trajectories(pq.Periodic(period), pq.HarmonicBalance(harmonics))


def butterworth(order, cutoff=CUTOFF):
    """H(f) = ½/Π_k (1 − s/p_k), s = if/cutoff, p_k = exp(iπ(2k + n − 1)/(2n)): flat, and half of the source at most."""
    poles = np.exp(1j * np.pi * (2 * np.arange(1, order + 1) + order - 1) / (2 * order))
    return lambda f: 0.5 / np.prod(1 - 1j * np.asarray(f)[..., None] / cutoff / poles, axis=-1)


def resonant(resonances):
    """H(f) = 1/Π_k (1 − f²/f_k²): what any lossless ladder with an open end does, with resonances f_k."""
    return lambda f: 1 / np.prod(1 - (np.asarray(f)[..., None] / np.array(resonances)) ** 2, axis=-1)


def encode_butterworth(dataset, order=5, cutoff=CUTOFF, tones=(2, 3, 4, 5), amplitude=1.0, period=PERIOD, harmonics=7):
    """Sums of tones, and as targets what a Butterworth filter between two equal resistors makes of them."""
    return _filtered(dataset, tones, amplitude, period, harmonics, butterworth(order, cutoff))


def encode_resonances(
    dataset, resonances=(5e3, 13e3, 19e3), tones=(1, 3, 4, 6), amplitude=1.0, period=PERIOD, harmonics=7
):
    """Sums of tones, and as targets what a ladder with these resonances, in hertz, makes of them."""
    return _filtered(dataset, tones, amplitude, period, harmonics, resonant(resonances))


def _filtered(dataset, tones, amplitude, period, harmonics, transfer):
    numbers = np.array(tones)
    turns = np.exp(2j * np.pi * np.outer(numbers, np.arange(2 * harmonics + 1)) / (2 * harmonics + 1))
    ratio = transfer(numbers / period)

    def series(rows):
        # Columns 2k and 2k + 1 of the rows are the cosine and the sine of tone k, in [0, 1], used as 2x − 1.
        signed = amplitude * (2.0 * rows[:, : 2 * len(numbers)] - 1)
        peaks = signed[:, ::2] - 1j * signed[:, 1::2]
        return [np.real(part @ turns).astype(np.float32) for part in (peaks, ratio * peaks)]

    (train, train_targets), (test, test_targets) = series(dataset.train_inputs), series(dataset.test_inputs)
    return replace(
        dataset, train_inputs=train, test_inputs=test, train_targets=train_targets, test_targets=test_targets
    )


def probe(system, seed):
    """A source of three tones and a target of three others, on the grid of the default trajectories."""
    random = np.random.default_rng(seed)
    angle = 2 * np.pi * np.outer((1, 3, 4), np.arange(15)) / 15
    waves = [random.normal(size=(4, 3)) @ np.cos(angle) + random.normal(size=(4, 3)) @ np.sin(angle) for _ in range(2)]
    return waves[0][..., None], waves[1][..., None]


variants = {
    "terminated": pq.Variant(ladder, "between two resistors", encode_butterworth, probe, trajectories=periodic),
    "lossless": pq.Variant(
        lossless, "from an ideal source to an open end", encode_resonances, probe, trajectories=periodic
    ),
}
