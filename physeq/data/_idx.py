"""The IDX file format of MNIST: a big-endian header, then the numbers in C order.

Bytes 0 and 1 are zero, byte 2 names the type, byte 3 is the rank r; then r unsigned 32-bit sizes; then the data.
Files are parsed, never executed.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

# Every number of the format is big-endian.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# More than any file of the MNIST family (47 MB): a small .gz must not unfold without end.
_LARGEST = 256 * 2**20


def read_idx(path: Path | str, rank: int | None = None) -> NDArray:
    """Read an IDX file, raw or gzipped (`.gz`).

    Args:
        path: the file.
        rank: the rank that the array must have (3 for images, 1 for labels), if known.

    Returns:
        An array in the machine's byte order, of the type and shape in the header.

    Raises:
        ModelError: the file is no whole IDX file; the message names it and what is wrong.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    ...     read_idx(path).tolist()
    [7, 9]
    """
    return parse_idx(read_content(Path(path)), str(path), rank)


def read_content(path: Path) -> bytes:
    """Return the content of a file, unfolded where its name ends in `.gz`."""
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"{path} is not a whole gzip file ({error}): obtain it again.") from error
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror or error}): check the path and its rights."
        ) from error
    if len(content) > _LARGEST:
        raise ModelError(
            f"{path} unfolds to more than {_LARGEST >> 20} MiB, too much for an IDX file: obtain it again."
        )
    return content


def parse_idx(content: bytes, what: str, rank: int | None = None) -> NDArray:
    """Parse the bytes of an IDX file; `what` names it in messages. Same result and errors as `read_idx`."""
    if len(content) < 4:
        raise ModelError(f"{what} has {len(content)} bytes, too few for the header of an IDX file: obtain it again.")
    type_code, found_rank = content[2], content[3]
    if content[:2] != b"\0\0" or type_code not in _TYPES:
        raise ModelError(
            f"{what} starts with the bytes {content[:4].hex(' ')}, which no IDX file does "
            "(00 00, a type from 08 to 0e, the rank): check that it is the right file."
        )
    if rank is not None and found_rank != rank:
        raise ModelError(
            f"{what} holds an array of rank {found_rank}, expected {rank}: images and labels may be swapped."
        )
    start = 4 + 4 * found_rank
    if len(content) < start:
        raise ModelError(f"{what} ends inside its header, at byte {len(content)} of {start}: obtain it again.")
    shape = struct.unpack(f">{found_rank}I", content[4:start])
    number = np.dtype(_TYPES[type_code])
    expected = start + math.prod(shape) * number.itemsize
    if len(content) != expected:
        raise ModelError(
            f"{what} has {len(content)} bytes, and its header, shape {shape}, asks for {expected}: "
            f"the file is {'truncated' if len(content) < expected else 'too long'}; obtain it again."
        )
    array = np.frombuffer(content, dtype=number, offset=start).reshape(shape)
    return array.astype(number.newbyteorder("="))
