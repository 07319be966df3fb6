"""The file of a fitted baseline: an `.npz` of NumPy, a zip of arrays, whose first entry is `baseline.json`.

`numpy.load` reads the arrays too. Here they are read as coming from anyone: nothing in the file is run or
unpickled. Entries must be stored as they are, so that no array is larger than the file, and each must begin
with the header that NumPy writes for a plain array; so an array is as large as it says before any memory is
taken.
"""

import json
import math
import os
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.base.inputs import open_input, unreadable
from ncf_keras.base.memory import require_memory
from ncf_keras.data.dataset_checks import INDEX_LIMIT

ABOUT, SUFFIX = "baseline.json", ".npz"
LARGEST_ABOUT = 2**16
MOST_ARRAYS = 16
BLOCK = 2**20

_LOCAL_HEADER = struct.Struct("<4s 22x 2H")
_ARRAY_HEADER = struct.Struct("<8s H")
_MAGIC = b"\x93NUMPY\x01\x00"
# Of version 1, whole numbers and floats, little-endian and in C order.
_LONGEST_HEADER = 512
_SHAPE = rb"(?:\d{1,10},|\d{1,10}(?:, \d{1,10})+)?"
_HEADER = re.compile(
    rb"\{'descr': '(<[if][48])', 'fortran_order': False, 'shape': \((" + _SHAPE + rb")\), \} *\n"
)
_ZIP_ERRORS = (zipfile.BadZipFile, struct.error, EOFError, ValueError, RuntimeError, NotImplementedError)


class ArchiveError(ValueError):
    """This is no file of a fitted baseline; the message says why, to follow "a file that"."""


