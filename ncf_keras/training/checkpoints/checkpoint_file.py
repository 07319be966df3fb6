"""One checkpoint, one file: arrays and JSON, with a checksum over everything.

    8 bytes   NCFCKPT1
    8 bytes   length of the header, little-endian
    header    JSON in UTF-8: {"arrays": [[name, dtype, shape], …], "metadata": {…}}
    arrays    their bytes in C order, little-endian, one after another
    32 bytes  SHA-256 of everything before

Nothing in it can name code or a file. The checksum finds damage. To be safe with a forged file, every size in
the header is compared with the size of the file before memory is allocated.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.base.flushing import flush_to_disk
from ncf_keras.base.inputs import open_input, unreadable

MAGIC = b"NCFCKPT1"
SUFFIX = ".checkpoint"
LENGTH = struct.Struct("<Q")
DIGEST_SIZE = hashlib.sha256().digest_size
BLOCK = 2**20
DTYPES = ("<f2", "<f4", "<f8", "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")
# The most dimensions of an array in NumPy 1.
MOST_DIMENSIONS = 32


class DamagedCheckpoint(InputError):
    """A file is not as it was written: it is cut short, or its checksum does not fit."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to resume.

    Attributes:
        arrays: by name; floats, integers or booleans of any shape.
        metadata: any value that JSON can hold; floats come back bit for bit.
    """

    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def write_checkpoint(path: str | os.PathLike, checkpoint: Checkpoint) -> None:
    """Write a checkpoint so that after a crash at any moment the file is absent, the old one, or whole.

    Raises:
        InputError: the file can't be written: no space is left, the directory is read-only, and so on. The old
            file is unchanged.
        TypeError: an array of another dtype, or metadata that JSON can't hold.
    """
    path = Path(path)
    arrays = {name: _little_endian(name, array) for name, array in checkpoint.arrays.items()}
    header = json.dumps(
        {
            "arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()],
            "metadata": checkpoint.metadata,
        }
    ).encode()
    try:
        with written_beside(path) as temporary, temporary.open("wb") as file:
            _write(file, [MAGIC, LENGTH.pack(len(header)), header, *arrays.values()])
            file.flush()
            os.fsync(file.fileno())
        flush_to_disk(path.parent)
    except OSError as error:
        raise InputError(f"{path} must be a file that can be written. Received: {error.strerror}") from None


def read_checkpoint(path: str | os.PathLike) -> Checkpoint:
    """Read what `write_checkpoint` wrote.

    Raises:
        DamagedCheckpoint: the file differs in a single bit from what was written.
        InputError: it can't be opened or read, or something else wrote it.
    """
    path = Path(path)
    try:
        with open_input(path) as file:
            size = os.fstat(file.fileno()).st_size
            _verify(file, size)
            return _parse(file, size)
    except OSError as error:
        raise unreadable(path, error) from None
    except _Problem as problem:
        kind = DamagedCheckpoint if isinstance(problem, _Damage) else InputError
        raise kind(f"{path} must be a whole checkpoint. Received: {problem}") from None


def is_checkpoint(path: Path) -> bool:
    """Tell whether a file is a checkpoint, by its first bytes or, were these damaged, by its name.

    Raises:
        InputError: it can't be opened or read.
    """
    try:
        with open_input(path) as file:
            return file.read(len(MAGIC)) == MAGIC or path.suffix == SUFFIX
    except OSError as error:
        raise unreadable(path, error) from None


class _Problem(Exception):
    """What is wrong with a file, as the end of a sentence."""


class _Damage(_Problem):
    """The file is not as it was written."""


def _little_endian(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array, order="C")
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype.str not in DTYPES:
        raise TypeError(f"array {name!r} must hold floats, integers or booleans. Received: {array.dtype}")
    return array


def _write(file: BinaryIO, parts: list) -> None:
    digest = hashlib.sha256()
    for part in parts:
        data = part.reshape(-1).view(np.uint8).data if isinstance(part, np.ndarray) else part
        digest.update(data)
        file.write(data)
    file.write(digest.digest())


def _verify(file: BinaryIO, size: int) -> None:
    if size < len(MAGIC) + LENGTH.size + DIGEST_SIZE:
        raise _Damage(f"{size} bytes, too few for one")
    if file.read(len(MAGIC)) != MAGIC:
        raise _Damage("a file of another kind, or one with a damaged beginning")
    digest = hashlib.sha256(MAGIC)
    left = size - len(MAGIC) - DIGEST_SIZE
    while left:
        block = file.read(min(BLOCK, left))
        if not block:
            raise _Damage("a file that was cut short while it was read")
        digest.update(block)
        left -= len(block)
    if file.read() != digest.digest():
        raise _Damage("a checksum that does not fit the content")


def _parse(file: BufferedReader, size: int) -> Checkpoint:
    file.seek(len(MAGIC))
    (length,) = LENGTH.unpack(file.read(LENGTH.size))
    room = size - len(MAGIC) - LENGTH.size - DIGEST_SIZE
    if length > room:
        raise _Problem(f"a header of {length} bytes in a file of {size}")
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        raise _Problem("a header that is not JSON") from None
    layouts, metadata = _checked(header)
    wanted = sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in layouts)
    if wanted != room - length:
        raise _Problem(f"{room - length} bytes for arrays of {wanted}")
    arrays = {}
    for name, dtype, shape in layouts:
        flat = np.empty(math.prod(shape), dtype)
        if file.readinto(flat.view(np.uint8).data) != flat.nbytes:
            raise _Problem("a file that was cut short while it was read")
        arrays[name] = flat.reshape(shape)
    return Checkpoint(arrays, metadata)


def _checked(header: object) -> tuple[list[tuple[str, np.dtype, tuple[int, ...]]], dict]:
    """Return (name, dtype, shape) of the arrays and the metadata, all of the types they must have."""
    if not isinstance(header, dict) or not isinstance(header.get("metadata"), dict):
        raise _Problem("a header without metadata")
    entries = header.get("arrays")
    if not isinstance(entries, list) or not all(_is_layout(entry) for entry in entries):
        raise _Problem("a header with an array of no known kind")
    if len({name for name, _, _ in entries}) != len(entries):
        raise _Problem("a header with two arrays of one name")
    return [(name, np.dtype(dtype), tuple(shape)) for name, dtype, shape in entries], header["metadata"]


def _is_layout(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) != 3:
        return False
    name, dtype, shape = entry
    return (
        isinstance(name, str)
        and isinstance(dtype, str)
        and dtype in DTYPES
        and isinstance(shape, list)
        and len(shape) <= MOST_DIMENSIONS
        and all(type(length) is int and length >= 0 for length in shape)
        # NumPy refuses even an empty array whose other dimensions multiply to more than it can count.
        and math.prod(max(length, 1) for length in shape) < 2**59
    )
