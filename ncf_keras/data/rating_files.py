"""The authors' three files in, a Dataset out.

`<path><dataset>.train.rating`   user TAB item TAB rating [TAB timestamp], a line an interaction
`<path><dataset>.test.rating`    the same, a line a test user
`<path><dataset>.test.negative`  (user,item) TAB negative TAB negative …, a line for each line of test.rating

There is no header. Where there is no `.train.rating`, `<path><dataset>.train.parquet` (`train_parquet.py`) is
read. Source: the authors' `Dataset.py` and the section "Dataset" of their README.
Beside them may lie `<dataset>.users.csv` and `<dataset>.items.csv`, the raw ids and titles (`id_files.py`).
"""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import INDEX_LIMIT, Dataset
from ncf_keras.data.id_files import read_ids
from ncf_keras.data.known_datasets import download_hint
from ncf_keras.data.train_parquet import read_train_parquet


def read_dataset(path: str | os.PathLike, name: str) -> Dataset:
    """Read `<path><name>.train.rating`, `.test.rating` and `.test.negative`.

    As in the authors' code, `path` and `name` are joined as they are, so a directory ends in a slash; a
    directory without one is understood too. A train rating above 0 is a positive, others are dropped;
    repeated pairs collapse. Users and items are counted as highest index + 1 over all three files. Raw ids and
    titles come from `<path><name>.users.csv` and `.items.csv` where these exist.

    Args:
        path: what stands before the name, such as `Data/`.
        name: the dataset, such as `ml-1m`.

    Raises:
        InputError: a file is missing, empty or breaks the format; it names the file and line.
    """
    prefix = _prefix(path, name)
    train_file, test_file, negative_file = (
        Path(prefix + suffix) for suffix in (".train.rating", ".test.rating", ".test.negative")
    )
    parquet = Path(prefix + ".train.parquet")
    if not train_file.exists() and parquet.is_file():
        train_file = parquet
    for file in (train_file, test_file, negative_file):
        if not file.is_file():
            raise InputError(
                f"--path and --dataset must name {prefix}.train.rating, .test.rating and .test.negative. "
                f"Received: no file {file}{download_hint(name)}"
            )
    if train_file == parquet:
        (train_users, train_items), ratings, timestamps = read_train_parquet(parquet), None, None
    else:
        train_users, train_items, ratings, timestamps = _read_ratings(train_file)
    test_users, test_items, *_ = _read_ratings(test_file)
    named_users, named_items, negatives = _read_negatives(negative_file)
    if len(negatives) != len(test_users):
        raise InputError(
            f"{negative_file} must have one line for each line of {test_file}. "
            f"Received: {len(negatives)} and {len(test_users)} lines"
        )
    differs = np.flatnonzero((named_users != test_users) | (named_items != test_items))
    if differs.size:
        line = differs[0]
        raise InputError(
            f"{negative_file}, line {line + 1} must begin with the pair of the same line of {test_file}, "
            f"({test_users[line]},{test_items[line]}). Received: ({named_users[line]},{named_items[line]})"
        )
    if ratings is not None and not (ratings > 0).any():
        raise InputError(f"{train_file} must hold at least one rating above 0. Received: none")
    positive = slice(None) if ratings is None else ratings > 0
    # Dropped rows count for the sizes, as they do in the authors' code.
    num_users = 1 + int(max(train_users.max(), test_users.max()))
    num_items = 1 + int(max(train_items.max(), test_items.max(), negatives.max(initial=0)))
    users_file, items_file = Path(prefix + ".users.csv"), Path(prefix + ".items.csv")
    user_ids, _ = read_ids(users_file, "user_id", num_users) if users_file.is_file() else (None, None)
    item_ids, titles = read_ids(items_file, "item_id", num_items) if items_file.is_file() else (None, None)
    return Dataset.from_pairs(
        train_users[positive],
        train_items[positive],
        test_users,
        test_items,
        negatives,
        name=name,
        num_users=num_users,
        num_items=num_items,
        user_ids=user_ids,
        item_ids=item_ids,
        item_titles=titles,
        train_timestamps=None if timestamps is None else timestamps[positive],
    )


def _prefix(path: str | os.PathLike, name: str) -> str:
    prefix = os.fspath(path)
    if prefix and not prefix.endswith("/") and Path(prefix).is_dir():
        prefix += "/"
    return prefix + name


