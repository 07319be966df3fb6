"""The files of a dataset: their names, and how they are read. `dataset_writing.py` writes them.

`<path><dataset>.train.rating`   user TAB item TAB rating [TAB timestamp], a line an interaction
`<path><dataset>.test.rating`    the same, a line a test user
`<path><dataset>.test.negative`  (user,item) TAB negative TAB negative …, a line for each line of test.rating

These are the authors' (their `Dataset.py`, and the section "Dataset" of their README); they have no header.
Beside them may lie

`<path><dataset>.cold.rating`    what a split in time or of cold items holds out besides the test pairs
`<path><dataset>.validation.rating`  the lines of .train.rating that are held out for validation
                                 (lines as of .test.rating; an empty file is as good as none)
`<path><dataset>.train.parquet`  stands in for .train.rating: columns `user` and `item` of whole numbers
`<path><dataset>.users.csv`      index,user_id: the raw id of each user index, under a header
`<path><dataset>.items.csv`      index,item_id or index,item_id,title; index,title where there are no ids
                                 (both with a column `state` where an id has one, and columns of features behind
                                 it: `id_files.py`)
`<path><dataset>.features.json`  how columns of features are encoded (`feature_file.py`)
`<path><dataset>.waiting.csv`    user_id,item_id,rating or user_id,item_id,rating,timestamp: interactions that
                                 smallest numbers of interactions took out, until others join them
`<path><dataset>.json`           where they came from, and a digest of each other file
"""

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, open_input, unreadable
from ncf_keras.base.memory import require_memory
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.dataset import Dataset, pair_numbers
from ncf_keras.data.dataset_checks import INDEX_LIMIT
from ncf_keras.data.feature_file import read_columns, read_encodings
from ncf_keras.data.held_files import held_together
from ncf_keras.data.id_files import any_ids, require_active
from ncf_keras.data.known_datasets import download_hint
from ncf_keras.data.reading import (
    READ_ERRORS,
    Cost,
    count_lines,
    number_in,
    open_text,
    raise_if_out_of_memory,
)
from ncf_keras.data.states import FORGOTTEN
from ncf_keras.data.train_parquet import read_train_parquet

