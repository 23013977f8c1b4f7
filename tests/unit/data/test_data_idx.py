"""The IDX parser, on files written here byte by byte."""

import gzip
import struct

import numpy as np
import pytest

from physeq.data import read_idx
from physeq.errors import ModelError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(array, code=0x08, big="u1"):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(f">{big}").tobytes()


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="train-images-idx3-ubyte"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


def test_raw_and_gzipped_files_agree(write):
    raw = read_idx(write(idx(IMAGES)))
    np.testing.assert_array_equal(raw, IMAGES)
    np.testing.assert_array_equal(read_idx(write(gzip.compress(idx(IMAGES)), "images.gz"), rank=3), IMAGES)


@pytest.mark.parametrize(
    ("code", "big"), [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
def test_every_type_is_read_big_endian_and_returned_native(write, code, big):
    values = np.array([1, 2, 100])
    array = read_idx(write(idx(values, code, big)))
    np.testing.assert_array_equal(array, values)
    assert array.dtype == np.dtype(big) and array.dtype.isnative


def test_sizes_are_big_endian(write):
    little = bytes([0, 0, 8, 1]) + struct.pack("<I", 3) + bytes([1, 2, 3])
    with pytest.raises(ModelError, match="truncated"):
        read_idx(write(little))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 bytes, too few for the header"),
        (idx(IMAGES)[:-1], r"has 39 bytes.*shape \(2, 3, 4\), asks for 40: the file is truncated"),
        (idx(IMAGES) + b"\0", "too long"),
        (idx(IMAGES)[:9], "ends inside its header, at byte 9 of 16"),
        (b"\x01" + idx(IMAGES)[1:], "starts with the bytes 01 00 08 03, which no IDX file does"),
        (b"\0\0\x0a" + idx(IMAGES)[3:], "which no IDX file does"),
        (b"\x93NUMPY garbage", "which no IDX file does"),
        (idx(IMAGES[0]), "rank 2, expected 3"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "truncated"),
    ],
)
def test_malformed_files_are_named(write, content, message):
    path = write(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_idx(path, rank=3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"not gzip", lambda c: c[:12] + b"\xff\xff" + c[14:]])
def test_damaged_gzip(write, damage):
    path = write(damage(gzip.compress(idx(IMAGES))), "images-idx3-ubyte.gz")
    with pytest.raises(ModelError, match="not a whole gzip file"):
        read_idx(path)


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        read_idx(tmp_path / "nothing")
