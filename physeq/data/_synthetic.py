"""Small sets that are computed, not loaded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ._dataset import Dataset


def two_moons(*, train: int = 400, test: int = 200, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two interleaved half circles in the unit square, two classes.

    With angle a uniform in [0, π] and Gaussian noise of deviation `noise`, class 0 is (cos a, sin a) and class 1 is
    (1 − cos a, ½ − sin a); then (x, y) → ((x + 1.5) / 4, (y + 1) / 2.5), clipped to [0, 1].

    Args:
        train: number of training rows, half of each class (class 0 gets the odd one).
        test: number of test rows, likewise.
        noise: deviation of the noise in radii, at least 0.
        seed: of the angles and of the noise.

    Raises:
        ModelError: fewer than two training rows, a negative number of test rows, or negative noise.

    >>> two_moons(train=100, test=50, noise=0.0).train_inputs.shape
    (100, 2)
    """
    _check(train, test, noise, smallest=2)
    generator = np.random.default_rng(seed)

    def part(rows: int) -> tuple[NDArray, NDArray]:
        labels = generator.permutation(np.arange(rows) % 2)
        angle = generator.uniform(0.0, np.pi, rows)
        x = np.where(labels == 0, np.cos(angle), 1.0 - np.cos(angle))
        y = np.where(labels == 0, np.sin(angle), 0.5 - np.sin(angle))
        points = np.stack([x, y], axis=1) + noise * generator.standard_normal((rows, 2))
        unit = (points + np.array([1.5, 1.0])) / np.array([4.0, 2.5])
        return np.clip(unit, 0.0, 1.0), labels

    source = f"two moons computed by physeq: noise {noise}, seed {seed}"
    return Dataset.from_arrays("two-moons", *part(train), *part(test), classes=2, source=source)


def sine(*, train: int = 200, test: int = 100, noise: float = 0.05, periods: float = 1.0, seed: int = 0) -> Dataset:
    """Periods of a sine, for regression: y = sin(2π `periods` x) with x in [0, 1].

    Args:
        train: number of training rows; their inputs are uniform at random.
        test: number of test rows; their inputs are evenly spaced and their targets exact.
        noise: deviation of the Gaussian noise on the training targets, at least 0.
        periods: how many, above 0; half of one is a bump.
        seed: of both draws.

    Raises:
        ModelError: no training rows, a negative number of test rows, negative noise or no periods.

    >>> data = sine(noise=0.0)
    >>> data.outputs, data.classes
    (1, None)
    """
    _check(train, test, noise, smallest=1)
    if not 0 < periods < np.inf:
        raise ModelError(f"periods must be a number above 0, not {periods}.")
    generator = np.random.default_rng(seed)
    train_x = generator.uniform(0.0, 1.0, train)
    train_y = np.sin(2 * np.pi * periods * train_x) + noise * generator.standard_normal(train)
    test_x = np.linspace(0.0, 1.0, test)
    return Dataset.from_arrays(
        "sine",
        train_x,
        train_y,
        test_x,
        np.sin(2 * np.pi * periods * test_x),
        source=f"sine computed by physeq: noise {noise}, seed {seed}",
    )


def allosteric(*, sources: int = 4, targets: int = 10, largest: float = 0.4, train: int = 20, seed: int = 0) -> Dataset:
    """One task of action at a distance: sources at given voltages, and the voltages that distant nodes shall have.

    The sources are evenly spaced in [0, 1], to be used as voltages 2x − 1, and the desired values uniform in
    ±`largest`. The task is one row, which is its own test: what is learned is the response, nothing is carried over to
    other inputs.

    Args:
        sources: number of source nodes, at least 2.
        targets: number of target nodes, at least 1.
        largest: of the desired values, above 0 and at most 1.
        train: how often the row stands in the training part, which says how many updates an epoch has.
        seed: of the desired values.

    Raises:
        ModelError: too few sources, targets or rows, or `largest` out of range.

    Source: the task of Rocks et al. 2017, arXiv:1607.08562, and of Stern et al. 2021, Phys. Rev. X 11, 021045.

    >>> data = allosteric(sources=3)
    >>> data.test_inputs.tolist(), data.outputs, len(data.train_inputs)
    ([[0.0, 0.5, 1.0]], 10, 20)
    """
    _check(train, 0, 0.0, smallest=1)
    if sources < 2 or targets < 1 or not 0 < largest <= 1:
        raise ModelError(
            "allosteric needs at least 2 sources, at least 1 target and 0 < largest <= 1, "
            f"not sources={sources}, targets={targets} and largest={largest}."
        )
    x = np.linspace(0.0, 1.0, sources)[None]
    y = np.random.default_rng(seed).uniform(-largest, largest, (1, targets))
    rows = np.ones((train, 1))
    return Dataset.from_arrays(
        "allosteric", rows * x, rows * y, x, y, source=f"one task computed by physeq: seed {seed}"
    )


