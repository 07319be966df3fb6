"""A raw log as a DataFrame: what `ncf prepare` would split."""

import io
import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ncf_keras.base.checks import require_known_arguments
from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.logs.files import log_files
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions


def read_log(
    path: str | os.PathLike | Iterable[str | os.PathLike],
    user: str | int | None = None,
    item: str | int | None = None,
    rating: str | int | None = None,
    timestamp: str | int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Read a raw log of interactions: text, JSON or Parquet, packed or not, in one file or several.

    Args:
        path: the file, a directory of parts, or a list of them; `-` is standard input.
        user, item: the name of the column, or its number counted from 1; in JSON a key. What is within
            another has dots: `user.id`.
            What is left out is found out.
        rating, timestamp: the same, or `"none"` where the log has none.
        **options: as in `ncf_keras.data.logs.options.LogOptions`: `no_timestamps`, `format`, `encoding`,
            `delimiter`, `header`, `quoting`, `escape`, `missing`, `time_format`.

    Returns:
        The complete rows, in the order of the log: `user` and `item`, texts, and `rating`, float64, and
        `timestamp`, numbers or dates in UTC, where the log has them.

    Raises:
        InputError: the log can't be read, or a column can't be found.

    Example:
        >>> df = ncf_keras.read_log("reviews.json.gz", user="user_id", item="business_id")
        >>> dataset = ncf_keras.Dataset.from_dataframe(df, rating="rating", timestamp="timestamp")
    """
    columns = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
    require_known_arguments(options, [*LogOptions.__dataclass_fields__], "read_log")
    if timestamp == "none":
        # Nothing is held out here, so that nothing has to take the place of times.
        options = {"no_timestamps": True, **options}
    said: dict[str, Any] = {role: None if column is None else str(column) for role, column in columns.items()}
    with log_files(_paths(path)) as files:
        log = Log(files, LogOptions(**said, **options)).read()
    frame = log.frame
    ids = {"user": log.user_ids, "item": log.item_ids}
    texts = {
        role: pd.Series(pd.Categorical.from_codes(frame[role].to_numpy(), pd.Index(names))).astype(str)
        for role, names in ids.items()
    }
    return pd.DataFrame({**texts, **{role: frame[role] for role in frame.columns[2:]}}, copy=False)


def _paths(path: Any) -> list[str | os.PathLike]:
    """Return the paths that `read_log` was given."""
    paths: Any = [path] if isinstance(path, str | os.PathLike) else path
    # The lines of an open file are no paths, nor are the numbers of bytes.
    if isinstance(paths, Iterable) and not isinstance(paths, bytes | bytearray | io.IOBase):
        found = list(paths)
        if found and all(isinstance(one, str | os.PathLike) and str(one) for one in found):
            return found
    received = repr(path)[:LONGEST_SHOWN] if isinstance(path, str | list | tuple) else type(path).__name__
    raise InputError(f"`path` must be a path, or a list of them. Received: {received}")
