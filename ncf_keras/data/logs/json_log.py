"""Logs in JSON: a record a line, or an array of records; keys may be nested."""

import itertools
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text
from ncf_keras.base.memory import allowed_memory, require_within
from ncf_keras.base.terminal import LONGEST_SHOWN, shown
from ncf_keras.data.logs.columns import find_columns
from ncf_keras.data.logs.files import LogFile
from ncf_keras.data.logs.json_records import JsonRecords
from ncf_keras.data.logs.layout import LogLayout
from ncf_keras.data.logs.options import OF_TEXT_ALONE, LogOptions
from ncf_keras.data.logs.text import OTHER_ENCODING, require_few_columns
from ncf_keras.data.reading import READ_ERRORS, open_text, unreadable

# Records that are looked at for keys, and how deep.
SAMPLE, DEEPEST = 1000, 8
# Values that become an array at once.
CHUNK = 1 << 16
# Measured from the file to the written dataset: bytes of a record, and how often there is the text of an id.
JSON_ROW, ID_COPIES = 180, 3


def json_layout(file: LogFile, options: LogOptions) -> LogLayout | None:
    """Find out the keys of a log, from its first records; None if it holds none."""
    options.require_fit("JSON", file, OF_TEXT_ALONE)
    paths: dict[str, tuple[str, ...]] = {}
    ambiguous: set[str] = set()
    count = 0
    with _records(file, options.encoding) as records:
        for record in itertools.islice(records, SAMPLE):
            count += 1
            for path in _leaves(record, ()):
                if paths.setdefault(".".join(path), path) != path:
                    ambiguous.add(".".join(path))
            require_few_columns(file, len(paths))
    if not count:
        return None
    # A key without a value in one record may lead to keys in another.
    inner = {path[:count] for path in paths.values() for count in range(1, len(path))}
    paths = {name: path for name, path in paths.items() if path not in inner}
    names = tuple(paths)
    found = find_columns(str(file), names, len(names), options, "JSON")
    for role, position in found.positions.items():
        if names[position] in ambiguous:
            raise InputError(
                f"`{role}` must be one key of the records of {file}. Received: {shown(names[position])}, once "
                "a key with a dot in it and once a key within another"
            )
    return LogLayout(
        "JSON", names, len(names), found.positions, encoding=options.encoding, paths=tuple(paths.values())
    )


def read_json(file: LogFile, layout: LogLayout, on_read: Callable[[int], None]) -> dict[str, pd.Series]:
    """Return the columns that `layout` names, by role."""
    paths = {role: layout.paths[position] for role, position in layout.positions.items()}
    columns = {role: _Ids(role, file) if role in ("user", "item") else _Values() for role in paths}
    allowed, rows = allowed_memory(), 0
    with _records(file, layout.encoding, on_read) as records:
        for chunk in records.batches():
            needed = (rows + len(chunk)) * JSON_ROW + sum(column.text for column in columns.values())
            require_within(needed, allowed, str(file))
            for role, path in paths.items():
                values = _values(chunk, path)
                kinds = set(map(type, values))
                if not kinds.isdisjoint({dict, list}):
                    nested = next(n for n, value in enumerate(values) if type(value) in (dict, list))
                    place = line_of_record(file, layout, rows + nested)
                    raise InputError(
                        f"{file}, {place} must have a single value for the key {shown('.'.join(path))}. "
                        f"Received: {shown(str(values[nested]))}"
                    )
                columns[role].add(values, kinds)
            rows += len(chunk)
    return {role: column.series() for role, column in columns.items()}


def line_of_record(file: LogFile, layout: LogLayout, row: int) -> str:
    """Return the line on which a record begins, counted from 1."""
    with _records(file, layout.encoding) as records:
        next(itertools.islice(records, row, None), None)
        return f"line {records.line}"


@contextmanager
def _records(
    file: LogFile, encoding: str | None, on_read: Callable[[int], None] = lambda position: None
) -> Iterator[JsonRecords]:
    try:
        with open_text(file, on_read, encoding=encoding, longest_line=None) as text:
            yield JsonRecords(text, str(file))
    except READ_ERRORS as error:
        raise unreadable(file, error, encoding, OTHER_ENCODING) from None


def _leaves(record: dict[str, Any], before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the keys that lead to each value of a record that is no record itself."""
    for key, value in record.items():
        path = (*before, key)
        if isinstance(value, dict) and len(path) < DEEPEST:
            yield from _leaves(value, path)
        else:
            yield path


def _values(records: list[dict[str, Any]], path: tuple[str, ...]) -> list[Any]:
    """Return the value of each record at the end of these keys, None where there is none."""
    for key in path[:-1]:
        within = [record.get(key) for record in records]
        records = [value if type(value) is dict else {} for value in within]
    return [record.get(path[-1]) for record in records]


class _Ids:
    """A column of ids: a number a row, and each id once; `text` is what their texts take of memory.

    `role` and `file` are for errors.
    """

    def __init__(self, role: str, file: LogFile) -> None:
        self._role, self._file = role, file
        self._index_of: dict[str, int] = {}
        self._codes = array("i")
        self.text = 0

    def add(self, values: list[Any], kinds: set[type]) -> None:
        """Take the values of some more records, and their types."""
        index_of = self._index_of
        before = len(index_of)
        if kinds == {str}:
            self._codes.extend([index_of.setdefault(text, len(index_of)) for text in values])
        else:
            for value in values:
                text = value if type(value) is str else id_text(value, self._role)
                self._codes.append(-1 if text is None else index_of.setdefault(text, len(index_of)))
        self._take_stock(list(itertools.islice(reversed(index_of), len(index_of) - before)))

    def series(self) -> pd.Series:
        """Return the column, as categories."""
        categories = pd.Index(list(self._index_of), dtype=object)
        return pd.Series(pd.Categorical.from_codes(np.array(self._codes, np.int32), categories))

    def _take_stock(self, new: list[str]) -> None:
        self.text += ID_COPIES * sum(map(sys.getsizeof, new))
        try:
            "".join(new).encode()
        except UnicodeError:
            # JSON can write half of a character, as in "\\ud800", and no file can hold it.
            wrong = next(text for text in new if any("\ud800" <= letter <= "\udfff" for letter in text))
            raise InputError(
                f"{self._file} must hold ids of whole characters. Received: {ascii(wrong)[:LONGEST_SHOWN]}"
            ) from None


class _Values:
    """A column of ratings or timestamps, as numbers where all are; `text` is how long the texts are."""

    def __init__(self) -> None:
        self._chunks: list[pd.Series] = []
        self._values: list[Any] = []
        self.text = 0

    def add(self, values: list[Any], kinds: set[type]) -> None:
        """Take the values of some more records, and their types."""
        self._values += values
        if str in kinds:
            self.text += sum(len(value) for value in values if type(value) is str)
        if len(self._values) >= CHUNK:
            self._pack()

    def _pack(self) -> None:
        values, self._values = self._values, []
        kinds = set(map(type, values))
        is_small = kinds == {int} and all(-(2**63) <= value < 2**63 for value in values)
        dtype = np.dtype("int64" if is_small else "float64" if kinds == {float} else object)
        self._chunks.append(pd.Series(values, dtype=dtype))

    def series(self) -> pd.Series:
        """Return the column."""
        self._pack()
        dtypes = {chunk.dtype for chunk in self._chunks}
        if len(dtypes) > 1:
            # Not as floats, which would round integers.
            self._chunks = [chunk.astype(object) for chunk in self._chunks]
        return pd.concat(self._chunks, ignore_index=True) if self._chunks else pd.Series([], dtype=object)
