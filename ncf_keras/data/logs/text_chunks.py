"""Logs that are text, read some rows at a time: as `text.py` reads them whole."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ncf_keras.base.ids import EXACT_FLOAT
from ncf_keras.data.logs.files import LogFile
from ncf_keras.data.logs.layout import LogLayout
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.logs.text import is_exact, parser_errors, parser_settings, parser_text
from ncf_keras.data.reading import open_text, unreadable

# Bytes of a row while a chunk is made tidy: for itself, and for each byte of its text.
CHUNK_ROW, CHUNK_BYTE = 500, 6
# How long rows are taken to be before any was seen.
LONG_ROW = 2_000
# How many times as many rows a chunk may have as the one before.
GROWTH = 4


class ReadAsTexts(Exception):
    """A column whose numbers must be read as texts, which begins at the first row of the file.

    Args:
        role: of the column.
    """

    def __init__(self, role: str):
        super().__init__(role)
        self.role = role


def text_chunks(
    file: LogFile,
    layout: LogLayout,
    options: LogOptions,
    on_read: Callable[[int], None],
    as_texts: frozenset[str],
    bytes_of_chunk: int,
) -> Iterator[dict[str, pd.Series]]:
    """Yield the columns that `layout` names, by role, some rows at a time.

    Args:
        file: the log, or one part of it.
        layout: its own.
        options: what the user says.
        on_read: told how many bytes of the file have been read.
        as_texts: the roles whose numbers must be read as texts; rating and timestamp may be.
        bytes_of_chunk: what a chunk may take of memory, about.

    Raises:
        ReadAsTexts: a column must be read so, which a later row has shown.
    """
    at = layout.positions
    kinds: dict[int, str | None] = {at["user"]: "str", at["item"]: "str"}
    if "rating" in at:
        kinds[at["rating"]] = "str" if "rating" in as_texts else "float64"
    numeric_times = "timestamp" in at and "timestamp" not in as_texts and options.time_format is None
    if "timestamp" in at:
        kinds[at["timestamp"]] = None if numeric_times else "str"
    exact = _ExactTimes()
    rows, is_first, taken = max(2, bytes_of_chunk // (CHUNK_ROW + CHUNK_BYTE * LONG_ROW)), True, 0
    with contextlib.ExitStack() as stack:
        with parser_errors(file, layout):
            text = stack.enter_context(open_text(file, on_read, encoding=layout.encoding))
            source = parser_text(text, layout, kinds, options)
            reader = pd.read_csv(source, iterator=True, **parser_settings(layout, kinds, options))
            stack.enter_context(reader)
        while True:
            try:
                with parser_errors(file, layout):
                    frame = reader.get_chunk(rows)
            except StopIteration:
                return
            except (ValueError, OverflowError) as error:
                if "rating" not in at or "rating" in as_texts:
                    raise unreadable(file, error) from None
                raise ReadAsTexts("rating") from None
            row_bytes = max(1, (source.taken - taken) // max(len(frame), 1))
            taken = source.taken
            rows = max(2, min(GROWTH * rows, bytes_of_chunk // (CHUNK_ROW + CHUNK_BYTE * row_bytes)))
            frame = frame.iloc[int(is_first) :].reset_index(drop=True)
            is_first = False
            if "rating" in at and "rating" not in as_texts and np.isinf(frame[at["rating"]]).any():
                raise ReadAsTexts("rating")
            if numeric_times and not exact.with_more(frame[at["timestamp"]]):
                raise ReadAsTexts("timestamp")
            if len(frame):
                yield {role: frame[position] for role, position in at.items()}


class _ExactTimes:
    """Whether the timestamps of all chunks together are numbers, none of which a float would round."""

    def __init__(self) -> None:
        self._has_floats = self._has_large = False

    def with_more(self, timestamps: pd.Series) -> bool:
        """Return whether they still are with those of another chunk."""
        if not len(timestamps):
            return True
        if not is_exact(timestamps):
            return False
        self._has_floats |= timestamps.dtype.kind == "f"
        self._has_large |= bool((timestamps.abs() >= EXACT_FLOAT).any())
        return not (self._has_floats and self._has_large)
