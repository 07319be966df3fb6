"""The lists of all users as Parquet files in a directory, a part for each stretch of users.

A part appears whole or not at all and holds the same rows whoever makes it, so that any number of processes may
share the work, and what was stopped goes on where it was.
"""

import contextvars
import functools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory, written_beside
from ncf_keras.base.inputs import kind_of
from ncf_keras.recommending.recommender import Recommender

if TYPE_CHECKING:
    import pyarrow

# A part has about so many rows, and a thread makes so many lists at once.
ROWS_A_PART, USERS_AT_ONCE = 2**19, 1024
# Says what the parts of a directory were made of.
DESCRIPTION = "lists.json"
# There once all parts are, as Spark has it.
SUCCESS = "_SUCCESS"
COLUMNS = ["user_id", "rank", "item_id", "score"]


class AllUsers:
    """Writes the lists of all listed users.

    The columns are `user_id`, `rank`, `item_id` and `score`, as `Recommender.recommend` has them: ids are texts
    where the dataset has them, else int32; rank is int32, from 1, and score float32.

    Args:
        recommender: makes the lists.
        directory: where the parts go; made if it is missing.
        k: length of a list.
        made_of: what else decides what the lists are, such as digests of the files, as JSON values by name. A
            directory goes on only where it is the same.
        users_a_part: None: as many as make about half a million rows.
        threads: lists are made at once on so many.
        include_seen, wanted: of `Recommender.recommend`.

    Attributes:
        users: the ids of those who get lists.
        candidates: how many items the network ranks for a list; None: all.

    Raises:
        InputError: the directory can't be written to, or has lists that are made of something else.
    """

    def __init__(
        self,
        recommender: Recommender,
        directory: str | os.PathLike,
        k: int,
        made_of: Mapping[str, Any] | None = None,
        *,
        users_a_part: int | None = None,
        threads: int = 1,
        include_seen: bool = False,
        wanted: Mapping[str, Any] | None = None,
    ):
        require_count(k, "k")
        require_count(threads, "threads")
        self._pyarrow = _pyarrow()
        self._recommender, self._threads = recommender, threads
        self._make = functools.partial(recommender.recommend, k=k, include_seen=include_seen, **(wanted or {}))
        self.users, self.candidates = recommender.listed_users(), recommender.stages.candidates
        self._users_a_part = max(1, ROWS_A_PART // k) if users_a_part is None else users_a_part
        self._directory = writable_directory(directory, "to")
        about = {
            "k": k,
            "include_seen": include_seen,
            "users": len(self.users),
            "users_a_part": self._users_a_part,
        }
        self._describe({**about, **(made_of or {})})

    @property
    def parts(self) -> int:
        """How many parts there are, at least one."""
        return max(1, -(-len(self.users) // self._users_a_part))

    def missing(self, share: int = 1, shares: int = 1) -> list[int]:
        """Return the numbers, from 0, of the parts that are not there yet: of one of several equal shares."""
        return [part for part in range(share - 1, self.parts, shares) if kind_of(self.path(part)) is None]

    def path(self, part: int) -> Path:
        """Return the file of a part."""
        return self._directory / f"part-{part:05d}-of-{self.parts:05d}.parquet"

    def write(self, part: int) -> int:
        """Make a part and return the number of its users."""
        first = part * self._users_a_part
        users = self.users[first : first + self._users_a_part]
        table = self._table(list(self._frames(users)))
        with written_beside(self.path(part)) as temporary:
            self._pyarrow.parquet.write_table(table, temporary, compression="zstd")
        return len(users)

    def finish(self) -> bool:
        """Leave a file `_SUCCESS` if all parts are there, and tell whether they are."""
        if self.missing():
            return False
        with written_beside(self._directory / SUCCESS) as temporary:
            temporary.touch()
        return True

    def _frames(self, users: Sequence[Any]) -> Iterator[pd.DataFrame]:
        """Yield the lists of users, some at a time: the same ones whatever the number of threads."""
        blocks = [users[start : start + USERS_AT_ONCE] for start in range(0, len(users), USERS_AT_ONCE)]
        if self._threads == 1 or len(blocks) < 2:
            yield from map(self._make, blocks)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            # What is decided for this thread, such as whether memory is checked, holds in the others.
            asked = [pool.submit(contextvars.copy_context().run, self._make, block) for block in blocks]
            yield from (one.result() for one in asked)

    def _table(self, frames: list[pd.DataFrame]) -> "pyarrow.Table":
        pa = self._pyarrow
        schema = pa.schema(
            [
                ("user_id", self._id_type("user")),
                ("rank", pa.int32()),
                ("item_id", self._id_type("item")),
                ("score", pa.float32()),
            ]
        )
        tables = [pa.Table.from_pandas(frame[COLUMNS], schema, preserve_index=False) for frame in frames]
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def _id_type(self, side: str) -> Any:
        return self._pyarrow.string() if self._recommender.has_ids(side) else self._pyarrow.int32()

    def _describe(self, about: dict[str, Any]) -> None:
        """Write what the lists are made of, or compare it with what is there."""
        file = self._directory / DESCRIPTION
        if kind_of(file) is None:
            strangers = sorted(path.name for path in self._directory.glob("part-*.parquet"))
            if strangers:
                raise InputError(
                    f"`to` must be a directory without other parts. Received: {self._directory}, which has "
                    f"{strangers[0]}"
                )
            with written_beside(file) as temporary:
                temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            return
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            before = None
        differing = [name for name in about if not isinstance(before, dict) or before.get(name) != about[name]]
        if differing:
            raise InputError(
                f"`to` must be a directory that is empty, or one whose lists are made of the same. "
                f"Received: {self._directory}, whose {file.name} has another {differing[0]}"
            )


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "Lists of all users must have pyarrow installed: pip install 'ncf-keras[parquet]'. "
            "Received: no such library"
        ) from None
    return pyarrow
