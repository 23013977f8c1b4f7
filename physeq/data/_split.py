"""Deterministic splits into training and test rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Split = tuple[NDArray[np.int64], NDArray[np.int64]]


def permutation(size: int, seed: int) -> NDArray[np.int64]:
    """Return a random permutation of 0 .. size − 1 that never changes for a given seed.

    numpy promises the raw stream of PCG64 for ever but not the output of `Generator.permutation`, so the
    raw 64-bit words are sorted here.
    """
    words = np.random.PCG64(seed).random_raw(size)
    return np.argsort(words, kind="stable").astype(np.int64)


def shuffled_split(rows: int, test: int, seed: int) -> Split:
    """Split 0 .. rows − 1 at random; returns the row numbers of training `(rows − test,)` and test `(test,)`."""
    order = permutation(rows, seed)
    return order[test:], order[:test]


def stratified_split(labels: NDArray[np.integer], test: int, seed: int) -> Split:
    """Split rows at random so that each class keeps its share in both parts.

    Class c gets floor(test · n_c / n) test rows; the rows left over go to the classes with the largest
    remainders (ties to the smaller label), so exactly `test` rows are taken.

    Args:
        labels: integers `(rows,)`.
        test: number of test rows, 0 < test < rows.
        seed: of the shuffle.

    Returns:
        Row numbers `(rows − test,)` and `(test,)`, both in random order.

    >>> labels = np.array([0] * 8 + [1] * 4)
    >>> train, test = stratified_split(labels, 3, seed=0)
    >>> sorted(labels[test].tolist())
    [0, 0, 1]
    """
    values, counts = np.unique(labels, return_counts=True)
    # Integer arithmetic: a float quota could move a row between classes by round-off.
    quotas, remainders = np.divmod(counts * test, len(labels))
    for index in np.argsort(-remainders, kind="stable")[: test - int(quotas.sum())]:
        quotas[index] += 1
    order = permutation(len(labels), seed)
    in_test = np.zeros(len(labels), dtype=bool)
    for value, quota in zip(values, quotas, strict=True):
        in_test[order[labels[order] == value][:quota]] = True
    return order[~in_test[order]], order[in_test[order]]
