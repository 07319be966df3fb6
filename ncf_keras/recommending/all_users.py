"""The lists of all users as Parquet files in a directory, a part for each stretch of users.

A part appears whole or not at all and holds the same rows whoever makes it, so that any number of processes may
share the work, and what was stopped goes on where it was.
"""

import contextvars
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory, written_beside
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.base.inputs import kind_of, open_input
from ncf_keras.recommending.recommender import Recommender, require_room

if TYPE_CHECKING:
    import pyarrow

# A part has about so many rows, and a thread makes so many lists at once. The last digits of a score may depend
# on how many are made at once, so it is the same number whoever makes them.
ROWS_A_PART, USERS_AT_ONCE = 2**19, 256
# Says what the parts of a directory were made of.
# Whoever reads the directory as one table passes over what begins so.
DESCRIPTION = "_lists.json"
# There once all parts are, as Spark has it.
SUCCESS = "_SUCCESS"
LONGEST_DESCRIPTION = 2**20
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
        stages: how the lists are found.

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
        self._pyarrow = require_pyarrow()
        self._recommender, self._threads = recommender, threads
        self._make = functools.partial(recommender.recommend, k=k, include_seen=include_seen, **(wanted or {}))
        self.users, self.stages = recommender.listed_users(), recommender.stages
        longest = min(k, recommender.num_items)
        self._users_a_part = max(1, ROWS_A_PART // longest) if users_a_part is None else users_a_part
        require_room(min(self._users_a_part, len(self.users)), longest)
        self._directory = writable_directory(directory, "to")
        about = {
            "k": k,
            "include_seen": include_seen,
            "users": len(self.users),
            "users_a_part": self._users_a_part,
        }
        self._describe({**about, **(made_of or {})})
        if self.missing():
            (self._directory / SUCCESS).unlink(missing_ok=True)

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
        with written_beside(self.path(part)) as temporary:
            writer = self._pyarrow.parquet.ParquetWriter(temporary, self._schema(), compression="zstd")
            # On a GPU, other threads' lists must not set it back meanwhile.
            with writer, tensor_float_32(False):
                for frame in self._frames(users):
                    writer.write_table(self._table(frame))
        return len(users)

    def finish(self) -> bool:
        """Leave a file `_SUCCESS` if all parts are there, and tell whether they are."""
        if self.missing():
            return False
        # What killed processes have left of parts that are there now.
        for leftover in self._directory.glob(".writing-part-*"):
            leftover.unlink(missing_ok=True)
        with written_beside(self._directory / SUCCESS) as temporary:
            temporary.touch()
        return True

    def _frames(self, users: Sequence[Any]) -> Iterator[pd.DataFrame]:
        """Yield the lists of users, some at a time: the same ones whatever the number of threads."""
        blocks = [users[start : start + USERS_AT_ONCE] for start in range(0, len(users), USERS_AT_ONCE)]
        if self._threads == 1 or len(blocks) < 2:
            yield from map(self._make, blocks)
            return
        pool = ThreadPoolExecutor(self._threads)
        try:
            # What is decided for this thread, such as whether memory is checked, holds in the others.
            asked = [pool.submit(contextvars.copy_context().run, self._make, block) for block in blocks]
            yield from (one.result() for one in asked)
        finally:
            pool.shutdown(cancel_futures=True)

    def _table(self, frame: pd.DataFrame) -> "pyarrow.Table":
        return self._pyarrow.Table.from_pandas(frame[COLUMNS], self._schema(), preserve_index=False)

    def _schema(self) -> "pyarrow.Schema":
        pa = self._pyarrow
        return pa.schema(
            [
                ("user_id", self._id_type("user")),
                ("rank", pa.int32()),
                ("item_id", self._id_type("item")),
                ("score", pa.float32()),
            ]
        )

    def _id_type(self, side: str) -> Any:
        return self._pyarrow.string() if self._recommender.has_ids(side) else self._pyarrow.int32()

    def _describe(self, about: dict[str, Any]) -> None:
        """Write what the lists are made of, or compare it with what is there."""
        file = self._directory / DESCRIPTION
        # Looked at first: another process, such as that of another share, may begin in between.
        there = sorted(path.name for path in self._directory.iterdir() if not path.name.startswith("."))
        if kind_of(file) is None:
            if there:
                raise InputError(
                    "`to` must be a directory that is empty or has lists already. Received: "
                    f"{self._directory}, which has {there[0]}"
                )
            if _is_first(file, json.dumps(about, indent=2) + "\n"):
                return
        try:
            with open_input(file) as stream:
                before = json.loads(stream.read(LONGEST_DESCRIPTION))
        except (ValueError, RecursionError):
            before = None
        differing = [name for name in about if not isinstance(before, dict) or before.get(name) != about[name]]
        if differing:
            raise InputError(
                f"`to` must be a directory that is empty, or one whose lists are made of the same. "
                f"Received: {self._directory}, whose {file.name} has another {differing[0]}"
            )


def _is_first(file: Path, text: str) -> bool:
    """Write a file unless another process, such as that of another share, is faster; tell who was."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".lists-", suffix=".part") as temporary:
        temporary.write(text.encode())
        temporary.flush()
        try:
            os.link(temporary.name, file)
        except FileExistsError:
            return False
        except OSError:
            # A file system without hard links: whoever comes last wins, and all compare what is there.
            shutil.copyfile(temporary.name, file)
            return False
    file.chmod(0o644)
    return True


def require_pyarrow() -> Any:
    """Return the module; InputError if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "Lists of all users must have pyarrow installed: pip install 'ncf-keras[parquet]'. "
            "Received: no such library"
        ) from None
    return pyarrow