def _read_ratings(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return users int64, items int64, ratings and timestamps float64, a row a line of `file`.

    The timestamps are None where a line has none, or one that is no number: nothing but the choice of the
    validation pairs depends on them.
    """
    # A dtype for the indices would take 1.0 and 1e3 for whole numbers.
    frame = _parse(file, usecols=[0, 1, 2, 3], dtype={2: np.float64, 3: np.float64})
    if frame is None:
        frame = _parse(file, usecols=[0, 1, 2], dtype={2: np.float64})
    if frame is None or not _all_indices(frame[[0, 1]]) or frame[2].isna().any():
        raise _first_bad_line(file, _rating_line_problem)
    has_timestamps = 3 in frame and not frame[3].isna().any()
    timestamps = frame[3].to_numpy() if has_timestamps else None
    return frame[0].to_numpy(), frame[1].to_numpy(), frame[2].to_numpy(), timestamps


def _read_negatives(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the named users int64, named items int64, shape (lines,), and negatives, shape (lines, n)."""
    frame = _parse(file, dtype={0: str})
    if frame is None:
        raise _first_bad_line(file, _negative_line_problem)
    pairs = frame[0].str.extract(r"^\((\d{1,10}),(\d{1,10})\)$")
    negatives = frame.iloc[:, 1:]
    if pairs.isna().any(axis=None) or negatives.shape[1] == 0 or not _all_indices(negatives):
        raise _first_bad_line(file, _negative_line_problem)
    named = pairs.to_numpy().astype(np.int64)
    return named[:, 0], named[:, 1], negatives.to_numpy()


def _parse(file: Path, **options: object) -> pd.DataFrame | None:
    """Return the table in `file`, or None if it is not one of the expected shape.

    pandas' own complaint does not name our rules, so a failed parse is followed by a slow read that does.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("error", pd.errors.DtypeWarning)
            return pd.read_csv(
                file, sep="\t", header=None, engine="c", quoting=3, skip_blank_lines=False, na_values=[""],
                keep_default_na=False, index_col=False, encoding_errors="replace", **options,
            )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise InputError(f"{file} must hold at least one line. Received: an empty file") from None
    except (ValueError, OverflowError, pd.errors.ParserWarning, pd.errors.DtypeWarning):
        return None
    except OSError as error:
        raise InputError(f"{file} must be a file that can be read. Received: {error.strerror}") from None


def _all_indices(table: pd.DataFrame) -> bool:
    if not all(kind == np.int64 for kind in table.dtypes):
        return False
    values = table.to_numpy()
    return bool(values.min() >= 0 and values.max() < INDEX_LIMIT)


def _first_bad_line(file: Path, problem: Callable[[list[str], int], str | None]) -> InputError:
    width = None
    with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            fields = line.rstrip("\r\n").split("\t")
            width = width or len(fields)
            wrong = problem(fields, width)
            if wrong:
                return InputError(f"{file}, line {number} must {wrong}")
    return InputError(f"{file} must be a table of tab-separated columns. Received: something pandas can't read")


def _rating_line_problem(fields: list[str], _width: int) -> str | None:
    if len(fields) < 3:
        return f"be `user TAB item TAB rating [TAB timestamp]`. Received: {len(fields)} columns"
    for column, text in zip(("a user", "an item"), fields, strict=False):
        if not _is_index(text):
            return f"have {column} between 0 and {INDEX_LIMIT - 1}. Received: {text[:40]!r}"
    if not _is_number(fields[2]):
        return f"have a number for the rating. Received: {fields[2][:40]!r}"
    return None


def _negative_line_problem(fields: list[str], width: int) -> str | None:
    pair = fields[0]
    inner = pair[1:-1].split(",")
    if not (pair.startswith("(") and pair.endswith(")") and len(inner) == 2 and all(map(_is_index, inner))):
        return f"begin with `(user,item)`. Received: {pair[:40]!r}"
    if len(fields) < 2:
        return "have at least one negative. Received: none"
    for text in fields[1:]:
        if not _is_index(text):
            return f"have negatives between 0 and {INDEX_LIMIT - 1}. Received: {text[:40]!r}"
    if len(fields) != width:
        return f"have as many negatives as the first line, {width - 1}. Received: {len(fields) - 1}"
    return None


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:20]) < INDEX_LIMIT


def _is_number(text: str) -> bool:
    # Python's numbers include 1_000 and other scripts' digits; the parser's don't.
    try:
        return text.isascii() and "_" not in text and not np.isnan(float(text))
    except ValueError:
        return False