def linear_map(
    *, features: int = 4, outputs: int = 3, train: int = 200, test: int = 100, loss: float = 0.3, seed: int = 0
) -> Dataset:
    """A random averaging map, for regression: y = A (2x − 1) with A_kj ≥ 0 and Σ_j A_kj = 1 − `loss`, x in [0, 1].

    Voltages of a network of resistors between sources at 2x − 1 and ground are such averages, the loss being the share
    of ground: a network with enough resistors can reach zero cost. Inputs are uniform at random.

    Args:
        features: number of columns of x, at least 1.
        outputs: number of columns of y, at least 1.
        train: number of training rows.
        test: number of test rows.
        loss: at least 0 and below 1.
        seed: of the map and of the rows.

    Raises:
        ModelError: no training rows, a negative number of test rows, no features or outputs, or `loss` out of range.

    >>> data = linear_map(train=20, test=10)
    >>> data.train_inputs.shape, data.train_targets.shape
    ((20, 4), (20, 3))
    """
    _check(train, test, 0.0, smallest=1)
    if features < 1 or outputs < 1 or not 0 <= loss < 1:
        raise ModelError(
            "linear_map needs at least 1 feature, at least 1 output and 0 <= loss < 1, "
            f"not features={features}, outputs={outputs} and loss={loss}."
        )
    generator = np.random.default_rng(seed)
    shares = (1 - loss) * generator.dirichlet(np.ones(features), outputs)
    x, test_x = generator.uniform(size=(train, features)), generator.uniform(size=(test, features))
    y, test_y = ((2 * part - 1) @ shares.T for part in (x, test_x))
    source = f"averaging map computed by physeq: loss {loss}, seed {seed}"
    return Dataset.from_arrays("linear-map", x, y, test_x, test_y, source=source)


def tones(*, count: int = 4, train: int = 16, test: int = 16, seed: int = 0) -> Dataset:
    """Random sums of tones, to be used as one period of a signal; their targets are the tones themselves.

    Columns 2k and 2k + 1 are the amplitudes of the cosine and of the sine of tone k, uniform in [0, 1], to be used as
    2x − 1. Which harmonics of the period the tones are, and what a system shall answer to them, its `encode` says.

    Args:
        count: number of tones, at least 1.
        train: number of training rows.
        test: number of test rows.
        seed: of the amplitudes.

    Raises:
        ModelError: no tones, no training rows, or a negative number of test rows.

    >>> tones(count=2, train=5).train_inputs.shape
    (5, 4)
    """
    _check(train, test, 0.0, smallest=1)
    if count < 1:
        raise ModelError(f"tones needs at least 1 tone, not count={count}.")
    x = np.random.default_rng(seed).uniform(size=(train + test, 2 * count))
    return Dataset.from_arrays(
        "tones", x[:train], x[:train], x[train:], x[train:], source=f"sums of tones computed by physeq: seed {seed}"
    )


def _check(train: int, test: int, noise: float, smallest: int) -> None:
    if train < smallest or test < 0:
        raise ModelError(f"train must be at least {smallest} and test at least 0, not train={train} and test={test}.")
    if not noise >= 0:
        raise ModelError(f"noise must be a deviation of at least 0, not {noise}.")