@dataclass(frozen=True)
class Stored:
    """What a file says about a baseline, and what it has learnt: whole numbers and floats, by name."""

    about: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of users and items; ArchiveError if it says none."""
        users, items = self.about.get("users"), self.about.get("items")
        if any(type(size) is not int or not 0 < size <= INDEX_LIMIT for size in (users, items)):
            raise ArchiveError(f"says it is for {users!r:.40} users and {items!r:.40} items")
        return users, items  # type: ignore[return-value]

    def array(self, name: str, dtypes: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Return an array of one of the dtypes, such as `f4 f8`, and of a shape, in which None is any size.

        ArchiveError if there is none, it is another one, or a float in it is not finite.
        """
        if name not in self.arrays:
            raise ArchiveError(f"has no array {name!r}")
        found = self.arrays[name]
        fits = len(found.shape) == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, found.shape, strict=True)
        )
        if found.dtype.str[1:] not in dtypes.split() or not fits:
            raise ArchiveError(f"holds {name!r} as {found.dtype} of shape {found.shape}")
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise ArchiveError(f"holds NaN or infinity in {name!r}")
        return found

    def rows(self, name: str, num_rows: int, num_columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where the rows of a `csr_matrix` begin, and the columns of its entries.

        They are `<name>_offsets`, int64, and `<name>_columns`, int32; ArchiveError if they do not fit.
        """
        offsets = self.array(f"{name}_offsets", "i8", (num_rows + 1,))
        columns = self.array(f"{name}_columns", "i4", (None,))
        if offsets[0] != 0 or offsets[-1] != len(columns) or (offsets[1:] < offsets[:-1]).any():
            raise ArchiveError(f"holds '{name}_offsets' that are not those of {len(columns)} entries")
        if columns.size and not 0 <= columns.min() <= columns.max() < num_columns:
            raise ArchiveError(f"holds '{name}_columns' that are not between 0 and {num_columns - 1}")
        entries = np.sort(np.repeat(np.arange(num_rows), np.diff(offsets)) * num_columns + columns)
        if (entries[1:] == entries[:-1]).any():
            raise ArchiveError(f"holds '{name}_columns' that come twice in a row")
        return offsets, columns


def rows_of(name: str, matrix: Any) -> dict[str, Any]:
    """Return what `Stored.rows` reads of a `csr_matrix`."""
    return {
        f"{name}_offsets": matrix.indptr.astype(np.int64, copy=False),
        f"{name}_columns": matrix.indices.astype(np.int32, copy=False),
    }


def write_archive(path: str | os.PathLike, stored: Stored) -> None:
    """Write a file, which appears whole or not at all; OSError or InputError if it can't be written."""
    with written_beside(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        # Without the time, so that equal baselines make equal files.
        archive.writestr(zipfile.ZipInfo(ABOUT), json.dumps(stored.about, indent=1, allow_nan=False))
        for name, array in stored.arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                np.lib.format.write_array(file, plain, version=(1, 0), allow_pickle=False)


def is_archive(path: str | os.PathLike) -> bool:
    """Tell whether a file begins as `write_archive` begins one; InputError if it can't be read."""
    with open_input(path) as file:
        try:
            head = file.read(_LOCAL_HEADER.size + len(ABOUT))
        except OSError as error:
            raise unreadable(path, error) from None
    signature = _LOCAL_HEADER.unpack_from(head)[0] if len(head) >= _LOCAL_HEADER.size else b""
    return signature == b"PK\x03\x04" and head[_LOCAL_HEADER.size :] == ABOUT.encode()


def read_about(path: str | os.PathLike) -> Mapping[str, Any]:
    """Return what a file says about its baseline; the errors are those of `read_archive`."""
    return _read(path, with_arrays=False).about


def read_archive(path: str | os.PathLike) -> Stored:
    """Read what `write_archive` wrote.

    Raises:
        ArchiveError: it is none, is damaged, or holds anything else.
        InputError: it can't be read, or is larger than the memory that is free.
    """
    return _read(path, with_arrays=True)


def _read(path: str | os.PathLike, with_arrays: bool) -> Stored:
    with open_input(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            with zipfile.ZipFile(file) as archive:
                entries = _entries(archive, size)
                about = _about(archive, entries.pop(ABOUT))
                if not with_arrays:
                    return Stored(about, {})
                # The arrays, and as much again for what is looked at and made of them.
                require_memory(2 * size, f"{Path(path)}, a fitted baseline,")
                arrays = {name.removesuffix(".npy"): _array(archive, one) for name, one in entries.items()}
                return Stored(about, arrays)
        except OSError as error:
            raise unreadable(path, error) from None
        except (ArchiveError, InputError):
            raise
        except _ZIP_ERRORS as error:
            raise ArchiveError(f"is no zip archive, or a damaged one ({_words(error)})") from None


def _words(error: Exception) -> str:
    return str(error)[:100] or type(error).__name__


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if len(entries) != len(archive.infolist()):
        raise ArchiveError("has two entries of one name")
    if ABOUT not in entries:
        raise ArchiveError(f"has no {ABOUT!r}, which says what a baseline is")
    if len(entries) > MOST_ARRAYS + 1:
        raise ArchiveError(f"holds {len(entries)} entries, more than any baseline")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
        raise ArchiveError("is compressed, as no file of a baseline is")
    if sum(entry.file_size for entry in entries.values()) > size:
        raise ArchiveError("declares more bytes than it has")
    return entries


def _about(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Mapping[str, Any]:
    if entry.file_size > LARGEST_ABOUT:
        raise ArchiveError(f"has a {ABOUT!r} of {entry.file_size} bytes: at most {LARGEST_ABOUT} are read")
    try:
        about = json.loads(archive.read(entry).decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"has a {ABOUT!r} that is no JSON ({_words(error)})") from None
    if not isinstance(about, dict):
        raise ArchiveError(f"has a {ABOUT!r} that is no object of JSON")
    return about


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        dtype, shape, header_size = _header(file, entry.filename)
        if header_size + math.prod(shape) * dtype.itemsize != entry.file_size:
            raise ArchiveError(f"declares {entry.filename!r} of shape {shape}, and does not hold that much")
        array = np.empty(shape, dtype)
        content, done = array.reshape(-1).view(np.uint8), 0
        # To the very end, where the zip's checksum is compared.
        while block := file.read(BLOCK):
            content[done : done + len(block)] = np.frombuffer(block, np.uint8)
            done += len(block)
    if done != content.size:
        raise ArchiveError(f"is cut short in {entry.filename!r}")
    array.setflags(write=False)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(file: IO[bytes], name: str) -> tuple[np.dtype, tuple[int, ...], int]:
    """Return dtype, shape and the size of the header, after which the file is left."""
    head = file.read(_ARRAY_HEADER.size)
    magic, length = _ARRAY_HEADER.unpack(head) if len(head) == _ARRAY_HEADER.size else (b"", 0)
    found = _HEADER.fullmatch(file.read(min(length, _LONGEST_HEADER))) if magic == _MAGIC else None
    if not found:
        raise ArchiveError(f"holds {name!r}, which is no plain array of whole numbers or floats")
    shape = tuple(int(size) for size in found[2].split(b",") if size.strip())
    return np.dtype(found[1].decode()), shape, _ARRAY_HEADER.size + length
