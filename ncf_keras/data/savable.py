"""What a Dataset may hold that its files could not: it is refused, so that nothing is lost unseen."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.dataset import Dataset, pair_numbers
from ncf_keras.data.dataset_files import MOST_NEGATIVES, prepared_paths
from ncf_keras.data.feature_tables import require_usable_names


def saving_prefix(path: str | os.PathLike[str], name: str) -> Path:
    """Return what the names of the files of a dataset begin with, in a directory that is made if it is missing.

    Raises:
        InputError: it can't be written to, or `name` is not the name of a file in it, or is taken.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"`path` must be a directory, such as 'Data/'. Received: {path!r}")
    if (
        not isinstance(name, str)
        or not name
        or name != Path(name).name
        or kind_of(Path(path) / name) == "a directory"
    ):
        raise InputError(
            f"`name` must be the name of a dataset in the directory `path`, such as clicks. Received: {name!r}"
        )
    if name == "sample":
        raise InputError("`name` must be another than that of the built-in data. Received: 'sample'")
    return writable_directory(path, "path") / name


def require_savable(dataset: Dataset, prefix: Path) -> None:
    """Raise InputError if the files `prefix`… would not give back what `dataset` holds."""
    _require_pairs(dataset)
    users = (dataset.train_users, dataset.test_users, dataset.cold_users)
    items = (dataset.train_items, dataset.test_items, dataset.test_negatives, dataset.cold_items)
    used_users, used_items = max(map(_highest, users)), max(map(_highest, items))
    for argument, count, used, ids, states in (
        ("users", dataset.num_users, used_users, dataset.user_ids, dataset.user_states),
        ("items", dataset.num_items, used_items, dataset.item_ids, dataset.item_states),
    ):
        if states is not None and ids is None:
            raise InputError(
                f"`{argument[:-1]}_states` must come with `{argument[:-1]}_ids` to be saved. Received: no ids"
            )
        if states is None and count != used + 1:
            raise InputError(
                f"`num_{argument}` must be {used + 1}, one more than the highest index of the interactions and "
                f"negatives, to be saved: the files count {argument} so. Received: {count}"
            )
    for argument in ("user_ids", "item_ids", "item_titles"):
        texts = getattr(dataset, argument)
        if texts is not None:
            _require_texts(texts, argument)
    _require_features(dataset)
    _require_latest(dataset)
    for file in prepared_paths(prefix).values():
        kind = kind_of(file)
        if kind not in (None, "a file"):
            raise InputError(f"{file} must be a file that can be written and read. Received: {kind}")
    has_items = dataset.item_ids is not None or dataset.item_titles is not None
    for suffix, is_written in ((".users.csv", dataset.user_ids is not None), (".items.csv", has_items)):
        file = prepared_paths(prefix)[suffix]
        if not is_written and kind_of(file) is not None:
            raise InputError(
                f"`name` must be one without a file {file}, which would be taken for this dataset's: remove it "
                f"or take another name. Received: {prefix.name!r}"
            )


def _require_pairs(dataset: Dataset) -> None:
    negatives = dataset.test_negatives.shape[1]
    if not dataset.num_test or not 0 < negatives <= MOST_NEGATIVES:
        raise InputError(
            f"A dataset must have test pairs, each with 1 to {MOST_NEGATIVES:,} negatives, to be saved. "
            f"Received: {dataset.num_test:,} with {negatives:,} each"
        )
    offsets = dataset.train_offsets
    in_order = offsets[0] == 0 and offsets[-1] == dataset.num_train and (np.diff(offsets) >= 0).all()
    keys = pair_numbers(dataset.train_users, dataset.train_items, dataset.num_items) if in_order else offsets
    if not in_order or (np.diff(keys) <= 0).any():
        raise InputError(
            "`train_items` must be ascending within each user, as `Dataset.from_pairs` has them, to be saved. "
            "Received: others"
        )


def _require_texts(texts: Iterable[object], argument: str) -> None:
    longest = csv.field_size_limit()
    for text in texts:
        if not isinstance(text, str) or "\0" in text or len(text) > longest or not _is_unicode(text):
            raise InputError(
                f"`{argument}` must be texts in UTF-8 of at most {longest:,} characters, no NUL, to be saved. "
                f"Received: {str(text)[:LONGEST_SHOWN]!r}, a {type(text).__name__}"
            )


def _require_features(dataset: Dataset) -> None:
    for argument, features, ids in (
        ("user_features", dataset.user_features, dataset.user_ids),
        ("item_features", dataset.item_features, dataset.item_ids),
    ):
        if features is None:
            continue
        if ids is None:
            ids_argument = argument.replace("features", "ids")
            raise InputError(f"`{argument}` must come with `{ids_argument}` to be saved. Received: no ids")
        require_usable_names(features, f"`{argument}`")
        _require_texts(features, argument)
        for name, column in features.items():
            if len(column.cells) != features.num_rows:
                raise InputError(f"`{argument}` must keep their texts to be saved. Received: {name} without")
            _require_texts(dict.fromkeys(column.cells), argument)


def _require_latest(dataset: Dataset) -> None:
    """Raise InputError if a user has interactions and none is the latest: read back, all of them would be."""
    if dataset.train_is_latest is None:
        return
    users = dataset.train_users
    has_latest = np.bincount(users[dataset.train_is_latest], minlength=dataset.num_users) > 0
    without = np.flatnonzero((np.diff(dataset.train_offsets) > 0) & ~has_latest)
    if without.size:
        raise InputError(
            "`train_is_latest` must be true for one or more of each user's interactions to be saved. "
            f"Received: none of user {without[0]}"
        )


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeError:
        return False
    return True


def _highest(indices: np.ndarray | None) -> int:
    return -1 if indices is None else int(indices.max(initial=-1))
