"""Logs that are text, read some rows at a time: as `text.py` reads them whole."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
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
# How columns of numbers are read; None: as pandas finds.
_KINDS = {"rating": "float64", "timestamp": None}


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
    at, numeric = layout.positions, _numeric(layout, options, as_texts)
    kinds = {at[role]: _KINDS[role] if role in numeric else "str" for role in at}
    exact, chunk_rows, is_first, taken = _ExactTimes(), _rows(bytes_of_chunk, LONG_ROW), True, 0
    with contextlib.ExitStack() as stack:
        with parser_errors(file, layout):
            text = stack.enter_context(open_text(file, on_read, encoding=layout.encoding))
            source = parser_text(text, layout, kinds, options)
            reader = pd.read_csv(source, iterator=True, **parser_settings(layout, kinds, options))
            stack.enter_context(reader)
        while True:
            try:
                with parser_errors(file, layout):
                    frame = reader.get_chunk(chunk_rows)
            except StopIteration:
                return
            except InputError:
                raise
            except (ValueError, OverflowError) as error:
                if "rating" not in numeric:
                    raise unreadable(file, error) from None
                raise ReadAsTexts("rating") from None
            length = max(1, (source.taken - taken) // max(len(frame), 1))
            taken, chunk_rows = source.taken, min(GROWTH * chunk_rows, _rows(bytes_of_chunk, length))
            # The first is no row of the log.
            frame = frame.iloc[int(is_first) :].reset_index(drop=True)
            is_first = False
            if "rating" in numeric and np.isinf(frame[at["rating"]]).any():
                raise ReadAsTexts("rating")
            if "timestamp" in numeric and not exact.with_more(frame[at["timestamp"]]):
                raise ReadAsTexts("timestamp")
            if len(frame):
                yield {role: frame[position] for role, position in at.items()}


def _numeric(layout: LogLayout, options: LogOptions, as_texts: frozenset[str]) -> set[str]:
    """Return the roles whose columns the parser reads as numbers."""
    roles = {role for role in _KINDS if role in layout.positions and role not in as_texts}
    return roles if options.time_format is None else roles - {"timestamp"}


def _rows(bytes_of_chunk: int, length: int) -> int:
    """Return how many rows of such a length in bytes a chunk may have, at least two."""
    return max(2, bytes_of_chunk // (CHUNK_ROW + CHUNK_BYTE * length))


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
