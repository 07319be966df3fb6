"""How much may be asked, and how much an answer may hold. Importing this imports nothing else."""

from typing import NamedTuple

# A week and a million tries are beyond any use, and far below what clocks and counters can't take.
LONGEST_SECONDS = 7 * 24 * 60 * 60
MOST_RETRIES = 10**6
HIGHEST_VERSION = 2**63 - 1
LONGEST_NAME = 255
# The bytes of an answer: for its headers and all that is no list; for the names and brackets of each row; and
# for each number and text, with commas, blanks and indents. A text may be longer if others are shorter.
FRAME_BYTES = 1 << 20
ROW_BYTES = 256
NUMBER_BYTES = 64
TEXT_BYTES = 512
MOST_BYTES = 256 << 20
# The names, brackets and values beside the lists in each row, and in an answer.
ROW_VALUES = 32
# A server that batches answers lists as long as the longest that anybody in the batch asked for: what is asked
# counts as lists of so many places at least, and so many times as many may come if their bytes are few.
USUAL_LENGTH = 20
SPARE = 8
# What one request may hold (see pieces.py): rows, bytes, and the bytes of its answer. Its bytes are counted as
# those for all that is no row; for each number or text of a row, with its name, commas and blanks; and for each
# byte of a text, as JSON may have to escape it.
MOST_ROWS = 1000
MOST_REQUEST_BYTES = 1 << 20
MOST_ANSWER_BYTES = 4 << 20
REQUEST_BYTES = 1024
INPUT_BYTES = 32
ESCAPED_BYTES = 6


class Bounds(NamedTuple):
    """The most that an answer may hold, by what was asked, so that no server can fill this machine's memory."""

    rows: int = 0
    numbers: int = 0
    texts: int = 0

    def times(self, rows: int) -> "Bounds":
        """Return the bounds of so many rows, if these are those of one."""
        return Bounds(*(one * rows for one in self))

    @property
    def asked(self) -> int:
        """The bytes of what was asked for."""
        return self.rows * ROW_BYTES + self.numbers * NUMBER_BYTES + self.texts * TEXT_BYTES

    @property
    def size(self) -> int:
        """The bytes on the wire."""
        return min(FRAME_BYTES + self.asked, MOST_BYTES)

    @property
    def strings(self) -> int:
        """The texts and names."""
        return (self.rows + 1) * ROW_VALUES + self.texts * SPARE

    @property
    def values(self) -> int:
        """The values of any kind, lists and objects among them."""
        return self.strings + self.numbers * SPARE


# For what is no list: the status and the signatures of a model.
NO_LISTS = Bounds()
