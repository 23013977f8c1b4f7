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


def sine(*, train: int = 200, test: int = 100, noise: float = 0.05, seed: int = 0) -> Dataset:
    """One period of a sine, for regression: y = sin(2π x) with x in [0, 1].

    Args:
        train: number of training rows; their inputs are uniform at random.
        test: number of test rows; their inputs are evenly spaced and their targets exact.
        noise: deviation of the Gaussian noise on the training targets, at least 0.
        seed: of both draws.

    Raises:
        ModelError: no training rows, a negative number of test rows, or negative noise.

    >>> data = sine(noise=0.0)
    >>> data.outputs, data.classes
    (1, None)
    """
    _check(train, test, noise, smallest=1)
    generator = np.random.default_rng(seed)
    train_x = generator.uniform(0.0, 1.0, train)
    train_y = np.sin(2 * np.pi * train_x) + noise * generator.standard_normal(train)
    test_x = np.linspace(0.0, 1.0, test)
    return Dataset.from_arrays(
        "sine",
        train_x,
        train_y,
        test_x,
        np.sin(2 * np.pi * test_x),
        source=f"sine computed by physeq: noise {noise}, seed {seed}",
    )


def _check(train: int, test: int, noise: float, smallest: int) -> None:
    if train < smallest or test < 0:
        raise ModelError(f"train must be at least {smallest} and test at least 0, not train={train} and test={test}.")
    if not noise >= 0:
        raise ModelError(f"noise must be a deviation of at least 0, not {noise}.")
