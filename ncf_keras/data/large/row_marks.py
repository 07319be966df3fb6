"""What becomes of each row of a log, a byte a row, on disk."""

from typing import BinaryIO

import numpy as np

from ncf_keras.data.large.row_file import read_records, write_records

# Rows that are in memory at a time, and the parts of them that a block of users may mark.
WINDOW = 1 << 22


class RowMarks:
    """A mark of each row, 0 at first: uint8.

    Args:
        stream: an empty file, opened to write and to read.
        rows: how many there are.
    """

    def __init__(self, stream: BinaryIO, rows: int):
        self._stream, self._rows = stream, rows
        for begin in range(0, rows, WINDOW):
            self._stream.write(bytes(min(WINDOW, rows - begin)))

    def mark(self, rows: np.ndarray, value: int) -> None:
        """Mark some rows, ascending."""
        bounds = np.searchsorted(rows, np.arange(0, self._rows + WINDOW, WINDOW))
        for number in range(len(bounds) - 1):
            some = rows[bounds[number] : bounds[number + 1]] - number * WINDOW
            if len(some):
                marks = self.read(number * WINDOW, min((number + 1) * WINDOW, self._rows))
                marks[some] = value
                write_records(self._stream, number * WINDOW, marks)

    def read(self, begin: int, end: int) -> np.ndarray:
        """Return the marks of rows from one place to another."""
        return read_records(self._stream, begin, end, np.dtype(np.uint8))
