"""How the memory that a user allows is divided."""

from typing import NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import in_words

# Python, NumPy, pandas and pyarrow. Measured: 125 MB, 180 MB where pyarrow reads the log.
BYTES_OF_PROCESS = 200_000_000
SMALLEST = 512_000_000
# What is left to allocators, which give nothing back of memory in pieces.
SHARE = 0.8
# Of a user or an item: its id, while it is looked up and written, and its counts. Measured: 170 of a short id;
# its characters come to it, twice while files are written.
BYTES_OF_INDEX, BYTES_OF_CHARACTER = 250, 2
# The most that ids may take.
SHARE_OF_IDS = 0.75
LARGEST_CHUNK = 128_000_000


class Budget(NamedTuple):
    """Bytes that may be taken, besides those of the process.

    Attributes:
        chunk: by rows that are read, or written, together.
        whole: in all.
    """

    chunk: int
    whole: int

    @classmethod
    def of(cls, memory: int) -> "Budget":
        """Divide a limit in bytes; InputError if it is below the least that the process needs."""
        if memory < SMALLEST:
            raise InputError(f"`memory` must be at least {in_words(SMALLEST)}. Received: {in_words(memory)}")
        whole = int(SHARE * memory) - BYTES_OF_PROCESS
        return cls(min(whole // 4, LARGEST_CHUNK), whole)

    def require_room_for_ids(self, users: int, items: int, characters: int) -> None:
        """Raise InputError if raw ids, of so many characters together, take more than their share."""
        needed = _bytes_of_ids(users + items, characters)
        if needed > SHARE_OF_IDS * self.whole:
            raise InputError(
                f"`memory` must have room for the ids, {in_words(int(SHARE_OF_IDS * self.whole))} at the most. "
                f"Received: about {in_words(needed)} for {users:,} users and {items:,} items, or more"
            )

    def block(self, users: int, items: int, characters: int) -> int:
        """Return how many bytes the rows of some users may take together, beside all ids."""
        return self.whole - _bytes_of_ids(users + items, characters)


def _bytes_of_ids(count: int, characters: int) -> int:
    return BYTES_OF_INDEX * count + BYTES_OF_CHARACTER * characters