# What `ncf prepare` always writes; and what it does where rows wait, of other splits than leave-one-out, and of
# features.
SUFFIXES = (".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".json")
WAITING, COLD, VALIDATION = ".waiting.csv", ".cold.rating", ".validation.rating"
FEATURES = ".features.json"
OPTIONAL = (WAITING, COLD, VALIDATION, FEATURES)
RATING_LINE = "`user TAB item TAB rating [TAB timestamp]`"
READ_AHEAD, BLOCK = 1 << 16, 1 << 20
# More columns than these take pandas seconds to minutes.
MOST_RATING_COLUMNS, MOST_NEGATIVES = 1000, 100_000
# What reading took of memory, measured: of files of 2 million lines and of 3 million negatives.
RATING_COST = Cost(row=75, byte=1)
BYTES_OF_NEGATIVE, BYTES_OF_LIST = 30, 350


def prepared_paths(prefix: str | os.PathLike) -> dict[str, Path]:
    """Return the path of each file of the dataset `prefix`, such as `Data/mydata`, by its suffix."""
    return {suffix: Path(os.fspath(prefix) + suffix) for suffix in (*SUFFIXES, *OPTIONAL)}


def dataset_paths(path: str | os.PathLike, name: str) -> list[Path]:
    """Return the files of a dataset, whether they are there or not: see `read_dataset`."""
    prefix = dataset_prefix(path, name)
    return [*prepared_paths(prefix).values(), Path(f"{prefix}.train.parquet")]


def dataset_prefix(path: str | os.PathLike, name: str) -> str:
    """Return what the names of a dataset's files begin with: see `read_dataset`."""
    directory = os.fspath(path)
    if directory and not directory.endswith("/") and kind_of(directory) == "a directory":
        directory += "/"
    return directory + name


def read_dataset(path: str | os.PathLike, name: str) -> Dataset:
    """Read the dataset `name`, such as `ml-1m`, from its files, whose names begin with `path`, such as `Data/`.

    As in the authors' code, `path` and `name` are joined as they are, so a directory ends in a slash; a
    directory without one is understood too. A train rating above 0 is a positive, others are dropped;
    repeated pairs collapse. Users and items are counted as highest index + 1 over all three files. A file that
    is missing or breaks the format is an InputError that names it and the line.
    """
    prefix = dataset_prefix(path, name)
    paths = prepared_paths(prefix)
    with held_together(paths):
        return _read_dataset(paths, Path(f"{prefix}.train.parquet"), name)


def _read_dataset(paths: Mapping[str, Path], parquet: Path, name: str) -> Dataset:
    train_file, test_file, negative_file, users_file, items_file, *_ = paths.values()
    if kind_of(train_file) is None and kind_of(parquet) is not None:
        train_file = parquet
    for file in (train_file, test_file, negative_file):
        if kind_of(file) is None:
            prefix = str(parquet).removesuffix(".train.parquet")
            raise InputError(
                f"`path` and `name` must name {prefix}.train.rating, .test.rating and .test.negative. "
                f"Received: no file {file}{download_hint(name)}"
            )
    ratings: np.ndarray | None = None
    timestamps: np.ndarray | None = None
    if train_file == parquet:
        train_users, train_items = read_train_parquet(parquet)
    else:
        train_users, train_items, ratings, timestamps = read_ratings(train_file)
    test_users, test_items, *_ = read_ratings(test_file)
    negatives = _read_negatives(negative_file, test_file, test_users, test_items)
    cold_users, cold_items = read_pairs(paths[COLD])
    positive: np.ndarray | slice = slice(None)
    if ratings is not None and not (ratings > 0).all():
        positive = ratings > 0
        if not positive.any():
            raise InputError(f"{train_file} must hold at least one rating above 0. Received: none")
    # Dropped rows count for the sizes, as they do in the authors' code.
    num_users = 1 + int(max(train_users.max(), test_users.max(), cold_users.max(initial=0)))
    num_items = 1 + int(
        max(train_items.max(), test_items.max(), negatives.max(initial=0), cold_items.max(initial=0))
    )
    train_users, train_items = train_users[positive], train_items[positive]
    users, items = any_ids(users_file, "user_id", num_users), any_ids(items_file, "item_id", num_items)
    require_active(users_file, users.states, train_users, test_users)
    require_active(items_file, items.states, train_items, test_items)
    _require_not_forgotten(paths[COLD], cold_users, users.states)
    encodings = read_encodings(paths[FEATURES])
    is_validation = _marks_of(paths[VALIDATION], train_file, train_users, train_items)
    return Dataset.from_pairs(
        train_users,
        train_items,
        test_users,
        test_items,
        negatives,
        name=name,
        # Ids without any interaction left are counted by the files of ids alone.
        num_users=num_users if users.states is None else len(users.states),
        num_items=num_items if items.states is None else len(items.states),
        user_ids=users.ids,
        item_ids=items.ids,
        item_titles=items.titles,
        user_states=users.states,
        item_states=items.states,
        train_timestamps=None if timestamps is None else timestamps[positive],
        cold_users=cold_users,
        cold_items=cold_items,
        train_is_validation=is_validation,
        user_features=read_columns(users_file, users.columns, encodings, paths[FEATURES]),
        item_features=read_columns(items_file, items.columns, encodings, paths[FEATURES]),
    )


def read_pairs(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the users and items, int64, a row a line of a file of ratings that may be empty or missing."""
    if not has_lines(file):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    users, items, *_ = read_ratings(file)
    return users, items


def has_lines(file: Path) -> bool:
    """Return whether a file is there and not empty."""
    if kind_of(file) is None:
        return False
    with open_input(file) as stream:
        return os.fstat(stream.fileno()).st_size > 0


def _require_not_forgotten(file: Path, users: np.ndarray, states: np.ndarray | None) -> None:
    wrong = np.flatnonzero([] if states is None else states[users] == FORGOTTEN)
    if wrong.size:
        raise InputError(
            f"{file}, line {wrong[0] + 1} must be of a user who is not forgotten. Received: {users[wrong[0]]}"
        )


def _marks_of(
    file: Path, train_file: Path, train_users: np.ndarray, train_items: np.ndarray
) -> np.ndarray | None:
    """Return which train interactions are lines of the file of validation, None if it has none."""
    users, items = read_pairs(file)
    if not users.size:
        return None
    num_items = 1 + int(max(items.max(), train_items.max()))
    marked, train = (pair_numbers(*pairs, num_items) for pairs in ((users, items), (train_users, train_items)))
    wrong = np.flatnonzero(~np.isin(marked, train))
    if wrong.size:
        line = wrong[0]
        raise InputError(
            f"{file}, line {line + 1} must be of an interaction of {train_file}. "
            f"Received: user {users[line]}, item {items[line]}"
        )
    is_validation = np.isin(train, marked)
    if is_validation.all():
        raise InputError(
            f"{file} must leave an interaction of {train_file} to learn from. Received: all of them"
        )
    return is_validation


def read_ratings(
    file: Path, exact_times: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return users int64, items int64, ratings and timestamps float64, a row a line of `file`.

    The timestamps are None where a line has none, or one that is no number: nothing but the choice of the
    validation pairs depends on them. With `exact_times` whole ones stay int64 or uint64, unrounded.
    """
    times = {} if exact_times else {3: np.float64}
    # A dtype for the indices would take 1.0 and 1e3 for whole numbers.
    with open_input(file) as stream:
        _require_sane(file, stream)
        frame = _parse(file, stream, usecols=[0, 1, 2, 3], dtype={2: np.float64, **times})
        if frame is None:
            frame = _parse(file, stream, usecols=[0, 1, 2], dtype={2: np.float64})
    if frame is None or not all(map(_all_indices, (frame[0], frame[1]))) or frame[2].isna().any():
        raise _first_bad_line(file, _rating_line_problem)
    has_timestamps = 3 in frame and frame[3].dtype.kind in "iuf" and not frame[3].isna().any()
    timestamps = frame[3].to_numpy() if has_timestamps else None
    return frame[0].to_numpy(), frame[1].to_numpy(), frame[2].to_numpy(), timestamps


def _read_negatives(file: Path, test_file: Path, test_users: np.ndarray, test_items: np.ndarray) -> np.ndarray:
    """Return the negatives, int64, shape (lines, negatives), of the pairs of `test_file`, which they name."""
    with open_input(file) as stream:
        lines, tabs = _shape(stream)
        columns = tabs // max(lines, 1) + 1
        if columns > MOST_NEGATIVES + 1:
            raise InputError(
                f"{file} must have at most {MOST_NEGATIVES:,} negatives a line. Received: {columns - 1:,}"
            )
        require_memory(tabs * BYTES_OF_NEGATIVE + lines * BYTES_OF_LIST, str(file))
        # Short lines would be filled up to the length of the first.
        is_table = _first_line(stream.readline()).count(b"\t") * lines == tabs
        frame = _parse(file, stream, dtype={0: str}) if is_table else None
    if frame is None:
        raise _first_bad_line(file, _negative_line_problem)
    pairs = frame[0].str.extract(r"^\((\d{1,10}),(\d{1,10})\)$")
    negatives = frame.iloc[:, 1:]
    if pairs.isna().any(axis=None) or negatives.shape[1] == 0 or not _all_indices(negatives):
        raise _first_bad_line(file, _negative_line_problem)
    if len(negatives) != len(test_users):
        raise InputError(
            f"{file} must have one line for each line of {test_file}. "
            f"Received: {len(negatives)} and {len(test_users)} lines"
        )
    named_users, named_items = pairs.to_numpy().astype(np.int64).T
    differs = np.flatnonzero((named_users != test_users) | (named_items != test_items))
    if differs.size:
        line = differs[0]
        raise InputError(
            f"{file}, line {line + 1} must begin with the pair of the same line of {test_file}, "
            f"({test_users[line]},{test_items[line]}). Received: ({named_users[line]},{named_items[line]})"
        )
    return negatives.to_numpy()


def _require_sane(file: Path, stream: BinaryIO) -> None:
    """Raise InputError if the beginning of a file of ratings tells of too many columns or lines."""
    block = stream.read(READ_AHEAD)
    first, size = _first_line(block), os.fstat(stream.fileno()).st_size
    if first.count(b"\t") >= MOST_RATING_COLUMNS or (first == block and size > READ_AHEAD):
        raise InputError(f"{file}, line 1 must be {RATING_LINE}. Received: a line that is far longer")
    lines = count_lines(block) * size // max(len(block), 1)
    require_memory(int(lines * RATING_COST.row + size * RATING_COST.byte), str(file))


def _first_line(text: bytes) -> bytes:
    return text.partition(b"\n")[0].partition(b"\r")[0]


def _shape(stream: BinaryIO) -> tuple[int, int]:
    """Return the number of lines and tabs of a file, and go back to its beginning."""
    lines, tabs, block = 0, 0, b"\n"
    while following := stream.read(BLOCK):
        block = following
        lines += count_lines(block)
        tabs += int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\t")))
    stream.seek(0)
    return lines + (block[-1:] not in b"\r\n"), tabs


def _parse(file: Path, stream: BinaryIO, **options: Any) -> pd.DataFrame | None:
    """Return the table in `file`, opened as `stream`, or None if it is not one of the expected shape.

    pandas' own complaint does not name our rules, so a failed parse is followed by a slow read that does.
    """
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("error", pd.errors.DtypeWarning)
            return pd.read_csv(
                stream, sep="\t", header=None, engine="c", quoting=3, skip_blank_lines=False, na_values=[""],
                keep_default_na=False, index_col=False, encoding_errors="replace", **options,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise InputError(f"{file} must hold at least one line. Received: an empty file") from None
    except (ValueError, OverflowError, pd.errors.ParserWarning, pd.errors.DtypeWarning) as error:
        raise_if_out_of_memory(error)
        return None
    except OSError as error:
        raise unreadable(file, error) from None


def _all_indices(table: pd.DataFrame | pd.Series) -> bool:
    values = table.to_numpy()
    return values.dtype == np.int64 and bool(values.min() >= 0 and values.max() < INDEX_LIMIT)


def _first_bad_line(file: Path, problem: Callable[[list[str], int], str | None]) -> InputError:
    width = 0
    try:
        with open_text(file, may_be_packed=False) as lines:
            lines.reconfigure(encoding="utf-8", errors="replace", newline="\n")
            for number, line in enumerate(lines, 1):
                fields = line.rstrip("\r\n").split("\t", MOST_NEGATIVES + 1)
                width = width or len(fields)
                wrong = problem(fields, width)
                if wrong:
                    return InputError(f"{file}, line {number} must {wrong}")
    except READ_ERRORS as error:
        return unreadable(file, error)
    return InputError(f"{file} must be a table of tab-separated columns. Received: something pandas can't read")


def _rating_line_problem(fields: list[str], _width: int) -> str | None:
    if len(fields) < 3:
        return f"be {RATING_LINE}. Received: {len(fields)} columns"
    for column, text in zip(("a user", "an item"), fields, strict=False):
        if not _is_index(text):
            return f"have {column} between 0 and {INDEX_LIMIT - 1}. Received: {text[:LONGEST_SHOWN]!r}"
    # Python's numbers include 1_000 and other scripts' digits; the parser's don't.
    number = number_in(fields[2]) if fields[2].isascii() and "_" not in fields[2] else None
    if number is None or np.isnan(number):
        return f"have a number for the rating. Received: {fields[2][:LONGEST_SHOWN]!r}"
    return None


def _negative_line_problem(fields: list[str], width: int) -> str | None:
    pair = fields[0]
    inner = pair[1:-1].split(",")
    if not (pair.startswith("(") and pair.endswith(")") and len(inner) == 2 and all(map(_is_index, inner))):
        return f"begin with `(user,item)`. Received: {pair[:LONGEST_SHOWN]!r}"
    if len(fields) < 2:
        return "have at least one negative. Received: none"
    for text in fields[1:]:
        if not _is_index(text):
            return f"have negatives between 0 and {INDEX_LIMIT - 1}. Received: {text[:LONGEST_SHOWN]!r}"
    if len(fields) != width:
        return f"have as many negatives as the first line, {width - 1}. Received: {len(fields) - 1}"
    return None


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:20]) < INDEX_LIMIT
