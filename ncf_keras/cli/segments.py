"""The flags of segments, and the ways to divide users and items that they name."""

import argparse
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.paths import InputFile

if TYPE_CHECKING:
    from ncf_keras.cli.protocols import Protocol
    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import Segmentation

FEATURE_FLAGS = ("--item_features", "--user_features")


def add_segment_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--segments`, `--item_features` and `--user_features`."""
    parts = "print the metrics by popularity of the test item and by length of the user's history, too"
    parser.add_argument("--segments", action="store_true", help=parts)
    for flag, side in zip(FEATURE_FLAGS, ("item", "user"), strict=True):
        features = (
            f"features of {side}s, for metrics by each: a .csv file with a header, ids in its first column, "
            "categories between | (default: those of the dataset)"
        )
        parser.add_argument(flag, type=InputFile, metavar="FILE", help=features)


def require_use_of_features(flags: argparse.Namespace) -> None:
    """Raise InputError if features are given that nothing is divided by."""
    for flag in FEATURE_FLAGS:
        if getattr(flags, flag[2:]) is not None and not (flags.segments or flags.report):
            raise InputError(f"`{flag}` must come with `--segments` or `--report`. Received: it alone")


def segmentations_of(flags: argparse.Namespace, dataset: "Dataset") -> "list[Segmentation]":
    """Return the columns of the files that the flags name, as ways to divide items and users.

    Where no file is named, and segments are asked for, the dataset's own columns serve.

    Raises:
        InputError: a file breaks the format.
    """
    from ncf_keras.data.feature_tables import read_features
    from ncf_keras.evaluation import Segmentation

    found = []
    is_asked = flags.segments or flags.report
    for file, side, ids, count, own in (
        (flags.item_features, "item", dataset.item_ids, dataset.num_items, dataset.item_features),
        (flags.user_features, "user", dataset.user_ids, dataset.num_users, dataset.user_features),
    ):
        columns_of_dataset = own.groups() if own is not None and is_asked else {}
        features = columns_of_dataset if file is None else read_features(file, ids, count)
        for feature in features.values():
            columns = (feature.categories, feature.offsets, feature.codes)
            found.append(Segmentation(feature.name, side, *columns).with_others())
    return found


def built_in_segmentations(protocol: "Protocol") -> "list[Segmentation]":
    """Return what every dataset can be divided by: the popularity of items and the history of users."""
    import numpy as np

    from ncf_keras.evaluation import history_thirds, popularity_thirds

    dataset = protocol.dataset
    histories = np.diff(dataset.train_offsets)
    by_history = history_thirds(histories, protocol.test_users)
    # Cold items are all alike unpopular.
    return [by_history] if protocol.cold is not None else [popularity_thirds(dataset.item_counts), by_history]
