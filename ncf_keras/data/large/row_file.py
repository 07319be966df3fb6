"""Rows of a log on disk, as records of fixed size."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError


class RowFile:
    """Rows in the order of a log: records of `user`, `item` and any `rating` and `timestamp`.

    Timestamps may become of another dtype while rows are appended, such as floats behind whole numbers;
    `finish` makes them all of one.

    Args:
        stream: an empty file, opened to write and to read.

    Attributes:
        rows: how many there are.
        dtype: of the records, once all are appended.
    """

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._parts: list[tuple[int, np.dtype]] = []
        self.rows = 0

    @property
    def dtype(self) -> np.dtype:  # noqa: D102
        return self._parts[0][1]

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append rows, at least one, given the values of each field."""
        columns = {
            role: _of_64_bits(values) if role == "timestamp" else values for role, values in columns.items()
        }
        dtype = np.dtype([(role, values.dtype) for role, values in columns.items()])
        records = np.empty(len(columns["user"]), dtype)
        for role, values in columns.items():
            records[role] = values
        if not self._parts or self._parts[-1][1] != dtype:
            self._parts.append((self.rows, dtype))
        write_records(self._stream, self.rows, records)
        self.rows += len(records)

    def cut(self, rows: int) -> None:
        """Keep the first rows alone."""
        self._parts = [part for part in self._parts if part[0] < rows]
        self.rows = rows

    def finish(self, rows_at_once: int) -> None:
        """Make all timestamps of one dtype: floats where some are, dates of the finest unit."""
        if len(self._parts) > 1:
            common = np.dtype(
                [
                    (role, np.result_type(*(dtype[role] for _, dtype in self._parts)))
                    for role in self.dtype.names or ()
                ]
            )
            ends = [begin for begin, _ in self._parts[1:]] + [self.rows]
            for (begin, dtype), end in zip(self._parts, ends, strict=True):
                for place in range(begin, end, rows_at_once):
                    records = read_records(self._stream, place, min(place + rows_at_once, end), dtype)
                    write_records(self._stream, place, _converted(records, common))
            self._parts = [(0, common)]
        self._stream.flush()

    def blocks(self, rows_at_once: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the place of the first of some rows, and their records, until all have come; at least once."""
        for place in range(0, max(self.rows, 1), rows_at_once):
            yield place, read_records(self._stream, place, min(place + rows_at_once, self.rows), self.dtype)


def write_records(stream: BinaryIO, place: int, records: np.ndarray) -> None:
    """Write records of one size to a place in a file, counted in records."""
    if len(records):
        stream.seek(place * (records.nbytes // len(records)))
        # As bytes, because no buffer of Python knows dates.
        stream.write(np.ascontiguousarray(records).reshape(-1).view(np.uint8).data)


def read_records(stream: BinaryIO, begin: int, end: int, dtype: np.dtype) -> np.ndarray:
    """Return records of a file from one place to another; a `dtype` with a shape is a row of an array."""
    stream.seek(begin * dtype.itemsize)
    data = bytearray(stream.read((end - begin) * dtype.itemsize))
    return np.frombuffer(data, dtype)


def names_of(dtype: np.dtype) -> tuple[str, ...]:
    """Return the names of the fields of records."""
    return dtype.names or ()


def frame_of(records: np.ndarray, **columns: np.ndarray) -> pd.DataFrame:
    """Return records as a frame; `columns` stand for those of their names."""
    fields = {
        role: records[role]
        for role in ("user", "item", "rating", "timestamp")
        if role in names_of(records.dtype)
    }
    return pd.DataFrame(
        {role: np.ascontiguousarray(values) for role, values in (fields | columns).items()}, copy=False
    )


def _of_64_bits(times: np.ndarray) -> np.ndarray:
    if times.dtype.kind != "u":
        return times
    if times.size and times.max() > np.iinfo(np.int64).max:
        raise InputError(
            "The timestamps of a log that is read in parts (`memory`) must be below 2^63. "
            f"Received: {times.max()}"
        )
    return times.astype(np.int64)


def _converted(records: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return records with timestamps of another dtype; InputError if its dates don't reach so far."""
    converted = records.astype(dtype)
    if dtype["timestamp"].kind == "M":
        wrong = converted["timestamp"].astype(records.dtype["timestamp"]) != records["timestamp"]
        if wrong.any():
            raise InputError(
                "The dates of a log that is read in parts (`memory`) must fit into the unit of the finest. "
                f"Received: {records['timestamp'][wrong][0]}"
            )
    return converted
